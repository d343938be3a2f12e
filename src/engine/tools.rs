//! What the engine's tasks share.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::credentials::Keyring;
use crate::settings::ProfileId;

use super::clocks::Clocks;
use super::connector::Connector;
use super::download::Fetcher;
use super::event::{Notice, Severity};
use super::journal_store::JournalStore;
use super::mailbox::Outbox;
use super::options::Clock;
use super::problem::{ProblemKind, ProblemReason};
use super::report::Report;
use super::rest::Rest;
use super::spawn::Spawner;

/// What the engine's tasks share. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tools {
    /// Tells the window.
    pub(super) outbox: Outbox,
    /// Runs the tasks of the engine, or of one profile.
    pub(super) spawner: Spawner,
    /// The time of day.
    pub(super) clock: Clock,
    /// The time of day, and the clocks that can't be set.
    pub(super) clocks: Clocks,
    /// The journal.
    pub(super) ledger: JournalStore,
    /// Keeps tokens.
    pub(super) keyring: Keyring,
    /// Connects sockets.
    pub(super) connector: Arc<dyn Connector>,
    /// Calls the backend.
    pub(super) rest: Rest,
    /// Fetches links.
    pub(super) fetcher: Fetcher,
    /// Tells the engine's centre. Full: the task waits; the centre never waits for a task.
    pub(super) reports: mpsc::Sender<Report>,
}

impl Tools {
    /// The same tools for one profile: what they spawn belongs to it.
    pub(super) fn for_profile(&self, profile: ProfileId) -> Self {
        Self { spawner: self.spawner.for_profile(profile), ..self.clone() }
    }

    /// Tells the operator what did not work.
    pub(super) fn warn(&self, profile: ProfileId, sentence: impl Into<String>) {
        self.outbox.notice(Notice::new(Severity::Warning, Some(profile), sentence));
    }

    /// Reports a problem of a profile, which is shown until it is resolved.
    pub(super) fn problem(&self, profile: ProfileId, reason: ProblemReason) {
        self.outbox.report_problem(Some(profile), reason);
    }

    /// A problem of a profile has ended, if there was one.
    pub(super) fn resolve(&self, profile: ProfileId, kind: &ProblemKind) {
        self.outbox.resolve_problem(Some(profile), kind);
    }

    /// Tells the centre. When it has gone, nobody waits for it.
    pub(super) async fn report(&self, report: Report) {
        if self.reports.send(report).await.is_err() {
            tracing::debug!("the engine is stopping");
        }
    }
}
