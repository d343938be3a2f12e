//! Old entries are removed, protected ones stay, and the last proof that a profile was live is kept.

use std::time::Duration;

use crate::settings::Preferences;

use super::*;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn old(age: i64, entries: Vec<Entry>) -> Vec<Entry> {
    entries.into_iter().map(|entry| Entry { at: Timestamp(NOW.0 - age), ..entry }).collect()
}

const NOW: Timestamp = Timestamp(1_000 * DAY);

fn ten_days() -> Limits {
    Limits { age: Some(Duration::from_hours(10 * 24)), bytes: None }
}

/// A whole pass: its steps.
async fn pass(journal: &Journal, limits: &Limits) -> Vec<PurgeStep> {
    let mut steps = Vec::new();
    loop {
        let step = journal.purge_step(NOW, limits).await.unwrap();
        let more = step.more;
        steps.push(step);
        if !more {
            return steps;
        }
        assert!(steps.len() < 1_000, "the pass does not end: {:?}", steps.last());
    }
}

fn total(steps: &[PurgeStep]) -> u64 {
    steps.iter().map(|step| step.entries).sum()
}

#[tokio::test]
async fn old_entries_are_purged_in_small_steps_and_open_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let other = ProfileId::from_u128(8);
    let mut first = settled(0..5_000);
    first.splice(7..9, commands(7..9));
    journal.append(profile(), old(20 * DAY, first)).await.unwrap();
    journal.append(other, old(20 * DAY, settled(0..10))).await.unwrap();
    // An activity that started long ago and continues.
    journal.append(profile(), old(9 * DAY, commands(7..8))).await.unwrap();
    journal.append(profile(), old(DAY, settled(6_000..6_020))).await.unwrap();
    // Stamped by a wrong clock: it arrived after younger ones.
    journal.append(profile(), old(11 * DAY, settled(6_020..6_021))).await.unwrap();
    let mut steps = Vec::new();
    loop {
        let step = journal.purge_step(NOW, &ten_days()).await.unwrap();
        assert!(step.entries <= 2_000, "a step of {} entries", step.entries);
        // An append in between does not wait for the end.
        journal.append(profile(), old(0, settled(9_000..9_001))).await.unwrap();
        steps.push(step);
        if !steps.last().unwrap().more {
            break;
        }
    }
    assert_eq!(total(&steps), 5_000 - 2 + 10);
    assert!(steps.iter().map(|step| step.bytes).sum::<u64>() > 5_000 * 100, "{steps:?}");
    assert_eq!(steps.last().unwrap().oldest_left, Some(Timestamp(NOW.0 - 20 * DAY)), "the protected ones");
    let kept = all(&journal, profile()).await;
    assert_eq!(kept.len(), 2 + 1 + 20 + 1 + steps.len());
    assert_eq!(seqs(&kept)[..3], [8, 9, 5_011]);
    assert_eq!(all(&journal, other).await, [], "the other profile's command of the same id was protected");
    // No longer open, they are removed with the next pass.
    journal.append(profile(), old(0, settled(7..9))).await.unwrap();
    assert_eq!(total(&pass(&journal, &ten_days()).await), 2);
    assert_eq!(seqs(&all(&journal, profile()).await)[0], 5_011);
    assert_eq!(total(&pass(&journal, &ten_days()).await), 0);
}

fn gap(id: &str, to: Option<i64>, open: &[&str]) -> Entry {
    let gap = Gap {
        from: Timestamp(1),
        to: to.map(Timestamp),
        cause: GapCause::Disconnected,
        open: open.iter().map(|id| (*id).into()).collect(),
        requests: 0,
        open_requests: Vec::new(),
    };
    Entry::local(Timestamp(0), ActivityKey::Gap(id.into()), Fact::Gap(gap))
}

