//! In every size, all that an operator needs is reached: by Tab, in a menu, by the pointer; and it is where it belongs.

use std::collections::BTreeSet;

use egui::accesskit::Role;
use egui::{Key, Rect, vec2};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::settings::Theme;

use super::drawn::{SLACK, draws_whole, texts_of};
use super::harness::{Window, command};
use super::keyboard::missed_by_tab;
use super::screens::{LONG_ID, LONG_NAME, LONG_SENTENCE, MORE, long_words};
use super::sizes::{SCALES, WINDOWS};
use super::snapshots::{SCREENS, Screen};

/// Changes a window to each size in points, each once, and lets `look` find what is wrong there.
pub(super) fn in_every_size(
    window: &mut Window,
    mut look: impl FnMut(&mut Window, Rect) -> Vec<String>,
) -> Vec<String> {
    let mut sizes: Vec<[u32; 2]> = Vec::new();
    let mut wrong = Vec::new();
    for points in WINDOWS.iter().flat_map(|pixels| SCALES.map(|scale| vec2(pixels[0], pixels[1]) / scale)) {
        let size = [points.x.to_bits(), points.y.to_bits()];
        if sizes.contains(&size) {
            continue;
        }
        sizes.push(size);
        window.harness.set_size(points);
        window.run();
        let found = look(window, Rect::from_min_size(egui::Pos2::ZERO, points));
        wrong.extend(found.into_iter().map(|what| format!("{} × {}: {what}", points.x, points.y)));
    }
    wrong
}

/// The screens of this name, opened in a size.
fn screens(names: &[&str]) -> impl Iterator<Item = &'static Screen> {
    let all = || SCREENS.iter().filter(|(_, size, _)| size[0] > 1000.0).chain(&MORE);
    names.iter().map(move |name| all().find(|(other, ..)| other == name).expect(name))
}

