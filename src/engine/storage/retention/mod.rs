//! Keeps the journal within its limits: what is old goes in small steps, in the background.
//!
//! One task. It looks a while after the start, then hourly, and at once when the limits were changed. What is open stays: the
//! journal knows what that is.

use std::time::Duration;

use tokio::sync::watch;

use crate::activity::{Seq, Timestamp, bytes};
use crate::engine::context::EngineContext;
use crate::engine::events::event::{Event, Notice, Severity};
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::journal::{JournalError, Limits};
use crate::settings::Preferences;

/// After the start, when history has been shown and links have been brought back.
const FIRST: Duration = Duration::from_mins(1);
/// Between two looks.
const EVERY: Duration = Duration::from_hours(1);
/// Between two steps, so that whoever writes hardly waits.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the journal within the limits of the preferences, for as long as they are told.
pub(crate) async fn run(tools: EngineContext, mut preferences: watch::Receiver<Preferences>) {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            changed = preferences.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
        pause = EVERY;
        let now = preferences.borrow_and_update().clone();
        match look(&tools, &now).await {
            Ok(()) => tools.outbox.resolve_problem(None, &ProblemKind::Retention),
            Err(error) => tools.outbox.report_problem(None, ProblemReason::Retention(error.into())),
        }
    }
}

/// Takes out what is to go.
async fn look(tools: &EngineContext, preferences: &Preferences) -> Result<(), JournalError> {
    let lifetime = preferences.link_lifetime();
    // What goes is gone for good: how old it is must be known for certain.
    let certain = tools.clocks.certain();
    if let Some(now) = certain {
        tools.ledger.forget_expired_secrets(now, lifetime).await?;
    }
    let now = certain.unwrap_or(Timestamp(i64::MIN));
    let limits = Limits::of(preferences);
    if !tools.ledger.is_purge_due(now, &limits).await? {
        tools.outbox.resolve_problem(None, &ProblemKind::JournalTooLarge);
        return Ok(());
    }
    let (mut entries, mut size, mut before, mut gaps) = (0_u64, 0_u64, Seq(0), Vec::new());
    let oldest_left = loop {
        let step = tools.ledger.purge_step(now, &limits).await?;
        entries = entries.saturating_add(step.entries);
        size = size.saturating_add(step.bytes);
        before = before.max(step.before);
        gaps.extend(step.gaps);
        if !step.more {
            break step.oldest_left;
        }
        tokio::time::sleep(PAUSE).await;
    };
    if entries > 0 {
        tell(tools, Severity::Info, sentence(entries, size, oldest_left));
        tools.outbox.post(Event::Purged { oldest_left, before, gaps });
        tools.outbox.journal_size(tools.ledger.size());
    }
    if tools.ledger.is_purge_due((tools.clock)(), &Limits { age: None, ..limits }).await? {
        tools.outbox.report_problem(None, ProblemReason::JournalTooLarge);
    } else {
        tools.outbox.resolve_problem(None, &ProblemKind::JournalTooLarge);
    }
    Ok(())
}

fn tell(tools: &EngineContext, severity: Severity, sentence: String) {
    tools.outbox.notice(Notice::new(severity, None, sentence));
}

/// What went.
fn sentence(entries: u64, size: u64, oldest_left: Option<Timestamp>) -> String {
    let went = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    let left = match oldest_left {
        Some(oldest) => {
            let day = jiff::tz::TimeZone::system().to_datetime(oldest.timestamp()).date();
            format!("It now begins on {day}.")
        }
        None => "It is empty now.".to_owned(),
    };
    format!("{went} ({}) went out of the journal, as its limits in the settings say. {left}", bytes(size))
}

#[cfg(test)]
mod tests;
