//! The single source of what is open: a small table that the writer updates in the transaction of the entries themselves.
//!
//! Its rows are the activities that are open by [`OpenState`]: commands and data requests without an outcome, data that was not
//! saved, gaps that are not settled. A row's key is the number of its activity's first entry, so that rows are only ever added at
//! the end. It lists the activity's entries, so that reading them needs no search. Ids are looked up by their hash in memory
//! ([`OpenIndex`]), because an index on random ids would slow appends down. An activity that starts and settles within one
//! transaction never touches the table.
//!
//! A settled activity stays in the table if its newest entries alone would not show that it is ([`OpenState::newest_reads_open`]), or if
//! its link has expired, so that a repeat opens nothing. Once all of its entries are old, they are removed together.
//!
//! A journal of an earlier version, or a repaired one, has no such table yet. The writer builds it in steps, oldest entry first,
//! between appends ([`build_step`]); `meta` stores the progress. Until it is complete, appends leave the table alone, because the
//! steps will reach their entries.

pub(crate) mod expiry;

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use hashbrown::{DefaultHashBuilder, HashMap};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params_from_iter};

use crate::activity::{ActivityKey, Entry, Fact, OpenState, Seq, Timestamp, expiry_of};
use crate::journal::file::entry_codec::{self, COLUMNS, StoredId};
use crate::protocol::{DataBody, Message};

/// Number of entries that one build step reads: some milliseconds.
const ENTRIES_PER_STEP: i64 = 4_000;

/// Number of oldest entries that a row lists, besides the newest. Entries between them can be found by their range.
const FIRST_LISTED: usize = 16;
const NEWEST_LISTED: usize = 240;

/// An activity that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenActivity {
    /// The activity's key.
    pub key: ActivityKey,
    /// What is open in it.
    pub open_state: OpenState,
    /// The first entry since it is open.
    pub first: Seq,
    /// Its newest entry.
    pub last: Seq,
}

/// Index of the open activities by the hashes of their ids. Clones share it; the writer changes it after each commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenIndex(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    hasher: DefaultHashBuilder,
    state: RwLock<State>,
    /// Number of instructions that SQLite executed for the reader.
    #[cfg(test)]
    steps: Arc<std::sync::atomic::AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the table covers every entry.
    complete: bool,
    open: HashMap<u64, OpenRow>,
}

/// The data of an open activity that is available without reading the table.
#[derive(Debug, Clone, Copy)]
struct OpenRow {
    first: i64,
    open_state: OpenState,
}

/// What a commit changes in the index.
pub(crate) struct IndexChanges(Vec<(u64, Option<OpenRow>)>);

