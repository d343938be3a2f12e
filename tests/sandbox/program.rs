//! The program `privicore-sandbox`: its output and its exit.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

const FREE_PORTS: [&str; 8] = ["--api-port", "0", "--ws-port", "0", "--upstream-port", "0", "--downstream-port", "0"];

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privicore-sandbox"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Killed when the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            let ended = self.0.wait();
            assert!(ended.is_ok(), "the program did not end");
        }
    }
}

#[cfg(unix)]
#[test]
fn it_says_where_it_listens_and_a_signal_ends_it_with_code_0() {
    for signal in ["TERM", "INT"] {
        let mut child = Killed(program(&FREE_PORTS).spawn().expect("started"));
        let mut out = BufReader::new(child.0.stdout.take().expect("an output"));
        let mut said = String::new();
        while !said.contains("stops it") {
            assert!(out.read_line(&mut said).expect("a line") > 0, "it ended early: {said}");
        }
        assert_eq!(said.lines().last(), Some("Ready. Ctrl+C stops it."));
        for words in ["http://127.0.0.1:", "ws://127.0.0.1:", "demo@example.com", "audit@example.com"] {
            assert!(said.contains(words), "{words} is missing: {said}");
        }
        let killed =
            Command::new("sh").args(["-c", &format!("kill -s {signal} {}", child.0.id())]).status().expect("a shell");
        assert!(killed.success(), "the signal was not sent");
        assert_eq!(child.0.wait().expect("ended").code(), Some(0), "{signal}");
    }
}

/// Starts the program and returns the first line that it prints.
fn first_line(arguments: &[&str]) -> (Killed, String) {
    let mut child = Killed(program(arguments).spawn().expect("started"));
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().expect("an output")).read_line(&mut line).expect("a line");
    (child, line)
}

