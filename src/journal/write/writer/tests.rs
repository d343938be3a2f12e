use std::path::Path;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::activity::{Entry, Seq};
use crate::journal::error::JournalError;
use crate::journal::file::generation::Generation;
use crate::journal::tables::open_activity::OpenIndex;
use crate::journal::tables::secrets::{Sealing, Secrets};
use crate::journal::tests::{commands, profile};
use crate::journal::write::append::Append;
use crate::journal::write::database::Batch;

use super::*;

fn writer(folder: &Path) -> Writer {
    let (sealing, _seen) = watch::channel(Sealing::On);
    Writer::open(&folder.join(crate::journal::file::schema::FILE), Generation::default(), sealing, OpenIndex::default())
        .unwrap()
        .0
}

fn append(writer: &mut Writer, entries: Vec<Entry>) -> Result<Seq, JournalError> {
    let (reply, mut answer) = oneshot::channel();
    let batch = Arc::new(Batch { entries, secrets: Secrets::default() });
    writer.append(vec![Append { profile: profile(), batch, reply }]);
    answer.try_recv().unwrap()
}

fn pragma(writer: &Writer, name: &str, value: i64) {
    let connection = &writer.database.as_ref().unwrap().connection;
    connection
        .pragma_update_and_check(None, name, value, |_row| Ok(()))
        .or_else(|error| if error == rusqlite::Error::QueryReturnedNoRows { Ok(()) } else { Err(error) })
        .unwrap();
}

#[test]
fn a_full_disk_refuses_whole_batches_and_nothing_after_room_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    append(&mut writer, commands(0..10)).unwrap();
    // SQLite's own bound stands in for the disk's.
    pragma(&writer, "max_page_count", 30);
    let error = append(&mut writer, commands(10..2_000)).unwrap_err();
    assert!(matches!(error, JournalError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("the disk is full") && error.to_string().ends_with('.'), "{error}");
    assert_eq!(append(&mut writer, commands(10..20)).unwrap(), Seq(11), "what has room is refused as well");
    pragma(&writer, "max_page_count", 1_000_000);
    assert_eq!(append(&mut writer, commands(20..2_000)).unwrap(), Seq(21));
}

#[test]
fn a_journal_that_turns_read_only_is_named_and_works_again_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    append(&mut writer, commands(0..10)).unwrap();
    pragma(&writer, "query_only", 1);
    let error = append(&mut writer, commands(10..20)).unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly { .. }), "{error:?}");
    assert!(error.to_string().contains("is read-only. Make it") && error.to_string().ends_with('.'), "{error}");
    // The next one opens it again, as it is then.
    assert_eq!(append(&mut writer, commands(10..20)).unwrap(), Seq(11));
}

#[test]
fn a_loss_that_concerns_all_is_told_once_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path());
    append(&mut writer, commands(0..10)).unwrap();
    writer.database.as_ref().unwrap().connection.execute_batch("DELETE FROM counter").unwrap();
    std::fs::remove_file(folder.path().join(crate::journal::file::schema::FILE)).unwrap();
    let (answers, appends): (Vec<_>, Vec<_>) = (0..3_u32)
        .map(|number| {
            let (reply, answer) = oneshot::channel();
            let batch = Arc::new(Batch { entries: commands(number..number + 1), secrets: Secrets::default() });
            (answer, Append { profile: profile(), batch, reply })
        })
        .unzip();
    writer.append(appends);
    let outcomes: Vec<_> = answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect();
    let [Err(JournalError::Replaced { .. }), Ok(Seq(11)), Ok(Seq(12))] = &outcomes[..] else { panic!("{outcomes:?}") };
}
