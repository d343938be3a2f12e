//! What is known to be complete: one line in the status bar, and a dialog that lists it. It claims nothing about ids that
//! were never seen, and says so.

use std::collections::HashSet;

use egui::{Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::activity::{
    Activities, ActivityKey, Answer, CompetingConsumer, Entry, Fact, GapState, Ledger, Moment, RowId, Source, Status,
    View, completeness,
};

use super::desk::Desk;
use super::dialogs::{close_button, pane, paragraph};
use super::gaps::{self, counted};
use super::icons;
use super::scene::{Scene, Wish};
use super::text::{clock_minute, clock_time, cut, grouped, visible};
use super::theme::{self, Palette, Type};
use super::widgets;

/// How many gaps, and how many open ids, the dialog lists.
const LISTED: usize = 100;
/// How many of the newest rows are looked at for open ids: far more than a frame would notice.
const LOOKED_AT: usize = 50_000;

/// What is known to be complete, brought up to the activities when something came.
#[derive(Debug, Default)]
pub(crate) struct Completeness {
    /// Something came since the last time.
    stale: bool,
    /// Counts the times that it was brought up to date.
    version: u64,
    /// The first moment of which anything is known.
    begun: Option<Moment>,
    /// What came before this moment is no longer in the journal.
    floor: Option<Moment>,
    /// Gaps of which nothing known is missing: they are not looked at again.
    settled: HashSet<RowId>,
    /// The end of the last gap that is not settled.
    since: Option<Moment>,
    /// When the gap began that lasts.
    lasting: Option<Moment>,
    /// How many gaps have ended and are not settled.
    gaps: usize,
    /// How many commands were open across them and still are, each once.
    commands: usize,
    /// How many commands were open across them that the server does not know, each once.
    unknown: usize,
    /// When the server answered of the newest commands that were not heard of, although nothing explains it.
    unheard: Vec<Moment>,
    /// Whether another client probably takes messages.
    competing: Option<CompetingConsumer>,
    /// Nothing is claimed of the time before that.
    claims_from: Option<Moment>,
}

/// What the status bar says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub words: String,
    /// Whether something is missing, or may be.
    pub warns: bool,
}

impl Completeness {
    /// Something is about to be applied.
    pub(crate) fn note(&mut self, entry: &Entry) {
        self.stale = true;
        self.begun = Some(self.begun.map_or(entry.at, |begun| begun.min(entry.at)));
        if matches!(entry.fact, Fact::Gap(_)) {
            // It may be one that goes on.
            self.settled.clear();
        }
    }

    /// Whether another client probably takes messages: then nothing is claimed.
    pub(crate) fn competing(&self) -> Option<CompetingConsumer> {
        self.competing
    }

    /// When that changes by the time alone.
    pub(crate) fn next_turn(&self, now: Moment) -> Option<Moment> {
        completeness::next_turn(&self.unheard, now)
    }

    /// The journal begins here now: nothing is claimed of what came before. `None` where it is empty.
    pub(crate) fn begins(&mut self, oldest_left: Option<Moment>) {
        self.floor = self.floor.max(oldest_left);
        self.stale = true;
    }

    /// A chunk of the journal was read, if only to find that there is no more.
    pub(crate) fn restored(&mut self) {
        self.stale = true;
    }

    /// Looks at the gaps again, where something came, and at the time. While it is `restoring`, less is known than will be.
    pub(crate) fn refresh(&mut self, activities: &Activities, restoring: bool, now: Moment) {
        if std::mem::take(&mut self.stale) {
            self.version += 1;
            self.look(activities, restoring);
            // Before all is read, the gap that explains one may be missing.
            self.unheard = if restoring { Vec::new() } else { activities.unheard() };
        }
        let competing = activities.competing_consumer(&self.unheard, now);
        let unheard = self.unheard.iter().filter_map(|answered| completeness::claims_since(*answered, now)).max();
        self.version += u64::from(competing.is_some() != self.competing.is_some());
        (self.competing, self.claims_from) = (competing, self.claims_from.max(unheard));
    }

