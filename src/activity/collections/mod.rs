//! Collections that grow and shrink in small steps: a list and an index that never move a million rows at once, so that no frame
//! waits for it.

pub(crate) mod interner;
pub(crate) mod path_text;

use std::collections::BTreeSet;

use hashbrown::HashTable;

/// Number of entries in a block.
const BLOCK_SIZE: usize = 4_096;
/// Number of entries in a table of an index after a split; before its next split it has about twice as many.
const TABLE_SIZE: usize = 800;

/// A list in blocks that never move. A new entry gets a free slot in the first block that has one; an empty block is freed.
#[derive(Debug)]
pub(crate) struct ChunkedVec<T> {
    blocks: Vec<Block<T>>,
    /// Blocks with a free slot.
    open: BTreeSet<u32>,
}

#[derive(Debug)]
struct Block<T> {
    entries: Vec<Option<T>>,
    /// Freed slots.
    free: Vec<u16>,
}

impl<T> Block<T> {
    fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

impl<T> Default for Block<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Default for ChunkedVec<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), open: BTreeSet::new() }
    }
}

impl<T> ChunkedVec<T> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(Block::len).sum()
    }

    /// The index after the last one that may be in use.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.blocks.len() * BLOCK_SIZE).unwrap_or(u32::MAX)
    }

    /// The entry at an index, from 0.
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        self.blocks.get(at / BLOCK_SIZE)?.entries.get(at % BLOCK_SIZE)?.as_ref()
    }

    /// The entry at an index, from 0, for changing it.
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let at = at as usize;
        self.blocks.get_mut(at / BLOCK_SIZE)?.entries.get_mut(at % BLOCK_SIZE)?.as_mut()
    }

    /// Adds an entry; returns its index.
    pub(crate) fn push(&mut self, entry: T) -> u32 {
        let number = self.open.first().copied().unwrap_or_else(|| {
            let number = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
            self.blocks.push(Block::default());
            self.open.insert(number);
            number
        });
        let Some(block) = self.blocks.get_mut(number as usize) else { return u32::MAX };
        let within = if let Some(within) = block.free.pop() {
            if let Some(place) = block.entries.get_mut(usize::from(within)) {
                *place = Some(entry);
            }
            usize::from(within)
        } else {
            // The first block grows as it is filled, because many lists stay small.
            if block.entries.is_empty() && number > 0 {
                block.entries.reserve_exact(BLOCK_SIZE);
            }
            block.entries.push(Some(entry));
            block.entries.len() - 1
        };
        if block.len() == BLOCK_SIZE {
            self.open.remove(&number);
        }
        u32::try_from(number as usize * BLOCK_SIZE + within).unwrap_or(u32::MAX)
    }

    /// Removes an entry. Its index may be reused.
    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let (number, within) = (at as usize / BLOCK_SIZE, at as usize % BLOCK_SIZE);
        let block = self.blocks.get_mut(number)?;
        let entry = block.entries.get_mut(within)?.take()?;
        block.free.extend(u16::try_from(within));
        self.open.insert(u32::try_from(number).unwrap_or(u32::MAX));
        if block.len() == 0 {
            *block = Block::default();
            while self.blocks.pop_if(|last| last.entries.is_empty()).is_some() {
                self.open.remove(&u32::try_from(self.blocks.len()).unwrap_or(u32::MAX));
            }
        }
        Some(entry)
    }
}

/// A hash index of positions in another collection.
///
/// Linear hashing: many small tables, of which one is split in two whenever [`TABLE_SIZE`] positions were added. So an insertion moves at
/// most some thousand positions, while one large table would move all of them at once.
#[derive(Debug)]
pub(crate) struct IncrementalIndex {
    /// A power of two of tables, plus those that are already split.
    tables: Vec<HashTable<Slot>>,
    /// That power of two minus one.
    mask: u32,
    /// The table to split next.
    next: u32,
    len: usize,
}

