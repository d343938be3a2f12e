//! `export` prints everything in the journal, even while another process holds it, and never a secret.

use privicore_monitor::activity::{ActivityKey, Entry, Fact, Gap, GapCause, Seq, Timestamp};
use privicore_monitor::credentials::Keyring;
use privicore_monitor::journal::{DataDirLock, Journal, RequestSecret, Secret};
use privicore_monitor::protocol::incoming::parse;
use privicore_monitor::protocol::{Incoming, Link, UnreadableReason};
use privicore_monitor::settings::ProfileId;
use serde_json::json;

use super::Privicore;
use super::program::Home;

/// A journal with a sandbox's messages and a gap.
fn home_with_a_journal(privicore: &Privicore) -> Home {
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:c-3"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 1, "");
    privicore.outcome("c-1", 3, "=cmd|'/c calc'!A1, \"quoted\"\nand more");
    privicore.outcome("c-2", 2, &"long ".repeat(100));
    privicore.publish(&json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r-1", "data_context": "invoices",
        "output_type": 1, "body": "https://download.example.com/path?auth=CANARY"}}));
    privicore.publish(&json!({"data": {"type": "NEW", "id": "m-1", "password": "CANARY"}}));
    privicore.outcome("c-3", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let gap = Gap {
        from: Timestamp(1_000_000),
        to: Some(Timestamp(2_000_000)),
        cause: GapCause::Disconnected,
        open: vec!["c-1".into(), "c-9".into()],
        requests: 0,
        open_requests: Vec::new(),
    };
    append(&home, ActivityKey::Gap("g-1".into()), Fact::Gap(gap));
    home
}

/// Appends an entry to the journal of the sandbox's profile, whose id is read from the journal.
fn append(home: &Home, key: ActivityKey, fact: Fact) {
    let entry = Entry { seq: Seq(0), at: Timestamp(3_000_000), key, fact, raw: "".into() };
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let profile = profile(home);
        let journal = Journal::open(&home.folder("data")).expect("a journal").journal;
        journal.append(profile, vec![entry]).await.expect("written");
        journal.close().await;
    });
}

fn profile(home: &Home) -> ProfileId {
    let archive =
        privicore_monitor::journal::ReadOnlyJournal::open(&home.folder("data")).expect("readable").expect("there");
    archive.entries_from(Seq(0), 1).expect("readable")[0].0
}

#[test]
fn json_lines_have_each_activity_once_in_its_latest_state_and_the_gap() {
    let privicore = Privicore::start();
    let home = home_with_a_journal(&privicore);
    let lines = home.run(&["export", "--format", "ndjson"]).with(0).json();
    let seen: Vec<_> = lines.iter().map(|line| (line["id"].as_str(), line["status"].as_str().expect("text"))).collect();
    assert_eq!(
        seen,
        [
            (Some("c-1"), "Failed"),
            (Some("c-2"), "Succeeded"),
            // The link was in the memory of the `watch` that has ended.
            (Some("r-1"), "Link expired"),
            (Some("m-1"), "Unrecognised"),
            (Some("c-3"), "Succeeded"),
            (None, "Gap"),
        ]
    );
    assert_eq!(lines[0]["message"], "=cmd|'/c calc'!A1, \"quoted\"\nand more");
    assert_eq!(lines[1]["message"], "long ".repeat(100), "the message was cut");
    let gap = &lines[5];
    assert_eq!((&gap["kind"], &gap["id"], &gap["source"]), (&json!("gap"), &json!(null), &json!(null)));
    assert!(gap["message"].as_str().expect("text").contains("1 of 2 recovered"), "{gap}");
    assert_eq!(
        (&gap["first_seen"], &gap["at"]),
        (&json!("1970-01-01T00:00:01.000000Z"), &json!("1970-01-01T00:00:02.000000Z"))
    );
    assert!(lines.iter().all(|line| line["profile"] == "demo@example.com"), "{lines:?}");
    assert!(!format!("{lines:?}").contains("CANARY"), "a secret was exported");
}

