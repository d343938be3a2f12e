//! Family `device`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::protocol::CommandId;
use crate::sandbox::backend::Backend;

use super::answers::Refusal;
use super::command::Call;
use super::fields::Caller;

/// `POST /device/request-unique-identifier`
pub(crate) async fn request_id(call: Call) -> Result<Response, Refusal> {
    let name = call.required("deviceName")?;
    let clock = call.backend.clock;
    call.command(move |state, profile, command, now| {
        let id = format!("dev-{}", Uuid::new_v4().simple());
        state.devices.request(profile, id, command, name, clock.utc(now))
    })
}

/// `GET /device/retrieve-device-id/{commandId}`
pub(crate) async fn retrieve_id(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    Path(command): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let state = backend.state();
    let id = state.devices.requested(&profile, &CommandId::from(command.as_str()));
    let id = id.ok_or(Refusal::NotFound("No device came of this command, or not yet."))?;
    Ok(Json(json!({"deviceId": id})))
}

/// `POST /device/approve-device`
pub(crate) async fn approve(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    call.command(move |state, profile, _, _| state.devices.approve(profile, &id))
}

/// `POST /device/reject-device`
pub(crate) async fn reject(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    call.command(move |state, profile, _, _| state.devices.reject(profile, &id))
}

/// `POST /device/configure-meta`
pub(crate) async fn configure(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    let name = call.fields.optional("displayName").map(Into::into);
    let tags = call.fields.optional("tags").map(str::to_owned);
    call.command(move |state, profile, _, _| state.devices.configure(profile, &id, name, tags.as_deref()))
}

/// `POST /device/remove`
pub(crate) async fn remove(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    call.command(move |state, profile, _, _| state.devices.remove(profile, &id))
}

/// `POST /device/download-device-configuration`
pub(crate) async fn configuration(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    let state = call.backend.state();
    let configuration = state.devices.configuration(&call.profile, &id);
    let configuration = configuration.ok_or(Refusal::NotFound("The profile has no approved device with this id."))?;
    Ok(Json(configuration).into_response())
}

/// `GET /device/retrieve-profile-devices`
pub(crate) async fn list(State(backend): State<Arc<Backend>>, Caller(profile): Caller) -> Response {
    Json(backend.state().devices.list(&profile)).into_response()
}
