//! The table: rows keep their position, a screen reader can read them, and the keyboard can reach them.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use privicore_monitor::activity::{ActivityKey, Fact, StatusCheck};
use privicore_monitor::engine::Action;

use super::harness::{LINK, Window, command, data};

fn commands(count: usize) -> Vec<String> {
    (0..count).map(|number| command(&format!("c-{number:05}"), 2, "done")).collect()
}

#[test]
fn a_row_is_updated_in_place_and_the_newest_is_first() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, ""), data("r-1", "invoices/2026-Q1", 0, "Collecting")]);
    assert_eq!(window.rows(), ["Data request r-1, Preparing", "Command c-1, Pending"]);
    window.receive(&[command("c-1", 2, "Command completed successfully")]);
    assert_eq!(window.rows(), ["Data request r-1, Preparing", "Command c-1, Succeeded"], "a row jumped");
    window.receive(&[command("c-1", 1, "late")]);
    assert_eq!(window.rows().get(1).map(String::as_str), Some("Command c-1, Succeeded"), "a late pending covered it");
}

#[test]
fn every_status_is_shown_as_its_word() {
    let mut window = Window::live();
    window.receive(&[
        command("a", 1, ""),
        command("b", 2, ""),
        command("c", 3, "profile.not_an_owner"),
        command("d", 9, ""),
        data("e", "", 0, "Collecting"),
        data("f", "", 1, LINK),
        data("g", "", 0, super::harness::INLINE),
        r#"{"data":{"type":"X-DPT-QUOTA","id":"h"}}"#.to_owned(),
    ]);
    let unknown = window.fact(ActivityKey::Command("i".into()), Fact::StatusChecked(StatusCheck::Unknown), "");
    window.commit(vec![unknown]);
    assert_eq!(
        window.rows(),
        [
            "Command i, Unknown",
            "Message h, Unrecognised",
            "Data request g, Inline",
            "Data request f, Ready",
            "Data request e, Preparing",
            "Command d, Unrecognised 9",
            "Command c, Failed",
            "Command b, Succeeded",
            "Command a, Pending",
        ]
    );
}

#[test]
fn a_screen_reader_finds_rows_with_their_place_and_their_buttons_inside() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, "done"), data("r-1", "invoices/2026-Q1", 1, LINK)]);
    let table = window.find(Role::Table, "Activity");
    assert_eq!(table.accesskit_node().data().row_count(), Some(2));
    assert_eq!(table.accesskit_node().data().size_of_set(), Some(2));
    let row = table.get_by_role_and_label(Role::Row, "Command c-1, Succeeded").accesskit_node();
    assert_eq!(row.data().row_index(), Some(1));
    assert_eq!(row.data().position_in_set(), Some(1));
    assert_eq!(row.data().size_of_set(), Some(2));
    assert_eq!(row.is_selected(), Some(false));
    assert!(row.data().description().is_some_and(|words| words.contains("done")), "{:?}", row.data().description());
    let ready = table.get_by_role_and_label(Role::Row, "Data request r-1, Ready");
    ready.get_by_role_and_label(Role::Button, "Download r-1");
    let description = ready.accesskit_node().data().description().map(str::to_owned).unwrap_or_default();
    assert!(description.contains("invoices/2026-Q1"), "{description}");
}

#[test]
fn a_screen_reader_can_press_a_row_and_a_button_in_it() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 2, ""), data("r-1", "", 1, LINK)]);
    window.find(Role::Row, "Command c-1, Succeeded").click_accesskit();
    window.run();
    assert_eq!(window.selected(), ["Command c-1, Succeeded"]);
    window.find(Role::Button, "Download r-1").click_accesskit();
    window.run();
    assert!(window.dialog_is_open(), "the button did nothing");
}

