//! What a keyring is, to this room: bytes under a user name.

use std::collections::HashMap;

use super::secret_bytes::SecretBytes;

/// A place for secrets. Called from one thread at a time; may block.
pub trait SecretStore: Send {
    /// The secret under a user name; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Where the store does not say.
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError>;

    /// Puts a secret under a user name, in place of an older one.
    ///
    /// # Errors
    ///
    /// Where it is not kept.
    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError>;

    /// Takes the secret under a user name out. One that is not there is no error.
    ///
    /// # Errors
    ///
    /// Where it may still be there.
    fn delete(&mut self, user: &str) -> Result<(), StoreError>;

    /// Whether reading would ask the operator for a password.
    fn is_locked(&mut self) -> bool {
        false
    }

    /// Why a secret may be kept although [`Self::get`] found none; `None` if there is none.
    fn doubt(&mut self) -> Option<StoreError> {
        None
    }

    /// The longest secret that one entry takes, in bytes; `None` where nothing is known of a limit.
    fn limit(&self) -> Option<usize> {
        None
    }
}

/// Why a store did not do what was asked. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It is locked.
    #[error("The system keyring is locked.")]
    Locked,
    /// It finds nothing, and is locked or does not say where secrets are kept: `KeePassXC` is like that while its database is locked.
    #[error("The system keyring is locked or has no default collection.")]
    NoDefaultCollection,
    /// There is none.
    #[error("No system keyring is set up.")]
    Missing,
    /// The operator or the system said no.
    #[error("The system keyring did not give access.")]
    Refused,
    /// It has not answered within [`super::secret_bytes::DEADLINE`].
    #[error(
        "The system keyring has not answered for {} s; it may be waiting for you in a window of its own.",
        super::secret_bytes::DEADLINE.as_secs()
    )]
    TimedOut,
    /// It took the secret, and gives another one or none.
    #[error("The system keyring took what it was given but does not give it back.")]
    NotKept,
    /// What it holds is not what was put there.
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
    /// The longest detail that is shown, in characters.
    const LONGEST: usize = 160;

    /// A failure in the system's words: one line of them.
    #[must_use]
    pub fn failed(words: &str) -> Self {
        let line: String = words
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character })
            .take(Self::LONGEST)
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
