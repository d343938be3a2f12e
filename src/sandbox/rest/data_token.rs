//! Family `data-token`: reserving space, filling it, and managing data tokens.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::protocol::{CommandId, RequestId};
use crate::sandbox::backend::Backend;
use crate::sandbox::outcomes::data_request;
use crate::sandbox::payload::Content;
use crate::sandbox::state::data::{FileMeta, MetaChange};
use crate::sandbox::state::policies::Event;

use super::call::command::Call;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::{Caller, PathText};
use super::call::responses::{Refusal, requested};

/// The largest body of `exchange-data-for-token`: the documented 50 KB and a margin.
const LARGEST_EXCHANGE: usize = 64 * 1024;

/// The largest metadata for governance tools, in bytes.
const LARGEST_RISK_META: usize = 64 * 1024;

/// The default and maximum page size of the list of data tokens.
const PAGE: usize = 25;
const LARGEST_PAGE: usize = 200;

const READ: Access = Access::Scope("data-token:read");
const WRITE: Access = Access::Scope("data-token:write");

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post(
        "data-token.reserve-token-space",
        "/data-token/reserve-token-space",
        Phase::AsyncCommand,
        WRITE,
        |method| on(method, reserve),
    ),
    Endpoint::get(
        "data-token.retrieve-temporary-data-token",
        "/data-token/retrieve-temporary-data-token/{commandId}",
        WRITE,
        |method| on(method, retrieve_temporary),
    ),
    Endpoint::post(
        "data-token.exchange-data-for-token",
        "/data-token/exchange-data-for-token",
        Phase::AsyncCommand,
        WRITE,
        |method| on(method, exchange),
    ),
    Endpoint::post("data-token.configure-file-meta", "/data-token/configure-file-meta", Phase::Sync, WRITE, |method| {
        on(method, configure_file_meta)
    }),
    Endpoint::post("data-token.request-data", "/data-token/request-data", Phase::AsyncRequest, READ, |method| {
        on(method, request_data)
    }),
    Endpoint::get("data-token.list-data-tokens", "/data-token/list-data-tokens", READ, |method| on(method, list)),
    Endpoint::post(
        "data-token.update-data-token",
        "/data-token/update-data-token",
        Phase::AsyncCommand,
        WRITE,
        |method| on(method, update),
    ),
    Endpoint::post(
        "data-token.configure-information-security-risk-meta",
        "/data-token/configure-information-security-risk-meta",
        Phase::AsyncCommand,
        WRITE,
        |method| on(method, configure_risk_meta),
    ),
    Endpoint::post("data-token.delete-data", "/data-token/delete-data", Phase::AsyncCommand, WRITE, |method| {
        on(method, delete)
    }),
];

async fn reserve(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    check.text("context");
    let ttl = check.ttl("ttl");
    check.finish()?;
    call.command(move |state, profile, command, now| state.data.reserve(profile, command, ttl, now, &mut state.links))
}

/// 404 until the reservation has settled.
async fn retrieve_temporary(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    PathText(command): PathText,
) -> Result<Json<Value>, Refusal> {
    let state = backend.state();
    let reserved = state.data.reserved(&profile, &CommandId::from(command.as_str()), backend.clock.now());
    let (token, upload) =
        reserved.ok_or(Refusal::NotFound("The reservation does not exist, has not settled, or has expired."))?;
    let stream = format!("{}/?auth={upload}", backend.addresses.upstream);
    Ok(Json(json!({"token": token, "stream": stream})))
}

async fn exchange(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let token = check.text("temporaryTokenSpace").to_owned();
    let data = check.text("data");
    let bytes = match STANDARD.decode(data) {
        Ok(bytes) if bytes.len() <= LARGEST_EXCHANGE => bytes,
        Ok(_) => {
            check.wrong("data", "This field holds more than 50 KB: send the bytes to the stream link instead.");
            Vec::new()
        }
        Err(_) => {
            check.wrong("data", "This field must be base64.");
            Vec::new()
        }
    };
    check.finish()?;
    let content = Content::Kept(Bytes::from(bytes));
    call.held_command(Event::DataExchanged, move |state, profile, _, now| {
        state.data.fill(Some(profile), &token, content, now)
    })
}

/// Creates the permanent data token.
async fn configure_file_meta(call: Call) -> Result<Json<Value>, Refusal> {
    let mut check = call.fields.check();
    let token = check.text("token");
    let meta = FileMeta {
        file_name: check.text("fileName").to_owned(),
        extension: check.text("extension").to_owned(),
        context: check.text("context").to_owned(),
        size: check.number("size"),
    };
    check.text("path");
    check.finish()?;
    let clock = &call.backend.clock;
    let permanent = call.backend.state().data.commit(&call.profile, token, meta, clock.now(), clock);
    let permanent = permanent.map_err(|reason| match reason {
        "data_token.space_not_found" | "data_token.space_expired" => {
            Refusal::NotFound("The reservation does not exist or has expired.")
        }
        reason => Refusal::Conflict(reason),
    })?;
    Ok(Json(json!({"token": permanent})))
}

async fn request_data(call: Call) -> Result<Response, Refusal> {
    let token = call.required("token")?;
    let Call { backend, profile, .. } = call;
    if backend.state().data.get(&profile, &token).is_none() {
        return Err(Refusal::NotFound("The data token does not exist or was deleted."));
    }
    let mut command = backend.accept(Some(profile.clone()))?;
    let request = RequestId::new(backend.state().random.id().to_string());
    let answer = requested(&mut command, &request);
    data_request::start(&backend, profile, command, request, token);
    Ok(answer)
}

/// A page beyond the last one is empty, and a page that is too large is the largest one.
async fn list(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let rule = "This field must be a whole number from 1 on.";
    let mut number = |name, default| {
        let number = check.optional_number(name, 1..=u64::MAX, rule);
        number.map_or(default, |number| usize::try_from(number).unwrap_or(usize::MAX))
    };
    let (page, per_page) = (number("page", 1), number("perPage", PAGE).min(LARGEST_PAGE));
    check.finish()?;
    let state = call.backend.state();
    let (items, count) = state.data.list(&call.profile, page, per_page);
    Ok(Json(json!({"items": items, "meta": {"count": count, "page": page, "perPage": per_page}})).into_response())
}

async fn update(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let token = check.text("token").to_owned();
    let mut given = |name| check.optional(name).map(str::to_owned);
    let change = MetaChange { file_name: given("fileName"), extension: given("extension"), context: given("context") };
    check.finish()?;
    call.held_command(Event::DataUpdated, move |state, profile, _, _| state.data.update(profile, &token, change))
}

/// Accepts any fields; the token has to exist.
async fn configure_risk_meta(call: Call) -> Result<Response, Refusal> {
    let token = call.required("token")?;
    let meta = call.fields.without(&["token"]);
    if meta.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > LARGEST_RISK_META {
        return Err(Refusal::field("token", "The other fields must hold at most 64 KiB."));
    }
    call.command(move |state, profile, _, _| state.data.set_risk_meta(profile, &token, meta))
}

async fn delete(call: Call) -> Result<Response, Refusal> {
    let token = call.required("token")?;
    call.held_command(Event::DataDeleted, move |state, profile, _, _| {
        state.data.delete(profile, &token)?;
        state.links.revoke(&token);
        Ok(())
    })
}
