//! What is exported, and in which format.

use crate::activity::export_record::Format;
use crate::activity::{Filter, Seq, StatusFilter};
use crate::engine::ExportRequest;
use crate::protocol::file_name;
use crate::settings::ProfileId;

/// The choices of the export dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportForm {
    /// The active profile and its name; `None` for the tab `All profiles`.
    pub(crate) profile: Option<(ProfileId, String)>,
    /// Whether all profiles are exported; `None` if there is only one choice.
    pub(crate) all_profiles: Option<bool>,
    pub(crate) format: Format,
    pub(crate) messages: bool,
    /// What the table shows if it is filtered: the filter, the status filter, and both in words.
    pub(crate) shown: Option<(Filter, StatusFilter, String)>,
    /// The entries that identify the selected rows; empty if no row is selected.
    pub(crate) selected: Vec<Seq>,
    pub(crate) rows: Rows,
    /// Whether a CSV file starts with a byte order mark.
    pub(crate) bom: bool,
}

impl ExportForm {
    /// Creates the form for the active tab. `several` is whether there are other profiles.
    pub(crate) fn new(
        profile: Option<(ProfileId, String)>,
        several: bool,
        shown: Option<(Filter, StatusFilter, String)>,
        selected: Vec<Seq>,
    ) -> Self {
        Self {
            all_profiles: (several && profile.is_some()).then_some(false),
            profile,
            format: Format::Csv,
            messages: false,
            rows: match (&*selected, &shown) {
                // A single row is always selected at the keyboard cursor, so it may not be meant.
                ([_, _, ..], _) => Rows::Selected,
                (_, Some(_)) => Rows::Shown,
                (_, None) => Rows::All,
            },
            shown,
            selected,
            // On Windows a double click opens the file in Excel, which reads UTF-8 as the system's code page without the mark.
            bom: cfg!(windows),
        }
    }

    /// The profile to export and its name, if it is only one.
    pub(crate) fn only(&self) -> Option<&(ProfileId, String)> {
        self.profile.as_ref().filter(|_| self.all_profiles != Some(true))
    }

    /// The suggested file name.
    pub(crate) fn file_name(&self) -> String {
        let profile_name = self.only().map_or("all", |(_, name)| name);
        let what = if self.messages { "messages" } else { "activities" };
        format!(
            "privicore-{}-{what}.{}",
            file_name::safe_name(profile_name).unwrap_or_default(),
            self.format.extension()
        )
    }

    /// The export with these choices, to this path.
    pub(crate) fn export(&self, to: std::path::PathBuf) -> ExportRequest {
        let (filter, status_filter) = match &self.shown {
            Some((filter, status_filter, _)) if self.rows == Rows::Shown => (filter.clone(), *status_filter),
            Some(_) | None => (Filter::default(), StatusFilter::All),
        };
        ExportRequest {
            profile: self.only().map(|(id, _)| *id),
            format: self.format,
            filter,
            status_filter,
            messages: self.messages,
            bom: self.bom && self.format == Format::Csv,
            rows: (self.rows == Rows::Selected).then(|| self.selected.clone()),
            to,
        }
    }
}

/// Which rows are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    Selected,
    Shown,
    All,
}
