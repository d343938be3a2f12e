//! The dialog that requests stored data: lists and searches the profile's data tokens, and requests one or many at once.
//!
//! The server sends the list in pages. The next page is requested when the end of the loaded part is visible, or, during a
//! search, until everything is loaded. Only one page is requested at a time.

pub(crate) mod list;
pub(crate) mod show;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use crate::engine::{Action, DATA_TOKENS_PER_PAGE, RestError};
use crate::protocol::{DataToken, DataTokenPage, StoredData, counted};
use crate::settings::ProfileId;
use crate::ui::profile_tab::ProfileTab;

/// The maximum number of data tokens in the list; the server's first ones are kept.
const MAX_LISTED: usize = 50_000;
/// The maximum number requested at once: more than anybody selects on purpose, and each is one call.
const MAX_SELECTED: usize = 1_000;

/// The state of the dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestData {
    profile: ProfileId,
    /// The text in the search field.
    search: String,
    /// The loaded items, in the server's order.
    all: Vec<Item>,
    /// The loaded tokens: pages shift while data is stored, so a token may come twice.
    known: HashSet<DataToken>,
    /// The items that match, as indices into `all`.
    found: Vec<usize>,
    /// The selected items, as indices into `all`.
    selected: BTreeSet<usize>,
    /// The item at the keyboard's position, as an index into `found`.
    cursor: usize,
    /// Whether to scroll to the cursor.
    reveal: bool,
    /// The total number, if the server has reported it.
    count: Option<u64>,
    stage: Stage,
    /// Whether the profile has a token.
    signed_in: bool,
    /// Whether the end of the loaded list was visible in the last frame.
    at_end: bool,
    /// Why the last attempt was refused.
    error: Option<String>,
    /// The folder where the data is saved as soon as it is ready; `None` to leave it `Ready`.
    folder: Option<PathBuf>,
}

/// One item of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    data: StoredData,
    /// The text that a search looks at, in lower case.
    text: String,
}

/// The state of loading.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// The next page has to be requested.
    Due(u32),
    /// A page was requested.
    Requested(u32),
    /// There are more pages, from this one on.
    More(u32),
    /// This page could not be loaded, with the reason as a sentence.
    Failed(u32, String),
    /// Every item is loaded, or the maximum number of them.
    Complete,
}

impl RequestData {
    /// The dialog for a profile, before anything is loaded.
    pub(crate) fn new(profile: ProfileId) -> Self {
        Self {
            profile,
            search: String::new(),
            all: Vec::new(),
            known: HashSet::new(),
            found: Vec::new(),
            selected: BTreeSet::new(),
            cursor: 0,
            reveal: false,
            count: None,
            stage: Stage::Due(1),
            signed_in: true,
            at_end: false,
            error: None,
            folder: None,
        }
    }

    /// Sets the folder that the operator has chosen.
    pub(crate) fn save_into(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }

    /// The profile whose data is listed.
    pub(crate) fn profile(&self) -> ProfileId {
        self.profile
    }

    /// Updates whether the profile is signed in: without a token nothing is requested or answered.
    pub(crate) fn refresh(&mut self, profile_tab: &ProfileTab) {
        self.signed_in = !profile_tab.is_signed_out();
        if let (false, Stage::Requested(page)) = (self.signed_in, &self.stage) {
            self.stage = Stage::Due(*page);
        }
    }

    /// The next request to the engine, if one is due.
    pub(crate) fn next_request(&mut self) -> Option<Action> {
        let page = match self.stage {
            Stage::Due(page) => page,
            Stage::More(page) if self.at_end || !self.search.trim().is_empty() => page,
            Stage::More(_) | Stage::Requested(_) | Stage::Failed(..) | Stage::Complete => return None,
        };
        if !self.signed_in {
            return None;
        }
        self.stage = Stage::Requested(page);
        Some(Action::ListDataTokens { profile: self.profile, page })
    }

    /// The engine was busy: request the page again.
    pub(crate) fn retry_later(&mut self) {
        if let Stage::Requested(page) = self.stage {
            self.stage = Stage::Due(page);
        }
    }

    /// Adds a page. Ignores one that is no longer awaited.
    pub(crate) fn take(&mut self, page: u32, answer: Result<DataTokenPage, RestError>) {
        if self.stage != Stage::Requested(page) {
            return;
        }
        match answer {
            Ok(answer) => self.add(page, answer),
            Err(why) => self.stage = Stage::Failed(page, why.to_string()),
        }
    }

