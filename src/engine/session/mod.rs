//! A session: one task a profile owns one state machine, so that a profile never has two sockets.
//!
//! ```text
//!             ┌────────────── Waiting ◀──────────────┐  (any failure: wait and try again, for ever)
//!             ▼                                      │
//! Resting ─▶ Connecting ─▶ Joining ─▶ Live ──────────┤
//!    ▲                         │       │             │
//!    │                         ▼       ▼             │
//!    └──────── (by the wish) ◀── Leaving ─▶ Connecting, or the end
//! ```
//!
//! A state owns its resources: leaving a state drops its socket, its attempt and its timers, so that late news of an old
//! connection can't arrive. What the session should do is a [`Wish`], read whenever it changes. What it hears goes to the
//! [`Scribe`](super::scribe::Scribe), which commits before the window is told. It never waits for the window.

mod backlog;
mod backoff;
mod connection;
mod heartbeat;
mod join;
mod live;
mod losses;
mod pace;
mod waiting;
mod wish;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use crate::protocol::{ChannelId, outgoing};
use crate::settings::ProfileId;

use super::clocks::{Clocks, Life};
use super::connect_error::ConnectError;
use super::connector::{self, Connector, Socket};
use super::event::ConnectionState;
use super::gaps::before;
use super::mailbox::Outbox;
use super::options::Clock;
use super::reading::{Harvest, Reading};
use super::reasons::{ConnectionFailure, DisconnectReason, TokenRefusal};
use super::report::Report;
use super::scribe::{Presence, Scribe};
use super::spawn::{Spawner, Task};
use super::vault::Vault;

use backlog::Backlog;
use backoff::{Backoff, STABLE};
use connection::{Connection, Heard};
use join::{answers, correlation};
use live::Live;
use losses::{Losses, next_limit};
use pace::Pace;
use waiting::{PolicyCloseCount, Waiting};
pub(super) use wish::{Aim, Ticket, Wish};

/// How long leaving may take, from the frame to the closed socket.
const LEAVE_BUDGET: Duration = Duration::from_secs(1);
/// How long it may take once the program is to end, which as a whole has a second.
pub(super) const QUIT_LEAVE_BUDGET: Duration = Duration::from_millis(600);

/// Asks the server whether it refuses a token: its words if it does. `None` if it does not, or if nothing can be learnt.
pub(super) type TokenCheck = Arc<dyn Fn(Arc<Ticket>) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// What a session is made of.
pub(super) struct Parts {
    /// Whose it is.
    pub(super) profile: ProfileId,
    /// How sockets are connected.
    pub(super) connector: Arc<dyn Connector>,
    /// Asks whether a token is dead when the answer to a join does not say.
    pub(super) token_check: TokenCheck,
    /// Where what it hears is committed.
    pub(super) scribe: Scribe,
    /// Where secrets that it hears are kept.
    pub(super) vault: Vault,
    /// Where the window is told.
    pub(super) outbox: Outbox,
    /// Where the engine is told of states.
    pub(super) reports: mpsc::Sender<Report>,
    /// The clocks.
    pub(super) clocks: Clocks,
    /// The time of day.
    pub(super) clock: Clock,
    /// The jitter.
    pub(super) random: fastrand::Rng,
}

/// Starts a session. It ends when the wish is [`Aim::Stopped`], after leaving the channel.
pub(super) fn start(parts: Parts, wish: Wish, spawner: &Spawner) -> (watch::Sender<Wish>, Task<()>) {
    let (sender, receiver) = watch::channel(wish);
    let profile = parts.profile;
    let session = Session {
        backoff: Backoff::new(parts.random),
        profile,
        connector: parts.connector,
        token_check: parts.token_check,
        scribe: parts.scribe,
        vault: parts.vault,
        outbox: parts.outbox,
        reports: parts.reports,
        clocks: parts.clocks,
        clock: parts.clock,
        backlog: Backlog::default(),
        wish: receiver,
        pace: Pace::default(),
        policy_closes: PolicyCloseCount::default(),
        losses: Losses::default(),
        ticket: 0,
        connections: 0,
    };
    let task = spawner.start("keeping a connection", Box::pin(session.run()));
    (sender, task)
}

