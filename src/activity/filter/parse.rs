//! Parses a filter.

use std::ops::Range;

use jiff::tz::TimeZone;

use crate::activity::time::time_spec::TimeSpec;

use super::error::{FilterError, Problem};
use super::expression::{Comparison, Term, Test};
use super::fields::{self, FIELDS, Field, StatusName};
use super::pattern::Pattern;

/// Maximum number of parts.
const MAX_TERMS: usize = 64;

/// A problem and its position.
type SyntaxError = (Range<usize>, Problem);

pub(crate) fn parse(text: &str, zone: &TimeZone) -> Result<Vec<Term>, FilterError> {
    Ok(parts(text, zone)?.into_iter().map(|(_, term)| term).collect())
}

/// A bare word: neither quoted nor negated.
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// Its position in bytes.
    pub(crate) at: Range<usize>,
}

/// The bare words of a filter.
pub(crate) fn words(text: &str) -> Result<Vec<Token<'_>>, FilterError> {
    let words = parts(text, &TimeZone::UTC)?.into_iter().filter_map(|(at, term)| {
        let typed = text.get(at.clone())?;
        let is_word = !term.not && matches!(term.test, Test::Text(None, _)) && !typed.starts_with(['"', '/']);
        is_word.then_some(Token { text: typed, at })
    });
    Ok(words.collect())
}

/// Parses every part, with its position.
fn parts(text: &str, zone: &TimeZone) -> Result<Vec<(Range<usize>, Term)>, FilterError> {
    let mut reader = Lexer { text, at: 0, zone };
    reader.parts().map_err(|(range, problem)| FilterError::new(text, range, problem))
}

struct Lexer<'a> {
    text: &'a str,
    /// The current position in bytes.
    at: usize,
    /// The time zone of dates.
    zone: &'a TimeZone,
}

