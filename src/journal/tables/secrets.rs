//! Data-opening secrets: links, stream tokens and stream addresses of requests, stored sealed in the table `secret`; and, in the
//! table `original`, messages in which more than that was masked.
//!
//! They are written in one transaction with their entries, and the journal has them in no other form.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::activity::{Entry, Timestamp};
use crate::credentials::KeyringError;
use crate::journal::file::entry_codec::{StoredId, id_text};
use crate::protocol::{Link, RequestId, StreamToken, UnmaskedMessage, counted, redact};
use crate::settings::ProfileId;

use super::seal::{SealAad, Sealer};

/// The numbers in the column `kind`.
const LINK: i64 = 1;
const STREAM_TOKEN: i64 = 2;
const STREAM_READY: i64 = 3;

/// A secret that arrived for a request and opens its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A complete link.
    Link(Link),
    /// A bare downstream token.
    StreamToken(StreamToken),
    /// `STREAM-READY` arrived; with its `streamUrl`, if it had one.
    StreamReady(Option<Link>),
}

impl Secret {
    /// The number for the column `kind`.
    fn kind(&self) -> i64 {
        match self {
            Self::Link(_) => LINK,
            Self::StreamToken(_) => STREAM_TOKEN,
            Self::StreamReady(_) => STREAM_READY,
        }
    }

    /// The text to seal; empty for a `STREAM-READY` without an address.
    fn expose(&self) -> &str {
        match self {
            Self::Link(link) | Self::StreamReady(Some(link)) => link.expose(),
            Self::StreamToken(token) => token.expose(),
            Self::StreamReady(None) => "",
        }
    }

    fn of(kind: i64, text: &str) -> Option<Self> {
        match kind {
            LINK => Some(Self::Link(Link::new(text))),
            STREAM_TOKEN => Some(Self::StreamToken(StreamToken::new(text))),
            STREAM_READY => Some(Self::StreamReady((!text.is_empty()).then(|| Link::new(text)))),
            _ => None,
        }
    }
}

/// A secret and its request. A request has one secret of each kind: a newer one replaces the older.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSecret {
    /// The request.
    pub request: RequestId,
    /// The secret.
    pub secret: Secret,
    /// When it arrived.
    pub at: Timestamp,
    /// When it expires, if its message said so.
    pub expires: Option<Timestamp>,
}

/// The masked parts of entries that are committed together, to be stored sealed beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// The secrets that open the data of requests.
    pub requests: Vec<RequestSecret>,
    /// Messages as received, each with the index of its entry: those in which more opens data than is in `requests`.
    pub originals: Vec<(usize, UnmaskedMessage)>,
}

impl Secrets {
    /// Whether there are no secrets.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.originals.is_empty()
    }

    /// Marks binary messages in the entries as not stored, because the journal does not seal now.
    pub fn mark_unstored(&self, entries: &mut [Entry]) {
        for (at, _) in &self.originals {
            if let Some(entry) = entries.get_mut(*at).filter(|entry| *entry.raw == *redact::HIDDEN_BYTES) {
                entry.raw = redact::UNSTORED_BYTES.into();
            }
        }
    }

    /// Appends the secrets of a batch whose entries follow `before` others.
    pub fn merge(&mut self, before: usize, later: Self) {
        self.requests.extend(later.requests);
        self.originals.extend(later.originals.into_iter().map(|(at, original)| (before.saturating_add(at), original)));
    }
}

impl From<Vec<RequestSecret>> for Secrets {
    fn from(requests: Vec<RequestSecret>) -> Self {
        Self { requests, originals: Vec::new() }
    }
}

/// Whether secrets survive this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealing {
    /// They are stored sealed.
    On,
    /// They are stored sealed under a new key. The previous key is missing, and what it sealed stays locked unless that key comes
    /// back.
    KeyMissing {
        /// Number of requests, over all profiles, with locked secrets.
        requests: u64,
    },
    /// They are not written at all.
    MemoryOnly(MemoryOnly),
}

/// Why secrets are not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryOnly {
    /// There is no key yet.
    #[error("Links to data are kept in memory only until the system keyring has answered.")]
    NoKeyYet,
    /// The keyring returned none.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The key belongs to another journal.
    #[error(
        "The journal was replaced by another one, so links are kept in memory only. Restart the program to store links again."
    )]
    Replaced,
}

impl Sealing {
    /// Whether secrets that are passed in now are stored.
    pub fn is_on(&self) -> bool {
        match self {
            Self::On | Self::KeyMissing { .. } => true,
            Self::MemoryOnly(_) => false,
        }
    }

