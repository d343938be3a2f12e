//! Text fields, and radio buttons and check boxes, in the window's style.

use std::ops::Range;
use std::sync::Arc;

use egui::epaint::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{
    Color32, Frame, Id, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, TextBuffer, TextEdit, Ui, UiBuilder,
    WidgetInfo, pos2, vec2,
};

use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets;

use super::icons;

/// Whether a field holds a secret, and whether the secret is visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret {
    No,
    /// The field shows dots.
    Hidden,
    /// The operator asked to see the secret.
    Shown,
}

/// A single-line text field.
pub(crate) struct Field<'a> {
    /// The id, which has to stay the same so that the caret and the focus stay.
    pub id: Id,
    /// The accessible name.
    pub name: &'a str,
    /// The text that is shown while the field is empty.
    pub hint: &'a str,
    /// The style of the text.
    pub face: TextRole,
    /// Whether it holds a secret.
    pub secret: Secret,
    /// Free space at the left for an icon, and at the right for a button.
    pub margins: (f32, f32),
    pub enabled: bool,
    /// Whether the text has an error.
    pub has_error: bool,
    /// The byte range of the error in the text, if known.
    pub error_range: Option<Range<usize>>,
}

impl<'a> Field<'a> {
    /// A field without icon, button, secret or error.
    pub(crate) fn new(id: Id, name: &'a str) -> Self {
        Self {
            id,
            name,
            hint: "",
            face: TextRole::Body,
            secret: Secret::No,
            margins: (8.0, 8.0),
            enabled: true,
            has_error: false,
            error_range: None,
        }
    }

    /// Draws the field into `rect`.
    pub(crate) fn show(self, ui: &mut Ui, rect: Rect, value: &mut String) -> Response {
        let palette = Palette::of(ui.style());
        ui.painter().rect_filled(rect, theme::RADIUS, palette.field);
        let text_rect = Rect::from_min_max(
            pos2(rect.left() + self.margins.0, rect.top()),
            pos2(rect.right() - self.margins.1, rect.bottom()),
        );
        let ink = if self.enabled { palette.text } else { palette.muted };
        let part = self.error_range.clone();
        let mut layouter = |ui: &Ui, text: &dyn TextBuffer, _width: f32| {
            lay_out(ui, text.as_str(), part.as_ref(), self.face, ink, palette.failed)
        };
        let mut edit = TextEdit::singleline(value)
            .id(self.id)
            .font(self.face.font())
            .text_color(ink)
            .hint_text(egui::RichText::new(self.hint).font(self.face.font()).color(palette.muted))
            .password(self.secret == Secret::Hidden)
            .frame(Frame::NONE)
            .desired_width(text_rect.width())
            .min_size(vec2(text_rect.width(), text_rect.height()))
            .align(egui::Align2::LEFT_CENTER)
            .interactive(self.enabled);
        if self.error_range.is_some() {
            edit = edit.layouter(&mut layouter);
        }
        let mut place = ui.new_child(UiBuilder::new().max_rect(text_rect).id_salt(self.id));
        if !self.enabled {
            // The colours already show that the field is disabled, and have to stay readable.
            place.visuals_mut().disabled_alpha = 1.0;
            place.disable();
        }
        let response = place.put(text_rect, edit).accessible_name(self.name);
        if self.secret != Secret::No {
            // For screen readers it is a password field, even while the secret is visible.
            ui.ctx().accesskit_node_builder(response.id, |node| {
                node.set_role(Role::PasswordInput);
            });
        }
        let (width, edge) = if response.has_focus() {
            (2.0, palette.accent)
        } else if self.has_error {
            (1.0, palette.failed)
        } else if !self.enabled {
            (1.0, palette.stroke_strong)
        } else {
            (1.0, palette.field_stroke)
        };
        ui.painter().rect_stroke(rect, theme::RADIUS, Stroke::new(width, edge), StrokeKind::Inside);
        response
    }
}

