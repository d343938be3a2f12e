//! Messages that appear without clients: the scenario `demo`, or a file that is replayed.
//!
//! In the demo, each profile has a task that plays a script: episodes of events, each of which is a message at its time. An event also
//! updates the backend's state, so `request-status` knows the commands and the links can be downloaded. The script is
//! derived from the seed; its times are on tokio's clock.

pub(crate) mod replay;
pub(crate) mod script;
pub(crate) mod vocabulary;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::sandbox::proxy::messages;
use crate::sandbox::state::commands::CommandStatus;
use crate::sandbox::state::profiles::ProfileId;

use super::backend::Backend;
use super::error::SandboxError;
use super::options::{Options, Scenario};
use super::payload::{Content, Payload, generate};

use replay::Recording;
use script::{Pace, Script, ScriptedEvent};

/// How many messages may wait for a profile that nobody has joined. Beyond that its script pauses; otherwise an operator
/// who joins in the morning would receive tens of thousands.
const MAX_UNDELIVERED: usize = 200;

/// The length of the opening, after which the endless stream begins.
const OPENING: Duration = Duration::from_secs(2);

/// What happens by itself.
pub(crate) enum MessageSource {
    /// The demo, from a seed.
    Demo(u64),
    /// Nothing.
    Quiet,
    /// A recording.
    Replay(Arc<Recording>),
}

impl MessageSource {
    /// The source of messages that the options ask for.
    pub(crate) fn read(options: &Options) -> Result<Self, SandboxError> {
        Ok(match (&options.script, options.scenario) {
            (Some(path), _) => Self::Replay(Arc::new(replay::read_file(path)?)),
            (None, Scenario::Demo) => Self::Demo(options.demo_seed()),
            (None, Scenario::Quiet) => Self::Quiet,
        })
    }

    /// Begins it, at the start and after each reset.
    pub(crate) fn begin(&self, backend: &Arc<Backend>) {
        match self {
            Self::Demo(seed) => start_demo(backend, *seed),
            Self::Quiet => {}
            Self::Replay(recording) => replay::start(backend, recording),
        }
    }
}

/// Starts the demo for both profiles.
fn start_demo(backend: &Arc<Backend>, seed: u64) {
    for (username, pace, seed) in
        [(super::DEMO_USERNAME, Pace::Busy, seed), (super::AUDIT_USERNAME, Pace::Calm, seed.wrapping_add(1))]
    {
        let Some(profile) = backend.state().profiles.named(username) else { continue };
        let mut script = Script::new(pace, seed);
        stock(backend, &profile, &mut script);
        let player = ScriptPlayer::new(Arc::clone(backend), profile);
        backend.spawn_work("scenario of a profile", player.play(script));
    }
}

/// Gives a profile data tokens that clients can request.
fn stock(backend: &Backend, profile: &ProfileId, script: &mut Script) {
    let now = backend.clock.millis(backend.clock.now());
    for sample in script.stock() {
        let created = now.saturating_sub(sample.age_millis);
        let content = Content::Generated { seed: sample.seed, len: sample.len };
        if let Err(reason) = backend.state().data.keep(profile, sample.meta, content, created) {
            tracing::warn!(reason, "a data token of the demo was not kept");
        }
    }
}

/// Plays one profile's script.
struct ScriptPlayer {
    backend: Arc<Backend>,
    profile: ProfileId,
    /// The events to come, by their time and the order in which they were written.
    events: BTreeMap<(Instant, u64), ScriptedEvent>,
    written: u64,
    /// Messages published since someone was last joined.
    undelivered: usize,
}

impl ScriptPlayer {
    fn new(backend: Arc<Backend>, profile: ProfileId) -> Self {
        Self { backend, profile, events: BTreeMap::new(), written: 0, undelivered: 0 }
    }

    /// Plays the script as long as the sandbox runs.
    async fn play(mut self, mut script: Script) {
        let start = self.backend.clock.now();
        self.schedule(start, script.opening(OPENING));
        let mut next_episode = start + OPENING;
        loop {
            let due = self.events.keys().next().map_or(next_episode, |(due, _)| next_episode.min(*due));
            sleep_until(due).await;
            let now = self.backend.clock.now();
            while let Some(event) = self.events.first_entry().filter(|event| event.key().0 <= now) {
                let event = event.remove();
                let later = self.perform(event).await;
                self.schedule(now, later);
            }
            if next_episode <= now {
                if self.undelivered < MAX_UNDELIVERED || self.backend.hub.joined(&self.profile) > 0 {
                    self.schedule(now, script.episode());
                }
                next_episode = now + script.gap();
            }
        }
    }

    fn schedule(&mut self, start: Instant, events: impl IntoIterator<Item = (Duration, ScriptedEvent)>) {
        for (after, event) in events {
            self.events.insert((start + after, self.written), event);
            self.written += 1;
        }
    }

    /// Applies an event to the state and publishes it. Returns the event that follows from it, with its delay.
    async fn perform(&mut self, event: ScriptedEvent) -> Option<(Duration, ScriptedEvent)> {
        match event {
            ScriptedEvent::Started { id, shows_pending } => {
                self.backend.state().commands.start(id.clone(), Some(self.profile.clone()));
                if shows_pending {
                    self.publish(&messages::command(&id, CommandStatus::Pending, &Value::Null)).await;
                }
            }
            ScriptedEvent::StillPending { id, body } => {
                self.publish(&messages::command(&id, CommandStatus::Pending, &body)).await;
            }
            ScriptedEvent::Settled { id, outcome } => {
                let (status, body) = match outcome {
                    Ok(body) => (CommandStatus::Succeeded, body),
                    Err(reason) => (CommandStatus::Failed, Value::from(reason)),
                };
                let message = messages::command(&id, status, &body);
                self.backend.state().commands.settle(&id, status, body);
                self.publish(&message).await;
            }
            ScriptedEvent::Progress { request, context, text } => {
                self.publish(&messages::data_text(&request, context, text)).await;
            }
            ScriptedEvent::Inline { request, context, seed, len } => {
                let body = STANDARD.encode(generate(seed, len));
                self.publish(&messages::data_text(&request, context, &body)).await;
            }
            ScriptedEvent::Streamed { request, context, file_name, seed, len, announcement } => {
                let content = Content::Generated { seed, len };
                let (payload, now) = (Payload { content, file_name }, self.backend.clock.now());
                let auth = self.backend.state().links.announce(payload, None, now);
                let mut announced = announcement.messages(&self.backend, &request, context, &auth).into_iter();
                let first = announced.next();
                let ready = announced.next().map(|message| ScriptedEvent::Ready { auth: auth.clone(), message });
                if ready.is_none() {
                    self.backend.open_link(&auth);
                }
                if let Some(first) = first {
                    self.publish(&first).await;
                }
                return ready.map(|ready| (Duration::from_millis(700), ready));
            }
            ScriptedEvent::Ready { auth, message } => {
                self.backend.open_link(&auth);
                self.publish(&message).await;
            }
            ScriptedEvent::Raw(message) => self.publish(&message).await,
        }
        None
    }

    async fn publish(&mut self, message: &Value) {
        self.undelivered =
            if self.backend.hub.joined(&self.profile) > 0 { 0 } else { self.undelivered.saturating_add(1) };
        self.backend.publish(&self.profile, message).await;
    }
}
