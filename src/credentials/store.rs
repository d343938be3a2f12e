//! The interface to a keyring: bytes under a user name.

use std::collections::HashMap;

use super::secret_bytes::SecretBytes;

/// A store for secrets. Called from one thread at a time; may block.
pub trait SecretStore: Send {
    /// The secret under a user name; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the store fails.
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError>;

    /// Stores a secret under a user name, replacing an older one.
    ///
    /// # Errors
    ///
    /// If it is not stored.
    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError>;

    /// Deletes the secret under a user name. A missing secret is not an error.
    ///
    /// # Errors
    ///
    /// If it may still be stored.
    fn delete(&mut self, user: &str) -> Result<(), StoreError>;

    /// Whether reading would prompt the operator for a password.
    fn is_locked(&mut self) -> bool {
        false
    }

    /// Why a secret may be stored although [`Self::get`] found none; `None` if there is no such reason.
    fn uncertainty(&mut self) -> Option<StoreError> {
        None
    }

    /// Maximum size of a secret in one entry, in bytes; `None` if no limit is known.
    fn limit(&self) -> Option<usize> {
        None
    }
}

/// Why a store operation failed. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The keyring is locked.
    #[error("The system keyring is locked.")]
    Locked,
    /// Nothing was found, and the keyring is locked or has no default collection: `KeePassXC` behaves like this while its database
    /// is locked.
    #[error("The system keyring is locked or has no default collection.")]
    NoDefaultCollection,
    /// There is no keyring.
    #[error("No system keyring is set up.")]
    Missing,
    /// The operator or the system denied access.
    #[error("The system keyring did not give access.")]
    Refused,
    /// It has not answered within [`super::secret_bytes::TIMEOUT`].
    #[error(
        "The system keyring has not answered for {} s; it may be waiting for you in a window of its own.",
        super::secret_bytes::TIMEOUT.as_secs()
    )]
    TimedOut,
    /// It accepted the secret, but returns another one or none.
    #[error("The system keyring took what it was given but does not give it back.")]
    NotStored,
    /// The stored bytes are not what was stored there.
    #[error("The system keyring holds something for this profile that is not a token.")]
    Damaged,
    /// Its thread has ended.
    #[error("The system keyring can't be reached any more.")]
    Stopped,
    /// Anything else, in the system's words.
    #[error("The system keyring failed: {0}.")]
    Failed(Box<str>),
}

impl StoreError {
    /// Maximum length of the shown detail, in characters.
    const MAX_DETAIL: usize = 160;

    /// A failure with the system's text, shortened to one line.
    pub fn failed(words: &str) -> Self {
        let line: String = words
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character })
            .take(Self::MAX_DETAIL)
            .collect();
        Self::Failed(line.trim().trim_end_matches('.').into())
    }
}

/// Secrets in memory, wiped when they are dropped.
#[derive(Default)]
pub struct MemoryStore(HashMap<String, SecretBytes>);

impl SecretStore for MemoryStore {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        Ok(self.0.get(user).cloned())
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.0.insert(user.to_owned(), SecretBytes::new(secret.to_vec()));
        Ok(())
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.0.remove(user);
        Ok(())
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryStore({} secrets)", self.0.len())
    }
}