    /// The sentence for the operator; `None` if there is no problem.
    pub fn sentence(&self) -> Option<String> {
        match self {
            Self::On => None,
            Self::KeyMissing { requests } => Some(key_missing(*requests)),
            Self::MemoryOnly(why) => Some(why.to_string()),
        }
    }
}

/// The sentence for the operator about this many requests with locked secrets.
pub fn key_missing(requests: u64) -> String {
    let requests = counted(requests, "earlier request");
    format!(
        "The key of the journal's seal is gone from the system keyring, so what opens the data of {requests} can't be \
         read: request that data again. New links are kept under a new key."
    )
}

/// The secrets of a profile that could be opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unsealed {
    /// The opened secrets.
    pub secrets: Vec<RequestSecret>,
    /// Number of secrets whose key is missing. They stay stored.
    pub locked: u64,
    /// Number of secrets that were changed or moved since they were sealed. They are deleted.
    pub tampered: u64,
}

impl Unsealed {
    /// The sentence for the operator about changed secrets; `None` if there are none. [`Sealing`] reports the locked ones.
    pub fn sentence(&self) -> Option<String> {
        let (links, their) = match self.tampered {
            0 => return None,
            1 => ("1 link that was kept was".to_owned(), "its"),
            many => (format!("{many} links that were kept were"), "their"),
        };
        Some(format!(
            "{links} changed on the disk by something else than Privicore Monitor, and taken out of the journal: request \
             {their} data again, and find out who can write to its folder."
        ))
    }
}

/// Seals secrets into a transaction.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    profile: ProfileId,
    number: i64,
    secrets: &[RequestSecret],
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO secret (profile, request, kind, at, expires, seal, sealed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    // Each link, and each token after the first one, starts a delivery: secrets of an earlier delivery don't open it.
    let mut of_link =
        transaction.prepare_cached("DELETE FROM secret WHERE profile = ?1 AND request = ?2 AND kind IN (?3, ?4)")?;
    let mut of_token = transaction.prepare_cached(
        "DELETE FROM secret WHERE profile = ?1 AND request = ?2 AND (kind = ?3 OR (kind = ?4
             AND EXISTS (SELECT 1 FROM secret WHERE profile = ?1 AND request = ?2 AND kind = ?5)))",
    )?;
    // `STREAM-READY` without an address does not replace one with an address.
    let mut unless_there = transaction.prepare_cached(
        "INSERT OR IGNORE INTO secret (profile, request, kind, at, expires, seal, sealed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for RequestSecret { request, secret, at, expires } in secrets {
        let (kind, id) = (secret.kind(), StoredId::of(request.as_str()));
        match secret {
            Secret::Link(_) => _ = of_link.execute((number, id, STREAM_TOKEN, STREAM_READY))?,
            Secret::StreamToken(_) => _ = of_token.execute((number, id, LINK, STREAM_READY, STREAM_TOKEN))?,
            Secret::StreamReady(_) => {}
        }
        let Some(bytes) = sealer.seal(SealAad { profile, request, kind, at: *at }, secret.expose()) else {
            tracing::warn!(
                "a link could not be sealed, since the system gives no random numbers: it is in memory only"
            );
            continue;
        };
        let expires = expires.map(|expires| expires.0);
        let insert = if *secret == Secret::StreamReady(None) { &mut unless_there } else { &mut statement };
        insert.execute((number, id, kind, at.0, expires, sealer.number, bytes))?;
    }
    Ok(())
}

/// The kind of an original, distinct from those of [`Secret`].
const ORIGINAL: i64 = 4;

/// The context of an entry's original: the entry's number takes the place of the time.
fn original_aad(profile: ProfileId, id: &RequestId, seq: i64) -> SealAad<'_> {
    SealAad { profile, request: id, kind: ORIGINAL, at: Timestamp(seq) }
}

/// Seals the originals of entries that were just inserted under the numbers from `first` on.
pub(crate) fn insert_originals(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    profile: ProfileId,
    entries: &[Entry],
    first: i64,
    originals: &[(usize, UnmaskedMessage)],
) -> rusqlite::Result<()> {
    let mut statement =
        transaction.prepare_cached("INSERT OR REPLACE INTO original (seq, seal, sealed) VALUES (?1, ?2, ?3)")?;
    for (at, original) in originals {
        let (Some(entry), Ok(offset)) = (entries.get(*at), i64::try_from(*at)) else { continue };
        let seq = first.saturating_add(offset);
        let id = RequestId::from(entry.key.id());
        let Some(bytes) = sealer.seal(original_aad(profile, &id, seq), original.expose()) else {
            tracing::warn!("a message could not be sealed, since the system gives no random numbers");
            continue;
        };
        statement.execute((seq, sealer.number, bytes))?;
    }
    Ok(())
}

