//! How a profile's activities are looked at: columns, sort and filter.

use jiff::tz::TimeZone;

use crate::activity::Filter;
use crate::settings::TableLayout;
use crate::ui::view_state::columns;

use super::ProfileTab;

impl ProfileTab {
    /// How its activities are looked at now. A filter that can't be read does not count.
    pub(crate) fn look(&self) -> TableLayout {
        let filter = if self.filter_error.is_some() { self.view.filter().to_string() } else { self.filter.clone() };
        let sort = self.view.sort().map(columns::remembered);
        TableLayout { columns: self.columns.columns.clone(), sort, filter: filter.trim().to_owned() }
    }

    /// Looks at its activities so.
    pub(crate) fn show_look(&mut self, look: &TableLayout) {
        self.columns = TableLayout { columns: look.columns.clone(), ..TableLayout::default() };
        let sort = look.sort.and_then(|sort| Some((columns::sorts_by(sort.column)?, sort.descending)));
        self.view.set_sort(sort);
        self.set_filter(&look.filter);
    }

    /// Takes another filter into the field, and into the view where it can be read.
    pub(crate) fn set_filter(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.read_filter();
    }

    /// Shows times in this zone from now on: in it, a date in the filter is a day.
    pub(crate) fn set_zone(&mut self, zone: &TimeZone) {
        if self.zone != *zone {
            self.zone = zone.clone();
            self.read_filter();
        }
    }

    /// Reads what stands in the filter's field.
    pub(crate) fn read_filter(&mut self) {
        match Filter::parse_in(&self.filter, &self.zone) {
            Ok(filter) => {
                self.filter_error = None;
                self.view.set_filter(filter);
            }
            Err(error) => self.filter_error = Some(error),
        }
    }
}
