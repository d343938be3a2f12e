//! `watch`: its lines, its exit conditions and its exit codes.

use std::io::Read as _;

use privicore_monitor::activity::{ActivityKey, Entry, Fact, Timestamp};
use privicore_monitor::journal::Journal;
use privicore_monitor::protocol::{Body, CommandId, CommandReport, CommandStatus, Message};
use privicore_monitor::sandbox::{Fault, Limit};
use privicore_monitor::settings::ProfileId;
use serde_json::json;

use super::Privicore;
use super::program::{Home, contents};

/// The fields of the contract, in its order.
const FIELDS: [&str; 10] =
    ["kind", "id", "profile", "status", "message", "label", "context", "source", "first_seen", "at"];

#[test]
fn it_prints_each_outcome_with_the_documented_fields_and_ends_at_a_signal() {
    for signal in ["TERM", "INT"] {
        let privicore = Privicore::start();
        let home = Home::of(privicore.running());
        let mut watch = home.start(&["watch", "--json"]);
        privicore.until_joined(1);
        privicore.outcome("c-1", 1, "");
        privicore.outcome("c-1", 3, "profile.not_an_owner");
        privicore.publish(&json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r-1", "data_context": "invoices",
            "output_type": 1, "body": "https://download.example.com/path?auth=CANARY"}}));
        let line = watch.line();
        let mut at = 0;
        for field in FIELDS {
            let found = line.find(&format!("\"{field}\":")).unwrap_or_else(|| panic!("no {field} in {line}"));
            assert!(found >= at, "{field} is not in its place: {line}");
            at = found;
        }
        let pending: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(pending.as_object().expect("an object").len(), FIELDS.len(), "{line}");
        let failed = watch.json();
        let data = watch.json();
        assert_eq!(
            (&pending["kind"], &pending["id"], &pending["status"]),
            (&json!("command"), &json!("c-1"), &json!("Pending"))
        );
        assert_eq!((&failed["status"], &failed["message"]), (&json!("Failed"), &json!("profile.not_an_owner")));
        assert_eq!((&failed["source"], &failed["first_seen"]), (&json!("socket"), &pending["at"]));
        assert_eq!(
            (&data["kind"], &data["context"], &data["status"]),
            (&json!("data"), &json!("invoices"), &json!("Ready"))
        );
        for time in [&failed["first_seen"], &failed["at"]] {
            let time = time.as_str().expect("text");
            assert!(time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        }
        watch.signal(signal);
        assert_eq!(watch.end().code(), Some(0), "{signal}: {}", watch.said());
        privicore.until_joined(0);
        let said = watch.said();
        assert!(said.contains("Live"), "the connection's state was not said: {said}");
        let everything = contents(home.folder("").as_path());
        for secret in ["CANARY", privicore_monitor::sandbox::PASSWORD] {
            assert!(!format!("{line}{failed}{data}{said}").contains(&format!("\"{secret}\"")), "{secret} was printed");
        }
        assert!(!said.contains("CANARY") && !data.to_string().contains("CANARY"), "a link was printed");
        let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("CANARY");
        assert!(!everything.iter().any(|(_, bytes)| holds(bytes)), "a link is in a file");
        assert!(!home.folder("config/settings.toml").exists(), "the profile of the environment was stored");
    }
}

#[test]
fn it_ends_when_the_exit_condition_is_met() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:c-2"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "ok");
    privicore.outcome("c-2", 1, "");
    privicore.outcome("c-2", 2, "ok");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let seen: Vec<_> = std::iter::repeat_with(|| watch.json()).take(3).map(|line| line["id"].clone()).collect();
    assert_eq!(seen, ["c-1", "c-2", "c-2"]);
    // The outcome is already known: the program prints its line and does not wait.
    let again = home.run(&["watch", "--json", "--exit-on", "final:c-2"]).with(0);
    assert_eq!(again.json().len(), 1, "{}", again.out);
    assert_eq!(again.json()[0]["status"], "Succeeded");
}

#[test]
fn an_outcome_before_the_start_is_printed_with_its_full_texts() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    let (context, text) = (format!("invoices {}end", "c".repeat(500)), format!("denied {}end", "t".repeat(500)));
    privicore.publish(&json!({"data": {"type": "X-DPT-CAB-REQUEST-ID", "id": "r-1", "data_context": context,
        "output_type": 1, "body": "https://download.example.com/path?auth=CANARY"}}));
    privicore.outcome("c-1", 3, &text);
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    for (goal, field, whole) in [("final:r-1", "context", &context), ("final:c-1", "message", &text)] {
        let again = home.run(&["watch", "--json", "--exit-on", goal]).with(0).json();
        assert_eq!(again[0][field], whole.as_str(), "{goal}");
        let plain = home.run(&["watch", "--exit-on", goal]).with(0);
        assert!(plain.out.contains(whole.as_str()), "{goal}: {}", plain.out);
    }
}

