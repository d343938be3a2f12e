//! Replays a file: what a monitor exported, or what was written by hand in the same form.
//!
//! The file's names of profiles are user names; one that the sandbox does not have is registered. The replay begins when the
//! first client has joined one of these profiles, and lasts as long as the file says. Where the file has a masked secret,
//! clients receive a fresh one. Each line also sets the state that `request-status` tells.

mod line;
mod message;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::sleep_until;

use crate::sandbox::backend::Backend;
use crate::sandbox::error::SandboxError;
use crate::sandbox::faults::Fault;
use crate::sandbox::faults::connections::ConnectionFault;
use crate::sandbox::faults::types::Limit;
use crate::sandbox::payload::{Content, Payload, generate};
use crate::sandbox::proxy::frames::QueuedFrame;
use crate::sandbox::proxy::messages;
use crate::sandbox::state::commands::CommandStatus;
use crate::sandbox::state::profiles::ProfileId;

use message::{Progress, ReplayAction};

/// The size of a payload whose size the recording does not tell.
const PAYLOAD: u64 = 100_000;

/// How long a gap waits until what comes before it was delivered.
const DELIVERING: Duration = Duration::from_secs(10);

/// What happens, in order.
pub(crate) struct Recording {
    /// The user names that occur.
    usernames: BTreeSet<String>,
    steps: Vec<Step>,
}

/// What happens to one profile at one time.
struct Step {
    /// After the beginning. Never less than that of the step before.
    after: Duration,
    username: String,
    act: ReplayAction,
}

/// Reads a recording. Blocks on the disk.
pub(crate) fn read_file(path: &Path) -> Result<Recording, SandboxError> {
    let bytes = std::fs::read(path).map_err(|source| SandboxError::ScriptFile { path: path.to_owned(), source })?;
    read(&bytes).map_err(|(line, reason)| SandboxError::ScriptLine { path: path.to_owned(), line, reason })
}

/// Reads a recording's lines. The error has the line's number, from 1.
fn read(bytes: &[u8]) -> Result<Recording, (usize, String)> {
    let (mut usernames, mut steps) = (BTreeSet::new(), Vec::new());
    let mut progress = Progress::default();
    let (mut began, mut after) = (None, Duration::ZERO);
    for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
        let text = std::str::from_utf8(line).map_err(|_invalid| (number, "it is not UTF-8".to_owned()))?;
        // Excel and others begin a file with this mark.
        let text = if number == 1 { text.trim_start_matches('\u{feff}') } else { text }.trim();
        if text.is_empty() {
            continue;
        }
        let line = line::RecordedLine::read(text).map_err(|reason| (number, reason))?;
        if let Some(at) = line.begins_at() {
            let began = *began.get_or_insert(at);
            after = after.max(Duration::try_from(at.duration_since(began)).unwrap_or_default());
        }
        let act = message::act_of(&line, &mut progress).map_err(|reason| (number, reason))?;
        usernames.insert(line.username().to_owned());
        steps.push(Step { after, username: line.username().to_owned(), act });
    }
    Ok(Recording { usernames, steps })
}

/// Registers the recording's profiles, and replays it once a client has joined one of them.
pub(crate) fn start(backend: &Arc<Backend>, recording: &Arc<Recording>) {
    for username in &recording.usernames {
        let mut state = backend.state();
        if state.profiles.named(username).is_none() {
            let id = profile_id(username);
            let key = crate::sandbox::state::public_key(&mut state.rng);
            let registered = state
                .profiles
                .register(id.clone(), username, crate::sandbox::PASSWORD)
                .and_then(|()| state.profiles.set_public_key(&id, key));
            if let Err(reason) = registered {
                tracing::warn!(reason, "a profile of the script was not registered");
            }
        }
    }
    backend.spawn_work("replay of a script", play(Arc::clone(backend), Arc::clone(recording)));
}

/// The id of a registered profile: always the same for one name, so that a durable queue keeps its name.
fn profile_id(username: &str) -> ProfileId {
    // FNV-1a.
    let hash = username
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ProfileId::new(&format!("prf-{:032x}", fastrand::Rng::with_seed(hash).u128(..)))
}

