//! The state of the details of one activity: its entries from the journal, what is folded, and whether secrets are shown.

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

/// The state of the open details.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) row: RowId,
    pub(crate) key: ActivityKey,
    /// The activity's last entry when the journal was last read.
    pub(crate) requested_up_to: Option<Seq>,
    /// Since when a response is awaited.
    pub(crate) waiting: Option<Instant>,
    /// The entries, in ascending order.
    pub(crate) entries: Vec<Entry>,
    /// Whether the journal has more entries.
    pub(crate) is_cut: bool,
    /// Entries whose JSON is toggled. By default only the last entry's JSON is shown.
    pub(crate) toggled: HashSet<Seq>,
    /// Folded objects and arrays in the JSON: the entry, and the number of the object or array in it.
    pub(crate) folded: HashSet<(Seq, usize)>,
    /// The fold button that has the focus.
    pub(crate) fold: Option<egui::Id>,
    /// The JSON in lines, as last laid out.
    pub(crate) page: self::Page,
    /// Whether the messages contain masked secrets.
    pub(crate) masked: bool,
    /// Whether the secrets are shown.
    pub(crate) secrets: self::Secrets,
}

impl Details {
    /// Opens the details of a row; its entries are not loaded yet.
    pub(crate) fn new(row: RowId, key: ActivityKey) -> Self {
        Self {
            row,
            key,
            requested_up_to: None,
            waiting: None,
            entries: Vec::new(),
            is_cut: false,
            toggled: HashSet::new(),
            folded: HashSet::new(),
            fold: None,
            page: self::Page::default(),
            masked: false,
            secrets: self::Secrets::default(),
        }
    }

    pub(crate) fn row(&self) -> RowId {
        self.row
    }

    /// Whether the focused widget uses the arrow keys, to move through what can be folded.
    pub(crate) fn takes_arrows(&self, focused: egui::Id) -> bool {
        self.fold == Some(focused)
    }

    /// The request to the journal if there are entries that are not loaded yet.
    pub(crate) fn next_request(&mut self, profile: ProfileId, activities: &Activities, now: Instant) -> Option<Action> {
        let activity = activities.get(self.row)?;
        let last = activity.last_seq();
        // A failed read sends no response; after a while the next change repeats the request.
        let waits = self.waiting.is_some_and(|since| now.saturating_duration_since(since) < RESPONSE_TIMEOUT);
        if waits || self.requested_up_to == Some(last) {
            return None;
        }
        self.requested_up_to = Some(last);
        self.waiting = Some(now);
        Some(Action::History { profile, key: self.key.clone(), from: activity.first_seq(), to: last })
    }

    /// The engine was busy, so the next frame repeats the request.
    pub(crate) fn retry_later(&mut self) {
        self.requested_up_to = None;
        self.waiting = None;
    }

    /// Takes the journal's response.
    pub(crate) fn answer(&mut self, key: &ActivityKey, entries: Vec<Entry>, is_cut: bool) {
        if *key != self.key {
            return;
        }
        self.waiting = None;
        self.is_cut = is_cut;
        self.show_entries(entries);
    }

    /// Adds entries that the journal has just refused.
    pub(crate) fn add(&mut self, entries: &[Entry]) {
        let ours: Vec<Entry> = entries.iter().filter(|entry| entry.key == self.key).cloned().collect();
        if !ours.is_empty() {
            let shown = [std::mem::take(&mut self.entries), ours].concat();
            self.show_entries(shown);
        }
    }

    pub(crate) fn show_entries(&mut self, mut entries: Vec<Entry>) {
        if entries.len() > MAX_ENTRIES {
            entries.drain(..entries.len() - MAX_ENTRIES);
            self.is_cut = true;
        }
        self.masked = self::any_masked(&entries);
        self.entries = entries;
        self.page = self::Page::default();
        self.hide_secrets();
    }

    /// Takes the unmasked messages if they were requested and not hidden since.
    pub(crate) fn reveal(&mut self, key: &ActivityKey, messages: Vec<(Seq, UnmaskedMessage)>) {
        if *key == self.key && matches!(self.secrets, self::Secrets::Requested) {
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

    /// The text shown while there are no messages.
    pub(crate) fn without_messages(&self) -> &'static str {
        if self.requested_up_to.is_some() && self.waiting.is_none() {
            "The journal has no messages of this row: they were removed because of their age or its size, or could not be kept."
        } else {
            "Reading the journal…"
        }
    }

    /// The JSON of every message with secrets masked, one per line.
    pub(crate) fn json(&self) -> String {
        let raws: Vec<&str> = self.entries.iter().map(|entry| &*entry.raw).filter(|raw| !raw.is_empty()).collect();
        raws.join("\n")
    }
}

/// Maximum number of entries that are kept of one activity; the newest are kept.
pub(crate) const MAX_ENTRIES: usize = 2_000;

/// How long a response is awaited before another request is sent.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether secrets are shown.
#[derive(Debug, Default)]
pub(crate) enum Secrets {
    /// The messages are shown masked.
    #[default]
    Masked,
    /// The secrets were requested from the engine.
    Requested,
    /// The messages are shown as received, if they are still stored. Wiped when dropped.
    Shown(Vec<(Seq, UnmaskedMessage)>),
}

impl Secrets {
    /// The unmasked message of an entry, if it is shown.
    pub(crate) fn of(&self, seq: Seq) -> Option<&UnmaskedMessage> {
        let Self::Shown(messages) = self else { return None };
        messages.iter().find(|(of, _)| *of == seq).map(|(_, message)| message)
    }

    /// Whether the secrets that are still stored are shown.
    pub(crate) fn are_shown(&self) -> bool {
        matches!(self, Self::Shown(_))
    }
}

/// Whether a message contains a masked secret.
pub(crate) fn is_masked(raw: &str) -> bool {
    let raw = raw.as_bytes();
    let byte = |at: Option<usize>| at.and_then(|at| raw.get(at));
    memmem::find_iter(raw, HIDDEN).any(|at| match byte(at.checked_sub(1)) {
        Some(b'=') => true,
        Some(b'"') => byte(Some(at + HIDDEN.len())) == Some(&b'"'),
        _ => false,
    })
}

/// Whether one of these messages contains a masked secret.
pub(crate) fn any_masked(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| is_masked(&entry.raw))
}

/// The JSON in lines, laid out for one width.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) columns: usize,
    pub(crate) rows: Vec<PageRow>,
    /// The row whose fold button gets the focus as soon as it is drawn.
    pub(crate) next: Option<usize>,
}

/// The page may contain a secret, so its text is wiped. Painted text also passes through egui's cache of laid-out text, which
/// drops it unwiped one frame later.
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
    /// The header of an entry, which folds it: its time and its first words.
    Head { seq: Seq, time: String, open: bool, bare: bool, line: Line },
    /// A line of an entry that is open.
    Body(Seq, Line),
    /// A note by this program, not part of a message.
    Note(String),
}

impl PageRow {
    /// Whether something that can be folded starts on this line.
    pub(crate) fn folds(&self) -> bool {
        match self {
            Self::Head { .. } => true,
            Self::Body(_, line) => line.fold.is_some(),
            Self::Note(_) => false,
        }
    }
}
