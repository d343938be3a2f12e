//! Converts entries to rows and back.
//!
//! `kind` encodes both what the entry is about and what happened. `payload` of a received message is just its masked raw text,
//! which is read back with the parser that read it first. For other facts it is one line of JSON, then, if there is raw text, a
//! line feed and that text.

use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use serde::{Deserialize, Serialize};

use crate::activity::{ActivityKey, DownloadFailure, Entry, Fact, Gap, Kind, LocalEvent, Seq, StatusCheck, Timestamp};
use crate::protocol::incoming::parse;
use crate::protocol::{CommandId, CommandStatus, Incoming, RequestId, UnreadableReason};

/// The columns of a row, in the order in which [`read`] reads them.
pub(crate) const COLUMNS: &str = "seq, at, kind, id, payload";

/// The tens digit of `kind`: what happened.
mod fact {
    pub(crate) const RECEIVED: i64 = 10;
    pub(crate) const UNREADABLE: i64 = 20;
    pub(crate) const STATUS_CHECKED: i64 = 30;
    pub(crate) const LOCAL: i64 = 40;
    pub(crate) const GAP: i64 = 50;
    pub(crate) const REPEATED: i64 = 60;
}

/// Whether an entry of this `kind` is something that this program did or found out, not something from a server.
pub(crate) fn is_local(kind: i64) -> bool {
    kind >= fact::LOCAL
}

/// The `kind` of an entry.
pub(crate) fn kind(entry: &Entry) -> i64 {
    let fact = match entry.fact {
        Fact::Received(_) => fact::RECEIVED,
        Fact::Unreadable { .. } => fact::UNREADABLE,
        Fact::StatusChecked(_) => fact::STATUS_CHECKED,
        Fact::Local(_) => fact::LOCAL,
        Fact::Gap(_) => fact::GAP,
        Fact::Repeated(_) => fact::REPEATED,
    };
    fact + unit(entry.key.kind())
}

/// The units digit of `kind`: what the entry is about.
pub(crate) fn unit(kind: Kind) -> i64 {
    match kind {
        Kind::Command => 1,
        Kind::Data => 2,
        Kind::Message => 3,
        Kind::Gap => 4,
    }
}

/// An id as stored: the 16 bytes of a UUID in canonical form, or the text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StoredId<'a> {
    Uuid([u8; 16]),
    Text(&'a str),
}

impl<'a> StoredId<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        // Other spellings would not be restored as they were. A text of this length has hyphens, and nothing around it.
        let is_canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match uuid::Uuid::try_parse(text) {
            Ok(uuid) if is_canonical => Self::Uuid(uuid.into_bytes()),
            Ok(_) | Err(_) => Self::Text(text),
        }
    }
}

impl ToSql for StoredId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Uuid(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// The original id.
pub(crate) fn id_text(value: ValueRef<'_>) -> Box<str> {
    match value {
        ValueRef::Blob(bytes) => match uuid::Uuid::from_slice(bytes) {
            Ok(uuid) => uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned().into_boxed_str(),
            Err(_) => String::from_utf8_lossy(bytes).into(),
        },
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into(),
        ValueRef::Integer(number) => number.to_string().into(),
        ValueRef::Real(number) => number.to_string().into(),
        ValueRef::Null => Box::default(),
    }
}

/// The activity of a stored `kind` and `id`. A kind that a newer version added counts as a message.
pub(crate) fn key(kind: i64, id: ValueRef<'_>) -> ActivityKey {
    let id = id_text(id);
    match kind % 10 {
        1 => ActivityKey::Command(CommandId::new(id)),
        2 => ActivityKey::Data(RequestId::new(id)),
        4 => ActivityKey::Gap(id),
        _ => ActivityKey::Message(id),
    }
}

/// The number and the activity of an entry, from `seq`, `kind` and `id`.
pub(crate) fn numbered_key(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Seq, ActivityKey)> {
    let seq = Seq(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0));
    Ok((seq, key(row.get(1)?, row.get_ref(2)?)))
}

/// The `payload` of an entry.
///
/// # Errors
///
/// If a fact can't be serialised as JSON, which none of them causes.
pub(crate) fn payload(entry: &Entry) -> Result<ToSqlOutput<'_>, serde_json::Error> {
    let json = match &entry.fact {
        Fact::Received(_) | Fact::Repeated(_) => {
            return Ok(ToSqlOutput::Borrowed(ValueRef::Text(entry.raw.as_bytes())));
        }
        Fact::Unreadable { reason, size } => serde_json::to_string(&StoredUnreadable { reason: *reason, size: *size })?,
        Fact::StatusChecked(status_check) => serde_json::to_string(&StoredStatusCheck::from(status_check))?,
        Fact::Local(event) => serde_json::to_string(event)?,
        Fact::Gap(gap) => serde_json::to_string(gap)?,
    };
    let payload = if entry.raw.is_empty() { json } else { format!("{json}\n{}", entry.raw) };
    Ok(ToSqlOutput::Owned(Value::Text(payload)))
}

