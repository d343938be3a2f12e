//! Every command of the window in one list: its name, shortcut and icon. `input::availability` decides whether a command can
//! run. Menus, keys, the palette and the dialog `Keyboard shortcuts` are built from this list.

use egui::{Key, KeyboardShortcut, Modifiers};

use crate::activity::StatusFilter;
use crate::settings::Theme;
use crate::ui::widgets::icons::{self, Icon};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
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
    /// Connect the profile in front.
    Connect,
    /// Leave the channel of the profile in front, and stay offline.
    Disconnect,
    /// Retry without waiting for the next attempt.
    RetryNow,
    /// Request a new token.
    RenewToken,
    /// Delete the profile's token.
    SignOut,
    /// Delete the profile's history from the journal.
    ForgetActivity,
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

impl Command {
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
        Self::ForgetActivity,
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
        match self {
            Self::Filter => "Filter".into(),
            Self::ShowEverything => "Show everything".into(),
            Self::Show(status_filter) => match status_filter {
                StatusFilter::All => "Show all".into(),
                StatusFilter::Pending => "Show pending".into(),
                StatusFilter::Succeeded => "Show succeeded".into(),
                StatusFilter::Failed => "Show failed".into(),
                StatusFilter::Ready => "Show data ready".into(),
                StatusFilter::Other => "Show other".into(),
            },
            Self::Details => "Open details".into(),
            Self::Download => "Download".into(),
            Self::DownloadAll => "Download all ready…".into(),
            Self::RequestAgain => "Request again".into(),
            Self::CheckStatus => "Check status".into(),
            Self::EditLabel => "Edit label".into(),
            Self::ShowSecrets => "Show secrets".into(),
            Self::HideSecrets => "Hide secrets".into(),
            Self::CopyRows => "Copy rows".into(),
            Self::CopyTsv => "Copy rows as tab-separated cells".into(),
            Self::CopyJson => "Copy rows as JSON".into(),
            Self::SelectAll => "Select all rows".into(),
            Self::Export => "Export…".into(),
            Self::Pause => "Pause or resume".into(),
            Self::Follow => "Follow newest".into(),
            Self::Profile(number) => format!("Profile {}", number + 1),
            Self::AddProfile => "Add profile".into(),
            Self::Connect => "Connect".into(),
            Self::Disconnect => "Disconnect".into(),
            Self::RetryNow => "Retry now".into(),
            Self::RenewToken => "Renew token".into(),
            Self::SignOut => "Sign out".into(),
            Self::ForgetActivity => "Forget this profile…".into(),
            Self::RemoveProfile => "Remove profile…".into(),
            Self::Theme(Theme::System) => "Theme of the system".into(),
            Self::Theme(Theme::Light) => "Light theme".into(),
            Self::Theme(Theme::Dark) => "Dark theme".into(),
            Self::Columns => "Columns".into(),
            Self::Insight => "Insight".into(),
            Self::SaveFilter => "Save filter…".into(),
            Self::RequestData => "Request data…".into(),
            Self::DataSettings => "Ready data settings…".into(),
            Self::Track => "Track commands…".into(),
            Self::Completeness => "Completeness".into(),
            Self::Larger => "Larger".into(),
            Self::Smaller => "Smaller".into(),
            Self::ActualSize => "Actual size".into(),
            Self::Settings => "Settings".into(),
            Self::Palette => "Command palette".into(),
            Self::Shortcuts => "Keyboard shortcuts".into(),
            Self::Guide => "Operator’s guide".into(),
            Self::About => "About Privicore Monitor".into(),
        }
    }

    /// The icon in menus.
    pub(crate) fn icon(self) -> Icon {
        match self {
            Self::Palette | Self::Filter | Self::ShowEverything | Self::Show(_) => icons::SEARCH,
            Self::Details | Self::Guide => icons::ARTICLE,
            Self::Download | Self::DownloadAll => icons::DOWNLOAD,
            Self::CheckStatus => icons::CHECK_STATUS,
            Self::EditLabel => icons::LABEL,
            Self::ShowSecrets => icons::EYE,
            Self::HideSecrets => icons::EYE_OFF,
            Self::CopyRows | Self::CopyTsv | Self::CopyJson => icons::COPY,
            Self::SelectAll => icons::SELECT_ALL,
            Self::Export => icons::EXPORT,
            Self::Pause => icons::PAUSE,
            Self::Follow => icons::FOLLOW,
            Self::Profile(_) => icons::PROFILE,
            Self::AddProfile => icons::ADD,
            Self::Connect => icons::CONNECT,
            Self::Disconnect => icons::CLOUD_OFF,
            Self::RetryNow => icons::RETRY,
            Self::RenewToken => icons::RENEW,
            Self::SignOut => icons::SIGN_OUT,
            Self::ForgetActivity => icons::FORGET,
            Self::RemoveProfile => icons::CLOSE,
            Self::Theme(Theme::System) => icons::THEME_SYSTEM,
            Self::Theme(Theme::Light) => icons::THEME_LIGHT,
            Self::Theme(Theme::Dark) => icons::THEME_DARK,
            Self::Columns => icons::COLUMNS,
            Self::Insight => icons::INSIGHT,
            Self::SaveFilter => icons::SAVED,
            Self::RequestData | Self::RequestAgain => icons::REQUEST,
            Self::DataSettings => icons::FOLDER,
            Self::Track => icons::TRACK,
            Self::Completeness => icons::COMPLETENESS,
            Self::Larger => icons::LARGER,
            Self::Smaller => icons::SMALLER,
            Self::ActualSize => icons::ACTUAL_SIZE,
            Self::Settings => icons::SETTINGS,
            Self::Shortcuts => icons::KEYBOARD,
            Self::About => icons::INFO,
        }
    }

    /// The shortcut.
    pub(crate) fn key(self) -> Option<KeyboardShortcut> {
        const DIGITS: [Key; 9] =
            [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
        let plain = |key| Some(KeyboardShortcut::new(Modifiers::NONE, key));
        let command = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND, key));
        match self {
            Self::Palette => command(Key::K),
            Self::Filter => command(Key::F),
            Self::Show(status_filter) => {
                let number = StatusFilter::ORDER.iter().position(|other| *other == status_filter)?;
                plain(*DIGITS.get(number)?)
            }
            Self::Details => plain(Key::Enter),
            Self::Download => plain(Key::D),
            Self::CheckStatus => plain(Key::S),
            Self::EditLabel => plain(Key::L),
            Self::CopyRows => command(Key::C),
            Self::SelectAll => command(Key::A),
            Self::Export => command(Key::E),
            Self::Pause => plain(Key::Space),
            Self::Follow => plain(Key::F),
            Self::Insight => plain(Key::I),
            Self::Profile(number) => command(*DIGITS.get(number)?),
            Self::AddProfile => command(Key::N),
            Self::RequestData => command(Key::R),
            Self::Track => command(Key::T),
            Self::Larger => command(Key::Plus),
            Self::Smaller => command(Key::Minus),
            Self::ActualSize => command(Key::Num0),
            Self::Settings => command(Key::Comma),
            Self::Shortcuts => plain(Key::F1),
            _ => None,
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
    fn every_command_is_listed_once_and_with_words_of_its_own() {
        let words: std::collections::BTreeSet<_> = Command::ALL.iter().map(|command| command.words()).collect();
        assert_eq!(words.len(), Command::ALL.len());
    }

    #[test]
    fn no_two_commands_share_a_key() {
        let keys: Vec<_> = Command::with_keys().filter_map(|command| Some((command.words(), command.key()?))).collect();
        for (index, (words, key)) in keys.iter().enumerate() {
            for (other, same) in keys.iter().skip(index + 1) {
                assert_ne!(key, same, "{words} and {other}");
            }
        }
    }
}
