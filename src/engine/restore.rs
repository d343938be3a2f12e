//! From the journal to the window: history at the start, newest first, and what the window missed while it stalled.

use std::sync::Arc;
use std::time::Duration;

use crate::activity::Seq;
use crate::settings::ProfileId;

use super::chunk::Chunk;
use super::event::{Event, Notice, Severity};
use super::ledger::Ledger;
use super::mailbox::Outbox;

/// The first chunk is small, so that the window is not empty for long.
const FIRST_CHUNK: usize = 1_000;
/// The largest.
const LARGEST_CHUNK: usize = 20_000;
/// How many entries of a profile are restored: a million rows are held in memory.
const MOST: usize = 1_000_000;
/// The pause after the journal could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// Restores a profile's entries of earlier runs, newest first. Runs beside the connection: live entries may come between.
pub(super) async fn restore(profile: ProfileId, ledger: Arc<dyn Ledger>, outbox: Outbox, live_from: Seq) {
    let mut chunk = Chunk::new(FIRST_CHUNK, LARGEST_CHUNK);
    let mut before = live_from;
    let mut restored = 0_usize;
    loop {
        let (entries, complete) = match ledger.restore(profile, before, chunk.limit()).await {
            Ok(entries) => {
                restored = restored.saturating_add(entries.len());
                let complete = !chunk.is_full(&entries) || restored >= MOST;
                (entries, complete)
            }
            Err(why) => {
                outbox.notice(Notice {
                    severity: Severity::Error,
                    profile: Some(profile),
                    sentence: format!("Earlier activity can't be shown: {why}"),
                    remedy: None,
                });
                (Vec::new(), true)
            }
        };
        chunk.learn(&entries);
        if let Some(oldest) = entries.first() {
            before = oldest.seq;
        }
        outbox.restored(Event::Restored { profile, entries, live_from, complete }).await;
        if complete {
            return;
        }
    }
}

/// Tells the window what it was not told while it stalled, for as long as the engine runs.
pub(super) async fn catch_up(ledger: Arc<dyn Ledger>, outbox: Outbox) {
    let mut chunk = Chunk::new(FIRST_CHUNK, LARGEST_CHUNK);
    loop {
        let (profile, from) = outbox.lagging().await;
        match ledger.since(profile, from, chunk.limit()).await {
            Ok(entries) => {
                chunk.learn(&entries);
                outbox.caught_up(profile, entries);
            }
            Err(why) => {
                outbox.notice(Notice {
                    severity: Severity::Error,
                    profile: Some(profile),
                    sentence: format!("New activity can't be shown for now: {why}"),
                    remedy: None,
                });
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
