//! An activity, a message or a gap as one exported line: JSON, CSV, tab-separated cells, or plain text. `watch`, `export` and
//! copying from the window use the same fields. Contains no secret, because entries have none.

use std::borrow::Cow;

use crate::activity::stats::completeness::GapState;
use crate::activity::time::time_reference::TimeReference;
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::{DataBody, Message, is_hidden, is_terminal_control, sanitize};

use super::activity_values::{Activity, Evidence};
use super::entry::{Entry, Fact, GapCause, Kind, LocalEvent, StatusCheck};
use super::row::unreadable_text;
use super::status::Status;

/// The format of exported lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values after RFC 4180, with a header line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// The file extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

/// The fields, in the order of JSON and of the columns.
const FIELDS: [&str; 10] =
    ["kind", "id", "profile", "status", "message", "label", "context", "source", "first_seen", "at"];

/// One line. Contains no secret, because the journal has none.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Record {
    kind: &'static str,
    /// `None` for a gap, whose generated id means nothing to others.
    id: Option<String>,
    profile: String,
    status: String,
    /// The message text; empty if there is none.
    message: String,
    label: String,
    context: String,
    /// `None` if nothing has been received yet, and for a gap.
    source: Option<&'static str>,
    first_seen: String,
    at: String,
}

impl Record {
    /// The CSV header line.
    pub fn csv_header() -> String {
        format!("{}\r\n", FIELDS.join(","))
    }

    /// The header line of tab-separated lines.
    pub fn tsv_header() -> String {
        format!("{}\n", FIELDS.join("\t"))
    }

    /// An activity in its current state. `whole` is the complete text that the row shortens, if known.
    pub fn of(profile: String, activity: &Activity<'_>, whole: Option<&str>, at: Timestamp) -> Self {
        let message = activity.whole_message();
        let whole = whole.filter(|whole| message.strip_suffix('…').is_some_and(|cut| whole.starts_with(cut)));
        Self {
            kind: word(activity.kind()),
            id: Some(activity.id().into_owned()),
            profile,
            status: activity.status().word().into_owned(),
            message: whole.map_or_else(|| message.into_owned(), str::to_owned),
            label: activity.label().to_owned(),
            context: activity.whole_context().to_owned(),
            source: activity.source().map(Evidence::word),
            first_seen: activity.displayed(activity.first_seen()).to_string(),
            at: activity.displayed(at).to_string(),
        }
    }

    /// Sets the complete context that the row shortens, if known.
    pub fn with_context(mut self, whole: Option<&str>) -> Self {
        let begins = self.context.strip_suffix('…');
        if let Some(whole) = whole.filter(|whole| begins.is_some_and(|begins| whole.starts_with(begins))) {
            whole.clone_into(&mut self.context);
        }
        self
    }

    /// Whether it may contain a shortened text.
    pub fn may_be_cut(&self) -> bool {
        [&self.message, &self.label, &self.context].into_iter().any(|text| text.ends_with('…'))
    }

    /// Replaces shortened texts by complete ones from the activity's entries, which are in ascending order.
    pub fn completed(mut self, entries: &[Entry]) -> Self {
        complete(&mut self.message, entries.iter().rev().filter_map(text_of));
        complete(&mut self.label, entries.iter().rev().filter_map(label_of).map(Cow::Borrowed));
        complete(&mut self.context, entries.iter().rev().filter_map(context_of).map(Cow::Borrowed));
        self
    }

    /// A gap in its current state. `reference` relates the entries' clock to the computer's.
    pub fn of_gap(profile: String, gap: &GapState, seen: Timestamp, reference: TimeReference) -> Self {
        Self {
            kind: word(Kind::Gap),
            id: None,
            profile,
            status: Status::Gap.word().into_owned(),
            message: describe_gap(gap),
            label: String::new(),
            context: String::new(),
            source: None,
            first_seen: reference.displayed(gap.from).to_string(),
            at: reference.displayed(gap.to.unwrap_or(seen)).to_string(),
        }
    }

