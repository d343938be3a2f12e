//! A real journal that refuses entries, and its exports, for tests of its users.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::activity::export_record::Format;
use crate::activity::{Filter, StatusFilter, TimeReference, Timestamp};
use crate::journal::error::JournalError;
use crate::journal::file::schema::FILE;
use crate::journal::read::export::ExportOptions;
use crate::journal::read::read_only::ReadOnlyJournal;
use crate::journal::tables::earlier_links::EarlierLinks;

/// An export of all activities, or all messages, as JSON lines.
pub(crate) fn export(messages: bool, link_lifetime: Duration, now: Timestamp) -> ExportOptions {
    ExportOptions {
        format: Format::Ndjson,
        only: None,
        filter: Filter::default(),
        status_filter: StatusFilter::All,
        since: None,
        messages,
        bom: false,
        rows: None,
        link_lifetime,
        now,
        reference: TimeReference::EXACT,
        links: EarlierLinks::default(),
        names: BTreeMap::new(),
    }
}

/// The lines that an export of a data folder writes.
pub(crate) fn exported(folder: &Path, export: &ExportOptions) -> Vec<String> {
    let archive = ReadOnlyJournal::open(folder).unwrap();
    let mut lines = Vec::new();
    let written = export.write(archive.as_ref(), |line| {
        lines.push(line.to_owned());
        Ok::<_, JournalError>(())
    });
    written.unwrap();
    lines
}

/// Another program that changes the database behind the journal's back.
#[expect(clippy::disallowed_methods, reason = "a test stands in for another program")]
pub(crate) fn execute_externally(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join(FILE)).unwrap().execute_batch(sql).unwrap();
}

/// The number of rows in a table of a data folder's journal.
#[expect(clippy::disallowed_methods, reason = "a test reads what the journal has no query for")]
pub(crate) fn count_of(folder: &Path, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
}

/// Sets whether a data folder's journal refuses entries from now on; its error then contains "The disk is full.". Everything else
/// keeps working.
pub(crate) fn refuse_entries(folder: &Path, refuses: bool) {
    execute_externally(folder, "DROP TRIGGER IF EXISTS refuse_entries");
    if refuses {
        let trigger = "CREATE TRIGGER refuse_entries BEFORE INSERT ON entry
                       BEGIN SELECT RAISE(ABORT, 'The disk is full.'); END";
        execute_externally(folder, trigger);
    }
}
