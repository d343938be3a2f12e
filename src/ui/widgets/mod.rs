//! The basic widgets of the window: buttons, labels, text, icons, progress. Each has an accessible name and a visible focus.

pub(crate) mod empty_state;
pub(crate) mod icons;
pub(crate) mod link;
mod scrolling;
pub(crate) mod text_field;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use egui::epaint::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{
    Align, Color32, CornerRadius, Galley, Id, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    accesskit, pos2, vec2,
};

use crate::ui::theme::palette::Palette;

use super::theme::{self, TextRole};

use icons::Icon;
pub(crate) use scrolling::{focus_to_follow, follow_focus, menu_area};

/// Lays out one line of text, elided at `width`.
pub(crate) fn line(ui: &Ui, text: &str, face: TextRole, colour: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), format(face, colour));
    job.wrap = one_line(width);
    job.break_on_newline = false;
    ui.painter().layout_job(job)
}

/// Appends a text to a job in one colour, with marked ranges on the mark colour. The ranges are in ascending order and don't
/// overlap.
pub(crate) fn append_marked(
    job: &mut LayoutJob,
    text: &str,
    marks: &[Range<usize>],
    plain: TextFormat,
    palette: &Palette,
) {
    let marked = TextFormat { background: palette.mark, color: palette.text, ..plain.clone() };
    let mut at = 0;
    for mark in marks {
        job.append(text.get(at..mark.start).unwrap_or_default(), 0.0, plain.clone());
        job.append(text.get(mark.clone()).unwrap_or_default(), 0.0, marked.clone());
        at = mark.end;
    }
    job.append(text.get(at..).unwrap_or_default(), 0.0, plain);
}

/// Lays out one line like [`line`], with marked ranges.
pub(crate) fn marked_line(
    ui: &Ui,
    text: &str,
    marks: &[Range<usize>],
    face: TextRole,
    colour: Color32,
    width: f32,
) -> Arc<Galley> {
    if marks.is_empty() {
        return line(ui, text, face, colour, width);
    }
    let mut job = LayoutJob { wrap: one_line(width), break_on_newline: false, ..LayoutJob::default() };
    append_marked(&mut job, text, marks, format(face, colour), Palette::of(ui.style()));
    ui.painter().layout_job(job)
}

/// One row of text, elided at this width.
fn one_line(width: f32) -> TextWrapping {
    TextWrapping {
        max_width: if width.is_finite() { width.max(1.0) } else { width },
        max_rows: 1,
        break_anywhere: true,
        ..TextWrapping::default()
    }
}

/// Lays out a paragraph of text.
pub(crate) fn paragraph(ui: &Ui, text: &str, face: TextRole, colour: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), format(face, colour));
    job.wrap.max_width = width;
    ui.painter().layout_job(job)
}

/// Lays out explanations, whose lines stand further apart.
pub(crate) fn explanation(ui: &Ui, text: &str, colour: Color32, width: f32) -> Arc<Galley> {
    let format = TextFormat { line_height: Some(18.0), ..format(TextRole::Small, colour) };
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap.max_width = width;
    ui.painter().layout_job(job)
}

/// The text format of a text style in a colour, with the design's line height.
pub(crate) fn format(face: TextRole, colour: Color32) -> TextFormat {
    TextFormat {
        font_id: face.font(),
        color: colour,
        line_height: Some(face.line()),
        valign: Align::Center,
        ..TextFormat::default()
    }
}

/// The width of one line of text.
pub(crate) fn width(ui: &Ui, text: &str, face: TextRole) -> f32 {
    line(ui, text, face, Color32::PLACEHOLDER, f32::INFINITY).size().x.ceil()
}

/// Paints a line with its left centre at `at`. Returns its area.
pub(crate) fn paint_line(ui: &Ui, at: Pos2, galley: &Arc<Galley>) -> Rect {
    let size = galley.size();
    let corner = pos2(at.x.round(), (at.y - size.y / 2.0).round());
    ui.painter().galley(corner, Arc::clone(galley), Color32::PLACEHOLDER);
    Rect::from_min_size(corner, size)
}

