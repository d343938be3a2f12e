//! What is wrong for as long as it lasts: of which kind, why, how grave it is and what can be done about it.

use std::error::Error;
use std::fmt;
use std::mem::discriminant;
use std::sync::Arc;

use crate::credentials::KeyringError;
use crate::engine::network::rest_error::RestError;
use crate::engine::network::tls::config::Shortfall;
use crate::journal::{JournalError, MemoryOnly};
use crate::protocol::{RequestId, visible};
use crate::settings::{ProfileId, SettingsError};

use super::action::Action;
use super::error::EngineError;
use super::event::{Notice, Severity};

/// Something that is wrong for as long as it lasts.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Whose it is, if it is a profile's. Of each [`ProblemKind`] a profile has at most one.
    pub profile: Option<ProfileId>,
    /// What is wrong.
    pub reason: ProblemReason,
    /// Larger than that of every problem reported before: the same problem that is reported again has a new one.
    pub number: u64,
    /// How often it was reported for the same reason.
    pub times: u32,
}

impl Problem {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        self.reason.kind()
    }

    /// What the operator reads of it, and can do about it.
    #[must_use]
    pub fn notice(&self) -> Notice {
        let remedy = self.profile.and_then(|profile| self.reason.remedy(profile));
        Notice { remedy, ..Notice::new(self.reason.severity(), self.profile, self.reason.to_string()) }
    }
}

/// The kinds of [`Problem`]: each can be reported for several reasons and is resolved as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The token could not be renewed, or the new one was refused.
    TokenRenewal,
    /// The token expires soon.
    TokenExpiry,
    /// The server refused the token.
    TokenRefused,
    /// Something was asked for that needs a token, and there is none.
    NoToken,
    /// The keyring does not give, keep or forget the token.
    TokenKeyring,
    /// The journal refuses to note that the profile was signed out: the next start would sign it in again.
    SignOutUnwritten,
    /// The keyring does not give, keep or forget the key of the payloads.
    DataKeyKeyring,
    /// Links are in memory only.
    Sealing,
    /// The journal refuses new entries.
    JournalWrite,
    /// The journal cannot be read to show new entries.
    JournalRead,
    /// The activity cannot be forgotten while data is being saved.
    ForgetBlocked,
    /// Old entries cannot be removed from the journal.
    Retention,
    /// The journal is larger than it may be, because what is open in it has to stay.
    JournalTooLarge,
    /// The server does not answer questions about open commands.
    StatusChecks,
    /// The settings cannot be saved.
    SettingsFile,
    /// The chosen way to the network, or its certificates, cannot be used.
    NetworkSetup,
    /// A download that waits will not start, or one that runs will not finish, before its link expires.
    LateDownload(RequestId),
}

/// Why there is a [`Problem`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProblemReason {
    /// The server gave no new token.
    #[error("The token was not renewed; the old one stays in use. {0}")]
    TokenNotRenewed(RestError),
    /// The server gave a new token and refused it at the join.
    #[error("The server refused the new token, so the old one stays in use. Renew it again, or sign in.")]
    NewTokenRefused,
    /// The token ends and was not renewed.
    #[error(
        "The token ends in {minutes} minutes and was not renewed. Renew it, or sign in again, so that no acknowledgement is missed."
    )]
    TokenEnds {
        /// In how many minutes.
        minutes: u64,
    },
    /// The server says when the token ends, in a way that can't be read.
    #[error(
        "The server gives the end of the token as “{}”, which Privicore Monitor can't read. So the token is not renewed \
         automatically, and no warning comes before it ends. Renew it in time, or ask whoever runs the server for an end like \
         2026-02-21T15:33:44Z.",
        visible(.said)
    )]
    UnreadableTokenEnd {
        /// What it says, masked.
        said: String,
    },
    /// A call over REST said that the token is dead.
    #[error(transparent)]
    TokenRefused(RestError),
    /// Something was asked for that needs a token.
    #[error(transparent)]
    NoToken(NeedsToken),
    /// The keyring and the token.
    #[error(transparent)]
    TokenKeyring(KeyringError),
    /// The keyring and the key of the payloads.
    #[error(transparent)]
    DataKeyKeyring(KeyringError),
    /// A sign-out can't be written down.
    #[error(
        "{name} is signed out, but that can't be written down: {source} Its token is being forgotten; if you quit before that is \
         done, sign out again at the next start."
    )]
    SignOutUnwritten {
        /// The profile's name.
        name: String,
        /// Why.
        source: SharedError<JournalError>,
    },
    /// There is no key to seal links with.
    #[error(transparent)]
    MemoryOnly(MemoryOnly),
    /// The journal refuses to seal links.
    #[error("Links to data are kept in memory only: {0} After a restart, request the data again.")]
    SealingFailed(SharedError<JournalError>),
    /// The journal refuses new entries.
    #[error(
        "New messages can't be written to the journal: {0} Until they can, they are in memory only and shown as not kept; nothing \
         is lost as long as Privicore Monitor runs."
    )]
    JournalWrite(SharedError<JournalError>),
    /// The journal can't be read.
    #[error("New activity can't be shown for now: {0}")]
    JournalRead(SharedError<JournalError>),
    /// Data is being saved.
    #[error("The activity can't be forgotten while data is being saved. Wait for the downloads, or cancel them.")]
    ForgetBlocked,
    /// The journal refuses to remove entries.
    #[error("The journal could not be kept within its limits: {0}")]
    Retention(SharedError<JournalError>),
    /// Everything that may go has gone, and that is not enough.
    #[error(
        "The journal is larger than the settings allow, because most of it is about commands without an outcome and data that was \
         not saved, which stay. Check the status of those commands, save the data, or forget the profile's activity."
    )]
    JournalTooLarge,
    /// The server does not say how open commands ended.
    #[error("Open commands can't be asked for, and will be again and again. {0}")]
    StatusChecks(RestError),
    /// The settings can't be saved.
    #[error(transparent)]
    SettingsFile(SharedError<SettingsError>),
    /// Certificates could not be loaded; connections are made without them.
    #[error("{0}")]
    Certificates(Shortfall),
    /// The network configuration of the settings can't be used.
    #[error(transparent)]
    NetworkSetup(SharedError<EngineError>),
    /// A download comes too late for its link.
    #[error("{why}")]
    LateDownload {
        /// The request.
        request: RequestId,
        /// Why.
        why: LateDownload,
    },
}

