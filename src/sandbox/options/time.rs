//! Times as arguments: `50ms`, `90s`, `12h`, and ranges of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

/// The longest latency: anything longer looks like a server that hangs.
const LONGEST: Duration = Duration::from_mins(10);

/// The longest life of a token: ten years, as for one that a client asks for.
const LONGEST_LIFE: Duration = Duration::from_hours(10 * 365 * 24);

/// How long the sandbox takes for an answer: drawn evenly between two times, which may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    shortest: Duration,
    longest: Duration,
}

/// Why an argument is no time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeError {
    /// It can't be read.
    #[error("{0:?} is no time: give a number with its unit, such as 50ms, 90s or 12h")]
    NoTime(String),
    /// It is negative.
    #[error("{0:?} is negative: give a time from 0s on")]
    Negative(String),
    /// Nothing is valid for no time at all.
    #[error("it must be longer than nothing")]
    Zero,
    /// Too long for the life of a token.
    #[error("the longest life is 87600h, ten years")]
    LifeTooLong,
    /// The range has its ends the wrong way round.
    #[error("a range begins with its shorter time, such as 50ms..400ms")]
    Backwards,
    /// Too long for a latency.
    #[error("the longest latency is 10m")]
    TooLong,
}

impl Latency {
    /// The next time.
    pub(crate) fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        let (shortest, longest) = (nanos(self.shortest), nanos(self.longest));
        Duration::from_nanos(rng.u64(shortest..=longest))
    }
}

impl FromStr for Latency {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let (shortest, longest) = text.split_once("..").unwrap_or((text, text));
        let (shortest, longest) = (time(shortest)?, time(longest)?);
        match () {
            () if shortest > longest => Err(TimeError::Backwards),
            () if longest > LONGEST => Err(TimeError::TooLong),
            () => Ok(Self { shortest, longest }),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}..{:?}", self.shortest, self.longest)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A time with its unit.
fn time(text: &str) -> Result<Duration, TimeError> {
    let text = text.trim();
    let time: SignedDuration = text.parse().map_err(|_unreadable| TimeError::NoTime(text.to_owned()))?;
    Duration::try_from(time).map_err(|_negative| TimeError::Negative(text.to_owned()))
}

/// A time for which something is valid.
pub(super) fn lifetime(text: &str) -> Result<Duration, TimeError> {
    match time(text)? {
        Duration::ZERO => Err(TimeError::Zero),
        lifetime if lifetime > LONGEST_LIFE => Err(TimeError::LifeTooLong),
        lifetime => Ok(lifetime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_one_time_or_a_range_and_is_drawn_from_it() {
        let millis = Duration::from_millis;
        for (text, shortest, longest) in
            [("50ms", 50, 50), ("50ms..400ms", 50, 400), ("0s..1s", 0, 1_000), ("0ms", 0, 0), ("1m", 60_000, 60_000)]
        {
            let latency: Latency = text.parse().unwrap();
            assert_eq!(latency, Latency { shortest: millis(shortest), longest: millis(longest) }, "{text}");
            let mut rng = fastrand::Rng::with_seed(7);
            for _ in 0..50 {
                let drawn = latency.draw(&mut rng);
                assert!((millis(shortest)..=millis(longest)).contains(&drawn), "{text}: {drawn:?}");
            }
        }
    }

    #[test]
    fn what_is_no_latency_says_why() {
        for (text, error) in [
            ("50", TimeError::NoTime("50".into())),
            ("", TimeError::NoTime(String::new())),
            ("soon", TimeError::NoTime("soon".into())),
            ("-1s", TimeError::Negative("-1s".into())),
            ("2s..1s", TimeError::Backwards),
            ("0s..11m", TimeError::TooLong),
        ] {
            assert_eq!(text.parse::<Latency>(), Err(error), "{text}");
        }
        assert_eq!(lifetime("0s"), Err(TimeError::Zero));
        assert_eq!(lifetime("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(lifetime("87600h"), Ok(LONGEST_LIFE));
        assert_eq!(lifetime("87601h"), Err(TimeError::LifeTooLong));
    }
}
