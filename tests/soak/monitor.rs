//! The real engine without a window: signed in to the sandbox, retrying at once, and observed for the connection states
//! that it shows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privicore_monitor::activity::{ActivityKey, Entry, Fact, Seq, Timestamp};
use privicore_monitor::credentials::Keyring;
use privicore_monitor::engine::{
    Action, ConnectionState, Credential, Engine, EngineHandle, EngineOptions, Event, EventReceiver, ProxyEnvironment,
    SignIn,
};
use privicore_monitor::journal::Journal;
use privicore_monitor::sandbox::{DEMO_USERNAME, PASSWORD, SandboxHandle};
use privicore_monitor::settings::{Address, Directories, Profile};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::stream::PREFIX;

/// How long the engine may take to join again after a fault: it may need half a minute to notice a stall.
const PATIENCE: Duration = Duration::from_mins(2);

/// If nothing new arrives for this long at the end, nothing more will arrive.
const SILENCE: Duration = Duration::from_secs(5);

/// How often the operator asks a waiting connection to retry.
const IMPATIENCE: Duration = Duration::from_millis(20);

/// Entries per read from the journal.
const PAGE: usize = 20_000;

/// A time in which the engine was not joined, according to its journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// The journal's content.
#[derive(Default)]
pub(crate) struct Kept {
    /// For every number of the stream, the times at which it was received, in order.
    pub(crate) heard: BTreeMap<u64, Vec<Timestamp>>,
    /// The gaps that are rows of their own.
    pub(crate) gaps: Vec<Gap>,
}

/// The connection's state.
#[derive(Clone, Copy, Default)]
struct Standing {
    live: bool,
    /// How often it has joined so far.
    joins: u64,
}

/// The engine and its observer.
pub(crate) struct Monitor {
    engine: EngineHandle,
    profile: Profile,
    folder: TempDir,
    standing: watch::Receiver<Standing>,
    committed: watch::Receiver<u64>,
    watcher: Mutex<Option<JoinHandle<()>>>,
}

impl Monitor {
    /// Starts an engine that signs in to the sandbox.
    pub(crate) fn start(sandbox: &SandboxHandle) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bell = Arc::new(Notify::new());
        let ring = Arc::clone(&bell);
        let (engine, events) = Engine::start(EngineOptions {
            directories: directories(&folder),
            keyring: Keyring::in_memory(),
            keeps_links: true,
            sandbox: None,
            start_in_sandbox: false,
            profile: None,
            connector: None,
            settings: privicore_monitor::engine::SettingsAccess::ReadWrite,
            extra_authority: None,
            proxies: ProxyEnvironment::default(),
            clock: Arc::new(now),
            waker: Arc::new(move || ring.notify_one()),
        })
        .expect("the engine starts");
        let profile = Profile {
            name: "Soak".to_owned(),
            api: Address::new(sandbox.api_url()),
            websocket: Address::new(sandbox.ws_url()),
            download: Address::new(sandbox.downstream_url()),
            username: DEMO_USERNAME.to_owned(),
            keep_signed_in: false,
            ..Profile::default()
        };
        let (joined, standing) = watch::channel(Standing::default());
        let (commits, committed) = watch::channel(0);
        let watching = Watcher { engine: engine.clone(), profile: profile.clone(), joined, commits };
        watching.sign_in();
        let watcher = Mutex::new(Some(tokio::spawn(watching.watch(events, bell))));
        Self { engine, profile, folder, standing, committed, watcher }
    }

    /// Waits until it is joined. Returns the number of joins so far.
    pub(crate) async fn live(&self) -> u64 {
        let mut standing = self.standing.clone();
        let joined = timeout(PATIENCE, standing.wait_for(|standing| standing.live)).await;
        let joined = joined.expect("the engine did not come back within two minutes");
        joined.expect("the watcher lives").joins
    }

    /// Waits at most `time` for it to lose the join of that number. Returns whether it has.
    pub(crate) async fn lost_within(&self, join: u64, time: Duration) -> bool {
        let mut standing = self.standing.clone();
        let lost = standing.wait_for(|standing| !standing.live || standing.joins != join);
        timeout(time, lost).await.is_ok()
    }

    /// Waits until it is joined and nothing has arrived for a while.
    pub(crate) async fn quiet(&self) {
        let mut committed = self.committed.clone();
        loop {
            self.live().await;
            committed.mark_unchanged();
            if timeout(SILENCE, committed.changed()).await.is_err() && self.standing.borrow().live {
                return;
            }
        }
    }

    /// Stops it.
    pub(crate) async fn stop(&self) {
        self.engine.send(Action::Quit).expect("the engine is not busy");
        let watcher = self.watcher.lock().expect("the watcher").take().expect("it is stopped once");
        watcher.await.expect("the watcher did not panic");
    }

    /// Reads the journal of the stopped engine from the disk.
    pub(crate) async fn journal(&self) -> Kept {
        assert!(self.engine.join(PATIENCE), "the engine did not stop");
        let journal = Journal::open(directories(&self.folder).data()).expect("the journal").journal;
        let mut kept = Kept::default();
        let mut gaps = BTreeMap::new();
        let mut from = Seq(0);
        loop {
            let entries = journal.entries_from(self.profile.id, from, PAGE).await.expect("the journal is read");
            let Some(last) = entries.last() else { break };
            from = Seq(last.seq.0 + 1);
            for entry in &entries {
                if let Some(number) = number_of(entry) {
                    kept.heard.entry(number).or_default().push(entry.at);
                } else if let Fact::Gap(gap) = &entry.fact {
                    // Of two entries for the same key the later one counts.
                    gaps.insert(entry.key.clone(), Gap { from: gap.from, to: gap.to.unwrap_or(Timestamp(i64::MAX)) });
                }
            }
        }
        journal.close().await;
        kept.gaps = gaps.into_values().collect();
        kept
    }
}

