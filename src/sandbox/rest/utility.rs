//! Family `utility`: health and a command's status.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::protocol::CommandId;
use crate::sandbox::backend::Backend;

use super::answers::Refusal;
use super::fields::{Bearer, token};

/// `GET /health`
pub(crate) async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /request-status/{commandId}` answers as documented, `POST` as live servers do: one word in an array.
///
/// A command that was sent without a token (registering a profile) can be checked without one.
pub(crate) async fn request_status(
    State(backend): State<Arc<Backend>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let (mut parts, _body) = request.into_parts();
    let asker = if token(&parts).is_some() {
        Some(Bearer::from_request_parts(&mut parts, &backend).await?.profile)
    } else {
        None
    };
    let id = CommandId::from(id.as_str());
    let state = backend.state();
    let Some(command) = state.commands.visible_to(&id, asker.as_ref()) else {
        return Err(if asker.is_some() {
            Refusal::NotFound("This profile has no such command.")
        } else {
            Refusal::Unauthorized("The header X-DPT-AUTHORIZATION is missing.")
        });
    };
    Ok(if parts.method == Method::POST {
        Json(json!([command.status.word()])).into_response()
    } else {
        Json(json!({"commandId": id, "command_status": command.status.number(), "body": command.body})).into_response()
    })
}
