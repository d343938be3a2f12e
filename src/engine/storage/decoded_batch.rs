//! The entries that frames were decoded into, on their way to the journal.

use crate::activity::{Entry, Timestamp};
use crate::journal::Secrets;
use crate::protocol::UnmaskedMessage;

/// What was read from a socket and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct DecodedBatch {
    pub(crate) entries: Vec<Entry>,
    pub(crate) secrets: Secrets,
    pub(crate) bytes: usize,
    /// When its first frame was read. Those that had arrived with it get the same time, because looking at all clocks for each frame
    /// costs as much as parsing it.
    pub(crate) at: Option<Timestamp>,
}

impl DecodedBatch {
    /// Whether it should be written before more is read.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_MESSAGES || self.bytes >= MAX_BYTES
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends a later batch.
    pub(crate) fn join(&mut self, later: Self) {
        self.secrets.merge(self.entries.len(), later.secrets);
        self.entries.extend(later.entries);
        self.bytes = self.bytes.saturating_add(later.bytes);
    }

    /// The entries, and the secrets that were masked in them.
    pub(crate) fn into_parts(self) -> (Vec<Entry>, Secrets) {
        (self.entries, self.secrets)
    }

    pub(crate) fn add(&mut self, entry: Entry, original: Option<UnmaskedMessage>) {
        if let Some(original) = original {
            self.bytes = self.bytes.saturating_add(original.expose().len());
            self.secrets.originals.push((self.entries.len(), original));
        }
        self.bytes = self.bytes.saturating_add(entry.raw.len());
        self.entries.push(entry);
    }
}

/// The most messages in one batch.
pub(crate) const MAX_MESSAGES: usize = 4096;

/// A batch with this many bytes of raw text is full.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
