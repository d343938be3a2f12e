//! Reads expiry times in every form that servers use.
//!
//! The form is not declared, so its shape decides: a number of today's magnitude is a time since 1970 in seconds, milliseconds or
//! smaller units; a much smaller one is a number of seconds from now. A time without a zone is UTC.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};
use serde_json::Value;

/// Smaller numbers are seconds from now: as seconds since 1970 they would be before the year 2001.
const MIN_TIMESTAMP: f64 = 1e9;
/// Field names of an expiry time, in lower case and without `_` and `-`.
const EXPIRY_NAMES: [&str; 10] = [
    "expiresat",
    "expireat",
    "expires",
    "expiry",
    "expiration",
    "expirationdate",
    "expirationtime",
    "exp",
    "validuntil",
    "notafter",
];
/// Field names of the time until expiry.
const DURATION_NAMES: [&str; 5] = ["expiresin", "expirein", "ttl", "lifetime", "validfor"];
/// Maximum length of a quote of unreadable text, in characters.
const MAX_QUOTE_LENGTH: usize = 80;

/// When something expires, as a server states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expiry {
    /// Not stated, or stated that it does not expire.
    Unstated,
    /// At this time, by the server's clock.
    At(Timestamp),
    /// This long after the response.
    In(Duration),
    /// In a form that can't be read: the beginning of it.
    Unreadable(String),
}

impl Expiry {
    /// Reads a response: an object with one of the usual names, possibly within `data`, or a bare value.
    pub fn of_answer(answer: &Value) -> Self {
        let Value::Object(fields) = answer else { return Self::of_value(answer) };
        let named = |name: &&str| fields.iter().find(|(field, _)| plain(field) == **name);
        let stated = |(_, value): (&String, &Value)| Some(Self::of_value(value)).filter(|end| *end != Self::Unstated);
        let within = || match fields.get("data") {
            Some(data @ Value::Object(_)) => Self::of_answer(data),
            _ => Self::Unstated,
        };
        let found = EXPIRY_NAMES.iter().chain(&DURATION_NAMES).filter_map(named).find_map(stated);
        found.unwrap_or_else(within)
    }

    /// Reads one value.
    pub fn of_value(value: &Value) -> Self {
        let read = match value {
            Value::Null | Value::Bool(false) => return Self::Unstated,
            Value::Bool(true) => None,
            Value::Number(number) => number.as_f64().and_then(Self::of_number),
            Value::String(text) => return Self::of_text(text),
            Value::Array(parts) => of_parts(parts).map(Self::At),
            Value::Object(fields) => {
                // PHP's `DateTime`, MongoDB's extended JSON and protocol buffers.
                let inner = ["date", "$date", "$numberLong", "seconds", "_seconds"];
                let inner = inner.iter().find_map(|name| fields.get(*name));
                let zone = fields.get("timezone").and_then(Value::as_str);
                match (inner, zone) {
                    (Some(Value::String(date)), Some(zone)) => in_zone(date, zone).map(Self::At),
                    (Some(inner), _) => return Self::of_value(inner),
                    (None, _) => None,
                }
            }
        };
        read.unwrap_or_else(|| Self::unreadable(&value.to_string()))
    }

    /// Reads a text.
    pub fn of_text(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Unstated;
        }
        let number = || text.parse::<f64>().ok().and_then(Self::of_number);
        let time = || time(text).map(Self::At);
        time().or_else(number).or_else(|| parse_duration(text)).unwrap_or_else(|| Self::unreadable(text))
    }

    /// Reads a number; `None` if it is out of range.
    fn of_number(number: f64) -> Option<Self> {
        if number <= 0.0 {
            return Some(Self::Unstated);
        }
        if number < MIN_TIMESTAMP {
            return Duration::try_from_secs_f64(number).ok().map(Self::In);
        }
        // Until the year 5138 each unit is a thousand times the one before.
        let seconds = [1e11, 1e14, 1e17, 1e20].iter().zip([1.0, 1e3, 1e6, 1e9]).find(|(end, _)| number < **end);
        let since = Duration::try_from_secs_f64(number / seconds?.1).ok()?;
        Timestamp::from_duration(since.try_into().ok()?).ok().map(Self::At)
    }

    fn unreadable(text: &str) -> Self {
        Self::Unreadable(text.chars().take(MAX_QUOTE_LENGTH).collect())
    }
}

