//! The details of one activity: its entries as read from the journal, what is folded, and which secrets are shown.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use memchr::memmem;
use secrecy::zeroize::Zeroize as _;

use crate::activity::{Activities, ActivityKey, Entry, RowId, Seq};
use crate::engine::Action;
use crate::protocol::UnmaskedMessage;
use crate::protocol::redact::HIDDEN;
use crate::settings::ProfileId;
use crate::ui::text::json_layout::Line;

/// The details that are open.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) row: RowId,
    pub(crate) key: ActivityKey,
    /// The last entry when the journal was last asked.
    pub(crate) asked: Option<Seq>,
    /// Since when an answer is awaited.
    pub(crate) waiting: Option<Instant>,
    /// What came, in ascending order.
    pub(crate) entries: Vec<Entry>,
    /// Whether there are more in the journal.
    pub(crate) is_cut: bool,
    /// Entries whose JSON is shown although it is not the last, or is not although it is.
    pub(crate) turned: HashSet<Seq>,
    /// Objects and lists in their JSON that are folded, by their numbers.
    pub(crate) folded: HashSet<(Seq, usize)>,
    /// What folds JSON and has the focus.
    pub(crate) fold: Option<egui::Id>,
    /// The JSON in lines, as it was last laid out.
    pub(crate) page: self::Page,
    /// Whether something in the messages is masked.
    pub(crate) masked: bool,
    /// Whether that is shown.
    pub(crate) secrets: self::Secrets,
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
            page: self::Page::default(),
            masked: false,
            secrets: self::Secrets::default(),
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

    pub(crate) fn show_entries(&mut self, mut entries: Vec<Entry>) {
        if entries.len() > MOST {
            entries.drain(..entries.len() - MOST);
            self.is_cut = true;
        }
        self.masked = self::any_masked(&entries);
        self.entries = entries;
        self.page = self::Page::default();
        self.hide_secrets();
    }

    /// Takes the messages with their secrets, where they were asked for and not hidden again since.
    pub(crate) fn reveal(&mut self, key: &ActivityKey, messages: Vec<(Seq, UnmaskedMessage)>) {
        if *key == self.key && matches!(self.secrets, self::Secrets::Asked) {
            self.secrets = self::Secrets::Shown(messages);
            self.page = self::Page::default();
        }
    }

    /// Masks the secrets again.
    pub(crate) fn hide_secrets(&mut self) {
        if !matches!(std::mem::take(&mut self.secrets), self::Secrets::Masked) {
            self.page = self::Page::default();
        }
    }

    /// What stands in place of the messages while there are none.
    pub(crate) fn without_messages(&self) -> &'static str {
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

/// The most entries that are kept of one activity; of more, the newest.
pub(crate) const MOST: usize = 2_000;

/// How long an answer is awaited before another question is asked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Whether they are shown.
#[derive(Debug, Default)]
pub(crate) enum Secrets {
    /// As they are kept: masked.
    #[default]
    Masked,
    /// The engine has been asked for them.
    Asked,
    /// As they came: the messages of which they are still kept. Wiped when dropped.
    Shown(Vec<(Seq, UnmaskedMessage)>),
}

impl Secrets {
    /// The message of an entry as it came, where it is shown so.
    pub(crate) fn of(&self, seq: Seq) -> Option<&UnmaskedMessage> {
        let Self::Shown(messages) = self else { return None };
        messages.iter().find(|(of, _)| *of == seq).map(|(_, message)| message)
    }

    /// Whether they are shown, as far as they are kept.
    pub(crate) fn are_shown(&self) -> bool {
        matches!(self, Self::Shown(_))
    }
}

/// Whether something in a message is masked.
pub(crate) fn is_masked(raw: &str) -> bool {
    let raw = raw.as_bytes();
    let byte = |at: Option<usize>| at.and_then(|at| raw.get(at));
    memmem::find_iter(raw, HIDDEN).any(|at| match byte(at.checked_sub(1)) {
        Some(b'=') => true,
        Some(b'"') => byte(Some(at + HIDDEN.len())) == Some(&b'"'),
        _ => false,
    })
}

/// Whether something in one of these is masked.
pub(crate) fn any_masked(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| is_masked(&entry.raw))
}

/// The JSON in lines, for one width.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) columns: usize,
    pub(crate) rows: Vec<PageRow>,
    /// The row whose fold gets the focus as soon as it is drawn.
    pub(crate) next: Option<usize>,
}

/// A secret may be in it. What is painted goes through egui's memory of set texts, which forgets it unwiped one frame later.
impl Drop for Page {
    fn drop(&mut self) {
        for row in &mut self.rows {
            let (PageRow::Head { line, .. } | PageRow::Body(_, line)) = row else { continue };
            line.pieces.iter_mut().for_each(|(text, _)| text.zeroize());
        }
    }
}

/// A line of the page.
#[derive(Debug)]
pub(crate) enum PageRow {
    /// The head of an entry, which folds it: its time and its first words.
    Head { seq: Seq, time: String, open: bool, bare: bool, line: Line },
    /// A line of an entry that is open.
    Body(Seq, Line),
    /// A note of this program.
    Note(String),
}

impl PageRow {
    /// Whether something begins on it that can be folded.
    pub(crate) fn folds(&self) -> bool {
        match self {
            Self::Head { .. } => true,
            Self::Body(_, line) => line.fold.is_some(),
            Self::Note(_) => false,
        }
    }
}
