//! Interns texts and ids: a million rows share few distinct texts, and most ids are UUIDs.

use std::borrow::Cow;
use std::hash::BuildHasher as _;
use std::num::NonZeroU32;

use hashbrown::DefaultHashBuilder;

use super::{BitSet, ChunkedVec, IncrementalIndex};

/// An interned text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct TextId(u32);

impl TextId {
    /// Its index among the interned texts, from 0.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The text at an index.
    pub(crate) fn at(index: u32) -> Self {
        Self(index)
    }
}

/// Stores every distinct text once, in large chunks of memory.
///
/// Unused texts are removed by an incremental collection: after [`Interner::begin_collection`], every user of texts marks each text
/// it has ([`Interner::mark`]); then [`Interner::sweep`] removes the others, and moves texts out of chunks that became sparse. A
/// text that is interned meanwhile counts as marked.
#[derive(Debug)]
pub(crate) struct Interner {
    chunks: ChunkedVec<Chunk>,
    /// The chunk to which texts are added.
    current: Option<u32>,
    locations: ChunkedVec<Location>,
    index: IncrementalIndex,
    hasher: DefaultHashBuilder,
    collection: Collection,
    /// The texts known to be in use in the current collection.
    marked: BitSet,
    /// Bytes of the texts and of their index.
    weight: usize,
    /// Bytes added since the last collection started.
    added: usize,
    /// Number of collections that removed texts, whose ids may then be reused.
    version: u64,
    /// Bytes of the texts that rows show only in part.
    long: usize,
    /// Maximum of `long`.
    max_long: usize,
    /// Whether a text was cut because of that maximum.
    has_cut: bool,
}

/// Maximum bytes of text beyond what rows show, kept for the filter: anything beyond is only found in the journal.
const MAX_LONG_BYTES: usize = 64 * 1_024 * 1_024;

/// Maximum characters of a message in the table; the complete text is in the journal. Laying out long text makes frames slow.
const MAX_MESSAGE_LENGTH: usize = 200;

/// Size of a chunk; a longer text gets its own.
const CHUNK_SIZE: usize = 64 * 1_024;
/// Approximate size of a text's index entry, in bytes.
const INDEX_ENTRY_SIZE: usize = 32;
/// A collection is due when this share of all bytes (1 in 24) was added since the last one.
const COLLECTION_SHARE: usize = 24;
/// Minimum bytes added before a collection is due.
const MIN_COLLECTION: usize = 256 * 1_024;

/// The progress of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collection {
    None,
    Marking,
    /// Texts before this index have been swept.
    Sweeping(u32),
}

/// A chunk of memory.
#[derive(Debug)]
struct Chunk {
    text: String,
    /// Bytes of the texts in it.
    in_use: usize,
    /// Whether its texts move to another chunk.
    is_moving: bool,
}

/// The location of a text.
#[derive(Debug, Clone, Copy)]
struct Location {
    /// One more than the chunk's number, so that `Option<Place>` has no overhead.
    chunk: NonZeroU32,
    start: u32,
    end: u32,
}

impl Location {
    fn chunk(self) -> u32 {
        self.chunk.get() - 1
    }
}

impl Default for Interner {
    /// An interner in which [`TextId::default`] is the empty text.
    fn default() -> Self {
        let mut pool = Self {
            chunks: ChunkedVec::default(),
            current: None,
            locations: ChunkedVec::default(),
            index: IncrementalIndex::default(),
            hasher: DefaultHashBuilder::default(),
            collection: Collection::None,
            marked: BitSet::default(),
            weight: 0,
            added: 0,
            version: 0,
            long: 0,
            max_long: MAX_LONG_BYTES,
            has_cut: false,
        };
        pool.intern("");
        pool
    }
}

impl Interner {
    /// The text's id; a new one if the text is not interned yet.
    pub(crate) fn intern(&mut self, text: &str) -> TextId {
        let hash = self.hasher.hash_one(text);
        if let Some(found) = self.find_hashed(text, hash) {
            self.mark(found);
            return found;
        }
        let place = self.add(text);
        let at = self.locations.push(place);
        self.index.insert(hash, at);
        self.weight += text.len() + INDEX_ENTRY_SIZE;
        self.added += text.len() + INDEX_ENTRY_SIZE;
        self.mark(TextId(at));
        TextId(at)
    }

    /// The id of a text that rows show only in part: of the complete text, while the limit allows it.
    pub(crate) fn intern_whole(&mut self, text: &str) -> TextId {
        let shown = cut(text);
        if shown == text {
            return self.intern(text);
        }
        if let Some(found) = self.find(text) {
            self.mark(found);
            return found;
        }
        if self.long.saturating_add(text.len()) > self.max_long {
            self.has_cut = true;
            return self.intern(&shown);
        }
        self.long += text.len();
        self.intern(text)
    }

