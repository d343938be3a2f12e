//! The operating system's keyring: stores a profile's authorization token between runs, and the key with which the journal seals
//! links.
//!
//! A [`Keyring`] is a handle to the only thread that calls the system, because a keyring may block for as long as it shows a
//! prompt. Callers wait with a deadline. May use the secret types of `protocol`; never writes a secret to a log, an error or a
//! file.
//!
//! Service `privicore-monitor`. User name `token:<profile uuid>`: the token's UTF-8 bytes. User name `seal:<journal uuid>`: 32
//! random bytes, which are never deleted. User name `data:<profile uuid>`: the 32 bytes of the key of the profile's payloads.

pub(crate) mod chunked_entry;
pub(crate) mod error;
pub(crate) mod seal;
pub(crate) mod secret_bytes;
pub(crate) mod store;
pub(crate) mod system;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::protocol::{AuthorizationToken, DataKey};
use crate::settings::ProfileId;

pub use error::{KeyringError, Operation};
pub use seal::{JournalId, SealKey};
pub use secret_bytes::{SecretBytes, TIMEOUT};
pub use store::{MemoryStore, SecretStore, StoreError};

/// Capacity of the thread's request queue. When it is full, callers wait, within their own deadlines.
const QUEUE: usize = 16;

/// A handle to the keyring; clones share it. The thread ends with the last handle.
#[derive(Clone)]
pub struct Keyring(Backend);

/// How requests reach the store.
#[derive(Clone)]
enum Backend {
    /// On a separate thread.
    Thread(mpsc::Sender<Request>),
    /// In the caller: for a store that never blocks.
    Inline(Arc<Mutex<Box<dyn SecretStore>>>),
}

/// A request to the thread.
struct Request {
    task: Task,
    reply: oneshot::Sender<StoreResult>,
}

/// The store's answer; contains a secret only for [`Task::Read`], [`Task::ReadUnlocked`] and [`Task::Seal`].
type StoreResult = Result<Option<SecretBytes>, StoreError>;

/// An operation on the entry of a user name.
enum Task {
    Store(String, SecretBytes),
    Read(String),
    /// Same, unless the keyring is locked.
    ReadUnlocked(String),
    Delete(String),
    /// Reads the entry; if it has no key, stores this one.
    Seal(String, SecretBytes),
}

impl Keyring {
    /// The keyring of the operating system: the Secret Service, the macOS Keychain, or the Windows Credential Manager. The first
    /// request connects to it.
    pub fn system() -> Self {
        Self::with_store(Box::new(system::SystemStore))
    }

    /// A keyring in memory, dropped with the last handle, that never touches the operating system: for the sandbox.
    pub fn in_memory() -> Self {
        Self::inline(Box::new(MemoryStore::default()))
    }