fn directories(folder: &TempDir) -> Directories {
    Directories::at(folder.path().join("data"), folder.path().join("config")).expect("folders")
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

fn number_of(entry: &Entry) -> Option<u64> {
    match &entry.key {
        ActivityKey::Command(id) => id.as_str().strip_prefix(PREFIX)?.parse().ok(),
        ActivityKey::Data(_) | ActivityKey::Message(_) | ActivityKey::Gap(_) => None,
    }
}

/// Drains the engine's events, and acts for an operator who always wants to be joined.
struct Watcher {
    engine: EngineHandle,
    profile: Profile,
    joined: watch::Sender<Standing>,
    commits: watch::Sender<u64>,
}

impl Watcher {
    async fn watch(self, events: EventReceiver, bell: Arc<Notify>) {
        let (mut waits, mut was_refused) = (false, false);
        loop {
            if let Some(profile) = events.status().and_then(|status| status.profile(self.profile.id).cloned()) {
                let refused = matches!(profile.connection, Some(ConnectionState::TokenRefused { .. }));
                waits = matches!(profile.connection, Some(ConnectionState::Reconnecting { .. }));
                let live = profile.connection == Some(ConnectionState::Live);
                self.joined.send_modify(|standing| *standing = Standing { joins: profile.joins, live });
                if refused && !was_refused {
                    self.sign_in();
                }
                was_refused = refused;
            }
            while let Some(event) = events.try_next() {
                match event {
                    Event::Stopped => return,
                    Event::Committed { .. } => self.commits.send_modify(|commits| *commits += 1),
                    _ => {}
                }
            }
            if waits {
                // Skips the engine's own delay, which spares servers.
                self.ask(Action::RetryNow(self.profile.id));
            }
            // Looks again, whether woken or not.
            drop(timeout(IMPATIENCE, bell.notified()).await);
        }
    }

    fn sign_in(&self) {
        let credential = Credential::Password(SecretString::from(PASSWORD));
        self.ask(Action::SignIn(Box::new(SignIn { profile: self.profile.clone(), credential })));
    }

    /// Sends an action. A busy engine that refuses it acts by itself a little later, except for a sign-in.
    fn ask(&self, action: Action) {
        let signs_in = matches!(action, Action::SignIn(_));
        let taken = self.engine.send(action);
        assert!(taken.is_ok() || !signs_in, "the engine was too busy to sign in");
    }
}
