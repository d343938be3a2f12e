//! The operating system's keyring: where a profile's authorization token is kept between runs, and the key under which the
//! journal seals links.
//!
//! A [`Keyring`] is a handle to one thread that alone speaks to the system, because a keyring may block for as long as it
//! shows a prompt. Callers wait with a deadline. May use the secret types of `protocol`; never writes a secret to a log,
//! an error or a file.
//!
//! Service `privicore-monitor`; user name `token:<profile uuid>`, secret = the token's UTF-8 bytes; user name
//! `seal:<journal uuid>`, secret = 32 random bytes, which nothing ever takes out again; user name `data:<profile uuid>`, secret =
//! the 32 bytes of the key of the profile's payloads.

pub(crate) mod chunked_entry;
pub(crate) mod error;
pub(crate) mod seal;
pub(crate) mod secret_bytes;
pub(crate) mod store;
pub(crate) mod system;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::protocol::{AuthorizationToken, DataKey};
use crate::settings::ProfileId;

pub use error::{KeyringError, Operation};
pub use seal::{JournalId, SealKey};
pub use secret_bytes::{DEADLINE, SecretBytes};
pub use store::{MemoryStore, SecretStore, StoreError};

/// Requests that wait for the thread. Where as many wait, the next caller waits for a place, within its own deadline.
const WAITING: usize = 16;

/// A handle to the keyring; clones share it. The thread ends with the last of them.
#[derive(Clone)]
pub struct Keyring(Way);

/// How requests reach the store.
#[derive(Clone)]
enum Way {
    /// By a thread of its own.
    Thread(mpsc::Sender<Request>),
    /// Within the caller: for a store that never blocks.
    InPlace(Arc<Mutex<Box<dyn SecretStore>>>),
}

/// What the thread is asked.
struct Request {
    task: Task,
    reply: oneshot::Sender<Answer>,
}

/// The store's answer; a secret only to [`Task::Read`], [`Task::ReadUnlocked`] and [`Task::Seal`].
type Answer = Result<Option<SecretBytes>, StoreError>;

/// What to do with the entry of that user name.
enum Task {
    Store(String, SecretBytes),
    Read(String),
    /// The same, unless it is locked.
    ReadUnlocked(String),
    Forget(String),
    /// Reads it; where it holds no key, puts this one there.
    Seal(String, SecretBytes),
}

impl Keyring {
    /// The keyring of the operating system: the Secret Service, the macOS Keychain, or the Windows Credential Manager. It
    /// is first touched by the first request.
    #[must_use]
    pub fn system() -> Self {
        Self::with_store(Box::new(system::SystemStore))
    }