/// The states; each owns what it needs.
enum State {
    /// Not connected and not about to be.
    Resting(Rest),
    /// Waiting for the next attempt.
    Waiting(Box<Waiting>),
    /// DNS, TCP, TLS and the upgrade are under way.
    Connecting(Connecting),
    /// The socket is open and the join is under way.
    Joining(Box<Connection>),
    /// Joined.
    Live(Box<Live>),
    /// Leaving the channel.
    Leaving(Box<Leaving>),
    /// The end.
    Ended,
}

/// Why a session rests.
enum Rest {
    SignedOut,
    Offline,
    /// The token of the ticket with this number was refused, when the operator had asked so often for another attempt.
    Refused {
        number: u64,
        retry: u64,
        why: TokenRefusal,
    },
}

/// An attempt under way. Dropping it gives it up.
struct Connecting {
    ticket: Arc<Ticket>,
    limit: usize,
    attempt: BoxFuture<'static, Result<Socket, ConnectError>>,
}

/// A connection that is being left.
struct Leaving {
    connection: Connection,
    channel: Option<ChannelId>,
    /// Its last sign of life, if it is joined.
    life: Option<Life>,
}

/// What outlives the states.
struct Session {
    profile: ProfileId,
    connector: Arc<dyn Connector>,
    token_check: TokenCheck,
    scribe: Scribe,
    vault: Vault,
    outbox: Outbox,
    reports: mpsc::Sender<Report>,
    clocks: Clocks,
    clock: Clock,
    /// What the scribe has no room for yet. While there is something, nothing more is read.
    backlog: Backlog,
    wish: watch::Receiver<Wish>,
    backoff: Backoff,
    policy_closes: PolicyCloseCount,
    /// How often messages come.
    pace: Pace,
    /// Messages that could not be read.
    losses: Losses,
    /// The number of the ticket that was used last.
    ticket: u64,
    /// The connections so far: the generation of the current one, for the log.
    connections: u64,
}

impl Session {
    async fn run(mut self) {
        let mut state = self.follow();
        loop {
            self.announce(self.public_state(&state)).await;
            state = match state {
                State::Resting(rest) => self.rest(rest).await,
                State::Waiting(waiting) => self.wait(waiting).await,
                State::Connecting(connecting) => self.connect(connecting).await,
                State::Joining(connection) => self.join(connection).await,
                State::Live(live) => self.live(live).await,
                State::Leaving(leaving) => self.leave(leaving).await,
                State::Ended => return self.hand_all_over().await,
            };
        }
    }

    /// The state that the wish leads to from a state without resources.
    fn follow(&mut self) -> State {
        match current(&mut self.wish) {
            Wish { aim: Aim::SignedOut, .. } => State::Resting(Rest::SignedOut),
            Wish { aim: Aim::Offline, .. } => State::Resting(Rest::Offline),
            Wish { aim: Aim::Refused { why }, retry, .. } => {
                State::Resting(Rest::Refused { number: self.ticket, retry, why: TokenRefusal::Call(why) })
            }
            Wish { aim: Aim::Stopped, .. } => State::Ended,
            Wish { aim: Aim::Online(ticket), message_limit: limit, .. } => {
                if self.ticket != ticket.number {
                    self.policy_closes = PolicyCloseCount::default();
                }
                self.ticket = ticket.number;
                self.connections += 1;
                tracing::debug!(profile = %self.profile, connection = self.connections, "connecting");
                let opening =
                    connector::open(self.connector.clone(), ticket.endpoints.websocket.clone(), Vec::new(), limit);
                let clocks = self.clocks.clone();
                let attempt = async move {
                    let (socket, date) = opening.await?;
                    if let Some(date) = date {
                        clocks.server_said(date);
                    }
                    Ok(socket)
                };
                State::Connecting(Connecting { ticket, limit, attempt: Box::pin(attempt) })
            }
        }
    }

