//! The operating system's keyring, by the crate `keyring`.
//!
//! That crate connects once a process, on the first entry: a keyring that is started later is found at the next start.

use keyring_core::Error;

use super::{SecretBytes, SecretStore, StoreError};

/// The service that every entry is filed under.
const SERVICE: &str = "privicore-monitor";

/// What the Windows Credential Manager takes in one entry, with room to spare: its limit is 2,560 bytes.
const WINDOWS_LIMIT: usize = 2_400;

/// The operating system's keyring.
#[derive(Debug)]
pub(super) struct SystemStore;

impl SystemStore {
    fn entry(user: &str) -> Result<keyring::v1::Entry, StoreError> {
        keyring::v1::Entry::new(SERVICE, user).map_err(in_our_words)
    }
}

impl SecretStore for SystemStore {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        match Self::entry(user)?.get_secret() {
            Ok(secret) => Ok(Some(SecretBytes::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(in_our_words(error)),
        }
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        let entry = Self::entry(user)?;
        match entry.set_secret(secret) {
            Ok(()) => Ok(()),
            Err(Error::Ambiguous(several)) => {
                delete_all(&several)?;
                entry.set_secret(secret).map_err(in_our_words)
            }
            Err(error) => Err(in_our_words(error)),
        }
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        match Self::entry(user)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(Error::Ambiguous(several)) => delete_all(&several),
            Err(error) => Err(in_our_words(error)),
        }
    }

    fn limit(&self) -> Option<usize> {
        cfg!(windows).then_some(WINDOWS_LIMIT)
    }
}

/// Deletes entries of the same name, such as one in each of two keyrings of the Secret Service.
fn delete_all(entries: &[keyring_core::Entry]) -> Result<(), StoreError> {
    entries.iter().try_for_each(|entry| match entry.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(in_our_words(error)),
    })
}

/// Tells what happened without the secret: `BadEncoding` and `BadDataFormat` hold it, so nothing of theirs is used.
fn in_our_words(error: Error) -> StoreError {
    match error {
        Error::NoDefaultStore => StoreError::Missing,
        Error::NoStorageAccess(cause) => {
            // The crates below give no type to go by. Of the Secret Service: "object locked", "prompt dismissed", and
            // "result not returned" where there is no default keyring.
            let words = cause.to_string();
            if words.contains("locked") {
                StoreError::Locked
            } else if words.contains("result not returned") {
                StoreError::Missing
            } else {
                StoreError::Refused
            }
        }
        Error::BadEncoding(secret) | Error::BadDataFormat(secret, _) => {
            drop(SecretBytes::new(secret));
            StoreError::Damaged
        }
        Error::Ambiguous(_) => StoreError::failed("there are several entries for this profile"),
        Error::TooLong(_, limit) => StoreError::failed(&format!("it takes no more than {limit} characters")),
        other => StoreError::failed(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_hold_the_secret_show_nothing_of_it() {
        for error in [
            Error::BadEncoding(b"CANARY".to_vec()),
            Error::BadDataFormat(b"CANARY".to_vec(), "the bytes were CANARY".into()),
        ] {
            let ours = in_our_words(error);
            assert_eq!(ours, StoreError::Damaged);
            assert!(!format!("{ours} {ours:?}").contains("CANARY"), "a secret showed itself: {ours:?}");
        }
    }

    #[test]
    fn the_platforms_errors_become_ours() {
        let no_access = |words: &str| in_our_words(Error::NoStorageAccess(words.to_owned().into()));
        assert_eq!(no_access("SS Error: object locked"), StoreError::Locked);
        assert_eq!(no_access("SS error: prompt dismissed"), StoreError::Refused);
        assert_eq!(no_access("SS error: result not returned from SS API"), StoreError::Missing);
        assert_eq!(in_our_words(Error::NoDefaultStore), StoreError::Missing);
        let failed = in_our_words(Error::PlatformFailure("line one\nline two.".into())).to_string();
        assert_eq!(failed, "The system keyring failed: Platform failure: line one line two.");
    }
}
