//! Decides whether a command can run now, and if not, gives the reason for the operator.

use crate::activity::Activity;
use crate::engine::{ConnectionState, TokenStatus};
use crate::ui::frame::commands::UiCommand;
use crate::ui::profile_tab::ProfileTab;

/// The reason if there is no active profile tab.
const NO_PROFILE: &str = "No profile is selected.";
/// The reason if a command needs a single profile.
const ONE_PROFILE: &str = "Choose one profile’s tab first.";

impl UiCommand {
    /// Whether the command can run in this tab.
    pub(crate) fn is_available(self, profile_tab: &ProfileTab) -> bool {
        self.why_not(Some(profile_tab)).is_none()
    }

    /// Why the command can't run now, in a sentence; `None` if it can. `profile_tab` is the active tab.
    pub(crate) fn why_not(self, profile_tab: Option<&ProfileTab>) -> Option<&'static str> {
        match self {
            Self::Palette
            | Self::AddProfile
            | Self::Profile(_)
            | Self::Theme(_)
            | Self::Larger
            | Self::Smaller
            | Self::ActualSize
            | Self::Settings
            | Self::Shortcuts
            | Self::Guide
            | Self::About => None,
            Self::Connect
            | Self::Disconnect
            | Self::RetryNow
            | Self::RenewToken
            | Self::SignOut
            | Self::ClearHistory
            | Self::RemoveProfile => match profile_tab {
                None => Some(NO_PROFILE),
                Some(profile_tab) if profile_tab.is_all() => Some(ONE_PROFILE),
                Some(profile_tab) => self.why_not_connected(profile_tab),
            },
            _ => match profile_tab {
                None => Some(NO_PROFILE),
                Some(profile_tab) if profile_tab.is_all() && self.is_of_one_profile() => Some(ONE_PROFILE),
                Some(profile_tab) if profile_tab.shows_form() => Some("Sign in first."),
                Some(profile_tab) => self.why_not_in_table(profile_tab),
            },
        }
    }

    /// Whether a command for rows needs a single profile.
    fn is_of_one_profile(self) -> bool {
        matches!(self, Self::Track | Self::RequestData | Self::Completeness | Self::DownloadAll | Self::DataSettings)
    }

    /// Why a command of the connection can't run.
    fn why_not_connected(self, profile_tab: &ProfileTab) -> Option<&'static str> {
        let state = profile_tab.status.connection.as_ref();
        let signed_out = matches!(state, None | Some(ConnectionState::SignedOut));
        let (can, why) = match self {
            Self::Connect => match state {
                None | Some(ConnectionState::Offline | ConnectionState::TokenRefused { .. }) => return None,
                Some(ConnectionState::SignedOut) => (false, "Sign in first."),
                Some(_) => (false, "Already connected or connecting."),
            },
            Self::Disconnect => {
                let there = matches!(
                    state,
                    Some(
                        ConnectionState::Connecting
                            | ConnectionState::Joining
                            | ConnectionState::Live
                            | ConnectionState::Reconnecting { .. }
                    )
                );
                (there, "There is no connection.")
            }
            Self::RetryNow => {
                let waits =
                    matches!(state, Some(ConnectionState::Reconnecting { .. } | ConnectionState::TokenRefused { .. }));
                (waits, "Not reconnecting.")
            }
            Self::RenewToken if matches!(state, Some(ConnectionState::TokenRefused { .. })) => {
                (false, "The token was refused: sign in again.")
            }
            Self::RenewToken => (matches!(profile_tab.status.token, TokenStatus::Held { .. }), "There is no token."),
            Self::SignOut => (!signed_out, "The profile is signed out."),
            _ => (true, ""),
        };
        (!can).then_some(why)
    }

    /// Why a command for rows can't run.
    fn why_not_in_table(self, profile_tab: &ProfileTab) -> Option<&'static str> {
        const NO_ROW: &str = "Select a row first.";
        let any = |fits: fn(&Activity<'_>) -> bool, why| {
            let rows = profile_tab.some_selected_rows();
            if rows.is_empty() {
                Some(NO_ROW)
            } else {
                let fits = rows.iter().filter_map(|row| profile_tab.activity(*row)).any(|activity| fits(&activity));
                (!fits).then_some(why)
            }
        };
        match self {
            Self::Details => profile_tab.table.cursor().is_none().then_some(NO_ROW),
            Self::EditLabel => any(|_| true, NO_ROW),
            Self::ShowSecrets | Self::HideSecrets => {
                let Some(details) = &profile_tab.details else { return Some("Open the details of a row first.") };
                if self == Self::ShowSecrets { details.why_not_show() } else { details.why_not_hide() }
            }
            Self::Download => any(
                |activity| activity.can_download() || activity.can_save_inline(),
                "None of the selected rows has data to fetch.",
            ),
            Self::DownloadAll => profile_tab.ready().next().is_none().then_some("Nothing is ready to be fetched."),
            Self::RequestAgain => {
                any(can_request_again, "None of the selected rows has data that can be requested again.")
            }
            Self::CheckStatus => any(can_check, "The selected commands already have an outcome."),
            Self::CopyRows | Self::CopyTsv | Self::CopyJson => {
                (profile_tab.table.selected_count() == 0).then_some(NO_ROW)
            }
            _ => None,
        }
    }
}

/// As a function, because a method path would not work for any lifetime of the activity.
fn can_check(activity: &Activity<'_>) -> bool {
    activity.can_check()
}

/// A function for the same reason.
fn can_request_again(activity: &Activity<'_>) -> bool {
    crate::ui::profile_tab::rows::can_request_again(activity)
}