/// A message that could not be read, as JSON.
#[derive(Serialize, Deserialize)]
struct StoredUnreadable {
    reason: UnreadableReason,
    size: u64,
}

/// A status check, as JSON. It has no status if the server does not know the command.
#[derive(Serialize, Deserialize)]
struct StoredStatusCheck {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl From<&StatusCheck> for StoredStatusCheck {
    fn from(status_check: &StatusCheck) -> Self {
        match status_check {
            StatusCheck::Known { status, text } => {
                let status = match status {
                    CommandStatus::Pending => 1,
                    CommandStatus::Succeeded => 2,
                    CommandStatus::Failed => 3,
                    CommandStatus::Other(number) => *number,
                };
                Self { status: Some(status), text: text.clone() }
            }
            StatusCheck::Unknown => Self { status: None, text: None },
        }
    }
}

impl From<StoredStatusCheck> for StatusCheck {
    fn from(stored: StoredStatusCheck) -> Self {
        match stored.status {
            Some(number) => Self::Known { status: CommandStatus::from_number(number), text: stored.text },
            None => Self::Unknown,
        }
    }
}

/// Reads a row of [`COLUMNS`]. A row that this version does not understand becomes an unreadable entry, so that it does not hide
/// the others.
///
/// # Errors
///
/// If SQLite can't read the columns.
pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    let seq = Seq(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0));
    let at = Timestamp(row.get(1)?);
    let kind: i64 = row.get(2)?;
    let key = key(kind, row.get_ref(3)?);
    let payload = String::from_utf8_lossy(row.get_ref(4)?.as_bytes().unwrap_or_default());
    let (json, after) = payload.split_once('\n').unwrap_or((&payload, ""));
    let decoded = match kind - kind % 10 {
        happened @ (fact::RECEIVED | fact::REPEATED) => match parse(&payload) {
            Incoming::Message(message) if happened == fact::REPEATED => Ok((Fact::Repeated(message), &*payload)),
            Incoming::Message(message) => Ok((Fact::Received(message), &*payload)),
            Incoming::Unreadable(reason) => Err(reason),
            Incoming::Reply(_) | Incoming::KeepAlive => Err(UnreadableReason::WrongType),
        },
        fact::UNREADABLE => {
            from_json(json).map(|StoredUnreadable { reason, size }| (Fact::Unreadable { reason, size }, after))
        }
        fact::STATUS_CHECKED => {
            from_json::<StoredStatusCheck>(json).map(|stored| (Fact::StatusChecked(stored.into()), after))
        }
        fact::LOCAL => from_json::<LocalEvent>(json).map(|event| (Fact::Local(without_accusation(event)), after)),
        fact::GAP => from_json::<Gap>(json).map(|gap| (Fact::Gap(gap), after)),
        _ => Err(UnreadableReason::WrongType),
    };
    let (fact, raw) = decoded.unwrap_or_else(|reason| {
        (Fact::Unreadable { reason, size: u64::try_from(payload.len()).unwrap_or(u64::MAX) }, &*payload)
    });
    Ok(Entry { seq, at, key, fact, raw: raw.into() })
}

/// Corrects sentences of earlier versions about a refused link: they claimed that somebody else may have the data, which they could
/// not know.
fn without_accusation(event: LocalEvent) -> LocalEvent {
    const BEGINNING: &str = "The link has been used before, and not by Privicore Monitor";
    match event {
        LocalEvent::NotSaved { why: DownloadFailure::Refused, sentence, part } if sentence.starts_with(BEGINNING) => {
            let status = sentence
                .split_once("with status ")
                .and_then(|(_, rest)| rest.split_once(','))
                .map(|(status, _)| status);
            let answer = status.map(|status| format!(" The server answered with status {status}.")).unwrap_or_default();
            let sentence = format!(
                "The link has been used or has expired.{answer} This monitor has not requested it before. Request the data again."
            );
            LocalEvent::NotSaved { why: DownloadFailure::Refused, sentence, part }
        }
        other => other,
    }
}

fn from_json<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, UnreadableReason> {
    serde_json::from_str(json).map_err(|_not_ours| UnreadableReason::NotJson)
}

/// An entry number as SQLite stores it.
pub(crate) fn to_sql(Seq(seq): Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