/// Lays out and paints a line with its left centre at `at`. If it is elided, the pointer shows all of it.
pub(crate) fn text(ui: &Ui, at: Pos2, text: &str, face: TextRole, colour: Color32, width: f32) -> Rect {
    let galley = line(ui, text, face, colour, width);
    let rect = paint_line(ui, at, &galley);
    if galley.elided {
        show_whole(ui, rect, || text.to_owned());
    }
    rect
}

/// Shows the whole of a shortened text while the pointer rests on it.
pub(crate) fn show_whole(ui: &Ui, rect: Rect, whole: impl FnOnce() -> String) {
    // Most shortened texts are not under the pointer, and need no widget.
    if ui.rect_contains_pointer(rect) {
        let id = ui.make_persistent_id(("whole", rect.left().to_bits(), rect.top().to_bits()));
        ui.interact(rect, id, Sense::hover()).on_hover_text(whole());
    }
}

/// Lays out and paints a line with its right centre at `at`.
pub(crate) fn text_right(ui: &Ui, at: Pos2, text: &str, face: TextRole, colour: Color32) -> Rect {
    let galley = line(ui, text, face, colour, f32::INFINITY);
    paint_line(ui, pos2(at.x - galley.size().x, at.y), &galley)
}

/// Paints an icon around `centre`.
pub(crate) fn icon(ui: &Ui, centre: Pos2, icon: Icon, size: f32, colour: Color32) {
    let galley = ui.painter().layout_no_wrap(icon.glyph.to_owned(), theme::icon_font(icon.filled, size), colour);
    // Centred by its visible shape and not by the font's line, so that icons sit on the middle of their row.
    let seen = galley.mesh_bounds;
    let offset = if seen.is_positive() { seen.center().to_vec2() } else { galley.size() / 2.0 };
    ui.painter().galley(centre - offset, galley, colour);
}

/// The focus ring: 2 px wide, and with `away` 2 px outside a filled area.
pub(crate) fn focus_ring(ui: &Ui, rect: Rect, radius: CornerRadius, away: bool) {
    let palette = Palette::of(ui.style());
    let rect = if away { rect.expand(2.0) } else { rect };
    ui.painter().rect_stroke(rect, radius, Stroke::new(2.0, palette.accent), StrokeKind::Outside);
}

/// Makes the text painted in `rect` a label for screen readers.
pub(crate) fn label(ui: &Ui, rect: Rect, salt: &str, name: &str) -> Response {
    let response = ui.interact(rect, ui.make_persistent_id(("label", salt)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, name));
    response
}

/// Makes the text painted in `rect` a heading that screen readers can jump to.
pub(crate) fn heading(ui: &Ui, rect: Rect, words: &str) {
    let response = label(ui, rect, words, words);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(accesskit::Role::Heading);
        node.set_label(words);
    });
}

/// Makes a sentence in `rect` an alert that screen readers announce at once.
pub(crate) fn alert(ui: &Ui, rect: Rect, sentence: &str) -> Response {
    let response = ui.interact(rect, ui.make_persistent_id(("alert", sentence)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, sentence));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(accesskit::Live::Assertive));
    response
}

/// A vertical line between the parts of a bar.
pub(crate) fn divider(ui: &Ui, x: f32, y: f32, height: f32) {
    let colour = Palette::of(ui.style()).stroke;
    ui.painter().vline(x, (y - height / 2.0)..=(y + height / 2.0), Stroke::new(1.0, colour));
}

/// The look of a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ButtonStyle {
    /// Text only, until the pointer is over it.
    Plain,
    /// With a border.
    Outlined,
    /// The most important button.
    Primary,
    /// A status filter that is on.
    Selected,
    /// An entry of a menu.
    MenuItem,
}

