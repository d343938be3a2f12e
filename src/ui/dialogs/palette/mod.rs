//! The command palette: finds every command and the table's rows by typing.
//!
//! Commands that can't run now are listed too, with the reason.

pub(crate) mod fuzzy;
pub(crate) mod show;

use crate::activity::{ActivityKey, Kind, RowId};
use crate::protocol::sanitize;
use crate::ui::frame::commands::UiCommand;
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::activity_label::label_of;
use crate::ui::text::gap_text;

/// The number of newest rows that are searched: takes far less than a frame.
const MAX_SEARCHED: usize = 5_000;
/// The maximum number of rows in the list.
const MAX_LISTED: usize = 5;

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PaletteAction {
    /// Runs a command.
    Run(UiCommand),
    /// Checks what a gap left open.
    Reconcile(RowId),
    /// Shows a row and opens its details.
    Reveal(RowId),
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) action: PaletteAction,
    pub(crate) words: String,
    /// The indices of the characters that match what was typed.
    pub(crate) places: Vec<usize>,
    /// Why the entry can't run now.
    pub(crate) why_not: Option<&'static str>,
    score: i32,
}

/// The palette's state while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CommandPalette {
    typed: String,
    /// The matches: commands first, then rows, each from best to worst.
    entries: Vec<Entry>,
    /// The total number of commands.
    of: usize,
    /// The selected entry, which Enter runs.
    at: usize,
    /// Whether to scroll to the selected entry.
    reveal: bool,
}

impl CommandPalette {
    /// A palette with every command.
    pub(crate) fn new(profile_tabs: &[ProfileTab], active_tab: Option<&ProfileTab>, frame: &FrameContext) -> Self {
        let mut palette = Self::default();
        palette.search(profile_tabs, active_tab, frame);
        palette
    }

    /// Finds the matches of what is typed.
    pub(crate) fn search(
        &mut self,
        profile_tabs: &[ProfileTab],
        active_tab: Option<&ProfileTab>,
        frame: &FrameContext,
    ) {
        let profiles = (0..profile_tabs.len()).map(UiCommand::Profile);
        let mut commands: Vec<Entry> = UiCommand::ALL
            .into_iter()
            .filter(|command| !matches!(command, UiCommand::Palette | UiCommand::Profile(_)))
            .chain(profiles)
            .filter_map(|command| {
                let words = match command {
                    UiCommand::Profile(number) => crate::ui::profile_tab::rows::tab_name(profile_tabs.get(number)?),
                    UiCommand::Show(status_filter) => {
                        match active_tab.filter(|profile_tab| !profile_tab.shows_form()) {
                            Some(profile_tab) => {
                                status_filter.accessible_name(profile_tab.activities.counts().of(status_filter))
                            }
                            None => command.words(),
                        }
                    }
                    other => other.words(),
                };
                Some(Entry {
                    action: PaletteAction::Run(command),
                    words,
                    places: Vec::new(),
                    why_not: command.why_not(active_tab),
                    score: 0,
                })
            })
            .collect();
        commands.extend(active_tab.into_iter().flat_map(|profile_tab| reconcilable(profile_tab, frame)));
        self.of = commands.len();
        commands.retain_mut(|entry| entry.match_typed(&self.typed));
        // Use scattered matches only if there is no better one.
        if commands.iter().any(Entry::is_close) {
            commands.retain(Entry::is_close);
        }
        // Among equal scores, entries that can run come first.
        commands.sort_by_key(|entry| (std::cmp::Reverse(entry.score), entry.why_not.is_some()));
        self.entries = commands;
        if let Some(profile_tab) =
            active_tab.filter(|profile_tab| !self.typed.trim().is_empty() && !profile_tab.shows_form())
        {
            self.entries.extend(rows(profile_tab, &self.typed));
        }
        self.at = 0;
        self.reveal = true;
    }

    /// The request of the selected entry; `None` if it can't run.
    fn request(&self, profile_tab: Option<&ProfileTab>) -> Option<UiRequest> {
        let entry = self.entries.get(self.at).filter(|entry| entry.why_not.is_none())?;
        Some(match entry.action {
            PaletteAction::Run(command) => UiRequest::Run(command),
            PaletteAction::Reveal(row) => UiRequest::Reveal(row),
            PaletteAction::Reconcile(row) => UiRequest::Send(reconcile(profile_tab?, row)?),
        })
    }

    /// Moves the selection, and wraps around at the ends.
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
    /// Matches the entry with what was typed. Returns `false` if it does not match.
    fn match_typed(&mut self, typed: &str) -> bool {
        let Some(found) = fuzzy::match_text(typed, &self.words) else { return false };
        self.score = found.score;
        self.places = found.places;
        true
    }
}

/// The gaps that can be reconciled.
fn reconcilable(profile_tab: &ProfileTab, frame: &FrameContext) -> Vec<Entry> {
    profile_tab
        .activities
        .gaps()
        .filter_map(|row| Some((row, profile_tab.gap(row)?)))
        .filter(|(_, gap)| gap_text::can_reconcile(gap))
        .map(|(row, gap)| Entry {
            action: PaletteAction::Reconcile(row),
            words: gap_text::name(&gap, frame.now, &frame.zone).replacen("Gap", "Reconcile", 1),
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

/// The newest rows whose label or id matches what was typed, the best first.
fn rows(profile_tab: &ProfileTab, typed: &str) -> Vec<Entry> {
    let newest = (0..MAX_SEARCHED).map_while(|index| profile_tab.newest(index));
    let mut found: Vec<Entry> = newest
        .filter_map(|row| Some((row, profile_tab.activity(row)?)))
        .filter(|(_, activity)| activity.kind() != Kind::Gap)
        .filter_map(|(row, activity)| {
            let label = label_of(&activity);
            let id = activity.id();
            let words = sanitize(if label.is_empty() { &id } else { &label }).into_owned();
            let mut entry =
                Entry { action: PaletteAction::Reveal(row), words, places: Vec::new(), why_not: None, score: 0 };
            let by_label = entry.match_typed(typed);
            // An id matches only by its beginning, not by scattered letters.
            (by_label && entry.is_close() || id.starts_with(typed.trim())).then_some(entry)
        })
        .collect();
    found.sort_by_key(|entry| std::cmp::Reverse(entry.score));
    found.truncate(MAX_LISTED);
    found
}

impl Entry {
    /// Whether the typed letters are adjacent or at the beginnings of words. Scattered letters would match most of several
    /// thousand rows.
    fn is_close(&self) -> bool {
        let count = i32::try_from(self.places.len()).unwrap_or(i32::MAX);
        self.score >= count.saturating_mul(7)
    }
}
