//! The rest of an activity after a purge never reads as open if the whole did not.

use std::time::Duration;

use crate::activity::{Activities, DownloadFailure, OpenState, Requested};
use crate::protocol::DataToken;

use super::open_activity::{any_entry, data, link, local_event, not_saved, saved, stream};
use super::*;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;
const LIFETIME: Duration = Duration::from_mins(10);

fn ten_days() -> Limits {
    Limits { age: Some(Duration::from_hours(10 * 24)), bytes: None }
}

/// The activities that read as open if only these entries exist.
fn open_of(entries: &[Entry], now: Timestamp) -> BTreeSet<ActivityKey> {
    let mut activities = Activities::new(LIFETIME);
    activities.set_live_from(Seq(u64::MAX));
    activities.apply_restored(entries);
    activities.expire(now);
    let rows = (0..activities.len()).filter_map(|index| activities.get(activities.newest(index)?));
    rows.filter(|row| row.status().is_open()).map(|row| row.key()).collect()
}

/// Purges the journal to its limits. After every step, the rest of the committed entries opens nothing.
async fn purge(journal: &Journal, now: Timestamp, limits: &Limits, committed: &[Entry]) -> Result<(), TestCaseError> {
    journal.delete_expired_secrets(now, LIFETIME).await.unwrap();
    let open = open_of(committed, now);
    loop {
        let step = journal.purge_step(now, limits).await.unwrap();
        let left = all(journal, profile()).await;
        let left = open_of(&left, now);
        prop_assert!(left.is_subset(&open), "{left:?} of {open:?}");
        // Only labelled activities are not expected to have an outcome.
        let is_expected = |key: &&ActivityKey| {
            committed
                .iter()
                .any(|entry| entry.key == **key && !OpenState::SETTLED.after(&entry.key, &entry.fact).is_settled())
        };
        let expected: BTreeSet<_> = open.iter().filter(is_expected).cloned().collect();
        prop_assert!(expected.is_subset(&left), "what is open has gone: {left:?} of {expected:?}");
        if !step.more {
            return Ok(());
        }
    }
}

/// Whether the program writes an entry after others: it calls a download not started only if there was something to download.
fn can_follow(others: &[Entry], entry: &Entry) -> bool {
    let same = others.iter().filter(|other| other.key == entry.key);
    let state = same.fold(OpenState::SETTLED, |state, other| state.after(&other.key, &other.fact));
    let is_not_started =
        matches!(&entry.fact, Fact::Local(LocalEvent::NotSaved { why: DownloadFailure::NotStarted, .. }));
    !is_not_started || state.is_ready() || state.is_left_behind()
}

#[derive(Debug, Clone)]
enum Act {
    Append(Vec<Entry>),
    Days(i64),
    Purge,
    Restart,
    /// As after an update, or after a repair of a damaged journal.
    BuildAnew,
}

