//! Keyring errors, worded for the operator.

use super::store::StoreError;

/// A keyring operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Storing a token.
    Storing,
    /// Reading the stored token.
    Reading,
    /// Deleting the stored token.
    Deleting,
    /// Storing the key of a profile's payloads.
    StoringKey,
    /// Reading that key.
    ReadingKey,
    /// Deleting that key.
    DeletingKey,
    /// Reading or creating the key with which the journal seals links.
    Sealing,
}

/// A keyring operation failed. The text says what happened, what that means, and what to do; it contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause} {} {}", meaning(*operation), remedy(cause, *operation))]
pub struct KeyringError {
    operation: Operation,
    cause: StoreError,
}

impl KeyringError {
    pub(crate) fn new(operation: Operation, cause: StoreError) -> Self {
        Self { operation, cause }
    }

    /// The operation that failed.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Why it failed.
    pub fn cause(&self) -> &StoreError {
        &self.cause
    }
}

fn meaning(operation: Operation) -> &'static str {
    match operation {
        Operation::Storing => "You are signed in for this session only.",
        Operation::Reading => "This profile could not be signed in by itself.",
        Operation::Deleting => "The token may still be in it.",
        Operation::StoringKey => "The key of this profile's data is known for this session only.",
        Operation::ReadingKey => "The key of this profile's data is not known: what is saved stays encrypted.",
        Operation::DeletingKey => "The key of this profile's data may still be in it.",
        Operation::Sealing => "Links to data are kept in memory only: after a restart, request the data again.",
    }
}

fn remedy(cause: &StoreError, operation: Operation) -> String {
    let first = match cause {
        StoreError::NoDefaultCollection | StoreError::TimedOut if operation == Operation::Reading => {
            return "Unlock it: it is asked again every 10 seconds. Or sign in.".to_owned();
        }
        StoreError::Missing if operation == Operation::Sealing => "Set one up, such as GNOME Keyring or KWallet",
        StoreError::Stopped | StoreError::Failed(_) if operation == Operation::Sealing => {
            return "Restart the program to store links again.".to_owned();
        }
        StoreError::Locked => "Unlock it",
        StoreError::NoDefaultCollection => "Unlock it, or make one of its collections the default",
        StoreError::Missing => "Set one up, such as GNOME Keyring or KWallet, and start this program again",
        StoreError::Refused => "Unlock it and let Privicore Monitor use it",
        StoreError::TimedOut => "Answer it",
        StoreError::Stopped | StoreError::Failed(_) => "Start this program again",
        StoreError::Damaged if operation == Operation::ReadingKey => {
            return "Enter the key again to replace it.".to_owned();
        }
        StoreError::Damaged if operation == Operation::Reading => return "Sign in again to replace it.".to_owned(),
        StoreError::NotStored | StoreError::Damaged => "Look for privicore-monitor in your system's password manager",
    };
    let then = match operation {
        Operation::Storing => "sign in again to be kept signed in",
        Operation::Reading => "connect, or sign in",
        Operation::Deleting => "sign out again, or delete the entry of privicore-monitor there",
        Operation::StoringKey | Operation::ReadingKey => "enter the key again",
        Operation::DeletingKey => "take the key away again, or delete the entry of privicore-monitor there",
        Operation::Sealing => "restart the program to store links again",
    };
    format!("{first}, then {then}.")
}
