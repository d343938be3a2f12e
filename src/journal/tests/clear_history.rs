//! Cleared history can't be read at once, and leaves the disk in small steps; pending work outlives the run.

use crate::credentials::Keyring;
use crate::protocol::AuthorizationToken;
use crate::settings::Profile;

use super::secrets::{is_on_disk, open_sealed};
use super::*;

fn other() -> ProfileId {
    ProfileId::from_u128(8)
}

fn canary(id: &str) -> Entry {
    Entry { raw: format!("CANARY{id}").into(), ..nothing() }
}

/// What an export would read: number of entries by profile.
fn exported(folder: &Path) -> BTreeMap<ProfileId, usize> {
    let archive = ReadOnlyJournal::open(folder).unwrap().unwrap();
    let mut found = BTreeMap::new();
    archive
        .by_activity::<JournalError>(None, |profile, _| {
            *found.entry(profile).or_default() += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(archive.entries_from(Seq(0), usize::MAX).unwrap().len(), found.values().sum::<usize>());
    found
}

/// Deletes all cleared history from the disk; returns how many entries, in how many steps.
async fn clean(journal: &Journal) -> (u64, usize) {
    let (mut entries, mut steps) = (0, 0);
    loop {
        let step = journal.clean_step().await.unwrap();
        assert!(step.entries <= 2_000, "a step of {} entries", step.entries);
        (entries, steps) = (entries + step.entries, steps + 1);
        if !step.more {
            assert!(!step.log_in_use, "nobody reads");
            return (entries, steps);
        }
        assert!(steps < 1_000, "it does not end");
    }
}

#[tokio::test]
async fn a_deleted_profile_is_gone_at_once_and_erased_step_by_step_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(other(), vec![canary("OTHER")]).await.unwrap();
    // The profile with the highest number, so that the next one could get it.
    journal.append(profile(), (0..5_000).map(|_| canary("ONE")).collect()).await.unwrap();
    journal.touch(profile(), Timestamp(i64::MAX)).await.unwrap();
    journal.delete_profile(profile()).await.unwrap();
    assert_eq!(all(&journal, profile()).await, []);
    assert_eq!(journal.last_seen(profile()).await.unwrap(), None);
    assert_eq!(exported(folder.path()), BTreeMap::from([(other(), 1)]));
    // It continues, and others start.
    journal.append(profile(), vec![canary("NEW")]).await.unwrap();
    journal.append(ProfileId::from_u128(9), vec![canary("NEW")]).await.unwrap();
    let step = journal.clean_step().await.unwrap();
    assert!(step.more && step.entries > 0, "{step:?}");
    assert_eq!(all(&journal, profile()).await.len(), 1);
    journal.close().await;

    let journal = open(folder.path());
    let (entries, steps) = clean(&journal).await;
    assert!(entries == 5_000 - step.entries && steps > 2, "{entries} in {steps} steps");
    let wanted = BTreeMap::from([(profile(), 1), (other(), 1), (ProfileId::from_u128(9), 1)]);
    assert_eq!(exported(folder.path()), wanted);
    assert!(is_on_disk(folder.path(), "CANARYOTHER"), "the search finds nothing at all");
    assert!(!is_on_disk(folder.path(), "CANARYONE"), "it is still on the disk");
    assert_eq!(clean(&journal).await.0, 0);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "another program reads the database, on the machine's clock")]
async fn a_reader_neither_fails_a_deletion_nor_delays_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), (0..50).map(|_| canary("ONE")).collect()).await.unwrap();
    // As an export holds it, in this process or another.
    let reader = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let count = |reader: &rusqlite::Connection| -> i64 {
        reader.query_row("SELECT count(*) FROM entry", (), |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&reader), 50);
    let began = std::time::Instant::now();
    journal.delete_profile(profile()).await.unwrap();
    let last = loop {
        let step = journal.clean_step().await.unwrap();
        if !step.more {
            break step;
        }
    };
    journal.append(profile(), vec![canary("NEW")]).await.unwrap();
    // SQLite's own timeout is 5 s: a wait for the reader would have taken all of it.
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "the writer stood still");
    assert!(last.log_in_use, "{last:?}");
    assert_eq!(all(&journal, profile()).await.len(), 1);
    assert_eq!(count(&reader), 50, "the reader sees what it saw");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(journal.clean_step().await.unwrap(), Cleaned::default());
    assert!(!is_on_disk(folder.path(), "CANARYONE"), "it is still on the disk");
}

