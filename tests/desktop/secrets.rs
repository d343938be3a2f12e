//! A Secret Service on a private bus. Like `KeePassXC`, while it is locked it finds nothing and has no default collection.

#![expect(clippy::used_underscore_binding, reason = "the methods of an interface get what D-Bus sends")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aes::{Aes128, Block};
use ctr::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use crate::bus::PrivateBus;
use crate::failure::Outcome;

const SERVICE: &str = "/org/freedesktop/secrets";
const SESSION: &str = "/org/freedesktop/secrets/session/s";
const ITEM: &str = "/org/freedesktop/secrets/collection/c/1";
/// The cipher's block size in bytes.
const BLOCK: usize = 16;
/// The key of a session whose service has the public key 1: whatever the client's key is, the shared secret is 1, from
/// which HKDF derives this.
const KEY: [u8; BLOCK] =
    [0xe9, 0xdd, 0x7e, 0x34, 0x5f, 0xdb, 0x5e, 0x13, 0xc1, 0x5d, 0xc2, 0xf3, 0xd9, 0xb6, 0x29, 0x4f];

/// The service.
pub(crate) struct Secrets {
    _bus: Connection,
    is_open: Arc<AtomicBool>,
}

impl Secrets {
    /// Starts it, locked, with a token in it.
    ///
    /// # Errors
    ///
    /// Fails if the bus does not answer.
    pub(crate) fn locked(on: &PrivateBus, token: &str) -> Outcome<Self> {
        let is_open = Arc::new(AtomicBool::new(false));
        let bus = Builder::address(on.address())?
            .serve_at(SERVICE, Service(Arc::clone(&is_open)))?
            .serve_at(ITEM, Item(token.as_bytes().to_vec()))?
            .name("org.freedesktop.secrets")?
            .build()?;
        Ok(Self { _bus: bus, is_open })
    }

    /// Unlocks it.
    pub(crate) fn unlock(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }
}

fn path(path: &'static str) -> OwnedObjectPath {
    ObjectPath::from_static_str_unchecked(path).into()
}

struct Service(Arc<AtomicBool>);

#[zbus::interface(name = "org.freedesktop.Secret.Service")]
#[expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "methods belong to an object, and get what D-Bus sends"
)]
impl Service {
    fn open_session(&self, algorithm: String, _input: OwnedValue) -> zbus::fdo::Result<(OwnedValue, OwnedObjectPath)> {
        let key = if algorithm == "plain" { Value::from("") } else { Value::from(vec![1_u8]) };
        Ok((OwnedValue::try_from(key).map_err(zbus::Error::from)?, path(SESSION)))
    }

    fn search_items(&self, attributes: HashMap<String, String>) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let is_token = attributes.get("username").is_some_and(|user| user.starts_with("token:"));
        let found = is_token && self.0.load(Ordering::SeqCst);
        (found.then(|| path(ITEM)).into_iter().collect(), Vec::new())
    }

    fn read_alias(&self, _name: String) -> OwnedObjectPath {
        path("/")
    }
}

struct Item(Vec<u8>);

/// A secret as it is sent: the session, the initialisation vector, the ciphertext and the plaintext's content type.
type Sent = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

#[zbus::interface(name = "org.freedesktop.Secret.Item")]
impl Item {
    fn get_secret(&self, session: OwnedObjectPath) -> (Sent,) {
        ((session, vec![0; BLOCK], encrypted(&self.0), "application/octet-stream".to_owned()),)
    }

    #[zbus(property)]
    #[expect(clippy::unused_self, reason = "a property belongs to an object")]
    fn locked(&self) -> bool {
        false
    }
}

/// AES-128 in CBC mode with PKCS#7 padding and a zero initialisation vector.
fn encrypted(plain: &[u8]) -> Vec<u8> {
    let cipher = Aes128::new(&KEY.into());
    let padding = BLOCK - plain.len() % BLOCK;
    let padded: Vec<u8> =
        plain.iter().copied().chain(std::iter::repeat_n(u8::try_from(padding).unwrap_or_default(), padding)).collect();
    let mut block = Block::default();
    padded
        .chunks_exact(BLOCK)
        .flat_map(|chunk| {
            block.iter_mut().zip(chunk).for_each(|(mixed, byte)| *mixed ^= byte);
            cipher.encrypt_block(&mut block);
            block.to_vec()
        })
        .collect()
}
