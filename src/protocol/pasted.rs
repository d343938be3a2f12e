//! Extracts a secret from pasted text that contains blanks, invisible characters, quotation marks, or the header or JSON around it.

use secrecy::zeroize::Zeroizing;

use super::sanitize::is_hidden;

/// The names under which tokens are written, in lower case and without `_` and `-`.
const TOKEN_NAMES: [&str; 5] = ["authorization", "xdptauthorization", "authorizationtoken", "token", "accesstoken"];

/// Words before a token in a header.
const SCHEMES: [&str; 2] = ["bearer", "token"];

/// Pairs of marks around a copied value.
const MARKS: [(char, char); 9] =
    [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('„', '“'), ('«', '»'), ('<', '>'), ('{', '}')];

/// The token in a pasted text: without blanks and invisible characters, quotation marks, the name of a header or field before it,
/// and `Bearer`. A bare token is returned unchanged.
pub fn token(pasted: &str) -> Zeroizing<String> {
    // Line breaks come from a terminal or a mail that wrapped it: no token can have them.
    let text: Zeroizing<String> =
        Zeroizing::new(pasted.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect());
    if let Ok(serde_json::Value::Object(answer)) = serde_json::from_str(&text)
        && let Some(token) = answer.iter().find_map(|(name, value)| value.as_str().filter(|_| is_token_name(name)))
    {
        return Zeroizing::new(token.trim().to_owned());
    }
    let mut rest = text.trim();
    loop {
        let before = rest;
        rest = without_command(rest);
        rest = without_name(rest);
        rest = without_marks(rest);
        rest = without_scheme(rest);
        if rest == before {
            return Zeroizing::new(rest.to_owned());
        }
    }
}

/// The data key in a pasted text: without blanks, line breaks and invisible characters, which no key has, and without quotation marks
/// and `0x` before it.
pub fn key(pasted: &str) -> Zeroizing<String> {
    let text: Zeroizing<String> =
        Zeroizing::new(pasted.chars().filter(|c| !c.is_whitespace() && !is_hidden(*c)).collect());
    let key = without_marks(&text);
    Zeroizing::new(key.strip_prefix("0x").unwrap_or(key).to_owned())
}

/// The text without surrounding blanks and invisible characters.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_hidden(c))
}

/// What may be wrong with a refused password or user name, as the end of a sentence about it; it reveals nothing of the text.
pub fn describe_oddity(text: &str) -> Option<&'static str> {
    let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
    if text.ends_with(is_break) {
        Some("ends with a line break")
    } else if text.starts_with(is_break) {
        Some("begins with a line break")
    } else if text.contains(is_break) {
        Some("has a line break in it")
    } else if text.ends_with(char::is_whitespace) {
        Some("ends with a space")
    } else if text.starts_with(char::is_whitespace) {
        Some("begins with a space")
    } else if text.contains(is_hidden) {
        Some("has an invisible character in it")
    } else if MARKS.iter().any(|(open, close)| within(text, *open, *close).is_some()) {
        Some("is in quotation marks or brackets")
    } else {
        None
    }
}

fn within(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

/// Removes marks around it, and a comma or a semicolon after them.
fn without_marks(text: &str) -> &str {
    let unmarked = |text| {
        let inner = MARKS.iter().find_map(|(open, close)| Some((within(text, *open, *close)?, *open)));
        inner.filter(|(inner, open)| !inner.contains(*open)).map(|(inner, _)| inner)
    };
    unmarked(text).or_else(|| unmarked(text.trim_end_matches([',', ';']))).unwrap_or(text).trim()
}

/// Removes what a shell or curl command has before a value: `export`, `-H`, `--header`.
fn without_command(text: &str) -> &str {
    ["export ", "set ", "-H ", "--header "].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text).trim_start()
}

/// Removes the name of a header, a field or a variable before it, with or without marks around the name.
fn without_name(text: &str) -> &str {
    let Some((name, value)) = text.split_once([':', '=']) else { return text };
    if !value.trim().is_empty() && is_token_name(without_marks(name.trim())) { value.trim() } else { text }
}

/// Removes `Bearer` before it.
fn without_scheme(text: &str) -> &str {
    let Some((word, rest)) = text.split_once(char::is_whitespace) else { return text };
    let is_scheme = SCHEMES.iter().any(|scheme| word.trim_end_matches(':').eq_ignore_ascii_case(scheme));
    if is_scheme { rest.trim_start() } else { text }
}

fn is_token_name(name: &str) -> bool {
    let letters: String = name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect();
    TOKEN_NAMES.contains(&letters.as_str()) || letters.ends_with("authorizationtoken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_extracted_from_surrounding_text() {
        for pasted in [
            "T-x",
            "  T-x\r\n",
            "\tT-x",
            "Bearer T-x",
            "bearer   T-x ",
            "BEARER\tT-x",
            "Token T-x",
            "\"T-x\"",
            "'T-x',",
            "`T-x`",
            "“T-x”",
            "„T-x“",
            "<T-x>",
            "\u{200b}T-x\u{feff}",
            "T\u{200d}-x\u{2060}",
            "T-\nx",
            "\u{a0}T-x\u{a0}",
            "Authorization: Bearer T-x",
            "authorization:T-x",
            "X-DPT-AUTHORIZATION: T-x",
            "x-dpt-authorization:   T-x\n",
            "-H 'X-DPT-AUTHORIZATION: T-x'",
            "--header \"Authorization: Bearer T-x\"",
            "authorizationToken=T-x",
            "\"authorizationToken\":\"T-x\",",
            "\"authorizationToken\": \"T-x\"",
            "export PRIVICORE_AUTHORIZATION_TOKEN='T-x'",
            "{\"authorizationToken\":\"T-x\",\"expiresAt\":\"2026-02-21T15:33:44+00:00\"}",
            "{\n  \"authorizationToken\": \"T-x\"\n}",
        ] {
            assert_eq!(*token(pasted), "T-x", "{pasted:?}");
        }
    }

    #[test]
    fn a_bare_token_is_unchanged() {
        for plain in [
            "T-x:y=z",
            "eyJ.a.b==",
            "bearer",
            "Bearer-x",
            "T-\"x",
            "a b",
            "x=1",
            "token",
            "Token:",
            "",
            "a,",
            "{",
            "T-x;",
        ] {
            assert_eq!(*token(plain), plain, "{plain:?}");
        }
    }

    #[test]
    fn an_odd_password_is_described_without_showing_it() {
        for (text, odd) in [
            ("demo", None),
            ("de mo", None),
            ("'", None),
            ("d\"e", None),
            ("demo\n", Some("ends with a line break")),
            ("demo\r\n", Some("ends with a line break")),
            ("\ndemo", Some("begins with a line break")),
            ("de\nmo", Some("has a line break in it")),
            ("demo ", Some("ends with a space")),
            ("demo\u{a0}", Some("ends with a space")),
            (" demo", Some("begins with a space")),
            ("\u{feff}demo", Some("has an invisible character in it")),
            ("demo\u{200b}", Some("has an invisible character in it")),
            ("\"demo\"", Some("is in quotation marks or brackets")),
            ("“demo”", Some("is in quotation marks or brackets")),
        ] {
            assert_eq!(describe_oddity(text), odd, "{text:?}");
        }
    }
}
