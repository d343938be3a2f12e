//! The causes of problems that last: their kind, severity and remedy.

use std::mem::discriminant;
use std::sync::Arc;

use crate::credentials::KeyringError;
use crate::engine::network::rest_error::RestError;
use crate::engine::network::tls::config::Shortfall;
use crate::journal::{JournalError, MemoryOnly};
use crate::protocol::{RequestId, counted, sanitize};
use crate::settings::{ProfileId, SettingsError};

use super::action::Action;
use super::error::EngineError;
use super::severity::Severity;

/// The kinds of [`crate::engine::Problem`]. Each can have several causes and is resolved as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The token could not be renewed, or the server refused the new one.
    TokenRenewal,
    /// The token expires soon.
    TokenExpiry,
    /// The server refused the token.
    TokenRefused,
    /// An action needs a token, and there is none.
    NoToken,
    /// The keyring can't read, store or delete the token.
    TokenKeyring,
    /// The journal can't record that the profile was signed out, so the next start would sign it in again.
    SignOutUnwritten,
    /// The keyring can't read, store or delete the data key.
    DataKeyKeyring,
    /// Links are stored in memory only.
    Sealing,
    /// The journal refuses new entries.
    JournalWrite,
    /// The journal cannot be read to show new entries.
    JournalRead,
    /// The history can't be cleared while data is being saved.
    ClearBlocked,
    /// Old entries can't be deleted from the journal.
    Retention,
    /// The journal is larger than its limit, because open activities are never deleted.
    JournalTooLarge,
    /// The server does not answer status checks of open commands.
    StatusChecks,
    /// The settings cannot be saved.
    SettingsFile,
    /// The network configuration, or its certificates, can't be used.
    NetworkSetup,
    /// A queued download will not start, or a running one will not finish, before its link expires.
    LateDownload(RequestId),
}

/// The cause of a [`crate::engine::Problem`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProblemReason {
    /// The server issued no new token.
    #[error("The token was not renewed; the old one stays in use. {0}")]
    TokenNotRenewed(RestError),
    /// The server issued a new token and refused it in the join.
    #[error("The server refused the new token, so the old one stays in use. Renew it again, or sign in.")]
    NewTokenRefused,
    /// The token expires soon and was not renewed.
    #[error(
        "The token ends in {} and was not renewed. Renew it, or sign in again, so that no acknowledgement is missed.",
        counted(*.minutes, "minute")
    )]
    TokenExpiring {
        /// The remaining time in minutes.
        minutes: u64,
    },
    /// The server gives the token's expiry in a format that can't be parsed.
    #[error(
        "The token's expiry “{}” can't be read, so it is not renewed automatically and there is no warning. Renew it in time, or \
         ask whoever runs the server for an expiry like 2026-02-21T15:33:44Z.",
        sanitize(.value)
    )]
    UnreadableTokenExpiry {
        /// The expiry as the server gives it, masked.
        value: String,
    },
    /// A REST call found that the token is no longer valid.
    #[error(transparent)]
    TokenRefused(RestError),
    /// An action needs a token, and there is none.
    #[error(transparent)]
    NoToken(NeedsToken),
    /// The keyring failed to read, store or delete the token.
    #[error(transparent)]
    TokenKeyring(KeyringError),
    /// The keyring failed to read, store or delete the data key.
    #[error(transparent)]
    DataKeyKeyring(KeyringError),
    /// The journal can't record a sign-out.
    #[error(
        "{name} is signed out, but the journal could not record it: {source} Its token is being deleted. If you quit before that, \
         sign out again at the next start."
    )]
    SignOutUnwritten {
        /// The profile's name.
        name: String,
        /// The journal's error.
        source: SharedError<JournalError>,
    },
    /// There is no key to encrypt links with.
    #[error(transparent)]
    MemoryOnly(MemoryOnly),
    /// The journal can't encrypt links.
    #[error("Links to data are kept in memory only: {0} After a restart, request the data again.")]
    SealingFailed(SharedError<JournalError>),
    /// The journal refuses new entries.
    #[error(
        "New messages can't be written to the journal: {0} Until they can, they are in memory only and shown as not kept; nothing \
         is lost as long as Privicore Monitor runs."
    )]
    JournalWrite(SharedError<JournalError>),
    /// The journal can't be read to show new activity.
    #[error("New activity can't be shown for now: {0}")]
    JournalRead(SharedError<JournalError>),
    /// Data is being saved, so the history can't be cleared.
    #[error("The activity can't be forgotten while data is being saved. Wait for the downloads, or cancel them.")]
    ClearBlocked,
    /// The journal can't delete entries.
    #[error("The journal could not be kept within its limits: {0}")]
    Retention(SharedError<JournalError>),
    /// The journal deleted everything that may be deleted, and is still too large.
    #[error(
        "The journal is larger than the settings allow, because most of it is about commands without an outcome and data that was \
         not saved, which stay. Check the status of those commands, save the data, or forget the profile's activity."
    )]
    JournalTooLarge,
    /// The server does not report the outcomes of open commands.
    #[error("The status of pending commands could not be checked. Retrying. {0}")]
    StatusChecks(RestError),
    /// The settings can't be saved.
    #[error(transparent)]
    SettingsFile(SharedError<SettingsError>),
    /// Some certificates could not be loaded; connections are made without them.
    #[error("{0}")]
    Certificates(Shortfall),
    /// The network configuration in the settings can't be used.
    #[error(transparent)]
    NetworkSetup(SharedError<EngineError>),
    /// A download will miss the expiry of its link.
    #[error("{why}")]
    LateDownload {
        /// The request whose data is downloaded.
        request: RequestId,
        /// The cause of the delay.
        why: LateDownload,
    },
}