#[test]
fn messages_come_one_a_line_in_order_of_arrival() {
    let privicore = Privicore::start();
    let home = home_with_a_journal(&privicore);
    let lines = home.run(&["export", "--format", "ndjson", "--messages"]).with(0).json();
    let seen: Vec<_> = lines.iter().map(|line| (line["id"].as_str(), line["status"].as_str().expect("text"))).collect();
    assert_eq!(
        seen,
        [
            (Some("c-1"), "Pending"),
            (Some("c-1"), "Failed"),
            (Some("c-2"), "Succeeded"),
            (Some("r-1"), "Ready"),
            (Some("m-1"), "Unrecognised"),
            (Some("c-3"), "Succeeded"),
            (None, "Gap"),
        ]
    );
    assert_eq!(lines[1]["first_seen"], lines[0]["at"]);
}

#[test]
fn watch_and_export_report_a_missing_status_and_a_single_byte() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:c-2"]);
    privicore.until_joined(1);
    privicore.publish(&json!({"data": {"type": "X-DPT-CAB-ID", "id": "c-1"}}));
    privicore.publish(&json!(5));
    privicore.outcome("c-2", 2, "");
    let wanted = [
        "43 bytes received: the status of a command without a command_status. {\"data\":{\"id\":\"c-1\",\"type\":\"X-DPT-CAB-ID\"}}",
        "1 byte received: not a JSON object. 5",
    ];
    let watched = [watch.json(), watch.json()];
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    for more in [&[][..], &["--messages"]] {
        let exported = home.run(&[&["export", "--format", "ndjson"], more].concat()).with(0).json();
        for lines in [&watched[..], exported.get(..2).expect("two lines")] {
            let said: Vec<_> = lines.iter().map(|line| line["message"].as_str().expect("text")).collect();
            assert_eq!(said, wanted, "{more:?}");
            assert!(lines.iter().all(|line| line["status"] == "Unrecognised"), "{lines:?}");
        }
    }
}

#[test]
fn csv_has_a_header_and_is_written_completely_to_a_file() {
    let privicore = Privicore::start();
    let home = home_with_a_journal(&privicore);
    let file = home.folder("out.csv");
    let path = file.to_str().expect("text");
    let quiet = home.run(&["export", "--format", "csv", path]).with(0);
    assert_eq!(quiet.out, "", "it was written to standard output as well");
    let text = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(text, home.run(&["export", "--format", "csv"]).with(0).out);
    let rows = rows(&text);
    assert_eq!(rows[0].join(","), "kind,id,profile,status,message,label,context,source,first_seen,at");
    assert_eq!(rows.len(), 7, "{text}");
    assert!(rows.iter().all(|row| row.len() == 10), "{rows:?}");
    assert_eq!(rows[1][4], "'=cmd|'/c calc'!A1, \"quoted\"\nand more");
    assert_eq!((rows[6][0].as_str(), rows[6][1].as_str()), ("gap", ""));
    assert!(!text.contains("CANARY"), "a secret was exported");
}

#[test]
fn rows_can_be_filtered() {
    let privicore = Privicore::start();
    let home = home_with_a_journal(&privicore);
    let count = |more: &[&str]| home.run(&[&["export", "--format", "ndjson"], more].concat()).with(0).json().len();
    assert_eq!(count(&["--filter", "FAILED c-1"]), 1);
    assert_eq!(count(&["--filter", "nowhere"]), 0);
    for (filter, said) in [("nowhere", false), ("status=failed", true), ("status", true), ("stat -nowhere", true)] {
        let run = home.run(&["export", "--format", "csv", "--filter", filter]).with(0);
        assert_eq!(run.said.contains("Did you mean"), said, "{filter}: {}", run.said);
    }
    assert_eq!(count(&["--filter", "status:failed -id:c-2 /c-\\d/"]), 1, "it is the window's language");
    assert_eq!(count(&["--since", "1d"]), 5, "the gap of 1970 counts as of today");
    assert_eq!(count(&["--since", "1970-01-01"]), 6);
    assert_eq!(count(&["--profile", "demo@example.com"]), 6);
    home.with_profiles(&["ops"]);
    let mut other = home;
    other.set("PRIVICORE_PASSWORD", "");
    assert_eq!(other.run(&["export", "--format", "ndjson", "--profile", "ops"]).with(0).out, "");
    other.run(&["export", "--format", "ndjson", "--profile", "nobody"]).with(2);
}

