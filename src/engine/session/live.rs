//! The joined state, in which messages arrive.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;

use crate::engine::events::connection_reason::DisconnectReason;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::status::ConnectionHealth;
use crate::engine::runtime::clock::ClockSample;
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::engine::storage::journal_writer::{Closed, JournalWriter, WritePermit};
use crate::protocol::{ChannelId, CorrelationId, Reply};

use super::connection::{Connection, FrameEvent, refuses_token};
use super::desired_state::DesiredState;
use super::heartbeat::{Heartbeat, HeartbeatAction};
use super::join::answers;
use super::state::{Leaving, LiveConnection, Session, State, changed, current};

/// How long sending a ping may take. If it takes longer, the server no longer reads.
const SEND_BUDGET: Duration = Duration::from_secs(10);
/// How often keep-alives are reported at most.
const PULSE: Duration = Duration::from_secs(1);
/// How often a sign of life is recorded.
const PROOF: Duration = Duration::from_mins(1);
/// How late a due timer may fire. If it is later, this process was suspended.
const LATE: Duration = Duration::from_secs(2);

/// What ended a step's wait.
enum Happened {
    Wish(DesiredState),
    HandedOver,
    Look,
    Room(Result<WritePermit, Closed>),
    Frame(FrameEvent),
}

enum Step {
    Stay,
    Leave,
    Lost(DisconnectReason),
}

impl LiveConnection {
    /// A connection that was joined just now, at `since`.
    pub(crate) fn new(
        connection: Connection,
        asked: CorrelationId,
        channel: Option<ChannelId>,
        since: ClockSample,
    ) -> Self {
        let now = Instant::now();
        Self {
            connection,
            asked,
            channel,
            joined: now,
            life: since,
            beat: Heartbeat::new(now),
            round_trip: None,
            pong: None,
            keep_alives: 0,
            told: None,
            proved: None,
        }
    }
}

impl Session {
    /// Reads until the connection ends or the desired state changes.
    pub(crate) async fn live(&mut self, mut live: Box<LiveConnection>) -> State {
        let start = current(&mut self.desired_state);
        let mut next =
            if start.wants(&live.connection.session_credentials) && start.message_limit == live.connection.limit {
                Step::Stay
            } else {
                Step::Leave
            };
        let mut woken = start.woken;
        let mut room = None;
        loop {
            match next {
                Step::Stay => {}
                Step::Leave => {
                    return State::Leaving(Box::new(Leaving {
                        connection: live.connection,
                        channel: live.channel,
                        life: Some(live.life),
                    }));
                }
                Step::Lost(end) => {
                    let (session_credentials, joined) =
                        (live.connection.session_credentials.clone(), live.joined.elapsed());
                    self.gone(live.life, end.lost_message().is_some());
                    drop(live);
                    return self.lost(end, &session_credentials, joined);
                }
            }
            next = self.step(&mut live, &mut room, &mut woken).await;
        }
    }

    /// Waits for one event and handles it.
    async fn step(&mut self, live: &mut LiveConnection, room: &mut Option<WritePermit>, woken: &mut u64) -> Step {
        let began = Instant::now();
        let look = live.beat.next(began);
        let reads = room.is_some();
        let mut decoded_batch = DecodedBatch::default();
        let happened = tokio::select! {
            biased;
            desired_state = changed(&mut self.desired_state) => Happened::Wish(desired_state),
            // Without room in the journal nothing is read, so the silence says nothing about the server.
            () = tokio::time::sleep_until(look), if reads => Happened::Look,
            () = self.backlog.hand_over(&self.config.journal_writer), if !self.backlog.is_empty() => Happened::HandedOver,
            got = self.config.journal_writer.room(), if !reads && self.backlog.is_empty() => Happened::Room(got),
            first = live.connection.next(&mut decoded_batch), if reads => Happened::Frame(first),
        };
        let late = Instant::now().saturating_duration_since(if reads { look.max(began) } else { began }) > LATE;
        if late {
            // This process was suspended, or could not read because the journal writer had no room.
            tracing::debug!(profile = %self.config.profile, reads, "the socket was not read for a while");
            live.beat.doubt_after_pause();
        }
        match happened {
            Happened::Wish(desired_state) => {
                if desired_state.woken != *woken {
                    *woken = desired_state.woken;
                    live.beat.doubt_after_sleep();
                }
                // A connection keeps the limit that it was opened with.
                if desired_state.wants(&live.connection.session_credentials)
                    && desired_state.message_limit == live.connection.limit
                {
                    Step::Stay
                } else {
                    Step::Leave
                }
            }
            Happened::HandedOver => Step::Stay,
            Happened::Look => self.beat(live, room).await,
            Happened::Room(Ok(got)) => {
                *room = Some(got);
                live.beat.heard(Instant::now());
                Step::Stay
            }
            // Nothing can be stored any more, and what can't be stored must not be taken from the server.
            Happened::Room(Err(_closed)) => Step::Leave,
            Happened::Frame(first) => {
                let end = self.gather(live, first, &mut decoded_batch);
                hand_over(decoded_batch, room);
                end.map_or(Step::Stay, Step::Lost)
            }
        }
    }

