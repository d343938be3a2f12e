//! What the journal has, line by line, for others: by `export`, and by the window's dialog. Reads beside whoever writes, and
//! holds one activity at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::activity::record::{Format, Record, text_of};
use crate::activity::{
    Activities, Activity, ActivityKey, Chip, Deed, Entry, Fact, Filter, Gap, GapState, Kind, Moment, Seq, Source,
    TimeReference,
};
use crate::settings::ProfileId;

use super::{Archive, JournalError, Sorter};

/// What is exported, and how.
#[derive(Debug, Clone)]
pub struct Export {
    /// The form of the lines.
    pub format: Format,
    /// One profile; `None` for all of them.
    pub only: Option<ProfileId>,
    /// What rows have to be like.
    pub filter: Filter,
    /// What rows have to count as.
    pub chip: Chip,
    /// What was last heard of before is left out.
    pub since: Option<Moment>,
    /// One line a message received, in order of arrival, instead of one an activity.
    pub messages: bool,
    /// How long a link is taken to live when the message does not say.
    pub link_lifetime: Duration,
    /// The time as of which states are told, by the clock that stamped the entries.
    pub now: Moment,
    /// How that clock relates to the other clocks.
    pub reference: TimeReference,
    /// The names of profiles. One without a name is told by its id.
    pub names: BTreeMap<ProfileId, String>,
}

impl Export {
    /// Gives every line, with its end, to `line`; first the header, where there is one. Waits for the disk.
    ///
    /// # Errors
    ///
    /// Where the journal can't be read, or with the error of `line`, which ends it.
    pub fn write<E: From<JournalError>>(
        &self,
        archive: Option<&Archive>,
        mut line: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.format == Format::Csv {
            line(&Record::csv_header())?;
        }
        let Some(archive) = archive else { return Ok(()) };
        let background = Background::read(archive)?;
        if self.messages {
            messages(archive, self, background, &mut line)
        } else {
            activities(archive, self, background, &mut line)
        }
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

    fn is_wanted(&self, activity: &Activity<'_>, at: Moment) -> bool {
        self.since.is_none_or(|since| self.reference.shown(at) >= since)
            && (self.chip == Chip::All || activity.status().chip() == self.chip)
            && self.filter.matches(activity, self.now)
    }
}

/// What is known before the first line: the operator's labels, and what was open across gaps.
#[derive(Default)]
struct Background {
    labels: BTreeMap<(ProfileId, ActivityKey), String>,
    /// Open across a gap; settled by now where they are in `settled` once they have come by.
    open: BTreeSet<(ProfileId, ActivityKey)>,
    settled: BTreeSet<(ProfileId, ActivityKey)>,
}

impl Background {
    fn read(archive: &Archive) -> Result<Self, JournalError> {
        let mut background = Self::default();
        archive.ours(|profile, entry| match entry.fact {
            Fact::Done(Deed::Labelled { label }) => {
                background.labels.insert((profile, entry.key), label);
            }
            Fact::Gap(gap) => {
                let commands = gap.open.into_iter().map(ActivityKey::Command);
                let across = commands.chain(gap.open_requests.into_iter().map(ActivityKey::Data));
                background.open.extend(across.map(|key| (profile, key)));
            }
            _ => {}
        })?;
        Ok(background)
    }

    /// Remembers what a gap will ask after. It was open across a gap because it was there before, so it comes by before the
    /// gap does.
    fn note(&mut self, profile: ProfileId, activity: &Activity<'_>) {
        if matches!(activity.kind(), Kind::Command | Kind::Data)
            && !activity.status().is_open()
            && !self.open.is_empty()
        {
            let key = (profile, activity.key());
            if self.open.contains(&key) {
                self.settled.insert(key);
            }
        }
    }

    /// What became of a gap, as the latest of its entries has it.
    fn state(&self, profile: ProfileId, gap: &Gap) -> GapState {
        let is_settled = |key: ActivityKey| self.settled.contains(&(profile, key));
        GapState {
            from: gap.from,
            to: gap.to,
            cause: gap.cause,
            open: gap.open.len(),
            recovered: gap.open.iter().filter(|id| is_settled(ActivityKey::Command((*id).clone()))).count(),
            requests: usize::try_from(gap.requests).unwrap_or(usize::MAX),
            heard: gap.open_requests.iter().filter(|id| is_settled(ActivityKey::Data((*id).clone()))).count(),
        }
    }
}

/// One activity, while its entries come by.
struct Current {
    profile: ProfileId,
    key: ActivityKey,
    model: Activities,
    whole: Option<String>,
    /// The latest entry of a gap.
    gap: Option<(Gap, Moment)>,
}

impl Current {
    fn begin(profile: ProfileId, key: ActivityKey, export: &Export) -> Self {
        let mut model = Activities::new(export.link_lifetime);
        model.set_reference(export.reference);
        Self { profile, key, model, whole: None, gap: None }
    }