/// Reads a time as in HTTP headers, in each of the three forms of RFC 9110, or as in mail.
pub fn http_date(text: &str) -> Option<Timestamp> {
    let strictly = httpdate::parse_http_date(text).ok().and_then(|time| Timestamp::try_from(time).ok());
    strictly.or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp()))
}

/// Normalises a field name for comparison.
fn plain(name: &str) -> String {
    name.chars().filter(|character| !matches!(character, '_' | '-')).flat_map(char::to_lowercase).collect()
}

fn time(text: &str) -> Option<Timestamp> {
    if let Some(inside) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        return Timestamp::from_millisecond(inside.parse().ok()?).ok();
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return utc(match text.len() {
            8 => Date::strptime("%Y%m%d", text).ok()?.into(),
            14 => DateTime::strptime("%Y%m%d%H%M%S", text).ok()?,
            _ => return None,
        });
    }
    if let Some(time) = http_date(text) {
        return Some(time);
    }
    // JavaScript appends the zone again in words.
    let text = text.split_once(" (").map_or(text, |(time, _words)| time);
    let text = [" UTC", " GMT", " Z"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text);
    if let Some(time) = text.parse().ok().or_else(|| utc(text.parse().ok()?)) {
        return Some(time);
    }
    let text = text.replace('/', "-").replace(" UTC ", " ").replace(" GMT ", " ");
    let zoned = ["%Y-%m-%d %H:%M:%S%.f %z", "%a %b %d %Y %H:%M:%S GMT%z"];
    let zoned = zoned.iter().find_map(|form| Timestamp::strptime(form, &text).ok());
    let local = ["%Y-%m-%d %H:%M:%S%.f", "%a %b %e %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S"];
    zoned.or_else(|| local.iter().find_map(|form| utc(DateTime::strptime(form, &text).ok()?)))
}

fn utc(time: DateTime) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(time).ok()
}

/// A time in a zone given by name or offset.
fn in_zone(date: &str, zone: &str) -> Option<Timestamp> {
    let with_offset = || format!("{date}{zone}").parse().ok();
    let named = || date.parse::<DateTime>().ok()?.in_tz(zone).ok().map(|time| time.timestamp());
    if matches!(zone, "Z" | "UTC" | "GMT") { utc(date.parse().ok()?) } else { with_offset().or_else(named) }
}

/// A time as a list of year, month, day, hour, minute and second, as Java writes it.
fn of_parts(parts: &[Value]) -> Option<Timestamp> {
    let part = |at: usize| parts.get(at).map_or(Some(0), Value::as_i64);
    let small = |at: usize| i8::try_from(part(at)?).ok();
    if !(3..=7).contains(&parts.len()) {
        return None;
    }
    let year = i16::try_from(part(0)?).ok()?;
    utc(DateTime::new(year, small(1)?, small(2)?, small(3)?, small(4)?, small(5)?, 0).ok()?)
}

