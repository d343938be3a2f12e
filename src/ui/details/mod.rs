//! The details of one activity: every message in order, the JSON as it came, and what can be done next.
//!
//! The messages are read from the journal by the engine, anew whenever the activity has changed, one reading at a time.

mod fold_keys;
mod gap;
mod json;
mod nest;
mod next;
mod page;
mod receipt;
mod secrets;
mod show;
mod story;
mod timeline;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::activity::{Activities, ActivityKey, Entry, RowId, Seq};
use crate::engine::Action;
use crate::protocol::Original;
use crate::settings::ProfileId;

pub(crate) use receipt::can_request_again;
pub(crate) use show::show;

/// The most entries that are kept of one activity; of more, the newest.
const MOST: usize = 2_000;
/// How long an answer is awaited before another question is asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// The details that are open.
#[derive(Debug)]
pub(crate) struct Details {
    row: RowId,
    key: ActivityKey,
    /// The last entry when the journal was last asked.
    asked: Option<Seq>,
    /// Since when an answer is awaited.
    waiting: Option<Instant>,
    /// What came, in ascending order.
    entries: Vec<Entry>,
    /// Whether there are more in the journal.
    is_cut: bool,
    /// Entries whose JSON is shown although it is not the last, or is not although it is.
    turned: HashSet<Seq>,
    /// Objects and lists in their JSON that are folded, by their numbers.
    folded: HashSet<(Seq, usize)>,
    /// What folds JSON and has the focus.
    fold: Option<egui::Id>,
    /// The JSON in lines, as it was last laid out.
    page: page::Page,
    /// Whether something in the messages is masked.
    masked: bool,
    /// Whether that is shown.
    secrets: secrets::Secrets,
}

impl Details {
    /// The details of a row, of which nothing is known yet.
    pub(crate) fn new(row: RowId, key: ActivityKey) -> Self {
        Self {
            row,
            key,
            asked: None,
            waiting: None,
            entries: Vec::new(),
            is_cut: false,
            turned: HashSet::new(),
            folded: HashSet::new(),
            fold: None,
            page: page::Page::default(),
            masked: false,
            secrets: secrets::Secrets::default(),
        }
    }

    /// The row that they are of.
    pub(crate) fn row(&self) -> RowId {
        self.row
    }

    /// Whether the arrows are for what has the focus: it goes up and down through what can be folded.
    pub(crate) fn takes_arrows(&self, focused: egui::Id) -> bool {
        self.fold == Some(focused)
    }

    /// The question for the journal, where there is something that is not known yet.
    pub(crate) fn question(&mut self, profile: ProfileId, activities: &Activities, now: Instant) -> Option<Action> {
        let activity = activities.get(self.row)?;
        let last = activity.last_seq();
        // A reading that failed has no answer: after a while the next change asks again.
        let waits = self.waiting.is_some_and(|since| now.saturating_duration_since(since) < PATIENCE);
        if waits || self.asked == Some(last) {
            return None;
        }
        self.asked = Some(last);
        self.waiting = Some(now);
        Some(Action::History { profile, key: self.key.clone(), from: activity.first_seq(), to: last })
    }

    /// The engine was busy: the question is asked again in the next frame.
    pub(crate) fn not_asked(&mut self) {
        self.asked = None;
        self.waiting = None;
    }

    /// Takes the journal's answer.
    pub(crate) fn answer(&mut self, key: &ActivityKey, entries: Vec<Entry>, is_cut: bool) {
        if *key != self.key {
            return;
        }
        self.waiting = None;
        self.is_cut = is_cut;
        self.show_entries(entries);
    }

    /// Takes what the journal has just refused: it is shown as well.
    pub(crate) fn add(&mut self, entries: &[Entry]) {
        let ours: Vec<Entry> = entries.iter().filter(|entry| entry.key == self.key).cloned().collect();
        if !ours.is_empty() {
            let shown = [std::mem::take(&mut self.entries), ours].concat();
            self.show_entries(shown);
        }
    }

    fn show_entries(&mut self, mut entries: Vec<Entry>) {
        if entries.len() > MOST {
            entries.drain(..entries.len() - MOST);
            self.is_cut = true;
        }
        self.masked = secrets::any_masked(&entries);
        self.entries = entries;
        self.page = page::Page::default();
        self.hide_secrets();
    }

    /// Takes the messages with their secrets, where they were asked for and not hidden again since.
    pub(crate) fn reveal(&mut self, key: &ActivityKey, messages: Vec<(Seq, Original)>) {
        if *key == self.key && matches!(self.secrets, secrets::Secrets::Asked) {
            self.secrets = secrets::Secrets::Shown(messages);
            self.page = page::Page::default();
        }
    }

    /// Masks the secrets again.
    pub(crate) fn hide_secrets(&mut self) {
        if !matches!(std::mem::take(&mut self.secrets), secrets::Secrets::Masked) {
            self.page = page::Page::default();
        }
    }

    /// What stands in place of the messages while there are none.
    fn without_messages(&self) -> &'static str {
        if self.asked.is_some() && self.waiting.is_none() {
            "The journal has no messages of this row: they were removed because of their age or its size, or could not be kept."
        } else {
            "Reading the journal…"
        }
    }

    /// The JSON of every message, as it came with secrets masked, one a line.
    pub(crate) fn json(&self) -> String {
        let raws: Vec<&str> = self.entries.iter().map(|entry| &*entry.raw).filter(|raw| !raw.is_empty()).collect();
        raws.join("\n")
    }
}