    /// Converts it to the line of one message, with that message's source and the activity's label.
    pub fn into_message(self, source: Evidence, label: &str, activity: &Activity<'_>) -> Self {
        let first_seen = activity.displayed(activity.first_seen()).to_string();
        Self { source: Some(source.word()), label: label.to_owned(), first_seen, ..self }
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        // A struct of texts always serialises.
        let mut line = escaped(&serde_json::to_string(self).unwrap_or_default());
        line.push('\n');
        line
    }

    /// One line of CSV after RFC 4180.
    pub fn csv(&self) -> String {
        let mut line = self.cells().map(cell).join(",");
        line.push_str("\r\n");
        line
    }

    /// One line of tab-separated cells; see [`tsv_line`].
    pub fn tsv(&self) -> String {
        tsv_line(&self.cells())
    }

    fn cells(&self) -> [&str; FIELDS.len()] {
        [
            self.kind,
            self.id.as_deref().unwrap_or_default(),
            &self.profile,
            &self.status,
            &self.message,
            &self.label,
            &self.context,
            self.source.unwrap_or_default(),
            &self.first_seen,
            &self.at,
        ]
    }

    /// For people: times in UTC, and no terminal control characters.
    pub fn plain(&self) -> String {
        let parts = [
            self.at.as_str(),
            &self.profile,
            self.kind,
            self.id.as_deref().unwrap_or_default(),
            &self.status,
            &self.label,
            &self.context,
            &self.message,
        ];
        let shown: Vec<String> =
            parts.iter().filter(|part| !part.is_empty()).map(|part| sanitize(part).into_owned()).collect();
        let mut line = shown.join("  ");
        line.push('\n');
        line
    }
}

/// The kind's word in a field.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "command",
        Kind::Data => "data",
        Kind::Message => "message",
        Kind::Gap => "gap",
    }
}

/// The beginning of a sentence that describes a gap.
fn describe_gap(gap: &GapState) -> String {
    let cause = match gap.cause {
        GapCause::Disconnected => "Disconnected",
        GapCause::NotRunning => "The monitor was not running",
        GapCause::Asleep => "The computer was asleep",
        GapCause::MessageLost => "A message was lost",
    };
    let mut parts = vec![format!("{cause}: {}", gap.meaning())];
    parts.extend(gap.findings());
    parts.join(", ")
}

/// Equivalent JSON with all invisible characters as `\u….`, so that it is safe to show in a terminal.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.extend(["\\u", &format!("{unit:04x}")]);
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// A CSV cell with terminal control characters made visible. A cell that a spreadsheet would read as a formula gets a leading
/// apostrophe, as spreadsheets mark text: a server's text must not run in an operator's spreadsheet. JSON lines escape the
/// characters that this function makes visible.
fn cell(text: &str) -> String {
    let guard = csv_injection_prefix(text);
    let shown: String = text
        .chars()
        .map(|character| {
            if is_terminal_control(character) {
                sanitize(character.encode_utf8(&mut [0; 4])).into_owned()
            } else {
                character.into()
            }
        })
        .collect();
    let text = shown.as_str();
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

/// One line of tab-separated cells, as spreadsheets paste them. Tabs and line ends within a cell become spaces, a cell with a
/// quotation mark is quoted with its marks doubled, and no cell is a formula.
pub fn tsv_line(cells: &[impl AsRef<str>]) -> String {
    let cell = |text: &str| {
        let guard = csv_injection_prefix(text);
        let text = text.replace("\r\n", " ").replace(['\t', '\r', '\n'], " ");
        if text.contains('"') { format!("\"{guard}{}\"", text.replace('"', "\"\"")) } else { format!("{guard}{text}") }
    };
    let cells: Vec<String> = cells.iter().map(|text| cell(text.as_ref())).collect();
    cells.join("\t") + "\n"
}

/// The prefix that keeps spreadsheets from running a cell. The list is that of OWASP's page on CSV injection, plus the Unicode
/// variants of the same signs. Blanks and invisible characters before a sign do not make it harmless.
fn csv_injection_prefix(text: &str) -> &'static str {
    const SIGNS: [char; 13] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−'];
    let begins_with_control = text.starts_with(['\t', '\r', '\n']);
    let first = text.trim_start_matches(|character: char| character.is_whitespace() || is_hidden(character));
    if begins_with_control || first.starts_with(SIGNS) { "'" } else { "" }
}

