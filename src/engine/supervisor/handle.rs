//! Starts and stops the engine, and passes actions to it.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::activity::{Seq, TimeReference, Timestamp};
use crate::engine::client::connector::{Connector, NetworkConnector};
use crate::engine::client::downloader::Downloader;
use crate::engine::client::network_config::{NetworkConfig, NetworkConfigHandle, NetworkEnvironment};
use crate::engine::client::rest::RestClient;
use crate::engine::context::journal_store::JournalStore;
use crate::engine::context::options::{EngineOptions, SettingsAccess};
use crate::engine::context::{EngineContext, suspend};
use crate::engine::events::action::Action;
use crate::engine::events::error::EngineError;
use crate::engine::events::event::{Event, Notice, Severity};
use crate::engine::events::event_queue::{self, EventReceiver, EventSender};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::ProblemReason;
use crate::engine::runtime::clock::{Clock, Clocks};
use crate::engine::runtime::tasks::TaskOwner;
use crate::engine::storage::{clear_history, history_loader};
use crate::engine::{ipc, supervisor};
use crate::journal::handle::{Journal, Opened};
use crate::journal::{self, DataDirLock, JournalError, ReadOnlyJournal, StoredClock};
use crate::settings::Store;

/// Actions in the queue. When it is full, the window shows that the engine is busy.
const ACTIONS: usize = 64;
/// Reports in the queue. When it is full, the reporting task waits.
const REPORTS: usize = 64;
/// How long another process may hold the data directory before it counts as running: `track` holds it only briefly.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long blocking tasks, such as a DNS lookup, may delay the shutdown.
pub(crate) const BLOCKING_TASK_TIMEOUT: Duration = Duration::from_millis(100);

/// The engine is busy or has stopped, so the action was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue of actions is full.
    #[error("Privicore Monitor is still busy with what was asked before. Try again in a moment.")]
    Full,
    /// The engine has stopped.
    #[error("Privicore Monitor is closing.")]
    Stopped,
}

/// The window panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "Something went wrong in the window of Privicore Monitor, so it was closed. Every channel was left, and what was received \
     is in the journal. Start it again, and report this if it comes again."
)]
pub struct WindowPanicked;

/// Starts an engine, and runs a window with one.
#[derive(Debug)]
pub struct Engine;

impl Engine {
    /// Takes the data directory, opens settings and journal, and starts the engine on its own threads.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn start(options: EngineOptions) -> Result<(EngineHandle, EventReceiver), EngineError> {
        let holder = DataDirLock::take_within(options.directories.data(), LOCK_TIMEOUT)?;
        let Opened { journal, live_from, id, recovered, clock: kept } = Journal::open(options.directories.data())?;
        let (store, settings, broken) = match options.settings {
            SettingsAccess::ReadWrite => Store::open(&options.directories),
            SettingsAccess::ReadOnly => Store::open_read_only(&options.directories)?,
        };
        let surroundings = NetworkEnvironment { ca_file: options.extra_authority, proxies: options.proxies };
        let network_config = NetworkConfig::load(&settings.preferences, &surroundings)?;
        let (event_sender, events) = event_queue::channel(options.waker);
        if journal::is_open_to_others(options.directories.data()) {
            let reason = NoticeReason::OpenDataDirectory(options.directories.data().to_owned());
            event_sender.send_notice(Notice::new(Severity::Warning, None, reason));
        }
        if let Some(sentence) = broken {
            event_sender.send_notice(Notice::new(Severity::Warning, None, NoticeReason::SettingsReset(sentence)));
        }
        if let Some(shortfall) = network_config.tls.shortfall.clone() {
            event_sender.report_problem(None, ProblemReason::Certificates(shortfall));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("engine-worker")
            .enable_all()
            .build()?;
        let spawner = TaskOwner::new(runtime.handle().clone(), event_sender.clone());
        let (network_config_handle, network_config_receiver) = NetworkConfigHandle::new(network_config, surroundings);
        let ((actions, wanted), (reports, reported)) = (mpsc::channel(ACTIONS), mpsc::channel(REPORTS));
        let quit = CancellationToken::new();
        let boot_id = suspend::boot_id();
        let clocks =
            Clocks::resumed(options.clock, Arc::new(suspend::boot_clock), kept.as_ref(), live_from, boot_id.as_deref());
        let context = EngineContext {
            event_sender: event_sender.clone(),
            spawner: spawner.clone(),
            clocks: clocks.clone(),
            journal_store: JournalStore::new(journal, event_sender.clone(), clocks.as_clock()),
            clock: clocks.as_clock(),
            keyring: options.keyring,
            rest: RestClient::new(network_config_receiver.clone(), clocks.clone()),
            downloader: Downloader::new(network_config_receiver.clone()),
            connector: options
                .connector
                .unwrap_or_else(|| Arc::new(NetworkConnector::new(network_config_receiver)) as Arc<dyn Connector>),
            reports,
        };
        start_helpers(&context, options.directories.data(), boot_id);
        let start = supervisor::SupervisorConfig {
            context,
            data: options.directories.data().to_owned(),
            store,
            settings,
            live_from,
            network_config_handle,
            journal: id,
            recovered,
            keeps_links: options.keeps_links,
            sandbox: options.sandbox,
            sandbox_at_once: options.start_in_sandbox,
            only: options.profile,
            actions: wanted,
            quit: quit.clone(),
            reports: reported,
        };
        let stop_flag = StopFlag::default();
        // However the thread ends, whoever waits for it is told, and last of all.
        let guard = StopGuard { stop_flag: stop_flag.clone(), event_sender };
        std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let _told = guard;
            // It belongs to nobody that it stops.
            let owner = TaskOwner::new(runtime.handle().clone(), start.context.event_sender.clone());
            let supervisor = owner.start("running", Box::pin(supervisor::run(start)));
            if runtime.block_on(supervisor).is_none() {
                tracing::error!("the engine was cut off");
            }
            runtime.shutdown_timeout(BLOCKING_TASK_TIMEOUT);
            drop(holder);
        })?;
        Ok((EngineHandle { actions, quit, spawner, stop_flag, clock: EngineClock(clocks) }, events))
    }
}

