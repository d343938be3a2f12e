//! The window as a whole: states in words, notices, tabs, closing, idling.

use std::sync::atomic::Ordering;
use std::time::Duration;

use egui::accesskit::{Live, Role};
use egui::{Key, Modifiers, ViewportCommand};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::Seq;
use privicore_monitor::engine::{
    Action, ConnectionHealth, ConnectionState, DisconnectReason, DownloadProgress, Event, Notice, NoticeReason,
    Severity, TokenRefusal, TokenStatus,
};
use privicore_monitor::settings::{Profile, Theme};

use super::harness::{LINK, VERSION, Window, at, command, data, ops};

fn connection(window: &mut Window, state: ConnectionState) {
    let profile = window.id();
    window.status(profile, |status| status.connection = Some(state));
    window.run();
}

#[test]
fn every_state_of_the_connection_is_shown() {
    let mut window = Window::live();
    let now = privicore_monitor::ui::Clock::instant(&window.clock);
    let reconnecting = ConnectionState::Reconnecting {
        at: now + Duration::from_secs(7),
        attempt: 3,
        why: DisconnectReason::Broken.into(),
    };
    for (state, words) in [
        (ConnectionState::Connecting, "Connecting"),
        (ConnectionState::Joining, "Joining"),
        (ConnectionState::Live, "Live"),
        (reconnecting, "Reconnecting in 7 s"),
        (ConnectionState::TokenRefused { why: TokenRefusal::Join { words: String::new() } }, "Token refused"),
        (ConnectionState::Offline, "Offline"),
        (ConnectionState::Leaving, "Leaving"),
        (ConnectionState::SignedOut, "Signed out"),
    ] {
        connection(&mut window, state);
        let name = format!("Connection: {words}");
        let told: Vec<_> =
            window.all(Role::Label).into_iter().filter(|label| label.starts_with("Connection: ")).collect();
        assert_eq!(told, [name]);
    }
}

#[test]
fn a_lost_connection_shows_the_reason_and_a_countdown_and_can_be_retried() {
    let mut window = Window::live();
    let now = privicore_monitor::ui::Clock::instant(&window.clock);
    let why = DisconnectReason::Dead;
    connection(
        &mut window,
        ConnectionState::Reconnecting { at: now + Duration::from_secs(7), attempt: 3, why: why.clone().into() },
    );
    assert_eq!(window.all(Role::Alert), [format!("{why} Third attempt.")]);
    window.wait(Duration::from_millis(2_500));
    window.run();
    assert!(window.reads("Connection: Reconnecting in 5 s"), "{:?}", window.all(Role::Label));
    window.press("Retry now");
    window.press("Disconnect");
    assert!(matches!(&*window.actions(), [Action::RetryNow(_), Action::Disconnect(_)]), "the engine was not told");
}

#[test]
fn a_refused_token_leads_to_signing_in() {
    let mut window = Window::live();
    connection(
        &mut window,
        ConnectionState::TokenRefused { why: TokenRefusal::Join { words: "It is no longer valid.".into() } },
    );
    window.press("Sign in");
    assert!(window.has(Role::PasswordInput, "Password"), "no form");
    window.key(Key::Escape);
    window.key(Key::Escape);
    assert!(window.has(Role::Table, "Activity"), "Escape does not lead back");
}

#[test]
fn a_refused_token_can_be_retried_from_every_place() {
    let mut window = Window::live();
    connection(&mut window, ConnectionState::TokenRefused { why: TokenRefusal::Join { words: String::new() } });
    for name in ["Sign out", "Retry now", "Sign in"] {
        assert!(window.has(Role::Button, name), "no {name} in the banner");
    }
    window.press("Retry now");
    assert!(matches!(&*window.actions(), [Action::RetryNow(_)]), "the engine was not told");
    window.press("Menu");
    window.press("Connect");
    assert!(matches!(&*window.actions(), [Action::Connect(_)]), "the menu does not connect");
    for (command, told) in [("Retry now", "RetryNow"), ("Connect", "Connect")] {
        window.key_with(Modifiers::COMMAND, Key::K);
        window.type_text(command);
        window.key(Key::Enter);
        let actions = format!("{:?}", window.actions());
        assert!(actions.starts_with(&format!("[{told}(")), "{command}: {actions}");
    }
}

