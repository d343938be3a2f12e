//! The details of a gap: instead of JSON, the commands that were open across it and their present status.

use egui::{Id, Rect, ScrollArea, Ui, UiBuilder, vec2};

use crate::activity::{ActivityKey, RowId, Status};
use crate::protocol::sanitize;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::cut;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::link::link;
use crate::ui::widgets::{self, icons};

/// The height of a line.
const LINE: f32 = 20.0;

/// Draws the ids in `place`; a click on one shows its row.
pub(crate) fn show_open(ui: &mut Ui, place: Rect, profile_tab: &ProfileTab, gap: RowId, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let open = profile_tab.activities.open_across(gap);
    let mut pane = ui.new_child(UiBuilder::new().max_rect(place).id_salt(("open", gap)));
    pane.spacing_mut().item_spacing.y = 0.0;
    if open.is_empty() {
        let at = egui::pos2(place.left() + theme::EDGE, place.top() + LINE / 2.0);
        let words = "No command was open.";
        let text = widgets::text(&pane, at, words, TextRole::Small, palette.muted, place.width());
        widgets::label(&pane, text, words, words);
        return;
    }
    ScrollArea::vertical().auto_shrink(false).id_salt("open").show_rows(&mut pane, LINE, open.len(), |ui, rows| {
        for command in open.get(rows).unwrap_or_default() {
            let (_, line) = ui.allocate_space(vec2(ui.available_width(), LINE));
            let row = profile_tab.activities.find(&ActivityKey::Command(command.clone()));
            let status = row.and_then(|row| profile_tab.activity(row)).map(|activity| activity.status());
            let mut left = line.left() + theme::EDGE;
            if let Some(status) = status {
                let (icon, hue) = icons::status(status, palette);
                widgets::icon(ui, egui::pos2(left + 7.0, line.center().y), icon, 14.0, hue);
                left += 20.0;
            }
            let words = status.map_or("not in this list any more".into(), Status::word);
            let rect = line.with_min_x(left).with_max_x(line.right() - theme::EDGE);
            let id = sanitize(&cut(command.as_str(), 64)).into_owned();
            if link(ui, rect, Id::unique(("open across", gap, &id)), &id, TextRole::Mono, &words)
                && let Some(row) = row
            {
                frame.request(UiRequest::Reveal(row));
            }
        }
    });
}
