//! Queries for rows: shown, selected for a command, ready to fetch, or in the download queue.

use crate::activity::{Activity, ActivityKey, Kind, RowId, Status};
use crate::engine::{DownloadProgress, WaitingDownload};
use crate::protocol::{RequestId, sanitize};
use crate::ui::text::activity_label::suggested_name;

use super::ProfileTab;

impl ProfileTab {
    /// Read access to a row's activity.
    pub(crate) fn activity(&self, row: RowId) -> Option<Activity<'_>> {
        self.activities.get(row)
    }

    /// Number of rows shown.
    pub(crate) fn shown(&self) -> usize {
        self.view.len(&self.activities)
    }

    /// The row by arrival, whether it is shown or not; 0 is the newest.
    pub(crate) fn newest(&self, index: usize) -> Option<RowId> {
        self.activities.newest(index)
    }

    /// The row at an index of the table.
    pub(crate) fn row_at(&self, index: usize) -> Option<RowId> {
        self.view.row(&self.activities, index)
    }

    /// The rows that a command applies to, at most `limit`: the selected rows if there are several, otherwise the row of the
    /// keyboard cursor.
    pub(crate) fn selected_rows(&self, limit: usize) -> Vec<RowId> {
        if self.table.selected_count() > 1 {
            self.table.selection(&self.activities, &self.view, limit)
        } else {
            self.table.cursor().into_iter().collect()
        }
    }

    /// How many selected rows are hidden by the filters; 0 if there are too many to check in each frame.
    pub(crate) fn hidden_selected(&self) -> usize {
        const MOST: usize = 1_000;
        if !self.view.is_filtered() || self.table.selected_count() > MOST {
            return 0;
        }
        self.table.any_selected().filter(|row| self.view.hides(&self.activities, *row)).count()
    }

    /// Some of the rows that a command applies to, in any order: enough to decide whether the command is available.
    pub(crate) fn some_selected_rows(&self) -> Vec<RowId> {
        const ENOUGH: usize = 1_000;
        if self.table.selected_count() > 1 {
            self.table.any_selected().take(ENOUGH).collect()
        } else {
            self.table.cursor().into_iter().collect()
        }
    }

    /// Rows with usable links that are not being downloaded yet, earliest expiry first.
    pub(crate) fn links(&self) -> impl Iterator<Item = RowId> + '_ {
        self.activities.ready().filter(|row| self.is_not_waiting(*row))
    }

    /// Rows whose data is available and was not requested yet: links first, then inline data.
    pub(crate) fn ready(&self) -> impl Iterator<Item = RowId> + '_ {
        self.links().chain(self.activities.inline().filter(|row| self.is_not_waiting(*row)))
    }

    fn is_not_waiting(&self, row: RowId) -> bool {
        self.waiting.is_empty() || self.queue_position(row).is_none()
    }

    /// The position of a row in the download queue, from 1, and the download.
    pub(crate) fn queue_position(&self, row: RowId) -> Option<(usize, &WaitingDownload)> {
        let activity = self.activity(row).filter(|_| !self.waiting.is_empty())?;
        let id = activity.id();
        self.waiting
            .iter()
            .find(|(_, waiting)| waiting.request.as_str() == id)
            .map(|(place, waiting)| (*place, waiting))
    }

    /// The file name of a queued download: the chosen one, or the suggested one if a folder was chosen.
    pub(crate) fn name_of(&self, waiting: &WaitingDownload) -> String {
        let row = self.activities.find(&ActivityKey::Data(waiting.request.clone())).and_then(|row| self.activity(row));
        let suggested = row.map(|activity| suggested_name(&activity)).unwrap_or_default();
        let chosen = waiting.to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if waiting.in_folder || chosen.is_empty() { suggested } else { chosen };
        sanitize(&name).into_owned()
    }

    /// The file name of a running download, or the suggested one until it is known.
    pub(crate) fn name_of_running(&self, request: &RequestId, progress: &DownloadProgress) -> String {
        if !progress.file_name.is_empty() {
            return sanitize(&progress.file_name).into_owned();
        }
        let row = self.activities.find(&ActivityKey::Data(request.clone())).and_then(|row| self.activity(row));
        sanitize(&row.map_or_else(|| request.to_string(), |activity| suggested_name(&activity))).into_owned()
    }

    /// The running download of an activity's data: its request and its progress.
    pub(crate) fn download_of(&self, activity: &Activity<'_>) -> Option<(RequestId, &DownloadProgress)> {
        let ActivityKey::Data(request) = activity.key() else { return None };
        let progress = self.status.downloads.get(&request)?;
        Some((request, progress))
    }
}

/// The id of a profile's table, which has the keyboard focus for all its rows.
pub(crate) fn table_id(profile_tab: &ProfileTab) -> egui::Id {
    egui::Id::unique(("activity", profile_tab.profile.id))
}

/// Whether requesting the same data again is possible and useful.
pub(crate) fn can_request_again(activity: &Activity<'_>) -> bool {
    let over = matches!(activity.status(), Status::LinkExpired | Status::LinkUsed | Status::Failed | Status::Saved);
    activity.kind() == Kind::Data && over && activity.can_request_again()
}

/// A tab's name as drawn: that of a profile named `Profile 1` does not repeat the word.
pub(crate) fn drawn_name(name: &str) -> &str {
    name.strip_prefix("Profile ").filter(|rest| rest.to_lowercase().starts_with("profile")).unwrap_or(name)
}

/// The title of a tab.
pub(crate) fn tab_name(profile_tab: &ProfileTab) -> String {
    if profile_tab.is_all() {
        return profile_tab.profile.name.clone();
    }
    format!("Profile {}", sanitize(&profile_tab.profile.name))
}