#[test]
fn a_filter_affects_the_output_and_not_the_exit_condition() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch =
        home.start(&["watch", "--json", "--filter", "kind:command status:failed", "--exit-on", "final:c-2"]);
    privicore.until_joined(1);
    privicore.outcome("c-0", 2, "ok");
    privicore.outcome("c-1", 3, "no");
    privicore.outcome("c-2", 1, "");
    privicore.outcome("c-2", 2, "ok");
    assert_eq!(watch.json()["id"], "c-1", "c-0 came before it and did not fail");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let wrong = home.run(&["watch", "--filter", "staus:failed"]).with(2);
    assert!(wrong.said.contains("Character 1: There is no field staus. Is status meant?"), "{}", wrong.said);
    let slipped = home.run(&["watch", "--filter", "status=failed", "--exit-on", "final:c-2"]).with(0);
    assert!(slipped.said.contains("is looked for as a word. Did you mean status:failed?"), "{}", slipped.said);
}

#[test]
fn it_waits_for_everything_with_a_label() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    home.run(&["track", "--label", "night", "c-1", "c-2"]).with(0);
    let mut watch = home.start(&["watch", "--json", "--exit-on", "label:night"]);
    privicore.until_joined(1);
    privicore.outcome("c-3", 2, "");
    privicore.outcome("c-1", 3, "no");
    privicore.outcome("c-2", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    // The time before the watch is a gap. The server is asked about tracked commands, but may not know this one yet.
    let is_outcome = |line: &serde_json::Value| ["Succeeded", "Failed"].iter().any(|word| line["status"] == *word);
    let lines: Vec<_> = std::iter::repeat_with(|| watch.json()).filter(is_outcome).take(3).collect();
    assert_eq!(lines.iter().map(|line| line["label"].clone()).collect::<Vec<_>>(), ["", "night", "night"]);
}

#[test]
fn a_closed_pipe_ends_it_without_another_line() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "ok");
    assert!(watch.line().contains("Succeeded"), "not for people");
    watch.close_output();
    // If the system does not report that the reader is gone, writing the next line does.
    privicore.outcome("c-2", 2, "ok");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    privicore.until_joined(0);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_can_not_be_written_ends_it_with_a_sentence() {
    let privicore = Privicore::start();
    for format in [&["watch"][..], &["watch", "--json"]] {
        // With a journal, it would print a gap before it has joined.
        let home = Home::of(privicore.running());
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
        let mut command = home.command(format);
        let mut watch = command.stdout(full).spawn().expect("started");
        privicore.until_joined(1);
        privicore.outcome("c-1", 2, "ok");
        let ended = watch.wait().expect("ended");
        let mut said = String::new();
        watch.stderr.take().expect("an error output").read_to_string(&mut said).expect("text");
        assert_eq!(ended.code(), Some(1), "{said}");
        let last = said.lines().last().expect("a line");
        assert!(last.ends_with("Standard output could not be written: the disk is full."), "{said}");
        privicore.until_joined(0);
    }
}

#[test]
fn beside_another_process_it_follows_the_journal_and_takes_over_when_that_ends() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut first = home.start(&["watch", "--json"]);
    privicore.until_joined(1);
    let mut second = home.start(&["watch", "--json", "--exit-on", "final:c-9"]);
    let mut number = 0;
    let mut seen = std::collections::BTreeSet::from(["c-0".to_owned()]);
    privicore.outcome("c-0", 2, "");
    assert_eq!(first.json()["id"], "c-0");
    // Publishes until the second watch prints a line: it prints only what arrives after its start.
    let reader = std::thread::spawn(move || {
        let line = second.json();
        (second, line)
    });
    while !reader.is_finished() {
        number += 1;
        let id = format!("n-{number}");
        privicore.outcome(&id, 2, "");
        assert_eq!(first.json()["id"], id.as_str());
        seen.insert(id);
    }
    let (mut second, line) = reader.join().expect("a line");
    assert!(seen.contains(line["id"].as_str().expect("text")), "{line}");
    privicore.until_joined(1);
    first.signal("TERM");
    assert_eq!(first.end().code(), Some(0), "{}", first.said());
    privicore.until_joined(0);
    privicore.until_joined(1);
    privicore.outcome("c-9", 2, "");
    assert_eq!(second.end().code(), Some(0), "{}", second.said());
    assert!(second.said().contains("this one connects now"), "the takeover was not said");
}

