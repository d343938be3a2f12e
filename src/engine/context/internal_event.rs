//! What tasks tell the engine's centre.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::credentials::KeyringError;
use crate::engine::client::network_config::NetworkConfig;
use crate::engine::client::rest::{IssuedToken, TokenExpiry};
use crate::engine::events::connection_reason::SignInError;
use crate::engine::events::error::EngineError;
use crate::engine::events::event::ConnectionState;
use crate::engine::events::track_request::IncomingRequest;
use crate::engine::network::rest_error::RestError;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::journal::{JournalError, Sealing, WorkId};
use crate::protocol::{AuthorizationToken, CommandId, DataKey, RequestId};
use crate::settings::{Profile, ProfileId};

use super::options::{SandboxAddresses, SandboxFailure};

/// Something that a task found out. Tasks wait for room; the centre never waits for a task.
#[derive(Debug)]
pub(crate) enum InternalEvent {
    /// A session changed its state; `ticket` is the number of the ticket it used last.
    Connection { profile: ProfileId, session_credentials: u64, state: ConnectionState },
    /// The keyring was asked for a token.
    Remembered { profile: ProfileId, token: Result<Option<AuthorizationToken>, KeyringError> },
    /// The server was asked to sign in, or for the end of a token that was given.
    SignedIn { profile: ProfileId, attempt: u64, granted: Result<IssuedToken, SignInError> },
    /// The server said when a token ends.
    Expiry { profile: ProfileId, session_credentials: u64, ends: TokenExpiry },
    /// It is time to do something about a token that will end.
    TokenDue { profile: ProfileId, session_credentials: u64, due: ExpiryEvent },
    /// The server was asked for a new token.
    Renewed { asked: Arc<Renewal>, outcome: Result<IssuedToken, RestError> },
    /// The keyring was asked to keep a token.
    Kept { profile: ProfileId, session_credentials: u64 },
    /// The journal has the newest token of a profile, which the keyring did not keep when an earlier run ended; `None` if it
    /// can't open it.
    Unkept { profile: ProfileId, token: Option<AuthorizationToken> },
    /// A REST call said that the token is dead.
    TokenDead { profile: ProfileId, session_credentials: u64, why: RestError },
    /// This program requested data; with the folder that it goes to by itself, and its size.
    Requested { profile: ProfileId, request: RequestId, folder: Option<PathBuf>, size: Option<u64> },
    /// The keyring was asked for, or told of, the key of a profile's payloads, after so many changes: the key, and whether the
    /// keyring holds it.
    DataKey { profile: ProfileId, change: u64, key: Option<DataKey>, kept: bool },
    /// Data has come and is in the journal; whether it came in the message.
    Arrived { profile: ProfileId, requests: Vec<(RequestId, bool)> },
    /// The journal seals links from now on, or says why not.
    Sealing(Result<Sealing, JournalError>),
    /// It is written down, as this work, that a profile is to be removed.
    Removing { profile: ProfileId, works: Vec<WorkId> },
    /// A download came to its end.
    DownloadEnded { profile: ProfileId, request: RequestId },
    /// A sandbox was started.
    Sandbox(Result<SandboxAddresses, SandboxFailure>),
    /// The server refused the token with which the state of commands was asked for.
    StatusNotAsked(RefusedCheck),
    /// Another process asked to follow commands.
    #[cfg_attr(not(unix), expect(dead_code, reason = "nobody listens there"))]
    Track(IncomingRequest),
    /// The way to the network was loaded, of which so many were chosen before; `None` where that broke.
    NetworkLoaded { number: u64, loaded: Option<Box<Result<NetworkConfig, EngineError>>> },
    /// The machine woke from sleep.
    Woke,
}

/// A new token that is asked for.
#[derive(Debug)]
pub(crate) struct Renewal {
    /// The profile that it is for, as it was when it was asked for.
    pub(crate) profile: Profile,
    /// The ticket that is in use until it comes.
    pub(crate) old: Arc<SessionCredentials>,
    /// The number of the ticket with the new token.
    pub(crate) number: u64,
    /// Whether the keyring is to have the new token.
    pub(crate) keep: bool,
    /// Cancelled if nobody wants the new token any more.
    pub(crate) unwanted: CancellationToken,
}

/// Commands whose state was not asked for, because the server refused the token.
#[derive(Debug)]
pub(crate) struct RefusedCheck {
    /// Whose.
    pub(crate) profile: ProfileId,
    /// Which, in their order.
    pub(crate) commands: Vec<CommandId>,
    /// The ticket of the token.
    pub(crate) session_credentials: u64,
    /// What the server said.
    pub(crate) why: RestError,
    /// Whether that is to be tried with another token.
    pub(crate) again: bool,
}

/// What is to be done about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpiryEvent {
    /// Ask for a new one.
    Renew,
    /// Say that it ends.
    Ends {
        /// In how many minutes.
        minutes: u64,
    },
}
