//! Family `voting`: pools, and how authenticators vote in them.
//!
//! Real authenticators receive their ballots from the broker and answer there. Here they read them from `/sandbox/ballots` and
//! vote with `/sandbox/vote`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use serde_json::json;

use crate::sandbox::backend::Backend;
use crate::sandbox::state::voting::pools::{Question, VoteError};

use super::call::command::Call;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::{Caller, PathText};
use super::call::responses::Refusal;

const READ: Access = Access::Scope("voting:read");
const WRITE: Access = Access::Scope("voting:write");

const NO_POOL: Refusal = Refusal::NotFound("The profile has no such pool.");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("voting.check-pool-status", "/voting/check-pool-status/{poolId}", READ, |method| on(method, status)),
    Endpoint::post("voting.create-voting", "/voting/create", Phase::Sync, WRITE, |method| on(method, create))
        .of_the_sandbox(),
    Endpoint::get("sandbox.ballots", "/sandbox/ballots", READ, |method| on(method, ballots)).of_the_sandbox(),
    Endpoint::post("sandbox.vote", "/sandbox/vote", Phase::Sync, WRITE, |method| on(method, vote)).of_the_sandbox(),
];

async fn status(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    PathText(pool): PathText,
) -> Result<Response, Refusal> {
    let status = backend.state().voting.pools.status(&profile, &pool, backend.clock.now());
    Ok(Json(status.ok_or(NO_POOL)?).into_response())
}

/// Opens a pool that no command waits for.
async fn create(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let configuration = check.text("votingConfigurationId");
    let question = Question {
        title: check.text("title").to_owned(),
        text: check.text("question").to_owned(),
        nonce: check.optional("nonce").map(str::to_owned),
        command: None,
    };
    let skip = check.optional_list("skipAuthenticatorDevices");
    check.finish()?;
    let now = call.backend.clock.now();
    let opened = call.backend.state().open_pool(&call.profile, configuration, question, &skip, now);
    let pool = opened.map_err(|reason| match reason {
        "voting_configuration.not_found" => Refusal::NotFound("The profile has no such voting configuration."),
        reason => Refusal::Conflict(reason),
    })?;
    Ok(Json(json!({"poolId": pool})).into_response())
}

/// The open ballots of the profile's authenticators, or of the one that `deviceId` names.
async fn ballots(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let device = check.optional("deviceId");
    check.finish()?;
    let ballots = call.backend.state().voting.pools.ballots(&call.profile, device, call.backend.clock.now());
    Ok(Json(ballots).into_response())
}

/// Counts the vote of one of the profile's authenticators: `yes` or `no`.
async fn vote(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let (pool, device) = (check.text("poolId"), check.text("deviceId"));
    let is_for = match check.text("vote") {
        "yes" => true,
        "no" | "" => false,
        _ => {
            check.wrong("vote", "This field must be yes or no.");
            false
        }
    };
    check.finish()?;
    let now = call.backend.clock.now();
    let mut state = call.backend.state();
    let is_authenticator = state.voting.authenticators.is_of(&call.profile, device);
    let pools = &mut state.voting.pools;
    let status = pools.status(&call.profile, pool, now).ok_or(NO_POOL)?;
    if !is_authenticator {
        return Err(Refusal::NotFound("The profile has no such authenticator."));
    }
    pools.vote(&call.profile, pool, device, is_for, now).map_err(|error| match error {
        VoteError::NoPool => NO_POOL,
        VoteError::NoBallot => Refusal::NotFound("The device has no ballot in this pool."),
        VoteError::Late(reason) => Refusal::Conflict(reason),
    })?;
    let status = pools.status(&call.profile, pool, now).unwrap_or(status);
    drop(state);
    call.backend.votes.notify_waiters();
    Ok(Json(status).into_response())
}
