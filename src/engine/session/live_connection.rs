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
use super::join::is_reply_to;
use super::state::{Leaving, LiveConnection, Session, State, changed, current};

/// How long sending a ping may take. If it takes longer, the server no longer reads.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often keep-alives are reported at most.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// How often a sign of life is recorded.
const TOUCH_INTERVAL: Duration = Duration::from_mins(1);
/// How late a due timer may fire. If it is later, this process was suspended.
const SUSPEND_THRESHOLD: Duration = Duration::from_secs(2);

/// What ended a step's wait.
enum Happened {
    DesiredStateChanged(DesiredState),
    BacklogForwarded,
    HeartbeatDue,
    PermitReady(Result<WritePermit, Closed>),
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
        join_correlation: CorrelationId,
        channel: Option<ChannelId>,
        since: ClockSample,
    ) -> Self {
        let now = Instant::now();
        Self {
            connection,
            join_correlation,
            channel,
            joined: now,
            last_life: since,
            heartbeat: Heartbeat::new(now),
            round_trip: None,
            pong: None,
            keep_alives: 0,
            health_published: None,
            touched: None,
        }
    }
}

impl Session {
    /// Reads until the connection ends or the desired state changes.
    pub(crate) async fn live(&mut self, mut live: Box<LiveConnection>) -> State {
        let start = current(&mut self.desired_state);
        let mut next = if start.is_online_with(&live.connection.session_credentials)
            && start.message_limit == live.connection.limit
        {
            Step::Stay
        } else {
            Step::Leave
        };
        let mut woken = start.resume_count;
        let mut permit = None;
        loop {
            match next {
                Step::Stay => {}
                Step::Leave => {
                    return State::Leaving(Box::new(Leaving {
                        connection: live.connection,
                        channel: live.channel,
                        last_life: Some(live.last_life),
                    }));
                }
                Step::Lost(end) => {
                    let (session_credentials, joined) =
                        (live.connection.session_credentials.clone(), live.joined.elapsed());
                    self.report_lost(live.last_life, end.lost_message().is_some());
                    drop(live);
                    return self.on_disconnect(end, &session_credentials, joined);
                }
            }
            next = self.step(&mut live, &mut permit, &mut woken).await;
        }
    }

    /// Waits for one event and handles it.
    async fn step(&mut self, live: &mut LiveConnection, permit: &mut Option<WritePermit>, woken: &mut u64) -> Step {
        let began = Instant::now();
        let heartbeat_due = live.heartbeat.next_due(began);
        let reads = permit.is_some();
        let mut decoded_batch = DecodedBatch::default();
        let happened = tokio::select! {
            biased;
            desired_state = changed(&mut self.desired_state) => Happened::DesiredStateChanged(desired_state),
            // While the journal writer has no free place, nothing is read, so the silence says nothing about the server.
            () = tokio::time::sleep_until(heartbeat_due), if reads => Happened::HeartbeatDue,
            () = self.backlog.forward_next(&self.config.journal_writer), if !self.backlog.is_empty() => Happened::BacklogForwarded,
            got = self.config.journal_writer.reserve(), if !reads && self.backlog.is_empty() => Happened::PermitReady(got),
            first = live.connection.next(&mut decoded_batch), if reads => Happened::Frame(first),
        };
        let late = Instant::now().saturating_duration_since(if reads { heartbeat_due.max(began) } else { began })
            > SUSPEND_THRESHOLD;
        if late {
            // This process was suspended, or could not read because the journal writer had no free place.
            tracing::debug!(profile = %self.config.profile, reads, "the socket was not read for a while");
            live.heartbeat.probe_after_pause();
        }
        match happened {
            Happened::DesiredStateChanged(desired_state) => {
                if desired_state.resume_count != *woken {
                    *woken = desired_state.resume_count;
                    live.heartbeat.probe_after_sleep();
                }
                // A connection keeps the limit that it was opened with.
                if desired_state.is_online_with(&live.connection.session_credentials)
                    && desired_state.message_limit == live.connection.limit
                {
                    Step::Stay
                } else {
                    Step::Leave
                }
            }
            Happened::BacklogForwarded => Step::Stay,
            Happened::HeartbeatDue => self.on_heartbeat(live, permit).await,
            Happened::PermitReady(Ok(got)) => {
                *permit = Some(got);
                live.heartbeat.on_frame(Instant::now());
                Step::Stay
            }
            // Nothing can be stored any more, and what can't be stored must not be taken from the server.
            Happened::PermitReady(Err(_closed)) => Step::Leave,
            Happened::Frame(first) => {
                let end = self.collect_frames(live, first, &mut decoded_batch);
                write_batch(decoded_batch, permit);
                end.map_or(Step::Stay, Step::Lost)
            }
        }
    }

    /// Does what the heartbeat asks for.
    async fn on_heartbeat(&mut self, live: &mut LiveConnection, permit: &mut Option<WritePermit>) -> Step {
        match live.heartbeat.due(Instant::now()) {
            HeartbeatAction::None => Step::Stay,
            HeartbeatAction::Dead => self.drain_receive_buffer(live, permit, DisconnectReason::Dead, false).await,
            HeartbeatAction::Ping(payload) => {
                match tokio::time::timeout(SEND_TIMEOUT, live.connection.ping(payload)).await {
                    Ok(Ok(())) => Step::Stay,
                    Ok(Err(end)) => self.drain_receive_buffer(live, permit, end, true).await,
                    Err(_elapsed) => self.drain_receive_buffer(live, permit, DisconnectReason::Dead, true).await,
                }
            }
        }
    }

