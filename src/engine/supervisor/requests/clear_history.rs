//! Deletes data at the operator's request: a profile's activity, and dismissed notices.

use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::ProblemReason;
use crate::engine::supervisor::Supervisor;
use crate::settings::ProfileId;

impl Supervisor {
    /// Deletes all activity of a profile up to now; it stays signed in and connected.
    pub(crate) fn clear_history(&self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        if profile_state.is_saving() || self.queue.has_profile(profile) {
            return self.context.report_problem(profile, ProblemReason::ClearBlocked);
        }
        let (context, journal_writer) = (profile_state.context.clone(), profile_state.journal_writer.clone());
        let task = async move {
            match journal_writer.clear_history().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    context.warn(profile, NoticeReason::HistoryNotCleared(error.into()));
                }
                Err(_closed) => tracing::debug!("the profile is being closed"),
            }
        };
        profile_state.context.spawner.spawn_to_completion("forgetting a profile's activity", task);
    }

    /// Deletes a persistent notice that was dismissed.
    pub(crate) fn dismiss_notice(&self, profile: Option<ProfileId>, sentence: String) {
        let context = self.context.clone();
        let task = async move {
            if let Err(error) = context.journal_store.delete_notice(profile, sentence).await {
                tracing::warn!(%error, "a notice that was read will be told again");
            }
        };
        self.context.spawner.spawn_to_completion("writing the journal", task);
    }
}
