//! The bounded queue from the engine to the window, with a waker.
//!
//! Current state is a value ([`EngineStatus`]): the window reads the newest one. What happened is an event, in order. The
//! engine never waits for the window. If the window does not drain, the queue remembers from which committed entry on it
//! lags, and those entries are read from the journal later; restored entries wait for space. Entries of a profile that the
//! settings do not list yet lag as well, because the window has no tab to show them in. So memory stays bounded and nothing
//! is lost. The waker is called for each change, and has to be cheap if it was called before.

pub(crate) mod state_values;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::activity::{Entry, Seq};
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::event::{Event, Notice, Severity};
use super::notice_reason::NoticeReason;
use super::status::EngineStatus;

/// Wakes the window. Called from any engine thread after each change; must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The most bytes of entries that may be queued before the window counts as lagging.
pub(crate) const ENTRIES_LIMIT: usize = 32 * 1024 * 1024;
/// The most bytes of queued entries at which restored ones may still be added. Lower, so that live entries find space.
const RESTORED_LIMIT: usize = 8 * 1024 * 1024;
/// At this many queued events a new answer replaces the older one of its kind, and entries lag.
pub(crate) const EVENTS_LIMIT: usize = 1024;
/// The most notices that are queued; further ones are only counted.
const NOTICES_LIMIT: usize = 128;
/// The log target of notices, so that a program that shows each notice can leave them out of its log.
pub const NOTICES_LOG_TARGET: &str = "privicore_monitor::notices";
/// The largest batch that a later one is merged into, in entries.
const MERGE_LIMIT: usize = 4096;

/// Creates the two ends of the queue.
pub(crate) fn channel(waker: Waker) -> (EventSender, EventReceiver) {
    let shared = Arc::new(Shared {
        event_queue: Mutex::new(EventQueue::default()),
        revision: AtomicU64::new(0),
        waker,
        space: Notify::new(),
    });
    (EventSender(shared.clone()), EventReceiver { shared, seen: AtomicU64::new(0) })
}

/// The window's end of the queue: the current state, and the events in order.
pub struct EventReceiver {
    shared: Arc<Shared>,
    /// The status revision that was returned last.
    seen: AtomicU64,
}

impl EventReceiver {
    /// The newest status, if it has changed since the last call; costs almost nothing if not. Call it before each event,
    /// because an event may be about a profile that only the newest settings list.
    pub fn status(&self) -> Option<EngineStatus> {
        if self.shared.revision.load(Ordering::SeqCst) == self.seen.load(Ordering::SeqCst) {
            return None;
        }
        let event_queue = self.shared.event_queue.lock();
        // The revision changes only under the lock.
        self.seen.store(self.shared.revision.load(Ordering::SeqCst), Ordering::SeqCst);
        Some(event_queue.status.clone())
    }

    /// The next event, if any. Never waits.
    pub fn try_next(&self) -> Option<Event> {
        let (event, has_space) = {
            let mut event_queue = self.shared.event_queue.lock();
            let event = event_queue.next();
            (event, event_queue.weight < RESTORED_LIMIT)
        };
        if has_space {
            self.shared.space.notify_waiters();
        }
        event
    }
}

impl fmt::Debug for EventReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventReceiver")
    }
}

/// The engine's end of the queue.
#[derive(Clone)]
pub(crate) struct EventSender(Arc<Shared>);

impl fmt::Debug for EventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSender")
    }
}

impl EventSender {
    /// Queues an event other than entries and notices, which have methods of their own.
    pub(crate) fn send(&self, event: Event) {
        self.0.event_queue.lock().add(event);
        self.0.wake();
    }

    /// Queues a notice for the operator.
    pub(crate) fn send_notice(&self, notice: Notice) {
        self.0.event_queue.lock().add_notice(notice);
        self.0.wake();
    }

    /// Queues committed entries. If there is no space the window gets them later, from the journal.
    pub(crate) fn send_committed(&self, profile: ProfileId, entries: Vec<Entry>) {
        let lagging = self.0.event_queue.lock().add_committed(profile, entries);
        if lagging {
            // The task that reads the journal for the window checks whether there is space.
            self.0.space.notify_waiters();
        }
        self.0.wake();
    }

