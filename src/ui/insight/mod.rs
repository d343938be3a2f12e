//! Insight: how many messages arrived, why commands failed, and how long they took, over the last hour, six hours or day.
//!
//! It is beside the table in a wide window and below it in a narrow one. It is recomputed only when something arrives or a
//! minute passes.

pub(crate) mod charts;
pub(crate) mod labels;
pub(crate) mod panel;
pub(crate) mod reasons;

use egui::{Id, Popup, PopupCloseBehavior, Rect, RectAlign, ScrollArea, Stroke, Ui, pos2, vec2};

use crate::activity::Insight;
use crate::settings::{InsightLayout, InsightSpan};
use crate::ui::frame::commands::UiCommand;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::icons;

use super::frame::{FrameContext, UiRequest};
use super::profile_tab::ProfileTab;
use super::theme::{self, TextRole};
use super::widgets::{self, Button, ButtonStyle};

use panel::HEAD;

/// Beside the table: the minimum and the maximum width, and its share of the window in between.
const WIDTHS: (f32, f32) = (320.0, 400.0);
const SHARE: f32 = 0.3125;
/// The height below the table.
const BELOW: f32 = theme::DETAILS;
/// The margin at both sides.
const MARGIN: f32 = 16.0;
/// Beside the table: the height of each chart, without the head of its panel.
const CHART: f32 = 166.0;

/// The space between two panels.
const BETWEEN: f32 = 20.0;

/// The position in the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum InsightPosition {
    /// At the right edge, with this width.
    Beside(f32),
    /// Below the table, with this height.
    Below(f32),
}

impl InsightPosition {
    /// The position in the `width` left for Insight and the table; `None` if Insight is closed, or if the details need the
    /// space below the table.
    pub(crate) fn of(width: f32, profile_tab: &ProfileTab, frame: &FrameContext) -> Option<Self> {
        if !frame.insight.open {
            None
        } else if !frame.narrow {
            Some(Self::Beside((width * SHARE).clamp(WIDTHS.0, WIDTHS.1).round()))
        } else {
            profile_tab.details.is_none().then_some(Self::Below(BELOW))
        }
    }
}

/// Draws Insight in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: &mut ProfileTab, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    widgets::name_group(ui, "Insight");
    let rect = widgets::bar(ui, palette.panel, false);
    let edge = Stroke::new(1.0, palette.stroke);
    if frame.narrow {
        ui.painter().hline(rect.x_range(), rect.top() + 0.5, edge);
    } else {
        ui.painter().vline(rect.left() + 0.5, rect.y_range(), edge);
    }
    let head = rect.with_max_y(rect.top() + HEAD);
    ui.painter().hline(head.x_range(), head.bottom() - 0.5, edge);
    show_head(ui, head, frame);
    let now = crate::ui::view_state::insight::last_minute(&profile_tab.activities.per_minute(frame.now, 2), frame.now);
    let mut shown = std::mem::take(&mut profile_tab.insight);
    let insight = shown.refresh(&profile_tab.activities, frame.insight.span, frame.now);
    if now > 0 {
        frame.counts(std::time::Duration::from_secs(1));
    } else if insight.settled > 0 || insight.messages.iter().any(|count| *count > 0) {
        // Nothing arrives, but the times shown get older with each minute.
        frame.counts(std::time::Duration::from_hours(1));
    }
    let body = rect.with_min_y(head.bottom());
    if frame.narrow {
        in_columns(ui, body, insight, now, frame);
    } else {
        in_rows(ui, body, insight, now, frame);
    }
    profile_tab.insight = shown;
}

/// Draws the title, the time range and the close button.
fn show_head(ui: &mut Ui, rect: Rect, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let middle = rect.center().y;
    let margin = if frame.narrow { theme::EDGE } else { MARGIN };
    let at = pos2(rect.left() + margin, middle);
    let text = widgets::text(ui, at, "Insight", TextRole::Strong, palette.text, f32::INFINITY);
    widgets::heading(ui, text, "Insight");
    let close = Button::icon_only(icons::CLOSE, "Close insight");
    let left = rect.right() - 4.0 - close.width(ui);
    span(ui, pos2(left - 4.0, middle), frame);
    if close.at(ui, pos2(left, middle)).clicked() {
        frame.request(UiRequest::Run(UiCommand::Insight));
    }
}

