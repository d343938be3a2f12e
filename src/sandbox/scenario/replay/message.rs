//! What a line of a recording does.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::protocol::{CommandId, RequestId};
use crate::sandbox::proxy::frames::QueuedFrame;
use crate::sandbox::state::commands::CommandStatus;

use super::line::{Kind, RecordedLine, Source};

/// The largest frame that is made up because the recording lost it, in bytes.
const LARGEST: usize = 16 << 20;

/// The largest payload inside a message, in bytes.
const LARGEST_INLINE: u64 = 10_000_000;

/// The size of a payload inside a message if the line does not tell it.
const INLINE: u64 = 1_000;

/// What the binary messages of a recording, whose bytes it does not have, are made of: no UTF-8.
const BINARY: [u8; 4] = [0, 159, 146, 150];

/// What happens at a line.
pub(super) enum ReplayAction {
    /// Clients receive a command's status.
    Command { id: CommandId, status: i64, body: Value },
    /// `request-status` has this outcome from here on; without one, it does not know the command.
    Checked { id: CommandId, outcome: Option<(CommandStatus, Value)> },
    /// Clients receive a text, or other JSON, about requested data.
    Text { request: RequestId, context: String, body: Value },
    /// Clients receive a payload of so many bytes.
    Inline { request: RequestId, context: String, size: u64 },
    /// Clients receive a link.
    Link { request: RequestId, context: String },
    /// Clients receive a bare token, which becomes a link with [`ReplayAction::Ready`].
    Token { request: RequestId, context: String },
    /// Clients hear that the stream is ready.
    Ready { request: RequestId, with_link: bool },
    /// Clients receive this text, which had so many bytes.
    Raw { text: String, size: Option<usize> },
    /// Clients receive this frame.
    Frame(QueuedFrame),
    /// Connections end, and joins are refused for this time.
    Gap { lasting: Duration },
}

/// What was announced of requested data so far.
#[derive(Default)]
struct AnnouncedData {
    token: bool,
    ready: bool,
}

/// What the lines before said, by user name and request.
#[derive(Default)]
pub(super) struct Progress(BTreeMap<(String, String), AnnouncedData>);

/// What a line does, after the lines before it. The error says what is wrong with it.
pub(super) fn act_of(line: &RecordedLine, progress: &mut Progress) -> Result<ReplayAction, String> {
    match line.kind {
        Kind::Command => command(line),
        Kind::Data => {
            let announced = progress.0.entry((line.username().to_owned(), line.id()?.to_owned())).or_default();
            data(line, announced)
        }
        Kind::Message => Ok(raw(line.message()?)),
        Kind::Gap => Ok(ReplayAction::Gap { lasting: line.lasting()? }),
    }
}

fn command(line: &RecordedLine) -> Result<ReplayAction, String> {
    let id = CommandId::new(line.id()?.to_owned());
    let number = match (line.status.as_str(), line.status.strip_prefix("Unrecognised ")) {
        ("Pending", _) => 1,
        ("Succeeded", _) => 2,
        ("Failed", _) => 3,
        ("Unknown", _) => return Ok(ReplayAction::Checked { id, outcome: None }),
        (_, Some(number)) => number.parse().map_err(|_unreadable| format!("{number:?} is no number of a status"))?,
        (other, None) => {
            return Err(format!(
                "a command's status is Pending, Succeeded, Failed, Unknown or Unrecognised with a number, not {other:?}"
            ));
        }
    };
    let body = body(line.text());
    Ok(match (line.source, CommandStatus::of_number(number)) {
        (Source::Enquiry, status) => {
            ReplayAction::Checked { id, outcome: Some((status.unwrap_or(CommandStatus::Pending), body)) }
        }
        (Source::Socket | Source::Both, _) => ReplayAction::Command { id, status: number, body },
    })
}

fn data(line: &RecordedLine, announced: &mut AnnouncedData) -> Result<ReplayAction, String> {
    let (request, context) = (RequestId::new(line.id()?.to_owned()), line.context.clone());
    Ok(match line.status.as_str() {
        "Preparing" if !line.text().is_empty() => ReplayAction::Text { request, context, body: body(line.text()) },
        "Preparing" if announced.token => {
            announced.ready = true;
            ReplayAction::Ready { request, with_link: false }
        }
        "Preparing" => {
            announced.token = true;
            ReplayAction::Token { request, context }
        }
        "Inline" => ReplayAction::Inline { request, context, size: inline_size(line.text())? },
        // What became of a link is the client's doing.
        "Ready" | "Downloading" | "Saved" | "Link expired" | "Link used" | "Failed" => match announced {
            AnnouncedData { token: true, ready: ready @ false } => {
                *ready = true;
                ReplayAction::Ready { request, with_link: false }
            }
            _ if context.is_empty() => ReplayAction::Ready { request, with_link: true },
            _ => ReplayAction::Link { request, context },
        },
        other => {
            return Err(format!(
                "the status of data is Preparing, Ready or Inline, or what became of it, not {other:?}"
            ));
        }
    })
}

/// The body of a message with this text: none, the JSON that is written like this, or the text.
fn body(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => {
            let written = value.to_string();
            if written == text { value } else { Value::from(text) }
        }
        _ => Value::from(text),
    }
}

/// The size in a text such as `1.2 kB in the message`.
fn inline_size(text: &str) -> Result<u64, String> {
    let Some(shown_size) = Some(text).filter(|text| !text.is_empty()) else { return Ok(INLINE) };
    let wrong = || {
        format!(
            "the message of Inline says a size of at most 10 MB, such as \"90 B in the message\", not {shown_size:?}"
        )
    };
    let (number, unit) =
        shown_size.strip_suffix(" in the message").and_then(|size| size.split_once(' ')).ok_or_else(wrong)?;
    let unit = match unit {
        "B" => 1.0,
        "kB" => 1_000.0,
        "MB" => 1_000_000.0,
        _ => return Err(wrong()),
    };
    let size = number.parse::<f64>().map_err(|_unreadable| wrong())? * unit;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within the range")]
    if (0.0..=10_000_000.0).contains(&size) { Ok((size.round() as u64).min(LARGEST_INLINE)) } else { Err(wrong()) }
}

/// A message that the monitor did not recognise, could not read, or lost.
fn raw(text: &str) -> ReplayAction {
    if text == "A message is lost: it is not valid UTF-8" {
        return ReplayAction::Frame(QueuedFrame::InvalidUtf8);
    }
    let lost = text.strip_prefix("A message of at least ").and_then(|rest| rest.split_once(" bytes is lost: "));
    if let Some(size) = lost.and_then(|(size, _)| size.parse::<usize>().ok()) {
        return ReplayAction::Frame(QueuedFrame::Text("x".repeat(size.min(LARGEST))));
    }
    if let Some((size, reason, raw)) = unreadable(text) {
        if reason == "binary data" {
            let bytes: Vec<u8> = BINARY.into_iter().cycle().take(size.min(LARGEST)).collect();
            return ReplayAction::Frame(QueuedFrame::Binary(bytes));
        }
        return ReplayAction::Raw { text: raw.to_owned(), size: Some(size) };
    }
    ReplayAction::Raw { text: text.to_owned(), size: None }
}

/// The parts of a text such as `25 bytes received: not JSON. {"data": this is not JSON`.
fn unreadable(text: &str) -> Option<(usize, &str, &str)> {
    let (size, rest) = text.split_once(" bytes received: ").or_else(|| text.split_once(" byte received: "))?;
    let (reason, raw) = rest.split_once(". ").unwrap_or((rest, ""));
    Some((size.parse().ok()?, reason, raw))
}
