//! The way up: what the engine tells the window, bounded, with a doorbell.
//!
//! What is true now is a value ([`EngineStatus`]), of which the window reads the newest; what happened is an event, in order.
//! The engine never waits for the window. Where the window does not drain, entries that were committed are remembered as
//! "lagging from" and read from the journal later, and what is restored waits for room. So are entries of a profile that the
//! settings do not list yet: the window has nowhere to show them. So memory stays bounded and nothing is dropped. The waker
//! is called once for a burst: the bell stays rung until the window begins to drain.

pub(crate) mod state_values;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::activity::{Entry, Seq};
use crate::protocol::RequestId;
use crate::settings::ProfileId;

use super::event::{Event, Notice, Severity};
use super::status::EngineStatus;

/// Wakes the window. Called from any thread of the engine; must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// How many bytes of entries may wait for the window before it lags.
pub(crate) const ENTRIES_LIMIT: usize = 32 * 1024 * 1024;
/// How many bytes of restored entries may wait: less, so that live ones find room.
const RESTORED_LIMIT: usize = 8 * 1024 * 1024;
/// From how many waiting events on an answer replaces its older self, and entries lag.
pub(crate) const EVENTS_LIMIT: usize = 1024;
/// How many notices may wait; more are counted.
const NOTICES_LIMIT: usize = 128;
/// The log's target for notices: who shows each of them anyway leaves it out.
pub const NOTICES_LOG: &str = "privicore_monitor::notices";
/// The largest batch that a later one is joined to.
const JOIN_LIMIT: usize = 4096;

/// The two ends of the way up.
pub(crate) fn pair(waker: Waker) -> (EventSender, EventReceiver) {
    let shared = Arc::new(Shared {
        event_queue: Mutex::new(EventQueue::default()),
        revision: AtomicU64::new(0),
        woken: AtomicBool::new(false),
        waker,
        room: Notify::new(),
    });
    (EventSender(shared.clone()), EventReceiver { shared, seen: AtomicU64::new(0) })
}

/// The window's end: what is true now, and what happened, in order.
pub struct EventReceiver {
    shared: Arc<Shared>,
    /// The revision of the status that was given last.
    seen: AtomicU64,
}

impl EventReceiver {
    /// Lowers the bell: what comes from here on rings it again. Call it before the first [`EventReceiver::status`] and
    /// [`EventReceiver::try_next`] of a drain.
    pub fn begin_drain(&self) {
        self.shared.woken.store(false, Ordering::SeqCst);
    }

    /// The newest state of everything, if it has changed since this was last asked. Costs next to nothing if not. Take it
    /// before each event: an event may be of a profile that only the newest settings list.
    #[must_use]
    pub fn status(&self) -> Option<EngineStatus> {
        if self.shared.revision.load(Ordering::SeqCst) == self.seen.load(Ordering::SeqCst) {
            return None;
        }
        let event_queue = self.shared.lock();
        // Changed only under the lock.
        self.seen.store(self.shared.revision.load(Ordering::SeqCst), Ordering::SeqCst);
        Some(event_queue.status.clone())
    }

    /// The next event, if there is one. Never waits.
    #[must_use]
    pub fn try_next(&self) -> Option<Event> {
        let (event, room) = {
            let mut event_queue = self.shared.lock();
            let event = event_queue.next();
            (event, event_queue.weight < RESTORED_LIMIT)
        };
        if room {
            self.shared.room.notify_waiters();
        }
        event
    }
}

impl fmt::Debug for EventReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// The engine's end.
#[derive(Clone)]
pub(crate) struct EventSender(Arc<Shared>);

impl fmt::Debug for EventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

impl EventSender {
    /// Tells what happened: anything but entries and notices, which have their own ways.
    pub(crate) fn post(&self, event: Event) {
        self.0.lock().post(event);
        self.0.ring();
    }

    /// Tells the operator something.
    pub(crate) fn notice(&self, notice: Notice) {
        self.0.lock().notice(notice);
        self.0.ring();
    }

