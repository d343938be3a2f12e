//! Unexpected input: values that begin with a minus, settings with errors, secrets from files, names of profiles that the
//! settings do not list, and CSV for spreadsheets.

use super::Privicore;
use super::program::{Home, contents};

#[test]
fn a_filter_or_a_label_may_begin_with_a_minus() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--json", "--filter", "-status:failed", "--exit-on", "final:c-3"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 3, "no");
    privicore.outcome("c-2", 2, "");
    privicore.outcome("c-3", 2, "");
    assert_eq!(watch.json()["id"], "c-2", "what fails was not left out");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    home.run(&["track", "--label", "-night", "c-9"]).with(0);
    let labelled = home.run(&["export", "--format", "ndjson", "--filter", "label:-night"]).with(0).json();
    assert_eq!(labelled.len(), 1, "{labelled:?}");
    assert_eq!(home.run(&["export", "--format", "ndjson", "--filter", "-status:failed"]).with(0).json().len(), 3);
    let usage = home.run(&["export", "--format", "csv", "--since", "-1h"]).with(2);
    assert!(usage.said.contains("Write a time such as"), "{}", usage.said);
}

#[test]
fn read_only_subcommands_change_no_settings_and_report_invalid_ones_once() {
    let home = Home::new();
    for text in [
        "[preferences]\ntheme = \"pink\"\n[[profiles]]\nid = \"5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f01\"\nname = \"ops\"\n",
        "[preferences]\ntheme = pink\n[[profiles]]\nid = \"5b0e7f3e-6f8c-4d43-9f6f-7b1b3a1f4f01\"\nname = \"ops\"\n",
    ] {
        std::fs::write(home.folder("config/settings.toml"), text).expect("written");
        let before = contents(&home.folder("config"));
        for line in [
            &["export", "--format", "csv", "--profile", "ops"][..],
            &["track", "--profile", "ops", "c-1"],
            &["export", "--format", "ndjson"],
        ] {
            let run = home.run(line).with(0);
            assert_eq!(run.said.matches("settings.toml").count(), 1, "{line:?}: {}", run.said);
            assert_eq!(contents(&home.folder("config")), before, "{line:?} changed something");
        }
        let lines = home.run(&["export", "--format", "ndjson"]).with(0).json();
        assert_eq!(lines[0]["profile"], "ops", "the profile has lost its name");
    }
}

#[test]
fn a_password_that_ends_with_a_line_break_is_refused_with_the_reason() {
    let privicore = Privicore::start();
    for (added, wanted) in [
        ("\n", "The password ends with a line break"),
        ("\r\n", "The password ends with a line break"),
        (" ", "The password ends with a space"),
        ("\u{200b}", "The password has an invisible character in it"),
        ("x", ""),
    ] {
        let mut home = Home::of(privicore.running());
        home.set("PRIVICORE_PASSWORD", &format!("{}{added}", privicore_monitor::sandbox::PASSWORD));
        let run = home.run(&["watch", "--exit-on", "final:c-1"]).with(3);
        assert!(run.said.contains("The server refused to sign in"), "{}", run.said);
        assert_eq!(
            run.said.contains("which may have come along when it was copied"),
            !wanted.is_empty(),
            "{}",
            run.said
        );
        assert!(run.said.contains(wanted), "{added:?}: {}", run.said);
    }
    let mut home = Home::of(privicore.running());
    let name = format!("{}\n", privicore_monitor::sandbox::DEMO_USERNAME);
    home.set("PRIVICORE_USERNAME", &name);
    let mut watch = home.start(&["watch", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
}

#[test]
fn an_export_names_a_profile_as_watch_does() {
    let privicore = Privicore::start();
    let mut home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "");
    let named = watch.json()["profile"].clone();
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    home.remove_environment();
    let export = home.run(&["export", "--format", "ndjson"]).with(0).json();
    assert_eq!(export[0]["profile"], named, "the export goes by another name");
    let name = named.as_str().expect("text");
    assert_eq!(home.run(&["export", "--format", "ndjson", "--profile", name]).with(0).json(), export);
}

#[test]
fn csv_begins_with_a_byte_order_mark_on_request() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 3, "＝1+1 Größe");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let plain = home.run(&["export", "--format", "csv"]).with(0).out;
    assert!(plain.starts_with("kind,") && plain.contains(",'＝1+1 Größe,"), "{plain}");
    assert_eq!(home.run(&["export", "--format", "csv", "--bom"]).with(0).out, format!("\u{feff}{plain}"));
    let file = home.folder("out.csv");
    home.run(&["export", "--bom", "--format", "csv", file.to_str().expect("text")]).with(0);
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), format!("\u{feff}{plain}"));
    home.run(&["export", "--format", "ndjson", "--bom"]).with(2);
}

#[test]
fn a_date_is_a_day_in_utc_wherever_the_computer_is() {
    let privicore = Privicore::start();
    let mut home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let exported = home.run(&["export", "--format", "ndjson"]).with(0).json();
    // Not the test's own clock: midnight may pass between the two.
    let day = exported[0]["at"].as_str().and_then(|at| at.get(..10)).expect("a time").to_owned();
    for zone in ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"] {
        home.set("TZ", zone);
        let since = home.run(&["export", "--format", "ndjson", "--since", &day]).with(0);
        assert_eq!(since.json(), exported, "{zone}");
        let filtered = home.run(&["export", "--format", "ndjson", "--filter", &format!("since:{day}")]).with(0);
        assert_eq!(filtered.json(), exported, "{zone}");
    }
    assert!(home.run(&["export", "--help"]).with(0).out.contains("UTC"), "the help does not say it");
}
