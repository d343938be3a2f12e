//! Why a profile has no connection, and why it is not signed in: as kinds, by which the engine decides and of which the window and
//! `watch` make sentences.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::network::connect_error::ConnectError;
use crate::engine::network::endpoints::EndpointError;
use crate::engine::network::rest_error::{RestError, quoted};
use crate::engine::network::retry_after;

/// Who refused a token.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TokenRefusal {
    /// The WebSocket server, at the join or after it.
    #[error("The server refused the token{} Sign in again.", reason_of(.words))]
    Join {
        /// The server's words, masked; or empty.
        words: String,
    },
    /// The API, in answer to a call.
    #[error(transparent)]
    Call(Arc<RestError>),
}

/// How a connection ended, or why it could not be joined.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DisconnectReason {
    /// The server closed it in order.
    #[error("The server closed the connection{}{}", code_of(*.code), reason_of(.reason))]
    Closed {
        /// The code of its close frame, if it sent one.
        code: Option<u16>,
        /// The server's words, masked; or empty.
        reason: String,
    },
    /// It broke.
    #[error("The connection broke off.")]
    Broken,
    /// No sign of life.
    #[error("The server no longer answers, so the connection is given up.")]
    Dead,
    /// The join was not answered.
    #[error("The server did not answer the join within 5 s.")]
    JoinUnanswered,
    /// The join was refused, not for the token.
    #[error("The server refused the join with status {status}{}", reason_of(.reason))]
    JoinRefused {
        /// The status.
        status: i64,
        /// The server's words, masked; or empty.
        reason: String,
    },
    /// The token was refused.
    #[error(transparent)]
    TokenRefused(TokenRefusal),
    /// A message above the limit.
    #[error("A message of {size} bytes is larger than the limit of {limit} bytes and can't be read.")]
    TooLarge {
        /// What is known of its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// A text frame with invalid UTF-8.
    #[error("The server sent a message that is not valid UTF-8, and a WebSocket can't go on after that.")]
    NotUtf8,
    /// Something that is no WebSocket.
    #[error("The server broke the rules of the WebSocket protocol.")]
    Protocol,
}

/// Why there is no connection, or not any more.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConnectionFailure {
    /// None was made.
    #[error(transparent)]
    NotConnected(Arc<ConnectError>),
    /// It ended.
    #[error(transparent)]
    Ended(DisconnectReason),
}

/// Why the next attempt to connect is waited for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{failure}{}{}", advice(*.policy_closes), retry_after::further(*.asked))]
pub struct RetryReason {
    /// What went wrong.
    pub failure: ConnectionFailure,
    /// The closes by a policy in a row that this is the last of, from the second on.
    pub policy_closes: Option<PolicyCloses>,
    /// How long the server asks to wait.
    pub asked: Option<Duration>,
}

/// Connections that the server closed in a row by a policy of its own, each soon after its join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "It closed {count} connections in a row like this, so Privicore Monitor waits longer each time. Check that no other program \
     uses this token, sign in again, or ask whoever runs the server what code {code} means."
)]
pub struct PolicyCloses {
    /// How many.
    pub count: u32,
    /// The code of the last.
    pub code: u16,
}

impl From<DisconnectReason> for RetryReason {
    fn from(reason: DisconnectReason) -> Self {
        ConnectionFailure::Ended(reason).into()
    }
}

impl From<ConnectionFailure> for RetryReason {
    fn from(failure: ConnectionFailure) -> Self {
        Self { failure, policy_closes: None, asked: None }
    }
}

/// Why a profile was not signed in.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SignInError {
    /// An address of the form can't be used.
    #[error(transparent)]
    Address(#[from] EndpointError),
    /// The form has no user name.
    #[error("Enter a user name.")]
    NoUserName,
    /// The server refused user name and password.
    #[error(
        "The server refused to sign in{}. {}Check user name and password; a new profile also needs its public key \
         registered first.",
        quoted(.words),
        odd.map_or_else(String::new, |(what, odd)| format!("The {what} {odd}, which may have come along when it was copied. "))
    )]
    PasswordRefused {
        /// The server's words, or empty.
        words: String,
        /// What may be wrong with one of the two: which, and what about it.
        odd: Option<(&'static str, &'static str)>,
    },
    /// The server refused the token, or it can be none.
    #[error(transparent)]
    TokenRefused(RestError),
    /// The server could not be asked, or did not say.
    #[error(transparent)]
    NotAsked(RestError),
    /// The server refused the token when it was tried by joining with it.
    #[error(transparent)]
    JoinRefused(TokenRefusal),
    /// The token could not be tried by joining with it.
    #[error(transparent)]
    NotJoined(RetryReason),
}

impl SignInError {
    /// Whether the server refused what it was given. The same again is then refused again; after anything else it may work.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::PasswordRefused { .. } | Self::TokenRefused(_) | Self::JoinRefused(_) => true,
            Self::Address(_) | Self::NoUserName | Self::NotAsked(_) | Self::NotJoined(_) => false,
        }
    }
}

/// A server's reason as the end of a sentence.
pub(crate) fn reason_of(reason: &str) -> Cow<'_, str> {
    let reason = reason.trim();
    match reason.chars().next_back() {
        None => ".".into(),
        Some('.' | '!' | '?') => format!(": {reason}").into(),
        Some(_) => format!(": {reason}.").into(),
    }
}

/// What to do about closes by a policy, after another sentence.
fn advice(closes: Option<PolicyCloses>) -> String {
    closes.map(|closes| format!(" {closes}")).unwrap_or_default()
}

/// The code of a close frame as a part of a sentence, with its registered meaning.
fn code_of(code: Option<u16>) -> String {
    let Some(code) = code else { return String::new() };
    let meaning = match code {
        1000 => " (normal end)",
        1001 => " (going away)",
        1002 => " (protocol error)",
        1003 => " (unsupported data)",
        1007 => " (invalid data)",
        1008 => " (policy violation)",
        1009 => " (message too large)",
        1010 => " (missing extension)",
        1011 => " (internal error)",
        1012 => " (restart)",
        1013 => " (try again later)",
        1014 => " (bad gateway)",
        3000 => " (unauthorized)",
        3003 => " (forbidden)",
        3008 => " (timeout)",
        _ => "",
    };
    format!(" with code {code}{meaning}")
}
