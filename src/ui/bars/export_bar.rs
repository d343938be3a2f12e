//! The bar of a running export: its progress, and the button that cancels it.

use egui::{Id, Rect, Stroke, Ui, pos2};

use crate::engine::{Action, ExportProgress};
use crate::protocol::sanitize;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

/// The width of the progress bar.
const PROGRESS: f32 = 200.0;

/// Draws the bar in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, exporting: &ExportProgress, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let rect = widgets::bar(ui, palette.panel, false);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, Stroke::new(1.0, palette.stroke));
    let middle = rect.center().y;
    let cancel = Button::new("Cancel export").style(ButtonStyle::Outlined);
    let mut right = rect.right() - theme::EDGE - cancel.width(ui);
    if cancel.at(ui, pos2(right, middle)).clicked() {
        frame.request(UiRequest::Send(Action::CancelExport));
    }
    right -= 16.0;
    let fraction = fraction(exporting);
    if let Some(fraction) = fraction {
        let percent = format!("{} %", widgets::percent(fraction));
        widgets::text_right(ui, pos2(right, middle), &percent, TextRole::Small, palette.text);
    }
    right -= 48.0;
    let name = format!("Exporting {}", sanitize(&exporting.file_name));
    let bar = Rect::from_min_max(pos2(right - PROGRESS, middle - 3.0), pos2(right, middle + 3.0));
    widgets::progress(ui, bar, Id::unique("export"), &name, fraction);
    widgets::icon(ui, pos2(rect.left() + theme::EDGE + 8.0, middle), icons::DOWNLOADING, 16.0, palette.secondary);
    let at = pos2(rect.left() + 36.0, middle);
    widgets::text(ui, at, &name, TextRole::Body, palette.text, bar.left() - at.x - 16.0);
}

/// The fraction that is done; `None` while it is unknown.
fn fraction(exporting: &ExportProgress) -> Option<f32> {
    #[expect(clippy::cast_precision_loss, reason = "a hundredth is enough")]
    let fraction = exporting.read as f32 / exporting.total as f32;
    (exporting.total > 0 && exporting.read > 0).then_some(fraction.min(1.0))
}
