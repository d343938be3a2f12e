//! The JSON of every message as received, folded message by message, coloured, and copied message by message. Secrets are
//! masked unless the operator shows them.

use std::sync::Arc;

use egui::epaint::text::LayoutJob;
use egui::{Color32, Galley, Id, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};

use crate::activity::{Filter, Seq};
use crate::protocol::UnmaskedMessage;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::text::json_layout::{self, Fold, Line, TokenColor};
use crate::ui::text::{bytes, precise_time};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::view_state::details::{Details, Page, PageRow};
use crate::ui::widgets::{self, Button, icons};

use super::json_keys::{self, Key};
use super::pane::pane;
use super::secrets;

/// The width of a character of the monospaced font at 12 px.
const COLUMN: f32 = 7.2;
/// The height of a line.
const LINE: f32 = 16.0;

/// What a line's buttons or keys ask for.
enum LineRequest {
    /// Fold or unfold an entry.
    Toggle(Seq),
    /// Fold or unfold an object or a list within an entry.
    Fold(Seq, usize),
    /// Copy an entry's JSON.
    Copy(Seq),
    /// Move to the next foldable line.
    MoveTo {
        /// `true` for the next line below, `false` for the one above.
        down: bool,
    },
}

/// Draws the page in `rect`, with the filter's matches marked.
pub(crate) fn show(ui: &mut Ui, rect: Rect, details: &mut Details, filter: &Filter, frame: &mut FrameContext) {
    let place = pane(ui, rect, "JSON", None);
    secrets::button(ui, rect, details, frame);
    let space = ((place.width() - theme::EDGE - 24.0) / COLUMN).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count of characters")]
    let columns = space.max(20.0) as usize;
    if details.page.columns != columns {
        details.page = lay_out(details, columns, frame);
    }
    let mut asked = None;
    let mut pane = ui.new_child(UiBuilder::new().max_rect(place).id_salt(("page", details.row)));
    pane.spacing_mut().item_spacing.y = 0.0;
    let Page { rows, next, .. } = &mut details.page;
    details.fold = None;
    ScrollArea::vertical().auto_shrink(false).id_salt("page").show_rows(&mut pane, LINE, rows.len(), |ui, range| {
        for (index, row) in rows.iter().enumerate().skip(range.start).take(range.len()) {
            let (_, line) = ui.allocate_space(vec2(ui.available_width(), LINE));
            let mut fold = None;
            let here = page_line(ui, line, row, next.take_if(|next| *next == index).is_some(), filter, &mut fold);
            details.fold = fold.or(details.fold);
            if let Some(LineRequest::MoveTo { down }) = here {
                *next = json_keys::step(rows, PageRow::folds, index, down);
                if let Some(to) = *next {
                    json_keys::reveal(ui, line, LINE, index, to);
                    frame.redraw_in(std::time::Duration::ZERO);
                }
            }
            asked = here.or(asked.take());
        }
    });
    match asked {
        Some(LineRequest::Toggle(seq)) => {
            if !details.toggled.remove(&seq) {
                details.toggled.insert(seq);
            }
            details.page = Page::default();
        }
        Some(LineRequest::Fold(seq, number)) => {
            if !details.folded.remove(&(seq, number)) {
                details.folded.insert((seq, number));
            }
            details.page = Page::default();
        }
        Some(LineRequest::Copy(seq)) => {
            if let Some(original) = details.secrets.of(seq) {
                frame.request(UiRequest::CopySecret(original.clone()));
            } else if let Some(entry) = details.entries.iter().find(|entry| entry.seq == seq) {
                ui.copy_text(entry.raw.to_string());
            }
        }
        Some(LineRequest::MoveTo { .. }) | None => {}
    }
}

fn lay_out(details: &Details, columns: usize, frame: &FrameContext) -> Page {
    let last = details.entries.iter().rev().find(|entry| !entry.raw.is_empty()).map(|entry| entry.seq);
    let mut rows = Vec::new();
    for entry in details.entries.iter().filter(|entry| !entry.raw.is_empty()) {
        let open = (last == Some(entry.seq)) != details.toggled.contains(&entry.seq);
        let time = precise_time(entry.at, &frame.zone);
        let original = details.secrets.of(entry.seq);
        let raw = original.map_or(&*entry.raw, UnmaskedMessage::expose);
        let bare = original.is_some();
        let mut lines =
            json_layout::lay_out(raw, columns, |number| details.folded.contains(&(entry.seq, number))).into_iter();
        // Beside the time there is less width than in the other lines.
        let mut head = lines.next().unwrap_or_default();
        let folds = lines.len() > 0;
        if !open && folds {
            head.pieces.push(("…}}".to_owned(), TokenColor::Mark));
        }
        if open && !folds {
            rows.push(PageRow::Head { seq: entry.seq, time, open, bare, line: Line::default() });
            rows.push(PageRow::Body(entry.seq, head));
        } else {
            rows.push(PageRow::Head { seq: entry.seq, time, open, bare, line: head });
        }
        if open {
            rows.extend(lines.map(|line| PageRow::Body(entry.seq, line)));
            if raw.len() > json_layout::MAX_TEXT {
                let all = bytes(raw.len() as u64);
                let shown = bytes(json_layout::MAX_TEXT as u64);
                rows.push(PageRow::Note(format!("The first {shown} of {all}. Copy JSON copies all of it.")));
            }
            if details.secrets.are_shown() && crate::ui::view_state::details::is_masked(raw) {
                rows.push(PageRow::Note("Some secrets are no longer stored, or never were.".to_owned()));
            }
        }
    }
    Page { columns, rows, next: None }
}