    /// Sets the maximum bytes of texts that rows show only in part; returns the previous maximum.
    pub(crate) fn set_max_long(&mut self, most: usize) -> usize {
        std::mem::replace(&mut self.max_long, most)
    }

    /// Whether a text is only stored in part.
    pub(crate) fn has_cut(&self) -> bool {
        self.has_cut
    }

    fn add(&mut self, text: &str) -> Location {
        let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let has_room = |piece: &Chunk| piece.text.capacity() - piece.text.len() >= text.len();
        let current = self.current.filter(|&at| self.chunks.get(at).is_some_and(has_room));
        let piece = current.unwrap_or_else(|| {
            let text = String::with_capacity(text.len().max(CHUNK_SIZE));
            let piece = self.chunks.push(Chunk { text, in_use: 0, is_moving: false });
            self.current = Some(piece);
            piece
        });
        let numbered = NonZeroU32::MIN.saturating_add(piece);
        let Some(piece) = self.chunks.get_mut(piece) else { return Location { chunk: numbered, start: 0, end: 0 } };
        let start = number(piece.text.len());
        piece.text.push_str(text);
        piece.in_use += text.len();
        Location { chunk: numbered, start, end: number(piece.text.len()) }
    }

    /// The text's id, if the text is interned.
    pub(crate) fn find(&self, text: &str) -> Option<TextId> {
        self.find_hashed(text, self.hasher.hash_one(text))
    }

    fn find_hashed(&self, text: &str, hash: u64) -> Option<TextId> {
        self.index.find(hash, |at| self.get(TextId(at)) == text).map(TextId)
    }

    /// The text with this id.
    pub(crate) fn get(&self, id: TextId) -> &str {
        self.text_at(id.0).unwrap_or_default()
    }

    fn text_at(&self, at: u32) -> Option<&str> {
        let place = self.locations.get(at)?;
        self.chunks.get(place.chunk())?.text.get(place.start as usize..place.end as usize)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.locations.len()
    }

    /// Two equal versions mean that no id was reused in between.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Whether a collection would probably remove enough, and none is in progress.
    pub(crate) fn is_collection_due(&self) -> bool {
        self.collection == Collection::None && self.added > (self.weight / COLLECTION_SHARE).max(MIN_COLLECTION)
    }

    /// Starts a collection: mark all texts in use, then call [`Interner::begin_sweep`].
    pub(crate) fn begin_collection(&mut self) {
        self.collection = Collection::Marking;
        self.added = 0;
        self.marked = BitSet::default();
        self.mark(TextId::default());
    }

    /// Marks a text as in use.
    pub(crate) fn mark(&mut self, id: TextId) {
        if self.collection != Collection::None {
            self.marked.set(id.0, true);
        }
    }

    /// Starts sweeping, after all texts in use are marked.
    pub(crate) fn begin_sweep(&mut self) {
        self.collection = Collection::Sweeping(0);
        self.version += 1;
        for at in 0..self.chunks.end() {
            if let Some(piece) = self.chunks.get_mut(at) {
                piece.is_moving = piece.in_use < piece.text.capacity() / 4 * 3;
            }
        }
        // Moved texts go to a fresh chunk, not to a sparse one.
        self.current = None;
    }

    /// Looks at up to `budget` texts and removes unused ones. Returns whether it has finished.
    pub(crate) fn sweep(&mut self, budget: u32) -> bool {
        let Collection::Sweeping(from) = self.collection else { return true };
        let to = from.saturating_add(budget).min(self.locations.end());
        for at in from..to {
            let Some(place) = self.locations.get(at).copied() else { continue };
            if !self.marked.get(at) {
                self.remove(at);
            } else if self.chunks.get(place.chunk()).is_some_and(|piece| piece.is_moving) {
                let text = self.text_at(at).unwrap_or_default().to_owned();
                let moved = self.add(&text);
                if let Some(place) = self.locations.get_mut(at) {
                    *place = moved;
                }
                self.release(place);
            }
        }
        self.collection = Collection::Sweeping(to);
        if to < self.locations.end() {
            return false;
        }
        self.collection = Collection::None;
        self.marked = BitSet::default();
        true
    }

    fn remove(&mut self, at: u32) {
        let text = self.text_at(at).unwrap_or_default();
        let (hash, weight) = (self.hasher.hash_one(text), text.len() + INDEX_ENTRY_SIZE);
        let long = if matches!(cut(text), Cow::Owned(_)) { text.len() } else { 0 };
        self.index.remove(hash, at);
        if let Some(place) = self.locations.remove(at) {
            self.release(place);
        }
        self.weight = self.weight.saturating_sub(weight);
        self.long = self.long.saturating_sub(long);
    }

    /// Accounts for a text that was removed or moved: frees its chunk if that is empty.
    fn release(&mut self, place: Location) {
        let Some(piece) = self.chunks.get_mut(place.chunk()) else { return };
        piece.in_use = piece.in_use.saturating_sub((place.end - place.start) as usize);
        if piece.in_use == 0 && self.current != Some(place.chunk()) {
            self.chunks.remove(place.chunk());
        }
    }
}