#[test]
fn the_banners_buttons_depend_on_the_state_and_not_on_its_text() {
    let mut window = Window::live();
    let refusal = || TokenRefusal::Join { words: "Try later".to_owned() };
    let at = privicore_monitor::ui::Clock::instant(&window.clock) + Duration::from_secs(7);
    let why = DisconnectReason::TokenRefused(refusal()).into();
    let said = "The server refused the token: Try later. Sign in again.";
    for (state, offers, offers_not) in [
        (ConnectionState::TokenRefused { why: refusal() }, "Sign in", "Disconnect"),
        (ConnectionState::Reconnecting { at, attempt: 1, why }, "Disconnect", "Sign in"),
    ] {
        connection(&mut window, state);
        let alerts = window.all(Role::Alert);
        assert!(alerts.len() == 1 && alerts[0].starts_with(said), "{alerts:?}");
        assert!(window.has(Role::Button, offers) && !window.has(Role::Button, offers_not), "{offers}");
    }
}

#[test]
fn the_round_trip_and_the_tokens_expiry_are_separate_labels() {
    let mut window = Window::live();
    let profile = window.id();
    window.status(profile, |status| {
        status.health = ConnectionHealth {
            round_trip: Some(Duration::from_millis(12)),
            keep_alives: 1,
            pong: None,
            message: None,
            p95_pause: None,
        }
    });
    window.status(profile, |status| {
        status.token = TokenStatus::Held { expires_at: Some(at("15:17:00")), persisted: true }
    });
    window.run();
    assert!(window.reads("Round trip 12 ms"), "{:?}", window.all(Role::Label));
    assert!(window.reads("Token expires in 3 h 12 min"), "{:?}", window.all(Role::Label));
    assert!(window.reads("Connection: Live"), "the state has the round trip in it");
}

#[test]
fn every_menu_entry_sends_its_action() {
    let mut window = Window::live();
    let profile = window.id();
    window.status(profile, |status| status.token = TokenStatus::Held { expires_at: None, persisted: true });
    window.run();
    for (name, wanted) in
        [("Disconnect", "Disconnect"), ("Renew token", "RenewToken"), ("Light theme", "ChangePreferences")]
    {
        window.press("Menu");
        window.press(name);
        let actions = format!("{:?}", window.actions());
        assert!(actions.starts_with(&format!("[{wanted}")), "{name}: {actions}");
    }
    connection(&mut window, ConnectionState::Offline);
    window.press_first("Connect");
    assert!(matches!(&*window.actions(), [Action::Connect(_)]), "offline, there is a way back");
}

#[test]
fn signing_out_asks_whether_to_revoke_the_token() {
    let mut window = Window::live();
    for revoke in [false, true] {
        window.press("Menu");
        window.press("Sign out");
        assert!(window.has(Role::Dialog, "Sign out"), "not asked");
        assert!(window.actions().is_empty(), "signed out before it was asked");
        if revoke {
            window.click(Role::CheckBox, "Revoke the token on the server too");
        }
        window.press("Sign out");
        assert!(matches!(&*window.actions(), [Action::SignOut { revoke: told, .. }] if *told == revoke), "{revoke}");
    }
}

#[test]
fn a_notice_is_an_alert_with_sentence_remedy_and_dismiss_button() {
    let mut window = Window::live();
    let sentence = "A message of 2.4 MB is larger than the limit of 1.0 MB, so the connection was closed.";
    let remedy = Some(("Raise the limit".to_owned(), Action::SetMessageLimit(4_000_000)));
    let profile = Some(window.id());
    window.send_event(Event::Notice(Notice {
        severity: Severity::Error,
        profile,
        reason: NoticeReason::stored(sentence),
        remedy,
    }));
    window.run();
    let alert = window.find(Role::Alert, sentence).accesskit_node();
    assert_eq!(alert.data().live(), Some(Live::Assertive));
    window.press("Raise the limit");
    let actions = window.actions();
    assert!(
        matches!(&*actions, [Action::SetMessageLimit(4_000_000), Action::DismissNotice { .. }]),
        "the remedy does nothing: {actions:?}"
    );
    assert!(window.all(Role::Alert).is_empty(), "it stays after its remedy");
}

