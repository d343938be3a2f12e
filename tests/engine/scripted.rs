//! A backend and a proxy that a test scripts, for what the sandbox does not do. Both answer 403 to a request without the program's
//! name, as some firewalls do.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Upgrade, Response as Upgraded};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};

/// Runs as long as the test. If the server fails, the test fails because there is no answer.
#[expect(clippy::disallowed_methods, reason = "the test owns its servers and ends with them")]
pub(crate) fn serve(server: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(server));
}

/// The program's name in a request.
pub(crate) const USER_AGENT: &str = concat!("privicore-monitor/", env!("CARGO_PKG_VERSION"));

/// Whether a request names the program.
fn is_named(headers: &HeaderMap) -> bool {
    headers.get_all("user-agent").iter().eq([USER_AGENT])
}

/// A request that a backend received.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) line: String,
    /// Whether it named the program.
    pub(crate) is_named: bool,
    pub(crate) token: Option<String>,
    pub(crate) body: String,
}

/// An HTTP server with scripted answers that records its requests.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Backend {
    /// Answers by the request line, such as `GET /health`, with a status and a body.
    pub(crate) async fn start(answer: impl Fn(&str) -> (u16, String) + Clone + Send + Sync + 'static) -> Self {
        Self::with_headers(move |line| {
            let (status, body) = answer(line);
            Response::builder().status(status).body(Body::from(body)).expect("a response")
        })
        .await
    }

    /// Answers by the request line.
    pub(crate) async fn with_headers(answer: impl Fn(&str) -> Response + Clone + Send + Sync + 'static) -> Self {
        Self::by_request(move |got| answer(&got.line)).await
    }

    /// Answers by the whole request.
    pub(crate) async fn by_request(answer: impl Fn(&Got) -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let remembered = got.clone();
        let app = Router::new().fallback(move |request: Request| {
            let (answer, got) = (answer.clone(), remembered.clone());
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                let is_named = is_named(request.headers());
                let token = request.headers().get("x-dpt-authorization");
                let token = token.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.expect("a body");
                let body = String::from_utf8_lossy(&body).into_owned();
                let request = Got { line, is_named, token, body };
                let response = if is_named {
                    answer(&request)
                } else {
                    Response::builder().status(403).body(Body::empty()).expect("a response")
                };
                got.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                response
            }
        });
        serve(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { url, got }
    }

    /// The requests so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has received a request of this kind.
    pub(crate) fn has_request(&self, line: &str) -> bool {
        !self.got_of(line).is_empty()
    }

    /// The requests of this kind so far.
    pub(crate) fn got_of(&self, line: &str) -> Vec<Got> {
        self.got().into_iter().filter(|got| got.line.starts_with(line)).collect()
    }
}

/// A proxy that accepts these tokens and refuses all others. Returns its address.
pub(crate) async fn proxy(good: &'static [&'static str]) -> String {
    proxy_that(move |token| if good.contains(&token) { 200 } else { 401 }).await
}

/// A proxy that answers by the token, with a status. Returns its address.
pub(crate) async fn proxy_that(answer: impl Fn(&str) -> i64 + Clone + Send + 'static) -> String {
    proxy_with(answer, Vec::new()).await
}

/// A proxy that accepts every token and then sends these frames. Returns its address.
pub(crate) async fn proxy_sending(frames: Vec<Message>) -> String {
    proxy_with(|_token| 200, frames).await
}

async fn proxy_with(answer: impl Fn(&str) -> i64 + Clone + Send + 'static, frames: Vec<Message>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}", listener.local_addr().expect("an address"));
    serve(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            serve(connection(stream, answer.clone(), frames.clone()));
        }
    });
    url
}

/// A proxy's answer that is not decided yet: `answer` is called again.
pub(crate) const LATER: i64 = -1;

/// One connection of a proxy.
async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, answer: impl Fn(&str) -> i64, frames: Vec<Message>) {
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, refuse_the_nameless).await else { return };
    while let Some(Ok(frame)) = socket.next().await {
        let Message::Text(text) = frame else { continue };
        let request: Value = serde_json::from_str(text.as_str()).expect("JSON");
        let token = request["data"]["authorizationToken"].as_str().expect("a token");
        let mut status = answer(token);
        while status == LATER {
            tokio::task::yield_now().await;
            status = answer(token);
        }
        let reply = json!({"correlationId": request["correlationId"], "status": status, "data": {"channelId": "ch"}});
        let then = if status == 200 && request["action"] == "joinChannel" { &*frames } else { &[] };
        for frame in [Message::text(reply.to_string())].iter().chain(then) {
            if socket.send(frame.clone()).await.is_err() {
                return;
            }
        }
    }
}

#[expect(clippy::result_large_err, reason = "the library gives and takes these types")]
fn refuse_the_nameless(upgrade: &Upgrade, upgraded: Upgraded) -> Result<Upgraded, ErrorResponse> {
    if is_named(upgrade.headers()) {
        return Ok(upgraded);
    }
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = StatusCode::FORBIDDEN;
    Err(refusal)
}