#[tokio::test]
async fn closing_does_not_wait_for_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), vec![canary("ONE")]).await.unwrap();
    let reader = crate::journal::file::schema::open_for_reading(&folder.path().join(FILE)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM entry;").unwrap();
    let _held: i64 = reader.query_row("SELECT count(*) FROM entry", (), |row| row.get(0)).unwrap();
    journal.append(profile(), vec![canary("TWO")]).await.unwrap();
    let closed = tokio::time::timeout(std::time::Duration::from_secs(4), journal.close()).await;
    assert!(closed.is_ok(), "it waited for the reader");
    drop(reader);
    assert_eq!(all(&open(folder.path()), profile()).await.len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_to_delete_is_stored_under_any_name() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for name in [&b".new-abc"[..], b"gr\xf6\xdfe %41/.new-abc", b"file:/x"] {
        let work = vec![PendingWork::DeleteFile(folder.path().join(std::ffi::OsStr::from_bytes(name)))];
        let numbers = journal.record_work(work.clone(), Timestamp(1)).await.unwrap();
        let numbered: Vec<_> = numbers.iter().copied().zip(work).collect();
        assert_eq!(journal.pending_work().await.unwrap(), numbered);
        journal.complete_work(numbers[0]).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_written_for_a_profile_that_is_being_removed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), vec![canary("ONE")]).await.unwrap();
    journal.append(other(), vec![canary("OTHER")]).await.unwrap();
    let work = journal.record_work(vec![PendingWork::RemoveProfile(profile())], Timestamp(1)).await.unwrap();
    for again in 0..2 {
        let journal = if again == 0 { journal.clone() } else { open(folder.path()) };
        let written = journal.append(profile(), commands(0..3)).await.unwrap();
        journal.touch(profile(), Timestamp(9)).await.unwrap();
        assert_eq!(written.len(), 3, "whoever waits for them would wait for ever");
        assert_eq!(exported(folder.path()), BTreeMap::from([(other(), 1)]));
        assert_eq!(journal.last_seen(profile()).await.unwrap(), None);
        assert_eq!(
            journal.pending_work().await.unwrap(),
            [(work[0], PendingWork::RemoveProfile(profile()))],
            "it is forgotten"
        );
        journal.close().await;
    }
    let journal = open(folder.path());
    journal.complete_work(work[0]).await.unwrap();
    assert_eq!(journal.pending_work().await.unwrap(), []);
    journal.append(profile(), commands(0..1)).await.unwrap();
    assert_eq!(all(&journal, profile()).await.len(), 1);
}

#[tokio::test]
async fn pending_work_survives_the_run_and_a_token_only_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keyring::in_memory();
    let (journal, _) = open_sealed(folder.path(), &keys).await;
    let profile = Profile { id: profile(), name: "ops".to_owned(), ..Profile::default() };
    let id = profile.id;
    let revoke = |token: Option<&str>| PendingWork::RevokeToken {
        profile: Box::new(profile.clone()),
        token: token.map(AuthorizationToken::new),
    };
    let works = vec![
        PendingWork::DeleteToken(id),
        revoke(Some("CANARYTOKEN")),
        PendingWork::DeleteFile(folder.path().join(".new-abc")),
    ];
    let numbers = journal.record_work(works.clone(), Timestamp(1)).await.unwrap();
    let numbered: Vec<_> = numbers.iter().copied().zip(works).collect();
    assert_eq!(journal.pending_work().await.unwrap(), numbered);
    journal.close().await;
    assert!(!is_on_disk(folder.path(), "CANARYTOKEN"), "the token is on the disk");

    // Without the key there is work, and no token.
    let journal = open(folder.path());
    let found = journal.pending_work().await.unwrap();
    assert_eq!(found[1], (numbers[1], revoke(None)));
    // Work recorded without a key is stored without its token.
    let more = journal.record_work(vec![revoke(Some("CANARYTOKEN"))], Timestamp(2)).await.unwrap();
    journal.close().await;
    assert!(!is_on_disk(folder.path(), "CANARYTOKEN"), "the token is on the disk");

    let (journal, _) = open_sealed(folder.path(), &keys).await;
    let found = journal.pending_work().await.unwrap();
    assert_eq!(found[..3], numbered[..]);
    assert_eq!(found[3], (more[0], revoke(None)));
    for number in [numbers[0], numbers[1], more[0]] {
        journal.complete_work(number).await.unwrap();
    }
    assert_eq!(journal.pending_work().await.unwrap(), numbered[2..]);
}
