//! Older formats are migrated.

use crate::journal::file::schema;

use super::*;

/// A journal as the first version created it: its own statements, and two entries as it wrote them.
const FORMAT_1: &str = "
    PRAGMA journal_mode = wal;
    BEGIN;
    CREATE TABLE profile (number INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE) STRICT;
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY,
        profile INTEGER NOT NULL,
        at INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        id ANY NOT NULL,
        payload TEXT NOT NULL
    ) STRICT;
    CREATE INDEX entry_of_profile ON entry (profile);
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO counter VALUES ('seq', 41);
    PRAGMA application_id = 1349930351;
    PRAGMA user_version = 1;
    INSERT INTO profile VALUES (1, x'00000000000000000000000000000007');
    INSERT INTO entry VALUES (40, 1, 1700000000000000, 11, x'23f7978a5561471884cac38d7db0843c',
        '{\"data\":{\"type\":\"X-DPT-CAB-ID\",\"id\":\"23f7978a-5561-4718-84ca-c38d7db0843c\",\"command_status\":2,\"body\":null}}');
    INSERT INTO entry VALUES (41, 1, 1700000000000001, 42, 'request one', '{\"did\":\"fetching\",\"to\":\"/tmp/a\"}');
    COMMIT;";

#[tokio::test]
async fn a_journal_of_the_first_format_is_migrated_completely() {
    let folder = tempfile::tempdir().unwrap();
    settle(&folder.path().join(FILE), b"");
    execute_externally(folder.path(), FORMAT_1);
    let opened = Journal::open(folder.path()).unwrap();
    assert_eq!(opened.live_from, Seq(42), "a number is given twice");
    assert_eq!(opened.recovered, None);
    let expected = [
        Entry {
            seq: Seq(40),
            ..received(
                r#"{"data":{"type":"X-DPT-CAB-ID","id":"23f7978a-5561-4718-84ca-c38d7db0843c","command_status":2,"body":null}}"#,
            )
        },
        Entry {
            seq: Seq(41),
            at: Timestamp(1_700_000_000_000_001),
            key: ActivityKey::Data(RequestId::from("request one")),
            fact: Fact::Local(LocalEvent::Fetching { to: "/tmp/a".to_owned(), part: None, links: Vec::new() }),
            raw: "".into(),
        },
    ];
    assert_eq!(all(&opened.journal, profile()).await, expected);
    // The newer format's tables exist, and the file can shrink.
    opened.journal.touch(profile(), Timestamp(5)).await.unwrap();
    assert_eq!(seqs(&opened.journal.append(profile(), commands(0..1)).await.unwrap()), [42]);
    opened.journal.close().await;
    let looking = schema::open_for_reading(&folder.path().join(FILE)).unwrap();
    let pragma = |name| looking.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((pragma("user_version"), pragma("auto_vacuum")), (7, 2));
    drop(looking);
    let again = Journal::open(folder.path()).unwrap();
    assert_eq!(again.id, opened.id, "its name changed");
    assert_eq!(all(&again.journal, profile()).await.len(), 3);
}

#[test]
fn every_journal_has_a_name_of_its_own() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let id = |folder: &Path| Journal::open(folder).unwrap().id.to_string();
    let (one, other) = (id(one.path()), id(other.path()));
    assert_ne!(one, other);
    let version = uuid::Uuid::parse_str(&one).unwrap().get_version_num();
    assert_eq!(version, 4, "{one} is no random UUID");
}
