//! Encrypted payloads: decrypted while they are written, or saved as received and reported as such.

use std::collections::BTreeMap;

use privicore_monitor::activity::{Decryption, LocalEvent};
use privicore_monitor::credentials::{Keyring, SecretBytes, SecretStore, StoreError};
use privicore_monitor::engine::{Action, DataKeyStatus, Event};
use privicore_monitor::protocol::DataKey;
use privicore_monitor::sandbox::SandboxHandle;
use privicore_monitor::settings::{Preferences, ProfileId, SavingChange};
use ring::aead;

use crate::beside_curl::{OK, answering, chunked, gzip, sized, zlib};
use crate::downloads::{bytes, download, no_hidden_parts, offer};
use crate::quiet;
use crate::window::{Machine, Window, set};

/// The layout of payloads in the vendor's integration guide: IV, ciphertext, tag.
fn sealed(key: [u8; 32], plain: &[u8]) -> Vec<u8> {
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, &key).expect("a key"));
    let (iv, mut bytes) = ([5; 12], plain.to_vec());
    let nonce = aead::Nonce::assume_unique_for_key(iv);
    key.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut bytes).expect("sealed");
    [&iv[..], &bytes].concat()
}

async fn offer_bytes(window: &mut Window, sandbox: &SandboxHandle, id: &str, bytes: Vec<u8>) {
    let link = sandbox.control().offer_download(bytes, None);
    offer(window, sandbox, id, link.expose()).await;
}

/// Sets a key and waits until the engine has it.
async fn give(window: &mut Window, profile: ProfileId, key: [u8; 32], persist: bool) {
    window.act(Action::SetDataKey { profile, key: Some(DataKey::new(key)), persist });
    let wanted = DataKeyStatus { known: true, persisted: persist };
    window.profile("the key", |profile| (profile.data_key == wanted).then_some(())).await;
}

#[tokio::test]
async fn a_payload_is_decrypted_while_it_is_saved_and_the_key_is_stored_on_request() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    window.act(Action::ChangeSaving { profile, change: SavingChange::Decrypt(true) });
    give(&mut window, profile, [1; 32], true).await;
    let plain = bytes(300_000);
    offer_bytes(&mut window, &sandbox, "one", sealed([1; 32], &plain)).await;
    let to = machine.file("one.bin");
    let event = download(&mut window, profile, "one", &to).await;
    let LocalEvent::Saved { size: 300_000, receipt, .. } = event else { panic!("{event:?}") };
    assert_eq!(receipt.decryption, Decryption::Done);
    assert!(std::fs::read(&to).expect("the file") == plain, "other bytes");
    window.quit().await;

    let mut window = Window::open(&machine);
    window.live(1).await;
    window.profile("the kept key", |profile| profile.data_key.persisted.then_some(())).await;
    offer_bytes(&mut window, &sandbox, "two", sealed([1; 32], &plain)).await;
    let deed = download(&mut window, profile, "two", &machine.file("two.bin")).await;
    assert!(matches!(&deed, LocalEvent::Saved { receipt, .. } if receipt.decryption == Decryption::Done), "{deed:?}");
    let received = window.quit().await;
    assert!(!format!("{received:?}").contains("1, 1, 1, 1"), "the key showed itself");
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn a_key_deleted_while_the_keyring_is_read_stays_deleted() {
    let sandbox = quiet().await;
    let mut machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    window.quit().await;

    let (open, gate) = std::sync::mpsc::sync_channel(64);
    let held = BTreeMap::from([(format!("data:{profile}"), vec![1; 32])]);
    machine.keyring = Keyring::with_store(Box::new(Slow { gate, held }));
    let mut window = Window::open(&machine);
    window.act(Action::ChangeSaving { profile, change: SavingChange::Decrypt(true) });
    window.act(Action::SetDataKey { profile, key: None, persist: false });
    // A later request is done, so both are with the keyring.
    window.act(set(&Preferences { idle_limit: 77, ..Preferences::default() }));
    window.settings("the settings", |settings| (settings.preferences.idle_limit == 77).then_some(())).await;
    for _ in 0..32 {
        open.send(()).expect("there is room");
    }
    // The keyring answers in order: once it has accepted this key, it has answered the requests before.
    give(&mut window, profile, [2; 32], true).await;
    window.act(Action::SetDataKey { profile, key: None, persist: false });
    window.profile("no key", |profile| (profile.data_key == DataKeyStatus::default()).then_some(())).await;
    let told = window.quit().await;
    let known = told.seen.iter().flat_map(|status| status.profiles.values()).map(|profile| profile.data_key.known);
    let changes = known.fold(Vec::new(), |mut changes, known| {
        if changes.last() != Some(&known) {
            changes.push(known);
        }
        changes
    });
    // The window may have missed the first state.
    assert!([&[false, true, false][..], &[true, false]].contains(&&*changes), "it was put back: {changes:?}");
}

