//! Draws the dialog: the search field, the list or the text in its place, and the buttons.

use egui::{Id, Key, Modifiers, Rect, ScrollArea, StrokeKind, Ui, UiBuilder, pos2, vec2};

use crate::protocol::{counted, sanitize};
use crate::ui::frame::dialog_frame::{InitialFocus, buttons_unless, free_height};
use crate::ui::frame::folder_purpose::FolderPurpose;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets;
use crate::ui::widgets::empty_state::{self, room_for_icon};
use crate::ui::widgets::text_field::{Field, Mark, choice};
use crate::ui::widgets::{Button, ButtonStyle, icons};

use super::list::{self, ListRequest};
use super::{RequestData, Stage};

/// The maximum height of the list: ten rows.
const LIST: f32 = 10.0 * theme::ROW + 2.0;
/// The minimum height of the list: three rows.
const MIN_LIST: f32 = 3.0 * theme::ROW;
/// The minimum height of the text in the list's place: a sentence on one line, and a button.
const MIN_TEXT: f32 = 4.0 * theme::ROW;
/// The height of the rest of the dialog, and of the part of the window below it.
const AROUND: f32 = 272.0;

/// Draws the dialog's content.
pub(crate) fn show(ui: &mut Ui, dialog: &mut RequestData, fresh: bool, frame: &mut FrameContext) {
    field(ui, dialog, fresh);
    let least = if dialog.found.is_empty() { MIN_TEXT } else { MIN_LIST };
    let height = free_height(ui, AROUND).clamp(least, LIST);
    let (_, head) = ui.allocate_space(vec2(ui.available_width(), theme::ROW));
    list::head(ui, head);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), height));
    let palette = Palette::of(ui.style());
    ui.painter().rect_filled(rect, theme::RADIUS, palette.row);
    ui.painter().rect_stroke(rect, theme::RADIUS, egui::Stroke::new(1.0, palette.stroke), StrokeKind::Inside);
    let mut asked = ListRequest::None;
    if dialog.found.is_empty() {
        empty_text(ui, rect, dialog);
    } else {
        asked = list::show(ui, rect, dialog, frame);
    }
    if asked == ListRequest::Back {
        ui.memory_mut(|memory| memory.request_focus(field_id()));
    }
    foot(ui, dialog);
    destination(ui, dialog, frame);
    let why_not = dialog.why_not(dialog.selected.len());
    let pressed = buttons_unless(ui, why_not.as_deref(), "Request", "Cancel", InitialFocus::None, frame);
    if pressed || asked == ListRequest::Request {
        match dialog.items_to_request(asked == ListRequest::Request) {
            Ok(data) => {
                let folder = dialog.folder.clone();
                frame.request(UiRequest::RequestData { profile: dialog.profile, data, folder });
            }
            Err(sentence) => dialog.error = Some(sentence),
        }
    }
}

fn field_id() -> Id {
    Id::unique("find data")
}

fn field(ui: &mut Ui, dialog: &mut RequestData, fresh: bool) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 28.0));
    // Both keys move the focus to the list; otherwise the field would take the arrow.
    let in_field = ui.memory(|memory| memory.has_focus(field_id()));
    let on = in_field
        && !dialog.found.is_empty()
        && ui.input_mut(|input| {
            input.consume_key(Modifiers::NONE, Key::ArrowDown) || input.consume_key(Modifiers::NONE, Key::Enter)
        });
    let field = Field {
        hint: "Name, context or data token",
        margins: (31.0, 8.0),
        ..Field::new(field_id(), "Find data tokens")
    };
    let response = field.show(ui, rect, &mut dialog.search);
    widgets::icon(ui, pos2(rect.left() + 17.0, rect.center().y), icons::SEARCH, 16.0, palette.secondary);
    if response.changed() {
        dialog.find();
    }
    if fresh {
        response.request_focus();
    } else if on {
        dialog.reveal = true;
        ui.memory_mut(|memory| memory.request_focus(list::id()));
    }
    ui.add_space(4.0);
}

/// Draws the text in place of an empty list. It scrolls if it does not fit.
fn empty_text(ui: &mut Ui, rect: Rect, dialog: &mut RequestData) {
    let mut inner = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("instead"));
    ScrollArea::vertical().auto_shrink(false).id_salt("instead").show(&mut inner, |ui| {
        let rect = Rect::from_min_size(ui.cursor().min, rect.size());
        let end = words(ui, rect, dialog);
        ui.allocate_space(vec2(rect.width(), end + 8.0 - rect.top()));
        widgets::follow_focus(ui);
    });
}

