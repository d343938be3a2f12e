//! Saved filters: the menu beside the filter field that applies one, and the dialog that saves one.

use egui::{Id, Key, Popup, PopupCloseBehavior, Pos2, RectAlign, Ui, pos2, vec2};

use crate::protocol::sanitize;
use crate::settings::SavedFilter;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::dialog_frame::{InitialFocus, buttons_unless, paragraph, show_error};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::text::cut;
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::text_field::Field;
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

/// The maximum length of a name, in characters.
const MAX_NAME_LENGTH: usize = 60;
/// The maximum number of saved filters: more than fit into a menu.
pub(crate) const MAX_FILTERS: usize = 30;
/// The width of the menu.
const WIDTH: f32 = 280.0;

/// Draws the button and, while it is open, its menu.
pub(crate) fn menu(ui: &mut Ui, at: Pos2, saved: &[SavedFilter], frame: &mut FrameContext) {
    let button = Button::icon_only(icons::SAVED, "Saved filters").at(ui, at);
    Popup::menu(&button)
        .id(Id::unique("saved filters"))
        .align(RectAlign::BOTTOM_END)
        .gap(2.0)
        .width(WIDTH)
        .close_behavior(PopupCloseBehavior::CloseOnClick)
        .accessible_name("Saved filters")
        .show(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            widgets::menu_area(ui).show(ui, |ui| {
                ui.set_min_width(WIDTH);
                for (index, filter) in saved.iter().enumerate() {
                    entry(ui, index, filter, frame);
                }
                if saved.is_empty() {
                    let palette = Palette::of(ui.style());
                    let (_, rect) = ui.allocate_space(vec2(WIDTH, 28.0));
                    let words = "A saved filter keeps its columns and its sort.";
                    let at = pos2(rect.left() + 8.0, rect.center().y);
                    let text = widgets::text(ui, at, words, TextRole::Small, palette.muted, WIDTH);
                    widgets::label(ui, text, "no saved filters", words);
                }
                let (_, rect) = ui.allocate_space(vec2(WIDTH, 28.0));
                let save = Button::new("Save filter…").icon(icons::ADD).style(ButtonStyle::MenuItem);
                if save.within(ui, rect).clicked() {
                    frame.request(UiRequest::Run(UiCommand::SaveFilter));
                }
                widgets::follow_focus(ui);
            });
        });
}

/// Draws an entry: a click applies the filter, the button at its end removes it.
fn entry(ui: &mut Ui, index: usize, filter: &SavedFilter, frame: &mut FrameContext) {
    let (_, rect) = ui.allocate_space(vec2(WIDTH, 28.0));
    let (name, what) = (sanitize(&filter.name), sanitize(&filter.layout.filter));
    let shown = cut(&what, 28);
    let accessible = format!("Show {name}");
    let press = Button::new(&name).name(&accessible).style(ButtonStyle::MenuItem).salt(Id::unique(("saved", index)));
    let is_cut = shown.len() < what.len();
    let press = press.trailing(shown.into_owned()).within(ui, rect.with_max_x(rect.right() - 28.0));
    let press = if is_cut { press.on_hover_text(&*what) } else { press };
    if press.clicked() {
        frame.request(UiRequest::ApplySavedFilter(index));
    }
    let forget = format!("Forget {name}");
    let press = Button::icon_only(icons::CLOSE, &forget).icon_size(14.0).salt(Id::unique(("forget", index)));
    if press.at(ui, pos2(rect.right() - 26.0, rect.center().y)).clicked() {
        frame.request(UiRequest::DeleteSavedFilter(index));
    }
}

/// The content of the dialog `Save filter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaveFilterForm {
    name: String,
    /// The filter's text.
    what: String,
    /// The names of the saved filters.
    saved: Vec<String>,
}

impl SaveFilterForm {
    /// A form for a filter. `saved` has the names of the saved filters.
    pub(crate) fn new(filter: &str, saved: Vec<String>) -> Self {
        Self { name: String::new(), what: filter.to_owned(), saved }
    }

    fn name(&self) -> &str {
        self.name.trim()
    }

    /// Why the filter can't be saved.
    fn error(&self) -> Option<NameError> {
        match self.name().chars().count() {
            0 => Some(NameError::Empty),
            1..=MAX_NAME_LENGTH
                if self.saved.len() < MAX_FILTERS || self.saved.iter().any(|name| name == self.name()) =>
            {
                None
            }
            1..=MAX_NAME_LENGTH => Some(NameError::TooMany),
            _ => Some(NameError::TooLong),
        }
    }
}

/// Why a filter can't be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum NameError {
    /// The name is empty.
    #[error("Enter a name.")]
    Empty,
    /// The name is too long for a menu.
    #[error("The name is longer than {} characters. Enter a shorter one.", MAX_NAME_LENGTH)]
    TooLong,
    /// The maximum number of filters is saved already.
    #[error("There are {} saved filters. Remove one first, or enter the name of the one to replace.", MAX_FILTERS)]
    TooMany,
}

/// Draws the dialog's content.
pub(crate) fn show(ui: &mut Ui, naming: &mut SaveFilterForm, fresh: bool, frame: &mut FrameContext) {
    let what = if naming.what.is_empty() {
        "Every activity".to_owned()
    } else {
        sanitize(&cut(&naming.what, 200)).into_owned()
    };
    paragraph(ui, &format!("{what}, with the columns and the sort as they are now. One of the same name is replaced."));
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 28.0));
    let pointed_out = naming.error().filter(|wrong| *wrong != NameError::Empty).map(|wrong| wrong.to_string());
    let id = Id::unique("filter name");
    let field = Field { hint: "Failed today", has_error: pointed_out.is_some(), ..Field::new(id, "Name") };
    let response = field.show(ui, rect, &mut naming.name);
    if fresh {
        response.request_focus();
    }
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    ui.add_space(8.0);
    if let Some(wrong) = pointed_out {
        show_error(ui, &wrong);
    }
    let why_not = naming.error().map(|wrong| wrong.to_string());
    let pressed = buttons_unless(ui, why_not.as_deref(), "Save filter", "Cancel", InitialFocus::None, frame);
    if (pressed || entered) && why_not.is_none() {
        frame.request(UiRequest::SaveFilter(naming.name().to_owned()));
        frame.request(UiRequest::CloseDialog);
    }
}
