//! What the engine's tasks share.

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
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::runtime::clock::{Clock, Clocks};
use crate::engine::runtime::tasks::TaskOwner;
use crate::settings::ProfileId;

use internal_event::InternalEvent;
use journal_store::JournalStore;

/// What the engine's tasks share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct EngineContext {
    /// Tells the window.
    pub(crate) event_sender: EventSender,
    /// Runs the tasks of the engine, or of one profile.
    pub(crate) spawner: TaskOwner,
    /// The time of day.
    pub(crate) clock: Clock,
    /// The time of day, and the clocks that can't be set.
    pub(crate) clocks: Clocks,
    /// The journal.
    pub(crate) journal_store: JournalStore,
    /// Keeps tokens.
    pub(crate) keyring: Keyring,
    /// Connects sockets.
    pub(crate) connector: Arc<dyn Connector>,
    /// Calls the backend.
    pub(crate) rest: RestClient,
    /// Fetches links.
    pub(crate) downloader: Downloader,
    /// Tells the engine's centre. Full: the task waits; the centre never waits for a task.
    pub(crate) reports: mpsc::Sender<InternalEvent>,
}

impl EngineContext {
    /// The same tools for one profile: what they spawn belongs to it.
    pub(crate) fn for_profile(&self, profile: ProfileId) -> Self {
        Self { spawner: self.spawner.for_profile(profile), ..self.clone() }
    }

    /// Tells the operator what did not work.
    pub(crate) fn warn(&self, profile: ProfileId, sentence: impl Into<String>) {
        self.event_sender.notice(Notice::new(Severity::Warning, Some(profile), sentence));
    }

    /// Reports a problem of a profile, which is shown until it is resolved.
    pub(crate) fn problem(&self, profile: ProfileId, reason: ProblemReason) {
        self.event_sender.report_problem(Some(profile), reason);
    }

    /// A problem of a profile has ended, if there was one.
    pub(crate) fn resolve(&self, profile: ProfileId, kind: &ProblemKind) {
        self.event_sender.resolve_problem(Some(profile), kind);
    }

    /// Tells the centre. When it has gone, nobody waits for it.
    pub(crate) async fn report(&self, report: InternalEvent) {
        if self.reports.send(report).await.is_err() {
            tracing::debug!("the engine is stopping");
        }
    }
}
