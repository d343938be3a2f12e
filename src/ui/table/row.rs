//! One row of the table: its cells, its buttons and its accessible description.

use std::time::Duration;

use egui::{Id, Rangef, Rect, Response, Role, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2};

use crate::activity::{Activity, ActivityKey, Evidence, Field, Kind, Status, Timestamp, path_of_text};
use crate::engine::{Action, DownloadProgress};
use crate::protocol::{RequestId, sanitize};
use crate::settings::TableColumn;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::rows::can_request_again;
use crate::ui::text::activity_label::label_of;
use crate::ui::text::{self, cut, download_text, took};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::view_state::columns::{PADDING, text_space};
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

use super::cell::{RowContext, marked};
use super::status_word;

/// How long a changed row is tinted.
const TINT_DURATION: Duration = Duration::from_secs(1);
/// How long a command has to be pending before a status check is offered.
const CHECK_OFFERED_AFTER: Duration = Duration::from_secs(5);

/// The description of the mark on a contradicted activity.
const CONTRADICTED: &str = "contradicted: reported both as succeeded and as failed";

/// The row's accessible name, also used by tests.
pub(crate) fn accessible_name(activity: &Activity<'_>) -> String {
    let kind = match activity.kind() {
        Kind::Command => "Command",
        Kind::Data => "Data request",
        Kind::Message => "Message",
        Kind::Gap => "Gap",
    };
    let not_kept = if activity.is_persisted() { "" } else { ", Not kept" };
    format!("{kind} {}, {}{not_kept}", sanitize(&activity.id()), activity.status().word())
}

/// Draws a row and its buttons. The response is that of the row itself.
pub(crate) fn show(ui: &mut Ui, frame: &mut FrameContext, line: &RowContext<'_>) -> Response {
    let palette = Palette::of(ui.style());
    let row_id = ui.make_persistent_id(("row", line.id));
    let response = ui.interact(line.rect, row_id, Sense::CLICK);
    let selected = line.profile_tab.table.is_selected(line.id);
    background(ui, frame, line, palette, &response);
    name_row(ui, line, &response, selected, frame);
    if line.activity.status().is_open() {
        frame.counts_up_from(line.activity.first_seen());
    }
    for place in &line.columns.positions {
        let range = place.range;
        match place.column {
            TableColumn::Updated => time(ui, frame, line, line.activity.updated(), range),
            TableColumn::FirstSeen => time(ui, frame, line, line.activity.first_seen(), range),
            TableColumn::Age => age(ui, frame, line, line.activity.updated(), range),
            TableColumn::Kind => kind(ui, line, range),
            TableColumn::Id => id(ui, line, range),
            TableColumn::Label => label(ui, line, range),
            TableColumn::Status => status(ui, frame, line, row_id, range),
            TableColumn::Message => message(ui, line, row_id, range),
            TableColumn::Took => took_cell(ui, frame, line, range),
            TableColumn::Source => source(ui, line, range),
            TableColumn::Action => actions(ui, frame, line, row_id, range),
        }
    }
    if line.focused {
        let ring = line.rect.shrink(2.0);
        ui.painter().rect_stroke(ring, 2.0, Stroke::new(2.0, palette.accent), egui::StrokeKind::Inside);
    }
    response
}

fn background(ui: &Ui, frame: &mut FrameContext, line: &RowContext<'_>, palette: &Palette, response: &Response) {
    let selected = line.profile_tab.table.is_selected(line.id);
    let since = frame.now.since(line.activity.updated());
    let tinted = !frame.reduced_motion && since < TINT_DURATION && frame.now >= line.activity.updated();
    if tinted {
        frame.redraw_in(TINT_DURATION.saturating_sub(since));
    }
    let fill = if selected {
        Some(palette.selected)
    } else if tinted {
        Some(palette.changed)
    } else {
        response.hovered().then_some(palette.hover)
    };
    if let Some(fill) = fill {
        ui.painter().rect_filled(line.rect, 0.0, fill);
    }
    ui.painter().hline(line.rect.x_range(), line.rect.bottom() - 0.5, Stroke::new(1.0, palette.stroke_soft));
    if selected {
        let mut edge = line.rect;
        edge.set_width(2.0);
        ui.painter().rect_filled(edge, 0.0, palette.accent);
    }
}

