//! The clock that counts suspend, and the task that watches the clocks: it detects sleep and changes of the time of day, and
//! stores the run's clock for the next run.

use std::time::Duration;

use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;

use super::EngineContext;
use super::internal_event::InternalEvent;

/// How often to check the clocks.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// The longest time between two writes of the clock to the journal.
const SAVE_INTERVAL: Duration = Duration::from_mins(1);

/// The time since the machine started, including suspend; `None` if the system does not count suspend. On Windows the
/// monotonic clock does.
pub(crate) fn boot_clock() -> Option<Duration> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(target_os = "macos")]
    let clock = rustix::time::ClockId::Monotonic;
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    return Duration::try_from(rustix::time::clock_gettime(clock)).ok();
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
    return None;
}

/// An id of this boot of the machine, if the system has one.
pub(crate) fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Watches the clocks as long as the engine runs.
pub(crate) async fn watch(context: EngineContext, boot_id: Option<String>) {
    let mut last = context.clocks.now();
    let (mut saved, mut saved_at) = (None, last);
    loop {
        if let Some(jump) = context.clocks.take_jump() {
            context.event_sender.send_notice(Notice::new(Severity::Warning, None, NoticeReason::ClockJumped(jump)));
        }
        let now = context.clocks.now();
        let reference = context.clocks.reference();
        if saved != Some(reference) || now.since(saved_at) >= SAVE_INTERVAL {
            let result = context.journal_store.save_clock(context.clocks.to_stored(boot_id.as_deref())).await;
            if result.is_ok() {
                (saved, saved_at) = (Some(reference), now);
            }
        }
        let changed = tokio::time::timeout(CHECK_INTERVAL, context.clocks.changed()).await;
        tracing::trace!(changed = changed.is_ok(), "looking at the clocks");
        let now = context.clocks.now();
        if !now.slept_since(last).is_zero() {
            tracing::info!("the machine was asleep");
            if context.reports.send(InternalEvent::Woke).await.is_err() {
                return;
            }
        }
        last = now;
    }
}
