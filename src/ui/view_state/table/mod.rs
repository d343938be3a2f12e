//! The table's scroll position and selection, and how both change.

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::activity::{Activities, RowId, View};
use crate::ui::theme::ROW;

/// The table's scroll position and selection.
#[derive(Debug)]
pub(crate) struct Table {
    /// Scroll offset of the first row above the top, in points.
    pub(crate) offset: f64,
    /// Height of the rows' area in the last frame, in points.
    pub(crate) height: f64,
    /// Whether the table stays at the newest rows.
    pub(crate) follow: bool,
    /// Visible rows that keep the scroll position stable when rows change, the row under the pointer first. Each with the
    /// distance of its top from the table's top.
    pub(crate) anchors: Vec<(RowId, f64)>,
    /// The row under the pointer in the last frame.
    pub(crate) hovered: Option<RowId>,
    /// The newest row when the operator scrolled away from the newest rows.
    pub(crate) left_at: Option<RowId>,
    pub(crate) selected: HashSet<RowId>,
    /// The row at the keyboard cursor.
    pub(crate) cursor: Option<RowId>,
    /// The row where a selection with Shift started.
    pub(crate) pivot: Option<RowId>,
    /// Whether the next frame scrolls to the row at the keyboard cursor, with the space it then has.
    pub(crate) scroll_to_cursor: bool,
    /// Whether the menu of the selected rows opens in the next frame.
    pub(crate) menu_requested: bool,
    /// While the scroll bar is dragged: the distance from its top to the pointer.
    pub(crate) grab_offset: Option<f32>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            offset: 0.0,
            height: 0.0,
            follow: true,
            anchors: Vec::new(),
            hovered: None,
            left_at: None,
            selected: HashSet::new(),
            cursor: None,
            pivot: None,
            scroll_to_cursor: false,
            menu_requested: false,
            grab_offset: None,
        }
    }
}

impl Table {
    pub(crate) fn follows(&self) -> bool {
        self.follow
    }

    /// The row at the keyboard cursor.
    pub(crate) fn cursor(&self) -> Option<RowId> {
        self.cursor
    }

    pub(crate) fn is_selected(&self, row: RowId) -> bool {
        self.selected.contains(&row)
    }

    /// Number of selected rows, shown or not.
    pub(crate) fn selected_count(&self) -> usize {
        self.selected.len()
    }

