//! Every endpoint: that the documentation and the tests know it, that it is authorised, and that it reads JSON like forms.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use privicore_monitor::sandbox::{Access, DEMO_USERNAME, Endpoint, Phase, endpoints};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::quiet;

/// The vendor's endpoints: id, method, path and phase.
const DOCUMENTED: &str = include_str!("../fixtures/endpoints.tsv");

/// The test of each endpoint: the endpoint's id, the test's file in this folder, and its name.
const TESTS: &str = include_str!("../fixtures/endpoint_tests.tsv");

/// The lines of `docs/sandbox.md` between which the table stands.
const BEGIN: &str = "<!-- The table is generated: UPDATE_DOCS=1 cargo test --test sandbox endpoints -->\n";
const END: &str = "<!-- end of the table -->\n";

#[test]
fn the_sandbox_has_every_endpoint_of_the_vendor() {
    let line = |endpoint: &Endpoint| {
        format!("{}\t{}\t{}\t{}", endpoint.id, endpoint.method, endpoint.path, endpoint.phase.name())
    };
    let mut found: Vec<_> = endpoints().filter(|endpoint| endpoint.is_documented).map(line).collect();
    found.sort();
    assert_eq!(found, DOCUMENTED.lines().collect::<Vec<_>>());
    assert_eq!(found.len(), 46);
}

#[tokio::test]
async fn every_protected_endpoint_refuses_a_missing_and_a_dead_token() {
    let running = quiet().await;
    let nobody = Client::new(running.api_url());
    let mut dead = Client::signed_in(&running, DEMO_USERNAME).await;
    dead.token = Some("T-made-up".into());
    for endpoint in endpoints() {
        for (client, has_token) in [(&nobody, false), (&dead, true)] {
            let status = call(client, endpoint, &json!({})).await;
            // Whoever knows a command's id may ask for its status without a token.
            let needs_token = match endpoint.access {
                Access::Public => continue,
                Access::Token => has_token || !endpoint.path.starts_with("/request-status"),
                Access::Application | Access::Owner | Access::Scope(_) => true,
            };
            let found = status == StatusCode::UNAUTHORIZED;
            assert_eq!(found, needs_token, "{} {}: {status}", endpoint.method, endpoint.path);
        }
    }
}

#[tokio::test]
async fn every_endpoint_reads_json_like_a_form() {
    let running = quiet().await;
    let mut read = 0;
    for endpoint in endpoints() {
        if endpoint.method == "GET" || endpoint.access == Access::Application {
            continue;
        }
        // One for each call, because some calls end the token.
        let client = async || Client::signed_in(&running, DEMO_USERNAME).await;
        let path = path_of(endpoint);
        let refused = client().await.post(&path, &[]).await;
        if refused.status() != StatusCode::UNPROCESSABLE_ENTITY {
            // It has no required fields.
            continue;
        }
        let refused: Value = refused.json().await.expect("JSON");
        let names = refused["errors"].as_object().expect("errors").keys();
        let fields: Map<_, _> = names.map(|name| (name.clone(), sample(name))).collect();
        let form: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let by_form = client().await.post(&path, &form).await.status();
        let by_json = call(&client().await, endpoint, &Value::Object(fields.clone())).await;
        for status in [by_form, by_json] {
            let right = match endpoint.phase {
                _ if endpoint.access == Access::Public => status != StatusCode::UNPROCESSABLE_ENTITY,
                // Most ids in the samples do not exist.
                Phase::Sync | Phase::AsyncRequest => [StatusCode::OK, StatusCode::NOT_FOUND].contains(&status),
                Phase::AsyncCommand => status == StatusCode::ACCEPTED,
            };
            assert!(right, "{path} {fields:?}: {by_form} by a form, {by_json} by JSON");
        }
        read += 1;
    }
    assert!(read > 25, "only {read} endpoints were tried");
}

/// A valid value for a field.
fn sample(name: &str) -> Value {
    match name {
        "ttl" | "timeLimit" | "size" => json!(60),
        "publicKey" => json!("ab".repeat(32)),
        "data" => json!("AAAA"),
        "strategy" => json!("unanimous"),
        "configuration" => json!({"reason": "reviewed"}),
        "applyingEventIds" => json!([101, 102]),
        "scopes" => json!(["data-token:read"]),
        "redirectUri" => json!("https://integration.example.com/callback"),
        "vote" => json!("yes"),
        _ => json!("correct-horse"),
    }
}

/// A value as a form carries it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        value => value.to_string(),
    }
}

fn path_of(endpoint: &Endpoint) -> String {
    endpoint.path.replace(['{', '}'], "")
}

async fn call(client: &Client, endpoint: &Endpoint, fields: &Value) -> StatusCode {
    let path = path_of(endpoint);
    match endpoint.method {
        "GET" => client.get(&path).await.status(),
        _ => client.post_json(&path, fields).await.status(),
    }
}

#[test]
fn the_documentation_lists_every_endpoint_with_its_test() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox.md");
    let text = std::fs::read_to_string(&docs).expect("docs/sandbox.md");
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    let generated = generated();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let mut file = tempfile::NamedTempFile::new_in(docs.parent().expect("a folder")).expect("a file");
        std::io::Write::write_all(&mut file, format!("{before}{BEGIN}{generated}{END}{after}").as_bytes())
            .expect("written");
        file.persist(&docs).expect("renamed");
    } else {
        assert_eq!(table, generated, "run it with UPDATE_DOCS=1");
    }
}

/// The file in `tests/sandbox`, and the name, of an endpoint's test.
fn test_of(endpoint: &Endpoint) -> (&'static str, &'static str) {
    let line = TESTS.lines().map(|line| line.split('\t').collect::<Vec<_>>()).find(|line| line[0] == endpoint.id);
    let line = line.unwrap_or_else(|| panic!("no test is named for {}", endpoint.id));
    (line[1], line[2])
}

#[test]
fn every_endpoint_has_a_test_that_calls_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox");
    let mut sources = BTreeMap::new();
    for endpoint in endpoints() {
        let (file, test) = test_of(endpoint);
        let source = sources.entry(file).or_insert_with(|| {
            std::fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap_or_else(|error| panic!("{file}: {error}"))
        });
        assert!(source.contains(&format!("async fn {test}(")), "{file}.rs has no test {test}");
        let path = endpoint.path.split('{').next().unwrap_or_default().trim_end_matches('/');
        let helpers = include_str!("client.rs");
        assert!(source.contains(path) || helpers.contains(path), "{file}.rs never calls {path}");
    }
    assert_eq!(TESTS.lines().count(), endpoints().count(), "a test is named for an endpoint that does not exist");
}

fn generated() -> String {
    let mut table = "\n| endpoint | phase | token of an application | tested |\n|---|---|---|---|\n".to_owned();
    for endpoint in endpoints() {
        let (file, test) = test_of(endpoint);
        let access = match endpoint.access {
            // Its token registers the key of a profile, which is the owner's alone to set.
            Access::Public if endpoint.id == "public-key.register-public-key" => "none; a password instead",
            Access::Public => "no token needed",
            Access::Application => "client id and secret",
            Access::Token => "any",
            Access::Owner => "none",
            Access::Scope(scope) => &format!("`{scope}`"),
        };
        let own = if endpoint.is_documented { "" } else { " ¹" };
        let Endpoint { method, path, .. } = endpoint;
        writeln!(table, "| `{method} {path}`{own} | {} | {access} | `{file}::{test}` |", endpoint.phase.name())
            .expect("text");
    }
    table.push('\n');
    table
}
