//! The pages of the help dialog.

/// A page of the help dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HelpPage {
    /// The list of keyboard shortcuts.
    Shortcuts,
    /// The guide to the window.
    Guide,
}

impl HelpPage {
    /// The dialog's title while this page is shown.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Shortcuts => "Keyboard shortcuts",
            Self::Guide => "Operator’s guide",
        }
    }
}
