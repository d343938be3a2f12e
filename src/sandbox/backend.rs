//! The state that all parts of a sandbox share, and how a write becomes an outcome on the socket.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use uuid::{Builder, Uuid};

use crate::protocol::CommandId;
use crate::sandbox::proxy::hub::Hub;
use crate::sandbox::proxy::messages;
use crate::sandbox::runtime::clock::Clock;
use crate::sandbox::runtime::tasks::Tasks;
use crate::sandbox::state::commands::CommandStatus;
use crate::sandbox::state::links::Purpose;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

use super::faults::{Fault, Faults};
use super::options::{Dialect, Options};
use super::payload::Payload;
use super::queues::{QueueError, Queues};
use super::state::State;

/// Maximum number of commands without an outcome. A write beyond it is answered with 503.
const OUTCOMES: usize = 10_000;

/// The URLs of the four servers.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) api: String,
    pub(crate) ws: String,
    pub(crate) upstream: String,
    pub(crate) downstream: String,
}

/// The state that all parts of a sandbox share.
pub(crate) struct Backend {
    pub(crate) dialect: Dialect,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) addresses: Addresses,
    pub(crate) hub: Arc<Hub>,
    pub(crate) faults: Faults,
    /// Where large uploads are stored; deleted with the sandbox.
    pub(crate) folder: TempDir,
    queues: Arc<dyn Queues>,
    state: Mutex<State>,
    outcomes: Arc<Semaphore>,
}

/// What a command does when it settles: the outcome's body, or the reason why it failed.
pub(crate) type Outcome = Box<dyn FnOnce(&mut State, Instant) -> Result<(), Reason> + Send>;

/// Too many commands have no outcome yet.
#[derive(Debug)]
pub(crate) struct Busy;

/// Why a fault was not injected.
#[derive(Debug)]
pub(crate) enum NotInjected {
    /// No profile has this user name.
    UnknownProfile,
    /// The maximum number of faults is already armed.
    Full,
}

/// A command that was accepted and has no outcome yet.
pub(crate) struct PendingCommand {
    pub(crate) id: CommandId,
    owner: Option<ProfileId>,
    permit: OwnedSemaphorePermit,
}

impl Backend {
    pub(crate) fn new(
        options: &Options,
        clock: Clock,
        tasks: Tasks,
        addresses: Addresses,
        queues: Arc<dyn Queues>,
        folder: TempDir,
    ) -> Self {
        let hub = Arc::new(Hub::new(Arc::clone(&queues), tasks.clone(), options.delivery));
        Self {
            dialect: options.dialect,
            clock,
            tasks,
            addresses,
            hub,
            faults: Faults::default(),
            folder,
            queues,
            state: Mutex::new(State::new(options.seed)),
            outcomes: Arc::new(Semaphore::new(OUTCOMES)),
        }
    }

    /// Locks the state. Never hold the guard across an `await`.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The profile that an authorization token belongs to, if the token is valid.
    pub(crate) fn token_owner(&self, token: &str) -> Option<ProfileId> {
        self.state().profiles.token_owner(token, self.clock.now()).map(|(profile, _)| profile.clone())
    }

    /// A channel id like those of real proxies: a UUID that begins with the time.
    pub(crate) fn new_channel_id(&self) -> String {
        let mut random = [0; 10];
        for (into, from) in random.iter_mut().zip(Uuid::new_v4().as_bytes()) {
            *into = *from;
        }
        Builder::from_unix_timestamp_millis(self.clock.millis(self.clock.now()), &random).into_uuid().to_string()
    }

    /// Injects a fault for the profile with this user name, or for all profiles. Returns the number of connections (for
    /// tokens: profiles) affected so far.
    pub(crate) fn inject(&self, fault: Fault, username: Option<&str>) -> Result<usize, NotInjected> {
        let (mut state, now) = (self.state(), self.clock.now());
        let profile = match username {
            Some(username) => Some(state.profiles.named(username).ok_or(NotInjected::UnknownProfile)?),
            None => None,
        };
        if fault == Fault::ExpireTokens {
            return Ok(state.profiles.expire(profile.as_ref(), now));
        }
        drop(state);
        self.faults.inject(fault, profile.as_ref(), now).map_err(|_full| NotInjected::Full)
    }

    /// Publishes an outcome to the profile's queue, delayed if a fault says so. If the queue refuses it, logs that.
    pub(crate) async fn publish(&self, profile: &ProfileId, message: &Value) {
        if let Some(late) = self.faults.delay(Some(profile), self.clock.now()) {
            sleep(late).await;
        }
        if let Err(error) = self.queue(profile, message).await {
            tracing::warn!(%error, "an outcome was not queued; request-status still has it");
        }
    }

    /// Publishes a message and returns whether the queue accepted it.
    pub(crate) async fn queue(&self, profile: &ProfileId, message: &Value) -> Result<(), QueueError> {
        self.queues.publish(profile, message.to_string()).await
    }

    /// Creates a single-use link to a payload. Returns the part after `?auth=`.
    pub(crate) fn grant_download(&self, payload: Payload) -> String {
        self.state().links.grant(Purpose::Download(payload), self.clock.now())
    }

    /// The whole link for an `auth` from [`Self::grant_download`].
    pub(crate) fn download_link(&self, auth: &str) -> String {
        format!("{}/?auth={auth}", self.addresses.downstream)
    }

    /// Accepts a command, which is pending from now on.
    pub(crate) fn accept(&self, owner: Option<ProfileId>) -> Result<PendingCommand, Busy> {
        let permit = Arc::clone(&self.outcomes).try_acquire_owned().map_err(|_full| Busy)?;
        let id = CommandId::new(Uuid::new_v4().to_string());
        self.state().commands.start(id.clone(), owner.clone());
        Ok(PendingCommand { id, owner, permit })
    }

    /// Applies an accepted command after a plausible delay and publishes the outcome to its owner's queue. If it has no
    /// owner, `audience` names the profile, once the effect is known.
    ///
    /// In the live dialect clients take the first message about a command as its outcome, so nothing else is published.
    pub(crate) fn settle_later(
        self: &Arc<Self>,
        accepted: PendingCommand,
        effect: Outcome,
        audience: impl FnOnce(&State) -> Option<ProfileId> + Send + 'static,
    ) {
        let backend = Arc::clone(self);
        self.tasks.spawn("outcome of a command", async move {
            let PendingCommand { id, owner, permit } = accepted;
            let (before, rest) = backend.delays();
            sleep(before).await;
            if backend.dialect == Dialect::Docs && let Some(owner) = &owner {
                let pending = messages::command(&id, CommandStatus::Pending, &Value::Null);
                backend.publish(owner, &pending).await;
            }
            sleep(rest).await;
            let (message, audience) = {
                let mut state = backend.state();
                let (status, body) = match effect(&mut state, backend.clock.now()) {
                    Ok(()) => (CommandStatus::Succeeded, Value::Null),
                    Err(reason) => (CommandStatus::Failed, Value::from(reason)),
                };
                let message = messages::command(&id, status, &body);
                state.commands.settle(&id, status, body);
                (message, owner.or_else(|| audience(&state)))
            };
            if let Some(audience) = audience {
                backend.publish(&audience, &message).await;
            }
            drop(permit);
        });
    }

    /// The delay until a command may be reported as pending, and the delay from there to its outcome.
    fn delays(&self) -> (Duration, Duration) {
        let rng = &mut self.state().rng;
        (Duration::from_millis(rng.u64(30..150)), Duration::from_millis(rng.u64(80..600)))
    }
}
