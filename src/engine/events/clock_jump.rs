//! What to report about this computer's clock.

use std::fmt;

/// The smallest jump or offset that is reported, in microseconds.
pub(crate) const MIN_REPORTED: i64 = 60_000_000;

/// A jump of this computer's clock, or an offset that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockJump {
    /// The size of the jump in microseconds.
    pub by: i64,
    /// How far the clock is ahead of the server's clock now, in microseconds; `None` if unknown.
    pub ahead: Option<i64>,
    /// Whether the clock was found to be wrong, rather than seen to jump.
    pub was_wrong: bool,
}

impl fmt::Display for ClockJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steady = "Statuses and expiry times do not depend on it.";
        let check = "Check the date and time settings of this computer.";
        let size = describe(self.by);
        if self.was_wrong {
            let direction = if self.by > 0 { "ahead of" } else { "behind" };
            return write!(
                f,
                "The system clock is {size} {direction} the server's: it jumped or is set wrong. {steady} {check}"
            );
        }
        let direction = if self.by > 0 { "forward" } else { "back" };
        write!(f, "The system clock jumped {direction} by {size}. {steady} ")?;
        match self.ahead {
            Some(ahead) if ahead.saturating_abs() < MIN_REPORTED => {
                f.write_str("It agrees with the server's clock now.")
            }
            _ => f.write_str(check),
        }
    }
}

/// A duration in its two largest units: `2 h`, `2 days 3 h`, `1 h 5 min`.
pub(crate) fn describe(micros: i64) -> String {
    const UNITS: [(&str, u64); 3] = [("days", 24 * 60), ("h", 60), ("min", 1)];
    // Rounded to the nearest minute.
    let mut minutes = (micros.unsigned_abs() + 30_000_000) / 60_000_000;
    let mut words = Vec::new();
    for (unit, each) in UNITS {
        let count = minutes / each;
        minutes %= each;
        if count > 0 && words.len() < 2 {
            let unit = if unit == "days" && count == 1 { "day" } else { unit };
            words.push(format!("{count} {unit}"));
        }
    }
    words.join(" ")
}
