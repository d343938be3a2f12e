//! Fresh secrets in the places of masked ones.

use crate::protocol::redact::HIDDEN;
use crate::sandbox::state::secrets;

/// The length of a fresh secret whose length is free.
const LENGTH: usize = 40;

/// The text with a fresh secret in each place of a masked one: after `auth=`, and as a whole text of JSON. `token` is the
/// profile's, which a monitor masks wherever it occurs. If the original's size in bytes is known, the result has it too.
pub(super) fn fresh(text: &str, token: Option<&str>, size: Option<usize>) -> String {
    let places: Vec<(usize, bool)> = text
        .match_indices(HIDDEN)
        .filter_map(|(at, _)| {
            let (before, after) = (text.get(..at)?, text.get(at + HIDDEN.len()..)?);
            let is_quoted = before.ends_with('"') && after.starts_with('"');
            (is_quoted || before.ends_with("auth=")).then_some((at, is_quoted))
        })
        .collect();
    let rest = text.len().saturating_sub(places.len() * HIDDEN.len());
    // What each is long, and what the last one is longer.
    let space = size.map(|size| size.saturating_sub(rest));
    let each = space.map(|space| (space / places.len().max(1), space % places.len().max(1)));
    let mut fresh = String::with_capacity(text.len());
    let mut done = 0;
    for (number, (at, is_quoted)) in places.iter().enumerate() {
        fresh.push_str(text.get(done..*at).unwrap_or_default());
        done = at + HIDDEN.len();
        match each {
            Some((length, more)) => {
                let is_last = number + 1 == places.len();
                fresh.push_str(&random(length + if is_last { more } else { 0 }));
            }
            None => match token.filter(|_| *is_quoted) {
                Some(token) => fresh.push_str(token),
                None => fresh.push_str(&random(LENGTH)),
            },
        }
    }
    fresh.push_str(text.get(done..).unwrap_or_default());
    fresh
}

/// So many random characters that need no escaping in JSON or a URL.
fn random(length: usize) -> String {
    let mut random = String::new();
    while random.len() < length {
        random.push_str(&secrets::opaque());
    }
    random.truncate(length);
    random
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_secrets_are_fresh_and_other_words_stay() {
        let text = r#"{"password":"hidden","x":"https://h/?auth=hidden&n=1","y":"it was hidden there"}"#;
        let (one, other) = (fresh(text, None, None), fresh(text, None, None));
        assert_ne!(one, other, "they are not fresh");
        assert_eq!(one.matches("hidden").count(), 1, "{one}");
        let read: serde_json::Value = serde_json::from_str(&one).unwrap();
        assert_eq!(read["y"], "it was hidden there");
        assert_eq!(read["password"].as_str().unwrap().len(), LENGTH);
        assert!(fresh(text, Some("T-token"), None).contains(r#""password":"T-token""#));
    }

    #[test]
    fn a_text_of_known_size_has_it_again() {
        let text = r#"{"auth":"hidden","link":"/?auth=hidden"}"#;
        for size in [60, 61, 100] {
            assert_eq!(fresh(text, Some("T-token"), Some(size)).len(), size);
        }
        assert_eq!(fresh("nothing", None, Some(90)), "nothing");
    }
}
