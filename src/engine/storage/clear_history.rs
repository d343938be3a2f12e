//! Removes deleted data from the disk, in small steps in the background, including what an earlier run did not finish.

use std::time::Duration;

use crate::engine::context::journal_store::JournalStore;
use crate::engine::events::event_queue::EventSender;

/// The pause between two steps, so that writers hardly wait.
const STEP_PAUSE: Duration = Duration::from_millis(5);
/// The pause before a retry, if a reader holds the log or the journal can't be written.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Runs as long as the engine.
pub(crate) async fn run(journal: JournalStore, event_sender: EventSender) {
    loop {
        if is_clean(&journal, &event_sender).await {
            journal.wait_for_deletion().await;
        } else {
            tokio::select! {
                () = journal.wait_for_deletion() => {}
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }
}

/// Removes all deleted data from the disk. Returns whether nothing is left.
async fn is_clean(journal: &JournalStore, event_sender: &EventSender) -> bool {
    let mut entries = 0_u64;
    let clean = loop {
        match journal.clean_step().await {
            Ok(step) => {
                entries = entries.saturating_add(step.entries);
                if !step.more {
                    break !step.log_in_use;
                }
            }
            Err(error) => {
                // Only a log line: nothing reads that data any more, and a journal that can't be written is reported
                // elsewhere.
                tracing::warn!(%error, "what was forgotten is still on the disk");
                break false;
            }
        }
        tokio::time::sleep(STEP_PAUSE).await;
    };
    if entries > 0 {
        event_sender.set_journal_size(journal.size());
    }
    clean
}
