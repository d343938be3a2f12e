//! A long sorted list in which inserting or removing a row only costs a short copy.
//!
//! It is stored in chunks of a few hundred entries. [`ChunkedList::recount`] recounts them after a batch of changes; until then
//! indices refer to the state before the batch.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::sort_order::SortEntry;

/// Initial number of entries in a chunk; it is split at twice that.
pub(crate) const CHUNK_SIZE: usize = 512;

/// Sorted entries in non-empty chunks.
pub(crate) type Chunks = VecDeque<Vec<SortEntry>>;

#[derive(Debug, Default)]
pub(crate) struct ChunkedList {
    chunks: Chunks,
    /// Number of entries before each chunk and, at the end, in total.
    before: Vec<usize>,
}

/// A comparison of two entries.
pub(crate) trait Compare: Fn(&SortEntry, &SortEntry) -> Ordering {}
impl<F: Fn(&SortEntry, &SortEntry) -> Ordering> Compare for F {}

impl ChunkedList {
    /// A list of entries that are already sorted.
    pub(crate) fn of(chunks: Chunks) -> Self {
        let mut list = Self { chunks, before: Vec::new() };
        list.recount();
        list
    }

    /// Recounts. Call it after every batch of changes.
    pub(crate) fn recount(&mut self) {
        self.before.clear();
        let mut count = 0;
        self.before.push(0);
        self.before.extend(self.chunks.iter().map(|chunk| {
            count += chunk.len();
            count
        }));
    }

    pub(crate) fn len(&self) -> usize {
        self.before.last().copied().unwrap_or(0)
    }

    /// The entry at an index, from 0.
    pub(crate) fn get(&self, index: usize) -> Option<&SortEntry> {
        let chunk = self.before.partition_point(|&before| before <= index).checked_sub(1)?;
        self.chunks.get(chunk)?.get(index - self.before.get(chunk)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &SortEntry> {
        self.chunks.iter().flatten()
    }

    /// The chunk, and the position in it, where a entry is or would be.
    fn find(&self, entry: &SortEntry, compare: &impl Compare) -> (usize, Result<usize, usize>) {
        let comes_before =
            |chunk: &Vec<SortEntry>| chunk.last().is_some_and(|last| compare(last, entry) == Ordering::Less);
        let at = self.chunks.partition_point(comes_before).min(self.chunks.len().saturating_sub(1));
        let within = self.chunks.get(at).map_or(Err(0), |chunk| chunk.binary_search_by(|other| compare(other, entry)));
        (at, within)
    }

    /// The index of a entry.
    pub(crate) fn position(&self, entry: &SortEntry, compare: &impl Compare) -> Option<usize> {
        let (chunk, within) = self.find(entry, compare);
        Some(self.before.get(chunk)? + within.ok()?)
    }

    /// Inserts a entry at its place.
    pub(crate) fn insert(&mut self, entry: SortEntry, compare: &impl Compare) {
        let (at, within) = self.find(&entry, compare);
        let (Ok(within) | Err(within)) = within;
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push_back(vec![entry]);
            return;
        };
        chunk.insert(within, entry);
        if chunk.len() >= 2 * CHUNK_SIZE {
            let second = chunk.split_off(CHUNK_SIZE);
            self.chunks.insert(at + 1, second);
        }
    }

    pub(crate) fn remove(&mut self, entry: &SortEntry, compare: &impl Compare) {
        let (mut at, within) = self.find(entry, compare);
        let mut within = within.ok().filter(|&within| self.row_at(at, within) == Some(entry.row));
        if within.is_none() {
            // A text that only the row has may have changed meanwhile, so a search by order can miss it.
            for (index, chunk) in self.chunks.iter().enumerate() {
                if let Some(found) = chunk.iter().position(|other| other.row == entry.row) {
                    (at, within) = (index, Some(found));
                    break;
                }
            }
        }
        if let (Some(chunk), Some(within)) = (self.chunks.get_mut(at), within) {
            chunk.remove(within);
            if chunk.is_empty() {
                self.chunks.remove(at);
            }
        }
    }

    fn row_at(&self, chunk: usize, within: usize) -> Option<u32> {
        self.chunks.get(chunk)?.get(within).map(|entry| entry.row)
    }

    /// Appends entries that come after all others, in order.
    pub(crate) fn append(&mut self, entries: &[SortEntry]) {
        let mut rest = entries;
        if let Some(last) = self.chunks.back_mut() {
            let (fits, others) = rest.split_at(rest.len().min(CHUNK_SIZE.saturating_sub(last.len())));
            last.extend_from_slice(fits);
            rest = others;
        }
        self.chunks.extend(rest.chunks(CHUNK_SIZE).map(<[SortEntry]>::to_vec));
    }
}
