//! The activities of each profile, read from the journal, and one line for each new entry.

mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::activity::export_record::Record;
use crate::activity::{
    Activities, Activity, ActivityKey, Entry, Filter, GapState, Kind, RowId, Seq, Status, TimeReference, View,
};
use crate::cli::error::CliError;
use crate::cli::profiles::ProfileNames;
use crate::cli::subcommand::{ExitCondition, Watch};
use crate::engine::{Clock, EngineClock};
use crate::journal::{EarlierLinks, LinkOpener, ReadOnlyJournal};
use crate::settings::ProfileId;

use super::gap_lines::GapLines;
use super::older_rows::{self, OlderRows};

/// How many entries are read at a time.
const CHUNK: usize = 2_000;
/// Of older entries only the ids are read: this many at a time, and [`OLDER_PER_ROW`] for each row that may be in memory.
const OLDER_CHUNK: u32 = 20_000;
const OLDER_PER_ROW: usize = 4;

/// The profiles whose events are shown.
#[derive(Debug, Clone)]
pub(crate) enum ProfileFilter {
    /// Every profile in the journal.
    All,
    /// These profiles.
    Only(BTreeSet<ProfileId>),
}

impl ProfileFilter {
    pub(crate) fn includes(&self, profile: ProfileId) -> bool {
        match self {
            Self::All => true,
            Self::Only(profiles) => profiles.contains(&profile),
        }
    }
}

/// The part of the journal that has been read, and the activities in it.
pub(crate) struct Model {
    folder: PathBuf,
    archive: Option<ReadOnlyJournal>,
    version: Option<i64>,
    /// The next entry to read.
    next: Seq,
    /// Profiles whose older entries are still to be indexed: before which entry, and how many at most. `None` until the newer
    /// entries have been read.
    older: Option<Vec<(ProfileId, Seq, usize)>>,
    /// The first entry that was read.
    first: Seq,
    /// What the journal had removed when it was last checked: see [`ReadOnlyJournal::purged_before`].
    purged: (Seq, u64),
    pub(crate) activities: BTreeMap<ProfileId, Activities>,
    profile_filter: ProfileFilter,
    json: bool,
    exit_condition: Option<ExitCondition>,
    /// Which events are printed. The exit condition ignores it.
    filter: Filter,
    /// The rows that have, or had, the awaited label.
    labelled: BTreeSet<(ProfileId, RowId)>,
    /// Rows older than what was read at the start that are still needed. `None` before they are known, and after they were
    /// read.
    older_rows: Option<OlderRows>,
    link_lifetime: Duration,
    /// How many rows of each profile are kept in memory. The rest is read from the journal when needed.
    rows: usize,
    /// The computer's clock.
    clock: Clock,
    /// The clock that stamps entries, with its offsets to the computer's and the server's.
    entry_clock: EngineClock,
    reference: TimeReference,
    /// Which links of earlier runs are still usable.
    links: EarlierLinks,
    /// `None` until the entries of the start have been read.
    gap_lines: Option<GapLines>,
}

/// The result of reading new entries.
pub(crate) struct NewLines {
    /// The lines to print; may be empty.
    pub(crate) lines: String,
    /// Whether there may be more to read.
    pub(crate) more: bool,
    /// Whether the exit condition is met.
    pub(crate) reached: bool,
}

impl Model {
    /// Marks where the journal ends, without reading. Entries after that count as new.
    pub(crate) fn new(
        folder: &Path,
        profile_filter: ProfileFilter,
        wanted: Watch,
        ((link_lifetime, rows), clock): ((Duration, usize), Clock),
    ) -> Result<(Self, Seq), CliError> {
        let archive = ReadOnlyJournal::open(folder)?;
        let end = archive.as_ref().map_or(Ok(Seq(0)), ReadOnlyJournal::newest)?;
        // Read as many of the newest entries as there may be rows, to know the state, the label and the first sight of open
        // activities. Older ones are indexed, and read when a new entry names them.
        let first = Seq(end.0.saturating_sub(rows as u64).saturating_add(1));
        let entry_clock = EngineClock::of_writer(archive.as_ref(), clock.clone())?;
        let model = Self {
            folder: folder.to_owned(),
            version: None,
            next: first,
            older: None,
            first,
            purged: archive.as_ref().map(ReadOnlyJournal::purged_before).transpose()?.unwrap_or_default(),
            activities: BTreeMap::new(),
            profile_filter,
            json: wanted.json,
            exit_condition: wanted.exit_on,
            filter: wanted.filter.unwrap_or_default(),
            labelled: BTreeSet::new(),
            older_rows: None,
            link_lifetime,
            rows,
            reference: entry_clock.reference(),
            entry_clock,
            links: archive
                .as_ref()
                .map(|archive| archive.earlier_links(&LinkOpener::Run))
                .transpose()?
                .unwrap_or_default(),
            gap_lines: None,
            clock,
            archive,
        };
        Ok((model, end))
    }

