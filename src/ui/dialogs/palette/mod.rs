//! The command palette: every command and what is in the table, found by typing.
//!
//! What can't be run just now is listed all the same, and says why.

pub(crate) mod fuzzy;
pub(crate) mod show;

use crate::activity::{ActivityKey, Kind, RowId};
use crate::protocol::visible;
use crate::ui::frame::commands::Command;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::activity_label::label_of;
use crate::ui::text::gap_text;

/// How many of the newest rows are looked through for what was typed: well under a frame's time.
const LOOKED_THROUGH: usize = 5_000;
/// How many rows are offered.
const OFFERED: usize = 5;

/// What one entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PaletteAction {
    /// Runs a command.
    Run(Command),
    /// Has a gap reconciled.
    Reconcile(RowId),
    /// Shows a row and opens its details.
    Reveal(RowId),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) deed: PaletteAction,
    pub(crate) words: String,
    /// The characters of the words that were typed.
    pub(crate) places: Vec<usize>,
    /// Why it can't be run just now.
    pub(crate) why_not: Option<&'static str>,
    score: i32,
}

/// The palette while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CommandPalette {
    typed: String,
    /// What fits it: commands first, then rows; each the best first.
    entries: Vec<Entry>,
    /// How many commands there are in all.
    of: usize,
    /// Which entry Enter runs.
    at: usize,
    /// Whether the entry that Enter runs is to be scrolled into sight.
    reveal: bool,
}

impl CommandPalette {
    /// The palette with everything in it.
    pub(crate) fn new(profile_tabs: &[ProfileTab], front: Option<&ProfileTab>, scene: &FrameContext) -> Self {
        let mut palette = Self::default();
        palette.search(profile_tabs, front, scene);
        palette
    }

    /// Finds what fits what is typed.
    pub(crate) fn search(&mut self, profile_tabs: &[ProfileTab], front: Option<&ProfileTab>, scene: &FrameContext) {
        let profiles = (0..profile_tabs.len()).map(Command::Profile);
        let mut commands: Vec<Entry> = Command::ALL
            .into_iter()
            .filter(|command| !matches!(command, Command::Palette | Command::Profile(_)))
            .chain(profiles)
            .filter_map(|command| {
                let words = match command {
                    Command::Profile(number) => crate::ui::profile_tab::rows::tab_name(profile_tabs.get(number)?),
                    Command::Show(status_filter) => match front.filter(|profile_tab| !profile_tab.shows_form()) {
                        Some(profile_tab) => {
                            status_filter.accessible_name(profile_tab.activities.counts().of(status_filter))
                        }
                        None => command.words(),
                    },
                    other => other.words(),
                };
                Some(Entry {
                    deed: PaletteAction::Run(command),
                    words,
                    places: Vec::new(),
                    why_not: command.why_not(front),
                    score: 0,
                })
            })
            .collect();
        commands.extend(front.into_iter().flat_map(|profile_tab| reconcilable(profile_tab, scene)));
        self.of = commands.len();
        commands.retain_mut(|entry| entry.fit(&self.typed));
        // Letters here and there are looked for only where nothing better is found.
        if commands.iter().any(Entry::is_close) {
            commands.retain(Entry::is_close);
        }
        // What can be run comes first among what fits equally well.
        commands.sort_by_key(|entry| (std::cmp::Reverse(entry.score), entry.why_not.is_some()));
        self.entries = commands;
        if let Some(profile_tab) =
            front.filter(|profile_tab| !self.typed.trim().is_empty() && !profile_tab.shows_form())
        {
            self.entries.extend(rows(profile_tab, &self.typed));
        }
        self.at = 0;
        self.reveal = true;
    }

    /// What the entry that is chosen wishes; nothing where it can't be run.
    fn request(&self, profile_tab: Option<&ProfileTab>) -> Option<UiRequest> {
        let entry = self.entries.get(self.at).filter(|entry| entry.why_not.is_none())?;
        Some(match entry.deed {
            PaletteAction::Run(command) => UiRequest::Run(command),
            PaletteAction::Reveal(row) => UiRequest::Reveal(row),
            PaletteAction::Reconcile(row) => UiRequest::Send(reconcile(profile_tab?, row)?),
        })
    }

    /// Moves the choice, around the ends.
    fn step(&mut self, by: isize) {
        let count = self.entries.len();
        if count > 0 {
            let at = isize::try_from(self.at).unwrap_or(0) + by;
            self.at = usize::try_from(at.rem_euclid(isize::try_from(count).unwrap_or(1))).unwrap_or(0);
            self.reveal = true;
        }
    }
}

impl Entry {
    /// Fits it to what was typed; false where it does not.
    fn fit(&mut self, typed: &str) -> bool {
        let Some(found) = fuzzy::fit(typed, &self.words) else { return false };
        self.score = found.score;
        self.places = found.places;
        true
    }
}

/// The gaps that can be reconciled.
fn reconcilable(profile_tab: &ProfileTab, scene: &FrameContext) -> Vec<Entry> {
    profile_tab
        .activities
        .gaps()
        .filter_map(|row| Some((row, profile_tab.gap(row)?)))
        .filter(|(_, gap)| gap_text::can_reconcile(gap))
        .map(|(row, gap)| Entry {
            deed: PaletteAction::Reconcile(row),
            words: gap_text::name(&gap, scene.now, &scene.zone).replacen("Gap", "Reconcile", 1),
            places: Vec::new(),
            why_not: (!profile_tab.is_live()).then_some("The profile is not connected."),
            score: 0,
        })
        .collect()
}

fn reconcile(profile_tab: &ProfileTab, row: RowId) -> Option<crate::engine::Action> {
    let gap = profile_tab.activity(row)?.key();
    matches!(gap, ActivityKey::Gap(_))
        .then_some(crate::engine::Action::Reconcile { profile: profile_tab.owner(row), gap })
}

/// The newest rows whose label or id fits what was typed, the best first.
fn rows(profile_tab: &ProfileTab, typed: &str) -> Vec<Entry> {
    let newest = (0..LOOKED_THROUGH).map_while(|index| profile_tab.newest(index));
    let mut found: Vec<Entry> = newest
        .filter_map(|row| Some((row, profile_tab.activity(row)?)))
        .filter(|(_, activity)| activity.kind() != Kind::Gap)
        .filter_map(|(row, activity)| {
            let label = label_of(&activity);
            let id = activity.id();
            let words = visible(if label.is_empty() { &id } else { &label }).into_owned();
            let mut entry =
                Entry { deed: PaletteAction::Reveal(row), words, places: Vec::new(), why_not: None, score: 0 };
            let by_label = entry.fit(typed);
            // An id is found by how it begins, not by letters here and there.
            (by_label && entry.is_close() || id.starts_with(typed.trim())).then_some(entry)
        })
        .collect();
    found.sort_by_key(|entry| std::cmp::Reverse(entry.score));
    found.truncate(OFFERED);
    found
}

impl Entry {
    /// Whether what was typed stands together, or at the beginnings of words: of thousands of rows, letters here and there
    /// would find most.
    fn is_close(&self) -> bool {
        let count = i32::try_from(self.places.len()).unwrap_or(i32::MAX);
        self.score >= count.saturating_mul(7)
    }
}
