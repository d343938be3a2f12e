//! What may be missing: gaps, the completeness summary, the evidence for an outcome, late outcomes, competing consumers,
//! silence.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::{ActivityKey, Entry, Fact, Gap, GapCause, Seq, StatusCheck};
use privicore_monitor::engine::{Action, ConnectionHealth, ConnectionState, Event};
use privicore_monitor::protocol::{CommandId, CommandStatus};
use privicore_monitor::settings::{Profile, Theme};

use super::harness::{Window, at, command, data, ops};

/// A gap that began at 12:01:03 with these commands open.
fn gap(window: &mut Window, to: Option<&str>, open: &[&str], requests: u32) -> Entry {
    let gap = Gap {
        from: at("12:01:03"),
        to: to.map(at),
        cause: GapCause::Disconnected,
        open: open.iter().map(|id| (*id).into()).collect(),
        requests,
        open_requests: (0..requests).map(|number| format!("r-{number}").as_str().into()).collect(),
    };
    window.fact(ActivityKey::Gap("gap-1".into()), Fact::Gap(gap), "")
}

fn answered(window: &mut Window, id: &str, status: CommandStatus) {
    let known = Fact::StatusChecked(StatusCheck::Known { status, text: None });
    let entry = window.fact(ActivityKey::Command(id.into()), known, "{}");
    window.commit(vec![entry]);
}

/// A window with an ended gap across which two commands were open.
fn with_gap() -> Window {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, ""), command("c-2", 1, "")]);
    let gap = gap(&mut window, Some("12:01:09"), &["c-1", "c-2"], 0);
    window.commit(vec![gap]);
    window
}

fn description(window: &Window, row: &str) -> String {
    window.find(Role::Row, row).accesskit_node().description().unwrap_or_default()
}

#[test]
fn a_gap_is_a_row_that_says_what_may_be_missing_and_what_was_recovered() {
    let mut window = with_gap();
    let row = "Gap 12:01:03 to 12:01:09";
    assert_eq!(window.rows().first().map(String::as_str), Some(row));
    assert_eq!(
        description(&window, row),
        "Disconnected 12:01:03 – 12:01:09: acknowledgements may be missing · 0 of 2 recovered"
    );
    window.receive(&[command("c-1", 2, "")]);
    assert!(description(&window, row).ends_with("1 of 2 recovered"), "{}", description(&window, row));
    answered(&mut window, "c-2", CommandStatus::Succeeded);
    assert_eq!(
        description(&window, row),
        "Disconnected 12:01:03 – 12:01:09: nothing known is missing · 2 of 2 recovered"
    );
}

#[test]
fn an_ongoing_gap_says_what_is_waiting() {
    let mut window = Window::live();
    window.receive(&[
        command("c-1", 1, ""),
        command("c-2", 1, ""),
        command("c-3", 1, ""),
        command("c-4", 2, ""),
        data("r-1", "invoices/2026-Q1", 0, "Collecting"),
    ]);
    // It names nothing before it ends: whatever is open is waiting.
    let gap = gap(&mut window, None, &[], 0);
    window.commit(vec![gap]);
    assert_eq!(
        description(&window, "Gap 12:01:03 to now"),
        "Disconnected 12:01:03 – now: acknowledgements may be missing · 3 commands and 1 data request are waiting for an \
         outcome"
    );
    assert!(!window.has(Role::Button, "Reconcile"), "nobody can be asked while it lasts");
    assert!(window.has(Role::Button, "Not receiving since 12:01:03"), "{:?}", window.all(Role::Button));
}

#[test]
fn reconcile_is_offered_while_something_is_open() {
    let mut window = with_gap();
    window.press("Reconcile");
    match &*window.actions() {
        [Action::Reconcile { gap, .. }] => assert_eq!(*gap, ActivityKey::Gap("gap-1".into())),
        other => panic!("{other:?}"),
    }
    window.receive(&[command("c-1", 2, ""), command("c-2", 3, "")]);
    assert!(!window.has(Role::Button, "Reconcile"), "there is nothing left to ask for");
}

#[test]
fn gaps_are_filtered_by_status_like_rows() {
    let mut window = with_gap();
    window.press("Show other (1)");
    assert_eq!(window.rows(), ["Gap 12:01:03 to 12:01:09"]);
    window.press("Show pending (2)");
    assert_eq!(window.rows(), ["Command c-2, Pending", "Command c-1, Pending"]);
}

