//! The connection status of the watched profiles, and whether any of them can still be watched.

use std::collections::BTreeMap;

use crate::cli::error::CliError;
use crate::engine::ConnectionState;
use crate::settings::ProfileId;

/// The status of one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ConnectionStatus {
    /// No status has arrived yet.
    Starting,
    /// Signing in or connecting, with the last error if there was one.
    Trying(Option<String>),
    /// Joined since sign-in. If the connection drops, the engine reconnects.
    Joined,
    /// Only the operator can continue, with the reason.
    Stopped(String),
}

/// The status of every watched profile.
#[derive(Debug, Default)]
pub(crate) struct ConnectionStatuses {
    profiles: BTreeMap<ProfileId, ConnectionStatus>,
    /// Whether any profile was ever joined.
    joined: bool,
}

impl ConnectionStatuses {
    /// Records that a profile is about to connect.
    pub(crate) fn start(&mut self, profile: ProfileId) {
        self.profiles.insert(profile, ConnectionStatus::Starting);
    }

    /// Whether no status of a profile has arrived yet.
    pub(crate) fn is_starting(&self, profile: ProfileId) -> bool {
        self.profiles.get(&profile) == Some(&ConnectionStatus::Starting)
    }

    /// Whether a profile has joined since it signed in.
    pub(crate) fn was_joined(&self, profile: ProfileId) -> bool {
        self.profiles.get(&profile) == Some(&ConnectionStatus::Joined)
    }

    /// Records a new connection state.
    pub(crate) fn connection(&mut self, profile: ProfileId, state: &ConnectionState) {
        let before = self.profiles.entry(profile).or_insert(ConnectionStatus::Starting);
        match state {
            ConnectionState::Live => {
                *before = ConnectionStatus::Joined;
                self.joined = true;
            }
            ConnectionState::TokenRefused { why } => *before = ConnectionStatus::Stopped(why.to_string()),
            ConnectionState::Reconnecting { why, .. } if *before != ConnectionStatus::Joined => {
                *before = ConnectionStatus::Trying(Some(why.to_string()));
            }
            ConnectionState::Connecting | ConnectionState::Joining if *before == ConnectionStatus::Starting => {
                *before = ConnectionStatus::Trying(None);
            }
            _ => {}
        }
    }

    /// Records a sign-in that failed and will be retried.
    pub(crate) fn failed(&mut self, profile: ProfileId, why: String) {
        self.profiles.insert(profile, ConnectionStatus::Trying(Some(why)));
    }

    /// Records that a profile needs the operator.
    pub(crate) fn stopped(&mut self, profile: ProfileId, why: String) {
        self.profiles.insert(profile, ConnectionStatus::Stopped(why));
    }

    /// The error to end with if every profile needs the operator.
    pub(crate) fn nothing_left(&self) -> Option<CliError> {
        let mut why = None;
        for standing in self.profiles.values() {
            match standing {
                ConnectionStatus::Stopped(sentence) => why = Some(sentence.clone()),
                ConnectionStatus::Starting | ConnectionStatus::Trying(_) | ConnectionStatus::Joined => return None,
            }
        }
        why.map(CliError::SignedOut)
    }

    /// The error to end with if no profile joined in the time allowed.
    pub(crate) fn too_late(&self, seconds: u64) -> Option<CliError> {
        if self.joined {
            return None;
        }
        let why = self.profiles.values().find_map(|standing| match standing {
            ConnectionStatus::Trying(why) => why.clone(),
            ConnectionStatus::Starting | ConnectionStatus::Joined | ConnectionStatus::Stopped(_) => None,
        });
        Some(CliError::NotReached { seconds, why })
    }
}

/// A connection state in the same words as in the window.
pub(crate) fn describe(state: &ConnectionState) -> String {
    match state {
        ConnectionState::SignedOut => "Signed out".to_owned(),
        ConnectionState::Connecting => "Connecting".to_owned(),
        ConnectionState::Joining => "Joining".to_owned(),
        ConnectionState::Live => "Live".to_owned(),
        ConnectionState::Reconnecting { at, why, .. } => {
            let wait = at.saturating_duration_since(tokio::time::Instant::now().into_std());
            format!("Reconnecting in {} s: {why}", wait.as_millis().div_ceil(1_000))
        }
        ConnectionState::TokenRefused { why } => format!("Token refused: {why}"),
        ConnectionState::Offline => "Offline".to_owned(),
        ConnectionState::Leaving => "Leaving".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Exit;
    use crate::engine::TokenRefusal;

    fn refused() -> ConnectionState {
        ConnectionState::TokenRefused { why: TokenRefusal::Join { words: String::new() } }
    }

    #[test]
    fn it_ends_when_every_profile_is_stopped_and_not_before() {
        let mut standings = ConnectionStatuses::default();
        assert!(standings.nothing_left().is_none(), "no profile is no reason to end");
        let (one, two) = (ProfileId::random(), ProfileId::random());
        standings.start(one);
        standings.start(two);
        standings.connection(one, &refused());
        assert!(standings.nothing_left().is_none(), "the other one was given up");
        standings.stopped(two, "There is no token.".into());
        assert_eq!(standings.nothing_left().unwrap().exit(), Exit::SignedOut);
    }

    #[test]
    fn only_the_first_connection_has_a_deadline() {
        let mut standings = ConnectionStatuses::default();
        let one = ProfileId::random();
        standings.start(one);
        standings.failed(one, "Nobody there.".into());
        let error = standings.too_late(30).unwrap();
        assert_eq!(error.exit(), Exit::NotReached);
        assert!(error.to_string().contains("Nobody there."), "{error}");
        standings.connection(one, &ConnectionState::Live);
        standings.failed(one, "Gone.".into());
        assert!(standings.too_late(30).is_none(), "it was there once");
    }
}
