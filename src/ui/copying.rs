//! Selected rows as text for the clipboard: as the table shows them, as tab-separated cells, as JSON. Pure.

use crate::activity::record::Record;
use crate::activity::{Activity, RowId};

use super::desk::Desk;
use super::scene::Scene;
use super::table::label_of;
use super::text::{cell_time, full_time, visible};

/// The most rows that are copied at once.
pub(super) const MOST: usize = 10_000;

/// The form of what is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As the table shows it, one line a row, tabs between the cells.
    Text,
    /// The fields of `export`, tabs between them, under a header.
    Tsv,
    /// The fields of `export` as JSON, one object a line.
    Json,
}

/// The rows in a form; empty where there are none.
pub(super) fn rows(desk: &Desk, rows: &[RowId], form: Form, scene: &Scene) -> String {
    let lines = rows.iter().filter_map(|row| Some((*row, desk.activity(*row)?)));
    let lines: String = lines
        .map(|(row, activity)| match form {
            Form::Text => line(&activity, scene),
            Form::Tsv => record(desk, row, &activity, scene).tsv(),
            Form::Json => record(desk, row, &activity, scene).json(),
        })
        .collect();
    if form == Form::Tsv && !lines.is_empty() { Record::tsv_header() + &lines } else { lines }
}

/// A row as `export` tells it. Its message is the beginning that the table has: the whole of it is in the journal.
fn record(desk: &Desk, row: RowId, activity: &Activity<'_>, scene: &Scene) -> Record {
    let profile = desk.owner_name(row).to_owned();
    match desk.gap(row) {
        Some(gap) => Record::of_gap(profile, &gap, activity.first_seen(), scene.reference),
        None => Record::of(profile, activity, None, activity.updated()),
    }
}

/// A row as the table shows it.
fn line(activity: &Activity<'_>, scene: &Scene) -> String {
    let time = cell_time(activity.updated(), scene.now, &scene.zone);
    let when =
        if time.millis.is_empty() { full_time(activity.updated(), &scene.zone) } else { time.main + &time.millis };
    let cells = [
        when,
        activity.kind().word().to_owned(),
        visible(&activity.id()).into_owned(),
        visible(&label_of(activity)).into_owned(),
        activity.status().word().into_owned(),
        visible(&activity.message()).into_owned(),
    ];
    cells.join("\t") + "\n"
}
