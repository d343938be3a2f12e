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

/// Runs `check` on every input that broke `target`.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/fuzz/failing_inputs/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect(&folder) {
        check(&std::fs::read(entry.expect("an entry").path()).expect("bytes"));
        count += 1;
    }
    assert!(count > 0, "{folder} is empty");
}

#[test]
fn inputs_that_once_broke_a_fuzz_target_no_longer_do() {
    replay("frames", frames::check);
    replay("rest_answers", rest_answers::check);
    replay("filter", filter::check);
    replay("content_disposition", content_disposition::check);
    replay("settings", settings::check);
    replay("journal_records", journal_records::check);
}