    async fn rest(&mut self, rest: Rest) -> State {
        // The wish may have changed while this state was told.
        let mut wish = current(&mut self.wish);
        loop {
            let stays = match (&rest, &wish.aim) {
                (Rest::SignedOut, Aim::SignedOut)
                | (Rest::Offline, Aim::Offline)
                | (Rest::Refused { .. }, Aim::Refused { .. }) => true,
                // Another token is a reason to try again, and so is the operator who asks for it.
                (Rest::Refused { number, retry, .. }, Aim::Online(ticket)) => {
                    ticket.number == *number && wish.retry == *retry
                }
                _ => false,
            };
            if !stays {
                return self.follow();
            }
            wish = self.changed().await;
        }
    }

    async fn connect(&mut self, mut connecting: Connecting) -> State {
        loop {
            tokio::select! {
                wish = self.changed() => {
                    if !wish.wants(&connecting.ticket) {
                        drop(connecting);
                        return self.follow();
                    }
                }
                outcome = &mut connecting.attempt => return match outcome {
                    Ok(socket) => {
                        let reference = self.clocks.reference();
                        let reading = Reading::new(connecting.ticket.token.clone(), self.vault.clone(), reference);
                        let clock = self.clock.clone();
                        State::Joining(Box::new(
                            Connection::new(socket, connecting.ticket, connecting.limit, reading, clock),
                        ))
                    }
                    Err(error) => {
                        tracing::debug!(profile = %self.profile, %error, "no connection");
                        self.failed(ConnectionFailure::NotConnected(Arc::new(error)), None)
                    }
                },
            }
        }
    }

    async fn leave(&mut self, leaving: Box<Leaving>) -> State {
        let Leaving { mut connection, channel, mut life } = *leaving;
        let mut harvest = Harvest::default();
        // What has come already must not depend on whether the leave can be sent.
        while !harvest.is_full()
            && let Some(heard) = connection.next(&mut harvest).now_or_never()
            && !matches!(heard, Heard::End(_))
        {}
        let (backlog, scribe) = (&mut self.backlog, &self.scribe);
        let farewell = async {
            let asked = correlation();
            let frame = outgoing::leave(&connection.ticket.token, &asked, channel.as_ref());
            if let Err(end) = connection.ask(&frame, &asked).await {
                tracing::debug!(?end, "could not leave in order");
                return;
            }
            loop {
                match connection.next(&mut harvest).await {
                    Heard::End(_) => return,
                    // Where the join was just given up, its answer may come first.
                    Heard::Reply(reply) if answers(&reply, &asked) => break,
                    Heard::Entry | Heard::Reply(_) | Heard::KeepAlive | Heard::Pong(_) | Heard::Ping => {}
                }
                if harvest.is_full() {
                    backlog.write(std::mem::take(&mut harvest), scribe);
                }
                if backlog.is_full() {
                    // What can't be kept is not read, and the answer may be behind it.
                    return;
                }
            }
            // Only the answer shows that it lived until now.
            life = life.map(|_before| self.clocks.now());
            connection.close().await;
        };
        tokio::select! {
            biased;
            () = farewell => {}
            () = too_long(self.wish.clone()) => {
                tracing::debug!(profile = %self.profile, "the server did not answer the leave in time");
            }
        }
        drop(connection);
        self.backlog.write(harvest, &self.scribe);
        match life {
            None => {}
            // The next run begins its gap there.
            Some(life) if matches!(current(&mut self.wish).aim, Aim::Stopped) => {
                let now = self.clocks.now();
                self.backlog.prove(before(now.at, now.since(life)), &self.scribe);
            }
            Some(life) => self.gone(life, false),
        }
        self.follow()
    }