#[derive(Debug, Clone)]
#[must_use = "a button does nothing until it is put somewhere"]
pub(crate) struct Button<'a> {
    text: &'a str,
    icon: Option<(Icon, Option<Color32>)>,
    trailing: Option<String>,
    name: Option<Cow<'a, str>>,
    salt: Option<Id>,
    style: ButtonStyle,
    on: Option<bool>,
    why_not: Option<&'a str>,
    height: f32,
    radius: CornerRadius,
    padding: f32,
    face: TextRole,
    icon_size: f32,
    widest: f32,
}

impl<'a> Button<'a> {
    /// A plain button with this text, which is also its accessible name.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            icon: None,
            trailing: None,
            name: None,
            salt: None,
            style: ButtonStyle::Plain,
            on: None,
            why_not: None,
            height: 24.0,
            radius: theme::RADIUS,
            padding: 8.0,
            face: TextRole::Small,
            icon_size: 16.0,
            widest: f32::INFINITY,
        }
    }

    /// A button with only an icon. Its name is shown as tooltip and read by screen readers.
    pub(crate) fn icon_only(icon: Icon, name: &'a str) -> Self {
        Self { icon: Some((icon, None)), name: Some(name.into()), padding: 4.0, ..Self::new("") }
    }

    pub(crate) fn style(self, style: ButtonStyle) -> Self {
        Self { style, ..self }
    }

    pub(crate) fn icon(self, icon: Icon) -> Self {
        Self { icon: Some((icon, None)), ..self }
    }

    pub(crate) fn coloured_icon(self, icon: Icon, colour: Color32) -> Self {
        Self { icon: Some((icon, Some(colour))), ..self }
    }

    pub(crate) fn icon_size(self, icon_size: f32) -> Self {
        Self { icon_size, ..self }
    }

    /// Adds an emphasised text after the first: a count or a shortcut.
    pub(crate) fn trailing(self, trailing: impl Into<String>) -> Self {
        Self { trailing: Some(trailing.into()), ..self }
    }

    /// Sets the accessible name if it differs from the text.
    pub(crate) fn name(self, name: impl Into<Cow<'a, str>>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Distinguishes the button from others with the same name.
    pub(crate) fn salt(self, salt: Id) -> Self {
        Self { salt: Some(salt), ..self }
    }

    /// Makes the button a toggle.
    pub(crate) fn on(self, on: bool) -> Self {
        Self { on: Some(on), ..self }
    }

    /// Disables the button if there is a reason: a sentence that becomes its tooltip.
    pub(crate) fn why_not(self, why_not: Option<&'a str>) -> Self {
        Self { why_not, ..self }
    }

    pub(crate) fn height(self, height: f32) -> Self {
        Self { height, ..self }
    }

    pub(crate) fn padding(self, padding: f32) -> Self {
        Self { padding, ..self }
    }

    pub(crate) fn face(self, face: TextRole) -> Self {
        Self { face, ..self }
    }

    /// Shortens a longer text to this width of the button; the tooltip shows all of it.
    pub(crate) fn widest(self, widest: f32) -> Self {
        Self { widest, ..self }
    }

    /// For a table row: lower, with smaller corners.
    pub(crate) fn in_row(self) -> Self {
        Self { height: 20.0, radius: theme::RADIUS_IN_ROW, ..self }
    }

    fn gap(&self) -> f32 {
        if self.text.is_empty() && self.trailing.is_none() { 0.0 } else { 6.0 }
    }

    fn strong(&self) -> TextRole {
        match self.face {
            TextRole::Body | TextRole::Strong => TextRole::Strong,
            _ => TextRole::SmallStrong,
        }
    }

    fn face_of_text(&self) -> TextRole {
        if self.style == ButtonStyle::Primary { self.strong() } else { self.face }
    }

    pub(crate) fn width(&self, ui: &Ui) -> f32 {
        let icon = self.icon.map_or(0.0, |_| self.icon_size + self.gap());
        let text = if self.text.is_empty() { 0.0 } else { width(ui, self.text, self.face_of_text()) };
        let trailing = self
            .trailing
            .as_ref()
            .map_or(0.0, |trailing| width(ui, trailing, self.strong()) + if text > 0.0 { 6.0 } else { 0.0 });
        (self.padding * 2.0 + icon + text + trailing).ceil().min(self.widest)
    }

    /// Draws the button with its left centre at `at`.
    pub(crate) fn at(self, ui: &mut Ui, at: Pos2) -> Response {
        let size = vec2(self.width(ui), self.height);
        self.within(ui, Rect::from_min_size(pos2(at.x.round(), (at.y - size.y / 2.0).round()), size))
    }

    /// Draws the button so that it fills `rect`.
    pub(crate) fn within(self, ui: &mut Ui, rect: Rect) -> Response {
        let name = self.name.as_deref().unwrap_or(self.text);
        let id = ui.make_persistent_id(self.salt.unwrap_or_else(|| Id::unique(name)));
        let enabled = self.why_not.is_none() && ui.is_enabled();
        let sense = if enabled { Sense::click() } else { Sense::hover() };
        let response = ui.interact(rect, id, sense);
        response.widget_info(|| match self.on {
            Some(on) => WidgetInfo::selected(Role::Button, enabled, on, name),
            None => WidgetInfo::labeled(Role::Button, enabled, name),
        });
        if ui.is_rect_visible(rect) {
            self.paint(ui, rect, &response, enabled);
        }
        let is_short = self.text.is_empty() || self.text.strip_suffix('…').is_some_and(|begin| name.starts_with(begin));
        let response =
            if self.name.is_some() && is_short && self.text != name { response.on_hover_text(name) } else { response };
        let Some(why_not) = self.why_not else { return response };
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(why_not));
        response.on_hover_text(why_not)
    }

    fn paint(&self, ui: &Ui, rect: Rect, response: &Response, enabled: bool) {
        let palette = Palette::of(ui.style());
        let hot = enabled && (response.hovered() || response.is_pointer_button_down_on());
        let on = self.on == Some(true);
        let (fill, edge, ink) = match self.style {
            ButtonStyle::Primary => (Some(palette.primary(enabled).0), None, palette.primary(enabled).1),
            ButtonStyle::Outlined if hot => (Some(palette.button_hover), Some(palette.stroke_strong), palette.text),
            ButtonStyle::Outlined => (Some(palette.button), Some(palette.stroke_strong), palette.text),
            ButtonStyle::Selected => (Some(palette.button), Some(palette.field_stroke), palette.text),
            ButtonStyle::MenuItem if hot || response.has_focus() => (Some(palette.selected), None, palette.text),
            ButtonStyle::MenuItem => (None, None, palette.text),
            ButtonStyle::Plain if on => (Some(palette.selected), Some(palette.field_stroke), palette.text),
            ButtonStyle::Plain if hot => (Some(palette.button_hover), None, palette.text),
            ButtonStyle::Plain => (None, None, palette.secondary),
        };
        let ink = if enabled { ink } else { palette.muted };
        if let Some(fill) = fill {
            ui.painter().rect_filled(rect, self.radius, fill);
        }
        if let Some(edge) = edge {
            ui.painter().rect_stroke(rect, self.radius, Stroke::new(1.0, edge), StrokeKind::Inside);
        }
        if response.has_focus() {
            focus_ring(ui, rect, self.radius, self.style == ButtonStyle::Primary);
        }
        let middle = rect.center().y;
        let mut x = rect.left() + self.padding;
        if self.text.is_empty() && self.trailing.is_none() {
            x = rect.center().x - self.icon_size / 2.0;
        }
        if let Some((glyph, colour)) = self.icon {
            let colour = match colour {
                Some(colour) if enabled => colour,
                _ if on && self.style == ButtonStyle::Plain => palette.accent,
                _ => ink,
            };
            icon(ui, pos2(x + self.icon_size / 2.0, middle), glyph, self.icon_size, colour);
            x += self.icon_size + self.gap();
        }
        if !self.text.is_empty() {
            let space = if self.widest.is_finite() { rect.right() - self.padding - x } else { f32::INFINITY };
            x = text(ui, pos2(x, middle), self.text, self.face_of_text(), ink, space).right() + 6.0;
        }
        if let Some(trailing) = &self.trailing {
            if self.style == ButtonStyle::MenuItem {
                let at = pos2(rect.right() - self.padding, middle);
                text_right(ui, at, trailing, TextRole::Caption, palette.muted);
            } else {
                text(ui, pos2(x, middle), trailing, self.strong(), palette.text, f32::INFINITY);
            }
        }
    }
}

