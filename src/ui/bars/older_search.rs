//! The search for older rows that are not in memory. It is offered while a filter may miss some, shows its progress, and can be
//! cancelled. The rows that it finds stay in the table until another filter is searched for.

use egui::{Id, Pos2, Rect, Ui, pos2, vec2};

use crate::activity::{ActivityKey, Entry, Seq};
use crate::engine::{Action, SearchEnd};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::grouped;
use crate::ui::theme::TextRole;
use crate::ui::view_state::older_search::OlderSearch;
use crate::ui::widgets::{self, Button};

/// The space before the button.
const SPACE: f32 = 12.0;
/// The width of the progress bar.
const BAR: f32 = 72.0;

impl ProfileTab {
    /// Whether the journal may have matching rows that are not in memory and were not searched for yet.
    fn can_search_older(&self) -> bool {
        let OlderSearch { percent, end, .. } = &self.older;
        let is_searched = matches!(end, Some(SearchEnd::Complete | SearchEnd::TooMany));
        let some_are_older = self.activities.total_rows() > self.activities.len() || self.activities.has_cut_texts();
        !self.is_all() && self.view.is_filtered() && some_are_older && percent.is_none() && !is_searched
    }

    /// Starts the search.
    pub(crate) fn search_older(&mut self) -> Option<Action> {
        if !self.can_search_older() {
            return None;
        }
        let (filter, status_filter) = (self.view.filter().clone(), self.view.status_filter());
        let number = self.older.number.wrapping_add(1);
        self.older = OlderSearch {
            number,
            filters: Some((filter.clone(), status_filter)),
            percent: Some(0),
            ..OlderSearch::default()
        };
        // A truncated text may belong to any row.
        let all = self.activities.has_cut_texts();
        let before = if all { Seq::FIRST_UNPERSISTED } else { self.activities.older_than() };
        Some(Action::SearchOlder { profile: self.profile.id, search: number, filter, status_filter, before })
    }

    /// Cancels the search, and keeps the rows found so far. `None` if no search runs.
    pub(crate) fn cancel_search(&mut self) -> Option<Action> {
        self.older.percent.take().map(|_| Action::CancelSearch(self.profile.id))
    }

    /// Cancels the search if the filter has changed, and drops the rows that it found.
    pub(crate) fn update_search(&mut self) -> Option<Action> {
        let (filter, status_filter) = self.older.filters.as_ref()?;
        if filter == self.view.filter() && *status_filter == self.view.status_filter() {
            return None;
        }
        let cancel = self.cancel_search();
        self.older = OlderSearch { number: self.older.number, ..OlderSearch::default() };
        self.activities.release_found();
        cancel
    }

    /// Adds the rows that the search found.
    pub(crate) fn add_found(
        &mut self,
        search: u32,
        rows: &[(ActivityKey, Vec<Entry>)],
        percent: u8,
        end: Option<SearchEnd>,
    ) {
        if search != self.older.number || self.older.percent.is_none() {
            return;
        }
        for (key, entries) in rows {
            self.activities.add_found(key, entries);
        }
        self.older.found += rows.len();
        self.older.percent = if end.is_some() { None } else { Some(percent) };
        self.older.end = end;
    }

    /// The search's text in the status bar.
    pub(crate) fn search_text(&self) -> Option<String> {
        let OlderSearch { percent, found, end, .. } = &self.older;
        match (percent, end) {
            (Some(_), _) => Some("searching older…".to_owned()),
            (None, Some(SearchEnd::TooMany)) => Some(format!("the newest {} older ones are shown", grouped(*found))),
            (None, Some(SearchEnd::Failed)) => Some("the journal can't be searched".to_owned()),
            (None, Some(SearchEnd::Complete) | None) => None,
        }
    }
}

/// The button that starts or cancels the search.
fn button(profile_tab: &ProfileTab) -> Option<Button<'static>> {
    let words = match profile_tab.older.percent {
        Some(_) => "Cancel search",
        None if profile_tab.can_search_older() => "Search older…",
        None => return None,
    };
    Some(Button::new(words).face(TextRole::Caption).height(20.0))
}

/// The width of the button and the progress bar, with the space before them; 0 if there is no button.
pub(crate) fn width(ui: &Ui, profile_tab: &ProfileTab) -> f32 {
    let bar = if profile_tab.older.percent.is_some() { BAR + 8.0 } else { 0.0 };
    button(profile_tab).map_or(0.0, |button| SPACE + bar + button.width(ui))
}

/// Draws the button and the progress bar at a position in the status bar.
pub(crate) fn show(ui: &mut Ui, profile_tab: &ProfileTab, at: Pos2, frame: &mut FrameContext) {
    let Some(button) = button(profile_tab) else { return };
    let at = pos2(at.x + SPACE, at.y);
    if let Some(percent) = profile_tab.older.percent {
        let bar = Rect::from_min_size(pos2(at.x, at.y - 3.0), vec2(BAR, 6.0));
        let fraction = f32::from(percent) / 100.0;
        widgets::progress(ui, bar, Id::unique("search"), "Searching older messages", Some(fraction));
        if button.at(ui, pos2(bar.right() + 8.0, at.y)).clicked() {
            frame.request(UiRequest::CancelSearch);
        }
    } else if button.at(ui, at).on_hover_text("Search the journal for what is not in memory.").clicked() {
        frame.request(UiRequest::SearchOlder);
    }
}