fn name_row(ui: &Ui, line: &RowContext<'_>, response: &Response, selected: bool, frame: &FrameContext) {
    let activity = &line.activity;
    response.widget_info(|| WidgetInfo::labeled(Role::Row, true, accessible_name(activity)));
    let size = line.profile_tab.shown();
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_row_index(line.index);
        node.set_position_in_set(line.index);
        node.set_size_of_set(size);
        node.set_selected(selected);
        node.set_description(description(line, frame));
    });
}

/// The rest of the row in words.
fn description(line: &RowContext<'_>, frame: &FrameContext) -> String {
    let activity = &line.activity;
    let mut parts = Vec::with_capacity(4);
    if line.profile_tab.is_all() {
        parts.push(format!("of {}", sanitize(line.profile_tab.owner_name(line.id))));
    }
    if line.profile_tab.activities.is_late(activity, frame.now) {
        parts.push("late".to_owned());
    }
    if activity.is_contradicted() {
        parts.push(CONTRADICTED.to_owned());
    }
    let label = label_of(activity);
    if !label.is_empty() {
        parts.push(sanitize(&label).into_owned());
    }
    let message = activity.message();
    if !message.is_empty() {
        parts.push(sanitize(&message).into_owned());
    }
    if let Some(time) = activity.took(frame.now).filter(|_| !activity.status().is_open()) {
        parts.push(format!("took {}", took(time, false)));
    }
    parts.push(format!("last update {}", text::cell_time(activity.updated(), frame.now, &frame.zone).main));
    parts.join(", ")
}

fn time(ui: &Ui, frame: &mut FrameContext, line: &RowContext<'_>, moment: Timestamp, range: Rangef) {
    if frame.times.relative {
        return age(ui, frame, line, moment, range);
    }
    let palette = Palette::of(ui.style());
    let time = text::cell_time(moment, frame.now, &frame.zone);
    let (x, width) = text_space(range);
    let at = pos2(x, line.rect.center().y);
    if line.columns.narrow {
        widgets::text(ui, at, &time.short, TextRole::Mono, palette.secondary, width);
    } else {
        let main = widgets::text(ui, at, &time.main, TextRole::Mono, palette.secondary, width);
        if frame.times.milliseconds {
            let width_left = width - main.width();
            widgets::text(ui, pos2(main.right(), at.y), &time.millis, TextRole::Mono, palette.muted, width_left);
        }
    }
}

/// Draws how long ago `moment` was.
fn age(ui: &Ui, frame: &mut FrameContext, line: &RowContext<'_>, moment: Timestamp, range: Rangef) {
    let palette = Palette::of(ui.style());
    let (words, changes_in) = text::ago(frame.now.since(moment));
    frame.redraw_in(changes_in);
    let (x, width) = text_space(range);
    widgets::text(ui, pos2(x, line.rect.center().y), &words, TextRole::Body, palette.secondary, width);
}

fn source(ui: &Ui, line: &RowContext<'_>, range: Rangef) {
    let palette = Palette::of(ui.style());
    let (x, width) = text_space(range);
    let word = line.activity.source().map_or("–", Evidence::word);
    widgets::text(ui, pos2(x, line.rect.center().y), word, TextRole::Body, palette.muted, width);
}

fn kind(ui: &Ui, line: &RowContext<'_>, range: Rangef) {
    let palette = Palette::of(ui.style());
    let (middle, kind) = (line.rect.center().y, line.activity.kind());
    let (x, width) = text_space(range);
    widgets::icon(ui, pos2(x + 8.0, middle), icons::kind(kind), 16.0, palette.muted);
    if line.columns.wide {
        let at = pos2(x + 22.0, middle);
        marked(ui, line, at, (Field::Kind, kind.word()), TextRole::Body, palette.muted, width - 16.0);
    }
}

