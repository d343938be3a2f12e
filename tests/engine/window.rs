//! Stands in for the window: it sends actions, drains events when it is woken, and waits for a specific one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use privicore_monitor::activity::{ActivityKey, Entry, Timestamp};
use privicore_monitor::credentials::Keyring;
use privicore_monitor::engine::{
    Action, ConnectionState, Credential, DownloadProgress, Engine, EngineHandle, EngineOptions, EngineStatus, Event,
    EventReceiver, ProfileStatus, ProxyEnvironment, SignIn, SignInState, SignInStatus, TokenStatus,
};
use privicore_monitor::protocol::AuthorizationToken;
use privicore_monitor::sandbox::{DEMO_USERNAME, PASSWORD, SandboxHandle};
use privicore_monitor::settings::{Address, Directories, PreferenceChange, Preferences, Profile, ProfileId, Settings};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::keys::in_folder;

/// For how long nothing may be reported. Generous: nothing here measures speed.
const DEADLINE: Duration = Duration::from_mins(1);

/// For how long a test may wait while events are reported.
const LONGEST: Duration = Duration::from_mins(10);

/// A machine: folders and a keyring that outlive the engine.
pub(crate) struct Machine {
    pub(crate) folder: Folder,
    pub(crate) keyring: Keyring,
}

/// A machine's folder: its own, deleted with it, or another's.
pub(crate) enum Folder {
    Own(TempDir),
    Of(PathBuf),
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Of(folder) => folder,
        }
    }
}

impl Machine {
    /// A new machine.
    pub(crate) fn new() -> Self {
        Self { folder: Folder::Own(tempfile::tempdir().expect("a folder")), keyring: Keyring::in_memory() }
    }

    /// A machine in an existing folder, with a keyring that outlives this process.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: Folder::Of(folder.to_owned()), keyring: in_folder(&folder.join("keyring")) }
    }

    /// The path of a download.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The options of an engine on this machine.
    pub(crate) fn options(&self) -> EngineOptions {
        let folder = self.folder.path();
        EngineOptions {
            directories: Directories::at(folder.join("data"), folder.join("config")).expect("directories"),
            keyring: self.keyring.clone(),
            keeps_links: true,
            sandbox: None,
            start_in_sandbox: false,
            profile: None,
            connector: None,
            settings: privicore_monitor::engine::SettingsAccess::ReadWrite,
            extra_authority: None,
            proxies: ProxyEnvironment::default(),
            clock: Arc::new(now),
            waker: Arc::new(|| {}),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests run on the machine's clock")]
fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now())
}

/// The window.
pub(crate) struct Window {
    pub(crate) handle: EngineHandle,
    events: EventReceiver,
    rung: Arc<Notify>,
    /// All events so far. A problem is recorded as the notice that the operator reads.
    pub(crate) heard: Vec<Event>,
    /// The number of events that earlier waits have consumed.
    looked: usize,
    /// Each status seen so far, the newest last. Some may have been missed, but never the newest.
    pub(crate) seen: Vec<EngineStatus>,
    /// The connection states seen so far, and how many of them earlier waits have consumed.
    states: (Vec<ConnectionState>, usize),
    /// The number of the sign-in that was waited for last.
    signed_in: u64,
}

/// Everything that a window received.
#[derive(Debug)]
pub(crate) struct Told {
    /// The events.
    pub(crate) events: Vec<Event>,
    /// The statuses.
    pub(crate) seen: Vec<EngineStatus>,
    /// The connection states.
    pub(crate) states: Vec<ConnectionState>,
}

impl Told {
    /// The events.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.events.iter()
    }
}

impl Window {
    /// Starts an engine on a machine.
    pub(crate) fn open(machine: &Machine) -> Self {
        Self::with(machine.options())
    }

    /// Starts an engine.
    pub(crate) fn with(mut options: EngineOptions) -> Self {
        let rung = Arc::new(Notify::new());
        let bell = rung.clone();
        options.waker = Arc::new(move || bell.notify_one());
        let (handle, events) = Engine::start(options).expect("an engine");
        let (heard, seen, states) = (Vec::new(), Vec::new(), (Vec::new(), 0));
        Self { handle, events, rung, heard, looked: 0, seen, states, signed_in: 0 }
    }

    /// Sends an action.
    pub(crate) fn act(&self, action: Action) {
        self.handle.send(action).expect("the engine takes it");
    }

    /// Waits for the next event that `pick` accepts, after the last one that was waited for.
    pub(crate) async fn wait<T>(&mut self, what: &str, pick: impl FnMut(&Event) -> Option<T>) -> T {
        let (at, picked) = self.look(self.looked, what, pick).await;
        self.looked = at + 1;
        picked
    }

    /// The current position, for [`Self::since`].
    pub(crate) fn mark(&self) -> usize {
        self.heard.len()
    }