    fn look(&mut self, activities: &Activities, restoring: bool) {
        (self.since, self.lasting, self.gaps) = (None, None, 0);
        let (mut open, mut unknown) = (HashSet::new(), HashSet::new());
        for row in activities.gaps() {
            if self.settled.contains(&row) {
                continue;
            }
            let Some(gap) = activities.gap(row) else { continue };
            let Some(end) = gap.to else {
                self.lasting = self.lasting.max(Some(gap.from));
                continue;
            };
            if gap.is_recovered() {
                if !restoring {
                    self.settled.insert(row);
                }
                continue;
            }
            self.gaps += 1;
            self.since = self.since.max(Some(end));
            for id in activities.open_across(row) {
                match activities.answer(&ActivityKey::Command(id.clone())) {
                    Answer::Open => _ = open.insert(id),
                    Answer::Unknown => _ = unknown.insert(id),
                    Answer::Settled => {}
                }
            }
        }
        (self.commands, self.unknown) = (open.len(), unknown.len());
    }

    /// What the status bar says.
    pub(crate) fn tell(&self, is_live: bool, scene: &Scene) -> Told {
        let warning = |words| Told { words, warns: true };
        let at = |moment| clock_time(moment, scene.now, &scene.zone);
        match (self.lasting, self.since.or(self.begun.max(self.floor)).max(self.claims_from)) {
            (Some(from), _) => warning(format!("Not receiving since {}", at(from))),
            _ if !is_live => warning("Not receiving".to_owned()),
            _ if self.gaps > 0 => {
                let gaps = counted((self.gaps, "gap", "gaps"));
                let commands = |count| counted((count, "command", "commands"));
                warning(if self.commands > 0 && self.unknown > 0 {
                    format!("{} unsettled, {} unknown to the server, {gaps}", commands(self.commands), self.unknown)
                } else if self.commands > 0 {
                    format!("{} unsettled, {gaps}", commands(self.commands))
                } else if self.unknown > 0 {
                    format!("{} unknown to the server, {gaps}", commands(self.unknown))
                } else {
                    format!("Data requests may be unsettled, {gaps}")
                })
            }
            _ if self.competing.is_some() => warning("Completeness not known".to_owned()),
            (None, Some(since)) => {
                let since = clock_minute(since, scene.now, &scene.zone);
                Told { words: format!("No acknowledgement missing since {since}"), warns: false }
            }
            (None, None) => Told { words: "Nothing received yet".to_owned(), warns: false },
        }
    }
}

/// What the dialog lists, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    version: u64,
    ledger: Ledger,
    /// The newest gaps, the newest first.
    gaps: Vec<(RowId, GapState)>,
    /// Ids whose outcome is still to come: those that were open across a gap, then the newest.
    open: Vec<Open>,
    /// Whether another client probably takes messages.
    suspected: bool,
}

/// An id whose outcome is still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    row: RowId,
    id: String,
    /// Its status and how that is known.
    words: String,
}

impl Report {
    /// The report on a desk.
    pub(crate) fn of(desk: &Desk) -> Self {
        let activities = &desk.activities;
        let mut gaps: Vec<_> = activities.gaps().filter_map(|row| Some((row, desk.gap(row)?))).collect();
        gaps.sort_by_key(|(row, gap)| std::cmp::Reverse((gap.from, *row)));
        let mut open = Vec::new();
        let mut listed = HashSet::new();
        let across = gaps.iter().flat_map(|(gap, _)| activities.open_across(*gap));
        let across = across.take(LOOKED_AT).filter_map(|id| activities.find(&ActivityKey::Command(id.clone())));
        let plain = View::new();
        let newest = (0..activities.len().min(LOOKED_AT)).filter_map(|index| plain.row(activities, index));
        let all = activities.ledger().open.min(LISTED);
        for row in across.chain(newest) {
            if open.len() >= all {
                break;
            }
            let Some(activity) = activities.get(row).filter(|activity| activity.status().is_open()) else { continue };
            if activity.status() != Status::Downloading && listed.insert(row) {
                let known = match activity.source() {
                    Some(Source::Socket) => "heard on the socket",
                    Some(Source::Enquiry) => "the server answered",
                    Some(Source::Both) => "heard on the socket, and the server answered",
                    None => "not heard of yet",
                };
                let words = format!("{}, {known}", activity.status().word());
                open.push(Open { row, id: visible(&cut(&activity.id(), 64)).into_owned(), words });
            }
        }
        gaps.truncate(LISTED);
        let (version, suspected) = (desk.completeness.version, desk.completeness.competing.is_some());
        Self { version, ledger: activities.ledger(), gaps, open, suspected }
    }

    /// Brings it up to the desk, where something came.
    pub(crate) fn follow(&mut self, desk: &Desk) {
        if self.version != desk.completeness.version {
            *self = Self::of(desk);
        }
    }
}

