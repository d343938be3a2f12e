//! The frame of every dialog: title, scrolling content, buttons.

use egui::{Color32, Frame, Id, Margin, Modal, Rect, ScrollArea, Stroke, Ui, UiBuilder, pos2, vec2};

use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::{self, Button, ButtonStyle};

use super::{FrameContext, UiRequest};

/// Space for a dialog's scroll bar beside the content; part of the right margin.
pub(crate) const SCROLL_BAR: i8 = 12;

/// Draws a dialog that is not a `Dialog` above everything else. Returns whether the operator closes it.
pub(crate) fn modal(ctx: &egui::Context, title: &str, width: f32, content: impl FnOnce(&mut Ui)) -> bool {
    framed(ctx, title, width, top(ctx.content_rect().height()), 24, |ui| {
        heading(ui, title);
        content(ui);
    })
}

/// Draws a dialog's frame, `below` the window's upper edge and with this margin. Returns whether the operator closes it.
pub(crate) fn framed(
    ctx: &egui::Context,
    title: &str,
    width: f32,
    below: f32,
    margin: i8,
    content: impl FnOnce(&mut Ui),
) -> bool {
    let palette = Palette::of(&ctx.global_style());
    let id = Id::unique(("dialog", title));
    let frame = Frame::popup(&ctx.global_style())
        .fill(palette.popup)
        .stroke(Stroke::new(1.0, palette.stroke_strong))
        .corner_radius(theme::RADIUS_DIALOG)
        .inner_margin(Margin { right: margin - SCROLL_BAR.min(margin), ..Margin::same(margin) });
    let area = Modal::default_area(id).accessible_name(title).anchor(egui::Align2::CENTER_TOP, vec2(0.0, below));
    let window = ctx.content_rect().size();
    let (around, bar) = (2.0 * f32::from(margin), f32::from(SCROLL_BAR.min(margin)));
    let space = vec2(window.x - around - 16.0, window.y - below - around - 8.0);
    let response = Modal::new(id).area(area).backdrop_color(theme::BACKDROP).frame(frame).show(ctx, |ui| {
        // Content larger than the window can be scrolled.
        let width = width.min((window.x - 80.0).max(theme::MIN_DIALOG));
        let shown = width.min(space.x) + bar;
        ui.set_width(shown);
        let area = ScrollArea::both().id_salt("dialog").auto_shrink([false, true]);
        let area = area.max_width(shown).min_scrolled_width(shown).max_height(space.y).min_scrolled_height(space.y);
        area.show(ui, |ui| {
            ui.set_width(width + bar);
            let place = Rect::from_min_size(ui.cursor().min, vec2(width, f32::INFINITY));
            let mut inner = ui.new_child(UiBuilder::new().max_rect(place).id_salt("content"));
            inner.spacing_mut().item_spacing.y = 0.0;
            content(&mut inner);
            ui.advance_cursor_after_rect(inner.min_rect());
            widgets::follow_focus(ui);
        });
    });
    // egui places a dialog by its size of the frame before, and does not draw another frame if the size has changed: in a window
    // that has become lower, the dialog would stay too high.
    let place = response.response.rect;
    if place.top() + 1.0 < ctx.content_rect().top() + below && place.bottom() + 1.0 < ctx.content_rect().bottom() {
        ctx.request_repaint_after(std::time::Duration::ZERO);
    }
    response.should_close()
}

/// Distance of a dialog from the upper edge of a window of this height.
pub(crate) fn top(height: f32) -> f32 {
    (height * 0.09).floor()
}

/// Maximum height of a list in a dialog, so that the whole dialog is visible. `beside` is the height of everything else: the
/// other parts of the dialog, its margins, and the free space below it.
pub(crate) fn free_height(ui: &Ui, beside: f32) -> f32 {
    let height = ui.ctx().content_rect().height();
    height - top(height) - beside
}

/// A part of a dialog that scrolls if it is higher than [`free_height`] allows, and otherwise is as high as its content. This also
/// holds in its first frame, when the dialog does not know its own height yet. With less space than `least`, or in a window that
/// is narrower than the dialog, it does not scroll: the dialog does, and a second bar would lie over the dialog's own.
pub(crate) fn pane(ui: &Ui, beside: f32, least: f32) -> Pane {
    let space = free_height(ui, beside);
    let is_narrow = ui.ctx().content_rect().width() < theme::MIN_WIDTH;
    let area = || ScrollArea::vertical().max_height(space).min_scrolled_height(space).auto_shrink([false, true]);
    Pane((space >= least && !is_narrow).then(area))
}

pub(crate) struct Pane(Option<ScrollArea>);

impl Pane {
    pub(crate) fn id_salt(self, salt: &str) -> Self {
        Self(self.0.map(|area| area.id_salt(salt)))
    }

