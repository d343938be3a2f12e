//! The status bar: the number of rows, the journal's size, the window's profile, and what is known to be complete.

use egui::{Id, Rect, Stroke, Ui, pos2};

use crate::activity::Refresh;
use crate::protocol::{plural, sanitize};
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::{bytes, grouped};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::view_state::completeness::CompletenessSummary;
use crate::ui::widgets::{self, Button, icons};

use super::older_search;

/// Draws the bar in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: Option<&ProfileTab>, journal: Option<u64>, frame: &mut FrameContext) {
    let narrow = frame.narrow;
    let palette = Palette::of(ui.style());
    widgets::name_group(ui, "Status bar");
    let rect = widgets::bar(ui, palette.window, false);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, palette.stroke));
    let middle = rect.center().y + 0.5;
    let at = pos2(rect.left() + theme::EDGE, middle);
    let (shown, name) = match profile_tab {
        None => ("No profile yet".to_owned(), "No profile yet".to_owned()),
        Some(profile_tab) => (
            words(profile_tab, journal, narrow, grouped),
            words(profile_tab, journal, narrow, |count| count.to_string()),
        ),
    };
    let summary = profile_tab.and_then(|profile_tab| completeness(profile_tab, frame));
    let report = summary.as_ref().map(|summary| report_button(summary, palette));
    let right = match &report {
        Some(report) => rect.right() - 4.0 - report.width(ui),
        None => note(ui, rect, profile_tab, middle),
    };
    let searches = profile_tab.filter(|profile_tab| !profile_tab.shows_form());
    // The text is shortened to leave space for the search's button.
    let space = right - at.x - 12.0 - searches.map_or(0.0, |profile_tab| older_search::width(ui, profile_tab));
    let text = widgets::text(ui, at, &shown, TextRole::Caption, palette.secondary, space);
    widgets::label(ui, text, "status", &name);
    if let Some(profile_tab) = searches {
        older_search::show(ui, profile_tab, pos2(text.right(), middle), frame);
    }
    let hint = "Of the commands and data requests that were seen. Opens the list.";
    if report.is_some_and(|report| report.at(ui, pos2(right, middle)).on_hover_text(hint).clicked()) {
        frame.request(UiRequest::Run(UiCommand::Completeness));
    }
}

fn words(profile_tab: &ProfileTab, journal: Option<u64>, narrow: bool, count: impl Fn(usize) -> String) -> String {
    let activities = profile_tab.activities.len();
    let known = profile_tab.activities.total_rows();
    let noun = plural(known as u64, "activity");
    let mut parts = vec![if known > activities {
        format!("{} newest of {} {noun}", count(activities), count(known))
    } else {
        format!("{} {noun}", count(activities))
    }];
    parts.extend(profile_tab.search_text());
    if let Some(size) = journal {
        parts.push(format!("journal {}", bytes(size)));
    }
    if profile_tab.is_all() {
        parts.push("the newest of all profiles".to_owned());
    } else if !narrow {
        let host = profile_tab.profile.api.host().unwrap_or_default();
        let user = &profile_tab.profile.username;
        parts.push(if user.is_empty() {
            sanitize(&host).into_owned()
        } else {
            format!("{} at {}", sanitize(user), sanitize(&host))
        });
    }
    let selected = profile_tab.table.selected_count();
    if selected > 1 {
        let hidden = profile_tab.hidden_selected();
        let hidden = if hidden > 0 { format!(", {} of them hidden", count(hidden)) } else { String::new() };
        parts.push(format!("{} selected{hidden}", count(selected)));
    }
    parts.join(" · ")
}

/// Draws the right side if it is text: the background task, or the version. Returns its left edge.
fn note(ui: &mut Ui, rect: Rect, profile_tab: Option<&ProfileTab>, middle: f32) -> f32 {
    let palette = Palette::of(ui.style());
    let words = match profile_tab {
        None => concat!("Privicore Monitor ", env!("CARGO_PKG_VERSION")).to_owned(),
        Some(profile_tab) => match profile_tab.search {
            Refresh::Searching { examined, of } => {
                format!("Searching {} % of {} activities…", examined * 100 / of.max(1), grouped(of))
            }
            Refresh::Done if profile_tab.restoring => "Reading earlier activities…".to_owned(),
            Refresh::Done => return rect.right() - theme::EDGE,
        },
    };
    let at = pos2(rect.right() - theme::EDGE, middle);
    let text = widgets::text_right(ui, at, &words, TextRole::Caption, palette.secondary);
    widgets::label(ui, text, "note", &words);
    text.left()
}

/// What is known to be complete, unless the right side shows something else.
fn completeness(profile_tab: &ProfileTab, frame: &FrameContext) -> Option<CompletenessSummary> {
    let is_busy = profile_tab.restoring || !matches!(profile_tab.search, Refresh::Done);
    let is_shown = !is_busy && !profile_tab.shows_form() && !profile_tab.is_all();
    is_shown.then(|| profile_tab.completeness.summary(profile_tab.is_live(), frame))
}

/// The button that shows what is known to be complete and opens the full report.
fn report_button<'a>(summary: &'a CompletenessSummary, palette: &Palette) -> Button<'a> {
    let (icon, hue) = mark(summary, palette);
    let button = Button::new(&summary.words).coloured_icon(icon, hue).icon_size(14.0);
    button.face(TextRole::Caption).height(20.0).salt(Id::unique("completeness"))
}

/// The icon and the colour of a completeness summary.
pub(crate) fn mark(summary: &CompletenessSummary, palette: &Palette) -> (icons::Icon, egui::Color32) {
    if summary.warns { (icons::GAP, palette.gap) } else { (icons::COMPLETENESS, palette.muted) }
}