#[test]
fn the_details_of_a_gap_list_and_open_its_activities() {
    let mut window = with_gap();
    window.receive(&[command("c-1", 2, "")]);
    window.click(Role::Row, "Gap 12:01:03 to 12:01:09");
    assert!(window.has(Role::Group, "Details"), "not open");
    assert!(window.has(Role::Button, "c-2, Pending"), "{:?}", window.all(Role::Button));
    assert!(window.has(Role::Button, "Reconcile selected"), "{:?}", window.all(Role::Button));
    window.press("c-1, Succeeded");
    assert_eq!(window.selected(), ["Command c-1, Succeeded"]);
    assert!(window.reads("Command c-1"), "the details stay with the gap");
}

#[test]
fn the_status_bar_claims_only_what_is_known_to_be_complete() {
    let mut window = Window::live();
    assert!(window.has(Role::Button, "Nothing received yet"), "{:?}", window.all(Role::Button));
    window.receive(&[command("c-1", 1, ""), command("c-2", 1, ""), command("c-3", 2, "")]);
    assert!(window.has(Role::Button, "No acknowledgement missing since 12:04"), "{:?}", window.all(Role::Button));
    let first = gap(&mut window, Some("12:01:09"), &["c-1", "c-2"], 0);
    window.commit(vec![first]);
    assert!(window.has(Role::Button, "2 commands unsettled, 1 gap"), "{:?}", window.all(Role::Button));
    window.receive(&[command("c-1", 2, "")]);
    assert!(window.has(Role::Button, "1 command unsettled, 1 gap"), "{:?}", window.all(Role::Button));
    answered(&mut window, "c-2", CommandStatus::Failed);
    assert!(window.has(Role::Button, "No acknowledgement missing since 12:04"), "{:?}", window.all(Role::Button));
    let profile = window.id();
    window.status(profile, |status| status.connection = Some(ConnectionState::Offline));
    window.run();
    assert!(window.has(Role::Button, "Not receiving"), "{:?}", window.all(Role::Button));
}

#[test]
fn a_data_request_open_across_a_gap_does_not_count_as_recovered() {
    let mut window = Window::live();
    window.receive(&[data("r-0", "", 0, "Collecting")]);
    let gap = gap(&mut window, Some("12:01:09"), &[], 1);
    window.commit(vec![gap]);
    assert!(window.has(Role::Button, "Data requests may be unsettled, 1 gap"), "{:?}", window.all(Role::Button));
    window.receive(&[data("r-0", "", 1, super::harness::LINK)]);
    assert!(window.has(Role::Button, "No acknowledgement missing since 12:04"), "{:?}", window.all(Role::Button));
}

fn unknown(window: &mut Window, id: &str) {
    let unknown = window.fact(ActivityKey::Command(id.into()), Fact::StatusChecked(StatusCheck::Unknown), "");
    window.commit(vec![unknown]);
}

#[test]
fn a_command_unknown_to_the_server_never_counts_as_recovered() {
    let mut window = Window::live();
    let ids = ["c-1", "c-2", "c-3", "c-4", "c-5"];
    window.receive(&ids.map(|id| command(id, 1, "")));
    let gap = gap(&mut window, Some("12:01:09"), &ids, 0);
    window.commit(vec![gap]);
    window.receive(&["c-1", "c-2", "c-3"].map(|id| command(id, 2, "")));
    unknown(&mut window, "c-4");
    let row = "Gap 12:01:03 to 12:01:09";
    assert!(description(&window, row).ends_with("missing · 3 of 5 recovered, 1 unknown to the server"));
    let bar = "1 command unsettled, 1 unknown to the server, 1 gap";
    assert!(window.has(Role::Button, bar), "{:?}", window.all(Role::Button));
    answered(&mut window, "c-5", CommandStatus::Succeeded);
    assert_eq!(
        description(&window, row),
        "Disconnected 12:01:03 – 12:01:09: acknowledgements may be missing · 4 of 5 recovered, 1 unknown to the server"
    );
    assert!(!window.has(Role::Button, "Reconcile"), "there is nothing left to ask for");
    window.press("1 command unknown to the server, 1 gap");
    let line =
        "Disconnected 12:01:03 – 12:01:09: acknowledgements may be missing, 4 of 5 recovered, 1 unknown to the server";
    assert!(window.has(Role::Button, line), "{:?}", window.all(Role::Button));
}