/// The folded hash and the position; comparing hashes first avoids looking at the entry.
type Slot = (u32, u32);

impl Default for IncrementalIndex {
    fn default() -> Self {
        Self { tables: vec![HashTable::new()], mask: 0, next: 0, len: 0 }
    }
}

impl IncrementalIndex {
    /// The position with this hash that `is_it` accepts.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = folded(hash);
        let found = self.tables.get(self.table_of(hash))?.find(within(hash), |&(other, at)| other == hash && is_it(at));
        found.map(|&(_, at)| at)
    }

    /// Adds a position that is not in the index yet.
    pub(crate) fn insert(&mut self, hash: u64, at: u32) {
        let hash = folded(hash);
        let table = self.table_of(hash);
        if let Some(table) = self.tables.get_mut(table) {
            table.insert_unique(within(hash), (hash, at), |&(hash, _)| within(hash));
        }
        self.len += 1;
        if self.len > self.tables.len() * TABLE_SIZE {
            self.split();
        }
    }

    pub(crate) fn remove(&mut self, hash: u64, at: u32) {
        let hash = folded(hash);
        let table = self.table_of(hash);
        let Some(table) = self.tables.get_mut(table) else { return };
        if let Ok(found) = table.find_entry(within(hash), |&slot| slot == (hash, at)) {
            found.remove();
            self.len -= 1;
        }
        // The margin of two tables prevents an immediate split.
        if self.len + 2 * TABLE_SIZE < self.tables.len() * TABLE_SIZE {
            self.merge_last();
        }
    }

    fn table_of(&self, hash: u32) -> usize {
        let table = hash & self.mask;
        // Tables before `next` are split: one more bit selects the half.
        let table = if table < self.next { hash & (self.mask << 1 | 1) } else { table };
        table as usize
    }

    fn split(&mut self) {
        let Some(whole) = self.tables.get_mut(self.next as usize).map(std::mem::take) else { return };
        let new_bit = self.mask + 1;
        let upper_half = |hash: u32| hash & new_bit != 0;
        // With capacity up to their own split, because otherwise all tables would grow at about the same time.
        let (mut lower, mut upper) =
            (HashTable::with_capacity(2 * TABLE_SIZE), HashTable::with_capacity(2 * TABLE_SIZE));
        for (hash, at) in whole {
            let half = if upper_half(hash) { &mut upper } else { &mut lower };
            half.insert_unique(within(hash), (hash, at), |&(hash, _)| within(hash));
        }
        if let Some(table) = self.tables.get_mut(self.next as usize) {
            *table = lower;
        }
        self.tables.push(upper);
        self.next += 1;
        if self.next > self.mask {
            (self.mask, self.next) = (self.mask << 1 | 1, 0);
        }
    }

    /// Undoes the last split.
    fn merge_last(&mut self) {
        if self.tables.len() == 1 {
            return;
        }
        if self.next == 0 {
            self.mask >>= 1;
            self.next = self.mask + 1;
        }
        self.next -= 1;
        let Some(upper) = self.tables.pop() else { return };
        let Some(lower) = self.tables.get_mut(self.next as usize) else { return };
        for (hash, at) in upper {
            lower.insert_unique(within(hash), (hash, at), |&(hash, _)| within(hash));
        }
    }
}

/// The stored part of a hash.
fn folded(hash: u64) -> u32 {
    let (upper, lower) = (hash >> 32, hash & u64::from(u32::MAX));
    // Both have 32 bits.
    u32::try_from(upper ^ lower).unwrap_or(0)
}

/// The hash for use within a table. hashbrown uses the low bits (bucket) and the highest bits (tag). Our low bits selected the
/// table and are equal within it, so this moves other bits there.
fn within(hash: u32) -> u64 {
    let turned = u64::from(hash.rotate_left(16));
    turned | turned.wrapping_mul(0x9E37_79B9_7F4A_7C15) & 0xFFFF_FFFF_0000_0000
}