/// Draws a line of the page. Returns what was asked of it. With `next`, its fold mark takes the focus; if the mark has the
/// focus, `fold` becomes its id.
fn page_line(
    ui: &mut Ui,
    line: Rect,
    row: &PageRow,
    next: bool,
    filter: &Filter,
    fold: &mut Option<Id>,
) -> Option<LineRequest> {
    let palette = Palette::of(ui.style());
    let middle = line.center().y;
    let left = line.left() + theme::EDGE;
    match row {
        PageRow::Head { seq, time, open, bare, line: words } => {
            let name = format!("Copy JSON of {time}{}", if *bare { " with its secrets" } else { "" });
            let copy = Button::icon_only(icons::COPY, &name).icon_size(12.0).height(LINE).padding(2.0);
            let right = line.right() - 8.0 - copy.width(ui);
            let id = ui.make_persistent_id(("fold", *seq));
            let response = ui.interact(line.with_max_x(right), id, Sense::click());
            if next {
                response.request_focus();
            }
            let key = json_keys::name(ui, &response, time, *open);
            *fold = response.has_focus().then_some(response.id);
            let icon = if *open { icons::EXPAND_MORE } else { icons::CHEVRON_RIGHT };
            widgets::icon(ui, pos2(left + 7.0, middle), icon, 14.0, palette.secondary);
            let at = pos2(left + 16.0, middle);
            let time = widgets::text(ui, at, time, TextRole::Mono, palette.secondary, f32::INFINITY);
            let galley = lay_out_line(ui, words, filter, right - time.right() - 16.0);
            let painted = widgets::paint_line(ui, pos2(time.right() + 15.0, middle), &galley);
            if galley.elided {
                widgets::show_whole(ui, painted, || galley.text().to_owned());
            }
            if response.has_focus() {
                widgets::focus_ring(ui, response.rect.shrink2(vec2(6.0, 1.0)), theme::RADIUS_IN_ROW, false);
            }
            if copy.salt(Id::unique(("copy json", *seq))).at(ui, pos2(right, middle)).clicked() {
                return Some(LineRequest::Copy(*seq));
            }
            return match key {
                Some(Key::MoveTo { down }) => Some(LineRequest::MoveTo { down }),
                Some(Key::Toggle) => Some(LineRequest::Toggle(*seq)),
                None => response.clicked().then_some(LineRequest::Toggle(*seq)),
            };
        }
        PageRow::Body(seq, words) => {
            let mut asked = None;
            if let Some(begun) = &words.fold {
                asked = fold_mark(ui, line, *seq, begun, next, fold);
            } else if words.locked {
                widgets::icon(ui, pos2(left + 7.0, middle), icons::LOCK, 14.0, palette.muted);
            }
            let galley = lay_out_line(ui, words, filter, f32::INFINITY);
            let painted = widgets::paint_line(ui, pos2(left + 16.0, middle), &galley);
            let text: String = words.pieces.iter().map(|(text, _)| text.as_str()).collect();
            let salt = format!("{painted:?}");
            widgets::label(ui, painted, &salt, &text);
            return asked;
        }
        PageRow::Note(note) => {
            let at = pos2(left + 16.0, middle);
            let painted = widgets::text(ui, at, note, TextRole::Caption, palette.muted, line.width());
            widgets::label(ui, painted, note, note);
        }
    }
    None
}

/// Draws the mark that folds what begins on a line.
fn fold_mark(ui: &Ui, line: Rect, seq: Seq, fold: &Fold, next: bool, focused: &mut Option<Id>) -> Option<LineRequest> {
    let palette = Palette::of(ui.style());
    let left = line.left() + theme::EDGE;
    let mark = line.with_max_x(left + 15.0);
    let response = ui.interact(mark, ui.make_persistent_id(("fold", seq, fold.number)), Sense::click());
    if next {
        response.request_focus();
    }
    let key = json_keys::name(ui, &response, &fold.words, fold.open);
    *focused = response.has_focus().then_some(response.id);
    let icon = if fold.open { icons::EXPAND_MORE } else { icons::CHEVRON_RIGHT };
    let hue = if response.hovered() { palette.text } else { palette.secondary };
    widgets::icon(ui, pos2(left + 7.0, line.center().y), icon, 14.0, hue);
    if response.has_focus() {
        widgets::focus_ring(ui, mark.with_min_x(left - 1.0), theme::RADIUS_IN_ROW, false);
    }
    match key {
        Some(Key::MoveTo { down }) => Some(LineRequest::MoveTo { down }),
        Some(Key::Toggle) => Some(LineRequest::Fold(seq, fold.number)),
        None => response.clicked().then_some(LineRequest::Fold(seq, fold.number)),
    }
}

/// Lays out a line in its colours.
fn lay_out_line(ui: &Ui, line: &Line, filter: &Filter, width: f32) -> Arc<Galley> {
    let palette = Palette::of(ui.style());
    let mut job = LayoutJob::default();
    for (text, ink) in &line.pieces {
        let colour = match ink {
            TokenColor::Mark | TokenColor::Hidden => palette.muted,
            TokenColor::Name => palette.accent,
            TokenColor::Text => palette.text,
            TokenColor::Number => palette.ready,
            TokenColor::Word => palette.pending,
        };
        let marks = if filter.has_marks() { filter.marks(None, text) } else { Vec::new() };
        widgets::append_marked(&mut job, text, &marks, widgets::format(TextRole::Mono, colour), palette);
    }
    if line.pieces.is_empty() {
        job.append("", 0.0, widgets::format(TextRole::Mono, Color32::PLACEHOLDER));
    }
    job.wrap.max_width = width;
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    ui.painter().layout_job(job)
}
