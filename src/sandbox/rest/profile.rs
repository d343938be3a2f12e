//! Family `profile`: registering, signing in and out, tokens, the password.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use serde_json::{Value, json};

use crate::sandbox::backend::Backend;
use crate::sandbox::options::Dialect;
use crate::sandbox::state::State;
use crate::sandbox::state::policies::Event;
use crate::sandbox::state::profiles::{ProfileId, TokenKind};

use super::call::command::Call;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::{Bearer, Caller, Fields};
use super::call::responses::{Refusal, accepted};

/// The lifetime of a token in a QR code.
const QR_LIFE: Duration = Duration::from_mins(2);

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post("profile.authenticate", "/profile/authenticate", Phase::Sync, Access::Public, |method| {
        on(method, authenticate)
    }),
    Endpoint::post(
        "profile.register-profile",
        "/profile/register-profile",
        Phase::AsyncCommand,
        Access::Public,
        |method| on(method, register),
    ),
    Endpoint::post(
        "profile.change-password",
        "/profile/change-password",
        Phase::AsyncCommand,
        Access::Owner,
        |method| on(method, change_password),
    ),
    Endpoint::get(
        "profile.retrieve-profile-id",
        "/profile/retrieve-profile-id",
        Access::Scope("profile:read"),
        |method| on(method, retrieve_id),
    ),
    Endpoint::post(
        "profile.generate-qr-token-for-authorization",
        "/profile/generate-token-qr",
        Phase::Sync,
        Access::Owner,
        |method| on(method, qr_token),
    ),
    Endpoint::post(
        "profile.retrieve-token-expiry",
        "/profile/authorization-token/expiry",
        Phase::Sync,
        Access::Token,
        |method| on(method, token_expiry),
    ),
    Endpoint::post(
        "profile.reauthorize-authorization-token",
        "/profile/reauthorize-authorization-token",
        Phase::Sync,
        Access::Owner,
        |method| on(method, reauthorize),
    ),
    Endpoint::post(
        "profile.revoke-authorization-token",
        "/profile/revoke-authorization-token",
        Phase::Sync,
        Access::Token,
        |method| on(method, revoke),
    ),
];

/// The profile exists once the command has settled, and is in use once it has a key.
async fn register(Shared(backend): Shared<Arc<Backend>>, fields: Fields) -> Result<Response, Refusal> {
    let mut check = fields.check();
    let username = check.text("username").to_owned();
    let password = check.new_password("password").to_owned();
    check.finish()?;
    if backend.state().profiles.named(&username).is_some() {
        return Err(Refusal::Conflict("profile.already_exists"));
    }
    let mut command = backend.accept(None)?;
    let answer = accepted(&mut command);
    let id = ProfileId::new(&format!("prf-{}", backend.state().random.id().simple()));
    let owner = id.clone();
    let effect = move |state: &mut State, _| state.profiles.register(id, &username, &password).map(|()| Value::Null);
    // The outcome waits in the new profile's queue until its first join. If no profile was created, nobody could receive
    // it.
    let audience = move |state: &State| state.profiles.get(&owner).map(|_| owner);
    backend.settle_later(command, Box::new(effect), audience);
    Ok(answer)
}

/// In the live dialect a profile without a public key also gets a token, because clients register the key with it. Until they
/// have, nearly every endpoint refuses the token. In the docs dialect such a profile can't sign in.
async fn authenticate(Shared(backend): Shared<Arc<Backend>>, fields: Fields) -> Result<Response, Refusal> {
    let mut check = fields.check();
    let (username, password) = (check.text("username"), check.text("password"));
    check.finish()?;
    let expires = backend.clock.now() + backend.behaviour.token_life;
    let mut state = backend.state();
    let profile = state.profiles.with_password(username, password).ok_or(Refusal::WRONG_PASSWORD)?;
    if backend.dialect == Dialect::Docs && !state.profiles.is_active(&profile) {
        return Err(Refusal::NO_PUBLIC_KEY);
    }
    let token = state.profiles.issue(&profile, expires, TokenKind::SignIn, backend.clock.now());
    let token = token.ok_or(Refusal::WRONG_PASSWORD)?;
    // The documentation shows `Z`, live servers send an offset.
    Ok(Json(json!({"authorizationToken": token, "expiresAt": backend.clock.offset(expires)})).into_response())
}

async fn retrieve_id(Bearer { profile, .. }: Bearer) -> Json<Value> {
    Json(json!({"profileId": profile.as_str()}))
}

async fn change_password(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let current = check.text("currentPassword").to_owned();
    let new = check.new_password("newPassword").to_owned();
    check.finish()?;
    call.held_command(Event::PasswordChanged, move |state, profile, _, _| {
        state.profiles.change_password(profile, &current, &new)
    })
}

async fn qr_token(Shared(backend): Shared<Arc<Backend>>, Caller(profile): Caller) -> Result<Json<Value>, Refusal> {
    let expires = backend.clock.now() + QR_LIFE;
    let token = backend.state().profiles.issue(&profile, expires, TokenKind::QrCode, backend.clock.now());
    let token = token.ok_or(Refusal::NotFound("There is no such profile."))?;
    Ok(Json(json!({"qrToken": token, "expiresAt": backend.clock.utc(expires)})))
}

async fn token_expiry(
    Shared(backend): Shared<Arc<Backend>>,
    Bearer { token, .. }: Bearer,
) -> Result<Json<Value>, Refusal> {
    let state = backend.state();
    let grant = state.profiles.grant(&token, backend.clock.now());
    let grant = grant.ok_or(Refusal::Unauthorized("The authorization token has just expired."))?;
    Ok(Json(json!({"expiresAt": backend.clock.utc(grant.expires)})))
}

/// Issues another token and revokes the old one at once.
async fn reauthorize(
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
    let token = state.profiles.issue(&profile, expires, TokenKind::SignIn, backend.clock.now());
    let token = token.ok_or(Refusal::NotFound("There is no such profile."))?;
    Ok(Json(json!({"authorizationToken": token, "expiresAt": backend.clock.utc(expires)})))
}

async fn revoke(Shared(backend): Shared<Arc<Backend>>, Bearer { token, .. }: Bearer) -> Json<Value> {
    backend.state().profiles.revoke(&token);
    Json(json!({"status": "revoked"}))
}
