//! Replays inputs that once broke a fuzz target, in every test run: see `fuzz/failing_inputs`.

#![expect(
    clippy::disallowed_methods,
    clippy::duplicate_mod,
    reason = "checks fail by panicking, make files of their own, and take one file of the journal as the fuzz targets do"
)]

#[path = "checks/content_disposition.rs"]
mod content_disposition;
#[expect(dead_code, reason = "the journal has more use of it")]
#[path = "../src/journal/file/entry_codec.rs"]
mod entry_codec;
#[path = "checks/file_name.rs"]
mod file_name;
#[path = "checks/filter.rs"]
mod filter;
#[path = "checks/frames.rs"]
mod frames;
#[path = "checks/journal_records.rs"]
mod journal_records;
#[path = "checks/rest_answers.rs"]
mod rest_answers;
#[path = "checks/settings.rs"]
mod settings;

/// What a target does with an input.
type Check = fn(&[u8]);

/// Every fuzz target with its check.
const CHECKS: [(&str, Check); 7] = [
    ("content_disposition", content_disposition::check),
    ("file_name", file_name::check),
    ("filter", filter::check),
    ("frames", frames::check),
    ("journal_records", journal_records::check),
    ("rest_answers", rest_answers::check),
    ("settings", settings::check),
];

/// The files of a folder below `fuzz`, sorted.
fn files(folder: &str) -> Vec<std::path::PathBuf> {
    let folder = format!("{}/fuzz/{folder}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(&folder).expect(&folder);
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn inputs_that_once_broke_a_fuzz_target_no_longer_do() {
    for (target, check) in CHECKS {
        let inputs = files(&format!("failing_inputs/{target}"));
        assert!(!inputs.is_empty(), "{target} has no input");
        for input in inputs {
            check(&std::fs::read(input).expect("bytes"));
        }
    }
}

#[test]
fn every_fuzz_target_is_replayed() {
    let targets: Vec<_> =
        files("fuzz_targets").iter().filter_map(|file| file.file_stem()?.to_str().map(str::to_owned)).collect();
    assert_eq!(targets, CHECKS.map(|(target, _)| target));
}
