//! OAuth applications: registration, consent, tokens, and that scopes hold.

use std::time::Duration;

use privicore_monitor::sandbox::{AUDIT_USERNAME, Access, DEMO_USERNAME, SandboxHandle, endpoints};
use reqwest::{Response, StatusCode, redirect};
use serde_json::{Value, json};
use url::Url;

use crate::client::{Client, Socket, body, text};
use crate::{pass, quiet};

const REDIRECT: &str = "https://integration.example.com/callback?from=privicore";

/// A registered application, and a client of its owner.
struct Application {
    running: SandboxHandle,
    owner: Client,
    id: String,
    client_id: String,
    client_secret: String,
}

impl Application {
    async fn new(scopes: &str) -> Self {
        let running = quiet().await;
        let owner = Client::signed_in(&running, DEMO_USERNAME).await;
        let mut socket = Socket::joined(&running, &owner).await;
        let fields = [("name", "my-integration"), ("redirectUri", REDIRECT), ("scopes", scopes)];
        let outcome = owner.done(&mut socket, "/profile/oauth-application-register", &fields).await;
        let id = text(&outcome, "/applicationId");
        let path = "/profile/retrieve-oauth-application-configuration";
        let configuration = body(owner.post(path, &[("applicationId", &id)]).await, StatusCode::OK).await;
        assert_eq!((&configuration["applicationId"], &configuration["redirectUri"]), (&json!(id), &json!(REDIRECT)));
        let by_path = body(owner.post(&format!("{path}/{id}"), &[]).await, StatusCode::OK).await;
        assert_eq!(by_path, configuration);
        let (client_id, client_secret) = (text(&configuration, "/clientId"), text(&configuration, "/clientSecret"));
        Self { running, owner, id, client_id, client_secret }
    }

    /// A profile consents. Returns the redirect's query.
    async fn consent(&self, profile: &Client, scopes: &str) -> Vec<(String, String)> {
        let answer = consent(profile, &self.client_id, scopes, "csrf 1&2").await;
        assert_eq!(answer.status(), StatusCode::FOUND);
        let target = Url::parse(answer.headers()["location"].to_str().expect("text")).expect("a URL");
        assert_eq!(target.host_str(), Some("integration.example.com"));
        target.query_pairs().into_owned().collect()
    }

    /// The code of a consent.
    async fn code(&self, profile: &Client, scopes: &str) -> String {
        let query = self.consent(profile, scopes).await;
        query.into_iter().find(|(name, _)| name == "code").expect("a code").1
    }

    async fn post(&self, path: &str, secret: &str, fields: &[(&str, &str)]) -> Response {
        let url = format!("{}{path}", self.running.api_url());
        let request = self.owner.http.post(url).basic_auth(&self.client_id, Some(secret)).form(fields);
        request.send().await.expect("an answer")
    }

    async fn obtain(&self, code: &str) -> Response {
        let fields = [("grantType", "authorization_code"), ("code", code)];
        self.post("/oauth-application/obtain-access-token", &self.client_secret, &fields).await
    }

    async fn refresh(&self, token: &str) -> Response {
        let fields = [("grantType", "refresh_token"), ("refreshToken", token)];
        self.post("/oauth-application/refresh-access-token", &self.client_secret, &fields).await
    }

    /// A client with an access token for this profile.
    async fn acting_for(&self, profile: &Client, scopes: &str) -> Client {
        let issued = body(self.obtain(&self.code(profile, scopes).await).await, StatusCode::OK).await;
        let mut client = profile.clone();
        client.token = Some(text(&issued, "/accessToken"));
        client
    }
}

async fn consent(profile: &Client, client_id: &str, scopes: &str, state: &str) -> Response {
    let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().expect("a client");
    let mut url = Url::parse(&profile.url("/profile/oauth-application-request-authorization-code")).expect("a URL");
    url.query_pairs_mut().extend_pairs([("clientId", client_id), ("scopes", scopes), ("state", state)]);
    http.get(url).header("X-DPT-AUTHORIZATION", profile.token()).send().await.expect("an answer")
}

