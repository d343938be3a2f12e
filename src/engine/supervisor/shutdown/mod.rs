//! The end: channels are left and what was received is written, within a second unless the disk takes longer.
//!
//! Nobody else is waited for beyond that: what the keyring or a server has not done by then is written down as pending work, and
//! finished at the next start.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::action::Action;
use crate::engine::runtime::tasks::TaskOwner;
use crate::engine::session::QUIT_LEAVE_BUDGET;
use crate::engine::supervisor::profile::sandbox;

use super::Supervisor;
use super::handle::LAST_TASKS;

/// From the wish to quit until the process can end, if the disk is quick.
const TOTAL: Duration = Duration::from_secs(1);
/// How long the keyring and servers are waited for, from the wish to quit on.
const PATIENCE: Duration = Duration::from_millis(700);
/// How long the disk is waited for: what was received exists nowhere else, and comes once.
const DISK_PATIENCE: Duration = Duration::from_secs(3);
/// How long the journal may take to close after that, so that a next run need not repair it.
const CLOSING: Duration = Duration::from_millis(500);

const _: () = {
    assert!(QUIT_LEAVE_BUDGET.as_millis() < PATIENCE.as_millis());
    // A tenth of a second is left for the disk, and one for the window.
    assert!(PATIENCE.as_millis() + LAST_TASKS.as_millis() + 200 <= TOTAL.as_millis());
};

impl Supervisor {
    /// Does what the operator asked for before the engine was told to stop, where it had not come to that yet: as far as it
    /// is there at the next start. What is for this run only is not begun any more.
    pub(crate) fn take_last_actions(&mut self, mut actions: mpsc::Receiver<Action>) {
        actions.close();
        while let Ok(action) = actions.try_recv() {
            if outlives_the_run(&action) {
                self.act(action);
            }
        }
    }

    /// Leaves every channel, writes what was heard, and closes the journal.
    pub(crate) async fn stop(mut self, mut reports: mpsc::Receiver<InternalEvent>) {
        let began = Instant::now();
        let context = self.context.clone();
        self.searches.clear();
        context.spawner.stop();
        self.cancel_export();
        let (mut tasks, mut owners) = (Vec::new(), Vec::new());
        for profile_state in std::mem::take(&mut self.profile_states).into_values() {
            let ending = profile_state.end();
            tasks.extend(ending.downloads);
            tasks.push(ending.session);
            owners.push(ending.tasks);
        }
        // A session leaves within its budget; then it waits for the disk alone, as a download does that was told to stop.
        let leaving = tokio::time::timeout_at(began + DISK_PATIENCE, futures_util::future::join_all(tasks));
        if self.hear_until(leaving, &mut reports).await.is_err() {
            tracing::warn!("not everything ended in time");
        }
        let finishing = tokio::time::timeout_at(began + PATIENCE, ended(&owners, &context.spawner));
        if self.hear_until(finishing, &mut reports).await.is_err() {
            context.spawner.cut_short();
            tracing::debug!("the rest is left to the next start");
            let writing = tokio::time::timeout_at(began + DISK_PATIENCE, ended(&owners, &context.spawner));
            if self.hear_until(writing, &mut reports).await.is_err() {
                tracing::error!("not everything was written in time");
            }
        }
        let had_sandbox = self.sandbox.is_some();
        let closing = async {
            if had_sandbox && let Err(error) = context.journal_store.forget_profile(sandbox::profile_id()).await {
                tracing::warn!(%error, "the sandbox's activity is still in the journal");
            }
            context.journal_store.close().await;
        };
        if tokio::time::timeout_at((began + DISK_PATIENCE).max(Instant::now()) + CLOSING, closing).await.is_err() {
            tracing::error!("the journal could not be closed in time");
        }
    }

    /// Waits for an end, and hears meanwhile what must not be lost; nobody waits any more for what else is reported.
    async fn hear_until<T>(&mut self, end: impl Future<Output = T>, reports: &mut mpsc::Receiver<InternalEvent>) -> T {
        tokio::pin!(end);
        loop {
            let report = tokio::select! {
                // Reports first: one of them may come with the end.
                biased;
                Some(report) = reports.recv() => report,
                done = &mut end => return done,
            };
            match report {
                InternalEvent::Removing { profile, .. } => self.removing_late(profile),
                InternalEvent::Renewed { asked, outcome } => self.renewed_late(&asked, outcome),
                _ => {}
            }
        }
    }
}

/// Whether what is asked for is there at the next start.
fn outlives_the_run(action: &Action) -> bool {
    match action {
        Action::ChangePreferences { .. }
        | Action::ChangeSaving { .. }
        | Action::AllowHost { .. }
        | Action::SetMessageLimit(_)
        | Action::SetDataKey { .. }
        | Action::SignOut { .. }
        | Action::ForgetProfile(_)
        | Action::RemoveProfile(_)
        | Action::NoticeRead { .. }
        | Action::WarningRead { .. }
        | Action::Label { .. }
        | Action::Track { .. } => true,
        Action::SignIn(_)
        | Action::Visit(_)
        | Action::CancelSignIn(_)
        | Action::TrySandbox
        | Action::Connect(_)
        | Action::Disconnect(_)
        | Action::RetryNow(_)
        | Action::RenewToken(_)
        | Action::Download { .. }
        | Action::DownloadAll { .. }
        | Action::CancelDownload { .. }
        | Action::ResumeDownload { .. }
        | Action::MoveDownload { .. }
        | Action::SaveInline { .. }
        | Action::SaveMessage { .. }
        | Action::ListDataTokens { .. }
        | Action::RequestData { .. }
        | Action::RequestAgain { .. }
        | Action::CheckStatus { .. }
        | Action::Reconcile { .. }
        | Action::History { .. }
        | Action::SearchOlder { .. }
        | Action::CancelSearch(_)
        | Action::ReadBack { .. }
        | Action::Reveal { .. }
        | Action::Export(_)
        | Action::CancelExport
        | Action::OpenFile(_)
        | Action::ShowInFolder(_)
        | Action::ReadTexts { .. }
        | Action::Quit => false,
    }
}

/// Ends when every task of the profiles and of the engine has ended, in that order: those of a profile may start some of the
/// engine.
async fn ended(profiles: &[TaskOwner], engine: &TaskOwner) {
    futures_util::future::join_all(profiles.iter().map(TaskOwner::wait)).await;
    engine.wait().await;
}