impl OpenIndex {
    /// Loads the table of an opened database.
    pub(crate) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut open = HashMap::new();
        let mut select = connection.prepare("SELECT first, profile, kind, id, state FROM open_activity")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let key = entry_codec::key(row.get(2)?, row.get_ref(3)?);
            let known = OpenRow { first: row.get(0)?, open_state: OpenState::from_bits(row.get(4)?) };
            open.insert(self.hash(row.get(1)?, &key), known);
        }
        let complete = built_to(connection)?.is_none();
        *self.0.state.write().unwrap_or_else(PoisonError::into_inner) = State { complete, open };
        Ok(())
    }

    /// Whether the table covers every entry.
    pub(crate) fn is_complete(&self) -> bool {
        self.read().complete
    }

    /// Whether an activity of a profile is open.
    pub(crate) fn contains(&self, profile: i64, key: &ActivityKey) -> bool {
        self.read().open.get(&self.hash(profile, key)).is_some_and(|row| !row.open_state.is_settled())
    }

    /// The row number of a settled activity whose entries must be removed together; `None` for any other.
    pub(crate) fn newest_reads_open(&self, profile: i64, key: &ActivityKey) -> Option<i64> {
        self.read()
            .open
            .get(&self.hash(profile, key))
            .filter(|row| row.open_state.newest_reads_open())
            .map(|row| row.first)
    }

    /// The row number of an activity with nothing open except what may repeat an earlier state, if that came after an entry; and
    /// what is left if it does.
    pub(crate) fn may_repeat(&self, profile: i64, key: &ActivityKey, after: i64) -> Option<(i64, OpenState)> {
        let row = self.read().open.get(&self.hash(profile, key)).copied()?;
        row.open_state.if_settled_before().filter(|_| row.first > after).map(|remaining| (row.first, remaining))
    }

    /// Applies committed changes: rows of these activities were deleted, or have another state.
    pub(crate) fn apply_rows(&self, changes: impl Iterator<Item = (u64, Option<(i64, OpenState)>)>) {
        let row = |(first, open_state)| OpenRow { first, open_state };
        self.apply(IndexChanges(changes.map(|(hash, changed)| (hash, changed.map(row))).collect()));
    }

    /// Starts collecting what a transaction changes.
    pub(crate) fn changes<'entries>(&self) -> TableChanges<'entries> {
        TableChanges { index: self.clone(), by_hash: HashMap::new() }
    }

    /// Applies a committed transaction.
    pub(crate) fn apply(&self, flushed: IndexChanges) {
        if flushed.0.is_empty() {
            return;
        }
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        for (hash, known) in flushed.0 {
            match known {
                Some(known) => _ = state.open.insert(hash, known),
                None => _ = state.open.remove(&hash),
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn steps(&self) -> Arc<std::sync::atomic::AtomicU64> {
        Arc::clone(&self.0.steps)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // The map is consistent after every statement, even if a panic interrupted it.
        self.0.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash of an activity, stable while this index lives.
    pub(crate) fn hash(&self, profile: i64, key: &ActivityKey) -> u64 {
        std::hash::BuildHasher::hash_one(&self.0.hasher, (profile, key.kind(), key.id()))
    }
}

/// What one transaction changes in the table.
pub(crate) struct TableChanges<'entries> {
    index: OpenIndex,
    by_hash: HashMap<u64, RowChange<'entries>>,
}

struct RowChange<'entries> {
    profile: i64,
    key: Cow<'entries, ActivityKey>,
    /// The existing row.
    before: Option<i64>,
    open_state: OpenState,
    at: Timestamp,
    /// Whether an entry of this transaction brought fetchable data.
    replaces_expiry: bool,
    /// When that data expires, if its message said so.
    expires: Option<Timestamp>,
    entries: Vec<i64>,
}

impl<'entries> TableChanges<'entries> {
    /// Notes entries of a profile that are inserted under the numbers from `first` on.
    pub(crate) fn add_entries(&mut self, profile: i64, entries: &'entries [Entry], first: i64) {
        let index = self.index.clone();
        let state = index.read();
        if state.complete {
            for (entry, seq) in entries.iter().zip(first..) {
                self.add_entry(&state, profile, seq, entry, || Cow::Borrowed(&entry.key));
            }
        }
    }

    fn add_entry(
        &mut self,
        state: &State,
        profile: i64,
        seq: i64,
        entry: &Entry,
        key: impl FnOnce() -> Cow<'entries, ActivityKey>,
    ) {
        let opens = !OpenState::SETTLED.after(&entry.key, &entry.fact).can_be_dropped();
        if !opens && self.by_hash.is_empty() && state.open.is_empty() {
            return;
        }
        let hash = self.index.hash(profile, &entry.key);
        let change = match self.by_hash.entry(hash) {
            hashbrown::hash_map::Entry::Occupied(found) => found.into_mut(),
            hashbrown::hash_map::Entry::Vacant(vacant) => {
                let known = state.open.get(&hash);
                if known.is_none() && !opens {
                    return;
                }
                vacant.insert(RowChange {
                    profile,
                    key: key(),
                    before: known.map(|known| known.first),
                    open_state: known.map_or(OpenState::SETTLED, |known| known.open_state),
                    at: entry.at,
                    replaces_expiry: false,
                    expires: None,
                    entries: Vec::new(),
                })
            }
        };
        change.open_state = change.open_state.after(&entry.key, &entry.fact);
        change.at = entry.at;
        if replaces_expiry(&entry.fact) {
            (change.replaces_expiry, change.expires) = (true, expiry_of(entry));
        }
        change.entries.push(seq);
    }

    /// Writes the changes into the table. Pass the result to [`OpenIndex::apply`] after the commit.
    pub(crate) fn flush(self, transaction: &Transaction<'_>) -> rusqlite::Result<IndexChanges> {
        let mut changes: Vec<_> = self
            .by_hash
            .into_iter()
            .filter(|(_, change)| change.before.is_some() || !change.open_state.can_be_dropped())
            .collect();
        // In number order, so that new rows are added at the end.
        changes.sort_unstable_by_key(|(_, change)| change.entries.first().copied());
        if changes.is_empty() {
            return Ok(IndexChanges(Vec::new()));
        }
        let mut flushed = Vec::with_capacity(changes.len());
        let (mut new_rows, mut settled) = (Vec::new(), Vec::new());
        for (hash, change) in changes {
            let row = match change.before {
                Some(first) if change.open_state.can_be_dropped() => {
                    settled.push(first);
                    None
                }
                Some(first) => {
                    change.update(transaction, first)?;
                    Some(OpenRow { first, open_state: change.open_state })
                }
                None => {
                    let Some(first) = change.entries.first().copied() else { continue };
                    let row = OpenRow { first, open_state: change.open_state };
                    new_rows.push(change);
                    Some(row)
                }
            };
            flushed.push((hash, row));
        }
        insert(transaction, &new_rows)?;
        delete(transaction, &settled)?;
        Ok(IndexChanges(flushed))
    }
}

/// Number of rows that one statement inserts or deletes if there are enough: running a statement costs as much as a row.
const ROWS_PER_STATEMENT: usize = 16;

/// Inserts a row for each newly open activity, in the order of their first entries.
fn insert(transaction: &Transaction<'_>, new_rows: &[RowChange<'_>]) -> rusqlite::Result<()> {
    let insertion = |rows| {
        let row = "(?, ?, ?, ?, ?, ?, ?, ?)";
        let columns = "first, profile, kind, id, state, at, expires, entries";
        format!("INSERT OR REPLACE INTO open_activity ({columns}) VALUES {}", vec![row; rows].join(", "))
    };
    let (chunks, rest) = new_rows.as_chunks::<ROWS_PER_STATEMENT>();
    if !chunks.is_empty() {
        let mut many = transaction.prepare_cached(&insertion(ROWS_PER_STATEMENT))?;
        for chunk in chunks {
            insert_with(&mut many, chunk)?;
        }
    }
    if !rest.is_empty() {
        let mut one = transaction.prepare_cached(&insertion(1))?;
        for row in rest.chunks(1) {
            insert_with(&mut one, row)?;
        }
    }
    Ok(())
}

