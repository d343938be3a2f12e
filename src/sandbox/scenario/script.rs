//! Writes the demo's episodes from a seed. Pure: it uses no clock, no queue and no state.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use uuid::Builder;

use crate::protocol::{CommandId, RequestId};
use crate::sandbox::outcomes::data_request::Announcement;
use crate::sandbox::state::data::FileMeta;
use crate::sandbox::state::reason::Reason;

use super::vocabulary::{BUSY, CALM, CommandSample, KINDS, PROGRESS, Subject};

/// Sizes of inline payloads in bytes, and of streamed ones in megabytes.
const INLINE: std::ops::Range<u64> = 60..3_000;
const STREAMED_MB: std::ops::Range<u64> = 5..50;

/// How often something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// About one outcome per second.
    Busy,
    /// About one outcome in four seconds.
    Calm,
}

/// One event of the demo.
pub(crate) enum ScriptedEvent {
    /// A command starts; `shows_pending` says whether clients receive it as pending.
    Started { id: CommandId, shows_pending: bool },
    /// Clients receive the command as pending once more.
    StillPending { id: CommandId, body: Value },
    /// A command settles.
    Settled { id: CommandId, outcome: Result<Value, Reason> },
    /// A progress message for data that is being prepared.
    Progress { request: RequestId, context: &'static str, text: &'static str },
    /// A payload inside a message.
    Inline { request: RequestId, context: &'static str, seed: u64, len: u64 },
    /// A payload to download.
    Streamed {
        request: RequestId,
        context: &'static str,
        file_name: Option<String>,
        seed: u64,
        len: u64,
        announcement: Announcement,
    },
    /// The link with this `auth` is good from this message on.
    Ready { auth: String, message: Value },
    /// A message that is sent unchanged.
    Raw(Value),
}

/// A data token that the profile has from the start.
pub(crate) struct SampleData {
    pub(crate) meta: FileMeta,
    pub(crate) seed: u64,
    pub(crate) len: u64,
    pub(crate) age_millis: u64,
}

/// The events of an episode, each with its delay from the episode's start.
pub(crate) type Schedule = Vec<(Duration, ScriptedEvent)>;

/// One profile's script.
pub(crate) struct Script {
    pace: Pace,
    rng: Rng,
    streamed: u64,
}

impl Script {
    /// A script derived from the seed.
    pub(crate) fn new(pace: Pace, seed: u64) -> Self {
        Self { pace, rng: Rng::with_seed(seed), streamed: 0 }
    }

    /// The data tokens that exist from the start.
    pub(crate) fn stock(&mut self) -> Vec<SampleData> {
        let count = match self.pace {
            Pace::Busy => 42,
            Pace::Calm => 9,
        };
        (1..=count)
            .map(|n| {
                let Subject { context, stem, extension } = *self.subject();
                let large = self.rng.u8(0..3) == 0;
                let len = if large { self.megabytes() } else { self.rng.u64(INLINE) };
                let meta = FileMeta {
                    file_name: format!("{stem}-{n:03}.{extension}"),
                    extension: extension.into(),
                    context: context.into(),
                    // Encryption adds the IV and the tag.
                    size: len.saturating_sub(28),
                };
                let age_millis = self.rng.u64(60_000..90 * 24 * 3_600_000);
                SampleData { meta, seed: self.rng.u64(..), len, age_millis }
            })
            .collect()
    }

    /// A dense start, so that a newly opened window is not empty: at least 25 messages within `length`.
    pub(crate) fn opening(&mut self, length: Duration) -> Schedule {
        let mut events = Vec::new();
        for n in 0..16 {
            let id = self.command_id();
            let at = length.mul_f64(self.rng.f64() * 0.6);
            let settled = at + length.mul_f64(0.05 + self.rng.f64() * 0.3);
            let outcome = self.outcome();
            events.push((at, ScriptedEvent::Started { id: id.clone(), shows_pending: n % 2 == 0 }));
            events.push((settled, ScriptedEvent::Settled { id, outcome }));
        }
        events.push((length.mul_f64(0.8), ScriptedEvent::Raw(self.unrecognised())));
        for quick in [self.inline(), self.streamed(), self.streamed()] {
            // Scales the episode's own times down to the opening.
            let longest = quick.iter().map(|(at, _)| *at).max().unwrap_or_default().max(Duration::from_millis(1));
            let squeeze = length.mul_f64(0.6).div_duration_f64(longest).min(1.0);
            events.extend(quick.into_iter().map(|(at, event)| (at.mul_f64(squeeze), event)));
        }
        events
    }

