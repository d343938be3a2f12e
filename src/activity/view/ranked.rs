//! A long sorted list in which inserting or removing a row only costs a short copy.
//!
//! It is stored in pieces of a few hundred slots. [`Ranked::recount`] recounts them after a batch of changes; until then indices
//! refer to the state before the batch.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::order::Slot;

/// Initial number of slots in a piece; it is split at twice that.
pub(crate) const CHUNK_SIZE: usize = 512;

/// Sorted slots in non-empty pieces.
pub(crate) type Pieces = VecDeque<Vec<Slot>>;

#[derive(Debug, Default)]
pub(crate) struct Ranked {
    chunks: Pieces,
    /// Number of slots before each piece and, at the end, in total.
    before: Vec<usize>,
}

/// A comparison of two slots.
pub(crate) trait Compare: Fn(&Slot, &Slot) -> Ordering {}
impl<F: Fn(&Slot, &Slot) -> Ordering> Compare for F {}

impl Ranked {
    /// A list of slots that are already sorted.
    pub(crate) fn of(chunks: Pieces) -> Self {
        let mut ranked = Self { chunks, before: Vec::new() };
        ranked.recount();
        ranked
    }

    /// Recounts. Call it after every batch of changes.
    pub(crate) fn recount(&mut self) {
        self.before.clear();
        let mut count = 0;
        self.before.push(0);
        self.before.extend(self.chunks.iter().map(|piece| {
            count += piece.len();
            count
        }));
    }

    pub(crate) fn len(&self) -> usize {
        self.before.last().copied().unwrap_or(0)
    }

    /// The slot at an index, from 0.
    pub(crate) fn get(&self, index: usize) -> Option<&Slot> {
        let piece = self.before.partition_point(|&before| before <= index).checked_sub(1)?;
        self.chunks.get(piece)?.get(index - self.before.get(piece)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.chunks.iter().flatten()
    }

    /// The piece, and the position in it, where a slot is or would be.
    fn find(&self, slot: &Slot, compare: &impl Compare) -> (usize, Result<usize, usize>) {
        let comes_before = |piece: &Vec<Slot>| piece.last().is_some_and(|last| compare(last, slot) == Ordering::Less);
        let at = self.chunks.partition_point(comes_before).min(self.chunks.len().saturating_sub(1));
        let within = self.chunks.get(at).map_or(Err(0), |piece| piece.binary_search_by(|other| compare(other, slot)));
        (at, within)
    }

    /// The index of a slot.
    pub(crate) fn position(&self, slot: &Slot, compare: &impl Compare) -> Option<usize> {
        let (piece, within) = self.find(slot, compare);
        Some(self.before.get(piece)? + within.ok()?)
    }

    /// Inserts a slot at its place.
    pub(crate) fn insert(&mut self, slot: Slot, compare: &impl Compare) {
        let (at, within) = self.find(&slot, compare);
        let (Ok(within) | Err(within)) = within;
        let Some(piece) = self.chunks.get_mut(at) else {
            self.chunks.push_back(vec![slot]);
            return;
        };
        piece.insert(within, slot);
        if piece.len() >= 2 * CHUNK_SIZE {
            let second = piece.split_off(CHUNK_SIZE);
            self.chunks.insert(at + 1, second);
        }
    }

    pub(crate) fn remove(&mut self, slot: &Slot, compare: &impl Compare) {
        let (mut at, within) = self.find(slot, compare);
        let mut within = within.ok().filter(|&within| self.row_at(at, within) == Some(slot.row));
        if within.is_none() {
            // A text that only the row has may have changed meanwhile, so a search by order can miss it.
            for (index, piece) in self.chunks.iter().enumerate() {
                if let Some(found) = piece.iter().position(|other| other.row == slot.row) {
                    (at, within) = (index, Some(found));
                    break;
                }
            }
        }
        if let (Some(piece), Some(within)) = (self.chunks.get_mut(at), within) {
            piece.remove(within);
            if piece.is_empty() {
                self.chunks.remove(at);
            }
        }
    }

    fn row_at(&self, piece: usize, within: usize) -> Option<u32> {
        self.chunks.get(piece)?.get(within).map(|slot| slot.row)
    }

    /// Appends slots that come after all others, in order.
    pub(crate) fn append(&mut self, slots: &[Slot]) {
        let mut rest = slots;
        if let Some(last) = self.chunks.back_mut() {
            let (fits, others) = rest.split_at(rest.len().min(CHUNK_SIZE.saturating_sub(last.len())));
            last.extend_from_slice(fits);
            rest = others;
        }
        self.chunks.extend(rest.chunks(CHUNK_SIZE).map(<[Slot]>::to_vec));
    }
}
