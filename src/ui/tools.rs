//! The tools above the table: the filter, the way back to the newest rows, pause and follow.

use egui::{Id, Key, Rect, Ui, pos2, vec2};

use super::commands::Command;
use super::desk::Desk;
use super::field::Field;
use super::icons;
use super::scene::{Scene, Wish};
use super::text::grouped;
use super::theme::{self, Palette, Type};
use super::widgets::{self, Look, Press};

/// The filter's id: keys and commands put the focus into it.
pub(crate) fn filter_id() -> Id {
    Id::unique("filter")
}

/// Draws the bar in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, desk: &mut Desk, scene: &mut Scene) {
    let palette = Palette::of(ui.style());
    let rect = widgets::bar(ui, palette.panel, true);
    let middle = rect.center().y;
    let tools = Tools::of(desk, scene.narrow);
    let tools_width = tools.width(ui);
    let newer = desk.table.newer(&desk.activities, &desk.view);
    let newer_words = format!("{} new", grouped(newer));
    let newer_name = format!("{newer} new");
    let new =
        Press::new(&newer_words).name(&newer_name).salt(Id::unique("newer")).icon(icons::ARROW_UP).look(Look::Outlined);
    let new_width = if newer > 0 { new.width(ui) + 12.0 } else { 0.0 };
    let room = rect.width() - 2.0 * theme::EDGE - tools_width - new_width - 12.0;
    let width = if scene.narrow { room } else { room.min(488.0) };
    let field = Rect::from_min_size(pos2(rect.left() + theme::EDGE, middle - 12.0), vec2(width.max(80.0), 24.0));
    filter(ui, field, desk, scene);
    if newer > 0 && new.at(ui, pos2(field.right() + 12.0, middle)).clicked() {
        scene.wish(Wish::Run(Command::Follow));
    }
    tools.show(ui, pos2(rect.right() - theme::EDGE - tools_width + 8.0, middle), scene);
}

fn filter(ui: &mut Ui, rect: Rect, desk: &mut Desk, scene: &Scene) {
    let palette = Palette::of(ui.style());
    let key = if scene.narrow {
        String::new()
    } else {
        Command::Filter.key().map_or_else(String::new, |key| ui.ctx().format_shortcut(&key))
    };
    let key_width = if key.is_empty() { 0.0 } else { widgets::width(ui, &key, Type::Caption) + 10.0 };
    let clear_width = if desk.filter.is_empty() { 0.0 } else { 20.0 };
    let field = Field {
        hint: "Filter …",
        margins: (31.0, 8.0 + key_width.max(clear_width)),
        ..Field::new(filter_id(), "Filter")
    };
    let response = field.show(ui, rect, &mut desk.filter);
    widgets::icon(ui, pos2(rect.left() + 17.0, rect.center().y), icons::SEARCH, 16.0, palette.secondary);
    if response.changed() {
        desk.view.set_filter(&desk.filter);
    }
    // Enter goes on to the rows that were found.
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        let id = super::table::table_id(desk);
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    if desk.filter.is_empty() {
        let at = pos2(rect.right() - 8.0, rect.center().y);
        widgets::text_right(ui, at, &key, Type::Caption, palette.muted);
    } else if Press::icon_only(icons::CLOSE, "Clear filter")
        .icon_size(14.0)
        .height(20.0)
        .padding(3.0)
        .at(ui, pos2(rect.right() - 24.0, rect.center().y))
        .clicked()
    {
        desk.filter.clear();
        desk.view.set_filter("");
    }
}

/// The buttons on the right.
struct Tools {
    paused: bool,
    waiting: usize,
    follows: bool,
    narrow: bool,
}

impl Tools {
    fn of(desk: &Desk, narrow: bool) -> Self {
        Self {
            paused: desk.view.is_paused(),
            waiting: desk.view.waiting(&desk.activities),
            follows: desk.table.follows() && desk.view.sort().is_none(),
            narrow,
        }
    }

    fn pause(&self) -> Press<'static> {
        let (icon, words) = if self.paused { (icons::RESUME, "Resume") } else { (icons::PAUSE, "Pause") };
        let press = if self.narrow { Press::icon_only(icon, words) } else { Press::new(words).icon(icon) };
        press.on(self.paused).salt(Id::unique("pause"))
    }

    fn follow(&self) -> Press<'static> {
        let press = if self.narrow {
            Press::icon_only(icons::FOLLOW, "Follow newest")
        } else {
            Press::new("Follow newest").icon(icons::FOLLOW)
        };
        press.on(self.follows)
    }

    /// In the narrow window the menu has it.
    fn asks(&self) -> Option<[(Press<'static>, Command); 2]> {
        (!self.narrow).then(|| {
            [
                (Press::new("Request data…").icon(icons::REQUEST), Command::RequestData),
                (Press::new("Track commands…").icon(icons::TRACK), Command::Track),
            ]
        })
    }

    fn waiting(&self) -> Option<String> {
        (self.paused && self.waiting > 0).then(|| format!("{} waiting", grouped(self.waiting)))
    }

    fn width(&self, ui: &Ui) -> f32 {
        let waiting = self.waiting().map_or(0.0, |words| widgets::width(ui, &words, Type::Small) + 8.0);
        let asks =
            self.asks().map_or(0.0, |asks| asks.iter().map(|(press, _)| press.width(ui) + 8.0).sum::<f32>() + 17.0);
        waiting + asks + self.pause().width(ui) + self.follow().width(ui) + 16.0
    }

    fn show(&self, ui: &mut Ui, at: egui::Pos2, scene: &mut Scene) {
        let palette = Palette::of(ui.style());
        let mut x = at.x;
        if let Some(words) = self.waiting() {
            let text = widgets::text(ui, at, &words, Type::Small, palette.text, f32::INFINITY);
            widgets::label(ui, text, "waiting", &format!("{} waiting", self.waiting));
            x = text.right() + 8.0;
        }
        if let Some(asks) = self.asks() {
            for (press, command) in asks {
                let response = press.at(ui, pos2(x, at.y));
                if response.clicked() {
                    scene.wish(Wish::Run(command));
                }
                x = response.rect.right() + 8.0;
            }
            widgets::divider(ui, x + 4.5, at.y, 16.0);
            x += 17.0;
        }
        let pause = self.pause().at(ui, pos2(x, at.y));
        if pause.clicked() {
            scene.wish(Wish::Run(Command::Pause));
        }
        let follow = self.follow().at(ui, pos2(pause.rect.right() + 8.0, at.y));
        if follow.clicked() {
            scene.wish(Wish::Run(Command::Follow));
        }
    }
}