    /// A connection ended by itself after it was joined for `joined`.
    fn lost(&mut self, end: DisconnectReason, ticket: &Ticket, joined: Duration) -> State {
        tracing::debug!(profile = %self.profile, %end, "the connection ended");
        match end {
            DisconnectReason::TokenRefused(why) => {
                let retry = current(&mut self.wish).retry;
                return State::Resting(Rest::Refused { number: ticket.number, retry, why });
            }
            // The next connection may well end the same way, however long this one held: no reset.
            DisconnectReason::TooLarge { size, limit } => self.cannot_read(&end, Some(next_limit(size, limit))),
            DisconnectReason::NotUtf8 => self.cannot_read(&end, None),
            _ if joined >= STABLE => {
                self.backoff.reset();
                self.losses.reset();
            }
            _ => {}
        }
        let policy_closes = self.policy_closes.count(&end, joined);
        self.failed(ConnectionFailure::Ended(end), policy_closes)
    }

    /// Tells the scribe that a joined connection is gone.
    fn gone(&mut self, last: Life, message: bool) {
        let news = Presence::Lost { last, now: self.clocks.now(), message };
        self.backlog.tell(news, &self.scribe);
    }

    /// The wish once it has changed. What waits for the scribe is handed over meanwhile. Can be dropped at any time.
    async fn changed(&mut self) -> Wish {
        loop {
            tokio::select! {
                wish = changed(&mut self.wish) => return wish,
                () = self.backlog.hand_over(&self.scribe), if !self.backlog.is_empty() => {}
            }
        }
    }

    /// Hands everything over that waits for the scribe.
    async fn hand_all_over(&mut self) {
        while !self.backlog.is_empty() {
            self.backlog.hand_over(&self.scribe).await;
        }
    }

    /// Has a sign of life written down, where there is room for that. Without it the next run's gap begins earlier.
    fn prove(&self, life: Life) -> bool {
        let Some(room) = self.scribe.room_now() else { return false };
        let now = self.clocks.now();
        Scribe::prove(room, before(now.at, now.since(life)));
        true
    }

    /// A state as the window and `watch` see it.
    fn public_state(&self, state: &State) -> ConnectionState {
        match state {
            State::Resting(Rest::SignedOut) => ConnectionState::SignedOut,
            State::Resting(Rest::Offline) | State::Ended => ConnectionState::Offline,
            State::Resting(Rest::Refused { why, .. }) => ConnectionState::TokenRefused { why: why.clone() },
            State::Waiting(waiting) => ConnectionState::Reconnecting {
                at: waiting.until.into_std(),
                attempt: self.backoff.failures(),
                why: waiting.why.clone(),
            },
            State::Connecting(_) => ConnectionState::Connecting,
            State::Joining(_) => ConnectionState::Joining,
            State::Live(_) => ConnectionState::Live,
            State::Leaving(_) => ConnectionState::Leaving,
        }
    }

    /// Tells the window and the engine.
    async fn announce(&self, state: ConnectionState) {
        self.outbox.update(self.profile, |status| status.set_connection(state.clone()));
        let report = Report::Connection { profile: self.profile, ticket: self.ticket, state };
        if self.reports.send(report).await.is_err() {
            tracing::debug!("the engine is stopping");
        }
    }
}

/// Ends when a leave that begins now has taken too long. The program may be told to end in the middle of it.
async fn too_long(mut wish: watch::Receiver<Wish>) {
    let quitting = async {
        if wish.wait_for(|wish| matches!(wish.aim, Aim::Stopped)).await.is_err() {
            tracing::debug!("nobody wishes for this session any more");
        }
        tokio::time::sleep(QUIT_LEAVE_BUDGET).await;
    };
    tokio::select! {
        () = quitting => {}
        () = tokio::time::sleep(LEAVE_BUDGET) => {}
    }
}

/// The wish as it is now. One that nobody holds any more is the wish to stop.
fn current(wish: &mut watch::Receiver<Wish>) -> Wish {
    let orphaned = wish.has_changed().is_err();
    let mut now = wish.borrow_and_update().clone();
    if orphaned {
        now.aim = Aim::Stopped;
    }
    now
}

/// The wish once it has changed. Can be dropped at any time without missing a change.
async fn changed(wish: &mut watch::Receiver<Wish>) -> Wish {
    if wish.changed().await.is_err() {
        tracing::debug!("nobody wishes for this session any more");
    }
    current(wish)
}

#[cfg(test)]
mod tests;
