//! The round trip of a bug report: what one monitor exported is replayed by a sandbox, and another monitor has the same rows.

use std::path::Path;

use privicore_monitor::activity::export_record::Record;
use privicore_monitor::sandbox::{DEMO_USERNAME, Fault, Garbage, Options, start};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::Privicore;
use super::program::Home;

/// Publishes what a profile may receive, and watches it to the end. Returns the operator's folders.
fn recorded() -> Home {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--exit-on", "final:end"]);
    privicore.until_joined(1);
    let data = |id: &str, output_type: u8, context: &str, body: &str| {
        privicore.publish(&json!({"data": {
            "type": "X-DPT-CAB-REQUEST-ID", "id": id, "data_context": context, "output_type": output_type, "body": body,
        }}));
    };
    let link = || privicore.control.offer_download(b"payload".to_vec(), Some("a.txt")).expose().to_owned();
    let garbage = Fault::Garbage { frames: 1, kind: Some(Garbage::Binary) };
    assert_eq!(privicore.control.inject(garbage, Some(DEMO_USERNAME)).expect("injected"), 1);
    privicore.outcome("c-pending", 1, "");
    privicore.outcome("c-done", 1, "");
    privicore.outcome("c-done", 2, "Command completed successfully");
    privicore.outcome("c-failed", 3, "profile.not_an_owner");
    privicore.outcome("c-seven", 7, "a state of its own");
    privicore.outcome("c-Grüße 監査 🔎", 2, "Grüße\tund\nUmbruch");
    privicore.outcome("c-secret", 2, "see https://data.example.com/?auth=CANARY-of-the-first-run");
    privicore.publish(&json!({"data": {
        "type": "X-DPT-CAB-ID", "id": "c-json", "command_status": 3, "body": {"reason": "quota", "left": 0},
    }}));
    data("r-text", 0, "reports/2026", "10 % of it");
    data("r-link", 0, "reports/2026", "Preparing the payload.");
    data("r-link", 1, "reports/2026", &link());
    data("r-token", 1, "invoices", link().rsplit_once('=').expect("a link").1);
    privicore.publish(&json!({"data": {"type": "STREAM-READY", "id": "r-token"}}));
    privicore.publish(&json!({"data": {"type": "STREAM-READY", "id": "r-url", "streamUrl": link()}}));
    data("r-inline", 0, "notes", &"QUJD".repeat(30));
    privicore.publish(&json!({"data": {"type": "X-NEW", "id": "m-1", "password": "CANARY", "news": [1, 2]}}));
    privicore.publish(&json!({"data": 7}));
    privicore.publish(&json!([1, 2]));
    privicore.outcome("end", 2, "");
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    home
}

/// The lines of an export, without what differs from run to run: times, and the ids of what has none of its own. Sorted,
/// because a binary frame may be overtaken.
fn rows(home: &Home, arguments: &[&str], file: &Path) -> Vec<Value> {
    let all = [&["export", "--format", "ndjson"], arguments, &[file.to_str().expect("text")]].concat();
    home.run(&all).with(0);
    let text = std::fs::read_to_string(file).expect("exported");
    let mut rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for row in &mut rows {
        let is_unread = row["message"].as_str().is_some_and(|message| message.contains(" received: "));
        let row = row.as_object_mut().expect("an object");
        row.retain(|field, _| field != "at" && field != "first_seen" && !(is_unread && field == "id"));
    }
    rows.sort_by_key(Value::to_string);
    rows
}

#[test]
fn what_was_exported_is_replayed_to_the_same_rows() {
    let first = recorded();
    let report = first.folder("report.ndjson");
    let messages = rows(&first, &["--messages"], &report);
    assert_eq!(messages.len(), 20, "{messages:#?}");
    let shown = std::fs::read_to_string(&report).expect("exported");
    assert!(!shown.contains("CANARY"), "a secret was exported");

    let runtime = Runtime::new().expect("threads");
    let options = Options { script: Some(report), ..Options::embedded() };
    let sandbox = runtime.block_on(start(options)).expect("a sandbox");
    let second = Home::of(&sandbox);
    let mut watch = second.start(&["watch", "--exit-on", "final:end"]);
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    assert_eq!(rows(&second, &["--messages"], &second.folder("again.ndjson")), messages);
    let settled = |home: &Home| rows(home, &[], &home.folder("rows.ndjson"));
    assert_eq!(settled(&second), settled(&first), "the rows in their last state");
    runtime.block_on(sandbox.shutdown());
}

#[test]
fn a_replayed_line_has_the_fields_of_an_exported_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script.ndjson");
    std::fs::write(&script, "{\"kind\":\"command\",\"unheard-of\":1}\n").expect("written");
    let runtime = Runtime::new().expect("threads");
    let refused = runtime.block_on(start(Options { script: Some(script), ..Options::embedded() }));
    let refused = refused.err().expect("a field that does not exist was taken").to_string();
    // The sandbox can't use the monitor's list, so both are compared.
    let fields = Record::csv_header().trim_end().replace(',', ", ");
    assert!(refused.contains(&format!("the fields are {fields}")), "{refused}");
}