    /// The time until the next episode.
    pub(crate) fn gap(&mut self) -> Duration {
        let millis = match self.pace {
            Pace::Busy => self.rng.u64(350..1_500),
            Pace::Calm => self.rng.u64(1_800..6_000),
        };
        Duration::from_millis(millis)
    }

    /// The next episode.
    pub(crate) fn episode(&mut self) -> Schedule {
        match self.rng.u8(0..100) {
            0..=72 => self.command(Duration::ZERO),
            73..=76 => self.burst(),
            77..=85 => self.inline(),
            86..=93 => self.streamed(),
            94..=96 => vec![(Duration::ZERO, ScriptedEvent::Raw(self.unrecognised()))],
            _ => vec![(Duration::ZERO, ScriptedEvent::Raw(self.keep_alive()))],
        }
    }

    /// One command that begins at `start`.
    fn command(&mut self, start: Duration) -> Schedule {
        let id = self.command_id();
        let shows_pending = self.rng.u8(0..10) < 7;
        let mut events = vec![(start, ScriptedEvent::Started { id: id.clone(), shows_pending })];
        let mut at = start + self.millis(200..2_500);
        if self.rng.u8(0..8) == 0 {
            events.push((
                at,
                ScriptedEvent::StillPending { id: id.clone(), body: "Waiting for approval by quorum".into() },
            ));
            at += self.millis(1_000..6_000);
        }
        events.push((at, ScriptedEvent::Settled { id, outcome: self.outcome() }));
        events
    }

    /// Many commands at once, as from a batch job.
    fn burst(&mut self) -> Schedule {
        let count = self.rng.u64(6..20);
        (0..count).flat_map(|n| self.command(Duration::from_millis(n * 25))).collect()
    }

    /// Data inside a message.
    fn inline(&mut self) -> Schedule {
        let request = self.request_id();
        let context = self.subject().context;
        let (mut events, at) = self.progress(&request, context);
        let (seed, len) = (self.rng.u64(..), self.rng.u64(INLINE));
        events.push((at, ScriptedEvent::Inline { request, context, seed, len }));
        events
    }

    /// Data to download.
    fn streamed(&mut self) -> Schedule {
        let request = self.request_id();
        let Subject { context, stem, extension } = *self.subject();
        let (mut events, at) = self.progress(&request, context);
        let announcement = Announcement::in_turn(self.streamed);
        self.streamed += 1;
        // Some servers do not name the file.
        let file_name = (self.rng.u8(0..6) > 0).then(|| format!("{stem}.{extension}"));
        let (seed, len) = (self.rng.u64(..), self.megabytes());
        events.push((at, ScriptedEvent::Streamed { request, context, file_name, seed, len, announcement }));
        events
    }

    /// One to three progress messages for data being prepared, and the time at which the data is ready.
    fn progress(&mut self, request: &RequestId, context: &'static str) -> (Schedule, Duration) {
        let mut at = Duration::ZERO;
        let mut events = Vec::new();
        let first = self.rng.usize(0..PROGRESS.len());
        for text in PROGRESS.iter().cycle().skip(first).take(self.rng.usize(1..4)) {
            events.push((at, ScriptedEvent::Progress { request: request.clone(), context, text }));
            at += self.millis(300..2_000);
        }
        (events, at)
    }

    /// A command's outcome: one in eight fails.
    fn outcome(&mut self) -> Result<Value, Reason> {
        let CommandSample { success, failures } = pick(&mut self.rng, &KINDS);
        if self.rng.u8(0..8) == 0 {
            return Err(*pick(&mut self.rng, failures));
        }
        Ok(match self.rng.u8(0..20) {
            0..=9 => "Command completed successfully".into(),
            10..=15 => (*success).into(),
            16..=18 => Value::Null,
            // The body may be any JSON.
            _ => json!({"message": success, "storageDevices": self.rng.u8(1..5)}),
        })
    }

    /// A message type that clients do not know (yet).
    fn unrecognised(&mut self) -> Value {
        let id = self.uuid();
        match self.rng.u8(0..3) {
            0 => {
                json!({"data": {"type": "X-DPT-DEVICE-ATTESTATION", "id": id, "body": {"deviceName": "phone-a", "trusted": true}}})
            }
            1 => {
                json!({"data": {"type": "X-DPT-VOTING-POOL", "id": id, "ballots": {"for": 2, "against": 0, "open": 1}}})
            }
            _ => {
                json!({"data": {"type": "X-DPT-POLICY-NOTICE", "id": id, "body": "Policy high-assurance-exchange was reviewed."}})
            }
        }
    }

