//! The empty table: why it is empty, what will appear, and what to do.

use egui::{Pos2, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2};

use crate::activity::{Refresh, StatusFilter, Suggestion};
use crate::protocol::sanitize;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::cut;
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::{self, Button, ButtonStyle, empty_state, icons};

/// Why a filter, a status filter or both match nothing.
fn why_nothing(profile_tab: &ProfileTab, suggestion: Option<&Suggestion>) -> String {
    let filter = profile_tab.view.filter();
    let among = match profile_tab.view.status_filter() {
        StatusFilter::All => String::new(),
        status_filter => format!(" that is {}", status_filter.word().to_lowercase()),
    };
    let mut sentence = if filter.is_empty() {
        format!("There is no activity{among}.")
    } else {
        format!("No activity{among} matches {}.", sanitize(&cut(&filter.to_string(), 200)))
    };
    if profile_tab.view.is_paused() {
        sentence.push_str(" The view is paused: what came since is not looked at.");
    }
    if profile_tab.filter_error.is_some() {
        sentence.push_str(" What is typed above can't be read, so this is the last filter that could.");
    }
    if let Some(suggestion) = suggestion {
        sentence.push(' ');
        sentence.push_str(&sanitize(&cut(&suggestion.question(), 200)));
    }
    sentence
}

/// Draws the empty table's text. It scrolls if it does not fit.
pub(crate) fn show(ui: &mut Ui, body: Rect, profile_tab: &mut ProfileTab, frame: &mut FrameContext) {
    let mut inner = ui.new_child(UiBuilder::new().max_rect(body).id_salt("empty"));
    ScrollArea::vertical().auto_shrink(false).id_salt("empty").show(&mut inner, |ui| {
        let place = Rect::from_min_size(ui.cursor().min, body.size());
        let end = words(ui, place, profile_tab, frame);
        ui.allocate_space(vec2(place.width(), end + 4.0 - place.top()));
        widgets::follow_focus(ui);
    });
}

/// Draws the text, and the buttons below it. Returns their lower end.
fn words(ui: &mut Ui, body: Rect, profile_tab: &mut ProfileTab, frame: &mut FrameContext) -> f32 {
    if let Refresh::Searching { .. } = profile_tab.search {
        empty_state::show(ui, body, icons::SEARCH, "Searching…", "Rows appear here as they are found.")
    } else if profile_tab.view.is_filtered() && !profile_tab.activities.is_empty() {
        nothing_matches(ui, body, profile_tab, frame)
    } else if profile_tab.view.is_paused() && !profile_tab.activities.is_empty() {
        let sentence = "There was no activity yet when the view was paused. Resume shows what has come since.";
        empty_state::show(ui, body, icons::PAUSE, "Paused.", sentence)
    } else if profile_tab.restoring {
        empty_state::show(
            ui,
            body,
            icons::ARTICLE,
            "Reading the journal…",
            "Earlier activity appears here in a moment.",
        )
    } else if profile_tab.is_live() || profile_tab.status.connection.is_none() {
        let sentence = "Outcomes appear here the moment Privicore sends them.";
        let below = empty_state::show(ui, body, icons::LIVE_EMPTY, "No activity yet.", sentence);
        let middle = below + (body.height() / 8.0).clamp(14.0, 28.0);
        keys(ui, pos2(body.center().x, middle), profile_tab);
        middle + 9.0
    } else {
        let sentence = "Outcomes appear here the moment Privicore sends them, once this profile is connected.";
        empty_state::show(ui, body, icons::LIVE_EMPTY, "No activity yet.", sentence)
    }
}

/// Draws useful keyboard shortcuts, centred at `at`.
fn keys(ui: &Ui, at: Pos2, profile_tab: &ProfileTab) {
    const APART: f32 = 22.0;
    let palette = Palette::of(ui.style());
    let hints: Vec<(String, &str, f32)> =
        [(UiCommand::RequestData, "to request data"), (UiCommand::Track, "to track commands")]
            .into_iter()
            .filter(|(command, _)| command.is_available(profile_tab))
            .filter_map(|(command, words)| {
                let key = ui.ctx().format_shortcut(&command.key()?);
                let width = widgets::key_caps_width(ui, &key) + 6.0 + widgets::width(ui, words, TextRole::Small);
                Some((key, words, width))
            })
            .collect();
    let width: f32 = hints.iter().map(|(.., width)| width + APART).sum::<f32>() - APART;
    let mut left = at.x - width / 2.0;
    for (key, words, width) in hints {
        let right = left + widgets::key_caps_width(ui, &key);
        widgets::key_caps(ui, pos2(right, at.y), &key);
        let text = widgets::text(ui, pos2(right + 6.0, at.y), words, TextRole::Small, palette.muted, f32::INFINITY);
        widgets::label(ui, text.with_min_x(left), words, &format!("{key} {words}"));
        left += width + APART;
    }
}

/// Draws the text for a filter that matches nothing, with buttons to change it. Returns their lower end.
fn nothing_matches(ui: &mut Ui, body: Rect, profile_tab: &mut ProfileTab, frame: &mut FrameContext) -> f32 {
    let suggestion = Suggestion::find(&profile_tab.filter);
    let below =
        empty_state::show(ui, body, icons::SEARCH, "Nothing matches.", &why_nothing(profile_tab, suggestion.as_ref()));
    let meant =
        suggestion.as_ref().map(|suggestion| format!("Change to {}", sanitize(&cut(&suggestion.suggested, 40))));
    let change = meant.as_deref().map(|words| Button::new(words).style(ButtonStyle::Outlined));
    let everything = Button::new("Show everything").style(ButtonStyle::Outlined);
    let change_width = change.as_ref().map_or(0.0, |change| change.width(ui) + 8.0);
    let width = change_width + everything.width(ui);
    let mut at = pos2(body.center().x - width / 2.0, below + (body.height() / 8.0).clamp(14.0, 24.0));
    if let (Some(change), Some(suggestion)) = (change, &suggestion) {
        if change.at(ui, at).clicked() {
            profile_tab.set_filter(&suggestion.corrected);
            // Place the cursor after the correction.
            crate::ui::frame::filter_field::type_at(ui, suggestion.end);
            frame.request(UiRequest::Run(UiCommand::Filter));
        }
        at.x += change_width;
    }
    let everything = everything.at(ui, at);
    if everything.clicked() {
        frame.request(UiRequest::Run(UiCommand::ShowEverything));
    }
    everything.rect.bottom()
}
