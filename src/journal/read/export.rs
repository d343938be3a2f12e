//! Exports the journal line by line, for `export` and for the window's dialog. Reads beside the writer, and holds one activity in
//! memory at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::activity::export_record::{Format, Record, context_of, text_of};
use crate::activity::stats::completeness::{Gaps, UndeliveredOutcome, is_suspicious};
use crate::activity::{
    Activities, Activity, ActivityKey, Entry, Evidence, Fact, Filter, Gap, GapState, Kind, LocalEvent, OpenItemState,
    Seq, Status, StatusFilter, TimeReference, Timestamp, WholeTexts,
};
use crate::journal::error::JournalError;
use crate::journal::tables::earlier_links::EarlierLinks;
use crate::settings::ProfileId;

use super::read_only::{ExternalSort, ReadOnlyJournal};

/// Marks a file as UTF-8 for spreadsheets.
const BOM: &str = "\u{feff}";

/// What to export, and how.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The format of the lines.
    pub format: Format,
    /// Exports only this profile; `None` for all of them.
    pub only: Option<ProfileId>,
    /// The filter that rows must match.
    pub filter: Filter,
    /// The status filter that rows must match.
    pub status_filter: StatusFilter,
    /// Excludes rows whose last message is older.
    pub since: Option<Timestamp>,
    /// One line for each received message, in order of arrival, instead of one for each activity.
    pub messages: bool,
    /// Whether CSV starts with a byte order mark.
    pub bom: bool,
    /// Exports only the activities of these entries; `None` for all.
    pub rows: Option<Vec<Seq>>,
    /// The lifetime of a link whose message does not give one.
    pub link_lifetime: Duration,
    /// The time for which states are computed, on the clock that stamped the entries.
    pub now: Timestamp,
    /// How that clock relates to the other clocks.
    pub reference: TimeReference,
    /// The usable links of earlier runs.
    pub links: EarlierLinks,
    /// The names of profiles. A profile without a name is shown by its id.
    pub names: BTreeMap<ProfileId, String>,
}

impl ExportOptions {
    /// Passes every line, with its line end, to `line`; first the header, if there is one. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// If the journal can't be read, or with the error of `line`, which stops the export.
    pub fn write<E: From<JournalError>>(
        &self,
        archive: Option<&ReadOnlyJournal>,
        mut line: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.format == Format::Csv {
            line(&format!("{}{}", if self.bom { BOM } else { "" }, Record::csv_header()))?;
        }
        let Some(archive) = archive else { return Ok(()) };
        let mut background = Background::read(archive)?;
        background.selected = self.rows.as_ref().map(|rows| archive.keys_of(rows)).transpose()?;
        lines(archive, self, background, &mut line)
    }

    fn line(&self, record: &Record) -> String {
        match self.format {
            Format::Csv => record.csv(),
            Format::Ndjson => record.json(),
        }
    }

    fn name(&self, profile: ProfileId) -> String {
        self.names.get(&profile).cloned().unwrap_or_else(|| profile.to_string())
    }

    fn matches(&self, current: &ActivityReader, activity: &Activity<'_>, at: Timestamp) -> bool {
        current.is_selected
            && self.since.is_none_or(|since| self.reference.displayed(at) >= since)
            && (self.status_filter == StatusFilter::All || activity.status().status_filter() == self.status_filter)
            && self.filter.matches_whole(activity, self.now, current.whole_texts())
    }
}

/// Data across activities: the operator's labels, and the inputs for the lines of gaps, complete once all entries were read.
#[derive(Default)]
struct Background {
    labels: BTreeMap<(ProfileId, ActivityKey), String>,
    /// The selected activities; `None` for all.
    selected: Option<BTreeSet<(ProfileId, ActivityKey)>>,
    /// Activities that were open during a gap, with what is known of each now.
    open_across_gaps: BTreeMap<(ProfileId, ActivityKey), OpenItemState>,
    profiles: BTreeMap<ProfileId, OfProfile>,
    /// The gaps read so far, each with its first entry.
    gaps: Vec<(Seq, ActivityReader)>,
}

/// Data of one profile.
#[derive(Default)]
struct OfProfile {
    /// Number of open commands and open data requests.
    open: (usize, usize),
    /// Commands whose outcome only a status check reported.
    undelivered: Vec<UndeliveredOutcome>,
}

