//! A REST call that starts a command.

use std::sync::Arc;

use axum::response::Response;
use serde_json::Value;
use tokio::time::Instant;

use crate::protocol::CommandId;
use crate::sandbox::backend::Backend;
use crate::sandbox::state::State;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

use super::answers::{Refusal, accepted};

/// Accepts a profile's command. When it settles, `effect` determines its outcome.
pub(crate) fn command(
    backend: &Arc<Backend>,
    profile: ProfileId,
    effect: impl FnOnce(&mut State, &ProfileId, CommandId, Instant) -> Result<Value, Reason> + Send + 'static,
) -> Result<Response, Refusal> {
    let command = backend.accept(Some(profile.clone()))?;
    let id = command.id.clone();
    let answer = accepted(&id);
    let effect = move |state: &mut State, now| effect(state, &profile, id, now);
    backend.settle_later(command, Box::new(effect), |_| None);
    Ok(answer)
}
