//! Work that must be done even if the program ends first: recorded before it starts, finished at the next start.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::activity::{Timestamp, path_of_text, text_of_path};
use crate::protocol::{AuthorizationToken, RequestId};
use crate::settings::{Profile, ProfileId};

use super::seal::{SealAad, Sealer};

/// The kind of a sealed token, distinct from those of secrets and originals.
const TOKEN: i64 = 5;

/// The kind of a profile number whose entries have to be deleted; the journal does that by itself.
const CLEARED: i64 = 5;

/// The kind of a token that has to be stored in the keyring.
const STORE_TOKEN: i64 = 6;

/// The id of a piece of pending work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkId(pub(crate) i64);

/// Work that outlives the run that recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingWork {
    /// A profile was signed out: its token has to be removed from the keyring. Until then the profile stays signed out.
    DeleteToken(ProfileId),
    /// A token has to be revoked. The token is stored sealed; it is `None` if the journal had no key to seal it with, or does not
    /// have the key now.
    RevokeToken {
        /// The profile as it was, with the addresses for which the token is valid.
        profile: Box<Profile>,
        /// The token to revoke.
        token: Option<AuthorizationToken>,
    },
    /// The program ended before the keyring stored a profile's newest token. The token is stored sealed; it is `None` if the
    /// journal had no key to seal it with, or does not have the key now. A profile has at most one such item.
    StoreToken {
        /// The profile that the token belongs to.
        profile: ProfileId,
        /// The token to store.
        token: Option<AuthorizationToken>,
    },
    /// A profile was removed: it has to be removed from settings, keyring and journal. Nothing more is written for it.
    RemoveProfile(ProfileId),
    /// An unfinished file has to be deleted.
    DeleteFile(PathBuf),
}

impl PendingWork {
    /// The number for the column `kind`.
    fn kind(&self) -> i64 {
        match self {
            Self::DeleteToken(_) => 1,
            Self::RevokeToken { .. } => 2,
            Self::RemoveProfile(_) => 3,
            Self::DeleteFile(_) => 4,
            Self::StoreToken { .. } => STORE_TOKEN,
        }
    }

    fn profile(&self) -> Option<ProfileId> {
        match self {
            Self::DeleteToken(profile) | Self::RemoveProfile(profile) | Self::StoreToken { profile, .. } => {
                Some(*profile)
            }
            Self::RevokeToken { profile, .. } => Some(profile.id),
            Self::DeleteFile(_) => None,
        }
    }

    /// The data besides the kind and the profile.
    fn details(&self) -> String {
        match self {
            Self::DeleteToken(_) | Self::RemoveProfile(_) | Self::StoreToken { .. } => String::new(),
            Self::RevokeToken { profile, .. } => serde_json::to_string(profile).unwrap_or_default(),
            Self::DeleteFile(path) => text_of_path(path),
        }
    }
}

/// Binds a sealed token to its profile: it opens nowhere else.
fn seal_aad(profile: ProfileId, request: &RequestId, at: Timestamp) -> SealAad<'_> {
    SealAad { profile, request, kind: TOKEN, at }
}

/// Records work and returns its ids.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    sealer: Option<&Sealer>,
    works: &[PendingWork],
    at: Timestamp,
) -> rusqlite::Result<Vec<WorkId>> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO pending_work (kind, profile, at, details, seal, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let request = RequestId::from("");
    let mut numbers = Vec::new();
    for work in works {
        let token = match work {
            PendingWork::RevokeToken { profile, token } => token.as_ref().map(|token| (profile.id, token)),
            PendingWork::StoreToken { profile, token } => token.as_ref().map(|token| (*profile, token)),
            PendingWork::DeleteToken(_) | PendingWork::RemoveProfile(_) | PendingWork::DeleteFile(_) => None,
        };
        if let PendingWork::DeleteToken(profile)
        | PendingWork::RemoveProfile(profile)
        | PendingWork::StoreToken { profile, .. } = work
        {
            delete_stored_tokens(transaction, *profile)?;
        }
        let secret = token.zip(sealer).and_then(|((profile, token), sealer)| {
            let bytes = sealer.seal(seal_aad(profile, &request, at), token.expose())?;
            Some((sealer.number, bytes))
        });
        let (seal, bytes) = secret.unzip();
        let profile = work.profile().map_or(0, ProfileId::as_u128).to_be_bytes();
        insert.execute((work.kind(), profile, at.0, work.details(), seal, bytes))?;
        numbers.push(WorkId(transaction.last_insert_rowid()));
    }
    Ok(numbers)
}

