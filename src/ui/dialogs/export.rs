//! The dialog `Export`: what to export, in which format and of which profile. The system's file dialog then asks for the
//! destination.

use egui::{Ui, pos2, vec2};

use crate::activity::export_record::Format;
use crate::protocol::sanitize;
use crate::ui::frame::dialog_frame::{InitialFocus, buttons, paragraph};
use crate::ui::frame::export_form::{ExportForm, Rows};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;
use crate::ui::widgets::text_field::{Mark, choice, choice_width, choice_within};

/// The height of a line.
const LINE: f32 = 30.0;
/// The left edge of the choices, relative to the left edge of their labels.
const CHOICES: f32 = 96.0;

/// Draws the dialog's content.
pub(crate) fn show(ui: &mut Ui, form: &mut ExportForm, fresh: bool, frame: &mut FrameContext) {
    paragraph(ui, "Writes what the journal has into a file. No secret is in it: neither tokens nor links.");
    let format = form.format;
    options(ui, "Format", &[("CSV", format == Format::Csv), ("JSON lines", format == Format::Ndjson)], |chosen| {
        form.format = if chosen == 0 { Format::Csv } else { Format::Ndjson };
    });
    let messages = form.messages;
    options(ui, "Lines", &[("One an activity", !messages), ("One a message", messages)], |chosen| {
        form.messages = chosen == 1;
    });
    if let (Some(all), Some((_, name))) = (form.all_profiles, &form.profile) {
        let name = format!("Only {}", sanitize(name));
        options(ui, "Profiles", &[(&name, !all), ("All profiles", all)], |chosen| {
            form.all_profiles = Some(chosen == 1);
        });
    }
    let selected = match form.selected.len() {
        1 => "The selected one".to_owned(),
        count => format!("The {count} selected"),
    };
    let shown = form.shown.as_ref().map(|(_, _, words)| format!("Only {words}"));
    let mut choices: Vec<(Rows, &str)> = Vec::new();
    choices.extend((!form.selected.is_empty()).then_some((Rows::Selected, &*selected)));
    choices.extend(shown.as_deref().map(|words| (Rows::Shown, words)));
    choices.push((Rows::All, "Everything"));
    if choices.len() > 1 {
        let rows = form.rows;
        let all: Vec<(&str, bool)> = choices.iter().map(|(choice, words)| (*words, *choice == rows)).collect();
        options(ui, "Rows", &all, |chosen| {
            if let Some((choice, _)) = choices.get(chosen) {
                form.rows = *choice;
            }
        });
    }
    if form.format == Format::Csv {
        let (_, rect) = ui.allocate_space(vec2(ui.available_width(), LINE));
        let at = pos2(rect.left() + CHOICES, rect.center().y);
        let hint = "Excel then reads it as UTF-8. Other programs need none.";
        if choice(ui, at, Mark::Check(form.bom), "Byte order mark", true).on_hover_text(hint).clicked() {
            form.bom = !form.bom;
        }
    }
    if buttons(ui, "Choose a file…", "Cancel", if fresh { InitialFocus::Main } else { InitialFocus::None }, frame) {
        frame.request(UiRequest::Export(form.clone()));
        frame.request(UiRequest::CloseDialog);
    }
}

/// Draws choices, one of which is selected, on as many lines as they need. Calls `choose` with the index of the choice that was
/// clicked.
fn options(ui: &mut Ui, words: &str, all: &[(&str, bool)], choose: impl FnOnce(usize)) {
    let palette = Palette::of(ui.style());
    let new_line = |ui: &mut Ui| ui.allocate_space(vec2(ui.available_width(), LINE)).1;
    let mut line = new_line(ui);
    widgets::text(ui, line.left_center(), words, TextRole::Body, palette.secondary, CHOICES - 8.0);
    let left = line.left() + CHOICES;
    let (mut x, mut chosen) = (left, None);
    for (index, (option, holds)) in all.iter().enumerate() {
        if x > left && x + choice_width(ui, option) > line.right() {
            line = new_line(ui);
            x = left;
        }
        let at = pos2(x, line.center().y);
        let response = choice_within(ui, at, line.right() - x, Mark::Radio(*holds), option, true);
        if response.clicked() && !holds {
            chosen = Some(index);
        }
        x = response.rect.right() + 16.0;
        ui.add_space((response.rect.bottom() + 3.0 - line.bottom()).max(0.0));
    }
    if let Some(index) = chosen {
        choose(index);
    }
}
