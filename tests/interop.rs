//! Compatibility with other programs: a WebSocket client in another language on the same profile, and what jq, SQLite,
//! pandas, `LibreOffice` and curl read from exports and from the sandbox.
//!
//! `tests/run` installs the programs, with `tests/interop/install` and from Debian.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and make files and processes of their own"
)]

#[path = "cli/privicore.rs"]
mod privicore;
#[path = "cli/program.rs"]
#[expect(dead_code, reason = "the tests of the command line use more of it")]
mod program;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use privicore_monitor::sandbox::{DEMO_USERNAME, Delivery, PASSWORD};
use serde_json::{Value, json};

use privicore::Privicore;
use program::Home;

/// Texts that other programs interpret, each as the reason of a failed command.
const TEXTS: [&str; 12] = [
    "plain",
    "Größe € 監査 🔎",
    "=1+1",
    "＝1+1",
    "-1",
    "@SUM(A1)",
    "a \"quoted\" word, and a comma",
    "\"",
    "two\nlines",
    "007",
    "1e5",
    "semi;colon\tand a tab",
];

/// A journal with one failed command for each text.
fn journal(privicore: &Privicore) -> Home {
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--exit-on", "final:last"]);
    privicore.until_joined(1);
    for (number, text) in TEXTS.iter().enumerate() {
        privicore.outcome(&format!("c-{number}"), 3, text);
    }
    privicore.outcome("last", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    home
}

/// curl's output for a request.
fn curl(privicore: &Privicore, path: &str, arguments: &[&str]) -> String {
    let url = format!("{}{path}", privicore.running().api_url());
    output(Command::new("curl").args(["-q", "-sS", "--fail-with-body", "--max-time", "20"]).args(arguments).arg(url))
}

/// Runs a program to its end and returns its output.
#[track_caller]
fn output(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output();
    let done = done
        .unwrap_or_else(|error| panic!("{name} does not run ({error}): run tests/interop/install, and see tests/run"));
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

fn python() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("interop/bin/python")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

/// Python's `websockets` as a client of the demo profile.
struct Client {
    process: Child,
    input: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Client {
    fn join(sandbox: &Privicore, token: &str) -> Self {
        let mut process = Command::new(python())
            .arg(script("client.py"))
            .args([sandbox.running().ws_url(), token.to_owned()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs: see tests/interop/install");
        let lines = BufReader::new(process.stdout.take().expect("piped"));
        let mut client = Self { input: process.stdin.take(), process, lines };
        assert_eq!(client.line(), "joined");
        client
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    fn id(&mut self) -> String {
        let message: Value = serde_json::from_str(&self.line()).expect("JSON");
        message["data"]["id"].as_str().expect("an id").to_owned()
    }

    fn leave(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().expect("ended").success());
    }
}

fn token(sandbox: &Privicore) -> String {
    let form = [format!("username={DEMO_USERNAME}"), format!("password={PASSWORD}")];
    let form: Vec<&str> = form.iter().flat_map(|field| ["--data-urlencode", field]).collect();
    let answer: Value = serde_json::from_str(&curl(sandbox, "/profile/authenticate", &form)).expect("JSON");
    answer["authorizationToken"].as_str().expect("a token").to_owned()
}

#[test]
fn a_second_client_in_another_language_gets_what_the_monitor_gets_and_neither_disturbs_the_other() {
    let sandbox = Privicore::start();
    let home = Home::of(sandbox.running());
    let mut watch = home.start(&["watch", "--json", "--exit-on", "final:c-3"]);
    sandbox.until_joined(1);
    let mut client = Client::join(&sandbox, &token(&sandbox));
    sandbox.until_joined(2);
    sandbox.outcome("c-1", 3, "Größe \"x\"");
    assert_eq!((client.id(), watch.json()["id"].clone()), ("c-1".to_owned(), json!("c-1")));
    sandbox.outcome("c-2", 2, "");
    assert_eq!((client.id(), watch.json()["id"].clone()), ("c-2".to_owned(), json!("c-2")));
    client.leave();
    sandbox.until_joined(1);
    sandbox.outcome("c-3", 2, "");
    assert_eq!(watch.json()["id"], "c-3", "the monitor was disturbed");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
}

#[test]
fn with_a_competing_client_each_message_reaches_exactly_one_of_the_two() {
    let sandbox = Privicore::with(Delivery::Competing);
    let home = Home::of(sandbox.running());
    let mut watch = home.start(&["watch", "--json"]);
    sandbox.until_joined(1);
    let client = Client::join(&sandbox, &token(&sandbox));
    sandbox.until_joined(2);
    for number in 0..10 {
        sandbox.outcome(&format!("c-{number}"), 2, "");
    }
    // After the client has left, it receives nothing more, so this is all that it received.
    let Client { mut process, input, lines } = client;
    drop(input);
    assert!(process.wait().expect("ended").success());
    let taken = lines.lines().map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"));
    let mut ids: Vec<String> = taken.map(|message| message["data"]["id"].as_str().expect("an id").to_owned()).collect();
    while ids.len() < 10 {
        ids.push(watch.json()["id"].as_str().expect("an id").to_owned());
    }
    ids.sort();
    assert_eq!(ids, (0..10).map(|number| format!("c-{number}")).collect::<Vec<_>>());
    watch.signal("TERM");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
}

#[test]
fn jq_reads_lines_of_json_as_they_were_sent() {
    let sandbox = Privicore::start();
    let home = journal(&sandbox);
    let file = home.folder("out.ndjson");
    home.run(&["export", "--format", "ndjson", file.to_str().expect("text")]).with(0);
    let filter = "[inputs | select(.status == \"Failed\") | .message]";
    let read = output(Command::new("jq").args(["-n", filter]).arg(&file));
    assert_eq!(serde_json::from_str::<Vec<String>>(&read).expect("JSON"), TEXTS);
}

/// A text as a cell of CSV.
fn guarded(text: &str) -> String {
    let is_formula = text.starts_with(['=', '＝', '-', '@']);
    format!("{}{text}", if is_formula { "'" } else { "" })
}

#[test]
fn sqlite_imports_csv_and_reads_the_journal() {
    let sandbox = Privicore::start();
    let home = journal(&sandbox);
    let file = home.folder("out.csv");
    home.run(&["export", "--format", "csv", file.to_str().expect("text")]).with(0);
    let import = format!(".import --csv {} export", file.display());
    let query = "SELECT json_group_array(json_array(id, message)) FROM export WHERE status = 'Failed'";
    let read = output(Command::new("sqlite3").args([":memory:", &import, query]));
    let rows: Vec<(String, String)> = serde_json::from_str(&read).expect("JSON");
    let wanted: Vec<_> =
        TEXTS.iter().enumerate().map(|(number, text)| (format!("c-{number}"), guarded(text))).collect();
    assert_eq!(rows, wanted);
    let journal = home.folder("data").join("journal.sqlite");
    let check = output(
        Command::new("sqlite3").arg("-readonly").arg(journal).arg("PRAGMA integrity_check; SELECT count(*) FROM entry"),
    );
    assert_eq!(check.lines().collect::<Vec<_>>(), ["ok", "13"]);
}

#[test]
fn pandas_reads_both_forms() {
    let sandbox = Privicore::start();
    let home = journal(&sandbox);
    for (kind, bom) in [("csv", false), ("csv", true), ("ndjson", false)] {
        let file = home.folder(&format!("out.{kind}"));
        let mut line = vec!["export", "--format", kind, file.to_str().expect("text")];
        line.extend(bom.then_some("--bom"));
        home.run(&line).with(0);
        let read = output(Command::new(python()).arg(script("frames.py")).arg(kind).arg(&file));
        let frame: Value = serde_json::from_str(&read).expect("JSON");
        let columns: Vec<&str> =
            frame["columns"].as_array().expect("columns").iter().filter_map(Value::as_str).collect();
        assert_eq!(columns[..5], ["kind", "id", "profile", "status", "message"], "{kind}, {bom}");
        let rows = frame["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), TEXTS.len() + 1, "{kind}, {bom}");
        for (number, (row, text)) in rows.iter().zip(TEXTS).enumerate() {
            let message = if kind == "csv" { guarded(text) } else { text.to_owned() };
            assert_eq!((&row[1], &row[4]), (&json!(format!("c-{number}")), &json!(message)), "{kind}, {bom}");
        }
    }
}

#[test]
fn libreoffice_opens_csv_with_the_same_cells() {
    let sandbox = Privicore::start();
    let home = journal(&sandbox);
    let file = home.folder("out.csv");
    home.run(&["export", "--format", "csv", "--bom", file.to_str().expect("text")]).with(0);
    let (profile, out) = (home.folder("office"), home.folder("converted"));
    // Comma, quotation mark, UTF-8, from the first line; formulas are evaluated as when a file is opened by hand. Converted
    // to cells with their values, and back to CSV with every text in quotation marks.
    output(
        Command::new("soffice")
            .arg(format!("-env:UserInstallation=file://{}", profile.display()))
            .args(["--headless", "--infilter=CSV:44,34,UTF8,1,,0,false,true,false", "--convert-to"])
            .arg("csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,false")
            .arg("--outdir")
            .arg(&out)
            .arg(&file),
    );
    let text = std::fs::read_to_string(out.join("out.csv")).expect("converted");
    for text_of in TEXTS {
        let cell = format!("\"{}\"", guarded(text_of).replace('"', "\"\""));
        let number = matches!(text_of, "007" | "1e5");
        assert!(number || text.contains(&cell), "{cell} is not among the cells:\n{text}");
    }
    assert!(!text.contains(",\"2\",") && !text.contains(",2,"), "a formula was run:\n{text}");
}

#[test]
fn curl_speaks_with_the_sandbox() {
    let sandbox = Privicore::start();
    let health: Value = serde_json::from_str(&curl(&sandbox, "/health", &[])).expect("JSON");
    assert_eq!(health, json!({"status": "ok"}));
    let header = format!("X-DPT-AUTHORIZATION: {}", token(&sandbox));
    let profile: Value =
        serde_json::from_str(&curl(&sandbox, "/profile/retrieve-profile-id", &["-H", &header])).expect("JSON");
    assert!(profile["profileId"].is_string(), "{profile}");
    let tokens: Value =
        serde_json::from_str(&curl(&sandbox, "/data-token/list-data-tokens", &["-H", &header])).expect("JSON");
    assert!(tokens["items"].is_array() && tokens["meta"]["count"].is_u64(), "{tokens}");
    // A link returns its bytes once.
    let link = sandbox.control.offer_download(b"payload".to_vec(), Some("data.bin"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sS", "-f", "--max-time", "20", "-OJ"]).arg(link.expose()).current_dir(folder.path());
    output(&mut curl);
    assert_eq!(std::fs::read(folder.path().join("data.bin")).expect("the file"), b"payload");
    assert_eq!(curl.status().expect("curl runs").code(), Some(22), "a link worked twice");
    std::io::stderr().flush().expect("written");
}