#[test]
fn it_reads_a_locked_journal_and_a_closed_pipe_is_no_error() {
    let privicore = Privicore::start();
    let home = home_with_a_journal(&privicore);
    let mut holder = home.start(&["watch", "--json"]);
    privicore.until_joined(1);
    privicore.outcome("c-4", 2, "");
    while holder.json()["id"] != "c-4" {}
    let lines = home.run(&["export", "--format", "ndjson"]).with(0).json();
    assert!(lines.iter().any(|line| line["id"] == "c-4"), "what the holder wrote is missing");
    let mut export = home.start(&["export", "--format", "ndjson"]);
    export.close_output();
    assert_eq!(export.end().code(), Some(0), "{}", export.said());
    holder.signal("TERM");
    holder.end();
}

#[test]
fn without_a_journal_the_export_is_empty_and_a_missing_folder_is_an_error() {
    let home = Home::new();
    assert_eq!(home.run(&["export", "--format", "ndjson"]).with(0).out, "");
    let gone = home.folder("gone/out.csv");
    home.run(&["export", "--format", "csv", gone.to_str().expect("text")]).with(1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_utf_8_is_written_byte_by_byte_and_named_in_errors() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = Home::new();
    let name = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let folder = home.folder("out").join(name(b"gr\xf6\xdfe"));
    let lossy = folder.join("caf\u{fffd}.csv");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(&lossy, "mine").expect("written");
    for (path, file) in [
        (folder.join(name(b"caf\xe9.csv")), folder.join(name(b"caf\xe9.csv"))),
        (name(b"relative\xff.csv").into(), folder.join(name(b"relative\xff.csv"))),
        (name(b"-\xe9.csv").into(), folder.join(name(b"-\xe9.csv"))),
    ] {
        let mut command = home.command(&["export", "--format", "csv", "--"]);
        let ended = command.arg(&path).current_dir(&folder).output().expect("ran");
        assert_eq!(ended.status.code(), Some(0), "{path:?}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(ended.stdout, b"", "{path:?}: it was written to standard output as well");
        assert!(std::fs::read_to_string(&file).expect("the file").starts_with("kind,"), "{path:?}");
    }
    assert_eq!(
        std::fs::read_to_string(&lossy).expect("the other file"),
        "mine",
        "a file that nobody chose was replaced"
    );
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 4, "something was left behind");

    let gone = folder.join(name(b"g\xf6ne")).join("out.csv");
    let ended = home.command(&["export", "--format", "csv"]).arg(&gone).output().expect("ran");
    let said = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("g\u{fffd}ne/out.csv could not be written"), "{said}");
}

/// Parses CSV according to RFC 4180.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(rest.next(), Some('\n'), "a line that does not end after RFC 4180");
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    rows
}

#[cfg(unix)]
#[test]
fn an_interrupted_export_leaves_no_file() {
    let home = Home::new();
    let (data, out) = (home.folder("data"), home.folder("out"));
    std::fs::create_dir(&out).expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let journal = Journal::open(&data).expect("a journal").journal;
        for batch in 0..20_u32 {
            let entry = |number: u32| Entry {
                seq: Seq(0),
                at: Timestamp(3_000_000),
                key: ActivityKey::Message(format!("{batch}-{number}").into()),
                fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
                raw: "x".repeat(200).into(),
            };
            journal.append(ProfileId::from_u128(7), (0..10_000).map(entry).collect()).await.expect("written");
        }
        journal.close().await;
    });
    let files = || std::fs::read_dir(&out).expect("the folder").count();
    let to = out.join("all.csv");
    let mut export = home.start(&["export", "--format", "csv", to.to_str().expect("text")]);
    while files() == 0 {
        std::thread::yield_now();
    }
    export.signal("TERM");
    let code = export.end().code();
    let said = export.said();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("The export was cancelled, and no file was written."), "{said}");
    assert_eq!(files(), 0, "something was left behind");
}

