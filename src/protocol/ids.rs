//! Identifiers of the wire, one type each, so that a command id is never taken for a request id.

use std::fmt;

/// Declares an identifier: opaque text that a server chose, compared and shown as it came.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes the text as it came.
            #[must_use]
            pub fn new(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The text as it came.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, taken out.
            #[must_use]
            pub fn into_boxed_str(self) -> Box<str> {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    };
}

identifier! {
    /// Names a command; a write answers `202` with it and its outcome arrives under it (`X-DPT-CAB-ID`).
    CommandId
}
identifier! {
    /// Names a request for data; `request-data` answers with it in `x-dpt-cab-request-id`.
    RequestId
}
identifier! {
    /// Names the channel that a join opened; the leave message sends it back.
    ChannelId
}
identifier! {
    /// Ties a join or leave reply to what asked for it. Servers may leave it out.
    CorrelationId
}