#[test]
fn a_command_received_after_the_server_did_not_know_it_is_open_again() {
    let mut window = with_gap();
    for id in ["c-1", "c-2"] {
        unknown(&mut window, id);
    }
    assert!(window.has(Role::Button, "2 commands unknown to the server, 1 gap"), "{:?}", window.all(Role::Button));
    window.receive(&[command("c-1", 1, "")]);
    assert!(window.has(Role::Button, "1 command unsettled, 1 unknown to the server, 1 gap"));
    window.receive(&[command("c-1", 2, ""), command("c-2", 2, "")]);
    assert!(window.has(Role::Button, "No acknowledgement missing since 12:04"), "{:?}", window.all(Role::Button));
}

/// Every claim about completeness anywhere in the window.
fn claims(window: &Window) -> Vec<String> {
    let mut words: Vec<String> = [Role::Button, Role::Label].into_iter().flat_map(|role| window.all(role)).collect();
    words.extend(window.rows().iter().map(|row| description(window, row)));
    words.retain(|words| words.contains("nothing known is missing") || words.contains("No acknowledgement missing"));
    words
}

#[test]
fn while_a_competing_consumer_is_suspected_completeness_is_not_claimed() {
    let mut window = with_gap();
    window.receive(&[command("c-1", 2, ""), command("c-2", 2, "")]);
    assert_eq!(claims(&window).len(), 2, "{:?}", claims(&window));
    unheard(&mut window, 1);
    window.run();
    assert_eq!(claims(&window), [""; 0]);
    assert!(has_alert(&window, "1 of 3 settled unheard this hour."), "{:?}", window.all(Role::Alert));
    window.press("Completeness not known");
    assert_eq!(claims(&window), [""; 0], "the dialog claims something");
    assert!(window.all(Role::Label).concat().contains("Completeness is not known"), "{:?}", window.all(Role::Label));
    window.press("Close");
    window.receive(&[command("unheard-0", 2, "")]);
    assert_eq!(claims(&window).len(), 2, "{:?}", claims(&window));
}

#[test]
fn the_tab_for_all_profiles_claims_nothing_for_a_profile_with_a_suspected_consumer() {
    let mut window = with_gap();
    let audit = Profile { name: "audit".to_owned(), ..ops() };
    let profiles = vec![window.profile.clone(), audit];
    window.settings(profiles, Theme::Dark);
    window.run();
    window.press("All profiles");
    window.receive(&[command("c-1", 2, ""), command("c-2", 2, "")]);
    let row = "Gap 12:01:03 to 12:01:09";
    assert!(description(&window, row).contains("nothing known is missing"), "{}", description(&window, row));
    unheard(&mut window, 1);
    assert!(description(&window, row).contains("another client may take messages"), "{}", description(&window, row));
}

/// Commands that the socket reported as pending, and whose outcome only a status check returned.
fn unheard(window: &mut Window, count: usize) {
    for number in 0..count {
        let id = format!("unheard-{number}");
        window.receive(&[command(&id, 1, "")]);
        answered(window, &id, CommandStatus::Succeeded);
    }
    window.wait(Duration::from_secs(11));
    window.run();
}

fn has_alert(window: &Window, begin: &str) -> bool {
    window.all(Role::Alert).iter().any(|words| words.starts_with(begin))
}

#[test]
fn an_outcome_known_only_from_a_status_check_suggests_a_competing_consumer_for_an_hour() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, ""), command("c-2", 1, "")]);
    answered(&mut window, "c-1", CommandStatus::Succeeded);
    assert!(!claims(&window).is_empty(), "the socket may still say so");
    window.wait(Duration::from_secs(11));
    window.run();
    assert_eq!(claims(&window), [""; 0]);
    assert!(window.has(Role::Button, "Completeness not known"), "{:?}", window.all(Role::Button));
    window.wait(Duration::from_hours(1));
    window.run();
    assert!(window.has(Role::Button, "No acknowledgement missing since 12:04"), "{:?}", window.all(Role::Button));
    // An outcome that arrives on the socket later removes the suspicion.
    answered(&mut window, "c-2", CommandStatus::Succeeded);
    window.wait(Duration::from_secs(11));
    window.run();
    assert_eq!(claims(&window), [""; 0]);
    window.receive(&[command("c-2", 2, "")]);
    assert!(!claims(&window).is_empty());
}

