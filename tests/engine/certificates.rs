//! Servers with unusable certificates, for the socket, REST calls and downloads: each error states what is wrong, in local
//! time, and what to ask for. A link stays valid if its GET could not begin.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use privicore_monitor::activity::{DownloadFailure, LocalEvent};
use privicore_monitor::engine::{Action, EngineOptions};
use privicore_monitor::sandbox::{PASSWORD, SandboxHandle};
use privicore_monitor::settings::{Address, Profile, ProfileId};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::download_failures::streams;
use crate::downloads::{download, offer, publish, put};
use crate::quiet;
use crate::tls_and_proxies::{Encrypted, OURS, Pem, authority, port_of, server};
use crate::window::{Machine, Window, profile_of, token_of, with_password, with_token};

const FAULTY_KEY: &[u8] = include_bytes!("tls/faulty/server.key");
const EXPIRED: Pem = (include_bytes!("tls/faulty/expired.pem"), FAULTY_KEY);
const NOT_YET: Pem = (include_bytes!("tls/faulty/not-yet.pem"), FAULTY_KEY);
const SELF_SIGNED: Pem = (include_bytes!("tls/faulty/self-signed.pem"), FAULTY_KEY);
const WRONG_NAME: Pem = (include_bytes!("tls/faulty/wrong-name.pem"), FAULTY_KEY);

/// The sandbox's servers, each behind TLS.
struct Servers {
    api: Encrypted,
    websocket: Encrypted,
    download: Encrypted,
    stream: Encrypted,
}

impl Servers {
    async fn start(sandbox: &SandboxHandle, stream: &str) -> Self {
        let of = async |url: &str| Encrypted::start(port_of(url), server(OURS, None)).await;
        Self {
            api: of(&sandbox.api_url()).await,
            websocket: of(&sandbox.ws_url()).await,
            download: of(&sandbox.downstream_url()).await,
            stream: of(stream).await,
        }
    }

    fn have(&self, certificate: Pem, of_clients: Option<&[u8]>) {
        for encrypted in [&self.api, &self.websocket, &self.download, &self.stream] {
            encrypted.replace(server(certificate, of_clients));
        }
    }
}

/// The operator trusts these: the tests' authority, the authority of the faulty certificates, and the self-signed
/// certificate.
fn trusting(machine: &Machine) -> EngineOptions {
    let bundle = machine.file("bundle.pem");
    let ours = std::fs::read(authority()).expect("the authority");
    put(&bundle, &[&ours, &include_bytes!("tls/faulty/authority.pem")[..], SELF_SIGNED.0].concat());
    EngineOptions { extra_authority: Some(bundle), ..machine.options() }
}

/// Why a profile could not be signed in, by REST or by its socket.
async fn refusal(window: &mut Window, sandbox: &SandboxHandle, servers: &Servers, by_rest: bool) -> String {
    let plain = Profile { keep_signed_in: false, ..profile_of(sandbox) };
    let (api, websocket) = (servers.api.port, servers.websocket.port);
    let sign_in = if by_rest {
        let api = Address::new(format!("https://localhost:{api}"));
        with_password(Profile { api, ..plain }, PASSWORD)
    } else {
        let websocket = Address::new(format!("wss://localhost:{websocket}"));
        with_token(Profile { websocket, ..plain }, &token_of(sandbox).await)
    };
    window.act(Action::SignIn(Box::new(sign_in)));
    window.signed_in().await.expect_err("a faulty certificate was trusted")
}

/// The error of a download that could not begin.
async fn not_begun(window: &mut Window, profile: ProfileId, machine: &Machine, id: &str) -> String {
    let event = download(window, profile, id, &machine.file(id)).await;
    let LocalEvent::NotSaved { why: DownloadFailure::NotStarted, sentence, part: None } = event else {
        panic!("{id}: {event:?}")
    };
    assert!(sentence.ends_with(" The link was not used; try again."), "{id}: {sentence}");
    sentence
}

