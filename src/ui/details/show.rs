//! Draws the details: the head with its buttons, the panes below it, and the next steps.

use egui::{Rect, Stroke, Ui, pos2, vec2};

use crate::activity::{Activity, GapState, Kind};
use crate::engine::Action;
use crate::protocol::sanitize;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::activity_label::label_of;
use crate::ui::text::{countdown, cut, gap_text};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::view_state::details::Details;
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

use super::next_steps::{next_buttons, reconcile_button, show_next};
use super::pane::pane;
use super::{descriptions, gap, json_page, receipt, timeline};

/// The explanation for an activity that is not saved.
const UNPERSISTED: &str = "Not kept: the newest messages are in memory only, until the journal can be written.";

/// Draws the details in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: &mut ProfileTab, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    widgets::name_group(ui, "Details");
    let rect = widgets::bar(ui, palette.panel, false);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, palette.stroke_strong));
    let Some(mut details) = profile_tab.details.take() else { return };
    let mut open = true;
    if let Some(activity) = profile_tab.activities.get(details.row) {
        let head = Rect::from_min_size(rect.min, vec2(rect.width(), theme::DETAILS_HEAD));
        ui.painter().hline(head.x_range(), head.bottom() - 0.5, Stroke::new(1.0, palette.stroke_soft));
        open = match profile_tab.gap(details.row) {
            Some(gap) => show_gap_head(ui, head, &gap, frame),
            None => show_head(ui, head, &details, &activity, frame),
        };
        let body = Rect::from_min_max(pos2(rect.left(), head.bottom()), rect.max);
        panes(ui, body, &mut details, (profile_tab, &activity), frame);
    }
    if open {
        profile_tab.details = Some(details);
    }
}

/// Draws the head of a gap's details. Returns whether the details stay open.
fn show_gap_head(ui: &mut Ui, rect: Rect, gap: &GapState, frame: &FrameContext) -> bool {
    let palette = Palette::of(ui.style());
    let middle = rect.center().y + 1.0;
    let close = Button::icon_only(icons::CLOSE, "Close details");
    let right = rect.right() - 8.0 - close.width(ui);
    widgets::icon(ui, pos2(rect.left() + 20.0, middle), icons::GAP, 16.0, palette.gap);
    let words = gap_text::headline(gap, frame.now, &frame.zone);
    let at = pos2(rect.left() + 36.0, middle);
    let head = widgets::text(ui, at, &words, TextRole::Strong, palette.text, right - at.x - 12.0);
    widgets::label(ui, head, "gap", &words);
    let (at, standing) = (pos2(head.right() + 12.0, middle), gap_text::state(gap));
    let text = widgets::text(ui, at, &standing, TextRole::Body, palette.secondary, right - at.x - 12.0);
    widgets::label(ui, text, "gap standing", &standing);
    !close.at(ui, pos2(right, middle)).clicked()
}

/// Draws the head. Returns whether the details stay open.
fn show_head(ui: &mut Ui, rect: Rect, details: &Details, activity: &Activity<'_>, frame: &mut FrameContext) -> bool {
    let palette = Palette::of(ui.style());
    let middle = rect.center().y + 1.0;
    let buttons = HeadButtons::new(ui, rect, activity, frame.compact);
    widgets::icon(ui, pos2(rect.left() + 20.0, middle), icons::kind(activity.kind()), 16.0, palette.muted);
    let mut x = rect.left() + 36.0;
    let kind = match activity.kind() {
        Kind::Command => "Command",
        Kind::Data => "Data request",
        Kind::Message => "Message",
        Kind::Gap => "Gap",
    };
    if !frame.narrow {
        x = widgets::text(ui, pos2(x, middle), kind, TextRole::Strong, palette.text, f32::INFINITY).right() + 8.0;
    }
    let id = activity.id();
    let shown = sanitize(&cut(&id, 128)).into_owned();
    let space = (buttons.left - x - if frame.narrow { 200.0 } else { 300.0 }).clamp(70.0, 420.0);
    let text = widgets::text(ui, pos2(x, middle), &shown, TextRole::Mono, palette.secondary, space);
    widgets::label(ui, text, "id", &format!("{kind} {shown}"));
    x = text.right() + 8.0;
    if Button::icon_only(icons::COPY, "Copy id").icon_size(14.0).at(ui, pos2(x, middle)).clicked() {
        ui.copy_text(id.into_owned());
    }
    x += 34.0;
    let label = label_of(activity);
    if !label.is_empty() && !frame.narrow {
        widgets::divider(ui, x, middle, 16.0);
        let space = (buttons.left - x - 12.0 - 150.0).max(40.0);
        let text = widgets::text(ui, pos2(x + 12.0, middle), &sanitize(&label), TextRole::Body, palette.text, space);
        x = text.right() + 14.0;
    }
    if !frame.narrow {
        widgets::divider(ui, x, middle, 16.0);
    }
    let status = activity.status();
    let (icon, hue) = icons::status(status, palette);
    widgets::icon(ui, pos2(x + 20.0, middle), icon, 16.0, hue);
    let word = widgets::text(ui, pos2(x + 36.0, middle), &status.word(), TextRole::Body, palette.text, f32::INFINITY);
    if let Some(end) = activity.link_expires() {
        let remaining = countdown(frame.counts_down_to(end));
        widgets::text(
            ui,
            pos2(word.right() + 7.0, middle),
            &remaining,
            TextRole::Body,
            palette.secondary,
            f32::INFINITY,
        );
    }
    if !activity.is_persisted() {
        let at = pos2(word.right() + 10.0, middle);
        widgets::icon(ui, pos2(at.x + 7.0, middle), icons::UNPERSISTED, 14.0, palette.gap);
        let text =
            widgets::text(ui, pos2(at.x + 18.0, middle), "Not kept", TextRole::Body, palette.text, f32::INFINITY);
        widgets::label(ui, text, "not kept", UNPERSISTED).on_hover_text(UNPERSISTED);
    }
    buttons.show(ui, middle, (details, activity), frame)
}

