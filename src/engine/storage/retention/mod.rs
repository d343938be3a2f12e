//! Keeps the journal within its limits: deletes old entries in small steps, in the background.
//!
//! One task. It checks a while after the start, then hourly, and at once when the limits change. Open activities stay: the
//! journal knows which ones are open.

use std::time::Duration;

use tokio::sync::watch;

use crate::activity::{Seq, Timestamp};
use crate::engine::context::EngineContext;
use crate::engine::events::event::{Event, Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::journal::{JournalError, Limits};
use crate::settings::Preferences;

/// The delay after the start, until the history is shown and links are restored.
const FIRST_DELAY: Duration = Duration::from_mins(1);
/// The interval between two checks.
const INTERVAL: Duration = Duration::from_hours(1);
/// The pause between two steps, so that writers hardly wait.
const STEP_PAUSE: Duration = Duration::from_millis(20);

/// Keeps the journal within the limits in the preferences, until the sender of preferences is dropped.
pub(crate) async fn run(context: EngineContext, mut preferences: watch::Receiver<Preferences>) {
    let mut pause = FIRST_DELAY;
    loop {
        tokio::select! {
            changed = preferences.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
        pause = INTERVAL;
        let now = preferences.borrow_and_update().clone();
        match purge(&context, &now).await {
            Ok(()) => context.event_sender.resolve_problem(None, &ProblemKind::Retention),
            Err(error) => context.event_sender.report_problem(None, ProblemReason::Retention(error.into())),
        }
    }
}

/// Deletes what is over the limits.
async fn purge(context: &EngineContext, preferences: &Preferences) -> Result<(), JournalError> {
    let lifetime = preferences.link_lifetime();
    // Deletion can't be undone, so the age of entries must be certain.
    let certain = context.clocks.lower_bound();
    if let Some(now) = certain {
        context.journal_store.delete_expired_secrets(now, lifetime).await?;
    }
    let now = certain.unwrap_or(Timestamp(i64::MIN));
    let limits = Limits::of(preferences);
    if !context.journal_store.is_purge_due(now, &limits).await? {
        context.event_sender.resolve_problem(None, &ProblemKind::JournalTooLarge);
        return Ok(());
    }
    let (mut entries, mut size, mut before, mut gaps) = (0_u64, 0_u64, Seq(0), Vec::new());
    let oldest_left = loop {
        let step = context.journal_store.purge_step(now, &limits).await?;
        entries = entries.saturating_add(step.entries);
        size = size.saturating_add(step.bytes);
        before = before.max(step.before);
        gaps.extend(step.gaps);
        if !step.more {
            break step.oldest_left;
        }
        tokio::time::sleep(STEP_PAUSE).await;
    };
    if entries > 0 {
        let reason = NoticeReason::Purged { entries, size, oldest_left };
        context.event_sender.send_notice(Notice::new(Severity::Info, None, reason));
        context.event_sender.send(Event::Purged { oldest_left, before, gaps });
        context.event_sender.set_journal_size(context.journal_store.size());
    }
    if context.journal_store.is_purge_due((context.clock)(), &Limits { age: None, ..limits }).await? {
        context.event_sender.report_problem(None, ProblemReason::JournalTooLarge);
    } else {
        context.event_sender.resolve_problem(None, &ProblemKind::JournalTooLarge);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
