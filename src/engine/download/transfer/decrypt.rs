//! Decrypts a payload from file to file: `12-byte IV ‖ ciphertext ‖ 16-byte tag` under AES-256-GCM
//! (NIST SP 800-38D), without associated data.
//!
//! Two passes over the ciphertext file keep memory constant and release nothing before the tag is verified: the first computes
//! GHASH and compares the tag, the second decrypts. The second pass computes the tag again over what it reads, so that a file
//! that changed between the passes is rejected. GCM libraries need the whole message in memory; this uses the parts of
//! the Rust cryptography project, `aes`, `ctr` and `ghash`, and the tests compare them with another implementation.

use std::io::{self, Read, Seek as _, SeekFrom};

use aes::Aes256;
use ctr::Ctr32BE;
use ctr::cipher::{Block, BlockCipherEncrypt as _, KeyInit as _, KeyIvInit as _, StreamCipher as _};
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;

use crate::protocol::DataKey;

/// The IV's length in bytes.
const IV_SIZE: usize = 12;
/// The tag's length in bytes.
const TAG_SIZE: usize = 16;
/// How much is read at a time, in bytes; a multiple of the block size.
const CHUNK_SIZE: usize = 64 * 1024;
/// The longest ciphertext of one IV: 2³² − 2 blocks.
const MAX_CIPHERTEXT_SIZE: u64 = ((1 << 32) - 2) * 16;

/// Why a payload was not decrypted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecryptError {
    /// It is too short for an IV and a tag, or longer than the algorithm allows.
    #[error("it is not of the form that payloads are encrypted in")]
    NotEncrypted,
    /// The tag does not match.
    #[error("the key is wrong, or the data was changed")]
    WrongTag,
    /// The disk failed.
    #[error("{}", crate::settings::atomic::describe_io(.0))]
    Disk(#[from] io::Error),
}

/// Decrypts a ciphertext file of `size` bytes into `write`, which receives nothing before the tag is verified.
pub(crate) fn decrypt(
    file: &mut std::fs::File,
    size: u64,
    key: &DataKey,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), DecryptError> {
    let length = size.checked_sub((IV_SIZE + TAG_SIZE) as u64).filter(|length| *length <= MAX_CIPHERTEXT_SIZE);
    let length = length.ok_or(DecryptError::NotEncrypted)?;
    process_once(file, length, key, |_plain| Ok(()), false)?;
    process_once(file, length, key, &mut write, true)
}

/// Reads the file once and compares the tag.
fn process_once(
    file: &mut std::fs::File,
    length: u64,
    key: &DataKey,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
    decrypts: bool,
) -> Result<(), DecryptError> {
    file.seek(SeekFrom::Start(0))?;
    let mut iv = [0_u8; IV_SIZE];
    file.read_exact(&mut iv)?;
    let mut opening = GcmDecryptor::new(key, iv);
    let mut piece = vec![0_u8; CHUNK_SIZE];
    let mut remaining = length;
    while remaining > 0 {
        let take = usize::try_from(remaining).unwrap_or(CHUNK_SIZE).min(CHUNK_SIZE);
        let bytes = piece.get_mut(..take).ok_or(DecryptError::NotEncrypted)?;
        file.read_exact(bytes)?;
        opening.hash(bytes);
        if decrypts {
            opening.stream.apply_keystream(bytes);
            write(bytes)?;
        }
        remaining -= take as u64;
    }
    let mut tag = [0_u8; TAG_SIZE];
    file.read_exact(&mut tag)?;
    if opening.tag(length) == tag { Ok(()) } else { Err(DecryptError::WrongTag) }
}

struct GcmDecryptor {
    hash: GHash,
    stream: Ctr32BE<Aes256>,
    /// The first block of the key stream, which masks the tag.
    mask: [u8; TAG_SIZE],
}

impl GcmDecryptor {
    fn new(key: &DataKey, iv: [u8; IV_SIZE]) -> Self {
        let cipher = Aes256::new(key.expose().into());
        let mut hash_key = Block::<Aes256>::default();
        cipher.encrypt_block(&mut hash_key);
        let mut counter = [0_u8; 16];
        for (to, from) in counter.iter_mut().zip(iv) {
            *to = from;
        }
        if let Some(last) = counter.last_mut() {
            *last = 1;
        }
        let mut stream = Ctr32BE::<Aes256>::new(key.expose().into(), &counter.into());
        let mut mask = [0_u8; TAG_SIZE];
        stream.apply_keystream(&mut mask);
        Self { hash: GHash::new(&hash_key), stream, mask }
    }

