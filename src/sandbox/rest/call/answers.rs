//! Responses of the API: accepted commands and refusals.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::protocol::{CommandId, RequestId};
use crate::sandbox::backend::Busy;
use crate::sandbox::state::reason::Reason;

/// The header that carries a command id (`PROTOCOL`, "REST").
const COMMAND_ID: HeaderName = HeaderName::from_static("x-dpt-cab-id");

/// The header that carries a request id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-dpt-cab-request-id");

/// A refused request.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No token, an invalid or expired token, or wrong credentials.
    Unauthorized(&'static str),
    /// The token is valid, but not for this call.
    Forbidden(&'static str),
    /// It does not exist, or belongs to another profile.
    NotFound(&'static str),
    /// The current state does not allow it.
    Conflict(Reason),
    /// Missing or wrong fields, each with what is wrong with it.
    Invalid(BTreeMap<&'static str, Vec<&'static str>>),
    /// The body could not be read.
    Unreadable(&'static str),
    /// Too many commands have no outcome yet.
    Busy,
}

impl Refusal {
    pub(crate) const WRONG_PASSWORD: Self = Self::Unauthorized("The username or the password is wrong.");
    pub(crate) const NO_TOKEN: Self = Self::Unauthorized("The header X-DPT-AUTHORIZATION is missing.");
    pub(crate) const NO_PUBLIC_KEY: Self = Self::Unauthorized("No public key is registered for the profile yet.");

    /// A refusal of one wrong field.
    pub(crate) fn field(name: &'static str, wrong: &'static str) -> Self {
        Self::Invalid(BTreeMap::from([(name, vec![wrong])]))
    }
}

impl From<Busy> for Refusal {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Unauthorized(message) => {
                (StatusCode::UNAUTHORIZED, json!({"error": "Unauthorized", "message": message}))
            }
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, json!({"error": "Forbidden", "message": message})),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, json!({"error": "Not found", "message": message})),
            Self::Conflict(reason) => (StatusCode::CONFLICT, json!({"error": "Conflict", "message": reason})),
            Self::Invalid(errors) => (StatusCode::UNPROCESSABLE_ENTITY, json!({"errors": errors})),
            Self::Unreadable(message) => (StatusCode::BAD_REQUEST, json!({"error": "Bad request", "message": message})),
            Self::Busy => {
                let message = "Too many commands are on their way. Try again in a moment.";
                (StatusCode::SERVICE_UNAVAILABLE, json!({"error": "Service unavailable", "message": message}))
            }
        };
        (status, Json(body)).into_response()
    }
}

/// `202` with the command id in the body and in the header.
pub(crate) fn accepted(command: &CommandId) -> Response {
    let headers = ids([(COMMAND_ID, command.as_str())]);
    (StatusCode::ACCEPTED, headers, Json(json!({"commandId": command}))).into_response()
}

/// `202` of `request-data`: the command id and the request id, both in the headers and in the body.
pub(crate) fn requested(command: &CommandId, request: &RequestId) -> Response {
    let headers = ids([(COMMAND_ID, command.as_str()), (REQUEST_ID, request.as_str())]);
    (StatusCode::ACCEPTED, headers, Json(json!({"commandId": command, "requestId": request}))).into_response()
}

fn ids<const N: usize>(ids: [(HeaderName, &str); N]) -> HeaderMap {
    // Ids are UUIDs, which are valid header values, so none is left out.
    ids.into_iter().filter_map(|(name, id)| HeaderValue::from_str(id).ok().map(|id| (name, id))).collect()
}
