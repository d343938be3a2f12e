//! Family `verified-authenticator`: the devices that vote, and how they vote.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;

use crate::sandbox::backend::Backend;
use crate::sandbox::state::voting::configurations::Rules;
use crate::sandbox::state::voting::strategy::Strategy;

use super::call::command::Call;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::{Caller, Check};
use super::call::responses::Refusal;

const READ: Access = Access::Scope("verified-authenticator:read");
const WRITE: Access = Access::Scope("verified-authenticator:write");

/// The longest time that a vote may take, in seconds: a day.
const LONGEST_VOTE: u64 = 24 * 3_600;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post(
        "verified-authenticator.register-authenticator",
        "/verified-authenticator/register",
        Phase::AsyncCommand,
        WRITE,
        |method| on(method, register),
    ),
    Endpoint::post(
        "verified-authenticator.voting-configuration.create",
        "/verified-authenticator/voting-configuration/register",
        Phase::AsyncCommand,
        WRITE,
        |method| on(method, create_configuration),
    ),
    Endpoint::get("sandbox.voting-configurations", "/sandbox/voting-configurations", READ, |method| {
        on(method, configurations)
    })
    .of_the_sandbox(),
];

async fn register(call: Call) -> Result<Response, Refusal> {
    let id = call.required("deviceId")?;
    call.command(move |state, profile, _, _| state.voting.authenticators.register(profile, id, &state.devices))
}

/// The outcome's body names the new `votingConfigurationId`.
async fn create_configuration(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let name = check.text("name").to_owned();
    let strategy = strategy(&mut check);
    let time_limit = check.optional_number("timeLimit", 1..=LONGEST_VOTE, "This field must be 1 to 86400 seconds.");
    check.text("timeLimit");
    let quorum = check.optional_number("quorum", 1..=1_000, "This field must be a whole number from 1 to 1000.");
    let attempts = check.optional_number("attempts", 1..=10, "This field must be a whole number from 1 to 10.");
    let devices = check.optional_list("deviceIdentifiers");
    let quorum = quorum.and_then(|quorum| usize::try_from(quorum).ok());
    let voters = match devices.len() {
        0 => call.backend.state().voting.authenticators.all_of(&call.profile).count(),
        named => named,
    };
    if quorum.is_some_and(|quorum| quorum > voters) {
        check.wrong("quorum", "This field is larger than the number of authenticators that vote.");
    }
    check.finish()?;
    let rules = Rules {
        strategy,
        quorum,
        time_limit: Duration::from_secs(time_limit.unwrap_or(1)),
        attempts: attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(1),
        devices,
    };
    let id = format!("vcf-{}", call.backend.state().random.id().simple());
    call.creation("votingConfigurationId", id, move |state, profile, id, _| {
        state.voting.configurations.register(profile, id, name, rules, &state.voting.authenticators)
    })
}

fn strategy(check: &mut Check<'_>) -> Strategy {
    match check.text("strategy") {
        "unanimous" | "" => Strategy::Unanimous,
        "consensus" => Strategy::Consensus,
        "affirmative" => Strategy::Affirmative,
        "minimum_percentage" => {
            let rule = "This field must be a whole number from 1 to 100.";
            let percent = check.optional_number("percentageRequired", 1..=100, rule);
            check.text("percentageRequired");
            Strategy::MinimumPercentage(percent.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(100))
        }
        _ => {
            check.wrong("strategy", "This field must be unanimous, consensus, affirmative or minimum_percentage.");
            Strategy::Unanimous
        }
    }
}

async fn configurations(State(backend): State<Arc<Backend>>, Caller(profile): Caller) -> Response {
    Json(backend.state().voting.configurations.list(&profile)).into_response()
}
