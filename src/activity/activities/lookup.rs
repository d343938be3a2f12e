//! Finds the row that an entry belongs to.

use std::hash::BuildHasher as _;

use crate::activity::collections::interner::PackedId;
use crate::activity::entry::{ActivityKey, Entry, Kind, Seq};
use crate::activity::row::{DataColumns, Row};

use super::Activities;
use super::lookup_result::RowHint;
use super::row_id::RowId;

impl Activities {
    /// Finds the rows of several entries, for [`Activities::apply_at`]. The rows of a long list are scattered in memory, and
    /// looking them up together overlaps the cache misses. A hint is valid until the next lookup.
    pub fn look_up<'a>(&mut self, entries: &'a [Entry]) -> Vec<(&'a Entry, RowHint)> {
        // Collect now, while no hint refers to a text that no row uses yet.
        self.collect_texts(entries.len());
        let packed = |entry: &'a Entry| {
            let id = PackedId::pack(entry.key.id(), &mut self.pool);
            (entry, RowHint { id, hash: self.hasher.hash_one((entry.key.kind(), id)), row: None })
        };
        let mut places: Vec<_> = entries.iter().map(packed).collect();
        // A tight loop, so that lookups do not wait for each other.
        for (entry, place) in &mut places {
            place.row = self.find_hashed(entry.key.kind(), place.id, place.hash);
        }
        places
    }

    /// The row of an activity.
    pub fn find(&self, key: &ActivityKey) -> Option<RowId> {
        let (kind, id) = (key.kind(), PackedId::find(key.id(), &self.pool)?);
        self.find_hashed(kind, id, self.hasher.hash_one((kind, id)))
    }

    fn find_hashed(&self, kind: Kind, id: PackedId, hash: u64) -> Option<RowId> {
        let is_it = |at| self.rows.get(at).is_some_and(|row: &Row| row.id == id && row.kind == kind);
        self.index.find(hash, is_it).and_then(|at| self.id(at))
    }

    pub(crate) fn hint_for(&mut self, key: &ActivityKey) -> RowHint {
        let id = PackedId::pack(key.id(), &mut self.pool);
        let hash = self.hasher.hash_one((key.kind(), id));
        RowHint { id, hash, row: self.find_hashed(key.kind(), id, hash) }
    }

    /// The row of a key that was looked up, or a new row. `seq` is the entry that it is for.
    pub(crate) fn find_or_create(&mut self, key: &ActivityKey, hint: RowHint, seq: Seq) -> u32 {
        let RowHint { id, hash, row } = hint;
        // Since the lookup the row may have been created or evicted.
        let row = row.filter(|row| self.id(row.slot) == Some(*row));
        if let Some(RowId { slot: at, .. }) = row.or_else(|| self.find_hashed(key.kind(), id, hash)) {
            return at;
        }
        let kind = key.kind();
        let data = if kind == Kind::Data {
            let link_restored = !self.restored_links.is_empty() && self.restored_links.remove(key.id());
            self.data.push(DataColumns { link_restored, ..DataColumns::default() })
        } else {
            u32::MAX
        };
        let serial = self.next_serial;
        self.next_serial = self.next_serial.wrapping_add(1);
        let at = self.rows.push(Row { serial, ..Row::new(id, kind, data) });
        self.index.insert(hash, at);
        self.on_created(at, seq);
        at
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::activity::entry::{Fact, Seq};
    use crate::activity::status::StatusFilter;
    use crate::activity::time::timestamp::Timestamp;
    use crate::protocol::Incoming;
    use crate::protocol::incoming::parse;

    use crate::activity::activities::Activities;
    use crate::activity::activities::row_id::RowId;
    use crate::activity::entry::{ActivityKey, Entry};

    fn received(seq: u64, id: &str, status: u8) -> Entry {
        let raw = format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":{status},"body":""}}}}"#);
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        let key = ActivityKey::of(&message);
        Entry { seq: Seq(seq), at: Timestamp(1), key, fact: Fact::Received(message), raw: raw.into() }
    }

    #[test]
    fn entries_looked_up_together_find_rows_created_by_each_other() {
        let ids = ["a", "23f7978a-5561-4718-84ca-c38d7db0843c", "b"];
        let entries: Vec<_> =
            (1..).zip(ids.into_iter().cycle()).take(9).map(|(seq, id)| received(seq, id, 1)).collect();
        let mut activities = Activities::new(Duration::from_mins(1));
        for (entry, place) in activities.look_up(&entries) {
            activities.apply_at(entry, place);
        }
        assert_eq!((activities.len(), activities.counts().of(StatusFilter::All)), (3, 3));
        let later: Vec<_> = (10..).zip(ids).map(|(seq, id)| received(seq, id, 2)).collect();
        let known: Vec<_> = activities.look_up(&later).into_iter().map(|(_, place)| place.row).collect();
        assert_eq!(known, [0, 1, 2].map(|row| Some(RowId::nth(row))));
    }
}
