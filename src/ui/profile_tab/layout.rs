//! The table layout of a profile: columns, sort order and filter.

use jiff::tz::TimeZone;

use crate::activity::Filter;
use crate::settings::TableLayout;
use crate::ui::view_state::columns;

use super::ProfileTab;

impl ProfileTab {
    /// The current table layout. A filter with a syntax error is left out.
    pub(crate) fn layout(&self) -> TableLayout {
        let filter = if self.filter_error.is_some() { self.view.filter().to_string() } else { self.filter.clone() };
        let sort = self.view.sort().map(columns::stored_sort);
        TableLayout { columns: self.columns.columns.clone(), sort, filter: filter.trim().to_owned() }
    }

    /// Applies a table layout.
    pub(crate) fn apply_layout(&mut self, layout: &TableLayout) {
        self.columns = TableLayout { columns: layout.columns.clone(), ..TableLayout::default() };
        let sort = layout.sort.and_then(|sort| Some((columns::sorts_by(sort.column)?, sort.descending)));
        self.view.set_sort(sort);
        self.set_filter(&layout.filter);
    }

    /// Sets the text of the filter field, and applies the filter if it is valid.
    pub(crate) fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.parse_filter();
    }

    /// Sets the time zone in which times are shown and in which the filter interprets dates.
    pub(crate) fn set_zone(&mut self, zone: &TimeZone) {
        if self.zone != *zone {
            self.zone = zone.clone();
            self.parse_filter();
        }
    }

    /// Parses the text of the filter field.
    pub(crate) fn parse_filter(&mut self) {
        match Filter::parse_in(&self.filter, &self.zone) {
            Ok(filter) => {
                self.filter_error = None;
                self.view.set_filter(filter);
            }
            Err(error) => self.filter_error = Some(error),
        }
    }
}