#[tokio::test]
async fn consent_redirects_with_a_code_and_the_state_and_the_code_is_good_once() {
    let application = Application::new("data-token:read,data-token:write").await;
    let query = application.consent(&application.owner, "data-token:read").await;
    let names: Vec<_> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["from", "code", "state"]);
    assert_eq!(query[2].1, "csrf 1&2");
    let code = &query[1].1;
    let wrong = [("grantType", "authorization_code"), ("code", code.as_str())];
    let wrong = application.post("/oauth-application/obtain-access-token", "wrong", &wrong).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let issued = body(application.obtain(code).await, StatusCode::OK).await;
    assert_eq!((&issued["tokenType"], &issued["expiresIn"]), (&json!("Bearer"), &json!(3_600)));
    assert_eq!(issued["scope"], "data-token:read");
    assert!(text(&issued, "/accessToken").starts_with("T-oauth-"));
    assert_eq!(application.obtain(code).await.status(), StatusCode::UNAUTHORIZED, "used");
    let late = application.code(&application.owner, "data-token:read").await;
    pass(Duration::from_mins(10)).await;
    assert_eq!(application.obtain(&late).await.status(), StatusCode::UNAUTHORIZED, "expired");
}

#[tokio::test]
async fn refreshing_rotates_both_tokens() {
    let application = Application::new("data-token:read").await;
    let code = application.code(&application.owner, "data-token:read").await;
    let first = body(application.obtain(&code).await, StatusCode::OK).await;
    let second = body(application.refresh(&text(&first, "/refreshToken")).await, StatusCode::OK).await;
    let reused = application.refresh(&text(&first, "/refreshToken")).await;
    assert_eq!(reused.status(), StatusCode::UNAUTHORIZED);
    let mut client = application.owner.clone();
    client.token = Some(text(&first, "/accessToken"));
    assert_eq!(client.get("/data-token/list-data-tokens").await.status(), StatusCode::UNAUTHORIZED, "superseded");
    client.token = Some(text(&second, "/accessToken"));
    assert_eq!(client.get("/data-token/list-data-tokens").await.status(), StatusCode::OK);
    pass(Duration::from_hours(1)).await;
    assert_eq!(client.get("/data-token/list-data-tokens").await.status(), StatusCode::UNAUTHORIZED, "expired");
    let third = body(application.refresh(&text(&second, "/refreshToken")).await, StatusCode::OK).await;
    assert_eq!(third["scope"], "data-token:read");
}

#[tokio::test]
async fn an_access_token_may_call_only_what_its_scopes_allow() {
    let all = "data-token:read,data-token:write,device:read,device:write,policy:read,policy:write,profile:read,\
               public-key:read,storage:read,storage:write,verified-authenticator:read,verified-authenticator:write,\
               voting:read,voting:write";
    let application = Application::new(all).await;
    for scope in all.split(',') {
        let client = application.acting_for(&application.owner, scope).await;
        for endpoint in endpoints().filter(|endpoint| endpoint.path != "/profile/revoke-authorization-token") {
            let path = endpoint.path.replace(['{', '}'], "");
            let answer = match endpoint.method {
                "GET" => client.get(&path).await,
                _ => client.post(&path, &[]).await,
            };
            let forbidden = match endpoint.access {
                Access::Owner => true,
                Access::Scope(needed) => needed != scope,
                Access::Token | Access::Public | Access::Application => false,
            };
            let registers_key = endpoint.id == "public-key.register-public-key";
            let found = answer.status() == StatusCode::FORBIDDEN;
            assert_eq!(found, forbidden || registers_key, "{scope}: {} {path}", endpoint.method);
        }
    }
}

