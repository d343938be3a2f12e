//! Family `storage`: the devices that payloads are distributed to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;

use crate::sandbox::backend::Backend;

use super::call::command::Call;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::Caller;
use super::call::responses::Refusal;

const READ: Access = Access::Scope("storage:read");
const WRITE: Access = Access::Scope("storage:write");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post("storage.register-storage-device", "/storage/register", Phase::AsyncCommand, WRITE, |method| {
        on(method, register)
    }),
    Endpoint::get("storage.list-storage-devices", "/storage/list-storage-devices", READ, |method| on(method, list)),
    Endpoint::post("storage.remove-storage", "/storage/remove", Phase::AsyncCommand, WRITE, |method| {
        on(method, remove)
    }),
    Endpoint::post("storage.synchronize-device", "/storage/sync-device", Phase::AsyncCommand, WRITE, |method| {
        on(method, synchronise)
    })
    .of_the_sandbox(),
];

async fn register(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    let clock = call.backend.clock;
    call.command(move |state, profile, _, now| {
        state.storage.register(profile, id, &state.devices, &state.data, clock.utc(now))
    })
}

async fn list(State(backend): State<Arc<Backend>>, Caller(profile): Caller) -> Response {
    let state = backend.state();
    Json(state.storage.list(&profile, &state.devices, &state.data)).into_response()
}

async fn remove(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    call.command(move |state, profile, _, _| state.storage.remove(profile, &id))
}

/// Accepts the device as `deviceId`, like the other endpoints, or as `deviceIdentifier`, as the vendor's pages name it.
async fn synchronise(call: Call) -> Result<Response, Refusal> {
    let id = call.required(if call.fields.has("deviceIdentifier") { "deviceIdentifier" } else { "deviceId" })?;
    let clock = call.backend.clock;
    call.command(move |state, profile, _, now| state.storage.synchronise(profile, &id, clock.utc(now)))
}
