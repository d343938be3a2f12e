//! One line of a recording, with the fields of `docs/command-line.md`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sandbox::DEMO_USERNAME;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    Data,
    Message,
    Gap,
}

/// How the monitor knew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// From a message.
    Socket,
    /// From a status check over REST: no message was received.
    Enquiry,
    /// From both.
    Both,
}

/// The fields of a line. Of these, only `kind` is always required.
const FIELDS: [&str; 10] =
    ["kind", "id", "profile", "status", "message", "label", "context", "source", "first_seen", "at"];

/// The fields that have not been read yet.
struct Fields(Map<String, Value>);

impl Fields {
    fn read(text: &str) -> Result<Self, String> {
        let fields = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err("it is not a JSON object".to_owned()),
            Err(error) => return Err(format!("it is not JSON (column {})", error.column())),
        };
        match fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            Some(name) => Err(format!("there is no field {name:?}; the fields are {}", FIELDS.join(", "))),
            None => Ok(Self(fields)),
        }
    }

    /// A text. `None` if it is missing or null.
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("its {name} is not a text")),
        }
    }

    fn kind(&mut self) -> Result<Kind, String> {
        match self.text("kind")?.as_deref() {
            Some("command") => Ok(Kind::Command),
            Some("data") => Ok(Kind::Data),
            Some("message") => Ok(Kind::Message),
            Some("gap") => Ok(Kind::Gap),
            Some(other) => Err(format!("its kind is command, data, message or gap, not {other:?}")),
            None => Err("it has no kind: command, data, message or gap".to_owned()),
        }
    }

    fn source(&mut self) -> Result<Source, String> {
        match self.text("source")?.as_deref() {
            None | Some("socket") => Ok(Source::Socket),
            Some("enquiry") => Ok(Source::Enquiry),
            Some("both") => Ok(Source::Both),
            Some(other) => Err(format!("its source is socket, enquiry or both, not {other:?}")),
        }
    }

    /// A time. `None` if it is missing or empty.
    fn time(&mut self, name: &str) -> Result<Option<Timestamp>, String> {
        let Some(text) = self.text(name)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        let time = text.parse().map_err(|_unreadable| {
            format!("its {name} is no time like 2026-12-01T06:00:00.250Z, up to the end of 9999-12-29: {text:?}")
        });
        time.map(Some)
    }
}

/// A line that was read.
pub(super) struct RecordedLine {
    pub(super) kind: Kind,
    id: Option<String>,
    username: String,
    pub(super) status: String,
    message: Option<String>,
    pub(super) context: String,
    pub(super) source: Source,
    first_seen: Option<Timestamp>,
    at: Option<Timestamp>,
}

impl RecordedLine {
    /// Reads a line. The error says what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut fields = Fields::read(text)?;
        let username = fields.text("profile")?.unwrap_or_else(|| DEMO_USERNAME.to_owned());
        if username.trim().is_empty() {
            return Err("its profile has no name".to_owned());
        }
        // Labels are the operator's, and never on the wire.
        fields.text("label")?;
        Ok(Self {
            kind: fields.kind()?,
            id: fields.text("id")?.filter(|id| !id.is_empty()),
            username,
            status: fields.text("status")?.unwrap_or_default(),
            message: fields.text("message")?,
            context: fields.text("context")?.unwrap_or_default(),
            source: fields.source()?,
            first_seen: fields.time("first_seen")?,
            at: fields.time("at")?,
        })
    }

    /// The message, which may be empty.
    pub(super) fn text(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// The message, which messages need.
    pub(super) fn message(&self) -> Result<&str, String> {
        self.message.as_deref().ok_or_else(|| "it has no message".to_owned())
    }

    /// The id, which commands and data need.
    pub(super) fn id(&self) -> Result<&str, String> {
        self.id.as_deref().ok_or_else(|| "it has no id".to_owned())
    }

    /// The user name of its profile.
    pub(super) fn username(&self) -> &str {
        &self.username
    }

    /// When it happens. A gap's `at` is its end.
    pub(super) fn begins_at(&self) -> Option<Timestamp> {
        match self.kind {
            Kind::Gap => self.first_seen.or(self.at),
            Kind::Command | Kind::Data | Kind::Message => self.at,
        }
    }

    /// From its first to its last time, which gaps need.
    pub(super) fn lasting(&self) -> Result<Duration, String> {
        let (from, to) =
            self.first_seen.zip(self.at).ok_or_else(|| "a gap has its times in first_seen and at".to_owned())?;
        to.duration_since(from).try_into().map_err(|_negative| "its at is before its first_seen".to_owned())
    }
}