#[test]
fn every_control_is_reached_by_tab_and_seen_in_every_size() {
    let mut wrong = Vec::new();
    for (name, size, open) in screens(&[
        "details",
        "insight",
        "sign-in",
        "settings",
        "data-settings",
        "request-data",
        "export of a filter and a selection",
        "columns",
        "notices",
        "more profiles",
    ]) {
        let mut window = open(Theme::Dark, *size);
        let found = in_every_size(&mut window, missed_by_tab);
        wrong.extend(found.into_iter().map(|what| format!("{name} at {what}")));
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

/// The names of the buttons that can be pressed now.
fn pressable(window: &Window) -> BTreeSet<String> {
    let enabled = window.nodes(Role::Button).filter(|node| !node.accesskit_node().is_disabled());
    enabled.filter_map(|node| node.accesskit_node().label()).collect()
}

/// What is not beside the table in a smaller window is in a menu, or in a row that the keyboard goes to.
#[test]
fn controls_that_do_not_fit_are_in_a_menu_or_a_row() {
    let mut wrong = Vec::new();
    for (name, size, open) in screens(&["downloads", "twelve-profiles", "all-profiles", "long words in twelve tabs"]) {
        let mut window = open(Theme::Dark, *size);
        let reachable = |window: &mut Window| {
            let mut found = pressable(window);
            let more = found.iter().find(|name| name.starts_with("More profiles (")).cloned();
            for menu in more.into_iter().chain(["Menu".to_owned()]) {
                // The keyboard brings it into sight.
                window.find(Role::Button, &menu).focus();
                window.run();
                window.key(Key::Enter);
                found.extend(pressable(window));
                window.key(Key::Escape);
            }
            window.key(Key::Escape);
            window.key(Key::Home);
            for _ in 0..window.rows().len().max(14) {
                window.key(Key::ArrowDown);
                found.extend(pressable(window));
            }
            found.retain(|name| !name.starts_with("More profiles ("));
            found
        };
        let all = reachable(&mut window);
        for begin in ["Show ", "Profile "] {
            assert!(all.iter().any(|name| name.starts_with(begin)), "{name}: {all:?}");
        }
        if name == &"downloads" {
            for begin in
                ["Request data…", "Track commands…", "Download ", "Check status ", "Save inline data ", "Open "]
            {
                assert!(all.iter().any(|name| name.starts_with(begin)), "{name}: {all:?}");
            }
        }
        let found = in_every_size(&mut window, |window, _| {
            let here = reachable(window);
            all.difference(&here).map(|gone| format!("`{gone}` can't be reached")).collect()
        });
        wrong.extend(found.into_iter().map(|what| format!("{name} at {what}")));
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_empty_table_is_centred_in_every_size() {
    for (name, parts) in [
        ("empty", &["No activity yet.", "Outcomes appear here the moment Privicore sends them.", "Ctrl+"][..]),
        ("nothing matches", &["Nothing matches.", "No activity matches", "Change to", "Show everything"]),
    ] {
        for (_, size, open) in screens(&[name]) {
            let mut window = open(Theme::Dark, *size);
            let wrong = in_every_size(&mut window, |window, _| {
                let table = window.find(Role::Table, "Activity").rect();
                let place = |begin: &str| {
                    let name = |node: &egui_kittest::Node<'_>| {
                        let node = node.accesskit_node();
                        node.label().or_else(|| node.value()).unwrap_or_default()
                    };
                    let nodes = window.nodes(Role::Label).chain(window.nodes(Role::Button));
                    let rects = nodes.filter(|node| name(node).starts_with(begin)).map(|node| node.rect());
                    rects.reduce(Rect::union).filter(egui::Rect::is_positive)
                };
                // Buttons and keys in one line are centred together.
                let mut lines: Vec<(&str, Rect)> = Vec::new();
                for part in parts {
                    let Some(rect) = place(part) else { return vec![format!("{part} is missing")] };
                    match lines.last_mut() {
                        Some((_, last)) if last.y_range().contains(rect.center().y) => *last = last.union(rect),
                        _ => lines.push((part, rect)),
                    }
                }
                let centre = |rect: &Rect| (rect.center().x - table.center().x).abs() <= 1.5;
                let off = lines.iter().filter(|(_, rect)| !centre(rect));
                off.map(|(part, rect)| format!("{part} at {rect} is off the middle of {table}")).collect()
            });
            assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
        }
    }
}

#[test]
fn an_empty_label_column_leaves_the_message_its_room() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, LONG_SENTENCE)]);
    let wrong = in_every_size(&mut window, |window, _| {
        let mut columns: Vec<(String, Rect)> = window
            .nodes(Role::ColumnHeader)
            .filter_map(|node| Some((node.accesskit_node().label()?, node.rect())))
            .collect();
        columns.sort_by(|one, other| one.1.left().total_cmp(&other.1.left()));
        let over =
            columns.iter().zip(columns.iter().skip(1)).filter(|(one, next)| one.1.right() > next.1.left() + SLACK);
        let mut wrong: Vec<String> = over.map(|(one, next)| format!("{one:?} reaches into {next:?}")).collect();
        let width = |name: &str| columns.iter().find(|(other, _)| other == name).map(|(_, rect)| rect.width());
        let (Some(label), Some(message)) = (width("Label / context"), width("Message")) else {
            return vec![format!("columns: {columns:?}")];
        };
        if message < label.max(120.0) {
            wrong.push(format!("the message has {message}, and the empty label {label}"));
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_dialog_opens_at_its_top_in_the_smallest_window() {
    let size = [400.0, 250.0];
    let screen = Rect::from_min_size(egui::Pos2::ZERO, size.into());
    for (name, _, open) in screens(&[
        "settings",
        "export",
        "request-data",
        "track-commands",
        "columns",
        "completeness",
        "shortcuts",
        "guide",
        "about",
    ]) {
        let window = open(Theme::Dark, size);
        let title = window.find_role(Role::Dialog).and_then(|node| node.accesskit_node().label()).expect(name);
        let texts = texts_of(&window, screen);
        assert!(texts.iter().any(|text| text.words == title && text.is_whole(true)), "{name} opens scrolled down");
        if *name == "settings" {
            assert!(
                texts.iter().any(|text| text.words == "Theme" && text.is_whole(true)),
                "{name} opens scrolled down"
            );
        }
    }
}

/// What a cell or a tab lays out may be cut before it is elided: the pointer shows all of it nevertheless.
#[test]
fn the_pointer_shows_the_full_text_of_shortened_ones() {
    let mut window = long_words(Theme::Dark, [800.0, 500.0]);
    let screen = Rect::from_min_size(egui::Pos2::ZERO, vec2(800.0, 500.0));
    let label = LONG_NAME.repeat(2);
    for (begin, whole) in
        [("Grundstü", LONG_ID), ("Landeshauptarchiv", &label), ("Profile Landes", &format!("Profile {LONG_NAME}"))]
    {
        let texts = texts_of(&window, screen);
        let short = texts.iter().find(|text| text.words.starts_with(begin) && text.words.ends_with('…')).expect(begin);
        assert!(!draws_whole(&window, whole), "{begin} is whole without the pointer");
        window.harness.hover_at(short.visible().center());
        window.harness.run_steps(30);
        assert!(draws_whole(&window, whole), "the pointer does not show {whole}");
        window.harness.event(egui::Event::PointerGone);
        window.harness.run_steps(30);
    }
}