/// The pending work, oldest first. Work of a kind that this version does not know is skipped.
pub(crate) fn all(connection: &Connection, sealer: Option<&Sealer>) -> rusqlite::Result<Vec<(WorkId, PendingWork)>> {
    let mut select = connection
        .prepare_cached("SELECT number, kind, profile, at, details, seal, sealed FROM pending_work ORDER BY number")?;
    let mut rows = select.query(())?;
    let mut works = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(work) = read(row, sealer)? {
            works.push((WorkId(row.get(0)?), work));
        }
    }
    Ok(works)
}

fn read(row: &Row<'_>, sealer: Option<&Sealer>) -> rusqlite::Result<Option<PendingWork>> {
    let profile = ProfileId::from_u128(u128::from_be_bytes(row.get(2)?));
    let details: String = row.get(4)?;
    let at = Timestamp(row.get(3)?);
    let (seal, bytes): (Option<i64>, Option<Vec<u8>>) = (row.get(5)?, row.get(6)?);
    let request = RequestId::from("");
    let token = sealer
        .filter(|sealer| seal == Some(sealer.number))
        .and_then(|sealer| sealer.open(seal_aad(profile, &request, at), &bytes?))
        .and_then(|bytes| str::from_utf8(&bytes).ok().map(AuthorizationToken::new));
    Ok(match row.get(1)? {
        1_i64 => Some(PendingWork::DeleteToken(profile)),
        2 => serde_json::from_str(&details)
            .ok()
            .map(|profile| PendingWork::RevokeToken { profile: Box::new(profile), token }),
        STORE_TOKEN => Some(PendingWork::StoreToken { profile, token }),
        3 => Some(PendingWork::RemoveProfile(profile)),
        4 => Some(PendingWork::DeleteFile(path_of_text(&details))),
        _ => None,
    })
}

/// The profiles that are being removed.
pub(crate) fn removed(connection: &Connection) -> rusqlite::Result<Vec<ProfileId>> {
    connection
        .prepare("SELECT profile FROM pending_work WHERE kind = 3")?
        .query_map((), |row| Ok(ProfileId::from_u128(u128::from_be_bytes(row.get(0)?))))?
        .collect()
}

/// Records that the entries under a profile number have to be deleted.
pub(crate) fn insert_cleared(transaction: &Transaction<'_>, profile: ProfileId, number: i64) -> rusqlite::Result<()> {
    let profile = profile.as_u128().to_be_bytes();
    transaction
        .execute(
            "INSERT INTO pending_work (kind, profile, at, details) VALUES (?1, ?2, 0, ?3)",
            (CLEARED, profile, number.to_string()),
        )
        .map(|_count| ())
}

/// The next profile number whose entries have to be deleted.
pub(crate) fn next_cleared(connection: &Connection) -> rusqlite::Result<Option<(WorkId, i64)>> {
    connection
        .prepare_cached("SELECT number, CAST(details AS INTEGER) FROM pending_work WHERE kind = ?1 LIMIT 1")?
        .query_row([CLEARED], |row| Ok((WorkId(row.get(0)?), row.get(1)?)))
        .optional()
}

pub(crate) fn delete(connection: &Connection, WorkId(number): WorkId) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM pending_work WHERE number = ?1", [number]).map(|_count| ())
}

/// Deletes a profile's older tokens that were waiting for the keyring.
fn delete_stored_tokens(transaction: &Transaction<'_>, profile: ProfileId) -> rusqlite::Result<()> {
    let profile = profile.as_u128().to_be_bytes();
    let done = transaction.execute("DELETE FROM pending_work WHERE kind = ?1 AND profile = ?2", (STORE_TOKEN, profile));
    done.map(|_count| ())
}