/// The part of a text that a row shows.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_MESSAGE_LENGTH {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(MAX_MESSAGE_LENGTH) {
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// A packed id: a canonical UUID as its number, any other id as an interned text. Two packed ids of the same interner are equal
/// exactly if the ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PackedId {
    /// `8-4-4-4-12` lower-case hexadecimal digits.
    Uuid([u8; 16]),
    /// Any other text.
    Text(TextId),
}

impl PackedId {
    pub(crate) fn pack(id: &str, pool: &mut Interner) -> Self {
        Self::of_uuid(id).unwrap_or_else(|| Self::Text(pool.intern(id)))
    }

    /// Packs an id that is a canonical UUID; `None` for any other.
    pub(crate) fn of_uuid(id: &str) -> Option<Self> {
        canonical_uuid(id).map(Self::Uuid)
    }

    /// Packs an id without interning it; `None` if it is not interned.
    pub(crate) fn find(id: &str, pool: &Interner) -> Option<Self> {
        Self::of_uuid(id).or_else(|| pool.find(id).map(Self::Text))
    }

    /// The original id.
    pub(crate) fn unpack(self, pool: &Interner) -> Cow<'_, str> {
        match self {
            Self::Uuid(bytes) => Cow::Owned(uuid::Uuid::from_bytes(bytes).hyphenated().to_string()),
            Self::Text(text) => Cow::Borrowed(pool.get(text)),
        }
    }
}

/// The number of a UUID in canonical form, so that it can be restored exactly.
fn canonical_uuid(id: &str) -> Option<[u8; 16]> {
    // A text of this length has hyphens, and nothing around it.
    let canonical = id.len() == 36 && !id.bytes().any(|byte| byte.is_ascii_uppercase());
    canonical.then(|| uuid::Uuid::try_parse(id).ok().map(uuid::Uuid::into_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_stored_once() {
        let mut pool = Interner::default();
        let (a, b) = (pool.intern("Command completed successfully"), pool.intern("other"));
        assert_eq!(pool.intern("Command completed successfully"), a);
        assert_ne!(a, b);
        assert_eq!(
            (pool.get(a), pool.get(b), pool.get(TextId::default())),
            ("Command completed successfully", "other", "")
        );
    }

    #[test]
    fn a_collection_removes_unmarked_texts_and_the_others_are_still_found() {
        let mut pool = Interner::default();
        let text = |number: u32| format!("{}-{number}", "text ".repeat(number as usize % 40));
        let ids: Vec<_> = (0..20_000).map(|number| pool.intern(&text(number))).collect();
        assert!(pool.is_collection_due());
        let (pieces, in_use) = (pool.chunks.len(), |number: u32| number.is_multiple_of(7));
        pool.begin_collection();
        for number in (0..20_000).filter(|&number| in_use(number)) {
            pool.mark(ids[number as usize]);
        }
        let new = pool.intern("came while it was under way");
        pool.begin_sweep();
        let mut resurrected = None;
        while !pool.sweep(1_000) {
            // Its id is at the end, not swept yet.
            resurrected.get_or_insert_with(|| pool.intern(&text(19_999)));
        }
        for number in 0..20_000 {
            let expected = (in_use(number) || number == 19_999).then_some(ids[number as usize]);
            assert_eq!(pool.find(&text(number)), expected, "{number}");
            if let Some(id) = expected {
                assert_eq!(pool.get(id), text(number));
            }
        }
        assert_eq!((pool.get(new), resurrected), ("came while it was under way", Some(ids[19_999])));
        // Sparse chunks move with the next collection.
        pool.begin_collection();
        for number in (0..20_000).filter(|&number| in_use(number)) {
            pool.mark(ids[number as usize]);
        }
        pool.begin_sweep();
        while !pool.sweep(1_000) {}
        assert!(pool.chunks.len() < pieces / 4, "{} pieces of {pieces}", pool.chunks.len());
        for number in (0..20_000).filter(|&number| in_use(number)) {
            assert_eq!(
                (pool.find(&text(number)), pool.get(ids[number as usize])),
                (Some(ids[number as usize]), &*text(number))
            );
        }
        assert!(!pool.is_collection_due());
    }

    proptest! {
        #[test]
        fn every_id_is_restored_exactly(id in prop_oneof![".{0,50}", "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"]) {
            let mut pool = Interner::default();
            let packed = PackedId::pack(&id, &mut pool);
            prop_assert_eq!(packed.unpack(&pool), id.as_str());
            prop_assert_eq!(PackedId::find(&id, &pool), Some(packed));
            let other = PackedId::pack(&format!("{id}."), &mut pool);
            prop_assert_ne!(other, packed);
        }
    }
}
