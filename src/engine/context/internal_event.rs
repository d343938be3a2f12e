//! The events that tasks send to the supervisor.

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

/// A result or an observation of a task. If the channel is full the task waits; the supervisor never waits for a task.
#[derive(Debug)]
pub(crate) enum InternalEvent {
    /// A session changed its state; `credentials_number` is the number of the credentials that it used last.
    Connection { profile: ProfileId, credentials_number: u64, state: ConnectionState },
    /// The keyring was asked for a token.
    SavedTokenLoaded { profile: ProfileId, token: Result<Option<AuthorizationToken>, KeyringError> },
    /// The server answered a sign-in, or said when a token that the operator entered expires.
    SignedIn { profile: ProfileId, attempt: u64, result: Result<IssuedToken, SignInError> },
    /// The server said when a token expires.
    Expiry { profile: ProfileId, credentials_number: u64, expiry: TokenExpiry },
    /// A token that will expire needs action.
    TokenDue { profile: ProfileId, credentials_number: u64, due: ExpiryEvent },
    /// The server answered a token renewal.
    Renewed { renewal: Arc<Renewal>, outcome: Result<IssuedToken, RestError> },
    /// The keyring stored a token.
    TokenPersisted { profile: ProfileId, credentials_number: u64 },
    /// The journal has the newest token of a profile, which the keyring had not stored when an earlier run ended; `None` if
    /// the journal can't decrypt it.
    UnpersistedTokenLoaded { profile: ProfileId, token: Option<AuthorizationToken> },
    /// A REST call found that the token is no longer valid.
    TokenInvalid { profile: ProfileId, credentials_number: u64, why: RestError },
    /// This program requested data; with the folder for automatic saving, and the size.
    Requested { profile: ProfileId, request: RequestId, folder: Option<PathBuf>, size: Option<u64> },
    /// The keyring finished an operation on a profile's data key: the key, and whether the keyring stores it. `change`
    /// numbers the operation, so that outdated results are recognised.
    DataKey { profile: ProfileId, change: u64, key: Option<DataKey>, persisted: bool },
    /// Data arrived and is in the journal; the flag says whether it came inline.
    DataArrived { profile: ProfileId, requests: Vec<(RequestId, bool)> },
    /// The journal encrypts links from now on, or the error that prevents it.
    Sealing(Result<Sealing, JournalError>),
    /// The removal of a profile is recorded, as these pending works.
    RemovalRecorded { profile: ProfileId, works: Vec<WorkId> },
    /// A download ended.
    DownloadEnded { profile: ProfileId, request: RequestId },
    /// A sandbox was started, or failed to start.
    Sandbox(Result<SandboxAddresses, SandboxFailure>),
    /// The server refused the token in a status check.
    StatusCheckRefused(RefusedCheck),
    /// Another process asks to track commands.
    Track(IncomingRequest),
    /// The network configuration number `number` was loaded; `None` if loading panicked.
    NetworkLoaded { number: u64, loaded: Option<Box<Result<NetworkConfig, EngineError>>> },
    /// The machine woke from sleep.
    Woke,
}

/// A token renewal in progress.
#[derive(Debug)]
pub(crate) struct Renewal {
    /// The profile, as it was when the renewal began.
    pub(crate) profile: Profile,
    /// The credentials that stay in use until the new token arrives.
    pub(crate) old: Arc<SessionCredentials>,
    /// The number of the credentials with the new token.
    pub(crate) number: u64,
    /// Whether to store the new token in the keyring.
    pub(crate) persist: bool,
    /// Cancelled when the new token is no longer needed.
    pub(crate) abandoned: CancellationToken,
}

/// Commands whose status was not checked, because the server refused the token.
#[derive(Debug)]
pub(crate) struct RefusedCheck {
    pub(crate) profile: ProfileId,
    /// The commands, in their order.
    pub(crate) commands: Vec<CommandId>,
    /// The number of the credentials with the refused token.
    pub(crate) credentials_number: u64,
    pub(crate) why: RestError,
    /// Whether to try again with another token.
    pub(crate) retry: bool,
}

/// What a token that will expire needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpiryEvent {
    /// Request a new token.
    Renew,
    /// Warn that the token expires.
    ExpiresSoon {
        /// The remaining time in minutes.
        minutes: u64,
    },
}
