//! The two charts of Insight: messages per minute, and how long commands took. Each chart also describes its numbers in words.

use egui::{Color32, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::activity::{BINS, BINS_PER_DECADE, Insight};
use crate::protocol::{counted, plural};
use crate::ui::frame::FrameContext;
use crate::ui::text::clock_minute;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::view_state::insight::time_range;
use crate::ui::widgets;

use super::labels;
use super::panel::{HEAD, SHORT, empty, head};
use super::reasons::group;

/// The width of the numbers left of a plot.
const AXIS: f32 = 30.0;
/// The height of the numbers below a plot.
const TICKS: f32 = 22.0;
/// The height of the legend.
const LEGEND: f32 = 24.0;
/// The lowest plot that has a legend below it.
const LEGEND_FROM: f32 = 110.0;
/// The number of bins in one bar of the histogram.
const BINS_PER_BAR: usize = 2;
/// The minimum number of bins shown: two decades.
const MIN_BINS: usize = 2 * BINS_PER_DECADE as usize;

/// Draws how many messages arrived and how many commands failed, per bar.
pub(crate) fn throughput(ui: &mut Ui, panel: Rect, insight: &Insight, now: u64, frame: &FrameContext) {
    let palette = Palette::of(ui.style());
    let average = labels::average(insight);
    let note = if panel.width() > SHORT {
        format!("{}/min now · {average}/min on average", group(now))
    } else {
        format!("{}/min now", group(now))
    };
    let description = format!("{} in the last minute, {average} a minute on average", counted(now, "message"));
    head(ui, panel, "Throughput", &note, &description);
    let most = insight.messages.iter().chain(&insight.failures).copied().max().unwrap_or(0);
    if most == 0 {
        empty(ui, panel, &format!("Nothing came {}.", labels::within(frame.insight.span)));
        return;
    }
    let legend = if panel.height() - HEAD >= LEGEND_FROM { LEGEND } else { 0.0 };
    let plot = Rect::from_min_max(
        pos2(panel.left() + AXIS, panel.top() + HEAD + 8.0),
        pos2(panel.right(), panel.bottom() - TICKS - legend),
    );
    let top = round_up(u64::from(most));
    grid(ui, plot, top);
    bars(ui, plot, &insight.messages, top, |last| if last { palette.secondary } else { palette.stroke_strong });
    bars(ui, plot, &insight.failures, top, |_| palette.failed);
    let each = time_range(frame.insight.span).minutes_per_bar();
    let time = |bar: usize| clock_minute(labels::bar_begins(insight, bar, each), frame.now, &frame.zone);
    let (count, y) = (insight.messages.len(), plot.bottom() + 12.0);
    let ends = [time(0), clock_minute(frame.now, frame.now, &frame.zone)];
    let middle = time(count / 2);
    let wide: f32 = ends.iter().chain([&middle]).map(|words| widgets::width(ui, words, TextRole::Caption) + 8.0).sum();
    caption(ui, plot.left(), y, &ends[0], 0.0);
    if wide <= plot.width() {
        caption(ui, plot.center().x, y, &middle, 0.5);
    }
    caption(ui, plot.right(), y, &ends[1], 1.0);
    if legend > 0.0 {
        let mut x = plot.left();
        for (colour, words) in [(palette.stroke_strong, "All messages"), (palette.failed, "Failed")] {
            let y = plot.bottom() + TICKS + LEGEND / 2.0 + 2.0;
            ui.painter().rect_filled(Rect::from_min_size(pos2(x, (y - 4.0).round()), vec2(8.0, 8.0)), 0.0, colour);
            x = widgets::text(ui, pos2(x + 14.0, y), words, TextRole::Caption, palette.secondary, 200.0).right() + 16.0;
        }
    }
    let description = || labels::throughput(insight, each, frame.now, &frame.zone);
    chart(ui, plot, "Messages and failures over time", description);
}

/// Draws how long commands took, on a logarithmic scale.
pub(crate) fn took(ui: &mut Ui, panel: Rect, insight: &Insight, frame: &FrameContext) {
    let palette = Palette::of(ui.style());
    let timed = insight.timed();
    let (Some(median), Some(p95)) = (insight.quantile(0.5), insight.quantile(0.95)) else {
        head(ui, panel, "Time to outcome", "", "No times");
        let within = labels::within(frame.insight.span);
        empty(ui, panel, &format!("No command was seen from its beginning to its outcome {within}."));
        return;
    };
    let noun = plural(timed, "command");
    let (median_words, p95_words) = (labels::time(median), labels::time(p95));
    let description = format!("{timed} {noun}, median {median_words}, 95 % within {p95_words}");
    let note = if panel.width() > SHORT { format!("seconds, {} {noun}", group(timed)) } else { "seconds".to_owned() };
    head(ui, panel, "Time to outcome", &note, &description);
    let plot = Rect::from_min_max(
        pos2(panel.left() + AXIS, panel.top() + HEAD + 18.0),
        pos2(panel.right(), panel.bottom() - TICKS),
    );
    let (from, to) = range(insight);
    let counts: Vec<u64> =
        insight.took.get(from..to).unwrap_or_default().chunks(BINS_PER_BAR).map(|bar| bar.iter().sum()).collect();
    let top = round_up(counts.iter().copied().max().unwrap_or(0));
    grid(ui, plot, top);
    let width = plot.width() / float(counts.len().max(1) as u64);
    for (bar, count) in (0_u16..).zip(&counts).filter(|(_, count)| **count > 0) {
        let left = plot.left() + f32::from(bar) * width;
        let height = (float(*count) / float(top) * plot.height()).max(1.0).round();
        let bar = Rect::from_min_max(
            pos2(left.round() + 1.0, plot.bottom() - height),
            pos2((left + width).round() - 1.0, plot.bottom()),
        );
        ui.painter().rect_filled(bar, 0.0, palette.stroke_strong);
    }
    let place = |seconds: f64| {
        let bin = (seconds * 1_000.0).max(1e-9).log10() * f64::from(BINS_PER_DECADE);
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a place in the plot")]
        let share = ((bin - from as f64) / (to - from).max(1) as f64) as f32;
        plot.left() + share * plot.width()
    };
    ticks(ui, plot, place);
    quantiles(ui, plot, [(place(median.as_secs_f64()), &median_words), (place(p95.as_secs_f64()), &p95_words)]);
    let description = || {
        format!(
            "Median {}, 95 % within {}. {}",
            labels::time(median),
            labels::time(p95),
            labels::took_in_bars(insight, BINS_PER_BAR)
        )
    };
    chart(ui, plot, "Commands by time to outcome", description);
}

/// The first and the end of the bins to show: the non-empty range, extended to whole bars and to [`MIN_BINS`].
fn range(insight: &Insight) -> (usize, usize) {
    let some = |count: &u64| *count > 0;
    let first = insight.took.iter().position(some).unwrap_or(0);
    let last = insight.took.iter().rposition(some).unwrap_or(0);
    let (mut from, mut to) = (first / BINS_PER_BAR * BINS_PER_BAR, (last / BINS_PER_BAR + 1) * BINS_PER_BAR);
    while to - from < MIN_BINS {
        from = from.saturating_sub(BINS_PER_BAR);
        to = (to + BINS_PER_BAR).min(BINS);
    }
    (from, to)
}

/// Draws the times below the histogram: decades first, then 5 and 2 where they fit.
fn ticks(ui: &Ui, plot: Rect, place: impl Fn(f64) -> f32) {
    let mut taken: Vec<egui::Rangef> = Vec::new();
    for steps in [&[1.0][..], &[5.0, 2.0][..]] {
        for (power, step) in (-3..=5).flat_map(|power| steps.iter().map(move |step| (power, *step))) {
            let seconds = step * 10_f64.powi(power);
            let x = place(seconds);
            if x < plot.left() - 1.0 || x > plot.right() + 1.0 {
                continue;
            }
            let words = seconds_words(seconds, power);
            let half = widgets::width(ui, &words, TextRole::Caption) / 2.0 + 5.0;
            let space = egui::Rangef::new(x - half, x + half);
            if space.max <= plot.right() + 12.0
                && taken.iter().all(|other| other.max < space.min || other.min > space.max)
            {
                caption(ui, x, plot.bottom() + 12.0, &words, 0.5);
                taken.push(space);
            }
        }
    }
}

/// Seconds in the form shown below the histogram.
fn seconds_words(seconds: f64, power: i32) -> String {
    let digits = usize::try_from(-power).unwrap_or(0);
    format!("{seconds:.digits$}")
}

/// Draws the lines at the median and at the 95th percentile, with their texts at the outer sides.
fn quantiles(ui: &Ui, plot: Rect, [(median, median_words), (p95, p95_words)]: [(f32, &str); 2]) {
    let palette = Palette::of(ui.style());
    let y = plot.top() - 8.0;
    for x in [median, p95] {
        let line = [pos2(x.round() + 0.5, plot.top() - 1.0), pos2(x.round() + 0.5, plot.bottom())];
        ui.painter().extend(Shape::dashed_line(&line, Stroke::new(1.0, palette.text), 3.0, 2.0));
    }
    let (left, right) = (format!("median {median_words}"), format!("p95 {p95_words}"));
    let widths = [&left, &right].map(|words| widgets::width(ui, words, TextRole::Caption));
    let [median_width, p95_width] = widths;
    // Keep the texts side by side, wherever the lines are.
    let farthest = plot.right() - median_width - p95_width - 10.0;
    // Start beside the number at the axis, if the texts fit.
    let nearest = if farthest >= plot.left() { plot.left() } else { plot.left() - AXIS };
    let start = (median + 4.0 - median_width).clamp(nearest, farthest.max(nearest));
    let next =
        (p95 + 4.0).clamp(start + median_width + 10.0, (plot.right() - p95_width).max(start + median_width + 10.0));
    for (x, words) in [(start, &left), (next, &right)] {
        widgets::text(ui, pos2(x, y), words, TextRole::Caption, palette.text, f32::INFINITY);
    }
}

/// Draws the bars of a chart over time; a bar that is not zero is at least 1 px high.
fn bars(ui: &Ui, plot: Rect, counts: &[u32], top: u64, colour: impl Fn(bool) -> Color32) {
    let width = plot.width() / float(counts.len().max(1) as u64);
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let left = plot.left() + float(index as u64) * width;
        let height = (float(u64::from(*count)) / float(top) * plot.height()).max(1.0).round();
        let right = ((left + width).round() - 1.0).max(left.round() + 1.0);
        let bar = Rect::from_min_max(pos2(left.round(), plot.bottom() - height), pos2(right, plot.bottom()));
        ui.painter().rect_filled(bar, 0.0, colour(index + 1 == counts.len()));
    }
}

