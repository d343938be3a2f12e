//! In every screen and size, Tab visits each control once and in the order of reading, and comes back to the first.

use std::collections::BTreeSet;

use egui::accesskit::Role;
use egui::{Key, Rect};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::settings::Theme;

use super::harness::Window;
use super::keyboard::{MOST_STOPS, operable};
use super::reach::in_every_size;
use super::screens::MORE;
use super::snapshots::{SCREENS, Screen};

/// A control that had the focus.
struct Stop {
    id: egui::Id,
    name: String,
    /// What it is part of: a dialog, a menu, a named group, a row, or the rest of the window.
    panel: String,
    /// Whether it is read after the stop before it, if both are drawn.
    is_in_order: bool,
}

/// Presses Tab until the first control has the focus again. Returns what is wrong with the order: controls that are missing,
/// visited twice or before one that is read before them, and an order that does not end.
fn wrong_order(window: &mut Window, _screen: Rect) -> Vec<String> {
    let wanted = operable(window);
    let mut stops: Vec<Stop> = Vec::new();
    loop {
        window.harness.key_press(Key::Tab);
        window.harness.step();
        let mut stop = focused(window, stops.last());
        // Nested areas scroll to the control one after the other, each in a frame.
        for _ in 0..6 {
            if stop.as_ref().is_none_or(|stop| stop.is_in_order) {
                break;
            }
            window.harness.step();
            stop = focused(window, stops.last());
        }
        let Some(stop) = stop else { return vec!["the focus is lost".to_owned()] };
        match stops.iter().position(|other| other.id == stop.id) {
            Some(0) => {
                if let Some(first) = stops.first_mut() {
                    first.is_in_order = stop.is_in_order;
                }
                break;
            }
            Some(_) => return vec![format!("Tab goes back to `{}` and not to the first control", stop.name)],
            None if stops.len() >= MOST_STOPS => return vec!["Tab does not come back to the first control".to_owned()],
            None => stops.push(stop),
        }
    }
    // Begins with the first stop of a panel.
    let before = stops.iter().cycle().skip(stops.len().saturating_sub(1));
    let begin = stops.iter().zip(before).position(|(stop, before)| stop.panel != before.panel);
    stops.rotate_left(begin.unwrap_or_default());
    let pairs = stops.iter().zip(stops.iter().skip(1));
    let back = pairs.filter(|(one, other)| one.panel == other.panel && !other.is_in_order);
    let back: Vec<_> = back.map(|(one, other)| format!("`{}` comes before `{}`", one.name, other.name)).collect();
    // If all are in one panel, such as a dialog, the first Tab may have gone anywhere, and the order begins anew once.
    let is_one_cycle =
        begin.is_none() && back.len() + usize::from(stops.first().is_some_and(|first| !first.is_in_order)) <= 1;
    let mut wrong = if is_one_cycle { Vec::new() } else { back };
    let visited = stops.iter().map(|stop| stop.name.clone()).collect::<BTreeSet<_>>();
    // A row that was scrolled out of the table has left with its buttons.
    let wanted = wanted.intersection(&operable(window)).cloned().collect::<BTreeSet<_>>();
    wrong.extend(wanted.difference(&visited).map(|missed| format!("`{missed}` is not reached")));
    wrong
}

/// Whether a place is read before another: it is above it, or left of it in the same line. The details have columns.
fn is_read_before(one: Rect, other: Rect, panel: &str) -> bool {
    let is_in_line = one.y_range().contains(other.center().y) || other.y_range().contains(one.center().y);
    let begins_column = panel == "Details" && other.left() >= one.right();
    begins_column || if is_in_line { one.left() < other.left() } else { one.top() < other.top() }
}

/// What has the focus after `before`.
fn focused(window: &Window, before: Option<&Stop>) -> Option<Stop> {
    let ctx = &window.harness.ctx;
    let id = ctx.memory(egui::Memory::focused)?;
    let node = window.harness.root().children_recursive().find(|node| node.accesskit_node().is_focused())?;
    let node = node.accesskit_node();
    let rect = |id| ctx.read_response(id).map(|response| response.rect);
    // The current row is reached in place of the table, before the table's parts.
    let mut above = if node.role() == Role::Row { Some(node) } else { node.parent() };
    let panel = loop {
        match above {
            None => break String::new(),
            Some(parent) => match parent.role() {
                Role::Dialog | Role::Group | Role::Menu | Role::Row | Role::Table => {
                    break parent.label().unwrap_or_default();
                }
                _ => above = parent.parent(),
            },
        }
    };
    let places = before.and_then(|before| rect(before.id)).zip(rect(id));
    let is_in_order = places.is_none_or(|(one, other)| is_read_before(one, other, &panel));
    Some(Stop { id, name: node.label().unwrap_or_default(), panel, is_in_order })
}

fn in_every_size_of(screens: &[Screen]) {
    let mut wrong = Vec::new();
    // In the palette the field has the keyboard all the time.
    for (name, size, open) in screens.iter().filter(|(name, size, _)| size[0] > 1000.0 && *name != "palette") {
        let mut window = open(Theme::Dark, *size);
        let found = in_every_size(&mut window, wrong_order);
        wrong.extend(found.into_iter().map(|what| format!("{name} at {what}")));
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn tab_follows_the_order_of_reading_in_every_screen() {
    in_every_size_of(&SCREENS);
}

#[test]
fn tab_follows_the_order_of_reading_in_menus_forms_and_notices() {
    in_every_size_of(&MORE);
}
