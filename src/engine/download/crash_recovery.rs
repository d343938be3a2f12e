//! Finishes what an earlier run left behind: interrupted downloads, and warnings that were not dismissed.
//!
//! A crash during a transfer leaves `Fetching` as the last event of its request, and a part file. That file never counts as
//! complete: the row says what happened, and the received bytes are kept under a name that says what they are.

use std::path::{Path, PathBuf};

use crate::activity::{ActivityKey, DownloadFailure, Entry, Fact, LocalEvent, path_of_text, text_of_path};
use crate::engine::context::EngineContext;
use crate::engine::events::action::Action;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::state::interrupted_downloads::{CrashRecovery, InterruptedDownload, LeftBehind, UsedBefore};
use crate::engine::state::link_store::{LinkError, LinkStore};
use crate::engine::storage::journal_writer::JournalWriter;
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::error::next_step;
use super::part_file;

impl LeftBehind {
    /// Evaluates the entries of a request, in ascending order.
    pub(crate) fn add_entries(&mut self, entries: &[Entry]) {
        for entry in entries.iter().rev() {
            if let (ActivityKey::Data(request), Fact::Local(event)) = (&entry.key, &entry.fact) {
                self.add_event(request, event);
            }
        }
    }

    fn add_event(&mut self, request: &RequestId, event: &LocalEvent) {
        match event {
            LocalEvent::WarningRead => {
                self.acknowledged.insert(request.clone());
            }
            LocalEvent::Requested(_) => {
                self.requested.insert(request.clone());
            }
            LocalEvent::Fetching { to, part, .. } => {
                if self.decided.insert(request.clone()) {
                    let part = part.as_deref().map(path_of_text);
                    self.interrupted.push(InterruptedDownload { request: request.clone(), to: path_of_text(to), part });
                }
            }
            LocalEvent::NotSaved { why: DownloadFailure::Refused, sentence, .. } => {
                if !self.acknowledged.contains(request) {
                    self.unacknowledged.push((request.clone(), sentence.clone()));
                }
                self.decided.insert(request.clone());
            }
            LocalEvent::Saved { .. } | LocalEvent::NotSaved { .. } => {
                self.decided.insert(request.clone());
            }
            LocalEvent::Labelled { .. } | LocalEvent::Tracked => {}
        }
    }
}

impl CrashRecovery {
    /// Creates a recovery that also marks links as used in `link_store`.
    pub(crate) fn of(link_store: LinkStore) -> Self {
        Self { used: UsedBefore { link_store, ..UsedBefore::default() }, ..Self::default() }
    }

    /// Records the end of interrupted downloads, and shows undismissed warnings again.
    pub(crate) async fn finish(self, profile: ProfileId, journal_writer: JournalWriter, context: EngineContext) {
        let Self { left_behind: LeftBehind { requested, interrupted, unacknowledged, .. }, used } = self;
        for request in used.repeated {
            let sentence = LinkError::AlreadyClaimed.to_string();
            let used = Fact::Local(LocalEvent::NotSaved { why: DownloadFailure::LinkUsed, sentence, part: None });
            if journal_writer.record(Entry::local((context.clock)(), ActivityKey::Data(request), used)).await.is_err() {
                return;
            }
        }
        for (request, sentence) in unacknowledged {
            let read = Action::AcknowledgeWarning { profile, request };
            context.event_sender.send_notice(Notice {
                severity: Severity::Error,
                profile: Some(profile),
                reason: NoticeReason::NotAcknowledged(sentence),
                remedy: Some(("I have read this".to_owned(), read)),
            });
        }
        for unfinished in interrupted {
            let can_request = requested.contains(&unfinished.request);
            let request = unfinished.request.clone();
            let kept_file = context.spawner.blocking("keeping a part-file", move || unfinished.keep());
            let Some((mut sentence, kept_file)) = kept_file.await else { continue };
            sentence.push_str(&next_step(kept_file.as_deref(), can_request));
            let part = kept_file.as_deref().map(text_of_path);
            let entry = Entry::local(
                (context.clock)(),
                ActivityKey::Data(request),
                Fact::Local(LocalEvent::NotSaved { why: DownloadFailure::Broken, sentence, part }),
            );
            if journal_writer.record(entry).await.is_err() {
                return;
            }
        }
    }
}

impl InterruptedDownload {
    /// Keeps the received bytes. Returns what happened, and where they are.
    fn keep(self) -> (String, Option<PathBuf>) {
        let kept_file = self.part.as_deref().and_then(|part| part_file::keep_leftover(part, &self.to));
        let ended = "Privicore Monitor ended in the middle of the download. The link is used up.";
        let doubtful = kept_file.is_none() && is_file(&self.to);
        let doubt = if doubtful {
            format!(
                " There is a file {}: whether this download wrote it is not known, so do not rely on it.",
                self.to.display()
            )
        } else {
            String::new()
        };
        (format!("{ended}{doubt}"), kept_file)
    }
}

fn is_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}