/// The complete text of an entry, which a row may shorten.
pub fn text_of(entry: &Entry) -> Option<Cow<'_, str>> {
    let text = match &entry.fact {
        Fact::Received(Message::Command(report)) => report.body.text(),
        Fact::Received(Message::Data(report)) => match &report.delivery {
            DataBody::Text(text) => Some(&**text),
            DataBody::Other { body, .. } => body.text(),
            DataBody::Inline { .. } | DataBody::Link(_) | DataBody::StreamToken(_) => None,
        },
        Fact::Received(Message::Unrecognised(_)) => Some(&*entry.raw),
        Fact::StatusChecked(StatusCheck::Known { text, .. }) => text.as_deref(),
        Fact::Unreadable { reason, size } => return Some(unreadable_text(*reason, *size, &entry.raw).into()),
        _ => None,
    };
    text.map(Cow::Borrowed)
}

/// The complete label of an entry, which a row may shorten.
fn label_of(entry: &Entry) -> Option<&str> {
    match &entry.fact {
        Fact::Local(LocalEvent::Labelled { label }) => Some(label),
        _ => None,
    }
}

/// Replaces a shortened text by the first complete text that starts with it. A complete text may look shortened.
fn complete<'a>(text: &mut String, mut wholes: impl Iterator<Item = Cow<'a, str>>) {
    let whole = text.strip_suffix('…').and_then(|cut| wholes.find(|whole| whole == text || whole.starts_with(cut)));
    if let Some(whole) = whole {
        *text = whole.into_owned();
    }
}

