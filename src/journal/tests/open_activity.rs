//! The open-activity table is the single source of what is open, and no query reads the whole journal.

use std::collections::BTreeMap;

use crate::activity::{DownloadFailure, DownloadReceipt, OpenState};

use super::*;

pub(crate) fn data(id: &str, output: i64, body: &str) -> Entry {
    let data = json!({"type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": output, "body": body});
    received(&json!({ "data": data }).to_string())
}

const INLINE: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY";

pub(crate) fn link(id: &str) -> Entry {
    data(id, 1, "https://h.example/?auth=hidden")
}

pub(crate) fn stream(id: &str, address: bool) -> Entry {
    let mut message = json!({"type": "STREAM-READY", "id": id});
    if address {
        message["streamUrl"] = json!("https://s.example/?auth=hidden");
    }
    received(&json!({ "data": message }).to_string())
}

pub(crate) fn local_event(id: &str, event: LocalEvent) -> Entry {
    Entry::local(Timestamp(5), ActivityKey::Data(RequestId::from(id)), Fact::Local(event))
}

pub(crate) fn saved() -> LocalEvent {
    LocalEvent::Saved { to: "/tmp/a".to_owned(), size: 1, receipt: DownloadReceipt::default() }
}

pub(crate) fn not_saved(why: DownloadFailure) -> LocalEvent {
    LocalEvent::NotSaved { why, sentence: String::new(), part: None }
}

fn gap(id: &str, to: Option<Timestamp>, commands: &[&str], requests: &[&str]) -> Entry {
    let gap = Gap {
        from: Timestamp(1),
        to,
        cause: GapCause::Disconnected,
        open: commands.iter().map(|id| CommandId::from(*id)).collect(),
        requests: 0,
        open_requests: requests.iter().map(|id| RequestId::from(*id)).collect(),
    };
    Entry::local(Timestamp(5), ActivityKey::Gap(id.into()), Fact::Gap(gap))
}

async fn open_keys(journal: &Journal) -> Vec<ActivityKey> {
    let open = journal.open_activities(profile()).await.unwrap();
    let mut keys: Vec<_> = open.into_iter().map(|open| open.key).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn exactly_the_unsettled_unsaved_and_unacknowledged_activities_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let tracked = Entry::local(Timestamp(5), ActivityKey::Command("tracked".into()), Fact::Local(LocalEvent::Tracked));
    let unknown = Entry { fact: Fact::StatusChecked(StatusCheck::Unknown), ..command("unknown", 1) };
    let entries = [
        command("open", 1),
        command("settled", 1),
        command("unknown", 1),
        tracked,
        data("preparing", 0, "wait"),
        data("ready", 0, "wait"),
        data("unsaved", 0, INLINE),
        data("saved", 0, INLINE),
        data("broken", 0, INLINE),
        link("used"),
        link("failed before"),
        gap("lasts", None, &[], &[]),
        gap("settled", None, &["settled"], &[]),
        gap("settled", Some(Timestamp(2)), &["settled"], &[]),
        gap("unsettled", Some(Timestamp(2)), &["settled", "open"], &[]),
        gap("empty", Some(Timestamp(2)), &[], &[]),
        local_event("spent", not_saved(DownloadFailure::Refused)),
        local_event("read", not_saved(DownloadFailure::Refused)),
        local_event("read", LocalEvent::WarningRead),
        command("settled", 2),
        unknown,
        link("ready"),
        local_event("saved", saved()),
        local_event("used", LocalEvent::Fetching { to: String::new(), part: None, links: Vec::new() }),
        local_event("used", not_saved(DownloadFailure::Broken)),
        local_event("failed before", not_saved(DownloadFailure::NotStarted)),
        local_event("broken", not_saved(DownloadFailure::Broken)),
    ];
    for entry in entries {
        journal.append(profile(), vec![entry]).await.unwrap();
    }
    // The same id in another profile settles nothing here.
    journal.append(ProfileId::from_u128(8), vec![command("open", 2), command("theirs", 1)]).await.unwrap();
    let keys = |commands: &[&str], requests: &[&str], gaps: &[&str]| -> Vec<ActivityKey> {
        let commands = commands.iter().map(|id| ActivityKey::Command(CommandId::from(*id)));
        let requests = requests.iter().map(|id| ActivityKey::Data(RequestId::from(*id)));
        let gaps = gaps.iter().map(|id| ActivityKey::Gap((*id).into()));
        commands.chain(requests).chain(gaps).collect()
    };
    let requests = ["broken", "failed before", "preparing", "ready", "spent", "unsaved"];
    assert_eq!(open_keys(&journal).await, keys(&["open", "tracked"], &requests, &["lasts", "settled", "unsettled"]));
    // Time settles data that could only be fetched, and gaps whose commands have ended meanwhile.
    journal.delete_expired_secrets(Timestamp(i64::MAX), Duration::ZERO).await.unwrap();
    let requests = ["broken", "preparing", "spent", "unsaved"];
    assert_eq!(open_keys(&journal).await, keys(&["open", "tracked"], &requests, &["lasts", "unsettled"]));
    journal.delete_profile(profile()).await.unwrap();
    assert_eq!(open_keys(&journal).await, []);
    assert_eq!(journal.open_activities(ProfileId::from_u128(8)).await.unwrap().len(), 1, "theirs went as well");
}

