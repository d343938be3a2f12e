//! The commands without an outcome, and what reconciliation needs to know of them.
//!
//! At the start the journal says which commands are open; from then on the committed entries do. Bounded: beyond [`MAX_OPEN`] a
//! command is not watched, and the operator is notified. The journal writer changes it, and reconciliation reads it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::activity::{
    ActivityKey, Entry, ExpectedLatency, Fact, LocalEvent, OpenState, StatusCheck, command_is_pending,
    is_lasting_outcome,
};
use crate::journal::OpenActivity;
use crate::protocol::{CommandId, CommandStatus, Message, RequestId};

use super::ready_queue::ReadyQueue;
use super::restore_index::RestoreIndex;
use super::seen_outcomes::RecentIds;
use super::session_credentials::SessionCredentials;

/// The most open commands that are watched, and the most open data requests that are counted.
const MAX_OPEN: usize = 100_000;
/// The longest pause between two status checks of a command.
const MAX_PAUSE: Duration = Duration::from_mins(10);
/// After this long without news a command is no longer checked automatically.
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// The pending commands of one profile.
#[derive(Clone, Default)]
pub(crate) struct PendingCommands(Arc<Shared>);

#[derive(Default)]
struct Shared {
    inner: Mutex<State>,
    changed: Notify,
    ready_queue: ReadyQueue,
}

/// A joined connection.
#[derive(Debug, Clone)]
pub(crate) struct JoinedSession {
    /// The credentials that it joined with.
    pub(crate) session_credentials: Arc<SessionCredentials>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<CommandId, Pending>,
    due: BTreeSet<(Instant, CommandId)>,
    requests: BTreeMap<RequestId, OpenState>,
    outcomes: RecentIds,
    /// Whether it is known what earlier runs left open.
    open_loaded: bool,
    /// Ids that were resolved before that was known.
    settled_early: HashSet<u64>,
    /// What the history says, while it is being read.
    history: RestoreIndex,
    restored: bool,
    joined: Option<JoinedSession>,
    latency: ExpectedLatency,
    given_up: usize,
    dropped: usize,
}

#[derive(Debug)]
struct Pending {
    first: Instant,
    /// When the last message or status about it arrived.
    last_update: Instant,
    due: Option<Instant>,
    /// How many status checks were made since then.
    checks: u32,
    /// Whether the journal has a status check that says "pending".
    has_pending_entry: bool,
    label: Box<str>,
}

impl PendingCommands {
    /// Waits for a change. Supports one waiter.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Updates the state from committed entries.
    pub(crate) fn add_entries(&self, entries: &[Entry]) {
        let now = Instant::now();
        let mut inner = self.0.inner.lock();
        for entry in entries {
            inner.add_entry(entry, now);
        }
        drop(inner);
        self.0.ready_queue.add_entries(entries);
        self.0.changed.notify_one();
    }

    /// The requests whose data has arrived.
    pub(crate) fn ready_queue(&self) -> &ReadyQueue {
        &self.0.ready_queue
    }

    /// Sets what earlier runs left open, according to the journal.
    pub(crate) fn load_open(&self, open: &[OpenActivity]) {
        let now = Instant::now();
        let mut inner = self.0.inner.lock();
        for activity in open {
            inner.load_open(activity, now);
        }
        inner.open_loaded = true;
        inner.settled_early = HashSet::new();
        drop(inner);
        self.0.changed.notify_one();
    }

    /// Reads restored entries of earlier runs: a chunk in ascending order, the newest chunk first.
    pub(crate) fn add_history(&self, entries: &[Entry]) {
        let mut inner = self.0.inner.lock();
        for entry in entries.iter().rev() {
            inner.add_history(entry);
        }
    }

    /// Ends the restore. `is_whole`: all entries were restored, not only the newest and those of open activities.
    pub(crate) fn finish_restore(&self, is_whole: bool) {
        let mut inner = self.0.inner.lock();
        inner.restored = true;
        inner.learn_from_history(Instant::now(), is_whole);
        drop(inner);
        self.0.changed.notify_one();
    }

