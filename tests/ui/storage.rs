//! What the window shows about the journal: unsaved entries, removed entries, and cleared history.

use egui::accesskit::Role;
use privicore_monitor::activity::Seq;
use privicore_monitor::engine::{Action, Event, Notice, NoticeReason, Severity};

use super::harness::{LINK, Window, at, command, data};

#[test]
fn an_unpersisted_row_is_marked_until_it_is_persisted() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, "")]);
    let mut entries = vec![window.entry(&command("c-1", 2, "done")), window.entry(&command("c-2", 2, "done"))];
    for (entry, number) in entries.iter_mut().zip(Seq::FIRST_UNPERSISTED.0..) {
        entry.seq = Seq(number);
    }
    let profile = window.id();
    window.send_event(Event::Unpersisted { profile, entries });
    window.run();
    assert_eq!(window.rows(), ["Command c-2, Succeeded, Not kept", "Command c-1, Succeeded, Not kept"]);
    window.click(Role::Row, "Command c-2, Succeeded, Not kept");
    window.key(egui::Key::Enter);
    let note = "Not kept: the newest messages are in memory only, until the journal can be written.";
    assert!(window.reads(note), "{:?}", window.all(Role::Label));
    window.send_event(Event::Persisted { profile, from: Seq::FIRST_UNPERSISTED, to: Seq(2), count: 2 });
    window.run();
    assert_eq!(window.rows(), ["Command c-2, Succeeded", "Command c-1, Succeeded"]);
    assert!(!window.reads(note), "the note stays");
    window.receive(&[command("c-3", 2, "")]);
    assert_eq!(window.rows().first().map(String::as_str), Some("Command c-3, Succeeded"));
}

/// Sends messages that the journal refuses.
fn refuse(window: &mut Window, raws: &[String]) {
    let mut entries: Vec<_> = raws.iter().map(|raw| window.entry(raw)).collect();
    for (entry, number) in entries.iter_mut().zip(Seq::FIRST_UNPERSISTED.0..) {
        entry.seq = Seq(number);
    }
    let profile = window.id();
    window.send_event(Event::Unpersisted { profile, entries });
    window.run();
}

#[test]
fn details_show_unpersisted_messages() {
    let mut window = Window::live();
    let kept = window.entry(&command("c-1", 1, "under way"));
    window.commit(vec![kept.clone()]);
    window.key(egui::Key::ArrowDown);
    window.key(egui::Key::Enter);
    let profile = window.id();
    let answer = |window: &mut Window| {
        let Some(Action::History { key, .. }) = window.journal_requests().pop() else {
            panic!("the journal was not asked")
        };
        window.send_event(Event::History { profile, key, entries: vec![kept.clone()], is_cut: false });
        window.run();
    };
    answer(&mut window);
    refuse(&mut window, &[command("c-1", 2, "done"), command("c-2", 2, "of another")]);
    let told =
        |window: &Window, what: &str| window.all(Role::Label).iter().filter(|words| words.contains(what)).count();
    assert!(
        told(&window, ", under way, by socket") == 1 && told(&window, ", done, by socket") == 1,
        "before the answer"
    );
    answer(&mut window);
    assert!(
        told(&window, ", under way, by socket") == 1 && told(&window, ", done, by socket") == 1,
        "after the answer"
    );
    assert_eq!(told(&window, ", of another, by socket"), 0);
    window.send_event(Event::Persisted { profile, from: Seq::FIRST_UNPERSISTED, to: Seq(2), count: 2 });
    window.run();
    answer(&mut window);
    assert_eq!(told(&window, ", done, by socket"), 0, "what the journal has comes from the journal");
}

#[test]
fn closing_while_the_journal_refuses_warns_of_lost_messages() {
    let mut window = Window::live();
    refuse(&mut window, &[command("c-1", 2, ""), command("c-2", 2, "")]);
    window.close();
    window.run();
    assert!(window.has(Role::Dialog, "Close Privicore Monitor"), "no warning");
    let words = window.all(Role::Label).concat();
    assert!(words.contains("2 messages are only in memory") && !words.contains("download"), "{words}");
    window.press("Keep open");
    assert!(window.actions().is_empty(), "it leaves all the same");
    window.close();
    window.run();
    window.press("Close all the same");
    assert!(window.actions().iter().any(|action| matches!(action, Action::Quit)), "it stays open");
}

#[test]
fn clearing_the_history_asks_first_and_leaves_the_profile_signed_in() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "done"), data("r-1", "invoices", 1, LINK)]);
    window.press("Profile ops");
    window.press("Forget this profile…");
    let says = |part: &str, window: &Window| window.all(Role::Label).iter().any(|label| label.contains(part));
    assert!(says("will be deleted", &window) && says("stays signed in", &window));
    window.press("Cancel");
    assert!(window.actions().is_empty(), "it was done without consent");
    window.press("Profile ops");
    window.press("Forget this profile…");
    window.press("Forget activity");
    let profile = window.id();
    assert!(matches!(&*window.actions(), [Action::ClearHistory(of)] if *of == profile), "the engine was not told");
    window.send_event(Event::HistoryCleared { profile });
    window.run();
    assert!(window.rows().is_empty(), "{:?}", window.rows());
    assert!(window.reads("Connection: Live"), "{:?}", window.all(Role::Label));
    window.receive(&[command("c-2", 2, "")]);
    assert_eq!(window.rows(), ["Command c-2, Succeeded"]);
}

#[test]
fn a_dismissed_warning_does_not_come_back() {
    let mut window = Window::live();
    let profile = Some(window.id());
    let say = |severity, sentence: &str| {
        Event::Notice(Notice { severity, profile, reason: NoticeReason::stored(sentence), remedy: None })
    };
    window.send_event(say(Severity::Warning, "Links were lost."));
    window.run();
    window.press("Dismiss");
    let actions = window.actions();
    assert!(
        matches!(&*actions, [Action::DismissNotice { profile: of, sentence }] if *of == profile && sentence == "Links were lost."),
        "{actions:?}"
    );
    window.send_event(say(Severity::Info, "The token was renewed."));
    window.run();
    window.press("Dismiss");
    assert!(window.actions().is_empty(), "what passes by itself is kept nowhere");
}

#[test]
fn completeness_claims_nothing_about_purged_entries() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "done")]);
    let complete = |window: &Window| {
        window
            .all(Role::Button)
            .into_iter()
            .find(|name| name.starts_with("No acknowledgement missing"))
            .unwrap_or_default()
    };
    assert_eq!(complete(&window), "No acknowledgement missing since 12:04");
    window.send_event(Event::Purged { oldest_left: Some(at("12:30:00")), before: Seq(0), gaps: Vec::new() });
    window.run();
    assert_eq!(complete(&window), "No acknowledgement missing since 12:30");
}