impl Engine {
    /// Runs a window, which may start an engine and put its handle into `running`. Shuts that engine down in order however the
    /// window ends: it leaves its channels and commits received messages. Waits for that at most `timeout`.
    ///
    /// # Errors
    ///
    /// If the window panicked.
    pub fn run_window<T>(
        running: &OnceLock<EngineHandle>,
        timeout: Duration,
        window: impl FnOnce() -> T,
    ) -> Result<T, WindowPanicked> {
        let ended = std::panic::catch_unwind(AssertUnwindSafe(window));
        if let Some(engine) = running.get() {
            engine.quit();
            if !engine.join(timeout) {
                tracing::warn!("the engine did not stop in time");
            }
        }
        ended.map_err(|_panic| WindowPanicked)
    }
}

/// Starts the tasks that run as long as the engine and belong to no profile.
fn start_helpers(context: &EngineContext, data: &Path, boot_id: Option<String>) {
    let catch_up = history_loader::catch_up(context.journal_store.clone(), context.event_sender.clone());
    context.spawner.spawn("reading the journal", catch_up);
    let clean = clear_history::run(context.journal_store.clone(), context.event_sender.clone());
    context.spawner.spawn("taking what was forgotten off the disk", clean);
    let watch = suspend::watch(context.clone(), boot_id);
    context.spawner.spawn("watching for sleep", watch);
    let listen = ipc::listen(data.to_owned(), context.clone());
    context.spawner.spawn("listening to other processes", listen);
}

/// Sends actions to the engine. Clones send to the same engine; it stops when the last one is dropped, or at [`Action::Quit`].
#[derive(Debug, Clone)]
pub struct EngineHandle {
    actions: mpsc::Sender<Action>,
    quit: CancellationToken,
    spawner: TaskOwner,
    stop_flag: StopFlag,
    clock: EngineClock,
}

/// The clock that stamps entries. Setting the computer's clock does not affect it; clones share it.
#[derive(Debug, Clone)]
pub struct EngineClock(Clocks);

impl EngineClock {
    /// The clock of the run that writes a journal, or wrote it last, as recorded there; `clock` is the computer's.
    ///
    /// # Errors
    ///
    /// If the journal can't be read.
    pub fn of_writer(archive: Option<&ReadOnlyJournal>, clock: Clock) -> Result<Self, JournalError> {
        let Some(archive) = archive else { return Ok(Self::resumed(None, clock)) };
        if let Some(stored) = archive.clock()? {
            return Ok(Self::resumed(Some(&stored), clock));
        }
        // A journal of an earlier version has no clock: the time is at least that of its newest entry.
        let resumed = Self::resumed(None, clock);
        if let Some(newest) = archive.newest_moment()? {
            resumed.0.set_floor(newest);
        }
        Ok(resumed)
    }

    /// The clock of a run that continues an earlier one; `clock` is the computer's.
    pub fn resumed(stored: Option<&StoredClock>, clock: Clock) -> Self {
        let boot_id = suspend::boot_id();
        // This run stamps no entries: only entries of the same boot are on its clock.
        let live_from = Seq(u64::MAX);
        Self(Clocks::resumed(clock, Arc::new(suspend::boot_clock), stored, live_from, boot_id.as_deref()))
    }

    /// The current time of this clock.
    pub fn now(&self) -> Timestamp {
        self.0.now().at
    }

    /// How this clock relates to the other clocks.
    pub fn reference(&self) -> TimeReference {
        self.0.reference()
    }
}

impl EngineHandle {
    /// The clock that stamps this engine's entries.
    pub fn clock(&self) -> EngineClock {
        self.clock.clone()
    }

    /// Sends an action to the engine. Never blocks.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the action was not accepted.
    pub fn send(&self, action: Action) -> Result<(), SendError> {
        self.actions.try_send(action).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Stopped,
        })
    }

    /// Stops the engine, however busy it is.
    pub fn quit(&self) {
        self.quit.cancel();
    }

    /// Runs a dialog's future on the engine's threads. `name` completes the sentence "Something went wrong while …".
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.spawner.spawn(name, future);
    }

    /// Waits until the engine has stopped, at most for `timeout`. Returns whether it has.
    pub fn join(&self, timeout: Duration) -> bool {
        let (ended, changed) = &*self.stop_flag.0;
        let mut ended = ended.lock();
        changed.wait_while_for(&mut ended, |ended| !*ended, timeout);
        *ended
    }
}

/// Whether the engine has stopped, and the signal for it.
#[derive(Clone, Default)]
struct StopFlag(Arc<(Mutex<bool>, Condvar)>);

impl fmt::Debug for StopFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ended")
    }
}

/// When dropped, signals that the engine has stopped.
struct StopGuard {
    stop_flag: StopFlag,
    event_sender: EventSender,
}

impl Drop for StopGuard {
    fn drop(&mut self) {
        let (ended, changed) = &*self.stop_flag.0;
        *ended.lock() = true;
        changed.notify_all();
        self.event_sender.send(Event::Stopped);
    }
}