    /// A connection was joined: every open command is due for a status check.
    pub(crate) fn on_joined(&self, session_credentials: Arc<SessionCredentials>) {
        let now = Instant::now();
        let mut inner = self.0.inner.lock();
        inner.joined = Some(JoinedSession { session_credentials });
        let all: Vec<CommandId> = inner.open.keys().cloned().collect();
        inner.make_due(&all, now);
        drop(inner);
        self.0.changed.notify_one();
    }

    /// The joined connection was lost.
    pub(crate) fn on_lost(&self) {
        self.0.inner.lock().joined = None;
        self.0.changed.notify_one();
    }

    /// The joined connection, if any.
    pub(crate) fn joined(&self) -> Option<JoinedSession> {
        self.0.inner.lock().joined.clone()
    }

    /// Clears everything except the connection, because the history is cleared.
    pub(crate) fn clear(&self) {
        let mut inner = self.0.inner.lock();
        let joined = inner.joined.take();
        *inner = State { joined, open_loaded: true, restored: true, ..State::default() };
    }

    /// The open commands, and the open data requests.
    pub(crate) fn open_ids(&self) -> (Vec<CommandId>, Vec<RequestId>) {
        let inner = self.0.inner.lock();
        (inner.open.keys().cloned().collect(), inner.requests.keys().cloned().collect())
    }

    /// Makes these commands due at once, if they are open. Returns how many are.
    pub(crate) fn make_due(&self, commands: &[CommandId]) -> usize {
        let count = self.0.inner.lock().make_due(commands, Instant::now());
        self.0.changed.notify_one();
        count
    }

    /// When the next status check is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.0.inner.lock().due.first().map(|(due, _)| *due)
    }

    /// Takes a command that is due now. It is not returned again before [`PendingCommands::schedule_next`].
    pub(crate) fn take_due(&self, now: Instant) -> Option<CommandId> {
        let mut inner = self.0.inner.lock();
        if inner.due.first().is_none_or(|(due, _)| *due > now) {
            return None;
        }
        let (_, command) = inner.due.pop_first()?;
        if let Some(open) = inner.open.get_mut(&command) {
            open.due = None;
        }
        Some(command)
    }

    /// Schedules the next check of a command that is still open, or whose check failed. The pauses grow.
    pub(crate) fn schedule_next(&self, command: &CommandId) {
        let now = Instant::now();
        let mut inner = self.0.inner.lock();
        let Some(open) = inner.open.get_mut(command) else { return };
        open.checks = open.checks.saturating_add(1);
        let (asked, news, label) = (open.checks, open.last_update, open.label.clone());
        if now.saturating_duration_since(news) >= GIVE_UP_AFTER {
            inner.given_up += 1;
            return;
        }
        let patience = inner.latency.of(&label).max(Duration::from_secs(1));
        let pause = patience.saturating_mul(1 << asked.min(10)).min(MAX_PAUSE);
        inner.set_due(command, now + pause);
    }

    /// Whether the journal does not have a "pending" answer yet: it is recorded once.
    pub(crate) fn is_new_pending(&self, command: &CommandId) -> bool {
        self.0.inner.lock().open.get(command).is_some_and(|open| !open.has_pending_entry)
    }

    /// How many commands were given up, and how many are not watched because there are too many, since the last call.
    pub(crate) fn shortfalls(&self) -> (usize, usize) {
        let mut inner = self.0.inner.lock();
        (std::mem::take(&mut inner.given_up), std::mem::take(&mut inner.dropped))
    }
}

