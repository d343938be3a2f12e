//! Notices that stay until they are dismissed, even after a restart: about data that was lost or is no longer safe.

use crate::engine::context::EngineContext;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::notice_reason::PersistentReason;
use crate::journal::PersistedNotice;
use crate::settings::ProfileId;

/// Shows a warning and stores it until it is dismissed.
pub(crate) async fn warn(context: &EngineContext, profile: Option<ProfileId>, reason: PersistentReason) {
    let notice = PersistedNotice { profile, at: (context.clock)(), sentence: reason.to_string() };
    context.event_sender.send_notice(Notice::new(Severity::Warning, profile, reason));
    if let Err(error) = context.journal_store.save_notice(notice).await {
        tracing::warn!(%error, "a notice will not be shown again at the next start");
    }
}

/// Shows the notices of earlier runs that were not dismissed.
pub(crate) async fn remind(context: &EngineContext) {
    match context.journal_store.notices().await {
        Ok(notices) => {
            for PersistedNotice { profile, sentence, .. } in notices {
                let reason = PersistentReason::Stored(sentence);
                context.event_sender.send_notice(Notice::new(Severity::Warning, profile, reason));
            }
        }
        Err(error) => tracing::warn!(%error, "the notices of earlier runs can't be read"),
    }
}
