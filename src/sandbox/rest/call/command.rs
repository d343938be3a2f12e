//! A REST call that starts a command.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::protocol::CommandId;
use crate::sandbox::backend::Backend;
use crate::sandbox::outcomes::approval;
use crate::sandbox::state::State;
use crate::sandbox::state::policies::Event;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

use super::fields::{Caller, Fields};
use super::responses::{self, Refusal};

/// A call with fields from a profile in use.
pub(crate) struct Call {
    pub(crate) backend: Arc<Backend>,
    pub(crate) profile: ProfileId,
    pub(crate) fields: Fields,
}

impl FromRequest<Arc<Backend>> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, backend: &Arc<Backend>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let Caller(profile) = Caller::from_request_parts(&mut parts, backend).await?;
        let fields = Fields::from_request(Request::from_parts(parts, body), backend).await?;
        Ok(Self { backend: Arc::clone(backend), profile, fields })
    }
}

impl Call {
    /// The only required field of the call.
    pub(crate) fn required(&self, name: &'static str) -> Result<String, Refusal> {
        let mut check = self.fields.check();
        let text = check.text(name).to_owned();
        check.finish()?;
        Ok(text)
    }

    /// Accepts the call as a command. When it settles, `effect` determines its outcome.
    pub(crate) fn command(
        self,
        effect: impl FnOnce(&mut State, &ProfileId, CommandId, Instant) -> Result<(), Reason> + Send + 'static,
    ) -> Result<Response, Refusal> {
        command(&self.backend, self.profile, effect)
    }

    /// Accepts the call as a command whose outcome carries the new id as `name`.
    pub(crate) fn creation(
        self,
        name: &'static str,
        id: String,
        effect: impl FnOnce(&mut State, &ProfileId, String, Instant) -> Result<(), Reason> + Send + 'static,
    ) -> Result<Response, Refusal> {
        accept(&self.backend, self.profile, None, move |state, profile, _, now| {
            effect(state, profile, id.clone(), now).map(|()| json!({ name: id }))
        })
    }

    /// Accepts the call as a command that waits for the votes that the profile's policies demand for `event`.
    pub(crate) fn held_command(
        self,
        event: Event,
        effect: impl FnOnce(&mut State, &ProfileId, CommandId, Instant) -> Result<(), Reason> + Send + 'static,
    ) -> Result<Response, Refusal> {
        accept(&self.backend, self.profile, Some(event), without_body(effect))
    }
}

/// Accepts a profile's command. When it settles, `effect` determines its outcome.
pub(crate) fn command(
    backend: &Arc<Backend>,
    profile: ProfileId,
    effect: impl FnOnce(&mut State, &ProfileId, CommandId, Instant) -> Result<(), Reason> + Send + 'static,
) -> Result<Response, Refusal> {
    accept(backend, profile, None, without_body(effect))
}

fn without_body(
    effect: impl FnOnce(&mut State, &ProfileId, CommandId, Instant) -> Result<(), Reason> + Send + 'static,
) -> impl FnOnce(&mut State, &ProfileId, CommandId, Instant) -> Result<Value, Reason> + Send + 'static {
    move |state, profile, command, now| effect(state, profile, command, now).map(|()| Value::Null)
}

fn accept(
    backend: &Arc<Backend>,
    profile: ProfileId,
    held_by: Option<Event>,
    effect: impl FnOnce(&mut State, &ProfileId, CommandId, Instant) -> Result<Value, Reason> + Send + 'static,
) -> Result<Response, Refusal> {
    let mut accepted = backend.accept(Some(profile.clone()))?;
    let id = accepted.id.clone();
    let answer = responses::accepted(&mut accepted);
    let settling = Arc::clone(backend);
    backend.spawn_work("outcome of a command", async move {
        settling.report_pending(&mut accepted).await;
        let approved = match held_by {
            Some(event) => approval::wait(&settling, &profile, &mut accepted, event).await,
            None => Ok(()),
        };
        let effect = move |state: &mut State, now| approved.and_then(|()| effect(state, &profile, id, now));
        settling.settle(accepted, Box::new(effect), |_| None).await;
    });
    Ok(answer)
}
