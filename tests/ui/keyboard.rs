//! Everything can be reached and operated by keyboard alone, and something always has the focus, on every screen.

use std::collections::BTreeSet;
use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers, Rect};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::engine::{Action, ConnectionState, DisconnectReason, Event, Notice, NoticeReason, Severity};
use privicore_monitor::ui::Prefill;

use super::harness::{INLINE, LINK, Window, command, data};

/// Roles that an operator can interact with.
const OPERABLE: [Role; 7] = [
    Role::Button,
    Role::CheckBox,
    Role::RadioButton,
    Role::TextInput,
    Role::PasswordInput,
    Role::MultilineTextInput,
    Role::SearchInput,
];
/// More Tab stops than any screen has.
pub(super) const MOST_STOPS: usize = 120;

/// Presses Tab around the whole screen. By then every operable part must have had the focus, and at every stop exactly one
/// part must have it. Within a dialog only its own parts count, and the focus must not leave it.
#[track_caller]
fn walk(window: &mut Window, screen: &str) {
    let wanted = operable(window);
    assert!(!wanted.is_empty(), "{screen}: nothing can be operated");
    let mut visited = BTreeSet::new();
    for _ in 0..MOST_STOPS {
        window.key(Key::Tab);
        let focused = window.focused();
        assert!(focused.is_some(), "{screen}: the focus is lost after {visited:?}");
        visited.extend(focused);
    }
    let missed: Vec<_> = wanted.difference(&visited).collect();
    assert!(missed.is_empty(), "{screen}: not reached by Tab: {missed:?}\nreached: {visited:?}");
    if has_dialog(window) {
        let outside: Vec<_> = visited.difference(&wanted).collect();
        assert!(outside.is_empty(), "{screen}: the focus left the dialog for {outside:?}");
    }
}

/// Presses Tab around the whole screen, as quickly as frames are drawn. Returns the operable parts that never have the focus,
/// and those that have it out of sight.
pub(super) fn missed_by_tab(window: &mut Window, screen: Rect) -> Vec<String> {
    let wanted = operable(window);
    let (mut visited, mut stops, mut wrong) = (BTreeSet::new(), Vec::new(), Vec::new());
    for _ in 0..MOST_STOPS {
        window.harness.key_press(Key::Tab);
        window.harness.step();
        let Some(id) = window.harness.ctx.memory(egui::Memory::focused) else {
            wrong.push(format!("the focus is lost after {visited:?}"));
            break;
        };
        if stops.contains(&id) {
            break;
        }
        stops.push(id);
        let name = window.focused();
        if is_large(window, id, screen) {
            // A field scrolls to its cursor over some frames.
            window.harness.run_steps(6);
        }
        // Nested areas scroll one after the other, each in a frame.
        let is_seen = (0..6).any(|_| {
            let is_seen = is_in_sight(window, id, screen);
            if !is_seen {
                window.harness.step();
            }
            is_seen
        });
        if !is_seen {
            wrong.push(format!("{name:?} has the focus and is out of sight"));
        }
        visited.extend(name);
    }
    // A row that was scrolled out of the table has left with its buttons.
    let wanted = wanted.intersection(&operable(window)).cloned().collect::<BTreeSet<_>>();
    wrong.extend(wanted.difference(&visited).map(|missed| format!("`{missed}` is not reached by Tab")));
    wrong
}

/// Whether a part may be larger than the areas of a small window.
fn is_large(window: &Window, id: egui::Id, screen: Rect) -> bool {
    let response = window.harness.ctx.read_response(id);
    response.is_some_and(|response| response.rect.height() > 60.0 || response.rect.width() > screen.width() / 2.0)
}

/// Whether no surrounding area clips a part, unless it is large.
fn is_in_sight(window: &Window, id: egui::Id, screen: Rect) -> bool {
    let Some(response) = window.harness.ctx.read_response(id) else { return false };
    let seen = response.interact_rect.intersect(screen);
    seen.is_positive() && (is_large(window, id, screen) || seen.expand(1.0).contains_rect(response.rect))
}

fn has_dialog(window: &Window) -> bool {
    window.find_role(Role::Dialog).is_some()
}

