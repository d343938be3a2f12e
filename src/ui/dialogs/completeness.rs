//! The completeness report: a summary for the status bar, and a dialog with the details. It claims nothing about ids that were
//! never seen, and says so.

use std::collections::HashSet;

use egui::{Id, Ui, pos2, vec2};

use crate::activity::{ActivityKey, Evidence, GapState, OutcomeCounts, RowId, Status, View};
use crate::protocol::sanitize;
use crate::ui::frame::dialog_frame::{close_button, pane, paragraph};
use crate::ui::frame::{FrameContext, UiRequest};
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::{cut, gap_text, grouped};
use crate::ui::theme::TextRole;
use crate::ui::theme::palette::Palette;
use crate::ui::view_state::completeness::MAX_SEARCHED;
use crate::ui::widgets;
use crate::ui::widgets::link::link;

/// The maximum number of gaps, and of open ids, in the dialog.
const MAX_LISTED: usize = 100;

/// The dialog's content at one point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    version: u64,
    outcome_counts: OutcomeCounts,
    /// The gaps, newest first.
    gaps: Vec<(RowId, GapState)>,
    /// Ids without outcome: first those that were open across a gap, then the newest.
    open: Vec<OpenId>,
    /// Whether another client probably takes messages.
    suspected: bool,
}

/// An id without outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OpenId {
    row: RowId,
    id: String,
    /// Its status, and the source of that status.
    words: String,
}

impl Report {
    /// The report on a tab.
    pub(crate) fn of(profile_tab: &ProfileTab) -> Self {
        let activities = &profile_tab.activities;
        let mut gaps: Vec<_> = activities.gaps().filter_map(|row| Some((row, profile_tab.gap(row)?))).collect();
        gaps.sort_by_key(|(row, gap)| std::cmp::Reverse((gap.from, *row)));
        let mut open = Vec::new();
        let mut listed = HashSet::new();
        let across = gaps.iter().flat_map(|(gap, _)| activities.open_across(*gap));
        let across = across.take(MAX_SEARCHED).filter_map(|id| activities.find(&ActivityKey::Command(id.clone())));
        let plain = View::new();
        let newest = (0..activities.len().min(MAX_SEARCHED)).filter_map(|index| plain.row(activities, index));
        let all = activities.outcome_counts().open.min(MAX_LISTED);
        for row in across.chain(newest) {
            if open.len() >= all {
                break;
            }
            let Some(activity) = activities.get(row).filter(|activity| activity.status().is_open()) else { continue };
            if activity.status() != Status::Downloading && listed.insert(row) {
                let known = match activity.source() {
                    Some(Evidence::Socket) => "heard on the socket",
                    Some(Evidence::StatusCheck) => "the server answered",
                    Some(Evidence::Both) => "heard on the socket, and the server answered",
                    None => "not heard of yet",
                };
                let words = format!("{}, {known}", activity.status().word());
                open.push(OpenId { row, id: sanitize(&cut(&activity.id(), 64)).into_owned(), words });
            }
        }
        gaps.truncate(MAX_LISTED);
        let (version, suspected) = (profile_tab.completeness.version, profile_tab.completeness.competing.is_some());
        Self { version, outcome_counts: activities.outcome_counts(), gaps, open, suspected }
    }

    /// Updates the report if the tab has changed.
    pub(crate) fn refresh(&mut self, profile_tab: &ProfileTab) {
        if self.version != profile_tab.completeness.version {
            *self = Self::of(profile_tab);
        }
    }
}

/// Draws the content of the dialog `Completeness`.
pub(crate) fn show(ui: &mut Ui, report: &Report, fresh: bool, frame: &mut FrameContext) {
    paragraph(
        ui,
        "Every command and data request that this monitor knows of, by how its outcome is known. Ids that this monitor has never \
         seen are not included.",
    );
    if report.suspected {
        paragraph(
            ui,
            "Completeness is not known: some outcomes did not arrive although the connection was live. Another client may be \
             receiving this profile's messages.",
        );
    }
    let outcome_counts = report.outcome_counts;
    for (words, count) in [
        ("Heard on the socket", outcome_counts.received),
        ("Known only because the server was asked", outcome_counts.status_checked),
        ("Unknown to the server", outcome_counts.unknown),
        ("Open: the outcome is still to come", outcome_counts.open),
        ("All commands and data requests", outcome_counts.all()),
    ] {
        total(ui, words, count);
    }
    ui.add_space(8.0);
    pane(ui, 384.0, 90.0).id_salt("completeness").show(ui, |ui| {
        list_head(ui, "Gaps", report.gaps.len(), outcome_counts.gaps);
        for (row, gap) in &report.gaps {
            let standing = gap_text::state(gap);
            let name = gap_text::headline(gap, frame.now, &frame.zone);
            item(ui, *row, TextRole::Small, &name, &standing, frame);
        }
        list_head(ui, "Open ids", report.open.len(), outcome_counts.open);
        for open in &report.open {
            item(ui, open.row, TextRole::Mono, &open.id, &open.words, frame);
        }
    });
    close_button(ui, fresh, frame);
}

fn total(ui: &mut Ui, words: &str, count: usize) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 22.0));
    let middle = rect.center().y;
    widgets::text(ui, pos2(rect.left(), middle), words, TextRole::Body, palette.text, rect.width());
    widgets::text_right(ui, pos2(rect.right(), middle), &grouped(count), TextRole::Strong, palette.text);
    widgets::label(ui, rect, words, &format!("{words}: {count}"));
}

/// Draws the head of a list, which says if the list is cut.
fn list_head(ui: &mut Ui, words: &str, listed: usize, all: usize) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 26.0));
    let words = match (listed, all) {
        (_, 0) => format!("{words}: none"),
        (listed, all) if listed < all => format!("{words}: {listed} of {all}"),
        (_, all) => format!("{words}: {all}"),
    };
    let at = pos2(rect.left(), rect.center().y + 2.0);
    let text = widgets::text(ui, at, &words, TextRole::CaptionStrong, palette.muted, rect.width());
    widgets::label(ui, text, &words, &words);
}

/// Draws a line; a click on it shows its row.
fn item(ui: &mut Ui, row: RowId, face: TextRole, name: &str, status: &str, frame: &mut FrameContext) {
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 22.0));
    if link(ui, rect, Id::unique(("completeness", row)), name, face, status) {
        frame.request(UiRequest::CloseDialog);
        frame.request(UiRequest::Reveal(row));
    }
}
