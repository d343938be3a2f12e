//! The REST API, as described by the vendor's API description. Each family lists its endpoints.
//!
//! Writes are checked (422), authorised (401, 403) and accepted (202). Their outcome is determined when they settle, from the
//! state at that moment, and published on the socket.

pub(crate) mod call;
pub(crate) mod control;
pub(crate) mod data_token;
pub(crate) mod device;
#[cfg(test)]
mod isolation;
pub(crate) mod oauth;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod public_key;
pub(crate) mod storage;
pub(crate) mod utility;
pub(crate) mod verified_authenticator;
pub(crate) mod voting;

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::header::{CACHE_CONTROL, DATE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::json;

use crate::sandbox::faults::types::HttpRefusal;

use super::backend::Backend;

use call::endpoint::Endpoint;
use call::fields;
use call::responses::Refusal;

/// Every endpoint of the REST API, family by family. Those that control the sandbox itself are not among them.
pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    let families = [
        utility::ENDPOINTS,
        profile::ENDPOINTS,
        public_key::ENDPOINTS,
        data_token::ENDPOINTS,
        device::ENDPOINTS,
        storage::ENDPOINTS,
        verified_authenticator::ENDPOINTS,
        voting::ENDPOINTS,
        policy::ENDPOINTS,
        oauth::ENDPOINTS,
    ];
    families.into_iter().flatten()
}

/// Serves every endpoint, and those with which the sandbox itself is controlled.
pub(crate) fn router(backend: Arc<Backend>, control: Router<Arc<Backend>>) -> Router {
    let api = endpoints().fold(Router::new(), |router, endpoint| endpoint.add_to(router));
    let api = api.fallback(unknown).method_not_allowed_fallback(wrong_method);
    api.layer(middleware::from_fn_with_state(Arc::clone(&backend), apply_faults)).merge(control).with_state(backend)
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
    // Many answers carry tokens, and none is good for long.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
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

async fn wrong_method() -> Refusal {
    Refusal::Method
}

async fn unknown() -> Refusal {
    Refusal::NotFound("The sandbox has no such endpoint.")
}
