//! Why a profile has no connection or is not signed in. These are enums, so that the engine decides by kind; the window and
//! `watch` turn them into sentences.

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
    /// The WebSocket server refused it, during or after the join.
    #[error("The server refused the token{} Sign in again.", reason_of(.words))]
    Join {
        /// The server's words, masked; may be empty.
        words: String,
    },
    /// The API refused it in its answer to a call.
    #[error(transparent)]
    Call(Arc<RestError>),
}

/// How a connection ended, or why the join failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DisconnectReason {
    /// The server closed the connection with a closing handshake.
    #[error("The server closed the connection{}{}", code_of(*.code), reason_of(.reason))]
    Closed {
        /// The code of the close frame, if the server sent one.
        code: Option<u16>,
        /// The server's words, masked; may be empty.
        reason: String,
    },
    /// The connection broke.
    #[error("The connection broke off.")]
    Broken,
    /// The connection gave no sign of life.
    #[error("The server does not respond. The connection was closed.")]
    Dead,
    /// The server did not answer the join.
    #[error("The server did not answer the join within 5 s.")]
    JoinUnanswered,
    /// The server refused the join for a reason other than the token.
    #[error("The server refused the join with status {status}{}", reason_of(.reason))]
    JoinRefused {
        /// The status in the server's reply.
        status: i64,
        /// The server's words, masked; may be empty.
        reason: String,
    },
    /// The server refused the token.
    #[error(transparent)]
    TokenRefused(TokenRefusal),
    /// A message was larger than the limit.
    #[error("A message of at least {size} bytes is larger than the limit of {limit} bytes and can't be read.")]
    TooLarge {
        /// The size in bytes, as far as it is known.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A text frame had invalid UTF-8.
    #[error("The server sent a message that is not valid UTF-8, and a WebSocket can't go on after that.")]
    NotUtf8,
    /// The server broke the WebSocket protocol.
    #[error("The server broke the rules of the WebSocket protocol.")]
    Protocol,
}

/// Why there is no connection, or no longer one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConnectionFailure {
    /// Connecting failed.
    #[error(transparent)]
    NotConnected(Arc<ConnectError>),
    /// The connection ended.
    #[error(transparent)]
    Ended(DisconnectReason),
}

/// Why a profile waits before it connects again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{failure}{}{}", advice(*.policy_closes), retry_after::suffix(*.requested_wait))]
pub struct RetryReason {
    /// What went wrong.
    pub failure: ConnectionFailure,
    /// The consecutive policy closes, this one included, from the second on.
    pub policy_closes: Option<PolicyCloses>,
    /// How long the server asks to wait.
    pub requested_wait: Option<Duration>,
}

/// Connections that the server closed in a row by its own policy, each soon after the join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "It closed {count} connections in a row like this, so Privicore Monitor waits longer each time. Check that no other program \
     uses this token, sign in again, or ask whoever runs the server what code {code} means."
)]
pub struct PolicyCloses {
    /// How many there were.
    pub count: u32,
    /// The close code of the last one.
    pub code: u16,
}

impl From<DisconnectReason> for RetryReason {
    fn from(reason: DisconnectReason) -> Self {
        ConnectionFailure::Ended(reason).into()
    }
}

impl From<ConnectionFailure> for RetryReason {
    fn from(failure: ConnectionFailure) -> Self {
        Self { failure, policy_closes: None, requested_wait: None }
    }
}

/// Why signing in failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SignInError {
    /// An address in the form is invalid.
    #[error(transparent)]
    Address(#[from] EndpointError),
    /// The form has no user name.
    #[error("Enter a user name.")]
    NoUserName,
    /// The server refused the user name and password.
    #[error(
        "The server refused to sign in{}. {}Check user name and password; a new profile also needs its public key \
         registered first.",
        quoted(.words),
        odd.map_or_else(String::new, |(what, odd)| format!("The {what} {odd}, which may have come along when it was copied. "))
    )]
    PasswordRefused {
        /// The server's words; may be empty.
        words: String,
        /// What looks wrong: the field's name, and what is odd about its value.
        odd: Option<(&'static str, &'static str)>,
    },
    /// The server refused the token, or it is not a valid token.
    #[error(transparent)]
    TokenRefused(RestError),
    /// The server could not be reached, or its answer did not decide it.
    #[error(transparent)]
    NotAsked(RestError),
    /// The server refused the token in the join that verified it.
    #[error(transparent)]
    JoinRefused(TokenRefusal),
    /// The join that should verify the token failed.
    #[error(transparent)]
    NotJoined(RetryReason),
}

impl SignInError {
    /// Whether the server refused the credential. The same credential would be refused again; after any other error it may
    /// work.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::PasswordRefused { .. } | Self::TokenRefused(_) | Self::JoinRefused(_) => true,
            Self::Address(_) | Self::NoUserName | Self::NotAsked(_) | Self::NotJoined(_) => false,
        }
    }
}

/// Formats a server's reason as the end of a sentence.
pub(crate) fn reason_of(reason: &str) -> Cow<'_, str> {
    let reason = reason.trim();
    match reason.chars().next_back() {
        None => ".".into(),
        Some('.' | '!' | '?') => format!(": {reason}").into(),
        Some(_) => format!(": {reason}.").into(),
    }
}

/// What to do about policy closes, to be appended to another sentence.
fn advice(closes: Option<PolicyCloses>) -> String {
    closes.map(|closes| format!(" {closes}")).unwrap_or_default()
}

/// The close code as part of a sentence, with its registered meaning.
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
