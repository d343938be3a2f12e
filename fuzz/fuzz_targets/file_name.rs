//! Any name that a server sends yields a safe file name.
//!
//! The source file itself is included, so that a run builds this one file and not the whole program: `cargo fuzz run
//! file_name`, or, without nightly Rust, `fuzz/run`.

#![no_main]

#[path = "../../src/protocol/file_name/mod.rs"]
mod file_name;

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for name in [
        file_name::safe_name(&text),
        Some(file_name::suggestion(&text, &text, &text)),
    ]
    .into_iter()
    .flatten()
    {
        check(&name);
        check_parts(&file_name::numbered(&name, 2));
        assert_eq!(file_name::safe_name(&name).as_deref(), Some(&*name), "a safe name changes");
    }
});

fn check(name: &str) {
    check_parts(name);
    let lower = name.to_lowercase();
    for runs in [".lnk", ".desktop", ".url", ".exe", ".bat", ".js", ".webloc"] {
        assert!(!lower.ends_with(runs), "it runs: {name:?}");
    }
    let stem = lower.split('.').next().unwrap_or_default();
    assert!(!["con", "nul", "aux", "prn", "com1", "lpt9"].contains(&stem.trim_end()), "a device: {name:?}");
}

/// What holds for each name, with or without a number appended.
fn check_parts(name: &str) {
    assert!(!name.is_empty() && name.len() <= file_name::MAX_LENGTH, "its length: {name:?}");
    assert!(!name.chars().any(|c| c.is_control() || "\"*/:<>?\\|\u{202e}\u{200b}\u{feff}".contains(c)), "{name:?}");
    assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']), "its ends: {name:?}");
    let mut components = Path::new(name).components();
    assert!(matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)), "a way: {name:?}");
}
