//! A Privicore for one test: a sandbox that only sends what the test publishes.

use std::sync::Arc;
use std::time::Duration;

use atspi::Role;
use privicore_monitor::protocol::Link;
use privicore_monitor::sandbox::{self, Options, SandboxHandle, Scenario};
use privicore_monitor::sandbox::{DEMO_USERNAME as USERNAME, PASSWORD};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::failure::{Failure, Outcome};
use crate::wait::until;

/// The name of the profile that stays signed in.
const PROFILE: &str = "Ops";

/// The sandbox and the runtime that it runs on.
pub(crate) struct Privicore {
    // Dropped first, because it stops on the runtime.
    running: SandboxHandle,
    runtime: Runtime,
}

impl Privicore {
    /// The values for the sign-in form: the fields by role and name, in their order.
    pub(crate) fn sign_in_fields(&self) -> [(Role, &'static str, String); 6] {
        [
            (Role::Entry, "Profile name", PROFILE.to_owned()),
            (Role::Entry, "API address", self.api()),
            (Role::Entry, "WebSocket address", self.websocket()),
            (Role::Entry, "Download address", self.download()),
            (Role::Entry, "Username", USERNAME.to_owned()),
            (Role::PasswordText, "Password", PASSWORD.to_owned()),
        ]
    }

    /// Starts one on free ports, without a scenario.
    pub(crate) fn start() -> Outcome<Self> {
        Self::with(Scenario::Quiet)
    }

    /// Starts one on free ports with an endless stream of outcomes.
    pub(crate) fn start_demo() -> Outcome<Self> {
        Self::with(Scenario::Demo)
    }

    fn with(scenario: Scenario) -> Outcome<Self> {
        let runtime = Runtime::new()?;
        let options = Options { scenario, ..Options::embedded() };
        let running = runtime.block_on(sandbox::start(options))?;
        Ok(Self { running, runtime })
    }

    pub(crate) fn api(&self) -> String {
        self.running.api_url()
    }

    pub(crate) fn websocket(&self) -> String {
        self.running.ws_url()
    }

    pub(crate) fn download(&self) -> String {
        self.running.downstream_url()
    }

    /// Publishes a command's status (1 pending, 2 success, 3 failed).
    pub(crate) fn report_command(&self, id: &str, status: u8) -> Outcome<()> {
        self.publish(&json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": null}}))
    }

    /// The same, with a message.
    pub(crate) fn report_command_with(&self, id: &str, status: u8, body: &str) -> Outcome<()> {
        self.publish(&json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": body}}))
    }

    /// Publishes ready data and returns its link.
    pub(crate) fn offer(&self, request: &str, payload: &[u8]) -> Outcome<Link> {
        let link = self.running.control().offer_download(payload.to_vec(), Some("invoices.bin"));
        self.announce(request, "invoices/2026-Q1", link.expose())?;
        Ok(link)
    }

    /// Publishes ready data with this link.
    pub(crate) fn announce(&self, request: &str, context: &str, link: &str) -> Outcome<()> {
        self.publish(&json!({"data": {
            "type": "X-DPT-CAB-REQUEST-ID", "id": request, "data_context": context, "output_type": 1, "body": link,
        }}))
    }

    /// A token, issued without the monitor, as an operator gets one from a colleague.
    pub(crate) fn token(&self) -> Outcome<String> {
        // Fails if another test has installed it.
        _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client
            .post(format!("{}/profile/authenticate", self.api()))
            .form(&[("username", USERNAME), ("password", PASSWORD)]);
        let answer: Value = self.runtime.block_on(async { request.send().await?.json().await })?;
        let token = answer.get("authorizationToken").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| Failure::new(format!("no token in {answer}")))
    }

    /// A WebSocket address at which the answer to the join is delayed.
    pub(crate) fn websocket_with_late_join(&self, late: Duration) -> Outcome<String> {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = format!("ws://{}", listener.local_addr()?);
        let websocket = self.websocket();
        let server = websocket.strip_prefix("ws://").unwrap_or(&websocket).to_owned();
        self.runtime.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = server.clone();
                connections.spawn(async move { relay(client, &server, late).await });
            }
        });
        Ok(address)
    }

    /// A WebSocket address that works until it falls silent: from then on no bytes pass in either direction, and nothing is
    /// closed.
    pub(crate) fn websocket_that_falls_silent(&self) -> Outcome<(String, watch::Sender<bool>)> {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = format!("ws://{}", listener.local_addr()?);
        let websocket = self.websocket();
        let server = websocket.strip_prefix("ws://").unwrap_or(&websocket).to_owned();
        let (silence, silent) = watch::channel(false);
        self.runtime.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let (server, mut silent) = (server.clone(), silent.clone());
                connections.spawn(async move {
                    let mut server = TcpStream::connect(server).await?;
                    tokio::select! {
                        ended = tokio::io::copy_bidirectional(&mut client, &mut server) => return ended.map(drop),
                        _ = silent.wait_for(|silent| *silent) => {}
                    }
                    // Both ends stay open.
                    std::future::pending::<std::io::Result<()>>().await
                });
            }
        });
        Ok((address, silence))
    }

    /// Whether a token is still valid.
    pub(crate) fn is_good(&self, token: &str) -> Outcome<bool> {
        _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client
            .post(format!("{}/profile/authorization-token/expiry", self.api()))
            .header("X-DPT-AUTHORIZATION", token);
        let answer = self.runtime.block_on(request.send())?;
        Ok(answer.status().is_success())
    }

    /// Waits until the monitor has left the channel.
    pub(crate) fn wait_nobody_joined(&self) -> Outcome<()> {
        until("the channel to be left", || Ok((self.joined()? == 0).then_some(())))
    }

    /// How many connections have joined the channel.
    pub(crate) fn joined(&self) -> Outcome<usize> {
        Ok(self.running.control().joined(USERNAME)?)
    }

    fn publish(&self, message: &Value) -> Outcome<()> {
        Ok(self.runtime.block_on(self.running.control().publish(USERNAME, message))?)
    }
}

