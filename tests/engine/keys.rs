//! Keyrings for tests: one in a folder, which outlives the process, and one that can be locked or made slow.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use privicore_monitor::credentials::{Keyring, MemoryStore, SecretBytes, SecretStore, StoreError};

/// A keyring whose secrets are files in a folder.
pub(crate) fn in_folder(folder: &Path) -> Keyring {
    std::fs::create_dir_all(folder).expect("a folder");
    Keyring::inline(Box::new(Files(folder.to_owned())))
}

struct Files(PathBuf);

impl Files {
    fn path(&self, user: &str) -> PathBuf {
        self.0.join(user.replace(':', "-"))
    }
}

impl SecretStore for Files {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        Ok(std::fs::read(self.path(user)).ok().map(SecretBytes::new))
    }

    #[expect(clippy::disallowed_methods, reason = "the test owns the folder")]
    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        std::fs::write(self.path(user), secret).expect("written");
        Ok(())
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        if self.path(user).exists() {
            std::fs::remove_file(self.path(user)).expect("removed");
        }
        Ok(())
    }
}

/// What a [`moody`] keyring does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers at once.
    Open,
    /// Refuses everything.
    Locked,
    /// Does not answer until this changes.
    Silent,
}

/// The mood of a keyring, and how many token requests arrived while it was silent.
#[derive(Clone)]
pub(crate) struct Control(Arc<(Mutex<(Mood, usize)>, Condvar)>);

impl Control {
    pub(crate) fn be(&self, mood: Mood) {
        let (state, changed) = &*self.0;
        state.lock().unwrap_or_else(PoisonError::into_inner).0 = mood;
        changed.notify_all();
    }

    /// How many requests have waited for it to answer.
    pub(crate) fn waited(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn ask(&self) -> Result<(), StoreError> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 == Mood::Silent {
            state.1 += 1;
        }
        let state =
            changed.wait_while(state, |(mood, _)| *mood == Mood::Silent).unwrap_or_else(PoisonError::into_inner);
        if state.0 == Mood::Locked { Err(StoreError::Locked) } else { Ok(()) }
    }
}

/// A keyring that can be locked or silent, for tokens only: the key of the link encryption is always available.
pub(crate) fn moody() -> (Keyring, Control) {
    let control = Control(Arc::new((Mutex::new((Mood::Open, 0)), Condvar::new())));
    let store = Moody { kept: MemoryStore::default(), control: control.clone() };
    (Keyring::with_store(Box::new(store)), control)
}

struct Moody {
    kept: MemoryStore,
    control: Control,
}

impl Moody {
    fn ask(&self, user: &str) -> Result<(), StoreError> {
        if user.starts_with("seal:") { Ok(()) } else { self.control.ask() }
    }
}

impl SecretStore for Moody {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        self.ask(user)?;
        self.kept.get(user)
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.ask(user)?;
        self.kept.set(user, secret)
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.ask(user)?;
        self.kept.delete(user)
    }
}
