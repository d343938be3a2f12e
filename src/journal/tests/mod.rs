pub(crate) mod clear_history;
pub(crate) mod faults;
pub(crate) mod formats;
pub(crate) mod gaps;
pub(crate) mod local_events;
pub(crate) mod open_activity;
pub(crate) mod partial_purge;
pub(crate) mod retention;
pub(crate) mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use crate::activity::{ActivityKey, Entry, Fact, Gap, GapCause, LocalEvent, Seq, StatusCheck, Timestamp};
use crate::journal::file::lock::DataDirLock;
use crate::journal::file::schema::{self, FILE};
use crate::protocol::{CommandId, CommandStatus, Incoming, RequestId, UnreadableReason, incoming};
use crate::settings::ProfileId;

use super::error::JournalError;
use super::handle::Journal;
use super::test_support::{count_of, execute_externally};
use super::*;

/// The entry for a message that the socket delivered.
fn received(raw: &str) -> Entry {
    let Incoming::Message(message) = incoming::parse(raw) else { panic!("no message: {raw}") };
    Entry { key: ActivityKey::of(&message), fact: Fact::Received(message), raw: raw.into(), ..nothing() }
}

fn nothing() -> Entry {
    Entry::local(
        Timestamp(1_700_000_000_000_000),
        ActivityKey::Message("m".into()),
        Fact::Local(LocalEvent::Labelled { label: String::new() }),
    )
}

fn command(id: &str, status: i64) -> Entry {
    received(
        &json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": "a body"}}).to_string(),
    )
}

/// Pending commands, each with its own id.
pub(crate) fn commands(range: std::ops::Range<u32>) -> Vec<Entry> {
    range.map(|number| command(&uuid::Uuid::from_u128(u128::from(number)).to_string(), 1)).collect()
}

/// Commands that succeeded.
fn settled(range: std::ops::Range<u32>) -> Vec<Entry> {
    range.map(|number| command(&uuid::Uuid::from_u128(u128::from(number)).to_string(), 2)).collect()
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq.0).collect()
}

fn open(folder: &Path) -> Journal {
    Journal::open(folder).unwrap().journal
}

async fn all(journal: &Journal, profile: ProfileId) -> Vec<Entry> {
    journal.entries_from(profile, Seq(0), usize::MAX).await.unwrap()
}

pub(crate) fn profile() -> ProfileId {
    ProfileId::from_u128(7)
}

fn ids() -> impl Strategy<Value = String> {
    let uuid = any::<u128>().prop_map(uuid::Uuid::from_u128);
    prop_oneof![
        uuid.clone().prop_map(|uuid| uuid.to_string()),
        uuid.clone().prop_map(|uuid| uuid.to_string().to_uppercase()),
        uuid.clone().prop_map(|uuid| uuid.simple().to_string()),
        uuid.prop_map(|uuid| uuid.braced().to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "\\PC{1,60}",
        any::<String>().prop_filter("an empty id is no id", |id| !id.is_empty()),
    ]
}

fn bodies() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<String>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        proptest::collection::vec(any::<String>(), 0..4).prop_map(serde_json::Value::from),
        proptest::collection::btree_map(any::<String>(), any::<f32>(), 0..4).prop_map(|map| json!(map)),
        proptest::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(bytes).into()
        }),
        "https://[a-z]{1,9}\\.example/\\?auth=hidden".prop_map(serde_json::Value::from),
    ]
}

/// Messages of every type, as raw text that the parser accepts.
fn messages() -> impl Strategy<Value = Entry> {
    let kinds = prop_oneof![
        Just("X-DPT-CAB-ID".to_owned()),
        Just("X-DPT-CAB-REQUEST-ID".to_owned()),
        Just("STREAM-READY".to_owned()),
        any::<String>(),
    ];
    (kinds, ids(), bodies(), any::<i64>(), proptest::option::of(0_i64..3), any::<String>()).prop_map(
        |(kind, id, body, status, output, context)| {
            let mut data = json!({"type": kind, "id": id, "body": body, "command_status": status});
            data["data_context"] = json!(context);
            data["streamUrl"] = json!("https://h/?auth=hidden");
            if let Some(output) = output {
                data["output_type"] = json!(output);
            }
            received(&json!({ "data": data }).to_string())
        },
    )
}