impl Background {
    fn read(archive: &ReadOnlyJournal) -> Result<Self, JournalError> {
        let mut background = Self::default();
        archive.local_entries(|profile, entry| match entry.fact {
            Fact::Local(LocalEvent::Labelled { label }) => {
                background.labels.insert((profile, entry.key), label);
            }
            Fact::Gap(gap) => {
                background.open_across_gaps.extend(gap.named().map(|key| ((profile, key), OpenItemState::Open)));
            }
            _ => {}
        })?;
        Ok(background)
    }

    /// Notes an activity that was read.
    fn add_activity(&mut self, profile: ProfileId, activity: &Activity<'_>, now: Timestamp) {
        let status = activity.status();
        if !matches!(activity.kind(), Kind::Command | Kind::Data) {
            return;
        }
        let of_profile = self.profiles.entry(profile).or_default();
        match status {
            Status::Pending => of_profile.open.0 += 1,
            Status::Preparing => of_profile.open.1 += 1,
            _ => {}
        }
        of_profile
            .undelivered
            .extend(activity.undelivered_outcome().filter(|undelivered| is_suspicious(undelivered.answered, now)));
        if !self.open_across_gaps.is_empty()
            && let Some(answer) = self.open_across_gaps.get_mut(&(profile, activity.key()))
        {
            *answer = OpenItemState::of(status);
        }
    }

    /// The requested lines of gaps, each with its first entry. They depend on what came after the gap.
    fn lines(self, export: &ExportOptions) -> Vec<(Seq, String)> {
        let Self { open_across_gaps, profiles, gaps, .. } = self;
        let mut lasted: BTreeMap<ProfileId, Vec<&Gap>> = BTreeMap::new();
        for (_, current) in &gaps {
            lasted.entry(current.profile).or_default().extend(current.gap.iter().map(|(gap, _)| gap));
        }
        let is_suspected = |(profile, of_profile): (&ProfileId, &OfProfile)| {
            let gaps = Gaps::of(lasted.get(profile).into_iter().flatten().copied());
            of_profile.undelivered.iter().any(|undelivered| !gaps.explain(*undelivered)).then_some(*profile)
        };
        let suspected: BTreeSet<ProfileId> = profiles.iter().filter_map(is_suspected).collect();
        let line = |(first, current): &(Seq, ActivityReader)| {
            let (gap, seen) = current.gap.as_ref()?;
            let answer = |key: &ActivityKey| {
                open_across_gaps.get(&(current.profile, key.clone())).copied().unwrap_or(OpenItemState::Open)
            };
            let open = profiles.get(&current.profile).map(|of_profile| of_profile.open).unwrap_or_default();
            let state = GapState::of(gap, open, answer).while_suspected(suspected.contains(&current.profile));
            let record = Record::of_gap(export.name(current.profile), &state, *seen, export.reference);
            let is_wanted = export.matches(current, &current.activity()?, state.to.unwrap_or(*seen));
            is_wanted.then(|| (*first, export.line(&record)))
        };
        gaps.iter().filter_map(line).collect()
    }
}

/// The activity whose entries are being read.
struct ActivityReader {
    profile: ProfileId,
    key: ActivityKey,
    model: Activities,
    whole: Option<String>,
    whole_context: Option<String>,
    /// The union of a gap's entries, and when the latest was written.
    gap: Option<(Gap, Timestamp)>,
    first: Seq,
    /// Whether it is one of the selected activities.
    is_selected: bool,
}

impl ActivityReader {
    fn start(profile: ProfileId, key: ActivityKey, first: Seq, export: &ExportOptions) -> Self {
        let mut model = Activities::new(export.link_lifetime);
        model.set_reference(export.reference);
        // A message is exported with the state at its arrival.
        if !export.messages {
            model.set_live_from(export.links.live_from);
            if let ActivityKey::Data(request) = &key
                && export.links.stored.contains(&(profile, request.clone()))
            {
                model.restore_links(std::slice::from_ref(request));
            }
        }
        Self { profile, key, model, whole: None, whole_context: None, gap: None, first, is_selected: true }
    }