/// What needs a token that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NeedsToken {
    /// Renewing it.
    #[error("There is no token to renew. Sign in first.")]
    Renewal,
    /// Checking the status of commands.
    #[error("The status can't be asked for while signed out. Sign in first.")]
    StatusCheck,
    /// Requesting data.
    #[error("Data can't be requested while signed out. Sign in first.")]
    DataRequest,
}

/// Why a download comes too late for its link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LateDownload {
    /// It waits for others.
    #[error(
        "The data of request {request} will not be saved in time: at the rates seen its link expires before its turn comes. Stop \
         another download, or allow more at once in the settings."
    )]
    Queued {
        /// The request.
        request: RequestId,
    },
    /// It takes longer than the link lives.
    #[error(
        "{name} will not finish in time: at the rates seen it takes about {needed} s, and its link lives {left} s more. Some \
         servers cut such a download off."
    )]
    TooSlow {
        /// The file's name.
        name: String,
        /// How many seconds it takes.
        needed: u64,
        /// How many seconds the link lives.
        left: u64,
    },
    /// The link lives for a short time only, and nothing was downloaded before.
    #[error(
        "{name} may not finish in time: its link lives {left} s more, and how fast it will come is not known. Some servers cut \
         such a download off."
    )]
    UnknownRate {
        /// The file's name.
        name: String,
        /// How many seconds the link lives.
        left: u64,
    },
    /// The link lives for a short time only, and the size is not known.
    #[error(
        "{name} may not finish in time: its link lives {left} s more, and how large it is is not known. Some servers cut such a \
         download off."
    )]
    UnknownSize {
        /// The file's name.
        name: String,
        /// How many seconds the link lives.
        left: u64,
    },
}

impl ProblemReason {
    /// The kind of problem that it makes.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        match self {
            Self::TokenNotRenewed(_) | Self::NewTokenRefused => ProblemKind::TokenRenewal,
            Self::TokenEnds { .. } | Self::UnreadableTokenEnd { .. } => ProblemKind::TokenExpiry,
            Self::TokenRefused(_) => ProblemKind::TokenRefused,
            Self::NoToken(_) => ProblemKind::NoToken,
            Self::TokenKeyring(_) => ProblemKind::TokenKeyring,
            Self::DataKeyKeyring(_) => ProblemKind::DataKeyKeyring,
            Self::SignOutUnwritten { .. } => ProblemKind::SignOutUnwritten,
            Self::MemoryOnly(_) | Self::SealingFailed(_) => ProblemKind::Sealing,
            Self::JournalWrite(_) => ProblemKind::JournalWrite,
            Self::JournalRead(_) => ProblemKind::JournalRead,
            Self::ForgetBlocked => ProblemKind::ForgetBlocked,
            Self::Retention(_) => ProblemKind::Retention,
            Self::JournalTooLarge => ProblemKind::JournalTooLarge,
            Self::StatusChecks(_) => ProblemKind::StatusChecks,
            Self::SettingsFile(_) => ProblemKind::SettingsFile,
            Self::Certificates(_) | Self::NetworkSetup(_) => ProblemKind::NetworkSetup,
            Self::LateDownload { request, .. } => ProblemKind::LateDownload(request.clone()),
        }
    }

    /// How much it matters.
    #[must_use]
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

    /// What a profile's operator can do about it: the button's words and what it does.
    fn remedy(&self, profile: ProfileId) -> Option<(String, Action)> {
        match self {
            Self::TokenEnds { .. } | Self::UnreadableTokenEnd { .. } => {
                Some(("Renew token".to_owned(), Action::RenewToken(profile)))
            }
            _ => None,
        }
    }
}

/// An error that can't be cloned, shared. Two are equal if they are of the same kind.
#[derive(Debug)]
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

impl<E: fmt::Display> fmt::Display for SharedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error + 'static> Error for SharedError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