#[tokio::test]
async fn a_gap_is_purged_as_a_whole_and_not_after_what_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    // Two gaps: a command of one is still open, the other one continued until a day ago.
    let names = ["a", "b", "open"];
    journal.append(profile(), old(20 * DAY, names.map(|id| command(id, 1)).to_vec())).await.unwrap();
    journal
        .append(profile(), old(20 * DAY, vec![gap("1", Some(2), &["a", "open"]), gap("2", Some(2), &["b"])]))
        .await
        .unwrap();
    journal
        .append(profile(), old(19 * DAY, vec![command("a", 2), command("b", 2), command("other", 2)]))
        .await
        .unwrap();
    journal.append(profile(), old(DAY, vec![gap("2", None, &[]), gap("2", Some(3), &[])])).await.unwrap();
    let settle = async || journal.delete_expired_secrets(NOW, Duration::ZERO).await.unwrap();
    settle().await;
    let steps = pass(&journal, &ten_days()).await;
    assert_eq!(steps.iter().flat_map(|step| &step.gaps).count(), 0);
    let mut kept: Vec<_> = all(&journal, profile()).await.iter().map(|entry| entry.key.id().to_owned()).collect();
    kept.sort();
    // The first entry of b is older than the gap that names it.
    assert_eq!(kept, ["1", "2", "2", "2", "a", "a", "b", "open"]);
    // Nine days later the second gap is old as a whole, and the first one is settled.
    journal.append(profile(), old(0, vec![command("open", 2)])).await.unwrap();
    settle().await;
    let later = Timestamp(NOW.0 + 10 * DAY);
    let mut gaps = Vec::new();
    loop {
        let step = journal.purge_step(later, &ten_days()).await.unwrap();
        gaps.extend(step.gaps);
        if !step.more {
            break;
        }
    }
    assert_eq!(gaps, ["1", "2"].map(|id| (profile(), ActivityKey::Gap(id.into()))));
    let kept = all(&journal, profile()).await;
    assert_eq!(kept.iter().map(|entry| entry.key.id()).collect::<Vec<_>>(), ["open"]);
}

#[tokio::test]
async fn a_journal_beyond_its_size_loses_gaps_as_a_whole_too() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), vec![gap("g", Some(2), &["a"]), command("a", 2)]).await.unwrap();
    for batch in 0..8 {
        journal.append(profile(), settled(batch * 500..(batch + 1) * 500)).await.unwrap();
    }
    journal.append(profile(), vec![gap("g", Some(3), &[]), gap("stays", Some(3), &[])]).await.unwrap();
    journal.delete_expired_secrets(NOW, Duration::ZERO).await.unwrap();
    let limits = Limits { age: None, bytes: Some(256 * 1024) };
    let steps = pass(&journal, &limits).await;
    let gaps: Vec<_> = steps.iter().flat_map(|step| &step.gaps).map(|(_, gap)| gap.id()).collect();
    assert_eq!(gaps, ["g"], "{steps:?}");
    let kept = all(&journal, profile()).await;
    assert_eq!(kept.last().unwrap().key.id(), "stays");
    assert!(kept.len() > 100 && kept.iter().all(|entry| entry.key.id() != "g"), "a part of it is left");
    // What is reported as removed is: nothing before that is left.
    let before = steps.iter().map(|step| step.before).max().unwrap();
    assert!(kept.iter().all(|entry| entry.seq >= before) && before < kept.last().unwrap().seq);
}

#[tokio::test]
async fn a_journal_beyond_its_size_loses_its_oldest_entries_and_its_file_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let bulky = |range: std::ops::Range<u32>| -> Vec<Entry> {
        let raw = "x".repeat(2_000);
        settled(range)
            .into_iter()
            .map(|entry| Entry { raw: raw.clone().into(), fact: nothing().fact, ..entry })
            .collect()
    };
    journal.append(profile(), bulky(0..3)).await.unwrap();
    journal.append(profile(), commands(3..4)).await.unwrap();
    for batch in 0..8 {
        journal.append(profile(), bulky((batch * 500).max(4)..(batch + 1) * 500)).await.unwrap();
    }
    let limits = Limits { age: None, bytes: Some(2 * 1024 * 1024) };
    let file = || fs::metadata(folder.path().join(FILE)).unwrap().len();
    let steps = pass(&journal, &limits).await;
    assert!(steps.len() > 2, "all at once: {steps:?}");
    let kept = seqs(&all(&journal, profile()).await);
    assert_eq!(kept[0], 4, "the protected one is gone");
    assert_eq!(*kept.last().unwrap(), 4_000, "the newest went");
    assert!(kept[1..].windows(2).all(|pair| pair[0] + 1 == pair[1]), "it has holes: the oldest did not go first");
    assert!((450..=1_000).contains(&kept.len()), "{} entries of 2 kB are left in 2 MiB", kept.len());
    assert!(file() < 3 * 1024 * 1024, "the file has {} bytes", file());
    assert_eq!(total(&pass(&journal, &limits).await), 0, "a journal within its limit lost something");
}

