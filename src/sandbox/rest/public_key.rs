//! Family `public-key`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::response::Response;
use axum::routing::on;
use serde_json::{Value, json};

use crate::sandbox::backend::Backend;
use crate::sandbox::state::public_key;

use super::call::command::command;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::{Bearer, Caller, Fields, token};
use super::call::responses::Refusal;

const READ: Access = Access::Scope("public-key:read");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post(
        "public-key.register-public-key",
        "/public-key/register-public-key",
        Phase::AsyncCommand,
        Access::Public,
        |method| on(method, register),
    ),
    Endpoint::get("public-key.retrieve-public-key", "/public-key/retrieve-public-key", READ, |method| {
        on(method, retrieve)
    }),
    Endpoint::get("public-key.retrieve-cab-public-key", "/dptcab/public-key", READ, |method| on(method, retrieve_cab)),
];

/// With `username` and `password`, as documented, or with a token, as live clients
/// do. The password also helps if the token is no longer valid.
async fn register(State(backend): State<Arc<Backend>>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    let has_token = token(&parts).is_some();
    let bearer = Bearer::from_request_parts(&mut parts, &backend).await;
    let fields = Fields::from_request(Request::from_parts(parts, body), &backend).await?;
    let mut check = fields.check();
    let key = check.public_key("publicKey").to_owned();
    let profile = match bearer {
        Ok(bearer) => {
            check.finish()?;
            bearer.profile
        }
        Err(refusal) if has_token && !fields.has("password") => return Err(refusal),
        Err(_) => {
            let (username, password) = (check.text("username"), check.text("password"));
            check.finish()?;
            backend.state().profiles.with_password(username, password).ok_or(Refusal::WRONG_PASSWORD)?
        }
    };
    command(&backend, profile, move |state, profile, _, _| state.profiles.set_public_key(profile, key))
}

async fn retrieve(State(backend): State<Arc<Backend>>, Caller(profile): Caller) -> Result<Json<Value>, Refusal> {
    let state = backend.state();
    let key = state.profiles.get(&profile).and_then(|record| record.public_key.as_deref());
    let key = key.ok_or(Refusal::NotFound("The profile has no public key."))?;
    Ok(Json(json!({"publicKey": key})))
}

/// The engine's own key, which is the same as long as the program runs.
async fn retrieve_cab(Caller(_): Caller) -> Json<Value> {
    Json(json!({"publicKey": public_key(&mut fastrand::Rng::with_seed(0xCAB))}))
}
