//! The client of the vendor's integration guide, in Node and in Python, against the program `privicore-sandbox`, with queues
//! in memory and on a real RabbitMQ. `tests/run` installs what the clients need, names it in the environment, and builds this
//! with the feature `interop-tests`.

#![cfg(unix)]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

#[path = "rabbitmq/broker.rs"]
#[expect(dead_code, reason = "shared with the test on RabbitMQ, which uses all of it")]
mod broker;

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use broker::Broker;

/// What the clients print, in this order.
const DONE: [&str; 9] = [
    "joined",
    "stored-inline",
    "retrieved-inline",
    "stored-streamed",
    "retrieved-streamed",
    "rejected",
    "renewed",
    "left",
    "registered",
];

/// The program, killed with the test.
struct Sandbox {
    child: Child,
    /// What it printed: its URLs and profiles.
    printed: Value,
}

impl Sandbox {
    fn start(arguments: &[&str]) -> Self {
        let ports = ["--api-port", "0", "--ws-port", "0", "--upstream-port", "0", "--downstream-port", "0"];
        let mut child = Command::new(env!("CARGO_BIN_EXE_privicore-sandbox"))
            .args(ports)
            .args(["--print", "json", "--scenario", "quiet"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("an output")).read_line(&mut line).expect("a line");
        Self { child, printed: serde_json::from_str(&line).expect("one line of JSON") }
    }

    /// The settings of a client with one of its profiles.
    fn settings(&self) -> String {
        let mut settings = self.printed.clone();
        let profile = settings["profiles"][0].take();
        settings["username"] = profile["username"].clone();
        settings["password"] = profile["password"].clone();
        settings.to_string()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let ended = self.child.wait();
            assert!(ended.is_ok(), "the sandbox did not end");
        }
    }
}

/// The value of an environment variable that `tests/run` sets.
fn installed(variable: &str) -> OsString {
    let value = std::env::var_os(variable).unwrap_or_default();
    assert!(!value.is_empty(), "{variable} is not set: run tests/run, which installs what it names");
    value
}

fn file(name: &str) -> String {
    format!("{}/tests/foreign/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn node() -> Command {
    let mut node = Command::new("node");
    node.env("NODE_PATH", installed("PRIVICORE_TEST_NODE_MODULES")).arg(file("node/client.cjs"));
    node
}

fn python() -> Command {
    let mut python = Command::new(installed("PRIVICORE_TEST_PYTHON"));
    python.arg(file("python/client.py"));
    python
}

/// Runs a client to its end. It must have done everything.
#[track_caller]
fn runs(mut client: Command, sandbox: &Sandbox) {
    let output = client.arg(sandbox.settings()).stdin(Stdio::null()).output().expect("the client runs");
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out.lines().collect::<Vec<_>>(), DONE, "{said}");
    assert!(output.status.success(), "{said}");
}

#[test]
fn nodes_client_of_the_guide_stores_retrieves_renews_and_leaves_with_queues_in_memory() {
    runs(node(), &Sandbox::start(&[]));
}

#[test]
fn pythons_client_of_the_guide_stores_retrieves_renews_and_leaves_with_queues_in_memory() {
    runs(python(), &Sandbox::start(&[]));
}

#[test]
fn both_clients_of_the_guide_do_all_of_it_through_a_real_rabbitmq() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let broker = runtime.block_on(Broker::start());
    let sandbox = Sandbox::start(&["--amqp", &broker.address()]);
    runs(node(), &sandbox);
    runs(python(), &sandbox);
}

#[test]
fn a_slow_sandbox_is_no_other_one_to_the_clients_of_the_guide() {
    let sandbox = Sandbox::start(&["--latency", "1ms..60ms", "--seed", "7"]);
    runs(node(), &sandbox);
    runs(python(), &sandbox);
    assert_eq!(sandbox.printed["profiles"].as_array().map(Vec::len), Some(2), "{}", json!(sandbox.printed));
}