#[test]
fn the_completeness_dialog_shows_totals_gaps_and_open_ids() {
    let mut window = with_gap();
    window.receive(&[command("c-3", 2, ""), command("c-4", 1, "")]);
    answered(&mut window, "c-4", CommandStatus::Succeeded);
    window.press("2 commands unsettled, 1 gap");
    assert!(window.has(Role::Dialog, "Completeness"), "no dialog");
    for words in [
        "Heard on the socket: 1",
        "Known only because the server was asked: 1",
        "Unknown to the server: 0",
        "Open: the outcome is still to come: 2",
        "All commands and data requests: 4",
        "Gaps: 1",
        "Open ids: 2",
    ] {
        assert!(window.reads(words), "no {words}: {:?}", window.all(Role::Label));
    }
    assert!(window.all(Role::Label).concat().contains("never seen are not included"), "too bold");
    window.receive(&[command("c-2", 2, "")]);
    assert!(window.reads("Heard on the socket: 2"), "it does not follow: {:?}", window.all(Role::Label));
    window.press("c-1, Pending, heard on the socket");
    assert!(!window.has(Role::Dialog, "Completeness"), "it stays in the way");
    assert_eq!(window.selected(), ["Command c-1, Pending"]);
}

#[test]
fn the_menu_opens_the_completeness_dialog_too() {
    let mut window = Window::live();
    window.press("Menu");
    window.press("Completeness");
    assert!(window.has(Role::Dialog, "Completeness"), "no dialog");
}

#[test]
fn a_contradiction_is_marked_and_explained_with_source_and_time() {
    let mut window = Window::live();
    let key = ActivityKey::Command("c-1".into());
    let received = window.entry(&command("c-1", 2, ""));
    window.commit(vec![received.clone()]);
    window.wait(Duration::from_secs(10));
    let known = Fact::StatusChecked(StatusCheck::Known { status: CommandStatus::Failed, text: None });
    let asked = window.fact(key.clone(), known, "{}");
    window.commit(vec![asked.clone()]);
    let row = "Command c-1, Failed";
    assert!(description(&window, row).contains("reported both as succeeded and as failed"), "no mark");
    assert!(window.reads("Contradicted"), "{:?}", window.all(Role::Label));
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    let profile = window.id();
    window.send_event(Event::History { profile, key, entries: vec![received, asked], is_cut: false });
    window.run();
    let labels = window.all(Role::Label);
    let told = "The socket said Succeeded at 12:04:33, the server answered Failed at 12:04:43.";
    assert!(labels.iter().any(|words| words.starts_with(told)), "{labels:?}");
    for line in ["12:04:33.120, Succeeded, by socket", "12:04:43.120, The server answered: Failed, by enquiry"] {
        assert!(window.reads(line), "no {line}: {labels:?}");
    }
}

#[test]
fn a_command_without_an_outcome_beyond_its_usual_latency_is_shown_as_late() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, ""), command("c-2", 2, "")]);
    assert!(!description(&window, "Command c-1, Pending").contains("late"), "it was sent this very moment");
    window.wait(Duration::from_secs(31));
    window.run();
    assert!(description(&window, "Command c-1, Pending").starts_with("late"), "it is not late");
    assert!(!description(&window, "Command c-2, Succeeded").contains("late"), "what is settled is never late");
}

#[test]
fn a_competing_consumer_is_shown_and_explained_as_long_as_there_is_one() {
    let mut window = Window::live();
    let heard: Vec<_> = (0..13).map(|number| command(&format!("c-{number}"), 2, "")).collect();
    window.receive(&heard);
    // Nobody ever received it on the socket, so it proves nothing that its outcome is only known from a status check.
    answered(&mut window, "tracked", CommandStatus::Succeeded);
    unheard(&mut window, 6);
    assert!(has_alert(&window, "6 of 20 settled unheard this hour."), "{:?}", window.all(Role::Alert));
    window.press("What this means");
    assert!(window.has(Role::Dialog, "Settled unheard"), "it is not explained");
    window.press("Close");
    window.wait(Duration::from_hours(1));
    window.run();
    assert!(window.all(Role::Alert).is_empty(), "it stays after its end");
    unheard(&mut window, 1);
    assert!(has_alert(&window, "1 of 1 settled unheard this hour."), "{:?}", window.all(Role::Alert));
    window.receive(&[command("unheard-0", 2, "")]);
    assert!(window.all(Role::Alert).is_empty(), "it was heard after all");
}