#[test]
fn a_purge_opens_no_activity_and_removes_no_open_one() {
    let acts = prop_oneof![
        8 => proptest::collection::vec(any_entry(), 1..4).prop_map(Act::Append),
        4 => (1..9_i64).prop_map(Act::Days),
        4 => Just(Act::Purge),
        1 => Just(Act::Restart),
        1 => Just(Act::BuildAnew),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest!(ProptestConfig::with_cases(128), |(acts in proptest::collection::vec(acts, 1..24))| {
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut journal = open(folder.path());
            let (mut committed, mut now) = (Vec::new(), Timestamp(1_000 * DAY));
            for act in acts {
                match act {
                    Act::Append(entries) => {
                        let entries = entries.into_iter().map(|entry| Entry { at: now, ..entry });
                        let entries = entries.filter(|entry| can_follow(&committed, entry)).collect();
                        committed.extend(journal.append(profile(), entries).await.unwrap());
                    }
                    Act::Days(days) => now.0 += days * DAY,
                    Act::Purge => {
                        purge(&journal, now, &ten_days(), &committed).await?;
                        // Later entries are judged by the rest.
                        committed = all(&journal, profile()).await;
                    }
                    Act::Restart => {
                        journal.close().await;
                        journal = open(folder.path());
                    }
                    Act::BuildAnew => {
                        journal.close().await;
                        execute_externally(
                            folder.path(),
                            "DELETE FROM open_activity; INSERT OR REPLACE INTO meta VALUES ('open_to', 0)",
                        );
                        journal = open(folder.path());
                    }
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
    });
}

/// Settled activities, each with early entries and a late one that says less.
fn settled_with_late() -> Vec<(Vec<Entry>, Entry)> {
    let label = || LocalEvent::Labelled { label: "mine".to_owned() };
    let fetching = || LocalEvent::Fetching { to: String::new(), part: None, links: Vec::new() };
    let requested = Requested {
        token: DataToken::new("t"),
        file_name: String::new(),
        context: String::new(),
        size: None,
        command: None,
        again: None,
    };
    let named = Entry { key: ActivityKey::Command("named".into()), ..local_event("named", label()) };
    vec![
        (vec![command("named", 1), command("named", 2)], named),
        (vec![data("collecting", 0, "wait"), link("collecting")], data("collecting", 0, "wait")),
        (vec![link("requested")], local_event("requested", LocalEvent::Requested(requested))),
        (vec![link("tracked")], local_event("tracked", LocalEvent::Tracked)),
        (vec![link("not started")], local_event("not started", not_saved(DownloadFailure::NotStarted))),
        (vec![link("labelled")], local_event("labelled", label())),
        (vec![data("stream", 1, "a-token")], stream("stream", false)),
        (vec![stream("token", false)], data("token", 1, "a-token")),
        (vec![stream("address", true)], data("address", 1, "a-token")),
        (
            vec![link("saved"), local_event("saved", fetching()), local_event("saved", saved())],
            local_event("saved", label()),
        ),
        (
            vec![
                link("refused"),
                local_event("refused", fetching()),
                local_event("refused", not_saved(DownloadFailure::Refused)),
            ],
            local_event("refused", LocalEvent::WarningRead),
        ),
    ]
}

fn at(at: i64, entries: Vec<Entry>) -> Vec<Entry> {
    entries.into_iter().map(|entry| Entry { at: Timestamp(at), ..entry }).collect()
}

#[tokio::test]
async fn a_late_entry_keeps_its_outcome_until_both_are_purged() {
    for (old, late) in settled_with_late() {
        let id = late.key.id().to_owned();
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        let count = old.len() + 1;
        journal.append(profile(), at(980 * DAY, old)).await.unwrap();
        journal.append(profile(), at(999 * DAY, vec![late.clone()])).await.unwrap();
        let committed = all(&journal, profile()).await;
        let now = Timestamp(1_000 * DAY);
        purge(&journal, now, &ten_days(), &committed).await.unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(all(&journal, profile()).await.len(), count, "{id}: a part has gone");
        assert_eq!(journal.open_activities(profile()).await.unwrap(), [], "{id}");
        // It stays so at the next start.
        journal.close().await;
        let journal = open(folder.path());
        assert_eq!(journal.open_activities(profile()).await.unwrap(), [], "{id}");
        purge(&journal, now, &ten_days(), &committed).await.unwrap_or_else(|error| panic!("{id}: {error}"));
        let later = Timestamp(1_010 * DAY);
        purge(&journal, later, &ten_days(), &committed).await.unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(all(&journal, profile()).await, [], "{id}: it stays for ever");
    }
}

#[tokio::test]
async fn a_journal_that_is_too_large_loses_late_entries_with_their_activity() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let bulky = |range: std::ops::Range<u32>| -> Vec<Entry> {
        settled(range)
            .into_iter()
            .map(|entry| Entry { raw: format!("{}{}", entry.raw, " ".repeat(3_000)).into(), ..entry })
            .collect()
    };
    // If the link had expired before its token arrived, the stream is still expected.
    let cases = settled_with_late().into_iter().filter(|(_, late)| late.key.id() != "address");
    let (old, late): (Vec<_>, Vec<_>) = cases.unzip();
    for (number, old) in (0_u32..).zip(old) {
        journal.append(profile(), old).await.unwrap();
        journal.append(profile(), bulky(number * 40..(number + 1) * 40)).await.unwrap();
    }
    journal.delete_expired_secrets(Timestamp(i64::MAX), Duration::ZERO).await.unwrap();
    let ids: BTreeSet<_> = late.iter().map(|entry| entry.key.id().to_owned()).collect();
    journal.append(profile(), late).await.unwrap();
    journal.append(profile(), bulky(2_000..2_400)).await.unwrap();
    let committed = all(&journal, profile()).await;
    let mut seen = BTreeSet::new();
    for bytes in [2_500_000, 2_200_000, 2_000_000, 1_000_000, 100_000, 100_000] {
        let limits = Limits { age: None, bytes: Some(bytes) };
        purge(&journal, Timestamp(i64::MAX), &limits, &committed).await.unwrap();
        let left = all(&journal, profile()).await;
        seen.insert(left.iter().filter(|entry| ids.contains(entry.key.id())).count());
    }
    assert!(seen.len() >= 3 && seen.contains(&0), "{seen:?}: they went together");
}

#[tokio::test]
async fn a_repetition_of_a_settled_activity_is_stored_no_longer_than_other_entries() {
    for (old, repeat, is_repeat) in [
        (vec![link("r")], data("r", 0, "wait"), true),
        (vec![link("r"), local_event("r", saved())], data("r", 0, "wait"), true),
        (vec![link("r"), local_event("r", saved())], stream("r", false), true),
        (vec![command("c", 1), command("c", 3)], command("c", 1), true),
        (
            vec![command("c", 1), Entry { fact: Fact::StatusChecked(StatusCheck::Unknown), ..command("c", 1) }],
            command("c", 1),
            false,
        ),
        (vec![link("r")], link("r"), true),
        (vec![link("r")], data("r", 1, "a-token"), false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        journal.append(profile(), at(980 * DAY, old)).await.unwrap();
        // It expires before the repeat arrives.
        journal.delete_expired_secrets(Timestamp(990 * DAY), LIFETIME).await.unwrap();
        journal.append(profile(), at(999 * DAY, vec![repeat.clone()])).await.unwrap();
        let committed = all(&journal, profile()).await;
        for days in [1_000, 1_010, 1_011, 1_012] {
            let now = Timestamp(days * DAY);
            purge(&journal, now, &ten_days(), &committed).await.unwrap_or_else(|error| panic!("{repeat:?}: {error}"));
        }
        assert_eq!(all(&journal, profile()).await.is_empty(), is_repeat, "{repeat:?}");
    }
}
