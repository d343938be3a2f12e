//! What an empty table says: why it is empty, what will appear there, and what to do.

use egui::{Pos2, Rect, Ui, pos2};

use crate::activity::{Refresh, StatusFilter, Suggestion};
use crate::protocol::visible;
use crate::ui::frame::commands::Command;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::cut;
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets;
use crate::ui::widgets::{Button, ButtonStyle, empty_state, icons};

/// Why a filter, a chip or both leave nothing.
fn why_nothing(desk: &ProfileTab, slip: Option<&Suggestion>) -> String {
    let filter = desk.view.filter();
    let among = match desk.view.chip() {
        StatusFilter::All => String::new(),
        chip => format!(" that is {}", chip.word().to_lowercase()),
    };
    let mut sentence = if filter.is_empty() {
        format!("There is no activity{among}.")
    } else {
        format!("No activity{among} matches {}.", visible(&cut(&filter.to_string(), 200)))
    };
    if desk.view.is_paused() {
        sentence.push_str(" The view is paused: what came since is not looked at.");
    }
    if desk.filter_error.is_some() {
        sentence.push_str(" What is typed above can't be read, so this is the last filter that could.");
    }
    if let Some(slip) = slip {
        sentence.push(' ');
        sentence.push_str(&visible(&cut(&slip.question(), 200)));
    }
    sentence
}

/// What an empty table says: what will appear here, and what to do.
pub(crate) fn show(ui: &mut Ui, body: Rect, desk: &mut ProfileTab, scene: &mut FrameContext) {
    if let Refresh::Searching { .. } = desk.search {
        empty_state::show(ui, body, icons::SEARCH, "Searching…", "Rows appear here as they are found.");
    } else if desk.view.is_filtered() && !desk.activities.is_empty() {
        nothing_matches(ui, body, desk, scene);
    } else if desk.view.is_paused() && !desk.activities.is_empty() {
        let sentence = "There was no activity yet when the view was paused. Resume shows what has come since.";
        empty_state::show(ui, body, icons::PAUSE, "Paused.", sentence);
    } else if desk.restoring {
        empty_state::show(
            ui,
            body,
            icons::ARTICLE,
            "Reading the journal…",
            "Earlier activity appears here in a moment.",
        );
    } else if desk.is_live() || desk.status.connection.is_none() {
        let sentence = "Outcomes appear here the moment Privicore sends them.";
        let below = empty_state::show(ui, body, icons::LIVE_EMPTY, "No activity yet.", sentence);
        keys(ui, pos2(body.center().x, below + (body.height() / 8.0).clamp(14.0, 28.0)), desk);
    } else {
        let sentence = "Outcomes appear here the moment Privicore sends them, once this profile is connected.";
        empty_state::show(ui, body, icons::LIVE_EMPTY, "No activity yet.", sentence);
    }
}

/// Which keys make something happen, centred at `at`.
fn keys(ui: &Ui, at: Pos2, desk: &ProfileTab) {
    const APART: f32 = 22.0;
    let palette = Palette::of(ui.style());
    let hints: Vec<(String, &str, f32)> =
        [(Command::RequestData, "to request data"), (Command::Track, "to track commands")]
            .into_iter()
            .filter(|(command, _)| command.is_available(desk))
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

/// What an empty table says where a filter or a chip is why it is empty, with the ways out.
fn nothing_matches(ui: &mut Ui, body: Rect, desk: &mut ProfileTab, scene: &mut FrameContext) {
    let slip = Suggestion::find(&desk.filter);
    let below = empty_state::show(ui, body, icons::SEARCH, "Nothing matches.", &why_nothing(desk, slip.as_ref()));
    let meant = slip.as_ref().map(|slip| format!("Change to {}", visible(&cut(&slip.meant, 40))));
    let change = meant.as_deref().map(|words| Button::new(words).look(ButtonStyle::Outlined));
    let everything = Button::new("Show everything").look(ButtonStyle::Outlined);
    let change_width = change.as_ref().map_or(0.0, |change| change.width(ui) + 8.0);
    let width = change_width + everything.width(ui);
    let mut at = pos2(body.center().x - width / 2.0, below + (body.height() / 8.0).clamp(14.0, 24.0));
    if let (Some(change), Some(slip)) = (change, &slip) {
        if change.at(ui, at).clicked() {
            desk.set_filter(&slip.mended);
            // Typing goes on where it has been put right.
            crate::ui::frame::filter_field::type_at(ui, slip.end);
            scene.wish(UiRequest::Run(Command::Filter));
        }
        at.x += change_width;
    }
    if everything.at(ui, at).clicked() {
        scene.wish(UiRequest::Run(Command::ShowEverything));
    }
}
