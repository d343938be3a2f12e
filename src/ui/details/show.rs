//! Draws the details: the head with its buttons, the messages, the JSON, and what can be done next.

use std::sync::Arc;

use egui::epaint::text::LayoutJob;
use egui::{Color32, Galley, Id, Pos2, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use crate::activity::{Activity, Entry, GapState, Kind, Seq};
use crate::engine::Action;
use crate::ui::commands::Command;
use crate::ui::desk::Desk;
use crate::ui::scene::{Scene, Wish};
use crate::ui::table::label_of;
use crate::ui::text::{bytes, cell_time, countdown, cut, full_time, precise_time, visible};
use crate::ui::theme::{self, Palette, Type};
use crate::ui::widgets::{self, Look, Press};
use crate::ui::{gaps, icons};

use super::json::{self, Ink, Line};
use super::{Details, gap, story};

/// The width of one character of the monospaced face at 12 px.
const COLUMN: f32 = 7.2;

/// What it means that an activity is not kept.
const NOT_KEPT: &str = "Not kept: the newest messages are in memory only, until the journal can be written.";

/// The JSON in lines, for one width.
#[derive(Debug, Default)]
pub(super) struct Page {
    columns: usize,
    rows: Vec<PageRow>,
}

/// A line of the page.
#[derive(Debug)]
enum PageRow {
    /// The head of an entry, which folds it: its time and its first words.
    Head { seq: Seq, time: String, open: bool, line: Line },
    /// A line of an entry that is open.
    Body(Line),
    /// A note of this program.
    Note(String),
}

/// Draws the details in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, desk: &mut Desk, scene: &mut Scene) {
    let palette = Palette::of(ui.style());
    widgets::name_group(ui, "Details");
    let rect = widgets::bar(ui, palette.panel, false);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, palette.stroke_strong));
    let Some(mut details) = desk.details.take() else { return };
    let mut open = true;
    if let Some(activity) = desk.activities.get(details.row) {
        let head = Rect::from_min_size(rect.min, vec2(rect.width(), theme::DETAILS_HEAD));
        ui.painter().hline(head.x_range(), head.bottom() - 0.5, Stroke::new(1.0, palette.stroke_soft));
        open = match desk.activities.gap(details.row) {
            Some(gap) => show_gap_head(ui, head, &gap, scene),
            None => show_head(ui, head, &details, &activity, scene),
        };
        let body = Rect::from_min_max(pos2(rect.left(), head.bottom()), rect.max);
        panes(ui, body, &mut details, (desk, &activity), scene);
    }
    if open {
        desk.details = Some(details);
    }
}

/// Draws the head of a gap's details; returns whether they stay open.
fn show_gap_head(ui: &mut Ui, rect: Rect, gap: &GapState, scene: &Scene) -> bool {
    let palette = Palette::of(ui.style());
    let middle = rect.center().y + 1.0;
    let close = Press::icon_only(icons::CLOSE, "Close details");
    let right = rect.right() - 8.0 - close.width(ui);
    widgets::icon(ui, pos2(rect.left() + 20.0, middle), icons::GAP, 16.0, palette.gap);
    let words = gaps::headline(gap, scene.now, &scene.zone);
    let at = pos2(rect.left() + 36.0, middle);
    let head = widgets::text(ui, at, &words, Type::Strong, palette.text, right - at.x - 12.0);
    widgets::label(ui, head, "gap", &words);
    let (at, standing) = (pos2(head.right() + 12.0, middle), gaps::standing(gap));
    let text = widgets::text(ui, at, &standing, Type::Body, palette.secondary, right - at.x - 12.0);
    widgets::label(ui, text, "gap standing", &standing);
    !close.at(ui, pos2(right, middle)).clicked()
}