#[test]
fn status_filters_count_and_filter() {
    let mut window = Window::live();
    window.receive(&[
        command("a", 1, ""),
        command("b", 2, ""),
        command("c", 3, ""),
        data("d", "", 1, LINK),
        command("e", 9, ""),
    ]);
    for name in [
        "Show all (5)",
        "Show pending (1)",
        "Show succeeded (1)",
        "Show failed (1)",
        "Show data ready (1)",
        "Show other (1)",
    ] {
        assert!(window.has(Role::Button, name), "no chip {name}: {:?}", window.all(Role::Button));
    }
    window.press("Show failed (1)");
    assert_eq!(window.rows(), ["Command c, Failed"]);
    let status_filter = window.find(Role::Button, "Show failed (1)").accesskit_node();
    assert_eq!(status_filter.toggled(), Some(egui::accesskit::Toggled::True), "it does not say that it is on");
    window.receive(&[command("a", 3, "")]);
    assert_eq!(window.rows(), ["Command c, Failed", "Command a, Failed"], "the chip does not follow");
    window.key(Key::Num1);
    assert_eq!(window.rows().len(), 5, "1 is every row");
    window.key(Key::Num5);
    assert_eq!(window.rows(), ["Data request d, Ready"], "5 is data ready");
}

#[test]
fn numbers_in_names_are_not_grouped() {
    let mut window = Window::live();
    window.receive(&commands(1_234));
    assert!(window.has(Role::Button, "Show all (1234)"), "{:?}", window.all(Role::Button));
    assert!(
        window.all(Role::Label).iter().any(|name| name.starts_with("1234 activities")),
        "{:?}",
        window.all(Role::Label)
    );
}

#[test]
fn the_filter_is_plain_text_and_escape_clears_it() {
    let mut window = Window::live();
    window.receive(&[command("aa-1", 2, "first"), command("bb-2", 3, "second")]);
    window.key_with(Modifiers::COMMAND, Key::F);
    assert!(window.find(Role::TextInput, "Filter").is_focused(), "Ctrl+F");
    window.type_into(Role::TextInput, "Filter", "second");
    assert_eq!(window.rows(), ["Command bb-2, Failed"]);
    window.key(Key::Escape);
    assert!(!window.find(Role::TextInput, "Filter").is_focused(), "the first Escape leaves the field");
    assert_eq!(window.rows().len(), 1, "and nothing else");
    window.key(Key::Escape);
    assert_eq!(window.rows().len(), 2, "the second takes the filter off");
}

#[test]
fn an_empty_result_says_so_and_offers_to_clear_the_filter() {
    let mut window = Window::live();
    window.receive(&commands(3));
    window.type_into(Role::TextInput, "Filter", "no such thing");
    assert!(window.reads("Nothing matches."), "{:?}", window.all(Role::Label));
    window.press("Show everything");
    assert_eq!(window.rows().len(), 3);
}

#[test]
fn the_selection_survives_a_filter() {
    let mut window = Window::live();
    window.receive(&[command("aa-1", 2, ""), command("bb-2", 3, ""), command("cc-3", 2, "")]);
    window.click(Role::Row, "Command aa-1, Succeeded");
    window.press("Show failed (1)");
    assert!(window.selected().is_empty(), "it is not in sight");
    window.press("Show all (3)");
    assert_eq!(window.selected(), ["Command aa-1, Succeeded"], "selected by place and not by row");
}

#[test]
fn the_keyboard_moves_through_the_rows() {
    let mut window = Window::live();
    window.receive(&commands(100));
    window.key(Key::ArrowDown);
    assert_eq!(window.selected(), ["Command c-00099, Succeeded"], "the first step is to the first row");
    window.key(Key::ArrowDown);
    window.key(Key::ArrowDown);
    window.key(Key::ArrowUp);
    assert_eq!(window.selected(), ["Command c-00098, Succeeded"]);
    window.key(Key::End);
    assert_eq!(window.selected(), ["Command c-00000, Succeeded"]);
    assert_eq!(window.rows().last().map(String::as_str), Some("Command c-00000, Succeeded"), "the row is out of sight");
    window.key(Key::PageUp);
    let at = window.selected();
    assert!(at.iter().all(|row| row > &"Command c-00010".to_owned()), "a page is more than ten rows: {at:?}");
    window.key(Key::Home);
    assert_eq!(window.selected(), ["Command c-00099, Succeeded"]);
    let row = window.find(Role::Row, "Command c-00099, Succeeded");
    assert!(row.accesskit_node().is_focused(), "a screen reader is not told where the keyboard is");
}

