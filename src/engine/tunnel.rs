//! A way through an HTTP proxy: `CONNECT` (RFC 9110, section 9.3.6), and nothing else of HTTP.
//!
//! What comes after it is a plain stream of bytes to the target; TLS is spoken through it, end to end.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::endpoints::Target;
use super::proxies::{ProxyError, Through};

/// The longest answer that is read, in bytes: what a proxy says of itself fits many times.
const LONGEST: usize = 8 * 1024;

/// Has the proxy at the other end of `stream` connect to a target. The caller holds the budget of time.
///
/// # Errors
///
/// Where the proxy does not, or is none.
pub(super) async fn open<S>(stream: &mut S, target: &Target, through: &Through) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |source| ProxyError::NotReached { proxy: through.to_string(), source };
    stream.write_all(request(target, through).as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut head = Vec::with_capacity(512);
    loop {
        let read = stream.read_buf(&mut head).await.map_err(broken)?;
        if let Some(end) = end_of(&head) {
            // Neither TLS nor HTTP lets a server speak first: more than the answer is none of the target's.
            let whole = end == head.len();
            return if whole { judge(&head, target, through) } else { Err(ProxyError::NotAProxy(through.to_string())) };
        }
        if !b"HTTP/1.".starts_with(head.get(..7).unwrap_or(&head)) {
            return Err(ProxyError::NotAProxy(through.to_string()));
        }
        if read == 0 {
            return Err(ProxyError::Closed(through.to_string()));
        }
        if head.len() >= LONGEST {
            return Err(ProxyError::TooLong(through.to_string()));
        }
    }
}

/// The request. It holds the proxy's password where there is one.
fn request(target: &Target, through: &Through) -> String {
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    let authority = format!("{host}:{}", target.port);
    let authorization =
        through.authorization().map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n")
}

/// Where the answer's head ends, empty line included.
fn end_of(head: &[u8]) -> Option<usize> {
    memchr::memmem::find(head, b"\r\n\r\n").map(|at| at.saturating_add(4))
}

/// What a whole head means.
fn judge(head: &[u8], target: &Target, through: &Through) -> Result<(), ProxyError> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let is_http = parts.next().is_some_and(|version| matches!(version, b"HTTP/1.0" | b"HTTP/1.1"));
    let status = parts.next().filter(|digits| digits.len() == 3).and_then(|digits| str::from_utf8(digits).ok());
    match status.and_then(|digits| digits.parse::<u16>().ok()).filter(|_status| is_http) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(ProxyError::NeedsPassword(through.to_string())),
        Some(status) => Err(ProxyError::Refused { proxy: through.to_string(), host: target.host.clone(), status }),
        None => Err(ProxyError::NotAProxy(through.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::proxies::{Proxies, ProxyVariables};
    use crate::settings::ProxyChoice;

    fn through(url: &str) -> Through {
        let variables = ProxyVariables::read(|name| (name == "ALL_PROXY").then(|| url.into()));
        let proxies = Proxies::of(&ProxyChoice::System, &variables);
        proxies.of_url(&"wss://w.example.com".parse().unwrap()).unwrap().unwrap()
    }

    fn target(host: &str) -> Target {
        Target { host: host.into(), port: 8083, secure: true }
    }

    /// What becomes of an answer; `hang_up` is whether the proxy then closes. And what it was asked.
    async fn answered(answer: &[u8], hang_up: bool) -> (Result<(), ProxyError>, String) {
        let (mut ours, mut theirs) = tokio::io::duplex(1024);
        let through = through("http://me:secret@p:3128");
        let proxy = async {
            let mut asked = vec![0; 1024];
            let read = theirs.read(&mut asked).await.unwrap();
            // In small pieces, as a network may deliver it; where it is given up, nobody takes the rest.
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
            let opened = tokio::time::timeout(Duration::from_secs(10), open(&mut ours, &target, &through)).await;
            drop(ours);
            opened.expect("it waits for more")
        };
        let (opened, (asked, _theirs)) = tokio::join!(opening, proxy);
        (opened, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_agrees_is_asked_exactly_once_with_its_password() {
        let (opened, asked) = answered(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 p\r\n\r\n", false).await;
        opened.unwrap();
        let expected = "CONNECT w.example.com:8083 HTTP/1.1\r\nHost: w.example.com:8083\r\n\
                        Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n";
        assert_eq!(asked, expected);
        answered(b"HTTP/1.0 200\r\n\r\n", false).await.0.unwrap();
        assert_eq!(
            request(&target("2001:db8::1"), &through("http://p")),
            "CONNECT [2001:db8::1]:8083 HTTP/1.1\r\nHost: [2001:db8::1]:8083\r\n\r\n"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_else_a_proxy_answers_is_a_sentence_that_names_it() {
        let long = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 2 * LONGEST]].concat();
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
            let sentence = answered(answer, true).await.0.unwrap_err().to_string();
            assert!(sentence.contains(words) && sentence.contains("p:3128"), "{sentence}");
            assert!(sentence.ends_with('.') && !sentence.contains("secret"), "{sentence}");
        }
    }
}