    /// The selected rows, shown or not, in any order.
    pub(crate) fn any_selected(&self) -> impl Iterator<Item = RowId> + '_ {
        self.selected.iter().copied()
    }

    /// Clears the selection. Returns whether there was one.
    pub(crate) fn deselect(&mut self) -> bool {
        let any = !self.selected.is_empty();
        self.selected.clear();
        self.cursor = None;
        self.pivot = None;
        any
    }

    /// Removes evicted rows; `None` if there are too many to list.
    pub(crate) fn drop_evicted(&mut self, gone: Option<Vec<RowId>>, activities: &Activities) {
        match gone {
            Some(gone) => gone.iter().for_each(|row| _ = self.selected.remove(row)),
            None => self.selected.retain(|row| activities.get(*row).is_some()),
        }
        let is_there = |row: &RowId| activities.get(*row).is_some();
        self.cursor = self.cursor.filter(is_there);
        self.pivot = self.pivot.filter(is_there);
    }

    /// The index of the first drawn row, and how much of it is above the top.
    pub(crate) fn first(&self) -> (usize, f64) {
        let index = row_index(self.offset);
        (index, self.offset - float(index) * f64::from(ROW))
    }

    /// The maximum scroll offset.
    pub(crate) fn max_offset(&self, rows: usize) -> f64 {
        (float(rows) * f64::from(ROW) - self.height).max(0.0)
    }

    /// Adjusts the scroll position after rows changed: keeps the row under the pointer, a visible row, or the newest rows in
    /// place.
    pub(crate) fn adjust_offset(&mut self, activities: &Activities, view: &View) {
        let rows = view.len(activities);
        let arrival = view.sort().is_none();
        if self.follow && arrival && !view.is_paused() {
            self.offset = 0.0;
        } else if arrival || self.offset > 0.0 {
            let standing = |&(row, below): &(RowId, f64)| Some((view.position(activities, row)?, below));
            if let Some((index, below)) = self.anchors.iter().find_map(standing) {
                self.offset = float(index) * f64::from(ROW) - below;
            }
        }
        self.offset = self.offset.clamp(0.0, self.max_offset(rows));
        if self.left_at.is_some_and(|row| view.position(activities, row).is_none()) {
            self.left_at = view.row(activities, 0);
        }
        self.store_anchors(activities, view);
    }

    /// Stores the visible rows as anchors.
    pub(crate) fn store_anchors(&mut self, activities: &Activities, view: &View) {
        let (first, above) = self.first();
        let in_sight = row_index(self.height) + 2;
        self.anchors.clear();
        for index in first..first + in_sight {
            let Some(row) = view.row(activities, index) else { break };
            self.anchors.push((row, float(index - first) * f64::from(ROW) - above));
        }
        let at_pointer = self.hovered.and_then(|row| self.anchors.iter().position(|(other, _)| *other == row));
        if let Some(at) = at_pointer {
            self.anchors.swap(0, at);
        }
    }

    /// Sets the row under the pointer, if any.
    pub(crate) fn hover(&mut self, row: Option<RowId>) {
        self.hovered = row;
    }

    /// How many rows arrived since the operator scrolled away from the newest rows.
    pub(crate) fn newer(&self, activities: &Activities, view: &View) -> usize {
        if self.follow || view.sort().is_some() || view.is_paused() {
            return 0;
        }
        self.left_at.and_then(|row| view.position(activities, row)).unwrap_or(0)
    }

    /// Scrolls to the newest rows and follows them, or stops following them.
    pub(crate) fn set_follow(&mut self, follow: bool, activities: &Activities, view: &View) {
        self.follow = follow;
        if follow {
            self.offset = 0.0;
            self.left_at = None;
        } else {
            self.left_at = view.row(activities, 0);
        }
        self.store_anchors(activities, view);
    }

    /// Scrolls to an offset on the operator's behalf. Scrolling away from the newest rows stops following them; scrolling back
    /// resumes it.
    pub(crate) fn scroll_to(&mut self, offset: f64, activities: &Activities, view: &View) {
        let offset = offset.clamp(0.0, self.max_offset(view.len(activities)));
        if view.sort().is_none() && !view.is_paused() {
            if offset > 0.0 && self.follow {
                self.follow = false;
                self.left_at = view.row(activities, 0);
            } else if offset <= 0.0 && self.offset > 0.0 {
                self.follow = true;
                self.left_at = None;
            }
        }
        self.offset = offset;
        self.store_anchors(activities, view);
    }

    /// The available space is about to change, so the row at the keyboard cursor has to stay visible.
    pub(crate) fn keep_in_sight(&mut self) {
        self.scroll_to_cursor = true;
    }

    /// Opens the menu of the selected rows in the next frame.
    pub(crate) fn open_menu(&mut self) {
        self.scroll_to_cursor = self.cursor.is_some();
        self.menu_requested = self.scroll_to_cursor;
    }

    /// Scrolls by the minimum needed to show a row completely.
    pub(crate) fn reveal(&mut self, row: RowId, activities: &Activities, view: &View) {
        let Some(index) = view.position(activities, row) else { return };
        let (top, height) = (float(index) * f64::from(ROW), f64::from(ROW));
        if top < self.offset {
            self.scroll_to(top, activities, view);
        } else if top + height > self.offset + self.height {
            self.scroll_to(top + height - self.height, activities, view);
        }
    }

    /// Selects only this row.
    pub(crate) fn select(&mut self, row: RowId) {
        self.selected.clear();
        self.selected.insert(row);
        self.cursor = Some(row);
        self.pivot = Some(row);
    }

    /// Adds a row to the selection, or removes it.
    pub(crate) fn toggle(&mut self, row: RowId) {
        if !self.selected.remove(&row) {
            self.selected.insert(row);
        }
        self.cursor = Some(row);
        self.pivot = Some(row);
    }

    /// Selects from the row where Shift was first held to this row.
    pub(crate) fn extend_to(&mut self, row: RowId, activities: &Activities, view: &View) {
        let from = self.pivot.and_then(|pivot| view.position(activities, pivot));
        let to = view.position(activities, row);
        let (Some(from), Some(to)) = (from, to) else {
            self.select(row);
            return;
        };
        self.selected = (from.min(to)..=from.max(to)).filter_map(|index| view.row(activities, index)).collect();
        self.cursor = Some(row);
    }

    /// Selects every row that is shown.
    pub(crate) fn select_all(&mut self, activities: &Activities, view: &View) {
        self.selected = (0..view.len(activities)).filter_map(|index| view.row(activities, index)).collect();
        if self.cursor.is_none() {
            self.cursor = view.row(activities, 0);
            self.pivot = self.cursor;
        }
    }

    /// Moves the cursor; `extend` extends the selection. A cursor whose row is filtered out starts at the top.
    pub(crate) fn step(&mut self, way: Move, extend: bool, activities: &Activities, view: &View) {
        let rows = view.len(activities);
        let Some(last) = rows.checked_sub(1) else { return };
        let page = row_index(self.height).saturating_sub(1).max(1);
        let now = self.cursor.and_then(|row| view.position(activities, row));
        let target = match (way, now) {
            (Move::First, _) => 0,
            (Move::Last, _) => last,
            (Move::By(_) | Move::Page(_), None) => self.first().0,
            (Move::By(by), Some(now)) => now.saturating_add_signed(by),
            (Move::Page(pages), Some(now)) => {
                now.saturating_add_signed(pages.saturating_mul(isize::try_from(page).unwrap_or(isize::MAX)))
            }
        };
        let Some(row) = view.row(activities, target.min(last)) else { return };
        if extend && self.pivot.is_some() {
            self.extend_to(row, activities, view);
        } else {
            self.select(row);
        }
        self.reveal(row, activities, view);
    }

    /// The selected rows up to a limit: first those that are shown, in table order, then those that are hidden, newest first.
    pub(crate) fn selection(&self, activities: &Activities, view: &View, limit: usize) -> Vec<RowId> {
        let mut rows: Vec<(usize, RowId)> = if self.selected.len() == 1 {
            let one = self.selected.iter().next().copied();
            one.and_then(|row| Some((view.position(activities, row)?, row))).into_iter().collect()
        } else {
            (0..view.len(activities))
                .filter_map(|index| Some((index, view.row(activities, index)?)))
                .filter(|(_, row)| self.selected.contains(row))
                .take(limit)
                .collect()
        };
        rows.truncate(limit);
        let mut rows: Vec<RowId> = rows.into_iter().map(|(_, row)| row).collect();
        let missing = self.selected.len().min(limit) - rows.len();
        if missing > 0 {
            // Commands apply to the number of rows that the bar shows, even if a filter or a pause hides some of them.
            let shown: HashSet<RowId> = rows.iter().copied().collect();
            let mut hidden: Vec<RowId> = self
                .selected
                .iter()
                .copied()
                .filter(|row| !shown.contains(row) && activities.get(*row).is_some())
                .collect();
            hidden.sort_by_key(|row| std::cmp::Reverse(activities.get(*row).map(|activity| activity.first_seq())));
            rows.extend(hidden.into_iter().take(missing));
        }
        rows
    }
}

/// A movement of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// Up or down by rows.
    By(isize),
    /// Up or down by pages.
    Page(isize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

/// A count of points or rows as a float; exact, because a table has far fewer than 2^52 rows.
#[expect(clippy::cast_precision_loss, reason = "a table has far fewer than 2^52 rows")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// The index of the row at a distance from the top.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative distances are the first row")]
pub(crate) fn row_index(distance: f64) -> usize {
    (distance / f64::from(ROW)).max(0.0) as usize
}
