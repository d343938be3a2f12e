//! One line of a recording, with the fields of `docs/command-line.md`.

use jiff::Timestamp;
use serde::Deserialize;

use crate::sandbox::DEMO_USERNAME;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Command,
    Data,
    Message,
    Gap,
}

/// How the monitor knew it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    /// From a message.
    #[default]
    Socket,
    /// From a status check over REST: no message was received.
    Enquiry,
    /// From both.
    Both,
}

/// A line as it is written. Of the fields, only `kind` is always required.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: Kind,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    message: Option<String>,
    /// Labels are the operator's, and never on the wire.
    #[serde(default, rename = "label")]
    _label: Option<String>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    first_seen: Option<String>,
    #[serde(default)]
    at: Option<String>,
}

/// A line that was read.
pub(super) struct Line {
    pub(super) kind: Kind,
    id: Option<String>,
    username: String,
    pub(super) status: String,
    pub(super) message: String,
    pub(super) context: String,
    pub(super) source: Source,
    first_seen: Option<Timestamp>,
    at: Option<Timestamp>,
}

impl Line {
    /// Reads a line. The error says what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| described(&error))?;
        let Written { kind, id, profile, status, message, context, source, first_seen, at, .. } = written;
        let username = profile.unwrap_or_else(|| DEMO_USERNAME.to_owned());
        if username.trim().is_empty() {
            return Err("its profile has no name".to_owned());
        }
        Ok(Self {
            kind,
            id: id.filter(|id| !id.is_empty()),
            username,
            status: status.unwrap_or_default(),
            message: message.unwrap_or_default(),
            context: context.unwrap_or_default(),
            source: source.unwrap_or_default(),
            first_seen: time("first_seen", first_seen)?,
            at: time("at", at)?,
        })
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

    /// From its first to its last time.
    pub(super) fn lasting(&self) -> std::time::Duration {
        let times = self.first_seen.zip(self.at);
        times.and_then(|(from, to)| to.duration_since(from).try_into().ok()).unwrap_or_default()
    }
}

fn time(field: &str, text: Option<String>) -> Result<Option<Timestamp>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let time =
        text.parse().map_err(|_unreadable| format!("its {field} is no time like 2026-12-01T06:00:00.250Z: {text:?}"));
    time.map(Some)
}

/// A parser's error without the line number, which is always 1 here.
fn described(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    format!("{said} (column {})", error.column())
}