    /// Does what the heartbeat asks for.
    async fn beat(&mut self, live: &mut LiveConnection, room: &mut Option<WritePermit>) -> Step {
        match live.beat.due(Instant::now()) {
            HeartbeatAction::Nothing => Step::Stay,
            HeartbeatAction::Dead => self.look_once_more(live, room, DisconnectReason::Dead, false).await,
            HeartbeatAction::Ping(payload) => {
                match tokio::time::timeout(SEND_BUDGET, live.connection.ping(payload)).await {
                    Ok(Ok(())) => Step::Stay,
                    Ok(Err(end)) => self.look_once_more(live, room, end, true).await,
                    Err(_elapsed) => self.look_once_more(live, room, DisconnectReason::Dead, true).await,
                }
            }
        }
    }

    /// Reads the receive buffer before a connection is given up: an acknowledgement is sent only once, and the missing sign of life
    /// may be there. `broken` means that the connection ends in any case.
    async fn look_once_more(
        &mut self,
        live: &mut LiveConnection,
        room: &mut Option<WritePermit>,
        end: DisconnectReason,
        broken: bool,
    ) -> Step {
        // Lets the runtime poll its sockets: after a pause it may not know yet that data arrived.
        tokio::task::yield_now().await;
        if broken {
            // The socket was not read while it was written to.
            live.beat.doubt_after_pause();
        }
        let mut decoded_batch = DecodedBatch::default();
        let Some(first) = live.connection.next(&mut decoded_batch).now_or_never() else { return Step::Lost(end) };
        let found = self.gather(live, first, &mut decoded_batch);
        hand_over(decoded_batch, room);
        match found {
            Some(found) => Step::Lost(found),
            None if broken => Step::Lost(end),
            None => Step::Stay,
        }
    }

    /// Takes the first frame and all that have already arrived, up to a full batch.
    fn gather(
        &mut self,
        live: &mut LiveConnection,
        first: FrameEvent,
        decoded_batch: &mut DecodedBatch,
    ) -> Option<DisconnectReason> {
        let now = Instant::now();
        let mut heard = Some(first);
        let mut end = None;
        while let Some(frame) = heard {
            end = self.take(live, frame, now);
            let ready = end.is_none() && !decoded_batch.is_full();
            heard = if ready { live.connection.next(decoded_batch).now_or_never() } else { None };
        }
        if !matches!(end, Some(DisconnectReason::Broken | DisconnectReason::Closed { .. })) || !decoded_batch.is_empty()
        {
            self.note_life(live, now);
        }
        if !decoded_batch.is_empty() {
            self.pace.message(now);
        }
        end
    }

    /// Notes that something arrived. It proves that the connection lives, unless it may have waited in the receive buffer in a pause.
    fn note_life(&self, live: &mut LiveConnection, now: Instant) {
        let newest = self.config.clocks.now();
        if !live.beat.is_in_doubt() && !newest.slept_since(live.life).is_zero() {
            live.beat.doubt_after_sleep();
        }
        if live.beat.is_in_doubt() {
            return;
        }
        live.life = newest;
        if live.proved.is_none_or(|proved| now >= proved + PROOF) && self.prove(newest) {
            live.proved = Some(now);
        }
    }

    fn take(&self, live: &mut LiveConnection, heard: FrameEvent, now: Instant) -> Option<DisconnectReason> {
        live.beat.heard(now);
        match heard {
            FrameEvent::Entry | FrameEvent::Ping => None,
            FrameEvent::KeepAlive => {
                live.keep_alives = live.keep_alives.saturating_add(1);
                if live.told.is_none_or(|told| now >= told + PULSE) {
                    self.pulse(live, now);
                }
                None
            }
            FrameEvent::Pong(payload) => {
                live.pong = Some(now);
                let doubted = live.beat.is_in_doubt();
                if let Some(round_trip) = live.beat.pong(&payload, now) {
                    if doubted {
                        // The connection survived the pause and keeps the order, so nothing was missed.
                        live.life = self.config.clocks.now();
                    }
                    live.round_trip = Some(round_trip);
                    self.pulse(live, now);
                }
                None
            }
            FrameEvent::Reply(reply) if reply.is_ok() => None,
            FrameEvent::Reply(reply) => self.refused(live, reply),
            FrameEvent::End(end) => Some(end),
        }
    }

    /// A refusal on a joined connection. Only the join was requested over it, so only a refusal of the token ends it.
    fn refused(&self, live: &LiveConnection, reply: Reply) -> Option<DisconnectReason> {
        if refuses_token(reply.status) && answers(&reply, &live.asked) {
            return Some(DisconnectReason::of_refusal(reply));
        }
        let reason = NoticeReason::UnexpectedReply { status: reply.status, words: reply.text.unwrap_or_default() };
        self.config.event_sender.notice(Notice::new(Severity::Warning, Some(self.config.profile), reason));
        None
    }

    fn pulse(&self, live: &mut LiveConnection, now: Instant) {
        live.told = Some(now);
        let health = ConnectionHealth {
            round_trip: live.round_trip,
            keep_alives: live.keep_alives,
            pong: live.pong.map(Instant::into_std),
            message: self.pace.last().map(Instant::into_std),
            usual: self.pace.usual(),
        };
        self.config.event_sender.update(self.config.profile, |status| status.health = health);
    }
}

fn hand_over(decoded_batch: DecodedBatch, room: &mut Option<WritePermit>) {
    if !decoded_batch.is_empty()
        && let Some(room) = room.take()
    {
        JournalWriter::write(room, decoded_batch);
    }
}