    /// A message without an id, which is not an event.
    fn keep_alive(&mut self) -> Value {
        if self.rng.bool() {
            json!({"type": "keep-alive"})
        } else {
            json!({"data": {"type": "TELEMETRY", "load": f64::from(self.rng.u8(0..100)) / 100.0}})
        }
    }

    fn subject(&mut self) -> &'static Subject {
        match self.pace {
            Pace::Busy => pick(&mut self.rng, &BUSY),
            Pace::Calm => pick(&mut self.rng, &CALM),
        }
    }

    fn megabytes(&mut self) -> u64 {
        self.rng.u64(STREAMED_MB) * 1_000_000 + self.rng.u64(0..1_000_000)
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.u64(range))
    }

    fn command_id(&mut self) -> CommandId {
        CommandId::new(self.uuid())
    }

    fn request_id(&mut self) -> RequestId {
        RequestId::new(self.uuid())
    }

    fn uuid(&mut self) -> String {
        Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid().to_string()
    }
}

/// A random element.
#[expect(clippy::indexing_slicing, reason = "the vocabularies are constants and none is empty; a test holds that")]
fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(0..from.len())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn message_count(events: &Schedule) -> usize {
        events.iter().filter(|(_, event)| !matches!(event, ScriptedEvent::Started { shows_pending: false, .. })).count()
    }

    #[test]
    fn the_opening_tells_at_least_25_messages_in_its_time() {
        for seed in 0..200 {
            let length = Duration::from_secs(2);
            let events = Script::new(Pace::Busy, seed).opening(length);
            assert!(events.iter().all(|(at, _)| *at <= length), "an event of the opening comes after it (seed {seed})");
            assert!(message_count(&events) >= 25, "only {} messages (seed {seed})", message_count(&events));
        }
    }

    #[test]
    fn no_vocabulary_is_empty() {
        assert!(KINDS.iter().all(|kind| !kind.failures.is_empty()));
        assert!(!BUSY.is_empty() && !CALM.is_empty() && !PROGRESS.is_empty());
    }

    #[test]
    fn every_command_that_starts_is_settled_later() {
        let mut script = Script::new(Pace::Busy, 3);
        let (mut failed, mut settled_in_all) = (0, 0);
        for _ in 0..2_000 {
            let events = script.episode();
            let mut started = BTreeSet::new();
            let mut settled = BTreeSet::new();
            for (at, event) in events {
                match event {
                    ScriptedEvent::Started { id, .. } => assert!(started.insert((id, at)), "a command started twice"),
                    ScriptedEvent::Settled { id, outcome } => {
                        failed += usize::from(outcome.is_err());
                        settled.insert((id, at));
                    }
                    _ => {}
                }
            }
            assert_eq!(started.len(), settled.len());
            for ((id, start), (same, end)) in started.iter().zip(&settled) {
                assert_eq!(id, same);
                assert!(start < end, "a command was settled before it started");
            }
            settled_in_all += settled.len();
        }
        assert!(failed * 20 > settled_in_all && failed * 4 < settled_in_all, "{failed} of {settled_in_all} failed");
    }

    #[test]
    fn the_stream_has_every_kind_of_message() {
        let mut script = Script::new(Pace::Busy, 11);
        let (mut inline, mut raw) = (false, false);
        let mut announced = [false; 4];
        for _ in 0..500 {
            for (_, event) in script.episode() {
                match event {
                    ScriptedEvent::Inline { len, .. } => inline |= INLINE.contains(&len),
                    ScriptedEvent::Streamed { len, announcement, .. } => {
                        assert!((5_000_000..50_000_000).contains(&len), "{len} bytes");
                        announced[match announcement {
                            Announcement::Link => 0,
                            Announcement::TokenThenId => 1,
                            Announcement::TokenThenRequestId => 2,
                            Announcement::TokenThenStreamUrl => 3,
                            Announcement::Token => panic!("the demo's forms take turns"),
                        }] = true;
                    }
                    ScriptedEvent::Raw(_) => raw = true,
                    _ => {}
                }
            }
        }
        assert!(inline && raw && announced == [true; 4], "{inline} {raw} {announced:?}");
    }

    #[test]
    fn the_same_seed_writes_the_same_script() {
        let ids = |seed| {
            let mut script = Script::new(Pace::Calm, seed);
            (0..50)
                .flat_map(|_| script.episode())
                .filter_map(|(at, event)| match event {
                    ScriptedEvent::Settled { id, .. } => Some((at, id)),
                    _ => None,
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }
}
