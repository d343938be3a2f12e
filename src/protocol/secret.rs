//! Secrets of the wire: whoever holds one can act as the profile or fetch its data.
//!
//! Each is wiped when dropped and shows nothing of itself in `Debug`. None can be serialised. Reading one out takes the
//! explicit `expose`, so that each place that does is found by its name.

#![expect(clippy::disallowed_methods, reason = "the secret types are the one place that looks inside")]

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Declares a secret text type.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the secret's text.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(SecretString::from(text.into()))
            }

            /// The secret itself: for the frame, header or request line it belongs in, and nothing else.
            #[must_use]
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
    /// A profile's authorization token: opaque, possibly several hundred bytes; travels in the join message and in the
    /// header `X-DPT-AUTHORIZATION` only.
    AuthorizationToken
}
secret! {
    /// A download link: single-use, time-limited, and good for whoever holds it.
    Link
}
secret! {
    /// A bare downstream token (`output_type` 1 of newer servers): becomes a [`Link`] with the profile's download
    /// address, and is good once `STREAM-READY` has come.
    StreamToken
}

secret! {
    /// A message as it came, where more of it opens data than its own link: kept sealed, beside the masked text.
    Original
}

impl Link {
    /// The link as it may be shown: scheme and host, nothing of the path or the query.
    #[must_use]
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
    fn debug_shows_nothing_of_a_secret() {
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
