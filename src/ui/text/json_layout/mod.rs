//! Lays out JSON as received from the server in lines of a given width, with the folds that the operator chose. Bounded: large
//! texts cost no more time than short ones.

use crate::protocol::sanitize;

use super::json_nesting::{self, JsonNode, token_end};

#[cfg(test)]
mod tests;

/// How many bytes of one text are laid out; `Copy JSON` copies all of it.
pub(crate) const MAX_TEXT: usize = 16 * 1024;

/// Maximum length of a name in a fold's accessible name, in characters.
const MAX_NAME_LENGTH: usize = 64;

/// The kind of a piece of text, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenColor {
    /// Brackets, commas, colons.
    Mark,
    /// The name of a member.
    Name,
    /// A string value, or text that is not JSON.
    Text,
    Number,
    /// The literals `true`, `false` and `null`.
    Word,
    /// The placeholder of a masked secret.
    Hidden,
}

/// A line of laid-out JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line {
    /// The pieces of text, from the left.
    pub pieces: Vec<(String, TokenColor)>,
    /// Whether a secret on this line is masked.
    pub locked: bool,
    /// The object or array on this line that can be folded.
    pub fold: Option<Fold>,
}

/// An object or an array that can be folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fold {
    /// Its number among all objects and arrays in the text.
    pub number: usize,
    pub open: bool,
    /// Its name and the number of its members or items.
    pub words: String,
}

/// Lays out a text in lines of at most `columns` characters, folding the objects and arrays for which `is_folded` returns
/// `true`. Text that is not JSON is only wrapped.
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

/// The start of a text, up to [`MAX_TEXT`] bytes.
fn bounded(raw: &str) -> &str {
    let mut end = raw.len().min(MAX_TEXT);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    raw.get(..end).unwrap_or_default()
}

/// Lays out tokens in lines.
struct JsonLayouter {
    lines: Vec<Line>,
    /// Number of characters in the last line.
    used: usize,
    depth: usize,
    columns: usize,
    /// Whether the last token was a string, a number or a literal.
    bare: bool,
    /// Whether the last token opened an array or an object.
    opened: bool,
    /// For each open array and object, whether its content starts on a new line.
    broken: Vec<bool>,
    /// How many of the innermost ones are laid out completely on one line.
    inline: usize,
    /// Whether the last ended value has lines of its own, so that a new line starts after its comma.
    alone: bool,
    /// The last name, as displayed.
    name: String,
}

impl JsonLayouter {
    fn token(&mut self, first: char, token: &str, after: &str) {
        match first {
            '{' | '[' => {
                self.add(token, TokenColor::Mark);
                self.depth += 1;
                let empty = after.trim_start().starts_with(['}', ']']);
                // The envelope stays on one line; its content starts on the next.
                let breaks = self.depth == 2 && !empty && self.inline == 0;
                self.broken.push(breaks);
                if breaks {
                    self.new_line();
                } else if self.inline > 0 {
                    self.inline += 1;
                }
            }
            '}' | ']' => self.close(token),
            ':' => self.add(": ", TokenColor::Mark),
            ',' => {
                self.add(",", TokenColor::Mark);
                if self.alone {
                    self.new_line();
                } else if !self.break_if_long(after) {
                    self.add(" ", TokenColor::Mark);
                }
                self.alone = false;
            }
            '"' => {
                if self.bare {
                    self.add(" ", TokenColor::Mark);
                }
                let is_name = after.trim_start().starts_with(':');
                if is_name {
                    let name = sanitize(token);
                    self.add(&name, TokenColor::Name);
                    self.name = name.trim_matches('"').chars().take(MAX_NAME_LENGTH).collect();
                } else {
                    self.value(token);
                }
            }
            _ => {
                // Two literals in a row are not JSON, so they are kept apart.
                if self.bare {
                    self.add(" ", TokenColor::Mark);
                }
                self.value(token);
            }
        }
        self.opened = matches!(first, '{' | '[');
        self.bare = !matches!(first, '{' | '[' | '}' | ']' | ':' | ',');
    }

    /// Whether an object or array can be folded here. The envelope and what is on its line fold with the message.
    fn folds(&self, nest: &JsonNode) -> bool {
        nest.members > 0 && self.lines.len() > 1 && self.inline == 0
    }

    /// Prepares for a value, perhaps after its name: if it can be folded, it starts a new line.
    fn before(&mut self, folds: bool) {
        if folds && self.used > self.indent() {
            self.new_line();
        }
    }

    /// Marks the line as the start of something that can be folded.
    fn fold(&mut self, number: usize, open: bool, nest: &JsonNode) {
        // An item of an array has no name, so its line has not started yet.
        if nest.in_list {
            self.before(true);
        }
        let name = if nest.in_list { "item" } else { &self.name };
        let words = format!("{name}, {}", nest.words());
        if let Some(line) = self.lines.last_mut() {
            line.fold = Some(Fold { number, open, words });
        }
    }

    /// Opens an object or array, on the current line if all of it fits.
    fn open(&mut self, token: &str, nest: &JsonNode) {
        self.add(token, TokenColor::Mark);
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

    /// Lays out an object or array folded.
    fn folded(&mut self, token: &str, nest: &JsonNode) {
        let end = if token == "{" { "}" } else { "]" };
        self.add(token, TokenColor::Mark);
        self.add("…", TokenColor::Mark);
        self.add(end, TokenColor::Mark);
        self.add(&format!(" {}", nest.words()), TokenColor::Mark);
        (self.opened, self.bare, self.alone) = (false, false, true);
    }

    fn close(&mut self, token: &str) {
        let broken = self.broken.pop().unwrap_or_default();
        let space = broken && self.used > self.indent() && !self.opened;
        self.depth = self.depth.saturating_sub(1);
        self.add(if space { " " } else { "" }, TokenColor::Mark);
        self.add(token, TokenColor::Mark);
        let was_inline = self.inline > 0;
        self.inline = self.inline.saturating_sub(1);
        self.alone = self.inline == 0 && (was_inline || (broken && self.depth > 1));
    }

    /// Adds a value; masked secrets in it get their own colour.
    fn value(&mut self, token: &str) {
        if token == "\"hidden\"" {
            self.lock();
            self.add(token, TokenColor::Hidden);
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
            self.add(&sanitize(before), ink);
            self.lock();
            self.add("hidden", TokenColor::Hidden);
            rest = from.strip_prefix("hidden").unwrap_or_default();
        }
        self.add(&sanitize(rest), ink);
    }

    fn lock(&mut self) {
        if let Some(line) = self.lines.last_mut() {
            line.locked = true;
        }
    }

    /// Starts a new line if the next member does not fit on this one. Returns whether it did.
    fn break_if_long(&mut self, after: &str) -> bool {
        if self.inline > 0 {
            return false;
        }
        // Up to the next comma outside a string: a member, or the start of a nested value.
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

    /// Adds text, wrapped onto as many lines as it needs.
    fn add(&mut self, text: &str, ink: TokenColor) {
        let mut rest = text;
        while !rest.is_empty() {
            let space = self.columns.saturating_sub(self.used);
            if space == 0 {
                self.new_line();
                continue;
            }
            let end = rest.char_indices().nth(space).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            self.used += piece.chars().count();
            if let Some(line) = self.lines.last_mut() {
                line.pieces.push((piece.to_owned(), ink));
            }
            rest = after;
        }
    }
}
