//! The state in which messages arrive.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;

use crate::engine::clocks::Life;
use crate::engine::event::{Event, Notice, Severity};
use crate::engine::reading::Harvest;
use crate::engine::scribe::{Room, Scribe};
use crate::protocol::ChannelId;

use super::connection::{Connection, End, Heard};
use super::heartbeat::{Beat, Heartbeat};
use super::{Leaving, Session, State, changed, current};

/// How long a ping may take to be sent. Longer, and the server reads nothing any more.
const SEND_BUDGET: Duration = Duration::from_secs(10);
/// How often keep-alives are told at most.
const PULSE: Duration = Duration::from_secs(1);

/// A joined connection.
pub(super) struct Live {
    connection: Connection,
    channel: Option<ChannelId>,
    joined: Instant,
    /// When it last gave a sign of life.
    life: Life,
    beat: Heartbeat,
    round_trip: Option<Duration>,
    /// When the last answer to a ping came.
    pong: Option<Instant>,
    keep_alives: u64,
    told: Option<Instant>,
}

/// What to do after a step.
enum Next {
    Stay,
    Leave,
    Lost(End),
}

impl Live {
    /// A connection that was joined just now, at `since`.
    pub(super) fn new(connection: Connection, channel: Option<ChannelId>, since: Life) -> Self {
        let now = Instant::now();
        Self {
            connection,
            channel,
            joined: now,
            life: since,
            beat: Heartbeat::new(now),
            round_trip: None,
            pong: None,
            keep_alives: 0,
            told: None,
        }
    }
}

impl Session {
    /// Reads until the connection ends or the wish is another.
    pub(super) async fn live(&mut self, mut live: Box<Live>) -> State {
        let start = current(&mut self.wish);
        let mut next = if start.wants(&live.connection.ticket) && start.message_limit == live.connection.limit {
            Next::Stay
        } else {
            Next::Leave
        };
        let mut woken = start.woken;
        let mut room = None;
        loop {
            match next {
                Next::Stay => {}
                Next::Leave => {
                    return State::Leaving(Box::new(Leaving {
                        connection: live.connection,
                        channel: live.channel,
                        joined: true,
                    }));
                }
                Next::Lost(end) => {
                    let (ticket, joined) = (live.connection.ticket.clone(), live.joined.elapsed());
                    self.gone(live.life);
                    drop(live);
                    return self.lost(&end, &ticket, joined);
                }
            }
            next = self.step(&mut live, &mut room, &mut woken).await;
        }
    }

    /// Waits for one thing and does it.
    async fn step(&mut self, live: &mut Live, room: &mut Option<Room>, woken: &mut u64) -> Next {
        let look = live.beat.next(Instant::now());
        let mut harvest = Harvest::default();
        tokio::select! {
            biased;
            wish = changed(&mut self.wish) => {
                if wish.woken != *woken {
                    *woken = wish.woken;
                    live.beat.doubt();
                }
                // A connection has the limit that it was opened with.
                if wish.wants(&live.connection.ticket) && wish.message_limit == live.connection.limit {
                    Next::Stay
                } else {
                    Next::Leave
                }
            }
            // Without room nothing is read: then the silence is ours and says nothing about the server.
            () = tokio::time::sleep_until(look), if room.is_some() => beat(live).await,
            got = self.scribe.room(), if room.is_none() => match got {
                Ok(got) => {
                    *room = Some(got);
                    live.beat.heard(Instant::now());
                    Next::Stay
                }
                // Nothing can be kept any more, and what can't be kept must not be taken from the server.
                Err(_closed) => Next::Leave,
            },
            first = live.connection.next(&mut harvest), if room.is_some() => {
                let end = self.gather(live, first, &mut harvest);
                if !harvest.is_empty()
                    && let Some(room) = room.take()
                {
                    Scribe::write(room, harvest);
                }
                end.map_or(Next::Stay, Next::Lost)
            }
        }
    }

    /// Takes the first frame and everything that is there already, up to a full harvest.
    fn gather(&mut self, live: &mut Live, first: Heard, harvest: &mut Harvest) -> Option<End> {
        let now = Instant::now();
        let mut heard = Some(first);
        let mut end = None;
        while let Some(frame) = heard {
            end = self.take(live, frame, now);
            let ready = end.is_none() && !harvest.is_full();
            heard = if ready { live.connection.next(harvest).now_or_never() } else { None };
        }
        if !matches!(end, Some(End::Broken | End::Closed { .. })) || !harvest.is_empty() {
            live.life = self.clocks.soon_after(live.life);
        }
        if !harvest.is_empty() {
            self.pace.message(now);
        }
        end
    }

    fn take(&self, live: &mut Live, heard: Heard, now: Instant) -> Option<End> {
        live.beat.heard(now);
        match heard {
            Heard::Entry | Heard::Ping => None,
            Heard::KeepAlive => {
                live.keep_alives = live.keep_alives.saturating_add(1);
                if live.told.is_none_or(|told| now >= told + PULSE) {
                    self.pulse(live, now);
                }
                None
            }
            Heard::Pong(payload) => {
                live.pong = Some(now);
                if let Some(round_trip) = live.beat.pong(&payload, now) {
                    live.round_trip = Some(round_trip);
                    self.pulse(live, now);
                }
                None
            }
            Heard::Reply(reply) if reply.is_ok() => None,
            Heard::Reply(reply) => match End::of_refusal(reply) {
                refused @ End::TokenRefused { .. } => Some(refused),
                other => {
                    self.outbox.notice(Notice::new(
                        Severity::Warning,
                        Some(self.profile),
                        format!("{other} The connection stays open."),
                    ));
                    None
                }
            },
            Heard::End(end) => Some(end),
        }
    }

    fn pulse(&self, live: &mut Live, now: Instant) {
        live.told = Some(now);
        self.outbox.post(Event::Pulse {
            profile: self.profile,
            round_trip: live.round_trip,
            keep_alives: live.keep_alives,
            pong: live.pong.map(Instant::into_std),
            message: self.pace.last().map(Instant::into_std),
            usual: self.pace.usual(),
        });
    }
}

/// Does what the heartbeat says.
async fn beat(live: &mut Live) -> Next {
    match live.beat.due(Instant::now()) {
        Beat::Nothing => Next::Stay,
        Beat::Dead => Next::Lost(End::Dead),
        Beat::Ping(payload) => match tokio::time::timeout(SEND_BUDGET, live.connection.ping(payload)).await {
            Ok(Ok(())) => Next::Stay,
            Ok(Err(end)) => Next::Lost(end),
            Err(_elapsed) => Next::Lost(End::Dead),
        },
    }
}