/// The complete context of an entry, which a row may shorten.
pub fn context_of(entry: &Entry) -> Option<&str> {
    match &entry.fact {
        Fact::Received(Message::Data(report)) => report.context.as_deref(),
        Fact::Local(LocalEvent::Requested(requested)) => Some(&requested.context),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(message: &str) -> Record {
        Record {
            kind: "command",
            id: Some("c-1".into()),
            profile: "ops".into(),
            status: "Failed".into(),
            message: message.into(),
            label: String::new(),
            context: String::new(),
            source: Some("socket"),
            first_seen: Timestamp(0).to_string(),
            at: Timestamp(1_500_000).to_string(),
        }
    }

    #[test]
    fn json_has_the_documented_fields_in_their_order() {
        assert_eq!(
            record("no\n").json(),
            "{\"kind\":\"command\",\"id\":\"c-1\",\"profile\":\"ops\",\"status\":\"Failed\",\"message\":\"no\\n\",\
             \"label\":\"\",\"context\":\"\",\"source\":\"socket\",\"first_seen\":\"1970-01-01T00:00:00.000000Z\",\
             \"at\":\"1970-01-01T00:00:01.500000Z\"}\n"
        );
    }

    #[test]
    fn a_line_of_json_has_the_exact_text_and_no_terminal_control_characters() {
        let text = "\u{1b}]0;x\u{7} \u{9b}2J \u{202e}evil \u{e0041}\u{7f} – ü";
        let line = record(text).json();
        assert!(!line.trim_end().chars().any(is_hidden), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], text);
    }

    #[test]
    fn csv_is_quoted_after_rfc_4180_and_no_cell_is_a_formula() {
        for (text, wanted) in [
            ("plain", "plain"),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("two\nlines", "\"two\nlines\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@a", "'@a"),
            ("\ta", "'\ta"),
            ("\na", "\"'\na\""),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠SUM(1)", "'＠SUM(1)"),
            ("﹦1", "'﹦1"),
            ("−1", "'−1"),
            ("  =1+1", "'  =1+1"),
            ("\u{a0}=1", "'\u{a0}=1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("\u{200b}\u{200b}@a", "'\u{200b}\u{200b}@a"),
            ("", ""),
            ("a=b", "a=b"),
            ("1 - 1", "1 - 1"),
            ("\u{1b}[2Jx\u{202e}\u{9b}", "␛[2Jx\\u{202e}\\u{9b}"),
        ] {
            assert_eq!(cell(text), wanted);
        }
        let columns = |line: String, between: char| line.trim_end().split(between).count();
        assert_eq!(columns(record("x").csv(), ','), columns(Record::csv_header(), ','));
        assert!(record("x").csv().ends_with("\r\n"));
    }

    #[test]
    fn tab_separated_lines_have_one_cell_per_field_and_no_formula() {
        let line = record("=a\tb\nc").tsv();
        assert_eq!(line.matches('\t').count(), Record::tsv_header().matches('\t').count(), "{line:?}");
        assert!(line.contains("\t'=a b c\t") && line.ends_with('\n') && line.lines().count() == 1, "{line:?}");
        for formula in [
            "=1",
            "+1",
            "-1",
            "@a",
            "＝1+1",
            "＋1",
            "－1",
            "＠SUM(1)",
            "﹦1",
            "−1",
            "  =1",
            "\u{a0}=1",
            "\u{feff}=1",
            "\u{200b}@a",
        ] {
            assert_eq!(record(formula).tsv().split('\t').nth(4), Some(&*format!("'{formula}")));
            assert_eq!(tsv_line(&[formula, "b"]), format!("'{formula}\tb\n"));
        }
    }

    #[test]
    fn tab_separated_cells_with_quotation_marks_are_read_back_as_they_are() {
        for text in ["\"", "\"quoted\" at the beginning", "ends with \"", "a \"b\" c", "=\"x\"", "plain"] {
            let line = record(text).tsv();
            let cell = line.split('\t').nth(4).unwrap();
            // PapaParse, Excel and LibreOffice: a mark at the beginning opens a cell that the next single mark closes.
            let read =
                cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).map(|cell| cell.replace("\"\"", "\""));
            let read = read.unwrap_or_else(|| cell.to_owned());
            assert_eq!(read.trim_start_matches('\''), text, "{line:?}");
            assert_eq!(cell.matches('"').count() % 2, 0, "a cell is left open: {line:?}");
        }
    }

    #[test]
    fn a_plain_line_is_one_line_without_terminal_control_characters() {
        let line = record("\u{1b}[2Jgone\r\n\u{202e}evil\u{9b}").plain();
        assert_eq!(line.lines().count(), 1, "{line:?}");
        assert!(!line.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert!(line.contains("c-1  Failed"), "{line}");
    }

    #[test]
    fn a_gap_lists_what_may_be_missing_and_what_was_recovered() {
        let gap = GapState {
            from: Timestamp(0),
            to: Some(Timestamp(1_000_000)),
            cause: GapCause::Disconnected,
            open: 4,
            recovered: 3,
            unknown: 0,
            requests: 2,
            requests_settled: 1,
            suspected: false,
        };
        let record = Record::of_gap("ops".into(), &gap, Timestamp(9_000_000), TimeReference::EXACT);
        assert!(record.json().starts_with("{\"kind\":\"gap\",\"id\":null,"), "{}", record.json());
        assert!(
            record.message.contains("3 of 4 recovered, 1 of 2 data requests heard, 1 data request cannot be asked for"),
            "{}",
            record.message
        );
        let recovered = GapState { recovered: 4, requests_settled: 2, ..gap };
        let message = Record::of_gap("ops".into(), &recovered, Timestamp(9_000_000), TimeReference::EXACT).message;
        assert_eq!(message, "Disconnected: nothing known is missing, 4 of 4 recovered, 2 of 2 data requests heard");
        assert_eq!(record.at, "1970-01-01T00:00:01.000000Z");
    }
}