/// Draws the head; returns whether the details stay open.
fn show_head(ui: &mut Ui, rect: Rect, details: &Details, activity: &Activity<'_>, scene: &mut Scene) -> bool {
    let palette = Palette::of(ui.style());
    let middle = rect.center().y + 1.0;
    let (buttons_left, open) = head_buttons(ui, rect, details, activity, scene);
    widgets::icon(ui, pos2(rect.left() + 20.0, middle), icons::kind(activity.kind()), 16.0, palette.muted);
    let mut x = rect.left() + 36.0;
    let kind = match activity.kind() {
        Kind::Command => "Command",
        Kind::Data => "Data request",
        Kind::Message => "Message",
        Kind::Gap => "Gap",
    };
    if !scene.narrow {
        x = widgets::text(ui, pos2(x, middle), kind, Type::Strong, palette.text, f32::INFINITY).right() + 8.0;
    }
    let id = activity.id();
    let shown = visible(&cut(&id, 128)).into_owned();
    let room = (buttons_left - x - if scene.narrow { 200.0 } else { 300.0 }).clamp(70.0, 420.0);
    let text = widgets::text(ui, pos2(x, middle), &shown, Type::Mono, palette.secondary, room);
    widgets::label(ui, text, "id", &format!("{kind} {shown}"));
    x = text.right() + 8.0;
    if Press::icon_only(icons::COPY, "Copy id").icon_size(14.0).at(ui, pos2(x, middle)).clicked() {
        ui.copy_text(id.into_owned());
    }
    x += 34.0;
    let label = label_of(activity);
    if !label.is_empty() && !scene.narrow {
        widgets::divider(ui, x, middle, 16.0);
        let room = (buttons_left - x - 12.0 - 150.0).max(40.0);
        let text = widgets::text(ui, pos2(x + 12.0, middle), &visible(&label), Type::Body, palette.text, room);
        x = text.right() + 14.0;
    }
    if !scene.narrow {
        widgets::divider(ui, x, middle, 16.0);
    }
    let status = activity.status();
    let (icon, hue) = icons::status(status, palette);
    widgets::icon(ui, pos2(x + 20.0, middle), icon, 16.0, hue);
    let word = widgets::text(ui, pos2(x + 36.0, middle), &status.word(), Type::Body, palette.text, f32::INFINITY);
    if let Some(end) = activity.link_expires() {
        let left = countdown(scene.counts_down_to(end));
        widgets::text(ui, pos2(word.right() + 7.0, middle), &left, Type::Body, palette.secondary, f32::INFINITY);
    }
    if !activity.is_kept() {
        let at = pos2(word.right() + 10.0, middle);
        widgets::icon(ui, pos2(at.x + 7.0, middle), icons::NOT_KEPT, 14.0, palette.gap);
        let text = widgets::text(ui, pos2(at.x + 18.0, middle), "Not kept", Type::Body, palette.text, f32::INFINITY);
        widgets::label(ui, text, "not kept", NOT_KEPT).on_hover_text(NOT_KEPT);
    }
    open
}

/// Draws the head's buttons from its right end; returns where they begin, and whether the details stay open.
fn head_buttons(ui: &mut Ui, rect: Rect, details: &Details, activity: &Activity<'_>, scene: &mut Scene) -> (f32, bool) {
    let middle = rect.center().y + 1.0;
    let close = Press::icon_only(icons::CLOSE, "Close details");
    let close_left = rect.right() - 8.0 - close.width(ui);
    let mut left = close_left;
    let inline = !activity.can_download() && activity.can_save_inline();
    let primary = (activity.can_download() || inline).then(|| {
        let words = if inline { "Save…" } else { "Download" };
        Press::new(words).name("Download selected").icon(icons::DOWNLOAD).look(Look::Primary).padding(10.0)
    });
    if let Some(primary) = &primary {
        left -= primary.width(ui) + 8.0;
    }
    let primary_left = left;
    let buttons = [Press::new("Copy message"), Press::new("Copy JSON"), Press::new("Edit label")];
    let gap = 10.0;
    left -= buttons.iter().map(|button| button.width(ui) + gap).sum::<f32>();
    let begin = left;
    for (index, button) in buttons.into_iter().enumerate() {
        let response = button.at(ui, pos2(left, middle));
        left = response.rect.right() + gap;
        if response.clicked() {
            match index {
                0 => ui.copy_text(message_of(details, activity)),
                1 => ui.copy_text(details.json()),
                _ => scene.wish(Wish::Run(Command::EditLabel)),
            }
        }
    }
    if let Some(primary) = primary
        && primary.at(ui, pos2(primary_left, middle)).clicked()
    {
        scene.wish(Wish::Save { row: details.row, inline });
    }
    (begin, !close.at(ui, pos2(close_left, middle)).clicked())
}

