//! The clock of the last run, which the next run continues: one line of JSON in the table `meta`.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::activity::{Seq, Timestamp};

/// The name of the row.
const NAME: &str = "clock";

/// A snapshot of a run's clock, stored once a minute and on each change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredClock {
    /// The boot id of the machine, if the system has one.
    pub boot_id: Option<String>,
    /// The time since that boot, suspend included, if the system measures it.
    pub since_boot: Option<Duration>,
    /// The time on the run's clock, which stamps its entries.
    pub now: Timestamp,
    /// How far the computer's clock was ahead of the run's clock, in microseconds.
    pub ahead: i64,
    /// Lower bound of how far the server's clock was ahead of the run's clock, in microseconds; `None` if unknown.
    pub server: Option<i64>,
    /// Whether a server reported its time during this boot.
    pub told_by_server: bool,
    /// The first entry stamped by this clock, in this run or an earlier one of the same boot.
    pub steady_from: Seq,
    /// Lower bound of the current time, for decisions that can't be undone.
    pub certain: Timestamp,
}

/// The starting point of a run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// The time on the run's clock.
    pub now: Timestamp,
    /// How far the computer's clock is ahead of it, in microseconds.
    pub ahead: i64,
    /// The earlier value of `ahead`.
    pub ahead_before: i64,
    /// Lower bound of how far the server's clock is ahead of it, in microseconds; `None` if unknown.
    pub server: Option<i64>,
    /// Whether a server reported its time during this boot.
    pub server_time_known: bool,
    /// Whether it continues the clock of an earlier run, by the time since boot.
    pub is_continued: bool,
    /// The first entry stamped by it, if there is one.
    pub steady_from: Option<Seq>,
}

impl StoredClock {
    /// Computes a run's starting point from the snapshot of an earlier run, the computer's clock (`wall`), and the current boot's
    /// id and age.
    pub fn resume(stored: Option<&Self>, wall: Timestamp, boot: Option<(&str, Duration)>) -> Resumed {
        /// Maximum drift of the computer's clock that counts as slow correction, in microseconds.
        const SLEW: i64 = 1_000_000;
        let Some(stored) = stored else {
            return Resumed {
                now: wall,
                ahead: 0,
                ahead_before: 0,
                server: None,
                server_time_known: false,
                is_continued: false,
                steady_from: None,
            };
        };
        let by_wall = Timestamp(wall.0.saturating_sub(stored.ahead));
        let same_boot = boot.zip(stored.boot_id.as_deref()).is_some_and(|((now, _), then)| now == then);
        let passed =
            boot.zip(stored.since_boot).filter(|_| same_boot).and_then(|((_, now), then)| now.checked_sub(then));
        if let Some(passed) = passed {
            let steady = stored.now.plus(passed);
            let slew = i64::try_from(passed.as_micros() / 200).unwrap_or(i64::MAX).max(SLEW);
            let is_corrected = by_wall.0.saturating_sub(steady.0).saturating_abs() <= slew;
            let now = if is_corrected { by_wall } else { steady };
            return Resumed {
                now,
                ahead: wall.0.saturating_sub(now.0),
                ahead_before: stored.ahead,
                server: stored.server,
                server_time_known: stored.told_by_server,
                is_continued: true,
                steady_from: Some(stored.steady_from),
            };
        }
        // Only the computer's clock is left. However it is set, time does not move back.
        let now = [by_wall, wall].into_iter().find(|now| *now >= stored.now).unwrap_or(stored.now);
        // The time that the server's clock showed then has passed.
        let passed = stored.server.map(|server| stored.now.0.saturating_add(server).saturating_sub(now.0));
        Resumed {
            now,
            ahead: wall.0.saturating_sub(now.0),
            ahead_before: stored.ahead,
            server: passed,
            server_time_known: false,
            is_continued: false,
            steady_from: None,
        }
    }
}

/// Stores a clock in place of the previous one.
pub(crate) fn save(connection: &Connection, clock: &StoredClock) -> rusqlite::Result<()> {
    let text = serde_json::to_string(clock).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", (NAME, text)).map(|_one| ())
}

/// The stored clock; `None` if it can't be read, such as that of a newer version.
pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Option<StoredClock>> {
    // The first format has no such table, and may be read while an older program runs.
    let made = connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'meta'", (), |_row| Ok(())).optional()?;
    if made.is_none() {
        return Ok(None);
    }
    let text: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE name = ?1", [NAME], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
