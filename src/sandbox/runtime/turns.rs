//! Runs the events of one profile in order of their due times; events with the same time run in the order in which they were
//! queued.
//!
//! Each event waits in a task of its own, which may end at any time. The order is that of the tickets, however late the
//! runtime runs a task.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// When something is due, and its number: lower numbers began earlier.
type TurnOrder = (Instant, u64);

/// What waits for one owner's turns.
#[derive(Default)]
struct WaitQueue {
    waiting: BTreeMap<TurnOrder, Arc<Notify>>,
    is_busy: bool,
}

/// The turns of all owners.
pub(crate) struct Turns<K>(Arc<Mutex<BTreeMap<K, WaitQueue>>>);

impl<K> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// A place in the line. Dropping it gives the place up.
pub(crate) struct Ticket<K: Ord> {
    turns: Turns<K>,
    owner: K,
    place: TurnOrder,
    first: Arc<Notify>,
    is_held: bool,
}

/// A turn, which lasts until it is dropped. Nothing else of its owner happens meanwhile.
pub(crate) struct Turn<K: Ord>(Ticket<K>);

impl<K: Ord + Clone> Turns<K> {
    /// Takes a place in the owner's line. Each number has one place at a time.
    pub(crate) fn enter(&self, owner: K, due: Instant, number: u64) -> Ticket<K> {
        let (place, first) = ((due, number), Arc::new(Notify::new()));
        self.0.lock().entry(owner.clone()).or_default().waiting.insert(place, Arc::clone(&first));
        Ticket { turns: self.clone(), owner, place, first, is_held: false }
    }
}

impl<K: Ord + Clone> Ticket<K> {
    /// Waits until it is due and everything before it is over.
    pub(crate) async fn turn(mut self) -> Turn<K> {
        // A timer would wait for the next millisecond.
        if Instant::now() < self.place.0 {
            sleep_until(self.place.0).await;
        }
        while !self.begin() {
            self.first.notified().await;
        }
        Turn(self)
    }

    fn begin(&mut self) -> bool {
        let mut lines = self.turns.0.lock();
        let Some(line) = lines.get_mut(&self.owner) else { return true };
        let is_first = line.waiting.first_key_value().is_none_or(|(place, _)| *place == self.place);
        self.is_held = is_first && !line.is_busy;
        if self.is_held {
            line.waiting.remove(&self.place);
            line.is_busy = true;
        }
        self.is_held
    }
}

impl<K: Ord + Clone> Turn<K> {
    /// Ends the turn and takes the place for another one, so much later.
    pub(crate) fn later(self, after: Duration) -> Ticket<K> {
        let Ticket { turns, owner, place: (due, number), .. } = &self.0;
        turns.enter(owner.clone(), *due + after, *number)
    }
}

impl<K: Ord> Drop for Ticket<K> {
    fn drop(&mut self) {
        let mut lines = self.turns.0.lock();
        let Some(line) = lines.get_mut(&self.owner) else { return };
        if self.is_held {
            line.is_busy = false;
        } else {
            line.waiting.remove(&self.place);
        }
        match line.waiting.first_key_value() {
            Some((_, first)) => first.notify_one(),
            None if line.is_busy => {}
            None => {
                lines.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests own their tasks and end with them")]
mod tests {
    use super::*;

    /// What happens, by the numbers of the tickets, if the tasks run in this order.
    async fn happened(tickets: Vec<Ticket<u8>>) -> Vec<u64> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = tickets
            .into_iter()
            .map(|ticket| {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let number = ticket.place.1;
                    let turn = ticket.turn().await;
                    // Others could run here.
                    tokio::task::yield_now().await;
                    log.lock().push(number);
                    drop(turn);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        log.lock().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_in_the_order_of_their_times_and_numbers_however_tasks_run() {
        let (turns, now) = (Turns::<u8>::default(), Instant::now());
        let second = Duration::from_secs(1);
        let tickets = [(3, 0), (1, 0), (5, 2), (4, 0), (2, 1), (0, 1)]
            .map(|(number, seconds)| turns.enter(0, now + second * seconds, number));
        assert_eq!(happened(tickets.into()).await, [1, 3, 4, 0, 2, 5]);
        assert!(turns.0.lock().is_empty(), "something is left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_that_is_given_up_and_another_owner_hold_nobody_up() {
        let (turns, now) = (Turns::<u8>::default(), Instant::now());
        let given_up = turns.enter(0, now, 0);
        let waits = tokio::spawn(turns.enter(0, now, 1).turn());
        let other = turns.enter(1, now, 2).turn().await;
        assert!(!waits.is_finished(), "it did not wait for the one before it");
        drop(given_up);
        let turn = waits.await.unwrap();
        let next = turn.later(Duration::from_secs(5));
        let between = turns.enter(0, now + Duration::from_secs(1), 9).turn().await;
        drop(between);
        assert_eq!(next.turn().await.0.place, (now + Duration::from_secs(5), 1));
        drop(other);
        assert!(turns.0.lock().is_empty(), "something is left");
    }
}