impl<'a> Lexer<'a> {
    fn parts(&mut self) -> Result<Vec<(Range<usize>, Term)>, SyntaxError> {
        let mut parts = Vec::new();
        loop {
            self.skip(char::is_whitespace);
            let from = self.at;
            if self.rest().is_empty() {
                return Ok(parts);
            }
            if parts.len() == MAX_TERMS {
                return Err((from..self.text.len(), Problem::TooMany { max: MAX_TERMS }));
            }
            let term = self.term()?;
            parts.push((from..self.at, term));
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, skips: impl Fn(char) -> bool) {
        self.at = self.text.len() - self.rest().trim_start_matches(skips).len();
    }

    fn term(&mut self) -> Result<Term, SyntaxError> {
        let not = self.next() == Some('-');
        if not {
            self.at += 1;
            if self.next().is_none_or(char::is_whitespace) {
                return Err((self.at - 1..self.at, Problem::LoneMinus));
            }
        }
        let test = match self.field()? {
            Some((field, name)) => self.value(field, name)?,
            None => Test::Text(None, self.pattern()?),
        };
        Ok(Term { not, test })
    }

    /// The name and position of a field, if one comes next; consumes its colon too.
    fn field(&mut self) -> Result<Option<(&'static str, Range<usize>)>, SyntaxError> {
        let letters = self.rest().find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(0);
        let Some((name, behind)) = self.rest().split_at_checked(letters).filter(|(name, _)| !name.is_empty()) else {
            return Ok(None);
        };
        if !behind.starts_with(':') {
            return Ok(None);
        }
        let range = self.at..self.at + letters;
        let Some(known) = FIELDS.into_iter().find(|field| field.eq_ignore_ascii_case(name)) else {
            let problem = Problem::UnknownField { name: name.to_owned(), like: fields::like(&name.to_lowercase()) };
            return Err((range, problem));
        };
        self.at = range.end + 1;
        Ok(Some((known, range)))
    }

    fn value(&mut self, field: &'static str, name: Range<usize>) -> Result<Test, SyntaxError> {
        if let Some(of) = Field::NAMED.into_iter().find(|named| named.word() == field) {
            if self.next().is_none_or(char::is_whitespace) {
                return Err((name.start..self.at, Problem::MissingValue { example: of.example() }));
            }
            if self.rest().starts_with("\"\"") {
                self.quoted()?;
                return Ok(Test::Empty(of));
            }
            return Ok(Test::Text(Some(of), self.pattern()?));
        }
        let from = self.at;
        let value = if self.next() == Some('"') { self.quoted()? } else { self.bare().to_owned() };
        let range = from..self.at;
        let missing = |example| Err((name.start..range.end, Problem::MissingValue { example }));
        match field {
            _ if value.trim().is_empty() => missing(match field {
                "status" => "status:failed",
                "kind" => "kind:data",
                "source" => "source:enquiry",
                "since" => "since:10m",
                _ => "took:>2s",
            }),
            "status" => Ok(Test::Status(one_of(&value, range, field, StatusName::KNOWN, StatusName::parse)?)),
            "kind" => {
                Ok(Test::Kind(one_of(&value, range, field, "command, data, message and gap", fields::parse_kind)?))
            }
            "source" => {
                Ok(Test::Source(one_of(&value, range, field, "socket, enquiry and both", fields::parse_source)?))
            }
            "since" => match TimeSpec::parse_in(&value, self.zone) {
                Ok(since) => Ok(Test::Since(since)),
                Err(no_time) => Err((range, Problem::NoTime(no_time))),
            },
            _ => took(&value).ok_or((range, Problem::NoSpan)),
        }
    }

    fn pattern(&mut self) -> Result<Pattern, SyntaxError> {
        match self.next() {
            Some('"') => Ok(Pattern::text(&self.quoted()?)),
            Some('/') => self.regex(),
            _ => Ok(Pattern::text(self.bare())),
        }
    }

    /// Everything up to the next space.
    fn bare(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// A quoted phrase, in which `\"` and `\\` stand for the mark and the backslash.
    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let open = self.at;
        let mut phrase = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at = open + at + 1;
                    self.ends_here()?;
                    return Ok(phrase);
                }
                '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                    Some((_, meant)) => phrase.push(meant),
                    None => phrase.push('\\'),
                },
                _ => phrase.push(character),
            }
        }
        Err((open..open + 1, Problem::OpenQuote))
    }

    /// An expression between slashes, in which `\/` is a slash.
    fn regex(&mut self) -> Result<Pattern, SyntaxError> {
        let open = self.at;
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => {
                    characters.next();
                }
                '/' => {
                    let inside = open + 1..open + at;
                    self.at = inside.end + 1;
                    let typed = self.text.get(inside.clone()).unwrap_or_default();
                    let pattern = Pattern::regex(typed)
                        .map_err(|(range, problem)| (inside.start + range.start..inside.start + range.end, problem))?;
                    self.ends_here()?;
                    return Ok(pattern);
                }
                _ => {}
            }
        }
        Err((open..open + 1, Problem::OpenRegex))
    }

    fn ends_here(&self) -> Result<(), SyntaxError> {
        match self.next() {
            Some(next) if !next.is_whitespace() => Err((self.at..self.at + next.len_utf8(), Problem::MissingSpace)),
            _ => Ok(()),
        }
    }
}

/// Reads words separated by commas.
fn one_of<T>(
    value: &str,
    range: Range<usize>,
    field: &'static str,
    known: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, SyntaxError> {
    let words = value.split(',').map(|word| {
        read(word.trim()).ok_or_else(|| {
            let problem = match word.trim() {
                "" => Problem::LoneComma,
                word => Problem::UnknownValue { field, value: word.to_owned(), known },
            };
            (range.clone(), problem)
        })
    });
    words.collect()
}

fn took(value: &str) -> Option<Test> {
    let signs = [Comparison::AtLeast, Comparison::AtMost, Comparison::Longer, Comparison::Shorter];
    let (comparison, span) =
        signs.into_iter().find_map(|comparison| Some((comparison, value.strip_prefix(comparison.sign())?)))?;
    Some(Test::Took(comparison, fields::parse_duration(span)?))
}
