//! Secrets are stored sealed, and open with no other key and in no other context.

use crate::credentials::{Keyring, MemoryStore, SecretStore, StoreError};
use crate::protocol::{Link, StreamToken, UnmaskedMessage};

use super::*;

fn link(request: &str, text: &str, at: i64) -> RequestSecret {
    RequestSecret {
        request: RequestId::from(request),
        secret: Secret::Link(Link::new(text)),
        at: Timestamp(at),
        expires: None,
    }
}

/// One secret of each kind.
fn each_kind() -> Vec<RequestSecret> {
    let of = |request: &str, secret, at| RequestSecret {
        request: RequestId::from(request),
        secret,
        at: Timestamp(at),
        expires: Some(Timestamp(at + 10)),
    };
    vec![
        link("23f7978a-5561-4718-84ca-c38d7db0843c", "https://h.example/?auth=CANARYLINK", 10),
        of("two", Secret::StreamToken(StreamToken::new("CANARYTOKEN")), 11),
        of("two", Secret::StreamReady(Some(Link::new("wss://h.example/CANARYSTREAM"))), 12),
        of("three", Secret::StreamReady(None), 13),
    ]
}

/// Opens a journal, and seals with the key that this keyring has for it.
pub(crate) async fn open_sealed(folder: &Path, keys: &Keyring) -> (Journal, Sealing) {
    let opened = Journal::open(folder).unwrap();
    let sealing = opened.journal.seal_with(keys.seal_key(opened.id).await).await.unwrap();
    (opened.journal, sealing)
}

/// A store that is locked.
struct Locked;

impl SecretStore for Locked {
    fn get(&mut self, _user: &str) -> Result<Option<crate::credentials::secret_bytes::SecretBytes>, StoreError> {
        Err(StoreError::Locked)
    }

    fn set(&mut self, _user: &str, _secret: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::Locked)
    }

    fn delete(&mut self, _user: &str) -> Result<(), StoreError> {
        Err(StoreError::Locked)
    }
}

pub(crate) fn is_on_disk(folder: &Path, needle: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        memchr::memmem::find(&bytes, needle.as_bytes()).is_some()
    })
}

#[tokio::test]
async fn secrets_are_restored_after_a_restart_and_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keyring::in_memory();
    let (journal, sealing) = open_sealed(folder.path(), &keys).await;
    assert_eq!((sealing, journal.sealing()), (Sealing::On, Sealing::On));
    let entry = Entry { raw: "CANARYSEEN".into(), ..nothing() };
    journal.append_with(profile(), vec![entry], each_kind().into()).await.unwrap();
    let other = vec![link("two", "https://other.example/", 1)];
    journal.append_with(ProfileId::from_u128(8), Vec::new(), other.clone().into()).await.unwrap();
    let nowhere = |when| {
        assert!(is_on_disk(folder.path(), "CANARYSEEN"), "the search finds nothing at all, {when}");
        for canary in ["CANARYLINK", "CANARYTOKEN", "CANARYSTREAM", "h.example"] {
            assert!(!is_on_disk(folder.path(), canary), "{canary} is on the disk {when}");
        }
    };
    nowhere("in the log");
    journal.close().await;
    nowhere("in the database");

    let (journal, sealing) = open_sealed(folder.path(), &keys).await;
    assert_eq!(sealing, Sealing::On);
    let expected = Unsealed { secrets: each_kind(), ..Unsealed::default() };
    assert_eq!(journal.secrets(profile()).await.unwrap(), expected);
    assert_eq!(journal.secrets(ProfileId::from_u128(8)).await.unwrap().secrets, other);
    assert_eq!(journal.secrets(ProfileId::from_u128(9)).await.unwrap(), Unsealed::default());
    assert!(!format!("{expected:?}").contains("CANARY"), "a secret showed itself");
}