    /// Reads the receive buffer before a connection is given up: an acknowledgement is sent only once, and the missing sign of life
    /// may be there. `broken` means that the connection ends in any case.
    async fn drain_receive_buffer(
        &mut self,
        live: &mut LiveConnection,
        permit: &mut Option<WritePermit>,
        end: DisconnectReason,
        broken: bool,
    ) -> Step {
        // Lets the runtime poll its sockets: after a pause it may not know yet that data arrived.
        tokio::task::yield_now().await;
        if broken {
            // The socket was not read while it was written to.
            live.heartbeat.probe_after_pause();
        }
        let mut decoded_batch = DecodedBatch::default();
        let Some(first) = live.connection.next(&mut decoded_batch).now_or_never() else { return Step::Lost(end) };
        let found = self.collect_frames(live, first, &mut decoded_batch);
        write_batch(decoded_batch, permit);
        match found {
            Some(found) => Step::Lost(found),
            None if broken => Step::Lost(end),
            None => Step::Stay,
        }
    }

    /// Takes the first frame and all that have already arrived, up to a full batch.
    fn collect_frames(
        &mut self,
        live: &mut LiveConnection,
        first: FrameEvent,
        decoded_batch: &mut DecodedBatch,
    ) -> Option<DisconnectReason> {
        let now = Instant::now();
        let mut received = Some(first);
        let mut end = None;
        while let Some(frame) = received {
            end = self.handle_frame(live, frame, now);
            let ready = end.is_none() && !decoded_batch.is_full();
            received = if ready { live.connection.next(decoded_batch).now_or_never() } else { None };
        }
        if !matches!(end, Some(DisconnectReason::Broken | DisconnectReason::Closed { .. })) || !decoded_batch.is_empty()
        {
            self.note_sign_of_life(live, now);
        }
        if !decoded_batch.is_empty() {
            self.intervals.add(now);
        }
        end
    }

    /// Notes that something arrived. It proves that the connection lives, unless it may have waited in the receive buffer in a pause.
    fn note_sign_of_life(&self, live: &mut LiveConnection, now: Instant) {
        let newest = self.config.clocks.now();
        if !live.heartbeat.is_probing() && !newest.slept_since(live.last_life).is_zero() {
            live.heartbeat.probe_after_sleep();
        }
        if live.heartbeat.is_probing() {
            return;
        }
        live.last_life = newest;
        if live.touched.is_none_or(|proved| now >= proved + TOUCH_INTERVAL) && self.touch(newest) {
            live.touched = Some(now);
        }
    }

    fn handle_frame(
        &self,
        live: &mut LiveConnection,
        frame_event: FrameEvent,
        now: Instant,
    ) -> Option<DisconnectReason> {
        live.heartbeat.on_frame(now);
        match frame_event {
            FrameEvent::Entry | FrameEvent::Ping => None,
            FrameEvent::KeepAlive => {
                live.keep_alives = live.keep_alives.saturating_add(1);
                if live.health_published.is_none_or(|published| now >= published + HEALTH_INTERVAL) {
                    self.publish_health(live, now);
                }
                None
            }
            FrameEvent::Pong(payload) => {
                live.pong = Some(now);
                let doubted = live.heartbeat.is_probing();
                if let Some(round_trip) = live.heartbeat.on_pong(&payload, now) {
                    if doubted {
                        // The connection survived the pause and keeps the order, so nothing was missed.
                        live.last_life = self.config.clocks.now();
                    }
                    live.round_trip = Some(round_trip);
                    self.publish_health(live, now);
                }
                None
            }
            FrameEvent::Reply(reply) if reply.is_ok() => None,
            FrameEvent::Reply(reply) => self.refusal(live, reply),
            FrameEvent::Ended(end) => Some(end),
        }
    }

    /// A refusal on a joined connection. Only the join was requested over it, so only a refusal of the token ends it.
    fn refusal(&self, live: &LiveConnection, reply: Reply) -> Option<DisconnectReason> {
        if refuses_token(reply.status) && is_reply_to(&reply, &live.join_correlation) {
            return Some(DisconnectReason::of_refusal(reply));
        }
        let reason = NoticeReason::UnexpectedReply { status: reply.status, words: reply.text.unwrap_or_default() };
        self.config.event_sender.send_notice(Notice::new(Severity::Warning, Some(self.config.profile), reason));
        None
    }

    fn publish_health(&self, live: &mut LiveConnection, now: Instant) {
        live.health_published = Some(now);
        let health = ConnectionHealth {
            round_trip: live.round_trip,
            keep_alives: live.keep_alives,
            pong: live.pong.map(Instant::into_std),
            message: self.intervals.last().map(Instant::into_std),
            p95_pause: self.intervals.p95(),
        };
        self.config.event_sender.update(self.config.profile, |status| status.health = health);
    }
}

fn write_batch(decoded_batch: DecodedBatch, permit: &mut Option<WritePermit>) {
    if !decoded_batch.is_empty()
        && let Some(permit) = permit.take()
    {
        JournalWriter::write(permit, decoded_batch);
    }
}
