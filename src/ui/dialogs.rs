//! The dialogs that lie over the window: one at a time, closed by Escape, and nothing behind them is touched.

use std::collections::BTreeMap;

use egui::{Color32, Frame, Id, Key, Margin, Modal, Rect, ScrollArea, Stroke, Ui, UiBuilder, pos2, vec2};

use crate::activity::ActivityKey;
use crate::activity::CompetingConsumer;
use crate::engine::Action;
use crate::settings::ProfileId;

use super::columns_dialog;
use super::completeness::{self, Report};
use super::data_settings::{self, DataSettings};
use super::desk::Desk;
use super::export::{self, ExportForm};
use super::field::{Field, Mark, choice};
use super::help::{self, HelpPage};
use super::leave::{self, Lost};
use super::palette::{self, CommandPalette};
use super::preferences;
use super::request_data::{self, RequestData};
use super::rival;
use super::saved;
use super::scene::{Scene, Wish};
use super::text::visible;
use super::theme::{self, Palette, Type};
use super::track::{self, LONGEST, Track};
use super::widgets::{self, Look, Press};

/// What a dialog's scroll bar has beside the content, of the margin on the right.
const SCROLL_BAR: i8 = 12;

/// A dialog that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialog {
    /// Asks whether to sign out, and whether the server is told.
    SignOut {
        /// Whose.
        profile: ProfileId,
        /// Its name.
        name: String,
        /// Whether the server is told to revoke the token.
        revoke: bool,
    },
    /// Asks whether to take a profile's activity out of the journal.
    Forget {
        /// Whose.
        profile: ProfileId,
        /// Its name.
        name: String,
    },
    /// Asks whether to take a profile out of the settings.
    Remove {
        /// Whose.
        profile: ProfileId,
        /// Its name.
        name: String,
    },
    /// Names activities.
    Label {
        /// Which, by their profiles.
        keys: BTreeMap<ProfileId, Vec<ActivityKey>>,
        /// What is typed.
        text: String,
    },
    /// Which columns there are, and how times are told.
    Columns(columns_dialog::Chosen),
    /// Names the filter in front.
    SaveFilter(saved::Naming),
    /// Asks whether to close the window while something would be lost by it.
    Leave(Lost),
    /// What is known to be complete.
    Completeness {
        /// Whose.
        profile: ProfileId,
        /// What is listed.
        report: Report,
    },
    /// What is done with a profile's ready data.
    DataSettings(Box<DataSettings>),
    /// Requests stored data.
    RequestData(Box<RequestData>),
    /// Follows commands by their ids.
    Track(Track),
    /// What it means that commands settle unheard.
    Rival(CompetingConsumer),
    /// The list of keys, and the guide.
    Help(HelpPage),
    /// What is exported, and how.
    Export(ExportForm),
    /// How the program behaves.
    Settings(Box<preferences::Form>),
    /// Every command, to be found by typing.
    Palette(CommandPalette),
    /// What this program is.
    About,
}

impl Dialog {
    fn title(&self) -> &'static str {
        match self {
            Self::SignOut { .. } => "Sign out",
            Self::Forget { .. } => "Forget this profile",
            Self::Remove { .. } => "Remove profile",
            Self::Label { keys, .. } if keys.values().map(Vec::len).sum::<usize>() > 1 => "Edit labels",
            Self::Label { .. } => "Edit label",
            Self::Leave(_) => "Close Privicore Monitor",
            Self::Completeness { .. } => "Completeness",
            Self::DataSettings(_) => "Ready data",
            Self::RequestData(_) => "Request data",
            Self::Track(_) => "Track commands",
            Self::Columns(_) => "Columns",
            Self::SaveFilter(_) => "Save filter",
            Self::Rival(_) => "Settled unheard",
            Self::Help(page) => page.title(),
            Self::Export(_) => "Export",
            Self::Settings(_) => "Settings",
            Self::Palette(_) => "Command palette",
            Self::About => "About Privicore Monitor",
        }
    }

    fn width(&self) -> f32 {
        match self {
            Self::RequestData(_) => 720.0,
            Self::Completeness { .. } => 620.0,
            Self::Palette(_) => 584.0,
            Self::Help(_) | Self::Settings(_) | Self::Export(_) | Self::DataSettings(_) => 560.0,
            Self::Rival(_) | Self::Track(_) | Self::Columns(_) => 520.0,
            Self::SignOut { .. }
            | Self::Forget { .. }
            | Self::Remove { .. }
            | Self::Label { .. }
            | Self::SaveFilter(_)
            | Self::Leave(_)
            | Self::About => 400.0,
        }
    }
}