fn reasons() -> impl Strategy<Value = UnreadableReason> {
    prop_oneof![
        Just(UnreadableReason::NotJson),
        Just(UnreadableReason::NotAnObject),
        Just(UnreadableReason::NoData),
        Just(UnreadableReason::WrongType),
        Just(UnreadableReason::NoId),
        Just(UnreadableReason::Binary),
    ]
}

fn keys() -> impl Strategy<Value = ActivityKey> {
    (ids(), 0..4).prop_map(|(id, kind)| match kind {
        0 => ActivityKey::Command(CommandId::new(id)),
        1 => ActivityKey::Data(RequestId::new(id)),
        2 => ActivityKey::Gap(id.into()),
        _ => ActivityKey::Message(id.into()),
    })
}

fn gaps() -> impl Strategy<Value = Gap> {
    let causes = [GapCause::Disconnected, GapCause::NotRunning, GapCause::Asleep];
    let open = proptest::collection::vec(ids().prop_map(CommandId::new), 0..4);
    let requests = (any::<u32>(), proptest::collection::vec(ids().prop_map(RequestId::new), 0..4));
    (any::<i64>(), proptest::option::of(any::<i64>()), proptest::sample::select(causes.to_vec()), open, requests)
        .prop_map(|(from, to, cause, open, (requests, open_requests))| Gap {
            from: Timestamp(from),
            to: to.map(Timestamp),
            cause,
            open,
            requests,
            open_requests,
        })
}

/// Every fact except messages, with any key and any raw text.
fn others() -> impl Strategy<Value = Entry> {
    let enquiries = prop_oneof![
        Just(StatusCheck::Unknown),
        (any::<i64>(), proptest::option::of(any::<String>()))
            .prop_map(|(number, text)| StatusCheck::Known { status: CommandStatus::from_number(number), text }),
    ];
    let facts = prop_oneof![
        (reasons(), any::<u64>()).prop_map(|(reason, size)| Fact::Unreadable { reason, size }),
        enquiries.prop_map(Fact::StatusChecked),
        local_events::local_events().prop_map(Fact::Local),
        gaps().prop_map(Fact::Gap),
    ];
    (keys(), facts, any::<String>()).prop_map(|(key, fact, raw)| Entry { key, fact, raw: raw.into(), ..nothing() })
}

#[test]
fn every_entry_is_read_back_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let entries =
        (prop_oneof![messages(), others()], any::<i64>()).prop_map(|(entry, at)| Entry { at: Timestamp(at), ..entry });
    proptest!(|(entries in proptest::collection::vec(entries, 1..40))| {
        runtime.block_on(async {
            let profile = ProfileId::random();
            let committed = journal.append(profile, entries.clone()).await.unwrap();
            prop_assert!(committed.is_sorted_by(|a, b| a.seq < b.seq));
            prop_assert_eq!(&all(&journal, profile).await, &committed);
            for (before, after) in entries.iter().zip(&committed) {
                prop_assert_eq!(&Entry { seq: Seq(0), ..after.clone() }, before);
            }
            // An activity is found by its key, and nothing else is.
            let key = &entries[0].key;
            let history = journal.history(profile, key, Some((Seq(0), Seq(u64::MAX)))).await.unwrap().entries;
            let expected: Vec<_> = committed.into_iter().filter(|entry| entry.key == *key).collect();
            prop_assert_eq!(history, expected);
            Ok(())
        })?;
    });
}

