//! A REST call that starts a command.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::response::Response;
use tokio::time::Instant;

use crate::protocol::CommandId;
use crate::sandbox::backend::Backend;
use crate::sandbox::state::State;
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::reason::Reason;

use super::answers::{Refusal, accepted};
use super::fields::{Caller, Fields};

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
}

/// Accepts a profile's command. When it settles, `effect` determines its outcome.
pub(crate) fn command(
    backend: &Arc<Backend>,
    profile: ProfileId,
    effect: impl FnOnce(&mut State, &ProfileId, CommandId, Instant) -> Result<(), Reason> + Send + 'static,
) -> Result<Response, Refusal> {
    let command = backend.accept(Some(profile.clone()))?;
    let id = command.id.clone();
    let answer = accepted(&id);
    let effect = move |state: &mut State, now| effect(state, &profile, id, now);
    backend.settle_later(command, Box::new(effect), |_| None);
    Ok(answer)
}