/// What lies around a dialog.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// Every profile's place.
    pub desks: &'a [Desk],
    /// The one in front.
    pub front: Option<&'a Desk>,
}

/// Draws a dialog over the window. `fresh` is whether it has just been opened.
pub(crate) fn show(ctx: &egui::Context, dialog: &mut Dialog, fresh: bool, around: Around<'_>, scene: &mut Scene) {
    let is_palette = matches!(dialog, Dialog::Palette(_));
    let below = match (is_palette, scene.narrow) {
        // Over the table, not over what is being looked for.
        (true, true) => 48.0,
        (true, false) => 112.0,
        // A dialog that grows or shrinks stays where it is: in the middle it would jump under the pointer.
        (false, _) => top(ctx.content_rect().height()),
    };
    let (margin, title, width) = (if is_palette { 8 } else { 24 }, dialog.title(), dialog.width());
    let closed = framed(ctx, title, width, (below, margin), |ui| {
        if !is_palette {
            heading(ui, title);
        }
        match dialog {
            Dialog::SignOut { profile, name, revoke } => sign_out(ui, *profile, name, revoke, fresh, scene),
            Dialog::Forget { profile, name } => forget(ui, *profile, name, fresh, scene),
            Dialog::Remove { profile, name } => remove(ui, *profile, name, fresh, scene),
            Dialog::Label { keys, text } => label(ui, keys, text, fresh, scene),
            Dialog::Leave(lost) => leave::show(ui, *lost, fresh, scene),
            Dialog::Completeness { report, .. } => completeness::show(ui, report, fresh, scene),
            Dialog::DataSettings(settings) => data_settings::show(ui, settings, fresh, scene),
            Dialog::Columns(chosen) => columns_dialog::show(ui, chosen, fresh, scene),
            Dialog::SaveFilter(naming) => saved::show(ui, naming, fresh, scene),
            Dialog::RequestData(request) => request_data::show(ui, request, fresh, scene),
            Dialog::Track(track) => track::show(ui, track, fresh, scene),
            Dialog::Rival(rival) => rival::explain(ui, *rival, fresh, scene),
            Dialog::Help(page) => help::show(ui, *page, fresh, scene),
            Dialog::Export(form) => export::show(ui, form, fresh, scene),
            Dialog::Settings(form) => preferences::show(ui, form, around.front, fresh, scene),
            Dialog::Palette(commands) => palette::show(ui, commands, around.desks, around.front, fresh, scene),
            Dialog::About => about(ui, fresh, scene),
        }
    });
    if closed {
        scene.wish(Wish::CloseDialog);
    }
}

/// Draws a dialog that is none of [`Dialog`]'s over everything. Says whether the operator closes it.
pub(super) fn modal(ctx: &egui::Context, title: &str, width: f32, content: impl FnOnce(&mut Ui)) -> bool {
    framed(ctx, title, width, (top(ctx.content_rect().height()), 24), |ui| {
        heading(ui, title);
        content(ui);
    })
}