#[tokio::test]
async fn a_gap_is_open_until_everything_it_names_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), vec![command("first", 1), command("later", 1)]).await.unwrap();
    let mut entries = vec![gap("g", None, &[], &[]), gap("g", Some(Timestamp(2)), &["first"], &[])];
    // More than the table lists; one in the middle names another command.
    for flap in 0..400 {
        let names: &[&str] = if flap == 100 { &["later"] } else { &[] };
        entries.extend([gap("g", None, &[], &[]), gap("g", Some(Timestamp(3 + flap)), names, &[])]);
    }
    for entry in entries {
        journal.append(profile(), vec![entry]).await.unwrap();
    }
    let key = ActivityKey::Gap("g".into());
    for settled in ["first", "later"] {
        journal.delete_expired_secrets(Timestamp(0), Duration::ZERO).await.unwrap();
        assert!(open_keys(&journal).await.contains(&key), "{settled} is open");
        let history = journal.history(profile(), &key, None).await.unwrap();
        let named = Gap::of(&history.entries).unwrap().open;
        assert_eq!((named, history.is_cut), (vec!["first".into(), "later".into()], false));
        journal.append(profile(), vec![command(settled, 2)]).await.unwrap();
    }
    journal.delete_expired_secrets(Timestamp(0), Duration::ZERO).await.unwrap();
    assert_eq!(open_keys(&journal).await, []);
    // It continues, and names nothing that is open.
    journal.append(profile(), vec![gap("g", None, &[], &[])]).await.unwrap();
    assert_eq!(open_keys(&journal).await, [key]);
    journal.append(profile(), vec![gap("g", Some(Timestamp(9)), &[], &[])]).await.unwrap();
    assert_eq!(open_keys(&journal).await, []);
}