    /// The first event since a position that `pick` accepts, whatever was waited for meanwhile: for events in any order.
    pub(crate) async fn since<T>(&mut self, mark: usize, what: &str, pick: impl FnMut(&Event) -> Option<T>) -> T {
        self.look(mark, what, pick).await.1
    }

    async fn look<T>(&mut self, mut at: usize, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> (usize, T) {
        let picked = self.wait_for(|window| {
            while let Some(event) = window.heard.get(at) {
                if let Some(picked) = pick(event) {
                    return Some((at, picked));
                }
                at += 1;
            }
            None
        });
        picked.await.unwrap_or_else(|| panic!("{what}: never came; heard {:#?}", self.heard))
    }

    /// Looks again after each event until there is a result. Gives up when nothing was reported for a while, because an engine
    /// that reports something works, however slow this machine is at the moment.
    async fn wait_for<T>(&mut self, mut look: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let mut silent_since = start;
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            if start.elapsed() > LONGEST {
                return None;
            }
            if self.drain() {
                silent_since = Instant::now();
            } else if timeout_at(silent_since + DEADLINE, self.rung.notified()).await.is_err() {
                return None;
            }
        }
    }

    /// Takes the available events. Returns whether there were any.
    fn drain(&mut self) -> bool {
        let mut any = false;
        if let Some(status) = self.events.status() {
            any = true;
            let before = self.seen.last().cloned().unwrap_or_default();
            for (profile, now) in &status.profiles {
                let old = before.profile(*profile);
                if let Some(state) = now.connection.clone()
                    && old.is_none_or(|old| old.connection.as_ref() != Some(&state))
                {
                    self.states.0.push(state);
                }
            }
            let known = before.problems.last().map_or(0, |problem| problem.number);
            let new = status.problems.iter().filter(|problem| problem.number > known);
            self.heard.extend(new.map(|problem| Event::Notice(problem.notice())));
            self.seen.push(status);
        }
        while let Some(event) = self.events.try_next() {
            any = true;
            self.heard.push(event);
        }
        any
    }

    /// Waits until a condition holds.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&EngineStatus) -> Option<T>) -> T {
        let picked = self.wait_for(|window| window.seen.last().and_then(&mut pick));
        picked.await.unwrap_or_else(|| panic!("{what}: never became true; last {:#?}", self.seen.last()))
    }

    /// Waits until a condition holds for any profile.
    pub(crate) async fn profile<T>(&mut self, what: &str, mut pick: impl FnMut(&ProfileStatus) -> Option<T>) -> T {
        self.until(what, |status| status.profiles.values().find_map(|profile| pick(profile))).await
    }

    /// Waits until a condition holds for any running download.
    pub(crate) async fn progress<T>(&mut self, what: &str, mut pick: impl FnMut(&DownloadProgress) -> Option<T>) -> T {
        self.profile(what, |profile| profile.downloads.values().find_map(&mut pick)).await
    }

    /// Waits until no download runs.
    pub(crate) async fn no_download(&mut self) {
        self.until("no download under way", |status| {
            status.profiles.values().all(|profile| profile.downloads.is_empty()).then_some(())
        })
        .await;
    }

    /// Waits until a condition holds for the settings.
    pub(crate) async fn settings<T>(&mut self, what: &str, mut pick: impl FnMut(&Settings) -> Option<T>) -> T {
        self.until(what, |status| pick(status.settings.as_ref()?)).await
    }

    /// Waits until the keyring has the token.
    pub(crate) async fn wait_for_stored_token(&mut self) {
        let kept =
            |profile: &ProfileStatus| matches!(profile.token, TokenStatus::Held { persisted: true, .. }).then_some(());
        self.profile("the token in the keyring", kept).await;
    }

    /// Waits for a connection state, after the last one that was waited for.
    pub(crate) async fn state(&mut self, what: &str, wanted: fn(&ConnectionState) -> bool) -> ConnectionState {
        let found = async {
            loop {
                let (states, looked) = &mut self.states;
                while let Some(state) = states.get(*looked) {
                    *looked += 1;
                    if wanted(state) {
                        return state.clone();
                    }
                }
                if !self.drain() {
                    self.rung.notified().await;
                }
            }
        };
        let found = tokio::time::timeout(DEADLINE, found).await;
        found.unwrap_or_else(|_elapsed| panic!("{what}: never came; seen {:#?}", self.states.0))
    }

    /// Whether such a connection state was seen.
    pub(crate) fn was(&self, wanted: fn(&ConnectionState) -> bool) -> bool {
        self.states.0.iter().any(wanted)
    }

    /// Waits until the connection has become live this many times since the start.
    pub(crate) async fn live(&mut self, times: usize) {
        let live = |profile: &ProfileStatus| (profile.joins >= times as u64).then_some(());
        self.profile("live", live).await;
    }

    /// Waits for the end of a sign-in, after the last one that was waited for.
    pub(crate) async fn signed_in(&mut self) -> Result<(), String> {
        let known = self.signed_in;
        let (number, outcome) = self
            .profile("the end of the sign-in", |profile| {
                let SignInStatus { number, state } = profile.sign_in.as_ref()?;
                let outcome = match state {
                    SignInState::Done => Ok(()),
                    SignInState::Failed(why) => Err(why.to_string()),
                    SignInState::Requesting | SignInState::Cancelled => return None,
                };
                (*number > known).then_some((*number, outcome))
            })
            .await;
        self.signed_in = number;
        outcome
    }

    /// Waits for a committed entry of an activity.
    pub(crate) async fn entry(&mut self, key: &ActivityKey, wanted: impl Fn(&Entry) -> bool) -> Entry {
        self.wait(&format!("an entry of {key:?}"), |event| match event {
            Event::Committed { entries, .. } => {
                entries.iter().find(|entry| entry.key == *key && wanted(entry)).cloned()
            }
            _ => None,
        })
        .await
    }

    /// Waits for a notice with this text.
    pub(crate) async fn notice(&mut self, says: &str) -> privicore_monitor::engine::Notice {
        self.wait(&format!("a notice with {says:?}"), |event| match event {
            Event::Notice(notice) if notice.sentence().contains(says) => Some(notice.clone()),
            _ => None,
        })
        .await
    }

    /// Signs the demo profile in with its password and waits until it is live.
    pub(crate) async fn sign_in(&mut self, sandbox: &SandboxHandle) -> ProfileId {
        let profile = profile_of(sandbox);
        let id = profile.id;
        self.act(Action::SignIn(Box::new(with_password(profile, PASSWORD))));
        self.signed_in().await.expect("signed in");
        self.live(1).await;
        id
    }

    /// Closes the window and waits until the engine has stopped.
    pub(crate) async fn quit(mut self) -> Told {
        self.act(Action::Quit);
        self.wait("the end", |event| matches!(event, Event::Stopped).then_some(())).await;
        assert!(self.handle.join(DEADLINE), "the engine says that it has stopped but has not");
        Told { events: self.heard, seen: self.seen, states: self.states.0 }
    }
}