fn id(ui: &Ui, line: &RowContext<'_>, range: Rangef) {
    let palette = Palette::of(ui.style());
    let (x, width) = text_space(range);
    let id = line.activity.id();
    // The wide window leaves space before the label; in the narrow one every character counts.
    let width = if line.columns.narrow { width } else { width - 12.0 };
    let at = pos2(x, line.rect.center().y);
    marked(ui, line, at, (Field::Id, &id), TextRole::Mono, palette.secondary, width);
}

pub(crate) fn label(ui: &Ui, line: &RowContext<'_>, range: Rangef) {
    let palette = Palette::of(ui.style());
    let (mut x, mut width) = text_space(range);
    let label = label_of(&line.activity);
    if line.profile_tab.is_all() {
        // The profile's name comes first; a long one leaves half of the cell.
        let at = pos2(x, line.rect.center().y);
        let owner = sanitize(line.profile_tab.owner_name(line.id));
        let profile_name = format!("{} · ", cut(&owner, 24));
        let rect = widgets::text(ui, at, &profile_name, TextRole::Body, palette.muted, width / 2.0);
        if owner.chars().count() > 24 {
            widgets::show_whole(ui, rect, || owner.into_owned());
        }
        (x, width) = (rect.right(), width - (rect.right() - x));
    }
    let at = pos2(x, line.rect.center().y);
    if label.is_empty() {
        widgets::text(ui, at, "–", TextRole::Body, palette.muted, width);
    } else {
        let field = if line.activity.label().is_empty() { Field::Context } else { Field::Label };
        marked(ui, line, at, (field, &*label), TextRole::Body, palette.text, width);
    }
}

fn status(ui: &mut Ui, frame: &mut FrameContext, line: &RowContext<'_>, row_id: Id, range: Rangef) {
    let palette = Palette::of(ui.style());
    let status = line.activity.status();
    let (icon, hue) = icons::status(status, palette);
    let (x, _) = text_space(range);
    let middle = line.rect.center().y;
    widgets::icon(ui, pos2(x + 8.0, middle), icon, 16.0, hue);
    let word = status_word::show(ui, line, row_id, pos2(x + 22.0, middle), range.max);
    if let Some(expires) = line.activity.link_expires() {
        let remaining = frame.counts_down_to(expires);
        let at = pos2(word.right() + 7.0, middle);
        widgets::text(ui, at, &text::countdown(remaining), TextRole::Body, palette.secondary, f32::INFINITY);
    }
    if !line.activity.is_persisted() && !line.columns.positions.iter().any(|place| place.column == TableColumn::Message)
    {
        // The message column shows the word. Without that column only the icon is shown, and the row's name has the word.
        widgets::icon(ui, pos2(range.max - 12.0, middle), icons::UNPERSISTED, 14.0, palette.gap);
    }
    // The row's timer redraws each full second while it is open, so the mark appears at most a second late.
    if line.profile_tab.activities.is_late(&line.activity, frame.now) {
        let gap = if line.columns.narrow { 4.0 } else { 8.0 };
        widgets::icon(ui, pos2(word.right() + gap + 7.0, middle), icons::LATE, 14.0, palette.pending);
        let at = pos2(word.right() + gap + 17.0, middle);
        widgets::text(ui, at, "Late", TextRole::Body, palette.text, range.max - at.x);
    } else if line.activity.is_contradicted() {
        let mark = Rect::from_center_size(pos2(word.right() + 14.0, middle), egui::vec2(16.0, 16.0));
        widgets::icon(ui, mark.center(), icons::CONTRADICTED, 16.0, palette.text);
        let cell = ui.new_child(UiBuilder::new().max_rect(mark).accessibility_parent(row_id));
        widgets::label(&cell, mark, &format!("contradicted {row_id:?}"), "Contradicted")
            .on_hover_text("Reported both as succeeded and as failed. See the details.");
    }
}