    /// Adds a profile that was not known at the start.
    pub(crate) fn include(&mut self, profile: ProfileId) {
        if let ProfileFilter::Only(profiles) = &mut self.profile_filter {
            profiles.insert(profile);
        }
    }

    /// Reads one chunk of what existed before the start. Returns whether there is more.
    pub(crate) fn read_history(&mut self, end: Seq) -> Result<bool, CliError> {
        let Some(archive) = self.archive.as_ref() else { return Ok(false) };
        if self.next > end {
            return self.read_older();
        }
        let remaining = usize::try_from(end.0.saturating_sub(self.next.0).saturating_add(1)).unwrap_or(usize::MAX);
        let chunk = archive.entries_from(self.next, CHUNK.min(remaining))?;
        // A deleted profile leaves unused sequence numbers.
        let more = chunk.len() == CHUNK;
        for (profile, entry) in chunk.into_iter().filter(|(_, entry)| entry.seq <= end) {
            self.next = after(entry.seq);
            if self.profile_filter.includes(profile) {
                self.apply(profile, &entry)?;
            }
        }
        if !more {
            self.next = after(end);
        }
        Ok(true)
    }

    /// Reads one chunk of older entries: first those of the rows that are needed, then the ids of all others. Returns whether
    /// there is more.
    fn read_older(&mut self) -> Result<bool, CliError> {
        let Some(archive) = &self.archive else { return Ok(false) };
        let Some(older) = &mut self.older else {
            let watched: Vec<_> =
                archive.profiles()?.into_iter().filter(|profile| self.profile_filter.includes(*profile)).collect();
            let most = self.rows.saturating_mul(OLDER_PER_ROW);
            self.older = Some(watched.iter().map(|profile| (*profile, self.first, most)).collect());
            self.older_rows = Some(self.needed_older_rows(watched)?);
            return Ok(true);
        };
        if let Some(rows) = &mut self.older_rows {
            if !rows.read(archive, self.first)? {
                self.take_older_rows();
            }
            return Ok(true);
        }
        let Some((profile, before, most)) = older.pop() else { return Ok(false) };
        let entries = archive.keys_before(profile, before, OLDER_CHUNK)?;
        let remaining = most.saturating_sub(entries.len());
        let oldest = entries.last().map(|(seq, _)| *seq).filter(|_| remaining > 0);
        if let Some(oldest) = oldest {
            older.push((profile, oldest, remaining));
        }
        self.of(profile).index_older(&entries, oldest.is_none());
        self.complete(profile)?;
        Ok(true)
    }

    /// The older rows that are needed: open ones, those named by gaps, and those that the exit condition waits for.
    fn needed_older_rows(&mut self, profiles: Vec<ProfileId>) -> Result<OlderRows, CliError> {
        // Do this before older rows replace newer ones.
        self.note_labelled();
        let first = self.first;
        let mut awaited = match (&self.archive, &self.exit_condition) {
            (Some(archive), Some(goal)) => older_rows::awaited(archive, goal, &profiles, first)?,
            _ => BTreeSet::new(),
        };
        // Of a settled row, only its label is needed.
        let is_final = matches!(self.exit_condition, Some(ExitCondition::Final(_)));
        awaited.retain(|(profile, key)| {
            let known = self.activities.get(profile).and_then(|known| known.get(known.find(key)?));
            !is_final || known.is_none_or(|activity| !is_settled(&activity))
        });
        let mut rows = OlderRows::new(awaited);
        for profile in profiles {
            let open = self.archive.as_ref().map(|archive| archive.open_activities(profile)).transpose()?;
            let (gaps, mut open): (Vec<_>, Vec<_>) =
                open.unwrap_or_default().into_iter().partition(|key| key.kind() == Kind::Gap);
            for key in gaps {
                let Some(archive) = &self.archive else { break };
                // Read all entries of the gap; an index finds them.
                for entry in archive.history(profile, &key, Seq(0), first)? {
                    if entry.seq < first {
                        self.of(profile).apply(&entry);
                    }
                }
            }
            let activities = self.of(profile);
            open.retain(|key| activities.find(key).is_none());
            rows.request(profile, open.into_iter().chain(activities.named_elsewhere()));
        }
        Ok(rows)
    }

    /// Adds the older rows once they have all been read.
    fn take_older_rows(&mut self) {
        for (profile, key, entries, is_awaited) in self.older_rows.take().into_iter().flat_map(OlderRows::into_rows) {
            let activities = self.of(profile);
            if is_awaited {
                // Found rows stay in memory whatever else is read.
                activities.add_found(&key, &entries);
            } else {
                for entry in &entries {
                    activities.apply(entry);
                }
            }
        }
    }

