//! Every command of the window in one list: its words, its key, its icon and when it can be run. Menus, keys and the
//! dialog `Keyboard shortcuts` are all made from it.

use egui::{Key, KeyboardShortcut, Modifiers};

use crate::activity::Chip;
use crate::engine::ConnectionState;
use crate::settings::Theme;

use super::desk::Desk;
use super::icons::{self, Icon};

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Into the filter's field.
    Filter,
    /// Every filter off.
    ShowEverything,
    /// What a chip gathers.
    Show(Chip),
    /// The details of the row that the keyboard is at.
    Details,
    /// Save the row's data.
    Download,
    /// Save everything that is ready into one folder.
    DownloadAll,
    /// Ask the server for the row's state.
    CheckStatus,
    /// Name the row.
    EditLabel,
    /// Copy the selected rows.
    CopyRows,
    /// Select every row.
    SelectAll,
    /// Freeze the view, or go on.
    Pause,
    /// To the newest rows, and stay there.
    Follow,
    /// A profile's tab, from 0.
    Profile(usize),
    /// The form for a further profile.
    AddProfile,
    /// Connect the profile in front.
    Connect,
    /// Leave its channel and stay offline.
    Disconnect,
    /// Do not wait for the next attempt.
    RetryNow,
    /// Ask for a new token.
    RenewToken,
    /// Forget its token.
    SignOut,
    /// Take its activity out of the journal.
    ForgetActivity,
    /// Take it out of the settings.
    RemoveProfile,
    /// Light, dark, or as the system has it.
    Theme(Theme),
    /// Which columns there are, and how times are told.
    Columns,
    /// Save the filter with its columns and its sort.
    SaveFilter,
    /// Request stored data.
    RequestData,
    /// What is done with ready data.
    DataSettings,
    /// Follow commands by their ids.
    Track,
    /// What is known to be complete.
    Completeness,
    /// The list of keys.
    Shortcuts,
    /// What this program is.
    About,
}

impl Command {
    /// Those with a key, in the order of the dialog.
    pub(crate) const WITH_KEYS: [Self; 28] = [
        Self::Filter,
        Self::Details,
        Self::Download,
        Self::CheckStatus,
        Self::EditLabel,
        Self::CopyRows,
        Self::SelectAll,
        Self::Pause,
        Self::Follow,
        Self::Show(Chip::All),
        Self::Show(Chip::Pending),
        Self::Show(Chip::Succeeded),
        Self::Show(Chip::Failed),
        Self::Show(Chip::Ready),
        Self::Show(Chip::Other),
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
        Self::Track,
        Self::Shortcuts,
    ];

