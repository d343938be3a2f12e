//! Family `policy`: which commands wait for a vote.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;

use crate::sandbox::backend::Backend;
use crate::sandbox::state::policies::{self, Event, NewPolicy};

use super::call::command::Call;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::Caller;
use super::call::responses::Refusal;

const READ: Access = Access::Scope("policy:read");
const WRITE: Access = Access::Scope("policy:write");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post("policy.register-policy", "/policy/register", Phase::AsyncCommand, WRITE, |method| {
        on(method, register)
    }),
    Endpoint::post("policy.activate-policy", "/policy/activate", Phase::AsyncCommand, WRITE, |method| {
        on(method, activate)
    }),
    Endpoint::post("policy.deactivate-policy", "/policy/deactivate", Phase::AsyncCommand, WRITE, |method| {
        on(method, deactivate)
    }),
    Endpoint::get("policy.list-policy-templates", "/policy/list-policy-templates", READ, |method| {
        on(method, templates)
    }),
    Endpoint::post("policy.delete-policy", "/policy/delete", Phase::AsyncCommand, WRITE, |method| on(method, delete))
        .of_the_sandbox(),
    Endpoint::get("sandbox.policies", "/sandbox/policies", READ, |method| on(method, list)).of_the_sandbox(),
];

/// The outcome's body names the new `policyId`.
async fn register(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let name = check.text("name").to_owned();
    let configuration = check.object("configuration");
    let voting_configuration = check.text("votingConfigurationId").to_owned();
    let mut events = BTreeSet::new();
    for id in check.list("applyingEventIds") {
        match Event::from_id(&id) {
            Some(event) => {
                events.insert(event);
            }
            None => check.wrong("applyingEventIds", "This field must name event ids of the policy templates."),
        }
    }
    check.finish()?;
    let id = format!("pol-{}", call.backend.state().random.id().simple());
    call.creation("policyId", id, move |state, profile, id, _| {
        if state.voting.configurations.rules(profile, &voting_configuration).is_none() {
            return Err("voting_configuration.not_found");
        }
        state.policies.register(profile, NewPolicy { id, name, configuration, voting_configuration, events })
    })
}

async fn activate(call: Call) -> Result<Response, Refusal> {
    let name = call.required("name")?;
    call.command(move |state, profile, _, _| state.policies.activate(profile, &name))
}

async fn deactivate(call: Call) -> Result<Response, Refusal> {
    let name = call.required("name")?;
    call.command(move |state, profile, _, _| state.policies.deactivate(profile, &name))
}

async fn delete(call: Call) -> Result<Response, Refusal> {
    let name = call.required("name")?;
    call.command(move |state, profile, _, _| state.policies.delete(profile, &name))
}

async fn templates(_: Caller) -> Response {
    Json(policies::templates()).into_response()
}

async fn list(State(backend): State<Arc<Backend>>, Caller(profile): Caller) -> Response {
    Json(backend.state().policies.list(&profile)).into_response()
}
