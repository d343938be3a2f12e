//! The sandbox as a whole: its demo, its shutdown, and that it reveals no secrets.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use privicore_monitor::sandbox::{AUDIT_USERNAME, DEMO_USERNAME, Options, PASSWORD, SandboxError, start};
use reqwest::StatusCode;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::client::{Client, Socket, body, text};
use crate::quiet;

#[tokio::test]
async fn the_demo_greets_with_many_messages_and_its_downloads_are_as_long_as_they_say() {
    let running = start(Options::embedded()).await.expect("a sandbox");
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let mut types = BTreeSet::new();
    let mut known = None;
    let mut link = None;
    let mut heard = 0;
    while heard < 25 || link.is_none() {
        let message = socket.next().await;
        heard += 1;
        let Some(kind) = message["data"]["type"].as_str() else { continue };
        types.insert(kind.to_owned());
        if kind == "X-DPT-CAB-ID" && message["data"]["command_status"] != 1 {
            known = Some((text(&message, "/data/id"), message["data"]["command_status"].clone()));
        }
        if let Some(body) = message["data"]["body"].as_str().filter(|body| body.starts_with("http")) {
            link = Some(body.to_owned());
        }
    }
    assert!(types.contains("X-DPT-CAB-ID") && types.contains("X-DPT-CAB-REQUEST-ID"), "{types:?}");
    let (id, status) = known.expect("an outcome");
    let asked = body(client.get(&format!("/request-status/{id}")).await, StatusCode::OK).await;
    assert_eq!(asked["command_status"], status, "the state does not know what the stream tells");
    let answer = client.http.get(link.expect("a link")).send().await.expect("an answer");
    let length = answer.content_length().expect("a length");
    assert!((5_000_000..50_000_000).contains(&length), "{length}");
    let bytes = answer.bytes().await.expect("bytes");
    assert_eq!(u64::try_from(bytes.len()).ok(), Some(length));
    let list = body(client.get("/data-token/list-data-tokens").await, StatusCode::OK).await;
    assert!(list["meta"]["count"].as_u64() > Some(25), "there is data to ask for: {}", list["meta"]);
}

#[tokio::test]
async fn the_demo_serves_both_profiles() {
    let running = start(Options::embedded()).await.expect("a sandbox");
    let client = Client::signed_in(&running, AUDIT_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    for _ in 0..25 {
        socket.next().await;
    }
}

#[tokio::test]
async fn shutting_down_ends_connections_and_frees_the_ports() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let port = |url: String| url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let options = Options {
        api_port: port(running.api_url()),
        ws_port: port(running.ws_url()),
        upstream_port: port(running.upstream_url()),
        downstream_port: port(running.downstream_url()),
        ..Options::embedded()
    };
    let taken = start(options.clone()).await.err().expect("the ports are taken");
    assert!(matches!(taken, SandboxError::Listen { flag: "api-port", .. }), "{taken}");
    running.shutdown().await;
    assert_eq!(socket.try_next().await, None, "the connection goes on");
    start(options).await.expect("the ports are free");
}

#[tokio::test]
async fn dropping_it_ends_it() {
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    drop(running);
    assert_eq!(socket.try_next().await, None, "the connection goes on");
}

#[cfg(feature = "rabbitmq")]
#[tokio::test]
async fn an_address_that_is_none_is_not_quoted_in_the_error() {
    let options = Options { amqp: Some("nonsense://user:canary@host".into()), ..Options::embedded() };
    let error = start(options).await.err().expect("an error");
    assert!(matches!(error, SandboxError::AmqpAddress), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

/// Collects the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_token_password_or_link_is_logged_at_any_level() {
    let log = Log::default();
    // The sandbox's own messages only: limiting what its libraries log at `trace` is up to whoever sets up the log.
    let own = tracing_subscriber::filter::filter_fn(|meta| meta.target().starts_with("privicore_monitor"));
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone()).with_filter(own);
    tracing_subscriber::registry().with(layer).init();
    let running = quiet().await;
    let client = Client::signed_in(&running, DEMO_USERNAME).await;
    let mut socket = Socket::joined(&running, &client).await;
    let link = running.control().offer_download(b"bytes".to_vec(), None);
    client.http.get(link.expose()).send().await.expect("an answer");
    client.http.get(link.expose()).send().await.expect("an answer");
    let change = [("currentPassword", PASSWORD), ("newPassword", "canary-password")];
    let id = client.command("/profile/change-password", &change).await;
    socket.success(&id).await;
    running.control().drop_connections();
    assert_eq!(socket.try_next().await, None);
    running.shutdown().await;
    let logged = String::from_utf8(log.0.lock().expect("the log").clone()).expect("text");
    assert!(logged.contains("cut"), "the log was not caught: {logged}");
    let auth = link.expose().split_once("auth=").expect("auth").1;
    for secret in [client.token(), auth, "canary-password"] {
        assert!(!logged.contains(secret), "a secret was logged:\n{logged}");
    }
}
