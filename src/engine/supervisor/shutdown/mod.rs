//! The shutdown: leaves channels and writes what was received, within a second unless the disk takes longer.
//!
//! Nothing else is waited for beyond that: what the keyring or a server has not done by then is recorded as pending work, and
//! finished at the next start.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::action::Action;
use crate::engine::runtime::tasks::TaskOwner;
use crate::engine::session::QUIT_LEAVE_TIMEOUT;
use crate::engine::supervisor::profile::sandbox;

use super::Supervisor;
use super::handle::BLOCKING_TASK_TIMEOUT;

/// From the request to quit until the process can end, if the disk is fast.
const QUIT_TIME: Duration = Duration::from_secs(1);
/// How long the keyring and servers are waited for, from the request to quit on.
const SERVICE_TIMEOUT: Duration = Duration::from_millis(700);
/// How long the disk is waited for: received messages exist nowhere else, and are sent only once.
const DISK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the journal may take to close after that, so that the next run need not repair it.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

const _: () = {
    assert!(QUIT_LEAVE_TIMEOUT.as_millis() < SERVICE_TIMEOUT.as_millis());
    // 100 ms are left for the disk, and 100 ms for the window.
    assert!(SERVICE_TIMEOUT.as_millis() + BLOCKING_TASK_TIMEOUT.as_millis() + 200 <= QUIT_TIME.as_millis());
};

impl Supervisor {
    /// Handles the actions that were still queued when the engine was told to stop, if their effect lasts beyond this run. Actions
    /// that matter for this run only are dropped.
    pub(crate) fn handle_last_actions(&mut self, mut actions: mpsc::Receiver<Action>) {
        actions.close();
        while let Ok(action) = actions.try_recv() {
            if is_durable(&action) {
                self.on_action(action);
            }
        }
    }

    /// Leaves every channel, writes what was received, and closes the journal.
    pub(crate) async fn stop(mut self, mut reports: mpsc::Receiver<InternalEvent>) {
        let began = Instant::now();
        let context = self.context.clone();
        self.searches.clear();
        context.spawner.stop();
        self.cancel_export();
        let (mut tasks, mut owners) = (Vec::new(), Vec::new());
        for profile_state in std::mem::take(&mut self.profile_states).into_values() {
            let ending = profile_state.shut_down();
            tasks.extend(ending.downloads);
            tasks.push(ending.session);
            owners.push(ending.tasks);
        }
        // A session leaves within its budget; then it waits only for the disk, as does a download that was told to stop.
        let leaving = tokio::time::timeout_at(began + DISK_TIMEOUT, futures_util::future::join_all(tasks));
        if self.handle_events_until(leaving, &mut reports).await.is_err() {
            tracing::warn!("not everything ended in time");
        }
        let finishing = tokio::time::timeout_at(began + SERVICE_TIMEOUT, all_ended(&owners, &context.spawner));
        if self.handle_events_until(finishing, &mut reports).await.is_err() {
            context.spawner.cut_short();
            tracing::debug!("the rest is left to the next start");
            let writing = tokio::time::timeout_at(began + DISK_TIMEOUT, all_ended(&owners, &context.spawner));
            if self.handle_events_until(writing, &mut reports).await.is_err() {
                tracing::error!("not everything was written in time");
            }
        }
        let had_sandbox = self.sandbox.is_some();
        let closing = async {
            if had_sandbox && let Err(error) = context.journal_store.delete_profile(sandbox::profile_id()).await {
                tracing::warn!(%error, "the sandbox's activity is still in the journal");
            }
            context.journal_store.close().await;
        };
        if tokio::time::timeout_at((began + DISK_TIMEOUT).max(Instant::now()) + CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::error!("the journal could not be closed in time");
        }
    }

    /// Waits for `end`, and meanwhile handles reports that must not be lost; all others are dropped.
    async fn handle_events_until<T>(
        &mut self,
        end: impl Future<Output = T>,
        reports: &mut mpsc::Receiver<InternalEvent>,
    ) -> T {
        tokio::pin!(end);
        loop {
            let report = tokio::select! {
                // Reports first, because one of them may arrive together with the end.
                biased;
                Some(report) = reports.recv() => report,
                done = &mut end => return done,
            };
            match report {
                InternalEvent::RemovalRecorded { profile, .. } => self.on_removal_recorded_late(profile),
                InternalEvent::Renewed { renewal, outcome } => self.on_renewed_late(&renewal, outcome),
                _ => {}
            }
        }
    }
}

/// Whether an action has an effect that is still there at the next start.
fn is_durable(action: &Action) -> bool {
    matches!(
        action,
        Action::ChangePreferences { .. }
            | Action::ChangeSaving { .. }
            | Action::AllowHost { .. }
            | Action::SetMessageLimit(_)
            | Action::SetDataKey { .. }
            | Action::SignOut { .. }
            | Action::ClearHistory(_)
            | Action::RemoveProfile(_)
            | Action::DismissNotice { .. }
            | Action::AcknowledgeWarning { .. }
            | Action::SetLabel { .. }
            | Action::TrackCommands { .. }
    )
}

/// Completes when every task of the profiles, and then of the engine, has ended: tasks of a profile may start some of the
/// engine.
async fn all_ended(profiles: &[TaskOwner], engine: &TaskOwner) {
    futures_util::future::join_all(profiles.iter().map(TaskOwner::wait)).await;
    engine.wait().await;
}
