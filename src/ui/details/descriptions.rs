//! Describes in words what happened to an activity, and what the operator can do next.

use std::borrow::Cow;

use egui::Color32;

use crate::activity::{Activity, Entry, Evidence, Fact, Gap, GapCause, Kind, LocalEvent, Status, StatusCheck};
use crate::protocol::{CommandStatus, DataBody, Message, redact, sanitize};
use crate::ui::frame::FrameContext;
use crate::ui::text::download_text::file_name;
use crate::ui::text::{bytes, clock_time, cut, time_of_day};
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::icons::{self, Icon};

/// The maximum length of a message's text in the timeline; its JSON has the full text.
const MAX_LENGTH: usize = 300;

/// One line of the timeline.
pub(crate) struct StatusText {
    pub icon: Icon,
    pub hue: Color32,
    pub words: String,
    /// The source of the information; `None` if it is this program.
    pub source: Option<Evidence>,
}

/// Describes an entry.
pub(crate) fn describe(entry: &Entry, palette: &Palette) -> StatusText {
    let (status, words) = match &entry.fact {
        Fact::Received(message) => describe_message(message),
        Fact::Repeated(_) => (None, "Sent again, with a link that this monitor has requested before".to_owned()),
        Fact::Unreadable { reason, size } if reason.is_lost() => (Some(Status::Unrecognised), reason.describe(*size)),
        Fact::Unreadable { reason, size } => {
            (Some(Status::Unrecognised), format!("{} that could not be read: {reason}", bytes(*size)))
        }
        Fact::StatusChecked(StatusCheck::Known { status, text }) => {
            let status = status_of(*status);
            let words = match text {
                Some(text) => format!("The server answered: {}. {text}", status.word()),
                None => format!("The server answered: {}", status.word()),
            };
            (Some(status), words)
        }
        Fact::StatusChecked(StatusCheck::Unknown) => {
            (Some(Status::Unknown), "The server does not know this command".to_owned())
        }
        Fact::Local(event) => return describe_local(event, palette),
        Fact::Gap(gap) => (Some(Status::Gap), missing(gap).to_owned()),
    };
    let (icon, hue) = match status {
        // Earlier steps are muted; outcomes keep their colour.
        Some(status) if status.is_open() => (icons::status(status, palette).0, palette.muted),
        Some(status) => icons::status(status, palette),
        None => (icons::SENT, palette.muted),
    };
    StatusText { icon, hue, words: sanitize(&cut(&words, MAX_LENGTH)).into_owned(), source: Evidence::of(&entry.fact) }
}

/// The full text of a message from the server, if it has one.
pub(crate) fn full_text(entry: &Entry) -> Option<String> {
    match &entry.fact {
        Fact::Received(Message::Command(report)) => report.body.text().map(str::to_owned),
        Fact::Received(Message::Data(report)) => match &report.delivery {
            DataBody::Text(text) | DataBody::Inline { text, .. } => Some(text.clone()),
            DataBody::Other { body, .. } => body.text().map(str::to_owned),
            DataBody::Link(_) | DataBody::StreamToken(_) => None,
        },
        Fact::Received(Message::Unrecognised(_)) => Some(entry.raw.to_string()),
        _ => None,
    }
}

/// The final outcome in an entry, and its source.
fn outcome(entry: &Entry) -> Option<(Evidence, CommandStatus)> {
    let reported = match &entry.fact {
        Fact::Received(Message::Command(report)) => (Evidence::Socket, report.status),
        Fact::StatusChecked(StatusCheck::Known { status, .. }) => (Evidence::StatusCheck, *status),
        _ => return None,
    };
    matches!(reported.1, CommandStatus::Succeeded | CommandStatus::Failed).then_some(reported)
}

