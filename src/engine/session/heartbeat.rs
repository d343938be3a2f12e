//! Detects a dead connection: it pings after 15 s of silence and gives up 10 s later. Any frame from the server counts as alive.
//!
//! Pure: it receives events with their times and returns what is due. The clock is tokio's monotonic one, which stops while the
//! machine sleeps; call [`Heartbeat::doubt_after_sleep`] when it wakes.

use std::time::Duration;

use tokio::time::Instant;

/// Silence after which a ping is sent.
const SILENCE: Duration = Duration::from_secs(15);
/// How long the server may take to reply.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same after the machine woke: the peer is probably gone.
const PATIENCE_AFTER_SLEEP: Duration = Duration::from_secs(3);
/// How often the round trip is measured while messages arrive.
const MEASURE: Duration = Duration::from_mins(1);

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeartbeatAction {
    /// Send a ping with this payload.
    Ping([u8; 8]),
    /// The connection is dead.
    Dead,
    Nothing,
}

/// The heartbeat of one connection.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    heard: Instant,
    pinged: Option<(u64, Instant)>,
    measured: Option<Instant>,
    dead_at: Option<Instant>,
    doubt: Option<Doubt>,
    count: u64,
}

/// The connection may have died while it was not read. Frames in the receive buffer may then be old: only the reply to a
/// ping that was sent afterwards proves that nothing was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// A ping is due at once. Its reply may take this long.
    Ask(Duration),
    /// The ping was sent.
    Asked,
}

impl Heartbeat {
    /// Starts the heartbeat of a connection that was just joined. The first ping is due at once, to measure the round trip.
    pub(crate) fn new(now: Instant) -> Self {
        Self { heard: now, pinged: None, measured: None, dead_at: None, doubt: None, count: 0 }
    }

    /// Notes that a frame arrived. It does not clear a doubt, because it may have been sent before the pause.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.dead_at = None;
    }

    /// Notes a pong. Returns the round trip if it replies to the last ping.
    pub(crate) fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        self.heard(now);
        let (count, sent) = self.pinged?;
        if payload != count.to_be_bytes() {
            return None;
        }
        self.pinged = None;
        self.doubt = None;
        Some(now.saturating_duration_since(sent))
    }

    /// Call after the machine slept: pings at once, with a shorter timeout.
    pub(crate) fn doubt_after_sleep(&mut self) {
        self.doubt(PATIENCE_AFTER_SLEEP);
    }

    /// Call after the socket was not read for a while: pings at once.
    pub(crate) fn doubt_after_pause(&mut self) {
        self.doubt(PATIENCE);
    }

    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    fn doubt(&mut self, patience: Duration) {
        self.dead_at = None;
        // The reply to an earlier ping proves nothing, and gives no round trip.
        self.pinged = None;
        self.doubt = Some(Doubt::Ask(patience));
    }

    /// When [`Self::due`] has to be called next.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        match (self.doubt, self.dead_at, self.measured) {
            (Some(Doubt::Ask(_)), None, _) | (_, None, None) => now,
            (_, Some(dead_at), _) => dead_at,
            (_, None, Some(measured)) => (self.heard + SILENCE).min(measured + MEASURE),
        }
    }

    /// What is due now. A ping that is returned counts as sent.
    pub(crate) fn due(&mut self, now: Instant) -> HeartbeatAction {
        if let Some(dead_at) = self.dead_at {
            return if now >= dead_at { HeartbeatAction::Dead } else { HeartbeatAction::Nothing };
        }
        if let Some(Doubt::Ask(patience)) = self.doubt {
            self.doubt = Some(Doubt::Asked);
            self.dead_at = Some(now + patience);
        } else if now >= self.heard + SILENCE {
            self.dead_at = Some(now + PATIENCE);
        } else if self.measured.is_some_and(|measured| now < measured + MEASURE) {
            return HeartbeatAction::Nothing;
        }
        self.count = self.count.wrapping_add(1);
        self.pinged = Some((self.count, now));
        self.measured = Some(now);
        HeartbeatAction::Ping(self.count.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_asked_after_15_s_and_dead_after_25() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        assert!(matches!(beat.due(beat.next(start)), HeartbeatAction::Ping(_)), "the first one measures");
        assert_eq!(beat.next(start), start + seconds(15));
        assert_eq!(beat.due(start + seconds(14)), HeartbeatAction::Nothing);
        assert!(matches!(beat.due(start + seconds(15)), HeartbeatAction::Ping(_)));
        assert_eq!(beat.next(start), start + seconds(25));
        assert_eq!(beat.due(start + seconds(24)), HeartbeatAction::Nothing);
        assert_eq!(beat.due(start + seconds(25)), HeartbeatAction::Dead);
    }

    #[tokio::test(start_paused = true)]
    async fn any_frame_is_life() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        assert!(matches!(beat.due(start), HeartbeatAction::Ping(_)));
        assert!(matches!(beat.due(start + seconds(15)), HeartbeatAction::Ping(_)));
        beat.heard(start + seconds(24));
        assert_eq!(beat.due(start + seconds(25)), HeartbeatAction::Nothing);
        assert_eq!(beat.next(start), start + seconds(39));
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_answer_to_the_last_ping_is_a_round_trip() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        let HeartbeatAction::Ping(first) = beat.due(start) else { panic!("no ping") };
        let HeartbeatAction::Ping(second) = beat.due(start + seconds(15)) else { panic!("no ping") };
        assert_eq!(beat.pong(&first, start + seconds(16)), None);
        assert_eq!(beat.pong(b"other", start + seconds(16)), None);
        assert_eq!(beat.pong(&second, start + seconds(16)), Some(seconds(1)));
        assert_eq!(beat.pong(&second, start + seconds(17)), None, "once");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_sleep_it_asks_at_once_and_waits_three_seconds() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        assert!(matches!(beat.due(start), HeartbeatAction::Ping(_)));
        beat.doubt_after_sleep();
        assert_eq!(beat.next(start + seconds(1)), start + seconds(1));
        assert!(matches!(beat.due(start + seconds(1)), HeartbeatAction::Ping(_)));
        assert_eq!(beat.due(start + seconds(4)), HeartbeatAction::Dead);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_answer_to_a_ping_that_was_sent_after_a_pause_ends_the_doubt() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        let HeartbeatAction::Ping(before) = beat.due(start) else { panic!("no ping") };
        beat.doubt_after_pause();
        beat.heard(start + seconds(1));
        assert_eq!(beat.pong(&before, start + seconds(1)), None, "it was sent before the pause");
        assert!(beat.is_in_doubt(), "what lay in the buffer proves nothing");
        assert_eq!(beat.next(start + seconds(1)), start + seconds(1), "it does not ask");
        let HeartbeatAction::Ping(after) = beat.due(start + seconds(1)) else { panic!("no ping") };
        beat.heard(start + seconds(2));
        assert!(beat.is_in_doubt());
        assert_eq!(beat.pong(&after, start + seconds(2)), Some(seconds(1)));
        assert!(!beat.is_in_doubt());
    }

    #[tokio::test(start_paused = true)]
    async fn the_round_trip_is_measured_once_a_minute_while_messages_come() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        let mut pings = 0;
        for second in 0..600 {
            let now = start + seconds(second);
            beat.heard(now);
            if matches!(beat.due(now), HeartbeatAction::Ping(_)) {
                pings += 1;
            }
        }
        assert_eq!(pings, 10);
    }
}
