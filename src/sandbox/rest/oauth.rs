//! Family `oauth`: applications that act for a profile within their scopes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::Url;

use crate::sandbox::backend::Backend;
use crate::sandbox::state::oauth::{ACCESS_LIFE, ConsentError, NewApplication, Tokens};
use crate::sandbox::state::profiles::ProfileId;
use crate::sandbox::state::scopes::Scopes;

use super::call::command::Call;
use super::call::endpoint::{Access, Endpoint, Phase};
use super::call::fields::{Caller, Check, Fields, PathText, credentials};
use super::call::responses::Refusal;

const NO_APPLICATION: Refusal = Refusal::NotFound("The profile has no such application.");

const CONFIGURATION: &str = "/profile/retrieve-oauth-application-configuration";

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::post(
        "oauth.register-oauth-application",
        "/profile/oauth-application-register",
        Phase::AsyncCommand,
        Access::Owner,
        |method| on(method, register),
    ),
    Endpoint::post("oauth.retrieve-oauth-app-configuration", CONFIGURATION, Phase::Sync, Access::Owner, |method| {
        on(method, configuration)
    }),
    // The documentation calls the id a path parameter, but its path has none.
    Endpoint::post(
        "oauth.retrieve-oauth-app-configuration.by-path",
        "/profile/retrieve-oauth-application-configuration/{applicationId}",
        Phase::Sync,
        Access::Owner,
        |method| on(method, configuration_by_path),
    )
    .of_the_sandbox(),
    Endpoint::get(
        "oauth.request-oauth-app-authorization-code",
        "/profile/oauth-application-request-authorization-code",
        Access::Owner,
        |method| on(method, consent),
    ),
    Endpoint::post(
        "oauth.obtain-oauth-app-access-token",
        "/oauth-application/obtain-access-token",
        Phase::Sync,
        Access::Application,
        |method| on(method, obtain),
    ),
    Endpoint::post(
        "oauth.refresh-oauth-app-access-token",
        "/oauth-application/refresh-access-token",
        Phase::Sync,
        Access::Application,
        |method| on(method, refresh),
    ),
    Endpoint::get(
        "oauth.oauth-application-list",
        "/profile/retrieve-oauth-application-list",
        Access::Owner,
        |method| on(method, list),
    ),
];

async fn register(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let name = check.text("name").to_owned();
    let redirect_uri = check.text("redirectUri").to_owned();
    if !redirect_uri.is_empty() && !is_redirect(&redirect_uri) {
        check.wrong("redirectUri", "This field must be a whole URL without a fragment.");
    }
    let scopes = scopes(&mut check);
    check.finish()?;
    let clock = call.backend.clock;
    let id = format!("app-{}", call.backend.state().random.id().simple());
    let application = NewApplication { name, redirect_uri, scopes };
    call.creation("applicationId", id, move |state, profile, id, now| {
        state.applications.register(profile, id, application, clock.utc(now))
    })
}

/// Browsers follow redirects, so these schemes could run code.
fn is_redirect(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| url.fragment().is_none() && !matches!(url.scheme(), "javascript" | "data"))
}

fn scopes(check: &mut Check<'_>) -> Scopes {
    let names: Vec<_> = check.list("scopes").iter().flat_map(|name| name.split(' ')).map(str::to_owned).collect();
    Scopes::read(&names).unwrap_or_else(|_unknown| {
        if !names.is_empty() {
            check.wrong("scopes", "This field must name scopes, such as data-token:read.");
        }
        Scopes::default()
    })
}

async fn configuration(call: Call) -> Result<Response, Refusal> {
    let id = call.required("applicationId")?;
    configuration_of(&call.backend, &call.profile, &id)
}

async fn configuration_by_path(
    State(backend): State<Arc<Backend>>,
    Caller(profile): Caller,
    PathText(id): PathText,
) -> Result<Response, Refusal> {
    configuration_of(&backend, &profile, &id)
}

fn configuration_of(backend: &Backend, profile: &ProfileId, id: &str) -> Result<Response, Refusal> {
    let state = backend.state();
    Ok(Json(state.applications.configuration(profile, id).ok_or(NO_APPLICATION)?).into_response())
}

