//! Receiving a profile's messages, across broken connections and messages that can't be parsed.

use privicore_monitor::activity::export_record::Format;
use privicore_monitor::activity::{Activities, ActivityKey, Entry, Fact, LocalEvent, Seq, StatusCheck};
use privicore_monitor::engine::{Action, ConnectionState, CutText, DisconnectReason, Event};
use privicore_monitor::protocol::{CommandId, CommandStatus, Message, UnreadableReason};
use privicore_monitor::sandbox::{DEMO_USERNAME, PASSWORD};
use privicore_monitor::settings::{Address, Preferences, Profile, ProfileId};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::downloads::bytes;
use crate::exporting::export_of_everything;
use crate::quiet;
use crate::scripted::{Backend, proxy_sending};
use crate::server_answers::profile as profile_at;
use crate::tls_and_proxies::{Line, port_of};
use crate::window::{Machine, Window, post, profile_of, token_of, with_password, with_token};

fn command(id: &str) -> ActivityKey {
    ActivityKey::Command(CommandId::from(id))
}

#[tokio::test]
async fn messages_sent_while_the_connection_was_broken_are_received_afterwards() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    window.sign_in(&sandbox).await;
    sandbox.control().drop_connections();
    let broken = window.state("reconnecting", |state| matches!(state, ConnectionState::Reconnecting { .. })).await;
    assert!(matches!(broken, ConnectionState::Reconnecting { attempt: 1, .. }), "{broken:?}");
    let message = json!({"data": {"type": "X-DPT-CAB-ID", "id": "late", "command_status": 3, "body": "policy.denied"}});
    sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    let entry = window.entry(&command("late"), |_| true).await;
    let Fact::Received(Message::Command(report)) = entry.fact else { panic!("{:?}", entry.fact) };
    assert_eq!((report.status, report.body.text()), (CommandStatus::Failed, Some("policy.denied")));
    window.quit().await;
}

#[tokio::test]
async fn a_connection_whose_packets_are_dropped_is_detected_by_pings_and_becomes_a_gap() {
    let sandbox = quiet().await;
    let line = Line::to(port_of(&sandbox.ws_url())).await;
    let profile = Profile { websocket: Address::new(format!("ws://127.0.0.1:{}", line.port)), ..profile_of(&sandbox) };
    let mut window = Window::open(&Machine::new());
    window.act(Action::SignIn(Box::new(with_password(profile, PASSWORD))));
    window.signed_in().await.expect("signed in");
    window.live(1).await;
    let told = |id: &str| json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2}});
    sandbox.control().publish(DEMO_USERNAME, &told("before")).await.expect("published");
    window.entry(&command("before"), |_| true).await;

    line.lose();
    let dead = window.state("reconnecting", |state| matches!(state, ConnectionState::Reconnecting { .. })).await;
    let ConnectionState::Reconnecting { why, .. } = dead else { panic!("{dead:?}") };
    assert_eq!(why, DisconnectReason::Dead.into());
    assert_eq!(why.to_string(), "The server does not respond. The connection was closed.");
    window.live(2).await;
    sandbox.control().publish(DEMO_USERNAME, &told("after")).await.expect("published");
    window.since(0, "what came after", |event| entry_of(event, |entry| entry.key == command("after"))).await;
    let gap = |entry: &Entry| matches!(&entry.fact, Fact::Gap(gap) if gap.to.is_some());
    window.since(0, "the gap", |event| entry_of(event, gap)).await;
    window.quit().await;
}

/// The first wanted entry of an event, if any.
fn entry_of(event: &Event, wanted: impl Fn(&Entry) -> bool) -> Option<()> {
    let Event::Committed { entries, .. } = event else { return None };
    entries.iter().any(wanted).then_some(())
}