    fn apply(&mut self, entry: &Entry) {
        self.model.apply(entry);
        if let Fact::Gap(gap) = &entry.fact {
            if let Some((known, at)) = &mut self.gap {
                known.merge(gap, true);
                *at = entry.at;
            } else {
                self.gap = Some((gap.clone(), entry.at));
            }
        }
        if let (Some(text), Some(activity)) = (text_of(entry), self.activity())
            && activity.message().strip_suffix('…').is_some_and(|cut| text.starts_with(cut))
        {
            self.whole = Some(text.into_owned());
        }
        if let (Some(text), Some(activity)) = (context_of(entry), self.activity())
            && activity.whole_context().strip_suffix('…').is_some_and(|cut| text.starts_with(cut))
        {
            self.whole_context = Some(text.to_owned());
        }
    }

    fn whole_texts(&self) -> WholeTexts<'_> {
        WholeTexts { message: self.whole.as_deref(), context: self.whole_context.as_deref() }
    }

    fn activity(&self) -> Option<Activity<'_>> {
        self.model.find(&self.key).and_then(|row| self.model.get(row))
    }

    /// Ends an activity whose entries were all read. Returns its line, in its current state, if `wants_line` is set and it matches.
    /// A gap waits for the rest.
    fn finish(
        mut self,
        export: &ExportOptions,
        background: &mut Background,
        wants_line: bool,
    ) -> Option<(Seq, String)> {
        self.model.expire(export.now);
        if self.gap.is_some() {
            background.gaps.push((self.first, self));
            return None;
        }
        let activity = self.activity()?;
        background.add_activity(self.profile, &activity, export.now);
        let at = activity.updated();
        let is_wanted = wants_line && export.matches(&self, &activity, at);
        if !is_wanted {
            return None;
        }
        let record = Record::of(export.name(self.profile), &activity, self.whole.as_deref(), at);
        Some((self.first, export.line(&record.with_context(self.whole_context.as_deref()))))
    }
}

/// One line for each activity, in order of arrival; or one for each received message and each gap. Entries are read activity by
/// activity, and a gap's line depends on activities after it, so lines are sorted in a scratch file.
fn lines<E: From<JournalError>>(
    archive: &ReadOnlyJournal,
    export: &ExportOptions,
    mut background: Background,
    write: &mut impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let sorter = ExternalSort::new()?;
    let push = |line: Option<(Seq, String)>| line.map_or(Ok(()), |(first, line)| sorter.push(first, &line));
    let mut current: Option<ActivityReader> = None;
    archive.by_activity(export.only, |profile, entry| {
        let mut open = match current.take() {
            Some(open) if open.profile == profile && open.key == entry.key => open,
            done => {
                push(done.and_then(|done| done.finish(export, &mut background, !export.messages)))?;
                let key = (profile, entry.key.clone());
                let is_selected = background.selected.as_ref().is_none_or(|chosen| chosen.contains(&key));
                ActivityReader { is_selected, ..ActivityReader::start(profile, key.1, entry.seq, export) }
            }
        };
        if export.messages {
            open.model.expire(entry.at);
        }
        open.apply(&entry);
        if export.messages {
            push(message(&open, &entry, export, &background).map(|line| (entry.seq, line)))?;
        }
        current = Some(open);
        Ok::<_, E>(())
    })?;
    push(current.and_then(|done| done.finish(export, &mut background, !export.messages)))?;
    for line in background.lines(export) {
        push(Some(line))?;
    }
    sorter.each(|line| write(line))
}

/// The line of one message, if it is one and matches. A command's line has the state in this very message, which a late or repeated
/// one may contradict; a data request's line has its state at that time, since several messages make it ready.
fn message(open: &ActivityReader, entry: &Entry, export: &ExportOptions, background: &Background) -> Option<String> {
    let source = Evidence::of(&entry.fact)?;
    let activity = open.activity().filter(|activity| export.matches(open, activity, entry.at))?;
    let mut alone = ActivityReader::start(open.profile, open.key.clone(), open.first, export);
    if activity.kind() == Kind::Command {
        alone.apply(entry);
    }
    let shown = alone.activity().unwrap_or(activity);
    let label = background.labels.get(&(open.profile, open.key.clone())).map_or("", String::as_str);
    let record = Record::of(export.name(open.profile), &shown, text_of(entry).as_deref(), entry.at)
        .with_context(open.whole_context.as_deref());
    Some(export.line(&record.into_message(source, label, &activity)))
}
