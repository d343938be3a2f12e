//! The status bar: how much there is, how large the journal is, and whose window this is.

use egui::{Rect, Stroke, Ui, pos2};

use crate::activity::Refresh;

use super::desk::Desk;
use super::text::{bytes, grouped, visible};
use super::theme::{self, Palette, Type};
use super::widgets;

/// Draws the bar in the whole of `ui`.
pub(crate) fn show(ui: &Ui, desk: Option<&Desk>, journal: Option<u64>, narrow: bool) {
    let palette = Palette::of(ui.style());
    let rect = widgets::bar(ui, palette.window, false);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, palette.stroke));
    let middle = rect.center().y + 0.5;
    let at = pos2(rect.left() + theme::EDGE, middle);
    let (shown, name) = match desk {
        None => ("No profile yet".to_owned(), "No profile yet".to_owned()),
        Some(desk) => (words(desk, journal, narrow, grouped), words(desk, journal, narrow, |count| count.to_string())),
    };
    let right = note(ui, rect, desk, middle);
    let text = widgets::text(ui, at, &shown, Type::Caption, palette.secondary, right - at.x - 12.0);
    widgets::label(ui, text, "status", &name);
}

fn words(desk: &Desk, journal: Option<u64>, narrow: bool, count: impl Fn(usize) -> String) -> String {
    let activities = desk.activities.len();
    let noun = if activities == 1 { "activity" } else { "activities" };
    let mut parts = vec![format!("{} {noun}", count(activities))];
    if let Some(size) = journal {
        parts.push(format!("journal {}", bytes(size)));
    }
    if !narrow {
        let host = desk.profile.api.host().unwrap_or_default();
        let user = &desk.profile.username;
        parts.push(if user.is_empty() {
            visible(&host).into_owned()
        } else {
            format!("{} at {}", visible(user), visible(&host))
        });
    }
    let selected = desk.table.selected_count();
    if selected > 1 {
        parts.push(format!("{} selected", count(selected)));
    }
    parts.join(" · ")
}

/// What stands on the right: what is under way in the background, else the version. Returns where it begins.
fn note(ui: &Ui, rect: Rect, desk: Option<&Desk>, middle: f32) -> f32 {
    let palette = Palette::of(ui.style());
    let words = match desk {
        None => concat!("Privicore Monitor ", env!("CARGO_PKG_VERSION")).to_owned(),
        Some(desk) => match desk.search {
            Refresh::Searching { looked_at, of } => {
                format!("Searching {} % of {} activities…", looked_at * 100 / of.max(1), grouped(of))
            }
            Refresh::Done if desk.restoring => "Reading earlier activities…".to_owned(),
            Refresh::Done => return rect.right() - theme::EDGE,
        },
    };
    let at = pos2(rect.right() - theme::EDGE, middle);
    let text = widgets::text_right(ui, at, &words, Type::Caption, palette.secondary);
    widgets::label(ui, text, "note", &words);
    text.left()
}