/// Draws a dialog's frame, so far below the upper edge and with such a margin. Says whether the operator closes it.
fn framed(
    ctx: &egui::Context,
    title: &str,
    width: f32,
    (below, margin): (f32, i8),
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
    let room = vec2(window.x - around - 16.0, window.y - below - around - 8.0);
    let response = Modal::new(id).area(area).backdrop_color(theme::BACKDROP).frame(frame).show(ctx, |ui| {
        // What has no room in the window is scrolled to.
        let width = width.min((window.x - 80.0).max(theme::LEAST_DIALOG));
        let shown = width.min(room.x) + bar;
        ui.set_width(shown);
        let area = ScrollArea::both().id_salt("dialog").auto_shrink([false, true]);
        let area = area.max_width(shown).min_scrolled_width(shown).max_height(room.y).min_scrolled_height(room.y);
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
    response.should_close()
}

/// How far below the upper edge of a window of this height a dialog begins.
fn top(height: f32) -> f32 {
    (height * 0.09).floor()
}

/// How high a list in a dialog may be, so that the whole dialog is in sight. `beside` is what else takes height: the other
/// parts of the dialog, its margins, and what is left free below it.
pub(super) fn room(ui: &Ui, beside: f32) -> f32 {
    let height = ui.ctx().content_rect().height();
    height - top(height) - beside
}

/// The part of a dialog that scrolls where it is higher than [`room`] leaves it, and else is as high as what it holds: in its
/// first frame too, when the dialog does not know its own height yet.
pub(super) fn pane(ui: &Ui, beside: f32, least: f32) -> Pane {
    let room = room(ui, beside).max(least);
    Pane(ScrollArea::vertical().max_height(room).min_scrolled_height(room).auto_shrink([false, true]))
}

/// See [`pane`].
pub(super) struct Pane(ScrollArea);

impl Pane {
    pub(super) fn id_salt(self, salt: &str) -> Self {
        Self(self.0.id_salt(salt))
    }

    pub(super) fn show<T>(self, ui: &mut Ui, content: impl FnOnce(&mut Ui) -> T) -> T {
        let width = ui.available_width();
        // Its scroll bar is beside the content, like the one of the dialog.
        let place = ui.available_rect_before_wrap();
        let place = place.with_max_x(place.right() + f32::from(SCROLL_BAR));
        let mut wider = ui.new_child(UiBuilder::new().max_rect(place).id_salt("pane"));
        let show = |ui: &mut Ui| {
            ui.set_max_width(width);
            let shown = content(ui);
            widgets::follow_focus(ui);
            shown
        };
        let shown = self.0.show(&mut wider, show).inner;
        ui.advance_cursor_after_rect(wider.min_rect().with_max_x(place.left() + width));
        shown
    }
}

fn heading(ui: &mut Ui, title: &str) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 24.0));
    let text = widgets::text(ui, pos2(rect.left(), rect.center().y), title, Type::Heading, palette.text, rect.width());
    widgets::heading(ui, text, title);
    ui.add_space(12.0);
}

/// A paragraph, read as one label.
pub(super) fn paragraph(ui: &mut Ui, words: &str) {
    let palette = Palette::of(ui.style());
    let galley = widgets::paragraph(ui, words, Type::Body, palette.secondary, ui.available_width());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), galley.size().y));
    ui.painter().galley(rect.min, galley, palette.secondary);
    widgets::label(ui, rect, words, words);
    ui.add_space(12.0);
}

/// Says in a sentence what is wrong with what was typed.
pub(super) fn mistake(ui: &mut Ui, words: &str) {
    sentence(ui, words, Palette::of(ui.style()).failed);
}

/// Says something about what was typed, at once.
pub(super) fn sentence(ui: &mut Ui, words: &str, colour: Color32) {
    let galley = widgets::paragraph(ui, words, Type::Small, colour, ui.available_width());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), galley.size().y));
    ui.painter().galley(rect.min, galley, colour);
    widgets::alert(ui, rect, words);
}

/// Which button has the focus when a dialog opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// What is asked for.
    Main,
    /// The way out, where Enter by mistake would lose something.
    Out,
    /// Neither.
    None,
}

/// The buttons at the bottom, on the right: a way out, and what is asked for. Returns whether the latter was pressed.
pub(super) fn buttons(ui: &mut Ui, main: &str, out: &str, first: First, scene: &mut Scene) -> bool {
    buttons_unless(ui, None, main, out, first, scene)
}

/// The same, if what is asked for may not be possible now: then `why_not` says why, in a sentence.
pub(super) fn buttons_unless(
    ui: &mut Ui,
    why_not: Option<&str>,
    main: &str,
    out: &str,
    first: First,
    scene: &mut Scene,
) -> bool {
    let pressed = two_buttons(ui, (main, why_not), out, first);
    if pressed.out {
        scene.wish(Wish::CloseDialog);
    }
    pressed.main
}

/// Which of the two buttons was pressed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pressed {
    /// What is asked for.
    pub main: bool,
    /// The way out.
    pub out: bool,
}

/// The same buttons, for a dialog that closes itself.
pub(super) fn two_buttons(ui: &mut Ui, (main, why_not): (&str, Option<&str>), out: &str, first: First) -> Pressed {
    ui.add_space(12.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 32.0));
    let (main, out) = (Press::new(main).look(Look::Primary).why_not(why_not), Press::new(out).look(Look::Outlined));
    let [main, out] = [main, out].map(|press| press.face(Type::Body).height(32.0).padding(16.0));
    let middle = rect.center().y;
    let main_left = rect.right() - main.width(ui);
    let out_left = main_left - 8.0 - out.width(ui);
    let out = out.at(ui, pos2(out_left, middle));
    let main = main.at(ui, pos2(main_left, middle));
    match first {
        First::Main => main.request_focus(),
        First::Out => out.request_focus(),
        First::None => {}
    }
    Pressed { main: main.clicked(), out: out.clicked() }
}

