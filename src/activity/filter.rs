//! What the operator typed into the filter: words, all of which must be found, in any case.

use super::Activity;

/// A filter. Empty, it lets every row through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    words: Vec<String>,
}

impl Filter {
    /// Reads what was typed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { words: text.split_whitespace().map(str::to_lowercase).collect() }
    }

    /// Whether it lets every row through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether every word is found in what the row shows: kind, id, label, context, status or message.
    #[must_use]
    pub fn matches(&self, activity: &Activity<'_>) -> bool {
        if self.words.is_empty() {
            return true;
        }
        // One text a row; the separator is no character that a word can hold.
        let text = [
            activity.kind().word(),
            &activity.id(),
            activity.label(),
            activity.context(),
            &activity.status().word(),
            &activity.message(),
        ]
        .join("\n")
        .to_lowercase();
        self.words.iter().all(|word| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some())
    }
}