    /// A keyring on another store, which may block, on its own thread.
    pub fn with_store(store: Box<dyn SecretStore>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || run(store, receiver));
        if let Err(error) = thread {
            // The receiver is dropped with the closure, so every request reports that the keyring has stopped.
            tracing::error!(%error, "the keyring's thread could not be started");
        }
        Self(Backend::Thread(sender))
    }

    /// A keyring on a store that never blocks: called in the caller, so that no clock advances meanwhile.
    pub fn inline(store: Box<dyn SecretStore>) -> Self {
        Self(Backend::Inline(Arc::new(Mutex::new(store))))
    }

    /// Stores a profile's token, replacing an older one, and reads it back to verify it.
    ///
    /// # Errors
    ///
    /// If it is not stored. If the caller has timed out, the token is deleted again when the keyring answers.
    pub async fn store_token(&self, profile: ProfileId, token: &AuthorizationToken) -> Result<(), KeyringError> {
        let secret = SecretBytes::new(token.expose().as_bytes().to_vec());
        let answer = self.request(Task::Store(user_name(profile), secret)).await;
        answer.map(|_nothing| ()).map_err(|cause| KeyringError::new(Operation::Storing, cause))
    }

    /// A profile's token; `None` if none is stored.
    ///
    /// # Errors
    ///
    /// If the keyring fails, or returns something that is not a token.
    pub async fn token(&self, profile: ProfileId) -> Result<Option<AuthorizationToken>, KeyringError> {
        let read = match self.request(Task::Read(user_name(profile))).await {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => match str::from_utf8(&bytes) {
                Ok(text) if !text.is_empty() => Ok(Some(AuthorizationToken::new(text))),
                Ok(_) | Err(_) => Err(StoreError::Damaged),
            },
            Err(cause) => Err(cause),
        };
        read.map_err(|cause| KeyringError::new(Operation::Reading, cause))
    }

    /// Deletes a profile's token. A missing token is not an error. It is deleted even if the caller has timed out.
    ///
    /// # Errors
    ///
    /// If the token may still be stored.
    pub async fn delete_token(&self, profile: ProfileId) -> Result<(), KeyringError> {
        let answer = self.request(Task::Delete(user_name(profile))).await;
        answer.map(|_nothing| ()).map_err(|cause| KeyringError::new(Operation::Deleting, cause))
    }

    /// Stores the key of a profile's payloads, replacing an older one, and reads it back to verify it.
    ///
    /// # Errors
    ///
    /// If it is not stored. If the caller has timed out, the key is deleted again when the keyring answers.
    pub async fn store_data_key(&self, profile: ProfileId, key: &DataKey) -> Result<(), KeyringError> {
        let answer = self.request(Task::Store(data_key_name(profile), SecretBytes::new(key.expose().to_vec()))).await;
        answer.map(|_nothing| ()).map_err(|cause| KeyringError::new(Operation::StoringKey, cause))
    }

    /// The key of a profile's payloads; `None` if none is stored.
    ///
    /// # Errors
    ///
    /// If the keyring fails, or returns something that is not a key.
    pub async fn data_key(&self, profile: ProfileId) -> Result<Option<DataKey>, KeyringError> {
        let read = self.request(Task::Read(data_key_name(profile))).await.and_then(|found| {
            found
                .map(|bytes| bytes.as_slice().try_into().map(DataKey::new).map_err(|_length| StoreError::Damaged))
                .transpose()
        });
        read.map_err(|cause| KeyringError::new(Operation::ReadingKey, cause))
    }

    /// Deletes the key of a profile's payloads. A missing key is not an error.
    ///
    /// # Errors
    ///
    /// If the key may still be stored.
    pub async fn delete_data_key(&self, profile: ProfileId) -> Result<(), KeyringError> {
        let answer = self.request(Task::Delete(data_key_name(profile))).await;
        answer.map(|_nothing| ()).map_err(|cause| KeyringError::new(Operation::DeletingKey, cause))
    }

    /// The key with which a journal seals secrets. If there is none yet, a random one is created, stored, and read back to verify
    /// it.
    ///
    /// # Errors
    ///
    /// If it is not known or not stored. A key that is stored after its caller has timed out stays for the next time.
    pub async fn seal_key(&self, journal: JournalId) -> Result<SealKey, KeyringError> {
        let answer = match SealKey::random() {
            Ok(fresh) => self.request(Task::Seal(seal_name(journal), fresh.into_bytes())).await,
            Err(cause) => Err(cause),
        };
        answer
            .and_then(|bytes| bytes.and_then(SealKey::of).ok_or(StoreError::NotStored))
            .map_err(|cause| KeyringError::new(Operation::Sealing, cause))
    }

    /// The key with which a journal seals secrets, if it exists and no password prompt is needed: no key is created, and no keyring
    /// is unlocked.
    ///
    /// # Errors
    ///
    /// If the keyring is locked or fails.
    pub async fn known_seal_key(&self, journal: JournalId) -> Result<Option<SealKey>, KeyringError> {
        let answer = self.request(Task::ReadUnlocked(seal_name(journal))).await;
        answer.map(|bytes| bytes.and_then(SealKey::of)).map_err(|cause| KeyringError::new(Operation::Sealing, cause))
    }

    async fn request(&self, task: Task) -> StoreResult {
        match &self.0 {
            Backend::Inline(store) => {
                let mut store = store.lock();
                serve(store.as_mut(), &task)
            }
            Backend::Thread(sender) => {
                let (reply, answer) = oneshot::channel();
                let asked = async {
                    sender.send(Request { task, reply }).await.map_err(|_ended| StoreError::Stopped)?;
                    answer.await.map_err(|_ended| StoreError::Stopped)?
                };
                tokio::time::timeout(TIMEOUT, asked).await.unwrap_or(Err(StoreError::TimedOut))
            }
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Backend::Thread(_) => "Keyring(thread)",
            Backend::Inline(_) => "Keyring(in place)",
        })
    }
}

