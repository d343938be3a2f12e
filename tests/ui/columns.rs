//! The columns and the saved layouts: chosen by keyboard, stored, and restored at the next start.

use std::time::Duration;

use egui::Key;
use egui::accesskit::{Role, Toggled};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::engine::Action;
use privicore_monitor::settings::{
    ColumnLayout, Preferences, SavedFilter, Settings, SortLayout, TableColumn, TableLayout,
};

use super::harness::{Window, command};

fn headers(window: &Window) -> Vec<String> {
    window.all(Role::ColumnHeader)
}

/// The preferences that the window last asked the engine to store.
fn stored_preferences(window: &mut Window) -> Option<Preferences> {
    let asked = window.actions();
    let changed = asked.iter().any(|action| matches!(action, Action::ChangePreferences { .. }));
    changed.then(|| window.preferences())
}

/// A live window that starts with these preferences.
fn started_with(preferences: Preferences) -> Window {
    let mut window = Window::silent([1280.0, 800.0], privicore_monitor::ui::Prefill::default());
    let profiles = vec![window.profile.clone()];
    window.send_settings(Settings { preferences, profiles });
    window.run();
    window
}

#[test]
fn columns_are_chosen_and_ordered_by_keyboard_and_stored() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "done")]);
    assert!(stored_preferences(&mut window).is_none(), "nothing was changed, and yet it was written");
    window.press("Columns");
    let choice = window.find(Role::CheckBox, "Kind").accesskit_node().toggled();
    assert_eq!(choice, Some(Toggled::True));
    window.find(Role::CheckBox, "Kind").focus();
    window.run();
    window.key(Key::Space);
    window.find(Role::CheckBox, "Source").focus();
    window.run();
    window.key(Key::Space);
    window.find(Role::Button, "Move Id up").focus();
    window.run();
    window.key(Key::Enter);
    window.press("Make Status wider");
    window.key(Key::Escape);
    assert_eq!(
        headers(&window),
        ["Id", "Last update", "Label / context", "Status", "Message", "Took", "Source", "Action"]
    );
    let preferences = stored_preferences(&mut window).expect("not remembered");
    let layout = preferences.looks.get(&window.id()).expect("not this profile's").clone();
    let status = layout.columns.iter().find(|shown| shown.column == TableColumn::Status);
    assert_eq!(status.and_then(|status| status.width), Some(160));
    assert_eq!(headers(&started_with_profile(&window, preferences)), headers(&window), "lost at the next start");
}

/// Another window of the same profile.
fn started_with_profile(window: &Window, preferences: Preferences) -> Window {
    let mut next = Window::silent([1280.0, 800.0], privicore_monitor::ui::Prefill::default());
    next.profile = window.profile.clone();
    let profiles = vec![window.profile.clone()];
    next.send_settings(Settings { preferences, profiles });
    next.status(next.id(), |status| status.connection = Some(privicore_monitor::engine::ConnectionState::Live));
    next.run();
    next
}

#[test]
fn a_column_is_dragged_to_another_width() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "done")]);
    let label = |window: &Window| window.find(Role::ColumnHeader, "Label / context").rect();
    let before = label(&window);
    let edge = egui::pos2(before.left(), before.center().y);
    window.harness.drag_at(edge);
    window.harness.step();
    window.harness.hover_at(edge + egui::vec2(50.0, 0.0));
    window.harness.step();
    window.harness.drop_at(edge + egui::vec2(50.0, 0.0));
    window.run();
    let after = label(&window);
    assert!((after.left() - before.left() - 50.0).abs() < 1.0, "{before:?} became {after:?}");
    assert!((after.width() - before.width()).abs() < 1.0, "the next column gave way");
    assert!(stored_preferences(&mut window).is_some(), "not remembered");
}

#[test]
fn sort_and_filter_are_restored_at_the_next_start() {
    let mut window = Window::live();
    window.receive(&[command("b", 3, ""), command("a", 3, ""), command("c", 2, "")]);
    window.type_into(Role::TextInput, "Filter", "status:failed");
    assert!(stored_preferences(&mut window).is_none(), "every letter was written");
    window.key(Key::Enter);
    window.click(Role::ColumnHeader, "Id");
    let preferences = stored_preferences(&mut window).expect("not remembered");
    let mut next = started_with_profile(&window, preferences);
    next.receive(&[command("b", 3, ""), command("a", 3, ""), command("c", 2, "")]);
    assert_eq!(next.rows(), ["Command a, Failed", "Command b, Failed"]);
    next.key(Key::F);
    assert_eq!(next.rows(), ["Command a, Failed", "Command b, Failed"], "in order of arrival, a is newer");
    assert_eq!(
        stored_preferences(&mut next).map(|kept| kept.looks[&next.id()].sort),
        Some(None),
        "F leads back to arrival order"
    );
}

#[test]
fn a_filter_is_saved_and_applied_with_its_columns_and_sort() {
    let mut window = Window::live();
    window.receive(&[command("b", 3, ""), command("a", 2, ""), command("d", 3, "")]);
    window.type_into(Role::TextInput, "Filter", "-status:succeeded");
    window.key(Key::Enter);
    window.click(Role::ColumnHeader, "Id");
    window.press("Saved filters");
    window.press("Save filter…");
    window.type_into(Role::TextInput, "Name", "not done");
    window.key(Key::Enter);
    let saved = stored_preferences(&mut window).expect("not kept").saved_filters;
    let [SavedFilter { name, layout }] = saved.as_slice() else { panic!("{saved:?}") };
    assert_eq!((name.as_str(), layout.filter.as_str()), ("not done", "-status:succeeded"));
    assert_eq!(layout.sort, Some(SortLayout { column: TableColumn::Id, descending: false }));
    window.press("Clear filter");
    window.key(Key::F);
    assert_eq!(window.rows().len(), 3);
    window.press("Saved filters");
    window.press("Show not done");
    assert_eq!(window.rows(), ["Command b, Failed", "Command d, Failed"]);
    window.press("Saved filters");
    window.press("Forget not done");
    assert_eq!(stored_preferences(&mut window).map(|kept| kept.saved_filters.len()), Some(0));
}

#[test]
fn times_are_shown_in_the_chosen_format() {
    let column = |column| ColumnLayout { column, width: None };
    let mut preferences = Preferences::default();
    preferences.saved_filters.push(SavedFilter {
        name: "ages".to_owned(),
        layout: TableLayout {
            columns: vec![column(TableColumn::Id), column(TableColumn::Age)],
            ..TableLayout::default()
        },
    });
    let mut window = started_with(preferences);
    window.status(window.id(), |status| status.connection = Some(privicore_monitor::engine::ConnectionState::Live));
    window.receive(&[command("c-1", 2, "done")]);
    window.wait(Duration::from_secs(5));
    window.press("Saved filters");
    window.press("Show ages");
    assert_eq!(headers(&window), ["Id", "Age"]);
    assert!(window.repaint_delay() <= Duration::from_millis(1_100), "the age stands still");
    window.press("Columns");
    window.click(Role::CheckBox, "As an age");
    window.click(Role::CheckBox, "In coordinated universal time (UTC)");
    window.click(Role::CheckBox, "To the millisecond");
    let times = stored_preferences(&mut window).expect("not kept").times;
    assert!(times.relative && times.utc && !times.milliseconds, "{times:?}");
}
