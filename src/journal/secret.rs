//! What opens the data of a request: links, stream tokens and stream addresses, kept sealed in the table `secret`.
//!
//! They are written with the entries that they came in, in one transaction, and are in the journal in no other form.

use rusqlite::{Connection, Transaction};

use crate::activity::Moment;
use crate::protocol::{Link, RequestId, StreamToken};
use crate::settings::ProfileId;

use super::row::{StoredId, id_text};
use super::seal::{Place, Sealer};

/// What came for a request and opens its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A link.
    Link(Link),
    /// A bare downstream token.
    StreamToken(StreamToken),
    /// `STREAM-READY` came; with the `streamUrl`, where it had one.
    StreamReady(Option<Link>),
}

impl Secret {
    /// Its number in the column `kind`.
    fn kind(&self) -> i64 {
        match self {
            Self::Link(_) => 1,
            Self::StreamToken(_) => 2,
            Self::StreamReady(_) => 3,
        }
    }

    /// The text that is sealed; empty for a `STREAM-READY` without an address.
    fn expose(&self) -> &str {
        match self {
            Self::Link(link) | Self::StreamReady(Some(link)) => link.expose(),
            Self::StreamToken(token) => token.expose(),
            Self::StreamReady(None) => "",
        }
    }

    fn of(kind: i64, text: &str) -> Option<Self> {
        match kind {
            1 => Some(Self::Link(Link::new(text))),
            2 => Some(Self::StreamToken(StreamToken::new(text))),
            3 => Some(Self::StreamReady((!text.is_empty()).then(|| Link::new(text)))),
            _ => None,
        }
    }
}

/// A secret and whose it is. Of each kind a request has one: a newer takes the place of an older.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSecret {
    /// The request.
    pub request: RequestId,
    /// The secret.
    pub secret: Secret,
    /// When it came.
    pub at: Moment,
}

/// Whether secrets outlive this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealing {
    /// They are kept sealed.
    On,
    /// They are kept sealed under a new key: the one before is gone, and what it sealed stays shut. It opens again if the
    /// old key comes back.
    KeyGone {
        /// How many requests of all profiles have secrets that stay shut.
        requests: u64,
    },
    /// They are not written at all.
    MemoryOnly {
        /// Why, in a sentence that says what to do.
        why: String,
    },
}

impl Sealing {
    /// Whether secrets that are handed over now are kept.
    #[must_use]
    pub fn is_on(&self) -> bool {
        match self {
            Self::On | Self::KeyGone { .. } => true,
            Self::MemoryOnly { .. } => false,
        }
    }

    /// What the operator is told; `None` where all is well.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        match self {
            Self::On => None,
            Self::KeyGone { requests } => Some(format!(
                "The key of the journal's seal is gone from the system keyring, so what opens the data of {requests} \
                 earlier {} can't be read: request that data again. New links are kept under a new key.",
                if *requests == 1 { "request" } else { "requests" }
            )),
            Self::MemoryOnly { why } => Some(why.clone()),
        }
    }
}

/// The secrets of a profile, as far as they open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unsealed {
    /// Those that opened.
    pub secrets: Vec<RequestSecret>,
    /// How many are sealed under a key that is not at hand. They are still kept.
    pub shut: u64,
    /// How many were changed, or moved to another place, since they were sealed. They are taken out.
    pub spoilt: u64,
}

impl Unsealed {
    /// What the operator is told of those that were spoilt; `None` where none was. Of those that are shut, [`Sealing`] tells.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let (links, their) = match self.spoilt {
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
pub(super) fn insert(
    transaction: &Transaction<'_>,
    sealer: &Sealer,
    (profile, number): (ProfileId, i64),
    secrets: &[RequestSecret],
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO secret (profile, request, kind, at, seal, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for RequestSecret { request, secret, at } in secrets {
        let kind = secret.kind();
        let Some(bytes) = sealer.seal(Place { profile, request, kind, at: *at }, secret.expose()) else {
            tracing::warn!(
                "a link could not be sealed, since the system gives no random numbers: it is in memory only"
            );
            continue;
        };
        statement.execute((number, StoredId::of(request.as_str()), kind, at.0, sealer.number, bytes))?;
    }
    Ok(())
}

/// Opens the secrets of a profile, in the order in which they came, and takes out those that were spoilt.
pub(super) fn unseal(
    connection: &mut Connection,
    sealer: Option<&Sealer>,
    (profile, number): (ProfileId, i64),
) -> rusqlite::Result<Unsealed> {
    let transaction = connection.transaction()?;
    let mut unsealed = Unsealed::default();
    {
        let mut spoil = transaction.prepare("DELETE FROM secret WHERE profile = ?1 AND request = ?2 AND kind = ?3")?;
        let mut select = transaction.prepare(
            "SELECT request, kind, at, seal, sealed FROM secret WHERE profile = ?1 ORDER BY at, request, kind",
        )?;
        let mut spoilt = Vec::new();
        let mut rows = select.query([number])?;
        while let Some(row) = rows.next()? {
            let Some(sealer) = sealer.filter(|sealer| row.get(3).is_ok_and(|seal: i64| seal == sealer.number)) else {
                unsealed.shut = unsealed.shut.saturating_add(1);
                continue;
            };
            let request = RequestId::new(id_text(row.get_ref(0)?));
            let (kind, at) = (row.get(1)?, Moment(row.get(2)?));
            let opened = sealer
                .open(Place { profile, request: &request, kind, at }, row.get_ref(4)?.as_blob().unwrap_or_default());
            let secret = opened.and_then(|bytes| str::from_utf8(&bytes).ok().and_then(|text| Secret::of(kind, text)));
            match secret {
                Some(secret) => unsealed.secrets.push(RequestSecret { request, secret, at }),
                None => spoilt.push((row.get::<_, rusqlite::types::Value>(0)?, kind)),
            }
        }
        for (request, kind) in spoilt {
            spoil.execute((number, request, kind))?;
            unsealed.spoilt = unsealed.spoilt.saturating_add(1);
        }
    }
    transaction.commit()?;
    Ok(unsealed)
}

/// How many requests have secrets that are sealed under another key than this.
pub(super) fn shut(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM (SELECT DISTINCT profile, request FROM secret WHERE seal <> ?1)";
    let shut: i64 = connection.query_row(sql, [sealer.number], |row| row.get(0))?;
    Ok(u64::try_from(shut).unwrap_or(0))
}

/// Takes the secrets of a request out.
pub(super) fn forget(connection: &Connection, number: i64, request: &RequestId) -> rusqlite::Result<u64> {
    let gone = connection
        .prepare_cached("DELETE FROM secret WHERE profile = ?1 AND request = ?2")?
        .execute((number, StoredId::of(request.as_str())))?;
    Ok(gone as u64)
}

/// Takes the secrets of a profile out that came before a moment.
pub(super) fn forget_before(connection: &Connection, number: i64, before: Moment) -> rusqlite::Result<u64> {
    let gone =
        connection.prepare_cached("DELETE FROM secret WHERE profile = ?1 AND at < ?2")?.execute((number, before.0))?;
    Ok(gone as u64)
}
