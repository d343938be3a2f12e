//! Exporting the visible rows: the dialog, then the system's file dialog, then one action to the engine.

use egui::accesskit::Role;
use egui::{Key, Modifiers, Rect, Shape};
use egui_kittest::kittest::NodeT as _;
use privicore_monitor::activity::export_record::Format;
use privicore_monitor::activity::{Seq, StatusFilter};
use privicore_monitor::engine::{Action, Event, ExportProgress, ExportRequest};
use privicore_monitor::settings::Theme;

use super::harness::{Window, command};
use super::screens::export_of_filter;

/// The export that the engine was asked for.
#[track_caller]
fn requested_export(window: &mut Window) -> ExportRequest {
    let actions = window.actions();
    // Before it, the window may have stored its layout.
    let [.., Action::Export(export), Action::ChangePreferences { .. }] = &*actions else { panic!("{actions:?}") };
    (**export).clone()
}

#[test]
fn without_a_filter_the_whole_profile_is_exported() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "done")]);
    window.key_with(Modifiers::COMMAND, Key::E);
    assert!(window.has(Role::Dialog, "Export"), "no dialog");
    window.press("Choose a file…");
    assert_eq!(window.suggestion().file_name, "privicore-ops-activities.csv");
    window.answer_file_dialog(Some("/tmp/out/a.csv"));
    let export = requested_export(&mut window);
    assert_eq!(
        (export.profile, export.format, export.status_filter),
        (Some(window.id()), Format::Csv, StatusFilter::All)
    );
    assert!(export.filter.is_empty() && !export.messages, "{export:?}");
    assert_eq!(export.to.to_str(), Some("/tmp/out/a.csv"));
}

#[test]
fn with_a_filter_the_shown_rows_are_exported_unless_all_are_chosen() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, "no")]);
    window.key(Key::Num4);
    window.type_into(Role::TextInput, "Filter", "id:c");
    window.press("Export…");
    window.click(Role::RadioButton, "JSON lines");
    window.click(Role::RadioButton, "One a message");
    window.press("Choose a file…");
    window.answer_file_dialog(Some("/tmp/out/a.ndjson"));
    let export = requested_export(&mut window);
    assert_eq!((export.format, export.status_filter, export.messages), (Format::Ndjson, StatusFilter::Failed, true));
    assert_eq!(export.filter.to_string(), "id:c");
    window.press("Export…");
    window.click(Role::RadioButton, "Everything");
    window.press("Choose a file…");
    window.answer_file_dialog(Some("/tmp/out/b.csv"));
    let export = window.actions().into_iter().find_map(|action| match action {
        Action::Export(export) => Some(*export),
        _ => None,
    });
    let export = export.expect("nothing was asked for");
    assert!(export.filter.is_empty() && export.status_filter == StatusFilter::All, "{export:?}");
}

#[test]
fn the_selected_rows_are_exported_alone_if_there_are_several() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 3, "no"), command("c-2", 2, "done"), command("c-3", 2, "done")]);
    window.key(Key::ArrowDown);
    window.key_with(Modifiers::SHIFT, Key::ArrowDown);
    window.key_with(Modifiers::COMMAND, Key::E);
    assert!(window.has(Role::RadioButton, "The 2 selected"), "{:?}", window.all(Role::RadioButton));
    window.press("Choose a file…");
    window.answer_file_dialog(Some("/tmp/out/a.csv"));
    let export = requested_export(&mut window);
    let mut rows = export.rows.clone().expect("everything was exported");
    rows.sort();
    assert_eq!(rows, [Seq(2), Seq(3)], "{export:?}");
    assert!(export.filter.is_empty() && export.status_filter == StatusFilter::All, "{export:?}");
    // A single row is selected wherever the keyboard focus is: exporting it is offered, but not preselected.
    window.key(Key::ArrowDown);
    window.key_with(Modifiers::COMMAND, Key::E);
    assert!(window.has(Role::RadioButton, "The selected one"), "{:?}", window.all(Role::RadioButton));
    window.press("Choose a file…");
    window.answer_file_dialog(Some("/tmp/out/b.csv"));
    let export = window.actions().into_iter().find_map(|action| match action {
        Action::Export(export) => Some(*export),
        _ => None,
    });
    assert_eq!(export.expect("nothing was asked for").rows, None);
}

fn shadow(shape: &Shape) -> Option<Rect> {
    match shape {
        Shape::Vec(shapes) => shapes.iter().find_map(shadow),
        Shape::Rect(rect) if rect.blur_width > 0.0 => Some(rect.rect),
        _ => None,
    }
}

