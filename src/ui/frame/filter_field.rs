//! The filter's text field: its id, and how text is put into it.

use egui::{Id, Ui};

/// The filter's id: keys and commands put the focus into it.
pub(crate) fn filter_id() -> Id {
    Id::unique("filter")
}

/// Puts the caret of the filter's field behind so many characters.
pub(crate) fn type_at(ui: &Ui, characters: usize) {
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), filter_id()).unwrap_or_default();
    let caret = egui::text::CCursor::new(characters);
    state.cursor.set_char_range(Some(egui::text::CCursorRange::one(caret)));
    state.store(ui.ctx(), filter_id());
}