#[test]
fn an_unusual_silence_is_shown_beside_the_state_until_a_message_arrives() {
    let mut window = Window::live();
    let (profile, message) = (window.id(), Some(privicore_monitor::ui::Clock::instant(&window.clock)));
    let p95_pause = Some(Duration::from_secs(20));
    window.status(profile, |status| {
        status.health = ConnectionHealth { round_trip: None, keep_alives: 0, pong: message, message, p95_pause }
    });
    window.run();
    let quiet = |window: &Window| window.all(Role::Label).into_iter().find(|words| words.starts_with("Quiet"));
    window.wait(Duration::from_secs(59));
    window.run();
    assert_eq!(quiet(&window), None, "under a minute is no silence");
    assert!(window.repaint_delay() <= Duration::from_secs(1), "{:?}", window.repaint_delay());
    window.wait(Duration::from_secs(190));
    window.run();
    assert_eq!(quiet(&window).as_deref(), Some("Quiet for 4 min"));
    let signs = window.find(Role::Label, "Connection: Live").accesskit_node().description().unwrap_or_default();
    assert_eq!(
        signs,
        "Last answer to a ping 4 min 9 s ago.\nLast message 4 min 9 s ago.\nUsually the next one comes within 20 s."
    );
    window.receive(&[command("c-1", 2, "")]);
    assert_eq!(quiet(&window), None);
}

#[test]
fn commands_are_tracked_by_their_ids() {
    let mut window = Window::live();
    window.key_with(Modifiers::COMMAND, Key::T);
    assert!(window.has(Role::Dialog, "Track commands"), "Ctrl+T opens no dialog");
    let field = window.find(Role::MultilineTextInput, "Command ids").accesskit_node().is_focused();
    assert!(field, "one has to click before one can paste");
    window.type_into(Role::MultilineTextInput, "Command ids", "c-1\nc-2 c-1");
    window.type_into(Role::TextInput, "Label", " night run ");
    window.press("Track");
    match &*window.actions() {
        [Action::TrackCommands { commands, label, .. }] => {
            let commands: Vec<&str> = commands.iter().map(CommandId::as_str).collect();
            assert_eq!((commands, label.as_deref()), (vec!["c-1", "c-2"], Some("night run")));
        }
        other => panic!("{other:?}"),
    }
    assert!(!window.has(Role::Dialog, "Track commands"), "the dialog stays");
    window.press("Track commands…");
    assert!(window.has(Role::Dialog, "Track commands"), "the button opens none");
}

/// The journal is read newest first, so what an early gap names may not be in memory yet.
#[test]
fn a_gap_that_names_unrestored_activities_warns_until_their_outcome_is_known() {
    let mut window = Window::live();
    let profile = window.id();
    let old = window.entry(&command("c-1", 1, ""));
    let mut old_requests = vec![window.entry(&data("r-0", "", 0, "Collecting"))];
    let gap = gap(&mut window, Some("12:01:09"), &["c-1"], 1);
    let restored = |entries, complete| Event::Restored { profile, entries, live_from: Seq(100), complete };
    window.send_event(restored(vec![gap], false));
    window.run();
    assert!(window.reads("Reading earlier activities…"), "it claims something already: {:?}", window.all(Role::Button));
    old_requests.insert(0, old);
    window.send_event(restored(old_requests, true));
    window.run();
    assert!(window.has(Role::Button, "1 command unsettled, 1 gap"), "{:?}", window.all(Role::Button));
    answered(&mut window, "c-1", CommandStatus::Succeeded);
    assert!(window.has(Role::Button, "Data requests may be unsettled, 1 gap"), "{:?}", window.all(Role::Button));
    window.receive(&[data("r-0", "", 1, super::harness::LINK)]);
    assert!(window.has(Role::Button, "No acknowledgement missing since 12:04"), "{:?}", window.all(Role::Button));
}
