//! Checks that the list of all variants of an enum has every variant: `ALL`, or `ORDER` if their order matters.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{is_word, tokens};

/// The names of the constants that list all variants.
const LISTS: [&str; 2] = ["ALL", "ORDER"];

/// The variants that the list of their enum in the same file misses.
pub(crate) fn unlisted(code: &str) -> Vec<String> {
    let tokens: Vec<&str> = tokens(code).collect();
    let mut enums: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut lists: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    let (mut depth, mut of) = (0_usize, "");
    for (at, token) in tokens.iter().enumerate() {
        let rest = tokens.get(at + 1..).unwrap_or_default();
        match *token {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            // The type is the last word before the block.
            "impl" if depth == 0 => {
                of = rest.iter().take_while(|token| **token != "{").last().copied().unwrap_or_default();
            }
            "enum" => {
                if let Some((name, rest)) = rest.split_first() {
                    enums.insert(name, variants(rest));
                }
            }
            "const" if rest.first().is_some_and(|name| LISTS.contains(name)) && rest.get(3) == Some(&"Self") => {
                lists.push((of, listed(rest)));
            }
            _ => {}
        }
    }
    let mut missing = Vec::new();
    for (of, listed) in lists {
        let variants = enums.get(of).into_iter().flatten();
        let unlisted = variants.filter(|variant| !listed.contains(*variant));
        missing.extend(unlisted.map(|variant| format!("the list of all `{of}` has no `{variant}`")));
    }
    missing
}

/// The variants of the enum whose block follows.
fn variants<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let (mut depth, mut before) = (0_usize, "");
    for token in tokens {
        match *token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            // What follows the block's begin, a comma or an attribute.
            name if depth == 1 && name.starts_with(is_word) && matches!(before, "{" | "," | "]") => found.push(name),
            _ => {}
        }
        before = token;
    }
    found
}

/// The variants in the constant whose name follows: what comes after each `Self::`, up to the end of the statement.
fn listed<'a>(tokens: &[&'a str]) -> BTreeSet<&'a str> {
    let mut depth = 0_usize;
    let end = tokens.iter().position(|token| {
        match *token {
            "[" | "(" => depth += 1,
            "]" | ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        *token == ";" && depth == 0
    });
    let statement = tokens.get(..end.unwrap_or(tokens.len())).unwrap_or_default();
    let named = statement.windows(4).filter(|window| matches!(window, ["Self", ":", ":", _]));
    named.filter_map(|window| window.last().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_that_is_not_listed_is_found() {
        let code = "
            enum Other { D }
            #[derive(Debug)]
            pub enum Kind { A, #[default] B(u8, Other), C { x: [u8; 2] }, }
            impl Other { const SOME: [Self; 0] = []; }
            impl Kind {
                pub const ALL: [Self; 3] = [Self::A, Self::B(1, Other::D), Self::B(2, Other::D)];
                fn c() -> Self { Self::C { x: [1, 2] } }
            }";
        assert_eq!(unlisted(code), ["the list of all `Kind` has no `C`"]);
        let whole = code.replace("Self::A,", "Self::A, Self::C { x: [1, 2] },");
        assert_eq!(unlisted(&whole), [""; 0]);
        assert_eq!(unlisted(&code.replace("ALL", "SOME")), [""; 0], "it is no list of all");
    }
}