fn insert_with(statement: &mut CachedStatement<'_>, rows: &[RowChange<'_>]) -> rusqlite::Result<()> {
    let mut parameter = 1;
    for row in rows {
        statement.raw_bind_parameter(parameter, row.entries.first())?;
        statement.raw_bind_parameter(parameter + 1, row.profile)?;
        statement.raw_bind_parameter(parameter + 2, entry_codec::unit(row.key.kind()))?;
        statement.raw_bind_parameter(parameter + 3, StoredId::of(row.key.id()))?;
        statement.raw_bind_parameter(parameter + 4, row.open_state.bits())?;
        statement.raw_bind_parameter(parameter + 5, row.at.0)?;
        statement.raw_bind_parameter(parameter + 6, row.expires.map(|expires| expires.0))?;
        statement.raw_bind_parameter(parameter + 7, listing(&row.entries))?;
        parameter += 8;
    }
    statement.raw_execute()?;
    Ok(())
}

/// Sets a row's state.
pub(crate) fn set_state(connection: &Connection, first: i64, open_state: OpenState) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached("UPDATE open_activity SET state = ?2 WHERE first = ?1")?;
    update.execute((first, open_state.bits())).map(drop)
}

/// Deletes the rows with these first entries.
pub(crate) fn delete(connection: &Connection, firsts: &[i64]) -> rusqlite::Result<()> {
    let deletion = |rows| format!("DELETE FROM open_activity WHERE first IN ({})", vec!["?"; rows].join(", "));
    let (chunks, rest) = firsts.as_chunks::<ROWS_PER_STATEMENT>();
    if !chunks.is_empty() {
        let mut many = connection.prepare_cached(&deletion(ROWS_PER_STATEMENT))?;
        for chunk in chunks {
            many.execute(params_from_iter(chunk))?;
        }
    }
    if !rest.is_empty() {
        let mut one = connection.prepare_cached(&deletion(1))?;
        for first in rest {
            one.execute([first])?;
        }
    }
    Ok(())
}

