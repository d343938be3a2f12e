//! What comes after an outcome: another delivery opens an activity again, and a repeat does not. Every view says so.

use super::*;

/// Writes a gap across which a data request was open.
fn gap_across(fixture: &mut Fixture, request: &str) {
    fixture.write(data(request, false));
    fixture.lose(1_000);
    fixture.pass(5);
    fixture.join(1_000, false);
}

/// Asserts that every view says the same, and returns what they say.
fn agreed_lines(fixture: Fixture) -> BTreeMap<String, String> {
    let [window, others @ ..] = fixture.final_lines(60);
    for lines in others {
        assert_eq!(lines, window);
    }
    window
}

#[test]
fn a_token_after_a_link_opens_a_recovered_gap_again_in_every_view() {
    let mut fixture = Fixture::new();
    gap_across(&mut fixture, "r-0");
    fixture.write(data("r-0", true));
    fixture.pass(20);
    let last = messages(&mut fixture).pop();
    assert_eq!(last.as_deref(), Some("Disconnected: nothing known is missing, 1 of 1 data request heard"));
    fixture.write(token("r-0"));
    let lines = agreed_lines(fixture);
    let gap = lines.values().find(|line| line.contains(r#""kind":"gap""#)).unwrap();
    assert!(gap.contains("acknowledgements may be missing, 1 data request cannot be asked for"), "{gap}");
    assert_eq!(lines["r-0"], "Preparing");
}

#[test]
fn a_command_that_the_server_does_not_know_after_another_status_is_recovered_no_more() {
    // A status that this program does not know settles a command; a later answer of a status check replaces it.
    for (settled, last) in [
        (command("c-0", 4), status_checked("c-0", StatusCheck::Unknown)),
        (status_checked("c-0", known(4)), status_checked("c-0", StatusCheck::Unknown)),
        (command("c-0", 4), command("c-0", 1)),
    ] {
        let mut fixture = Fixture::new();
        fixture.write(command("c-0", 1));
        fixture.lose(1_000);
        fixture.pass(5);
        fixture.join(1_000, false);
        fixture.write(settled);
        fixture.pass(20);
        let printed = messages(&mut fixture).pop();
        assert_eq!(printed.as_deref(), Some("Disconnected: nothing known is missing, 1 of 1 recovered"));
        fixture.write(last);
        let lines = agreed_lines(fixture);
        let gap = lines.values().find(|line| line.contains(r#""kind":"gap""#)).unwrap();
        assert!(gap.contains("acknowledgements may be missing, 0 of 1 recovered"), "{gap}");
    }
}

#[test]
fn a_download_does_not_undo_that_its_data_arrived() {
    let mut fixture = Fixture::new();
    gap_across(&mut fixture, "r-0");
    fixture.write(data("r-0", true));
    fixture.pass(20);
    messages(&mut fixture);
    let fetching = LocalEvent::Fetching { to: "/tmp/a".to_owned(), part: None, links: Vec::new() };
    fixture.write(Entry::local(Timestamp(0), ActivityKey::Data("r-0".into()), Fact::Local(fetching)));
    fixture.pass(20);
    assert_eq!(messages(&mut fixture), [""; 0]);
    let row = fixture.window.gaps().next().unwrap();
    assert!(fixture.window.gap(row).unwrap().is_recovered());
    let lines = of_export(fixture.folder.path(), false, second(fixture.at));
    assert!(lines.values().any(|line| line.contains("nothing known is missing")), "{lines:?}");
}

#[test]
fn a_repeat_after_a_link_expired_opens_nothing_in_any_view() {
    for repeat in [data("r-0", false), stream_ready("r-0")] {
        let mut fixture = Fixture::new();
        fixture.write(data("r-0", true));
        fixture.pass(3_000);
        // The journal notes that the link has expired.
        fixture.purge();
        fixture.write(repeat);
        let open = fixture.runtime.block_on(fixture.journal.open_activities(profile())).unwrap();
        assert_eq!(open, []);
        assert_eq!(agreed_lines(fixture), BTreeMap::new());
    }
}

#[test]
fn a_command_the_server_no_longer_knows_keeps_its_outcome() {
    for later in [status_checked("c-0", StatusCheck::Unknown), command("c-0", 4)] {
        let mut fixture = Fixture::new();
        fixture.write(command("c-0", 1));
        fixture.write(command("c-0", 2));
        fixture.pass(6_000);
        fixture.write(later);
        fixture.pass(2_000);
        fixture.purge();
        fixture.write(command("c-0", 1));
        assert_eq!(agreed_lines(fixture), BTreeMap::new());
    }
}