    fn apply(&mut self, entry: &Entry) {
        self.model.apply(entry);
        if let Fact::Gap(gap) = &entry.fact {
            self.gap = Some((gap.clone(), entry.at));
        }
        if let (Some(text), Some(activity)) = (text_of(entry), self.activity())
            && activity.message().strip_suffix('…').is_some_and(|cut| text.starts_with(cut))
        {
            self.whole = Some(text.to_owned());
        }
    }

    fn activity(&self) -> Option<Activity<'_>> {
        self.model.find(&self.key).and_then(|row| self.model.get(row))
    }

    /// Its line, in the state that it is in, where it is wanted.
    fn line(mut self, export: &Export, background: &mut Background) -> Option<String> {
        self.model.expire(export.now);
        let activity = self.activity()?;
        background.note(self.profile, &activity);
        let name = export.name(self.profile);
        let record = if let Some((gap, seen)) = &self.gap {
            let state = background.state(self.profile, gap);
            let at = state.to.unwrap_or(*seen);
            export.is_wanted(&activity, at).then(|| Record::of_gap(name, &state, *seen, export.reference))
        } else {
            let at = activity.updated();
            export.is_wanted(&activity, at).then(|| Record::of(name, &activity, self.whole.as_deref(), at))
        };
        record.map(|record| export.line(&record))
    }
}

/// One line an activity, in order of arrival.
fn activities<E: From<JournalError>>(
    archive: &Archive,
    export: &Export,
    mut background: Background,
    write: &mut impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let mut current: Option<Current> = None;
    archive.by_activity(export.only, |profile, entry| {
        let (mut open, done) = match current.take() {
            Some(open) if open.profile == profile && open.key == entry.key => (open, None),
            done => (Current::begin(profile, entry.key.clone(), export), done),
        };
        open.apply(&entry);
        current = Some(open);
        match done.and_then(|done| done.line(export, &mut background)) {
            Some(line) => write(&line),
            None => Ok(()),
        }
    })?;
    match current.and_then(|done| done.line(export, &mut background)) {
        Some(line) => write(&line),
        None => Ok(()),
    }
}

/// One line a message received, in order of arrival, and one a gap, where it began. They are found activity by activity, so
/// that each knows when its activity was first seen, and sorted in a scratch file.
fn messages<E: From<JournalError>>(
    archive: &Archive,
    export: &Export,
    mut background: Background,
    write: &mut impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let sorter = Sorter::new()?;
    let mut current: Option<Current> = None;
    // The first entry of the activity that comes by.
    let mut first = Seq(0);
    archive.by_activity(export.only, |profile, entry| {
        let mut open = match current.take() {
            Some(open) if open.profile == profile && open.key == entry.key => open,
            done => {
                if let Some(line) = done.and_then(|done| finished(done, export, &mut background)) {
                    sorter.push(first, &line)?;
                }
                first = entry.seq;
                Current::begin(profile, entry.key.clone(), export)
            }
        };
        open.model.expire(entry.at);
        open.apply(&entry);
        if let Some(line) = message(&open, &entry, export, &background) {
            sorter.push(entry.seq, &line)?;
        }
        current = Some(open);
        Ok::<_, E>(())
    })?;
    if let Some(line) = current.and_then(|done| finished(done, export, &mut background)) {
        sorter.push(first, &line)?;
    }
    sorter.each(|line| write(line))
}

/// The line of a gap whose entries have all come by. Of anything else its messages are there already.
fn finished(mut done: Current, export: &Export, background: &mut Background) -> Option<String> {
    if done.gap.is_some() {
        return done.line(export, background);
    }
    done.model.expire(export.now);
    if let Some(activity) = done.activity() {
        background.note(done.profile, &activity);
    }
    None
}

/// The line of one message, where it is one and wanted. A command's says what this very message says, which a late or
/// repeated one may contradict; that of a data request how it stands then, since several messages make it ready.
fn message(open: &Current, entry: &Entry, export: &Export, background: &Background) -> Option<String> {
    let source = match entry.fact {
        Fact::Heard(_) | Fact::Repeated(_) | Fact::Unreadable { .. } => Source::Socket,
        Fact::Enquired(_) => Source::Enquiry,
        Fact::Done(_) | Fact::Gap(_) => return None,
    };
    let activity = open.activity().filter(|activity| export.is_wanted(activity, entry.at))?;
    let mut alone = Current::begin(open.profile, open.key.clone(), export);
    if activity.kind() == Kind::Command {
        alone.apply(entry);
    }
    let told = alone.activity().unwrap_or(activity);
    let label = background.labels.get(&(open.profile, open.key.clone())).map_or("", String::as_str);
    let record = Record::of(export.name(open.profile), &told, text_of(entry), entry.at);
    Some(export.line(&record.into_message(source, label, &activity)))
}