/// The original of an entry; `None` if there is none, or it can't be opened.
pub(crate) fn original(
    connection: &Connection,
    sealer: Option<&Sealer>,
    profile: ProfileId,
    number: i64,
    seq: i64,
) -> rusqlite::Result<Option<UnmaskedMessage>> {
    let Some(sealer) = sealer else { return Ok(None) };
    let sql = "SELECT entry.id, original.sealed FROM original JOIN entry USING (seq)
               WHERE seq = ?1 AND entry.profile = ?2 AND original.seal = ?3";
    let found = connection
        .prepare_cached(sql)?
        .query_row((seq, number, sealer.number), |row| {
            let id = RequestId::new(id_text(row.get_ref(0)?));
            Ok(sealer.open(original_aad(profile, &id, seq), row.get_ref(1)?.as_blob().unwrap_or_default()))
        })
        .optional()?;
    Ok(found.flatten().and_then(|bytes| str::from_utf8(&bytes).ok().map(UnmaskedMessage::new)))
}

/// Opens a profile's secrets, in order of arrival, and deletes changed ones.
pub(crate) fn unseal(
    connection: &mut Connection,
    sealer: Option<&Sealer>,
    profile: ProfileId,
    number: i64,
) -> rusqlite::Result<Unsealed> {
    let transaction = connection.transaction()?;
    let mut unsealed = Unsealed::default();
    {
        let mut spoil = transaction.prepare("DELETE FROM secret WHERE profile = ?1 AND request = ?2 AND kind = ?3")?;
        let mut select = transaction.prepare(
            "SELECT request, kind, at, seal, sealed, expires FROM secret WHERE profile = ?1 ORDER BY at, request, kind",
        )?;
        let mut spoilt = Vec::new();
        let mut rows = select.query([number])?;
        while let Some(row) = rows.next()? {
            let Some(sealer) = sealer.filter(|sealer| row.get(3).is_ok_and(|seal: i64| seal == sealer.number)) else {
                unsealed.locked = unsealed.locked.saturating_add(1);
                continue;
            };
            let request = RequestId::new(id_text(row.get_ref(0)?));
            let (kind, at) = (row.get(1)?, Timestamp(row.get(2)?));
            let opened = sealer
                .open(SealAad { profile, request: &request, kind, at }, row.get_ref(4)?.as_blob().unwrap_or_default());
            let secret = opened.and_then(|bytes| str::from_utf8(&bytes).ok().and_then(|text| Secret::of(kind, text)));
            match secret {
                Some(secret) => {
                    let expires = row.get::<_, Option<i64>>(5)?.map(Timestamp);
                    unsealed.secrets.push(RequestSecret { request, secret, at, expires });
                }
                None => spoilt.push((row.get::<_, rusqlite::types::Value>(0)?, kind)),
            }
        }
        for (request, kind) in spoilt {
            spoil.execute((number, request, kind))?;
            unsealed.tampered = unsealed.tampered.saturating_add(1);
        }
    }
    transaction.commit()?;
    Ok(unsealed)
}

/// Number of requests with secrets sealed under another key.
pub(crate) fn locked(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM (SELECT DISTINCT profile, request FROM secret WHERE seal <> ?1)";
    let shut: i64 = connection.query_row(sql, [sealer.number], |row| row.get(0))?;
    Ok(u64::try_from(shut).unwrap_or(0))
}

/// Deletes the secrets of a request.
pub(crate) fn delete(connection: &Connection, number: i64, request: &RequestId) -> rusqlite::Result<u64> {
    let gone = connection
        .prepare_cached("DELETE FROM secret WHERE profile = ?1 AND request = ?2")?
        .execute((number, StoredId::of(request.as_str())))?;
    Ok(gone as u64)
}

/// Deletes expired secrets: as their messages said, else those that arrived before a cutoff.
pub(crate) fn delete_expired(connection: &Connection, now: Timestamp, came_before: Timestamp) -> rusqlite::Result<u64> {
    let sql = "DELETE FROM secret WHERE CASE WHEN expires IS NULL THEN at < ?1 ELSE expires < ?2 END";
    let gone = connection.prepare_cached(sql)?.execute((came_before.0, now.0))?;
    Ok(gone as u64)
}
