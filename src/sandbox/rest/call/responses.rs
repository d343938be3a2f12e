//! Responses of the API: accepted commands and refusals.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::protocol::RequestId;
use crate::sandbox::backend::{Busy, PendingCommand};
use crate::sandbox::state::reason::Reason;

/// The header that carries a command id.
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
    /// The credentials of an OAuth application are missing or wrong.
    UnknownApplication(&'static str),
    /// The body could not be read.
    Unreadable(&'static str),
    /// The body is too large.
    TooLarge(&'static str),
    /// The content type does not fit the body.
    MediaType(&'static str),
    /// The endpoint has another method.
    Method,
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
        let challenge = match self {
            Self::UnknownApplication(_) => "Basic realm=\"privicore\"",
            _ => "Bearer realm=\"privicore\"",
        };
        let (status, body) = match self {
            Self::Unauthorized(message) | Self::UnknownApplication(message) => {
                (StatusCode::UNAUTHORIZED, json!({"error": "Unauthorized", "message": message}))
            }
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, json!({"error": "Forbidden", "message": message})),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, json!({"error": "Not found", "message": message})),
            Self::Conflict(reason) => (StatusCode::CONFLICT, json!({"error": "Conflict", "message": reason})),
            Self::Invalid(errors) => (StatusCode::UNPROCESSABLE_ENTITY, json!({"errors": errors})),
            Self::Unreadable(message) => (StatusCode::BAD_REQUEST, json!({"error": "Bad request", "message": message})),
            Self::TooLarge(message) => {
                (StatusCode::PAYLOAD_TOO_LARGE, json!({"error": "Payload too large", "message": message}))
            }
            Self::MediaType(message) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, json!({"error": "Unsupported media type", "message": message}))
            }
            Self::Method => {
                let message = "The endpoint has another method: the header Allow names it.";
                (StatusCode::METHOD_NOT_ALLOWED, json!({"error": "Method not allowed", "message": message}))
            }
            Self::Busy => {
                let message = "Too many commands are on their way. Try again in a moment.";
                (StatusCode::SERVICE_UNAVAILABLE, json!({"error": "Service unavailable", "message": message}))
            }
        };
        let mut answer = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        answer
    }
}

/// `202` with the command id in the body and in the header.
pub(crate) fn accepted(command: &mut PendingCommand) -> Response {
    let headers = ids([(COMMAND_ID, command.id.as_str())]);
    answer_of(command, (StatusCode::ACCEPTED, headers, Json(json!({"commandId": command.id}))))
}

/// `202` of `request-data`: the command id and the request id, both in the headers and in the body.
pub(crate) fn requested(command: &mut PendingCommand, request: &RequestId) -> Response {
    let headers = ids([(COMMAND_ID, command.id.as_str()), (REQUEST_ID, request.as_str())]);
    let body = Json(json!({"commandId": command.id, "requestId": request}));
    answer_of(command, (StatusCode::ACCEPTED, headers, body))
}

/// The server drops a response's extensions once it has written the head, and if the client has gone before.
fn answer_of(command: &mut PendingCommand, parts: impl IntoResponse) -> Response {
    let mut answer = parts.into_response();
    answer.extensions_mut().insert(command.answer());
    answer
}

fn ids<const N: usize>(ids: [(HeaderName, &str); N]) -> HeaderMap {
    // Ids are UUIDs, which are valid header values, so none is left out.
    ids.into_iter().filter_map(|(name, id)| HeaderValue::from_str(id).ok().map(|id| (name, id))).collect()
}