/// The last message in full, as the server sent it.
fn message_of(details: &Details, activity: &Activity<'_>) -> String {
    use crate::activity::Fact;
    use crate::protocol::{Delivery, Message};
    let whole = details.entries.iter().rev().find_map(|entry| match &entry.fact {
        Fact::Heard(Message::Command(report)) => report.body.text().map(str::to_owned),
        Fact::Heard(Message::Data(report)) => match &report.delivery {
            Delivery::Text(text) | Delivery::Inline { text, .. } => Some(text.clone()),
            Delivery::Other { body, .. } => body.text().map(str::to_owned),
            Delivery::Link(_) | Delivery::StreamToken(_) => None,
        },
        Fact::Heard(Message::Unrecognised(_)) => Some(entry.raw.to_string()),
        Fact::Heard(Message::StreamReady(_))
        | Fact::Unreadable { .. }
        | Fact::Enquired(_)
        | Fact::Done(_)
        | Fact::Gap(_) => None,
    });
    whole.unwrap_or_else(|| activity.message().into_owned())
}

fn panes(ui: &mut Ui, rect: Rect, details: &mut Details, of: (&Desk, &Activity<'_>), scene: &mut Scene) {
    let (desk, activity) = of;
    let palette = Palette::of(ui.style());
    let next_width = (rect.width() * 0.209).max(190.0).round();
    let story_width = (rect.width() * 0.3727).round();
    let story = rect.with_max_x(rect.left() + story_width);
    let next = rect.with_min_x(rect.right() - next_width);
    let page = Rect::from_x_y_ranges(story.right()..=next.left(), rect.y_range());
    for x in [story.right() - 0.5, next.left() - 0.5] {
        ui.painter().vline(x, rect.y_range(), Stroke::new(1.0, palette.stroke_soft));
    }
    show_story(ui, story, details, scene);
    if let Some(gap) = desk.activities.gap(details.row) {
        let place = pane(ui, page, "Open across it", Some(gap.open));
        gap::show_open(ui, place, desk, details.row, scene);
        let reconcile = gaps::can_reconcile(&gap)
            .then(|| Action::Reconcile { profile: desk.owner(details.row), gap: details.key.clone() });
        show_next(ui, next, &gaps::next(&gap), |ui, at| reconcile_button(ui, at, reconcile, scene));
    } else {
        show_page(ui, page, details, scene);
        let words = match story::contradiction(&details.entries, scene) {
            Some(contradiction) => format!("{contradiction} {}", story::next(activity, scene)),
            None => story::next(activity, scene),
        };
        show_next(ui, next, &words, |ui, at| next_buttons(ui, at, activity, scene));
    }
}

/// The head of a pane; returns the place under it.
fn pane(ui: &Ui, rect: Rect, title: &str, count: Option<usize>) -> Rect {
    let palette = Palette::of(ui.style());
    let at = pos2(rect.left() + theme::EDGE, rect.top() + 15.0);
    let text = widgets::text(ui, at, title, Type::CaptionStrong, palette.muted, f32::INFINITY);
    if let Some(count) = count {
        let at = pos2(text.right() + 6.0, at.y);
        widgets::text(ui, at, &count.to_string(), Type::CaptionStrong, palette.secondary, f32::INFINITY);
    }
    widgets::label(ui, text, title, title);
    Rect::from_min_max(pos2(rect.left(), rect.top() + 25.0), pos2(rect.right() - 2.0, rect.bottom() - 2.0))
}

fn show_story(ui: &mut Ui, rect: Rect, details: &Details, scene: &Scene) {
    const LINE: f32 = 20.0;
    let palette = Palette::of(ui.style());
    let place = pane(ui, rect, "Messages", Some(details.entries.len()));
    if let Some(first) = details.entries.first() {
        // The lines have the time of day; the day stands above them where it is another.
        let day = cell_time(first.at, scene.now, &scene.zone);
        if day.millis.is_empty() {
            let at = pos2(rect.right() - theme::EDGE, rect.top() + 15.0);
            let text = widgets::text_right(ui, at, &day.short, Type::Caption, palette.muted);
            widgets::label(ui, text, "day", &day.short);
        }
    }
    if details.entries.is_empty() {
        let words = "Reading the journal…";
        let at = pos2(place.left() + theme::EDGE, place.top() + LINE / 2.0);
        widgets::text(ui, at, words, Type::Small, palette.muted, place.width());
        return;
    }
    let mut pane = ui.new_child(UiBuilder::new().max_rect(place).id_salt(("story", details.row)));
    pane.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().auto_shrink(false).id_salt("story").show_rows(
        &mut pane,
        LINE,
        details.entries.len(),
        |ui, rows| {
            for index in rows {
                let (_, line) = ui.allocate_space(vec2(ui.available_width(), LINE));
                let before = index.checked_sub(1).and_then(|before| details.entries.get(before));
                if let Some(entry) = details.entries.get(index) {
                    let more = index + 1 < details.entries.len();
                    story_line(ui, line, entry, before, more, scene);
                }
            }
        },
    );
}

fn story_line(ui: &Ui, line: Rect, entry: &Entry, before: Option<&Entry>, more: bool, scene: &Scene) {
    let palette = Palette::of(ui.style());
    let middle = line.center().y;
    let left = line.left() + theme::EDGE;
    let stamp = precise_time(entry.at, &scene.zone);
    let clock = widgets::text(ui, pos2(left, middle), &stamp, Type::Mono, palette.secondary, f32::INFINITY);
    let since = before.map_or(std::time::Duration::ZERO, |before| entry.at.since(before.at));
    let sign = if before.is_some() { "+" } else { "" };
    let relative = if since.as_secs() < 100 {
        format!("{sign}{}.{:03} s", since.as_secs(), since.subsec_millis())
    } else {
        format!("{sign}{}", crate::ui::text::coarse(since))
    };
    let right = (left + 157.0).max(clock.right() + 70.0);
    widgets::text_right(ui, pos2(right, middle), &relative, Type::Mono, palette.muted);
    let told = story::tell(entry, palette);
    if more {
        let x = (right + 14.0).round() + 0.5;
        ui.painter().vline(x, (middle + 8.0)..=(middle + 12.0), Stroke::new(1.0, palette.stroke_strong));
    }
    widgets::icon(ui, pos2(right + 14.0, middle), told.icon, 14.0, told.hue);
    let at = pos2(right + 29.0, middle);
    let mut end = line.right() - 8.0;
    if let Some(source) = told.source {
        end = widgets::text_right(ui, pos2(end, middle), source.word(), Type::Caption, palette.muted).left() - 8.0;
    }
    let galley = widgets::line(ui, &told.words, Type::Small, palette.text, end - at.x);
    let elided = galley.elided;
    let words = widgets::paint_line(ui, at, &galley);
    let mut name = format!("{stamp}, {}", told.words);
    if let Some(source) = told.source {
        name = format!("{name}, by {}", source.word());
    }
    let response = ui.interact(words.union(clock), ui.make_persistent_id(("entry", entry.seq)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &name));
    let full = full_time(entry.at, &scene.zone);
    response.on_hover_text(if elided { format!("{full}\n{}", told.words) } else { full });
}

fn show_page(ui: &mut Ui, rect: Rect, details: &mut Details, scene: &Scene) {
    const LINE: f32 = 16.0;
    let place = pane(ui, rect, "JSON", None);
    let room = ((place.width() - theme::EDGE - 24.0) / COLUMN).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count of characters")]
    let columns = room.max(20.0) as usize;
    if details.page.columns != columns {
        details.page = lay_out(details, columns, scene);
    }
    let mut turned = None;
    let mut pane = ui.new_child(UiBuilder::new().max_rect(place).id_salt(("page", details.row)));
    pane.spacing_mut().item_spacing.y = 0.0;
    let rows = &details.page.rows;
    ScrollArea::vertical().auto_shrink(false).id_salt("page").show_rows(&mut pane, LINE, rows.len(), |ui, range| {
        for row in rows.get(range).unwrap_or_default() {
            let (_, line) = ui.allocate_space(vec2(ui.available_width(), LINE));
            if let Some(seq) = page_line(ui, line, row) {
                turned = Some(seq);
            }
        }
    });
    if let Some(seq) = turned {
        if !details.turned.remove(&seq) {
            details.turned.insert(seq);
        }
        details.page = Page::default();
    }
}

fn lay_out(details: &Details, columns: usize, scene: &Scene) -> Page {
    let last = details.entries.iter().rev().find(|entry| !entry.raw.is_empty()).map(|entry| entry.seq);
    let mut rows = Vec::new();
    for entry in details.entries.iter().filter(|entry| !entry.raw.is_empty()) {
        let open = (last == Some(entry.seq)) != details.turned.contains(&entry.seq);
        let time = precise_time(entry.at, &scene.zone);
        let mut lines = json::lay_out(&entry.raw, columns).into_iter();
        // What follows the time on the head's line is shorter than the page is wide.
        let mut head = lines.next().unwrap_or_default();
        let folds = lines.len() > 0;
        if !open && folds {
            head.pieces.push(("…}}".to_owned(), Ink::Mark));
        }
        if open && !folds {
            rows.push(PageRow::Head { seq: entry.seq, time, open, line: Line::default() });
            rows.push(PageRow::Body(head));
        } else {
            rows.push(PageRow::Head { seq: entry.seq, time, open, line: head });
        }
        if open {
            rows.extend(lines.map(PageRow::Body));
            if entry.raw.len() > json::LONGEST {
                let all = bytes(entry.raw.len() as u64);
                let shown = bytes(json::LONGEST as u64);
                rows.push(PageRow::Note(format!("The first {shown} of {all}. Copy JSON copies all of it.")));
            }
        }
    }
    Page { columns, rows }
}

/// Draws a line of the page; returns the entry that is to be folded or unfolded.
fn page_line(ui: &mut Ui, line: Rect, row: &PageRow) -> Option<Seq> {
    let palette = Palette::of(ui.style());
    let middle = line.center().y;
    let left = line.left() + theme::EDGE;
    match row {
        PageRow::Head { seq, time, open, line: words } => {
            let id = ui.make_persistent_id(("fold", *seq));
            let response = ui.interact(line, id, Sense::click());
            let name = format!("{} {time}", if *open { "Fold" } else { "Unfold" });
            response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, *open, &name));
            let icon = if *open { icons::EXPAND_MORE } else { icons::CHEVRON_RIGHT };
            widgets::icon(ui, pos2(left + 7.0, middle), icon, 14.0, palette.secondary);
            let at = pos2(left + 16.0, middle);
            let time = widgets::text(ui, at, time, Type::Mono, palette.secondary, f32::INFINITY);
            let galley = set(ui, words, line.right() - time.right() - 16.0);
            widgets::paint_line(ui, pos2(time.right() + 15.0, middle), &galley);
            if response.has_focus() {
                widgets::focus_ring(ui, line.shrink2(vec2(6.0, 1.0)), theme::RADIUS_IN_ROW, false);
            }
            return response.clicked().then_some(*seq);
        }
        PageRow::Body(words) => {
            if words.locked {
                widgets::icon(ui, pos2(left + 7.0, middle), icons::LOCK, 14.0, palette.muted);
            }
            let galley = set(ui, words, f32::INFINITY);
            let painted = widgets::paint_line(ui, pos2(left + 16.0, middle), &galley);
            let text: String = words.pieces.iter().map(|(text, _)| text.as_str()).collect();
            let salt = format!("{painted:?}");
            widgets::label(ui, painted, &salt, &text);
        }
        PageRow::Note(note) => {
            let at = pos2(left + 16.0, middle);
            let painted = widgets::text(ui, at, note, Type::Caption, palette.muted, line.width());
            widgets::label(ui, painted, note, note);
        }
    }
    None
}

