//! Secret bytes, and the deadline for the keyring.

use std::time::Duration;

use secrecy::zeroize::Zeroizing;

/// How long a caller waits: long enough to type a password into the keyring's prompt.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// The bytes of a secret, wiped when dropped.
pub type SecretBytes = Zeroizing<Vec<u8>>;
