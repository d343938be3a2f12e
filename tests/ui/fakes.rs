//! The fakes under a test's window: an engine, save dialogs, a clipboard and a clock.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use privicore_monitor::activity::Timestamp;
use privicore_monitor::engine::{Action, EngineStatus, Event, FileKind};
use privicore_monitor::protocol::UnmaskedMessage;
use privicore_monitor::settings::Preferences;
use privicore_monitor::ui::{
    Backend, Clock, DialogResponder, FailedDialog, FileDialogs, Notification, Notifier, PathReply, SaveSuggestion,
    SecretClipboard,
};

use super::harness::at;

/// The engine of a test.
#[derive(Default)]
pub(crate) struct Engine {
    /// The current status, and whether the window has yet to read it.
    pub(super) status: (EngineStatus, bool),
    /// The engine's preferences.
    pub(super) preferences: Preferences,
    /// The number of the newest change of the preferences.
    pub(super) change: u64,
    pub(super) events: VecDeque<Event>,
    pub(super) actions: Vec<Action>,
    /// Whether its channel is full.
    pub(crate) busy: bool,
}

/// State that a fake shares with its test.
#[derive(Default)]
pub(crate) struct Shared<T>(pub(super) Rc<RefCell<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut self.0.borrow_mut())
    }
}

impl Backend for Shared<Engine> {
    fn send(&mut self, action: Action) -> bool {
        let mut engine = self.0.borrow_mut();
        if !engine.busy {
            if let Action::ChangePreferences { number, changes } = &action {
                engine.change = *number;
                for change in changes {
                    engine.preferences.apply(change.clone());
                }
            }
            engine.actions.push(action);
        }
        !engine.busy
    }

    fn status(&mut self) -> Option<EngineStatus> {
        let (status, changed) = &mut self.0.borrow_mut().status;
        std::mem::take(changed).then(|| status.clone())
    }

    fn next_event(&mut self) -> Option<Event> {
        self.0.borrow_mut().events.pop_front()
    }
}

/// The desktop's file dialogs of a test: each is open until the test answers it.
#[derive(Clone, Default)]
pub(crate) struct Dialogs {
    /// The open dialogs.
    pub(crate) open: Shared<Vec<(SaveSuggestion, DialogResponder)>>,
    /// The failed dialogs that the window has not read yet.
    pub(crate) failed: Shared<Vec<FailedDialog>>,
    /// The path checks in progress.
    pub(crate) checks: Shared<Vec<(String, FileKind, PathReply)>>,
}

impl FileDialogs for Dialogs {
    fn save_as(&self, suggestion: SaveSuggestion, answer: DialogResponder) {
        self.open.0.borrow_mut().push((suggestion, answer));
    }

    fn choose_folder(&self, title: &str, folder: Option<std::path::PathBuf>, answer: DialogResponder) {
        let suggestion = SaveSuggestion { title: title.to_owned(), folder, file_name: String::new() };
        self.open.0.borrow_mut().push((suggestion, answer));
    }

    fn take_failed(&mut self) -> Option<FailedDialog> {
        self.failed.0.borrow_mut().pop()
    }

    fn check_path(&self, typed: String, kind: FileKind, reply: PathReply) {
        self.checks.0.borrow_mut().push((typed, kind, reply));
    }
}

/// The clipboard of a test.
#[derive(Default)]
pub(crate) struct Clipboard {
    pub(crate) copied: Vec<String>,
    /// The error of every copy, if any.
    pub(crate) broken: Option<String>,
}

impl SecretClipboard for Shared<Clipboard> {
    fn copy(&mut self, secret: &UnmaskedMessage) -> Result<(), String> {
        self.with(|clipboard| {
            if let Some(why) = &clipboard.broken {
                return Err(why.clone());
            }
            clipboard.copied.push(secret.expose().to_owned());
            Ok(())
        })
    }
}

/// The desktop of a test.
impl Notifier for Shared<Vec<Notification>> {
    fn show(&mut self, notification: Notification) {
        self.0.borrow_mut().push(notification);
    }
}

/// The clock of a test.
#[derive(Clone)]
pub(crate) struct Times {
    pub(super) now: Timestamp,
    pub(crate) instant: Instant,
    /// How much time passes whenever the window looks at the clock.
    pub(crate) tick: Duration,
    pub(crate) zone: jiff::tz::TimeZone,
}

impl Clock for Shared<Times> {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn instant(&self) -> Instant {
        let mut times = self.0.borrow_mut();
        let tick = times.tick;
        times.instant += tick;
        times.instant
    }

    fn zone(&self) -> jiff::tz::TimeZone {
        self.0.borrow().zone.clone()
    }
}

impl Default for Times {
    fn default() -> Self {
        #[expect(clippy::disallowed_methods, reason = "where the still clock of a test begins does not matter")]
        Self { now: at("12:04:33.120"), instant: Instant::now(), tick: Duration::ZERO, zone: jiff::tz::TimeZone::UTC }
    }
}