/// The button for the focus in the dialog's first frame; in later ones it stays where the operator put it.
pub(super) fn first(fresh: bool, first: First) -> First {
    if fresh { first } else { First::None }
}

fn sign_out(ui: &mut Ui, profile: ProfileId, name: &str, revoke: &mut bool, fresh: bool, scene: &mut Scene) {
    paragraph(ui, &format!("{} leaves its channel, and its token is taken out of the system keyring.", visible(name)));
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 24.0));
    let words = "Revoke the token on the server too";
    if choice(ui, pos2(rect.left(), rect.center().y), Mark::Check(*revoke), words, true).clicked() {
        *revoke = !*revoke;
    }
    ui.add_space(4.0);
    if buttons(ui, "Sign out", "Cancel", first(fresh, First::Main), scene) {
        scene.wish(Wish::Send(Action::SignOut { profile, revoke: *revoke }));
        scene.wish(Wish::CloseDialog);
    }
}

fn forget(ui: &mut Ui, profile: ProfileId, name: &str, fresh: bool, scene: &mut Scene) {
    paragraph(
        ui,
        &format!(
            "Everything that the journal holds of {} goes off this computer: outcomes, labels, gaps, and links to data that \
             was not saved. This can't be undone. Saved files stay, and the profile stays signed in.",
            visible(name)
        ),
    );
    if buttons(ui, "Forget activity", "Cancel", first(fresh, First::Out), scene) {
        scene.wish(Wish::Send(Action::ForgetProfile(profile)));
        scene.wish(Wish::CloseDialog);
    }
}

fn remove(ui: &mut Ui, profile: ProfileId, name: &str, fresh: bool, scene: &mut Scene) {
    paragraph(
        ui,
        &format!(
            "{} is taken out of the settings, its token out of the system keyring, and its activity out of the journal. This \
             can't be undone. Saved files stay.",
            visible(name)
        ),
    );
    if buttons(ui, "Remove profile", "Cancel", first(fresh, First::Out), scene) {
        scene.wish(Wish::Send(Action::RemoveProfile(profile)));
        scene.wish(Wish::CloseDialog);
    }
}

fn label(ui: &mut Ui, keys: &BTreeMap<ProfileId, Vec<ActivityKey>>, text: &mut String, fresh: bool, scene: &mut Scene) {
    let words = "A label stands in the table in place of the context. An empty one takes it away.";
    match keys.values().map(Vec::len).sum::<usize>() {
        1 => paragraph(ui, words),
        count => paragraph(ui, &format!("{words} This names {count} rows alike.")),
    }
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 28.0));
    let id = Id::unique("label field");
    let long = format!("The label is longer than {LONGEST} characters. Enter a shorter one.");
    let why_not = (text.trim().chars().count() > LONGEST).then_some(&*long);
    let field = Field { hint: "approve device", wrong: why_not.is_some(), ..Field::new(id, "Label") };
    let response = field.show(ui, rect, text);
    if fresh {
        response.request_focus();
    }
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    ui.add_space(8.0);
    if let Some(wrong) = why_not {
        mistake(ui, wrong);
    }
    let pressed = buttons_unless(ui, why_not, "Save label", "Cancel", First::None, scene);
    if (pressed || entered) && why_not.is_none() {
        for (profile, keys) in keys {
            let label = text.trim().to_owned();
            scene.wish(Wish::Send(Action::Label { profile: *profile, keys: keys.clone(), label }));
        }
        scene.wish(Wish::CloseDialog);
    }
}

fn about(ui: &mut Ui, fresh: bool, scene: &mut Scene) {
    paragraph(ui, concat!("Version ", env!("CARGO_PKG_VERSION")));
    paragraph(ui, "A live monitor for the command outcomes and ready data of a Privicore profile.");
    paragraph(
        ui,
        "MIT OR Apache-2.0. Set in Inter and JetBrains Mono, SIL Open Font License 1.1; icons from Material Symbols, Apache \
         License 2.0.",
    );
    close_button(ui, fresh, scene);
}

/// The one button of a dialog that asks nothing.
pub(super) fn close_button(ui: &mut Ui, fresh: bool, scene: &mut Scene) {
    ui.add_space(12.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 32.0));
    let close = Press::new("Close").face(Type::Body).height(32.0).padding(16.0).look(Look::Outlined);
    let response = close.clone().at(ui, pos2(rect.right() - close.width(ui), rect.center().y));
    if fresh {
        response.request_focus();
    }
    if response.clicked() {
        scene.wish(Wish::CloseDialog);
    }
}