#[tokio::test]
async fn an_encrypted_secret_opens_only_in_its_own_context() {
    let other = ProfileId::from_u128(8);
    for (owner, tampering) in [
        (profile(), "request = 'nine'"),
        (profile(), "kind = 2"),
        (profile(), "at = at + 1"),
        (other, "profile = 2"),
        (profile(), "sealed = (SELECT sealed FROM secret WHERE profile = 2)"),
        (profile(), "sealed = CAST(sealed || x'00' AS BLOB)"),
        (profile(), "sealed = x'00'"),
        (profile(), "sealed = CAST(substr(sealed, 1, 12) || x'ff' || substr(sealed, 14) AS BLOB)"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open_sealed(folder.path(), &Keyring::in_memory()).await;
        journal.append_with(profile(), Vec::new(), vec![link("one", "https://h/?auth=1", 10)].into()).await.unwrap();
        journal.append_with(other, Vec::new(), vec![link("two", "https://h/?auth=2", 10)].into()).await.unwrap();
        execute_externally(folder.path(), &format!("UPDATE secret SET {tampering} WHERE profile = 1"));
        let unsealed = journal.secrets(owner).await.unwrap();
        assert_eq!(unsealed.tampered, 1, "{tampering}: {unsealed:?}");
        let sentence = unsealed.sentence().unwrap();
        assert!(sentence.contains("1 link") && sentence.ends_with('.'), "{sentence}");
        let again = journal.secrets(owner).await.unwrap();
        assert_eq!((again.tampered, again.sentence()), (0, None), "it was not taken out: {tampering}");
        assert_eq!(
            journal.secrets(other).await.unwrap().secrets,
            [link("two", "https://h/?auth=2", 10)],
            "{tampering}"
        );
    }
}

#[tokio::test]
async fn without_its_key_an_encrypted_secret_stays_locked_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Keyring::in_memory(), Keyring::in_memory());
    let (journal, _) = open_sealed(folder.path(), &old).await;
    journal.append_with(profile(), Vec::new(), each_kind().into()).await.unwrap();
    journal.close().await;

    let (journal, sealing) = open_sealed(folder.path(), &new).await;
    assert_eq!(sealing, Sealing::KeyMissing { requests: 3 });
    assert!(sealing.is_on());
    let sentence = sealing.sentence().unwrap();
    assert!(sentence.contains("3 earlier requests") && sentence.contains("request that data again"), "{sentence}");
    let newer = link("four", "https://h/?auth=4", 20);
    journal.append_with(profile(), Vec::new(), vec![newer.clone()].into()).await.unwrap();
    let expected = Unsealed { secrets: vec![newer], locked: 4, tampered: 0 };
    assert_eq!(journal.secrets(profile()).await.unwrap(), expected);
    journal.close().await;

    // The keyring was restored from a backup.
    let (journal, sealing) = open_sealed(folder.path(), &old).await;
    assert_eq!(sealing, Sealing::KeyMissing { requests: 1 });
    let unsealed = journal.secrets(profile()).await.unwrap();
    assert_eq!((unsealed.secrets, unsealed.locked), (each_kind(), 1));
    // Expired secrets are deleted, opened or locked: here two by what their messages said, then all.
    let lifetime = std::time::Duration::from_micros(20);
    assert_eq!(journal.delete_expired_secrets(Timestamp(23), lifetime).await.unwrap(), 2);
    assert_eq!(journal.delete_expired_secrets(Timestamp(24), std::time::Duration::from_micros(3)).await.unwrap(), 3);
    journal.close().await;
    assert_eq!(open_sealed(folder.path(), &new).await.1, Sealing::On);
}

#[tokio::test]
async fn without_a_keyring_secrets_are_in_memory_only_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let opened = Journal::open(folder.path()).unwrap();
    assert!(!opened.journal.sealing().is_on(), "secrets are taken before there is a key");
    let locked = Keyring::inline(Box::new(Locked));
    let sealing = opened.journal.seal_with(locked.seal_key(opened.id).await).await.unwrap();
    assert_eq!(sealing, opened.journal.sealing());
    let sentence = sealing.sentence().unwrap();
    assert!(sentence.contains("is locked") && sentence.contains("in memory only"), "{sentence}");
    let committed = opened.journal.append_with(profile(), commands(0..2), each_kind().into()).await.unwrap();
    assert_eq!(committed.len(), 2, "entries wait for the keyring");
    assert_eq!(opened.journal.secrets(profile()).await.unwrap(), Unsealed::default(), "something was written");
    // It is unlocked: the caller that has the secrets passes them in.
    let keys = Keyring::inline(Box::new(MemoryStore::default()));
    assert_eq!(opened.journal.seal_with(keys.seal_key(opened.id).await).await.unwrap(), Sealing::On);
    opened.journal.append_with(profile(), Vec::new(), each_kind().into()).await.unwrap();
    assert_eq!(opened.journal.secrets(profile()).await.unwrap().secrets, each_kind());
}

