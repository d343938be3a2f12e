//! The drawer of downloads under way: one line each, with progress and a way to stop it.

use egui::{Id, Rect, Stroke, Ui, pos2, vec2};

use crate::engine::{Action, Progress};
use crate::protocol::RequestId;

use super::desk::Desk;
use super::icons;
use super::open;
use super::scene::{Scene, Wish};
use super::text::{rate, visible};
use super::theme::{self, Palette, Type};
use super::widgets::{self, Press};

/// The most lines the drawer shows; more are reached by scrolling the table to their rows.
const MOST: usize = 4;

/// How many lines the drawer of a desk has.
fn lines(desk: &Desk, narrow: bool) -> usize {
    let all = desk.downloads.len().min(MOST);
    if narrow && !desk.downloads_open { all.min(1) } else { all }
}

/// How high the drawer is; 0 where there is none.
pub(crate) fn height(desk: &Desk, narrow: bool) -> f32 {
    match u8::try_from(lines(desk, narrow)).unwrap_or(u8::MAX) {
        0 => 0.0,
        lines => f32::from(lines) * theme::DOWNLOAD + 2.0 * margin(narrow),
    }
}

/// What is kept free above and below the lines.
fn margin(narrow: bool) -> f32 {
    if narrow { 0.0 } else { 4.0 }
}

/// Draws the drawer in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, desk: &mut Desk, scene: &mut Scene) {
    let palette = Palette::of(ui.style());
    widgets::name_group(ui, "Downloads");
    let rect = widgets::bar(ui, palette.panel, false);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, palette.stroke));
    let first = rect.top() + margin(scene.narrow) + theme::DOWNLOAD / 2.0;
    let head = pos2(rect.left() + theme::EDGE, first);
    let title = widgets::text(ui, head, "Downloads", Type::SmallStrong, palette.text, f32::INFINITY);
    let count = desk.downloads.len().to_string();
    widgets::text(ui, pos2(title.right() + 6.0, first), &count, Type::Small, palette.muted, f32::INFINITY);
    let places = Places::new(rect, scene.narrow);
    if scene.narrow && desk.downloads.len() > 1 {
        let (icon, words) = if desk.downloads_open {
            (icons::EXPAND_MORE, "Show one download")
        } else {
            (icons::EXPAND_LESS, "Show every download")
        };
        if Press::icon_only(icon, words).at(ui, pos2(rect.right() - 27.0, first)).clicked() {
            desk.downloads_open = !desk.downloads_open;
        }
    }
    let mut middle = first;
    for (request, progress) in desk.downloads.iter().take(lines(desk, scene.narrow)) {
        if line(ui, places, middle, request, progress) {
            let action = Action::CancelDownload { profile: desk.profile.id, request: request.clone() };
            scene.wish(Wish::Send(action));
        }
        middle += theme::DOWNLOAD;
    }
}

/// Where the parts of a line are.
#[derive(Debug, Clone, Copy)]
struct Places {
    icon: f32,
    bar: (f32, f32),
    percent: f32,
    amount: f32,
    rate: f32,
    left: Option<f32>,
    cancel: f32,
}

impl Places {
    fn new(rect: Rect, narrow: bool) -> Self {
        let right = rect.right();
        if narrow {
            Self {
                icon: rect.left() + 107.0,
                bar: (rect.left() + 227.0, right - 310.0),
                percent: right - 268.0,
                amount: right - 164.0,
                rate: right - 103.0,
                left: None,
                cancel: right - 63.0,
            }
        } else {
            Self {
                icon: rect.left() + 180.0,
                bar: (rect.left() + 489.0, right - 471.0),
                percent: right - 415.0,
                amount: right - 267.0,
                rate: right - 175.0,
                left: Some(right - 71.0),
                cancel: right - 31.0,
            }
        }
    }
}

/// Draws one line; returns whether it is to be stopped.
fn line(ui: &mut Ui, places: Places, middle: f32, request: &RequestId, progress: &Progress) -> bool {
    let palette = Palette::of(ui.style());
    let name = visible(&progress.file_name);
    widgets::icon(ui, pos2(places.icon, middle), icons::DOWNLOADING, 16.0, palette.ready);
    let room = places.bar.0 - places.icon - 32.0;
    widgets::text(ui, pos2(places.icon + 20.0, middle), &name, Type::Small, palette.text, room);
    let bar = Rect::from_min_max(pos2(places.bar.0, middle - 3.0), pos2(places.bar.1, middle + 3.0));
    let fraction = open::fraction(progress);
    widgets::progress(ui, bar, Id::unique(("download", request)), &format!("Downloading {name}"), fraction);
    if let Some(fraction) = fraction {
        let percent = format!("{} %", widgets::percent(fraction));
        widgets::text_right(ui, pos2(places.percent, middle), &percent, Type::Small, palette.text);
    }
    let amount =
        widgets::text_right(ui, pos2(places.amount, middle), &open::amount(progress), Type::Small, palette.secondary);
    widgets::label(ui, amount, &format!("amount {request}"), &format!("{} of {name}", open::amount(progress)));
    widgets::text_right(ui, pos2(places.rate, middle), &rate(progress.rate), Type::Small, palette.secondary);
    if let (Some(at), Some(words)) = (places.left, open::left(progress)) {
        widgets::text_right(ui, pos2(at, middle), &words, Type::Small, palette.secondary);
    }
    let cancel = format!("Cancel download {name}");
    let place = Rect::from_center_size(pos2(places.cancel, middle), vec2(54.0, 24.0));
    Press::new("Cancel").name(&cancel).salt(Id::unique(("cancel", request))).within(ui, place).clicked()
}
