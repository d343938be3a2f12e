//! Sets JSON as it came from the server into lines of a given width, folded where the operator folded it. Bounded: a text of any
//! size costs the same small time.

use crate::protocol::visible;

use super::json_nesting;
use super::json_nesting::{JsonNode, token_end};

#[cfg(test)]
mod tests;

/// How much of one text is laid out; the whole is copied by `Copy JSON`.
pub(crate) const LONGEST: usize = 16 * 1024;

/// How much of a name is said where it is folded.
const LONGEST_NAME: usize = 64;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenColor {
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
    pub pieces: Vec<(String, TokenColor)>,
    /// Whether a secret was taken out of it.
    pub locked: bool,
    /// What begins on it and can be folded.
    pub fold: Option<Fold>,
}

/// An object or a list that can be folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fold {
    /// Its place among all of them in the text.
    pub number: usize,
    /// Whether it is not folded.
    pub open: bool,
    /// What it is called and how much is in it.
    pub words: String,
}

/// Lays a text out in lines of at most `columns` characters, with what `is_folded` says folded. Text that is not JSON is only
/// wrapped.
pub(crate) fn lay_out(raw: &str, columns: usize, is_folded: impl Fn(usize) -> bool) -> Vec<Line> {
    let shown = bounded(raw);
    let nests = json_nesting::all(shown);
    let mut setter = JsonLayouter {
        lines: vec![Line::default()],
        used: 0,
        depth: 0,
        columns: columns.max(20),
        bare: false,
        opened: false,
        broken: Vec::new(),
        inline: 0,
        alone: false,
        name: String::new(),
    };
    let mut rest = shown.trim_start();
    while let Some(first) = rest.chars().next() {
        let at = shown.len() - rest.len();
        let (token, mut after) = rest.split_at(token_end(rest, first));
        match json_nesting::find(&nests, at) {
            Some((number, nest)) if setter.folds(nest) => {
                let open = !is_folded(number);
                setter.fold(number, open, nest);
                if open {
                    setter.open(token, nest);
                } else {
                    after = nest.end.and_then(|end| shown.get(end..)).unwrap_or_default();
                    setter.folded(token, nest);
                }
            }
            _ => {
                let value = after.trim_start().strip_prefix(':').map(str::trim_start);
                let nest = value.and_then(|value| json_nesting::find(&nests, shown.len() - value.len()));
                setter.before(nest.is_some_and(|(_, nest)| setter.folds(nest)));
                setter.token(first, token, after);
            }
        }
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

/// Sets tokens into lines.
struct JsonLayouter {
    lines: Vec<Line>,
    /// How many characters the last line has.
    used: usize,
    depth: usize,
    columns: usize,
    /// Whether the last token was a value or a word.
    bare: bool,
    /// Whether the last token opened a list or an object.
    opened: bool,
    /// Of each list and object that is open, whether what is in it begins a line of its own.
    broken: Vec<bool>,
    /// How many of these, from the innermost on, are set on one line with all that is in them.
    inline: usize,
    /// Whether what ended last stands for itself: what follows its comma begins a line.
    alone: bool,
    /// The last name, as it is shown.
    name: String,
}

impl JsonLayouter {
    fn token(&mut self, first: char, token: &str, after: &str) {
        match first {
            '{' | '[' => {
                self.put(token, TokenColor::Mark);
                self.depth += 1;
                let empty = after.trim_start().starts_with(['}', ']']);
                // The envelope stays on one line, what is in it begins the next.
                let breaks = self.depth == 2 && !empty && self.inline == 0;
                self.broken.push(breaks);
                if breaks {
                    self.new_line();
                } else if self.inline > 0 {
                    self.inline += 1;
                }
            }
            '}' | ']' => self.close(token),
            ':' => self.put(": ", TokenColor::Mark),
            ',' => {
                self.put(",", TokenColor::Mark);
                if self.alone {
                    self.new_line();
                } else if !self.break_if_long(after) {
                    self.put(" ", TokenColor::Mark);
                }
                self.alone = false;
            }
            '"' => {
                if self.bare {
                    self.put(" ", TokenColor::Mark);
                }
                let is_name = after.trim_start().starts_with(':');
                if is_name {
                    let name = visible(token);
                    self.put(&name, TokenColor::Name);
                    self.name = name.trim_matches('"').chars().take(LONGEST_NAME).collect();
                } else {
                    self.value(token);
                }
            }
            _ => {
                // Two bare words in a row are not JSON: they stay apart.
                if self.bare {
                    self.put(" ", TokenColor::Mark);
                }
                self.value(token);
            }
        }
        self.opened = matches!(first, '{' | '[');
        self.bare = !matches!(first, '{' | '[' | '}' | ']' | ':' | ',');
    }

    /// Whether an object or a list can be folded here. The envelope and what is on its line fold with the message.
    fn folds(&self, nest: &JsonNode) -> bool {
        nest.members > 0 && self.lines.len() > 1 && self.inline == 0
    }

    /// Something that can be folded comes, perhaps behind its name: it begins a line.
    fn before(&mut self, folds: bool) {
        if folds && self.used > self.indent() {
            self.new_line();
        }
    }

    /// Marks the line as one that something begins on that can be folded.
    fn fold(&mut self, number: usize, open: bool, nest: &JsonNode) {
        // In a list it has no name, and no line yet.
        if nest.in_list {
            self.before(true);
        }
        let name = if nest.in_list { "item" } else { &self.name };
        let words = format!("{name}, {}", nest.words());
        if let Some(line) = self.lines.last_mut() {
            line.fold = Some(Fold { number, open, words });
        }
    }

    /// Opens it: on the line, where all of it has room there.
    fn open(&mut self, token: &str, nest: &JsonNode) {
        self.put(token, TokenColor::Mark);
        self.depth += 1;
        self.opened = true;
        self.bare = false;
        let fits = nest.end.is_some() && self.used + nest.width <= self.columns;
        self.broken.push(!fits);
        if fits {
            self.inline = 1;
        } else {
            self.new_line();
        }
    }

    /// Sets it folded.
    fn folded(&mut self, token: &str, nest: &JsonNode) {
        let end = if token == "{" { "}" } else { "]" };
        self.put(token, TokenColor::Mark);
        self.put("…", TokenColor::Mark);
        self.put(end, TokenColor::Mark);
        self.put(&format!(" {}", nest.words()), TokenColor::Mark);
        (self.opened, self.bare, self.alone) = (false, false, true);
    }

    fn close(&mut self, token: &str) {
        let broken = self.broken.pop().unwrap_or_default();
        let space = broken && self.used > self.indent() && !self.opened;
        self.depth = self.depth.saturating_sub(1);
        self.put(if space { " " } else { "" }, TokenColor::Mark);
        self.put(token, TokenColor::Mark);
        let was_inline = self.inline > 0;
        self.inline = self.inline.saturating_sub(1);
        self.alone = self.inline == 0 && (was_inline || (broken && self.depth > 1));
    }

    /// A value, in which what was masked is told apart.
    fn value(&mut self, token: &str) {
        if token == "\"hidden\"" {
            self.lock();
            self.put(token, TokenColor::Hidden);
            return;
        }
        let ink = match token {
            "true" | "false" | "null" => TokenColor::Word,
            _ if token.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) => TokenColor::Number,
            _ => TokenColor::Text,
        };
        let mut rest = token;
        while let Some(at) = rest.find("=hidden").map(|at| at + 1) {
            let (before, from) = rest.split_at(at);
            self.put(&visible(before), ink);
            self.lock();
            self.put("hidden", TokenColor::Hidden);
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
        if self.inline > 0 {
            return false;
        }
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
            line.pieces.push((" ".repeat(indent), TokenColor::Mark));
        }
        self.lines.push(line);
        self.used = indent;
    }

    /// Adds text, on as many lines as it takes.
    fn put(&mut self, text: &str, ink: TokenColor) {
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
