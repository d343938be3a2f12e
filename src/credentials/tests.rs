use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};

use tokio::sync::mpsc;

use crate::protocol::AuthorizationToken;
use crate::settings::ProfileId;

use super::error::KeyringError;
use super::seal::{JournalId, SealKey};
use super::secret_bytes::{SecretBytes, TIMEOUT};
use super::store::{MemoryStore, SecretStore, StoreError};
use super::*;

/// A store whose content a test can inspect, which fails on demand and enforces its limit.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    stored: BTreeMap<String, Vec<u8>>,
    limit: Option<usize>,
    /// Fails every call.
    fails: Option<StoreError>,
    /// Reports success of `set` without storing.
    loses_writes: bool,
    /// Panics at the next call.
    panics: bool,
    /// Finds nothing, and doubts that there is nothing.
    is_uncertain: bool,
    /// Number of further calls of `set` that succeed.
    sets_left: Option<usize>,
}

impl Scripted {
    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> Vec<String> {
        self.script().stored.keys().cloned().collect()
    }
}

impl Script {
    fn check(&mut self) -> Result<(), StoreError> {
        assert!(!std::mem::take(&mut self.panics), "asked to panic");
        self.fails.clone().map_or(Ok(()), Err)
    }
}

impl SecretStore for Scripted {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        let mut script = self.script();
        script.check()?;
        Ok(script.stored.get(user).filter(|_| !script.is_uncertain).cloned().map(SecretBytes::new))
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        let mut script = self.script();
        script.check()?;
        assert!(script.limit.is_none_or(|limit| secret.len() <= limit), "{} bytes are too long", secret.len());
        if let Some(left) = &mut script.sets_left {
            *left = left.checked_sub(1).ok_or(StoreError::Refused)?;
        }
        if !script.loses_writes {
            script.stored.insert(user.to_owned(), secret.to_vec());
        }
        Ok(())
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        let mut script = self.script();
        script.check()?;
        script.stored.remove(user);
        Ok(())
    }

    fn uncertainty(&mut self) -> Option<StoreError> {
        self.script().is_uncertain.then_some(StoreError::NoDefaultCollection)
    }

    fn limit(&self) -> Option<usize> {
        self.script().limit
    }
}

/// A store that does not answer before its gate is opened, or ever; it signals each call.
struct Gated {
    called: mpsc::Sender<()>,
    gate: std_mpsc::Receiver<()>,
    inner: Scripted,
}

/// The test's side of a [`Gated`].
struct Gate {
    called: mpsc::Receiver<()>,
    open: std_mpsc::SyncSender<()>,
    inner: Scripted,
}

impl Gated {
    fn new() -> (Self, Gate) {
        let (open, gate) = std_mpsc::sync_channel(8);
        let (call, called) = mpsc::channel(64);
        let inner = Scripted::default();
        (Self { called: call, gate, inner: inner.clone() }, Gate { called, open, inner })
    }

    fn pass(&self) -> Result<(), StoreError> {
        self.called.try_send(()).map_err(|_full| StoreError::Stopped)?;
        self.gate.recv().map_err(|_closed| StoreError::Stopped)
    }
}

impl SecretStore for Gated {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        self.pass()?;
        self.inner.get(user)
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.pass()?;
        self.inner.set(user, secret)
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.inner.delete(user)
    }
}

const CAUSES: [StoreError; 4] = [StoreError::Locked, StoreError::Missing, StoreError::Refused, StoreError::NotStored];

fn profile() -> ProfileId {
    ProfileId::from_u128(0x1d5d_9d3c_7c4c_4d2f_8b43_2f6e_0d3a_9a11)
}

const USER: &str = "token:1d5d9d3c-7c4c-4d2f-8b43-2f6e0d3a9a11";

#[tokio::test]
async fn a_token_is_stored_read_and_deleted() {
    let scripted = Scripted::default();
    for keyring in [Keyring::in_memory(), Keyring::with_store(Box::new(scripted.clone()))] {
        assert_eq!(keyring.token(profile()).await.unwrap(), None, "an entry that is missing is no error");
        for token in ["T-first", "T-second"] {
            let token = AuthorizationToken::new(token);
            keyring.store_token(profile(), &token).await.unwrap();
            assert_eq!(keyring.token(profile()).await.unwrap(), Some(token));
        }
        assert_eq!(keyring.token(ProfileId::from_u128(1)).await.unwrap(), None, "a token went to another profile");
        keyring.delete_token(profile()).await.unwrap();
        keyring.delete_token(profile()).await.unwrap();
        assert_eq!(keyring.token(profile()).await.unwrap(), None);
    }
    assert_eq!(scripted.names(), [""; 0], "something stayed behind");
}

