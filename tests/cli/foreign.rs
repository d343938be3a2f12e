//! WebSocket libraries in other languages, as relays use them: `watch` reads their frames in every form and survives their
//! closes. `tests/run` installs what these tests need, names it in the environment and builds them with the feature
//! `interop-tests`. Without that feature they are ignored; with it, a missing variable is a failure.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::Privicore;
use super::program::{Home, contents};

/// A server in another language, killed with the test.
struct Foreign {
    child: Child,
    port: u16,
}

impl Foreign {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("an output")).read_line(&mut line).expect("a line");
        Self { child, port: line.trim().parse().expect("a port") }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            let ended = self.child.wait();
            assert!(ended.is_ok(), "the server did not end");
        }
    }
}

fn file(name: &str) -> String {
    format!("{}/tests/foreign/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Watches what a server sends over all its connections. Returns the id and the message of each outcome except the last, in
/// order.
fn outcomes(foreign: &Foreign) -> Vec<(String, String)> {
    let privicore = Privicore::start();
    let mut home = Home::of(privicore.running());
    home.set("PRIVICORE_WS_URL", &format!("ws://127.0.0.1:{}", foreign.port));
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:end"]);
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    let said = watch.said();
    for close in ["restart", "4001"] {
        assert!(said.contains(close), "{close} was not said: {said}");
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = watch.rest();
    let (other, outcomes): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["kind"] != "command");
    let messages: Vec<_> = other.iter().filter(|line| line["kind"] == "message").map(|line| &line["message"]).collect();
    let masked = r#"{"data":{"type":"NEW","id":"secrets","password":"hidden","x":"https://h/?auth=hidden"}}"#;
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(text(messages[0]).replace(": ", ":").replace(", ", ","), masked);
    assert_eq!(messages[1], "4 bytes received: binary data");
    let exported = home.run(&["export", "--format", "ndjson", "--messages"]).with(0);
    assert!(exported.out.contains("4 bytes received: binary data"), "{}", exported.out);
    assert!(!format!("{lines:?}{said}{}{}", exported.out, exported.said).contains("CANARY"), "a secret came out");
    let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("CANARY");
    assert!(!contents(&home.folder("")).iter().any(|(_, bytes)| holds(bytes)), "a secret is in a file");
    outcomes.iter().map(|line| (text(&line["id"]), text(&line["message"]))).filter(|(id, _)| id != "end").collect()
}

/// The outcomes that both servers send, with `between` among them.
fn wanted<'a>(between: &[(&'a str, &'a str)], long: &'a str) -> Vec<(&'a str, &'a str)> {
    let before = [
        ("text", "from text"),
        ("binary", "from binary"),
        ("text-in-parts", "größer €"),
        ("binary-in-parts", "größer €"),
        ("not-compressed", long),
    ];
    let after = [
        ("first-line", "from first-line"),
        ("second-line", "from second-line"),
        ("first-item", "from first-item"),
        ("second-item", "from second-item"),
        ("after-1012", "from after-1012"),
        ("after-no-code", "from after-no-code"),
        ("after-4001", "from after-4001"),
    ];
    [&before[..], between, &after].concat()
}

/// The value of an environment variable that `tests/run` sets.
fn installed(variable: &str) -> OsString {
    let value = std::env::var_os(variable).unwrap_or_default();
    assert!(!value.is_empty(), "{variable} is not set: run tests/run, which installs what it names");
    value
}

#[test]
#[cfg_attr(
    not(feature = "interop-tests"),
    ignore = "needs Node's ws: tests/run installs it and runs this with the feature interop-tests"
)]
fn what_nodes_ws_sends_is_read_whichever_way_it_comes() {
    let modules = installed("PRIVICORE_TEST_NODE_MODULES");
    let foreign = Foreign::start(Command::new("node").env("NODE_PATH", modules).arg(file("node/server.cjs")));
    let (found, long) = (outcomes(&foreign), "x".repeat(4000));
    let found: Vec<_> = found.iter().map(|(id, message)| (&**id, &**message)).collect();
    assert_eq!(found, wanted(&[], &long));
}

#[test]
#[cfg_attr(
    not(feature = "interop-tests"),
    ignore = "needs Python's websockets: tests/run installs it and runs this with the feature interop-tests"
)]
fn what_pythons_websockets_sends_is_read_whichever_way_it_comes() {
    let python = installed("PRIVICORE_TEST_PYTHON");
    let foreign = Foreign::start(Command::new(python).arg(file("python/server.py")));
    let (found, long) = (outcomes(&foreign), "x".repeat(4000));
    let found: Vec<_> = found.iter().map(|(id, message)| (&**id, &**message)).collect();
    assert_eq!(found, wanted(&[("half-an-emoji", "x\u{fffd}")], &long));
}
