//! Notices that stay until they are read, also over a restart: what was lost, or is not safe any more.

use crate::engine::context::EngineContext;
use crate::engine::events::event::{Notice, Severity};
use crate::journal::PersistedNotice;
use crate::settings::ProfileId;

/// Tells a warning and keeps it until it is read.
pub(crate) async fn warn(tools: &EngineContext, profile: Option<ProfileId>, sentence: String) {
    tools.outbox.notice(notice(profile, sentence.clone()));
    let kept = PersistedNotice { profile, at: (tools.clock)(), sentence };
    if let Err(error) = tools.ledger.keep_notice(kept).await {
        tracing::warn!(%error, "a notice will not be told again at the next start");
    }
}

/// Tells what was not read in earlier runs.
pub(crate) async fn remind(tools: &EngineContext) {
    match tools.ledger.notices().await {
        Ok(notices) => {
            for kept in notices {
                tools.outbox.notice(notice(kept.profile, kept.sentence));
            }
        }
        Err(error) => tracing::warn!(%error, "the notices of earlier runs can't be read"),
    }
}

fn notice(profile: Option<ProfileId>, sentence: String) -> Notice {
    Notice::new(Severity::Warning, profile, sentence)
}
