//! Draws the palette: the field, the matches, and a line about its use.

use egui::text::LayoutJob;
use egui::{Align, Color32, Id, Key, Modifiers, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};

use crate::protocol::sanitize;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::profile_tab::rows::drawn_name;
use crate::ui::text::cut;
use crate::ui::theme::palette::Palette;
use crate::ui::theme::{self, TextRole};
use crate::ui::widgets::text_field::Field;
use crate::ui::widgets::{self, icons};

use super::{CommandPalette, Entry, PaletteAction};

/// The height of an entry.
const ENTRY: f32 = 32.0;
/// The height of a group's heading.
const GROUP: f32 = 28.0;
/// The maximum number of visible entries.
const MAX_VISIBLE: f32 = 10.0;

/// Draws the dialog's content, and handles its keys.
pub(crate) fn show(
    ui: &mut Ui,
    palette: &mut CommandPalette,
    profile_tabs: &[ProfileTab],
    active_tab: Option<&ProfileTab>,
    fresh: bool,
    frame: &mut FrameContext,
) {
    let entered = keys(ui, palette);
    let before = palette.typed.clone();
    field(ui, palette, fresh);
    if palette.typed != before {
        palette.search(profile_tabs, active_tab, frame);
    }
    let clicked = list(ui, palette, active_tab);
    foot(ui, palette);
    if (entered || clicked)
        && let Some(request) = palette.request(active_tab)
    {
        frame.request(UiRequest::CloseDialog);
        frame.request(request);
    }
}

/// Handles the keys before the field can take them. Returns whether Enter was pressed.
fn keys(ui: &Ui, palette: &mut CommandPalette) -> bool {
    const PAGE: isize = 8;
    for (key, by) in
        [(Key::ArrowDown, 1), (Key::ArrowUp, -1), (Key::PageDown, PAGE), (Key::PageUp, -PAGE), (Key::Tab, 1)]
    {
        let presses = ui.input_mut(|input| input.count_and_consume_key(Modifiers::NONE, key));
        for _ in 0..presses {
            palette.step(by);
        }
    }
    ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter))
}

/// The id of the text field.
fn field_id() -> Id {
    Id::unique("palette field")
}

/// The id of an entry's accessibility node.
fn entry_id(index: usize) -> Id {
    Id::unique(("palette entry", index))
}

fn field(ui: &mut Ui, palette: &mut CommandPalette, fresh: bool) {
    let colours = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 32.0));
    let field =
        Field { hint: "Type a command, a label or an id", margins: (36.0, 56.0), ..Field::new(field_id(), "Command") };
    let response = field.show(ui, rect, &mut palette.typed);
    if fresh || !response.has_focus() {
        // Only the field takes text, so it always has the focus.
        response.request_focus();
    }
    widgets::icon(ui, pos2(rect.left() + 20.0, rect.center().y), icons::SEARCH, 18.0, colours.secondary);
    widgets::key_caps(ui, pos2(rect.right() - 12.0, rect.center().y), "Esc");
    let at = palette.at;
    let there = at < palette.entries.len();
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(accesskit::Role::SearchInput);
        if there {
            node.set_active_descendant(entry_id(at).accesskit_id());
        }
    });
    ui.add_space(8.0);
}

/// Draws the matches. Returns whether an entry was clicked, which then is the selected one.
fn list(ui: &mut Ui, palette: &mut CommandPalette, profile_tab: Option<&ProfileTab>) -> bool {
    let colours = Palette::of(ui.style());
    if palette.entries.is_empty() {
        let (_, rect) = ui.allocate_space(vec2(ui.available_width(), ENTRY * 2.0));
        let words = "No matches.";
        let text =
            widgets::text(ui, rect.left_center() + vec2(12.0, 0.0), words, TextRole::Body, colours.secondary, 400.0);
        widgets::label(ui, text, "nothing", words);
        return false;
    }
    let space = (ui.ctx().content_rect().height() - 220.0).clamp(ENTRY * 3.0, ENTRY * MAX_VISIBLE);
    let mut clicked = None;
    let reveal = std::mem::take(&mut palette.reveal);
    let size = palette.entries.len();
    ScrollArea::vertical().max_height(space).auto_shrink([false, true]).show(ui, |ui| {
        ui.ctx().accesskit_node_builder(ui.unique_id(), |node| {
            node.set_role(accesskit::Role::ListBox);
            node.set_label("What fits");
            node.set_size_of_set(size);
        });
        let mut group = "";
        for (index, entry) in palette.entries.iter().enumerate() {
            let of = if matches!(entry.action, PaletteAction::Reveal(_)) { "Activities" } else { "Commands" };
            if of != group {
                group = of;
                let (_, rect) = ui.allocate_space(vec2(ui.available_width(), GROUP));
                let at = pos2(rect.left() + 12.0, rect.center().y);
                widgets::text(ui, at, group, TextRole::Caption, colours.muted, 200.0);
            }
            let (_, rect) = ui.allocate_space(vec2(ui.available_width(), ENTRY));
            let chosen = index == palette.at;
            if chosen && reveal {
                ui.scroll_to_rect(rect.expand(if index == 0 { GROUP } else { 0.0 }), None);
            }
            if one(ui, rect, entry, profile_tab, (index, size), chosen) {
                clicked = Some(index);
            }
        }
    });
    if let Some(index) = clicked {
        palette.at = index;
    }
    clicked.is_some()
}

