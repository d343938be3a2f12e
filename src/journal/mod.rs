//! The journal: every entry of every profile, on the disk before anyone hears of it.
//!
//! SQLite in WAL mode with `synchronous=FULL`. One thread owns the connection that writes, another the one that reads; a
//! [`Journal`] is a handle to both. [`DataDirLock`] makes sure that one process at a time writes. Entries come in masked: what
//! was masked in them, and opens data, comes beside them as [`Secrets`] and is kept sealed, under a key that only the
//! operating system's keyring holds ([`Journal::seal_with`]). May use `protocol` (it reads messages back with the same
//! parser), `activity`, `settings`, and the key and its errors from `credentials`; never writes a secret as it is.
//!
//! # When the disk fails
//!
//! An append either commits or gives everything back, and the same handle works again by itself once the cause is gone: a
//! full or read-only disk, a lost connection. A journal that is moved or deleted while it is in use is begun anew at its
//! place ([`JournalError::Vanished`]); a damaged one is moved aside, and what can be read of it goes into a fresh one
//! ([`Opened::recovered`] at the start, [`JournalError::Mended`] later). After these two errors, asking again works.
//!
//! # Formats
//!
//! A journal has a format number; an older one is brought forward at the start, a newer one is refused and left untouched.
//! An entry whose `kind` this version does not know reads as an unreadable message, so that further kinds need no new format.

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
pub use read::export::Export;
pub use read::history::History;
pub use read::read_only::{ExternalSort, Interrupter, ReadOnlyJournal};
pub use tables::clock::{KeptClock, Resumed};
pub use tables::earlier_links::{EarlierLinks, LinkOpener};
pub use tables::notices::PersistedNotice;
pub use tables::open_activity::OpenActivity;
pub use tables::pending_work::{PendingWork, WorkId};
pub use tables::secrets::{MemoryOnly, RequestSecret, Sealing, Secret, Secrets, Unsealed, key_gone};
pub use write::cleanup::Cleaned;
pub use write::retention::{Limits, PurgeStep};

#[cfg(test)]
mod tests;