#[test]
fn for_programs_it_prints_one_line_of_json_and_nothing_else() {
    let arguments = [&FREE_PORTS[..], &["--print", "json"]].concat();
    let mut child = Killed(program(&arguments).spawn().expect("started"));
    let mut out = BufReader::new(child.0.stdout.take().expect("an output"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    for (name, begin) in [("api", "http://"), ("ws", "ws://"), ("upstream", "http://"), ("downstream", "http://")] {
        let url = said[name].as_str().expect("a URL");
        let port = url.strip_prefix(begin).and_then(|rest| rest.strip_prefix("127.0.0.1:")).expect("loopback");
        assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{url}");
    }
    let profile = |username: &str, id: &str| json!({"username": username, "id": id, "password": "demo"});
    let wanted = [
        profile("audit@example.com", "prf-01KE6MAVD1T000000000000000"),
        profile("demo@example.com", "prf-01KE6M0DEM0000000000000000"),
    ];
    assert_eq!(said["profiles"], json!(wanted));
    // It listens already.
    let api = said["api"].as_str().expect("a URL").trim_start_matches("http://").to_owned();
    std::net::TcpStream::connect(api).expect("it is ready");
    child.0.kill().expect("killed");
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "");
}

#[test]
fn a_script_names_the_profiles_and_what_is_wrong_in_one_is_named_by_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.ndjson");
    let arguments = |file: &std::path::Path| {
        let mut arguments: Vec<String> = FREE_PORTS.into_iter().map(str::to_owned).collect();
        arguments.extend(["--print", "json", "--script"].map(str::to_owned));
        arguments.push(file.to_str().expect("text").to_owned());
        arguments
    };
    let run = |file: &std::path::Path| {
        let arguments = arguments(file);
        program(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).output().expect("ran")
    };
    let good = r#"{"kind":"command","id":"c-1","profile":"ops","status":"Succeeded"}"#;
    for (line, reason) in [
        ("nonsense", "not JSON"),
        ("[1]", "not a JSON object"),
        (r#"{"kind":"earthquake"}"#, "earthquake"),
        (r#"{"kind":"command","status":"Succeeded"}"#, "no id"),
        (r#"{"kind":"command","id":"c","status":"Fine"}"#, "Fine"),
        (r#"{"kind":"command","id":"c","status":"Unrecognised x"}"#, "number"),
        (r#"{"kind":"command","id":"c","status":"Failed","at":"yesterday"}"#, "yesterday"),
        (r#"{"kind":"command","id":"c","status":"Failed","colour":"red"}"#, "colour"),
        (r#"{"kind":"data","id":"r","status":"Inline","message":"much"}"#, "much"),
        (r#"{"kind":"data","id":"r","status":"Inline","message":"99 MB in the message"}"#, "99 MB"),
        (r#"{"kind":"message","profile":" ","message":"x"}"#, "profile"),
        (r#"{"kind":"message"}"#, "no message"),
        (r#"{"id":"c-1","status":"Failed"}"#, "no kind"),
        (r#"{"kind":"command","id":7,"status":"Failed"}"#, "its id is not a text"),
        (r#"{"kind":"command","id":"c","status":"Failed","source":"rumour"}"#, "rumour"),
        (r#"{"kind":"command","id":"c","status":"Failed","at":"9999-12-31T23:59:59Z"}"#, "9999-12-29"),
        (r#"{"kind":"gap"}"#, "first_seen and at"),
        (r#"{"kind":"gap","at":"2026-12-01T06:00:00Z"}"#, "first_seen and at"),
        (r#"{"kind":"gap","first_seen":"2026-12-01T06:00:00Z","at":"2026-12-01T05:00:00Z"}"#, "before its first_seen"),
    ] {
        std::fs::write(&file, format!("{good}\n\n{line}\n")).expect("written");
        let output = run(&file);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(!said.contains("struct") && !said.contains("expected"), "{line}: {said}");
        assert!(said.contains("Line 3") && said.contains("report.ndjson") && said.contains(reason), "{line}: {said}");
    }
    std::fs::write(&file, b"\xff\n").expect("written");
    assert_eq!(run(&file).status.code(), Some(2));
    let missing = run(&folder.path().join("missing"));
    assert_eq!(missing.status.code(), Some(1), "{}", String::from_utf8_lossy(&missing.stderr));

    std::fs::write(&file, format!("{good}\r\n")).expect("written");
    let arguments = arguments(&file);
    let (_child, line) = first_line(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let names: Vec<_> = said["profiles"].as_array().expect("profiles").iter().map(|p| p["username"].clone()).collect();
    assert_eq!(names, ["audit@example.com", "demo@example.com", "ops"]);
}

#[test]
fn a_taken_port_is_a_sentence_and_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let mut arguments = FREE_PORTS;
    arguments[3] = &port;
    let output = program(&arguments).output().expect("ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("127.0.0.1:{port}")) && said.contains("--ws-port"), "{said}");
}

#[test]
fn wrong_usage_is_code_2_and_help_is_code_0() {
    assert_eq!(program(&["--nonsense"]).output().expect("ran").status.code(), Some(2));
    for (flag, value) in [
        ("--latency", "soon"),
        ("--failure-rate", "2"),
        ("--token-life", "0s"),
        ("--seed", "red"),
        ("--print", "loudly"),
        ("--api-port", "65536"),
        ("--api-port", "-1"),
        ("--seed", "-1"),
        ("--latency", "-1ms"),
        ("--failure-rate", "-0.1"),
        ("--token-life", "-1h"),
        ("--token-life", "99999999999h"),
    ] {
        let output = program(&[flag, value]).output().expect("ran");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(flag), "{flag} {value}: {said}");
        assert!(!said.contains("unexpected argument"), "{flag} {value}: {said}");
    }
    assert_eq!(program(&["--scenario", "nonsense"]).output().expect("ran").status.code(), Some(2));
    assert_eq!(program(&["--help"]).output().expect("ran").status.code(), Some(0));
    let output = program(&["--faults", "--bind", "0.0.0.0"]).output().expect("ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("--faults"), "{said}");
}

#[test]
fn an_address_of_another_computer_is_named_and_not_the_port() {
    let mut arguments = vec!["--bind", "192.0.2.1"];
    arguments.extend(FREE_PORTS);
    let output = program(&arguments).output().expect("ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("--bind") && !said.contains("--api-port"), "{said}");
}

#[cfg(not(feature = "rabbitmq"))]
#[test]
fn built_without_rabbitmq_it_refuses_the_address_of_one_with_code_2_and_names_the_feature() {
    let mut arguments = vec!["--amqp", "amqp://user:canary@127.0.0.1/%2f"];
    arguments.extend(FREE_PORTS);
    let output = program(&arguments).output().expect("ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--features rabbitmq") && !said.contains("canary"), "{said}");
    assert!(output.stdout.is_empty(), "it said that it runs");
}

#[cfg(feature = "rabbitmq")]
#[test]
fn an_address_that_is_none_is_a_sentence_that_does_not_quote_it() {
    let mut arguments = vec!["--amqp", "nonsense://user:canary@127.0.0.1"];
    arguments.extend(FREE_PORTS);
    let output = program(&arguments).output().expect("ran");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--amqp") && !said.contains("canary"), "{said}");
}

#[test]
fn beyond_loopback_it_warns() {
    let mut arguments = vec!["--bind", "0.0.0.0"];
    arguments.extend(FREE_PORTS);
    let mut child = Killed(program(&arguments).spawn().expect("started"));
    let mut out = BufReader::new(child.0.stdout.take().expect("an output"));
    let mut said = String::new();
    while !said.contains("stops it") {
        assert!(out.read_line(&mut said).expect("a line") > 0, "it ended early: {said}");
    }
    child.0.kill().expect("killed");
    let mut warned = String::new();
    child.0.stderr.take().expect("an error output").read_to_string(&mut warned).expect("text");
    assert!(warned.contains("outside"), "{warned}");
}