    /// Tells entries that were committed. Where there is no room the window is told later, from the journal.
    pub(crate) fn committed(&self, profile: ProfileId, entries: Vec<Entry>) {
        let lagging = self.0.lock().committed(profile, entries);
        if lagging {
            // The one that reads the journal for the window looks whether there is room.
            self.0.room.notify_waiters();
        }
        self.0.ring();
    }

    /// Tells entries that were restored, when there is room.
    pub(crate) async fn restored(&self, event: Event) {
        self.wait_for(|event_queue| (event_queue.weight < RESTORED_LIMIT).then_some(())).await;
        self.0.lock().push(event);
        self.0.ring();
    }

    /// Waits until a profile lags and there is room for it; says from which entry on.
    pub(crate) async fn lagging(&self) -> (ProfileId, Seq) {
        self.wait_for(|event_queue| {
            let (profile, lag) = event_queue.lagging.iter().find(|(profile, _)| event_queue.is_listed(**profile))?;
            (event_queue.weight < RESTORED_LIMIT).then_some((*profile, lag.from))
        })
        .await
    }

    /// Tells entries that the journal refuses. Says whether the window will see them: not where it lags behind; it is then
    /// told when they are committed.
    pub(crate) fn not_kept(&self, profile: ProfileId, entries: Vec<Entry>) -> bool {
        let told = self.0.lock().not_kept(profile, entries);
        self.0.ring();
        told
    }

    /// Tells entries that were read from the journal for a profile that lags.
    pub(crate) fn caught_up(&self, profile: ProfileId, entries: Vec<Entry>) {
        self.0.lock().caught_up(profile, entries);
        self.0.ring();
    }

    /// Forgets what waits of a profile.
    pub(crate) fn forget(&self, profile: ProfileId) {
        self.0.lock().forget(profile);
    }

    /// Waits until the mailbox answers. Each look is at the mailbox as it is after the last change.
    async fn wait_for<T>(&self, mut look: impl FnMut(&EventQueue) -> Option<T>) -> T {
        loop {
            let changed = self.0.room.notified();
            tokio::pin!(changed);
            // Enabled before the look, so that a change between the look and the wait is not missed.
            changed.as_mut().enable();
            if let Some(answer) = look(&self.0.lock()) {
                return answer;
            }
            changed.await;
        }
    }
}

/// What both ends hold.
struct Shared {
    event_queue: Mutex<EventQueue>,
    /// Counts the changes of the status. Changed only under the mailbox's lock.
    revision: AtomicU64,
    woken: AtomicBool,
    waker: Waker,
    room: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, EventQueue> {
        // The mailbox is whole after every statement, also where a panic went through.
        self.event_queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            (self.waker)();
        }
    }
}

/// Entries that the window was not told of.
struct Backlog {
    from: Seq,
    newest: Seq,
}

/// What is true now, and what waits for the window.
#[derive(Default)]
struct EventQueue {
    status: EngineStatus,
    downloads: Downloads,
    /// How many problems were reported.
    problems: u64,
    /// Every status that a profile has had, for tests of what passes quickly.
    #[cfg(test)]
    history: VecDeque<super::status::ProfileStatus>,
    queue: VecDeque<Event>,
    /// Bytes of the entries in the queue.
    weight: usize,
    notices: usize,
    notices_left_out: usize,
    lagging: BTreeMap<ProfileId, Backlog>,
    /// The newest committed entry of each profile that was put into the queue. The journal may give entries to a window that
    /// lags before they are announced: the announcement then brings nothing new.
    queued_up_to: BTreeMap<ProfileId, Seq>,
}