/// A duration in words (`30 days`, `1h 30m`) or in ISO 8601 (`PT1H`).
fn parse_duration(text: &str) -> Option<Expiry> {
    let span: Span = text.parse().ok()?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(time).ok().map(|time| if time.is_zero() { Expiry::Unstated } else { Expiry::In(time) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A Saturday in February 2026, half past three and 44 seconds.
    fn end() -> Expiry {
        Expiry::At("2026-02-21T15:33:44Z".parse().unwrap())
    }

    fn of(value: &Value) -> Expiry {
        Expiry::of_answer(&json!({ "expiresAt": value }))
    }

    #[test]
    fn a_time_is_read_in_every_form() {
        for value in [
            json!(1_771_688_024),
            json!(1_771_688_024.0),
            json!("1771688024"),
            json!(1_771_688_024_000_u64),
            json!("1771688024000"),
            json!(1_771_688_024_000_000_u64),
            json!(1_771_688_024_000_000_000_u64),
            json!("2026-02-21T15:33:44Z"),
            json!("2026-02-21t15:33:44z"),
            json!(" 2026-02-21T15:33:44.000+00:00 "),
            json!("2026-02-21T16:33:44+0100"),
            json!("2026-02-21T16:33:44+01"),
            json!("2026-02-21T15:33:44"),
            json!("2026-02-21T15:33:44.000"),
            json!("2026-02-21 15:33:44"),
            json!("2026-02-21 15:33:44.000000"),
            json!("2026-02-21 15:33:44Z"),
            json!("2026-02-21 15:33:44 UTC"),
            json!("2026-02-21 16:33:44 +0100"),
            json!("2026-02-21 15:33:44 +0000 UTC"),
            json!("2026-02-21 16:33:44+01:00"),
            json!("2026-02-21T16:33:44+01:00[Europe/Berlin]"),
            json!("2026/02/21 15:33:44"),
            json!("20260221T153344Z"),
            json!("20260221153344"),
            json!("Sat, 21 Feb 2026 15:33:44 GMT"),
            json!("Sat, 21 Feb 2026 15:33:44 +0000"),
            json!("Sat, 21 Feb 2026 10:33:44 EST"),
            json!("21 Feb 2026 15:33:44 +0000"),
            json!("Saturday, 21-Feb-26 15:33:44 GMT"),
            json!("Sat Feb 21 15:33:44 2026"),
            json!("Sat Feb 21 15:33:44 UTC 2026"),
            json!("Sat Feb 21 2026 16:33:44 GMT+0100 (Central European Standard Time)"),
            json!("/Date(1771688024000)/"),
            json!({"date": "2026-02-21 15:33:44.000000", "timezone_type": 3, "timezone": "UTC"}),
            json!({"date": "2026-02-21 16:33:44.000000", "timezone_type": 3, "timezone": "Europe/Berlin"}),
            json!({"date": "2026-02-21 16:33:44.000000", "timezone_type": 1, "timezone": "+01:00"}),
            json!({"$date": "2026-02-21T15:33:44Z"}),
            json!({"$date": {"$numberLong": "1771688024000"}}),
            json!({"seconds": 1_771_688_024, "nanos": 0}),
            json!([2026, 2, 21, 15, 33, 44]),
        ] {
            assert_eq!(of(&value), end(), "{value}");
        }
        let day = Expiry::At("2026-02-21T00:00:00Z".parse().unwrap());
        for value in [json!("2026-02-21"), json!("20260221"), json!([2026, 2, 21])] {
            assert_eq!(of(&value), day, "{value}");
        }
    }

    #[test]
    fn a_span_is_read_in_every_form() {
        for (value, seconds) in [
            (json!(3_600), 3_600),
            (json!("3600"), 3_600),
            (json!("3600s"), 3_600),
            (json!("1h"), 3_600),
            (json!("1 hour"), 3_600),
            (json!("30 days"), 2_592_000),
            (json!("PT1H"), 3_600),
            (json!("P30D"), 2_592_000),
        ] {
            let wanted = Expiry::In(Duration::from_secs(seconds));
            assert_eq!(Expiry::of_answer(&json!({ "expires_in": value })), wanted, "{value}");
            assert_eq!(of(&value), wanted, "{value} where a time should be");
        }
    }

    #[test]
    fn it_is_found_under_every_name() {
        let at = "2026-02-21T15:33:44Z";
        for answer in [
            json!({"expires_at": at}),
            json!({"ExpiresAt": at}),
            json!({"expires-at": at}),
            json!({"expires": at}),
            json!({"expiry": at}),
            json!({"expirationDate": at}),
            json!({"exp": 1_771_688_024}),
            json!({"validUntil": at}),
            json!({"data": {"expiresAt": at}}),
            json!({"expiresAt": null, "expiry": at}),
            json!({"expiresAt": null, "data": {"expires_at": at}}),
            json!(at),
            json!(1_771_688_024),
        ] {
            assert_eq!(Expiry::of_answer(&answer), end(), "{answer}");
        }
        let hour = Expiry::In(Duration::from_hours(1));
        for answer in [json!({"expiresIn": 3600}), json!({"ttl": 3600}), json!({"expiresAt": null, "ttl": "3600"})] {
            assert_eq!(Expiry::of_answer(&answer), hour, "{answer}");
        }
    }

    #[test]
    fn no_expiry_differs_from_an_unreadable_one() {
        for value in [json!(null), json!(""), json!(0), json!(-1), json!("0"), json!("-1"), json!(false)] {
            assert_eq!(of(&value), Expiry::Unstated, "{value}");
        }
        assert_eq!(Expiry::of_answer(&json!({})), Expiry::Unstated);
        for value in [json!("soon"), json!("02/03/2026"), json!(true), json!([1]), json!({"a": 1}), json!(1e30)] {
            assert!(matches!(of(&value), Expiry::Unreadable(_)), "{value}: {:?}", of(&value));
        }
        assert_eq!(of(&json!("x".repeat(1_000))), Expiry::Unreadable("x".repeat(MAX_QUOTE_LENGTH)));
    }
}
