//! The vocabulary of the filter language: fields, statuses, kinds, sources, durations.

use std::borrow::Cow;
use std::time::Duration;

use crate::activity::activity_values::Evidence;
use crate::activity::entry::Kind;
use crate::activity::status::Status;

/// A field that text is searched in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The id.
    Id,
    /// The operator's label.
    Label,
    /// `data_context`.
    Context,
    /// The text of the Message column.
    Message,
    /// The kind word; only searched by bare words.
    Kind,
    /// The status word; only searched by bare words.
    Status,
}

impl Field {
    /// The fields that can be named before a colon.
    pub(crate) const NAMED: [Self; 4] = [Self::Id, Self::Label, Self::Context, Self::Message];

    /// The name before the colon.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Label => "label",
            Self::Context => "context",
            Self::Message => "message",
            Self::Kind => "kind",
            Self::Status => "status",
        }
    }

    /// An example of a value after the colon.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Id => "id:23f7",
            Self::Label => "label:deploy",
            Self::Context => "context:invoices",
            Self::Message => "message:owner",
            Self::Kind => "kind:data",
            Self::Status => "status:failed",
        }
    }
}

/// Every name that can be before a colon.
pub(crate) const FIELDS: [&str; 9] = ["status", "kind", "id", "label", "context", "message", "source", "since", "took"];

/// The field most similar to a name before a colon: a prefix of it, or a name with so few letters wrong, missing, extra or swapped
/// that it is unambiguous.
pub(crate) fn like(name: &str) -> Option<&'static str> {
    if name.len() < 2 {
        return None;
    }
    if let Some(begun) = FIELDS.into_iter().find(|field| field.starts_with(name)) {
        return Some(begun);
    }
    // Letters that are wrong, missing, extra, or swapped with the next.
    let distances = FIELDS.into_iter().map(|field| (strsim::osa_distance(name, field), field));
    let most = |field: &str| match field.len() {
        // Every word of two letters is one letter away from it.
        ..=2 if name.len() <= 2 => 0,
        ..=4 => 1,
        _ => 2,
    };
    distances
        .filter(|(distance, field)| *distance <= most(field))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, field)| field)
}

/// The field that a bare word resembles. This needs more similarity than before a colon, because words are many.
pub(crate) fn similar_to_word(word: &str) -> Option<&'static str> {
    let alike = |field: &str| field.len() > 2 && word.len() > 2 && field.get(..1) == word.get(..1);
    let exact = FIELDS.into_iter().find(|field| *field == word);
    exact.or_else(|| like(word).filter(|field| alike(field)))
}

/// Whether any text is valid after a field's colon.
pub(crate) fn is_text(field: &str) -> bool {
    Field::NAMED.into_iter().any(|named| named.word() == field)
}

/// A status in a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusName {
    /// Exactly this one.
    Is(Status),
    /// Any that this program does not know.
    Unrecognised,
    /// Any whose outcome is still expected.
    Open,
}

impl StatusName {
    /// Every word, for the sentence of an error.
    pub(crate) const KNOWN: &'static str = "pending, succeeded, failed, unknown, unrecognised, preparing, ready, \
                                            downloading, saved, link-expired, link-used, inline, gap, and open";

    /// Reads a word, ignoring case.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let word = word.to_lowercase();
        Some(match word.as_str() {
            "open" => Self::Open,
            "unrecognised" => Self::Unrecognised,
            "pending" => Self::Is(Status::Pending),
            "succeeded" => Self::Is(Status::Succeeded),
            "failed" => Self::Is(Status::Failed),
            "unknown" => Self::Is(Status::Unknown),
            "preparing" => Self::Is(Status::Preparing),
            "ready" => Self::Is(Status::Ready),
            "downloading" => Self::Is(Status::Downloading),
            "saved" => Self::Is(Status::Saved),
            "link-expired" | "link expired" => Self::Is(Status::LinkExpired),
            "link-used" | "link used" => Self::Is(Status::LinkUsed),
            "inline" => Self::Is(Status::Inline),
            "gap" => Self::Is(Status::Gap),
            other => {
                let number = other.strip_prefix("unrecognised")?.strip_prefix(['-', ' '])?;
                Self::Is(Status::UnrecognisedNumber(number.parse().ok()?))
            }
        })
    }

    pub(crate) fn word(self) -> Cow<'static, str> {
        match self {
            Self::Is(status) => Cow::Owned(status.word().to_lowercase().replace(' ', "-")),
            Self::Unrecognised => Cow::Borrowed("unrecognised"),
            Self::Open => Cow::Borrowed("open"),
        }
    }

    /// Whether a status matches.
    pub(crate) fn is(self, status: Status) -> bool {
        match self {
            Self::Is(one) => one == status,
            Self::Unrecognised => matches!(status, Status::Unrecognised | Status::UnrecognisedNumber(_)),
            Self::Open => status.is_open(),
        }
    }
}

/// Reads a kind, ignoring case.
pub(crate) fn parse_kind(word: &str) -> Option<Kind> {
    [Kind::Command, Kind::Data, Kind::Message, Kind::Gap]
        .into_iter()
        .find(|kind| kind.word().eq_ignore_ascii_case(word))
}

/// Reads a source, ignoring case.
pub(crate) fn parse_source(word: &str) -> Option<Evidence> {
    [Evidence::Socket, Evidence::StatusCheck, Evidence::Both]
        .into_iter()
        .find(|source| source.word().eq_ignore_ascii_case(word))
}

/// The units of a duration in milliseconds, largest first.
const UNITS: [(u64, &str); 5] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];

/// The longest duration in milliseconds: a hundred years.
const MAX_DURATION: u64 = 36_525 * 86_400_000;

/// Reads a duration such as `2s`, `500ms` or `1.5m`, to the millisecond.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (per_unit, _) = UNITS.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(unit))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number =
        |text: &str, most| !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole, 13) || !is_number(part, 9) {
        return None;
    }
    let of_part = part.parse::<u64>().ok()?.checked_mul(per_unit)? / 10_u64.pow(u32::try_from(part.len()).ok()?);
    let millis = whole.parse::<u64>().ok()?.checked_mul(per_unit)?.checked_add(of_part)?;
    (millis <= MAX_DURATION).then(|| Duration::from_millis(millis))
}

/// Writes a duration so that it is read back as the same.
pub(crate) fn format_duration(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let (per_unit, unit) =
        UNITS.into_iter().find(|(per_unit, _)| millis > 0 && millis.is_multiple_of(*per_unit)).unwrap_or((1, "ms"));
    format!("{}{unit}", millis / per_unit)
}
