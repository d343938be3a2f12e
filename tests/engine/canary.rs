//! Every secret contains a canary, which must occur nowhere but on the wire and in the keyring.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use privicore_monitor::activity::{ActivityKey, Fact};
use privicore_monitor::engine::{Action, ConnectionState};
use privicore_monitor::protocol::RequestId;
use privicore_monitor::sandbox::DEMO_USERNAME;
use serde_json::json;
use tracing::level_filters::LevelFilter;

use crate::quiet;
use crate::window::{Machine, Window, profile_of, token_of, with_password, with_token};

/// Everything that is logged, by any crate, at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_found_in_logs_events_errors_settings_or_the_journal() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    // For the whole process, because the engine has its own threads.
    tracing::subscriber::set_global_default(subscriber.finish()).expect("nothing else logs in these tests");

    let sandbox = quiet().await;
    let machine = Machine::new();
    let token = token_of(&sandbox).await;
    let link = sandbox.control().offer_download(b"payload".to_vec(), None);
    let (_, link_token) = link.expose().split_once("auth=").expect("a link with a token");
    let used = "canary-of-a-used-link";
    let secrets = [token.as_str(), link_token, used, "canary-stream-token", "canary-password", "T-canary-refused"];

    let mut window = Window::open(&machine);
    let profile = profile_of(&sandbox);
    let id = profile.id;
    window.act(Action::SignIn(Box::new(with_password(profile.clone(), "canary-password"))));
    window.signed_in().await.expect_err("a wrong password signed in");
    window.act(Action::SignIn(Box::new(with_token(profile.clone(), "T-canary-refused"))));
    window.signed_in().await.expect_err("a wrong token signed in");
    window.act(Action::SignIn(Box::new(with_token(profile, &token))));
    window.signed_in().await.expect("signed in");

    let data = |id: &str, body: &str| json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": 1, "body": body}});
    let gone = format!("{}/?auth={used}", sandbox.downstream_url());
    for message in [
        json!({"data": {"type": "X-DPT-CAB-ID", "id": "c", "command_status": 3, "body": format!("bad token {token}")}}),
        json!({"data": {"type": "something new", "id": "u", "token": token, "link": link.expose()}}),
        data("link", link.expose()),
        data("used", &gone),
        data("bare", "canary-stream-token"),
        json!({"data": {"type": "STREAM-READY", "id": "bare"}}),
        json!([token, gone]),
        json!({"data": {"type": "X-DPT-CAB-ID", "id": "last", "command_status": 2}}),
    ] {
        sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    }
    window
        .wait("the last message", |event| match event {
            privicore_monitor::engine::Event::Committed { entries, .. } => {
                entries.iter().any(|entry| entry.key.id() == "last").then_some(())
            }
            _ => None,
        })
        .await;
    for request in ["link", "used", "bare"] {
        let (request, to) = (RequestId::from(request), machine.file(request));
        window.act(Action::Download { profile: id, request: request.clone(), to });
        let key = ActivityKey::Data(request);
        let ended = |entry: &privicore_monitor::activity::Entry| matches!(&entry.fact, Fact::Local(deed) if !matches!(deed, privicore_monitor::activity::LocalEvent::Fetching { .. }));
        window.entry(&key, ended).await;
    }
    sandbox.control().expire_tokens(DEMO_USERNAME).expect("a profile");
    sandbox.control().drop_connections();
    window.state("refused", |state| matches!(state, ConnectionState::TokenRefused { .. })).await;
    let events = format!("{:?}", window.quit().await);

    let logged = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(logged.len() > 1_000, "the log was not captured");
    for secret in secrets {
        assert!(!holds(&logged, secret), "{secret} is in the log");
        assert!(!events.contains(secret), "{secret} is in an event");
        for folder in ["data", "config"] {
            search(&machine.folder.path().join(folder), secret);
        }
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    memchr::memmem::find(bytes, secret.as_bytes()).is_some()
}

fn search(folder: &Path, secret: &str) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            search(&path, secret);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            assert!(!holds(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
}