    /// Notes which rows have the awaited label.
    fn note_labelled(&mut self) {
        let Some(ExitCondition::Label(label)) = &self.exit_condition else { return };
        for (profile, activities) in &self.activities {
            let view = View::new();
            let rows = (0..view.len(activities)).filter_map(|index| view.row(activities, index));
            let is_meant = |row: &RowId| activities.get(*row).is_some_and(|activity| activity.label() == label);
            self.labelled.extend(rows.filter(is_meant).map(|row| (*profile, row)));
        }
    }

    /// The lines that meet the exit condition, if it was already met before the start.
    pub(crate) fn lines_reached_before(&mut self, names: &ProfileNames) -> Result<Option<String>, CliError> {
        self.note_labelled();
        let Some(reached) = self.awaited() else { return Ok(None) };
        let lines = reached.iter().map(|(profile, activity)| {
            let record = Record::of(names.name(*profile), activity, None, activity.updated());
            Ok(self.line(&self.completed(record, *profile, activity)?))
        });
        lines.collect::<Result<String, CliError>>().map(Some)
    }

    /// Reads one chunk of new entries. Stops after the entry that meets the exit condition.
    pub(crate) fn read_new_entries(
        &mut self,
        names: &mut ProfileNames,
        learn: impl Fn() -> ProfileNames,
    ) -> Result<NewLines, CliError> {
        let mut news = NewLines { lines: String::new(), more: false, reached: false };
        if self.gap_lines.is_none() {
            let mut gap_lines = GapLines::default();
            gap_lines.set_known(&self.activities, self.entry_clock.now());
            self.gap_lines = Some(gap_lines);
        }
        if self.archive.as_ref().is_none_or(ReadOnlyJournal::is_stale) {
            self.archive = ReadOnlyJournal::open(&self.folder)?;
            self.version = None;
            // A recreated journal may restart its numbers; then all of it is new.
            let newest = self.archive.as_ref().map_or(Ok(Seq(0)), ReadOnlyJournal::newest)?;
            if after(newest) < self.next {
                self.next = Seq(1);
            }
        }
        let Some(archive) = &self.archive else { return Ok(news) };
        let version = archive.version()?;
        if self.version == Some(version) {
            news.lines = self.changed_gaps(names, false);
            return Ok(news);
        }
        self.entry_clock = EngineClock::of_writer(Some(archive), self.clock.clone())?;
        self.reference = self.entry_clock.reference();
        let purged = archive.purged_before()?;
        if purged != self.purged {
            self.purged = purged;
            let now = self.entry_clock.now();
            for activities in self.activities.values_mut() {
                // Activities that have expired meanwhile are settled.
                activities.expire(now);
                let gone = older_rows::purged(archive, activities, purged.0)?;
                activities.on_purge(purged.0, gone.iter());
                while activities.tidy(CHUNK) {}
            }
        }
        let links = archive.earlier_links(&LinkOpener::Run)?;
        if links != self.links {
            self.links = links;
            for (profile, activities) in &mut self.activities {
                self.links.apply(*profile, activities);
            }
        }
        let chunk = archive.entries_from(self.next, CHUNK)?;
        news.more = chunk.len() == CHUNK;
        if !news.more {
            // Commits from here on change the version again.
            self.version = Some(version);
        }
        let mut keys: BTreeMap<ProfileId, Vec<ActivityKey>> = BTreeMap::new();
        for (profile, entry) in chunk {
            self.next = after(entry.seq);
            if !self.profile_filter.includes(profile) {
                continue;
            }
            let row = self.apply(profile, &entry)?;
            keys.entry(profile).or_default().push(entry.key.clone());
            if !names.knows(profile) {
                *names = learn();
                if !names.knows(profile)
                    && let Some(archive) = &self.archive
                {
                    names.add_stored(archive.names());
                }
            }
            if let Some(row) = row
                && let Some(record) = self.record((profile, row), &entry, names)?
            {
                news.lines.push_str(&self.line(&record));
            }
            if row.is_some_and(|row| self.is_reached_by(profile, row)) {
                news.reached = true;
                break;
            }
        }
        for (profile, keys) in keys {
            if let (Some(activities), Some(gap_lines)) = (self.activities.get(&profile), &mut self.gap_lines) {
                gap_lines.note_changes(profile, activities, &keys);
            }
        }
        if !news.more && !news.reached {
            news.lines.push_str(&self.changed_gaps(names, false));
        }
        Ok(news)
    }

