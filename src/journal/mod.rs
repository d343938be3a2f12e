//! The journal: stores every entry of every profile on the disk before it is shown or reported.
//!
//! SQLite in WAL mode with `synchronous=FULL`. One thread owns the writing connection, another the reading one; a [`Journal`] is a
//! handle to both. [`DataDirLock`] ensures that only one process writes at a time. Entries arrive masked: masked data that opens
//! data arrives beside them as [`Secrets`] and is stored sealed, under a key that only the operating system's keyring has
//! ([`Journal::seal_with`]). May use `protocol` (it reads messages back with the same parser), `activity`, `settings`, and the key
//! and its errors from `credentials`. Never writes a secret unsealed.
//!
//! # When the disk fails
//!
//! An append either commits or returns everything, and the same handle works again once the cause is gone: a full or read-only
//! disk, a lost connection. If the journal is moved or deleted while in use, a new one is created at its path
//! ([`JournalError::Replaced`]). A damaged one is moved aside, and its readable entries are copied into a fresh one
//! ([`Opened::recovered`] at the start, [`JournalError::Repaired`] later). After these two errors, retrying works.
//!
//! # Formats
//!
//! A journal has a format number. An older format is migrated at the start; a newer one is refused and left untouched. An entry
//! whose `kind` this version does not know reads as an unreadable message, so that further kinds need no new format.

pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod handle;
pub(crate) mod read;
pub(crate) mod reply;
pub(crate) mod tables;
#[cfg(test)]
pub(crate) mod test_support;
pub(crate) mod write;

pub use error::{JournalError, NotAppended, RepairReport};
pub use file::lock::{DataDirLock, is_open_to_others};
pub use handle::{Journal, Opened};
pub use read::export::ExportOptions;
pub use read::history::History;
pub use read::read_only::{ExternalSort, Interrupter, ReadOnlyJournal};
pub use tables::clock::{Resumed, StoredClock};
pub use tables::earlier_links::{EarlierLinks, LinkOpener};
pub use tables::notices::PersistedNotice;
pub use tables::open_activity::OpenActivity;
pub use tables::pending_work::{PendingWork, WorkId};
pub use tables::secrets::{MemoryOnly, RequestSecret, Sealing, Secret, Secrets, Unsealed, key_missing};
pub use write::cleanup::Cleaned;
pub use write::retention::{Limits, PurgeStep};

#[cfg(test)]
mod tests;
