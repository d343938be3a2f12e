//! The dialog `Export`: what is written, in which form, of whom; where to is asked by the system's own dialog after it.

use egui::{Ui, pos2, vec2};

use crate::activity::record::Format;
use crate::activity::{Chip, Filter};
use crate::engine::Export;
use crate::protocol::file_name;
use crate::settings::ProfileId;

use super::dialogs::{First, buttons, paragraph};
use super::field::{Mark, choice};
use super::scene::{Scene, Wish};
use super::text::visible;
use super::theme::{Palette, Type};
use super::widgets;

/// What is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportForm {
    /// The profile in front, and its name.
    profile: (ProfileId, String),
    /// Whether there are others.
    several: bool,
    all_profiles: bool,
    format: Format,
    messages: bool,
    /// What the table shows, where that is not everything: the filter, the chip, and both in words.
    shown: Option<(Filter, Chip, String)>,
    only_shown: bool,
}

impl ExportForm {
    /// The dialog for what is in front.
    pub(crate) fn new(profile: (ProfileId, String), several: bool, shown: Option<(Filter, Chip, String)>) -> Self {
        let only_shown = shown.is_some();
        Self { profile, several, all_profiles: false, format: Format::Csv, messages: false, shown, only_shown }
    }

    /// The name that the file is suggested to have.
    pub(crate) fn file_name(&self) -> String {
        let whose = if self.all_profiles { "all" } else { &self.profile.1 };
        let what = if self.messages { "messages" } else { "activities" };
        format!("privicore-{}-{what}.{}", file_name::safe_name(whose).unwrap_or_default(), self.format.extension())
    }

    /// What is to be exported, to a place.
    pub(crate) fn export(&self, to: std::path::PathBuf) -> Export {
        let (filter, chip) = match &self.shown {
            Some((filter, chip, _)) if self.only_shown => (filter.clone(), *chip),
            Some(_) | None => (Filter::default(), Chip::All),
        };
        Export {
            profile: (!self.all_profiles).then_some(self.profile.0),
            format: self.format,
            filter,
            chip,
            messages: self.messages,
            to,
        }
    }
}

/// Draws what the dialog holds.
pub(crate) fn show(ui: &mut Ui, form: &mut ExportForm, fresh: bool, scene: &mut Scene) {
    paragraph(ui, "Writes what the journal has into a file. No secret is in it: neither tokens nor links.");
    let format = form.format;
    options(ui, "Format", &[("CSV", format == Format::Csv), ("JSON lines", format == Format::Ndjson)], |chosen| {
        form.format = if chosen == 0 { Format::Csv } else { Format::Ndjson };
    });
    let messages = form.messages;
    options(ui, "Lines", &[("One an activity", !messages), ("One a message", messages)], |chosen| {
        form.messages = chosen == 1;
    });
    if form.several {
        let all = form.all_profiles;
        let name = format!("Only {}", visible(&form.profile.1));
        options(ui, "Profiles", &[(&name, !all), ("All profiles", all)], |chosen| form.all_profiles = chosen == 1);
    }
    if let Some((_, _, words)) = &form.shown {
        let only = form.only_shown;
        let words = format!("Only {words}");
        options(ui, "Rows", &[(&words, only), ("Everything", !only)], |chosen| form.only_shown = chosen == 0);
    }
    if buttons(ui, "Choose a file…", "Cancel", if fresh { First::Main } else { First::None }, scene) {
        scene.wish(Wish::Export(form.clone()));
        scene.wish(Wish::CloseDialog);
    }
}

/// A line of choices of which one holds; `choose` is called with the number of another that was clicked.
fn options(ui: &mut Ui, words: &str, all: &[(&str, bool)], choose: impl FnOnce(usize)) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 30.0));
    widgets::text(ui, pos2(rect.left(), rect.center().y), words, Type::Body, palette.secondary, 88.0);
    let mut at = pos2(rect.left() + 96.0, rect.center().y);
    let mut chosen = None;
    for (index, (option, holds)) in all.iter().enumerate() {
        let response = choice(ui, at, Mark::Radio(*holds), option, true);
        if response.clicked() && !holds {
            chosen = Some(index);
        }
        at.x = response.rect.right() + 16.0;
    }
    if let Some(index) = chosen {
        choose(index);
    }
}
