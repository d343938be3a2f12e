//! The chips that filter activities by status, each with its count, and a sparkline of recent messages.

use std::time::Duration;

use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::activity::StatusFilter;
use crate::protocol::counted;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::grouped;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::view_state::insight::last_minute;
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

/// The number of minutes in the sparkline.
const MINUTES: usize = 24;

/// Draws the bar in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: &ProfileTab, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let rect = widgets::bar(ui, palette.panel, true);
    let counts = profile_tab.activities.counts();
    let mut x = rect.left() + theme::EDGE;
    for status_filter in StatusFilter::ORDER {
        let on = profile_tab.view.status_filter() == status_filter;
        let name = status_filter.accessible_name(counts.of(status_filter));
        // In the narrow window the four chips keep only icon and count.
        let icon = icons::status_filter(status_filter, palette);
        let word = if frame.narrow && icon.is_some() { "" } else { status_filter.word() };
        let mut press =
            Button::new(word).name(&name).on(on).trailing(grouped(counts.of(status_filter))).icon_size(14.0);
        if let Some((icon, hue)) = icon {
            press = press.coloured_icon(icon, hue);
        }
        // The id depends on the chip and not on its count, otherwise each message would take the focus away.
        press = press.salt(egui::Id::unique(("chip", status_filter.word())));
        if on {
            press = press.style(ButtonStyle::Selected);
        }
        let response = press.at(ui, pos2(x, rect.center().y));
        if response.clicked() {
            frame.request(UiRequest::Run(UiCommand::Show(status_filter)));
        }
        x = response.rect.right() + if on || x < 20.0 { 6.0 } else { 8.0 };
    }
    throughput(ui, rect, x, profile_tab, frame);
}

/// Draws the messages of the last minutes as bars, the newest brighter, and the count of the last minute.
fn throughput(ui: &Ui, bar: Rect, left: f32, profile_tab: &ProfileTab, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let minutes = profile_tab.activities.per_minute(frame.now, MINUTES);
    let last = last_minute(&minutes, frame.now);
    let words = format!("{last}/min");
    let at = pos2(bar.right() - theme::EDGE, bar.center().y);
    let text = widgets::text_right(ui, at, &words, TextRole::SmallStrong, palette.text);
    let mut whole = text;
    let spark_left = text.left() - 10.0 - 118.0;
    if !frame.narrow && spark_left > left + 12.0 {
        let spark = Rect::from_min_size(pos2(spark_left, bar.center().y - 10.0), vec2(118.0, 20.0));
        whole = whole.union(spark);
        draw_bars(ui, spark, &minutes);
    }
    let into = frame.now.0.rem_euclid(60_000_000);
    if last > 0 {
        frame.counts(Duration::from_secs(1));
    } else if minutes.iter().any(|&count| count > 0) {
        // Even if nothing arrives, the bars move on with each minute.
        let remaining = u64::try_from(60_000_000 - into).unwrap_or(60_000_000);
        frame.redraw_in(Duration::from_micros(remaining) + Duration::from_millis(1));
    }
    let name = format!("{} in the last minute", counted(last, "message"));
    let response = ui.interact(whole, ui.make_persistent_id("throughput"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &name));
    response.on_hover_text(format!("Messages a minute over the last {MINUTES} minutes"));
}

fn draw_bars(ui: &Ui, place: Rect, minutes: &[u32]) {
    let palette = Palette::of(ui.style());
    let most = minutes.iter().copied().max().unwrap_or(0);
    if most == 0 {
        let dashes = egui::Shape::dashed_line(
            &[place.left_bottom() + vec2(0.0, -1.0), place.right_bottom() + vec2(0.0, -1.0)],
            egui::Stroke::new(1.0, palette.stroke_strong),
            3.0,
            3.0,
        );
        ui.painter().extend(dashes);
        return;
    }
    let mut x = place.right() - 4.0;
    for (age, count) in minutes.iter().rev().enumerate() {
        if x < place.left() - 4.0 {
            break;
        }
        #[expect(clippy::cast_precision_loss, reason = "heights of bars")]
        let height = (*count as f32 / most as f32 * place.height()).round();
        let height = if *count > 0 { height.max(1.0) } else { 1.0 };
        let fill = if age == 0 { palette.secondary } else { palette.stroke_strong };
        let bar = Rect::from_min_max(pos2(x, place.bottom() - height), pos2(x + 3.0, place.bottom()));
        ui.painter().rect_filled(bar, 0.0, fill);
        x -= 5.0;
    }
}

#[cfg(test)]
mod tests {

    use crate::activity::Timestamp;
    use crate::ui::view_state::insight::last_minute;

    #[test]
    fn the_rate_does_not_drop_to_zero_at_the_full_minute() {
        let at = |seconds: i64| Timestamp(seconds * 1_000_000);
        assert_eq!(last_minute(&[0, 60, 0], at(0)), 60);
        assert_eq!(last_minute(&[0, 60, 20], at(30)), 50);
        assert_eq!(last_minute(&[0, 60, 41], at(59)), 42);
        assert_eq!(last_minute(&[], at(0)), 0);
    }
}