#[tokio::test]
async fn a_purge_ends_even_if_everything_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), old(20 * DAY, commands(0..4_500))).await.unwrap();
    let limits = Limits { bytes: Some(1), ..ten_days() };
    assert_eq!(total(&pass(&journal, &limits).await), 0);
    assert_eq!(all(&journal, profile()).await.len(), 4_500);
}

#[tokio::test]
async fn a_purge_ends_even_if_the_file_can_not_shrink() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), old(20 * DAY, settled(0..4_500))).await.unwrap();
    execute_externally(folder.path(), "PRAGMA auto_vacuum = none; VACUUM");
    assert_eq!(total(&pass(&journal, &ten_days()).await), 4_500);
    journal.append(profile(), settled(0..10)).await.unwrap();
}

#[tokio::test]
async fn large_entries_make_small_steps() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let raw: Box<str> = "x".repeat(1024 * 1024).into();
    let entries = settled(0..12).into_iter().map(|entry| Entry { raw: raw.clone(), fact: nothing().fact, ..entry });
    journal.append(profile(), old(20 * DAY, entries.collect())).await.unwrap();
    let steps = pass(&journal, &ten_days()).await;
    assert_eq!(total(&steps), 12);
    assert!(steps.iter().all(|step| step.entries <= 4), "{steps:?}");
}

#[tokio::test]
async fn a_purged_journal_keeps_its_numbers_and_the_last_sign_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.append(profile(), old(20 * DAY, settled(0..10))).await.unwrap();
    let steps = pass(&journal, &ten_days()).await;
    assert_eq!((total(&steps), steps.last().unwrap().oldest_left), (10, None));
    assert_eq!(journal.last_seen(profile()).await.unwrap(), Some(Timestamp(NOW.0 - 20 * DAY)));
    journal.close().await;
    assert_eq!(Journal::open(folder.path()).unwrap().live_from, Seq(11), "a number is given twice");
}

#[tokio::test]
async fn a_profile_was_last_seen_at_its_last_sign_of_life_or_entry() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let last = async |journal: &Journal| journal.last_seen(profile()).await.unwrap().map(|Timestamp(at)| at);
    assert_eq!(last(&journal).await, None, "alive before it was ever seen");
    journal.touch(profile(), Timestamp(100)).await.unwrap();
    assert_eq!(last(&journal).await, Some(100));
    journal.touch(ProfileId::from_u128(8), Timestamp(900)).await.unwrap();
    let at = |at| settled(0..1).into_iter().map(|entry| Entry { at: Timestamp(at), ..entry }).collect();
    journal.append(profile(), at(150)).await.unwrap();
    assert_eq!(last(&journal).await, Some(150));
    // `track` writes while nobody listens, and a status check needs no connection.
    let own = [Fact::Local(LocalEvent::Tracked), Fact::StatusChecked(StatusCheck::Unknown)];
    let own = own.map(|fact| Entry::local(Timestamp(180), ActivityKey::Command("c".into()), fact));
    journal.append(profile(), own.to_vec()).await.unwrap();
    assert_eq!(last(&journal).await, Some(150), "our own doing is no sign of life");
    journal.touch(profile(), Timestamp(200)).await.unwrap();
    journal.close().await;
    let journal = open(folder.path());
    assert_eq!(last(&journal).await, Some(200), "it is forgotten at the restart");
    journal.delete_profile(profile()).await.unwrap();
    assert_eq!(last(&journal).await, None);
    assert_eq!(journal.last_seen(ProfileId::from_u128(8)).await.unwrap(), Some(Timestamp(900)));
}