    /// Adds ciphertext to the hash; only the last piece may end within a block.
    fn hash(&mut self, ciphertext: &[u8]) {
        self.hash.update_padded(ciphertext);
    }

    /// The tag of the ciphertext, which has `length` bytes.
    fn tag(mut self, length: u64) -> [u8; TAG_SIZE] {
        // No associated data: its length is 0.
        let lengths = u128::from(length) * 8;
        self.hash.update(&[lengths.to_be_bytes().into()]);
        let mut tag: [u8; TAG_SIZE] = self.hash.finalize().into();
        for (byte, mask) in tag.iter_mut().zip(self.mask) {
            *byte ^= mask;
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;
    use ring::aead;

    use super::*;

    /// Encrypts with the reference implementation.
    fn sealed(key: &[u8; 32], iv: [u8; 12], plain: &[u8]) -> Vec<u8> {
        let with = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, key).unwrap());
        let mut bytes = plain.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(iv);
        with.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut bytes).unwrap();
        [&iv[..], &bytes].concat()
    }

    fn file_of(bytes: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// The released bytes, and the result.
    fn opened(key: &[u8; 32], bytes: &[u8]) -> (Vec<u8>, Result<(), DecryptError>) {
        let mut released = Vec::new();
        let end = decrypt(&mut file_of(bytes), bytes.len() as u64, &DataKey::new(*key), |plain| {
            released.extend_from_slice(plain);
            Ok(())
        });
        (released, end)
    }

    /// Lengths around the block size and around the piece size.
    fn lengths() -> impl Strategy<Value = usize> {
        prop_oneof![0..70_usize, CHUNK_SIZE - 20..CHUNK_SIZE + 20, 2 * CHUNK_SIZE - 1..2 * CHUNK_SIZE + 33]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_payload_of_another_implementation_is_decrypted(key: [u8; 32], iv: [u8; 12], length in lengths(), seed: u64) {
            let mut random = fastrand::Rng::with_seed(seed);
            let plain: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            let (released, end) = opened(&key, &sealed(&key, iv, &plain));
            prop_assert!(end.is_ok(), "{end:?}");
            prop_assert!(released == plain, "other bytes");
        }

        #[test]
        fn one_changed_bit_or_another_key_releases_nothing(
            key: [u8; 32], iv: [u8; 12], length in lengths(), at: prop::sample::Index, bit in 0..8_u8, of_key: bool,
        ) {
            let whole = sealed(&key, iv, &vec![7; length]);
            let (mut key, mut bytes) = (key, whole);
            if of_key {
                key[at.index(32)] ^= 1 << bit;
            } else {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            let (released, end) = opened(&key, &bytes);
            prop_assert!(matches!(end, Err(DecryptError::WrongTag)), "{end:?}");
            prop_assert!(released.is_empty(), "{} bytes were released", released.len());
        }
    }

    #[test]
    fn a_payload_that_is_too_short_is_not_decrypted() {
        let whole = sealed(&[1; 32], [2; 12], b"");
        for length in 0..whole.len() {
            let (released, end) = opened(&[1; 32], &whole[..length]);
            assert!(matches!(end, Err(DecryptError::NotEncrypted)), "{length}: {end:?}");
            assert!(released.is_empty());
        }
        assert!(opened(&[1; 32], &whole).1.is_ok(), "an empty payload");
    }

    #[test]
    fn the_counter_continues_across_chunks() {
        // A known answer for the whole path, in case both implementations are wrong: NIST's test case 15 of
        // the GCM submission, AES-256 without associated data.
        let key: [u8; 32] = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").try_into().unwrap();
        let sealed = hex(concat!(
            "cafebabefacedbaddecaf888",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
            "b094dac5d93471bdec1a502270e3cc6c",
        ));
        let plain = hex(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        ));
        let (released, end) = opened(&key, &sealed);
        assert!(end.is_ok(), "{end:?}");
        assert_eq!(released, plain);
    }

    fn hex(text: &str) -> Vec<u8> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap();
        text.as_bytes().chunks(2).map(|pair| u8::try_from(digit(&pair[0]) << 4 | digit(&pair[1])).unwrap()).collect()
    }
}
