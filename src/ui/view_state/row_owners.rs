//! Which profile each row of the tab for all profiles belongs to.

use std::collections::HashSet;

use crate::activity::{RowId, Seq};
use crate::settings::ProfileId;

/// Whose the rows of the tab are.
#[derive(Debug, Default)]
pub(crate) struct RowOwners {
    /// By the row's place in memory: which of the profiles.
    pub(crate) rows: Vec<u16>,
    /// The profiles and their names.
    pub(crate) profiles: Vec<(ProfileId, String)>,
    /// Whether it has to be made anew before it is looked at.
    pub stale: bool,
    /// While it is made: rows whose first entries are before this one are still to be copied.
    pub(crate) copying: Option<Seq>,
    /// By profile, the gaps of which nothing known was missing when they were last copied.
    pub(crate) recovered: HashSet<(ProfileId, RowId)>,
    /// The profiles of which another client probably takes messages.
    pub(crate) suspected: HashSet<ProfileId>,
}

impl RowOwners {
    /// The profile that a row belongs to, and its name.
    pub(crate) fn of(&self, row: RowId) -> Option<&(ProfileId, String)> {
        self.profiles.get(usize::from(*self.rows.get(row.slot())?))
    }

    /// Sets the profiles of which another client probably takes messages.
    pub(crate) fn set_suspected(&mut self, profiles: impl Iterator<Item = ProfileId>) {
        self.suspected = profiles.collect();
    }

    /// Whether another client probably takes messages of the profile that a row belongs to.
    pub(crate) fn suspects(&self, row: RowId) -> bool {
        self.of(row).is_some_and(|(profile, _)| self.suspected.contains(profile))
    }

    pub(crate) fn note(&mut self, row: RowId, profile: ProfileId) {
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

/// How many rows are copied between two looks at the clock; about a millisecond's work.
pub(crate) const SLICE: usize = 500;

/// The id of the tab, which is no profile's.
pub(crate) fn id() -> ProfileId {
    ProfileId::from_u128(0)
}