/// Draws the lines at the top, the middle and the bottom of a plot, with their values.
fn grid(ui: &Ui, plot: Rect, top: u64) {
    let palette = Palette::of(ui.style());
    let mut lines = vec![(top, plot.top()), (0, plot.bottom())];
    if top.is_multiple_of(2) {
        lines.push((top / 2, plot.center().y));
    }
    for (count, y) in lines {
        ui.painter().hline(plot.x_range(), y.round() - 0.5, Stroke::new(1.0, palette.stroke));
        let at = pos2(plot.left() - 8.0, y);
        widgets::text_right(ui, at, &labels::short(count), TextRole::Caption, palette.muted);
    }
}

/// Draws a number or a time at an axis; `align` is the part of its width that is left of `x`.
fn caption(ui: &Ui, x: f32, y: f32, words: &str, align: f32) {
    let palette = Palette::of(ui.style());
    let line = widgets::line(ui, words, TextRole::Caption, palette.muted, f32::INFINITY);
    widgets::paint_line(ui, pos2(x - line.size().x * align, y), &line);
}

/// Makes a plot an image with a description in words. It takes the keyboard focus, so that the keyboard can scroll to it.
fn chart(ui: &Ui, plot: Rect, name: &str, description: impl FnOnce() -> String) {
    let response = ui.interact(plot, ui.make_persistent_id(("chart", name)), Sense::focusable_noninteractive());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_description(description()));
    if response.has_focus() {
        widgets::focus_ring(ui, plot.expand2(vec2(2.0, 2.0)), theme::RADIUS_IN_ROW, false);
    }
    if response.gained_focus() {
        response.scroll_to_me(None);
    }
}

/// The next larger number that suits an axis: even, with few digits.
fn round_up(most: u64) -> u64 {
    const STEPS: [u64; 11] = [10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100];
    if let Some(small) = [2, 4, 6, 8].into_iter().find(|step| *step >= most) {
        return small;
    }
    let mut unit = 1_u64;
    while unit.saturating_mul(100) < most {
        unit = unit.saturating_mul(10);
    }
    STEPS.into_iter().map(|step| step.saturating_mul(unit)).find(|step| *step >= most).unwrap_or(most)
}

#[expect(clippy::cast_precision_loss, reason = "heights and places of bars")]
fn float(count: u64) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_even_numbers() {
        assert_eq!([0, 1, 5, 9, 41, 51, 310, 999, 1_001].map(round_up), [2, 2, 6, 10, 50, 60, 400, 1_000, 1_200]);
        assert!((1..5_000).all(|most| round_up(most) >= most && round_up(most).is_multiple_of(2)));
        assert!(round_up(u64::MAX) > 0);
    }
}