impl EventQueue {
    fn next(&mut self) -> Option<Event> {
        let Some(event) = self.queue.pop_front() else {
            let left_out = std::mem::take(&mut self.notices_left_out);
            return (left_out > 0).then(|| {
                Event::Notice(Notice::new(
                    Severity::Warning,
                    None,
                    format!("{left_out} more notices came while the window was busy; the log has them."),
                ))
            });
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

    /// Whether the settings list a profile, so that the window can show its entries.
    fn is_listed(&self, profile: ProfileId) -> bool {
        self.status.settings.as_ref().is_some_and(|settings| settings.profile(profile).is_some())
    }

    fn post(&mut self, event: Event) {
        if matches!(event, Event::Export(_)) || self.queue.len() >= EVENTS_LIMIT {
            let slot = CoalesceKey::of(&event);
            if slot.is_some() {
                self.remove_where(|waiting| CoalesceKey::of(waiting) == slot);
            }
        }
        self.push(event);
    }

    fn notice(&mut self, notice: Notice) {
        let waits = |event: &Event| {
            matches!(event, Event::Notice(waiting)
                if waiting.sentence == notice.sentence && waiting.profile == notice.profile)
        };
        if self.queue.iter().any(waits) {
            return;
        }
        if self.notices >= NOTICES_LIMIT {
            // Nobody shows it: it is in the log, whoever leaves out notices that are shown.
            tracing::warn!("{}", notice.sentence);
            self.notices_left_out += 1;
            return;
        }
        log(&notice);
        self.notices += 1;
        self.push(Event::Notice(notice));
    }

    /// Whether the profile lags afterwards.
    fn committed(&mut self, profile: ProfileId, mut entries: Vec<Entry>) -> bool {
        self.drop_queued(profile, &mut entries);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return false };
        let (first, last) = (first.seq, last.seq);
        if let Some(lag) = self.lagging.get_mut(&profile) {
            lag.newest = lag.newest.max(last);
            return true;
        }
        let weight = weight_of_entries(&entries);
        let room = self.weight.saturating_add(weight) <= ENTRIES_LIMIT && self.queue.len() < EVENTS_LIMIT;
        if !room || !self.is_listed(profile) {
            self.lagging.insert(profile, Backlog { from: first, newest: last });
            return true;
        }
        self.queued_up_to.insert(profile, last);
        if let Some(Event::Committed { profile: waiting_profile, entries: waiting }) = self.queue.back_mut()
            && *waiting_profile == profile
            && waiting.len() + entries.len() <= JOIN_LIMIT
        {
            waiting.extend(entries);
            self.weight = self.weight.saturating_add(weight);
        } else {
            self.push(Event::Committed { profile, entries });
        }
        false
    }

    /// Whether there was room.
    fn not_kept(&mut self, profile: ProfileId, entries: Vec<Entry>) -> bool {
        let weight = weight_of_entries(&entries);
        let room = self.weight.saturating_add(weight) <= ENTRIES_LIMIT && self.queue.len() < EVENTS_LIMIT;
        let told = room && self.is_listed(profile) && !self.lagging.contains_key(&profile);
        if told {
            self.push(Event::NotKept { profile, entries });
        }
        told
    }

    /// Removes entries that are in the queue already, or were taken out of it.
    fn drop_queued(&self, profile: ProfileId, entries: &mut Vec<Entry>) {
        if let (Some(queued), Some(first)) = (self.queued_up_to.get(&profile), entries.first())
            && first.seq <= *queued
        {
            entries.retain(|entry| entry.seq > *queued);
        }
    }

    fn caught_up(&mut self, profile: ProfileId, mut entries: Vec<Entry>) {
        self.drop_queued(profile, &mut entries);
        let Some(lag) = self.lagging.get_mut(&profile) else { return };
        // Read before the profile was forgotten, for an earlier lag.
        entries.retain(|entry| entry.seq >= lag.from);
        match entries.last() {
            Some(last) if last.seq < lag.newest => lag.from = Seq(last.seq.0.saturating_add(1)),
            // Nothing more in the journal, or all that was committed: up to date.
            _ => {
                self.lagging.remove(&profile);
            }
        }
        if let Some(last) = entries.last() {
            self.queued_up_to.insert(profile, last.seq);
            self.push(Event::Committed { profile, entries });
        }
    }

    fn forget(&mut self, profile: ProfileId) {
        self.lagging.remove(&profile);
        self.queued_up_to.remove(&profile);
        self.remove_where(|event| match event {
            Event::Committed { profile: of, .. }
            | Event::Restored { profile: of, .. }
            | Event::NotKept { profile: of, .. }
            | Event::Revealed { profile: of, .. }
            | Event::Kept { profile: of, .. } => *of == profile,
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

/// Events of which only the newest matters.
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
            Event::Restored { .. }
            | Event::Committed { .. }
            | Event::NotKept { .. }
            | Event::Kept { .. }
            | Event::Forgotten { .. }
            | Event::ReadBack { .. }
            | Event::WholeTexts { .. }
            | Event::Older { .. }
            | Event::OlderEntries { .. }
            | Event::Found { .. }
            | Event::Purged { .. }
            | Event::Notice(_)
            | Event::Stopped => return None,
        })
    }
}

fn log(notice: &Notice) {
    match notice.severity {
        Severity::Info => tracing::info!(target: NOTICES_LOG, "{}", notice.sentence),
        Severity::Warning => tracing::warn!(target: NOTICES_LOG, "{}", notice.sentence),
        Severity::Error => tracing::error!(target: NOTICES_LOG, "{}", notice.sentence),
    }
}

/// About how many bytes a key takes.
const WEIGHT_OF_KEY: usize = 64;

fn weight_of(event: &Event) -> usize {
    match event {
        Event::Restored { entries, .. }
        | Event::Committed { entries, .. }
        | Event::NotKept { entries, .. }
        | Event::History { entries, .. } => weight_of_entries(entries),
        Event::ReadBack { rows, .. } | Event::Found { rows, .. } => {
            rows.iter().map(|(_, entries)| weight_of_entries(entries)).sum()
        }
        Event::OlderEntries { entries, .. } => entries.len() * WEIGHT_OF_KEY,
        Event::Revealed { messages, .. } => messages.iter().map(|(_, message)| message.expose().len()).sum(),
        Event::WholeTexts { texts, .. } => texts.iter().map(|(_, text)| text.len()).sum(),
        _ => 0,
    }
}

/// About how many bytes entries take.
pub(crate) fn weight_of_entries(entries: &[Entry]) -> usize {
    entries.iter().map(Entry::weight).fold(0, usize::saturating_add)
}

/// The two ends of the way up, with a profile that the settings list.
#[cfg(test)]
pub(crate) fn pair_of(profile: ProfileId, waker: Waker) -> (EventSender, EventReceiver) {
    let (event_sender, events) = pair(waker);
    let profile = crate::settings::Profile { id: profile, ..Default::default() };
    event_sender.settings(&crate::settings::Settings { profiles: vec![profile], ..Default::default() }, 0);
    events.begin_drain();
    (event_sender, events)
}

#[cfg(test)]
impl EventReceiver {
    /// The next status that a profile has had, whichever.
    pub(crate) fn next_profile_status(&self) -> Option<super::status::ProfileStatus> {
        self.shared.lock().history.pop_front()
    }

    /// The next problem that was reported after the one of the number, as its notice.
    pub(crate) fn next_problem(&self, known: &mut u64) -> Option<Event> {
        let problems = self.shared.lock().status.problems.clone();
        let problem = problems.into_iter().find(|problem| problem.number > *known)?;
        *known = problem.number;
        Some(Event::Notice(problem.notice()))
    }
}

#[cfg(test)]
impl EventSender {
    /// How many events wait for the window, and how many bytes of entries.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let event_queue = self.0.lock();
        (event_queue.queue.len(), event_queue.weight)
    }
}

/// Which [`ShownDownload`] is the newest of its request.
#[derive(Default)]
pub(crate) struct Downloads {
    pub(crate) owners: BTreeMap<(ProfileId, RequestId), u64>,
    pub(crate) count: u64,
}

#[cfg(test)]
mod tests;
