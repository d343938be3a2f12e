//! Detects a dead connection: it pings after 15 s of silence and gives up 10 s later. Any frame from the server counts as alive.
//!
//! Pure: it receives events with their times and returns what is due. The clock is tokio's monotonic one, which stops while the
//! machine sleeps; call [`Heartbeat::probe_after_sleep`] when it wakes.

use std::time::Duration;

use tokio::time::Instant;

/// Silence after which a ping is sent.
const PING_AFTER: Duration = Duration::from_secs(15);
/// How long the server may take to reply.
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
/// The same after the machine woke: the peer is probably gone.
const PONG_TIMEOUT_AFTER_SLEEP: Duration = Duration::from_secs(3);
/// How often the round trip is measured while messages arrive.
const MEASURE_INTERVAL: Duration = Duration::from_mins(1);

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeartbeatAction {
    /// Send a ping with this payload.
    Ping([u8; 8]),
    /// The connection is dead.
    Dead,
    None,
}

/// The heartbeat of one connection.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    last_frame: Instant,
    pinged: Option<(u64, Instant)>,
    measured: Option<Instant>,
    dead_at: Option<Instant>,
    probe: Option<Probe>,
    count: u64,
}

/// The connection may have died while it was not read. Frames in the receive buffer may then be old: only the reply to a
/// ping that was sent afterwards proves that nothing was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    /// A ping is due at once. Its reply may take this long.
    Due(Duration),
    /// The ping was sent.
    Sent,
}

impl Heartbeat {
    /// Starts the heartbeat of a connection that was just joined. The first ping is due at once, to measure the round trip.
    pub(crate) fn new(now: Instant) -> Self {
        Self { last_frame: now, pinged: None, measured: None, dead_at: None, probe: None, count: 0 }
    }

    /// Notes that a frame arrived. It does not clear a doubt, because it may have been sent before the pause.
    pub(crate) fn on_frame(&mut self, now: Instant) {
        self.last_frame = now;
        self.dead_at = None;
    }

    /// Notes a pong. Returns the round trip if it replies to the last ping.
    pub(crate) fn on_pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        self.on_frame(now);
        let (count, sent) = self.pinged?;
        if payload != count.to_be_bytes() {
            return None;
        }
        self.pinged = None;
        self.probe = None;
        Some(now.saturating_duration_since(sent))
    }

    /// Call after the machine slept: pings at once, with a shorter timeout.
    pub(crate) fn probe_after_sleep(&mut self) {
        self.begin_probe(PONG_TIMEOUT_AFTER_SLEEP);
    }

    /// Call after the socket was not read for a while: pings at once.
    pub(crate) fn probe_after_pause(&mut self) {
        self.begin_probe(PONG_TIMEOUT);
    }

    pub(crate) fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    fn begin_probe(&mut self, patience: Duration) {
        self.dead_at = None;
        // The reply to an earlier ping proves nothing, and gives no round trip.
        self.pinged = None;
        self.probe = Some(Probe::Due(patience));
    }

    /// When [`Self::due`] has to be called next.
    pub(crate) fn next_due(&self, now: Instant) -> Instant {
        match (self.probe, self.dead_at, self.measured) {
            (Some(Probe::Due(_)), None, _) | (_, None, None) => now,
            (_, Some(dead_at), _) => dead_at,
            (_, None, Some(measured)) => (self.last_frame + PING_AFTER).min(measured + MEASURE_INTERVAL),
        }
    }

    /// What is due now. A ping that is returned counts as sent.
    pub(crate) fn due(&mut self, now: Instant) -> HeartbeatAction {
        if let Some(dead_at) = self.dead_at {
            return if now >= dead_at { HeartbeatAction::Dead } else { HeartbeatAction::None };
        }
        if let Some(Probe::Due(patience)) = self.probe {
            self.probe = Some(Probe::Sent);
            self.dead_at = Some(now + patience);
        } else if now >= self.last_frame + PING_AFTER {
            self.dead_at = Some(now + PONG_TIMEOUT);
        } else if self.measured.is_some_and(|measured| now < measured + MEASURE_INTERVAL) {
            return HeartbeatAction::None;
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
    async fn a_silent_server_is_pinged_after_15_s_and_dead_after_25_s() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        assert!(matches!(beat.due(beat.next_due(start)), HeartbeatAction::Ping(_)), "the first one measures");
        assert_eq!(beat.next_due(start), start + seconds(15));
        assert_eq!(beat.due(start + seconds(14)), HeartbeatAction::None);
        assert!(matches!(beat.due(start + seconds(15)), HeartbeatAction::Ping(_)));
        assert_eq!(beat.next_due(start), start + seconds(25));
        assert_eq!(beat.due(start + seconds(24)), HeartbeatAction::None);
        assert_eq!(beat.due(start + seconds(25)), HeartbeatAction::Dead);
    }

    #[tokio::test(start_paused = true)]
    async fn any_frame_is_a_sign_of_life() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        assert!(matches!(beat.due(start), HeartbeatAction::Ping(_)));
        assert!(matches!(beat.due(start + seconds(15)), HeartbeatAction::Ping(_)));
        beat.on_frame(start + seconds(24));
        assert_eq!(beat.due(start + seconds(25)), HeartbeatAction::None);
        assert_eq!(beat.next_due(start), start + seconds(39));
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_pong_to_the_last_ping_is_a_round_trip() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        let HeartbeatAction::Ping(first) = beat.due(start) else { panic!("no ping") };
        let HeartbeatAction::Ping(second) = beat.due(start + seconds(15)) else { panic!("no ping") };
        assert_eq!(beat.on_pong(&first, start + seconds(16)), None);
        assert_eq!(beat.on_pong(b"other", start + seconds(16)), None);
        assert_eq!(beat.on_pong(&second, start + seconds(16)), Some(seconds(1)));
        assert_eq!(beat.on_pong(&second, start + seconds(17)), None, "once");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_sleep_it_pings_at_once_and_waits_three_seconds() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        assert!(matches!(beat.due(start), HeartbeatAction::Ping(_)));
        beat.probe_after_sleep();
        assert_eq!(beat.next_due(start + seconds(1)), start + seconds(1));
        assert!(matches!(beat.due(start + seconds(1)), HeartbeatAction::Ping(_)));
        assert_eq!(beat.due(start + seconds(4)), HeartbeatAction::Dead);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_pong_to_a_ping_sent_after_a_pause_ends_the_probe() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        let HeartbeatAction::Ping(before) = beat.due(start) else { panic!("no ping") };
        beat.probe_after_pause();
        beat.on_frame(start + seconds(1));
        assert_eq!(beat.on_pong(&before, start + seconds(1)), None, "it was sent before the pause");
        assert!(beat.is_probing(), "what lay in the buffer proves nothing");
        assert_eq!(beat.next_due(start + seconds(1)), start + seconds(1), "it does not ask");
        let HeartbeatAction::Ping(after) = beat.due(start + seconds(1)) else { panic!("no ping") };
        beat.on_frame(start + seconds(2));
        assert!(beat.is_probing());
        assert_eq!(beat.on_pong(&after, start + seconds(2)), Some(seconds(1)));
        assert!(!beat.is_probing());
    }

    #[tokio::test(start_paused = true)]
    async fn the_round_trip_is_measured_once_a_minute_while_messages_arrive() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        let mut pings = 0;
        for second in 0..600 {
            let now = start + seconds(second);
            beat.on_frame(now);
            if matches!(beat.due(now), HeartbeatAction::Ping(_)) {
                pings += 1;
            }
        }
        assert_eq!(pings, 10);
    }
}