/// Fills the journal with so many entries of another profile that reading it takes far longer than connecting.
fn with_long_history(home: &Home) {
    let profile = ProfileId::random();
    let entry = |number: u32| {
        let id = format!("old-{number}");
        let raw = json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2, "body": "done"}}).to_string();
        let body = Body::Text("done".to_owned());
        let report = CommandReport { id: CommandId::new(id), status: CommandStatus::Succeeded, body };
        let message = Message::Command(report);
        let key = ActivityKey::of(&message);
        Entry { raw: raw.into(), ..Entry::local(Timestamp(i64::from(number)), key, Fact::Received(message)) }
    };
    let written = async {
        let journal = Journal::open(&home.folder("data")).expect("a journal").journal;
        for batch in 0..30 {
            let entries = (batch * 10_000..(batch + 1) * 10_000).map(entry).collect();
            journal.append(profile, entries).await.expect("it takes them");
        }
        journal.close().await;
    };
    tokio::runtime::Runtime::new().expect("threads").block_on(written);
}

#[test]
fn it_connects_before_it_has_read_a_long_journal() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut first = home.start(&["watch", "--json", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "");
    assert_eq!(first.end().code(), Some(0), "{}", first.said());
    privicore.until_joined(0);
    with_long_history(&home);
    // The outcome is in the journal, so it exits as soon as it has read all of it. It joins before that.
    let mut again = home.start(&["watch", "--json", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    assert_eq!(again.end().code(), Some(0), "{}", again.said());
    assert_eq!(again.rest().len(), 1);
}

#[test]
fn messages_received_while_a_long_journal_is_read_are_printed_once_and_in_order() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    with_long_history(&home);
    let mut watch = home.start(&["watch", "--json", "--filter", "kind:command", "--exit-on", "final:c-49"]);
    privicore.until_joined(1);
    for number in 0..50 {
        privicore.outcome(&format!("c-{number}"), 2, "");
    }
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let printed: Vec<_> = watch.rest().iter().map(|line| line["id"].clone()).collect();
    let expected: Vec<_> = (0..50).map(|number| json!(format!("c-{number}"))).collect();
    assert_eq!(printed, expected);
}

#[test]
fn each_warning_is_printed_once() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let settings = "[preferences]\nauthority_file = \"/nowhere/authority.pem\"\n";
    std::fs::write(home.folder("config/settings.toml"), settings).expect("written");
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let said = watch.said();
    assert_eq!(said.matches("/nowhere/authority.pem").count(), 1, "{said}");
}

#[test]
fn no_profile_to_watch_exits_with_2() {
    let home = Home::new();
    assert!(home.run(&["watch"]).with(2).said.contains("There is no profile"), "not said");
    home.with_profiles(&["ops"]);
    assert!(home.run(&["watch", "--profile", "nobody"]).with(2).said.contains("nobody"), "not said");
}

#[test]
fn plain_text_to_another_machine_exits_with_2() {
    let privicore = Privicore::start();
    let mut home = Home::of(privicore.running());
    home.set("PRIVICORE_API_URL", "http://example.com");
    assert!(home.run(&["watch"]).with(2).said.contains("example.com"), "not said");
}

#[test]
fn signed_out_or_refused_exits_with_3() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    assert!(home.run(&["watch"]).with(3).said.contains("ops is not kept signed in"), "not said");
    let privicore = Privicore::start();
    let mut home = Home::of(privicore.running());
    home.set("PRIVICORE_PASSWORD", "WRONG-CANARY");
    let refused = home.run(&["watch"]).with(3);
    assert!(refused.said.contains("refused") && !refused.said.contains("CANARY"), "{}", refused.said);
}

#[test]
fn an_unreachable_server_exits_with_4() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    drop(privicore);
    assert!(home.run(&["watch"]).with(4).said.contains("No server was reached"), "not said");
}

#[test]
fn an_expired_token_is_renewed_while_there_is_a_password() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--json"]);
    privicore.until_joined(1);
    privicore.control.expire_tokens(privicore_monitor::sandbox::DEMO_USERNAME).expect("known");
    privicore.control.drop_connections();
    privicore.until_joined(0);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "");
    while watch.json()["id"] != "c-1" {}
    watch.signal("TERM");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
}

#[test]
fn joins_that_fail_for_a_while_end_nothing() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let refusals = Fault::RefuseJoins { status: 503, limit: Limit::Times(2) };
    privicore.running().control().inject(refusals, None).expect("taken");
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    assert_eq!(watch.json()["id"], "c-1");
}

#[test]
fn a_sandbox_can_be_watched() {
    let home = Home::new();
    let mut watch = home.start(&["--sandbox", "watch", "--json"]);
    assert_eq!(watch.json()["profile"], "Sandbox");
    watch.signal("TERM");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
}