#[tokio::test]
async fn a_link_is_open_until_its_stated_expiry() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let data = json!({"type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 1, "body": "https://h.example/?auth=hidden",
        "expiresIn": 3_600});
    let long = received(&json!({ "data": data }).to_string());
    let came = long.at;
    journal.append(profile(), vec![long, link("usual")]).await.unwrap();
    let ten_minutes = Duration::from_mins(10);
    let after = |minutes: u64| came.plus(Duration::from_mins(minutes));
    for (minutes, left) in [(9, 2), (11, 1), (59, 1), (61, 0)] {
        journal.delete_expired_secrets(after(minutes), ten_minutes).await.unwrap();
        assert_eq!(open_keys(&journal).await.len(), left, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn a_settled_activity_leaves_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    // More than one statement deletes.
    let mut opening = commands(0..40);
    opening.extend([data("saved", 0, INLINE), link("used"), gap("g", None, &[], &[]), link("expired")]);
    journal.append(profile(), opening).await.unwrap();
    assert_eq!(count_of(folder.path(), "open_activity"), 44);
    let mut settling = settled(0..40);
    settling.extend([local_event("saved", saved()), local_event("used", not_saved(DownloadFailure::Broken))]);
    settling.push(gap("g", Some(Timestamp(2)), &[], &[]));
    journal.append(profile(), settling).await.unwrap();
    assert_eq!(count_of(folder.path(), "open_activity"), 1, "the link is left");
    // Its row stays as long as its entries, so that a repeat opens nothing.
    journal.delete_expired_secrets(Timestamp(i64::MAX), Duration::ZERO).await.unwrap();
    assert_eq!((open_keys(&journal).await, count_of(folder.path(), "open_activity")), (Vec::new(), 1));
    let limits = Limits { age: Some(Duration::ZERO), bytes: None };
    while journal.purge_step(Timestamp(i64::MAX), &limits).await.unwrap().more {}
    assert_eq!((all(&journal, profile()).await.len(), count_of(folder.path(), "open_activity")), (0, 0));
}

#[tokio::test]
async fn a_repeat_after_a_link_expired_opens_nothing_and_another_delivery_does() {
    for (later, opens) in [
        (data("r", 0, "wait"), false),
        (stream("r", false), false),
        (local_event("r", LocalEvent::Tracked), false),
        (link("r"), true),
        (data("r", 1, "a-token"), true),
        (stream("r", true), true),
        (data("r", 0, INLINE), true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        journal.append(profile(), vec![link("r")]).await.unwrap();
        journal.delete_expired_secrets(Timestamp(i64::MAX), Duration::ZERO).await.unwrap();
        journal.append(profile(), vec![later.clone()]).await.unwrap();
        assert_eq!(!open_keys(&journal).await.is_empty(), opens, "{later:?}");
        journal.close().await;
        let journal = open(folder.path());
        assert_eq!(!open_keys(&journal).await.is_empty(), opens, "{later:?} after a restart");
        // Only its token completes a stream.
        journal.append(profile(), vec![data("r", 1, "a-token")]).await.unwrap();
        let open = journal.open_activities(profile()).await.unwrap();
        let is_ready = later.fact == stream("r", false).fact || later.fact == stream("r", true).fact;
        assert_eq!(open[0].open_state.is_ready(), is_ready, "{later:?} and a token");
    }
}

#[tokio::test]
async fn an_activity_settled_in_its_first_transaction_never_enters_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), vec![command("before", 1)]).await.unwrap();
    execute_externally(
        folder.path(),
        "CREATE TRIGGER added BEFORE INSERT ON open_activity BEGIN SELECT RAISE(ABORT, 'touched'); END;
         CREATE TRIGGER changed BEFORE UPDATE ON open_activity BEGIN SELECT RAISE(ABORT, 'touched'); END;
         CREATE TRIGGER removed BEFORE DELETE ON open_activity BEGIN SELECT RAISE(ABORT, 'touched'); END;",
    );
    let mut batch: Vec<_> = commands(0..100).into_iter().chain(settled(0..100)).collect();
    batch.extend([command("only its end", 3), data("saved", 0, INLINE), local_event("saved", saved())]);
    batch.push(gap("empty", Some(Timestamp(2)), &[], &[]));
    journal.append(profile(), batch).await.unwrap();
    let touching = journal.append(profile(), vec![command("new", 1)]).await.unwrap_err();
    assert!(touching.to_string().contains("touched"), "{touching}");
    assert_eq!(open_keys(&journal).await.len(), 1, "a transaction that failed changed what is open");
}

/// Entries of few activities, so that they collide.
pub(crate) fn any_entry() -> impl Strategy<Value = Entry> {
    let ids = proptest::sample::select(vec!["a", "b", "23f7978a-5561-4718-84ca-c38d7db0843c"]);
    (ids, 0..22).prop_map(|(id, what)| match what {
        0..4 => command(id, i64::from(what)),
        4 => Entry::local(Timestamp(5), ActivityKey::Command(id.into()), Fact::Local(LocalEvent::Tracked)),
        5 => Entry { key: ActivityKey::Command(id.into()), ..nothing() },
        6 => data(id, 0, "wait"),
        7 => data(id, 0, INLINE),
        8 => link(id),
        9 => data(id, 1, "a-token"),
        10 => stream(id, false),
        11 => stream(id, true),
        12 => local_event(id, saved()),
        13 => local_event(id, LocalEvent::Fetching { to: String::new(), part: None, links: Vec::new() }),
        14 => local_event(id, not_saved(DownloadFailure::Broken)),
        15 => local_event(id, not_saved(DownloadFailure::Refused)),
        16 => local_event(id, LocalEvent::WarningRead),
        17 => local_event(id, not_saved(DownloadFailure::NotStarted)),
        18 => local_event(id, LocalEvent::Labelled { label: "mine".to_owned() }),
        19 => Entry {
            key: ActivityKey::Command(id.into()),
            ..local_event(id, LocalEvent::Labelled { label: "mine".to_owned() })
        },
        20 => gap(id, None, &[], &[]),
        _ => gap(id, Some(Timestamp(2)), &["a"], &["b"]),
    })
}

