//! `export`: what the journal has, line by line. Reads beside a running window and holds one activity at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::activity::record::{Record, text_of};
use crate::activity::{
    Activities, Activity, ActivityKey, Deed, Entry, Fact, Filter, Gap, GapState, Kind, Moment, Seq, Source,
};
use crate::journal::{Archive, JournalError, Sorter};
use crate::protocol::CommandId;
use crate::settings::{Directories, ProfileId, Store};

use super::output::{Output, Reader};
use super::people::{Guest, Names};
use super::task::{Export, Format};
use super::{CliError, Environment};

/// Writes what was asked for.
///
/// # Errors
///
/// Where it can't be read or written, or there is no such profile.
pub fn run(
    wanted: &Export,
    profile: Option<&str>,
    directories: &Directories,
    environment: &Environment,
    now: Moment,
) -> Result<(), CliError> {
    let (_store, settings, trouble) = Store::open(directories);
    if let Some(sentence) = trouble {
        super::say(&sentence);
    }
    let guest = Guest::of(environment, &settings, profile);
    let names = Names::of(&settings, guest.as_ref());
    let only = match profile {
        Some(name) => Some(names.find(name).ok_or_else(|| CliError::UnknownProfile(name.to_owned()))?),
        None => None,
    };
    let mut output = Output::open(wanted.file.as_deref())?;
    if wanted.format == Format::Csv && output.write(&Record::csv_header())? == Reader::Gone {
        return Ok(());
    }
    if let Some(archive) = Archive::open(directories.data())? {
        let rules = Rules {
            format: wanted.format,
            filter: Filter::new(wanted.filter.as_deref().unwrap_or_default()),
            since: wanted.since.map(|since| since.moment(now)),
            link_lifetime: Duration::from_secs(u64::from(settings.preferences.link_lifetime)),
            now,
            names,
        };
        let background = Background::read(&archive)?;
        let written = if wanted.messages {
            messages(&archive, only, &rules, background, &mut output)
        } else {
            activities(&archive, only, &rules, background, &mut output)
        };
        match written {
            Ok(()) => {}
            Err(Stop::ReaderGone) => return Ok(()),
            Err(Stop::Failed(error)) => return Err(error),
        }
    }
    output.finish()
}

/// What lines are written, and how.
struct Rules {
    format: Format,
    filter: Filter,
    since: Option<Moment>,
    link_lifetime: Duration,
    now: Moment,
    names: Names,
}

impl Rules {
    fn line(&self, record: &Record) -> String {
        match self.format {
            Format::Csv => record.csv(),
            Format::Ndjson => record.json(),
        }
    }

    fn is_wanted(&self, activity: &Activity<'_>, at: Moment) -> bool {
        self.since.is_none_or(|since| at >= since) && self.filter.matches(activity)
    }
}

/// Why writing ends early.
enum Stop {
    ReaderGone,
    Failed(CliError),
}

impl From<CliError> for Stop {
    fn from(error: CliError) -> Self {
        Self::Failed(error)
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        Self::Failed(error.into())
    }
}

fn write(output: &mut Output, line: &str) -> Result<(), Stop> {
    match output.write(line)? {
        Reader::Listens => Ok(()),
        Reader::Gone => Err(Stop::ReaderGone),
    }
}

/// What is known before the first line: the operator's labels, and the commands that were open across gaps.
#[derive(Default)]
struct Background {
    labels: BTreeMap<(ProfileId, ActivityKey), String>,
    /// Open across a gap; settled by now where they are in `settled` once they have come by.
    open: BTreeSet<(ProfileId, CommandId)>,
    settled: BTreeSet<(ProfileId, CommandId)>,
}

impl Background {
    fn read(archive: &Archive) -> Result<Self, CliError> {
        let mut background = Self::default();
        archive.ours(|profile, entry| match entry.fact {
            Fact::Done(Deed::Labelled { label }) => {
                background.labels.insert((profile, entry.key), label);
            }
            Fact::Gap(gap) => background.open.extend(gap.open.into_iter().map(|command| (profile, command))),
            _ => {}
        })?;
        Ok(background)
    }

    /// Remembers a command that a gap will ask after. A command was open across a gap because it was there before, so it
    /// comes by before the gap does.
    fn note(&mut self, profile: ProfileId, activity: &Activity<'_>) {
        if activity.kind() == Kind::Command && !activity.status().is_open() && !self.open.is_empty() {
            let command = (profile, CommandId::from(activity.id().as_ref()));
            if self.open.contains(&command) {
                self.settled.insert(command);
            }
        }
    }

