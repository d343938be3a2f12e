//! Searches the journal for activities that the window does not have in memory.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::activity::export_record::{context_of, text_of};
use crate::activity::{Activities, ActivityKey, Entry, Filter, Seq, StatusFilter, Timestamp, WholeTexts};
use crate::engine::events::event::{Event, SearchEnd};
use crate::engine::supervisor::Supervisor;
use crate::engine::supervisor::state::search_handle::{RunningSearch, Shared};
use crate::journal::{JournalError, ReadOnlyJournal};
use crate::settings::ProfileId;

/// The most activities that one search returns.
const MAX_RESULTS: usize = 10_000;
/// How many results are sent in one event.
const BATCH_SIZE: usize = 100;
/// How many activities are examined between two progress reports.
const PROGRESS_INTERVAL: usize = 5_000;
/// After how many examined activities their memory is freed.
const MAX_IN_MEMORY: usize = 1_000;
/// Events in the queue to the window.
const REPORTS: usize = 4;

/// The parameters of a search.
struct SearchParameters {
    profile: ProfileId,
    search: u32,
    filter: Filter,
    status_filter: StatusFilter,
    before: Seq,
    live_from: Seq,
    now: Timestamp,
    link_lifetime: std::time::Duration,
    data: PathBuf,
}

impl Supervisor {
    /// Searches the journal of a profile. An earlier search of that profile is stopped.
    pub(crate) fn search_older(
        &mut self,
        profile: ProfileId,
        search: u32,
        filter: Filter,
        status_filter: StatusFilter,
        before: Seq,
    ) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let shared = Arc::new(Shared::default());
        self.searches.insert(profile, RunningSearch(shared.clone()));
        let wanted = SearchParameters {
            profile,
            search,
            filter,
            status_filter,
            before,
            live_from: self.live_from,
            now: (self.context.clock)(),
            link_lifetime: self.settings.preferences.link_lifetime(),
            data: self.data.clone(),
        };
        let (reports, mut reported) = mpsc::channel(REPORTS);
        let (event_sender, spawner) = (self.context.event_sender.clone(), profile_state.context.spawner.clone());
        let searching = async move {
            let looking = spawner.blocking("searching the journal", move || run(&wanted, &shared, &reports));
            while let Some(event) = reported.recv().await {
                event_sender.send_restored(event).await;
            }
            looking.await;
        };
        profile_state.context.spawner.spawn("searching the journal", searching);
    }
}

/// Searches, and reports how it ended unless it was stopped.
fn run(parameters: &SearchParameters, shared: &Shared, reports: &mpsc::Sender<Event>) {
    let mut found = Found { parameters, reports, rows: Vec::new(), count: 0, examined: 0, closed: false };
    let end = match search(parameters, shared, &mut found) {
        Ok(end) => end,
        Err(_) if shared.is_stopped() => return,
        Err(error) => {
            tracing::warn!(%error, "the journal could not be searched");
            SearchEnd::Failed
        }
    };
    if !shared.is_stopped() {
        found.send(100, Some(end));
    }
}

/// Results that were not sent yet.
struct Found<'a> {
    parameters: &'a SearchParameters,
    reports: &'a mpsc::Sender<Event>,
    rows: Vec<(ActivityKey, Vec<Entry>)>,
    count: usize,
    examined: usize,
    /// Whether the receiver is gone.
    closed: bool,
}

impl Found<'_> {
    fn send(&mut self, percent: u8, end: Option<SearchEnd>) {
        let SearchParameters { profile, search, .. } = *self.parameters;
        let event = Event::SearchResults { profile, search, rows: std::mem::take(&mut self.rows), percent, end };
        self.closed |= self.reports.blocking_send(event).is_err();
    }
}

fn search(parameters: &SearchParameters, shared: &Shared, found: &mut Found<'_>) -> Result<SearchEnd, JournalError> {
    let Some(archive) = open(&parameters.data, shared)? else { return Ok(SearchEnd::Complete) };
    let (oldest, newest) = archive.span(parameters.profile)?;
    let end = parameters.before.min(Seq(newest.0.saturating_add(1)));
    let percent = |first: Seq| {
        let (gone, all) = (end.0.saturating_sub(first.0), end.0.saturating_sub(oldest.0).max(1));
        u8::try_from((gone.saturating_mul(100) / all).min(99)).unwrap_or(99)
    };
    let mut model = new_model(parameters);
    archive.older(parameters.profile, parameters.before, |entries| {
        let Some(first) = entries.first() else { return true };
        let (key, seq) = (first.key.clone(), first.seq);
        if matches(parameters, &mut model, &entries) {
            found.rows.push((key, entries));
            found.count += 1;
        }
        found.examined += 1;
        if model.len() >= MAX_IN_MEMORY {
            model = new_model(parameters);
        }
        if found.rows.len() >= BATCH_SIZE || found.examined.is_multiple_of(PROGRESS_INTERVAL) {
            found.send(percent(seq), None);
        }
        found.count < MAX_RESULTS && !found.closed && !shared.is_stopped()
    })?;
    Ok(if found.count < MAX_RESULTS { SearchEnd::Complete } else { SearchEnd::TooMany })
}

fn open(data: &Path, shared: &Shared) -> Result<Option<ReadOnlyJournal>, JournalError> {
    let archive = ReadOnlyJournal::open(data)?;
    let interrupter = archive.as_ref().map(ReadOnlyJournal::interrupter);
    *shared.interrupter.lock() = interrupter;
    // A stop before this point could not interrupt the reader.
    Ok(archive.filter(|_| !shared.is_stopped()))
}

fn new_model(parameters: &SearchParameters) -> Activities {
    let mut model = Activities::new(parameters.link_lifetime);
    model.set_live_from(parameters.live_from);
    model.expire(parameters.now);
    model
}

/// The full text of which a row has the beginning.
fn full_text<'a>(shown: &str, mut texts: impl Iterator<Item = Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let cut = shown.strip_suffix('…')?;
    texts.find(|text| text.starts_with(cut))
}

/// Whether an activity matches, judged by all of its entries.
fn matches(parameters: &SearchParameters, model: &mut Activities, entries: &[Entry]) -> bool {
    for entry in entries {
        model.apply(entry);
    }
    let row = entries.first().and_then(|first| model.find(&first.key)).and_then(|row| model.get(row));
    row.is_some_and(|activity| {
        let is_in_chip = parameters.status_filter == StatusFilter::All
            || activity.status().status_filter() == parameters.status_filter;
        let newest_first = || entries.iter().rev();
        let message = full_text(&activity.message(), newest_first().filter_map(text_of));
        let context = full_text(activity.whole_context(), newest_first().filter_map(context_of).map(Cow::Borrowed));
        let whole = WholeTexts { message: message.as_deref(), context: context.as_deref() };
        is_in_chip && parameters.filter.matches_whole(&activity, parameters.now, whole)
    })
}