    /// Queues restored entries as soon as there is space.
    pub(crate) async fn send_restored(&self, event: Event) {
        self.wait_for(|event_queue| (event_queue.weight < RESTORED_LIMIT).then_some(())).await;
        self.0.event_queue.lock().push(event);
        self.0.wake();
    }

    /// Waits until a profile lags and there is space for its entries; returns the first entry that is missing.
    pub(crate) async fn next_lagging(&self) -> (ProfileId, Seq) {
        self.wait_for(|event_queue| {
            let (profile, lag) = event_queue.lagging.iter().find(|(profile, _)| event_queue.is_listed(**profile))?;
            (event_queue.weight < RESTORED_LIMIT).then_some((*profile, lag.from))
        })
        .await
    }

    /// Queues entries that the journal refuses. Returns whether the window will see them; if it lags it gets them only after
    /// they are committed.
    pub(crate) fn send_unpersisted(&self, profile: ProfileId, entries: Vec<Entry>) -> bool {
        let added = self.0.event_queue.lock().add_unpersisted(profile, entries);
        self.0.wake();
        added
    }

    /// Queues entries that were read from the journal for a profile that lags.
    pub(crate) fn send_caught_up(&self, profile: ProfileId, entries: Vec<Entry>) {
        self.0.event_queue.lock().add_caught_up(profile, entries);
        self.0.wake();
    }

    /// Drops the queued events of a profile.
    pub(crate) fn drop_profile(&self, profile: ProfileId) {
        self.0.event_queue.lock().drop_profile(profile);
    }

    /// Waits until `look` returns a value. Each call sees the queue as it is after the latest change.
    async fn wait_for<T>(&self, mut look: impl FnMut(&EventQueue) -> Option<T>) -> T {
        loop {
            let changed = self.0.space.notified();
            tokio::pin!(changed);
            // Enable the notification before looking, so that a change between the look and the wait is not missed.
            changed.as_mut().enable();
            if let Some(answer) = look(&self.0.event_queue.lock()) {
                return answer;
            }
            changed.await;
        }
    }
}

/// The state that both ends share.
struct Shared {
    event_queue: Mutex<EventQueue>,
    /// Counts the changes of the status. Changed only under the queue's lock.
    revision: AtomicU64,
    waker: Waker,
    space: Notify,
}

impl Shared {
    fn wake(&self) {
        (self.waker)();
    }
}

/// Entries that were not queued for the window.
struct Backlog {
    from: Seq,
    newest: Seq,
}

/// The current state and the queued events.
#[derive(Default)]
struct EventQueue {
    status: EngineStatus,
    downloads: Downloads,
    /// How many problems were reported so far.
    problems: u64,
    /// Every status that a profile has had, for tests of short-lived states.
    #[cfg(test)]
    history: VecDeque<super::status::ProfileStatus>,
    queue: VecDeque<Event>,
    /// Bytes of the queued entries.
    weight: usize,
    notices: usize,
    dropped_notices: usize,
    lagging: BTreeMap<ProfileId, Backlog>,
    /// The newest committed entry of each profile that was queued. The journal may supply entries to a lagging window before
    /// they are published; publishing them then adds nothing.
    queued_up_to: BTreeMap<ProfileId, Seq>,
}

impl EventQueue {
    fn next(&mut self) -> Option<Event> {
        let Some(event) = self.queue.pop_front() else {
            let left_out = std::mem::take(&mut self.dropped_notices);
            return (left_out > 0)
                .then(|| Event::Notice(Notice::new(Severity::Warning, None, NoticeReason::TooMany(left_out))));
        };
        self.weight = self.weight.saturating_sub(weight_of(&event));
        if matches!(event, Event::Notice(_)) {
            self.notices = self.notices.saturating_sub(1);
        }
        Some(event)
    }

    fn push(&mut self, event: Event) {
        self.weight = self.weight.saturating_add(weight_of(&event));
        self.queue.push_back(event);
    }

    /// Whether the settings list the profile, so that the window can show its entries.
    fn is_listed(&self, profile: ProfileId) -> bool {
        self.status.settings.as_ref().is_some_and(|settings| settings.profile(profile).is_some())
    }

