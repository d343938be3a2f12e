//! Text for display: bounds what servers send, and formats numbers, sizes and times. Pure functions.

pub(crate) mod activity_label;
pub(crate) mod download_text;
pub(crate) mod gap_text;
pub(crate) mod json_layout;
pub(crate) mod json_nesting;

use std::borrow::Cow;
use std::time::Duration;

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

use crate::activity::{TimeReference, Timestamp};

/// At most `limit` characters of a text, with `…` if something was cut.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// A count with thin spaces between thousands. It is only for display: accessible names contain the plain number.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

/// A size in decimal units: `512 B`, `1.8 kB`, `29 MB`, `1.4 GB`.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if size < 1_000 {
        return format!("{size} B");
    }
    let mut unit = "kB";
    // Tenths of the unit, rounded half up at each unit. This is exact enough and needs no floats.
    let mut divisor: u128 = 100;
    for candidate in UNITS {
        unit = candidate;
        if u128::from(size) < divisor * 9_995 {
            break;
        }
        if candidate != "PB" {
            divisor *= 1_000;
        }
    }
    let tenths = (u128::from(size) + divisor / 2) / divisor;
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (u128::from(size) + divisor * 5) / (divisor * 10))
    }
}

/// A rate: `41 MB/s`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is shown to two figures")]
pub(crate) fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", bytes(bytes_per_second.max(0.0) as u64))
}

/// A duration: `0.4 s`, `17 s`, `3 min 35 s`, `1 h 4 min`. If it `still_runs`, it has whole seconds, so that the window does
/// not repaint ten times a second.
pub(crate) fn took(time: Duration, still_runs: bool) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    if tenths < 100 && !still_runs {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    coarse(time)
}

/// A time span in its two largest units: `45 s`, `12 min`, `3 h 12 min`, `2 d 3 h`.
pub(crate) fn coarse(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if seconds < 60 {
        format!("{seconds} s")
    } else if minutes < 60 {
        format!("{minutes} min {} s", seconds % 60)
    } else if hours < 24 {
        format!("{hours} h {} min", minutes % 60)
    } else {
        format!("{days} d {} h", hours % 24)
    }
}

/// The time until a token expires; seconds are shown only in the last minute.
pub(crate) fn until(time: Duration) -> String {
    if (60..3_600).contains(&time.as_secs()) { format!("{} min", time.as_secs() / 60) } else { coarse(time) }
}

/// How long ago something was, in one unit: `now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`. Also returns when that text
/// changes next.
pub(crate) fn ago(time: Duration) -> (String, Duration) {
    let seconds = time.as_secs();
    let (unit, word) = match seconds {
        0..60 => (1, "s"),
        60..3_600 => (60, "min"),
        3_600..86_400 => (3_600, "h"),
        _ => (86_400, "d"),
    };
    let words = if seconds == 0 { "now".to_owned() } else { format!("{} {word} ago", seconds / unit) };
    let next = Duration::from_secs((seconds / unit + 1) * unit);
    // Slightly late rather than early, because an early frame would show the old number for another second.
    (words, next.saturating_sub(time) + Duration::from_millis(1))
}