#[tokio::test]
async fn messages_above_the_limit_are_reported_and_after_the_third_the_limit_can_be_raised() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    window.sign_in(&sandbox).await;
    let large = |id: &str| json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 2, "body": "x".repeat(1_200_000)}});
    let mut offered = None;
    for lost in 1..=3 {
        window.live(lost).await;
        sandbox.control().publish(DEMO_USERNAME, &large("large")).await.expect("published");
        assert!(offered.is_none(), "it was offered before the third");
        offered = window.notice("is larger than the limit of 1048576 bytes").await.remedy;
    }
    let (words, remedy) = offered.expect("a remedy");
    assert_eq!(words, "Raise the limit");
    assert!(matches!(remedy, Action::SetMessageLimit(2_097_152)), "{remedy:?}");
    window.act(remedy);
    window.settings("the new limit", |settings| (settings.preferences.message_limit == 2_097_152).then_some(())).await;
    sandbox.control().publish(DEMO_USERNAME, &large("large again")).await.expect("published");
    let entry = window.entry(&command("large again"), |_| true).await;
    assert!(entry.raw.len() > 1_200_000);

    // What was lost is in the journal: one row, because the same size is probably the same message, and a gap that may have more.
    let to = machine.file("all.ndjson");
    window.act(Action::Export(Box::new(export_of_everything(Format::Ndjson, &to))));
    window.notice("exported to").await;
    let lines = std::fs::read_to_string(&to).expect("the file");
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let messages = |kind: &str| -> Vec<_> {
        lines.iter().filter(|line| line["kind"] == kind).filter_map(|line| line["message"].as_str()).collect()
    };
    let lost = messages("message");
    assert!(lost.len() == 1 && lost.iter().all(|text| text.contains("larger than the limit")), "{lost:?}");
    let gaps = messages("gap");
    assert!(!gaps.is_empty() && gaps.iter().all(|text| text.contains("may be missing")), "{gaps:?}");
    window.quit().await;
}

#[tokio::test]
async fn a_command_can_be_checked_labelled_and_read_again() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    let token = token_of(&sandbox).await;
    let answer = post(&sandbox, "/device/reject-device", Some(&token), &[("deviceId", "nothing")]).await;
    let id = answer.as_str().or_else(|| answer.pointer("/commandId")?.as_str()).or_else(|| answer.get(0)?.as_str());
    let id = id.unwrap_or_else(|| panic!("no command id in {answer}")).to_owned();
    let received = window
        .entry(&command(&id), |entry| {
            matches!(&entry.fact,
        Fact::Received(Message::Command(report)) if report.status.is_final())
        })
        .await;

    window.act(Action::CheckStatus { profile, commands: vec![CommandId::from(id.as_str())] });
    let asked = window.entry(&command(&id), |entry| matches!(entry.fact, Fact::StatusChecked(_))).await;
    assert!(
        matches!(asked.fact, Fact::StatusChecked(StatusCheck::Known { status: CommandStatus::Failed, .. })),
        "{asked:?}"
    );
    window.act(Action::CheckStatus { profile, commands: vec![CommandId::from("unheard-of")] });
    let unknown = window.entry(&command("unheard-of"), |_| true).await;
    assert_eq!(unknown.fact, Fact::StatusChecked(StatusCheck::Unknown));

    window.act(Action::SetLabel { profile, keys: vec![command(&id)], label: "the lost tablet".to_owned() });
    let named = window.entry(&command(&id), |entry| matches!(entry.fact, Fact::Local(_))).await;
    assert_eq!(named.fact, Fact::Local(LocalEvent::Labelled { label: "the lost tablet".to_owned() }));
    window.act(Action::History { profile, key: command(&id), from: Seq(0), to: named.seq });
    let history = window
        .wait("the history", |event| match event {
            Event::History { entries, .. } => Some(entries.clone()),
            _ => None,
        })
        .await;
    for entry in [&received, &asked, &named] {
        assert!(history.contains(entry), "{entry:?} is not in {history:#?}");
    }
    window.quit().await;
}

#[tokio::test]
async fn disconnecting_leaves_and_connecting_joins_again() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.act(Action::Disconnect(profile));
    window.state("leaving", |state| *state == ConnectionState::Leaving).await;
    window.state("offline", |state| *state == ConnectionState::Offline).await;
    assert_eq!(sandbox.control().joined(DEMO_USERNAME).expect("a profile"), 0);
    window.act(Action::Connect(profile));
    window.live(2).await;
    window.quit().await;
}

/// A binary message in three frames.
fn fragments(message: &[u8]) -> Vec<WsMessage> {
    let pieces: Vec<_> = message.chunks(message.len().div_ceil(3)).collect();
    let last = pieces.len() - 1;
    let frame = |(number, piece): (usize, &&[u8])| {
        let kind = if number == 0 { Data::Binary } else { Data::Continue };
        WsMessage::Frame(Frame::message(piece.to_vec(), OpCode::Data(kind), number == last))
    };
    pieces.iter().enumerate().map(frame).collect()
}