/// Draws the time range with its menu, up to `right`.
pub(crate) fn span(ui: &mut Ui, right: egui::Pos2, frame: &mut FrameContext) {
    const WIDTH: f32 = 160.0;
    let palette = Palette::of(ui.style());
    let layout = frame.insight;
    let words = labels::span(layout.span);
    let press = Button::new(words).name(format!("Time span {}", words.to_lowercase())).salt(Id::unique("time span"));
    let size = vec2(press.width(ui) + 20.0, 24.0);
    let button = press.within(ui, Rect::from_min_size(pos2(right.x - size.x, right.y - 12.0), size));
    let chevron = pos2(button.rect.right() - 15.0, right.y);
    widgets::icon(ui, chevron, icons::EXPAND_MORE, 16.0, palette.secondary);
    Popup::menu(&button)
        .id(Id::unique("time span menu"))
        .align(RectAlign::BOTTOM_END)
        .gap(2.0)
        .width(WIDTH)
        .close_behavior(PopupCloseBehavior::CloseOnClick)
        .accessible_name("Time span")
        .show(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.set_min_width(WIDTH);
            for span in [InsightSpan::Hour, InsightSpan::SixHours, InsightSpan::Day] {
                let (_, rect) = ui.allocate_space(vec2(WIDTH, 28.0));
                let on = span == layout.span;
                let press = Button::new(labels::span(span)).style(ButtonStyle::MenuItem).on(on);
                if press.within(ui, rect).clicked() {
                    frame.request(UiRequest::SetInsight(InsightLayout { span, ..layout }));
                }
                if on {
                    widgets::icon(ui, pos2(rect.right() - 16.0, rect.center().y), icons::CHECK, 16.0, palette.accent);
                }
            }
        });
}

/// Draws the panels one below the other; they scroll if they do not fit.
fn in_rows(ui: &mut Ui, body: Rect, insight: &Insight, now: u64, frame: &mut FrameContext) {
    let charts = 2.0 * (HEAD + CHART) + 2.0 * BETWEEN + 24.0;
    let lines = reasons::lines(insight, body.height() - charts - HEAD);
    let list = HEAD + lines * reasons::LINE;
    let whole = (charts + list).max(body.height());
    let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(body).id_salt("insight panels"));
    inner.set_clip_rect(body.intersect(ui.clip_rect()));
    ScrollArea::vertical().id_salt("insight").auto_shrink(false).show(&mut inner, |ui| {
        let (_, all) = ui.allocate_space(vec2(body.width(), whole));
        let mut top = all.top() + 12.0;
        let mut next = |height: f32| {
            let panel = Rect::from_min_size(pos2(all.left() + MARGIN, top), vec2(all.width() - 2.0 * MARGIN, height));
            top += height + BETWEEN;
            panel
        };
        charts::throughput(ui, next(HEAD + CHART), insight, now, frame);
        reasons::show(ui, next(list), insight, frame);
        charts::took(ui, next(HEAD + CHART), insight, frame);
    });
}

/// Draws the panels side by side.
fn in_columns(ui: &mut Ui, body: Rect, insight: &Insight, now: u64, frame: &mut FrameContext) {
    const APART: f32 = 24.0;
    let width = ((body.width() - 2.0 * theme::EDGE - 2.0 * APART) / 3.0).floor();
    let mut left = body.left() + theme::EDGE;
    let mut next = || {
        let panel = Rect::from_min_size(pos2(left, body.top() + 2.0), vec2(width, body.height() - 6.0));
        left += width + APART;
        panel
    };
    charts::throughput(ui, next(), insight, now, frame);
    reasons::show(ui, next(), insight, frame);
    charts::took(ui, next(), insight, frame);
}
