//! The timeline of an activity: every message, status check and local event in order, with its time and the time since the
//! previous one.

use egui::{Id, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use crate::activity::{Entry, Filter};
use crate::ui::frame::FrameContext;
use crate::ui::text::{cell_time, coarse, full_time, precise_time};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::view_state::details::Details;
use crate::ui::widgets::{self, Button, icons};

use super::descriptions;
use super::pane::pane;

/// The height of a line.
const LINE: f32 = 20.0;
/// A narrower pane leaves out the time since the previous step and the source, in favour of the text. The line's accessible
/// name and tooltip have both.
const NARROW: f32 = 400.0;

/// The note if there are more messages than the timeline shows.
const CUT: &str = "Only the newest messages are shown; an export has all";

/// Draws the timeline in `rect`, with the filter's matches marked.
pub(crate) fn show(ui: &mut Ui, rect: Rect, details: &Details, filter: &Filter, frame: &FrameContext) {
    let palette = Palette::of(ui.style());
    let place = pane(ui, rect, "Messages", Some(details.entries.len()));
    if details.entries.is_empty() {
        let words = details.without_messages();
        let text = widgets::paragraph(ui, words, TextRole::Small, palette.muted, place.width() - 2.0 * theme::EDGE);
        let rect = Rect::from_min_size(pos2(place.left() + theme::EDGE, place.top() + 2.0), text.size());
        ui.painter().galley(rect.min, text, palette.muted);
        widgets::label(ui, rect, "no messages", words);
        return;
    }
    note(ui, rect, details, frame);
    let mut pane = ui.new_child(UiBuilder::new().max_rect(place).id_salt(("story", details.row)));
    pane.spacing_mut().item_spacing.y = 0.0;
    let count = details.entries.len();
    ScrollArea::vertical().auto_shrink(false).id_salt("story").show_rows(&mut pane, LINE, count, |ui, rows| {
        for index in rows {
            let (_, rect) = ui.allocate_space(vec2(ui.available_width(), LINE));
            let before = index.checked_sub(1).and_then(|before| details.entries.get(before));
            if let Some(entry) = details.entries.get(index) {
                Step { entry, before, more: index + 1 < count, filter }.show(ui, rect, frame);
            }
        }
    });
}

/// Draws the note above the timeline: the day if it is not today, and the total time, or that the timeline is not complete.
fn note(ui: &Ui, rect: Rect, details: &Details, frame: &FrameContext) {
    let palette = Palette::of(ui.style());
    let (Some(first), Some(last)) = (details.entries.first(), details.entries.last()) else { return };
    let mut at = pos2(rect.right() - theme::EDGE, rect.top() + 15.0);
    if details.is_cut {
        let text = widgets::text_right(ui, at, CUT, TextRole::Caption, palette.muted);
        widgets::label(ui, text, "more messages", CUT);
        at.x = text.left() - 10.0;
    } else if details.entries.len() > 1 {
        let words = format!("{} in all", span(last.at.since(first.at)));
        let text = widgets::text_right(ui, at, &words, TextRole::Caption, palette.muted);
        widgets::label(ui, text, "in all", &words);
        at.x = text.left() - 10.0;
    }
    // The lines have only the time of day; the note has the day if it is not today.
    let day = cell_time(first.at, frame.now, &frame.zone);
    if day.millis.is_empty() {
        let text = widgets::text_right(ui, at, &day.short, TextRole::Caption, palette.muted);
        widgets::label(ui, text, "day", &day.short);
    }
}

/// A duration: to the millisecond below 100 s, coarser beyond.
fn span(time: std::time::Duration) -> String {
    if time.as_secs() < 100 { format!("{}.{:03} s", time.as_secs(), time.subsec_millis()) } else { coarse(time) }
}

/// One step of the timeline.
struct Step<'a> {
    entry: &'a Entry,
    before: Option<&'a Entry>,
    /// Whether another step follows.
    more: bool,
    filter: &'a Filter,
}

impl Step<'_> {
    fn show(&self, ui: &mut Ui, line: Rect, frame: &FrameContext) {
        let palette = Palette::of(ui.style());
        let (entry, middle) = (self.entry, line.center().y);
        let left = line.left() + theme::EDGE;
        let stamp = precise_time(entry.at, &frame.zone);
        let clock = widgets::text(ui, pos2(left, middle), &stamp, TextRole::Mono, palette.secondary, f32::INFINITY);
        let since = self.before.map_or(std::time::Duration::ZERO, |before| entry.at.since(before.at));
        let relative = format!("{}{}", if self.before.is_some() { "+" } else { "" }, span(since));
        let narrow = line.width() < NARROW;
        let mut right = clock.right();
        if !narrow {
            // As wide as a step of several minutes, so that all icons align.
            right += 92.0;
            widgets::text_right(ui, pos2(right, middle), &relative, TextRole::Mono, palette.muted);
        }
        let status_text = descriptions::describe(entry, palette);
        if self.more {
            let x = (right + 14.0).round() + 0.5;
            ui.painter().vline(x, (middle + 8.0)..=(middle + 12.0), Stroke::new(1.0, palette.stroke_strong));
        }
        widgets::icon(ui, pos2(right + 14.0, middle), status_text.icon, 14.0, status_text.hue);
        let at = pos2(right + 29.0, middle);
        let copy = format!("Copy message of {stamp}");
        let button = Button::icon_only(icons::COPY, &copy).icon_size(12.0).height(18.0).padding(3.0);
        let mut end = line.right() - 8.0 - button.width(ui);
        if button.salt(Id::unique(("copy step", entry.seq))).at(ui, pos2(end, middle)).clicked() {
            ui.copy_text(descriptions::full_text(entry).unwrap_or_else(|| status_text.words.clone()));
        }
        end -= 6.0;
        if let Some(source) = status_text.source.filter(|_| !narrow) {
            end = widgets::text_right(ui, pos2(end, middle), source.word(), TextRole::Caption, palette.muted).left()
                - 8.0;
        }
        let marks = if self.filter.has_marks() { self.filter.marks(None, &status_text.words) } else { Vec::new() };
        let galley = widgets::marked_line(ui, &status_text.words, &marks, TextRole::Small, palette.text, end - at.x);
        let elided = galley.elided;
        let words = widgets::paint_line(ui, at, &galley);
        let mut name = format!("{stamp}, {}", status_text.words);
        if let Some(source) = status_text.source {
            name = format!("{name}, by {}", source.word());
        }
        let id = ui.make_persistent_id(("entry", entry.seq));
        let response = ui.interact(words.union(clock), id, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &name));
        let full = format!("{}, {relative}", full_time(entry.at, &frame.zone));
        response.on_hover_text(if elided { format!("{full}\n{}", status_text.words) } else { full });
    }
}
