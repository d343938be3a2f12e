//! Every command of the window in one list: its name, shortcut and icon. `input::availability` decides whether a command can
//! run. Menus, keys, the palette and the dialog `Keyboard shortcuts` are built from this list.

use std::borrow::Cow;

use egui::{Key, KeyboardShortcut, Modifiers};

use crate::activity::StatusFilter;
use crate::settings::Theme;
use crate::ui::widgets::icons::{self, Icon};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UiCommand {
    /// Move the focus to the filter field.
    Filter,
    /// Clear all filters.
    ShowEverything,
    /// Show only the rows of a status filter.
    Show(StatusFilter),
    /// Open the details of the row at the keyboard cursor.
    Details,
    /// Save the row's data.
    Download,
    /// Save all ready data into one folder.
    DownloadAll,
    /// Request the row's data again.
    RequestAgain,
    /// Check the row's status on the server.
    CheckStatus,
    /// Edit the row's label.
    EditLabel,
    /// Show the masked secrets in the details.
    ShowSecrets,
    /// Mask the secrets again.
    HideSecrets,
    /// Copy the selected rows as the table shows them.
    CopyRows,
    /// Copy the selected rows as tab-separated cells with a header.
    CopyTsv,
    /// Copy the selected rows as JSON, one object per line.
    CopyJson,
    /// Select every row.
    SelectAll,
    /// Export entries of the journal to a file.
    Export,
    /// Freeze the view, or continue.
    Pause,
    /// Scroll to the newest rows and follow them.
    Follow,
    /// Show a profile's tab, counted from 0.
    Profile(usize),
    /// Open the form for a new profile.
    AddProfile,
    /// Connect the active profile.
    Connect,
    /// Leave the channel of the active profile, and stay offline.
    Disconnect,
    /// Retry without waiting for the next attempt.
    RetryNow,
    /// Request a new token.
    RenewToken,
    /// Delete the profile's token.
    SignOut,
    /// Delete the profile's history from the journal.
    ClearHistory,
    /// Remove the profile from the settings.
    RemoveProfile,
    /// Use the light, the dark or the system's theme.
    Theme(Theme),
    /// Choose the columns and the time format.
    Columns,
    /// Show or hide Insight.
    Insight,
    /// Save the filter with its columns and its sort order.
    SaveFilter,
    RequestData,
    /// Set what happens with ready data.
    DataSettings,
    /// Track commands by their ids.
    Track,
    /// Show which outcomes may be missing.
    Completeness,
    /// Increase the zoom.
    Larger,
    /// Decrease the zoom.
    Smaller,
    /// Reset the zoom.
    ActualSize,
    /// Open the settings of the program.
    Settings,
    /// Open the palette, which finds commands by their names.
    Palette,
    /// Show the keyboard shortcuts.
    Shortcuts,
    /// Show the guide to this window.
    Guide,
    /// Show the version and the licences.
    About,
}

/// What the operator sees of a command.
struct Parts {
    words: Cow<'static, str>,
    icon: Icon,
    key: Option<KeyboardShortcut>,
}

fn parts(words: impl Into<Cow<'static, str>>, icon: Icon, key: Option<KeyboardShortcut>) -> Parts {
    Parts { words: words.into(), icon, key }
}