    /// What became of a gap, as the latest of its entries has it.
    fn state(&self, profile: ProfileId, gap: &Gap) -> GapState {
        let is_settled = |command: &&CommandId| self.settled.contains(&(profile, (*command).clone()));
        GapState {
            from: gap.from,
            to: gap.to,
            cause: gap.cause,
            open: gap.open.len(),
            recovered: gap.open.iter().filter(is_settled).count(),
            requests: usize::try_from(gap.requests).unwrap_or(usize::MAX),
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
    fn begin(profile: ProfileId, key: ActivityKey, rules: &Rules) -> Self {
        Self { profile, key, model: Activities::new(rules.link_lifetime), whole: None, gap: None }
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
    fn line(mut self, rules: &Rules, background: &mut Background) -> Option<String> {
        self.model.expire(rules.now);
        let activity = self.activity()?;
        background.note(self.profile, &activity);
        let name = rules.names.name(self.profile);
        let record = if let Some((gap, seen)) = &self.gap {
            let state = background.state(self.profile, gap);
            let at = state.to.unwrap_or(*seen);
            rules.is_wanted(&activity, at).then(|| Record::of_gap(name, &state, *seen))
        } else {
            let at = activity.updated();
            rules.is_wanted(&activity, at).then(|| Record::of(name, &activity, self.whole.as_deref(), at))
        };
        record.map(|record| rules.line(&record))
    }
}

/// One line an activity, in order of arrival.
fn activities(
    archive: &Archive,
    only: Option<ProfileId>,
    rules: &Rules,
    mut background: Background,
    output: &mut Output,
) -> Result<(), Stop> {
    let mut current: Option<Current> = None;
    archive.by_activity(only, |profile, entry| {
        let (mut open, done) = match current.take() {
            Some(open) if open.profile == profile && open.key == entry.key => (open, None),
            done => (Current::begin(profile, entry.key.clone(), rules), done),
        };
        open.apply(&entry);
        current = Some(open);
        match done.and_then(|done| done.line(rules, &mut background)) {
            Some(line) => write(output, &line),
            None => Ok(()),
        }
    })?;
    match current.and_then(|done| done.line(rules, &mut background)) {
        Some(line) => write(output, &line),
        None => Ok(()),
    }
}

/// One line a message received, in order of arrival, and one a gap, where it began. They are found activity by activity, so
/// that each knows when its activity was first seen, and sorted in a scratch file.
fn messages(
    archive: &Archive,
    only: Option<ProfileId>,
    rules: &Rules,
    mut background: Background,
    output: &mut Output,
) -> Result<(), Stop> {
    let sorter = Sorter::new()?;
    let mut current: Option<Current> = None;
    // The first entry of the activity that comes by.
    let mut first = Seq(0);
    archive.by_activity(only, |profile, entry| {
        let mut open = match current.take() {
            Some(open) if open.profile == profile && open.key == entry.key => open,
            done => {
                if let Some(line) = done.and_then(|done| finished(done, rules, &mut background)) {
                    sorter.push(first, &line)?;
                }
                first = entry.seq;
                Current::begin(profile, entry.key.clone(), rules)
            }
        };
        open.model.expire(entry.at);
        open.apply(&entry);
        if let Some(line) = message(&open, &entry, rules, &background) {
            sorter.push(entry.seq, &line)?;
        }
        current = Some(open);
        Ok::<_, Stop>(())
    })?;
    if let Some(line) = current.and_then(|done| finished(done, rules, &mut background)) {
        sorter.push(first, &line)?;
    }
    sorter.each(|line| write(output, line))
}

/// The line of a gap whose entries have all come by. Of anything else its messages are there already.
fn finished(mut done: Current, rules: &Rules, background: &mut Background) -> Option<String> {
    if done.gap.is_some() {
        return done.line(rules, background);
    }
    done.model.expire(rules.now);
    if let Some(activity) = done.activity() {
        background.note(done.profile, &activity);
    }
    None
}

/// The line of one message, where it is one and wanted. A command's says what this very message says, which a late or
/// repeated one may contradict; that of a data request how it stands then, since several messages make it ready.
fn message(open: &Current, entry: &Entry, rules: &Rules, background: &Background) -> Option<String> {
    let source = match entry.fact {
        Fact::Heard(_) | Fact::Unreadable { .. } => Source::Socket,
        Fact::Enquired(_) => Source::Enquiry,
        Fact::Done(_) | Fact::Gap(_) => return None,
    };
    let activity = open.activity().filter(|activity| rules.is_wanted(activity, entry.at))?;
    let mut alone = Current::begin(open.profile, open.key.clone(), rules);
    if activity.kind() == Kind::Command {
        alone.apply(entry);
    }
    let told = alone.activity().unwrap_or(activity);
    let label = background.labels.get(&(open.profile, open.key.clone())).map_or("", String::as_str);
    let record = Record::of(rules.names.name(open.profile), &told, text_of(entry), entry.at);
    Some(rules.line(&record.into_message(source, label, activity.first_seen())))
}
