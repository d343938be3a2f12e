//! Settles activities that time settles.

use rusqlite::{Connection, TransactionBehavior};

use crate::activity::{OpenState, Timestamp};
use crate::journal::file::entry_codec;
use crate::journal::tables::gap_rows::is_gap_settled;

use super::{IndexChanges, OpenIndex, OpenRow, delete, set_state};

/// Settles activities that only had data to fetch and have expired (as the message said, else if it arrived before a cutoff), and
/// gaps that no longer name an open activity.
pub(crate) fn settle_expired(
    connection: &mut Connection,
    index: &OpenIndex,
    now: Timestamp,
    came_before: Timestamp,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut settled, mut changes) = (Vec::new(), Vec::new());
    {
        let mut select =
            transaction.prepare_cached("SELECT first, profile, kind, id, state, at, expires FROM open_activity")?;
        let mut rows = select.query(())?;
        while let Some(found) = rows.next()? {
            let (profile, open_state) = (found.get(1)?, OpenState::from_bits(found.get(4)?));
            let is_over = if open_state.is_ended_gap() {
                is_gap_settled(&transaction, profile, &entry_codec::key(found.get(2)?, found.get_ref(3)?), |key| {
                    index.contains(profile, key)
                })?
            } else if open_state.is_only_ready() {
                match found.get::<_, Option<i64>>(6)? {
                    Some(expires) => expires < now.0,
                    None => found.get::<_, i64>(5)? < came_before.0,
                }
            } else {
                false
            };
            if is_over {
                let hash = index.hash(profile, &entry_codec::key(found.get(2)?, found.get_ref(3)?));
                let first = found.get(0)?;
                let open_state = if open_state.is_ended_gap() { OpenState::SETTLED } else { OpenState::EXPIRED };
                if open_state.can_be_dropped() {
                    settled.push(first);
                    changes.push((hash, None));
                } else {
                    set_state(&transaction, first, open_state)?;
                    changes.push((hash, Some(OpenRow { first, open_state })));
                }
            }
        }
    }
    delete(&transaction, &settled)?;
    transaction.commit()?;
    index.apply(IndexChanges(changes));
    Ok(())
}
