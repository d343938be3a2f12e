//! Insight: how many messages arrived, why commands failed, and how long they took, over the last hour, six hours or day.
//!
//! It is beside the table in a wide window and below it in a narrow one. It is recomputed only when something arrives or a
//! minute passes.

pub(crate) mod charts;
pub(crate) mod part;
pub(crate) mod reasons;
pub(crate) mod words;

use egui::{Id, Popup, PopupCloseBehavior, Rect, RectAlign, ScrollArea, Stroke, Ui, pos2, vec2};

use crate::activity::Insight;
use crate::settings::{InsightLayout, InsightSpan};
use crate::ui::frame::commands::Command;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::icons;

use super::frame::{FrameContext, UiRequest};
use super::profile_tab::ProfileTab;
use super::theme::{self, TextRole};
use super::widgets::{self, Button, ButtonStyle};

use part::HEAD;

/// Beside the table: the minimum and the maximum width, and its share of the window in between.
const WIDTHS: (f32, f32) = (320.0, 400.0);
const SHARE: f32 = 0.3125;
/// The height below the table.
const BELOW: f32 = theme::DETAILS;
/// The margin at both sides.
const MARGIN: f32 = 16.0;
/// Beside the table: the height of each chart, without the head of its part.
const CHART: f32 = 166.0;

/// The space between two parts.
const BETWEEN: f32 = 20.0;

/// The position in the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// At the right edge, with this width.
    Beside(f32),
    /// Below the table, with this height.
    Below(f32),
}

impl Place {
    /// The position in the `width` left for Insight and the table; `None` if Insight is closed, or if the details need the
    /// space below the table.
    pub(crate) fn of(width: f32, profile_tab: &ProfileTab, scene: &FrameContext) -> Option<Self> {
        if !scene.insight.open {
            None
        } else if !scene.narrow {
            Some(Self::Beside((width * SHARE).clamp(WIDTHS.0, WIDTHS.1).round()))
        } else {
            profile_tab.details.is_none().then_some(Self::Below(BELOW))
        }
    }
}

/// Draws Insight in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: &mut ProfileTab, scene: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    widgets::name_group(ui, "Insight");
    let rect = widgets::bar(ui, palette.panel, false);
    let edge = Stroke::new(1.0, palette.stroke);
    if scene.narrow {
        ui.painter().hline(rect.x_range(), rect.top() + 0.5, edge);
    } else {
        ui.painter().vline(rect.left() + 0.5, rect.y_range(), edge);
    }
    let head = rect.with_max_y(rect.top() + HEAD);
    ui.painter().hline(head.x_range(), head.bottom() - 0.5, edge);
    show_head(ui, head, scene);
    let now = crate::ui::view_state::insight::last_minute(&profile_tab.activities.per_minute(scene.now, 2), scene.now);
    let mut shown = std::mem::take(&mut profile_tab.insight);
    let insight = shown.refresh(&profile_tab.activities, scene.insight.span, scene.now);
    if now > 0 {
        scene.counts(std::time::Duration::from_secs(1));
    } else if insight.settled > 0 || insight.messages.iter().any(|count| *count > 0) {
        // Nothing arrives, but the times shown get older with each minute.
        scene.counts(std::time::Duration::from_hours(1));
    }
    let body = rect.with_min_y(head.bottom());
    if scene.narrow {
        in_columns(ui, body, insight, now, scene);
    } else {
        in_rows(ui, body, insight, now, scene);
    }
    profile_tab.insight = shown;
}

/// Draws the title, the time range and the close button.
fn show_head(ui: &mut Ui, rect: Rect, scene: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let middle = rect.center().y;
    let margin = if scene.narrow { theme::EDGE } else { MARGIN };
    let at = pos2(rect.left() + margin, middle);
    let text = widgets::text(ui, at, "Insight", TextRole::Strong, palette.text, f32::INFINITY);
    widgets::heading(ui, text, "Insight");
    let close = Button::icon_only(icons::CLOSE, "Close insight");
    let left = rect.right() - 4.0 - close.width(ui);
    span(ui, pos2(left - 4.0, middle), scene);
    if close.at(ui, pos2(left, middle)).clicked() {
        scene.request(UiRequest::Run(Command::Insight));
    }
}

/// Draws the time range with its menu, up to `right`.
pub(crate) fn span(ui: &mut Ui, right: egui::Pos2, scene: &mut FrameContext) {
    const WIDTH: f32 = 160.0;
    let palette = Palette::of(ui.style());
    let look = scene.insight;
    let words = words::span(look.span);
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
                let on = span == look.span;
                let press = Button::new(words::span(span)).style(ButtonStyle::MenuItem).on(on);
                if press.within(ui, rect).clicked() {
                    scene.request(UiRequest::SetInsight(InsightLayout { span, ..look }));
                }
                if on {
                    widgets::icon(ui, pos2(rect.right() - 16.0, rect.center().y), icons::CHECK, 16.0, palette.accent);
                }
            }
        });
}

/// Draws the parts one below the other; they scroll if they do not fit.
fn in_rows(ui: &mut Ui, body: Rect, insight: &Insight, now: u64, scene: &mut FrameContext) {
    let charts = 2.0 * (HEAD + CHART) + 2.0 * BETWEEN + 24.0;
    let lines = reasons::lines(insight, body.height() - charts - HEAD);
    let list = HEAD + lines * reasons::LINE;
    let whole = (charts + list).max(body.height());
    let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(body).id_salt("insight parts"));
    inner.set_clip_rect(body.intersect(ui.clip_rect()));
    ScrollArea::vertical().id_salt("insight").auto_shrink(false).show(&mut inner, |ui| {
        let (_, all) = ui.allocate_space(vec2(body.width(), whole));
        let mut top = all.top() + 12.0;
        let mut next = |height: f32| {
            let part = Rect::from_min_size(pos2(all.left() + MARGIN, top), vec2(all.width() - 2.0 * MARGIN, height));
            top += height + BETWEEN;
            part
        };
        charts::throughput(ui, next(HEAD + CHART), insight, now, scene);
        reasons::show(ui, next(list), insight, scene);
        charts::took(ui, next(HEAD + CHART), insight, scene);
    });
}

/// Draws the parts side by side.
fn in_columns(ui: &mut Ui, body: Rect, insight: &Insight, now: u64, scene: &mut FrameContext) {
    const APART: f32 = 24.0;
    let width = ((body.width() - 2.0 * theme::EDGE - 2.0 * APART) / 3.0).floor();
    let mut left = body.left() + theme::EDGE;
    let mut next = || {
        let part = Rect::from_min_size(pos2(left, body.top() + 2.0), vec2(width, body.height() - 6.0));
        left += width + APART;
        part
    };
    charts::throughput(ui, next(), insight, now, scene);
    reasons::show(ui, next(), insight, scene);
    charts::took(ui, next(), insight, scene);
}