/// If both a success and a failure were reported: the first report of each, with its source and time.
pub(crate) fn contradiction(entries: &[Entry], frame: &FrameContext) -> Option<String> {
    let report = |entry: &Entry| {
        let (source, status) = outcome(entry)?;
        let who = if source == Evidence::StatusCheck { "the server answered" } else { "the socket said" };
        let at = clock_time(entry.at, frame.now, &frame.zone);
        Some((status, format!("{who} {} at {at}", status_of(status).word())))
    };
    let (first, words) = entries.iter().find_map(report)?;
    let (_, other) = entries.iter().filter_map(report).find(|(status, _)| *status != first)?;
    let words = words.replacen("the ", "The ", 1);
    Some(format!("{words}, {other}. Both are stored; the table shows the later one."))
}

/// Describes the beginning or the end of a gap.
fn missing(gap: &Gap) -> &'static str {
    match (gap.to, gap.cause) {
        (Some(_), _) => "Messages arrive again",
        (None, GapCause::Disconnected) => "No messages can arrive: not connected",
        (None, GapCause::NotRunning) => "No messages could arrive: the monitor was not running",
        (None, GapCause::Asleep) => "No messages could arrive: the computer was asleep",
        (None, GapCause::MessageLost) => "A message was lost, and the connection with it",
    }
}

fn status_of(status: CommandStatus) -> Status {
    match status {
        CommandStatus::Pending => Status::Pending,
        CommandStatus::Succeeded => Status::Succeeded,
        CommandStatus::Failed => Status::Failed,
        CommandStatus::Other(number) => Status::UnrecognisedNumber(number),
    }
}

fn describe_message(message: &Message) -> (Option<Status>, String) {
    match message {
        Message::Command(report) => {
            let status = status_of(report.status);
            let words = match report.body.text().map(str::trim).filter(|text| !text.is_empty()) {
                // Truncate before copying: the text may have a megabyte, and this runs in each frame.
                Some(text) => cut(text, MAX_LENGTH).into_owned(),
                None => status.word().into_owned(),
            };
            (Some(status), words)
        }
        Message::Data(report) => match &report.delivery {
            DataBody::Text(text) if text.trim().is_empty() => (Some(Status::Preparing), "Preparing".to_owned()),
            DataBody::Text(text) => (Some(Status::Preparing), cut(text, MAX_LENGTH).into_owned()),
            DataBody::Inline { size, .. } => (Some(Status::Inline), format!("{} in the message", bytes(*size as u64))),
            DataBody::Link(_) => (Some(Status::Ready), "Single-use link received".to_owned()),
            DataBody::StreamToken(_) => {
                (Some(Status::Preparing), "Single-use token received, good once the stream is ready".to_owned())
            }
            DataBody::Other { output_type, body } => {
                let kind =
                    output_type.map_or_else(|| "no output type".to_owned(), |number| format!("output type {number}"));
                (
                    Some(Status::Unrecognised),
                    format!("Unrecognised, {kind}: {}", cut(body.text().unwrap_or("no body"), MAX_LENGTH)),
                )
            }
        },
        Message::StreamReady(_) => (Some(Status::Ready), "The stream is ready".to_owned()),
        Message::Unrecognised(other) if other.kind.is_empty() => {
            (Some(Status::Unrecognised), "A message without a type".to_owned())
        }
        Message::Unrecognised(other) => (Some(Status::Unrecognised), format!("A message of type {}", other.kind)),
    }
}

