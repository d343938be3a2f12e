//! The profile of each row in the tab `All profiles`.

use std::collections::{HashMap, HashSet};

use crate::activity::{RecoveredGaps, RowId, Seq};
use crate::settings::ProfileId;

/// The owners of the rows in the tab `All profiles`.
#[derive(Debug, Default)]
pub(crate) struct RowOwners {
    /// Index into `profiles`, by the row's index in memory.
    pub(crate) rows: Vec<u16>,
    /// The profiles and their names.
    pub(crate) profiles: Vec<(ProfileId, String)>,
    /// Whether the tab has to be rebuilt before it is shown.
    pub stale: bool,
    /// While the tab is built: rows whose first entries are before this one are not copied yet.
    pub(crate) copying: Option<Seq>,
    /// By profile, the gaps that had no missing outcomes when they were last copied.
    pub(crate) recovered: HashMap<ProfileId, RecoveredGaps>,
    /// The profiles whose messages are probably taken by another client.
    pub(crate) suspected: HashSet<ProfileId>,
}

impl RowOwners {
    /// The profile that a row belongs to, and its name.
    pub(crate) fn of(&self, row: RowId) -> Option<&(ProfileId, String)> {
        self.profiles.get(usize::from(*self.rows.get(row.slot())?))
    }

    /// Sets the profiles whose messages are probably taken by another client.
    pub(crate) fn set_suspected(&mut self, profiles: impl Iterator<Item = ProfileId>) {
        self.suspected = profiles.collect();
    }

    /// Whether another client probably takes messages of the profile that a row belongs to.
    pub(crate) fn suspects(&self, row: RowId) -> bool {
        self.of(row).is_some_and(|(profile, _)| self.suspected.contains(profile))
    }

    pub(crate) fn add(&mut self, row: RowId, profile: ProfileId) {
        let number = self.profiles.iter().position(|(id, _)| *id == profile);
        let Some(number) = number.and_then(|number| u16::try_from(number).ok()) else { return };
        if self.rows.len() <= row.slot() {
            self.rows.resize((row.slot() + 1).next_power_of_two(), u16::MAX);
        }
        if let Some(place) = self.rows.get_mut(row.slot()) {
            *place = number;
        }
    }
}

/// How many rows are copied before the time is checked; about a millisecond of work.
pub(crate) const SLICE: usize = 500;

/// The id of the tab `All profiles`, which belongs to no profile.
pub(crate) fn id() -> ProfileId {
    ProfileId::from_u128(0)
}