    /// The lines of gaps whose state has changed since they were printed; `all` of them, or those that are due.
    pub(crate) fn changed_gaps(&mut self, names: &ProfileNames, all: bool) -> String {
        let now = self.entry_clock.now();
        let Some(gap_lines) = &mut self.gap_lines else { return String::new() };
        let due = gap_lines.due(&self.activities, now, all);
        let line = |((profile, row), state): (_, GapState)| {
            let gap = self.activity(profile, row).filter(|gap| self.filter.matches(gap, now))?;
            Some(self.line(&Record::of_gap(names.name(profile), &state, gap.updated(), self.reference)))
        };
        due.into_iter().filter_map(line).collect()
    }

    /// When a gap may have to be printed again even if no entry arrives.
    pub(crate) fn next_gap_check(&self) -> Option<Duration> {
        self.gap_lines.as_ref()?.next_check(self.entry_clock.now())
    }

    fn apply(&mut self, profile: ProfileId, entry: &Entry) -> Result<Option<RowId>, CliError> {
        let reference = self.reference;
        let activities = self.of(profile);
        activities.set_reference(reference);
        activities.expire(entry.at);
        activities.apply(entry);
        self.complete(profile)?;
        Ok(self.activities.get(&profile).and_then(|activities| activities.find(&entry.key)))
    }

    fn of(&mut self, profile: ProfileId) -> &mut Activities {
        self.activities.entry(profile).or_insert_with(|| {
            let mut activities = Activities::new(self.link_lifetime);
            activities.set_rows_in_memory(self.rows);
            self.links.apply(profile, &mut activities);
            activities
        })
    }

    /// Reads from the journal what is missing in rows.
    fn complete(&mut self, profile: ProfileId) -> Result<(), CliError> {
        let (Some(archive), Some(activities)) = (&self.archive, self.activities.get_mut(&profile)) else {
            return Ok(());
        };
        for incomplete in activities.take_incomplete(usize::MAX) {
            let key = &incomplete.key;
            let read = |stretch: RangeInclusive<Seq>| archive.history(profile, key, *stretch.start(), *stretch.end());
            let parts: Result<Vec<_>, _> = incomplete.ranges.into_iter().map(read).collect();
            activities.complete(key, &parts?.concat());
        }
        Ok(())
    }

    fn line(&self, record: &Record) -> String {
        if self.json { record.json() } else { record.plain() }
    }

    /// Whether an entry of this row meets the exit condition.
    fn is_reached_by(&mut self, profile: ProfileId, row: RowId) -> bool {
        let activity = self.activities.get(&profile).and_then(|activities| activities.get(row));
        match (&self.exit_condition, activity) {
            (Some(ExitCondition::Final(id)), Some(activity)) => activity.id() == id.as_str() && is_settled(&activity),
            (Some(ExitCondition::Label(label)), Some(activity)) => {
                let named = activity.label() == label;
                if named {
                    self.labelled.insert((profile, row));
                }
                (named || self.labelled.contains(&(profile, row))) && self.awaited().is_some()
            }
            (None, _) | (_, None) => false,
        }
    }

    /// The awaited activities that are in memory; `None` if the outcome of one is still missing.
    fn awaited(&self) -> Option<Vec<(ProfileId, Activity<'_>)>> {
        match self.exit_condition.as_ref()? {
            ExitCondition::Final(id) => {
                let known = self.activities.iter().flat_map(|(profile, activities)| {
                    let find = |key| activities.find(&key).and_then(|row| activities.get(row));
                    older_rows::keys_of(id).into_iter().filter_map(find).map(|activity| (*profile, activity))
                });
                let found: Vec<_> = known.filter(|(_, activity)| is_settled(activity)).collect();
                (!found.is_empty()).then_some(found)
            }
            ExitCondition::Label(label) => {
                // A row that is no longer in memory is settled.
                let named = |(profile, row): &(ProfileId, RowId)| match self.activity(*profile, *row) {
                    None => Some(None),
                    Some(activity) => (activity.label() == label).then_some(Some((*profile, activity))),
                };
                let known: Vec<_> = self.labelled.iter().filter_map(named).collect();
                let is_named = !known.is_empty();
                let found: Vec<_> = known.into_iter().flatten().collect();
                let is_open = |(_, activity): &(ProfileId, Activity<'_>)| !is_settled(activity);
                (is_named && !found.iter().any(is_open)).then_some(found)
            }
        }
    }

    fn activity(&self, profile: ProfileId, row: RowId) -> Option<Activity<'_>> {
        self.activities.get(&profile)?.get(row)
    }
}

/// Whether an activity has its outcome. `Unknown` is not an outcome: the server does not know the command, but its
/// acknowledgement may still arrive.
fn is_settled(activity: &Activity<'_>) -> bool {
    match activity.status() {
        Status::Unknown | Status::UnrecognisedNumber(_) | Status::Unrecognised | Status::Gap => false,
        status => !status.is_open(),
    }
}

fn after(Seq(seq): Seq) -> Seq {
    Seq(seq.saturating_add(1))
}

#[cfg(test)]
mod tests;
