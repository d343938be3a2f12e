//! Text from servers, arguments and files in a terminal: it can't control the terminal. Output that nobody reads is no
//! error.

use std::process::Stdio;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;

use super::Privicore;
use super::program::Home;

/// Attacks on the clipboard, the screen, lines, colours and the direction of writing, and invisible letters.
const HOSTILE: &str =
    "\u{1b}]52;c;cHduZWQ=\u{7}\u{1b}[2J\r\nprivicore-monitor: forged\u{9b}31m\u{202e}evil\u{2028}\u{e0041}\u{7f}.";

fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0041}')
}

#[track_caller]
fn assert_harmless(said: &str) {
    let harmful: String = said.chars().filter(|character| *character != '\n' && is_harmful(*character)).collect();
    assert_eq!(harmful, "", "{said:?}");
    assert!(!said.lines().any(|line| line.starts_with("privicore-monitor: forged")), "a line is forged: {said}");
}

/// A server that accepts or refuses a sign-in and then a join, with hostile texts. Returns its addresses.
fn server(runtime: &Runtime, sign_in: u16, join: u16) -> (String, String) {
    server_saying(runtime, (sign_in, join), HOSTILE, "T-1")
}

/// The same with this text, and a token that it issues.
fn server_saying(
    runtime: &Runtime,
    (sign_in, join): (u16, u16),
    reason: &'static str,
    token: &str,
) -> (String, String) {
    let words = json!({"message": reason, "authorizationToken": token}).to_string();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let api = format!("http://{}", listener.local_addr().expect("an address"));
    runtime.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut asked = Vec::new();
            while !asked.windows(4).any(|end| end == b"\r\n\r\n") && stream.read_buf(&mut asked).await.is_ok() {}
            let head = format!("HTTP/1.1 {sign_in} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", words.len());
            drop(stream.write_all(&[head.as_bytes(), words.as_bytes()].concat()).await);
        }
    });
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let websocket = format!("ws://{}", listener.local_addr().expect("an address"));
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("an upgrade");
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                let asked: Value = serde_json::from_str(&text).expect("JSON");
                let reply = json!({"correlationId": asked["correlationId"], "status": join, "message": reason});
                drop(socket.send(Message::text(reply.to_string())).await);
            }
        }
    });
    (api, websocket)
}

fn home_at((api, websocket): &(String, String)) -> Home {
    let mut home = Home::new();
    home.set("PRIVICORE_API_URL", api);
    home.set("PRIVICORE_WS_URL", websocket);
    home.set("PRIVICORE_USERNAME", "somebody");
    home.set("PRIVICORE_PASSWORD", "right");
    home
}

#[test]
fn a_servers_reason_is_shown_without_terminal_control_characters() {
    let runtime = Runtime::new().expect("threads");
    for (sign_in, join) in [(401, 200), (200, 401), (200, 403)] {
        let home = home_at(&server(&runtime, sign_in, join));
        for log in ["warn", "trace"] {
            let watch = home.run(&["--log", log, "watch"]).with(3);
            assert_harmless(&watch.said);
            assert!(watch.said.contains("␛]52;c;cHduZWQ=␇␛[2J⏎privicore-monitor: forged"), "not shown: {}", watch.said);
        }
    }
}

#[test]
fn a_token_or_a_password_that_is_a_word_of_a_refusal_is_not_printed() {
    let runtime = Runtime::new().expect("threads");
    for (statuses, text, shown) in [
        ((401, 200), "The password yellow is not valid", "The server refused to sign in"),
        ((200, 401), "The token purple is not valid", "The token hidden is not valid"),
        ((200, 403), "The token purple is not valid", "The token hidden is not valid"),
    ] {
        let mut home = home_at(&server_saying(&runtime, statuses, text, "purple"));
        home.set("PRIVICORE_PASSWORD", "yellow");
        for arguments in [&["watch"][..], &["watch", "--json"], &["--log", "trace", "watch"]] {
            let watch = home.run(arguments).with(3);
            assert!(watch.said.contains(shown), "{statuses:?} {arguments:?}: {}", watch.said);
            for secret in ["purple", "yellow"] {
                assert!(!watch.said.contains(secret) && !watch.out.contains(secret), "{arguments:?}: {}", watch.said);
            }
        }
        let export = home.run(&["export", "--format", "ndjson", "--messages"]).with(0);
        assert!(!export.out.contains("purple") && !export.said.contains("purple"), "{}{}", export.out, export.said);
    }
}

#[test]
fn a_closed_standard_error_is_no_error() {
    let runtime = Runtime::new().expect("threads");
    let home = home_at(&server(&runtime, 401, 200));
    for (arguments, code) in [
        (&["watch"][..], 3),
        (&["--log", "trace", "watch"], 3),
        (&["watch", "--filter", "staus:x"], 2),
        (&["--nonsense"], 2),
        (&["export", "--format", "csv", "--data-dir", "/dev/null/nowhere"], 2),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = home.command(arguments);
        let ended = command.stdout(Stdio::null()).stderr(writer).status().expect("ran");
        assert_eq!(ended.code(), Some(code), "{arguments:?}");
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let ended = home.command(&["--help"]).stdout(writer).stderr(Stdio::null()).status().expect("ran");
    assert_eq!(ended.code(), Some(0), "help that nobody reads");
}

#[test]
fn arguments_and_file_contents_are_quoted_without_control_characters() {
    let home = Home::new();
    for arguments in [
        &["watch", "--profile", HOSTILE][..],
        &["export", "--format", "csv", "--profile", HOSTILE],
        &["export", "--format", HOSTILE],
        &["watch", "--filter", &format!("staus:{HOSTILE}")],
        &["watch", "--exit-on", HOSTILE],
        &["watch", &format!("--{HOSTILE}")],
        &[HOSTILE],
    ] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.said);
        assert_harmless(&ended.said);
    }
    home.with_profiles(&["ops"]);
    let settings = home.folder("config/settings.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    let escaped = HOSTILE.chars().map(|c| format!("\\U{:08X}", u32::from(c)));
    let name = escaped.collect::<Vec<_>>().concat();
    std::fs::write(&settings, text.replace("\"ops\"", &format!("\"{name}\""))).expect("written");
    let ended = home.run(&["watch"]).with(3);
    assert_harmless(&ended.said);
    assert!(ended.said.contains("forged"), "not shown: {}", ended.said);
}

#[test]
fn event_lines_have_no_terminal_control_characters_and_json_has_the_exact_text() {
    let privicore = Privicore::start();
    let home = Home::of(privicore.running());
    let mut watch = home.start(&["watch", "--exit-on", "final:c-1"]);
    privicore.until_joined(1);
    privicore.outcome("c-1", 3, HOSTILE);
    assert_harmless(watch.line().trim_end_matches('\n'));
    assert_eq!(watch.end().code(), Some(0), "{}", watch.said());
    for format in ["ndjson", "csv"] {
        let out = home.run(&["export", "--format", format]).with(0).out;
        let spared = |c: &char| !matches!(c, '\r' | '\n');
        let harmful: String = out.chars().filter(spared).filter(|c| is_harmful(*c) && *c != '\u{e0041}').collect();
        assert_eq!(harmful, "", "{out:?}");
        if format == "ndjson" {
            let row: Value = out
                .lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .find(|row: &Value| row["id"] == "c-1")
                .expect("the row");
            assert_eq!(row["message"], HOSTILE);
        }
    }
}
