//! The words of Insight: short ones to show, and full descriptions with every number for screen readers.

use std::time::Duration;

use crate::activity::{BINS, Insight, Timestamp, bin_start};
use crate::settings::InsightSpan;
use crate::ui::text::{Zone, clock_minute, took};

/// A time range as in the menu.
pub(crate) fn span(span: InsightSpan) -> &'static str {
    match span {
        InsightSpan::Hour => "Last hour",
        InsightSpan::SixHours => "Last 6 hours",
        InsightSpan::Day => "Last 24 hours",
    }
}

/// A time range within a sentence.
pub(crate) fn within(span: InsightSpan) -> &'static str {
    match span {
        InsightSpan::Hour => "in the last hour",
        InsightSpan::SixHours => "in the last 6 hours",
        InsightSpan::Day => "in the last 24 hours",
    }
}

/// The filter that shows the commands that failed for a reason; an empty `reason` means commands without one.
pub(crate) fn filter(reason: &str, span: InsightSpan) -> String {
    let since = match span {
        InsightSpan::Hour => "1h",
        InsightSpan::SixHours => "6h",
        InsightSpan::Day => "24h",
    };
    let reason = reason.replace('\\', "\\\\").replace('"', "\\\"");
    format!("kind:command status:failed message:\"{reason}\" since:{since}")
}

/// A time in the form of the histogram: `340 ms`, `7.4 s`, `2 min 3 s`.
pub(crate) fn time(time: Duration) -> String {
    if time < Duration::from_millis(100) { format!("{} ms", time.as_millis().max(1)) } else { took(time, false) }
}

/// A short form of a count for an axis: `250`, `12 k`, `1.5 M`.
pub(crate) fn short(count: u64) -> String {
    let tenths = |unit: u64, word: &str| {
        let tenths = count * 10 / unit;
        let (whole, rest) = (tenths / 10, tenths % 10);
        if rest == 0 { format!("{whole} {word}") } else { format!("{whole}.{rest} {word}") }
    };
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => tenths(1_000, "k"),
        _ => tenths(1_000_000, "M"),
    }
}

/// The average number of messages per minute: `27`, `0.4`.
pub(crate) fn average(insight: &Insight) -> String {
    let all: u64 = insight.messages.iter().map(|count| u64::from(*count)).sum();
    let minutes = insight.minutes.max(1) as u64;
    let tenths = (all * 10 + minutes / 2) / minutes;
    if tenths < 100 { format!("{}.{}", tenths / 10, tenths % 10) } else { (tenths.div_ceil(10)).to_string() }
}

/// A share in per cent with one decimal: `1.0 %`.
pub(crate) fn share(part: u64, whole: u64) -> String {
    let tenths = (part * 1_000 + whole / 2) / whole.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// When a bar begins.
pub(crate) fn bar_begins(insight: &Insight, bar: usize, minutes_a_bar: u32) -> Timestamp {
    let minutes = u64::try_from(bar).unwrap_or(0) * u64::from(minutes_a_bar);
    insight.begins.plus(Duration::from_mins(minutes))
}

/// Describes every number of the throughput chart.
pub(crate) fn throughput(insight: &Insight, minutes_per_bar: u32, now: Timestamp, zone: &Zone) -> String {
    let at = |bar: usize| clock_minute(bar_begins(insight, bar, minutes_per_bar), now, zone);
    let each = if minutes_per_bar == 1 { "each minute".to_owned() } else { format!("each {minutes_per_bar} minutes") };
    let counts: Vec<String> = insight.messages.iter().map(ToString::to_string).collect();
    let description = format!("Messages in {each} from {} on: {}.", at(0), counts.join(", "));
    let failed = insight.failures.iter().enumerate().filter(|(_, count)| **count > 0);
    let failed: Vec<String> = failed.map(|(bar, count)| format!("{count} at {}", at(bar))).collect();
    if failed.is_empty() {
        format!("{description} No command failed.")
    } else {
        format!("{description} Commands that failed: {}.", failed.join(", "))
    }
}

/// Describes every number of the histogram, in bars of `bins_a_bar` bins.
pub(crate) fn took_in_bars(insight: &Insight, bins_a_bar: usize) -> String {
    let bars = insight.took.chunks(bins_a_bar).enumerate();
    let counts = bars.filter_map(|(bar, counts)| {
        let count: u64 = counts.iter().sum();
        let end = (bar + 1) * bins_a_bar;
        let begins = |bin: usize| time(bin_start(u8::try_from(bin).unwrap_or(u8::MAX)));
        let range = if end >= BINS {
            format!("longer than {}", begins(bar * bins_a_bar))
        } else {
            format!("up to {}", begins(end))
        };
        (count > 0).then(|| format!("{count} {range}"))
    });
    format!("Commands by how long they took: {}.", counts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Filter;

    #[test]
    fn any_reason_becomes_a_valid_filter() {
        for reason in ["profile.not_an_owner", "", r#"a "quoted" \ thing"#, r"ends with \", "two\nlines"] {
            for span in [InsightSpan::Hour, InsightSpan::SixHours, InsightSpan::Day] {
                let text = filter(reason, span);
                assert!(Filter::parse(&text).is_ok(), "{text}");
            }
        }
        let found =
            Filter::parse(&filter(r#"a "b" \c"#, InsightSpan::Hour)).map(|filter| filter.marks(None, r#"a "b" \c"#));
        assert_eq!(found.map(|marks| marks.len()), Ok(1));
    }

    #[test]
    fn numbers_have_a_short_form() {
        assert_eq!(
            [0, 250, 9_999, 12_000, 12_500, 1_500_000].map(short),
            ["0", "250", "9999", "12 k", "12.5 k", "1.5 M"]
        );
        assert_eq!(share(12, 1_205), "1.0 %");
        assert_eq!(time(Duration::from_millis(34)), "34 ms");
        assert_eq!(time(Duration::from_millis(940)), "0.9 s");
    }
}
