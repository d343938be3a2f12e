//! A small client of the sandbox, in the role of a monitor or of the operator's own software.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use privicore_monitor::sandbox::{PASSWORD, SandboxHandle};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Generous, because nothing here measures speed and a busy machine starts a broker late.
pub(crate) const DEADLINE: Duration = Duration::from_mins(10);

/// Calls the REST API and the stores.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    api: String,
    pub(crate) token: Option<String>,
}

impl Client {
    /// A client without a token.
    pub(crate) fn new(api: String) -> Self {
        // The client requires a TLS provider although it uses plain HTTP here. The first test installs it.
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            assert!(rustls::crypto::CryptoProvider::get_default().is_some(), "no TLS provider");
        }
        Self { http: reqwest::Client::builder().no_proxy().build().expect("a client"), api, token: None }
    }

    /// A client that has signed in as one of the sandbox's profiles.
    pub(crate) async fn signed_in(running: &SandboxHandle, username: &str) -> Self {
        let mut client = Self::new(running.api_url());
        client.sign_in(username, PASSWORD).await;
        client
    }

    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().expect("signed in")
    }

    /// The URL of an endpoint.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send(self.http.post(self.url(path)).form(fields)).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Response {
        self.send(self.http.post(self.url(path)).json(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(self.http.get(self.url(path))).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        let request = match &self.token {
            Some(token) => request.header("X-DPT-AUTHORIZATION", token),
            None => request,
        };
        request.send().await.expect("an answer")
    }

    /// Sends a command. Returns its id.
    pub(crate) async fn command(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(path, fields).await;
        let header = answer.headers().get("x-dpt-cab-id").map(|id| id.to_str().expect("text").to_owned());
        let id = text(&body(answer, StatusCode::ACCEPTED).await, "/commandId");
        assert_eq!(header.as_deref(), Some(id.as_str()), "the header names another command");
        id
    }

    /// Requests data. Returns the command id and the request id.
    pub(crate) async fn request_data(&self, token: &str) -> (String, String) {
        let answer = self.post("/data-token/request-data", &[("token", token)]).await;
        let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        let ids = (header("x-dpt-cab-id"), header("x-dpt-cab-request-id"));
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        ids
    }
}

impl Client {
    /// Checks a command's status until it has succeeded, without joining a channel.
    pub(crate) async fn settled(&self, id: &str) {
        let path = format!("/request-status/{id}");
        let polling = async {
            loop {
                let answer = body(self.post_json(&path, &json!({})).await, StatusCode::OK).await;
                match answer[0].as_str() {
                    Some("started") => {}
                    Some("succeeded") => return,
                    other => panic!("{other:?}"),
                }
            }
        };
        timeout(DEADLINE, polling).await.expect("the command was never settled");
    }

    /// Signs in with a user name and a password.
    pub(crate) async fn sign_in(&mut self, username: &str, password: &str) {
        let answer = self.post("/profile/authenticate", &[("username", username), ("password", password)]).await;
        self.token = Some(text(&body(answer, StatusCode::OK).await, "/authorizationToken"));
    }

    /// Reserves space for a payload. Returns the temporary token and the upstream link.
    pub(crate) async fn reserve(&self, socket: &mut Socket, ttl: &str) -> (String, String) {
        let fields = [("context", "invoices/2026-Q1"), ("ttl", ttl)];
        let command = self.command("/data-token/reserve-token-space", &fields).await;
        let path = format!("/data-token/retrieve-temporary-data-token/{command}");
        assert_eq!(self.get(&path).await.status(), StatusCode::NOT_FOUND, "the reservation has not settled");
        socket.success(&command).await;
        let reserved = body(self.get(&path).await, StatusCode::OK).await;
        (text(&reserved, "/token"), text(&reserved, "/stream"))
    }

    /// A device that is requested and approved. Returns its id.
    pub(crate) async fn approved_device(&self, socket: &mut Socket, name: &str) -> String {
        let request = self.command("/device/request-unique-identifier", &[("deviceName", name)]).await;
        socket.success(&request).await;
        let answer = self.get(&format!("/device/retrieve-device-id/{request}")).await;
        let device = text(&body(answer, StatusCode::OK).await, "/deviceId");
        self.done(socket, "/device/approve-device", &[("deviceId", &device)]).await;
        device
    }

    /// An approved device that is an authenticator. Returns its id.
    pub(crate) async fn authenticator(&self, socket: &mut Socket, name: &str) -> String {
        let device = self.approved_device(socket, name).await;
        self.done(socket, "/verified-authenticator/register", &[("deviceId", &device)]).await;
        device
    }

    /// Sends a command and waits until it has succeeded. Returns the body of the outcome.
    pub(crate) async fn done(&self, socket: &mut Socket, path: &str, fields: &[(&str, &str)]) -> Value {
        let id = self.command(path, fields).await;
        let (status, body) = socket.outcome(&id).await;
        assert_eq!(status, 2, "{path} failed: {body}");
        body
    }

    /// Sends a command and waits until it has failed. Returns the reason.
    pub(crate) async fn failed(&self, socket: &mut Socket, path: &str, fields: &[(&str, &str)]) -> String {
        let id = self.command(path, fields).await;
        socket.failure(&id).await
    }