pub(crate) fn message(ui: &mut Ui, line: &RowContext<'_>, row_id: Id, range: Rangef) {
    let palette = Palette::of(ui.style());
    if let Some((request, progress)) = line.profile_tab.download_of(&line.activity) {
        let name = line.profile_tab.name_of_running(&request, progress);
        progress_cell(ui, line, row_id, range, progress, &name);
        return;
    }
    let (mut x, mut width) = text_space(range);
    let middle = line.rect.center().y;
    if !line.activity.is_persisted() {
        widgets::icon(ui, pos2(x + 7.0, middle), icons::UNPERSISTED, 14.0, palette.gap);
        let mark = widgets::text(ui, pos2(x + 18.0, middle), "Not kept", TextRole::Body, palette.text, width - 18.0);
        let taken = mark.right() + 10.0 - x;
        (x, width) = (x + taken, (width - taken).max(0.0));
    }
    let at = pos2(x, middle);
    if let Some((place, _)) = line.profile_tab.queue_position(line.id) {
        widgets::text(ui, at, &download_text::in_line(place), TextRole::Body, palette.secondary, width);
        return;
    }
    let message = line.activity.message();
    if message.is_empty() {
        widgets::text(ui, at, "–", TextRole::Body, palette.muted, width);
        return;
    }
    let status = line.activity.status();
    let ink = if status == Status::Failed || status.is_open() { palette.text } else { palette.secondary };
    let face = if line.activity.message_is_reason() { TextRole::Mono } else { TextRole::Body };
    marked(ui, line, at, (Field::Message, &*message), face, ink, width);
}

fn progress_cell(
    ui: &mut Ui,
    line: &RowContext<'_>,
    row_id: Id,
    range: Rangef,
    progress: &DownloadProgress,
    name: &str,
) {
    let palette = Palette::of(ui.style());
    let (x, _) = text_space(range);
    let middle = line.rect.center().y;
    let track = if line.columns.narrow { 48.0 } else { 96.0 };
    let fraction = download_text::fraction(progress);
    let bar = Rect::from_min_size(pos2(x, middle - 2.0), egui::vec2(track, 4.0));
    let name = format!("Downloading {name}");
    let mut cell = ui.new_child(UiBuilder::new().max_rect(bar).accessibility_parent(row_id));
    // The bar in the drawer has this accessible name alone, so this one adds where it is.
    widgets::progress(&cell, bar, row_id.with("progress"), &format!("{name}, in its row"), fraction);
    cell.expand_to_include_rect(bar);
    let mut x = bar.right() + 40.0;
    if let Some(fraction) = fraction {
        let percent = format!("{} %", widgets::percent(fraction));
        widgets::text_right(ui, pos2(x, middle), &percent, TextRole::Small, palette.text);
    } else {
        x -= 32.0;
    }
    if !line.columns.narrow || fraction.is_none() {
        let width = range.max - x - 16.0;
        widgets::text(
            ui,
            pos2(x + 10.0, middle),
            &download_text::amount(progress),
            TextRole::Small,
            palette.muted,
            width,
        );
    }
}

fn took_cell(ui: &Ui, frame: &FrameContext, line: &RowContext<'_>, range: Rangef) {
    let palette = Palette::of(ui.style());
    let at = pos2(range.max, line.rect.center().y);
    match line.activity.took(frame.now) {
        Some(time) => {
            let still = matches!(line.activity.status(), Status::Pending | Status::Preparing);
            let ink = if still { palette.muted } else { palette.secondary };
            widgets::text_right(ui, at, &took(time, still), TextRole::Body, ink);
        }
        None => {
            widgets::text_right(ui, at, "–", TextRole::Body, palette.muted);
        }
    }
}

