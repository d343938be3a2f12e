//! The toolbar above the table: the filter, the button to the newest rows, pause and follow.

use egui::{Id, Key, Rect, Ui, pos2, vec2};

use crate::activity::FilterError;
use crate::settings::SavedFilter;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::filter_field::filter_id;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::grouped;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::text_field::Field;
use crate::ui::widgets::{self, Button, ButtonStyle, icons};

use super::saved_filters;

/// The space for the menu of saved filters, between the field and what follows.
const SAVED: f32 = 32.0;

/// Draws the bar in the whole of `ui`.
pub(crate) fn show(ui: &mut Ui, profile_tab: &mut ProfileTab, saved: &[SavedFilter], frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let rect = widgets::bar(ui, palette.panel, true);
    let middle = rect.center().y;
    let tools = Tools::of(profile_tab, frame.narrow);
    let tools_width = tools.width(ui);
    let newer = profile_tab.table.newer(&profile_tab.activities, &profile_tab.view);
    let newer_words = format!("{} new", grouped(newer));
    let newer_name = format!("{newer} new");
    let new = Button::new(&newer_words)
        .name(&newer_name)
        .salt(Id::unique("newer"))
        .icon(icons::ARROW_UP)
        .style(ButtonStyle::Outlined);
    let new_width = if newer > 0 { new.width(ui) + 12.0 } else { 0.0 };
    let space = rect.width() - 2.0 * theme::EDGE - tools_width - new_width - 12.0 - SAVED;
    let width = if frame.narrow { space } else { space.min(488.0) };
    let field = Rect::from_min_size(pos2(rect.left() + theme::EDGE, middle - 12.0), vec2(width.max(80.0), 24.0));
    filter(ui, field, profile_tab, frame);
    saved_filters::menu(ui, pos2(field.right() + 4.0, middle), saved, frame);
    if newer > 0 && new.at(ui, pos2(field.right() + SAVED + 8.0, middle)).clicked() {
        frame.request(UiRequest::Run(UiCommand::Follow));
    }
    // The text of the last button, or its icon in the narrow window, ends at the common right edge; its padding lies beyond.
    let beyond = if frame.narrow { 4.0 } else { 8.0 };
    tools.show(ui, pos2(rect.right() - theme::EDGE + beyond - tools_width, middle), frame);
}

fn filter(ui: &mut Ui, rect: Rect, profile_tab: &mut ProfileTab, frame: &FrameContext) {
    let palette = Palette::of(ui.style());
    let key = if frame.narrow {
        String::new()
    } else {
        UiCommand::Filter.key().map_or_else(String::new, |key| ui.ctx().format_shortcut(&key))
    };
    let key_width = if key.is_empty() { 0.0 } else { widgets::width(ui, &key, TextRole::Caption) + 10.0 };
    let clear_width = if profile_tab.filter.is_empty() { 0.0 } else { 20.0 };
    let field = Field {
        hint: "Filter …",
        margins: (31.0, 8.0 + key_width.max(clear_width)),
        has_error: profile_tab.filter_error.is_some(),
        error_range: profile_tab.filter_error.as_ref().map(|error| error.range.clone()),
        ..Field::new(filter_id(), "Filter")
    };
    let mut response = field.show(ui, rect, &mut profile_tab.filter);
    if profile_tab.filter.is_empty() {
        response = response.on_hover_text(LANGUAGE);
    }
    widgets::icon(ui, pos2(rect.left() + 17.0, rect.center().y), icons::SEARCH, 16.0, palette.secondary);
    if response.changed() {
        profile_tab.parse_filter();
    }
    if let Some(error) = &profile_tab.filter_error {
        show_filter_error(ui, rect, &response, error);
    }
    // Enter moves the focus to the filtered rows.
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        let id = crate::ui::profile_tab::rows::table_id(profile_tab);
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    if profile_tab.filter.is_empty() {
        let at = pos2(rect.right() - 8.0, rect.center().y);
        widgets::text_right(ui, at, &key, TextRole::Caption, palette.muted);
    } else if Button::icon_only(icons::CLOSE, "Clear filter")
        .icon_size(14.0)
        .height(20.0)
        .padding(3.0)
        .at(ui, pos2(rect.right() - 24.0, rect.center().y))
        .clicked()
    {
        profile_tab.set_filter("");
    }
}

/// The help text of the filter language.
const LANGUAGE: &str = "Words that must all be found, \"phrases\", -left-out, status:failed, kind:data, id:23f7, \
                        label:deploy, context:invoices, message:owner, source:enquiry, since:10m, took:>2s, /expression/";

