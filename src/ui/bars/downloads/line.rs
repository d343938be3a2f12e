//! One line of the downloads drawer: a running download, a queued one, or one that waits for disk space.

use std::path::Path;

use egui::{Id, Rect, Ui, pos2, vec2};

use crate::engine::{Action, DownloadProgress, DownloadStage, WaitingDownload};
use crate::protocol::{RequestId, sanitize};
use crate::settings::ProfileId;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::text::{bytes, coarse, countdown, download_text, rate};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

/// The horizontal positions in a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineLayout {
    icon: f32,
    bar: (f32, f32),
    percent: f32,
    amount: f32,
    rate: f32,
    left: Option<f32>,
    cancel: f32,
    right: f32,
}

impl LineLayout {
    pub(crate) fn new(rect: Rect, narrow: bool) -> Self {
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
                right: right - 36.0,
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
                right: right - 4.0,
            }
        }
    }

    /// The right end of the text about the remaining time.
    fn time(self) -> f32 {
        self.left.unwrap_or(self.rate)
    }

    /// The maximum width of a name.
    fn name_room(self) -> f32 {
        self.bar.0 - self.icon - 32.0
    }
}

/// The line of a download that runs or waits.
#[derive(Clone, Copy)]
pub(crate) struct DownloadLine<'a> {
    pub(crate) layout: LineLayout,
    pub(crate) middle: f32,
    pub(crate) profile: ProfileId,
    pub(crate) request: &'a RequestId,
    pub(crate) file: &'a str,
}