#[test]
fn shift_extends_and_ctrl_a_takes_all() {
    let mut window = Window::live();
    window.receive(&commands(5));
    window.key(Key::ArrowDown);
    window.key_with(Modifiers::SHIFT, Key::ArrowDown);
    window.key_with(Modifiers::SHIFT, Key::ArrowDown);
    assert_eq!(window.selected().len(), 3);
    window.key_with(Modifiers::SHIFT, Key::ArrowUp);
    assert_eq!(window.selected().len(), 2, "going back takes the row out again");
    window.key_with(Modifiers::COMMAND, Key::A);
    assert_eq!(window.selected().len(), 5);
    assert!(window.all(Role::Label).iter().any(|name| name.ends_with("5 selected")), "{:?}", window.all(Role::Label));
    window.key(Key::Escape);
    assert!(window.selected().is_empty(), "Escape leads back");
}

#[test]
fn letters_type_in_a_field_and_act_outside_of_it() {
    let mut window = Window::live();
    window.receive(&[data("r-1", "", 1, LINK)]);
    window.key(Key::ArrowDown);
    window.find(Role::TextInput, "Filter").focus();
    window.run();
    window.key(Key::D);
    assert!(!window.dialog_is_open(), "typing a d downloaded");
    window.key(Key::Escape);
    window.key(Key::D);
    assert!(window.dialog_is_open(), "D does not download");
}

#[test]
fn a_scrolled_table_stays_and_a_button_leads_to_new_rows() {
    let mut window = Window::live();
    window.receive(&commands(200));
    let follow = window.find(Role::Button, "Follow newest").accesskit_node().toggled();
    assert_eq!(follow, Some(egui::accesskit::Toggled::True), "following is the default");
    window.scroll(-280.0);
    let before = window.rows();
    assert_ne!(before.first().map(String::as_str), Some("Command c-00199, Succeeded"), "it did not scroll");
    window.receive(&[command("new-1", 1, ""), command("new-2", 1, ""), command("new-3", 1, "")]);
    assert_eq!(window.rows(), before, "the rows moved under the reader");
    window.receive(&[command("c-00190", 3, "changed")]);
    assert!(window.rows().len() == before.len(), "the rows moved under the reader");
    window.press("3 new");
    assert_eq!(window.rows().first().map(String::as_str), Some("Command new-3, Pending"));
    assert!(!window.has(Role::Button, "3 new"), "it is still offered");
}

#[test]
fn rows_that_leave_a_filter_do_not_move_the_others_under_the_pointer() {
    let mut window = Window::live();
    window.receive(&(0..200).map(|number| command(&format!("c-{number:05}"), 1, "")).collect::<Vec<_>>());
    window.type_into(Role::TextInput, "Filter", "status:pending");
    window.scroll(-28.0 * 30.0);
    let (name, before) = {
        let rows: Vec<_> = window.harness.query_all_by_role(Role::Row).collect();
        let row = rows.iter().find(|row| row.rect().contains(egui::pos2(400.0, 400.0))).expect("a row there");
        (row.accesskit_node().label().expect("a name"), row.rect())
    };
    // The row at the top, and some above it.
    let top = window.rows().first().cloned().expect("rows");
    let id = top.trim_start_matches("Command ").trim_end_matches(", Pending").to_owned();
    window.receive(&[command(&id, 2, ""), command("c-00199", 3, ""), command("c-00198", 2, "")]);
    assert!(!window.rows().contains(&top), "it is still there: {:?}", window.rows());
    assert_eq!(window.find(Role::Row, &name).rect(), before, "the row under the pointer moved");
}

#[test]
fn at_the_newest_end_new_rows_are_visible() {
    let mut window = Window::live();
    window.receive(&commands(200));
    window.receive(&[command("new", 1, "")]);
    assert_eq!(window.rows().first().map(String::as_str), Some("Command new, Pending"));
    window.press("Follow newest");
    let first = window.rows();
    window.receive(&[command("newer", 1, "")]);
    assert_eq!(window.rows().first(), first.first(), "not followed, it stays");
    window.key(Key::F);
    assert_eq!(window.rows().first().map(String::as_str), Some("Command newer, Pending"), "F follows again");
}

#[test]
fn pausing_freezes_the_view_and_counts_what_waits() {
    let mut window = Window::live();
    window.receive(&commands(3));
    window.press("Pause");
    let before = window.rows();
    window.receive(&[command("new-1", 2, ""), command("new-2", 2, "")]);
    assert_eq!(window.rows(), before, "the view moved");
    assert!(window.has(Role::Button, "Show all (5)"), "the counts stood still: nothing is lost meanwhile");
    assert!(window.reads("2 waiting"), "{:?}", window.all(Role::Label));
    window.press("Resume");
    assert_eq!(window.rows().len(), 5);
    window.key(Key::Space);
    assert!(window.has(Role::Button, "Resume"), "Space does not pause");
}