#[test]
fn information_disappears_and_warnings_stay() {
    let mut window = Window::live();
    for (severity, sentence) in
        [(Severity::Info, "The token was renewed."), (Severity::Warning, "The disk is nearly full.")]
    {
        window.send_event(Event::Notice(Notice {
            severity,
            profile: None,
            reason: NoticeReason::stored(sentence),
            remedy: None,
        }));
    }
    window.run();
    assert_eq!(window.all(Role::Alert).len(), 2);
    window.wait(Duration::from_secs(9));
    window.run();
    assert_eq!(window.all(Role::Alert), ["The disk is nearly full."]);
    window.press("Dismiss");
    assert!(window.all(Role::Alert).is_empty(), "it cannot be dismissed");
}

#[test]
fn a_burst_of_one_notice_is_one_notice_that_counts() {
    let mut window = Window::live();
    for _ in 0..500 {
        let reason = NoticeReason::stored("A message could not be read.");
        window.send_event(Event::Notice(Notice::new(Severity::Warning, None, reason)));
    }
    window.run();
    assert_eq!(window.all(Role::Alert), ["A message could not be read. (500 times)"]);
}

#[test]
fn an_empty_view_says_what_will_appear() {
    let window = Window::live();
    assert!(window.reads("No activity yet."), "{:?}", window.all(Role::Label));
    assert!(window.reads("Outcomes appear here the moment Privicore sends them."), "{:?}", window.all(Role::Label));
}

#[test]
fn tabs_are_profiles_and_show_unread_counts() {
    let mut window = Window::live();
    let audit = Profile { name: "audit".to_owned(), ..ops() };
    let profiles = vec![window.profile.clone(), audit.clone()];
    window.settings(profiles, Theme::Dark);
    window.run();
    assert!(window.has(Role::Button, "Profile audit"), "{:?}", window.all(Role::Button));
    window.key_with(Modifiers::COMMAND, Key::Num2);
    window.receive(&[command("c-1", 2, "")]);
    assert!(window.rows().is_empty(), "one profile's outcome in another's table");
    window.press("Profile ops");
    assert_eq!(window.rows(), ["Command c-1, Succeeded"]);
    window.key_with(Modifiers::COMMAND, Key::N);
    assert!(window.has(Role::TextInput, "Profile name"), "Ctrl+N");
}

#[test]
fn f1_lists_every_key() {
    let mut window = Window::live();
    window.key(Key::F1);
    assert!(window.has(Role::Dialog, "Keyboard shortcuts"), "no dialog");
    assert!(window.reads("Filter: Ctrl+F"), "{:?}", window.all(Role::Label));
    window.key(Key::Escape);
    assert!(!window.has(Role::Dialog, "Keyboard shortcuts"), "Escape does not close it");
}

#[test]
fn about_shows_the_program_and_its_version() {
    let mut window = Window::live();
    window.press("Menu");
    window.press("About Privicore Monitor");
    assert!(window.has(Role::Dialog, "About Privicore Monitor"), "no dialog");
    assert!(window.reads(&format!("Version {VERSION}")), "{:?}", window.all(Role::Label));
    window.press("Close");
    assert!(!window.has(Role::Dialog, "About Privicore Monitor"), "it stays");
}

#[test]
fn both_themes_are_drawn() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, "profile.not_an_owner")]);
    for (theme, dark) in [(Theme::Light, false), (Theme::Dark, true)] {
        window.settings(vec![window.profile.clone()], theme);
        window.run();
        assert_eq!(window.harness.ctx.global_style().visuals.dark_mode, dark, "{theme:?}");
        assert_eq!(window.rows().len(), 1, "{theme:?}");
    }
}

