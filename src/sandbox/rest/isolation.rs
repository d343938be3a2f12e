//! Property: no sequence of calls shows one profile what belongs to another.
//!
//! Profiles call random endpoints with random ids, their own and each other's. Whatever one of them receives, in responses and
//! on its channel, must not contain an id, a secret or a text of another profile, unless it has sent it itself.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tower_service::Service as _;

use crate::sandbox::backend::{Addresses, Backend};
use crate::sandbox::options::{Dialect, Options};
use crate::sandbox::queues::memory::MemoryQueues;
use crate::sandbox::queues::{Deliveries, Queues};
use crate::sandbox::runtime::tasks::TaskOwner;
use crate::sandbox::state::profiles::{ProfileId, TokenKind};
use crate::sandbox::{AUDIT_USERNAME, DEMO_USERNAME, PASSWORD};

use super::call::endpoint::{Access, Endpoint};
use super::{endpoints, router};

/// Longer than any command takes to settle.
const SETTLED: Duration = Duration::from_secs(2);

/// The beginnings of ids and secrets.
const PREFIXES: [&str; 12] =
    ["dev-", "dtk-", "tmp-", "vcf-", "pol-", "pool-", "app-", "cli-", "auth-code-", "T-", "prf-", "http://127.0.0.1"];

/// The fields whose values are secrets without such a beginning.
const SECRETS: [&str; 2] = ["password", "clientSecret"];

/// One of those who call: a profile, or somebody without a token.
struct Caller {
    username: &'static str,
    /// In every text that the caller sends.
    marker: &'static str,
    channel: Option<(ProfileId, Box<dyn Deliveries>)>,
    /// What belongs to the caller, in the order in which it was received or sent.
    own: Vec<String>,
    /// What the caller has sent, whoever it belongs to.
    sent: BTreeSet<String>,
}

impl Caller {
    /// Adds what belongs to the caller.
    fn add(&mut self, own: impl IntoIterator<Item = String>) {
        for text in own {
            if !self.own.contains(&text) {
                self.own.push(text);
            }
        }
    }
}

struct World {
    backend: Arc<Backend>,
    router: Router,
    callers: Vec<Caller>,
    _owner: TaskOwner,
}

