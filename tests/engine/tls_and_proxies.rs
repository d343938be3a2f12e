//! What lies between the engine and a server in these tests: TLS in front of the server, and an HTTP proxy.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::scripted::{USER_AGENT, serve};

/// A name that no resolver knows: only a proxy reaches it. The tests' certificate covers it and `localhost`.
pub(crate) const ELSEWHERE: &str = "privicore.test";

/// The file of the tests' own authority, which signs the certificates of the servers of [`encrypted`].
pub(crate) fn authority() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine/tls/authority.pem").into()
}

/// The port of an address on this machine.
pub(crate) fn port_of(url: &str) -> u16 {
    let (_, port) = url.trim_end_matches('/').rsplit_once(':').expect("an address with a port");
    port.parse().expect("a port")
}

/// Puts TLS with the tests' own certificate in front of a port of this machine. Returns the port that it listens on.
pub(crate) async fn encrypted(to: u16) -> u16 {
    Encrypted::start(to, server(OURS, None)).await.port
}

/// A certificate and its key, in PEM form.
pub(crate) type Pem = (&'static [u8], &'static [u8]);

/// The tests' own, for `localhost` and [`ELSEWHERE`].
pub(crate) const OURS: Pem = (include_bytes!("tls/server.pem"), include_bytes!("tls/server.key"));

/// A server's TLS configuration. Its clients need a certificate of the authority `of_clients`, if there is one.
pub(crate) fn server((chain, key): Pem, of_clients: Option<&[u8]>) -> ServerConfig {
    let certificate = |pem: &[u8]| CertificateDer::from_pem_slice(pem).expect("a certificate");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().expect("TLS");
    let builder = match of_clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(authority)).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
    builder.with_single_cert(vec![certificate(chain)], key).expect("a certificate with its key")
}

/// TLS in front of a port of this machine.
pub(crate) struct Encrypted {
    /// The port that it listens on.
    pub(crate) port: u16,
    config: Arc<Mutex<Arc<ServerConfig>>>,
}

impl Encrypted {
    pub(crate) async fn start(to: u16, config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let config = Arc::new(Mutex::new(Arc::new(config)));
        let current = config.clone();
        serve(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a client");
                let config = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                serve(async move {
                    let mut stream = match TlsAcceptor::from(config).accept(stream).into_fallible().await {
                        Ok(stream) => stream,
                        Err((_refused, mut stream)) => {
                            // Closing with unread data would reset the connection and discard the alert that states the
                            // reason.
                            drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
                            return;
                        }
                    };
                    let mut server = TcpStream::connect(("127.0.0.1", to)).await.expect("the server");
                    drop(copy_bidirectional(&mut stream, &mut server).await);
                });
            }
        });
        Self { port, config }
    }

    /// Uses another configuration from the next connection on.
    pub(crate) fn replace(&self, config: ServerConfig) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}

/// The requests that a proxy received, and the data that it relayed.
#[derive(Default)]
struct Seen {
    heads: Vec<String>,
    relayed: Vec<u8>,
}

/// An HTTP proxy that resolves every name to this machine, for clients with the right password.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// The port that it listens on.
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
    refusal: Arc<Mutex<Option<&'static str>>>,
}

impl Proxy {
    /// A proxy that requires this value of `Proxy-Authorization`, or none.
    pub(crate) async fn start(wanted: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let proxy = Self { port, seen, refusal: Arc::default() };
        let served = proxy.clone();
        serve(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a client");
                let proxy = served.clone();
                serve(async move { proxy.relay(stream, wanted).await });
            }
        });
        proxy
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers every request with this from now on; `None` connects again.
    pub(crate) fn refuse(&self, answer: Option<&'static str>) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// The first lines of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.heads.iter().filter_map(|head| head.lines().next().map(str::to_owned)).collect()
    }

    /// Whether each request so far named the program.
    pub(crate) fn had_user_agent(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("user-agent: {USER_AGENT}\r\n");
        seen.heads.iter().all(|head| head.to_ascii_lowercase().contains(&line))
    }

    /// Whether the relayed data so far contained this text.
    pub(crate) fn relayed(&self, text: &str) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        memchr::memmem::find(&seen.relayed, text.as_bytes()).is_some()
    }

    async fn relay(&self, mut client: TcpStream, wanted: Option<&str>) {
        let mut head = Vec::new();
        while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
            if client.read_buf(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8(head).expect("text");
        let authorised = wanted.is_none_or(|wanted| {
            head.lines()
                .any(|line| line.to_ascii_lowercase().starts_with("proxy-authorization: ") && line.ends_with(wanted))
        });
        let line = head.lines().next().unwrap_or_default().to_owned();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).heads.push(head);
        let refusal = *self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = refusal {
            drop(client.write_all(answer.as_bytes()).await);
            return;
        }
        if !self.had_user_agent() {
            drop(client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await);
            return;
        }
        if !authorised {
            drop(client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await);
            return;
        }
        let target = line.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        let port = target.map(port_of).expect("a CONNECT");
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
            drop(client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await);
            return;
        };
        if client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_err() {
            return;
        }
        let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let Ok(read @ 1..) = read else { return };
                    self.note(&up[..read]);
                    if server.write_all(&up[..read]).await.is_err() { return }
                }
                read = server.read(&mut down) => {
                    let Ok(read @ 1..) = read else { return };
                    self.note(&down[..read]);
                    if client.write_all(&down[..read]).await.is_err() { return }
                }
            }
        }
    }

    fn note(&self, bytes: &[u8]) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).relayed.extend_from_slice(bytes);
    }
}

/// A relay to a port of this machine whose connections can begin to lose every byte while both of their ends stay open.
pub(crate) struct Line {
    /// The port that it listens on.
    pub(crate) port: u16,
    losses: Arc<AtomicUsize>,
}

impl Line {
    /// A relay to this port.
    pub(crate) async fn to(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let losses = Arc::new(AtomicUsize::new(0));
        let counted = losses.clone();
        serve(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a client");
                let server = TcpStream::connect(("127.0.0.1", to)).await.expect("the server");
                let (born, losses) = (counted.load(Ordering::SeqCst), counted.clone());
                serve(carry(client, server, move || losses.load(Ordering::SeqCst) > born));
            }
        });
        Self { port, losses }
    }

    /// Open connections lose everything from here on.
    pub(crate) fn lose(&self) {
        self.losses.fetch_add(1, Ordering::SeqCst);
    }
}

/// Relays bytes both ways until an end is closed. Once it loses them, the other end does not notice a close either.
async fn carry(mut client: TcpStream, mut server: TcpStream, loses: impl Fn() -> bool) {
    let (mut up, mut down) = (vec![0; 4096], vec![0; 4096]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(read @ 1..) = read else { break };
                if !loses() && server.write_all(&up[..read]).await.is_err() { break }
            }
            read = server.read(&mut down) => {
                let Ok(read @ 1..) = read else { break };
                if !loses() && client.write_all(&down[..read]).await.is_err() { break }
            }
        }
    }
    if loses() {
        std::future::pending::<()>().await;
    }
}
