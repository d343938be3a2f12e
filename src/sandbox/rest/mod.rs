//! The REST API, as described by `PROTOCOL` ("REST") and the vendor's endpoint reference, for the families `utility`,
//! `profile`, `public-key`, `data-token` and `device`.
//!
//! Writes are checked (422), authorised (401) and accepted (202). Their outcome is determined when they settle, from the
//! state at that moment, and published on the socket.

pub(crate) mod answers;
pub(crate) mod command;
pub(crate) mod data_token;
pub(crate) mod device;
pub(crate) mod faults;
pub(crate) mod fields;
pub(crate) mod profile;
pub(crate) mod public_key;
pub(crate) mod utility;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::header::DATE;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use super::backend::Backend;

use answers::Refusal;

/// Every endpoint. The one that injects faults exists only with `faults`.
pub(crate) fn router(backend: Arc<Backend>, faults: bool) -> Router {
    let api = endpoints().layer(middleware::from_fn_with_state(Arc::clone(&backend), late));
    let api = if faults { api.route("/sandbox/faults", post(faults::inject)) } else { api };
    api.with_state(backend)
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

/// Delays a response if a fault says so.
async fn late(Shared(backend): Shared<Arc<Backend>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let whose = fields::token(&parts).and_then(|token| backend.token_owner(token));
    let late = backend.faults.delay(whose.as_ref(), backend.clock.now());
    let mut answer = next.run(Request::from_parts(parts, body)).await;
    if let Some(late) = late {
        tokio::time::sleep(late).await;
    }
    // The sandbox's own clock, which decides expiry, even if the computer's clock was changed meanwhile.
    if let Ok(date) = backend.clock.http(backend.clock.now()).parse() {
        answer.headers_mut().insert(DATE, date);
    }
    answer
}

async fn unknown() -> Refusal {
    Refusal::NotFound("The sandbox has no such endpoint.")
}