    fn add(&mut self, event: Event) {
        if matches!(event, Event::Export(_)) || self.queue.len() >= EVENTS_LIMIT {
            let slot = CoalesceKey::of(&event);
            if slot.is_some() {
                self.remove_where(|waiting| CoalesceKey::of(waiting) == slot);
            }
        }
        self.push(event);
    }

    fn add_notice(&mut self, notice: Notice) {
        let waits = |event: &Event| {
            matches!(event, Event::Notice(waiting)
                if waiting.reason == notice.reason && waiting.profile == notice.profile)
        };
        if self.queue.iter().any(waits) {
            return;
        }
        if self.notices >= NOTICES_LIMIT {
            // The notice is not shown, so log it under another target than `NOTICES_LOG_TARGET`, which may be filtered out.
            tracing::warn!("{}", notice.reason);
            self.dropped_notices += 1;
            return;
        }
        log(&notice);
        self.notices += 1;
        self.push(Event::Notice(notice));
    }

    /// Returns whether the profile lags afterwards.
    fn add_committed(&mut self, profile: ProfileId, mut entries: Vec<Entry>) -> bool {
        self.drop_queued(profile, &mut entries);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return false };
        let (first, last) = (first.seq, last.seq);
        if let Some(lag) = self.lagging.get_mut(&profile) {
            lag.newest = lag.newest.max(last);
            return true;
        }
        let weight = weight_of_entries(&entries);
        let has_space = self.weight.saturating_add(weight) <= ENTRIES_LIMIT && self.queue.len() < EVENTS_LIMIT;
        if !has_space || !self.is_listed(profile) {
            self.lagging.insert(profile, Backlog { from: first, newest: last });
            return true;
        }
        self.queued_up_to.insert(profile, last);
        if let Some(Event::Committed { profile: waiting_profile, entries: waiting }) = self.queue.back_mut()
            && *waiting_profile == profile
            && waiting.len() + entries.len() <= MERGE_LIMIT
        {
            waiting.extend(entries);
            self.weight = self.weight.saturating_add(weight);
        } else {
            self.push(Event::Committed { profile, entries });
        }
        false
    }

    /// Returns whether there was space.
    fn add_unpersisted(&mut self, profile: ProfileId, entries: Vec<Entry>) -> bool {
        let weight = weight_of_entries(&entries);
        let has_space = self.weight.saturating_add(weight) <= ENTRIES_LIMIT && self.queue.len() < EVENTS_LIMIT;
        let accepted = has_space && self.is_listed(profile) && !self.lagging.contains_key(&profile);
        if accepted {
            self.push(Event::Unpersisted { profile, entries });
        }
        accepted
    }

    /// Removes entries that were queued before.
    fn drop_queued(&self, profile: ProfileId, entries: &mut Vec<Entry>) {
        if let (Some(queued), Some(first)) = (self.queued_up_to.get(&profile), entries.first())
            && first.seq <= *queued
        {
            entries.retain(|entry| entry.seq > *queued);
        }
    }

    fn add_caught_up(&mut self, profile: ProfileId, mut entries: Vec<Entry>) {
        self.drop_queued(profile, &mut entries);
        let Some(lag) = self.lagging.get_mut(&profile) else { return };
        // Drop entries that were read before the history was cleared, for an earlier lag.
        entries.retain(|entry| entry.seq >= lag.from);
        match entries.last() {
            Some(last) if last.seq < lag.newest => lag.from = Seq(last.seq.0.saturating_add(1)),
            // The journal has no more, or all committed entries were read: the profile no longer lags.
            _ => {
                self.lagging.remove(&profile);
            }
        }
        if let Some(last) = entries.last() {
            self.queued_up_to.insert(profile, last.seq);
            self.push(Event::Committed { profile, entries });
        }
    }

    fn drop_profile(&mut self, profile: ProfileId) {
        self.lagging.remove(&profile);
        self.queued_up_to.remove(&profile);
        self.remove_where(|event| match event {
            Event::Committed { profile: of, .. }
            | Event::Restored { profile: of, .. }
            | Event::Unpersisted { profile: of, .. }
            | Event::Revealed { profile: of, .. }
            | Event::Persisted { profile: of, .. } => *of == profile,
            _ => false,
        });
    }

    fn remove_where(&mut self, gone: impl Fn(&Event) -> bool) {
        let weight = &mut self.weight;
        self.queue.retain(|event| {
            let goes = gone(event);
            if goes {
                *weight = weight.saturating_sub(weight_of(event));
            }
            !goes
        });
    }
}