    fn add(&mut self, page: u32, DataTokenPage { items, count }: DataTokenPage) {
        let (before, came) = (self.all.len(), items.len());
        for data in items {
            if self.all.len() < MAX_LISTED && self.known.insert(data.token.clone()) {
                let text = format!("{}\n{}\n{}", data.file_name, data.context, data.token.as_str()).to_lowercase();
                self.all.push(Item { data, text });
            }
        }
        self.count = count.or(self.count);
        // A server without paging returns the same page again, which adds nothing.
        let grew = self.all.len() > before;
        let full = came >= DATA_TOKENS_PER_PAGE as usize;
        let short_of_count = self.count.is_some_and(|count| (self.all.len() as u64) < count);
        let more = grew && self.all.len() < MAX_LISTED && if self.count.is_some() { short_of_count } else { full };
        self.stage = if more { Stage::More(page.saturating_add(1)) } else { Stage::Complete };
        self.at_end = false;
        let new: Vec<usize> = (before..self.all.len()).filter(|&at| self.matches(at)).collect();
        self.found.extend(new);
    }

    /// Requests the failed page again.
    fn retry(&mut self) {
        if let Stage::Failed(page, _) = self.stage {
            self.stage = Stage::Due(page);
        }
    }

    /// Whether an item contains every word of the search.
    fn matches(&self, at: usize) -> bool {
        let Some(item) = self.all.get(at) else { return false };
        self.search.split_whitespace().all(|word| item.text.contains(&word.to_lowercase()))
    }

    /// Searches again for the text in the field.
    fn find(&mut self) {
        let words: Vec<String> = self.search.split_whitespace().map(str::to_lowercase).collect();
        let fits = |item: &Item| words.iter().all(|word| item.text.contains(word));
        self.found = (0..).zip(&self.all).filter(|(_, item)| fits(item)).map(|(at, _)| at).collect();
        self.cursor = 0;
        self.reveal = true;
        self.error = None;
    }

    /// Moves the cursor.
    fn step(&mut self, by: isize) {
        let last = self.found.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
        self.reveal = true;
    }

    /// Selects a row, or deselects it.
    fn toggle(&mut self, row: usize) {
        let Some(&at) = self.found.get(row) else { return };
        self.error = None;
        if !self.selected.remove(&at) {
            self.selected.insert(at);
        }
    }

    /// Selects every match; deselects them if all are selected.
    fn toggle_all(&mut self) {
        self.error = None;
        if self.found.iter().all(|at| self.selected.contains(at)) {
            for at in &self.found {
                self.selected.remove(at);
            }
        } else {
            self.selected.extend(self.found.iter().copied());
        }
    }

    /// The items to request: the selected ones, or the cursor's row.
    ///
    /// # Errors
    ///
    /// A sentence that says what to do, if there is nothing to request, or too much.
    fn items_to_request(&self, at_row: bool) -> Result<Vec<StoredData>, String> {
        let here = self.found.get(self.cursor).filter(|_| at_row && self.selected.is_empty());
        let places = self.selected.iter().chain(here);
        let data: Vec<StoredData> = places.filter_map(|&at| Some(self.all.get(at)?.data.clone())).collect();
        self.why_not(data.len()).map_or(Ok(data), Err)
    }

    /// Why this many can't be requested now, as a sentence; `None` if they can.
    fn why_not(&self, count: usize) -> Option<String> {
        match count {
            _ if !self.signed_in => Some("Sign in first.".to_owned()),
            0 => Some("Choose what to request: a click, or Space on a row.".to_owned()),
            count if count > MAX_SELECTED => {
                Some(format!("{count} are chosen. Request at most {MAX_SELECTED} at once."))
            }
            _ => None,
        }
    }

