//! Notices that stay until they are dismissed, even after a restart: about data that was lost or is no longer safe.

use crate::engine::context::EngineContext;
use crate::engine::events::event::{Notice, Severity};
use crate::journal::PersistedNotice;
use crate::settings::ProfileId;

/// Shows a warning and stores it until it is dismissed.
pub(crate) async fn warn(context: &EngineContext, profile: Option<ProfileId>, sentence: String) {
    context.event_sender.notice(notice(profile, sentence.clone()));
    let kept = PersistedNotice { profile, at: (context.clock)(), sentence };
    if let Err(error) = context.journal_store.keep_notice(kept).await {
        tracing::warn!(%error, "a notice will not be told again at the next start");
    }
}

/// Shows the notices of earlier runs that were not dismissed.
pub(crate) async fn remind(context: &EngineContext) {
    match context.journal_store.notices().await {
        Ok(notices) => {
            for kept in notices {
                context.event_sender.notice(notice(kept.profile, kept.sentence));
            }
        }
        Err(error) => tracing::warn!(%error, "the notices of earlier runs can't be read"),
    }
}

fn notice(profile: Option<ProfileId>, sentence: String) -> Notice {
    Notice::new(Severity::Warning, profile, sentence)
}
