//! Numbers of things in sentences.

use std::borrow::Cow;

/// A number with its noun: `1 byte`, `3 bytes`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {}", plural(count, noun))
}

/// A regular noun in the form that a number of things takes.
pub(crate) fn plural(count: u64, noun: &str) -> Cow<'_, str> {
    match noun.strip_suffix('y') {
        _ if count == 1 => noun.into(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies").into(),
        Some(_) | None => format!("{noun}s").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_zero_is_plural() {
        for (count, noun, words) in [
            (0, "byte", "0 bytes"),
            (1, "byte", "1 byte"),
            (2, "data request", "2 data requests"),
            (1, "entry", "1 entry"),
            (0, "entry", "0 entries"),
            (21, "activity", "21 activities"),
            (1, "key", "1 key"),
            (2, "key", "2 keys"),
        ] {
            assert_eq!(counted(count, noun), words);
        }
    }
}
