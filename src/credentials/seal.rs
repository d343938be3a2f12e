//! The key with which a journal seals secrets, and the id of that journal.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

use super::secret_bytes::SecretBytes;
use super::store::StoreError;

/// Identifies a journal: a UUID stored in it. The keyring stores the journal's sealing key under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JournalId(uuid::Uuid);

impl JournalId {
    /// Creates it from 16 random bytes, as the journal stores them: a version 4 UUID.
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Its 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An AES-256-GCM key, wiped when dropped. It can't be printed, not even by `Debug`.
#[derive(Clone)]
pub struct SealKey(SecretBytes);

impl SealKey {
    /// Its length in bytes.
    pub const LENGTH: usize = 32;

    /// Creates a random key.
    pub(crate) fn random() -> Result<Self, StoreError> {
        let mut bytes = SecretBytes::new(vec![0; Self::LENGTH]);
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_unspecified| StoreError::failed("the system gives no random numbers"))?;
        Ok(Self(bytes))
    }

    /// Creates it from stored bytes; `None` if they are not a key.
    pub(crate) fn of(bytes: SecretBytes) -> Option<Self> {
        (bytes.len() == Self::LENGTH).then_some(Self(bytes))
    }

    /// Converts it into its bytes.
    pub(crate) fn into_bytes(self) -> SecretBytes {
        self.0
    }

    /// The key itself: only for sealing and opening.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
