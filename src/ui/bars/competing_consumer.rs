//! The warning that another client takes messages from the profile's queue: a bar that stays while this lasts, and a dialog
//! that explains it.

use egui::{Role, Sense, Ui, WidgetInfo, accesskit, pos2};

use crate::activity::CompetingConsumer;
use crate::protocol::counted;
use crate::ui::frame::dialog_frame::{close_button, paragraph};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

fn words(competing: CompetingConsumer) -> String {
    format!("{} of {} settled unheard this hour", competing.undelivered, competing.of)
}

/// Draws the bar in the whole of `ui`.
pub(crate) fn bar(ui: &mut Ui, competing_consumer: CompetingConsumer, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let rect = widgets::bar(ui, palette.gap_fill, true);
    ui.painter().rect_filled(rect.with_max_x(rect.left() + 2.0), 0.0, palette.gap);
    let middle = rect.center().y;
    let press = Button::new("What this means").style(ButtonStyle::Outlined);
    let right = rect.right() - 8.0 - press.width(ui);
    if press.at(ui, pos2(right, middle)).clicked() {
        frame.request(UiRequest::ExplainCompetingConsumer(competing_consumer));
    }
    widgets::icon(ui, pos2(rect.left() + theme::EDGE + 8.0, middle), icons::SPLIT, 16.0, palette.gap);
    let words = words(competing_consumer);
    let at = pos2(rect.left() + 36.0, middle);
    let head = widgets::text(ui, at, &words, TextRole::Strong, palette.text, right - at.x - 12.0);
    let sentence = "Another client is probably taking messages from this profile’s queue.";
    let at = pos2(head.right() + 8.0, middle);
    let body = widgets::text(ui, at, sentence, TextRole::Body, palette.secondary, right - at.x - 12.0);
    let response = ui.interact(head.union(body), ui.make_persistent_id("competing consumer"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, format!("{words}. {sentence}")));
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(accesskit::Live::Polite));
    response.on_hover_text(sentence);
}

/// Draws the dialog's content.
pub(crate) fn explain(ui: &mut Ui, competing_consumer: CompetingConsumer, fresh: bool, frame: &mut FrameContext) {
    paragraph(
        ui,
        &format!(
            "In the last hour, the outcomes of {} of {} did not arrive on the WebSocket, although it was connected. Only status \
             checks reported them.",
            competing_consumer.undelivered,
            counted(competing_consumer.of as u64, "command")
        ),
    );
    paragraph(
        ui,
        "What may be happening: on some servers the connections of one profile share its queue, and each message reaches \
         only one of them. Then another client, perhaps your own application, gets what this monitor does not, and this \
         monitor gets what the other does not.",
    );
    paragraph(
        ui,
        "What to do: if an application of yours depends on these acknowledgements, disconnect here, or give the monitor a \
         profile of its own. Otherwise close the other client. Until then the monitor goes on checking the status of commands \
         without an outcome; data requests and ids that it never saw cannot be checked.",
    );
    close_button(ui, fresh, frame);
}
