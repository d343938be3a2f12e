//! A long list in order, into which and out of which single rows go at the cost of a short copy.
//!
//! It is kept in pieces of a few hundred slots. [`Ranked::settle`] counts them after a batch of changes; until then
//! places by number are those before it.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::order::Slot;

/// How many slots a piece begins with; it is split at twice that.
pub(crate) const PIECE: usize = 512;

/// Slots in order, in pieces that are never empty.
pub(crate) type Pieces = VecDeque<Vec<Slot>>;

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Ranked {
    pieces: Pieces,
    /// How many slots there are before each piece, and at the end, in all.
    before: Vec<usize>,
}

/// How two slots compare.
pub(crate) trait Compare: Fn(&Slot, &Slot) -> Ordering {}
impl<F: Fn(&Slot, &Slot) -> Ordering> Compare for F {}

impl Ranked {
    /// A list of what is in order already.
    pub(crate) fn of(pieces: Pieces) -> Self {
        let mut ranked = Self { pieces, before: Vec::new() };
        ranked.settle();
        ranked
    }

    /// Counts anew. After every batch of changes.
    pub(crate) fn settle(&mut self) {
        self.before.clear();
        let mut count = 0;
        self.before.push(0);
        self.before.extend(self.pieces.iter().map(|piece| {
            count += piece.len();
            count
        }));
    }

    pub(crate) fn len(&self) -> usize {
        self.before.last().copied().unwrap_or(0)
    }

    /// The slot at a place, from 0.
    pub(crate) fn get(&self, index: usize) -> Option<&Slot> {
        let piece = self.before.partition_point(|&before| before <= index).checked_sub(1)?;
        self.pieces.get(piece)?.get(index - self.before.get(piece)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().flatten()
    }

    /// Where a slot stands, or would stand: the piece and the place in it.
    fn find(&self, slot: &Slot, compare: &impl Compare) -> (usize, Result<usize, usize>) {
        let comes_before = |piece: &Vec<Slot>| piece.last().is_some_and(|last| compare(last, slot) == Ordering::Less);
        let at = self.pieces.partition_point(comes_before).min(self.pieces.len().saturating_sub(1));
        let within = self.pieces.get(at).map_or(Err(0), |piece| piece.binary_search_by(|other| compare(other, slot)));
        (at, within)
    }

    /// Where a slot stands, by number.
    pub(crate) fn position(&self, slot: &Slot, compare: &impl Compare) -> Option<usize> {
        let (piece, within) = self.find(slot, compare);
        Some(self.before.get(piece)? + within.ok()?)
    }

    /// Puts a slot where it belongs.
    pub(crate) fn insert(&mut self, slot: Slot, compare: &impl Compare) {
        let (at, within) = self.find(&slot, compare);
        let (Ok(within) | Err(within)) = within;
        let Some(piece) = self.pieces.get_mut(at) else {
            self.pieces.push_back(vec![slot]);
            return;
        };
        piece.insert(within, slot);
        if piece.len() >= 2 * PIECE {
            let second = piece.split_off(PIECE);
            self.pieces.insert(at + 1, second);
        }
    }

    /// Takes a slot out.
    pub(crate) fn remove(&mut self, slot: &Slot, compare: &impl Compare) {
        let (mut at, within) = self.find(slot, compare);
        let mut within = within.ok().filter(|&within| self.row_at(at, within) == Some(slot.row));
        if within.is_none() {
            // A text that only the row knows has changed meanwhile, so the order does not lead to it.
            for (index, piece) in self.pieces.iter().enumerate() {
                if let Some(found) = piece.iter().position(|other| other.row == slot.row) {
                    (at, within) = (index, Some(found));
                    break;
                }
            }
        }
        if let (Some(piece), Some(within)) = (self.pieces.get_mut(at), within) {
            piece.remove(within);
            if piece.is_empty() {
                self.pieces.remove(at);
            }
        }
    }

    fn row_at(&self, piece: usize, within: usize) -> Option<u32> {
        self.pieces.get(piece)?.get(within).map(|slot| slot.row)
    }

    /// Adds slots that come after all others, in order.
    pub(crate) fn append(&mut self, slots: &[Slot]) {
        let mut rest = slots;
        if let Some(last) = self.pieces.back_mut() {
            let (fits, others) = rest.split_at(rest.len().min(PIECE.saturating_sub(last.len())));
            last.extend_from_slice(fits);
            rest = others;
        }
        self.pieces.extend(rest.chunks(PIECE).map(<[Slot]>::to_vec));
    }
}
