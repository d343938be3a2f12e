//! Removes old entries in small steps.
//!
//! A *pass* goes through the entries from the oldest on, in steps of at most [`ROWS`] entries and [`BYTES`] bytes, one transaction
//! each, so that appends never wait long. A pass ends at the first step that finds nothing to remove, or at the newest entry. An
//! entry is removed if it is older than the limit, or while the journal exceeds its size limit; protected entries stay.
//!
//! Open items are protected ([`crate::journal::tables::open_activity`]): pending commands, requests without an outcome, payloads
//! that were not saved, gaps that are not settled. So nothing is removed before all open items are known.
//!
//! A gap is removed as a whole, once its newest entry may be removed, because its meaning is the union of its entries. The
//! activities that it names stay as long as it does; otherwise it would report a command with an outcome as having none. An
//! activity whose newest entries alone would read as open is removed as a whole for the same reason.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::activity::{ActivityKey, Entry, Kind, OpenState, Seq, Timestamp, is_lasting_outcome};
use crate::journal::file::entry_codec::{self, COLUMNS};
use crate::journal::tables::open_activity::{self, OpenIndex, build_step};
use crate::journal::tables::open_gaps;
use crate::settings::{Preferences, ProfileId};

use super::free_pages::{release, store_last_number};

/// Maximum number of entries that a step looks at.
pub(crate) const ROWS: i64 = 2_000;

/// The row in `meta` with the largest [`PurgeStep::before`], for processes that read beside the writer.
pub(crate) const PURGED_BEFORE: &str = "purged_before";
/// The row in `meta` with the total number of removed entries.
pub(crate) const PURGED_ENTRIES: &str = "purged_entries";

/// Bytes of entries at which a step stops removing.
pub(crate) const BYTES: u64 = 4 * 1024 * 1024;

/// Minimum bytes that a step removes if the journal is too large, so that the last bytes do not take many steps.
const MIN_BYTES: u64 = 64 * 1024;

/// Approximate bytes of an entry besides its payload: its columns, its id, and its index entry.
const ENTRY_OVERHEAD: u64 = 64;

/// Empty pages that a step returns to the disk: 1 MiB, or half of it in a journal of an earlier version.
pub(crate) const PAGES: u32 = 128;

/// Empty pages that the file may keep for later appends.
pub(crate) const SPARE_PAGES: i64 = 32;

/// Limits on the journal's content.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Maximum age of an entry; `None` for no limit.
    pub age: Option<Duration>,
    /// Maximum size of the journal in bytes, without empty pages; `None` for no limit.
    pub bytes: Option<u64>,
}

impl Limits {
    /// The limits that the operator set.
    pub fn of(preferences: &Preferences) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        let days = u64::from(preferences.retention_days);
        Self {
            age: (days > 0).then(|| Duration::from_secs(days.saturating_mul(DAY))),
            bytes: Some(preferences.retention_bytes).filter(|bytes| *bytes > 0),
        }
    }
}

/// The result of a purge step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PurgeStep {
    /// Number of removed entries.
    pub entries: u64,
    /// Their approximate size in bytes.
    pub bytes: u64,
    /// The time of the oldest remaining entry; `None` if there is none.
    pub oldest_left: Option<Timestamp>,
    /// The number after the newest removed entry; 0 if none was removed.
    pub before: Seq,
    /// Gaps and other activities that were removed as a whole, including entries from `before` on.
    pub gaps: Vec<(ProfileId, ActivityKey)>,
    /// Whether there is more to do: request another step soon. Otherwise, an hour later is early enough.
    pub more: bool,
}

/// The progress of a pass: the number at which its next step starts.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    from: i64,
    /// Whether it has reached an entry that is not too old.
    reached_young: bool,
    /// Hashes of the activities named by gaps that stay. `None` before the first step.
    named: Option<HashSet<u64>>,
}

/// What a step found about the entries that it looked at.
#[derive(Default)]
struct Examined {
    to_remove: Vec<i64>,
    /// The last entry looked at that is to be removed. Later ones of a gap may be removed as well.
    last: Option<i64>,
    bytes: u64,
    /// The newest time of an entry to be removed, by profile.
    last_alive: HashMap<i64, i64>,
    /// The number after the last entry that was looked at; `None` if it is the last entry.
    next: Option<i64>,
    /// Whether any entry was to be removed, protected ones included.
    any_to_go: bool,
    /// Whether an entry was reached that is not too old.
    reached_young: bool,
    /// Gaps and other activities that are removed as a whole, with the numbers of their profiles.
    gaps: Vec<(i64, ActivityKey)>,
    /// Open-activity rows of activities that are removed as a whole, by hash.
    late: HashMap<u64, i64>,
    /// Rows of activities that turned out to have been settled before, by hash, and their new states.
    repeats: HashMap<u64, (i64, OpenState)>,
}

