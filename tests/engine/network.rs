//! Proxies and private certificate authorities, for the socket, REST calls and downloads alike.

use std::path::PathBuf;

use privicore_monitor::activity::{ActivityKey, DownloadFailure, Fact, LocalEvent};
use privicore_monitor::engine::{Action, ConnectionState, EngineOptions, Event, ProxyEnvironment};
use privicore_monitor::protocol::{RequestId, StoredData};
use privicore_monitor::sandbox::{DEMO_USERNAME, PASSWORD, SandboxHandle};
use privicore_monitor::settings::{Address, Preferences, Profile, ProfileId, ProxyChoice};
use serde_json::json;

use crate::beside_curl::{OK, answering, sends_to, sized};
use crate::quiet;
use crate::tls_and_proxies::{ELSEWHERE, Proxy, authority, encrypted, port_of};
use crate::window::{Machine, Window, profile_of, set, token_of, with_password, with_token};

/// The value of `Proxy-Authorization` for `ops` with the password `canary`.
const AUTHORIZATION: &str = "Basic b3BzOmNhbmFyeQ==";

/// A profile of a sandbox behind TLS, under a name that only a proxy resolves.
async fn profile_elsewhere(sandbox: &SandboxHandle) -> Profile {
    let elsewhere = async |scheme: &str, url: &str| {
        Address::new(format!("{scheme}://{ELSEWHERE}:{}", encrypted(port_of(url)).await))
    };
    Profile {
        api: elsewhere("https", &sandbox.api_url()).await,
        websocket: elsewhere("wss", &sandbox.ws_url()).await,
        download: elsewhere("https", &sandbox.downstream_url()).await,
        ..profile_of(sandbox)
    }
}

/// The options of an engine whose environment names a proxy for everything.
fn with_variable(machine: &Machine, proxy: &str) -> EngineOptions {
    let variable = proxy.to_owned();
    EngineOptions {
        extra_authority: Some(authority()),
        proxies: ProxyEnvironment::read(|name| (name == "ALL_PROXY").then(|| variable.clone().into())),
        ..machine.options()
    }
}

fn through(proxy: &str) -> Preferences {
    Preferences { proxy: ProxyChoice::from_text(proxy), ..Preferences::default() }
}

/// Offers a link to the sandbox's store under another address, and waits for its row.
async fn offer(window: &mut Window, sandbox: &SandboxHandle, store: &Address) -> RequestId {
    let link = sandbox.control().offer_download(b"payload".to_vec(), None);
    let (_, auth) = link.expose().split_once("auth=").expect("a link with a token");
    let body = format!("{store}/?auth={auth}");
    let message = json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 1, "body": body}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    let request = RequestId::from("r");
    window.entry(&ActivityKey::Data(request.clone()), |_| true).await;
    request
}

/// How a download ended.
async fn download(window: &mut Window, profile: ProfileId, request: &RequestId, to: PathBuf) -> LocalEvent {
    window.act(Action::Download { profile, request: request.clone(), to });
    let ended = |fact: &Fact| matches!(fact, Fact::Local(LocalEvent::Saved { .. } | LocalEvent::NotSaved { .. }));
    let entry = window.entry(&ActivityKey::Data(request.clone()), |entry| ended(&entry.fact)).await;
    let Fact::Local(event) = entry.fact else { panic!("{entry:?}") };
    event
}

/// Waits for an attempt to fail. Returns why it did.
async fn failure(window: &mut Window) -> String {
    match window.state("a failure", |state| matches!(state, ConnectionState::Reconnecting { .. })).await {
        ConnectionState::Reconnecting { why, .. } => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn socket_calls_and_downloads_go_through_one_proxy_with_tls_from_end_to_end() {
    let sandbox = quiet().await;
    let proxy = Proxy::start(Some(AUTHORIZATION)).await;
    let profile = profile_elsewhere(&sandbox).await;
    let machine = Machine::new();
    let mut window = Window::with(with_variable(&machine, &format!("http://ops:canary@127.0.0.1:{}", proxy.port)));
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), PASSWORD))));
    window.signed_in().await.expect("signed in through the proxy");
    window.live(1).await;
    let request = offer(&mut window, &sandbox, &profile.download).await;
    let saved = download(&mut window, profile.id, &request, machine.file("saved.bin")).await;
    assert!(matches!(saved, LocalEvent::Saved { size: 7, .. }), "{saved:?}");

    let asked = proxy.requests();
    for address in [&profile.api, &profile.websocket, &profile.download] {
        let line = format!("CONNECT {ELSEWHERE}:{} HTTP/1.1", port_of(address.as_str()));
        assert!(asked.contains(&line), "{line} is not in {asked:?}");
    }
    assert!(proxy.had_user_agent(), "a request without a User-Agent");
    for secret in [PASSWORD, "authorizationToken", "auth=", "payload"] {
        assert!(!proxy.relayed(secret), "the proxy saw {secret:?} in clear");
    }
    let received = format!("{:?}", window.quit().await);
    assert!(!received.contains("canary"), "the proxy's password is in an event");
}

