//! `track -` reads ids from standard input.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{ChildStdin, Stdio};

use serde_json::Value;

use super::Privicore;
use super::program::{Finished, Home, until};

/// Runs `track` with this standard input.
fn track(home: &Home, arguments: &[&str], input: &[u8]) -> Finished {
    let arguments = [&["track"], arguments, &["-"]].concat();
    let mut child = home.command(&arguments).stdin(Stdio::piped()).spawn().expect("started");
    let mut writer = child.stdin.take().expect("an input");
    let output = std::thread::scope(|scope| {
        // It may end before it has read everything.
        scope.spawn(move || drop(writer.write_all(input)));
        child.wait_with_output().expect("ran")
    });
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Finished { code: output.status.code(), out: text(output.stdout), said: text(output.stderr) }
}

/// The labels in the journal, by id.
fn labels(home: &Home) -> BTreeMap<String, String> {
    let text = |line: &Value, field: &str| line[field].as_str().expect("text").to_owned();
    let lines = home.run(&["export", "--format", "ndjson"]).with(0).json();
    lines.iter().map(|line| (text(line, "id"), text(line, "label"))).collect()
}

fn map(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    labels.iter().map(|(id, label)| ((*id).to_owned(), (*label).to_owned())).collect()
}

#[test]
fn ids_and_labels_are_read_from_standard_input() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    let input = "c-1\r\n\r\n  \t\nc-2\tnight run\nc-3\t\nc-2\tday run";
    let printed = track(&home, &["--label", "deploy"], input.as_bytes()).with(0);
    assert_eq!((printed.out, printed.said), (String::new(), String::new()));
    assert_eq!(labels(&home), map(&[("c-1", "deploy"), ("c-2", "day run"), ("c-3", "deploy")]));
    track(&home, &[], b"c-4\nc-5\tx\n").with(0);
    let labels = labels(&home);
    assert_eq!((labels["c-4"].as_str(), labels["c-5"].as_str()), ("", "x"));
}

#[test]
fn ids_and_labels_are_sent_to_the_running_process() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut holder = home.start(&["watch", "--json"]);
    privicore.until_joined(1);
    track(&home, &[], b"c-1\tone\nc-2\nc-3\tthree\n").with(0);
    let seen: Vec<_> = std::iter::repeat_with(|| holder.json()).take(5).collect();
    let last: BTreeMap<_, _> = seen.iter().map(|line| (line["id"].as_str(), line["label"].as_str())).collect();
    let wanted = [("c-1", "one"), ("c-2", ""), ("c-3", "three")];
    assert_eq!(last, wanted.map(|(id, label)| (Some(id), Some(label))).into());
    let refused = track(&home, &["--profile", "nobody"], b"c-4\n").with(2);
    assert!(refused.said.contains("nobody") && !refused.said.contains("line"), "{}", refused.said);
    holder.signal("TERM");
    holder.end();
}

#[test]
fn a_line_that_can_not_be_tracked_is_named_and_all_others_are_tracked() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    let long = "x".repeat(201);
    let input = [
        b"c-1\n\xff\xfe\nc-2\n\n".as_slice(),
        long.as_bytes(),
        b"\n\tlabel\nc-3\ta\tb\n",
        "x".repeat(100_000).as_bytes(),
        b"\nc-4",
    ]
    .concat();
    let printed = track(&home, &[], &input).with(2);
    assert_eq!(labels(&home), map(&[("c-1", ""), ("c-2", ""), ("c-4", "")]));
    for line in [2, 5, 6, 7, 8] {
        assert!(printed.said.contains(&format!("Line {line} is not tracked. ")), "{line}: {}", printed.said);
    }
    let summary = printed.said.lines().last().expect("a summary");
    assert!(summary.contains("5 lines name no command") && summary.contains("3 commands are tracked"), "{summary}");
    let refused = track(&home, &["--label", "two\nlines"], b"c-5\n").with(2);
    assert!(refused.said.contains("label") && !labels(&home).contains_key("c-5"), "{}", refused.said);
}

#[test]
fn an_empty_input_is_no_error() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    for input in ["", "\n", " \r\n\n"] {
        let printed = track(&home, &[], input.as_bytes()).with(0);
        assert!(printed.said.contains("no command ids"), "{}", printed.said);
    }
    let without_profile = track(&Home::new(), &[], b"c-1\n").with(2);
    assert!(without_profile.said.contains("There is no profile"), "{}", without_profile.said);
}

#[test]
fn a_long_input_is_tracked_completely() {
    const COUNT: usize = 100_000;
    let home = Home::new();
    home.with_profiles(&["ops"]);
    let lines: Vec<_> = (0..COUNT).map(|number| format!("c-{number}\tlabel {}", number % 7)).collect();
    let printed = track(&home, &[], lines.join("\n").as_bytes()).with(0);
    assert_eq!(printed.said, "");
    let labels = labels(&home);
    assert_eq!(labels.len(), COUNT);
    for number in [0, 1, COUNT / 2, COUNT - 1] {
        assert_eq!(labels[&format!("c-{number}")], format!("label {}", number % 7));
    }
}

/// Waits until an id is in the journal.
fn until_tracked(home: &Home, id: &str) {
    until(&format!("{id} is tracked"), || labels(home).contains_key(id).then_some(()));
}

fn write_line(input: &mut ChildStdin, line: &str) {
    input.write_all(line.as_bytes()).and_then(|()| input.flush()).expect("it reads");
}

#[test]
fn a_line_is_tracked_when_it_arrives_and_the_journal_is_free_meanwhile() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    let mut child = home.command(&["track", "-"]).stdin(Stdio::piped()).spawn().expect("started");
    let mut input = child.stdin.take().expect("an input");
    write_line(&mut input, "c-1\n");
    until_tracked(&home, "c-1");
    // A process that held the journal would have to be asked, and does not listen.
    home.run(&["track", "c-other"]).with(0);
    let watched = home.run(&["watch"]).with(3);
    assert!(watched.said.contains("ops is not kept signed in"), "{}", watched.said);
    write_line(&mut input, "c-2");
    drop(input);
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    assert_eq!(labels(&home).len(), 3);
}

#[test]
fn a_signal_ends_it_in_order() {
    for signal in ["INT", "TERM"] {
        let home = Home::new();
        home.with_profiles(&["ops"]);
        let mut child = home.command(&["track", "-"]).stdin(Stdio::piped()).spawn().expect("started");
        let mut input = child.stdin.take().expect("an input");
        write_line(&mut input, "\nc-1\nnot yet com");
        until_tracked(&home, "c-1");
        let sent = std::process::Command::new("sh").args(["-c", &format!("kill -s {signal} {}", child.id())]).status();
        assert!(sent.expect("a shell").success(), "the signal was not sent");
        let output = child.wait_with_output().expect("ended");
        drop(input);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{signal}: {said}");
        assert!(said.contains("Cancelled after line 2") && said.contains("Commands tracked: 1"), "{said}");
        assert_eq!(labels(&home).len(), 1, "half an id was tracked");
    }
}

#[test]
fn an_input_that_can_not_be_read_is_named() {
    let home = Home::new();
    home.with_profiles(&["ops"]);
    let folder = std::fs::File::open(home.folder("data")).expect("a folder");
    let output = home.command(&["track", "-"]).stdin(folder).output().expect("ran");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Standard input could not be read: "), "{said}");
}
