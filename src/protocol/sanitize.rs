//! Makes foreign text safe to show: nothing in it can hide or reorder text, or control a terminal.

use std::borrow::Cow;

/// Text from a server, a file, an argument or another process with every control and format character made visible, so that none
/// can hide or reorder anything.
///
/// Line breaks become `⏎`, other control characters their pictures (`␛`), format and bidirectional marks their number (`\u{202e}`).
/// Joiners between letters of other scripts stay, because those scripts need them.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => out.push('⏎'),
            '\u{7f}' => out.push('␡'),
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(character)).unwrap_or('?')),
            '\u{200c}' | '\u{200d}'
                if !before.is_ascii() && rest.peek().is_some_and(|next| !next.is_ascii() && !is_hidden(*next)) =>
            {
                out.push(character);
            }
            _ if is_hidden(character) => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
        before = character;
    }
    Cow::Owned(out)
}

/// Whether a character is invisible: controls, format characters (Unicode's `Cc`, `Cf`), line separators, and fillers that are
/// blank by definition.
pub(crate) fn is_hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}'
        | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character controls a terminal or changes the writing direction. Tabs and line ends do not count.
pub(crate) fn is_terminal_control(character: char) -> bool {
    !matches!(character, '\t' | '\r' | '\n')
        && (character.is_control()
            || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_server_sends_can_hide_or_reorder_text() {
        for (sent, shown) in [
            ("plain", "plain"),
            ("a\nb\r\nc", "a⏎b⏎c"),
            ("\u{1b}[31m", "␛[31m"),
            ("tab\there", "tab␉here"),
            ("invoice\u{202e}fdp.exe", "invoice\\u{202e}fdp.exe"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("joined\u{200d}ascii", "joined\\u{200d}ascii"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("\u{200d}ü", "\\u{200d}ü"),
            ("\u{7f}\u{85}\u{2028}", "␡\\u{85}⏎"),
        ] {
            assert_eq!(sanitize(sent), shown, "{sent:?}");
        }
        let marks: String = (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| c.is_control()).collect();
        assert!(!sanitize(&marks).chars().any(char::is_control), "a control character came through");
    }
}
