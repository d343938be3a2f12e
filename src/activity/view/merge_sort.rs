//! Sorts many rows in slices: rows are collected into runs, each run is sorted, and runs are merged in pairs. Until it has
//! finished, the first rows found so far are visible.

use std::collections::VecDeque;

use super::chunked_list::{CHUNK_SIZE, Chunks, Compare};
use super::sort_order::SortEntry;

/// Number of entries sorted at once: well under a millisecond's work.
const RUN_LENGTH: usize = 8 * 1024;
/// Number of rows visible before all are sorted: more than a screenful.
const PREVIEW_LENGTH: usize = 200;

/// A list that is being sorted.
#[derive(Debug, Default)]
pub(crate) struct MergeSort {
    /// Found and not sorted yet.
    gathered: Vec<SortEntry>,
    /// The sorted runs.
    runs: VecDeque<Chunks>,
    merge: Option<Merge>,
    /// The first of those found so far, sorted.
    preview: Vec<SortEntry>,
    /// Number of rows found.
    found: usize,
    /// Number of rows moved by merging.
    moved: usize,
}

/// Two runs that are merged into one.
#[derive(Debug)]
struct Merge {
    left: Run,
    right: Run,
    merged: Chunks,
}

/// A run that is consumed from its front.
#[derive(Debug)]
struct Run {
    chunks: Chunks,
    /// Number of entries consumed from the first chunk.
    at: usize,
}

impl Run {
    fn first(&self) -> Option<&SortEntry> {
        self.chunks.front()?.get(self.at)
    }

    fn take(&mut self) {
        self.at += 1;
        if self.chunks.front().is_some_and(|chunk| self.at >= chunk.len()) {
            self.chunks.pop_front();
            self.at = 0;
        }
    }
}

impl MergeSort {
    pub(crate) fn add(&mut self, entry: SortEntry, compare: &impl Compare) {
        self.found += 1;
        self.gathered.push(entry);
        let is_seen = self.preview.len() < PREVIEW_LENGTH
            || self.preview.last().is_some_and(|last| compare(&entry, last).is_lt());
        if is_seen {
            let at = self.preview.partition_point(|other| compare(other, &entry).is_lt());
            self.preview.insert(at, entry);
            self.preview.truncate(PREVIEW_LENGTH);
        }
        if self.gathered.len() == RUN_LENGTH {
            self.end_run(compare);
        }
    }

    fn end_run(&mut self, compare: &impl Compare) {
        let mut run = std::mem::take(&mut self.gathered);
        run.sort_unstable_by(compare);
        if !run.is_empty() {
            self.runs.push_back(run.chunks(CHUNK_SIZE).map(<[SortEntry]>::to_vec).collect());
        }
    }

    /// The visible rows so far.
    pub(crate) fn preview(&self) -> &[SortEntry] {
        &self.preview
    }

    /// Merges about `budget` entries, after the last row was added. Returns the whole list once it is sorted.
    pub(crate) fn merge(&mut self, budget: usize, compare: &impl Compare) -> Option<Chunks> {
        self.end_run(compare);
        let mut remaining = budget;
        loop {
            let Some(mut merge) = self.merge.take().or_else(|| self.next_merge()) else {
                return Some(self.runs.pop_front().unwrap_or_default());
            };
            let moved = merge.step(remaining, compare);
            self.moved += moved;
            remaining -= moved;
            if merge.left.first().is_some() || merge.right.first().is_some() {
                self.merge = Some(merge);
                return None;
            }
            self.runs.push_back(merge.merged);
        }
    }

    fn next_merge(&mut self) -> Option<Merge> {
        if self.runs.len() < 2 {
            return None;
        }
        let mut run = || self.runs.pop_front().map(|chunks| Run { chunks, at: 0 });
        Some(Merge { left: run()?, right: run()?, merged: Chunks::new() })
    }

    /// The progress of merging, in thousandths.
    pub(crate) fn done(&self) -> usize {
        let levels = (self.found / RUN_LENGTH + 1).next_power_of_two().trailing_zeros() as usize;
        (self.moved * 1_000 / (self.found * levels).max(1)).min(1_000)
    }
}

impl Merge {
    /// Moves up to `budget` entries; returns their number.
    fn step(&mut self, budget: usize, compare: &impl Compare) -> usize {
        let mut chunk = match self.merged.back_mut() {
            Some(last) if last.len() < CHUNK_SIZE => self.merged.pop_back().unwrap_or_default(),
            _ => Vec::with_capacity(CHUNK_SIZE),
        };
        let mut moved = 0;
        while moved < budget {
            let from_left = match (self.left.first(), self.right.first()) {
                (Some(left), Some(right)) => compare(left, right).is_lt(),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            let run = if from_left { &mut self.left } else { &mut self.right };
            if let Some(first) = run.first() {
                chunk.push(*first);
            }
            run.take();
            moved += 1;
            if chunk.len() == CHUNK_SIZE {
                self.merged.push_back(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_SIZE)));
            }
        }
        if !chunk.is_empty() {
            self.merged.push_back(chunk);
        }
        moved
    }
}