async fn play(backend: Arc<Backend>, recording: Arc<Recording>) {
    let profiles: Vec<ProfileId> = {
        let state = backend.state();
        recording.usernames.iter().filter_map(|username| state.profiles.named(username)).collect()
    };
    backend.hub.until_joined(&profiles).await;
    let started = backend.clock.now();
    let mut announced = UnreadyLinks::new();
    for Step { after, username, act } in &recording.steps {
        sleep_until(started + *after).await;
        let profile = backend.state().profiles.named(username);
        if let Some(profile) = profile {
            perform(&backend, &profile, act, &mut announced).await;
        }
    }
    tracing::info!("the script has been replayed");
}

/// The links of bare tokens that are not ready yet, by profile and request.
type UnreadyLinks = BTreeMap<(ProfileId, String), Vec<String>>;

async fn perform(backend: &Backend, profile: &ProfileId, act: &ReplayAction, announced: &mut UnreadyLinks) {
    match act {
        ReplayAction::Command { id, status, body } => {
            if let Some(status) = CommandStatus::of_number(*status) {
                backend.state().commands.set(id, profile, status, body.clone());
            }
            let body = unmasked(backend, profile, body);
            publish(backend, profile, &messages::numbered(id, *status, &body)).await;
        }
        ReplayAction::Checked { id, outcome } => match outcome {
            Some((status, body)) => backend.state().commands.set(id, profile, *status, body.clone()),
            None => backend.state().commands.forget(id),
        },
        ReplayAction::Text { request, context, body } => {
            let body = unmasked(backend, profile, body);
            publish(backend, profile, &messages::data(request, context, 0, &body)).await;
        }
        ReplayAction::Inline { request, context, size } => {
            let seed = backend.state().rng.u64(..);
            let body = STANDARD.encode(generate(seed, *size));
            publish(backend, profile, &messages::data_text(request, context, &body)).await;
        }
        ReplayAction::Link { request, context } => {
            let link = backend.download_link(&fresh_link(backend));
            publish(backend, profile, &messages::data_stream(request, context, &link)).await;
        }
        ReplayAction::Token { request, context } => {
            let payload = invented(backend);
            let token = backend.state().links.announce(payload, None, backend.clock.now());
            publish(backend, profile, &messages::data_stream(request, context, &token)).await;
            announced.entry((profile.clone(), request.as_str().to_owned())).or_default().push(token);
        }
        ReplayAction::Ready { request, with_link } => {
            let link = with_link.then(|| backend.download_link(&fresh_link(backend)));
            let tokens = announced.remove(&(profile.clone(), request.as_str().to_owned()));
            for token in tokens.into_iter().flatten() {
                backend.open_link(&token);
            }
            publish(backend, profile, &messages::stream_ready(request, &["id"], link.as_deref())).await;
        }
        ReplayAction::Raw { text, size } => {
            let token = backend.state().profiles.newest_token(profile).map(str::to_owned);
            let text = secrets::fresh(text, token.as_deref(), *size);
            backend.publish_text(profile, QueuedFrame::Text(text).queued()).await;
        }
        ReplayAction::Frame(frame) => {
            backend.publish_text(profile, frame.clone().queued()).await;
        }
        ReplayAction::Gap { lasting } => {
            // A client that reads nothing does not keep the gap from coming.
            if tokio::time::timeout(DELIVERING, backend.hub.until_delivered(profile)).await.is_err() {
                tracing::warn!("a gap of the script came before all messages were delivered");
            }
            let limit = Limit::During(*lasting);
            let refuse = Fault::RefuseJoins { status: 503, limit };
            let refused = backend.faults.inject(refuse, Some(profile), backend.clock.now());
            if refused.is_err() {
                tracing::warn!("too many faults are armed, so a gap of the script is shorter");
            }
            backend.faults.connections.inject(Some(profile), None, &ConnectionFault::Cut);
        }
    }
}

async fn publish(backend: &Backend, profile: &ProfileId, message: &Value) {
    backend.publish(profile, message).await;
}

/// A link to a payload of its own.
fn fresh_link(backend: &Backend) -> String {
    let payload = invented(backend);
    backend.grant_download(payload)
}

fn invented(backend: &Backend) -> Payload {
    let content = Content::Generated { seed: backend.state().rng.u64(..), len: PAYLOAD };
    Payload { content, file_name: None }
}

/// A message's body with fresh secrets.
fn unmasked(backend: &Backend, profile: &ProfileId, body: &Value) -> Value {
    match body {
        Value::String(text) => {
            let token = backend.state().profiles.newest_token(profile).map(str::to_owned);
            Value::String(secrets::fresh(text, token.as_deref(), None))
        }
        other => other.clone(),
    }
}
