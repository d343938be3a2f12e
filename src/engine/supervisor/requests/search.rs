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
const MOST: usize = 10_000;
/// How many results are sent in one event.
const TOGETHER: usize = 100;
/// How many activities are examined between two progress reports.
const LOOKED_AT: usize = 5_000;
/// After how many examined activities their memory is freed.
const IN_MEMORY: usize = 1_000;
/// Events in the queue to the window.
const REPORTS: usize = 4;

/// The parameters of a search.
struct Wanted {
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
        let wanted = Wanted {
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
            let looking = spawner.blocking("searching the journal", move || look(&wanted, &shared, &reports));
            while let Some(event) = reported.recv().await {
                event_sender.restored(event).await;
            }
            looking.await;
        };
        profile_state.context.spawner.spawn("searching the journal", searching);
    }
}

/// Searches, and reports how it ended unless it was stopped.
fn look(wanted: &Wanted, shared: &Shared, reports: &mpsc::Sender<Event>) {
    let mut found = Found { wanted, reports, rows: Vec::new(), count: 0, looked_at: 0, closed: false };
    let end = match search(wanted, shared, &mut found) {
        Ok(end) => end,
        Err(_) if shared.is_stopped() => return,
        Err(error) => {
            tracing::warn!(%error, "the journal could not be searched");
            SearchEnd::Failed
        }
    };
    if !shared.is_stopped() {
        found.tell(100, Some(end));
    }
}

/// Results that were not sent yet.
struct Found<'a> {
    wanted: &'a Wanted,
    reports: &'a mpsc::Sender<Event>,
    rows: Vec<(ActivityKey, Vec<Entry>)>,
    count: usize,
    looked_at: usize,
    /// Whether the receiver is gone.
    closed: bool,
}

impl Found<'_> {
    fn tell(&mut self, percent: u8, end: Option<SearchEnd>) {
        let Wanted { profile, search, .. } = *self.wanted;
        let event = Event::Found { profile, search, rows: std::mem::take(&mut self.rows), percent, end };
        self.closed |= self.reports.blocking_send(event).is_err();
    }
}

fn search(wanted: &Wanted, shared: &Shared, found: &mut Found<'_>) -> Result<SearchEnd, JournalError> {
    let Some(archive) = open(&wanted.data, shared)? else { return Ok(SearchEnd::Complete) };
    let (oldest, newest) = archive.span(wanted.profile)?;
    let end = wanted.before.min(Seq(newest.0.saturating_add(1)));
    let percent = |first: Seq| {
        let (gone, all) = (end.0.saturating_sub(first.0), end.0.saturating_sub(oldest.0).max(1));
        u8::try_from((gone.saturating_mul(100) / all).min(99)).unwrap_or(99)
    };
    let mut model = fresh(wanted);
    archive.older(wanted.profile, wanted.before, |entries| {
        let Some(first) = entries.first() else { return true };
        let (key, seq) = (first.key.clone(), first.seq);
        if is_wanted(wanted, &mut model, &entries) {
            found.rows.push((key, entries));
            found.count += 1;
        }
        found.looked_at += 1;
        if model.len() >= IN_MEMORY {
            model = fresh(wanted);
        }
        if found.rows.len() >= TOGETHER || found.looked_at.is_multiple_of(LOOKED_AT) {
            found.tell(percent(seq), None);
        }
        found.count < MOST && !found.closed && !shared.is_stopped()
    })?;
    Ok(if found.count < MOST { SearchEnd::Complete } else { SearchEnd::TooMany })
}

fn open(data: &Path, shared: &Shared) -> Result<Option<ReadOnlyJournal>, JournalError> {
    let archive = ReadOnlyJournal::open(data)?;
    let interrupter = archive.as_ref().map(ReadOnlyJournal::interrupter);
    *shared.interrupter.lock() = interrupter;
    // A stop before this point could not interrupt the reader.
    Ok(archive.filter(|_| !shared.is_stopped()))
}

fn fresh(wanted: &Wanted) -> Activities {
    let mut model = Activities::new(wanted.link_lifetime);
    model.set_live_from(wanted.live_from);
    model.expire(wanted.now);
    model
}

/// The full text of which a row has the beginning.
fn whole_of<'a>(shown: &str, mut texts: impl Iterator<Item = Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let cut = shown.strip_suffix('…')?;
    texts.find(|text| text.starts_with(cut))
}

/// Whether an activity matches, judged by all of its entries.
fn is_wanted(wanted: &Wanted, model: &mut Activities, entries: &[Entry]) -> bool {
    for entry in entries {
        model.apply(entry);
    }
    let row = entries.first().and_then(|first| model.find(&first.key)).and_then(|row| model.get(row));
    row.is_some_and(|activity| {
        let is_in_chip =
            wanted.status_filter == StatusFilter::All || activity.status().status_filter() == wanted.status_filter;
        let newest_first = || entries.iter().rev();
        let message = whole_of(&activity.message(), newest_first().filter_map(text_of));
        let context = whole_of(activity.whole_context(), newest_first().filter_map(context_of).map(Cow::Borrowed));
        let whole = WholeTexts { message: message.as_deref(), context: context.as_deref() };
        is_in_chip && wanted.filter.matches_whole(&activity, wanted.now, whole)
    })
}