#[tokio::test]
async fn a_proxy_gets_the_login_as_the_variable_has_it() {
    for (login, wanted) in [
        // `CORP\ops:canary`
        (r"CORP\ops:canary", "Basic Q09SUFxvcHM6Y2FuYXJ5"),
        ("CORP%5Cops:canary", "Basic Q09SUFxvcHM6Y2FuYXJ5"),
        // `ops:c@n/a\ry`
        ("ops:c%40n%2Fa%5Cry", "Basic b3BzOmNAbi9hXHJ5"),
    ] {
        let sandbox = quiet().await;
        let proxy = Proxy::start(Some(wanted)).await;
        let profile = profile_elsewhere(&sandbox).await;
        let machine = Machine::new();
        let mut window = Window::with(with_variable(&machine, &format!("http://{login}@127.0.0.1:{}", proxy.port)));
        window.act(Action::SignIn(Box::new(with_password(profile, PASSWORD))));
        window.signed_in().await.unwrap_or_else(|error| panic!("{login}: {error}"));
        window.live(1).await;
        window.quit().await;
    }
}

#[tokio::test]
async fn this_machine_is_reached_without_the_proxy() {
    let sandbox = quiet().await;
    let proxy = Proxy::start(None).await;
    let machine = Machine::new();
    let mut window = Window::with(with_variable(&machine, &proxy.url()));
    window.act(set(&through(&proxy.url())));
    let profile = window.sign_in(&sandbox).await;
    let request = offer(&mut window, &sandbox, &Address::new(sandbox.downstream_url())).await;
    let saved = download(&mut window, profile, &request, machine.file("saved.bin")).await;
    assert!(matches!(saved, LocalEvent::Saved { .. }), "{saved:?}");
    window.quit().await;
    assert_eq!(proxy.requests(), [""; 0]);
}

#[tokio::test]
async fn a_proxy_that_requires_a_password_is_reported_by_socket_calls_and_downloads_and_no_link_is_used() {
    const WORDS: &str = "asks for a user name and a password";
    let sandbox = quiet().await;
    let (open, closed) = (Proxy::start(None).await, Proxy::start(Some(AUTHORIZATION)).await);
    let profile = profile_elsewhere(&sandbox).await;
    let machine = Machine::new();
    let mut window = Window::with(with_variable(&machine, &open.url()));
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), PASSWORD))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    let request = offer(&mut window, &sandbox, &profile.download).await;

    window.act(set(&through(&closed.url())));
    let refused = download(&mut window, profile.id, &request, machine.file("saved.bin")).await;
    let LocalEvent::NotSaved { why: DownloadFailure::NotStarted, sentence, .. } = refused else {
        panic!("{refused:?}")
    };
    assert!(sentence.contains(WORDS) && sentence.contains("The link was not used"), "{sentence}");
    window.act(Action::RenewToken(profile.id));
    window.notice(WORDS).await;
    sandbox.control().drop_connections();
    let why = loop {
        let why = failure(&mut window).await;
        if why.contains("proxy") {
            break why;
        }
    };
    assert!(why.contains(WORDS), "{why}");

    // The corrected setting applies at once, without waiting for the next attempt, and the link is still valid.
    window.act(set(&through(&open.url())));
    window.live(2).await;
    let saved = download(&mut window, profile.id, &request, machine.file("saved.bin")).await;
    assert!(matches!(saved, LocalEvent::Saved { .. }), "{saved:?}");
    window.quit().await;
}