#[tokio::test]
async fn numbers_ascend_over_profiles_and_restarts_and_are_never_reused() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (ProfileId::from_u128(1), ProfileId::from_u128(2));
    let opened = Journal::open(folder.path()).unwrap();
    let mut given = Vec::new();
    assert_eq!(opened.live_from, Seq(1));
    for (profile, range) in [(one, 0..3), (other, 3..5), (one, 5..6)] {
        given.extend(seqs(&opened.journal.append(profile, commands(range)).await.unwrap()));
    }
    opened.journal.close().await;

    let opened = Journal::open(folder.path()).unwrap();
    assert_eq!(opened.live_from, Seq(7), "the second run does not begin where the first ended");
    assert_eq!(seqs(&all(&opened.journal, one).await), [1, 2, 3, 6]);
    assert_eq!(seqs(&all(&opened.journal, other).await), [4, 5]);
    given.extend(seqs(&opened.journal.append(other, commands(6..8)).await.unwrap()));
    // The newest entries are removed; their numbers are not reused.
    opened.journal.delete_profile(other).await.unwrap();
    opened.journal.close().await;

    let opened = Journal::open(folder.path()).unwrap();
    assert_eq!(opened.live_from, Seq(9));
    given.extend(seqs(&opened.journal.append(other, commands(8..9)).await.unwrap()));
    assert_eq!(given, (1..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn ranges_of_the_past_have_the_right_entries_of_the_right_profile() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let (one, other) = (ProfileId::from_u128(1), ProfileId::from_u128(2));
    for round in 0..5 {
        journal.append(one, commands(round..round + 1)).await.unwrap();
        journal.append(other, commands(round..round + 1)).await.unwrap();
    }
    let restore = async |before, limit| seqs(&journal.restore(one, before, limit).await.unwrap());
    assert_eq!(restore(None, 2).await, [7, 9]);
    assert_eq!(restore(Some(Seq(7)), 2).await, [3, 5]);
    assert_eq!(restore(Some(Seq(3)), 2).await, [1]);
    assert_eq!(restore(Some(Seq(1)), 2).await, [0_u64; 0]);
    assert_eq!(restore(None, usize::MAX).await, [1, 3, 5, 7, 9]);
    let since = async |from, limit| seqs(&journal.entries_from(other, from, limit).await.unwrap());
    assert_eq!(since(Seq(0), 2).await, [2, 4]);
    assert_eq!(since(Seq(5), 9).await, [6, 8, 10]);
    assert_eq!(since(Seq(u64::MAX), 9).await, [0_u64; 0]);
    assert_eq!(all(&journal, ProfileId::from_u128(3)).await, [], "a profile that nobody has heard of");
}

#[tokio::test]
async fn the_history_of_an_activity_is_its_own_within_the_span() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let id = "23f7978a-5561-4718-84ca-c38d7db0843c";
    let key = ActivityKey::Command(CommandId::from(id));
    let same_id = Entry { key: ActivityKey::Data(RequestId::from(id)), ..nothing() };
    let label = Entry { key: key.clone(), ..nothing() };
    let entries = vec![command(id, 1), command("other", 1), same_id, label, command(id, 2)];
    journal.append(profile(), entries.clone()).await.unwrap();
    journal.append(ProfileId::from_u128(8), entries).await.unwrap();
    let history = async |from, to| seqs(&journal.history(profile(), &key, Some((from, to))).await.unwrap().entries);
    assert_eq!(history(Seq(0), Seq(u64::MAX)).await, [1, 4, 5]);
    assert_eq!(history(Seq(1), Seq(4)).await, [1, 4]);
    assert_eq!(history(Seq(2), Seq(3)).await, [0_u64; 0]);
}

#[tokio::test]
async fn entries_that_could_not_be_committed_are_returned_and_can_be_retried() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), commands(0..2)).await.unwrap();
    execute_externally(
        folder.path(),
        "CREATE TRIGGER broken BEFORE INSERT ON entry WHEN NEW.seq = 5 BEGIN SELECT RAISE(ABORT, 'broken'); END",
    );
    let entries = commands(2..6);
    let refused = journal.append(profile(), entries.clone()).await.unwrap_err();
    assert_eq!(refused.entries, entries, "an acknowledgement was lost");
    assert!(refused.to_string().contains("broken") && refused.to_string().ends_with('.'), "{refused}");
    assert_eq!(seqs(&all(&journal, profile()).await), [1, 2], "half of a batch is in the journal");
    execute_externally(folder.path(), "DROP TRIGGER broken");
    let committed = journal.append(profile(), refused.entries).await.unwrap();
    assert_eq!(seqs(&committed), [3, 4, 5, 6]);
    assert_eq!(all(&journal, profile()).await.len(), 6);
}

