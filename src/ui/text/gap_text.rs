//! Texts about gaps: what may have been missed while nothing could be received, and what is known by now. Pure functions.

use crate::activity::{GapCause, GapState, Timestamp};

use super::{Zone, clock_time};

/// Start and end of a gap: `12:01:03`, and `12:01:09` or `now`.
fn span(gap: &GapState, now: Timestamp, zone: &Zone) -> (String, String) {
    let to = gap.to.map_or_else(|| "now".to_owned(), |to| clock_time(to, now, zone));
    (clock_time(gap.from, now, zone), to)
}

/// The accessible name of the gap's row.
pub(crate) fn name(gap: &GapState, now: Timestamp, zone: &Zone) -> String {
    let (from, to) = span(gap, now, zone);
    format!("Gap {from} to {to}")
}

/// What happened and what it means: `Disconnected 12:01:03 – 12:01:09: acknowledgements may be missing`.
pub(crate) fn headline(gap: &GapState, now: Timestamp, zone: &Zone) -> String {
    let (from, to) = span(gap, now, zone);
    let what = match gap.cause {
        GapCause::Disconnected => "Disconnected",
        GapCause::NotRunning => "Not running",
        GapCause::Asleep => "Asleep",
        GapCause::MessageLost => "A message was lost",
    };
    format!("{what} {from} – {to}: {}", gap.meaning())
}

/// What is known by now: `3 of 4 recovered`. Empty if there is nothing to add.
pub(crate) fn state(gap: &GapState) -> String {
    gap.findings().join(" · ")
}

/// What the operator can do, and what can't be known, in sentences.
pub(crate) fn next(gap: &GapState) -> String {
    let first = match (gap.to, gap.commands_left(), gap.unknown) {
        (None, ..) => "Ongoing. Open commands are checked after reconnecting.",
        (Some(_), 0, 0) => "Every command that was open is settled.",
        (Some(_), 0, _) => "Every command that was open is settled or unknown to the server. Check status asks again.",
        (Some(_), ..) => "Reconcile asks the server for what is still open.",
    };
    let requests =
        if gap.requests_left() > 0 { " A data request cannot be asked for: request the data again." } else { "" };
    format!("{first}{requests} Ids that were never seen here cannot be known.")
}

/// Whether a status check can still recover something.
pub(crate) fn can_reconcile(gap: &GapState) -> bool {
    gap.to.is_some() && gap.commands_left() > 0
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn gap(to: Option<&str>, cause: GapCause, open: usize, recovered: usize, requests: usize) -> GapState {
        GapState {
            from: at("12:01:03"),
            to: to.map(at),
            cause,
            open,
            recovered,
            unknown: 0,
            requests,
            requests_settled: 0,
            suspected: false,
        }
    }

    fn at(time: &str) -> Timestamp {
        format!("2026-03-02T{time}Z").parse::<jiff::Timestamp>().expect(time).into()
    }

    fn words(gap: &GapState) -> String {
        format!("{} · {}", headline(gap, at("12:04:33"), &TimeZone::UTC.into()), state(gap))
    }

    #[test]
    fn a_gap_says_what_may_be_missing_and_what_is_known_by_now() {
        for (gap, wanted) in [
            (
                gap(Some("12:01:09"), GapCause::Disconnected, 4, 3, 0),
                "Disconnected 12:01:03 – 12:01:09: acknowledgements may be missing · 3 of 4 recovered",
            ),
            (
                gap(Some("12:01:09"), GapCause::NotRunning, 4, 4, 0),
                "Not running 12:01:03 – 12:01:09: nothing known is missing · 4 of 4 recovered",
            ),
            (
                gap(None, GapCause::Disconnected, 3, 0, 1),
                "Disconnected 12:01:03 – now: acknowledgements may be missing · 3 commands and 1 data request are waiting \
                 for an outcome",
            ),
            (
                gap(None, GapCause::Asleep, 1, 0, 0),
                "Asleep 12:01:03 – now: acknowledgements may be missing · 1 command is waiting for an outcome",
            ),
            (
                gap(Some("12:01:09"), GapCause::Asleep, 0, 0, 0),
                "Asleep 12:01:03 – 12:01:09: nothing known is missing · no command was open",
            ),
            (
                gap(Some("12:01:09"), GapCause::Asleep, 1, 1, 2),
                "Asleep 12:01:03 – 12:01:09: acknowledgements may be missing · 1 of 1 recovered · 2 data requests cannot be \
                 asked for",
            ),
        ] {
            assert_eq!(words(&gap), wanted);
        }
        let received =
            |requests_settled| GapState { requests_settled, ..gap(Some("12:01:09"), GapCause::Asleep, 0, 0, 2) };
        assert_eq!(
            words(&received(1)),
            "Asleep 12:01:03 – 12:01:09: acknowledgements may be missing · 1 of 2 data requests heard · 1 data request cannot \
             be asked for"
        );
        assert_eq!(
            words(&received(2)),
            "Asleep 12:01:03 – 12:01:09: nothing known is missing · 2 of 2 data requests heard"
        );
    }

    #[test]
    fn a_gap_can_be_reconciled_only_while_something_is_open() {
        assert!(!can_reconcile(&gap(None, GapCause::Disconnected, 4, 0, 0)), "it still lasts");
        assert!(can_reconcile(&gap(Some("12:01:09"), GapCause::Disconnected, 4, 3, 0)), "one is left");
        assert!(!can_reconcile(&gap(Some("12:01:09"), GapCause::Disconnected, 4, 4, 1)), "only a data request is left");
    }

    #[test]
    fn a_gap_of_another_day_shows_the_date() {
        let gap = gap(Some("12:01:09"), GapCause::Disconnected, 0, 0, 0);
        let later = "2026-03-03T08:00:00Z".parse::<jiff::Timestamp>().expect("a time").into();
        assert_eq!(name(&gap, later, &TimeZone::UTC.into()), "Gap 2 Mar 12:01:03 to 2 Mar 12:01:09");
    }
}