/// Draws the text in a rectangle. Returns its bottom edge.
fn words(ui: &mut Ui, rect: Rect, dialog: &mut RequestData) -> f32 {
    // The text is slightly above the middle, and at the top if there is little height.
    let place = if room_for_icon(rect) { rect.translate(vec2(0.0, 24.0)) } else { rect };
    if !dialog.signed_in {
        let sentence = "Sign in to see what is stored under this profile.";
        return empty_state::show(ui, place, icons::KEY_OFF, "Signed out.", sentence);
    }
    match &dialog.stage {
        Stage::Failed(_, why) => {
            let below = empty_state::show(ui, place, icons::CLOUD_OFF, "The list could not be read.", why);
            let again = Button::new("Try again").style(ButtonStyle::Outlined);
            let at = pos2(rect.center().x - again.width(ui) / 2.0, below + 20.0);
            let again = again.at(ui, at);
            if again.clicked() {
                dialog.retry();
            }
            again.rect.bottom()
        }
        Stage::Complete if dialog.all.is_empty() => {
            let sentence = "Data appears here once it has been stored under this profile.";
            empty_state::show(ui, place, icons::REQUEST, "No stored data yet.", sentence)
        }
        Stage::Complete => {
            let sentence = format!(
                "None of the {} has all of these words in its name, context or data token.",
                counted(dialog.all.len() as u64, "data token")
            );
            empty_state::show(ui, place, icons::SEARCH, "Nothing matches.", &sentence)
        }
        Stage::Due(_) | Stage::Requested(_) | Stage::More(_) if dialog.all.is_empty() => empty_state::show(
            ui,
            place,
            icons::REQUEST,
            "Reading the list…",
            "The data tokens of this profile appear here.",
        ),
        Stage::Due(_) | Stage::Requested(_) | Stage::More(_) => {
            let sentence = format!("{} read so far.", counted(dialog.all.len() as u64, "data token"));
            empty_state::show(ui, place, icons::SEARCH, "Searching…", &sentence)
        }
    }
}

/// Draws whether the data is saved as soon as it is ready, and the folder.
fn destination(ui: &mut Ui, dialog: &mut RequestData, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    ui.add_space(8.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 24.0));
    let words = "Save to a folder as soon as it is ready";
    let mark = choice(ui, pos2(rect.left(), rect.center().y), Mark::Check(dialog.folder.is_some()), words, true);
    if mark.clicked() && dialog.folder.take().is_none() {
        frame.request(UiRequest::ChooseFolder(FolderPurpose::Requested(dialog.profile)));
    }
    if let Some(folder) = &dialog.folder {
        let path = sanitize(&folder.display().to_string()).into_owned();
        let at = pos2(mark.rect.right() + 16.0, rect.center().y);
        let text = widgets::text(ui, at, &path, TextRole::Mono, palette.secondary, rect.right() - at.x);
        widgets::label(ui, text, "folder", &format!("Folder {path}")).on_hover_text(path);
    }
}

/// Draws the line below the list: the error, otherwise the number of items.
fn foot(ui: &mut Ui, dialog: &mut RequestData) {
    let palette = Palette::of(ui.style());
    ui.add_space(8.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 20.0));
    let at = pos2(rect.left(), rect.center().y);
    // An empty selection is no error.
    let wrong =
        dialog.error.clone().or_else(|| dialog.why_not(dialog.selected.len().max(1)).filter(|_| dialog.signed_in));
    if let Some(wrong) = &wrong {
        let text = widgets::text(ui, at, wrong, TextRole::Small, palette.failed, rect.width());
        widgets::alert(ui, text, wrong);
        return;
    }
    if let Stage::Failed(_, why) = &dialog.stage
        && !dialog.all.is_empty()
    {
        let again = Button::new("Try again").style(ButtonStyle::Outlined).height(20.0);
        let width = again.width(ui);
        let words = format!("The rest could not be read. {why}");
        let text = widgets::text(ui, at, &words, TextRole::Small, palette.failed, rect.width() - width - 12.0);
        widgets::alert(ui, text, &words);
        if again.at(ui, pos2(rect.right() - width, at.y)).clicked() {
            dialog.retry();
        }
        return;
    }
    if dialog.all.is_empty() {
        return;
    }
    let words = dialog.summary();
    let text = widgets::text(ui, at, &words, TextRole::Small, palette.secondary, rect.width() * 0.6);
    let end = text.right();
    let response = widgets::label(ui, text, "standing", &words);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(egui::accesskit::Live::Polite));
    let keys = "↓ to the list · Space chooses · Enter requests";
    if end + 12.0 + widgets::width(ui, keys, TextRole::Caption) <= rect.right() {
        widgets::text_right(ui, pos2(rect.right(), at.y), keys, TextRole::Caption, palette.muted);
    }
}
