use super::*;

#[test]
fn what_went_is_said_in_a_sentence() {
    let told = sentence(1_200, 3_000_000, Some(Timestamp(1_700_000_000_000_000)));
    assert!(told.starts_with("1200 entries (3.0 MB) went out of the journal"), "{told}");
    assert!(told.contains("It now begins on 2023-11-1"), "{told}");
    assert!(sentence(1, 1, None).ends_with("It is empty now."), "{}", sentence(1, 1, None));
}
