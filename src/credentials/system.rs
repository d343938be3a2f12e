//! The operating system's keyring, through the crate `keyring`.
//!
//! That crate connects once per process, on the first entry: a keyring that is started later is found at the next start.

use keyring_core::Error;

use super::secret_bytes::SecretBytes;
use super::store::{SecretStore, StoreError};

/// The service name of every entry.
const SERVICE: &str = "privicore-monitor";

/// Size limit of an entry in the Windows Credential Manager, with a margin: its own limit is 2,560 bytes.
const WINDOWS_LIMIT: usize = 2_400;

/// The operating system's keyring.
#[derive(Debug)]
pub(crate) struct SystemStore;

impl SystemStore {
    fn entry(user: &str) -> Result<keyring::v1::Entry, StoreError> {
        keyring::v1::Entry::new(SERVICE, user).map_err(map_error)
    }
}

impl SecretStore for SystemStore {
    fn get(&mut self, user: &str) -> Result<Option<SecretBytes>, StoreError> {
        match Self::entry(user)?.get_secret() {
            Ok(secret) => Ok(Some(SecretBytes::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(map_error(error)),
        }
    }

    fn set(&mut self, user: &str, secret: &[u8]) -> Result<(), StoreError> {
        let entry = Self::entry(user)?;
        match entry.set_secret(secret) {
            Ok(()) => Ok(()),
            Err(Error::Ambiguous(several)) => {
                delete_all(&several)?;
                entry.set_secret(secret).map_err(map_error)
            }
            Err(error) => Err(map_error(error)),
        }
    }

    fn delete(&mut self, user: &str) -> Result<(), StoreError> {
        match Self::entry(user)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(Error::Ambiguous(several)) => delete_all(&several),
            Err(error) => Err(map_error(error)),
        }
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn is_locked(&mut self) -> bool {
        use secret_service::EncryptionType;
        use secret_service::blocking::SecretService;
        let service = SecretService::connect(EncryptionType::Plain);
        let locked = service.and_then(|service| service.get_default_collection()?.is_locked());
        // If it does not report its state, try reading.
        locked.unwrap_or(false)
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn uncertainty(&mut self) -> Option<StoreError> {
        use secret_service::EncryptionType;
        use secret_service::blocking::SecretService;
        // A locked service may find nothing without a prompt: KeePassXC does, if configured so.
        let is_locked = SecretService::connect(EncryptionType::Plain)
            .and_then(|service| service.get_default_collection()?.is_locked());
        matches!(is_locked, Ok(true) | Err(secret_service::Error::NoResult)).then_some(StoreError::NoDefaultCollection)
    }

    fn limit(&self) -> Option<usize> {
        cfg!(windows).then_some(WINDOWS_LIMIT)
    }
}

/// Deletes entries of the same name, such as one in each of two keyrings of the Secret Service.
fn delete_all(entries: &[keyring_core::Entry]) -> Result<(), StoreError> {
    entries.iter().try_for_each(|entry| match entry.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(map_error(error)),
    })
}

/// Converts an error without exposing the secret: `BadEncoding` and `BadDataFormat` contain it, so nothing of theirs is used.
fn map_error(error: Error) -> StoreError {
    match error {
        Error::NoDefaultStore => StoreError::Missing,
        Error::NoStorageAccess(cause) => of_secret_service(&*cause).unwrap_or(StoreError::Refused),
        Error::PlatformFailure(cause) => {
            of_secret_service(&*cause).unwrap_or_else(|| StoreError::failed(&Error::PlatformFailure(cause).to_string()))
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

/// Converts an error of the Secret Service, if its kind is known: there is no other way to distinguish a locked keyring from a
/// missing one.
#[cfg(all(unix, not(target_os = "macos")))]
fn of_secret_service(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<StoreError> {
    use secret_service::Error::{Locked, NoResult, Prompt, PromptDisconnected, Unavailable};
    match cause.downcast_ref()? {
        Locked => Some(StoreError::Locked),
        NoResult => Some(StoreError::NoDefaultCollection),
        Unavailable => Some(StoreError::Missing),
        Prompt | PromptDisconnected => Some(StoreError::Refused),
        _ => None,
    }
}

/// There is no Secret Service on these systems.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn of_secret_service(_cause: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<StoreError> {
    None
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
            let ours = map_error(error);
            assert_eq!(ours, StoreError::Damaged);
            assert!(!format!("{ours} {ours:?}").contains("CANARY"), "a secret showed itself: {ours:?}");
        }
    }

    #[test]
    fn the_platforms_errors_are_converted() {
        assert_eq!(map_error(Error::NoStorageAccess("it is locked".into())), StoreError::Refused, "words decide");
        assert_eq!(map_error(Error::NoDefaultStore), StoreError::Missing);
        let failed = map_error(Error::PlatformFailure("line one\nline two.".into())).to_string();
        assert_eq!(failed, "The system keyring failed: Platform failure: line one line two.");
    }

    /// Uses the conversion of the crate that `keyring` is built on: if it depends on another version of the Secret Service's crate
    /// one day, this fails.
    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_secret_services_errors_are_recognised_by_their_kind() {
        use secret_service::Error as Service;
        use zbus_secret_service_keyring_store::errors::decode_error;
        for (error, ours) in [
            (Service::Locked, StoreError::Locked),
            (Service::NoResult, StoreError::NoDefaultCollection),
            (Service::Unavailable, StoreError::Missing),
            (Service::Prompt, StoreError::Refused),
            (Service::PromptDisconnected, StoreError::Refused),
        ] {
            assert_eq!(map_error(decode_error(error)), ours);
        }
    }
}
