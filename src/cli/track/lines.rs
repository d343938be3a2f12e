//! Command ids as lines of text: an id, and after a tab its label.

use std::io::{self, BufRead, Read as _};

use crate::engine::ipc::{InvalidCommand, TrackedCommand};
use crate::protocol::pasted;

/// The longest line in bytes. An id and a label of the greatest length fit several times.
const MAX_LINE_LENGTH: u64 = 8 * 1024;

/// A line that is not empty.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number in the input, from 1.
    pub(super) number: u64,
    /// The command in it.
    pub(super) command: Result<TrackedCommand, InvalidLine>,
}

/// Why a line can't be tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidLine {
    /// It is not UTF-8.
    #[error("It is not text (UTF-8).")]
    NotText,
    /// It is too long.
    #[error("It is longer than {MAX_LINE_LENGTH} bytes. Write one id per line.")]
    TooLong,
    /// The id or the label is invalid.
    #[error(transparent)]
    Command(#[from] InvalidCommand),
}

/// Reads lines, of which at most one is in memory.
pub(super) struct Lines<R> {
    input: R,
    /// The label of lines without one.
    label: Option<String>,
    /// The number of lines read.
    count: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R, label: Option<String>) -> Self {
        Self { input, label, count: 0, line: Vec::new() }
    }

    /// Parses the current line; `None` if it is empty.
    fn command(&self) -> Option<Result<TrackedCommand, InvalidLine>> {
        let Ok(text) = std::str::from_utf8(&self.line) else { return Some(Err(InvalidLine::NotText)) };
        // A file from Windows may begin with a byte order mark.
        let text = if self.count == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        if pasted::trimmed(text).is_empty() {
            return None;
        }
        let (id, label) = text.split_once('\t').unwrap_or((text, ""));
        let label = Some(label).filter(|label| !label.trim().is_empty()).or(self.label.as_deref());
        Some(TrackedCommand::new(id, label).map_err(InvalidLine::from))
    }

    /// Skips the rest of the current line.
    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let (length, is_end) = match memchr::memchr(b'\n', buffer) {
                Some(position) => (position + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.input.consume(length);
            if is_end {
                return Ok(());
            }
        }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        loop {
            self.line.clear();
            if self.input.by_ref().take(MAX_LINE_LENGTH).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.count += 1;
            let is_too_long = !self.line.ends_with(b"\n") && self.line.len() as u64 == MAX_LINE_LENGTH;
            let command = if is_too_long {
                self.skip_rest()?;
                Some(Err(InvalidLine::TooLong))
            } else {
                self.command()
            };
            if let Some(command) = command {
                return Ok(Some(Line { number: self.count, command }));
            }
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], label: Option<&str>) -> Vec<Line> {
        // A small buffer, so that lines do not fit into it.
        let input = io::BufReader::with_capacity(7, text);
        Lines::new(input, label.map(str::to_owned)).collect::<Result<_, _>>().unwrap()
    }

    fn command(number: u64, id: &str, label: Option<&str>) -> Line {
        Line { number, command: Ok(TrackedCommand::new(id, label).unwrap()) }
    }

    #[test]
    fn a_line_is_an_id_and_a_label_after_a_tab() {
        let text = "\u{feff}c-1\r\n\r\n \t \n c-2 \tnight run\r\nc-3\t\nc-4\t\"x\"";
        let wanted = |label| {
            [
                command(1, "c-1", label),
                command(4, "c-2", Some("night run")),
                command(5, "c-3", label),
                command(6, "c-4", Some("\"x\"")),
            ]
        };
        assert_eq!(lines(text.as_bytes(), None), wanted(None));
        assert_eq!(lines(text.as_bytes(), Some("deploy")), wanted(Some("deploy")));
        assert_eq!(lines(b"", None), []);
    }

    #[test]
    fn an_invalid_line_is_named_and_the_next_one_is_read() {
        let long = "x".repeat(usize::try_from(MAX_LINE_LENGTH).unwrap());
        for (line, reason) in [
            (b"\tlabel only".to_vec(), InvalidLine::Command(InvalidCommand::Id)),
            (b"c\x1b[31m".to_vec(), InvalidLine::Command(InvalidCommand::Id)),
            ("x".repeat(201).into_bytes(), InvalidLine::Command(InvalidCommand::Id)),
            (b"c\ta\tb".to_vec(), InvalidLine::Command(InvalidCommand::Label)),
            (b"\xff\xfe".to_vec(), InvalidLine::NotText),
            (long.clone().into_bytes(), InvalidLine::TooLong),
            (long.repeat(3).into_bytes(), InvalidLine::TooLong),
        ] {
            let text = [b"c-1\n".to_vec(), line, b"\nc-3".to_vec()].concat();
            let wanted = [command(1, "c-1", None), Line { number: 2, command: Err(reason) }, command(3, "c-3", None)];
            assert_eq!(lines(&text, None), wanted);
            assert!(reason.to_string().ends_with('.'), "not a sentence: {reason}");
        }
    }

    #[test]
    fn an_endless_line_does_not_end_what_comes_before_it() {
        let text = [b"c-1\n".to_vec(), "x".repeat(100_000).into_bytes()].concat();
        assert_eq!(
            lines(&text, None),
            [command(1, "c-1", None), Line { number: 2, command: Err(InvalidLine::TooLong) }]
        );
    }
}
