//! The dialog `Settings`. Changes take effect at once: switches at a click, numbers when their field loses the focus, because
//! an incomplete number could delete history.

pub(crate) mod data_key;
pub(crate) mod line;
pub(crate) mod network;
pub(crate) mod ready_data;
pub(crate) mod section;

use std::ops::RangeInclusive;

use egui::{Id, Key, Ui, pos2, vec2};

use crate::settings::{DOWNLOADS_AT_ONCE, IDLE_LIMITS, Motion, Preferences, ROWS_IN_MEMORY, SCALES, Theme};
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::dialog_frame::{close_button, pane};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::widgets::text_field::{Field, Mark, choice};
use crate::ui::widgets::{self, Button, ButtonStyle};

use line::begin;
use network::Network;

/// The step of the scale, in per cent.
pub(crate) const SCALE_STEP: u16 = 10;

/// A setting that is typed as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    MessageLimit,
    LinkLifetime,
    DownloadsAtOnce,
    IdleLimit,
    RetentionDays,
    RetentionSize,
    RowsInMemory,
}

impl Number {
    const ALL: [Self; 7] = [
        Self::MessageLimit,
        Self::LinkLifetime,
        Self::DownloadsAtOnce,
        Self::IdleLimit,
        Self::RetentionDays,
        Self::RetentionSize,
        Self::RowsInMemory,
    ];

    /// The label, which is also the field's accessible name.
    fn words(self) -> &'static str {
        match self {
            Self::MessageLimit => "Largest message (MiB)",
            Self::LinkLifetime => "Links live for (minutes)",
            Self::DownloadsAtOnce => "Downloads at once",
            Self::IdleLimit => "Idle limit (seconds)",
            Self::RetentionDays => "Keep history for (days)",
            Self::RetentionSize => "Journal at most (MiB)",
            Self::RowsInMemory => "Rows in memory",
        }
    }

    /// What the setting does.
    fn hint(self) -> &'static str {
        match self {
            Self::MessageLimit => "Larger messages close the connection.",
            Self::LinkLifetime => "If the message does not say.",
            Self::DownloadsAtOnce => "Others wait; what expires first is next.",
            Self::IdleLimit => "Ends a download without data.",
            Self::RetentionDays => "Older entries are deleted. 0 keeps all.",
            Self::RetentionSize => "Oldest entries go first. 0 is unlimited.",
            Self::RowsInMemory => "Older settled ones are in the journal only.",
        }
    }

    /// The valid range, in the setting's unit.
    fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::MessageLimit => 1..=1_024,
            Self::LinkLifetime => 1..=7 * 24 * 60,
            Self::DownloadsAtOnce => from_small(&DOWNLOADS_AT_ONCE),
            Self::IdleLimit => from_small(&IDLE_LIMITS),
            Self::RetentionDays => 0..=36_500,
            Self::RetentionSize => 0..=1_000_000_000,
            Self::RowsInMemory => from_small(&ROWS_IN_MEMORY),
        }
    }

    /// The present value.
    fn of(self, preferences: &Preferences) -> u64 {
        match self {
            // Round up to whole units, so that nothing that was accepted before is refused.
            Self::MessageLimit => u64::try_from(preferences.message_limit).unwrap_or(u64::MAX).div_ceil(1 << 20),
            Self::LinkLifetime => u64::from(preferences.link_lifetime.div_ceil(60)),
            Self::DownloadsAtOnce => u64::from(preferences.downloads_at_once),
            Self::IdleLimit => u64::from(preferences.idle_limit),
            Self::RetentionDays => u64::from(preferences.retention_days),
            Self::RetentionSize => preferences.retention_bytes.div_ceil(1 << 20),
            Self::RowsInMemory => u64::try_from(preferences.rows_in_memory()).unwrap_or(u64::MAX),
        }
    }

    /// Stores the number. A number within the range always fits.
    fn store(self, number: u64, preferences: &mut Preferences) {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        match self {
            Self::MessageLimit => {
                preferences.message_limit = usize::try_from(number.saturating_mul(1 << 20)).unwrap_or(usize::MAX);
            }
            Self::LinkLifetime => preferences.link_lifetime = small(number.saturating_mul(60)),
            Self::DownloadsAtOnce => preferences.downloads_at_once = small(number),
            Self::IdleLimit => preferences.idle_limit = small(number),
            Self::RetentionDays => preferences.retention_days = small(number),
            Self::RetentionSize => preferences.retention_bytes = number.saturating_mul(1 << 20),
            Self::RowsInMemory => preferences.rows_in_memory = small(number),
        }
    }

    /// Parses what was typed, or returns the error as a sentence.
    fn parse(self, typed: &str) -> Result<u64, String> {
        let (least, most) = (*self.range().start(), *self.range().end());
        typed
            .trim()
            .parse()
            .ok()
            .filter(|number| self.range().contains(number))
            .ok_or_else(|| format!("Enter a whole number from {least} to {most}."))
    }
}