/// A keyring that answers each request once it is permitted to.
struct Slow {
    gate: std::sync::mpsc::Receiver<()>,
    held: BTreeMap<String, Vec<u8>>,
}

impl Slow {
    fn wait(&self) -> Result<(), StoreError> {
        self.gate.recv().map_err(|_gone| StoreError::Stopped)
    }
}

impl SecretStore for Slow {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        self.wait()?;
        Ok(self.held.get(user).cloned().map(SecretBytes::new))
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        self.wait()?;
        self.held.insert(user.to_owned(), secret.to_vec());
        Ok(())
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        self.wait()?;
        self.held.remove(user);
        Ok(())
    }
}

#[tokio::test]
async fn a_wrong_key_or_a_changed_byte_keeps_the_encrypted_file_under_a_telling_name() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.act(Action::ChangeSaving { profile, change: SavingChange::Decrypt(true) });
    let right = sealed([1; 32], &bytes(1_000));
    let mut changed = right.clone();
    changed[500] ^= 1;
    for (id, key, came) in
        [("no key", None, right.clone()), ("wrong key", Some([2; 32]), right), ("changed", Some([1; 32]), changed)]
    {
        if let Some(key) = key {
            give(&mut window, profile, key, false).await;
        }
        offer_bytes(&mut window, &sandbox, id, came.clone()).await;
        let mark = window.mark();
        let deed = download(&mut window, profile, id, &machine.file(id)).await;
        let LocalEvent::Saved { to, receipt, .. } = deed else { panic!("{deed:?}") };
        assert_eq!(receipt.decryption, Decryption::Refused, "{id}");
        assert_eq!(to, machine.file(&format!("{id}.encrypted")).display().to_string());
        assert!(std::fs::read(to).expect("the file") == came, "{id}: other bytes");
        assert!(!machine.file(id).exists(), "{id}: something was released");
        window
            .since(mark, "the warning", |event| match event {
                Event::Notice(notice) => notice.sentence().contains("could not be decrypted").then_some(()),
                _ => None,
            })
            .await;
    }
    window.quit().await;
    no_hidden_parts(&machine);
}

#[tokio::test]
async fn a_compressed_payload_is_decompressed_before_it_is_decrypted() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.act(Action::ChangeSaving { profile, change: SavingChange::Decrypt(true) });
    give(&mut window, profile, [1; 32], false).await;
    let plain = bytes(100_000);
    let (ours, others) = (sealed([1; 32], &plain), sealed([2; 32], &plain));
    let coded = |coding: &str, body: &[u8]| sized(&format!("{OK}\nContent-Encoding: {coding}"), body);
    let cases = [
        ("identity.csv", coded("identity", &ours), "identity.csv", Decryption::Done, &plain),
        ("gzip.csv", coded("gzip", &gzip(&ours)), "gzip.csv", Decryption::Done, &plain),
        ("deflate.csv", coded("deflate", &zlib(&ours)), "deflate.csv", Decryption::Done, &plain),
        ("twice.csv", coded("gzip, gzip", &gzip(&gzip(&ours))), "twice.csv", Decryption::Done, &plain),
        (
            "chunks.csv",
            chunked(&format!("{OK}\nContent-Encoding: x-gzip"), &gzip(&ours)),
            "chunks.csv",
            Decryption::Done,
            &plain,
        ),
        // What can't be decrypted is kept decompressed, and what can't be decompressed as it came.
        ("key.csv", coded("gzip", &gzip(&others)), "key.csv.encrypted", Decryption::Refused, &others),
        ("coding.csv", coded("sdch", &ours), "coding.csv.encoded", Decryption::Off, &ours),
    ];
    let (port, _) =
        answering(cases.iter().map(|(name, answer, ..)| (format!("/{name}"), answer.clone())).collect()).await;
    for (name, _, saved, decryption, content) in &cases {
        offer(&mut window, &sandbox, name, &format!("http://127.0.0.1:{port}/{name}?auth=once")).await;
        let event = download(&mut window, profile, name, &machine.file(name)).await;
        let LocalEvent::Saved { to, receipt, .. } = event else { panic!("{name}: {event:?}") };
        assert_eq!((receipt.decryption, &*to), (*decryption, &*machine.file(saved).display().to_string()), "{name}");
        assert!(std::fs::read(to).expect("the file") == **content, "{name}: other bytes");
    }
    window.quit().await;
    no_hidden_parts(&machine);
}