impl UiCommand {
    /// All commands, in the order of the palette and of the dialog that lists the shortcuts.
    pub(crate) const ALL: [Self; 58] = [
        Self::Palette,
        Self::Filter,
        Self::ShowEverything,
        Self::Details,
        Self::Download,
        Self::DownloadAll,
        Self::RequestAgain,
        Self::CheckStatus,
        Self::EditLabel,
        Self::ShowSecrets,
        Self::HideSecrets,
        Self::SelectAll,
        Self::CopyRows,
        Self::CopyTsv,
        Self::CopyJson,
        Self::Export,
        Self::Columns,
        Self::SaveFilter,
        Self::Insight,
        Self::Pause,
        Self::Follow,
        Self::Show(StatusFilter::All),
        Self::Show(StatusFilter::Pending),
        Self::Show(StatusFilter::Succeeded),
        Self::Show(StatusFilter::Failed),
        Self::Show(StatusFilter::Ready),
        Self::Show(StatusFilter::Other),
        Self::Profile(0),
        Self::Profile(1),
        Self::Profile(2),
        Self::Profile(3),
        Self::Profile(4),
        Self::Profile(5),
        Self::Profile(6),
        Self::Profile(7),
        Self::Profile(8),
        Self::AddProfile,
        Self::RequestData,
        Self::DataSettings,
        Self::Track,
        Self::Completeness,
        Self::Connect,
        Self::Disconnect,
        Self::RetryNow,
        Self::RenewToken,
        Self::SignOut,
        Self::ClearHistory,
        Self::RemoveProfile,
        Self::Theme(Theme::System),
        Self::Theme(Theme::Light),
        Self::Theme(Theme::Dark),
        Self::Larger,
        Self::Smaller,
        Self::ActualSize,
        Self::Settings,
        Self::Shortcuts,
        Self::Guide,
        Self::About,
    ];