/// Draws a filter error under the field, and reports it to screen readers as the field's description.
fn show_filter_error(ui: &Ui, field: Rect, response: &egui::Response, error: &FilterError) {
    let palette = Palette::of(ui.style());
    let sentence = error.problem.to_string();
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_invalid(egui::accesskit::Invalid::True);
        node.set_description(sentence.as_str());
    });
    let at = pos2(field.left(), field.bottom() + 4.0);
    let area = egui::Area::new(Id::unique("filter mistake")).fixed_pos(at).order(egui::Order::Foreground);
    area.interactable(false).show(ui.ctx(), |ui| {
        let popup = egui::Frame::popup(ui.style()).fill(palette.popup).inner_margin(egui::Margin::symmetric(10, 6));
        popup.show(ui, |ui| {
            let words = widgets::paragraph(ui, &sentence, TextRole::Small, palette.text, field.width().max(280.0));
            let (_, place) = ui.allocate_space(vec2(words.size().x + 20.0, words.size().y));
            widgets::icon(ui, place.left_top() + vec2(7.0, 8.0), icons::ERROR, 14.0, palette.failed);
            ui.painter().galley(place.left_top() + vec2(20.0, 0.0), words, palette.text);
            let label = widgets::label(ui, place, "filter mistake", &sentence);
            ui.ctx().accesskit_node_builder(label.id, |node| node.set_live(egui::accesskit::Live::Polite));
        });
    });
}

/// The buttons on the right.
struct Tools {
    paused: bool,
    waiting: usize,
    follows: bool,
    narrow: bool,
    /// Why nothing can be requested in this tab, as a sentence.
    why_no_requests: Option<&'static str>,
}

impl Tools {
    fn of(profile_tab: &ProfileTab, narrow: bool) -> Self {
        Self {
            paused: profile_tab.view.is_paused(),
            waiting: profile_tab.view.waiting(&profile_tab.activities),
            follows: profile_tab.table.follows() && profile_tab.view.sort().is_none(),
            narrow,
            why_no_requests: UiCommand::RequestData
                .why_not(Some(profile_tab))
                .or(UiCommand::Track.why_not(Some(profile_tab))),
        }
    }

    fn pause(&self) -> Button<'static> {
        let (icon, words) = if self.paused { (icons::RESUME, "Resume") } else { (icons::PAUSE, "Pause") };
        let press = if self.narrow { Button::icon_only(icon, words) } else { Button::new(words).icon(icon) };
        press.on(self.paused).salt(Id::unique("pause"))
    }

    fn follow(&self) -> Button<'static> {
        let press = if self.narrow {
            Button::icon_only(icons::FOLLOW, "Follow newest")
        } else {
            Button::new("Follow newest").icon(icons::FOLLOW)
        };
        press.on(self.follows)
    }

    fn columns(&self) -> Button<'static> {
        if self.narrow {
            Button::icon_only(icons::COLUMNS, "Columns")
        } else {
            Button::new("Columns").icon(icons::COLUMNS)
        }
    }

    fn export(&self) -> Button<'static> {
        if self.narrow {
            Button::icon_only(icons::EXPORT, "Export…")
        } else {
            Button::new("Export…").icon(icons::EXPORT)
        }
    }

    /// The buttons for requests; `None` in the narrow window, where the menu has them.
    fn request_buttons(&self) -> Option<[(Button<'static>, UiCommand); 2]> {
        (!self.narrow).then(|| {
            [
                (Button::new("Request data…").icon(icons::REQUEST), UiCommand::RequestData),
                (Button::new("Track commands…").icon(icons::TRACK), UiCommand::Track),
            ]
        })
    }

    fn waiting(&self) -> Option<String> {
        (self.paused && self.waiting > 0).then(|| format!("{} waiting", grouped(self.waiting)))
    }

    fn width(&self, ui: &Ui) -> f32 {
        let waiting = self.waiting().map_or(0.0, |words| widgets::width(ui, &words, TextRole::Small) + 8.0);
        let asks = self
            .request_buttons()
            .map_or(0.0, |asks| asks.iter().map(|(press, _)| press.width(ui) + 8.0).sum::<f32>() + 17.0);
        let (columns, export) = (self.columns().width(ui), self.export().width(ui));
        waiting + asks + self.pause().width(ui) + self.follow().width(ui) + columns + export + 24.0
    }

    fn show(&self, ui: &mut Ui, at: egui::Pos2, frame: &mut FrameContext) {
        let palette = Palette::of(ui.style());
        let mut x = at.x;
        if let Some(words) = self.waiting() {
            let text = widgets::text(ui, at, &words, TextRole::Small, palette.text, f32::INFINITY);
            widgets::label(ui, text, "waiting", &format!("{} waiting", self.waiting));
            x = text.right() + 8.0;
        }
        if let Some(asks) = self.request_buttons() {
            for (press, command) in asks {
                let response = press.why_not(self.why_no_requests).at(ui, pos2(x, at.y));
                x = response.rect.right() + 8.0;
                if response.clicked() {
                    frame.request(UiRequest::Run(command));
                }
            }
            widgets::divider(ui, x + 4.5, at.y, 16.0);
            x += 17.0;
        }
        let pause = self.pause().at(ui, pos2(x, at.y));
        if pause.clicked() {
            frame.request(UiRequest::Run(UiCommand::Pause));
        }
        let follow = self.follow().at(ui, pos2(pause.rect.right() + 8.0, at.y));
        if follow.clicked() {
            frame.request(UiRequest::Run(UiCommand::Follow));
        }
        let columns = self.columns().at(ui, pos2(follow.rect.right() + 8.0, at.y));
        if columns.clicked() {
            frame.request(UiRequest::Run(UiCommand::Columns));
        }
        let export = self.export().at(ui, pos2(columns.rect.right() + 8.0, at.y));
        if export.clicked() {
            frame.request(UiRequest::Run(UiCommand::Export));
        }
    }
}
