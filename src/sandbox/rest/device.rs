//! Family `device`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use serde_json::{Value, json};

use crate::protocol::CommandId;
use crate::sandbox::backend::Backend;
use crate::sandbox::state::policies::Event;

use super::call::command::Call;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::{Caller, PathText};
use super::call::responses::Refusal;

const READ: Access = Access::Scope("device:read");
const WRITE: Access = Access::Scope("device:write");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post(
        "device.request-device-id",
        "/device/request-unique-identifier",
        Phase::AsyncCommand,
        WRITE,
        |method| on(method, request_id),
    ),
    Endpoint::get("device.retrieve-device-id", "/device/retrieve-device-id/{commandId}", WRITE, |method| {
        on(method, retrieve_id)
    }),
    Endpoint::post("device.approve-device", "/device/approve-device", Phase::AsyncCommand, WRITE, |method| {
        on(method, approve)
    }),
    Endpoint::post("device.reject-device", "/device/reject-device", Phase::AsyncCommand, WRITE, |method| {
        on(method, reject)
    }),
    Endpoint::post(
        "device.download-device-configuration",
        "/device/download-device-configuration",
        Phase::Sync,
        WRITE,
        |method| on(method, configuration),
    ),
    Endpoint::get("device.retrieve-profile-devices", "/device/retrieve-profile-devices", READ, |method| {
        on(method, list)
    }),
    Endpoint::post("device.configure-device-meta", "/device/configure-meta", Phase::AsyncCommand, WRITE, |method| {
        on(method, configure)
    }),
    Endpoint::post("device.remove-device", "/device/remove", Phase::AsyncCommand, WRITE, |method| on(method, remove)),
];

async fn request_id(call: Call) -> Result<Response, Refusal> {
    let name = call.required("deviceName")?;
    let clock = call.backend.clock;
    let id = format!("dev-{}", call.backend.state().random.id().simple());
    call.command(move |state, profile, command, now| state.devices.request(profile, id, command, name, clock.utc(now)))
}

async fn retrieve_id(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    PathText(command): PathText,
) -> Result<Json<Value>, Refusal> {
    let state = backend.state();
    let id = state.devices.requested(&profile, &CommandId::from(command.as_str()));
    let id = id.ok_or(Refusal::NotFound("No device came of this command, or not yet."))?;
    Ok(Json(json!({"deviceId": id})))
}

async fn approve(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    call.held_command(Event::DeviceApproved, move |state, profile, _, _| state.devices.approve(profile, &id))
}

async fn reject(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    call.command(move |state, profile, _, _| state.devices.reject(profile, &id))
}

async fn configure(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let id = check.text("deviceId").to_owned();
    let name = check.optional("displayName").map(Into::into);
    let tags = call.fields.has("tags").then(|| check.optional_list("tags"));
    check.finish()?;
    call.command(move |state, profile, _, _| state.devices.configure(profile, &id, name, tags))
}

async fn remove(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    call.held_command(Event::DeviceRemoved, move |state, profile, _, now| state.remove_device(profile, &id, now))
}

async fn configuration(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    let state = call.backend.state();
    let configuration = state.devices.configuration(&call.profile, &id);
    let configuration = configuration.ok_or(Refusal::NotFound("The profile has no approved device with this id."))?;
    Ok(Json(configuration).into_response())
}

async fn list(State(backend): State<Arc<Backend>>, Caller(profile): Caller) -> Response {
    let state = backend.state();
    Json(state.devices.list(&profile, |device| state.roles(device))).into_response()
}
