//! How the connections of the watched profiles stand, and whether there is still something to watch.

use std::collections::BTreeMap;

use crate::cli::error::CliError;
use crate::engine::ConnectionState;
use crate::settings::ProfileId;

/// How one profile stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ConnectionStatus {
    /// Nothing is known yet.
    Starting,
    /// It is being signed in or connected; what went wrong last, if anything did.
    Trying(Option<String>),
    /// It is joined, or was since it was signed in and will be again.
    Joined,
    /// Nothing can be done without the operator; why.
    Out(String),
}

/// How all of them stand.
#[derive(Debug, Default)]
pub(crate) struct ConnectionStatuses {
    profiles: BTreeMap<ProfileId, ConnectionStatus>,
    /// Whether any was ever joined.
    joined: bool,
}

impl ConnectionStatuses {
    /// A profile is about to be connected.
    pub(crate) fn begin(&mut self, profile: ProfileId) {
        self.profiles.insert(profile, ConnectionStatus::Starting);
    }

    /// Whether nothing is known of a profile yet.
    pub(crate) fn is_starting(&self, profile: ProfileId) -> bool {
        self.profiles.get(&profile) == Some(&ConnectionStatus::Starting)
    }

    /// Whether a profile was joined since it was signed in.
    pub(crate) fn was_joined(&self, profile: ProfileId) -> bool {
        self.profiles.get(&profile) == Some(&ConnectionStatus::Joined)
    }

    /// A connection changed its state.
    pub(crate) fn connection(&mut self, profile: ProfileId, state: &ConnectionState) {
        let before = self.profiles.entry(profile).or_insert(ConnectionStatus::Starting);
        match state {
            ConnectionState::Live => {
                *before = ConnectionStatus::Joined;
                self.joined = true;
            }
            ConnectionState::TokenRefused { why } => *before = ConnectionStatus::Out(why.to_string()),
            ConnectionState::Reconnecting { why, .. } if *before != ConnectionStatus::Joined => {
                *before = ConnectionStatus::Trying(Some(why.to_string()));
            }
            ConnectionState::Connecting | ConnectionState::Joining if *before == ConnectionStatus::Starting => {
                *before = ConnectionStatus::Trying(None);
            }
            ConnectionState::Reconnecting { .. }
            | ConnectionState::Connecting
            | ConnectionState::Joining
            | ConnectionState::SignedOut
            | ConnectionState::Offline
            | ConnectionState::Leaving => {}
        }
    }

    /// A sign-in failed for now.
    pub(crate) fn failed(&mut self, profile: ProfileId, why: String) {
        self.profiles.insert(profile, ConnectionStatus::Trying(Some(why)));
    }

    /// Nothing can be done for a profile without the operator.
    pub(crate) fn out(&mut self, profile: ProfileId, why: String) {
        self.profiles.insert(profile, ConnectionStatus::Out(why));
    }

    /// An error where nothing is left to watch.
    pub(crate) fn nothing_left(&self) -> Option<CliError> {
        let mut why = None;
        for standing in self.profiles.values() {
            match standing {
                ConnectionStatus::Out(sentence) => why = Some(sentence.clone()),
                ConnectionStatus::Starting | ConnectionStatus::Trying(_) | ConnectionStatus::Joined => return None,
            }
        }
        why.map(CliError::SignedOut)
    }

    /// An error where none was joined in the time that was given for it.
    pub(crate) fn too_late(&self, seconds: u64) -> Option<CliError> {
        if self.joined {
            return None;
        }
        let why = self.profiles.values().find_map(|standing| match standing {
            ConnectionStatus::Trying(why) => why.clone(),
            ConnectionStatus::Starting | ConnectionStatus::Joined | ConnectionStatus::Out(_) => None,
        });
        Some(CliError::NotReached { seconds, why })
    }
}

/// A state in words, as the window has them.
pub(crate) fn in_words(state: &ConnectionState) -> String {
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
    fn it_ends_when_every_profile_is_out_and_not_before() {
        let mut standings = ConnectionStatuses::default();
        assert!(standings.nothing_left().is_none(), "no profile is no reason to end");
        let (one, two) = (ProfileId::random(), ProfileId::random());
        standings.begin(one);
        standings.begin(two);
        standings.connection(one, &refused());
        assert!(standings.nothing_left().is_none(), "the other one was given up");
        standings.out(two, "There is no token.".into());
        assert_eq!(standings.nothing_left().unwrap().exit(), Exit::SignedOut);
    }

    #[test]
    fn only_the_first_connection_has_a_deadline() {
        let mut standings = ConnectionStatuses::default();
        let one = ProfileId::random();
        standings.begin(one);
        standings.failed(one, "Nobody there.".into());
        let error = standings.too_late(30).unwrap();
        assert_eq!(error.exit(), Exit::NotReached);
        assert!(error.to_string().contains("Nobody there."), "{error}");
        standings.connection(one, &ConnectionState::Live);
        standings.failed(one, "Gone.".into());
        assert!(standings.too_late(30).is_none(), "it was there once");
    }
}