/// Lays out a field's text with the range of the error underlined.
fn lay_out(
    ui: &Ui,
    text: &str,
    part: Option<&Range<usize>>,
    face: TextRole,
    ink: Color32,
    wrong: Color32,
) -> Arc<egui::Galley> {
    // The text may be one key press newer than the error's range.
    let part = part.cloned().filter(|part| text.get(part.clone()).is_some()).unwrap_or(0..0);
    let plain = TextFormat::simple(face.font(), ink);
    let underlined = TextFormat { color: wrong, underline: Stroke::new(1.5, wrong), ..plain.clone() };
    let mut job = LayoutJob { wrap: TextWrapping::no_max_width(), break_on_newline: false, ..LayoutJob::default() };
    job.append(text.get(..part.start).unwrap_or_default(), 0.0, plain.clone());
    job.append(text.get(part.clone()).unwrap_or_default(), 0.0, underlined);
    job.append(text.get(part.end..).unwrap_or_default(), 0.0, plain);
    ui.painter().layout_job(job)
}

/// Deletes a field's undo history, so that no secret stays in it.
pub(crate) fn clear_undo(ui: &Ui, id: Id) {
    egui::text_edit::TextEditState::default().store(ui.ctx(), id);
}

/// Width of a mark with the space after it.
const MARK: f32 = 22.0;
/// Maximum number of lines in a choice's text.
const MAX_LINES: usize = 4;

/// The kind of mark, and whether it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A radio button.
    Radio(bool),
    /// A check box.
    Check(bool),
}

/// A choice with its text beside it, and its left centre at `at`.
pub(crate) fn choice(ui: &Ui, at: Pos2, mark: Mark, words: &str, enabled: bool) -> Response {
    choice_within(ui, at, f32::INFINITY, mark, words, enabled)
}

/// The width of a choice with its text on one line.
pub(crate) fn choice_width(ui: &Ui, words: &str) -> f32 {
    MARK + widgets::width(ui, words, TextRole::Body)
}

/// Like [`choice`], with its text wrapped to `width`, up to a few lines. The centre of the first line is at `at`.
pub(crate) fn choice_within(ui: &Ui, at: Pos2, width: f32, mark: Mark, words: &str, enabled: bool) -> Response {
    let palette = Palette::of(ui.style());
    let ink = match (enabled, mark) {
        (false, _) => palette.muted,
        (true, Mark::Radio(true) | Mark::Check(_)) => palette.text,
        (true, Mark::Radio(false)) => palette.secondary,
    };
    let mut job = LayoutJob::single_section(words.to_owned(), widgets::format(TextRole::Body, ink));
    job.wrap = TextWrapping { max_width: width - MARK, max_rows: MAX_LINES, ..TextWrapping::default() };
    job.break_on_newline = false;
    let text = ui.painter().layout_job(job);
    let rect = Rect::from_min_size(pos2(at.x, at.y - 12.0), vec2(MARK + text.size().x, 4.0 + text.size().y));
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let response = ui.interact(rect, ui.make_persistent_id(("choice", words)), sense);
    let (role, on) = match mark {
        Mark::Radio(on) => (Role::RadioButton, on),
        Mark::Check(on) => (Role::CheckBox, on),
    };
    response.widget_info(|| WidgetInfo::selected(role, enabled, on, words));
    let centre = pos2(at.x + 7.0, at.y);
    draw_mark(ui, centre, mark, enabled);
    let (middle, is_cut) = (at.y + (text.size().y - TextRole::Body.line()) / 2.0, text.elided);
    widgets::paint_line(ui, pos2(at.x + MARK, middle), &text);
    if response.has_focus() {
        widgets::focus_ring(ui, rect.expand2(vec2(4.0, -1.0)), theme::RADIUS, false);
    }
    if is_cut { response.on_hover_text(words) } else { response }
}

/// Draws a mark around `centre`.
pub(crate) fn draw_mark(ui: &Ui, centre: Pos2, mark: Mark, enabled: bool) {
    let palette = Palette::of(ui.style());
    let edge = if enabled { palette.field_stroke } else { palette.stroke_strong };
    let painter = ui.painter();
    match mark {
        Mark::Radio(on) => {
            let edge = if on && enabled { palette.accent } else { edge };
            painter.circle(centre, 6.5, Color32::TRANSPARENT, Stroke::new(1.0, edge));
            if on {
                painter.circle_filled(centre, 3.0, edge);
            }
        }
        Mark::Check(on) => {
            let rect = Rect::from_center_size(centre, vec2(14.0, 14.0));
            if on {
                painter.rect_filled(rect, 4.0, if enabled { palette.accent_fill } else { palette.stroke_strong });
                widgets::icon(ui, centre, icons::CHECK, 13.0, palette.on_accent);
            } else {
                painter.rect(rect, 4.0, palette.field, Stroke::new(1.0, edge), StrokeKind::Inside);
            }
        }
    }
}
