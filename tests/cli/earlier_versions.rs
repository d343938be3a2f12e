//! Files that earlier versions wrote: today's `export` prints what theirs printed.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::program::Home;

/// The folder with the files that the program wrote at this commit.
fn fixture(commit: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(commit)
}

/// A home that contains these files.
fn home_of(fixture: &Path) -> Home {
    let home = Home::new();
    for (file, folder) in [("journal.sqlite", "data"), ("settings.toml", "config")] {
        std::fs::copy(fixture.join(file), home.folder(folder).join(file)).expect("a copy");
    }
    home
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a text")
}

/// Requests whose links were refused: that version reported that another client may have the data, and that the links were
/// used.
const REFUSED: [&str; 2] = ["r-spent-elsewhere", "r-warning-read"];

/// Every line as JSON, without the texts of gaps and refused links, whose wording has changed.
fn records(lines: &str) -> Vec<Value> {
    let mut records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for record in &mut records {
        let is_refused = record["id"].as_str().is_some_and(|id| REFUSED.contains(&id));
        if is_refused || record["kind"] == "gap" {
            record["message"].take();
        }
        if is_refused {
            record["status"].take();
        }
    }
    records
}

#[test]
fn the_journal_of_20094b1_is_exported_as_that_version_exported_it() {
    let fixture = fixture("20094b1");
    let home = home_of(&fixture);
    for (name, more) in [("export", None), ("messages", Some("--messages"))] {
        let export = |format| {
            let arguments = ["export", "--format", format].into_iter().chain(more).collect::<Vec<_>>();
            home.run(&arguments).with(0).out
        };
        let expected = records(&text(&fixture.join(format!("{name}.ndjson"))));
        assert!(expected.len() > 50, "the fixture was not found");
        let found = records(&export("ndjson"));
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(found.len(), expected.len(), "{name}: {found:#?}");

        // In CSV, these lines are left out as a whole.
        let rows = |text: &str| {
            text.lines()
                .filter(|line| !line.starts_with("gap,") && !REFUSED.iter().any(|id| line.contains(id)))
                .map(str::to_owned)
                .collect()
        };
        // Since then, a cell shows characters that would change the direction of writing.
        let expected = text(&fixture.join(format!("{name}.csv"))).replace('\u{202e}', "\\u{202e}");
        let expected: Vec<String> = rows(&expected);
        let found: Vec<String> = rows(&export("csv"));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn the_settings_of_20094b1_name_the_profiles_of_its_journal() {
    let home = home_of(&fixture("20094b1"));
    for (profile, id) in [("ops", "c-pending"), ("audit 監査 🔎", "a-pending")] {
        let lines = home.run(&["--profile", profile, "export", "--format", "ndjson"]).with(0).json();
        assert!(lines.iter().all(|line| line["profile"] == profile), "{lines:#?}");
        assert!(lines.iter().any(|line| line["id"] == id), "{lines:#?}");
    }
    let before = text(&fixture("20094b1").join("settings.toml"));
    assert_eq!(text(&home.folder("config/settings.toml")), before, "a command that only reads wrote the settings");
}