#[test]
fn unreadable_settings_are_reported_and_left_unchanged() {
    let privicore = Privicore::start();
    let home = home_with_a_journal(&privicore);
    let (config, file) = (home.folder("config"), home.folder("config").join("settings.toml"));
    std::fs::write(&file, b"half = \xff").expect("written");
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(&config).expect("there").map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    // The journal's content is exported; only the profiles' names are missing.
    let exported = home.run(&["export", "--format", "ndjson"]).with(0);
    assert_eq!(exported.json().len(), 6);
    assert!(exported.said.contains("could not be read"), "{}", exported.said);
    for wanted in [
        &["export", "--profile", "ops", "--format", "csv"][..],
        &["track", "c-9"],
        &["watch", "--json", "--exit-on", "final:c-3"],
    ] {
        let run = home.run(wanted).with(1);
        assert!(run.said.contains("settings.toml could not be read: it is not text"), "{wanted:?}: {}", run.said);
        assert_eq!(std::fs::read(&file).expect("still there"), b"half = \xff", "{wanted:?}");
        assert_eq!(names(), before, "{wanted:?} leaves something behind");
    }
}

#[test]
fn a_filter_finds_text_beyond_what_a_row_shows_and_the_line_is_complete() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--json", "--filter", "NEEDLE", "--exit-on", "final:c-3"]);
    privicore.until_joined(1);
    let reason = |end: &str| format!("{} {end}", "reason".repeat(70));
    privicore.outcome("c-1", 3, &reason("NEEDLE"));
    privicore.outcome("c-2", 3, &reason("other"));
    privicore.publish(&json!({"data": {"type": "X-DPT-NOTICE", "message": reason("NEEDLE")}}));
    privicore.publish(&json!({"data": [1, reason("NEEDLE")]}));
    privicore.publish(&json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r-1", "data_context": reason("NEEDLE"),
        "output_type": 0, "body": "in preparation"}}));
    privicore.outcome("c-3", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let kinds = |lines: &[serde_json::Value]| lines.iter().map(|line| line["kind"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&watch.rest()), ["command", "message", "message", "data"]);
    for more in [&[][..], &["--messages"]] {
        let found = home.run(&[&["export", "--format", "ndjson", "--filter", "NEEDLE"], more].concat()).with(0).json();
        assert_eq!(kinds(&found), ["command", "message", "message", "data"], "{more:?}");
        let has_needle = |line: &serde_json::Value| {
            ["message", "context"].iter().any(|of| line[of].as_str().is_some_and(|text| text.contains("NEEDLE")))
        };
        assert!(found.iter().all(has_needle), "{found:?}");
        let others = home.run(&[&["export", "--format", "ndjson", "--filter=-NEEDLE"], more].concat()).with(0).json();
        assert_eq!(others.len(), 2, "{more:?}");
    }
}

#[test]
fn a_stored_link_is_ready_if_there_is_no_keyring() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    let profile = Home::profile_id(1);
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let _holder = DataDirLock::take(&home.folder("data")).expect("the lock");
        let opened = Journal::open(&home.folder("data")).expect("a journal");
        let key = Keyring::in_memory().seal_key(opened.id).await;
        opened.journal.seal_with(key).await.expect("sealed");
        let raw = json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r", "output_type": 1,
            "body": "https://h/?auth=hidden"}})
        .to_string();
        let Incoming::Message(message) = parse(&raw) else { panic!("{raw}") };
        let at = Timestamp::from(jiff::Timestamp::now());
        let key = ActivityKey::of(&message);
        let entry = Entry { seq: Seq(0), at, key, fact: Fact::Received(message), raw: raw.into() };
        let link = Secret::Link(Link::new("https://h/?auth=CANARY"));
        let secret = RequestSecret { request: "r".into(), secret: link, at, expires: None };
        opened.journal.append_with(profile, vec![entry], vec![secret].into()).await.expect("written");
        // Beside whoever holds the journal, what that has opened counts.
        let beside = home.run(&["export", "--format", "ndjson"]).with(0).json();
        assert_eq!(beside[0]["status"], "Ready", "{beside:?}");
        opened.journal.close().await;
    });
    // No keyring is to be had in this environment, so that nothing more is known of the link than that it is kept.
    let alone = home.run(&["export", "--format", "ndjson"]).with(0).json();
    assert_eq!(alone[0]["status"], "Ready", "{alone:?}");
}