impl RowChange<'_> {
    /// Updates the existing row.
    fn update(&self, transaction: &Transaction<'_>, first: i64) -> rusqlite::Result<()> {
        let listed: Option<Vec<u8>> = transaction
            .prepare_cached("SELECT entries FROM open_activity WHERE first = ?1")?
            .query_row([first], |row| row.get(0))
            .optional()?;
        let mut entries = from_bytes(&listed.unwrap_or_default());
        entries.extend_from_slice(&self.entries);
        let expires = self.expires.map(|expires| expires.0);
        transaction
            .prepare_cached(
                "UPDATE open_activity SET state = ?2, at = ?3, expires = iif(?4, ?5, expires), entries = ?6
                 WHERE first = ?1",
            )?
            .execute((first, self.open_state.bits(), self.at.0, self.replaces_expiry, expires, listing(&entries)))?;
        Ok(())
    }
}

/// Whether an entry brings fetchable data with its own expiry.
fn replaces_expiry(fact: &Fact) -> bool {
    match fact {
        Fact::Received(Message::Data(report)) => {
            matches!(report.delivery, DataBody::Link(_) | DataBody::StreamToken(_))
        }
        Fact::Received(Message::StreamReady(report)) => report.expiry.is_some(),
        _ => false,
    }
}

/// The entries that a row lists: the first and the newest numbers.
fn listing(entries: &[i64]) -> Vec<u8> {
    let to_bytes = |entries: &[i64]| entries.iter().flat_map(|seq| seq.to_be_bytes()).collect::<Vec<_>>();
    if entries.len() <= FIRST_LISTED + NEWEST_LISTED {
        return to_bytes(entries);
    }
    let (first, others) = entries.split_at(FIRST_LISTED);
    let (_, newest) = others.split_at(others.len() - NEWEST_LISTED);
    [to_bytes(first), to_bytes(newest)].concat()
}

fn from_bytes(bytes: &[u8]) -> Vec<i64> {
    let (entries, _rest) = bytes.as_chunks();
    entries.iter().map(|seq| i64::from_be_bytes(*seq)).collect()
}

/// The entries of an open activity, ascending, and whether some between them are not listed; `None` if it is not open.
pub(crate) fn entries_of(
    connection: &Connection,
    index: &OpenIndex,
    profile: i64,
    key: &ActivityKey,
) -> rusqlite::Result<Option<(Vec<i64>, bool)>> {
    let known = index.read().open.get(&index.hash(profile, key)).copied();
    let Some(OpenRow { first, .. }) = known.filter(|row| !row.open_state.is_settled()) else { return Ok(None) };
    let sql = "SELECT entries FROM open_activity WHERE first = ?1 AND profile = ?2 AND kind = ?3 AND id = ?4";
    let listed: Option<Vec<u8>> = connection
        .prepare_cached(sql)?
        .query_row((first, profile, entry_codec::unit(key.kind()), StoredId::of(key.id())), |row| row.get(0))
        .optional()?;
    Ok(listed.map(|listed| {
        let entries = from_bytes(&listed);
        let some_left_out = entries.len() >= FIRST_LISTED + NEWEST_LISTED;
        (entries, some_left_out)
    }))
}

