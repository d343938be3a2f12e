//! Sealing with AES-256-GCM: only the key can open a sealed value, and nobody can change it or move it elsewhere unnoticed.
//!
//! A sealed value is a random nonce of 12 bytes, the ciphertext, and a tag of 16 bytes. The context that it belongs to (profile,
//! request, kind and time) is authenticated with it.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::Connection;

use crate::activity::Timestamp;
use crate::credentials::secret_bytes::SecretBytes;
use crate::credentials::{JournalId, SealKey};
use crate::protocol::RequestId;
use crate::settings::ProfileId;

/// The row in `meta` with the number of the key that the newest run was given; missing until it was given one.
pub(crate) const RUN_SEAL: &str = "run_seal";

/// The plaintext of a key's proof.
const PROOF: &[u8] = b"privicore-monitor seal";

/// The context of a sealed secret: it opens in no other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealAad<'a> {
    pub(crate) profile: ProfileId,
    pub(crate) request: &'a RequestId,
    pub(crate) kind: i64,
    pub(crate) at: Timestamp,
}

impl SealAad<'_> {
    /// The context as bytes: all but the last part have a fixed length, so that no two contexts are equal.
    fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32 + self.request.as_str().len());
        bytes.extend(self.profile.as_u128().to_be_bytes());
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend(self.at.0.to_be_bytes());
        bytes.extend(self.request.as_str().as_bytes());
        bytes
    }
}

/// Seals and opens with one key.
pub(crate) struct Sealer {
    key: SealKey,
    /// The key's number in the table `seal`, which rows refer to.
    pub(crate) number: i64,
}

impl Sealer {
    /// Finds the number of a key in a journal, or assigns one.
    pub(crate) fn register(connection: &Connection, journal: JournalId, key: SealKey) -> rusqlite::Result<Self> {
        if let Some(found) = Self::find(connection, journal, &key)? {
            return Ok(found);
        }
        let mut sealer = Self { key, number: 0 };
        let Some(proof) = sealer.sealed(journal.as_bytes(), PROOF) else {
            return Err(rusqlite::Error::ToSqlConversionFailure("the system gives no random numbers".into()));
        };
        connection.execute("INSERT INTO seal (proof) VALUES (?1)", [proof])?;
        sealer.number = connection.last_insert_rowid();
        Ok(sealer)
    }

    /// Finds the number of a key in a journal; `None` if it was never used there.
    pub(crate) fn find(connection: &Connection, journal: JournalId, key: &SealKey) -> rusqlite::Result<Option<Self>> {
        let mut sealer = Self { key: key.clone(), number: 0 };
        let mut statement = connection.prepare("SELECT number, proof FROM seal ORDER BY number DESC")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let proof = row.get_ref(1)?.as_blob().unwrap_or_default();
            if sealer.opened(journal.as_bytes(), proof).is_some_and(|opened| *opened == PROOF) {
                sealer.number = row.get(0)?;
                return Ok(Some(sealer));
            }
        }
        Ok(None)
    }

    /// Notes that this run has the key, for processes that read the journal meanwhile.
    pub(crate) fn note_run(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", (RUN_SEAL, self.number)).map(drop)
    }

    /// Seals a secret; `None` if the system has no random numbers.
    pub(crate) fn seal(&self, place: SealAad<'_>, secret: &str) -> Option<Vec<u8>> {
        self.sealed(&place.bytes(), secret.as_bytes())
    }

    /// Opens a sealed secret; `None` if it was changed, or belongs to another context or key.
    pub(crate) fn open(&self, place: SealAad<'_>, sealed: &[u8]) -> Option<SecretBytes> {
        self.opened(&place.bytes(), sealed)
    }

    /// The key in `ring`'s form. Created for each use, so that it only lives on the stack, because `ring` does not wipe it.
    fn ring_key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.key.expose()).ok().map(LessSafeKey::new)
    }

    fn sealed(&self, place: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        // Allocated at its final size: a buffer that grew would leave copies of the secret behind.
        let mut sealed = Vec::with_capacity(NONCE_LEN + secret.len() + AES_256_GCM.tag_len());
        sealed.extend(nonce);
        sealed.extend_from_slice(secret);
        let inside = sealed.get_mut(NONCE_LEN..)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.ring_key()?.seal_in_place_separate_tag(nonce, Aad::from(place), inside).ok()?;
        sealed.extend_from_slice(tag.as_ref());
        Some(sealed)
    }

    fn opened(&self, place: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
        let (nonce, inside) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = SecretBytes::new(inside.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.ring_key()?.open_in_place(nonce, Aad::from(place), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}