impl DownloadLine<'_> {
    fn name(&self, ui: &Ui) {
        let Self { layout, middle, file, .. } = *self;
        let palette = Palette::of(ui.style());
        let at = pos2(layout.icon + 20.0, middle);
        widgets::text(ui, at, file, TextRole::Small, palette.text, layout.name_room());
    }

    /// Draws the button that cancels a download.
    fn cancel(&self, ui: &mut Ui, frame: &mut FrameContext) {
        let place = Rect::from_center_size(pos2(self.layout.cancel, self.middle), vec2(54.0, 24.0));
        let press = Button::new("Cancel")
            .name(format!("Cancel download {}", self.file))
            .salt(Id::unique(("cancel", self.request)));
        if press.within(ui, place).clicked() {
            frame.request(UiRequest::Send(Action::CancelDownload {
                profile: self.profile,
                request: self.request.clone(),
            }));
        }
    }

    /// Draws a running download.
    pub(crate) fn running(&self, ui: &mut Ui, progress: &DownloadProgress, frame: &mut FrameContext) {
        let Self { layout, middle, request, file, .. } = *self;
        let palette = Palette::of(ui.style());
        if let DownloadStage::NoSpace { needed, free, folder } = &progress.stage {
            return self.no_space(ui, *needed, *free, folder, frame);
        }
        widgets::icon(ui, pos2(layout.icon, middle), icons::DOWNLOADING, 16.0, palette.ready);
        self.name(ui);
        let bar = Rect::from_min_max(pos2(layout.bar.0, middle - 3.0), pos2(layout.bar.1, middle + 3.0));
        let fraction = download_text::fraction(progress);
        widgets::progress(ui, bar, Id::unique(("download", request)), &format!("Downloading {file}"), fraction);
        if let Some(fraction) = fraction {
            let percent = format!("{} %", widgets::percent(fraction));
            widgets::text_right(ui, pos2(layout.percent, middle), &percent, TextRole::Small, palette.text);
        }
        let amount = download_text::amount(progress);
        let text = widgets::text_right(ui, pos2(layout.amount, middle), &amount, TextRole::Small, palette.secondary);
        widgets::label(ui, text, &format!("amount {request}"), &format!("{amount} of {file}"));
        self.rate(ui, progress);
        self.cancel(ui, frame);
    }

    /// Draws the speed and the remaining time, or why they are unknown.
    fn rate(&self, ui: &Ui, progress: &DownloadProgress) {
        let Self { layout, middle, request, file, .. } = *self;
        let palette = Palette::of(ui.style());
        let (words, ink) = match &progress.stage {
            DownloadStage::Stalled { silent, limit } => {
                let words = if layout.left.is_some() {
                    format!("silent for {}, of {}", coarse(*silent), coarse(*limit))
                } else {
                    format!("silent {}", coarse(*silent))
                };
                (words, palette.gap)
            }
            DownloadStage::Decrypting => ("Decrypting".to_owned(), palette.secondary),
            DownloadStage::Finishing => ("Finishing".to_owned(), palette.secondary),
            DownloadStage::Receiving | DownloadStage::NoSpace { .. } => {
                let speed = rate(progress.rate);
                widgets::text_right(ui, pos2(layout.rate, middle), &speed, TextRole::Small, palette.secondary);
                if let (Some(at), Some(left)) = (layout.left, download_text::left(progress)) {
                    let text = widgets::text_right(ui, pos2(at, middle), &left, TextRole::Small, palette.secondary);
                    widgets::label(ui, text, &format!("left {request}"), &format!("{left} of {file}"));
                }
                return;
            }
        };
        let text = widgets::text_right(ui, pos2(layout.time(), middle), &words, TextRole::Small, ink);
        widgets::label(ui, text, &format!("pace {request}"), &format!("{file}: {words}"));
    }

    /// Draws a download that waits for disk space: the question and its three buttons.
    fn no_space(&self, ui: &mut Ui, needed: u64, free: u64, folder: &Path, frame: &mut FrameContext) {
        let Self { layout, middle, profile, file, .. } = *self;
        let palette = Palette::of(ui.style());
        widgets::icon(ui, pos2(layout.icon, middle), icons::GAP, 16.0, palette.gap);
        self.name(ui);
        let request = || self.request.clone();
        let answers = [
            ("Give up", Action::CancelDownload { profile, request: request() }, "Give up"),
            (
                "Choose another place…",
                Action::ResumeDownload { profile, request: request() },
                "Choose another place for",
            ),
            ("Try again", Action::ResumeDownload { profile, request: request() }, "Try again"),
        ];
        let mut right = layout.right;
        for (index, (words, action, spoken)) in answers.into_iter().enumerate() {
            let style = if index == 0 { ButtonStyle::Plain } else { ButtonStyle::Outlined };
            let press = Button::new(words).name(format!("{spoken} {file}")).style(style).height(20.0);
            let press = press.salt(Id::unique((spoken, request())));
            right -= press.width(ui);
            if press.at(ui, pos2(right, middle)).clicked() {
                match index {
                    1 => frame.request(UiRequest::MoveDownload { profile, request: request(), file: file.to_owned() }),
                    _ => frame.request(UiRequest::Send(action)),
                }
            }
            right -= 8.0;
        }
        let at = pos2(layout.bar.0, middle);
        let words = format!("Not enough space: {} needed, {} free", bytes(needed), bytes(free));
        let text = widgets::text(ui, at, &words, TextRole::Small, palette.gap, right - at.x - 4.0);
        let sentence = format!(
            "Not enough disk space for {file}: {} needed, {} free in {}. Free some space or choose another folder; the download \
             waits.",
            bytes(needed),
            bytes(free),
            sanitize(&folder.display().to_string())
        );
        widgets::alert(ui, text, &sentence).on_hover_text(sentence);
    }

    /// Draws a queued download. `place` is its position in the queue, from 1.
    pub(crate) fn waiting(&self, ui: &mut Ui, place: usize, waiting: &WaitingDownload, frame: &mut FrameContext) {
        let Self { layout, middle, file, .. } = *self;
        let palette = Palette::of(ui.style());
        widgets::icon(ui, pos2(layout.icon, middle), icons::WAITING, 16.0, palette.muted);
        self.name(ui);
        let words = download_text::in_line(place);
        let at = pos2(layout.bar.0, middle);
        let text = widgets::text(ui, at, &words, TextRole::Small, palette.secondary, layout.bar.1 - at.x);
        widgets::label(ui, text, &format!("turn {}", self.request), &format!("{file}: {words}"));
        if let Some(size) = waiting.size {
            widgets::text_right(ui, pos2(layout.amount, middle), &bytes(size), TextRole::Small, palette.secondary);
        }
        let time = pos2(layout.time(), middle);
        if waiting.too_late {
            let words = "will not finish in time";
            let text = widgets::text_right(ui, time, words, TextRole::Small, palette.gap);
            widgets::icon(ui, pos2(text.left() - 12.0, middle), icons::GAP, 14.0, palette.gap);
            widgets::label(ui, text, &format!("late {}", self.request), &format!("{file} {words}"));
        } else if let Some(end) = waiting.expires {
            let words = format!("expires in {}", countdown(frame.counts_down_to(end)));
            widgets::text_right(ui, time, &words, TextRole::Small, palette.secondary);
        }
        self.cancel(ui, frame);
    }
}