    pub(crate) fn show<T>(self, ui: &mut Ui, content: impl FnOnce(&mut Ui) -> T) -> T {
        let width = ui.available_width();
        // The scroll bar is beside the content, as in the dialog.
        let place = ui.available_rect_before_wrap();
        let place = place.with_max_x(place.right() + f32::from(SCROLL_BAR));
        let mut wider = ui.new_child(UiBuilder::new().max_rect(place).id_salt("pane"));
        let show = |ui: &mut Ui| {
            ui.set_max_width(width);
            let shown = content(ui);
            widgets::follow_focus(ui);
            shown
        };
        let shown = match self.0 {
            Some(area) => area.show(&mut wider, show).inner,
            None => show(&mut wider),
        };
        ui.advance_cursor_after_rect(wider.min_rect().with_max_x(place.left() + width));
        shown
    }
}

pub(crate) fn heading(ui: &mut Ui, title: &str) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 24.0));
    let text =
        widgets::text(ui, pos2(rect.left(), rect.center().y), title, TextRole::Heading, palette.text, rect.width());
    widgets::heading(ui, text, title);
    ui.add_space(12.0);
}

/// A paragraph that screen readers read as one label.
pub(crate) fn paragraph(ui: &mut Ui, words: &str) {
    let palette = Palette::of(ui.style());
    let galley = widgets::paragraph(ui, words, TextRole::Body, palette.secondary, ui.available_width());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), galley.size().y));
    ui.painter().galley(rect.min, galley, palette.secondary);
    widgets::label(ui, rect, words, words);
    ui.add_space(12.0);
}

/// Which button has the focus when a dialog opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InitialFocus {
    /// The button that does what the dialog asks for.
    Main,
    /// The button that cancels, if Enter by mistake would lose something.
    Cancel,
    None,
}

/// Shows an error about the typed text.
pub(crate) fn show_error(ui: &mut Ui, words: &str) {
    sentence(ui, words, Palette::of(ui.style()).failed);
}

/// Shows a sentence about the typed text, which screen readers announce at once.
pub(crate) fn sentence(ui: &mut Ui, words: &str, colour: Color32) {
    let galley = widgets::paragraph(ui, words, TextRole::Small, colour, ui.available_width());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), galley.size().y));
    ui.painter().galley(rect.min, galley, colour);
    widgets::alert(ui, rect, words);
}

/// The buttons at the bottom right: cancel and the main button. Returns whether the main button was pressed.
pub(crate) fn buttons(ui: &mut Ui, main: &str, out: &str, first: InitialFocus, frame: &mut FrameContext) -> bool {
    buttons_unless(ui, None, main, out, first, frame)
}

/// Like [`buttons`], but the main button is disabled if there is a reason: `why_not` gives it in a sentence.
pub(crate) fn buttons_unless(
    ui: &mut Ui,
    why_not: Option<&str>,
    main: &str,
    out: &str,
    first: InitialFocus,
    frame: &mut FrameContext,
) -> bool {
    let pressed = two_buttons(ui, main, why_not, out, first);
    if pressed.cancel {
        frame.request(UiRequest::CloseDialog);
    }
    pressed.main
}

/// Which of the two buttons was pressed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pressed {
    /// The button that does what the dialog asks for.
    pub main: bool,
    /// The button that cancels.
    pub cancel: bool,
}

/// Like [`buttons_unless`], for a dialog that closes itself.
pub(crate) fn two_buttons(ui: &mut Ui, main: &str, why_not: Option<&str>, out: &str, first: InitialFocus) -> Pressed {
    ui.add_space(12.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 32.0));
    let (main, out) =
        (Button::new(main).style(ButtonStyle::Primary).why_not(why_not), Button::new(out).style(ButtonStyle::Outlined));
    let [main, out] = [main, out].map(|press| press.face(TextRole::Body).height(32.0).padding(16.0));
    let middle = rect.center().y;
    let main_left = rect.right() - main.width(ui);
    let out_left = main_left - 8.0 - out.width(ui);
    let out = out.at(ui, pos2(out_left, middle));
    let main = main.at(ui, pos2(main_left, middle));
    match first {
        InitialFocus::Main => main.request_focus(),
        InitialFocus::Cancel => out.request_focus(),
        InitialFocus::None => {}
    }
    Pressed { main: main.clicked(), cancel: out.clicked() }
}

/// The button that gets the focus in the dialog's first frame; later the focus stays where the operator put it.
pub(crate) fn first(fresh: bool, first: InitialFocus) -> InitialFocus {
    if fresh { first } else { InitialFocus::None }
}

/// The only button of a dialog that just informs.
pub(crate) fn close_button(ui: &mut Ui, fresh: bool, frame: &mut FrameContext) {
    ui.add_space(12.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 32.0));
    let close = Button::new("Close").face(TextRole::Body).height(32.0).padding(16.0).style(ButtonStyle::Outlined);
    let response = close.clone().at(ui, pos2(rect.right() - close.width(ui), rect.center().y));
    if fresh {
        response.request_focus();
    }
    if response.clicked() {
        frame.request(UiRequest::CloseDialog);
    }
}
