//! Fuzzy search: how well typed letters match a text. They may be anywhere but in order, and score best at the beginnings of
//! words. Pure.

/// The score of a letter directly after the previous match.
const ADJACENT: i32 = 11;
/// The score of a letter at the beginning of a word.
const WORD_START: i32 = 10;
/// The score of any other letter.
const ANYWHERE: i32 = 1;
/// The additional score of the text's first letter.
const TEXT_START: i32 = 6;
/// The maximum number of characters of a text that are searched.
const MAX_LENGTH: usize = 200;

/// A text that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    /// How well the text matches; higher is better.
    pub(crate) score: i32,
    /// The indices of the matched characters in the text, ascending.
    pub(crate) places: Vec<usize>,
}

/// Matches what was typed with a text, ignoring case; `None` if a letter is missing. Typed spaces are ignored.
pub(crate) fn match_text(typed: &str, text: &str) -> Option<Match> {
    let typed: Vec<char> = typed.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let text: Vec<char> = text.chars().take(MAX_LENGTH).map(lower).collect();
    if typed.is_empty() {
        return Some(Match { score: 0, places: Vec::new() });
    }
    // Try every position of the first letter, and take the best match.
    let begins = text.iter().enumerate().filter(|(_, letter)| Some(*letter) == typed.first()).map(|(place, _)| place);
    let mut best: Option<Match> = None;
    for place in begins {
        let Some(found) = from(&typed, &text, place) else { break };
        if best.as_ref().is_none_or(|best| found.score > best.score) {
            best = Some(found);
        }
    }
    best
}

/// The match whose first letter is at `start`. Each further letter is taken directly after the previous one, otherwise at the
/// beginning of a word, otherwise at its next occurrence.
fn from(typed: &[char], text: &[char], start: usize) -> Option<Match> {
    let mut places: Vec<usize> = vec![start];
    for (done, letter) in typed.iter().enumerate().skip(1) {
        let next = places.last()? + 1;
        let rest = || text.iter().enumerate().skip(next).filter(|(_, other)| *other == letter).map(|(place, _)| place);
        let after = typed.get(done + 1..).unwrap_or_default();
        let at_once = rest().next().filter(|place| *place == next);
        let beginning = || rest().find(|place| begins_word(text, *place) && has_in_order(after, text, place + 1));
        places.push(at_once.or_else(beginning).or_else(|| rest().next())?);
    }
    let mut score = if start == 0 { TEXT_START } else { 0 };
    let mut last = None;
    for &place in &places {
        score += if last.is_some_and(|last| place == last + 1) {
            ADJACENT
        } else if begins_word(text, place) {
            WORD_START
        } else {
            ANYWHERE
        };
        last = Some(place);
    }
    Some(Match { score, places })
}

fn begins_word(text: &[char], place: usize) -> bool {
    place.checked_sub(1).and_then(|before| text.get(before)).is_none_or(|before| !before.is_alphanumeric())
}

/// Whether all letters occur in this order, from an index on.
fn has_in_order(letters: &[char], text: &[char], from: usize) -> bool {
    let mut rest = text.iter().skip(from);
    letters.iter().all(|letter| rest.any(|other| other == letter))
}

/// Lower-cases a character to exactly one character, so that indices stay valid.
fn lower(letter: char) -> char {
    let mut small = letter.to_lowercase();
    match (small.next(), small.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(typed: &str, texts: &[&'a str]) -> Vec<&'a str> {
        let mut found: Vec<_> = texts.iter().filter_map(|text| Some((match_text(typed, text)?.score, *text))).collect();
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn word_starts_rank_first_and_texts_without_a_letter_do_not_match() {
        let texts = ["Show data ready", "Renew token", "Request data…", "Filter", "Retry now"];
        assert_eq!(best("ret", &texts), ["Retry now", "Renew token", "Request data…"]);
        assert_eq!(best("rt", &texts)[0], "Renew token");
        assert_eq!(best("data", &texts)[0], "Show data ready");
        assert_eq!(best("xyz", &texts), [""; 0]);
    }

    #[test]
    fn a_match_has_the_positions_of_the_typed_letters() {
        assert_eq!(match_text("rt", "Renew token").unwrap().places, [0, 6]);
        assert_eq!(match_text("KS", "Keyboard shortcuts").unwrap().places, [0, 9]);
        assert_eq!(match_text("no w", "Retry now").unwrap().places, [6, 7, 8]);
        assert_eq!(match_text("ü", "ÜBER").unwrap().places, [0]);
    }

    proptest::proptest! {
        #[test]
        fn the_positions_of_a_match_ascend_and_hold_the_typed_letters(typed in "\\PC{0,8}", text in "\\PC{0,40}") {
            if let Some(found) = match_text(&typed, &text) {
                let letters: Vec<char> = text.chars().collect();
                proptest::prop_assert!(found.places.windows(2).all(|pair| pair[0] < pair[1]));
                proptest::prop_assert!(found.places.iter().all(|place| *place < letters.len()));
            }
        }
    }
}
