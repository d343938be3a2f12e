//! Keyboard control and accessible names of the marks that fold JSON. The keys are those of a tree: Left folds, Right unfolds,
//! Up and Down move to the previous and next line that can be folded, visible or not.

use egui::accesskit::Action;
use egui::{EventFilter, Modifiers, Rect, Response, Role, Ui, WidgetInfo, vec2};

/// What a key asks of the focused mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// Fold or unfold.
    Toggle,
    /// Move to the next foldable line.
    MoveTo {
        /// `true` for the next line below, `false` for the one above.
        down: bool,
    },
}

/// Names the mark that folds `words`, and returns what its keys ask for. Enter and Space arrive as clicks.
pub(crate) fn name(ui: &Ui, response: &Response, words: &str, open: bool) -> Option<Key> {
    let name = format!("{} {words}", if open { "Fold" } else { "Unfold" });
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let turn = if open { Action::Collapse } else { Action::Expand };
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_expanded(open);
        node.add_action(turn);
    });
    if ui.input(|input| input.has_accesskit_action_request(response.id, turn)) {
        return Some(Key::Toggle);
    }
    if !response.has_focus() {
        return None;
    }
    if response.gained_focus() {
        // Tab can also reach a mark that is only partly visible.
        scroll_into_view(ui, response.rect);
    }
    let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    ui.input_mut(|input| {
        let mut pressed = |key| input.consume_key(Modifiers::NONE, key);
        if pressed(egui::Key::ArrowDown) {
            Some(Key::MoveTo { down: true })
        } else if pressed(egui::Key::ArrowUp) {
            Some(Key::MoveTo { down: false })
        } else if pressed(if open { egui::Key::ArrowLeft } else { egui::Key::ArrowRight }) {
            Some(Key::Toggle)
        } else {
            None
        }
    })
}

/// The index of the next foldable row below or above `from`.
pub(crate) fn step<T>(rows: &[T], folds: impl Fn(&T) -> bool, from: usize, down: bool) -> Option<usize> {
    if down {
        rows.iter().skip(from + 1).position(folds).map(|beyond| from + 1 + beyond)
    } else {
        rows.iter().take(from).rposition(folds)
    }
}

/// Scrolls row `to` into view. `line` is where row `from` is drawn.
pub(crate) fn reveal(ui: &Ui, line: Rect, height: f32, from: usize, to: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a page has a few thousand lines")]
    let by = (to as f32 - from as f32) * height;
    scroll_into_view(ui, line.translate(vec2(0.0, by)));
}

/// Scrolls a line into view without animation, including its focus ring.
fn scroll_into_view(ui: &Ui, line: Rect) {
    const RING: f32 = 4.0;
    ui.scroll_to_rect_animation(line.expand2(vec2(0.0, RING)), None, egui::style::ScrollAnimation::none());
}
