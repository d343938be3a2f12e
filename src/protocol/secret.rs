//! Secrets of the wire: whoever has one can act as the profile or fetch its data.
//!
//! Each is wiped when dropped and hidden in `Debug`. None can be serialised. Reading one takes the explicit `expose`, so that every
//! such place can be found by that name.

#![expect(clippy::disallowed_methods, reason = "the secret types are the one place that looks inside")]

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Declares a secret text type.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Creates it from the secret's text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(SecretString::from(text.into()))
            }

            /// The secret itself: only for the frame, header or request line that it belongs in.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.expose() == other.expose()
            }
        }

        impl Eq for $name {}
    };
}

secret! {
    /// A profile's authorization token: opaque, possibly several hundred bytes; sent only in the join message and in the header
    /// `X-DPT-AUTHORIZATION`.
    AuthorizationToken
}
secret! {
    /// A download link: single-use, time-limited, and usable by anyone who has it.
    Link
}
secret! {
    /// A bare downstream token (`output_type` 1 of newer servers): becomes a [`Link`] with the profile's download address, and is
    /// usable once `STREAM-READY` has arrived.
    StreamToken
}

secret! {
    /// A message as received, in which more opens data than its own link: stored sealed, beside the masked text.
    UnmaskedMessage
}

impl UnmaskedMessage {
    /// A binary message, encoded as JSON.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        const AROUND: usize = r#"{"base64":""}"#.len();
        // Allocated at its final size: a text that grew would leave copies of the secret behind.
        let mut text = String::with_capacity(AROUND + bytes.len().div_ceil(3) * 4);
        text.push_str(r#"{"base64":""#);
        STANDARD.encode_string(bytes, &mut text);
        text.push_str(r#""}"#);
        Self::new(text)
    }

    /// The bytes of a binary message; `None` for any other.
    pub fn bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let text = self.expose().strip_prefix(r#"{"base64":""#)?.strip_suffix(r#""}"#)?;
        STANDARD.decode(text).ok().map(Zeroizing::new)
    }
}

/// The AES-256 key of a profile's payloads: only the operator has it, and no server. Wiped when dropped and hidden in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// Creates it from the key's bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 64 hex digits, in either case, ignoring spaces, line breaks and invisible characters between and around them; `None`
    /// for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_whitespace() && !super::sanitize::is_hidden(*c)).collect());
        let digits = digits.as_bytes();
        let mut bytes = Zeroizing::new([0_u8; 32]);
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        let value = |digit: &u8| char::from(*digit).to_digit(16);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let (high, low) = (pair.first().and_then(value)?, pair.last().and_then(value)?);
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        Some(Self(bytes))
    }

    /// The key itself: only for decrypting payloads and for the keyring.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(hidden)")
    }
}

impl Link {
    /// The part of the link that may be shown: scheme and host, nothing of the path or the query.
    pub fn redacted(&self) -> String {
        let link = self.expose();
        let (scheme, rest) = link.split_once("://").unwrap_or(("https", ""));
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        // A user name or password before the host is a secret as well.
        let host = authority.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}/…?auth=hidden")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_key_is_64_hex_digits_and_its_debug_output_hides_it() {
        let digits = "00ff".repeat(16);
        let key = DataKey::from_hex(&format!(" {}\n", digits.to_uppercase())).unwrap();
        assert_eq!(key.expose()[..3], [0, 255, 0]);
        assert_eq!(format!("{key:?}"), "DataKey(hidden)");
        for no_key in
            ["", "00", &digits.replacen('0', "", 1), &format!("{digits}0"), &digits.replace('f', "g"), &"ü".repeat(32)]
        {
            assert_eq!(DataKey::from_hex(no_key), None, "{no_key}");
        }
    }

    #[test]
    fn bytes_are_restored_exactly() {
        for bytes in [&[][..], &[0], &[0, 159, 146, 150, 255], b"{}"] {
            let original = UnmaskedMessage::of_bytes(bytes);
            assert_eq!(original.bytes().as_deref().map(Vec::as_slice), Some(bytes));
        }
        assert_eq!(UnmaskedMessage::new("{}").bytes(), None);
    }

    #[test]
    fn debug_output_hides_a_secret() {
        let shown = format!(
            "{:?} {:?} {:?}",
            AuthorizationToken::new("T-canary"),
            Link::new("https://h/?auth=canary"),
            StreamToken::new("canary")
        );
        assert!(!shown.contains("canary"), "a secret showed itself: {shown}");
        assert_eq!(Link::new("https://u:p@h:1/a/b?auth=canary#x").redacted(), "https://h:1/…?auth=hidden");
        assert_eq!(shown, "AuthorizationToken(hidden) Link(hidden) StreamToken(hidden)");
    }
}
