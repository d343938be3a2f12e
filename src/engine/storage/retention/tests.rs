use super::*;

#[test]
fn purged_entries_are_reported_in_a_sentence() {
    let sentence = |entries, size, oldest_left| NoticeReason::Purged { entries, size, oldest_left }.to_string();
    let some = sentence(1_200, 3_000_000, Some(Timestamp(1_700_000_000_000_000)));
    assert!(some.starts_with("Removed 1200 entries (3.0 MB) from the journal"), "{some}");
    assert!(some.contains("It now begins on 2023-11-1"), "{some}");
    let none = sentence(1, 1, None);
    assert!(none.ends_with("It is empty now."), "{none}");
}