async fn list(State(backend): State<Arc<Backend>>, Caller(profile): Caller) -> Response {
    let state = backend.state();
    let items = state.applications.list(&profile);
    Json(json!({"items": items, "meta": {"count": items.len()}})).into_response()
}

/// The consent of the token's profile. Redirects to the application with a code.
async fn consent(call: Call) -> Result<Response, Refusal> {
    let mut check = call.fields.check();
    let client_id = check.text("clientId");
    let scopes = scopes(&mut check);
    let client_state = check.optional("state");
    check.finish()?;
    let consented =
        call.backend.state().applications.consent(&call.profile, client_id, scopes, call.backend.clock.now());
    let (code, redirect_uri) = consented.map_err(|error| match error {
        ConsentError::UnknownClient => Refusal::NotFound("There is no such application."),
        ConsentError::Scopes => {
            Refusal::field("scopes", "The application was not registered with all of these scopes.")
        }
    })?;
    let mut target = Url::parse(&redirect_uri).map_err(|_unreadable| NO_APPLICATION)?;
    target.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = client_state {
        target.query_pairs_mut().append_pair("state", state);
    }
    Ok((StatusCode::FOUND, [(LOCATION, String::from(target))]).into_response())
}

/// A call of an application, which proves itself by its client id and secret (HTTP Basic).
struct ApplicationCall {
    backend: Arc<Backend>,
    application: String,
    fields: Fields,
}

impl FromRequest<Arc<Backend>> for ApplicationCall {
    type Rejection = Refusal;

    async fn from_request(request: Request, backend: &Arc<Backend>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let basic = credentials(&parts, "Basic").and_then(|text| STANDARD.decode(text.trim()).ok());
        let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let (id, secret) = basic.split_once(':').unwrap_or_default();
        let application = backend.state().applications.with_secret(id, secret);
        let application =
            application.ok_or(Refusal::UnknownApplication("The client id or the client secret is wrong."))?;
        let fields = Fields::from_request(Request::from_parts(parts, body), backend).await?;
        Ok(Self { backend: Arc::clone(backend), application, fields })
    }
}

impl ApplicationCall {
    /// The field `name`, if the grant type is the expected one.
    fn granted_by(&self, grant_type: &str, rule: &'static str, name: &'static str) -> Result<&str, Refusal> {
        let mut check = self.fields.check();
        let found = check.text("grantType");
        if !found.is_empty() && found != grant_type {
            check.wrong("grantType", rule);
        }
        let text = check.text(name);
        check.finish()?;
        Ok(text)
    }
}

async fn obtain(call: ApplicationCall) -> Result<Response, Refusal> {
    let code = call.granted_by("authorization_code", "This field must be authorization_code.", "code")?;
    let now = call.backend.clock.now();
    let used_at = call.backend.clock.utc(now);
    let mut state = call.backend.state();
    let state = &mut *state;
    let tokens = state.applications.exchange_code(&call.application, code, &mut state.profiles, now, used_at);
    issued(tokens, "The authorization code is not valid, has expired or was used.")
}

async fn refresh(call: ApplicationCall) -> Result<Response, Refusal> {
    let token = call.granted_by("refresh_token", "This field must be refresh_token.", "refreshToken")?;
    let now = call.backend.clock.now();
    let used_at = call.backend.clock.utc(now);
    let mut state = call.backend.state();
    let state = &mut *state;
    let tokens = state.applications.refresh(&call.application, token, &mut state.profiles, now, used_at);
    issued(tokens, "The refresh token is not valid, has expired or was used.")
}

fn issued(tokens: Option<Tokens>, refusal: &'static str) -> Result<Response, Refusal> {
    let Tokens { access, refresh, scopes } = tokens.ok_or(Refusal::UnknownApplication(refusal))?;
    Ok(Json(json!({
        "accessToken": access,
        "tokenType": "Bearer",
        "expiresIn": ACCESS_LIFE.as_secs(),
        "refreshToken": refresh,
        "scope": scopes.joined(),
    }))
    .into_response())
}
