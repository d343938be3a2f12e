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
fn agreed_lines(bench: Bench) -> BTreeMap<String, String> {
    let [window, others @ ..] = bench.final_lines(60);
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
    let told = agreed_lines(bench);
    let gap = told.values().find(|line| line.contains(r#""kind":"gap""#)).unwrap();
    assert!(gap.contains("acknowledgements may be missing, 1 data request cannot be asked for"), "{gap}");
    assert_eq!(told["r-0"], "Preparing");
}

/// REVIEW A8.
#[test]
fn a_download_does_not_undo_that_its_data_arrived() {
    let mut bench = Bench::new();
    gap_across(&mut bench, "r-0");
    bench.write(data("r-0", true));
    bench.pass(20);
    messages(&mut bench);
    let fetching = LocalEvent::Fetching { to: "/tmp/a".to_owned(), part: None, links: Vec::new() };
    bench.write(Entry::local(Timestamp(0), ActivityKey::Data("r-0".into()), Fact::Local(fetching)));
    bench.pass(20);
    assert_eq!(messages(&mut bench), [""; 0]);
    let row = bench.window.gaps().next().unwrap();
    assert!(bench.window.gap(row).unwrap().is_recovered());
    let lines = of_export(bench.folder.path(), false, second(bench.at));
    assert!(lines.values().any(|line| line.contains("nothing known is missing")), "{lines:?}");
}

#[test]
fn a_repeat_after_a_link_expired_opens_nothing_in_any_view() {
    for repeat in [data("r-0", false), stream_ready("r-0")] {
        let mut bench = Bench::new();
        bench.write(data("r-0", true));
        bench.pass(3_000);
        // The journal notes that the link has expired.
        bench.purge();
        bench.write(repeat);
        let open = bench.runtime.block_on(bench.journal.open_activities(profile())).unwrap();
        assert_eq!(open, []);
        assert_eq!(agreed_lines(bench), BTreeMap::new());
    }
}

#[test]
fn a_command_the_server_no_longer_knows_keeps_its_outcome() {
    for later in [status_checked("c-0", StatusCheck::Unknown), command("c-0", 4)] {
        let mut bench = Bench::new();
        bench.write(command("c-0", 1));
        bench.write(command("c-0", 2));
        bench.pass(6_000);
        bench.write(later);
        bench.pass(2_000);
        bench.purge();
        bench.write(command("c-0", 1));
        assert_eq!(agreed_lines(bench), BTreeMap::new());
    }
}
