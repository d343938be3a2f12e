//! The REST API, as described by `PROTOCOL` ("REST") and the vendor's endpoint reference, for the families `utility`,
//! `profile`, `public-key`, `data-token` and `device`.
//!
//! Writes are checked (422), authorised (401) and accepted (202). Their outcome is determined when they settle, from the
//! state at that moment, and published on the socket.

pub(crate) mod answers;
pub(crate) mod command;
pub(crate) mod control;
pub(crate) mod data_token;
pub(crate) mod device;
pub(crate) mod fields;
pub(crate) mod profile;
pub(crate) mod public_key;
pub(crate) mod utility;

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::header::{DATE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::sandbox::faults::kinds::HttpRefusal;

use super::backend::Backend;

use answers::Refusal;

/// Every endpoint of the API, and the sandbox's own.
pub(crate) fn router(backend: Arc<Backend>, own: Router<Arc<Backend>>) -> Router {
    endpoints().layer(middleware::from_fn_with_state(Arc::clone(&backend), apply_faults)).merge(own).with_state(backend)
}

fn endpoints() -> Router<Arc<Backend>> {
    Router::new()
        .route("/health", get(utility::health))
        .route("/request-status/{id}", get(utility::request_status).post(utility::request_status))
        .route("/profile/register-profile", post(profile::register))
        .route("/profile/authenticate", post(profile::authenticate))
        .route("/profile/retrieve-profile-id", get(profile::retrieve_id))
        .route("/profile/change-password", post(profile::change_password))
        .route("/profile/generate-token-qr", post(profile::qr_token))
        .route("/profile/authorization-token/expiry", post(profile::token_expiry))
        .route("/profile/reauthorize-authorization-token", post(profile::reauthorize))
        .route("/profile/revoke-authorization-token", post(profile::revoke))
        .route("/public-key/register-public-key", post(public_key::register))
        .route("/public-key/retrieve-public-key", get(public_key::retrieve))
        .route("/dptcab/public-key", get(public_key::retrieve_cab))
        .route("/data-token/reserve-token-space", post(data_token::reserve))
        .route("/data-token/retrieve-temporary-data-token/{id}", get(data_token::retrieve_temporary))
        .route("/data-token/exchange-data-for-token", post(data_token::exchange))
        .route("/data-token/configure-file-meta", post(data_token::configure_file_meta))
        .route("/data-token/request-data", post(data_token::request_data))
        .route("/data-token/list-data-tokens", get(data_token::list))
        .route("/data-token/update-data-token", post(data_token::update))
        .route("/data-token/configure-information-security-risk-meta", post(data_token::configure_risk_meta))
        .route("/data-token/delete-data", post(data_token::delete))
        .route("/device/request-unique-identifier", post(device::request_id))
        .route("/device/retrieve-device-id/{id}", get(device::retrieve_id))
        .route("/device/approve-device", post(device::approve))
        .route("/device/reject-device", post(device::reject))
        .route("/device/configure-meta", post(device::configure))
        .route("/device/remove", post(device::remove))
        .route("/device/download-device-configuration", post(device::configuration))
        .route("/device/retrieve-profile-devices", get(device::list))
        .fallback(unknown)
}

/// Refuses a call or delays its response if a fault says so, and takes as long as the latency says.
async fn apply_faults(Shared(backend): Shared<Arc<Backend>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (whose, now) = (fields::token(&parts).and_then(|token| backend.token_owner(token)), backend.clock.now());
    let late = backend.faults.delay(whose.as_ref(), now).unwrap_or_default() + backend.latency();
    let mut answer = match backend.faults.refuses_call(whose.as_ref(), now) {
        Some(refusal) => refused(refusal),
        None => next.run(Request::from_parts(parts, body)).await,
    };
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
    // The sandbox's own clock, which decides expiry, even if the computer's clock was changed meanwhile.
    if let Ok(date) = backend.clock.http(backend.clock.now()).parse() {
        answer.headers_mut().insert(DATE, date);
    }
    answer
}

/// The answer to a call that a fault refuses.
fn refused(HttpRefusal { status, retry_after }: HttpRefusal) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let error = status.canonical_reason().unwrap_or("Refused");
    let body = Json(json!({"error": error, "message": "The engine takes no calls at the moment."}));
    let mut answer = (status, body).into_response();
    if let Some(retry_after) = retry_after {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    }
    answer
}

async fn unknown() -> Refusal {
    Refusal::NotFound("The sandbox has no such endpoint.")
}