/// Draws what the dialog `Completeness` holds.
pub(crate) fn show(ui: &mut Ui, report: &Report, fresh: bool, scene: &mut Scene) {
    paragraph(
        ui,
        "Every command and data request that this monitor knows of, by how its outcome is known. It claims nothing about ids \
         that were never seen: what was sent for those while nothing could be received cannot be known here.",
    );
    if report.suspected {
        paragraph(
            ui,
            "Nothing is claimed for now: outcomes of commands did not come on the socket although it was connected, so another \
             client may take messages of this profile.",
        );
    }
    let ledger = report.ledger;
    for (words, count) in [
        ("Heard on the socket", ledger.heard),
        ("Known only because the server was asked", ledger.enquired),
        ("Unknown to the server", ledger.unknown),
        ("Open: the outcome is still to come", ledger.open),
        ("All commands and data requests", ledger.all()),
    ] {
        total(ui, words, count);
    }
    ui.add_space(8.0);
    pane(ui, 384.0, 90.0).id_salt("completeness").show(ui, |ui| {
        list_head(ui, "Gaps", report.gaps.len(), ledger.gaps);
        for (row, gap) in &report.gaps {
            let standing = gaps::standing(gap);
            let name = gaps::headline(gap, scene.now, &scene.zone);
            item(ui, *row, Type::Small, &name, &standing, scene);
        }
        list_head(ui, "Open ids", report.open.len(), ledger.open);
        for open in &report.open {
            item(ui, open.row, Type::Mono, &open.id, &open.words, scene);
        }
    });
    close_button(ui, fresh, scene);
}

fn total(ui: &mut Ui, words: &str, count: usize) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 22.0));
    let middle = rect.center().y;
    widgets::text(ui, pos2(rect.left(), middle), words, Type::Body, palette.text, rect.width());
    widgets::text_right(ui, pos2(rect.right(), middle), &grouped(count), Type::Strong, palette.text);
    widgets::label(ui, rect, words, &format!("{words}: {count}"));
}

/// The head of a list, which says where it is cut.
fn list_head(ui: &mut Ui, words: &str, listed: usize, all: usize) {
    let palette = Palette::of(ui.style());
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 26.0));
    let words = match (listed, all) {
        (_, 0) => format!("{words}: none"),
        (listed, all) if listed < all => format!("{words}: {listed} of {all}"),
        (_, all) => format!("{words}: {all}"),
    };
    let at = pos2(rect.left(), rect.center().y + 2.0);
    let text = widgets::text(ui, at, &words, Type::CaptionStrong, palette.muted, rect.width());
    widgets::label(ui, text, &words, &words);
}

/// A line that leads to its row.
fn item(ui: &mut Ui, row: RowId, face: Type, name: &str, standing: &str, scene: &mut Scene) {
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), 22.0));
    if link(ui, rect, Id::unique(("completeness", row)), (name, face), standing) {
        scene.wish(Wish::CloseDialog);
        scene.wish(Wish::Reveal(row));
    }
}

/// A line that can be pressed: what it is, and in a lower voice how it stands. Returns whether it was pressed.
pub(crate) fn link(ui: &Ui, rect: Rect, id: Id, (name, face): (&str, Type), standing: &str) -> bool {
    let palette = Palette::of(ui.style());
    let response = ui.interact(rect, id, Sense::click());
    let whole = if standing.is_empty() { name.to_owned() } else { format!("{name}, {standing}") };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &whole));
    if response.hovered() {
        ui.painter().rect_filled(rect.expand2(vec2(4.0, 0.0)), theme::RADIUS_IN_ROW, palette.button_hover);
    }
    if response.has_focus() {
        widgets::focus_ring(ui, rect.shrink2(vec2(0.0, 2.0)), theme::RADIUS_IN_ROW, false);
    }
    let at = pos2(rect.left(), rect.center().y);
    let text = widgets::text(ui, at, name, face, palette.text, rect.width());
    let room = rect.right() - text.right() - 12.0;
    if room > 24.0 {
        widgets::text(ui, pos2(text.right() + 10.0, at.y), standing, Type::Small, palette.muted, room);
    }
    response.on_hover_text(whole).clicked()
}

/// The icon and the hue of what the status bar says.
pub(crate) fn mark(told: &Told, palette: &Palette) -> (icons::Icon, egui::Color32) {
    if told.warns { (icons::GAP, palette.gap) } else { (icons::COMPLETENESS, palette.muted) }
}
