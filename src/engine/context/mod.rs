//! The resources that all tasks of the engine share: the journal (`journal_store`), the options of the start (`options`),
//! the events that tasks send to the supervisor (`internal_event`) and the detection of sleep (`suspend`).

pub(crate) mod internal_event;
pub(crate) mod journal_store;
pub(crate) mod options;
pub(crate) mod suspend;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::credentials::Keyring;
use crate::engine::client::connector::Connector;
use crate::engine::client::downloader::Downloader;
use crate::engine::client::rest::RestClient;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::event_queue::EventSender;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::runtime::clock::{Clock, Clocks};
use crate::engine::runtime::tasks::TaskOwner;
use crate::settings::ProfileId;

use internal_event::InternalEvent;
use journal_store::JournalStore;

/// The resources that the engine's tasks share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct EngineContext {
    /// Sends events to the window.
    pub(crate) event_sender: EventSender,
    /// Runs the tasks of the engine, or of one profile.
    pub(crate) spawner: TaskOwner,
    /// Gives the time of day.
    pub(crate) clock: Clock,
    /// Gives the time of day and of the clocks that can't be set.
    pub(crate) clocks: Clocks,
    pub(crate) journal_store: JournalStore,
    /// Stores tokens.
    pub(crate) keyring: Keyring,
    /// Connects sockets.
    pub(crate) connector: Arc<dyn Connector>,
    /// Calls the backend's REST API.
    pub(crate) rest: RestClient,
    /// Downloads links.
    pub(crate) downloader: Downloader,
    /// Sends events to the supervisor. If the channel is full the task waits; the supervisor never waits for a task.
    pub(crate) reports: mpsc::Sender<InternalEvent>,
}

impl EngineContext {
    /// The same context for one profile: tasks that it spawns belong to the profile.
    pub(crate) fn for_profile(&self, profile: ProfileId) -> Self {
        Self { spawner: self.spawner.for_profile(profile), ..self.clone() }
    }

    /// Shows the operator a warning.
    pub(crate) fn warn(&self, profile: ProfileId, reason: NoticeReason) {
        self.event_sender.send_notice(Notice::new(Severity::Warning, Some(profile), reason));
    }

    /// Reports a problem of a profile; it is shown until it is resolved.
    pub(crate) fn report_problem(&self, profile: ProfileId, reason: ProblemReason) {
        self.event_sender.report_problem(Some(profile), reason);
    }

    /// Removes a problem of a profile, if there is one.
    pub(crate) fn resolve_problem(&self, profile: ProfileId, kind: &ProblemKind) {
        self.event_sender.resolve_problem(Some(profile), kind);
    }

    /// Shows the problem of a profile that was found, or resolves the one of this kind. Returns what went well.
    pub(crate) fn update_problem<T>(
        &self,
        profile: ProfileId,
        kind: &ProblemKind,
        outcome: Result<T, ProblemReason>,
    ) -> Option<T> {
        match outcome {
            Ok(done) => {
                self.resolve_problem(profile, kind);
                Some(done)
            }
            Err(reason) => {
                self.report_problem(profile, reason);
                None
            }
        }
    }

    /// Sends an event to the supervisor. Once the supervisor has ended, the event is dropped.
    pub(crate) async fn report(&self, report: InternalEvent) {
        if self.reports.send(report).await.is_err() {
            tracing::debug!("the engine is stopping");
        }
    }
}