/// Relays a connection. The answer to the upgrade passes at once; the bytes after it, the answer to the join, are delayed.
async fn relay(mut client: TcpStream, server: &str, late: Duration) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let down = async {
        for late in [Duration::ZERO, late] {
            let mut bytes = [0; 4096];
            let length = from_server.read(&mut bytes).await?;
            tokio::time::sleep(late).await;
            to_client.write_all(bytes.get(..length).unwrap_or_default()).await?;
        }
        tokio::io::copy(&mut from_server, &mut to_client).await
    };
    tokio::select! {
        ended = tokio::io::copy(&mut from_client, &mut to_server) => ended.map(drop),
        ended = down => ended.map(drop),
    }
}

/// A download store that serves one payload and pauses partway until it is resumed.
pub(crate) struct SlowStore {
    link: String,
    paused: watch::Receiver<bool>,
    go_on: Arc<Notify>,
}

impl SlowStore {
    /// The payload's length in bytes, and how much of it is sent before the pause.
    const SIZE: usize = 29_000_000;
    const BEFORE: usize = 18_000_000;

    /// Starts one on a free port, on the sandbox's runtime.
    pub(crate) fn start(privicore: &Privicore) -> Outcome<Self> {
        let listener = privicore.runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let link = format!("http://{}/?auth=picture", listener.local_addr()?);
        let (say_paused, paused) = watch::channel(false);
        let go_on = Arc::new(Notify::new());
        let told = Arc::clone(&go_on);
        privicore.runtime.spawn(async move { Self::serve(listener, say_paused, told).await });
        Ok(Self { link, paused, go_on })
    }

    async fn serve(listener: TcpListener, paused: watch::Sender<bool>, go_on: Arc<Notify>) -> std::io::Result<()> {
        let (mut client, _) = listener.accept().await?;
        // The request is short, and its content does not matter.
        let mut request = [0; 4096];
        _ = client.read(&mut request).await?;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            Self::SIZE
        );
        client.write_all(head.as_bytes()).await?;
        client.write_all(&vec![0x5a; Self::BEFORE]).await?;
        paused.send_replace(true);
        go_on.notified().await;
        client.write_all(&vec![0x5a; Self::SIZE - Self::BEFORE]).await?;
        client.shutdown().await
    }

    /// The link to the payload, which can be downloaded once.
    pub(crate) fn link(&self) -> &str {
        &self.link
    }

    /// Waits until everything before the pause has been sent.
    pub(crate) fn wait_until_paused(&self) -> Outcome<()> {
        until("the download to be under way", || Ok(self.paused.borrow().then_some(())))
    }

    /// Sends the rest.
    pub(crate) fn go_on(&self) {
        self.go_on.notify_one();
    }
}

/// Three megabytes that look like a ciphertext and are the same in each run.
pub(crate) fn payload() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(20_260_105);
    std::iter::repeat_with(|| random.u8(..)).take(3_000_000).collect()
}

/// The secret part of a link: whoever has it can download the data.
pub(crate) fn auth_of(link: &Link) -> Outcome<&str> {
    link.expose().rsplit_once("auth=").map(|(_, auth)| auth).ok_or_else(|| Failure::new("the link has no `auth`"))
}
