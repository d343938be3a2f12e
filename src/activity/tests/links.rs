//! Links that were used or refused: a row claims no more than what is known.

use super::*;

fn link(seq: u64, id: &str) -> Entry {
    data(seq, id, 1, "https://h/…?auth=hidden")
}

fn status(entries: &[Entry]) -> Status {
    let mut backwards = entries.to_vec();
    backwards.reverse();
    let statuses = [entries, &backwards].map(|entries| status_of(&applied(entries), &ActivityKey::Data("r".into())));
    assert_eq!(statuses[0], statuses[1], "it depends on the order in which entries are read");
    statuses[0]
}

#[test]
fn a_repeated_link_does_not_make_a_row_ready_again_and_another_link_does() {
    for (ends, wanted) in [
        (vec![], Status::Downloading),
        (vec![not_saved(3, "r", DownloadFailure::Broken)], Status::Failed),
        (vec![not_saved(3, "r", DownloadFailure::Cancelled)], Status::LinkUsed),
        (vec![not_saved(3, "r", DownloadFailure::Refused)], Status::LinkExpired),
        (vec![saved(3, "r")], Status::Saved),
    ] {
        let used: Vec<Entry> = [link(1, "r"), fetching(2, "r")].into_iter().chain(ends).collect();
        let and = |more: &[Entry]| status(&[used.as_slice(), more].concat());
        assert_eq!(and(&[]), wanted);
        assert_eq!(and(&[repeated(4, "r"), repeated(5, "r")]), wanted);
        let fresh = if wanted == Status::Saved { wanted } else { Status::Ready };
        assert_eq!(and(&[link(4, "r")]), fresh);
        assert_eq!(and(&[repeated(4, "r"), link(5, "r")]), fresh, "another link behind it");
    }
    assert_eq!(status(&[repeated(1, "r")]), Status::LinkUsed, "the rest of it is no longer there");
}

#[test]
fn a_link_refused_at_its_first_get_is_not_shown_as_used() {
    let sentence = "The server answered with status 403: “No.” This monitor has not requested it before.";
    for (why, wanted) in [
        (DownloadFailure::Refused, Status::LinkExpired),
        (DownloadFailure::LinkExpired, Status::LinkExpired),
        (DownloadFailure::LinkUsed, Status::LinkUsed),
    ] {
        let ended = local_event(3, "r", LocalEvent::NotSaved { why, sentence: sentence.to_owned(), part: None });
        let activities = applied(&[link(1, "r"), fetching(2, "r"), ended]);
        let row = activities.get(RowId::nth(0)).expect("a row");
        assert_eq!((row.status(), row.message().as_ref()), (wanted, sentence));
    }
}
