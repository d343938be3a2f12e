//! Texts and ids in compact form: a million rows share few distinct texts, and most ids are UUIDs.

use std::borrow::Cow;
use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;

use super::growth::{Blocks, Index};

/// A text of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct TextId(u32);

impl TextId {
    /// Its place among the texts of its pool, from 0.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    /// The text at a place.
    pub(super) fn at(index: u32) -> Self {
        Self(index)
    }
}

/// Every distinct text once, in large pieces of memory.
#[derive(Debug)]
pub(super) struct TextPool {
    pieces: Vec<String>,
    places: Blocks<Place>,
    index: Index,
    hasher: DefaultHashBuilder,
}

/// How large a piece of memory is; a longer text has one to itself.
const PIECE: usize = 64 * 1_024;

/// Where a text stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    piece: u32,
    start: u32,
    end: u32,
}

impl Default for TextPool {
    /// A pool in which [`TextId::default`] is the empty text.
    fn default() -> Self {
        let mut pool = Self {
            pieces: Vec::new(),
            places: Blocks::default(),
            index: Index::default(),
            hasher: DefaultHashBuilder::default(),
        };
        pool.intern("");
        pool
    }
}

impl TextPool {
    /// The text's place, a new one only for a text that is not there yet.
    pub(super) fn intern(&mut self, text: &str) -> TextId {
        let hash = self.hasher.hash_one(text);
        if let Some(found) = self.find_hashed(text, hash) {
            return found;
        }
        let place = self.add(text);
        let at = self.places.push(place);
        self.index.insert(hash, at);
        TextId(at)
    }

    fn add(&mut self, text: &str) -> Place {
        if self.pieces.last().is_none_or(|last| last.capacity() - last.len() < text.len()) {
            self.pieces.push(String::with_capacity(text.len().max(PIECE)));
        }
        let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let piece = number(self.pieces.len().saturating_sub(1));
        let Some(last) = self.pieces.last_mut() else { return Place { piece, start: 0, end: 0 } };
        let start = number(last.len());
        last.push_str(text);
        Place { piece, start, end: number(last.len()) }
    }

    /// The text's place, where it is there.
    pub(super) fn find(&self, text: &str) -> Option<TextId> {
        self.find_hashed(text, self.hasher.hash_one(text))
    }

    fn find_hashed(&self, text: &str, hash: u64) -> Option<TextId> {
        self.index.find(hash, |at| self.get(TextId(at)) == text).map(TextId)
    }

    /// The text at a place.
    pub(super) fn get(&self, id: TextId) -> &str {
        self.text_at(id.0).unwrap_or_default()
    }

    fn text_at(&self, at: u32) -> Option<&str> {
        let place = self.places.get(at)?;
        self.pieces.get(place.piece as usize)?.get(place.start as usize..place.end as usize)
    }
}

/// An id: a canonical UUID as its number, anything else as a text of the pool.
/// Two of the same pool are equal where the ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PackedId {
    /// `8-4-4-4-12` lower-case hexadecimal digits.
    Uuid([u8; 16]),
    /// Any other text.
    Text(TextId),
}

impl PackedId {
    /// Packs an id.
    pub(super) fn pack(id: &str, pool: &mut TextPool) -> Self {
        canonical_uuid(id).map_or_else(|| Self::Text(pool.intern(id)), Self::Uuid)
    }

    /// An id as it would be packed; `None` where nothing of the pool is it.
    pub(super) fn find(id: &str, pool: &TextPool) -> Option<Self> {
        canonical_uuid(id).map(Self::Uuid).or_else(|| pool.find(id).map(Self::Text))
    }

    /// The id as it came.
    pub(super) fn unpack(self, pool: &TextPool) -> Cow<'_, str> {
        match self {
            Self::Uuid(bytes) => Cow::Owned(uuid::Uuid::from_bytes(bytes).hyphenated().to_string()),
            Self::Text(text) => Cow::Borrowed(pool.get(text)),
        }
    }
}

/// The number of a UUID that is written in the one way in which it can be written back.
fn canonical_uuid(id: &str) -> Option<[u8; 16]> {
    // Of this length it has hyphens, and nothing around it.
    let canonical = id.len() == 36 && !id.bytes().any(|byte| byte.is_ascii_uppercase());
    canonical.then(|| uuid::Uuid::try_parse(id).ok().map(uuid::Uuid::into_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_kept_once() {
        let mut pool = TextPool::default();
        let (a, b) = (pool.intern("Command completed successfully"), pool.intern("other"));
        assert_eq!(pool.intern("Command completed successfully"), a);
        assert_ne!(a, b);
        assert_eq!(
            (pool.get(a), pool.get(b), pool.get(TextId::default())),
            ("Command completed successfully", "other", "")
        );
    }

    proptest! {
        #[test]
        fn every_id_comes_back_as_it_came(id in prop_oneof![".{0,50}", "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"]) {
            let mut pool = TextPool::default();
            let packed = PackedId::pack(&id, &mut pool);
            prop_assert_eq!(packed.unpack(&pool), id.as_str());
            prop_assert_eq!(PackedId::find(&id, &pool), Some(packed));
            let other = PackedId::pack(&format!("{id}."), &mut pool);
            prop_assert_ne!(other, packed);
        }
    }
}
