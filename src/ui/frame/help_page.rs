//! The pages of the help.

/// Which of its pages is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HelpPage {
    /// The list of keys.
    Shortcuts,
    /// The guide.
    Guide,
}

impl HelpPage {
    /// What the dialog is called while this page is shown.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Shortcuts => "Keyboard shortcuts",
            Self::Guide => "Operator’s guide",
        }
    }
}
