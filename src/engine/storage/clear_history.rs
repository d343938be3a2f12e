//! Takes what was forgotten off the disk, in small steps beside everything else; also what an earlier run did not finish.

use std::time::Duration;

use crate::engine::context::journal_store::JournalStore;
use crate::engine::events::event_queue::EventSender;

/// Between two steps, so that whoever writes hardly waits.
const PAUSE: Duration = Duration::from_millis(5);
/// Before trying again if a reader keeps the log, or the journal can't be written.
const RETRY: Duration = Duration::from_secs(10);

/// Works for as long as the engine runs.
pub(crate) async fn run(journal: JournalStore, event_sender: EventSender) {
    loop {
        if is_clean(&journal, &event_sender).await {
            journal.forgotten().await;
        } else {
            tokio::select! {
                () = journal.forgotten() => {}
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }
}

/// Takes everything off the disk that was forgotten. Whether nothing is left.
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
                // Nothing reads it any more, and the operator is told elsewhere of a journal that can't be written.
                tracing::warn!(%error, "what was forgotten is still on the disk");
                break false;
            }
        }
        tokio::time::sleep(PAUSE).await;
    };
    if entries > 0 {
        event_sender.journal_size(journal.size());
    }
    clean
}