/// The action that needs a missing token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NeedsToken {
    /// Renewing the token.
    #[error("There is no token to renew. Sign in first.")]
    Renewal,
    /// Checking the status of commands.
    #[error("The status can't be checked while signed out. Sign in first.")]
    StatusCheck,
    /// Requesting data.
    #[error("Data can't be requested while signed out. Sign in first.")]
    DataRequest,
}

/// Why a download will miss the expiry of its link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LateDownload {
    /// It waits for other downloads.
    #[error(
        "The data of request {request} will not be saved in time: at the current speed its link expires before the download \
         starts. Stop another download, or allow more at once in the settings."
    )]
    Queued {
        /// The request whose data is downloaded.
        request: RequestId,
    },
    /// It takes longer than the link is valid.
    #[error(
        "{name} will not finish in time: at the current speed it takes about {needed} s, and its link expires in {remaining} s. Some \
         servers cut such a download off."
    )]
    TooSlow {
        /// The file's name.
        name: String,
        /// The expected duration in seconds.
        needed: u64,
        /// The remaining validity of the link in seconds.
        remaining: u64,
    },
    /// The link expires soon, and no earlier download gives a rate.
    #[error(
        "{name} may not finish in time: its link expires in {remaining} s, and its speed is not known yet. Some servers cut \
         such a download off."
    )]
    UnknownRate {
        /// The file's name.
        name: String,
        /// The remaining validity of the link in seconds.
        remaining: u64,
    },
    /// The link expires soon, and the size is unknown.
    #[error(
        "{name} may not finish in time: its link expires in {remaining} s, and its size is not known. Some servers cut such a \
         download off."
    )]
    UnknownSize {
        /// The file's name.
        name: String,
        /// The remaining validity of the link in seconds.
        remaining: u64,
    },
}

impl ProblemReason {
    /// The kind of problem that this cause belongs to.
    pub fn kind(&self) -> ProblemKind {
        match self {
            Self::TokenNotRenewed(_) | Self::NewTokenRefused => ProblemKind::TokenRenewal,
            Self::TokenExpiring { .. } | Self::UnreadableTokenExpiry { .. } => ProblemKind::TokenExpiry,
            Self::TokenRefused(_) => ProblemKind::TokenRefused,
            Self::NoToken(_) => ProblemKind::NoToken,
            Self::TokenKeyring(_) => ProblemKind::TokenKeyring,
            Self::DataKeyKeyring(_) => ProblemKind::DataKeyKeyring,
            Self::SignOutUnwritten { .. } => ProblemKind::SignOutUnwritten,
            Self::MemoryOnly(_) | Self::SealingFailed(_) => ProblemKind::Sealing,
            Self::JournalWrite(_) => ProblemKind::JournalWrite,
            Self::JournalRead(_) => ProblemKind::JournalRead,
            Self::ClearBlocked => ProblemKind::ClearBlocked,
            Self::Retention(_) => ProblemKind::Retention,
            Self::JournalTooLarge => ProblemKind::JournalTooLarge,
            Self::StatusChecks(_) => ProblemKind::StatusChecks,
            Self::SettingsFile(_) => ProblemKind::SettingsFile,
            Self::Certificates(_) | Self::NetworkSetup(_) => ProblemKind::NetworkSetup,
            Self::LateDownload { request, .. } => ProblemKind::LateDownload(request.clone()),
        }
    }

    /// The severity of the problem.
    pub fn severity(&self) -> Severity {
        match self {
            Self::TokenRefused(_)
            | Self::JournalWrite(_)
            | Self::JournalRead(_)
            | Self::SettingsFile(_)
            | Self::NetworkSetup(_) => Severity::Error,
            _ => Severity::Warning,
        }
    }

    /// What the operator can do about a profile's problem: the button's label, and its action.
    pub(crate) fn remedy(&self, profile: ProfileId) -> Option<(String, Action)> {
        match self {
            Self::TokenExpiring { .. } | Self::UnreadableTokenExpiry { .. } => {
                Some(("Renew token".to_owned(), Action::RenewToken(profile)))
            }
            _ => None,
        }
    }
}

/// A shared error that can be cloned although the error itself can't. Two are equal if their errors are of the same variant.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SharedError<E>(Arc<E>);

impl<E> From<E> for SharedError<E> {
    fn from(error: E) -> Self {
        Self(Arc::new(error))
    }
}

impl<E> Clone for SharedError<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> PartialEq for SharedError<E> {
    fn eq(&self, other: &Self) -> bool {
        discriminant(&*self.0) == discriminant(&*other.0)
    }
}