    /// One that is forgotten with the last handle and never touches the operating system: for the sandbox.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::in_place(Box::new(MemoryStore::default()))
    }

    /// A keyring on another store, which may block: it gets the thread.
    #[must_use]
    pub fn with_store(store: Box<dyn SecretStore>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || run(store, receiver));
        if let Err(error) = thread {
            // The receiver is gone with the closure: every request will say that the keyring has stopped.
            tracing::error!(%error, "the keyring's thread could not be started");
        }
        Self(Way::Thread(sender))
    }

    /// A keyring on a store that never blocks: it is asked within the caller, so that no clock moves meanwhile.
    #[must_use]
    pub fn in_place(store: Box<dyn SecretStore>) -> Self {
        Self(Way::InPlace(Arc::new(Mutex::new(store))))
    }

    /// Keeps a profile's token, in place of an older one, and proves by reading it back that it is kept.
    ///
    /// # Errors
    ///
    /// Where it is not kept. A token whose caller has given up waiting is taken out again when the keyring answers.
    pub async fn store_token(&self, profile: ProfileId, token: &AuthorizationToken) -> Result<(), KeyringError> {
        let secret = SecretBytes::new(token.expose().as_bytes().to_vec());
        let answer = self.ask(Task::Store(user_name(profile), secret)).await;
        answer.map(|_nothing| ()).map_err(|cause| KeyringError::new(Operation::Storing, cause))
    }

    /// A profile's token; `None` where none is kept.
    ///
    /// # Errors
    ///
    /// Where the keyring does not say, or says something that is not a token.
    pub async fn token(&self, profile: ProfileId) -> Result<Option<AuthorizationToken>, KeyringError> {
        let read = match self.ask(Task::Read(user_name(profile))).await {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => match str::from_utf8(&bytes) {
                Ok(text) if !text.is_empty() => Ok(Some(AuthorizationToken::new(text))),
                Ok(_) | Err(_) => Err(StoreError::Damaged),
            },
            Err(cause) => Err(cause),
        };
        read.map_err(|cause| KeyringError::new(Operation::Reading, cause))
    }

    /// Takes a profile's token out. One that is not there is no error. It is done even where the caller gave up waiting.
    ///
    /// # Errors
    ///
    /// Where the token may still be there.
    pub async fn forget_token(&self, profile: ProfileId) -> Result<(), KeyringError> {
        let answer = self.ask(Task::Forget(user_name(profile))).await;
        answer.map(|_nothing| ()).map_err(|cause| KeyringError::new(Operation::Forgetting, cause))
    }

    /// Keeps the key of a profile's payloads, in place of an older one, and proves by reading it back that it is kept.
    ///
    /// # Errors
    ///
    /// Where it is not kept. A key whose caller has given up waiting is taken out again when the keyring answers.
    pub async fn store_data_key(&self, profile: ProfileId, key: &DataKey) -> Result<(), KeyringError> {
        let answer = self.ask(Task::Store(data_key_name(profile), SecretBytes::new(key.expose().to_vec()))).await;
        answer.map(|_nothing| ()).map_err(|cause| KeyringError::new(Operation::StoringKey, cause))
    }

    /// The key of a profile's payloads; `None` where none is kept.
    ///
    /// # Errors
    ///
    /// Where the keyring does not say, or says something that is no key.
    pub async fn data_key(&self, profile: ProfileId) -> Result<Option<DataKey>, KeyringError> {
        let read = self.ask(Task::Read(data_key_name(profile))).await.and_then(|found| {
            found
                .map(|bytes| bytes.as_slice().try_into().map(DataKey::new).map_err(|_length| StoreError::Damaged))
                .transpose()
        });
        read.map_err(|cause| KeyringError::new(Operation::ReadingKey, cause))
    }

    /// Takes the key of a profile's payloads out. One that is not there is no error.
    ///
    /// # Errors
    ///
    /// Where the key may still be there.
    pub async fn forget_data_key(&self, profile: ProfileId) -> Result<(), KeyringError> {
        let answer = self.ask(Task::Forget(data_key_name(profile))).await;
        answer.map(|_nothing| ()).map_err(|cause| KeyringError::new(Operation::ForgettingKey, cause))
    }

    /// The key under which a journal seals secrets. Where there is none yet, one is made by the system's randomness, kept,
    /// and proved to be kept by reading it back.
    ///
    /// # Errors
    ///
    /// Where it is not known or not kept. One that is kept after its caller gave up waiting stays for the next time.
    pub async fn seal_key(&self, journal: JournalId) -> Result<SealKey, KeyringError> {
        let answer = match SealKey::random() {
            Ok(fresh) => self.ask(Task::Seal(seal_name(journal), fresh.into_bytes())).await,
            Err(cause) => Err(cause),
        };
        answer
            .and_then(|bytes| bytes.and_then(SealKey::of).ok_or(StoreError::NotKept))
            .map_err(|cause| KeyringError::new(Operation::Sealing, cause))
    }

    /// The key under which a journal seals secrets, if there is one and nobody has to be asked for a password: nothing is made,
    /// and no keyring is unlocked.
    ///
    /// # Errors
    ///
    /// If the keyring is locked or does not say.
    pub async fn known_seal_key(&self, journal: JournalId) -> Result<Option<SealKey>, KeyringError> {
        let answer = self.ask(Task::ReadUnlocked(seal_name(journal))).await;
        answer.map(|bytes| bytes.and_then(SealKey::of)).map_err(|cause| KeyringError::new(Operation::Sealing, cause))
    }

    async fn ask(&self, task: Task) -> Answer {
        match &self.0 {
            Way::InPlace(store) => {
                let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
                serve(store.as_mut(), &task)
            }
            Way::Thread(sender) => {
                let (reply, answer) = oneshot::channel();
                let asked = async {
                    sender.send(Request { task, reply }).await.map_err(|_ended| StoreError::Stopped)?;
                    answer.await.map_err(|_ended| StoreError::Stopped)?
                };
                tokio::time::timeout(DEADLINE, asked).await.unwrap_or(Err(StoreError::TimedOut))
            }
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Way::Thread(_) => "Keyring(thread)",
            Way::InPlace(_) => "Keyring(in place)",
        })
    }
}

