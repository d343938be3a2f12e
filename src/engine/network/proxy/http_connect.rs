//! Opens a tunnel through an HTTP proxy with `CONNECT` (RFC 9110, section 9.3.6).
//!
//! After it the stream carries plain bytes to the target; TLS runs through it, end to end.

use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{Method, Request, StatusCode};

use crate::engine::network::endpoints::Target;
use crate::engine::network::http1::{self, HttpError};
use crate::engine::network::retry_after::RetryAfter;
use crate::engine::network::transport::Transport;

use super::{ProxyError, ProxyServer};

/// Asks the proxy at the other end of `stream` to connect to a target; returns the stream to the target. The caller enforces
/// the time limit.
///
/// # Errors
///
/// If the proxy does not connect, or is not a proxy.
pub(crate) async fn open(
    stream: Box<dyn Transport>,
    target: &Target,
    through: &ProxyServer,
) -> Result<Box<dyn Transport>, ProxyError> {
    let request = request(target, through).map_err(|error| {
        tracing::debug!(%error, "the proxy can't be asked");
        ProxyError::NotAProxy(through.to_string())
    })?;
    let failed = |error| failed(error, through);
    let answer = http1::send(stream, request).await.map_err(failed)?;
    let status = answer.head.status;
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Err(ProxyError::NeedsPassword(through.to_string()));
    }
    if !status.is_success() {
        let retry_after = RetryAfter::of(&answer.head.headers);
        let (proxy, host) = (through.to_string(), target.host.clone());
        return Err(ProxyError::Refused { proxy, host, status: status.as_u16(), retry_after });
    }
    let (stream, read) = answer.into_stream().await.map_err(failed)?;
    // In TLS and HTTP the client speaks first, so bytes after the response can't come from the target.
    if read.is_empty() { Ok(stream) } else { Err(ProxyError::NotAProxy(through.to_string())) }
}

/// The request. It contains the proxy's password, if there is one.
fn request(target: &Target, through: &ProxyServer) -> hyper::http::Result<Request<String>> {
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    let authority = format!("{host}:{}", target.port);
    let mut request = Request::builder().method(Method::CONNECT).uri(&authority).header(HOST, authority);
    request = request.header(USER_AGENT, http1::USER_AGENT);
    if let Some(authorization) = through.authorization() {
        let mut value = HeaderValue::try_from(authorization)?;
        value.set_sensitive(true);
        request = request.header(PROXY_AUTHORIZATION, value);
    }
    request.body(String::new())
}

fn failed(error: HttpError, through: &ProxyServer) -> ProxyError {
    match error {
        HttpError::Closed => ProxyError::Closed(through.to_string()),
        HttpError::NotHttp => ProxyError::NotAProxy(through.to_string()),
        HttpError::TooLong => ProxyError::TooLong(through.to_string()),
        HttpError::Io(source) => ProxyError::NotReached { proxy: through.to_string(), source: source.into() },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::engine::network::proxy::{ProxyEnvironment, ProxyRules};
    use crate::settings::ProxyChoice;

    fn through(url: &str) -> ProxyServer {
        let variables = ProxyEnvironment::read(|name| (name == "ALL_PROXY").then(|| url.into()));
        let proxies = ProxyRules::of(&ProxyChoice::System, &variables);
        proxies.of_url(&"wss://w.example.com".parse().unwrap()).unwrap().unwrap()
    }

    fn target(host: &str) -> Target {
        Target { host: host.into(), port: 8083, secure: true, addresses: Vec::new() }
    }

    /// The result of a response, and the request as the proxy read it; `hang_up` is whether the proxy then closes.
    async fn connect_with_answer(answer: &[u8], hang_up: bool) -> (Result<(), ProxyError>, String) {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let through = through("http://me:secret@p:3128");
        let proxy = async {
            let mut asked = vec![0; 1024];
            let read = theirs.read(&mut asked).await.unwrap();
            // In small pieces, as a network may deliver it. The client may close before it has read everything.
            for piece in answer.chunks(7) {
                if theirs.write_all(piece).await.is_err() {
                    break;
                }
            }
            if hang_up {
                theirs.shutdown().await.unwrap();
            }
            asked.truncate(read);
            (String::from_utf8(asked).unwrap(), theirs)
        };
        let target = target("w.example.com");
        let opening = async {
            let opening = open(Box::new(ours), &target, &through);
            let opened = tokio::time::timeout(Duration::from_secs(10), opening).await;
            opened.expect("it waits for more").map(drop)
        };
        let (opened, (asked, _theirs)) = tokio::join!(opening, proxy);
        (opened, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_gets_exactly_one_request_with_its_password() {
        let (opened, asked) =
            connect_with_answer(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 p\r\n\r\n", false).await;
        opened.unwrap();
        let expected = format!(
            "CONNECT w.example.com:8083 HTTP/1.1\r\nHost: w.example.com:8083\r\nUser-Agent: {}\r\n\
             Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n",
            http1::USER_AGENT
        );
        assert_eq!(asked, expected);
        connect_with_answer(b"HTTP/1.0 200\r\n\r\n", false).await.0.unwrap();
        let request = request(&target("2001:db8::1"), &through("http://p")).unwrap();
        assert_eq!(request.uri(), "[2001:db8::1]:8083");
        assert_eq!(request.headers()[HOST], "[2001:db8::1]:8083");
        assert!(!request.headers().contains_key(PROXY_AUTHORIZATION));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_a_proxy_asks_for_is_respected() {
        let answer = b"HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n";
        let Err(ProxyError::Refused { status: 503, retry_after, .. }) = connect_with_answer(answer, true).await.0
        else {
            panic!("it agreed")
        };
        assert_eq!(retry_after, Some(RetryAfter::In(Duration::from_mins(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_answer_of_a_proxy_is_an_error_that_names_it() {
        let long = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; 128 * 1024]].concat();
        let cases: [(&[u8], &str); 9] = [
            (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "asks for a user name and a password"),
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", "did not connect to w.example.com: it answered with HTTP status 403"),
            (b"HTTP/1.1 302 Found\r\nLocation: http://portal\r\n\r\n", "HTTP status 302"),
            (b"HTTP/1.1 2000 OK\r\n\r\n", "did not answer like a proxy"),
            (b"HTTP/2 200\r\n\r\n", "did not answer like a proxy"),
            (b"SSH-2.0-OpenSSH_9.9\r\n", "did not answer like a proxy"),
            (b"HTTP/1.1 200 OK\r\n\r\nhello", "did not answer like a proxy"),
            (b"HTTP/1.1 200 OK\r\nVia", "closed the connection without an answer"),
            (&long, "had no end"),
        ];
        for (answer, words) in cases {
            let sentence = connect_with_answer(answer, true).await.0.unwrap_err().to_string();
            assert!(sentence.contains(words) && sentence.contains("p:3128"), "{sentence}");
            assert!(sentence.ends_with('.') && !sentence.contains("secret"), "{sentence}");
        }
    }
}