/// Checks the errors while the certificate is not trusted, and that the link is valid once it is.
async fn says_and_keeps_links(certificate: Pem, of_clients: Option<&[u8]>, words: &[&str]) {
    let sandbox = quiet().await;
    let frames = vec![Message::binary(b"streamed".to_vec()), Message::Close(None)];
    let stream = streams(frames).await;
    let servers = Servers::start(&sandbox, stream.trim_end_matches("/stream?auth=once")).await;
    let machine = Machine::new();
    let mut window = Window::with(trusting(&machine));
    let profile = window.sign_in(&sandbox).await;
    let link = sandbox.control().offer_download(b"payload".to_vec(), None);
    let (_, auth) = link.expose().split_once("auth=").expect("a link with a token");
    offer(&mut window, &sandbox, "link", &format!("https://localhost:{}/?auth={auth}", servers.download.port)).await;
    let stream = format!("wss://localhost:{}/stream?auth=once", servers.stream.port);
    let ready = json!({"data": {"type": "STREAM-READY", "requestId": "stream", "streamUrl": stream}});
    publish(&mut window, &sandbox, "stream", &ready).await;

    servers.have(certificate, of_clients);
    for (what, sentence) in [
        ("REST", refusal(&mut window, &sandbox, &servers, true).await),
        ("the socket", refusal(&mut window, &sandbox, &servers, false).await),
        ("a link", not_begun(&mut window, profile, &machine, "link").await),
        ("a stream", not_begun(&mut window, profile, &machine, "stream").await),
    ] {
        assert!(sentence.starts_with("The encrypted connection to localhost failed: "), "{what}: {sentence}");
        for words in words {
            assert!(sentence.contains(words), "{what} does not say {words:?}: {sentence}");
        }
    }

    servers.have(OURS, None);
    for (id, size) in [("link", 7), ("stream", 8)] {
        let event = download(&mut window, profile, id, &machine.file(id)).await;
        assert!(matches!(event, LocalEvent::Saved { size: saved, .. } if saved == size), "{id}: {event:?}");
    }
    window.quit().await;
}

/// A time as the operator reads it.
fn local(at: &str) -> String {
    let at: Timestamp = at.parse().expect("a moment");
    TimeZone::system().to_datetime(at).strftime("%Y-%m-%d at %H:%M").to_string()
}

#[tokio::test]
async fn an_expired_certificate() {
    let end = local("2021-02-21T15:33:44Z");
    let words = format!("its certificate expired on {end}. Ask whoever runs the server for a new certificate");
    says_and_keeps_links(EXPIRED, None, &[&words]).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet() {
    let words = format!("its certificate is valid only from {} on. Check the clock", local("2100-01-01T12:00:00Z"));
    says_and_keeps_links(NOT_YET, None, &[&words, "ask whoever runs the server"]).await;
}

#[tokio::test]
async fn a_certificate_that_vouches_for_itself() {
    let words = ["is that of an authority, or is signed by itself", "Ask whoever runs the server"];
    says_and_keeps_links(SELF_SIGNED, None, &words).await;
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let words = "its certificate is for files.example.com, not for localhost. Check the address, or ask whoever runs the \
                 server for a certificate with this name";
    says_and_keeps_links(WRONG_NAME, None, &[words]).await;
}

/// In TLS 1.3 the refusal arrives after the client has already sent its request.
#[tokio::test]
async fn a_server_that_wants_a_certificate_of_its_clients() {
    let authority = include_bytes!("tls/authority.pem");
    says_and_keeps_links(OURS, Some(authority), &["it wants a certificate of this computer"]).await;
}

#[tokio::test]
async fn a_bundle_with_a_bad_certificate_is_named_and_its_good_ones_make_connections() {
    let sandbox = quiet().await;
    let servers = Servers::start(&sandbox, &sandbox.downstream_url()).await;
    let machine = Machine::new();
    let bundle = machine.file("bundle.pem");
    let ours = std::fs::read(authority()).expect("the authority");
    let bad = b"-----BEGIN CERTIFICATE-----\ngarbage!\n-----END CERTIFICATE-----\n";
    let cut_off = b"-----BEGIN CERTIFICATE-----\nMIIB\n";
    put(&bundle, &[&include_bytes!("tls/faulty/authority.pem")[..], bad, &ours, cut_off].concat());
    let mut window = Window::with(EngineOptions { extra_authority: Some(bundle.clone()), ..machine.options() });
    let notice = window.notice("bundle.pem, certificate 2 is damaged and certificate 4 ").await.sentence();
    assert!(notice.contains(&bundle.display().to_string()) && notice.contains("The other 2 count."), "{notice}");
    let at = |scheme: &str, port: u16| Address::new(format!("{scheme}://localhost:{port}"));
    let profile = Profile {
        api: at("https", servers.api.port),
        websocket: at("wss", servers.websocket.port),
        download: at("https", servers.download.port),
        ..profile_of(&sandbox)
    };
    let (id, store) = (profile.id, servers.download.port);
    window.act(Action::SignIn(Box::new(with_password(profile, PASSWORD))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    let link = sandbox.control().offer_download(b"payload".to_vec(), None);
    let (_, auth) = link.expose().split_once("auth=").expect("a link with a token");
    offer(&mut window, &sandbox, "link", &format!("https://localhost:{store}/?auth={auth}")).await;
    let event = download(&mut window, id, "link", &machine.file("link")).await;
    assert!(matches!(event, LocalEvent::Saved { size: 7, .. }), "{event:?}");
    window.quit().await;
}
