//! Reads rows from the journal that are older than what `watch` loads at the start.

use std::collections::{BTreeMap, BTreeSet};

use crate::activity::{Activities, ActivityKey, Entry, Fact, Kind, LocalEvent, Seq};
use crate::cli::subcommand::ExitCondition;
use crate::journal::{JournalError, ReadOnlyJournal};
use crate::settings::ProfileId;

/// How many entries one read looks at.
const CHUNK: u32 = 20_000;

type Key = (ProfileId, ActivityKey);

/// The rows to read, and what has been read of them.
#[derive(Default)]
pub(crate) struct OlderRows {
    /// The activities whose outcomes `--exit-on` waits for.
    awaited: BTreeSet<Key>,
    /// The rows still to read for each profile, and the entry to continue from.
    remaining: Vec<(ProfileId, BTreeSet<ActivityKey>, Seq)>,
    read: BTreeMap<Key, Vec<Entry>>,
}

impl OlderRows {
    pub(crate) fn new(awaited: BTreeSet<Key>) -> Self {
        Self { awaited, ..Self::default() }
    }

    /// Requests rows of a profile, in addition to the awaited ones.
    pub(crate) fn request(&mut self, profile: ProfileId, keys: impl Iterator<Item = ActivityKey>) {
        let awaited = self.awaited.iter().filter(|(of, _)| *of == profile).map(|(_, key)| key.clone());
        let wanted: BTreeSet<_> = keys.chain(awaited).collect();
        if !wanted.is_empty() {
            self.remaining.push((profile, wanted, Seq(0)));
        }
    }

    /// Reads one chunk of the entries before `before`. Returns whether there is more.
    pub(crate) fn read(&mut self, archive: &ReadOnlyJournal, before: Seq) -> Result<bool, JournalError> {
        let Some((profile, wanted, from)) = self.remaining.pop() else { return Ok(false) };
        let (entries, next) = archive.entries_of(profile, &wanted, from, before, CHUNK)?;
        for entry in entries {
            self.read.entry((profile, entry.key.clone())).or_default().push(entry);
        }
        if let Some(next) = next {
            self.remaining.push((profile, wanted, next));
        }
        Ok(!self.remaining.is_empty())
    }

    /// The entries of each activity in ascending order, and whether the activity is awaited.
    pub(crate) fn into_rows(self) -> impl Iterator<Item = (ProfileId, ActivityKey, Vec<Entry>, bool)> {
        let Self { awaited, read, .. } = self;
        read.into_iter().map(move |(key, entries)| {
            let is_awaited = awaited.contains(&key);
            (key.0, key.1, entries, is_awaited)
        })
    }
}

/// The activities that may match `--exit-on`, according to the entries before a sequence number.
pub(crate) fn awaited(
    archive: &ReadOnlyJournal,
    goal: &ExitCondition,
    profiles: &[ProfileId],
    before: Seq,
) -> Result<BTreeSet<Key>, JournalError> {
    let mut keys = BTreeSet::new();
    match goal {
        ExitCondition::Final(id) => {
            keys.extend(profiles.iter().flat_map(|profile| keys_of(id).map(|key| (*profile, key))));
        }
        ExitCondition::Label(wanted) => archive.local_entries_before(before, |profile, entry| {
            if let Fact::Local(LocalEvent::Labelled { label }) = entry.fact
                && profiles.contains(&profile)
            {
                // The newest label counts.
                if label == *wanted {
                    keys.insert((profile, entry.key))
                } else {
                    keys.remove(&(profile, entry.key))
                };
            }
        })?,
    }
    Ok(keys)
}

/// The activities that may have an id whose outcome is awaited.
pub(crate) fn keys_of(id: &str) -> [ActivityKey; 2] {
    [ActivityKey::Command(id.into()), ActivityKey::Data(id.into())]
}

/// Rows with entries before `purged_before` that the journal no longer has. Checks gaps, and activities that also have later
/// entries.
pub(crate) fn purged(
    archive: &ReadOnlyJournal,
    activities: &Activities,
    purged_before: Seq,
) -> Result<Vec<ActivityKey>, JournalError> {
    let mut gone = Vec::new();
    let rows = activities.before(purged_before).filter_map(|(_, row)| activities.get(row));
    for row in rows.filter(|row| row.kind() == Kind::Gap || row.last_seq() >= purged_before) {
        if !archive.has_entry(row.last_seq())? {
            gone.push(row.key());
        }
    }
    Ok(gone)
}