fn actions(ui: &mut Ui, frame: &mut FrameContext, line: &RowContext<'_>, row_id: Id, range: Rangef) {
    let place = Rect::from_x_y_ranges(range, line.rect.y_range());
    let mut cell = ui.new_child(UiBuilder::new().max_rect(place).accessibility_parent(row_id).id_salt(row_id));
    let at = pos2(place.left() + PADDING, line.rect.center().y);
    let id = sanitize(&line.activity.id()).into_owned();
    if let Some((request, _)) = line.profile_tab.download_of(&line.activity) {
        cancel(&mut cell, frame, line, at, request);
    } else if let Some((_, waiting)) = line.profile_tab.queue_position(line.id) {
        cancel(&mut cell, frame, line, at, waiting.request.clone());
    } else if line.activity.can_download() {
        let button = Button::new("Download").name(format!("Download {id}")).style(ButtonStyle::Outlined).in_row();
        if button.at(&mut cell, at).clicked() {
            frame.request(UiRequest::Save { row: line.id, inline: false });
        }
    } else if let Some(path) = line.activity.file() {
        saved(&mut cell, frame, at, path);
    } else if line.activity.can_save_inline() {
        let button = Button::new("Save…").name(format!("Save inline data {id}")).style(ButtonStyle::Outlined).in_row();
        if button.at(&mut cell, at).clicked() {
            frame.request(UiRequest::Save { row: line.id, inline: true });
        }
    } else if can_request_again(&line.activity) {
        // The narrow column has no space for both words; the accessible name stays complete.
        let words = if line.columns.narrow { "Again" } else { "Request again" };
        let button = Button::new(words).name(format!("Request {id} again")).in_row();
        if button.at(&mut cell, at).clicked() {
            request_again(frame, line);
        }
    } else if line.activity.can_check() && is_checkable(frame, line) {
        let words = if line.columns.narrow { "Check" } else { "Check status" };
        let button = Button::new(words).name(format!("Check status {id}")).in_row();
        if button.at(&mut cell, at).clicked() {
            frame.request(UiRequest::Check(line.id));
        }
    }
    cell.expand_to_include_rect(place);
}

/// Requests the same data again.
fn request_again(frame: &mut FrameContext, line: &RowContext<'_>) {
    if let ActivityKey::Data(request) = line.activity.key() {
        frame.request(UiRequest::RequestAgain { profile: line.profile_tab.owner(line.id), request });
    }
}

/// Whether a status check is offered: not for a command that was only just sent, unless it is selected.
fn is_checkable(frame: &FrameContext, line: &RowContext<'_>) -> bool {
    line.activity.status() != Status::Pending
        || frame.now.since(line.activity.first_seen()) >= CHECK_OFFERED_AFTER
        || line.profile_tab.table.is_selected(line.id)
}

fn cancel(ui: &mut Ui, frame: &mut FrameContext, line: &RowContext<'_>, at: egui::Pos2, request: RequestId) {
    // The drawer's button has the file's name; this one has the id, like the others in a row.
    let name = format!("Cancel download {}", sanitize(request.as_str()));
    if Button::new("Cancel").name(name).in_row().at(ui, at).clicked() {
        let profile = line.profile_tab.owner(line.id);
        frame.request(UiRequest::Send(Action::CancelDownload { profile, request }));
    }
}

fn saved(ui: &mut Ui, frame: &mut FrameContext, at: egui::Pos2, path: &str) {
    let file = download_text::file_name(path);
    let button = Button::new("Open").name(format!("Open {file}")).in_row();
    let width = button.width(ui);
    if button.at(ui, at).clicked() {
        frame.request(UiRequest::Send(Action::OpenFile(path_of_text(path))));
    }
    let name = format!("Show {file} in folder");
    let folder = Button::icon_only(icons::FOLDER, &name).in_row();
    if folder.at(ui, pos2(at.x + width + 5.0, at.y)).clicked() {
        frame.request(UiRequest::Send(Action::ShowInFolder(path_of_text(path))));
    }
}

#[cfg(test)]
mod tests {

    use crate::ui::text::activity_label::message_type;

    #[test]
    fn a_message_of_an_unknown_type_is_labelled_by_its_type() {
        assert_eq!(message_type(r#"{"data":{"type": "X-DPT-QUOTA","id":"1"}}"#), Some("X-DPT-QUOTA"));
        assert_eq!(message_type(r#"{"data":{"type":7}}"#), None);
        assert_eq!(message_type("not json"), None);
        assert_eq!(message_type(r#"{"type":"cut"#), None);
    }
}
