//! What comes after an outcome: another delivery opens an activity again, and a repeat does not. Every view says so.

use super::*;

/// Writes a gap across which a data request was open.
fn gap_across(bench: &mut Bench, request: &str) {
    bench.write(data(request, false));
    bench.lose(1_000);
    bench.pass(5);
    bench.join(1_000, false);
}

/// Asserts that every view says the same, and returns what they say.
fn told_by_all(bench: Bench) -> BTreeMap<String, String> {
    let [window, others @ ..] = bench.told(60);
    for told in others {
        assert_eq!(told, window);
    }
    window
}

/// REVIEW A8.
#[test]
fn a_token_after_a_link_opens_a_recovered_gap_again_in_every_view() {
    let mut bench = Bench::new();
    gap_across(&mut bench, "r-0");
    bench.write(data("r-0", true));
    bench.pass(20);
    let last = messages(&mut bench).pop();
    assert_eq!(last.as_deref(), Some("Disconnected: nothing known is missing, 1 of 1 data request heard"));
    bench.write(token("r-0"));
    let told = told_by_all(bench);
    let gap = told.values().find(|line| line.contains(r#""kind":"gap""#)).unwrap();
    assert!(gap.contains("acknowledgements may be missing, 1 data request cannot be asked for"), "{gap}");
    assert_eq!(told["r-0"], "Preparing");
}

/// REVIEW A8.
#[test]
fn a_download_does_not_undo_that_its_data_was_heard_of() {
    let mut bench = Bench::new();
    gap_across(&mut bench, "r-0");
    bench.write(data("r-0", true));
    bench.pass(20);
    messages(&mut bench);
    let fetching = LocalEvent::Fetching { to: "/tmp/a".to_owned(), part: None, links: Vec::new() };
    bench.write(Entry::ours(Timestamp(0), ActivityKey::Data("r-0".into()), Fact::Done(fetching)));
    bench.pass(20);
    assert_eq!(messages(&mut bench), [""; 0]);
    let row = bench.window.gaps().next().unwrap();
    assert!(bench.window.gap(row).unwrap().is_recovered());
    let lines = of_export(bench.folder.path(), false, second(bench.at));
    assert!(lines.values().any(|line| line.contains("nothing known is missing")), "{lines:?}");
}
