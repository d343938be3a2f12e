//! Any row of the journal is read as an entry, and that entry is written as a row that reads back the same.

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use super::entry_codec;

pub(crate) fn check(bytes: &[u8]) {
    thread_local! {
        static JOURNAL: Connection = Connection::open_in_memory().expect("a database");
    }
    let [kind, id_kind, length, rest @ ..] = bytes else { return };
    let (id, payload) = rest.split_at(usize::from(*length).min(rest.len()));
    let id = match id_kind % 5 {
        0 => Value::Blob(id.to_vec()),
        1 => Value::Integer(i64::from(*length)),
        2 => Value::Null,
        3 => Value::Real(f64::from(*length)),
        _ => Value::Text(String::from_utf8_lossy(id).into_owned()),
    };
    let payload = String::from_utf8_lossy(payload).into_owned();
    let read = |kind: i64, id: Value, payload: Value| {
        JOURNAL.with(|journal| {
            let mut statement = journal.prepare_cached("SELECT 7, 8, ?1, ?2, ?3").expect("prepared");
            statement.query_row((kind, id, payload), entry_codec::read).expect("a row is an entry")
        })
    };
    let entry = read(i64::from(*kind), id, Value::Text(payload));
    let owned = |output: ToSqlOutput<'_>| match output {
        ToSqlOutput::Owned(value) => value,
        ToSqlOutput::Borrowed(ValueRef::Text(text)) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        other => panic!("no text: {other:?}"),
    };
    let again = read(
        entry_codec::kind(&entry),
        Value::Text(entry.key.id().to_owned()),
        owned(entry_codec::payload(&entry).expect("JSON")),
    );
    assert_eq!(again, entry, "it is not read as it was written");
}