    /// The commands with a shortcut.
    pub(crate) fn with_keys() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|command| command.key().is_some())
    }

    /// The name in menus and in the palette.
    pub(crate) fn words(self) -> String {
        self.parts().words.into_owned()
    }

    /// The icon in menus.
    pub(crate) fn icon(self) -> Icon {
        self.parts().icon
    }

    /// The shortcut.
    pub(crate) fn key(self) -> Option<KeyboardShortcut> {
        self.parts().key
    }

    fn parts(self) -> Parts {
        const DIGITS: [Key; 9] =
            [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
        let digit = |number: usize| DIGITS.get(number).copied();
        let plain = |key| Some(KeyboardShortcut::new(Modifiers::NONE, key));
        let command = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND, key));
        match self {
            Self::Filter => parts("Filter", icons::SEARCH, command(Key::F)),
            Self::ShowEverything => parts("Show everything", icons::SEARCH, None),
            Self::Show(status_filter) => {
                let words = match status_filter {
                    StatusFilter::All => "Show all",
                    StatusFilter::Pending => "Show pending",
                    StatusFilter::Succeeded => "Show succeeded",
                    StatusFilter::Failed => "Show failed",
                    StatusFilter::Ready => "Show data ready",
                    StatusFilter::Other => "Show other",
                };
                let number = StatusFilter::ORDER.iter().position(|other| *other == status_filter);
                parts(words, icons::SEARCH, number.and_then(digit).and_then(plain))
            }
            Self::Details => parts("Open details", icons::ARTICLE, plain(Key::Enter)),
            Self::Download => parts("Download", icons::DOWNLOAD, plain(Key::D)),
            Self::DownloadAll => parts("Download all ready…", icons::DOWNLOAD, None),
            Self::RequestAgain => parts("Request again", icons::REQUEST, None),
            Self::CheckStatus => parts("Check status", icons::CHECK_STATUS, plain(Key::S)),
            Self::EditLabel => parts("Edit label", icons::LABEL, plain(Key::L)),
            Self::ShowSecrets => parts("Show secrets", icons::EYE, None),
            Self::HideSecrets => parts("Hide secrets", icons::EYE_OFF, None),
            Self::CopyRows => parts("Copy rows", icons::COPY, command(Key::C)),
            Self::CopyTsv => parts("Copy rows as tab-separated cells", icons::COPY, None),
            Self::CopyJson => parts("Copy rows as JSON", icons::COPY, None),
            Self::SelectAll => parts("Select all rows", icons::SELECT_ALL, command(Key::A)),
            Self::Export => parts("Export…", icons::EXPORT, command(Key::E)),
            Self::Pause => parts("Pause or resume", icons::PAUSE, plain(Key::Space)),
            Self::Follow => parts("Follow newest", icons::FOLLOW, plain(Key::F)),
            Self::Profile(number) => {
                parts(format!("Profile {}", number + 1), icons::PROFILE, digit(number).and_then(command))
            }
            Self::AddProfile => parts("Add profile", icons::ADD, command(Key::N)),
            Self::Connect => parts("Connect", icons::CONNECT, None),
            Self::Disconnect => parts("Disconnect", icons::CLOUD_OFF, None),
            Self::RetryNow => parts("Retry now", icons::RETRY, None),
            Self::RenewToken => parts("Renew token", icons::RENEW, None),
            Self::SignOut => parts("Sign out", icons::SIGN_OUT, None),
            Self::ClearHistory => parts("Forget this profile…", icons::CLEAR_HISTORY, None),
            Self::RemoveProfile => parts("Remove profile…", icons::CLOSE, None),
            Self::Theme(Theme::System) => parts("Theme of the system", icons::THEME_SYSTEM, None),
            Self::Theme(Theme::Light) => parts("Light theme", icons::THEME_LIGHT, None),
            Self::Theme(Theme::Dark) => parts("Dark theme", icons::THEME_DARK, None),
            Self::Columns => parts("Columns", icons::COLUMNS, None),
            Self::Insight => parts("Insight", icons::INSIGHT, plain(Key::I)),
            Self::SaveFilter => parts("Save filter…", icons::SAVED, None),
            Self::RequestData => parts("Request data…", icons::REQUEST, command(Key::R)),
            Self::DataSettings => parts("Ready data settings…", icons::FOLDER, None),
            Self::Track => parts("Track commands…", icons::TRACK, command(Key::T)),
            Self::Completeness => parts("Completeness", icons::COMPLETENESS, None),
            Self::Larger => parts("Larger", icons::LARGER, command(Key::Plus)),
            Self::Smaller => parts("Smaller", icons::SMALLER, command(Key::Minus)),
            Self::ActualSize => parts("Actual size", icons::ACTUAL_SIZE, command(Key::Num0)),
            Self::Settings => parts("Settings", icons::SETTINGS, command(Key::Comma)),
            Self::Palette => parts("Command palette", icons::SEARCH, command(Key::K)),
            Self::Shortcuts => parts("Keyboard shortcuts", icons::KEYBOARD, plain(Key::F1)),
            Self::Guide => parts("Operator’s guide", icons::ARTICLE, None),
            Self::About => parts("About Privicore Monitor", icons::INFO, None),
        }
    }

    /// Whether the shortcut is a single key that types a character: it works only while no text field has the focus.
    pub(crate) fn types(self) -> bool {
        self.key().is_some_and(|key| key.modifiers == Modifiers::NONE && key.logical_key != Key::F1)
    }

    /// Whether the key also activates a focused widget: it works only if nothing or the table has the focus.
    pub(crate) fn presses(self) -> bool {
        matches!(self, Self::Details | Self::Pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_listed_once_with_a_unique_name() {
        let words: std::collections::BTreeSet<_> = UiCommand::ALL.iter().map(|command| command.words()).collect();
        assert_eq!(words.len(), UiCommand::ALL.len());
        // A test of the architecture finds a variant that is not listed.
        let shown: Vec<_> =
            UiCommand::ALL.into_iter().filter(|command| matches!(command, UiCommand::Show(_))).collect();
        assert_eq!(shown, StatusFilter::ORDER.map(UiCommand::Show));
    }

    #[test]
    fn no_two_commands_share_a_key() {
        let keys: Vec<_> =
            UiCommand::with_keys().filter_map(|command| Some((command.words(), command.key()?))).collect();
        for (index, (words, key)) in keys.iter().enumerate() {
            for (other, same) in keys.iter().skip(index + 1) {
                assert_ne!(key, same, "{words} and {other}");
            }
        }
    }
}
