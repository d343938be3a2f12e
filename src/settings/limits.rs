//! The settings that are numbers within a range, and their ranges. A file with a number out of range has an invalid value, and a
//! change is clamped.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::de::{Deserialize, Deserializer, Error};

use super::Preferences;

/// Declares for each field its range, how it is read from a file, and how it is clamped.
macro_rules! limits {
    ($($(#[$doc:meta])* $range:ident of $field:ident: $type:ty = $numbers:expr;)*) => {
        $($(#[$doc])* pub const $range: RangeInclusive<$type> = $numbers;)*

        $(pub(super) fn $field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
            within(&$range, deserializer)
        })*

        impl Preferences {
            /// Moves every number into its range.
            pub fn clamp_numbers(&mut self) {
                $(self.$field = self.$field.clamp(*$range.start(), *$range.end());)*
            }
        }

        /// The fields as the file names them, each with its least and its greatest number.
        #[cfg(test)]
        pub(super) fn limits() -> Vec<(&'static str, i64, i64)> {
            let number = |end: &dyn Display| end.to_string().parse().unwrap();
            vec![$((stringify!($field), number($range.start()), number($range.end())),)*]
        }
    };
}

limits! {
    /// Allowed maximum sizes of a message, in bytes. Below, hardly any message could be read; above, one could exhaust the memory.
    MESSAGE_LIMITS of message_limit: usize = 16 * 1024..=1024 * 1024 * 1024;
    /// Allowed number of simultaneous downloads.
    DOWNLOADS_AT_ONCE of downloads_at_once: u32 = 1..=16;
    /// Allowed time without data before a download is cancelled, in seconds.
    IDLE_LIMITS of idle_limit: u32 = 5..=3_600;
    /// Allowed number of each profile's rows in memory.
    ROWS_IN_MEMORY of rows_in_memory: u32 = 10_000..=100_000_000;
    /// Allowed scales, in per cent.
    SCALES of scale: u16 = 100..=200;
}

fn within<'de, D, T>(range: &RangeInclusive<T>, deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + PartialOrd + Display,
{
    let number = T::deserialize(deserializer)?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(D::Error::custom(format_args!("{number} is not from {} to {}", range.start(), range.end())))
    }
}