#[tokio::test]
async fn an_access_token_reads_its_profile_as_bearer_joins_and_revokes_itself() {
    let application = Application::new("data-token:read").await;
    let audit = Client::signed_in(&application.running, AUDIT_USERNAME).await;
    let control = application.running.control();
    let stored = control.store_data(AUDIT_USERNAME, b"payload".to_vec(), "a.txt", "c").expect("stored");
    let client = application.acting_for(&audit, "data-token:read").await;
    let url = client.url("/data-token/list-data-tokens");
    let bearer = client.http.get(url).bearer_auth(client.token()).send().await.expect("an answer");
    assert_eq!(body(bearer, StatusCode::OK).await["meta"]["count"], 1, "it acts for the profile that consented");
    let mut socket = Socket::joined(&application.running, &client).await;
    let (command, request) = client.request_data(stored.as_str()).await;
    assert_eq!(socket.next().await["data"]["id"], request.as_str());
    socket.success(&command).await;
    assert_eq!(client.post("/profile/revoke-authorization-token", &[]).await.status(), StatusCode::OK);
    assert_eq!(client.get("/data-token/list-data-tokens").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(audit.get("/data-token/list-data-tokens").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_application_is_its_owners_alone_and_its_list_has_no_secret() {
    let application = Application::new("data-token:read").await;
    let audit = Client::signed_in(&application.running, AUDIT_USERNAME).await;
    let path = "/profile/retrieve-oauth-application-configuration";
    let foreign = audit.post(path, &[("applicationId", &application.id)]).await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
    let list = "/profile/retrieve-oauth-application-list";
    assert_eq!(audit.json(list).await, json!({"items": [], "meta": {"count": 0}}));
    let before = application.owner.json(list).await;
    assert_eq!((&before["meta"]["count"], &before["items"][0]["lastUsedAt"]), (&json!(1), &Value::Null));
    assert_eq!(before["items"][0]["scopes"], json!(["data-token:read"]));
    application.acting_for(&audit, "data-token:read").await;
    let after = application.owner.json(list).await;
    text(&after, "/items/0/lastUsedAt").parse::<jiff::Timestamp>().expect("RFC 3339");
    assert!(!after.to_string().contains(&application.client_secret), "the list shows the secret");
}

#[tokio::test]
async fn what_an_application_asks_wrongly_is_refused_by_its_field() {
    let application = Application::new("data-token:read").await;
    let owner = &application.owner;
    for (fields, wrong) in [
        (vec![], vec!["name", "redirectUri", "scopes"]),
        (vec![("name", "n"), ("redirectUri", "/callback"), ("scopes", "data-token:read")], vec!["redirectUri"]),
        (vec![("name", "n"), ("redirectUri", "javascript:a"), ("scopes", "data-token:read")], vec!["redirectUri"]),
        (vec![("name", "n"), ("redirectUri", REDIRECT), ("scopes", "everything")], vec!["scopes"]),
    ] {
        let refused = owner.post("/profile/oauth-application-register", &fields).await;
        let refused = body(refused, StatusCode::UNPROCESSABLE_ENTITY).await;
        let named: Vec<_> = refused["errors"].as_object().expect("errors").keys().collect();
        assert_eq!(named, wrong, "{fields:?}");
    }
    let more = consent(owner, &application.client_id, "data-token:read,device:read", "").await;
    let more = body(more, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(more["errors"]["scopes"][0].is_string(), "{more}");
    assert_eq!(consent(owner, "cli-unknown", "data-token:read", "").await.status(), StatusCode::NOT_FOUND);
    let grant = [("grantType", "refresh_token"), ("code", "c")];
    let secret = &application.client_secret;
    let grant = application.post("/oauth-application/obtain-access-token", secret, &grant).await;
    assert!(body(grant, StatusCode::UNPROCESSABLE_ENTITY).await["errors"]["grantType"][0].is_string());
    let without = owner.post("/oauth-application/refresh-access-token", &[]).await;
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED, "a profile's token is not an application's");
}
