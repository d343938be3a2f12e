//! `Retry-After`: when a server that declines a request wants to be asked again.

use std::time::Duration;

use hyper::header::{HeaderMap, RETRY_AFTER};

use crate::activity::Timestamp;
use crate::protocol::http_date;

use super::http_date::date_of;

/// The longest wait that is respected. A server that asks for more is asked again after this time.
pub(crate) const MAX_WAIT: Duration = Duration::from_mins(5);

/// When a server wants to be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// This long after its response.
    In(Duration),
    /// At this time by the server's clock; its offset is unknown.
    At(Timestamp),
}

impl RetryAfter {
    /// Parses the headers of a response.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        headers.get_all(RETRY_AFTER).iter().find_map(|value| {
            let text = str::from_utf8(value.as_bytes()).ok()?.trim();
            if let Ok(seconds) = text.parse::<f64>() {
                let whole = seconds.is_finite() && seconds >= 0.0;
                return whole.then(|| Self::In(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)));
            }
            let at = Timestamp::from(http_date(text)?);
            Some(date_of(headers).map_or(Self::At(at), |now| Self::In(at.since(now))))
        })
    }

    /// How long to wait, if it is `now` by this computer's clock.
    pub(crate) fn wait(self, now: Timestamp) -> Duration {
        match self {
            Self::In(wait) => wait,
            Self::At(at) => at.since(now),
        }
    }
}

/// The sentence for the operator about a wait that the server asks for and that is respected.
pub(crate) fn sentence(wait: Duration) -> String {
    if wait > MAX_WAIT {
        format!(
            "The server asks to wait {}; Privicore Monitor waits {}.",
            describe_duration(wait),
            describe_duration(MAX_WAIT)
        )
    } else {
        sentence_for_retry(wait)
    }
}

/// The same sentence if the operator has to try again.
pub(crate) fn sentence_for_retry(wait: Duration) -> String {
    format!("The server asks to wait {}.", describe_duration(wait))
}

/// The same, to be appended to another sentence; empty if the server asks for no wait.
pub(crate) fn suffix(wait: Option<Duration>) -> String {
    wait.map(|wait| format!(" {}", sentence(wait))).unwrap_or_default()
}

/// A duration in its two largest units, rounded up to seconds.
fn describe_duration(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let shown = parts.iter().skip(first).take(2).filter(|(count, unit)| *count > 0 || (*unit == "s" && seconds == 0));
    shown.map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&'static str, &str)]) -> Option<RetryAfter> {
        let pairs = fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        RetryAfter::of(&pairs.collect())
    }

    #[test]
    fn seconds_and_every_form_of_a_date_are_read() {
        let at = Timestamp::from("1994-11-06T08:49:37Z".parse::<jiff::Timestamp>().unwrap());
        let seconds = |seconds| Some(RetryAfter::In(Duration::from_secs(seconds)));
        for (value, read) in [
            ("120", seconds(120)),
            (" 0 ", seconds(0)),
            ("1.5", Some(RetryAfter::In(Duration::from_millis(1_500)))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(RetryAfter::At(at))),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(RetryAfter::At(at))),
            ("Sun Nov  6 08:49:37 1994", Some(RetryAfter::At(at))),
            ("Sun, 06 Nov 1994 09:49:37 +0100", Some(RetryAfter::At(at))),
            ("-5", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999999999", Some(RetryAfter::In(Duration::MAX))),
        ] {
            assert_eq!(of(&[("retry-after", value)]), read, "{value:?}");
        }
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("retry-after", "soon"), ("retry-after", "7")]), seconds(7));
        // If the server gives its time of day, a wrong clock here makes no difference.
        let dated = [("date", "Sun, 06 Nov 1994 08:49:07 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(of(&dated), seconds(30));
        let past = [("date", "Sun, 06 Nov 1994 08:50:07 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(of(&past), seconds(0));
        assert_eq!(RetryAfter::At(at).wait(Timestamp(at.0 - 2_000_000)), Duration::from_secs(2));
    }

    #[test]
    fn a_wait_is_shown_and_so_is_its_limit() {
        for (seconds, shown) in [
            (0, "The server asks to wait 0 s."),
            (45, "The server asks to wait 45 s."),
            (120, "The server asks to wait 2 min."),
            (299, "The server asks to wait 4 min 59 s."),
            (3_600, "The server asks to wait 1 h; Privicore Monitor waits 5 min."),
            (90_061, "The server asks to wait 1 d 1 h; Privicore Monitor waits 5 min."),
        ] {
            assert_eq!(sentence(Duration::from_secs(seconds)), shown);
        }
        assert_eq!(sentence(Duration::from_millis(1_001)), "The server asks to wait 2 s.");
        assert!(sentence(Duration::MAX).ends_with("waits 5 min."));
    }
}
