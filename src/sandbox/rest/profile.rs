//! Family `profile`: registering, signing in and out, tokens, the password.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sandbox::backend::Backend;
use crate::sandbox::options::Dialect;
use crate::sandbox::state::State;
use crate::sandbox::state::profiles::ProfileId;

use super::answers::{Refusal, accepted};
use super::command::Call;
use super::fields::{Bearer, Caller, Fields};

/// The lifetime of a token in a QR code.
const QR_LIFE: Duration = Duration::from_mins(2);

/// `POST /profile/register-profile`: the profile exists once the command has settled, and is in use once it has a key.
pub(crate) async fn register(Shared(backend): Shared<Arc<Backend>>, fields: Fields) -> Result<Response, Refusal> {
    let mut check = fields.check();
    let username = check.text("username").to_owned();
    let password = check.new_password("password").to_owned();
    check.finish()?;
    if backend.state().profiles.named(&username).is_some() {
        return Err(Refusal::Conflict("profile.already_exists"));
    }
    let command = backend.accept(None)?;
    let answer = accepted(&command.id);
    let id = ProfileId::new(&format!("prf-{}", Uuid::new_v4().simple()));
    let owner = id.clone();
    let effect = move |state: &mut State, _| state.profiles.register(id, &username, &password);
    // The outcome waits in the new profile's queue until its first join. If no profile was created, nobody could receive
    // it.
    let audience = move |state: &State| state.profiles.get(&owner).map(|_| owner);
    backend.settle_later(command, Box::new(effect), audience);
    Ok(answer)
}

/// `POST /profile/authenticate`
///
/// In the live dialect a profile without a public key also gets a token, because clients register the key with it. Until they
/// have, nearly every endpoint refuses the token. In the docs dialect such a profile can't sign in.
pub(crate) async fn authenticate(Shared(backend): Shared<Arc<Backend>>, fields: Fields) -> Result<Response, Refusal> {
    let mut check = fields.check();
    let (username, password) = (check.text("username"), check.text("password"));
    check.finish()?;
    let expires = backend.clock.now() + backend.behaviour.token_life;
    let mut state = backend.state();
    let profile = state.profiles.with_password(username, password).ok_or(Refusal::WRONG_PASSWORD)?;
    if backend.dialect == Dialect::Docs && !state.profiles.is_active(&profile) {
        return Err(Refusal::NO_PUBLIC_KEY);
    }
    let token = state.profiles.issue(&profile, expires).ok_or(Refusal::WRONG_PASSWORD)?;
    // The documentation shows `Z`, live servers send an offset.
    Ok(Json(json!({"authorizationToken": token, "expiresAt": backend.clock.offset(expires)})).into_response())
}

/// `GET /profile/retrieve-profile-id`
pub(crate) async fn retrieve_id(Bearer { profile, .. }: Bearer) -> Json<Value> {
    Json(json!({"profileId": profile.as_str()}))
}

/// `POST /profile/change-password`
pub(crate) async fn change_password(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let current = check.text("currentPassword").to_owned();
    let new = check.new_password("newPassword").to_owned();
    check.finish()?;
    call.command(move |state, profile, _, _| state.profiles.change_password(profile, &current, &new))
}

/// `POST /profile/generate-token-qr`
pub(crate) async fn qr_token(
    Shared(backend): Shared<Arc<Backend>>,
    Caller(profile): Caller,
) -> Result<Json<Value>, Refusal> {
    let expires = backend.clock.now() + QR_LIFE;
    let token = backend.state().profiles.issue(&profile, expires);
    let token = token.ok_or(Refusal::NotFound("There is no such profile."))?;
    Ok(Json(json!({"qrToken": token, "expiresAt": backend.clock.utc(expires)})))
}

/// `POST /profile/authorization-token/expiry`
pub(crate) async fn token_expiry(
    Shared(backend): Shared<Arc<Backend>>,
    Bearer { token, .. }: Bearer,
) -> Result<Json<Value>, Refusal> {
    let state = backend.state();
    let (_, expires) = state
        .profiles
        .token_owner(&token, backend.clock.now())
        .ok_or(Refusal::Unauthorized("The authorization token has just expired."))?;
    Ok(Json(json!({"expiresAt": backend.clock.utc(expires)})))
}

/// `POST /profile/reauthorize-authorization-token`: issues another token and revokes the old one at once.
pub(crate) async fn reauthorize(
    Shared(backend): Shared<Arc<Backend>>,
    Bearer { profile, token }: Bearer,
    fields: Fields,
) -> Result<Json<Value>, Refusal> {
    let mut check = fields.check();
    let ttl = check.ttl("ttl");
    check.finish()?;
    let expires = backend.clock.now() + ttl;
    let mut state = backend.state();
    state.profiles.revoke(&token);
    let token = state.profiles.issue(&profile, expires).ok_or(Refusal::NotFound("There is no such profile."))?;
    Ok(Json(json!({"authorizationToken": token, "expiresAt": backend.clock.utc(expires)})))
}

/// `POST /profile/revoke-authorization-token`
pub(crate) async fn revoke(Shared(backend): Shared<Arc<Backend>>, Bearer { token, .. }: Bearer) -> Json<Value> {
    backend.state().profiles.revoke(&token);
    Json(json!({"status": "revoked"}))
}