#[tokio::test]
async fn a_proxy_that_asks_to_wait_is_respected_by_socket_calls_and_downloads_and_no_link_is_used() {
    let sandbox = quiet().await;
    let proxy = Proxy::start(None).await;
    let profile = profile_elsewhere(&sandbox).await;
    let machine = Machine::new();
    let mut window = Window::with(with_variable(&machine, &proxy.url()));
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), PASSWORD))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    let request = offer(&mut window, &sandbox, &profile.download).await;
    // The connections of earlier calls are not reused.
    window.act(set(&through(&proxy.url())));

    for (answer, status, span) in [
        ("HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", 503, "2 min"),
        ("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\n\r\n", 429, "1 h"),
    ] {
        proxy.refuse(Some(answer));
        let words = [
            format!(
                "The proxy 127.0.0.1:{} did not connect to {ELSEWHERE}: it answered with HTTP status {status}.",
                proxy.port
            ),
            format!("asks to wait {span}"),
        ];
        let says = |what: &str, sentence: &str| {
            assert!(words.iter().all(|words| sentence.contains(words)), "{what}: {sentence}");
        };
        let refused = download(&mut window, profile.id, &request, machine.file("saved.bin")).await;
        let LocalEvent::NotSaved { why: DownloadFailure::NotStarted, sentence, .. } = refused else {
            panic!("{refused:?}")
        };
        says("the download", &sentence);
        assert!(sentence.contains("The link was not used"), "{sentence}");
        window.act(Action::RenewToken(profile.id));
        says("the renewal", &window.notice("HTTP status").await.sentence());
    }
    // A request that waits because the server asked it to reports that it waits.
    let token = sandbox.control().store_data(DEMO_USERNAME, b"1".to_vec(), "a.txt", "a").expect("stored");
    let stored = StoredData { token, context: String::new(), file_name: String::new(), size: None, created: None };
    window.act(Action::RequestData { profile: profile.id, data: vec![stored], folder: None });
    let sentence = window.notice("The request for data waits.").await.sentence();
    assert!(sentence.contains("HTTP status 429") && sentence.contains("waits 5 min"), "{sentence}");
    sandbox.control().drop_connections();
    let why = loop {
        let why = failure(&mut window).await;
        if why.contains("proxy") {
            break why;
        }
    };
    assert!(why.contains("HTTP status 429") && why.contains("asks to wait 1 h"), "{why}");

    proxy.refuse(None);
    let saved = download(&mut window, profile.id, &request, machine.file("saved.bin")).await;
    assert!(matches!(saved, LocalEvent::Saved { .. }), "{saved:?}");
    window.quit().await;
}

#[tokio::test]
async fn a_proxy_that_closes_or_answers_without_an_end_is_named_by_calls_and_downloads_as_by_the_socket() {
    let sandbox = quiet().await;
    let proxy = Proxy::start(None).await;
    let profile = profile_elsewhere(&sandbox).await;
    let machine = Machine::new();
    let mut window = Window::with(with_variable(&machine, &proxy.url()));
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), PASSWORD))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    let request = offer(&mut window, &sandbox, &profile.download).await;
    window.act(set(&through(&proxy.url())));
    let endless = Box::leak(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(200_000)).into_boxed_str());
    for (answer, words) in [
        ("", "closed the connection without an answer"),
        (&*endless, "had no end"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "did not answer like a proxy"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP status 403"),
    ] {
        proxy.refuse(Some(answer));
        let refused = download(&mut window, profile.id, &request, machine.file("saved.bin")).await;
        let LocalEvent::NotSaved { why: DownloadFailure::NotStarted, sentence, .. } = refused else {
            panic!("{refused:?}")
        };
        assert!(sentence.contains(words) && sentence.contains("The link was not used"), "{words}: {sentence}");
        let mark = window.mark();
        window.act(Action::RenewToken(profile.id));
        let told = |event: &Event| match event {
            Event::Notice(notice) if notice.sentence().contains(words) => Some(()),
            _ => None,
        };
        window.since(mark, words, told).await;
    }
    window.quit().await;
}

#[tokio::test]
async fn a_missing_or_unusable_proxy_is_never_bypassed() {
    let sandbox = quiet().await;
    let profile = profile_elsewhere(&sandbox).await;
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address")
    };
    let machine = Machine::new();
    let mut window = Window::with(with_variable(&machine, "socks5://127.0.0.1:1"));
    let token = token_of(&sandbox).await;
    for (choice, words) in [
        (ProxyChoice::System, "The environment variable ALL_PROXY names no proxy".to_owned()),
        (ProxyChoice::from_text("ftp://proxy"), "This address begins with ftp://".to_owned()),
        (ProxyChoice::from_text("http://ops:canary@proxy"), "are not kept in the settings".to_owned()),
        (ProxyChoice::from_text(&format!("http://{gone}")), format!("The proxy {gone} can't be reached: ")),
    ] {
        window.act(set(&Preferences { proxy: choice, ..Preferences::default() }));
        window.act(Action::SignIn(Box::new(with_token(profile.clone(), &token))));
        let sentence = window.signed_in().await.expect_err("it went another way");
        assert!(sentence.contains(&words) && !sentence.contains("canary"), "{sentence}");
        window.act(Action::SignIn(Box::new(with_password(profile.clone(), PASSWORD))));
        window.signed_in().await.expect_err("it went another way");
    }
    window.quit().await;
}