#[test]
fn at_rest_nothing_repaints() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "done")]);
    // The tint of recent changes fades, and the sparkline moves on with its minute until it is empty.
    window.wait(Duration::from_hours(2));
    window.run();
    assert_eq!(window.repaint_delay(), Duration::MAX, "{:?}", window.harness.ctx.repaint_causes());
}

#[test]
fn visible_counters_advance_together_at_the_full_second() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, ""), data("r-1", "", 1, LINK)]);
    window.wait(Duration::from_millis(2_300));
    window.receive(&[command("c-2", 1, "")]);
    window.wait(Duration::from_millis(1_100));
    window.run();
    // The clock is at 36.520.
    assert_eq!(window.repaint_delay(), Duration::from_millis(481));
}

#[test]
fn a_command_pending_for_hours_is_counted_in_minutes() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, "")]);
    window.wait(Duration::from_hours(3));
    window.run();
    // The clock is at 15:04:33.120.
    assert_eq!(window.repaint_delay(), Duration::from_millis(26_881));
}

#[test]
fn closing_leaves_the_engine_first() {
    let mut window = Window::live();
    let commands = window.close();
    assert!(commands.contains(&ViewportCommand::CancelClose), "closed before the channel was left");
    assert!(matches!(&*window.actions(), [Action::Quit]), "the engine was not told");
    window.send_event(Event::Stopped);
    assert!(window.step().contains(&ViewportCommand::Close), "not closed");
}

#[test]
fn an_engine_that_does_not_stop_is_not_waited_for_long() {
    let mut window = Window::live();
    window.close();
    assert!(!window.step().contains(&ViewportCommand::Close), "not waited at all");
    window.wait(Duration::from_millis(2_600));
    assert!(window.step().contains(&ViewportCommand::Close), "still waiting");
}

#[test]
fn closing_during_a_download_asks_first() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "", 1, LINK)]);
    let progress = DownloadProgress { file_name: "a.bin".to_owned(), received: 1, ..DownloadProgress::default() };
    let profile = window.id();
    window.status(profile, |status| _ = status.downloads.insert("r-1".into(), progress));
    window.run();
    let commands = window.close();
    assert!(commands.contains(&ViewportCommand::CancelClose), "closed without asking");
    window.run();
    assert!(window.actions().is_empty(), "stopped without asking");
    window.press("Keep open");
    assert!(window.actions().is_empty(), "stopped all the same");
    window.close();
    window.run();
    window.find(Role::Button, "Stop and close").click();
    window.step();
    window.step();
    assert!(matches!(&*window.actions(), [Action::Quit]), "not stopped");
}

#[test]
fn a_signal_closes_without_asking() {
    let mut window = Window::live();
    window.quit.store(true, Ordering::Release);
    window.step();
    assert!(matches!(&*window.actions(), [Action::Quit]), "the engine was not told");
    window.send_event(Event::Stopped);
    assert!(window.step().contains(&ViewportCommand::Close), "not closed");
}

#[test]
fn restored_activity_is_shown_before_anything_arrives() {
    let mut window = Window::live();
    let entries = vec![window.entry(&command("old", 2, "")), window.entry(&data("r-old", "", 1, LINK))];
    let profile = window.id();
    window.send_event(Event::Restored { profile, entries, live_from: Seq(100), complete: true });
    window.run();
    assert_eq!(
        window.rows(),
        ["Data request r-old, Link expired", "Command old, Succeeded"],
        "links of earlier runs are gone"
    );
}

#[test]
fn an_event_of_a_removed_profile_is_ignored() {
    let mut window = Window::live();
    window.status(ops().id, |status| status.connection = Some(ConnectionState::Live));
    window.settings(Vec::new(), Theme::Dark);
    window.run();
    assert!(window.has(Role::TextInput, "Profile name"), "with the last profile gone there is the form");
}

/// The window's parts are created on one thread, and its waker is called from any.
#[test]
fn a_waker_can_be_given_to_other_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    is_shared(&privicore_monitor::ui::Waker::default());
}
