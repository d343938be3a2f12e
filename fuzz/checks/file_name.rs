//! Any name that a server sends yields a safe file name.

use std::path::{Component, Path};

use crate::protocol::file_name::{MAX_LENGTH, numbered, safe_name, suggestion};

pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for name in [safe_name(&text), Some(suggestion(&text, &text, &text))].into_iter().flatten() {
        check_name(&name);
        check_parts(&numbered(&name, 2));
        assert_eq!(safe_name(&name).as_deref(), Some(&*name), "a safe name changes");
    }
}

fn check_name(name: &str) {
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
    assert!(!name.is_empty() && name.len() <= MAX_LENGTH, "its length: {name:?}");
    assert!(!name.chars().any(|c| c.is_control() || "\"*/:<>?\\|\u{202e}\u{200b}\u{feff}".contains(c)), "{name:?}");
    assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']), "its ends: {name:?}");
    let mut components = Path::new(name).components();
    assert!(matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)), "a path: {name:?}");
}