#[tokio::test]
async fn an_authority_in_the_settings_is_trusted_from_the_next_connection_on() {
    let sandbox = quiet().await;
    let profile = Profile {
        websocket: Address::new(format!("wss://localhost:{}", encrypted(port_of(&sandbox.ws_url())).await)),
        api: Address::new(format!("https://localhost:{}", encrypted(port_of(&sandbox.api_url())).await)),
        ..profile_of(&sandbox)
    };
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let sign_in = || Action::SignIn(Box::new(with_password(profile.clone(), PASSWORD)));
    window.act(sign_in());
    window.signed_in().await.expect_err("a stranger's certificate was trusted");

    let missing = Preferences { authority_file: Some(machine.file("missing.pem")), ..Preferences::default() };
    window.act(set(&missing));
    window.notice("The certificate file in the settings, ").await;
    window.act(sign_in());
    window.signed_in().await.expect_err("nobody vouches for it");

    window.act(set(&Preferences { authority_file: Some(authority()), ..Preferences::default() }));
    window.act(sign_in());
    window.signed_in().await.expect("the authority vouches for it");
    window.live(1).await;

    // It also applies from the next start on, without being set again.
    window.wait_for_stored_token().await;
    window.quit().await;
    let mut window = Window::open(&machine);
    window.live(1).await;
    // A removed certificate is not trusted any more.
    window.act(set(&Preferences::default()));
    window.settings("the settings", |settings| settings.preferences.authority_file.is_none().then_some(())).await;
    sandbox.control().drop_connections();
    loop {
        let why = failure(&mut window).await;
        if why.contains("The encrypted connection to localhost failed") {
            break;
        }
    }
    window.quit().await;
}

#[tokio::test]
async fn a_redirect_from_the_internet_inward_is_refused_and_not_followed() {
    let sandbox = quiet().await;
    let proxy = Proxy::start(None).await;
    let (inside, reached) = answering([("/inside".to_owned(), sized(OK, b"secret"))].into()).await;
    let inside = encrypted(inside).await;
    let targets = [
        ("address", format!("127.0.0.1:{inside}"), "127.0.0.1"),
        ("name", format!("localhost:{inside}"), "localhost"),
        ("ipv6", format!("[::1]:{inside}"), "[::1]"),
        ("mapped", format!("[::ffff:127.0.0.1]:{inside}"), "[::ffff:7f00:1]"),
        ("number", format!("2130706433:{inside}"), "127.0.0.1"),
        ("private", "10.1.2.3".to_owned(), "10.1.2.3"),
        ("metadata", "169.254.169.254".to_owned(), "169.254.169.254"),
        ("unique-local", "[fd00::1]".to_owned(), "[fd00::1]"),
    ];
    let mut answers: std::collections::BTreeMap<_, _> =
        targets.iter().map(|(name, to, _)| (format!("/{name}"), sends_to(&format!("https://{to}/inside")))).collect();
    answers.insert("/around".to_owned(), sends_to("/address"));
    let (store, asked) = answering(answers).await;
    let store = encrypted(store).await;
    let profile =
        Profile { download: Address::new(format!("https://{ELSEWHERE}:{store}")), ..profile_elsewhere(&sandbox).await };
    let machine = Machine::new();
    let mut window = Window::with(with_variable(&machine, &proxy.url()));
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), PASSWORD))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    for (name, host) in targets.iter().map(|(name, _, host)| (*name, *host)).chain([("around", "127.0.0.1")]) {
        let link = format!("https://{ELSEWHERE}:{store}/{name}?auth=once");
        crate::downloads::offer(&mut window, &sandbox, name, &link).await;
        let ended = crate::downloads::download(&mut window, profile.id, name, &machine.file(name)).await;
        let LocalEvent::NotSaved { why: DownloadFailure::Broken, sentence, part: None } = ended else {
            panic!("{name}: {ended:?}")
        };
        let inward = format!("redirects the download to {host}, which is on this machine or in a private network.");
        for words in [&*inward, "That is not followed.", "The link may be used up; request the data again"] {
            assert!(sentence.contains(words), "{name}: {sentence}");
        }
        // The link is not offered once more.
        window.act(Action::Download { profile: profile.id, request: name.into(), to: machine.file(name) });
        window.notice("a link can be fetched once").await;
    }
    let reached = reached.lock().expect("whole").len();
    assert_eq!(
        (asked.lock().expect("whole").len(), reached),
        (targets.len() + 2, 0),
        "asked once each, and nobody inside"
    );
    window.quit().await;
}