/// Draws an entry. Returns whether it was clicked.
fn one(
    ui: &Ui,
    rect: Rect,
    entry: &Entry,
    profile_tab: Option<&ProfileTab>,
    place: (usize, usize),
    chosen: bool,
) -> bool {
    let colours = Palette::of(ui.style());
    let response = ui.interact(rect, entry_id(place.0), Sense::CLICK);
    let row = match entry.action {
        PaletteAction::Reveal(row) => profile_tab.and_then(|profile_tab| profile_tab.activity(row)),
        PaletteAction::Run(_) | PaletteAction::Reconcile(_) => None,
    };
    let name = match &row {
        Some(activity) => format!("{}, {}", entry.words, activity.status().word()),
        None => entry.words.clone(),
    };
    let enabled = entry.why_not.is_none();
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, enabled, chosen, &name));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_selected(chosen);
        node.set_position_in_set(place.0);
        node.set_size_of_set(place.1);
        if let Some(why) = entry.why_not {
            node.set_description(why);
        }
    });
    if chosen || response.hovered() {
        let fill = if chosen { colours.selected } else { colours.hover };
        ui.painter().rect_filled(rect, theme::RADIUS, fill);
    }
    let middle = rect.center().y;
    let icon = match (&entry.action, &row) {
        (PaletteAction::Run(command), _) => command.icon(),
        (PaletteAction::Reconcile(_), _) => icons::RETRY_PROBLEM,
        (PaletteAction::Reveal(_), Some(activity)) => icons::kind(activity.kind()),
        (PaletteAction::Reveal(_), None) => icons::ARTICLE,
    };
    let hue = if !enabled {
        colours.muted
    } else if chosen {
        colours.accent
    } else {
        colours.secondary
    };
    widgets::icon(ui, pos2(rect.left() + 20.0, middle), icon, 16.0, hue);
    let ink = if enabled { colours.text } else { colours.muted };
    let galley = ui.painter().layout_job(with_typed(entry, ink, colours));
    let text = widgets::paint_line(ui, pos2(rect.left() + 40.0, middle), &galley);
    let right = pos2(rect.right() - 12.0, middle);
    if let Some(activity) = &row {
        let id = cut(&activity.id(), 8).into_owned();
        widgets::text(ui, pos2(text.right() + 12.0, middle), &sanitize(&id), TextRole::Mono, colours.muted, 90.0);
        let status = activity.status();
        let (icon, hue) = icons::status(status, colours);
        let x = rect.right() - 118.0;
        widgets::icon(ui, pos2(x + 8.0, middle), icon, 16.0, hue);
        widgets::text(ui, pos2(x + 22.0, middle), &status.word(), TextRole::Body, colours.secondary, 96.0);
    } else if let Some(why) = entry.why_not {
        let space = right.x - text.right() - 16.0;
        let galley = widgets::line(ui, why, TextRole::Small, colours.muted, space);
        let painted = widgets::paint_line(ui, pos2(right.x - galley.size().x, middle), &galley);
        if galley.elided {
            widgets::show_whole(ui, painted, || why.to_owned());
        }
    } else if let PaletteAction::Run(command) = entry.action
        && let Some(key) = command.key()
    {
        widgets::key_caps(ui, right, &ui.ctx().format_shortcut(&key));
    }
    response.clicked()
}

/// Lays out an entry's text, with the matched characters in a stronger font.
fn with_typed(entry: &Entry, ink: Color32, colours: &Palette) -> LayoutJob {
    let mut job = LayoutJob::default();
    let mut run = (false, String::new());
    let hidden = match entry.action {
        PaletteAction::Run(UiCommand::Profile(_)) => {
            entry.words.chars().count() - drawn_name(&entry.words).chars().count()
        }
        _ => 0,
    };
    for (place, letter) in cut(&entry.words, 60).chars().enumerate().skip(hidden) {
        let typed = entry.places.binary_search(&place).is_ok();
        if typed != run.0 {
            add(&mut job, &run, ink, entry, colours);
            run = (typed, String::new());
        }
        run.1.push(letter);
    }
    add(&mut job, &run, ink, entry, colours);
    job.halign = Align::LEFT;
    job.wrap.max_rows = 1;
    job
}

/// Appends a run of matched, or of unmatched, characters.
fn add(job: &mut LayoutJob, (typed, run): &(bool, String), ink: Color32, entry: &Entry, colours: &Palette) {
    let face = if *typed { TextRole::Strong } else { TextRole::Body };
    let ink = if *typed || entry.places.is_empty() { ink } else { colours.secondary };
    job.append(run, 0.0, widgets::format(face, ink));
}

/// Draws the keys to use, and the number of matches.
fn foot(ui: &mut Ui, palette: &CommandPalette) {
    let colours = Palette::of(ui.style());
    ui.add_space(4.0);
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 28.0));
    ui.painter().hline(rect.x_range(), rect.top() + 4.0, egui::Stroke::new(1.0, colours.stroke));
    let middle = rect.center().y + 4.0;
    let words = "↑ ↓ to move    Enter to run";
    widgets::text(ui, pos2(rect.left() + 12.0, middle), words, TextRole::Caption, colours.muted, 300.0);
    let commands = palette.entries.iter().filter(|entry| !matches!(entry.action, PaletteAction::Reveal(_))).count();
    let count = format!("{commands} of {} commands", palette.of);
    let text = widgets::text_right(ui, pos2(rect.right() - 12.0, middle), &count, TextRole::Caption, colours.muted);
    let response = widgets::label(ui, text, "count", &count);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(accesskit::Live::Polite));
}
