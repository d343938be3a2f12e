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
use super::fields::{Caller, Fields};

/// `POST /device/request-unique-identifier`
pub(crate) async fn request_id(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    fields: Fields,
) -> Result<Response, Refusal> {
    let mut check = fields.check();
    let name = check.text("deviceName").to_owned();
    check.finish()?;
    let clock = backend.clock;
    super::command::command(&backend, profile, move |state, profile, command, now| {
        let id = format!("dev-{}", Uuid::new_v4().simple());
        state.devices.request(profile, id, command, name, clock.utc(now)).map(|()| Value::Null)
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
pub(crate) async fn approve(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    fields: Fields,
) -> Result<Response, Refusal> {
    let id = device_id(&fields)?;
    super::command::command(&backend, profile, move |state, profile, _, _| {
        state.devices.approve(profile, &id).map(|()| Value::Null)
    })
}

/// `POST /device/reject-device`
pub(crate) async fn reject(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    fields: Fields,
) -> Result<Response, Refusal> {
    let id = device_id(&fields)?;
    super::command::command(&backend, profile, move |state, profile, _, _| {
        state.devices.reject(profile, &id).map(|()| Value::Null)
    })
}

/// `POST /device/configure-meta`
pub(crate) async fn configure(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    fields: Fields,
) -> Result<Response, Refusal> {
    let id = device_id(&fields)?;
    let name = fields.optional("displayName").map(Into::into);
    let tags = fields.optional("tags").map(str::to_owned);
    super::command::command(&backend, profile, move |state, profile, _, _| {
        state.devices.configure(profile, &id, name, tags.as_deref()).map(|()| Value::Null)
    })
}

/// `POST /device/remove`
pub(crate) async fn remove(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    fields: Fields,
) -> Result<Response, Refusal> {
    let id = device_id(&fields)?;
    super::command::command(&backend, profile, move |state, profile, _, _| {
        state.devices.remove(profile, &id).map(|()| Value::Null)
    })
}

/// `POST /device/download-device-configuration`
pub(crate) async fn configuration(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    fields: Fields,
) -> Result<Response, Refusal> {
    let id = device_id(&fields)?;
    let state = backend.state();
    let configuration = state.devices.configuration(&profile, &id);
    let configuration = configuration.ok_or(Refusal::NotFound("The profile has no approved device with this id."))?;
    Ok(Json(configuration).into_response())
}

/// `GET /device/retrieve-profile-devices`
pub(crate) async fn list(State(backend): State<Arc<Backend>>, Caller(profile): Caller) -> Response {
    Json(backend.state().devices.list(&profile)).into_response()
}

fn device_id(fields: &Fields) -> Result<String, Refusal> {
    let mut check = fields.check();
    let id = check.text("deviceId").to_owned();
    check.finish()?;
    Ok(id)
}
