//! The downloads drawer: one line for each running or queued download, and a line for links that are ready to download. The
//! file `line.rs` draws one line.

pub(crate) mod line;

use egui::{Rect, Stroke, Ui, pos2};

use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::countdown;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

use line::{DownloadLine, LineLayout};

/// The maximum number of lines in the drawer. Further downloads are reached by scrolling the table to their rows.
const MAX_LINES: usize = 4;
/// The number of ready links from which the drawer opens even if nothing is downloading.
const OPEN_FROM: usize = 2;
/// The maximum number of ready links that are counted; beyond it the drawer says `or more`.
const MAX_COUNTED: usize = 1_000;

/// The number of a tab's running and queued downloads.
fn all(profile_tab: &ProfileTab) -> usize {
    profile_tab.status.downloads.len() + profile_tab.waiting.len()
}

/// The number of lines in the drawer.
fn lines(profile_tab: &ProfileTab, narrow: bool) -> usize {
    let all = all(profile_tab).min(MAX_LINES);
    if narrow && !profile_tab.downloads_open { all.min(1) } else { all }
}

/// The number of ready items that are not saved yet, up to [`MAX_COUNTED`].
fn ready(profile_tab: &ProfileTab) -> usize {
    profile_tab.ready().take(MAX_COUNTED).count()
}

/// The drawer's height; 0 if it is closed.
pub(crate) fn height(profile_tab: &ProfileTab, narrow: bool) -> f32 {
    let lines = match lines(profile_tab, narrow) {
        // Only links make the drawer open: data that came within a message does not expire.
        0 if profile_tab.links().nth(OPEN_FROM - 1).is_none() => return 0.0,
        // The second line has the button for the rest.
        1 if !narrow && profile_tab.ready().next().is_some() => 2,
        lines => lines.max(1),
    };
    f32::from(u8::try_from(lines).unwrap_or(u8::MAX)) * theme::DOWNLOAD + 2.0 * margin(narrow)
}

/// The space above and below the lines.
fn margin(narrow: bool) -> f32 {
    if narrow { 0.0 } else { 4.0 }
}

/// Draws the drawer in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: &mut ProfileTab, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    widgets::name_group(ui, "Downloads");
    let rect = widgets::bar(ui, palette.panel, false);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, palette.stroke));
    let first = rect.top() + margin(frame.narrow) + theme::DOWNLOAD / 2.0;
    let head = pos2(rect.left() + theme::EDGE, first);
    let title = widgets::text(ui, head, "Downloads", TextRole::SmallStrong, palette.text, f32::INFINITY);
    let shown = lines(profile_tab, frame.narrow);
    if shown == 0 {
        only_ready(ui, rect, first, profile_tab, frame);
        return;
    }
    let count = all(profile_tab).to_string();
    let text =
        widgets::text(ui, pos2(title.right() + 6.0, first), &count, TextRole::Small, palette.muted, f32::INFINITY);
    widgets::label(ui, title.union(text), "downloads", &format!("Downloads {count}"));
    // Beside the second line, so that Tab reaches it between the two.
    let mut all_button = (!frame.narrow && profile_tab.ready().next().is_some())
        .then(|| pos2(rect.left() + theme::EDGE, first + theme::DOWNLOAD));
    let layout = LineLayout::new(rect, frame.narrow);
    let mut middle = first;
    for (request, progress) in profile_tab.status.downloads.iter().take(shown) {
        let name = profile_tab.name_of_running(request, progress);
        let line = DownloadLine { layout, middle, profile: profile_tab.profile.id, request, file: &name };
        line.running(ui, progress, frame);
        if let Some(at) = all_button.take() {
            download_all(ui, at, frame);
        }
        middle += theme::DOWNLOAD;
    }
    let remaining = shown.saturating_sub(profile_tab.status.downloads.len());
    for (place, waiting) in profile_tab.waiting.iter().take(remaining) {
        let (profile, request, name) = (waiting.profile, &waiting.request, profile_tab.name_of(waiting));
        DownloadLine { layout, middle, profile, request, file: &name }.waiting(ui, *place, waiting, frame);
        if let Some(at) = all_button.take() {
            download_all(ui, at, frame);
        }
        middle += theme::DOWNLOAD;
    }
    if frame.narrow {
        unfold(ui, rect, first, profile_tab);
    }
}

/// Draws the line that is shown if nothing is downloading: how many items are ready, and until when.
fn only_ready(ui: &mut Ui, rect: Rect, middle: f32, profile_tab: &ProfileTab, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let ready = ready(profile_tab);
    let count = if ready == MAX_COUNTED { format!("{MAX_COUNTED} or more ready") } else { format!("{ready} ready") };
    let first = profile_tab.ready().next().and_then(|row| profile_tab.activity(row)?.link_expires());
    let words = match first {
        Some(end) => format!("{count} · the first link expires in {}", countdown(frame.counts_down_to(end))),
        None => count,
    };
    let left = rect.left() + if frame.narrow { 95.0 } else { 172.0 };
    widgets::icon(ui, pos2(left + 8.0, middle), icons::READY, 16.0, palette.ready);
    let text = widgets::text(ui, pos2(left + 28.0, middle), &words, TextRole::Small, palette.secondary, f32::INFINITY);
    widgets::label(ui, text, "ready", &words);
    let width = Button::new(DOWNLOAD_ALL).width(ui);
    download_all(ui, pos2(rect.right() - theme::EDGE - width, middle), frame);
}

/// The button's text.
const DOWNLOAD_ALL: &str = "Download all ready…";

fn download_all(ui: &mut Ui, at: egui::Pos2, frame: &mut FrameContext) {
    if Button::new(DOWNLOAD_ALL).style(ButtonStyle::Outlined).height(20.0).at(ui, at).clicked() {
        frame.request(UiRequest::Run(UiCommand::DownloadAll));
    }
}

/// Draws the button that expands the drawer. In the narrow window the drawer is one line until then.
fn unfold(ui: &mut Ui, rect: Rect, middle: f32, profile_tab: &mut ProfileTab) {
    if all(profile_tab) < 2 {
        return;
    }
    let (icon, words) = if profile_tab.downloads_open {
        (icons::EXPAND_MORE, "Show one download")
    } else {
        (icons::EXPAND_LESS, "Show every download")
    };
    if Button::icon_only(icon, words).at(ui, pos2(rect.right() - 27.0, middle)).clicked() {
        profile_tab.downloads_open = !profile_tab.downloads_open;
    }
}