#[tokio::test]
async fn binary_messages_up_to_the_limit_are_read_as_outcomes_or_stored_for_saving() {
    let limit = Preferences::default().message_limit;
    let outcome = |id: &str, size: usize| {
        let message = |body: &str| {
            json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": 3, "body": body}}).to_string()
        };
        message(&"x".repeat(size - message("").len())).into_bytes()
    };
    let mut payloads = [vec![0x9f], bytes(70_000), bytes(limit - 1), bytes(limit)];
    // Messages are told apart by their size.
    payloads[3].reverse();
    let mut frames = vec![WsMessage::binary(outcome("whole", limit))];
    frames.extend(fragments(&outcome("fragments", limit)));
    frames.extend(payloads.iter().enumerate().flat_map(|(number, payload)| {
        if number % 2 == 0 { vec![WsMessage::binary(payload.clone())] } else { fragments(payload) }
    }));
    frames.push(WsMessage::binary(outcome("last", 100)));
    let backend = Backend::start(|_| (404, String::new())).await;
    let profile = profile_at(&backend, &proxy_sending(frames).await);
    let id = profile.id;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    window.act(Action::SignIn(Box::new(with_token(profile, "T"))));
    for (of, size) in [("whole", limit), ("fragments", limit), ("last", 100)] {
        let is_it = |entry: &Entry| entry.key == command(of);
        let entry = window.since(0, of, |event| entry_with(event, is_it)).await;
        let Fact::Received(Message::Command(report)) = &entry.fact else { panic!("{:?}", entry.fact) };
        assert_eq!((report.status, entry.raw.len()), (CommandStatus::Failed, size), "{of}");
    }
    for (number, payload) in payloads.iter().enumerate() {
        let wanted = Fact::Unreadable { reason: UnreadableReason::Binary, size: payload.len() as u64 };
        let entry = window.since(0, "the bytes", |event| entry_with(event, |entry| entry.fact == wanted)).await;
        let to = machine.file(&format!("message {number}"));
        window.act(Action::SaveMessage { profile: id, key: entry.key, to: to.clone(), span: None });
        window.notice(&format!("message {number} is saved")).await;
        assert!(std::fs::read(&to).expect("a file") == *payload, "message {number}: other bytes");
    }
    assert!(!window.was(|state| matches!(state, ConnectionState::Reconnecting { .. })), "it was given up in between");
    window.quit().await;
}

/// The first wanted entry of an event, received now or in an earlier run.
fn entry_with(event: &Event, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
    let (Event::Committed { entries, .. } | Event::Restored { entries, .. }) = event else { return None };
    entries.iter().find(|entry| wanted(entry)).cloned()
}

/// The full texts of a command's row, as the window asks for them when it copies the row: one for each text that the row cuts.
async fn whole_texts(window: &mut Window, profile: ProfileId, id: &str) -> Vec<(ActivityKey, String)> {
    window.since(0, id, |event| entry_with(event, |entry| entry.key == command(id))).await;
    let mut activities = Activities::new(std::time::Duration::from_mins(10));
    for event in &window.heard {
        match event {
            Event::Restored { entries, .. } => activities.apply_restored(entries),
            Event::Committed { entries, .. } => entries.iter().for_each(|entry| activities.apply(entry)),
            _ => {}
        }
    }
    let row = activities.get(activities.find(&command(id)).expect("a row")).expect("a row");
    let shown = row.message();
    let beginning = shown.strip_suffix('…').expect("a text that is cut").to_owned();
    assert!(!beginning.contains("NEEDLE"), "{beginning}");
    let cut = CutText { key: row.key(), from: row.first_seq(), to: row.last_seq(), beginning };
    // No row has this text any more, or ever had.
    let gone = CutText { beginning: "something else".to_owned(), ..cut.clone() };
    window.act(Action::ReadTexts { profile, rows: vec![gone, cut] });
    window
        .wait("the texts", |event| match event {
            Event::FullTexts { texts, .. } => Some(texts.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn the_full_text_of_a_row_is_read_from_the_journal_even_after_a_restart() {
    let sandbox = quiet().await;
    let machine = Machine::new();
    let mut window = Window::open(&machine);
    let profile = window.sign_in(&sandbox).await;
    window.wait_for_stored_token().await;
    let reason = format!("{} NEEDLE", "why ".repeat(100));
    // A text that came later for the same row does not hide the one that is asked for.
    for (status, body) in [(1, "begun"), (3, &*reason), (1, "and once more")] {
        let message = json!({"data": {"type": "X-DPT-CAB-ID", "id": "c-1", "command_status": status, "body": body}});
        sandbox.control().publish(DEMO_USERNAME, &message).await.expect("published");
    }
    let last = |entry: &Entry| entry.key == command("c-1") && entry.raw.contains("and once more");
    window.since(0, "the last message", |event| entry_with(event, last)).await;
    for _run in ["now", "restored"] {
        assert_eq!(whole_texts(&mut window, profile, "c-1").await, [(command("c-1"), reason.clone())]);
        window.quit().await;
        window = Window::open(&machine);
        window.live(1).await;
    }
    window.quit().await;
}