/// A boolean for each index.
#[derive(Debug, Default)]
pub(crate) struct BitSet(Vec<bool>);

impl BitSet {
    pub(crate) fn get(&self, at: u32) -> bool {
        self.0.get(at as usize).copied().unwrap_or(false)
    }

    pub(crate) fn set(&mut self, at: u32, value: bool) {
        let number = at as usize;
        if self.0.len() <= number && value {
            self.0.resize((number + 1).next_power_of_two(), false);
        }
        if let Some(bit) = self.0.get_mut(number) {
            *bit = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_returns_what_was_added_and_nothing_after_its_end() {
        let mut list = ChunkedVec::default();
        let count = 3 * BLOCK_SIZE + 1;
        for number in 0..count {
            assert_eq!(list.push(number) as usize, number);
            assert_eq!(list.len(), number + 1);
        }
        for at in 0..count {
            assert_eq!(list.get(u32::try_from(at).unwrap()), Some(&at));
        }
        assert_eq!(list.get(u32::try_from(count).unwrap()), None);
        *list.get_mut(5_000).unwrap() = 7;
        assert_eq!(list.get(5_000), Some(&7));
    }

    #[test]
    fn freed_slots_are_reused_and_empty_blocks_are_freed() {
        let mut list = ChunkedVec::default();
        let count = 4 * u32::try_from(BLOCK_SIZE).unwrap();
        for number in 0..count {
            list.push(number);
        }
        for at in (0..count).filter(|at| at % 2 == 0) {
            assert_eq!((list.remove(at), list.remove(at)), (Some(at), None));
        }
        assert_eq!((list.len(), list.end()), (count as usize / 2, count));
        for _ in 0..BLOCK_SIZE / 2 {
            assert!((list.push(7) as usize) < BLOCK_SIZE, "there is room in the first block");
        }
        for at in 0..count {
            list.remove(at);
        }
        assert_eq!((list.len(), list.end()), (0, 0));
        assert_eq!(list.push(1), 0);
    }

    #[test]
    fn an_index_finds_everything_while_it_shrinks() {
        let hash_of = |at: u32| u64::from(at).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        let mut index = IncrementalIndex::default();
        for round in 0..2 {
            for at in 0..20_000 {
                index.insert(hash_of(at), at);
            }
            for at in 0..20_000 {
                index.remove(hash_of(at), at);
                assert_eq!(index.find(hash_of(at), |other| other == at), None);
                for known in [at + 1, 10_000 + at / 2, 19_999].into_iter().filter(|&known| known > at && known < 20_000)
                {
                    assert_eq!(index.find(hash_of(known), |other| other == known), Some(known), "{known} of {at}");
                }
            }
            assert!(index.tables.len() <= 2, "{} tables in round {round}", index.tables.len());
        }
    }

    #[test]
    fn an_index_finds_everything_while_it_grows() {
        // Few distinct hashes, so that only `is_it` distinguishes most positions.
        let few = |at: u32| u64::from(at % 977).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let many = |at: u32| u64::from(at).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        for hash_of in [few, many] {
            let mut index = IncrementalIndex::default();
            for at in 0..20_000 {
                index.insert(hash_of(at), at);
                for known in [0, at / 3, at / 2, at - at / 4, at] {
                    assert_eq!(index.find(hash_of(known), |other| other == known), Some(known), "{known} of {at}");
                }
                assert_eq!(index.find(hash_of(at + 1), |other| other == at + 1), None);
            }
        }
    }

    #[test]
    fn no_table_of_an_index_grows_beyond_its_limit() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut index = IncrementalIndex::default();
        for at in 0..200_000 {
            index.insert(random.u64(..), at);
            let fullest = index.tables.iter().map(HashTable::len).max().unwrap();
            assert!(at % 100 != 0 || fullest < 3 * TABLE_SIZE, "{fullest} in one of {}", index.tables.len());
        }
    }
}
