//! The clock of the last run, from which the next one goes on: one line of JSON in the table `meta`.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::activity::{Seq, Timestamp};

/// The row's name.
const NAME: &str = "clock";

/// The clock of a run as it was at some moment of it: once a minute, and when something about it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptClock {
    /// What names the boot of the machine, if the system has such a name.
    pub boot_id: Option<String>,
    /// The time since that boot, suspend included, if the system counts it.
    pub since_boot: Option<Duration>,
    /// The time by the clock of the run, which stamped its entries.
    pub now: Timestamp,
    /// How far the computer's clock was ahead of that, in microseconds.
    pub ahead: i64,
    /// How far the server's time of day was ahead of it at least, in microseconds; `None` if nothing was known of that.
    pub server: Option<i64>,
    /// Whether a server told its time during this boot.
    pub told_by_server: bool,
    /// The first entry that was stamped by this clock, in this run or an earlier one of the same boot.
    pub steady_from: Seq,
    /// The time that it was at least, for what can't be undone.
    pub certain: Timestamp,
}

/// Where the clock of a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// The time by it.
    pub now: Timestamp,
    /// How far the computer's clock is ahead of it, in microseconds.
    pub ahead: i64,
    /// How far it was ahead before.
    pub ahead_before: i64,
    /// How far the server's time of day is ahead of it at least, in microseconds; `None` if nothing is known of that.
    pub server: Option<i64>,
    /// Whether a server told its time during this boot.
    pub told_by_server: bool,
    /// Whether it is the clock of an earlier run, which the time since boot has carried on.
    pub is_continued: bool,
    /// The first entry that was stamped by it, if there is one.
    pub steady_from: Option<Seq>,
}

impl KeptClock {
    /// Where a run begins that knows what an earlier one kept, what the computer's clock says, and which boot this is and how
    /// long ago that was.
    #[must_use]
    pub fn resume(kept: Option<&Self>, wall: Timestamp, boot: Option<(&str, Duration)>) -> Resumed {
        /// How far the computer's clock may be off and count as corrected slowly, in microseconds.
        const SLEW: i64 = 1_000_000;
        let Some(kept) = kept else {
            return Resumed {
                now: wall,
                ahead: 0,
                ahead_before: 0,
                server: None,
                told_by_server: false,
                is_continued: false,
                steady_from: None,
            };
        };
        let by_wall = Timestamp(wall.0.saturating_sub(kept.ahead));
        let same_boot = boot.zip(kept.boot_id.as_deref()).is_some_and(|((now, _), then)| now == then);
        let passed = boot.zip(kept.since_boot).filter(|_| same_boot).and_then(|((_, now), then)| now.checked_sub(then));
        if let Some(passed) = passed {
            let steady = kept.now.plus(passed);
            let slew = i64::try_from(passed.as_micros() / 200).unwrap_or(i64::MAX).max(SLEW);
            let is_corrected = by_wall.0.saturating_sub(steady.0).saturating_abs() <= slew;
            let now = if is_corrected { by_wall } else { steady };
            return Resumed {
                now,
                ahead: wall.0.saturating_sub(now.0),
                ahead_before: kept.ahead,
                server: kept.server,
                told_by_server: kept.told_by_server,
                is_continued: true,
                steady_from: Some(kept.steady_from),
            };
        }
        // The computer's clock is all there is. It is not earlier than it was, however it is set.
        let now = [by_wall, wall].into_iter().find(|now| *now >= kept.now).unwrap_or(kept.now);
        // What the server's clock showed then has passed.
        let passed = kept.server.map(|server| kept.now.0.saturating_add(server).saturating_sub(now.0));
        Resumed {
            now,
            ahead: wall.0.saturating_sub(now.0),
            ahead_before: kept.ahead,
            server: passed,
            told_by_server: false,
            is_continued: false,
            steady_from: None,
        }
    }
}

/// Keeps a clock in the place of the one before.
pub(crate) fn keep(connection: &Connection, clock: &KeptClock) -> rusqlite::Result<()> {
    let text = serde_json::to_string(clock).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", (NAME, text)).map(|_one| ())
}

/// The clock that was kept. One that can't be read, such as that of a newer version, is none.
pub(crate) fn kept(connection: &Connection) -> rusqlite::Result<Option<KeptClock>> {
    // The first format has no such table, and is read beside an older program.
    let made = connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'meta'", (), |_row| Ok(())).optional()?;
    if made.is_none() {
        return Ok(None);
    }
    let text: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE name = ?1", [NAME], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