    /// Its words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Filter => "Filter".into(),
            Self::ShowEverything => "Show everything".into(),
            Self::Show(chip) => match chip {
                Chip::All => "Show all".into(),
                Chip::Pending => "Show pending".into(),
                Chip::Succeeded => "Show succeeded".into(),
                Chip::Failed => "Show failed".into(),
                Chip::Ready => "Show data ready".into(),
                Chip::Other => "Show other".into(),
            },
            Self::Details => "Open details".into(),
            Self::Download => "Download".into(),
            Self::DownloadAll => "Download all ready…".into(),
            Self::CheckStatus => "Check status".into(),
            Self::EditLabel => "Edit label".into(),
            Self::CopyRows => "Copy rows".into(),
            Self::SelectAll => "Select all rows".into(),
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
            Self::SaveFilter => "Save filter…".into(),
            Self::RequestData => "Request data…".into(),
            Self::DataSettings => "Ready data settings…".into(),
            Self::Track => "Track commands…".into(),
            Self::Completeness => "Completeness".into(),
            Self::Shortcuts => "Keyboard shortcuts".into(),
            Self::About => "About Privicore Monitor".into(),
        }
    }

    /// Its icon in menus.
    pub(crate) fn icon(self) -> Icon {
        match self {
            Self::Filter | Self::ShowEverything | Self::Show(_) => icons::SEARCH,
            Self::Details => icons::ARTICLE,
            Self::Download | Self::DownloadAll => icons::DOWNLOAD,
            Self::CheckStatus => icons::CHECK_STATUS,
            Self::EditLabel => icons::LABEL,
            Self::CopyRows => icons::COPY,
            Self::SelectAll => icons::SELECT_ALL,
            Self::Pause => icons::PAUSE,
            Self::Follow => icons::FOLLOW,
            Self::Profile(_) | Self::AddProfile => icons::ADD,
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
            Self::SaveFilter => icons::SAVED,
            Self::RequestData => icons::REQUEST,
            Self::DataSettings => icons::FOLDER,
            Self::Track => icons::TRACK,
            Self::Completeness => icons::COMPLETENESS,
            Self::Shortcuts => icons::KEYBOARD,
            Self::About => icons::INFO,
        }
    }

    /// Its key.
    pub(crate) fn key(self) -> Option<KeyboardShortcut> {
        const DIGITS: [Key; 9] =
            [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
        let plain = |key| Some(KeyboardShortcut::new(Modifiers::NONE, key));
        let command = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND, key));
        match self {
            Self::Filter => command(Key::F),
            Self::Show(chip) => {
                let number = Chip::ORDER.iter().position(|other| *other == chip)?;
                plain(*DIGITS.get(number)?)
            }
            Self::Details => plain(Key::Enter),
            Self::Download => plain(Key::D),
            Self::CheckStatus => plain(Key::S),
            Self::EditLabel => plain(Key::L),
            Self::CopyRows => command(Key::C),
            Self::SelectAll => command(Key::A),
            Self::Pause => plain(Key::Space),
            Self::Follow => plain(Key::F),
            Self::Profile(number) => command(*DIGITS.get(number)?),
            Self::AddProfile => command(Key::N),
            Self::RequestData => command(Key::R),
            Self::Track => command(Key::T),
            Self::Shortcuts => plain(Key::F1),
            Self::ShowEverything
            | Self::DownloadAll
            | Self::DataSettings
            | Self::Connect
            | Self::Disconnect
            | Self::RetryNow
            | Self::RenewToken
            | Self::SignOut
            | Self::ForgetActivity
            | Self::RemoveProfile
            | Self::Theme(_)
            | Self::Completeness
            | Self::Columns
            | Self::SaveFilter
            | Self::About => None,
        }
    }

    /// Whether its key is a single one that types something: it acts only while no text field has the focus.
    pub(crate) fn types(self) -> bool {
        self.key().is_some_and(|key| key.modifiers == Modifiers::NONE && key.logical_key != Key::F1)
    }

    /// Whether its key also does something to whatever has the focus: it acts only where nothing but the table has it.
    pub(crate) fn presses(self) -> bool {
        matches!(self, Self::Details | Self::Pause)
    }

    /// Whether it can be run at this desk.
    pub(crate) fn is_available(self, desk: &Desk) -> bool {
        let state = desk.connection.as_ref();
        match self {
            Self::Connect => matches!(state, None | Some(ConnectionState::Offline)),
            Self::Disconnect => matches!(
                state,
                Some(
                    ConnectionState::Connecting
                        | ConnectionState::Joining
                        | ConnectionState::Live
                        | ConnectionState::Reconnecting { .. }
                )
            ),
            Self::RetryNow => matches!(state, Some(ConnectionState::Reconnecting { .. })),
            Self::RenewToken => desk.token.is_some() && !matches!(state, Some(ConnectionState::TokenRefused { .. })),
            Self::SignOut => !matches!(state, None | Some(ConnectionState::SignedOut)),
            Self::RequestData | Self::DataSettings => !desk.shows_form(),
            Self::Details => desk.table.cursor().is_some(),
            Self::EditLabel => at(desk).is_some(),
            Self::Download => at(desk).is_some_and(|activity| activity.can_download() || activity.can_save_inline()),
            Self::DownloadAll => desk.ready().next().is_some(),
            Self::CheckStatus => at(desk).is_some_and(|activity| activity.can_check()),
            Self::CopyRows => desk.table.selected_count() > 0,
            Self::Filter
            | Self::ShowEverything
            | Self::Show(_)
            | Self::SelectAll
            | Self::Pause
            | Self::Follow
            | Self::Profile(_)
            | Self::AddProfile
            | Self::ForgetActivity
            | Self::RemoveProfile
            | Self::Theme(_)
            | Self::Track
            | Self::Columns
            | Self::SaveFilter
            | Self::Completeness
            | Self::Shortcuts
            | Self::About => true,
        }
    }
}

/// The activity that the keyboard is at.
fn at(desk: &Desk) -> Option<crate::activity::Activity<'_>> {
    desk.activity(desk.table.cursor()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_key() {
        let keys: Vec<_> =
            Command::WITH_KEYS.iter().filter_map(|command| Some((command.words(), command.key()?))).collect();
        for (index, (words, key)) in keys.iter().enumerate() {
            for (other, same) in keys.iter().skip(index + 1) {
                assert_ne!(key, same, "{words} and {other}");
            }
        }
    }
}
