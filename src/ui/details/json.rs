//! Sets JSON as it came from the server, secrets masked, into lines of a given width. Bounded: a text of any size costs
//! the same small time.

use crate::ui::text::visible;

/// How much of one text is laid out; the whole is copied by `Copy JSON`.
pub(crate) const LONGEST: usize = 16 * 1024;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Brackets, commas, colons.
    Mark,
    /// A name.
    Name,
    /// A value that is text, or no JSON at all.
    Text,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Word,
    /// What stands in a secret's place.
    Hidden,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line {
    /// Its pieces, from the left.
    pub pieces: Vec<(String, Ink)>,
    /// Whether a secret was taken out of it.
    pub locked: bool,
}

/// Lays a text out in lines of at most `columns` characters. Text that is not JSON is only wrapped.
pub(crate) fn lay_out(raw: &str, columns: usize) -> Vec<Line> {
    let shown = bounded(raw);
    let mut setter = Setter {
        lines: vec![Line::default()],
        used: 0,
        depth: 0,
        columns: columns.max(20),
        bare: false,
        opened: false,
    };
    let mut rest = shown.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = rest.split_at(token_end(rest, first));
        setter.token(first, token, after);
        rest = after.trim_start();
    }
    setter.lines
}

/// The beginning of a text, up to [`LONGEST`] bytes.
fn bounded(raw: &str) -> &str {
    let mut end = raw.len().min(LONGEST);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    raw.get(..end).unwrap_or_default()
}

/// Where the token that begins a text ends.
fn token_end(text: &str, first: char) -> usize {
    match first {
        '{' | '}' | '[' | ']' | ':' | ',' => 1,
        '"' => {
            let mut escaped = false;
            for (at, character) in text.char_indices().skip(1) {
                match character {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => return at + 1,
                    _ => {}
                }
            }
            text.len()
        }
        _ => text
            .char_indices()
            .find(|(_, c)| matches!(c, '{' | '}' | '[' | ']' | ':' | ',' | '"') || c.is_whitespace())
            .map_or(text.len(), |(at, _)| at.max(first.len_utf8())),
    }
}

/// Sets tokens into lines.
struct Setter {
    lines: Vec<Line>,
    /// How many characters the last line has.
    used: usize,
    depth: usize,
    columns: usize,
    /// Whether the last token was a value or a word.
    bare: bool,
    /// Whether the last token opened a list or an object.
    opened: bool,
}

impl Setter {
    fn token(&mut self, first: char, token: &str, after: &str) {
        match first {
            '{' | '[' => {
                self.put(token, Ink::Mark);
                self.depth += 1;
                let empty = after.trim_start().starts_with(['}', ']']);
                // The envelope stays on one line, what is in it begins the next.
                if self.depth == 2 && !empty {
                    self.new_line();
                }
            }
            '}' | ']' => {
                let space = self.depth == 2 && self.used > self.indent() && !self.opened;
                self.depth = self.depth.saturating_sub(1);
                self.put(if space { " " } else { "" }, Ink::Mark);
                self.put(token, Ink::Mark);
            }
            ':' => self.put(": ", Ink::Mark),
            ',' => {
                self.put(",", Ink::Mark);
                if !self.break_if_long(after) {
                    self.put(" ", Ink::Mark);
                }
            }
            '"' => {
                if self.bare {
                    self.put(" ", Ink::Mark);
                }
                let is_name = after.trim_start().starts_with(':');
                if is_name { self.put(&visible(token), Ink::Name) } else { self.value(token) }
            }
            _ => {
                // Two bare words in a row are not JSON: they stay apart.
                if self.bare {
                    self.put(" ", Ink::Mark);
                }
                self.value(token);
            }
        }
        self.opened = matches!(first, '{' | '[');
        self.bare = !matches!(first, '{' | '[' | '}' | ']' | ':' | ',');
    }