#[derive(Debug, Clone)]
enum Act {
    Append(Vec<Entry>),
    Restart,
    /// As after an update, or after a repair of a damaged journal.
    BuildAnew,
}

#[test]
fn the_table_equals_the_state_of_all_entries() {
    let acts = prop_oneof![
        6 => proptest::collection::vec(any_entry(), 1..6).prop_map(Act::Append),
        1 => Just(Act::Restart),
        1 => Just(Act::BuildAnew),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest!(ProptestConfig::with_cases(64), |(acts in proptest::collection::vec(acts, 1..12))| {
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut journal = open(folder.path());
            let mut committed: Vec<Entry> = Vec::new();
            for act in acts {
                match act {
                    Act::Append(entries) => committed.extend(journal.append(profile(), entries).await.unwrap()),
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
            let mut expected: BTreeMap<ActivityKey, OpenState> = BTreeMap::new();
            for entry in &committed {
                let open_state = expected.entry(entry.key.clone()).or_default();
                *open_state = open_state.after(&entry.key, &entry.fact);
            }
            for (key, open_state) in &expected {
                let history = journal.history(profile(), key, None).await.unwrap().entries;
                let first = history.first().map_or(Seq(u64::MAX), |entry| entry.seq);
                prop_assert_eq!(history.is_empty(), open_state.is_settled());
                let all: Vec<_> = committed.iter().filter(|entry| entry.key == *key && entry.seq >= first).collect();
                prop_assert_eq!(history.iter().collect::<Vec<_>>(), all, "{:?}", key);
            }
            expected.retain(|_, open_state| !open_state.is_settled());
            let open = journal.open_activities(profile()).await.unwrap();
            let open: BTreeMap<_, _> = open.into_iter().map(|open| (open.key, open.open_state)).collect();
            prop_assert_eq!(open, expected);
            Ok(())
        })?;
    });
}

/// Makes a journal look like one of the version before this table.
async fn without_the_table(folder: &Path, journal: Journal) {
    journal.close().await;
    execute_externally(
        folder,
        "DROP INDEX entry_of_gap; DROP INDEX entry_of_download; DROP TABLE open_activity; DROP TABLE pending_work; DELETE FROM meta WHERE name = 'open_to'; PRAGMA user_version = 4",
    );
}

#[tokio::test]
async fn a_large_journal_of_an_earlier_version_is_usable_while_its_table_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let mut entries = commands(0..3);
    entries.extend(settled(10..30_000));
    entries.extend([command("late", 1), command("settled later", 1)]);
    journal.append(profile(), entries).await.unwrap();
    without_the_table(folder.path(), journal).await;
    let journal = open(folder.path());
    let limits = Limits { age: Some(Duration::ZERO), bytes: None };
    let step = journal.purge_step(Timestamp(i64::MAX), &limits).await.unwrap();
    assert_eq!((step.entries, step.more), (0, true), "something went before it was known what is open");
    // Found although the table is incomplete; entries written meanwhile count as well.
    let key = ActivityKey::Command("late".into());
    assert_eq!(journal.history(profile(), &key, None).await.unwrap().entries.len(), 1);
    journal.append(profile(), vec![command("settled later", 2), command("new", 1)]).await.unwrap();
    let mut expected: Vec<_> = commands(0..3).into_iter().map(|entry| entry.key).collect();
    expected.extend([key, ActivityKey::Command("new".into())]);
    expected.sort();
    assert_eq!(open_keys(&journal).await, expected);
    while journal.purge_step(Timestamp(i64::MAX), &limits).await.unwrap().more {}
    assert_eq!(all(&journal, profile()).await.len(), expected.len());
    // It is built once.
    journal.close().await;
    assert_eq!(open_keys(&open(folder.path())).await, expected);
}

