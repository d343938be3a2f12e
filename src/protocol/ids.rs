//! Identifiers of the wire, one type each, so that a command id can't be used as a request id.

use std::fmt;

/// Declares an identifier: opaque text that a server chose, compared and shown as received.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Creates it from the text as received.
            pub fn new(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The text as received.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Converts it into its text.
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
    /// Identifies a command; a write returns it with `202`, and the outcome arrives under it (`X-DPT-CAB-ID`).
    CommandId
}
identifier! {
    /// Identifies a data request; `request-data` returns it in `x-dpt-cab-request-id`.
    RequestId
}
identifier! {
    /// Identifies the channel that a join opened; the leave message sends it back.
    ChannelId
}
identifier! {
    /// Matches a join or leave reply to its request. Servers may omit it.
    CorrelationId
}
