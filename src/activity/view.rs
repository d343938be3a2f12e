//! Which rows are shown, and in which order.
//!
//! A view follows its [`Activities`] by the changes that they list, so a message costs it a few comparisons. After the
//! filter or the chip changed it looks at every row again, newest first and a slice at a time, so that no frame waits.

use std::cmp::Ordering;

use super::activities::Changes;
use super::{Activities, Activity, Chip, Filter, Moment, RowId, Seq};

/// Above this many rows a sorted view is sorted anew only now and then, not at every change.
const EAGER_SORT: usize = 20_000;
/// How many refreshes with changes a large sorted view waits before it is sorted anew.
const LAZY_SORT: u32 = 60;

/// What the table can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// When the last message came.
    Updated,
    /// Command, data or message.
    Kind,
    /// The id.
    Id,
    /// The label, or the context where there is none.
    Label,
    /// The status word.
    Status,
    /// The message.
    Message,
    /// The time from the first message to the outcome.
    Took,
}

/// How far a view is after a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// Every row has been looked at.
    Done,
    /// Some are still to be looked at: refresh again.
    Searching {
        /// How many rows have been looked at.
        looked_at: usize,
        /// How many there are.
        of: usize,
    },
}

/// Which rows are shown, and in which order. Index 0 is the first row of the table: the newest, unless sorted.
#[derive(Debug, Default)]
pub struct View {
    chip: Chip,
    filter: Filter,
    sort: Option<(Column, bool)>,
    /// Matching rows in arrival order, oldest first. Not used while everything is shown in arrival order.
    matches: Vec<RowId>,
    /// Whether a row is in `matches`, by its number.
    members: Vec<bool>,
    /// Rows that came before this one are still to be looked at.
    scan: Option<Seq>,
    /// The matches, sorted; kept while there is a sort.
    sorted: Vec<RowId>,
    stale: u32,
    /// While paused: what was shown when it began, in the order of the table.
    frozen: Option<Vec<RowId>>,
    /// How many rows there were when the pause began.
    frozen_of: usize,
}

impl View {
    /// A view of everything, newest first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows what a chip gathers.
    pub fn set_chip(&mut self, chip: Chip) {
        if chip != self.chip {
            self.chip = chip;
            self.restart();
        }
    }

    /// The chip that is on.
    #[must_use]
    pub fn chip(&self) -> Chip {
        self.chip
    }

    /// Shows what a filter lets through.
    pub fn set_filter(&mut self, text: &str) {
        let filter = Filter::new(text);
        if filter != self.filter {
            self.filter = filter;
            self.restart();
        }
    }