fn from_small(range: &RangeInclusive<u32>) -> RangeInclusive<u64> {
    u64::from(*range.start())..=u64::from(*range.end())
}

/// The form's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    preferences: Preferences,
    /// Whether the system asks for reduced motion.
    reduced_motion: bool,
    typed: [String; Number::ALL.len()],
    network: Network,
    /// The number with an error, and the error.
    error: Option<(Number, String)>,
}

impl Form {
    /// The form with the present settings. `reduced_motion` is whether the system asks for reduced motion.
    pub(crate) fn new(preferences: Preferences, reduced_motion: bool) -> Self {
        let typed = Number::ALL.map(|number| number.of(&preferences).to_string());
        let network = Network::new(&preferences);
        Self { preferences, reduced_motion, typed, network, error: None }
    }

    /// Updates what the operator is not editing, after the settings have changed elsewhere.
    pub(crate) fn refresh(&mut self, preferences: &Preferences) {
        for (number, typed) in Number::ALL.into_iter().zip(&mut self.typed) {
            if number.of(preferences) != number.of(&self.preferences) {
                *typed = number.of(preferences).to_string();
            }
        }
        self.network.refresh(&self.preferences, preferences);
        self.preferences = preferences.clone();
    }
}

/// Draws the dialog's content. `active_tab` is the active profile.
pub(crate) fn show(
    ui: &mut Ui,
    form: &mut Form,
    active_tab: Option<&ProfileTab>,
    fresh: bool,
    frame: &mut FrameContext,
) {
    let mut new = form.preferences.clone();
    pane(ui, 164.0, 120.0).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        appearance(ui, &mut new, form.reduced_motion);
        ui.add_space(8.0);
        for (number, typed) in Number::ALL.into_iter().zip(&mut form.typed) {
            field(ui, number, typed, &mut new, &mut form.error);
        }
        of_profile(ui, active_tab, frame);
        ui.add_space(8.0);
        network::show(ui, &mut form.network, &mut new);
    });
    if new != form.preferences {
        frame.request(UiRequest::ChangePreferences(form.preferences.changes_to(&new)));
        form.preferences = new;
    }
    close_button(ui, fresh, frame);
}

/// Draws a button to the active profile's own settings, because people look for them here too.
fn of_profile(ui: &mut Ui, active_tab: Option<&ProfileTab>, frame: &mut FrameContext) {
    let palette = Palette::of(ui.style());
    let at = begin(ui, "Ready data");
    let (words, why_not) = (UiCommand::DataSettings.words(), UiCommand::DataSettings.why_not(active_tab));
    let press = Button::new(&words).style(ButtonStyle::Outlined).why_not(why_not);
    let response = press.at(ui, at);
    if response.clicked() {
        frame.request(UiRequest::Run(UiCommand::DataSettings));
    }
    if let Some(why) = why_not {
        let beside = pos2(response.rect.right() + 12.0, at.y);
        let text = widgets::text(ui, beside, why, TextRole::Small, palette.muted, ui.max_rect().right() - beside.x);
        widgets::label(ui, text, &words, why);
    }
}