#[tokio::test]
async fn the_entry_has_the_documented_name_and_the_bytes_of_the_token() {
    let scripted = Scripted::default();
    let keyring = Keyring::with_store(Box::new(scripted.clone()));
    keyring.store_token(profile(), &AuthorizationToken::new("T-größe")).await.unwrap();
    assert_eq!(scripted.script().stored, BTreeMap::from([(USER.to_owned(), "T-größe".as_bytes().to_vec())]));
}

#[tokio::test]
async fn every_failure_says_what_it_means_and_what_to_do() {
    let scripted = Scripted::default();
    let keyring = Keyring::with_store(Box::new(scripted.clone()));
    let token = AuthorizationToken::new("CANARY");
    for cause in CAUSES {
        scripted.script().fails = Some(cause.clone());
        let errors = [
            (keyring.store_token(profile(), &token).await.unwrap_err(), "You are signed in for this session only."),
            (keyring.token(profile()).await.unwrap_err(), "could not be signed in by itself."),
            (keyring.delete_token(profile()).await.unwrap_err(), "The token may still be in it."),
            (refused(keyring.seal_key(journal()).await), "Links to data are kept in memory only"),
        ];
        for (error, meaning) in errors {
            assert_eq!(*error.cause(), cause);
            let text = error.to_string();
            assert!(text.starts_with(&cause.to_string()), "what happened is not said: {text}");
            assert!(text.contains(meaning), "what it means is not said: {text}");
            assert!(text.ends_with('.') && text.contains(", then "), "what to do is not said: {text}");
            assert!(!format!("{error} {error:?}").contains("CANARY"), "a secret showed itself: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_keyring_that_reports_success_without_storing_is_detected() {
    let scripted = Scripted::default();
    scripted.script().loses_writes = true;
    let keyring = Keyring::with_store(Box::new(scripted));
    let error = keyring.store_token(profile(), &AuthorizationToken::new("T-1")).await.unwrap_err();
    assert_eq!(*error.cause(), StoreError::NotStored);
}

#[tokio::test]
async fn an_invalid_token_is_not_returned() {
    let scripted = Scripted::default();
    let keyring = Keyring::with_store(Box::new(scripted.clone()));
    for held in [&b"\xff\xfe"[..], b"", b"\0split a 2 10", b"\0split nonsense"] {
        scripted.script().stored.insert(USER.to_owned(), held.to_vec());
        let error = keyring.token(profile()).await.expect_err("it was taken for a token");
        assert_eq!(*error.cause(), StoreError::Damaged, "{held:?}");
        assert!(error.to_string().ends_with("Sign in again to replace it."), "{error}");
        keyring.store_token(profile(), &AuthorizationToken::new("T-1")).await.unwrap();
        assert!(keyring.token(profile()).await.unwrap().is_some(), "it could not be replaced: {held:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_keyring_that_never_answers_times_out() {
    let (gated, _gate) = Gated::new();
    let keyring = Keyring::with_store(Box::new(gated));
    let token = AuthorizationToken::new("T-1");
    let start = tokio::time::Instant::now();
    let error = keyring.store_token(profile(), &token).await.unwrap_err();
    assert_eq!(*error.cause(), StoreError::TimedOut);
    assert_eq!(start.elapsed(), TIMEOUT);
    assert!(error.to_string().contains("a window of its own"), "the prompt is not named: {error}");
    // The thread still hangs. More callers than the queue holds do not wait longer either.
    let start = tokio::time::Instant::now();
    let callers = (0..QUEUE * 2).map(|_| keyring.token(profile()));
    for outcome in futures_util::future::join_all(callers).await {
        assert_eq!(*outcome.unwrap_err().cause(), StoreError::TimedOut);
    }
    assert_eq!(start.elapsed(), TIMEOUT);
}

#[tokio::test]
async fn a_token_stored_after_the_timeout_is_deleted_again() {
    let (gated, mut gate) = Gated::new();
    let keyring = Keyring::with_store(Box::new(gated));
    let token = AuthorizationToken::new("T-1");
    let mut storing = Box::pin(keyring.store_token(profile(), &token));
    tokio::select! {
        biased;
        _ = &mut storing => panic!("it answered behind a closed gate"),
        called = gate.called.recv() => called.unwrap(),
    }
    // The keyring shows its prompt; the deadline passes.
    tokio::time::pause();
    assert_eq!(*storing.await.unwrap_err().cause(), StoreError::TimedOut);
    // The operator answers the prompt. From here on the thread works, so the clock must advance normally.
    tokio::time::resume();
    for _ in 0..3 {
        gate.open.send(()).unwrap();
    }
    assert_eq!(keyring.token(profile()).await.unwrap(), None, "the operator was told that it is not kept");
    assert_eq!(gate.inner.names(), [""; 0]);
    for _ in 0..3 {
        gate.open.send(()).unwrap();
    }
    keyring.store_token(profile(), &token).await.unwrap();
    assert_eq!(keyring.token(profile()).await.unwrap(), Some(token), "the keyring did not recover");
}

#[tokio::test]
async fn a_panic_of_the_store_is_an_error_and_the_next_request_is_served() {
    let scripted = Scripted::default();
    scripted.script().panics = true;
    let keyring = Keyring::with_store(Box::new(scripted.clone()));
    let error = keyring.token(profile()).await.unwrap_err();
    assert!(matches!(error.cause(), StoreError::Failed(_)), "{error}");
    assert_eq!(keyring.token(profile()).await.unwrap(), None);
}

#[tokio::test]
async fn a_token_longer_than_an_entry_is_split_and_joined() {
    let scripted = Scripted::default();
    scripted.script().limit = Some(2_400);
    let keyring = Keyring::with_store(Box::new(scripted.clone()));
    for (length, entries) in [(2_400, 1), (2_401, 3), (7_200, 4), (4_800, 3), (10, 1), (9_999, 6)] {
        let token = AuthorizationToken::new("é".repeat(length / 2) + if length % 2 == 1 { "x" } else { "" });
        keyring.store_token(profile(), &token).await.unwrap();
        assert_eq!(keyring.token(profile()).await.unwrap(), Some(token), "{length} bytes");
        assert_eq!(scripted.names().len(), entries, "entries for {length} bytes: {:?}", scripted.names());
    }
    keyring.delete_token(profile()).await.unwrap();
    assert_eq!(scripted.names(), [""; 0], "pieces stayed behind");
}

#[tokio::test]
async fn an_interrupted_split_write_leaves_the_older_token_intact() {
    let scripted = Scripted::default();
    scripted.script().limit = Some(100);
    let keyring = Keyring::with_store(Box::new(scripted.clone()));
    let (old, new) = (AuthorizationToken::new("o".repeat(250)), AuthorizationToken::new("n".repeat(350)));
    keyring.store_token(profile(), &old).await.unwrap();
    // Four chunks and the head make five.
    for sets in 0..5 {
        scripted.script().sets_left = Some(sets);
        keyring.store_token(profile(), &new).await.unwrap_err();
        assert_eq!(keyring.token(profile()).await.unwrap().as_ref(), Some(&old), "after {sets} writes");
    }
    scripted.script().sets_left = None;
    keyring.store_token(profile(), &new).await.unwrap();
    assert_eq!(keyring.token(profile()).await.unwrap(), Some(new));
    assert_eq!(scripted.names().len(), 5, "pieces of the older token stayed behind: {:?}", scripted.names());
}

fn journal() -> JournalId {
    JournalId::from_random_bytes(*b"sixteen bytes ..")
}

/// Why there is no key; a key itself can't be shown.
fn refused(answer: Result<SealKey, KeyringError>) -> KeyringError {
    match answer {
        Ok(_key) => panic!("there is a key"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn the_sealing_key_is_created_once_and_survives_every_sign_out() {
    let scripted = Scripted::default();
    let keyring = Keyring::with_store(Box::new(scripted.clone()));
    keyring.store_token(profile(), &AuthorizationToken::new("T-1")).await.unwrap();
    let key = keyring.seal_key(journal()).await.unwrap_or_else(|error| panic!("{error}"));
    let name = "seal:73697874-6565-4e20-a279-746573202e2e";
    assert_eq!(scripted.script().stored.get(name).map(Vec::as_slice), Some(key.expose()));
    assert_eq!(key.expose().len(), SealKey::LENGTH);
    keyring.delete_token(profile()).await.unwrap();
    let again = keyring.seal_key(journal()).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(again.expose() == key.expose(), "another key was made: what was sealed is lost");
    let other = keyring.seal_key(JournalId::from_random_bytes([7; 16])).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(other.expose() != key.expose(), "two journals have the same key");
}

#[tokio::test]
async fn a_keyring_that_fails_gives_no_key_and_replaces_none() {
    let scripted = Scripted::default();
    let keyring = Keyring::with_store(Box::new(scripted.clone()));
    scripted.script().loses_writes = true;
    assert_eq!(*refused(keyring.seal_key(journal()).await).cause(), StoreError::NotStored);
    scripted.script().loses_writes = false;
    let key = keyring.seal_key(journal()).await.unwrap_or_else(|error| panic!("{error}"));
    scripted.script().fails = Some(StoreError::Locked);
    assert_eq!(*refused(keyring.seal_key(journal()).await).cause(), StoreError::Locked);
    scripted.script().fails = None;
    let again = keyring.seal_key(journal()).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(again.expose() == key.expose(), "a locked keyring cost the key");
    // Bytes that are not a key open nothing and are replaced.
    let name = scripted.names().pop().unwrap();
    scripted.script().stored.insert(name.clone(), b"too short".to_vec());
    let new = keyring.seal_key(journal()).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scripted.script().stored.get(&name).map(Vec::as_slice), Some(new.expose()));
    for cause in [StoreError::Missing, StoreError::Stopped, StoreError::failed("no bus")] {
        scripted.script().fails = Some(cause.clone());
        let sentence = refused(keyring.seal_key(journal()).await).to_string();
        assert!(sentence.ends_with("estart the program to store links again."), "{sentence}");
        assert_eq!(sentence.matches("the program").count(), 1, "it says so twice: {sentence}");
    }
}

#[tokio::test]
async fn a_key_created_after_the_timeout_is_found_the_next_time() {
    let (gated, mut gate) = Gated::new();
    let keyring = Keyring::with_store(Box::new(gated));
    let mut asking = Box::pin(keyring.seal_key(journal()));
    tokio::select! {
        biased;
        _ = &mut asking => panic!("it answered behind a closed gate"),
        called = gate.called.recv() => called.unwrap(),
    }
    // The keyring shows its prompt; the deadline passes.
    tokio::time::pause();
    assert_eq!(*refused(asking.await).cause(), StoreError::TimedOut);
    tokio::time::resume();
    // The operator answers the prompt: it is read, set and read, and later read once more.
    for _ in 0..4 {
        gate.open.send(()).unwrap();
    }
    let key = keyring.seal_key(journal()).await.unwrap_or_else(|error| panic!("{error}"));
    let kept: Vec<_> = gate.inner.script().stored.values().cloned().collect();
    assert_eq!(kept, [key.expose().to_vec()], "another key was made");
}

#[tokio::test]
async fn debug_output_shows_no_stored_secret() {
    let keyring = Keyring::in_memory();
    keyring.store_token(profile(), &AuthorizationToken::new("CANARY")).await.unwrap();
    assert!(!format!("{keyring:?}").contains("CANARY"));
    let mut store = MemoryStore::default();
    store.set("user", b"CANARY").unwrap();
    assert_eq!(format!("{store:?}"), "MemoryStore(1 secrets)");
}

#[tokio::test]
async fn a_keyring_without_a_default_collection_does_not_count_as_empty() {
    let store = Scripted::default();
    let keyring = Keyring::inline(Box::new(store.clone()));
    let profile = ProfileId::from_u128(7);
    assert_eq!(keyring.token(profile).await.map(|token| token.is_some()), Ok(false), "nothing is kept");
    keyring.store_token(profile, &AuthorizationToken::new("T-1")).await.unwrap();
    store.script().is_uncertain = true;
    let error = keyring.token(profile).await.unwrap_err();
    assert_eq!(error.cause(), &StoreError::NoDefaultCollection);
    let sentence = error.to_string();
    assert!(sentence.contains("locked or has no default collection") && sentence.contains("asked again"), "{sentence}");
    store.script().is_uncertain = false;
    assert!(keyring.token(profile).await.unwrap().is_some(), "it was unlocked");
}

#[tokio::test]
async fn no_sealing_key_is_created_while_the_keyring_may_have_one() {
    let store = Scripted::default();
    let keyring = Keyring::inline(Box::new(store.clone()));
    let key = keyring.seal_key(journal()).await.unwrap_or_else(|error| panic!("{error}"));
    store.script().is_uncertain = true;
    assert_eq!(*refused(keyring.seal_key(journal()).await).cause(), StoreError::NoDefaultCollection);
    store.script().is_uncertain = false;
    let found = keyring.seal_key(journal()).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.expose(), key.expose(), "another key took its place");
}