#[tokio::test]
async fn a_repaired_journal_knows_its_open_activities() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), vec![command("open", 1), command("settled", 1)]).await.unwrap();
    journal.append(profile(), vec![command("settled", 2)]).await.unwrap();
    journal.close().await;
    // The table itself is not trusted: it may be what was damaged.
    execute_externally(folder.path(), "DELETE FROM open_activity");
    crate::journal::write::repair::repair(&folder.path().join(FILE)).unwrap();
    assert_eq!(open_keys(&open(folder.path())).await, [ActivityKey::Command("open".into())]);
}

#[tokio::test]
async fn an_interrupted_build_of_the_table_continues_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), settled(0..20_000)).await.unwrap();
    journal.append(profile(), vec![command("late", 1)]).await.unwrap();
    without_the_table(folder.path(), journal).await;
    for _ in 0..20 {
        // Each start builds at least one step.
        open(folder.path()).close().await;
    }
    let journal = open(folder.path());
    let key = ActivityKey::Command("late".into());
    assert_eq!(open_keys(&journal).await, [key]);
}

#[tokio::test]
async fn an_open_activity_is_read_without_the_entries_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), vec![data("r", 0, "wait"), data("saved", 0, INLINE)]).await.unwrap();
    journal.append(profile(), settled(0..20_000)).await.unwrap();
    journal.append(profile(), vec![link("r")]).await.unwrap();
    let read = async |id: &str, known| {
        let before = journal.reader_steps();
        let key = ActivityKey::Data(RequestId::from(id));
        let found = journal.history(profile(), &key, known).await.unwrap().entries.len();
        (found, journal.reader_steps() - before)
    };
    let all = Some((Seq(0), Seq(u64::MAX)));
    let (found, whole) = read("saved", all).await;
    assert_eq!(found, 1);
    assert!(whole >= 20_000, "{whole} steps: the count sees no scan");
    for (id, known, expected) in
        [("r", None, 2), ("saved", None, 1), ("never", None, 0), ("r", Some((Seq(1), Seq(20_003))), 2)]
    {
        let (found, steps) = read(id, known).await;
        assert_eq!(found, expected, "{id}");
        assert!(steps < 1_000, "{id}: {steps} steps for {found} entries");
    }
    // Settled since: between its first and its last entry.
    journal.append(profile(), vec![local_event("r", saved())]).await.unwrap();
    assert_eq!(read("r", Some((Seq(20_003), Seq(20_004)))).await.0, 2);
    assert_eq!(read("r", None).await.0, 0);
}

#[tokio::test]
async fn an_activity_with_many_entries_returns_the_newest_and_all_local_ones() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let key = ActivityKey::Data(RequestId::from("r"));
    journal.append(profile(), vec![local_event("r", LocalEvent::Labelled { label: "mine".to_owned() })]).await.unwrap();
    for status in [link("r"), local_event("r", not_saved(DownloadFailure::Broken))] {
        for _ in 0..3 {
            journal.append(profile(), vec![data("r", 0, "wait"); 1_000]).await.unwrap();
        }
        journal.append(profile(), vec![status]).await.unwrap();
        let history = journal.history(profile(), &key, Some((Seq(1), Seq(u64::MAX)))).await.unwrap();
        assert!(history.is_cut && history.entries.len() <= 1_002, "{} entries", history.entries.len());
        assert_eq!(history.entries[0].seq, Seq(1), "what this program did was pushed out");
        assert!(history.entries.len() > 200);
    }
    let open = journal.history(profile(), &key, None).await.unwrap();
    assert!(open.entries.is_empty());
    let large = Entry { raw: "x".repeat(5 * 1024 * 1024).into(), ..command("large", 1) };
    let first = journal.append(profile(), vec![large; 5]).await.unwrap()[0].seq;
    let key = ActivityKey::Command("large".into());
    let history = journal.history(profile(), &key, Some((first, Seq(u64::MAX)))).await.unwrap();
    assert_eq!((history.entries.len(), history.is_cut), (3, true), "too many bytes");
    assert_eq!(history.entries[2].seq, Seq(first.0 + 4), "not the newest");
}