impl State {
    fn add_entry(&mut self, entry: &Entry, now: Instant) {
        match (&entry.key, &entry.fact) {
            (ActivityKey::Command(id), Fact::Received(Message::Command(report))) => match report.status {
                CommandStatus::Pending => self.on_mention(id, now),
                CommandStatus::Succeeded | CommandStatus::Failed => self.on_received_outcome(id, now),
                CommandStatus::Other(_) => self.settle(id),
            },
            (ActivityKey::Command(id), Fact::StatusChecked(status_check)) => match status_check {
                StatusCheck::Known { status: CommandStatus::Pending, .. } => {
                    if !self.open.contains_key(id) {
                        self.on_mention(id, now);
                    }
                    if let Some(open) = self.open.get_mut(id) {
                        open.has_pending_entry = true;
                    }
                }
                StatusCheck::Known { status: CommandStatus::Succeeded | CommandStatus::Failed, .. } => {
                    self.on_checked_outcome(id);
                }
                StatusCheck::Known { status: CommandStatus::Other(_), .. } | StatusCheck::Unknown => self.settle(id),
            },
            (ActivityKey::Command(id), Fact::Local(LocalEvent::Tracked)) => self.on_mention(id, now),
            (ActivityKey::Command(id), Fact::Local(LocalEvent::Labelled { label })) => {
                if let Some(open) = self.open.get_mut(id) {
                    open.label = label.as_str().into();
                    let due = open.last_update + self.latency.of(label);
                    if open.due.is_some() && open.checks == 0 {
                        self.set_due(id, due);
                    }
                }
            }
            (ActivityKey::Data(id), fact) => self.add_request_entry(&entry.key, id, fact),
            _ => {}
        }
    }

    /// A message or status mentions a command that has no outcome yet, as far as known.
    fn on_mention(&mut self, id: &CommandId, now: Instant) {
        if self.outcomes.has(id.as_str()) {
            return;
        }
        let due = if let Some(open) = self.open.get_mut(id) {
            (open.last_update, open.checks) = (now, 0);
            now + self.latency.of(&open.label)
        } else if self.reopen(id, now) {
            now + self.latency.of("")
        } else {
            return;
        };
        self.set_due(id, due);
    }

    fn reopen(&mut self, id: &CommandId, now: Instant) -> bool {
        if self.open.len() >= MAX_OPEN {
            self.dropped += 1;
            return false;
        }
        let open = Pending {
            first: now,
            last_update: now,
            due: None,
            checks: 0,
            has_pending_entry: false,
            label: Box::default(),
        };
        self.open.insert(id.clone(), open);
        true
    }

    fn on_received_outcome(&mut self, id: &CommandId, now: Instant) {
        if let Some(open) = self.close(id) {
            self.latency.learn(&open.label, now.saturating_duration_since(open.first));
        }
        self.outcomes.add(id.as_str());
    }

    fn on_checked_outcome(&mut self, id: &CommandId) {
        self.close(id);
        self.outcomes.add(id.as_str());
    }

    /// The command is no longer open, without an outcome to count.
    fn settle(&mut self, id: &CommandId) {
        self.close(id);
    }

    fn close(&mut self, id: &CommandId) -> Option<Pending> {
        self.settle_early(id.as_str());
        if !self.restored {
            self.history.settle(self.outcomes.hash(id.as_str()));
        }
        let open = self.open.remove(id)?;
        if let Some(due) = open.due {
            self.due.remove(&(due, id.clone()));
        }
        Some(open)
    }

    fn add_request_entry(&mut self, key: &ActivityKey, id: &RequestId, fact: &Fact) {
        let before = self.requests.get(id).copied().unwrap_or_default();
        let after = before.after(key, fact);
        if after.is_pending() {
            // Once its data has arrived or was saved, later messages change nothing.
            let is_known = self.requests.contains_key(id);
            if is_known || (!self.outcomes.has(id.as_str()) && self.requests.len() < MAX_OPEN) {
                self.requests.insert(id.clone(), after);
            }
        } else if after.differs_from(before) {
            self.requests.remove(id);
            self.outcomes.add(id.as_str());
            self.settle_early(id.as_str());
        }
    }

    fn settle_early(&mut self, id: &str) {
        if !self.open_loaded {
            self.settled_early.insert(self.outcomes.hash(id));
        }
    }