    /// The JSON of a `GET` that must succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        body(self.get(path).await, StatusCode::OK).await
    }

    /// Turns a filled reservation into a permanent token.
    pub(crate) async fn commit(&self, temporary: &str, context: &str) -> String {
        let fields = [
            ("token", temporary),
            ("fileName", "hello.txt"),
            ("extension", "txt"),
            ("context", context),
            ("size", "39"),
            ("path", "/"),
        ];
        let committed = body(self.post("/data-token/configure-file-meta", &fields).await, StatusCode::OK).await;
        let token = text(&committed, "/token");
        assert!(token.starts_with("dtk-"), "{token}");
        token
    }
}

/// The JSON of a response that must have this status.
pub(crate) async fn body(answer: Response, status: StatusCode) -> Value {
    let found = answer.status();
    let text = answer.text().await.expect("a body");
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// The text at a JSON pointer.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text {pointer} in {value}")).to_owned()
}

/// Waits until a condition holds that other tasks bring about.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(DEADLINE, waiting).await.is_ok(), "it never came true that {what}");
}

/// A connection to the proxy.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// A connection that has not joined.
    pub(crate) async fn open(running: &SandboxHandle) -> Self {
        let stream = TcpStream::connect(running.ws_url().trim_start_matches("ws://")).await.expect("a connection");
        let (socket, _) = tokio_tungstenite::client_async(running.ws_url(), stream).await.expect("an upgrade");
        Self(socket)
    }

    /// A connection that has joined the client's channel.
    pub(crate) async fn joined(running: &SandboxHandle, client: &Client) -> Self {
        let mut socket = Self::open(running).await;
        let reply = socket.join(client.token()).await;
        assert_eq!(reply["status"], 200, "{reply}");
        socket
    }

    /// Sends a join. Returns the very next message, which must be its reply.
    pub(crate) async fn join(&mut self, token: &str) -> Value {
        let data = json!({"authorizationToken": token, "correlationId": "c-1"});
        self.send(&json!({"action": "joinChannel", "correlationId": "c-1", "data": data}).to_string()).await;
        let reply = self.next().await;
        assert!(reply["status"].is_u64(), "something came before the reply: {reply}");
        reply
    }

    /// Sends any text.
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sent");
    }

    /// Sends bytes that need not be a frame.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        use tokio::io::AsyncWriteExt as _;
        self.0.get_mut().write_all(bytes).await.expect("sent");
    }

    /// The next frame of any kind, or how the connection ended.
    pub(crate) async fn frame(&mut self) -> Result<Message, Error> {
        let frame = timeout(DEADLINE, self.0.next()).await.expect("nothing came");
        frame.unwrap_or(Err(Error::ConnectionClosed))
    }

    /// Sends a close frame with this code.
    pub(crate) async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.0.send(Message::Close(Some(frame))).await.expect("sent");
    }

    /// Sends a ping.
    pub(crate) async fn ping(&mut self) {
        self.0.send(Message::Ping(b"p".to_vec().into())).await.expect("sent");
    }

    /// Whether anything can be read after this much of tokio's time, in which everything else may happen. Nothing is read.
    pub(crate) async fn hears_within(&mut self, time: Duration) -> bool {
        tokio::time::pause();
        let heard = timeout(time, self.0.get_ref().readable()).await.is_ok();
        tokio::time::resume();
        heard
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        self.try_next().await.expect("the connection ended")
    }

    /// The next message, or `None` if the connection ended.
    pub(crate) async fn try_next(&mut self) -> Option<Value> {
        loop {
            match timeout(DEADLINE, self.0.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return None,
            }
        }
    }

    /// Waits for a command's final outcome. Returns its status and body.
    pub(crate) async fn outcome(&mut self, id: &str) -> (u64, Value) {
        loop {
            let message = self.next().await;
            let data = &message["data"];
            if data["type"] == "X-DPT-CAB-ID" && data["id"] == id && data["command_status"] != 1 {
                return (data["command_status"].as_u64().expect("a number"), data["body"].clone());
            }
        }
    }

    /// Waits until a command has succeeded.
    pub(crate) async fn success(&mut self, id: &str) {
        let (status, body) = self.outcome(id).await;
        assert_eq!(status, 2, "the command failed: {body}");
    }

    /// Waits until a command has failed. Returns the reason.
    pub(crate) async fn failure(&mut self, id: &str) -> String {
        let (status, body) = self.outcome(id).await;
        assert_eq!(status, 3, "the command did not fail");
        body.as_str().expect("a reason").to_owned()
    }

    /// Every message about a request up to the one that completes it: inline data, a link, or `STREAM-READY`.
    pub(crate) async fn data(&mut self, request: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let message = self.next().await;
            let data = &message["data"];
            if data["id"] != request && data["requestId"] != request {
                continue;
            }
            let body = data["body"].as_str().unwrap_or_default();
            let inline = data["output_type"] == 0 && !body.contains(' ');
            let complete = inline || body.starts_with("http") || data["type"] == "STREAM-READY";
            messages.push(message);
            if complete {
                return messages;
            }
        }
    }
}