/// The keys of a shortcut in the system's notation. `Ctrl++` means the plus key.
fn keys_of(shortcut: &str) -> Vec<&str> {
    let (keys, plus) = shortcut.strip_suffix("++").map_or((shortcut, None), |keys| (keys, Some("+")));
    keys.split('+').chain(plus).collect()
}

/// The width of a shortcut's key caps.
pub(crate) fn key_caps_width(ui: &Ui, shortcut: &str) -> f32 {
    keys_of(shortcut).into_iter().map(|key| width(ui, key, TextRole::Caption) + 18.0).sum::<f32>() - 6.0
}

/// Paints a shortcut as key caps with their right end at `right`. Returns their left end.
pub(crate) fn key_caps(ui: &Ui, right: Pos2, shortcut: &str) -> f32 {
    let palette = Palette::of(ui.style());
    let mut x = right.x;
    for key in keys_of(shortcut).into_iter().rev() {
        let width = width(ui, key, TextRole::Caption) + 12.0;
        let cap = Rect::from_min_size(pos2((x - width).round(), (right.y - 9.0).round()), vec2(width, 18.0));
        ui.painter().rect(cap, 4.0, palette.button, Stroke::new(1.0, palette.stroke_strong), StrokeKind::Inside);
        text(ui, pos2(cap.left() + 6.0, right.y), key, TextRole::Caption, palette.secondary, f32::INFINITY);
        x = cap.left() - 6.0;
    }
    x + 6.0
}

