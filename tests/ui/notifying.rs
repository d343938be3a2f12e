//! Desktop notifications while the window is unfocused: rare and without secrets.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers, ViewportId};
use privicore_monitor::engine::Action;
use privicore_monitor::settings::{PreferenceChange, Preferences, Profile, Settings};

use super::harness::{LINK, Window, command, data, ops};

/// Sets whether the window has the focus.
fn focus(window: &mut Window, focused: bool) {
    window.harness.input_mut().viewports.entry(ViewportId::ROOT).or_default().focused = Some(focused);
    window.run();
}

/// The notifications since the last call, after pending ones were merged.
fn notifications(window: &mut Window) -> Vec<(String, String)> {
    window.wait(Duration::from_secs(3));
    window.run();
    window.notified.with(|notified| notified.drain(..).map(|one| (one.title, one.body)).collect())
}

fn pair(title: &str, body: &str) -> (String, String) {
    (title.to_owned(), body.to_owned())
}

#[test]
fn a_burst_of_failures_and_ready_data_is_one_notification_each_while_unfocused() {
    let mut window = Window::live();
    focus(&mut window, false);
    let failures: Vec<String> = (0..12).map(|number| command(&format!("c-{number}"), 3, "refused")).collect();
    window.receive(&failures);
    window.receive(&[data("r-1", "invoices/2026-Q1", 1, LINK), command("c-99", 2, "done")]);
    let expected = [pair("12 commands failed", "The last: c-11, refused"), pair("Ready: invoices/2026-Q1", "")];
    assert_eq!(notifications(&mut window), expected);
    assert!(!format!("{expected:?}").contains("auth="), "a link is told");
    window.receive(&[command("c-50", 3, "no")]);
    assert_eq!(notifications(&mut window), [], "the next comes too soon");
    window.wait(Duration::from_secs(15));
    assert_eq!(notifications(&mut window), [pair("Failed: c-50", "no")]);
}

#[test]
fn a_window_at_rest_wakes_for_pending_notifications() {
    let mut window = Window::live();
    focus(&mut window, false);
    // As notifications back off, the window wakes later than for anything else.
    for (number, pause) in [0, 15, 30, 60].into_iter().enumerate() {
        window.wait(Duration::from_secs(pause));
        window.receive(&[command(&format!("c-{number}"), 3, "no")]);
        assert_eq!(notifications(&mut window).len(), 1, "after {pause} s");
    }
    window.receive(&[command("c-4", 3, "no")]);
    window.wait(Duration::from_secs(90));
    window.run();
    window.step();
    let delay = window.repaint_delay();
    assert!(delay > Duration::from_secs(25) && delay <= Duration::from_secs(30), "{delay:?}");
    window.wait(delay);
    window.run();
    let titles = window.notified.with(|notified| notified.drain(..).map(|one| one.title).collect::<Vec<_>>());
    assert_eq!(titles, ["Failed: c-4"]);
}

#[test]
fn a_focused_window_shows_no_notification() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, "no")]);
    assert_eq!(notifications(&mut window), [], "a system that does not say where the focus is");
    focus(&mut window, false);
    window.receive(&[command("c-2", 3, "no")]);
    focus(&mut window, true);
    assert_eq!(notifications(&mut window), []);
    focus(&mut window, false);
    assert_eq!(notifications(&mut window), [], "what was seen is told later");
}

#[test]
fn each_kind_can_be_switched_off_and_the_profile_is_named_if_there_are_several() {
    let mut window = Window::live();
    let profiles = vec![window.profile.clone(), Profile { name: "audit".to_owned(), ..ops() }];
    let preferences = Preferences { notify_failed: false, ..Preferences::default() };
    window.send_settings(Settings { preferences, profiles });
    focus(&mut window, false);
    window.receive(&[command("c-1", 3, "no"), data("r-1", "", 1, LINK)]);
    assert_eq!(notifications(&mut window), [pair("Ready: ops: r-1", "")]);
    focus(&mut window, true);
    window.key_with(Modifiers::COMMAND, Key::Comma);
    window.click(Role::CheckBox, "Notify of ready data");
    match &*window.actions() {
        [Action::ChangePreferences { changes, .. }] => assert_eq!(*changes, [PreferenceChange::NotifyReady(false)]),
        other => panic!("{other:?}"),
    }
}
