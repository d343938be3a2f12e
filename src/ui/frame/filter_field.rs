//! The filter's text field: its id, and its caret.

use egui::{Id, Ui};

/// The id of the filter field, with which keys and commands focus it.
pub(crate) fn filter_id() -> Id {
    Id::unique("filter")
}

/// Sets the caret of the filter field after this many characters.
pub(crate) fn type_at(ui: &Ui, characters: usize) {
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), filter_id()).unwrap_or_default();
    let caret = egui::text::CCursor::new(characters);
    state.cursor.set_char_range(Some(egui::text::CCursorRange::one(caret)));
    state.store(ui.ctx(), filter_id());
}
