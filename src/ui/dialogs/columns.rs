//! The dialog `Columns`: which columns are shown, in which order and how wide, and how times are shown; all of it also by
//! keyboard. Changes take effect at once.

use egui::{Id, Rect, Ui, pos2, vec2};

use crate::settings::{self, ColumnLayout, ProfileId, TableColumn, Times};
use crate::ui::frame::dialog_frame::{close_button, pane};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::view_state::columns::{default_width, heading, is_flexible, set_width};
use crate::ui::widgets::text_field::{Mark, choice};
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

/// The height of a column's line.
const LINE: f32 = 28.0;
/// The change of width per click, in points.
const STEP: f32 = 12.0;

/// The layout being edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnDraft {
    profile: ProfileId,
    layout: settings::TableLayout,
    times: Times,
}

impl ColumnDraft {
    /// The present layout of a profile.
    pub(crate) fn new(profile: ProfileId, layout: &settings::TableLayout, times: Times) -> Self {
        Self { profile, layout: layout.clone(), times }
    }
}

/// Draws the dialog's content.
pub(crate) fn show(ui: &mut Ui, chosen: &mut ColumnDraft, fresh: bool, frame: &mut FrameContext) {
    let before = chosen.clone();
    pane(ui, 264.0, 120.0).show(ui, |ui| {
        for column in offered(&chosen.layout) {
            line(ui, column, &mut chosen.layout);
        }
    });
    times(ui, &mut chosen.times);
    ui.add_space(4.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), LINE));
    let usual = Button::new("Usual columns").style(ButtonStyle::Outlined);
    if usual.at(ui, pos2(rect.left(), rect.center().y)).clicked() {
        chosen.layout.columns.clear();
    }
    if chosen.layout != before.layout {
        frame.request(UiRequest::SetColumns(chosen.profile, chosen.layout.columns.clone()));
    }
    if chosen.times != before.times {
        frame.request(UiRequest::SetTimes(chosen.times));
    }
    close_button(ui, fresh, frame);
}

/// The shown columns in their order, then the hidden ones.
fn offered(layout: &settings::TableLayout) -> Vec<TableColumn> {
    let mut columns: Vec<TableColumn> = layout.shown().iter().map(|shown| shown.column).collect();
    columns.extend(TableColumn::ALL.into_iter().filter(|column| !is_shown(layout, *column)));
    columns
}

fn is_shown(layout: &settings::TableLayout, column: TableColumn) -> bool {
    layout.shown().iter().any(|shown| shown.column == column)
}

/// Draws the line of a column.
fn line(ui: &mut Ui, column: TableColumn, layout: &mut settings::TableLayout) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), LINE));
    let middle = rect.center().y;
    let shown = layout.shown();
    let at = shown.iter().position(|other| other.column == column);
    let name = heading(column);
    // The last shown column can't be hidden: a table without columns shows nothing.
    let can_turn = at.is_none() || shown.len() > 1;
    if choice(ui, pos2(rect.left(), middle), Mark::Check(at.is_some()), name, can_turn).clicked() {
        toggle(layout, column);
    }
    let Some(at) = at else { return };
    let flexible = is_flexible(layout, column).then_some("This column takes the width that is left.");
    let buttons = [
        (icons::ARROW_UP, format!("Move {name} up"), (at == 0).then_some("This is the first column.")),
        (icons::ARROW_DOWN, format!("Move {name} down"), (at + 1 == shown.len()).then_some("This is the last column.")),
        (icons::NARROWER, format!("Make {name} narrower"), flexible),
        (icons::WIDER, format!("Make {name} wider"), flexible),
    ];
    let mut x = rect.right() - 4.0 * 28.0;
    let width = if is_flexible(layout, column) {
        "what is left".to_owned()
    } else {
        let width = shown.get(at).and_then(|shown| shown.width).map_or(default_width(column), f32::from);
        format!("{width} px")
    };
    widgets::text_right(ui, pos2(x - 8.0, middle), &width, TextRole::Small, palette.muted);
    for (index, (icon, name, why_not)) in buttons.iter().enumerate() {
        let press = Button::icon_only(*icon, name).why_not(*why_not).salt(Id::unique(("column", column, index)));
        if press.at(ui, pos2(x, middle)).clicked() {
            match index {
                0 => swap(layout, at, at.saturating_sub(1)),
                1 => swap(layout, at, at + 1),
                2 => widen(layout, column, -STEP),
                _ => widen(layout, column, STEP),
            }
        }
        x += 28.0;
    }
}

/// Shows a column as the last before the buttons, or hides it.
fn toggle(layout: &mut settings::TableLayout, column: TableColumn) {
    layout.columns = layout.shown();
    let before = layout.columns.len();
    layout.columns.retain(|shown| shown.column != column);
    if layout.columns.len() == before {
        let end = match layout.columns.last() {
            Some(last) if last.column == TableColumn::Action => before - 1,
            _ => before,
        };
        layout.columns.insert(end, ColumnLayout { column, width: None });
    }
}

fn swap(layout: &mut settings::TableLayout, one: usize, other: usize) {
    layout.columns = layout.shown();
    if one < layout.columns.len() && other < layout.columns.len() {
        layout.columns.swap(one, other);
    }
}

fn widen(layout: &mut settings::TableLayout, column: TableColumn, by: f32) {
    let now = layout.shown().into_iter().find(|shown| shown.column == column).and_then(|shown| shown.width);
    let now = now.map_or(default_width(column), f32::from);
    set_width(layout, column, Some(now + by));
}

/// Draws the choices for how times are shown.
fn times(ui: &mut Ui, times: &mut Times) {
    let palette = Palette::of(ui.style());
    ui.add_space(8.0);
    let (_, head) = ui.allocate_space(vec2(ui.available_width(), 20.0));
    let at = pos2(head.left(), head.center().y);
    let text = widgets::text(ui, at, "Times", TextRole::SmallStrong, palette.secondary, head.width());
    widgets::label(ui, text, "times", "Times");
    let choices = [
        ("As an age", &mut times.relative),
        ("In coordinated universal time (UTC)", &mut times.utc),
        ("To the millisecond", &mut times.milliseconds),
    ];
    for (words, on) in choices {
        let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 26.0));
        let rect: Rect = rect;
        if choice(ui, pos2(rect.left(), rect.center().y), Mark::Check(*on), words, true).clicked() {
            *on = !*on;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(layout: &settings::TableLayout) -> Vec<TableColumn> {
        layout.shown().iter().map(|shown| shown.column).collect()
    }

    #[test]
    fn a_column_that_is_shown_goes_before_the_buttons() {
        let mut layout = settings::TableLayout::default();
        toggle(&mut layout, TableColumn::Source);
        assert_eq!(shown(&layout)[7..], [TableColumn::Source, TableColumn::Action]);
        toggle(&mut layout, TableColumn::Source);
        assert_eq!(shown(&layout), TableColumn::DEFAULT);
    }

    #[test]
    fn columns_can_be_moved_and_resized() {
        let mut layout = settings::TableLayout::default();
        swap(&mut layout, 0, 1);
        assert_eq!(shown(&layout)[..2], [TableColumn::Kind, TableColumn::Updated]);
        widen(&mut layout, TableColumn::Id, STEP);
        widen(&mut layout, TableColumn::Id, STEP);
        assert_eq!(layout.columns[2].width, Some(136));
        for _ in 0..100 {
            widen(&mut layout, TableColumn::Id, -STEP);
        }
        assert_eq!(layout.columns[2].width, Some(28), "narrower than can be seen");
    }
}