#[tokio::test]
async fn a_failed_append_does_not_fail_those_queued_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    execute_externally(
        folder.path(),
        "CREATE TRIGGER broken BEFORE INSERT ON entry WHEN NEW.kind = 43 BEGIN SELECT RAISE(ABORT, 'broken'); END",
    );
    let appends = (0..40_u32).map(|number| {
        let entries = if number % 10 == 3 { vec![nothing()] } else { commands(number..number + 1) };
        journal.append(ProfileId::from_u128(u128::from(number % 4)), entries)
    });
    let outcomes = futures_util::future::join_all(appends).await;
    let failed: Vec<_> =
        (0..).zip(&outcomes).filter(|(_, outcome)| outcome.is_err()).map(|(number, _)| number).collect();
    assert_eq!(failed, [3, 13, 23, 33]);
    let given: BTreeSet<_> = outcomes.iter().flatten().flatten().map(|entry| entry.seq).collect();
    assert_eq!(given.len(), 36, "a number was given twice");
    let mut kept = BTreeSet::new();
    for number in 0..4 {
        kept.extend(all(&journal, ProfileId::from_u128(number)).await.iter().map(|entry| entry.seq));
    }
    assert_eq!(kept, given, "what was answered is not what is kept");
}

#[tokio::test]
async fn committed_entries_survive_a_crash_and_a_torn_log_loses_only_whole_batches() {
    const BATCH: u32 = 7;
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let path = folder.path().join(FILE);
    let crashed = tempfile::tempdir().unwrap();
    let copy = crashed.path().join(FILE);
    let mut log = Vec::new();
    for batch in 1..=10 {
        journal.append(profile(), commands(batch * BATCH..(batch + 1) * BATCH)).await.unwrap();
        // The machine crashes here: the disk has the database and its log.
        log = fs::read(schema::log_of(&path)).unwrap();
        fs::copy(&path, &copy).unwrap();
        fs::copy(schema::log_of(&path), schema::log_of(&copy)).unwrap();
        let survivor = open(crashed.path());
        assert_eq!(all(&survivor, profile()).await, all(&journal, profile()).await, "after batch {batch}");
        let looking = schema::open_for_reading(&copy).unwrap();
        let check: String = looking.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "after batch {batch}");
        drop(looking);
        survivor.close().await;
    }
    let mut most = 0;
    for cut in (0..=log.len()).step_by(log.len() / 29) {
        fs::copy(&path, &copy).unwrap();
        settle(&schema::log_of(&copy), &log[..cut]);
        let survivor = open(crashed.path());
        let kept = all(&survivor, profile()).await;
        assert_eq!(kept.len() % BATCH as usize, 0, "half a batch, with the log cut at {cut}");
        assert!(kept.len() >= most, "a longer log held less");
        most = kept.len();
        // The journal continues from there.
        survivor.append(profile(), commands(0..1)).await.unwrap();
        survivor.close().await;
    }
    assert!(most >= 9 * BATCH as usize, "only {most} entries were read from the longest log");
}

/// Writes a file in place, as a crash would have left it.
#[expect(clippy::disallowed_methods, reason = "the test makes a torn file on purpose")]
fn settle(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_newer_journal_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), commands(0..3)).await.unwrap();
    journal.close().await;
    execute_externally(folder.path(), "PRAGMA user_version = 99; ALTER TABLE entry ADD COLUMN more TEXT;");
    let before = fs::read(folder.path().join(FILE)).unwrap();
    let error = Journal::open(folder.path()).err().unwrap();
    assert!(matches!(error, JournalError::NewerFormat { found: 99, .. }), "{error:?}");
    let sentence = error.to_string();
    assert!(sentence.contains("newer version") && sentence.ends_with('.'), "{sentence}");
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), before, "it was changed");
}

#[test]
fn a_file_that_is_not_a_journal_is_refused_and_left_untouched() {
    let sqlite_of_another = |folder: &Path| execute_externally(folder, "CREATE TABLE bookmarks (url TEXT)");
    let numbered_by_another = |folder: &Path| execute_externally(folder, "PRAGMA application_id = 5");
    let text = |folder: &Path| settle(&folder.join(FILE), &b"This is a letter, not a database. ".repeat(50));
    for make in [&sqlite_of_another as &dyn Fn(&Path), &numbered_by_another, &text] {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let before = fs::read(folder.path().join(FILE)).unwrap();
        let error = Journal::open(folder.path()).err().unwrap();
        assert!(matches!(error, JournalError::NotAJournal { .. }), "{error:?}");
        assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), before, "it was changed");
    }
}