/// Events of which only the newest matters; a newer one replaces the older one with the same key.
#[derive(PartialEq, Eq)]
enum CoalesceKey {
    History(ProfileId),
    Revealed(ProfileId),
    DataTokens(ProfileId, u32),
    Export,
}

impl CoalesceKey {
    fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::History { profile, .. } => Self::History(*profile),
            Event::Revealed { profile, .. } => Self::Revealed(*profile),
            Event::Export(_) => Self::Export,
            Event::DataTokens { profile, page, .. } => Self::DataTokens(*profile, *page),
            _ => return None,
        })
    }
}

fn log(notice: &Notice) {
    match notice.severity {
        Severity::Info => tracing::info!(target: NOTICES_LOG_TARGET, "{}", notice.reason),
        Severity::Warning => tracing::warn!(target: NOTICES_LOG_TARGET, "{}", notice.reason),
        Severity::Error => tracing::error!(target: NOTICES_LOG_TARGET, "{}", notice.reason),
    }
}

/// The approximate size of a key in bytes.
const WEIGHT_OF_KEY: usize = 64;

fn weight_of(event: &Event) -> usize {
    match event {
        Event::Restored { entries, .. }
        | Event::Committed { entries, .. }
        | Event::Unpersisted { entries, .. }
        | Event::History { entries, .. } => weight_of_entries(entries),
        Event::EarlierEntries { rows, .. } | Event::SearchResults { rows, .. } => {
            rows.iter().map(|(_, entries)| weight_of_entries(entries)).sum()
        }
        Event::OlderEntries { entries, .. } => entries.len() * WEIGHT_OF_KEY,
        Event::Revealed { messages, .. } => messages.iter().map(|(_, message)| message.expose().len()).sum(),
        Event::FullTexts { texts, .. } => texts.iter().map(|(_, text)| text.len()).sum(),
        _ => 0,
    }
}

/// The approximate size of entries in bytes.
pub(crate) fn weight_of_entries(entries: &[Entry]) -> usize {
    entries.iter().map(Entry::weight).fold(0, usize::saturating_add)
}

/// The two ends of the queue, with a profile that the settings list.
#[cfg(test)]
pub(crate) fn channel_for(profile: ProfileId, waker: Waker) -> (EventSender, EventReceiver) {
    let (event_sender, events) = channel(waker);
    let profile = crate::settings::Profile { id: profile, ..Default::default() };
    event_sender.set_settings(&crate::settings::Settings { profiles: vec![profile], ..Default::default() }, 0);
    (event_sender, events)
}

#[cfg(test)]
impl EventReceiver {
    /// The next status that a profile has had, whichever profile it is.
    pub(crate) fn next_profile_status(&self) -> Option<super::status::ProfileStatus> {
        self.shared.event_queue.lock().history.pop_front()
    }

    /// The next problem with a number above `known`, as its notice.
    pub(crate) fn next_problem(&self, known: &mut u64) -> Option<Event> {
        let problems = self.shared.event_queue.lock().status.problems.clone();
        let problem = problems.into_iter().find(|problem| problem.number > *known)?;
        *known = problem.number;
        Some(Event::Notice(problem.notice()))
    }
}

#[cfg(test)]
impl EventSender {
    /// The number of queued events, and the bytes of their entries.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let event_queue = self.0.event_queue.lock();
        (event_queue.queue.len(), event_queue.weight)
    }
}

/// Which [`ShownDownload`] is the newest of each request.
#[derive(Default)]
pub(crate) struct Downloads {
    pub(crate) owners: BTreeMap<(ProfileId, RequestId), u64>,
    pub(crate) count: u64,
}

#[cfg(test)]
mod tests;
