//! The state that all parts of a sandbox share, and how a write becomes an outcome on the socket.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::{Builder, Uuid};

use crate::protocol::CommandId;
use crate::sandbox::faults::connections::ConnectionFault;
use crate::sandbox::proxy::hub::Hub;
use crate::sandbox::proxy::messages;
use crate::sandbox::runtime::clock::Clock;
use crate::sandbox::runtime::seeded_random::{Decision, SeededRandom};
use crate::sandbox::runtime::tasks::Tasks;
use crate::sandbox::runtime::turns::{Ticket, Turn, Turns};
use crate::sandbox::state::commands::CommandStatus;
use crate::sandbox::state::links::Purpose;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

use super::faults::{Fault, Faults};
use super::options::time::Latency;
use super::options::{Dialect, Options};
use super::payload::Payload;
use super::queues::{QueueError, Queues};
use super::state::State;

/// Maximum number of commands without an outcome. A write beyond it is answered with 503.
const OUTCOMES: usize = 10_000;

/// How long connections may take to close at a reset.
const CLOSING: Duration = Duration::from_millis(500);

/// The close code of a server that restarts.
const RESTART: u16 = 1012;

/// The close code of a server that stops.
const GOING_AWAY: u16 = 1001;

/// The reason of a command that fails because of `--failure-rate`.
const FAILURE: Reason = "sandbox.failure_rate";

/// How the sandbox behaves, apart from what clients cause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    pub(crate) seed: u64,
    /// Whether the ids of commands and requests depend on the seed.
    pub(crate) seeds_ids: bool,
    pub(crate) latency: Option<Latency>,
    /// From 0 to 1.
    pub(crate) failure_rate: f64,
    /// The lifetime of a token if the sign-in does not set one.
    pub(crate) token_life: Duration,
}

impl Behaviour {
    fn of(options: &Options) -> Self {
        Self {
            seed: options.demo_seed(),
            seeds_ids: options.seed.is_some(),
            latency: options.latency,
            failure_rate: options.failure_rate,
            token_life: options.token_life,
        }
    }

    /// The state of a sandbox that behaves like this, at its start.
    fn first_state(&self) -> State {
        State::new(self.seed, SeededRandom::new(self.seed, self.seeds_ids, self.failure_rate))
    }
}

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
    pub(crate) behaviour: Behaviour,
    pub(crate) hub: Arc<Hub>,
    pub(crate) faults: Faults,
    /// Notified after each vote, and after each command, which may have removed a voter.
    pub(crate) votes: Notify,
    /// Where large uploads are stored; deleted with the sandbox.
    pub(crate) folder: TempDir,
    queues: Arc<dyn Queues>,
    state: Mutex<State>,
    outcomes: Arc<Semaphore>,
    /// The order of what commands do. Commands without an owner share a line.
    turns: Turns<Option<ProfileId>>,
    /// Ends what was caused before a reset.
    work: Mutex<CancellationToken>,
    resets: tokio::sync::Mutex<()>,
}

/// What a command does when it settles. Returns the outcome's body, or the reason why it failed.
pub(crate) type Effect = Box<dyn FnOnce(&mut State, Instant) -> Result<Value, Reason> + Send>;

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
    /// Whether it fails if it could succeed.
    pub(crate) fails: bool,
    owner: Option<ProfileId>,
    permit: OwnedSemaphorePermit,
    /// For its times.
    rng: fastrand::Rng,
    /// How many commands were accepted before it.
    number: u64,
    /// Goes into the answer to the call.
    answer: Option<Arc<AnswerGuard>>,
    /// Its place among the profile's commands, once its answer has been sent.
    ticket: oneshot::Receiver<Ticket<Option<ProfileId>>>,
    /// While it lasts, nothing else of the profile happens. None while the command waits for votes or for a broker.
    turn: Option<Turn<Option<ProfileId>>>,
}

impl PendingCommand {
    /// A part of the answer to the call. The times of the command begin when the answer was handed to the connection, which
    /// drops this.
    pub(crate) fn answer(&mut self) -> Option<Arc<AnswerGuard>> {
        self.answer.take()
    }

    /// Lets others go on while this command waits for something.
    pub(crate) fn end_turn(&mut self) {
        self.turn = None;
    }
}

/// Dropped when the answer to a command's call has been handed to the connection, or can't be.
pub(crate) struct AnswerGuard {
    turns: Turns<Option<ProfileId>>,
    owner: Option<ProfileId>,
    number: u64,
    /// The time from the answer to the command's first step.
    before: Duration,
    ticket: Option<oneshot::Sender<Ticket<Option<ProfileId>>>>,
}

impl Drop for AnswerGuard {
    fn drop(&mut self) {
        let ticket = self.turns.enter(self.owner.take(), Instant::now() + self.before, self.number);
        // A ticket that nobody takes gives up its place.
        drop(self.ticket.take().map(|to| to.send(ticket)));
    }
}