fn describe_local(event: &LocalEvent, palette: &Palette) -> StatusText {
    let (icon, hue, words) = match event {
        LocalEvent::Labelled { label } if label.is_empty() => (icons::LABEL, palette.muted, "Label removed".to_owned()),
        LocalEvent::Labelled { label } => (icons::LABEL, palette.muted, format!("Labelled “{label}”")),
        LocalEvent::Tracked => (icons::SENT, palette.muted, "Tracked by its id".to_owned()),
        LocalEvent::Requested(requested) if requested.file_name.is_empty() => {
            (icons::SENT, palette.muted, "Requested from here".to_owned())
        }
        LocalEvent::Requested(requested) => {
            (icons::SENT, palette.muted, format!("Requested {} from here", requested.file_name))
        }
        LocalEvent::WarningRead => (icons::LABEL, palette.muted, "The warning was read".to_owned()),
        LocalEvent::Fetching { to, .. } => {
            (icons::DOWNLOADING, palette.ready, format!("Download to {} began", file_name(to)))
        }
        LocalEvent::Saved { to, size, .. } => {
            let (icon, hue) = icons::status(Status::Saved, palette);
            (icon, hue, format!("Saved as {}, {}", file_name(to), bytes(*size)))
        }
        LocalEvent::NotSaved { sentence, .. } => {
            let (icon, hue) = icons::status(Status::Failed, palette);
            (icon, hue, sentence.clone())
        }
    };
    StatusText { icon, hue, words: sanitize(&cut(&words, MAX_LENGTH)).into_owned(), source: None }
}

/// Describes what the operator can do next.
pub(crate) fn next_step(activity: &Activity<'_>, entries: &[Entry], frame: &FrameContext) -> String {
    match activity.status() {
        Status::Ready => {
            let before = activity
                .link_expires()
                .map_or_else(String::new, |end| format!("Download before {}. ", time_of_day(end, &frame.zone)));
            format!(
                "{before}The link works once, and whoever holds it can fetch the data, so it is masked until you ask."
            )
        }
        Status::Downloading => {
            "The link is being used. If you cancel, it is used up, and the data has to be requested again.".to_owned()
        }
        Status::Saved => {
            format!("Saved as {}. Open it or show it in its folder.", sanitize(activity.file().unwrap_or_default()))
        }
        Status::Inline => "The data came in the message. Save it to a file, as often as you like.".to_owned(),
        Status::LinkExpired | Status::LinkUsed => sentence(&ended(activity, entries), "Request the data again."),
        Status::Failed if activity.kind() == Kind::Command => {
            "The command failed. The message says why; nothing more will come for it.".to_owned()
        }
        Status::Failed => sentence(&ended(activity, entries), "The data could not be saved. Request it again."),
        Status::Pending => {
            "The outcome is still to come. If it does not, Check status asks the server for it.".to_owned()
        }
        Status::Preparing => "The data is being prepared. It can be saved once it is ready.".to_owned(),
        Status::Succeeded => "The command is done. Nothing is left to do.".to_owned(),
        Status::Unknown => {
            "The server knows no such command of this profile: it may be another profile’s. It need not have failed."
                .to_owned()
        }
        Status::UnrecognisedNumber(number) => {
            format!("This monitor does not know the command status {number}. The message is kept as it came.")
        }
        Status::Gap => {
            "Messages of this time may be missing. Commands that were open across it are asked for.".to_owned()
        }
        Status::Unrecognised if entries.iter().any(|entry| *entry.raw == *redact::UNSTORED_BYTES) => {
            "Its bytes can't be saved: they are not kept, because there was no system keyring to encrypt them with."
                .to_owned()
        }
        Status::Unrecognised => "This monitor does not know what this means. It is kept as it came.".to_owned(),
    }
}

/// The full text of how a download ended; the row has only its beginning.
fn ended<'a>(activity: &Activity<'a>, entries: &'a [Entry]) -> Cow<'a, str> {
    let row = activity.message();
    let Some(beginning) = row.strip_suffix('…') else { return row };
    let whole = entries.iter().rev().find_map(|entry| match &entry.fact {
        Fact::Local(LocalEvent::NotSaved { sentence, .. }) if sentence.starts_with(beginning) => {
            Some(sentence.as_str())
        }
        _ => None,
    });
    whole.map_or(row, Cow::Borrowed)
}

/// A message as a full sentence, or `otherwise` if it is empty.
fn sentence(message: &str, otherwise: &str) -> String {
    let message = message.trim();
    if message.is_empty() {
        otherwise.to_owned()
    } else if message.ends_with(['.', '!', '?']) {
        sanitize(message).into_owned()
    } else {
        format!("{}.", sanitize(message))
    }
}