    /// The numbers of loaded and selected items, in words.
    fn summary(&self) -> String {
        let (read, found, chosen) = (self.all.len(), self.found.len(), self.selected.len());
        let tokens = |count| counted(count, "data token");
        let of = match (&self.stage, self.count) {
            (Stage::Complete, _) if read >= MAX_LISTED => format!("the first {read} data tokens"),
            (Stage::Complete, _) => tokens(read as u64),
            (_, Some(count)) => format!("{}, {read} read", tokens(count)),
            (_, None) => format!("{} read", tokens(read as u64)),
        };
        let of = if self.search.trim().is_empty() { of } else { format!("{found} of {of}") };
        if chosen == 0 { of } else { format!("{chosen} chosen · {of}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(token: &str, name: &str) -> StoredData {
        StoredData {
            token: DataToken::new(token),
            context: "invoices".to_owned(),
            file_name: name.to_owned(),
            size: None,
            created: None,
        }
    }

    fn page(from: usize, rows: usize, count: Option<u64>) -> DataTokenPage {
        let one = |number| data(&format!("dtk-{number}"), &format!("{number}.pdf"));
        DataTokenPage { items: (from..from + rows).map(one).collect(), count }
    }

    #[track_caller]
    fn requested_page(dialog: &mut RequestData) -> Option<u32> {
        dialog.next_request().map(|action| match action {
            Action::ListDataTokens { page, .. } => page,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn the_next_page_is_requested_at_the_end_of_the_list_or_during_a_search() {
        let mut dialog = RequestData::new(ProfileId::random());
        assert_eq!(requested_page(&mut dialog), Some(1));
        assert_eq!(requested_page(&mut dialog), None, "two at a time");
        dialog.take(1, Ok(page(0, 100, Some(250))));
        assert_eq!(requested_page(&mut dialog), None, "nobody needs it yet");
        dialog.at_end = true;
        assert_eq!(requested_page(&mut dialog), Some(2));
        dialog.take(2, Ok(page(100, 100, Some(250))));
        dialog.search = "249.pdf".to_owned();
        dialog.find();
        assert!(dialog.found.is_empty(), "not read yet");
        assert_eq!(requested_page(&mut dialog), Some(3));
        dialog.take(3, Ok(page(200, 50, Some(250))));
        assert_eq!(dialog.found, [249]);
        assert_eq!((requested_page(&mut dialog), dialog.stage), (None, Stage::Complete));
    }

    #[test]
    fn a_server_without_pages_is_asked_twice_and_not_again() {
        let mut dialog = RequestData::new(ProfileId::random());
        for number in 1..=2 {
            dialog.at_end = true;
            assert_eq!(requested_page(&mut dialog), Some(number));
            dialog.take(number, Ok(page(0, 100, None)));
        }
        dialog.at_end = true;
        assert_eq!(requested_page(&mut dialog), None);
        assert_eq!(dialog.all.len(), 100, "listed twice");
    }

    #[test]
    fn every_word_is_searched_in_name_context_and_token_ignoring_case() {
        let mut dialog = RequestData::new(ProfileId::random());
        assert!(requested_page(&mut dialog).is_some());
        dialog.take(1, Ok(page(0, 20, None)));
        for (search, found) in [("", 20), ("INVOICES 7.PDF", 2), ("dtk-19", 1), ("dtk-1 7.", 1), ("absent", 0)] {
            dialog.search = search.to_owned();
            dialog.find();
            assert_eq!(dialog.found.len(), found, "{search:?}");
        }
    }

    #[test]
    fn a_selection_stays_while_the_search_changes() {
        let mut dialog = RequestData::new(ProfileId::random());
        assert!(requested_page(&mut dialog).is_some());
        dialog.take(1, Ok(page(0, 20, None)));
        dialog.toggle(3);
        dialog.search = "19.pdf".to_owned();
        dialog.find();
        dialog.toggle_all();
        let names: Vec<String> =
            dialog.items_to_request(true).unwrap().into_iter().map(|data| data.file_name).collect();
        assert_eq!(names, ["3.pdf", "19.pdf"]);
        dialog.toggle_all();
        assert_eq!(dialog.summary(), "1 chosen · 1 of 20 data tokens");
    }

    #[test]
    fn a_failed_page_is_requested_again_only_by_the_operator() {
        let mut dialog = RequestData::new(ProfileId::random());
        assert!(requested_page(&mut dialog).is_some());
        dialog.take(1, Err(RestError::TimedOut { host: "localhost".to_owned() }));
        assert_eq!(requested_page(&mut dialog), None);
        dialog.retry();
        assert_eq!(requested_page(&mut dialog), Some(1));
        dialog.retry_later();
        assert_eq!(requested_page(&mut dialog), Some(1), "a busy engine is asked again");
    }
}