/// The entries listed in an activity's row, ascending, and whether they are complete since the first one.
pub(crate) fn listed(connection: &Connection, first: i64) -> rusqlite::Result<(Vec<i64>, bool)> {
    let sql = "SELECT entries FROM open_activity WHERE first = ?1";
    let listed: Option<Vec<u8>> = connection.prepare_cached(sql)?.query_row([first], |row| row.get(0)).optional()?;
    let entries = from_bytes(&listed.unwrap_or_default());
    let is_whole = entries.len() < FIRST_LISTED + NEWEST_LISTED;
    Ok((entries, is_whole))
}

/// The open activities of a profile, in the order of their first entries.
pub(crate) fn all_of(connection: &Connection, profile: i64) -> rusqlite::Result<Vec<OpenActivity>> {
    let mut select = connection.prepare_cached(
        "SELECT first, kind, id, state, entries FROM open_activity WHERE profile = ?1 ORDER BY first",
    )?;
    let mut rows = select.query([profile])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let first: i64 = row.get(0)?;
        let open_state = OpenState::from_bits(row.get(3)?);
        if open_state.is_settled() {
            continue;
        }
        let listed: Vec<u8> = row.get(4)?;
        let last = from_bytes(&listed).last().copied().unwrap_or(first);
        let seq = |number: i64| Seq(u64::try_from(number).unwrap_or(0));
        all.push(OpenActivity {
            key: entry_codec::key(row.get(1)?, row.get_ref(2)?),
            open_state,
            first: seq(first),
            last: seq(last),
        });
    }
    Ok(all)
}

/// The keys of a profile's open activities, for readers beside the writer; empty until the table is complete.
pub(crate) fn keys_of(connection: &Connection, profile: i64) -> rusqlite::Result<Vec<ActivityKey>> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'open_activity'";
    let is_there = connection.query_row(sql, (), |row| row.get::<_, i64>(0))? > 0;
    if !is_there || built_to(connection)?.is_some() {
        return Ok(Vec::new());
    }
    Ok(all_of(connection, profile)?.into_iter().map(|open| open.key).collect())
}

/// The last entry that the table covers; `None` when it is complete.
fn built_to(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT value FROM meta WHERE name = 'open_to'", (), |row| row.get(0)).optional()
}

/// Starts rebuilding the table from the existing entries.
pub(crate) fn rebuild(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("DELETE FROM open_activity; INSERT OR REPLACE INTO meta VALUES ('open_to', 0);")
}

/// Runs one build step. Returns whether the table is complete now.
pub(crate) fn build_step(connection: &mut Connection, index: &OpenIndex) -> rusqlite::Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some(from) = built_to(&transaction)? else { return Ok(true) };
    let (mut changes, mut last, mut count) = (index.changes(), from, 0);
    {
        let state = index.read();
        let sql = format!("SELECT {COLUMNS}, profile FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        let mut select = transaction.prepare_cached(&sql)?;
        let mut rows = select.query((from, ENTRIES_PER_STEP))?;
        while let Some(found) = rows.next()? {
            let entry = entry_codec::read(found)?;
            last = found.get(0)?;
            count += 1;
            changes.add_entry(&state, found.get("profile")?, last, &entry, || Cow::Owned(entry.key.clone()));
        }
    }
    let complete = count < ENTRIES_PER_STEP;
    let flushed = changes.flush(&transaction)?;
    if complete {
        transaction.execute("DELETE FROM meta WHERE name = 'open_to'", ())?;
    } else {
        transaction.execute("UPDATE meta SET value = ?1 WHERE name = 'open_to'", [last])?;
    }
    transaction.commit()?;
    index.apply(flushed);
    index.0.state.write().unwrap_or_else(PoisonError::into_inner).complete = complete;
    Ok(complete)
}