    fn load_open(&mut self, OpenActivity { key, open_state, .. }: &OpenActivity, now: Instant) {
        let hash = self.outcomes.hash(key.id());
        if self.settled_early.contains(&hash) || !open_state.is_pending() {
            return;
        }
        match key {
            ActivityKey::Command(id) if !self.open.contains_key(id) && self.reopen(id, now) => {
                self.set_due(id, now);
            }
            ActivityKey::Data(id) if self.requests.len() < MAX_OPEN => {
                self.requests.entry(id.clone()).or_insert(*open_state);
            }
            _ => {}
        }
    }

    fn add_history(&mut self, entry: &Entry) {
        let (id, fact) = match (&entry.key, &entry.fact) {
            (ActivityKey::Command(id), Fact::Local(LocalEvent::Labelled { label })) => {
                return self.history.add_label(id, label);
            }
            (ActivityKey::Command(id), fact) => (id, fact),
            (ActivityKey::Data(id), fact) => {
                // A repeated status that came later does not hide that the data was delivered.
                let is_repeat = |open_state: &OpenState| open_state.if_settled_before().is_some();
                if is_lasting_outcome(fact) && self.requests.get(id).is_some_and(is_repeat) {
                    self.requests.remove(id);
                }
                return;
            }
            _ => return,
        };
        let hash = self.outcomes.hash(id.as_str());
        match command_is_pending(fact) {
            Some(true) => {
                self.history.add_pending(hash, entry.at);
                if let (Some(open), Fact::StatusChecked(_)) = (self.open.get_mut(id), fact) {
                    open.has_pending_entry = true;
                }
            }
            Some(false) => {
                self.history.settle(hash);
                if is_final(fact) {
                    if matches!(fact, Fact::Received(_)) {
                        self.history.add_outcome(hash, entry.at);
                    }
                    // A repeated "pending" that came later does not hide the outcome.
                    if let Some(Pending { due: Some(due), .. }) = self.open.remove(id) {
                        self.due.remove(&(due, id.clone()));
                    }
                }
            }
            None => {}
        }
    }

    /// Ends the restore: commands get their labels. A command of which the history has only a label becomes open; if only a
    /// part of the history was read, that can't be known.
    fn learn_from_history(&mut self, now: Instant, is_whole: bool) {
        let history = std::mem::take(&mut self.history);
        let named_only = |inner: &Self, id: &CommandId, history: &RestoreIndex| {
            is_whole && !history.is_settled(inner.outcomes.hash(id.as_str())) && !inner.outcomes.has(id.as_str())
        };
        let unsettled: Vec<CommandId> =
            history.labelled_commands().filter(|id| named_only(self, id, &history)).cloned().collect();
        let labels = history.finish(&mut self.latency, |id| self.outcomes.hash(id));
        for id in unsettled {
            if labels.contains_key(&id) && !self.open.contains_key(&id) && self.reopen(&id, now) {
                self.set_due(&id, now);
            }
        }
        for (id, label) in labels {
            // A label that was set in this run wins.
            if let Some(open) = self.open.get_mut(&id).filter(|open| open.label.is_empty()) {
                open.label = label;
            }
        }
    }

    fn make_due(&mut self, commands: &[CommandId], now: Instant) -> usize {
        let mut count = 0;
        for command in commands {
            let Some(open) = self.open.get_mut(command) else { continue };
            count += 1;
            open.checks = 0;
            self.set_due(command, now);
        }
        count
    }

    fn set_due(&mut self, id: &CommandId, due: Instant) {
        let Some(open) = self.open.get_mut(id) else { return };
        if let Some(before) = open.due.replace(due) {
            self.due.remove(&(before, id.clone()));
        }
        self.due.insert((due, id.clone()));
    }
}

/// Whether a fact is the final outcome of a command.
fn is_final(fact: &Fact) -> bool {
    match fact {
        Fact::Received(Message::Command(report)) => report.status.is_final(),
        Fact::StatusChecked(StatusCheck::Known { status, .. }) => status.is_final(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
