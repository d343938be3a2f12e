//! The key under which a journal seals secrets, and the name of the journal that it belongs to.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

use super::secret_bytes::SecretBytes;
use super::store::StoreError;

/// Names a journal: a UUID that it carries. The key of its seal is kept under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JournalId(uuid::Uuid);

impl JournalId {
    /// From 16 random bytes, as the journal keeps them: a version 4 UUID.
    #[must_use]
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Its 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key of AES-256-GCM, wiped when dropped. It can't be printed, not even by `Debug`.
#[derive(Clone)]
pub struct SealKey(SecretBytes);

impl SealKey {
    /// Its length in bytes.
    pub const LENGTH: usize = 32;

    /// A fresh one, by the system's randomness.
    pub(crate) fn random() -> Result<Self, StoreError> {
        let mut bytes = SecretBytes::new(vec![0; Self::LENGTH]);
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_unspecified| StoreError::failed("the system gives no random numbers"))?;
        Ok(Self(bytes))
    }

    /// From what a store holds; `None` where that is no key.
    pub(crate) fn of(bytes: SecretBytes) -> Option<Self> {
        (bytes.len() == Self::LENGTH).then_some(Self(bytes))
    }

    /// The bytes, taken out.
    pub(crate) fn into_bytes(self) -> SecretBytes {
        self.0
    }

    /// The key itself: for sealing and opening, and nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