/// Sets all of the engine's preferences, whatever they were before.
pub(crate) fn set(preferences: &Preferences) -> Action {
    let changes = vec![
        PreferenceChange::MessageLimit(preferences.message_limit),
        PreferenceChange::LinkLifetime(preferences.link_lifetime),
        PreferenceChange::DownloadsAtOnce(preferences.downloads_at_once),
        PreferenceChange::IdleLimit(preferences.idle_limit),
        PreferenceChange::RetentionDays(preferences.retention_days),
        PreferenceChange::RetentionBytes(preferences.retention_bytes),
        PreferenceChange::Proxy(preferences.proxy.clone()),
        PreferenceChange::AuthorityFile(preferences.authority_file.clone()),
    ];
    Action::ChangePreferences { number: 0, changes }
}

/// The demo profile of a sandbox.
pub(crate) fn profile_of(sandbox: &SandboxHandle) -> Profile {
    Profile {
        name: "ops".to_owned(),
        api: Address::new(sandbox.api_url()),
        websocket: Address::new(sandbox.ws_url()),
        download: Address::new(sandbox.downstream_url()),
        username: DEMO_USERNAME.to_owned(),
        ..Profile::default()
    }
}

/// A sign-in with a password.
pub(crate) fn with_password(profile: Profile, password: &str) -> SignIn {
    SignIn { profile, credential: Credential::Password(password.to_owned().into()) }
}

/// A sign-in with a token.
pub(crate) fn with_token(profile: Profile, token: &str) -> SignIn {
    SignIn { profile, credential: Credential::Token(AuthorizationToken::new(token)) }
}

/// A token of the demo profile, issued without the engine.
pub(crate) async fn token_of(sandbox: &SandboxHandle) -> String {
    let answer =
        post(sandbox, "/profile/authenticate", None, &[("username", DEMO_USERNAME), ("password", PASSWORD)]).await;
    answer.pointer("/authorizationToken").and_then(serde_json::Value::as_str).expect("a token").to_owned()
}

/// A call to the sandbox's backend, without the engine.
pub(crate) async fn post(
    sandbox: &SandboxHandle,
    path: &str,
    token: Option<&str>,
    form: &[(&str, &str)],
) -> serde_json::Value {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        assert!(rustls::crypto::CryptoProvider::get_default().is_some(), "no TLS provider");
    }
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut request = client.post(format!("{}{path}", sandbox.api_url())).form(form);
    if let Some(token) = token {
        request = request.header("X-DPT-AUTHORIZATION", token);
    }
    let text = request.send().await.expect("an answer").text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)
}
