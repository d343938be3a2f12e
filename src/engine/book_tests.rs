use super::*;
use crate::activity::{Moment, Seq};
use crate::protocol::incoming::{Incoming, parse};

fn told(seq: u64, id: &str, status: i64) -> Entry {
    let raw = format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"{id}","command_status":{status}}}}}"#);
    let Incoming::Message(message) = parse(&raw) else { panic!("{raw}") };
    let fact = Fact::Heard(message);
    Entry { seq: Seq(seq), at: Moment(0), key: ActivityKey::Command(id.into()), fact, raw: raw.into() }
}

fn open(book: &Book) -> Vec<String> {
    book.open().0.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_restored_newest_first_is_open_only_without_an_outcome_anywhere() {
    let book = Book::default();
    book.restore(&[told(5, "settled", 2), told(6, "repeated", 1), told(7, "open", 1)]);
    book.note(&[told(9, "live", 2)]);
    book.restore(&[told(1, "settled", 1), told(2, "repeated", 3), told(3, "live", 1), told(4, "open", 1)]);
    assert!(book.restored().is_none());
    assert_eq!(open(&book), ["open"]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_open_commands_is_bounded_and_told() {
    let book = Book::default();
    let entries: Vec<Entry> = (0..MOST + 5).map(|n| told(n as u64, &n.to_string(), 1)).collect();
    book.note(&entries);
    assert_eq!(book.open().0.len(), MOST);
    assert_eq!(book.shortfalls(), (0, 5));
    assert_eq!(book.shortfalls(), (0, 0), "told");
}

#[tokio::test(start_paused = true)]
async fn a_late_repeated_pending_opens_nothing() {
    let book = Book::default();
    book.note(&[told(1, "c", 2), told(2, "c", 1)]);
    assert!(open(&book).is_empty());
}