/// A countdown: `9:58`, `1:02:03`.
pub(crate) fn countdown(time: Duration) -> String {
    // Seconds are rounded up, so that the display reaches zero when the time is over and not a second earlier.
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The remaining seconds, rounded up, for `Reconnecting in <n> s`.
pub(crate) fn seconds_left(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// How times of day are displayed: in a time zone, and by the computer's current clock, even for times before that clock was
/// set.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    pub zone: TimeZone,
    pub reference: TimeReference,
}

impl Zone {
    fn of(&self, moment: Timestamp) -> ZonedDateTime {
        self.reference.displayed(moment).timestamp().to_zoned_datetime(self.zone.clone())
    }
}

#[cfg(test)]
impl From<TimeZone> for Zone {
    fn from(zone: TimeZone) -> Self {
        Self { zone, reference: TimeReference::EXACT }
    }
}

/// A time for a cell: the time of day if it is today, otherwise day and time.
pub(crate) struct CellTime {
    /// The time of day or the day: `12:04:33`, or `24 Nov 12:04`.
    pub main: String,
    /// The milliseconds: `.120`; empty if it is another day.
    pub millis: String,
    /// The text for the narrow window: `12:04:33`, or `24 Nov`.
    pub short: String,
}

/// A time as a cell shows it, in local time.
pub(crate) fn cell_time(moment: Timestamp, now: Timestamp, zone: &Zone) -> CellTime {
    let at = zone.of(moment);
    if at.date() == zone.of(now).date() {
        let main = at.strftime("%H:%M:%S").to_string();
        CellTime { short: main.clone(), main, millis: at.strftime(".%3f").to_string() }
    } else {
        CellTime {
            main: at.strftime("%-d %b %H:%M").to_string(),
            millis: String::new(),
            short: at.strftime("%-d %b").to_string(),
        }
    }
}

/// The time of day to the millisecond, whatever the day: `12:04:33.120`.
pub(crate) fn precise_time(moment: Timestamp, zone: &Zone) -> String {
    zone.of(moment).strftime("%H:%M:%S%.3f").to_string()
}

/// A time with date and offset, for a tooltip: `2026-11-24 12:04:33.120 +01:00`.
pub(crate) fn full_time(moment: Timestamp, zone: &Zone) -> String {
    zone.of(moment).strftime("%Y-%m-%d %H:%M:%S%.3f %:z").to_string()
}

/// The time of day: `12:04:33`.
pub(crate) fn time_of_day(moment: Timestamp, zone: &Zone) -> String {
    zone.of(moment).strftime("%H:%M:%S").to_string()
}

/// The time of day, with the day if it is not today: `12:04:33`, `24 Nov 12:04:33`.
pub(crate) fn clock_time(moment: Timestamp, now: Timestamp, zone: &Zone) -> String {
    let at = zone.of(moment);
    let today = at.date() == zone.of(now).date();
    at.strftime(if today { "%H:%M:%S" } else { "%-d %b %H:%M:%S" }).to_string()
}

/// The same to the minute: `12:04`, `24 Nov 12:04`.
pub(crate) fn clock_minute(moment: Timestamp, now: Timestamp, zone: &Zone) -> String {
    let at = zone.of(moment);
    let today = at.date() == zone.of(now).date();
    at.strftime(if today { "%H:%M" } else { "%-d %b %H:%M" }).to_string()
}

/// The number of an attempt in words: `First attempt.`
pub(crate) fn attempt(number: u32) -> String {
    const WORDS: [&str; 10] =
        ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth"];
    usize::try_from(number)
        .ok()
        .and_then(|number| WORDS.get(number.checked_sub(1)?))
        .map_or_else(|| format!("Attempt {number}."), |word| format!("{word} attempt."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_rounded() {
        for (size, words) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_849, "1.8 kB"),
            (16_384, "16 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (29_000_000, "29 MB"),
            (1_400_000_000, "1.4 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(size), words, "{size}");
        }
    }

    #[test]
    fn durations_are_written_in_their_largest_units() {
        let took = |millis, open| took(Duration::from_millis(millis), open);
        assert_eq!(took(400, false), "0.4 s");
        assert_eq!(took(9_949, false), "9.9 s");
        assert_eq!(took(9_951, false), "9 s");
        assert_eq!(took(3_100, true), "3 s");
        assert_eq!(took(215_000, true), "3 min 35 s");
        assert_eq!(until(Duration::from_secs(3 * 3_600 + 12 * 60 + 59)), "3 h 12 min");
        assert_eq!(until(Duration::from_secs(12 * 60 + 5)), "12 min");
        assert_eq!(until(Duration::from_secs(59)), "59 s");
        assert_eq!(countdown(Duration::from_secs(598)), "9:58");
        assert_eq!(countdown(Duration::from_millis(1)), "0:01");
        assert_eq!(countdown(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!(grouped(1_234), "1\u{2009}234");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000_000), "1\u{2009}000\u{2009}000");
    }

    #[test]
    fn an_age_is_written_in_one_unit_with_when_it_changes() {
        for (millis, words, changes_in) in [
            (0, "now", 1_001),
            (12_400, "12 s ago", 601),
            (59_999, "59 s ago", 2),
            (60_000, "1 min ago", 60_001),
            (7_000_000, "1 h ago", 200_001),
            (200_000_000, "2 d ago", 59_200_001),
        ] {
            assert_eq!(ago(Duration::from_millis(millis)), (words.to_owned(), Duration::from_millis(changes_in)));
        }
    }

    #[test]
    fn a_time_of_another_day_shows_the_date() {
        let zone = Zone::from(TimeZone::UTC);
        let at = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().expect(text));
        let now = at("2026-11-24T12:05:00Z");
        let today = cell_time(at("2026-11-24T12:04:33.120Z"), now, &zone);
        assert_eq!((today.main.as_str(), today.millis.as_str()), ("12:04:33", ".120"));
        let other = cell_time(at("2026-11-02T12:04:33.120Z"), now, &zone);
        assert_eq!((other.main.as_str(), other.short.as_str()), ("2 Nov 12:04", "2 Nov"));
    }
}