#[tokio::test]
async fn an_unknown_row_is_an_unreadable_entry_and_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), commands(0..8)).await.unwrap();
    execute_externally(
        folder.path(),
        "UPDATE entry SET payload = 'rubbish' WHERE seq = 2;
         UPDATE entry SET kind = 41, payload = '{\"did\":\"levitated\"}' WHERE seq = 3;
         UPDATE entry SET kind = 7777 WHERE seq = 4;
         UPDATE entry SET id = x'0102' WHERE seq = 5;
         UPDATE entry SET payload = '{\"status\":200}' WHERE seq = 6;
         UPDATE entry SET kind = 31, payload = CAST(x'ff0a' AS TEXT), id = 5 WHERE seq = 7;",
    );
    let entries = all(&journal, profile()).await;
    assert_eq!(seqs(&entries), [1, 2, 3, 4, 5, 6, 7, 8]);
    let unreadable: Vec<u64> =
        entries.iter().filter(|entry| matches!(entry.fact, Fact::Unreadable { .. })).map(|entry| entry.seq.0).collect();
    assert_eq!(unreadable, [2, 3, 4, 6, 7]);
    assert_eq!(&*entries[1].raw, "rubbish", "what is there is not shown");
}

#[tokio::test]
async fn closing_commits_queued_entries_and_returns_later_ones() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let appends = futures_util::future::join_all((0..10).map(|n| journal.append(profile(), commands(n..n + 1))));
    let (outcomes, ()) = tokio::join!(appends, journal.close());
    assert_eq!(fs::metadata(schema::log_of(&folder.path().join(FILE))).map_or(0, |log| log.len()), 0, "a log is left");
    let refused = journal.append(profile(), commands(0..2)).await.unwrap_err();
    assert!(matches!(refused.source, JournalError::Closed), "{refused:?}");
    assert_eq!(refused.entries, commands(0..2));
    assert!(matches!(journal.restore(profile(), None, 1).await, Err(JournalError::Closed)));
    journal.close().await;
    let kept = all(&open(folder.path()), profile()).await.len();
    assert_eq!(kept, outcomes.iter().filter(|outcome| outcome.is_ok()).count());
    for refused in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(refused.entries.len(), 1, "an acknowledgement was lost");
    }
}

#[tokio::test]
async fn a_deleted_profile_is_erased_from_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let canary = |id: &str| Entry { raw: format!("CANARY{id}").into(), ..nothing() };
    journal.append(profile(), (0..50).map(|_| canary("ONE")).collect()).await.unwrap();
    journal.append(ProfileId::from_u128(8), vec![canary("OTHER")]).await.unwrap();
    journal.delete_profile(profile()).await.unwrap();
    journal.delete_profile(profile()).await.unwrap();
    while journal.clean_step().await.unwrap().more {}
    assert_eq!(all(&journal, profile()).await, []);
    assert_eq!(all(&journal, ProfileId::from_u128(8)).await.len(), 1, "another profile went with it");
    let on_disk = |needle: &str| {
        fs::read_dir(folder.path()).unwrap().any(|file| {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            memchr::memmem::find(&bytes, needle.as_bytes()).is_some()
        })
    };
    assert!(on_disk("CANARYOTHER"), "the search finds nothing at all");
    assert!(!on_disk("CANARYONE"), "it is still on the disk");
}

#[cfg(unix)]
#[tokio::test]
async fn its_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _holder = DataDirLock::take(folder.path()).unwrap();
    let journal = open(folder.path());
    journal.append(profile(), commands(0..1)).await.unwrap();
    let mut seen = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
        seen += 1;
    }
    assert_eq!(seen, 4, "the database, its log, the log's index and the lock");
}

#[tokio::test]
async fn its_size_is_that_of_the_database_and_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let before = journal.size();
    journal.append(profile(), commands(0..1_000)).await.unwrap();
    assert!(journal.size() > before + 100_000, "{} after {before}", journal.size());
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_advance_while_the_disk_works() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let start = tokio::time::Instant::now();
    let nap = tokio::time::sleep(std::time::Duration::from_secs(15));
    tokio::pin!(nap);
    for number in 0..20 {
        tokio::select! {
            biased;
            committed = journal.append(profile(), commands(number..number + 1)) => drop(committed.unwrap()),
            () = &mut nap => panic!("the clock ran while the journal worked"),
        }
    }
    assert_eq!(start.elapsed(), std::time::Duration::ZERO);
}
