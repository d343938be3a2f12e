//! What the operator wishes gone: a profile's activity, and notices that were read.

use crate::engine::events::problem::ProblemReason;
use crate::engine::supervisor::Supervisor;
use crate::settings::ProfileId;

impl Supervisor {
    /// Forgets everything of a profile up to now; it stays signed in and connected.
    pub(crate) fn forget_activity(&self, profile: ProfileId) {
        let Some(desk) = self.desks.get(&profile) else { return };
        if desk.is_saving() || self.queue.has(profile) {
            return self.tools.problem(profile, ProblemReason::ForgetBlocked);
        }
        let (tools, scribe) = (desk.tools.clone(), desk.scribe.clone());
        let task = async move {
            match scribe.forget().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tools.warn(profile, format!("The activity is still in the journal: {error}"));
                }
                Err(_closed) => tracing::debug!("the profile is being closed"),
            }
        };
        desk.tools.spawner.finish("forgetting a profile's activity", task);
    }

    /// A notice was read.
    pub(crate) fn notice_read(&self, profile: Option<ProfileId>, sentence: String) {
        let tools = self.tools.clone();
        let task = async move {
            if let Err(error) = tools.ledger.notice_read(profile, sentence).await {
                tracing::warn!(%error, "a notice that was read will be told again");
            }
        };
        self.tools.spawner.finish("writing the journal", task);
    }
}