    /// Whether a filter or a chip keeps rows away.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.chip != Chip::All || !self.filter.is_empty()
    }

    /// Sorts by a column, ascending or (`true`) descending; `None` is arrival order, newest first.
    pub fn set_sort(&mut self, sort: Option<(Column, bool)>) {
        if sort != self.sort {
            self.sort = sort;
            self.restart();
        }
    }

    /// What it is sorted by.
    #[must_use]
    pub fn sort(&self) -> Option<(Column, bool)> {
        self.sort
    }

    /// Keeps what is shown as it is, until [`View::resume`]. Rows go on changing in place.
    pub fn pause(&mut self, activities: &Activities) {
        if self.frozen.is_none() {
            self.frozen = Some((0..self.len(activities)).filter_map(|index| self.row(activities, index)).collect());
            self.frozen_of = activities.len();
        }
    }

    /// Shows what has come since.
    pub fn resume(&mut self) {
        self.frozen = None;
    }

    /// Whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// How many rows have come since it was paused.
    #[must_use]
    pub fn waiting(&self, activities: &Activities) -> usize {
        if self.is_paused() { activities.len().saturating_sub(self.frozen_of) } else { 0 }
    }

    /// Follows the activities: looks at what changed and, after a new filter, at up to `budget` rows more.
    pub fn refresh(&mut self, activities: &mut Activities, budget: usize) -> Refresh {
        let changed = activities.changes().everything || !activities.changes().rows.is_empty();
        if self.is_plain() {
            activities.clear_changes();
            return Refresh::Done;
        }
        if activities.changes().everything {
            self.restart();
        } else {
            let listed = activities.changes().clone();
            self.follow(activities, &listed);
        }
        activities.clear_changes();
        let was_scanning = self.scan.is_some();
        let state = self.scan(activities, budget);
        self.stale += u32::from(changed);
        if self.sort.is_some() && self.sort_is_due(was_scanning) {
            self.sort_matches(activities);
        }
        state
    }

    /// How many rows are shown.
    #[must_use]
    pub fn len(&self, activities: &Activities) -> usize {
        match &self.frozen {
            Some(frozen) => frozen.len(),
            None if self.is_plain() => activities.len(),
            None => self.matches.len(),
        }
    }

    /// The row at an index of the table.
    #[must_use]
    pub fn row(&self, activities: &Activities, index: usize) -> Option<RowId> {
        if let Some(frozen) = &self.frozen {
            return frozen.get(index).copied();
        }
        if self.is_plain() {
            let from_oldest = activities.len().checked_sub(index + 1)?;
            return activities.order().get(from_oldest).copied().map(RowId);
        }
        if self.sort.is_some() {
            return self.sorted.get(index).copied();
        }
        self.matches.get(self.matches.len().checked_sub(index + 1)?).copied()
    }

    /// Where a row stands in the table.
    #[must_use]
    pub fn position(&self, activities: &Activities, id: RowId) -> Option<usize> {
        if let Some(frozen) = &self.frozen {
            return frozen.iter().position(|&row| row == id);
        }
        let place = activities.place_of(id);
        if self.is_plain() {
            let at = activities.order().partition_point(|&row| activities.place_of(RowId(row)) < place);
            return (activities.order().get(at) == Some(&id.0)).then(|| activities.len() - 1 - at);
        }
        if self.sort.is_some() {
            return self.sorted.iter().position(|&row| row == id);
        }
        let at = self.matches.partition_point(|&row| activities.place_of(row) < place);
        (self.matches.get(at) == Some(&id)).then(|| self.matches.len() - 1 - at)
    }

    /// Everything, newest first: the activities' own order serves.
    fn is_plain(&self) -> bool {
        !self.is_filtered() && self.sort.is_none()
    }

    fn restart(&mut self) {
        self.matches.clear();
        self.members.clear();
        self.sorted.clear();
        self.scan = Some(Seq(u64::MAX));
    }

    fn lets_through(&self, activity: &Activity<'_>) -> bool {
        (self.chip == Chip::All || activity.status().chip() == self.chip) && self.filter.matches(activity)
    }

    fn follow(&mut self, activities: &Activities, changes: &Changes) {
        let mut to_insert = Vec::new();
        for &(id, place_before) in &changes.rows {
            let Some(activity) = activities.get(id) else { continue };
            let (place, matches) = (activities.place_of(id), self.lets_through(&activity));
            let member = self.members.get(id.0 as usize).copied().unwrap_or(false);
            if member && (!matches || place != place_before) {
                self.remove(activities, id, place_before);
            }
            // What the scan has not reached yet it will find.
            if matches && (!member || place != place_before) && self.scan.is_none_or(|scan| place >= scan) {
                to_insert.push((id, place));
            }
        }
        // Only now: while a row that has moved still stood at its old place, no place could be searched for.
        for (id, place) in to_insert {
            self.insert(activities, id, place);
        }
    }

    fn insert(&mut self, activities: &Activities, id: RowId, place: Seq) {
        let at = match self.matches.last() {
            Some(&last) if activities.place_of(last) < place => self.matches.len(),
            _ => self.matches.partition_point(|&row| activities.place_of(row) < place),
        };
        self.matches.insert(at, id);
        let number = id.0 as usize;
        if self.members.len() <= number {
            self.members.resize(number + 1, false);
        }
        if let Some(member) = self.members.get_mut(number) {
            *member = true;
        }
    }

    fn remove(&mut self, activities: &Activities, id: RowId, place: Seq) {
        let near = self.matches.partition_point(|&row| activities.place_of(row) < place);
        let at = if self.matches.get(near) == Some(&id) {
            Some(near)
        } else {
            self.matches.iter().position(|&row| row == id)
        };
        if let Some(at) = at {
            self.matches.remove(at);
        }
        if let Some(member) = self.members.get_mut(id.0 as usize) {
            *member = false;
        }
    }

    /// Looks at up to `budget` rows that were not looked at since the filter changed, newest first.
    fn scan(&mut self, activities: &Activities, budget: usize) -> Refresh {
        let Some(scan) = self.scan else { return Refresh::Done };
        let order = activities.order();
        let end = order.partition_point(|&row| activities.place_of(RowId(row)) < scan);
        let start = end.saturating_sub(budget);
        let mut found: Vec<RowId> = Vec::new();
        for &row in order.range(start..end) {
            let id = RowId(row);
            if activities.get(id).is_some_and(|activity| self.lets_through(&activity)) {
                found.push(id);
                let number = row as usize;
                if self.members.len() <= number {
                    self.members.resize(number + 1, false);
                }
                if let Some(member) = self.members.get_mut(number) {
                    *member = true;
                }
            }
        }
        // All of these are older than what was found so far.
        self.matches.splice(0..0, found);
        self.scan = (start > 0).then(|| order.get(start).map(|&row| activities.place_of(RowId(row)))).flatten();
        if self.scan.is_some() {
            Refresh::Searching { looked_at: order.len() - start, of: order.len() }
        } else {
            Refresh::Done
        }
    }

    /// A small view is sorted at every change; a large one when all is looked at, and then now and then.
    fn sort_is_due(&self, was_scanning: bool) -> bool {
        let differs = self.stale > 0 || self.sorted.len() != self.matches.len();
        let complete = was_scanning && self.scan.is_none();
        complete || self.stale >= LAZY_SORT || differs && self.matches.len() <= EAGER_SORT
    }

    fn sort_matches(&mut self, activities: &Activities) {
        let Some((column, descending)) = self.sort else { return };
        self.stale = 0;
        self.sorted.clone_from(&self.matches);
        // Newest first among equals, as without a sort.
        self.sorted.reverse();
        self.sorted.sort_by(|&a, &b| {
            let order = match (activities.get(a), activities.get(b)) {
                (Some(a), Some(b)) => compare(column, &a, &b),
                _ => Ordering::Equal,
            };
            if descending { order.reverse() } else { order }
        });
    }
}

fn compare(column: Column, a: &Activity<'_>, b: &Activity<'_>) -> Ordering {
    // A fixed moment: what is under way is compared by when it began.
    const LATER: Moment = Moment(i64::MAX);
    match column {
        Column::Updated => a.updated().cmp(&b.updated()),
        Column::Kind => a.kind().cmp(&b.kind()),
        Column::Id => a.id().cmp(&b.id()),
        Column::Label => name(a).cmp(name(b)),
        Column::Status => a.status().word().cmp(&b.status().word()),
        Column::Message => a.message().cmp(&b.message()),
        Column::Took => a.took(LATER).cmp(&b.took(LATER)),
    }
}

fn name<'a>(activity: &Activity<'a>) -> &'a str {
    if activity.label().is_empty() { activity.context() } else { activity.label() }
}