/// Sets a line in its colours.
fn set(ui: &Ui, line: &Line, width: f32) -> Arc<Galley> {
    let palette = Palette::of(ui.style());
    let mut job = LayoutJob::default();
    for (text, ink) in &line.pieces {
        let colour = match ink {
            Ink::Mark | Ink::Name => palette.secondary,
            Ink::Value => palette.text,
            Ink::Hidden => palette.muted,
        };
        job.append(text, 0.0, widgets::format(Type::Mono, colour));
    }
    if line.pieces.is_empty() {
        job.append("", 0.0, widgets::format(Type::Mono, Color32::PLACEHOLDER));
    }
    job.wrap.max_width = width;
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    ui.painter().layout_job(job)
}

fn show_next(ui: &mut Ui, rect: Rect, words: &str, buttons: impl FnOnce(&mut Ui, Pos2)) {
    let palette = Palette::of(ui.style());
    let place = pane(ui, rect, "Next", None);
    let mut pane = ui.new_child(UiBuilder::new().max_rect(place).id_salt("next"));
    ScrollArea::vertical().auto_shrink(false).id_salt("next").show(&mut pane, |ui| {
        let width = ui.available_width() - theme::EDGE - 8.0;
        let mut job = LayoutJob::single_section(words.to_owned(), widgets::format(Type::Small, palette.secondary));
        for section in &mut job.sections {
            section.format.line_height = Some(18.0);
        }
        job.wrap.max_width = width;
        let galley = ui.painter().layout_job(job);
        let (_, space) = ui.allocate_space(vec2(ui.available_width(), galley.size().y + 36.0));
        let text = Rect::from_min_size(Pos2::new(space.left() + theme::EDGE, space.top()), galley.size());
        ui.painter().galley(text.min, galley, palette.secondary);
        widgets::label(ui, text, "next words", words);
        buttons(ui, pos2(text.left(), text.bottom() + 18.0));
    });
}

/// Asks for what a gap left open.
fn reconcile_button(ui: &mut Ui, at: Pos2, reconcile: Option<Action>, scene: &mut Scene) {
    let Some(action) = reconcile else { return };
    let press = Press::new("Reconcile").name("Reconcile selected").look(Look::Outlined);
    if press.at(ui, at).clicked() {
        scene.wish(Wish::Send(action));
    }
}

/// What can be done that the head has no button for.
fn next_buttons(ui: &mut Ui, at: Pos2, activity: &Activity<'_>, scene: &mut Scene) {
    if activity.can_check() {
        let press = Press::new("Check status").name("Check status of selected").look(Look::Outlined);
        if press.salt(Id::unique("check selected")).at(ui, at).clicked() {
            scene.wish(Wish::Run(Command::CheckStatus));
        }
    }
}