/// A progress bar, with its value for screen readers. `fraction` is `None` if the end is unknown.
pub(crate) fn progress(ui: &Ui, rect: Rect, salt: Id, name: &str, fraction: Option<f32>) -> Response {
    let palette = Palette::of(ui.style());
    let radius = rect.height() / 2.0;
    ui.painter().rect_filled(rect, radius, palette.stroke_strong);
    if let Some(fraction) = fraction {
        let mut filled = rect;
        filled.set_width((rect.width() * fraction.clamp(0.0, 1.0)).max(rect.height()));
        ui.painter().rect_filled(filled, radius, palette.ready);
    }
    let response = ui.interact(rect, ui.make_persistent_id(salt), Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, name);
        info.value = fraction.map(|fraction| f64::from((fraction * 100.0).floor()));
        info
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(100.0);
        if let Some(fraction) = fraction {
            node.set_value(format!("{} %", percent(fraction)));
        }
    });
    response
}

/// A fraction as per cent, rounded down, so that 100 means complete.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 100")]
pub(crate) fn percent(fraction: f32) -> u8 {
    (fraction.clamp(0.0, 1.0) * 100.0).floor() as u8
}

/// Names the accessibility node of a part of the window, such as the details or the downloads.
pub(crate) fn name_group(ui: &Ui, name: &str) {
    ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
        node.set_role(accesskit::Role::Group);
        node.set_label(name);
    });
}

/// Fills a bar, and draws the line below it if requested.
pub(crate) fn bar(ui: &Ui, fill: Color32, line_below: bool) -> Rect {
    let rect = ui.max_rect();
    ui.painter().rect_filled(rect, 0.0, fill);
    if line_below {
        let stroke = Stroke::new(1.0, Palette::of(ui.style()).stroke);
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, stroke);
    }
    rect
}
