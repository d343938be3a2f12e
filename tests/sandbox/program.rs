//! The program `privicore-sandbox`: its output and its exit.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

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
        for words in ["http://127.0.0.1:", "ws://127.0.0.1:", "demo@example.com", "audit@example.com"] {
            assert!(said.contains(words), "{words} is missing: {said}");
        }
        let killed =
            Command::new("sh").args(["-c", &format!("kill -s {signal} {}", child.0.id())]).status().expect("a shell");
        assert!(killed.success(), "the signal was not sent");
        assert_eq!(child.0.wait().expect("ended").code(), Some(0), "{signal}");
    }
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
    assert_eq!(program(&["--scenario", "nonsense"]).output().expect("ran").status.code(), Some(2));
    assert_eq!(program(&["--help"]).output().expect("ran").status.code(), Some(0));
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
    assert_eq!(output.status.code(), Some(1), "{said}");
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