impl Backend {
    pub(crate) fn new(
        options: &Options,
        tasks: Tasks,
        addresses: Addresses,
        queues: Arc<dyn Queues>,
        folder: TempDir,
    ) -> Self {
        let hub = Arc::new(Hub::new(Arc::clone(&queues), tasks.clone(), options.delivery));
        let behaviour = Behaviour::of(options);
        Self {
            dialect: options.dialect,
            clock: Clock::start(),
            tasks,
            addresses,
            behaviour,
            hub,
            faults: Faults::default(),
            votes: Notify::new(),
            folder,
            queues,
            state: Mutex::new(behaviour.first_state()),
            outcomes: Arc::new(Semaphore::new(OUTCOMES)),
            turns: Turns::default(),
            work: Mutex::default(),
            resets: tokio::sync::Mutex::default(),
        }
    }

    /// Starts a task that ends at the next reset.
    pub(crate) fn spawn_work(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let work = self.work.lock().clone().run_until_cancelled_owned(work);
        self.tasks.spawn(name, async move {
            if work.await.is_none() {
                tracing::debug!(task = name, "a reset ended it");
            }
        });
    }

    /// Forgets everything since the start: profiles, tokens, data, commands, faults, connections and what is in the queues.
    pub(crate) async fn reset(&self) {
        let _alone = self.resets.lock().await;
        std::mem::take(&mut *self.work.lock()).cancel();
        // No token is valid from here on, so nobody joins.
        let before = std::mem::replace(&mut *self.state(), self.behaviour.first_state());
        self.faults.clear();
        let close = ConnectionFault::Close { code: RESTART, reason: "The sandbox was reset.".into() };
        self.faults.connections.inject(None, None, &close);
        let started = Instant::now();
        while !self.hub.is_resting() {
            if started.elapsed() > CLOSING {
                self.faults.connections.inject(None, None, &ConnectionFault::Cut);
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.queues.clear(before.profiles.ids()).await;
        self.hub.forget_undelivered();
    }

    /// Tells the clients of the proxy that the sandbox stops, and waits until they have gone, but not for long.
    pub(crate) async fn go_away(&self) {
        let close = ConnectionFault::Close { code: GOING_AWAY, reason: "The sandbox stops.".into() };
        self.faults.connections.inject(None, None, &close);
        let started = Instant::now();
        while !self.faults.connections.is_empty() && started.elapsed() < CLOSING {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Locks the state. Never hold the guard across an `await`.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The profile that an authorization token belongs to, if the token is valid.
    pub(crate) fn token_owner(&self, token: &str) -> Option<ProfileId> {
        self.state().profiles.grant(token, self.clock.now()).map(|grant| grant.profile.clone())
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
        self.publish_text(profile, message.to_string()).await;
    }

    /// Publishes any text like [`Self::publish`].
    pub(crate) async fn publish_text(&self, profile: &ProfileId, text: String) {
        if let Some(late) = self.faults.delay(Some(profile), self.clock.now()) {
            sleep(late).await;
        }
        let queued = self.queues.publish(profile, text).await;
        self.was_queued(profile, &queued);
    }

    fn was_queued(&self, profile: &ProfileId, queued: &Result<(), QueueError>) {
        match queued {
            Ok(()) => self.hub.was_queued(profile),
            Err(error) => tracing::warn!(%error, "an outcome was not queued; request-status still has it"),
        }
    }

    /// Publishes a message of a command in the command's turn, delayed if a fault says so.
    pub(crate) async fn publish_in_turn(&self, command: &mut PendingCommand, profile: &ProfileId, message: &Value) {
        if let Some(late) = self.faults.delay(Some(profile), self.clock.now()) {
            self.advance(command, late).await;
        }
        let mut publishing = self.queues.publish(profile, message.to_string());
        // The first poll puts it into its place. A broker may confirm much later, and the profile's other commands go on.
        let queued = match poll_fn(|context| Poll::Ready(publishing.poll_unpin(context))).await {
            Poll::Ready(queued) => queued,
            Poll::Pending => {
                command.end_turn();
                publishing.await
            }
        };
        self.was_queued(profile, &queued);
    }

    /// Waits for the command's next turn: so much later than its last one, or than now.
    async fn advance(&self, command: &mut PendingCommand, after: Duration) {
        let ticket = match command.turn.take() {
            Some(turn) => turn.later(after),
            None => self.turns.enter(command.owner.clone(), self.clock.now() + after, command.number),
        };
        command.turn = Some(ticket.turn().await);
    }

    /// Publishes a message and returns whether the queue accepted it.
    pub(crate) async fn queue(&self, profile: &ProfileId, message: &Value) -> Result<(), QueueError> {
        let queued = self.queues.publish(profile, message.to_string()).await;
        if queued.is_ok() {
            self.hub.was_queued(profile);
        }
        queued
    }

    /// Creates a single-use link to a payload. Returns the part after `?auth=`.
    pub(crate) fn grant_download(&self, payload: Payload) -> String {
        self.state().links.grant(Purpose::Download(payload), self.clock.now())
    }

    /// Makes a link good that was announced before. Returns whether it still exists.
    pub(crate) fn open_link(&self, auth: &str) -> bool {
        self.state().links.open(auth, self.clock.now())
    }

    /// The whole link for an `auth` from [`Self::grant_download`].
    pub(crate) fn download_link(&self, auth: &str) -> String {
        format!("{}/?auth={auth}", self.addresses.downstream)
    }

    /// Accepts a command, which is pending from now on.
    pub(crate) fn accept(&self, owner: Option<ProfileId>) -> Result<PendingCommand, Busy> {
        let permit = Arc::clone(&self.outcomes).try_acquire_owned().map_err(|_full| Busy)?;
        let mut state = self.state();
        let Decision { id, number, fails, mut rng } = state.random.next();
        let id = CommandId::new(id.to_string());
        state.commands.start(id.clone(), owner.clone());
        let before = match self.behaviour.latency {
            Some(_) => Duration::ZERO,
            None => Duration::from_millis(rng.u64(30..150)),
        };
        let (to, ticket) = oneshot::channel();
        let guard = AnswerGuard { turns: self.turns.clone(), owner: owner.clone(), number, before, ticket: Some(to) };
        Ok(PendingCommand { id, fails, owner, permit, rng, number, answer: Some(Arc::new(guard)), ticket, turn: None })
    }

    /// Settles an accepted command after a plausible delay.
    pub(crate) fn settle_later(
        self: &Arc<Self>,
        accepted: PendingCommand,
        effect: Effect,
        audience: impl FnOnce(&State) -> Option<ProfileId> + Send + 'static,
    ) {
        let backend = Arc::clone(self);
        self.spawn_work("outcome of a command", async move {
            let mut accepted = accepted;
            backend.report_pending(&mut accepted).await;
            backend.settle(accepted, effect, audience).await;
        });
    }

    /// Waits until the command's answer has been sent. Then, after a plausible delay, reports the command as pending in the
    /// docs dialect. In the live dialect clients take the first message about a command as its outcome, so nothing is
    /// published.
    pub(crate) async fn report_pending(&self, accepted: &mut PendingCommand) {
        // If it is still here, it is in no answer.
        drop(accepted.answer());
        if let Ok(ticket) = (&mut accepted.ticket).await {
            accepted.turn = Some(ticket.turn().await);
        }
        if self.dialect == Dialect::Docs
            && let Some(owner) = accepted.owner.clone()
        {
            let pending = messages::command(&accepted.id, CommandStatus::Pending, &Value::Null);
            self.publish_in_turn(accepted, &owner, &pending).await;
        }
    }

    /// Applies an accepted command after a plausible delay and publishes the outcome to its owner's queue. If it has no
    /// owner, `audience` names the profile, once the effect is known.
    pub(crate) async fn settle(
        &self,
        mut accepted: PendingCommand,
        effect: Effect,
        audience: impl FnOnce(&State) -> Option<ProfileId> + Send,
    ) {
        self.pause(&mut accepted, 80..600).await;
        let (message, audience) = {
            let PendingCommand { id, fails, owner, .. } = &accepted;
            let mut state = self.state();
            let done = if *fails {
                // Tried on a copy, so that failures that come anyway keep their reasons.
                effect(&mut state.clone(), self.clock.now()).and(Err(FAILURE))
            } else {
                effect(&mut state, self.clock.now())
            };
            let (status, body) = match done {
                Ok(body) => (CommandStatus::Succeeded, body),
                Err(reason) => (CommandStatus::Failed, Value::from(reason)),
            };
            let message = messages::command(id, status, &body);
            state.commands.settle(id, status, body);
            (message, owner.clone().or_else(|| audience(&state)))
        };
        // It may have removed an authenticator that a pool waited for.
        self.votes.notify_waiters();
        if let Some(audience) = audience {
            self.publish_in_turn(&mut accepted, &audience, &message).await;
        }
        drop(accepted.permit);
    }

    /// How long an answer takes.
    pub(crate) fn latency(&self) -> Duration {
        self.behaviour.latency.map(|latency| latency.draw(&mut self.state().rng)).unwrap_or_default()
    }

    /// Waits for as long as the sandbox takes for a step of a command: for its latency, or for a plausible time within this
    /// range of milliseconds.
    pub(crate) async fn pause(&self, command: &mut PendingCommand, millis: std::ops::Range<u64>) {
        let time = match self.behaviour.latency {
            Some(latency) => latency.draw(&mut command.rng),
            None => Duration::from_millis(command.rng.u64(millis)),
        };
        self.advance(command, time).await;
    }
}