impl World {
    fn new(dialect: Dialect) -> Self {
        let (owner, tasks) = TaskOwner::new();
        let queues = Arc::new(MemoryQueues::default());
        let address = || "http://127.0.0.1:1".to_owned();
        let addresses = Addresses { api: address(), ws: address(), upstream: address(), downstream: address() };
        let options = Options { dialect, ..Options::embedded() };
        let folder = tempfile::tempdir().expect("a folder");
        let backend = Arc::new(Backend::new(&options, tasks, addresses, Arc::<MemoryQueues>::clone(&queues), folder));
        let caller = |username: &'static str, marker| {
            let profile = backend.state().profiles.named(username);
            let channel = profile.map(|profile| (profile.clone(), queues.consume(&profile, username.to_owned())));
            Caller { username, marker, channel, own: Vec::new(), sent: BTreeSet::new() }
        };
        let callers =
            vec![caller(DEMO_USERNAME, "canary-one"), caller(AUDIT_USERNAME, "canary-two"), caller("", "canary-none")];
        Self { router: router(Arc::clone(&backend), Router::new()), backend, callers, _owner: owner }
    }

    /// Gives a profile one of everything.
    async fn furnish(&mut self, caller: usize) {
        for id in [
            "device.request-device-id",
            "device.approve-device",
            "storage.register-storage-device",
            "verified-authenticator.register-authenticator",
            "verified-authenticator.voting-configuration.create",
            "policy.register-policy",
            "voting.create-voting",
            "oauth.register-oauth-application",
            "oauth.oauth-application-list",
            "oauth.retrieve-oauth-app-configuration",
            "data-token.reserve-token-space",
            "data-token.retrieve-temporary-data-token",
            "data-token.exchange-data-for-token",
            "data-token.configure-file-meta",
        ] {
            let endpoint = endpoints().find(|endpoint| endpoint.id == id).expect("an endpoint");
            self.call(caller, endpoint, |_, _| usize::MAX).await;
            if id == "device.request-device-id" {
                self.call_path(caller, "/device/retrieve-device-id/{commandId}").await;
            }
        }
    }

    async fn call_path(&mut self, caller: usize, path: &str) {
        let endpoint = endpoints().find(|endpoint| endpoint.path == path).expect("an endpoint");
        self.call(caller, endpoint, |_, _| usize::MAX).await;
    }

    /// The ids that begin like this; those of the caller `last` are the last, the newest at the end.
    fn candidates(&self, prefix: &str, last: usize) -> Vec<&str> {
        let mut order: Vec<_> = (0..self.callers.len()).filter(|caller| *caller != last).collect();
        order.push(last);
        let all = order.into_iter().flat_map(|caller| &self.callers[caller].own);
        all.map(String::as_str)
            .filter(|id| if prefix.is_empty() { is_uuid(id) } else { id.starts_with(prefix) })
            .collect()
    }

    /// Calls an endpoint with every field that any endpoint takes. `choose` chooses among the ids that fit a field; those of
    /// the caller are the last.
    async fn call(&mut self, caller: usize, endpoint: &Endpoint, choose: impl Fn(&str, &[&str]) -> usize) {
        let id = |prefix: &str| {
            let candidates = self.candidates(prefix, caller);
            let chosen = choose(prefix, &candidates).min(candidates.len().saturating_sub(1));
            (*candidates.get(chosen).unwrap_or(&"unknown")).to_owned()
        };
        let Caller { username, marker, .. } = self.callers[caller];
        let text = |what: &str| format!("{marker} {what}");
        let token = if endpoint.id == "data-token.configure-file-meta" { id("tmp-") } else { id("dtk-") };
        let fields = json!({
            "username": username, "password": PASSWORD, "currentPassword": PASSWORD, "newPassword": text("password"),
            "deviceName": text("device"), "displayName": text("display"), "tags": text("tag"), "deviceId": id("dev-"),
            "deviceIdentifier": id("dev-"), "context": text("context"), "ttl": 3_600,
            "temporaryTokenSpace": id("tmp-"), "data": STANDARD.encode(text("payload")), "token": token,
            "fileName": text("file"), "extension": text("txt"), "size": 1, "path": "/", "name": text("name"),
            "redirectUri": "https://integration.example.com/callback", "scopes": "data-token:read",
            "applicationId": id("app-"), "clientId": id("cli-"), "state": text("state"), "strategy": "affirmative",
            "timeLimit": 60, "configuration": {"reason": text("reason")}, "votingConfigurationId": id("vcf-"),
            "applyingEventIds": "102,104", "poolId": id("pool-"), "vote": "yes", "title": text("title"),
            "question": text("question"), "nonce": text("nonce"), "publicKey": "ab".repeat(32),
        });
        let path = endpoint.path.replace("{commandId}", &id("")).replace("{poolId}", &id("pool-"));
        let path = path.replace("{applicationId}", &id("app-"));
        let fields = fields.as_object().cloned().unwrap_or_default();
        let answer = self.send(caller, endpoint, &path, &fields).await;
        let known = &mut self.callers[caller];
        let sent = fields.values().filter_map(Value::as_str).chain(path.rsplit('/').next());
        known.sent.extend(sent.clone().map(str::to_owned));
        let marked = sent.filter(|text| text.contains(marker)).map(str::to_owned);
        known.add(marked.chain([STANDARD.encode(text("payload"))]));
        self.received(caller, &answer);
        tokio::time::sleep(SETTLED).await;
        for receiver in 0..self.callers.len() {
            while let Some(messages) = self.messages(receiver).await {
                for message in messages {
                    self.received(receiver, &message);
                }
            }
        }
    }

    /// Everything that the response to a call carries.
    async fn send(&mut self, caller: usize, endpoint: &Endpoint, path: &str, fields: &Map<String, Value>) -> String {
        let mut request = Request::builder().method(endpoint.method);
        if let Some((profile, _)) = &self.callers[caller].channel {
            let now = self.backend.clock.now();
            let expires = now + Duration::from_hours(1);
            let token = self.backend.state().profiles.issue(profile, expires, TokenKind::SignIn, now).expect("a token");
            request = request.header("x-dpt-authorization", token);
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields.iter().filter_map(|(name, value)| Some((name, value.as_str()?))))
            .finish();
        let request = match endpoint.method {
            "GET" => request.uri(format!("{path}?{query}")).body(Body::empty()),
            _ => request
                .uri(path)
                .header(CONTENT_TYPE, "application/json")
                .body(Value::Object(fields.clone()).to_string().into()),
        };
        poll_fn(|cx| self.router.as_service::<Body>().poll_ready(cx)).await.expect("ready");
        let answer = self.router.as_service().call(request.expect("a request")).await.expect("an answer");
        let location = answer.headers().get(LOCATION).map(|target| target.to_str().expect("text").to_owned());
        let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        format!(
            "{}{}",
            String::from_utf8_lossy(&body),
            location.map_or_else(String::new, |target| json!(target).to_string())
        )
    }

    async fn messages(&mut self, receiver: usize) -> Option<Vec<String>> {
        let (_, deliveries) = self.callers[receiver].channel.as_mut()?;
        let messages = deliveries.next().now_or_never()?;
        deliveries.settle(&vec![true; messages.len()]).await;
        Some(messages.iter().map(ToString::to_string).collect())
    }

    /// Checks what a caller has received, and adds it to what it owns.
    fn received(&mut self, receiver: usize, text: &str) {
        for (other, caller) in self.callers.iter().enumerate().filter(|(other, _)| *other != receiver) {
            let known = &self.callers[receiver].sent;
            for secret in caller.own.iter().filter(|secret| !known.contains(*secret)) {
                assert!(!text.contains(secret.as_str()), "caller {receiver} received {secret} of {other}: {text}");
            }
        }
        let mut private = Vec::new();
        for value in serde_json::Deserializer::from_str(text).into_iter::<Value>().map_while(Result::ok) {
            collect("", &value, &mut private);
        }
        let known = &mut self.callers[receiver];
        private.retain(|id| !known.sent.contains(id));
        known.add(private);
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Adds the ids and secrets in the value of a field.
fn collect(field: &str, value: &Value, private: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let is_id = is_uuid(text) || PREFIXES.iter().any(|prefix| text.starts_with(prefix));
            if is_id || SECRETS.contains(&field) && !text.contains(' ') {
                private.push(text.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(field, item, private)),
        Value::Object(fields) => fields.iter().for_each(|(field, item)| collect(field, item, private)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The endpoints that are called: an application's tokens are those of the profile that consented, not of its owner.
fn called() -> Vec<&'static Endpoint> {
    endpoints().filter(|endpoint| endpoint.access != Access::Application).collect()
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(test);
}

#[test]
fn each_profile_begins_with_one_of_everything_and_a_leak_is_noticed() {
    run(async {
        let mut world = World::new(Dialect::Live);
        world.furnish(0).await;
        world.furnish(1).await;
        for caller in [0, 1] {
            // It sent ids of the other while it had none of its own.
            world.callers[1 - caller].sent.clear();
            for prefix in ["dev-", "dtk-", "tmp-", "vcf-", "pol-", "pool-", "app-", "cli-", ""] {
                let own = world.callers[caller].own.clone();
                let leak =
                    own.iter().rev().find(|id| if prefix.is_empty() { is_uuid(id) } else { id.starts_with(prefix) });
                let leak = json!({ "id": leak.unwrap_or_else(|| panic!("{caller} has no {prefix}")) }).to_string();
                let noticed = std::panic::catch_unwind(AssertUnwindSafe(|| world.received(1 - caller, &leak)));
                assert!(noticed.is_err(), "{leak} was not noticed");
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_calls_shows_a_profile_what_belongs_to_another(
        live in any::<bool>(),
        steps in prop::collection::vec((0_usize..3, 0..called().len(), 0_usize..1_000), 1..40),
    ) {
        run(async {
            let mut world = World::new(if live { Dialect::Live } else { Dialect::Docs });
            world.furnish(0).await;
            world.furnish(1).await;
            for (caller, endpoint, choice) in steps {
                let endpoint = called()[endpoint];
                let choose =
                    |prefix: &str, candidates: &[&str]| (choice + prefix.len() * 7) % candidates.len().max(1);
                world.call(caller, endpoint, choose).await;
            }
        });
    }
}