/// Runs one step of a pass. `next` is the number of the next entry.
pub(crate) fn step(
    connection: &mut Connection,
    open: &OpenIndex,
    pass: &mut Pass,
    (now, limits): (Timestamp, &Limits),
    next: i64,
) -> rusqlite::Result<PurgeStep> {
    if !open.is_complete() {
        build_step(connection, open)?;
        return Ok(PurgeStep { more: true, ..PurgeStep::default() });
    }
    let too_large = match limits.bytes {
        // Half of it, because an entry takes up to twice its bytes: a page holds whole entries. Never remove more than needed.
        Some(bytes) => match used(connection)?.saturating_sub(bytes) {
            0 => 0,
            excess => (excess / 2).max(MIN_BYTES),
        },
        None => 0,
    };
    let before = oldest_allowed(now, limits);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let looked = examine(&transaction, pass, (before, now), too_large, open)?;
    let gaps = with_profiles(&transaction, &looked.gaps)?;
    take_out(&transaction, &looked, next)?;
    if let Some(before) = before {
        transaction.execute("DELETE FROM secret WHERE at < ?1", [before])?;
    }
    transaction.commit()?;
    let gone = looked.late.keys().map(|hash| (*hash, None));
    open.apply_rows(gone.chain(looked.repeats.iter().map(|(hash, row)| (*hash, Some(*row)))));
    let rest_of_pass = looked.next.filter(|_| looked.any_to_go);
    let named = pass.named.take();
    *pass = rest_of_pass.map_or_else(Pass::default, |from| Pass { from, reached_young: looked.reached_young, named });
    let empty = number(connection, "PRAGMA freelist_count")?;
    if empty > SPARE_PAGES {
        release(connection, PAGES)?;
    }
    let remaining = number(connection, "PRAGMA freelist_count")?;
    // A file that can't shrink keeps its empty pages and reuses them for appends.
    let more = rest_of_pass.is_some() || (remaining > SPARE_PAGES && remaining < empty);
    if !more {
        // Checkpoint, so that the removed data leaves the disk; if a reader blocks it, a later checkpoint does.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_row| Ok(()))?;
    }
    let oldest = connection.query_row("SELECT at FROM entry ORDER BY seq LIMIT 1", (), |row| row.get(0)).optional()?;
    let before = Seq(looked.last.map_or(0, |last| last.cast_unsigned().saturating_add(1)));
    Ok(PurgeStep {
        entries: looked.to_remove.len() as u64,
        bytes: looked.bytes,
        oldest_left: oldest.map(Timestamp),
        before,
        gaps,
        more,
    })
}

/// Whether a pass would find something to remove, judged by the oldest entry and the size. Open items count as well.
pub(crate) fn is_due(connection: &Connection, now: Timestamp, limits: &Limits) -> rusqlite::Result<bool> {
    if let Some(bytes) = limits.bytes
        && used(connection)? > bytes
    {
        return Ok(true);
    }
    let Some(before) = oldest_allowed(now, limits) else { return Ok(false) };
    let sql = "SELECT at FROM entry WHERE at <= ?1 ORDER BY seq LIMIT 1";
    let oldest: Option<i64> = connection.query_row(sql, [now.0], |row| row.get(0)).optional()?;
    Ok(oldest.is_some_and(|oldest| oldest < before))
}