/// The dialog has no rectangle of its own in the tree, but its painted frame has a shadow.
#[test]
fn a_long_filter_stays_within_the_dialog() {
    for size in [[1280.0, 800.0], [640.0, 400.0], [400.0, 250.0]] {
        let window = export_of_filter(Theme::Dark, size);
        let shadow = window.harness.output().shapes.iter().rev().find_map(|clipped| shadow(&clipped.shape));
        // Content wider than a narrow window is scrolled: a dialog keeps 460 points, starting at its margin at 32.
        let right = shadow.expect("a dialog").right().max(32.0 + 460.0);
        let radios: Vec<_> =
            window.nodes(Role::RadioButton).map(|node| (node.accesskit_node().label(), node.rect())).collect();
        assert!(radios.iter().any(|(name, _)| name.as_deref() == Some("The 2 selected")), "{radios:?}");
        let only = radios.iter().filter(|(name, _)| name.as_ref().is_some_and(|name| name.starts_with("Only ")));
        assert_eq!(only.count(), 2, "{radios:?}");
        for (name, rect) in &radios {
            assert!(rect.right() <= right, "{name:?} at {rect} of {right} in {size:?}");
        }
        for (index, (name, rect)) in radios.iter().enumerate() {
            for (other, beside) in radios.iter().skip(index + 1) {
                assert!(!rect.shrink(1.0).intersects(*beside), "{name:?} and {other:?} lie over each other");
            }
        }
    }
}

#[test]
fn csv_for_excel_has_a_byte_order_mark_by_default_only_on_windows() {
    let mut window = Window::live();
    window.press("Export…");
    window.press("Choose a file…");
    window.answer_file_dialog(Some("/tmp/out/a.csv"));
    assert_eq!(requested_export(&mut window).bom, cfg!(windows));
    window.press("Export…");
    window.click(Role::CheckBox, "Byte order mark");
    window.press("Choose a file…");
    window.answer_file_dialog(Some("/tmp/out/a.csv"));
    let export = window.actions().into_iter().find_map(|action| match action {
        Action::Export(export) => Some(*export),
        _ => None,
    });
    assert_eq!(export.expect("nothing was asked for").bom, !cfg!(windows));
    window.press("Export…");
    window.click(Role::RadioButton, "JSON lines");
    assert!(!window.has(Role::CheckBox, "Byte order mark"), "JSON has none");
}

#[test]
fn a_cancelled_export_dialog_exports_nothing() {
    let mut window = Window::live();
    window.press("Export…");
    window.press("Choose a file…");
    window.answer_file_dialog(None);
    assert!(window.actions().is_empty(), "something was exported to nowhere");
}

fn under_way(read: u64, total: u64) -> Event {
    Event::Export(Some(ExportProgress { file_name: "a.csv".to_owned(), read, total }))
}

#[test]
fn a_running_export_shows_its_progress_and_can_be_cancelled() {
    let mut window = Window::live();
    assert!(window.find_role(Role::ProgressIndicator).is_none());
    window.send_event(under_way(0, 0));
    window.run();
    assert_eq!(window.find(Role::ProgressIndicator, "Exporting a.csv").accesskit_node().numeric_value(), None);
    window.send_event(under_way(624, 1_000));
    window.run();
    assert_eq!(window.find(Role::ProgressIndicator, "Exporting a.csv").accesskit_node().numeric_value(), Some(62.0));
    window.press("Cancel export");
    assert!(matches!(&*window.actions(), [Action::CancelExport]), "{:?}", window.actions());
    window.send_event(Event::Export(None));
    window.run();
    assert!(window.find_role(Role::ProgressIndicator).is_none(), "it is still there");
}

#[test]
fn closing_asks_only_if_an_export_is_running() {
    let mut window = Window::live();
    window.send_event(under_way(1, 2));
    window.run();
    window.close();
    window.run();
    assert!(window.has(Role::Dialog, "Close Privicore Monitor"), "it was not asked about");
    assert!(window.reads("An export is under way. Closing cancels it, and no file is written."));
    window.press("Keep open");
    window.send_event(Event::Export(None));
    window.run();
    window.close();
    window.run();
    assert!(!window.has(Role::Dialog, "Close Privicore Monitor"), "asked about nothing");
    assert!(window.actions().iter().any(|action| matches!(action, Action::Quit)));
}