    /// A value, in which what was masked is told apart.
    fn value(&mut self, token: &str) {
        if token == "\"hidden\"" {
            self.lock();
            self.put(token, Ink::Hidden);
            return;
        }
        let ink = match token {
            "true" | "false" | "null" => Ink::Word,
            _ if token.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) => Ink::Number,
            _ => Ink::Text,
        };
        let mut rest = token;
        while let Some(at) = rest.find("=hidden").map(|at| at + 1) {
            let (before, from) = rest.split_at(at);
            self.put(&visible(before), ink);
            self.lock();
            self.put("hidden", Ink::Hidden);
            rest = from.strip_prefix("hidden").unwrap_or_default();
        }
        self.put(&visible(rest), ink);
    }

    fn lock(&mut self) {
        if let Some(line) = self.lines.last_mut() {
            line.locked = true;
        }
    }

    /// Begins a new line where the next member would not fit on this one. Returns whether it did.
    fn break_if_long(&mut self, after: &str) -> bool {
        // As far as the next comma outside a string: a member, or the beginning of a nested one.
        let mut in_string = false;
        let mut escaped = false;
        let mut length = 2;
        for character in after.chars().take(self.columns) {
            match character {
                _ if escaped => escaped = false,
                '\\' if in_string => escaped = true,
                '"' => in_string = !in_string,
                ',' | '{' | '[' if !in_string => break,
                _ => {}
            }
            length += 1;
        }
        if self.used + length > self.columns && self.used > self.indent() {
            self.new_line();
            return true;
        }
        false
    }

    fn indent(&self) -> usize {
        self.depth.saturating_sub(1).min(6) * 2
    }

    fn new_line(&mut self) {
        let indent = self.indent();
        let mut line = Line::default();
        if indent > 0 {
            line.pieces.push((" ".repeat(indent), Ink::Mark));
        }
        self.lines.push(line);
        self.used = indent;
    }

    /// Adds text, on as many lines as it takes.
    fn put(&mut self, text: &str, ink: Ink) {
        let mut rest = text;
        while !rest.is_empty() {
            let room = self.columns.saturating_sub(self.used);
            if room == 0 {
                self.new_line();
                continue;
            }
            let end = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            self.used += piece.chars().count();
            if let Some(line) = self.lines.last_mut() {
                line.pieces.push((piece.to_owned(), ink));
            }
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str, columns: usize) -> Vec<String> {
        lay_out(raw, columns).iter().map(|line| line.pieces.iter().map(|(text, _)| text.as_str()).collect()).collect()
    }

    #[test]
    fn an_event_is_set_in_short_lines_in_the_order_it_came() {
        let raw = r#"{"data":{"type":"X-DPT-CAB-REQUEST-ID","id":"b24b68f6","output_type":1,"body":"https://h/…?auth=hidden"}}"#;
        assert_eq!(
            text(raw, 60),
            [
                r#"{"data": {"#,
                r#"  "type": "X-DPT-CAB-REQUEST-ID", "id": "b24b68f6","#,
                r#"  "output_type": 1, "body": "https://h/…?auth=hidden" }}"#,
            ]
        );
        let lines = lay_out(raw, 60);
        let hidden: Vec<_> =
            lines.iter().flat_map(|line| &line.pieces).filter(|(_, ink)| *ink == Ink::Hidden).collect();
        assert_eq!(hidden, [&("hidden".to_owned(), Ink::Hidden)]);
        assert_eq!(lines.iter().filter(|line| line.locked).count(), 1);
    }

    #[test]
    fn what_a_value_is_can_be_told_by_its_colour() {
        let inks: Vec<(String, Ink)> = lay_out(r#"{"a":-1.5,"b":[true,null,"true"]}"#, 80)
            .into_iter()
            .flat_map(|line| line.pieces)
            .filter(|(_, ink)| *ink != Ink::Mark)
            .collect();
        let inks: Vec<(&str, Ink)> = inks.iter().map(|(text, ink)| (text.as_str(), *ink)).collect();
        let expected = [
            ("\"a\"", Ink::Name),
            ("-1.5", Ink::Number),
            ("\"b\"", Ink::Name),
            ("true", Ink::Word),
            ("null", Ink::Word),
            ("\"true\"", Ink::Text),
        ];
        assert_eq!(inks, expected);
    }

    #[test]
    fn a_value_with_commas_and_brackets_is_one_value() {
        assert_eq!(text(r#"{"a":"x, {y}: [\"z\"]","b":[]}"#, 80), [r#"{"a": "x, {y}: [\"z\"]", "b": []}"#]);
    }

    #[test]
    fn what_is_not_json_is_shown_too() {
        assert_eq!(text("no json at all", 40), ["no json at all"]);
        assert_eq!(text("", 40), [""]);
        assert_eq!(text("\"unfinished", 40), ["\"unfinished"]);
    }

    #[test]
    fn a_megabyte_is_cut_and_every_line_keeps_its_width() {
        let raw = format!(r#"{{"data":{{"body":"{}"}}}}"#, "ü".repeat(500_000));
        let lines = lay_out(&raw, 64);
        assert!(lines.len() < LONGEST / 64 + 10, "{} lines", lines.len());
        for line in &lines {
            let width: usize = line.pieces.iter().map(|(text, _)| text.chars().count()).sum();
            assert!(width <= 64, "a line of {width} characters");
        }
    }
}