/// The time before which entries are too old.
fn oldest_allowed(now: Timestamp, limits: &Limits) -> Option<i64> {
    limits.age.map(|age| now.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
}

/// Finds what to remove among the entries from a number on.
fn examine(
    transaction: &Transaction<'_>,
    pass: &mut Pass,
    (before, now): (Option<i64>, Timestamp),
    too_large: u64,
    open: &OpenIndex,
) -> rusqlite::Result<Examined> {
    let mut looked = Examined { reached_young: pass.reached_young, ..Examined::default() };
    let named = match &mut pass.named {
        Some(named) => named,
        none => none.insert(open_gaps::named_by_open_gaps(transaction, open)?),
    };
    let mut gone_together = HashSet::new();
    let mut select = transaction.prepare_cached(
        "SELECT seq, profile, at, kind, id, octet_length(payload) FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = select.query((pass.from, ROWS))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let (seq, profile, at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let is_old = !looked.reached_young && before.is_some_and(|before| at < before);
        // Later entries are not older, whatever a wrong clock stamped on them. A stamp in the future proves nothing.
        looked.reached_young |= before.is_some_and(|before| at >= before) && at <= now.0;
        let is_too_large = looked.bytes < too_large;
        if too_large > 0 && !is_too_large && !is_old {
            // The next step checks whether that was enough and continues here: the oldest are removed first.
            looked.next = Some(seq);
            break;
        }
        if (is_old || is_too_large) && !gone_together.contains(&seq) {
            looked.any_to_go = true;
            let key = entry_codec::key(row.get(3)?, row.get_ref(4)?);
            let hash = open.hash(profile, &key);
            let stays = open.contains(profile, &key) || named.contains(&hash);
            let late = open.newest_reads_open(profile, &key).filter(|_| !looked.late.contains_key(&hash));
            let is_young = |entry: &EntryOfMany| before.is_none_or(|before| entry.at >= before);
            if stays {
                if let Some(repeat) = open.may_repeat(profile, &key, seq)
                    && is_lasting_outcome(&entry_of(transaction, seq)?.fact)
                {
                    // Entries after its outcome do not protect it.
                    looked.repeats.insert(hash, repeat);
                }
            } else if key.kind() == Kind::Gap {
                let entries = entries_of_gap(transaction, profile, &key)?;
                if !is_too_large && entries.last().is_some_and(is_young) {
                    named.extend(
                        crate::journal::tables::gap_rows::named_by_gap(transaction, profile, &key)?
                            .iter()
                            .map(|key| open.hash(profile, key)),
                    );
                } else {
                    for EntryOfMany { seq, at, size } in entries {
                        gone_together.insert(seq);
                        looked.doom(profile, (seq, at, size));
                    }
                    looked.last = Some(seq);
                    looked.gaps.push((profile, key));
                }
            } else if let Some(first) = late {
                let entries = late_entries(transaction, (profile, &key), first)?;
                if is_too_large || !entries.last().is_some_and(is_young) {
                    // Its late entries are removed with the first of the others, because those show that it is settled.
                    let mut others = entries.into_iter().filter(|entry| entry.seq != seq).peekable();
                    if others.peek().is_some() {
                        looked.gaps.push((profile, key));
                    }
                    for EntryOfMany { seq, at, size } in others {
                        gone_together.insert(seq);
                        looked.doom(profile, (seq, at, size));
                    }
                    looked.doom(profile, (seq, at, row.get(5)?));
                    looked.last = Some(seq);
                    looked.late.insert(hash, first);
                }
            } else {
                looked.doom(profile, (seq, at, row.get(5)?));
                looked.last = Some(seq);
            }
        }
        if looked.bytes >= BYTES || count == ROWS {
            looked.next = seq.checked_add(1);
            break;
        }
    }
    Ok(looked)
}

impl Examined {
    fn doom(&mut self, profile: i64, (seq, at, size): (i64, i64, i64)) {
        self.to_remove.push(seq);
        self.bytes = self.bytes.saturating_add(u64::try_from(size).unwrap_or(0).saturating_add(ENTRY_OVERHEAD));
        self.last_alive.entry(profile).and_modify(|last| *last = at.max(*last)).or_insert(at);
    }
}

/// An entry of an activity that is removed as a whole; its size is in bytes.
struct EntryOfMany {
    seq: i64,
    at: i64,
    size: i64,
}

fn entry_of(transaction: &Transaction<'_>, seq: i64) -> rusqlite::Result<Entry> {
    let sql = format!("SELECT {COLUMNS} FROM entry WHERE seq = ?1");
    transaction.prepare_cached(&sql)?.query_row([seq], entry_codec::read)
}

/// The entries of a gap, ascending.
fn entries_of_gap(
    transaction: &Transaction<'_>,
    profile: i64,
    key: &ActivityKey,
) -> rusqlite::Result<Vec<EntryOfMany>> {
    let sql = "SELECT seq, at, octet_length(payload) FROM entry
               WHERE kind % 10 = 4 AND profile = ?1 AND id = ?2 ORDER BY seq";
    let mut select = transaction.prepare_cached(sql)?;
    let entry = |row: &rusqlite::Row<'_>| Ok(EntryOfMany { seq: row.get(0)?, at: row.get(1)?, size: row.get(2)? });
    select.query_map((profile, entry_codec::StoredId::of(key.id())), entry)?.collect()
}

/// The entries of an activity from the first one of its open-activity row on, ascending.
fn late_entries(
    transaction: &Transaction<'_>,
    (profile, key): (i64, &ActivityKey),
    first: i64,
) -> rusqlite::Result<Vec<EntryOfMany>> {
    let (listed, is_whole) = open_activity::listed(transaction, first)?;
    let entry = |row: &rusqlite::Row<'_>| Ok(EntryOfMany { seq: row.get(0)?, at: row.get(1)?, size: row.get(2)? });
    if let (false, Some(last)) = (is_whole, listed.last()) {
        let sql = "SELECT seq, at, octet_length(payload) FROM entry
                   WHERE seq BETWEEN ?1 AND ?2 AND kind % 10 = ?3 AND +profile = ?4 AND id = ?5 ORDER BY seq";
        let parameters = (first, last, entry_codec::unit(key.kind()), profile, entry_codec::StoredId::of(key.id()));
        return transaction.prepare_cached(sql)?.query_map(parameters, entry)?.collect();
    }
    let mut select = transaction.prepare_cached("SELECT seq, at, octet_length(payload) FROM entry WHERE seq = ?1")?;
    let mut entries = Vec::with_capacity(listed.len());
    for seq in listed {
        entries.extend(select.query_row([seq], entry).optional()?);
    }
    Ok(entries)
}

/// Replaces the profile numbers of gaps by profile ids.
fn with_profiles(
    transaction: &Transaction<'_>,
    gaps: &[(i64, ActivityKey)],
) -> rusqlite::Result<Vec<(ProfileId, ActivityKey)>> {
    let mut select = transaction.prepare_cached("SELECT uuid FROM profile WHERE number = ?1")?;
    let mut found = Vec::with_capacity(gaps.len());
    for (number, key) in gaps {
        let uuid: Option<[u8; 16]> = select.query_row([number], |row| row.get(0)).optional()?;
        // Entries of a removed profile have no profile any more.
        found.extend(uuid.map(|uuid| (ProfileId::from_u128(u128::from_be_bytes(uuid)), key.clone())));
    }
    Ok(found)
}

/// Removes entries, and stores what they prove: the used numbers, and when the profiles were live.
fn take_out(transaction: &Transaction<'_>, looked: &Examined, next: i64) -> rusqlite::Result<()> {
    #[expect(clippy::iter_over_hash_type, reason = "each row is set by itself, in whatever order")]
    for (first, open_state) in looked.repeats.values() {
        open_activity::set_state(transaction, *first, *open_state)?;
    }
    if looked.to_remove.is_empty() {
        return Ok(());
    }
    store_last_number(transaction, next)?;
    if let Some(last) = looked.last {
        let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)";
        transaction.execute(sql, (PURGED_BEFORE, last.saturating_add(1)))?;
        let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = value + excluded.value";
        transaction.execute(sql, (PURGED_ENTRIES, i64::try_from(looked.to_remove.len()).unwrap_or(i64::MAX)))?;
    }
    open_activity::delete(transaction, &looked.late.values().copied().collect::<Vec<_>>())?;
    let mut delete = transaction.prepare_cached("DELETE FROM entry WHERE seq = ?1")?;
    let mut delete_original = transaction.prepare_cached("DELETE FROM original WHERE seq = ?1")?;
    for seq in &looked.to_remove {
        delete.execute([seq])?;
        delete_original.execute([seq])?;
    }
    let mut alive = transaction.prepare_cached(
        "INSERT INTO alive (profile, at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
    )?;
    let mut last_alive: Vec<_> = looked.last_alive.iter().collect();
    last_alive.sort();
    for moment in last_alive {
        alive.execute(moment)?;
    }
    Ok(())
}

/// The bytes of non-empty pages.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let pages = number(connection, "PRAGMA page_count")?.saturating_sub(number(connection, "PRAGMA freelist_count")?);
    let bytes = pages.saturating_mul(number(connection, "PRAGMA page_size")?);
    Ok(u64::try_from(bytes).unwrap_or(0))
}

pub(crate) fn number(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection.query_row(sql, (), |row| row.get(0))
}