#[test]
fn limits_follow_the_settings_and_zero_is_unlimited() {
    let of = |preferences: &Preferences| {
        let limits = Limits::of(preferences);
        (limits.age, limits.bytes)
    };
    let defaults = Preferences::default();
    assert_eq!(of(&defaults), (Some(Duration::from_hours(90 * 24)), Some(1024 * 1024 * 1024)));
    assert_eq!(of(&Preferences { retention_days: 0, retention_bytes: 0, ..defaults }), (None, None));
}

#[tokio::test]
async fn whether_a_purge_is_due_is_known_before_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let limits = ten_days();
    let size = |bytes| Limits { bytes: Some(bytes), ..Limits::default() };
    assert!(!journal.is_purge_due(NOW, &limits).await.unwrap(), "of nothing");
    journal.append(profile(), old(9 * DAY, settled(0..5))).await.unwrap();
    assert!(!journal.is_purge_due(NOW, &limits).await.unwrap(), "of what is young");
    assert!(!journal.is_purge_due(NOW, &Limits::default()).await.unwrap(), "without a limit");
    assert!(!journal.is_purge_due(NOW, &size(1 << 30)).await.unwrap(), "of what is small");
    assert!(journal.is_purge_due(NOW, &size(1)).await.unwrap());
    assert!(journal.is_purge_due(Timestamp(NOW.0 + 2 * DAY), &limits).await.unwrap());
}

#[tokio::test]
async fn a_notice_survives_restarts_until_dismissed_and_is_never_purged() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let notice = |profile, sentence: &str| PersistedNotice { profile, at: Timestamp(1), sentence: sentence.to_owned() };
    let (one, other) = (notice(None, "One."), notice(Some(profile()), "One."));
    for kept in [&one, &other, &one] {
        journal.save_notice(kept.clone()).await.unwrap();
    }
    let limits = Limits { age: Some(Duration::ZERO), ..Limits::default() };
    while journal.purge_step(NOW, &limits).await.unwrap().more {}
    journal.close().await;
    let journal = open(folder.path());
    assert_eq!(journal.notices().await.unwrap(), [one.clone(), other.clone()]);
    journal.delete_notice(None, "One.".to_owned()).await.unwrap();
    assert_eq!(journal.notices().await.unwrap(), [other]);
    journal.append(profile(), settled(0..1)).await.unwrap();
    journal.delete_profile(profile()).await.unwrap();
    for number in 0..200 {
        journal.save_notice(notice(None, &number.to_string())).await.unwrap();
    }
    let kept = journal.notices().await.unwrap();
    assert_eq!((kept.len(), kept[0].sentence.as_str()), (100, "100"), "bounded, the oldest go");
}

#[tokio::test]
async fn a_temporarily_wrong_clock_does_not_purge_new_entries() {
    for wrong in [-800 * DAY, 800 * DAY] {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        let stamped = |age: i64, numbers| old(age - wrong, settled(numbers));
        journal.append(profile(), stamped(30 * DAY, 0..10)).await.unwrap();
        journal.append(profile(), old(29 * DAY, settled(10..20))).await.unwrap();
        journal.append(profile(), old(2 * DAY, settled(20..30))).await.unwrap();
        journal.append(profile(), stamped(DAY, 30..40)).await.unwrap();
        journal.append(profile(), old(0, settled(40..50))).await.unwrap();
        assert!(journal.is_purge_due(NOW, &ten_days()).await.unwrap(), "{wrong}");
        pass(&journal, &ten_days()).await;
        let kept = seqs(&all(&journal, profile()).await);
        // A stamp in the future does not show how old the entry is: it is removed at that time, or by the journal's size.
        let oldest: Vec<u64> = if wrong > 0 { (1..11).collect() } else { Vec::new() };
        assert_eq!(kept, oldest.into_iter().chain(21..51).collect::<Vec<_>>(), "{wrong}");
    }
}
