//! Rust sources as the checks see them: code without comments and string contents, its words, tokens and paths.

/// The code of a file. Comments and the contents of strings become spaces, so that words in them do not count. Line breaks
/// are kept.
pub(crate) fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_text(rest, &out) {
            length
        } else if first == '"' {
            text(rest)
        } else if let Some(length) = character(rest) {
            length
        } else {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        };
        let (blank, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.extend(blank.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    out
}

/// The length of the block comment that begins here. Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if tail.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of the raw string that begins here; `None` if none does, or if a word ends right before it.
fn raw_text(rest: &str, before: &str) -> Option<usize> {
    if before.ends_with(is_word) {
        return None;
    }
    let marks = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    let body = marks.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = body.find(&end)? + end.len();
    Some(rest.len() - body.len() + inside)
}

/// The length of the string that begins here with its quotation mark.
fn text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of the character literal that begins here; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let mut characters = inside.char_indices();
    let (_, first) = characters.next()?;
    if first == '\\' {
        let closing = inside.get(2..)?.find('\'')?;
        return Some(1 + 2 + closing + 1);
    }
    let (at, second) = characters.next()?;
    (second == '\'').then_some(1 + at + 1)
}

pub(crate) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The words of a piece of code.
pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|character| !is_word(character)).filter(|word| !word.is_empty())
}

/// Words and single punctuation characters.
pub(crate) fn tokens(code: &str) -> impl Iterator<Item = &str> {
    let mut rest = code;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let word = rest.len() - rest.trim_start_matches(is_word).len();
        let length = if word > 0 { word } else { rest.chars().next()?.len_utf8() };
        let (token, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(token)
    })
}

/// The paths that start at `root`: `crate::a::B` gives `["a", "B"]`, `crate::{a, b::C}` gives `["a"]` and `["b", "C"]`.
pub(crate) fn paths(code: &str, root: &str) -> Vec<Vec<String>> {
    let packed: String =
        code.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ::", "::").replace(":: ", "::");
    let start = format!("{root}::");
    let mut found = Vec::new();
    let mut rest = packed.as_str();
    while let Some(at) = rest.find(&start) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        rest = after.strip_prefix(&start).unwrap_or_default();
        // In `my_crate::` and `other::crate::` the path starts elsewhere; `::root::` is the root again.
        if !before.strip_suffix("::").unwrap_or(before).ends_with(|last: char| is_word(last) || last == '>') {
            rest = path(rest, &[], &mut found);
        }
    }
    found
}

/// Reads one path or one group of paths below `prefix`. Returns the rest of the source.
fn path<'a>(source: &'a str, prefix: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let source = source.trim_start();
    if let Some(mut rest) = source.strip_prefix('{') {
        loop {
            rest = path(rest, prefix, found).trim_start();
            // A member may be renamed: `a as b`.
            if let Some(renamed) = rest.strip_prefix("as ") {
                rest = renamed.trim_start().trim_start_matches(is_word).trim_start();
            }
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or(more),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let rest = source.trim_start_matches(is_word);
    let word = source.get(..source.len() - rest.len()).unwrap_or_default();
    let whole = [prefix, &[word.to_owned()]].concat();
    match rest.strip_prefix("::") {
        Some(below) if !word.is_empty() => path(below, &whole, found),
        _ => {
            if !word.is_empty() {
                found.push(whole);
            }
            rest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(code: &str, root: &str) -> Vec<String> {
        paths(code, root).iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn comments_and_texts_are_no_code() {
        let source = r##"a // b
            /* c /* d */ e */ f "g \" h" 'i' r#"j " k"# '\'' l b"m" '\u{1F600}' n 'o: loop {} "p
            q" r"s\" t"##;
        let code = code(source);
        assert_eq!(words(&code).collect::<Vec<_>>(), ["a", "f", "l", "b", "n", "o", "loop", "t"]);
        assert_eq!(code.lines().count(), source.lines().count(), "lines stay lines");
    }

    #[test]
    fn paths_are_read_through_groups_and_renamings() {
        let code = "use crate::{a, b::{C, d::E as F}, self as s,};\ncrate::g::H::new(crate::i)";
        assert_eq!(joined(code, "crate"), ["a", "b::C", "b::d::E", "self", "g::H::new", "i"]);
    }

    #[test]
    fn a_path_that_only_ends_like_the_root_is_not_its() {
        assert_eq!(joined("my_crate::a; other::crate::b; <T as A>::crate::d; crate::c", "crate"), ["c"]);
        assert_eq!(joined("::disk::a; x(::disk::b); c::disk::d", "disk"), ["a", "b"]);
    }

    #[test]
    fn tokens_are_words_and_single_signs() {
        assert_eq!(tokens("mod a{b::c}").collect::<Vec<_>>(), ["mod", "a", "{", "b", ":", ":", "c", "}"]);
    }
}
