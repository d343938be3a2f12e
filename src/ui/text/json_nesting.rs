//! Finds where the objects and arrays of a JSON text start and end, and how much they contain. For text that is not JSON, uses
//! its brackets as far as they match.

/// An object or an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonNode {
    /// Byte offset of its first bracket.
    start: usize,
    /// Byte offset behind its last bracket; `None` if the text ends inside it.
    pub(crate) end: Option<usize>,
    /// Number of members or items, as far as the text goes.
    pub(crate) members: usize,
    /// Width of its content on one line, in characters, including the closing bracket.
    pub(crate) width: usize,
    is_list: bool,
    /// Whether it is an item of an array.
    pub(crate) in_list: bool,
}

impl JsonNode {
    /// The number of its members or items, in words.
    pub(crate) fn words(&self) -> String {
        let unit = match (self.is_list, self.members) {
            (true, 1) => "item",
            (true, _) => "items",
            (false, 1) => "member",
            (false, _) => "members",
        };
        let more = if self.end.is_none() { " or more" } else { "" };
        format!("{} {unit}{more}", self.members)
    }
}

/// All objects and arrays of a text, in the order in which they start.
pub(crate) fn all(text: &str) -> Vec<JsonNode> {
    let mut nests: Vec<JsonNode> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    // The width on one line of everything so far.
    let mut width = 0;
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        let (token, after) = rest.split_at(token_end(rest, first));
        width += token.chars().count();
        let inner = open.last().and_then(|nest| nests.get_mut(*nest));
        match first {
            '}' | ']' => {
                if let Some(inner) = inner {
                    inner.end = Some(text.len() - after.len());
                    inner.width = width - inner.width;
                }
                open.pop();
            }
            ',' => {
                width += 1;
                // A comma announces one more.
                if let Some(inner) = inner
                    && !after.trim_start().is_empty()
                {
                    inner.members += 1;
                }
            }
            ':' => width += 1,
            _ => {
                if let Some(inner) = inner {
                    inner.members = inner.members.max(1);
                }
            }
        }
        if matches!(first, '{' | '[') {
            let in_list = open.last().and_then(|nest| nests.get(*nest)).is_some_and(|nest| nest.is_list);
            open.push(nests.len());
            nests.push(JsonNode { start: at, end: None, members: 0, width, is_list: first == '[', in_list });
        }
        rest = after.trim_start();
    }
    nests
}

/// The object or array that starts at this offset, and its number.
pub(crate) fn find(nests: &[JsonNode], start: usize) -> Option<(usize, &JsonNode)> {
    let number = nests.binary_search_by_key(&start, |nest| nest.start).ok()?;
    nests.get(number).map(|nest| (number, nest))
}

/// The end of the first token of a text.
pub(crate) fn token_end(text: &str, first: char) -> usize {
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