/// The user name for a profile's token.
fn user_name(profile: ProfileId) -> String {
    format!("token:{profile}")
}

/// The user name for a journal's sealing key.
fn seal_name(journal: JournalId) -> String {
    format!("seal:{journal}")
}

/// The user name for the key of a profile's payloads.
fn data_key_name(profile: ProfileId) -> String {
    format!("data:{profile}")
}

/// The thread: handles requests in order, until the last handle is dropped.
fn run(mut store: Box<dyn SecretStore>, mut requests: mpsc::Receiver<Request>) {
    while let Some(Request { task, reply }) = requests.blocking_recv() {
        let needless = match task {
            Task::Store(..) | Task::Read(_) | Task::ReadUnlocked(_) | Task::Seal(..) => reply.is_closed(),
            Task::Delete(_) => false,
        };
        if needless {
            continue;
        }
        // The system's libraries can panic; the thread continues, and the caller gets an error.
        let answer = catch_unwind(AssertUnwindSafe(|| serve(store.as_mut(), &task)))
            .unwrap_or_else(|_panic| Err(StoreError::failed("it stopped unexpectedly")));
        if let Err(unheard) = reply.send(answer)
            && let (Ok(_), Task::Store(user, _)) = (unheard, &task)
        {
            // The operator was told that the token is not stored, so it must not be.
            let undone = catch_unwind(AssertUnwindSafe(|| chunked_entry::delete(store.as_mut(), user)));
            if !matches!(undone, Ok(Ok(()))) {
                tracing::warn!("a token that came too late for its caller could not be taken out of the keyring again");
            }
        }
    }
}

fn serve(store: &mut dyn SecretStore, task: &Task) -> StoreResult {
    match task {
        Task::Store(user, secret) => store_verified(store, user, secret).map(|_kept| None),
        Task::Read(user) => match chunked_entry::get(store, user)? {
            Some(secret) => Ok(Some(secret)),
            None => store.uncertainty().map_or(Ok(None), Err),
        },
        Task::ReadUnlocked(_) if store.is_locked() => Err(StoreError::Locked),
        Task::ReadUnlocked(user) => chunked_entry::get(store, user),
        Task::Delete(user) => chunked_entry::delete(store, user).map(|()| None),
        Task::Seal(user, fresh) => match chunked_entry::get(store, user) {
            Ok(Some(stored)) if stored.len() == SealKey::LENGTH => Ok(Some(stored)),
            // A new key could replace one that was only not found: what that one sealed would never open again.
            Ok(None) if let Some(doubt) = store.uncertainty() => Err(doubt),
            // What is stored is not a key and opens nothing, so replacing it loses nothing.
            Ok(_) | Err(StoreError::Damaged) => store_verified(store, user, fresh).map(Some),
            Err(cause) => Err(cause),
        },
    }
}

/// Stores a secret and reads it back; only then it counts as stored.
fn store_verified(store: &mut dyn SecretStore, user: &str, secret: &SecretBytes) -> Result<SecretBytes, StoreError> {
    chunked_entry::set(store, user, secret)?;
    chunked_entry::get(store, user)?.filter(|stored| stored == secret).ok_or(StoreError::NotStored)
}

#[cfg(test)]
mod tests;