/// The buttons at the right end of the head.
struct HeadButtons {
    copies: [Button<'static>; 3],
    /// Saves the data, if there is some. Whether it came within the message.
    save: Option<(Button<'static>, bool)>,
    close: Button<'static>,
    /// Their left edge.
    left: f32,
    /// The space after each of `copies`.
    gap: f32,
    save_left: f32,
    close_left: f32,
}

impl HeadButtons {
    /// Places the buttons from the right end.
    fn new(ui: &Ui, rect: Rect, activity: &Activity<'_>, is_compact: bool) -> Self {
        let close = Button::icon_only(icons::CLOSE, "Close details");
        let close_left = rect.right() - 8.0 - close.width(ui);
        let inline = !activity.can_download() && activity.can_save_inline();
        let save = (activity.can_download() || inline).then(|| {
            let button = Button::new(if inline { "Save…" } else { "Download" }).name("Download selected");
            (button.icon(icons::DOWNLOAD).style(ButtonStyle::Primary).padding(10.0), inline)
        });
        let save_left = close_left - save.as_ref().map_or(0.0, |(button, _)| button.width(ui) + 8.0);
        let copies = if is_compact {
            [(icons::COPY, "Copy message"), (icons::ARTICLE, "Copy JSON"), (icons::LABEL, "Edit label")]
                .map(|(icon, words)| Button::icon_only(icon, words))
        } else {
            ["Copy message", "Copy JSON", "Edit label"].map(Button::new)
        };
        let gap = if is_compact { 4.0 } else { 10.0 };
        let left = save_left - copies.iter().map(|button| button.width(ui) + gap).sum::<f32>();
        Self { copies, save, close, left, gap, save_left, close_left }
    }

    /// Draws them. Returns whether the details stay open.
    fn show(self, ui: &mut Ui, middle: f32, of: (&Details, &Activity<'_>), frame: &mut FrameContext) -> bool {
        let (details, activity) = of;
        let mut left = self.left;
        for (index, button) in self.copies.into_iter().enumerate() {
            let response = button.at(ui, pos2(left, middle));
            left = response.rect.right() + self.gap;
            if response.clicked() {
                match index {
                    0 => ui.copy_text(message_of(details, activity)),
                    1 => ui.copy_text(details.json()),
                    _ => frame.request(UiRequest::Run(UiCommand::EditLabel)),
                }
            }
        }
        if let Some((button, inline)) = self.save
            && button.at(ui, pos2(self.save_left, middle)).clicked()
        {
            frame.request(UiRequest::Save { row: details.row, inline });
        }
        !self.close.at(ui, pos2(self.close_left, middle)).clicked()
    }
}

/// The full text of the last message, as the server sent it.
fn message_of(details: &Details, activity: &Activity<'_>) -> String {
    details.entries.iter().rev().find_map(descriptions::full_text).unwrap_or_else(|| activity.message().into_owned())
}

fn panes(ui: &mut Ui, rect: Rect, details: &mut Details, of: (&ProfileTab, &Activity<'_>), frame: &mut FrameContext) {
    let (profile_tab, activity) = of;
    let palette = Palette::of(ui.style());
    let next_width = (rect.width() * 0.209).max(190.0).round();
    let story_width = (rect.width() * 0.3727).round();
    let story = rect.with_max_x(rect.left() + story_width);
    let next = rect.with_min_x(rect.right() - next_width);
    let middle = Rect::from_x_y_ranges(story.right()..=next.left(), rect.y_range());
    for x in [story.right() - 0.5, next.left() - 0.5] {
        ui.painter().vline(x, rect.y_range(), Stroke::new(1.0, palette.stroke_soft));
    }
    timeline::show(ui, story, details, profile_tab.view.filter(), frame);
    if let Some(gap) = profile_tab.gap(details.row) {
        let place = pane(ui, middle, "Open across it", Some(gap.open));
        gap::show_open(ui, place, profile_tab, details.row, frame);
        let reconcile = gap_text::can_reconcile(&gap)
            .then(|| Action::Reconcile { profile: profile_tab.owner(details.row), gap: details.key.clone() });
        show_next(ui, next, &gap_text::next(&gap), &[], |ui, at| reconcile_button(ui, at, reconcile, frame));
    } else {
        let items = receipt::items(&details.entries, frame);
        // In the wide window the receipt has its own pane; in the narrow one it is below the next steps.
        let apart = !frame.narrow && !items.is_empty();
        let (left, beside) = if apart { middle.split_left_right_at_fraction(0.5) } else { (middle, middle) };
        json_page::show(ui, left, details, profile_tab.view.filter(), frame);
        if apart {
            ui.painter().vline(left.right() - 0.5, rect.y_range(), Stroke::new(1.0, palette.stroke_soft));
            let place = pane(ui, beside, "Receipt", None);
            receipt::pane(ui, place, &items);
        }
        let below = if apart { &[] } else { items.as_slice() };
        let words = match descriptions::contradiction(&details.entries, frame) {
            Some(contradiction) => {
                format!("{contradiction} {}", descriptions::next_step(activity, &details.entries, frame))
            }
            None => descriptions::next_step(activity, &details.entries, frame),
        };
        let owner = profile_tab.owner(details.row);
        show_next(ui, next, &words, below, |ui, at| next_buttons(ui, at, owner, activity, &details.entries, frame));
    }
}