#[test]
fn clicks_on_a_header_sort_reverse_and_return_to_arrival_order() {
    let mut window = Window::live();
    window.receive(&[command("b", 2, ""), command("c", 2, ""), command("a", 2, "")]);
    let arrival = window.rows();
    window.click(Role::ColumnHeader, "Id");
    assert_eq!(window.rows(), ["Command a, Succeeded", "Command b, Succeeded", "Command c, Succeeded"]);
    window.click(Role::ColumnHeader, "Id");
    assert_eq!(window.rows().first().map(String::as_str), Some("Command c, Succeeded"));
    window.click(Role::ColumnHeader, "Id");
    assert_eq!(window.rows(), arrival, "there is no way back");
    window.find(Role::ColumnHeader, "Id").focus();
    window.run();
    window.key(Key::Enter);
    assert_eq!(window.rows().first().map(String::as_str), Some("Command a, Succeeded"), "Enter does not sort");
}

#[test]
fn a_status_check_is_offered_when_no_outcome_arrives() {
    let mut window = Window::live();
    window.receive(&[command("c-1", 1, "")]);
    assert!(!window.has(Role::Button, "Check status c-1"), "it was sent this very moment");
    window.wait(Duration::from_secs(6));
    window.run();
    window.press("Check status c-1");
    assert!(
        matches!(&*window.actions(), [Action::CheckStatus { commands, .. }] if commands == &["c-1".into()]),
        "not asked"
    );
    window.key(Key::ArrowDown);
    window.key(Key::S);
    assert_eq!(window.actions().len(), 1, "S does not ask");
}

#[test]
fn a_hundred_thousand_rows_draw_only_those_in_sight() {
    let mut window = Window::live();
    window.receive(&commands(100_000));
    assert!(window.rows().len() < 30, "{} rows were drawn", window.rows().len());
    window.key(Key::End);
    assert_eq!(window.rows().last().map(String::as_str), Some("Command c-00000, Succeeded"));
    let rows: Vec<_> = window.harness.query_all_by_role(Role::Row).map(|row| row.rect()).collect();
    for pair in rows.windows(2) {
        let [one, next] = pair else { continue };
        assert!((next.top() - one.top() - 28.0).abs() < 0.01, "rows are not 28 px apart at the end: {one:?} {next:?}");
    }
}

#[test]
fn text_that_hides_or_reorders_is_shown_escaped() {
    let mut window = Window::live();
    window.receive(&[command("c\u{202e}1", 2, "two\nlines")]);
    assert_eq!(window.rows(), ["Command c\\u{202e}1, Succeeded"]);
}

#[test]
fn the_narrow_window_keeps_its_names() {
    let mut window = Window::live_in([800.0, 500.0]);
    window.receive(&[command("c-1", 2, ""), data("r-1", "", 1, LINK)]);
    for name in ["Show succeeded (1)", "Pause", "Follow newest", "Download r-1", "Add profile", "Menu"] {
        assert!(window.has(Role::Button, name), "no {name}: {:?}", window.all(Role::Button));
    }
    assert_eq!(window.rows().len(), 2);
}

#[test]
fn an_unknown_status_number_is_shown_even_in_a_narrow_cell() {
    let mut window = Window::live_in([800.0, 500.0]);
    window.receive(&[command("c-1", 7, ""), command("c-2", 1_234, "")]);
    assert_eq!(window.rows(), ["Command c-2, Unrecognised 1234", "Command c-1, Unrecognised 7"]);
    assert!(!window.has(Role::Label, "Unrecognised 7"), "a word that fits is shortened");
    window.find(Role::Label, "Unrecognised 1234").hover();
    window.harness.run_steps(60);
    let told = window.all(Role::Label).iter().filter(|words| *words == "Unrecognised 1234").count();
    assert_eq!(told, 2, "no tooltip: {:?}", window.all(Role::Label));
}

#[test]
fn an_empty_table_shows_useful_shortcuts() {
    let mut window = Window::live();
    for words in ["Ctrl+R to request data", "Ctrl+T to track commands"] {
        assert!(window.reads(words), "no {words}: {:?}", window.all(Role::Label));
    }
    window.receive(&[command("c-1", 2, "")]);
    assert!(!window.reads("Ctrl+R to request data"), "in a table with rows");
}
