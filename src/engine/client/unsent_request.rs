//! Repeats a request that was never sent.
//!
//! A server that refuses its client after the handshake, or closes at once, races with the request. If its end of the
//! connection is read first, hyper drops the request, and the reason with it. The same request on a new connection is safe,
//! because the server has seen nothing of it, and most often it brings the reason.

use reqwest::{Error, RequestBuilder, Response};

use crate::engine::network::connect_failure::NoConnection;

/// The most connections for one request.
const MAX_CONNECTIONS: usize = 3;

/// Sends a request, on a new connection if the last one ended before anything was sent. A request whose body is a stream is
/// sent once.
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, Error> {
    for _ in 1..MAX_CONNECTIONS {
        let Some(copy) = request.try_clone() else { break };
        match copy.send().await {
            Err(error) if NoConnection::of(&error) == NoConnection::NotSent => {
                tracing::debug!(error = %error.without_url(), "a request was not sent, and is repeated");
            }
            answer => return answer,
        }
    }
    request.send().await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::engine::client::network_config::{NetworkConfig, NetworkEnvironment};
    use crate::engine::network::proxy::ProxyEnvironment;
    use crate::settings::Preferences;

    /// Closes each connection before it reads, until one of them is that of `last`. How many bytes each client sent.
    async fn close_all(listener: TcpListener, last: &str) -> Vec<usize> {
        let mut sent = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.shutdown().await.unwrap();
            let mut bytes = Vec::new();
            drop(stream.read_to_end(&mut bytes).await);
            if bytes == last.as_bytes() {
                return sent;
            }
            sent.push(bytes.len());
        }
    }

    /// The scheduler decides whether the request or the end of the connection is first, so this tries until it was the end.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_request_that_the_server_did_not_see_is_sent_again() {
        const LAST: &str = "the end";
        let environment = NetworkEnvironment { ca_file: None, proxies: ProxyEnvironment::default() };
        let client = NetworkConfig::load(&Preferences::default(), &environment).unwrap().rest_client;
        loop {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let asking = async {
                let error = send(client.get(format!("http://{address}/"))).await.expect_err("an answer");
                TcpStream::connect(address).await.unwrap().write_all(LAST.as_bytes()).await.unwrap();
                error
            };
            let (sent, error) = tokio::join!(close_all(listener, LAST), asking);
            assert!(sent.len() <= MAX_CONNECTIONS, "{sent:?}");
            let (last, before) = sent.split_last().expect("a connection");
            assert!(before.iter().all(|bytes| *bytes == 0), "a request that was sent is repeated: {sent:?}");
            if NoConnection::of(&error) == NoConnection::NotSent {
                assert_eq!((*last, sent.len()), (0, MAX_CONNECTIONS), "{error:?}");
            }
            if !before.is_empty() {
                break;
            }
        }
    }
}
