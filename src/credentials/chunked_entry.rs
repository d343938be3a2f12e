//! Splits secrets that are too long for one entry.
//!
//! A secret that fits is stored as one entry. A longer one has a head under its own user name, which starts with a NUL (no token
//! contains one) and contains `<set> <count> <size>`; its chunks are under `<user>:<set>:<number>`. The set is `a` or `b`, never
//! the current one, so that an interrupted write leaves the older secret intact.

use super::secret_bytes::SecretBytes;
use super::store::{SecretStore, StoreError};

/// The prefix of a split secret's head.
const HEAD: &str = "\0split ";

/// Maximum number of chunks that is accepted; a token is a few thousand bytes.
const MAX_CHUNKS: usize = 64;

/// The head of a split secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    set: char,
    count: usize,
    size: usize,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Result<Self, StoreError>> {
        let rest = bytes.strip_prefix(HEAD.as_bytes())?;
        let read = || {
            let mut words = str::from_utf8(rest).ok()?.split(' ');
            let set = words.next()?.parse().ok()?;
            let (count, size) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            (count <= MAX_CHUNKS && words.next().is_none()).then_some(Self { set, count, size })
        };
        Some(read().ok_or(StoreError::Damaged))
    }

    fn format(self) -> String {
        format!("{HEAD}{} {} {}", self.set, self.count, self.size)
    }

    fn names(self, user: &str) -> impl Iterator<Item = String> {
        (1..=self.count).map(move |number| format!("{user}:{}:{number}", self.set))
    }
}

/// The head under a user name, if there is a readable one.
fn head(store: &mut dyn SecretStore, user: &str) -> Result<Option<Head>, StoreError> {
    let entry = store.get(user)?;
    Ok(entry.and_then(|bytes| Head::parse(&bytes)).and_then(Result::ok))
}

/// Stores a secret under a user name, in as many chunks as the store's limit requires.
pub(crate) fn set(store: &mut dyn SecretStore, user: &str, secret: &[u8]) -> Result<(), StoreError> {
    let Some(limit) = store.limit().filter(|limit| *limit > 0) else {
        return store.set(user, secret);
    };
    let before = head(store, user)?;
    if secret.len() <= limit {
        store.set(user, secret)?;
    } else {
        let set = if before.is_some_and(|head| head.set == 'a') { 'b' } else { 'a' };
        let new = Head { set, count: secret.len().div_ceil(limit), size: secret.len() };
        if new.count > MAX_CHUNKS {
            return Err(StoreError::failed("the token is too long for it"));
        }
        for (name, piece) in new.names(user).zip(secret.chunks(limit)) {
            store.set(&name, piece)?;
        }
        store.set(user, new.format().as_bytes())?;
    }
    before.into_iter().flat_map(|head| head.names(user)).try_for_each(|name| store.delete(&name))
}

/// The complete secret under a user name.
pub(crate) fn get(store: &mut dyn SecretStore, user: &str) -> Result<Option<SecretBytes>, StoreError> {
    let Some(entry) = store.get(user)? else { return Ok(None) };
    let head = match Head::parse(&entry) {
        Some(head) => head?,
        None => return Ok(Some(entry)),
    };
    let mut pieces = Vec::with_capacity(head.count);
    for name in head.names(user) {
        pieces.push(store.get(&name)?.ok_or(StoreError::Damaged)?);
    }
    // Allocated at its final size: a buffer that grew would leave copies behind.
    let size = pieces.iter().map(|piece| piece.len()).sum();
    let mut whole = SecretBytes::new(Vec::with_capacity(size));
    for piece in &pieces {
        whole.extend_from_slice(piece);
    }
    if whole.len() == head.size { Ok(Some(whole)) } else { Err(StoreError::Damaged) }
}

/// Deletes a secret and all its chunks: the head last, so that a failed deletion can be retried.
pub(crate) fn delete(store: &mut dyn SecretStore, user: &str) -> Result<(), StoreError> {
    if store.limit().is_some()
        && let Some(head) = head(store, user)?
    {
        head.names(user).try_for_each(|name| store.delete(&name))?;
    }
    store.delete(user)
}