#[tokio::test]
async fn a_secret_is_committed_with_its_entries_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open_sealed(folder.path(), &Keyring::in_memory()).await;
    for (broken, sql) in [
        ("secret", "CREATE TRIGGER broken BEFORE INSERT ON secret BEGIN SELECT RAISE(ABORT, 'broken'); END"),
        ("entry", "CREATE TRIGGER broken BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'broken'); END"),
    ] {
        execute_externally(folder.path(), sql);
        let refused = journal.append_with(profile(), commands(0..2), each_kind().into()).await.unwrap_err();
        assert_eq!((refused.entries, refused.secrets), (commands(0..2), each_kind().into()), "something was lost");
        execute_externally(folder.path(), "DROP TRIGGER broken");
        assert_eq!(all(&journal, profile()).await, [], "entries without the secrets, with {broken} broken");
        assert_eq!(journal.secrets(profile()).await.unwrap(), Unsealed::default(), "secrets without the entries");
    }
}

#[tokio::test]
async fn a_newer_link_replaces_the_older_and_a_used_one_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open_sealed(folder.path(), &Keyring::in_memory()).await;
    let other = ProfileId::from_u128(8);
    for profile in [profile(), other] {
        journal.append_with(profile, Vec::new(), vec![link("one", "https://h/?auth=1", 1)].into()).await.unwrap();
        let newer = vec![link("one", "https://h/?auth=2", 2), link("two", "https://h/?auth=3", 3)];
        journal.append_with(profile, Vec::new(), newer.clone().into()).await.unwrap();
        assert_eq!(journal.secrets(profile).await.unwrap().secrets, newer);
    }
    journal.delete_secret(profile(), &RequestId::from("one")).await.unwrap();
    journal.delete_secret(profile(), &RequestId::from("one")).await.unwrap();
    assert_eq!(journal.secrets(profile()).await.unwrap().secrets, [link("two", "https://h/?auth=3", 3)]);
    assert_eq!(journal.secrets(other).await.unwrap().secrets.len(), 2, "another profile's went with it");
    journal.delete_profile(other).await.unwrap();
    assert_eq!(journal.secrets(other).await.unwrap(), Unsealed::default());
}

#[tokio::test]
async fn a_masked_message_is_stored_encrypted_as_received_and_deleted_with_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keyring::in_memory();
    let (journal, _) = open_sealed(folder.path(), &keys).await;
    let other = ProfileId::from_u128(8);
    let original = |text: &str| UnmaskedMessage::new(format!("https://h.example/?auth=CANARY{text}"));
    let secrets = Secrets { requests: Vec::new(), originals: vec![(1, original("ONE"))] };
    journal.append(profile(), settled(0..4)).await.unwrap();
    let committed = journal.append_with(profile(), settled(4..7), secrets).await.unwrap();
    let place = committed[1].seq;
    let secrets = Secrets { requests: Vec::new(), originals: vec![(0, original("TWO"))] };
    let others = journal.append_with(other, commands(0..1), secrets).await.unwrap()[0].seq;
    journal.close().await;
    for canary in ["CANARY", "h.example"] {
        assert!(!is_on_disk(folder.path(), canary), "{canary} is on the disk");
    }

    let (journal, _) = open_sealed(folder.path(), &keys).await;
    assert_eq!(journal.original(profile(), place).await.unwrap(), Some(original("ONE")));
    assert_eq!(journal.original(other, others).await.unwrap(), Some(original("TWO")));
    for (profile_name, seq) in
        [(profile(), committed[0].seq), (profile(), others), (other, place), (profile(), Seq(99))]
    {
        assert_eq!(journal.original(profile_name, seq).await.unwrap(), None, "{seq:?}");
    }
    execute_externally(
        folder.path(),
        "UPDATE original SET sealed = (SELECT sealed FROM original WHERE seq = 8) WHERE seq = 6",
    );
    assert_eq!(journal.original(profile(), place).await.unwrap(), None, "another's opened at its place");
    journal.delete_profile(other).await.unwrap();
    while journal.clean_step().await.unwrap().more {}
    let limits = Limits { age: Some(std::time::Duration::ZERO), ..Limits::default() };
    while journal.purge_step(Timestamp(i64::MAX), &limits).await.unwrap().more {}
    journal.close().await;
    let database = crate::journal::file::schema::open_for_reading(&folder.path().join(FILE)).unwrap();
    let left: i64 = database.query_row("SELECT count(*) FROM original", (), |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "originals outlive their entries");
}