fn appearance(ui: &mut Ui, new: &mut Preferences, by_system: bool) {
    let mut at = begin(ui, "Theme");
    for (theme, words) in [(Theme::System, "System"), (Theme::Light, "Light"), (Theme::Dark, "Dark")] {
        let response = choice(ui, at, Mark::Radio(new.theme == theme), words, true);
        if response.clicked() {
            new.theme = theme;
        }
        at.x = response.rect.right() + 16.0;
    }
    let mut at = begin(ui, "Scale");
    let [smallest, largest] = [("smallest", *SCALES.start()), ("largest", *SCALES.end())]
        .map(|(which, end)| (new.scale == end).then(|| format!("{end} % is the {which} scale.")));
    for (words, by, why_not) in [("Smaller", false, smallest), ("Larger", true, largest)] {
        let press = Button::new(words).style(ButtonStyle::Outlined).why_not(why_not.as_deref());
        let response = press.at(ui, at);
        if response.clicked() {
            new.scale = scaled(new.scale, by);
        }
        at.x = response.rect.right() + 8.0;
    }
    let words = format!("{} %", new.scale);
    let palette = Palette::of(ui.style());
    let text = widgets::text(ui, pos2(at.x + 4.0, at.y), &words, TextRole::Strong, palette.text, 60.0);
    widgets::label(ui, text, "scale", &format!("Scale {words}"));
    let at = begin(ui, "Motion");
    let reduced = new.motion == Motion::Reduced;
    let words = if by_system { "Reduce motion (the system asks for it)" } else { "Reduce motion" };
    if choice(ui, at, Mark::Check(reduced || by_system), words, !by_system).clicked() {
        new.motion = if reduced { Motion::System } else { Motion::Reduced };
    }
    let mut at = begin(ui, "On the desktop");
    for (wanted, words) in
        [(&mut new.notify_failed, "Notify of failures"), (&mut new.notify_ready, "Notify of ready data")]
    {
        let response = choice(ui, at, Mark::Check(*wanted), words, true);
        if response.clicked() {
            *wanted = !*wanted;
        }
        at.x = response.rect.right() + 16.0;
    }
}

/// The next larger or smaller scale, in whole steps.
pub(crate) fn scaled(scale: u16, larger: bool) -> u16 {
    let steps = scale / SCALE_STEP;
    let next = if larger { steps + 1 } else { scale.div_ceil(SCALE_STEP).saturating_sub(1) };
    (next * SCALE_STEP).clamp(*SCALES.start(), *SCALES.end())
}

/// Draws a number's line. The number takes effect when the field loses the focus, or at Enter.
fn field(ui: &mut Ui, number: Number, typed: &mut String, new: &mut Preferences, wrong: &mut Option<(Number, String)>) {
    let palette = Palette::of(ui.style());
    let at = begin(ui, number.words());
    let place = egui::Rect::from_min_size(pos2(at.x, at.y - 14.0), vec2(96.0, 28.0));
    let pointed_out = wrong.as_ref().filter(|(which, _)| *which == number).map(|(_, sentence)| sentence.clone());
    let id = Id::unique(("settings", number.words()));
    let field = Field { face: TextRole::Mono, has_error: pointed_out.is_some(), ..Field::new(id, number.words()) };
    let response = field.show(ui, place, typed);
    let entered = response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if response.lost_focus() || entered {
        *wrong = None;
        match number.parse(typed) {
            Ok(value) if value != number.of(new) => number.store(value, new),
            Ok(_) => {}
            Err(sentence) => *wrong = Some((number, sentence)),
        }
    }
    let beside = pos2(place.right() + 12.0, at.y);
    let space = ui.max_rect().right() - beside.x;
    if let Some(sentence) = pointed_out {
        let text = widgets::text(ui, beside, &sentence, TextRole::Small, palette.failed, space);
        widgets::alert(ui, text, &sentence);
    } else {
        let text = widgets::text(ui, beside, number.hint(), TextRole::Small, palette.muted, space);
        widgets::label(ui, text, number.words(), number.hint());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Preferences;

    #[test]
    fn the_scale_changes_in_whole_steps_within_its_limits() {
        assert_eq!(scaled(100, false), 100);
        assert_eq!(scaled(100, true), 110);
        assert_eq!(scaled(105, true), 110);
        assert_eq!(scaled(105, false), 100);
        assert_eq!(scaled(200, true), 200);
    }

    #[test]
    fn a_number_is_parsed_as_it_was_stored() {
        for number in Number::ALL {
            let mut preferences = Preferences::default();
            let value = number.range().start().max(&7).to_owned();
            number.store(value, &mut preferences);
            assert_eq!(number.of(&preferences), value, "{number:?}");
            for typed in ["", "x", "-1", "1.5", "99999999999999999999"] {
                assert!(number.parse(typed).is_err(), "{number:?} takes {typed:?}");
            }
        }
    }
}