/// Under which name a profile's token is kept.
fn user_name(profile: ProfileId) -> String {
    format!("token:{profile}")
}

/// Under which name the key of a journal's seal is kept.
fn seal_name(journal: JournalId) -> String {
    format!("seal:{journal}")
}

/// Under which name the key of a profile's payloads is kept.
fn data_key_name(profile: ProfileId) -> String {
    format!("data:{profile}")
}

/// The thread: one request after the other, in their order, until the last handle is gone.
fn run(mut store: Box<dyn SecretStore>, mut requests: mpsc::Receiver<Request>) {
    while let Some(Request { task, reply }) = requests.blocking_recv() {
        let needless = match task {
            Task::Store(..) | Task::Read(_) | Task::ReadUnlocked(_) | Task::Seal(..) => reply.is_closed(),
            Task::Forget(_) => false,
        };
        if needless {
            continue;
        }
        // The system's libraries can panic; the thread goes on, and the caller is told.
        let answer = catch_unwind(AssertUnwindSafe(|| serve(store.as_mut(), &task)))
            .unwrap_or_else(|_panic| Err(StoreError::failed("it stopped unexpectedly")));
        if let Err(unheard) = reply.send(answer)
            && let (Ok(_), Task::Store(user, _)) = (unheard, &task)
        {
            // The operator has been told that the token is not kept, so it must not be.
            let undone = catch_unwind(AssertUnwindSafe(|| chunked_entry::delete(store.as_mut(), user)));
            if !matches!(undone, Ok(Ok(()))) {
                tracing::warn!("a token that came too late for its caller could not be taken out of the keyring again");
            }
        }
    }
}

/// Does one task.
fn serve(store: &mut dyn SecretStore, task: &Task) -> Answer {
    match task {
        Task::Store(user, secret) => keep(store, user, secret).map(|_kept| None),
        Task::Read(user) => match chunked_entry::get(store, user)? {
            Some(secret) => Ok(Some(secret)),
            None => store.doubt().map_or(Ok(None), Err),
        },
        Task::ReadUnlocked(_) if store.is_locked() => Err(StoreError::Locked),
        Task::ReadUnlocked(user) => chunked_entry::get(store, user),
        Task::Forget(user) => chunked_entry::delete(store, user).map(|()| None),
        Task::Seal(user, fresh) => match chunked_entry::get(store, user) {
            Ok(Some(kept)) if kept.len() == SealKey::LENGTH => Ok(Some(kept)),
            // A new key would take the place of one that is only not found: nothing sealed under that would open again.
            Ok(None) if let Some(doubt) = store.doubt() => Err(doubt),
            // What is no key opens nothing: nothing is lost with it.
            Ok(_) | Err(StoreError::Damaged) => keep(store, user, fresh).map(Some),
            Err(cause) => Err(cause),
        },
    }
}

/// Puts a secret into the store and reads it back: only then it is kept.
fn keep(store: &mut dyn SecretStore, user: &str, secret: &SecretBytes) -> Result<SecretBytes, StoreError> {
    chunked_entry::set(store, user, secret)?;
    chunked_entry::get(store, user)?.filter(|kept| kept == secret).ok_or(StoreError::NotKept)
}

#[cfg(test)]
mod tests;
