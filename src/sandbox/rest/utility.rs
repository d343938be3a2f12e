//! Family `utility`: health and a command's status.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use serde_json::{Value, json};

use crate::protocol::CommandId;
use crate::sandbox::backend::Backend;
use crate::sandbox::options::Dialect;
use crate::sandbox::state::commands::CommandStatus;

use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::{Bearer, PathText, token};
use super::call::responses::Refusal;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("utility.check-server-health", "/health", Access::Public, |method| on(method, health)),
    Endpoint::post(
        "utility.request-command-id-status",
        "/request-status/{commandId}",
        Phase::Sync,
        Access::Token,
        |method| on(method, request_status),
    ),
    Endpoint::get("utility.request-command-id-status.by-get", "/request-status/{commandId}", Access::Token, |method| {
        on(method, request_status)
    })
    .of_the_sandbox(),
];

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// In the live dialect whoever knows the id may ask without a token, as a new profile does, and `POST` is answered with one
/// word in an array. In the docs dialect only a command that was sent without a token can be checked without one, and both
/// methods are answered with an object.
async fn request_status(
    State(backend): State<Arc<Backend>>,
    PathText(id): PathText,
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
    let command = match (&asker, backend.dialect) {
        (None, Dialect::Live) => state.commands.get(&id),
        (Some(_), _) | (None, Dialect::Docs) => state.commands.visible_to(&id, asker.as_ref()),
    };
    let Some(command) = command else {
        return Err(if asker.is_none() && backend.dialect == Dialect::Docs {
            Refusal::NO_TOKEN
        } else {
            Refusal::NotFound("There is no such command for this profile.")
        });
    };
    // What a command created is for its profile alone.
    let body = match (&asker, command.status) {
        (None, CommandStatus::Succeeded) => &Value::Null,
        (Some(_), _) | (None, CommandStatus::Pending | CommandStatus::Failed) => &command.body,
    };
    Ok(if parts.method == Method::POST && backend.dialect == Dialect::Live {
        Json(json!([command.status.word()])).into_response()
    } else {
        Json(json!({"commandId": id, "command_status": command.status.number(), "body": body})).into_response()
    })
}