/// The names of the operable parts; only a dialog's parts if one is open.
pub(super) fn operable(window: &Window) -> BTreeSet<String> {
    let only_dialog = has_dialog(window);
    OPERABLE
        .into_iter()
        .flat_map(|role| window.nodes(role))
        .filter(|node| !node.accesskit_node().is_disabled())
        .filter(|node| !only_dialog || is_in_dialog(node))
        .filter_map(|node| node.accesskit_node().label())
        .collect()
}

fn is_in_dialog(node: &egui_kittest::Node<'_>) -> bool {
    let mut above = node.accesskit_node().parent();
    while let Some(parent) = above {
        if parent.role() == Role::Dialog {
            return true;
        }
        above = parent.parent();
    }
    false
}

/// A window with one of everything.
fn full(size: [f32; 2]) -> Window {
    let mut window = Window::live_in(size);
    window.receive(&[
        command("c-1", 1, ""),
        command("c-2", 3, "no"),
        data("r-1", "invoices/2026", 1, LINK),
        data("r-2", "keys", 0, INLINE),
    ]);
    window.wait(Duration::from_secs(10));
    window.run();
    window
}

#[test]
fn the_sign_in_form() {
    let mut window = Window::unknown();
    walk(&mut window, "sign in");
    let mut narrow = Window::silent([800.0, 500.0], Prefill::default());
    narrow.settings(Vec::new(), privicore_monitor::settings::Theme::Light);
    narrow.run();
    walk(&mut narrow, "sign in, small");
}

#[test]
fn the_table_its_bars_and_its_details() {
    for size in [[1280.0, 800.0], [800.0, 500.0]] {
        let mut window = full(size);
        walk(&mut window, "table");
        window.key(Key::Escape);
        window.key(Key::Home);
        window.key(Key::Enter);
        assert!(window.has(Role::Group, "Details"), "no details");
        walk(&mut window, "details");
    }
}

#[test]
fn the_banner_and_notices() {
    let mut window = full([1280.0, 800.0]);
    let profile = window.id();
    let at = privicore_monitor::ui::Clock::instant(&window.clock) + Duration::from_secs(7);
    let why = DisconnectReason::Broken.into();
    window.status(profile, |status| status.connection = Some(ConnectionState::Reconnecting { at, attempt: 1, why }));
    let remedy = Some(("Raise the limit".to_owned(), Action::SetMessageLimit(4_000_000)));
    let reason = NoticeReason::stored("A message is larger than the limit.");
    window.send_event(Event::Notice(Notice { severity: Severity::Error, profile: Some(profile), reason, remedy }));
    window.run();
    walk(&mut window, "banner and notice");
    window.find(Role::Button, "Raise the limit").focus();
    window.run();
    window.key(Key::Enter);
    assert!(window.actions().iter().any(|action| matches!(action, Action::SetMessageLimit(_))), "Enter does nothing");
    assert!(window.focused().is_some(), "the focus went with the notice");
}

#[test]
fn every_dialog() {
    let mut window = full([1280.0, 800.0]);
    window.key(Key::Home);
    let dialogs: [(&str, Modifiers, Key); 6] = [
        ("Settings", Modifiers::COMMAND, Key::Comma),
        ("Keyboard shortcuts", Modifiers::NONE, Key::F1),
        ("Command palette", Modifiers::COMMAND, Key::K),
        ("Track commands", Modifiers::COMMAND, Key::T),
        ("Export", Modifiers::COMMAND, Key::E),
        ("Edit label", Modifiers::NONE, Key::L),
    ];
    for (name, modifiers, key) in dialogs {
        window.key_with(modifiers, key);
        assert!(window.has(Role::Dialog, name), "{name} does not open");
        assert!(window.focused().is_some(), "{name} opens without the focus");
        if name != "Command palette" {
            walk(&mut window, name);
        }
        window.key(Key::Escape);
        window.key(Key::Escape);
        assert!(!has_dialog(&window), "{name} stays open");
        window.key(Key::Home);
    }
}

#[test]
fn the_menus() {
    for button in ["Menu", "Profile ops"] {
        let mut window = full([1280.0, 800.0]);
        window.find(Role::Button, button).focus();
        window.run();
        window.key(Key::Enter);
        walk(&mut window, button);
        window.find(Role::Button, "Sign out").focus();
        window.run();
        window.key(Key::Enter);
        assert!(window.has(Role::Dialog, "Sign out"), "{button}: Enter runs nothing");
        window.key(Key::Escape);
        assert!(window.focused().is_some(), "{button}: the focus is lost");
    }
}
