//! What is exported, and in which format.

use crate::activity::export_record::Format;
use crate::activity::{Filter, Seq, StatusFilter};
use crate::engine::Export;
use crate::protocol::file_name;
use crate::settings::ProfileId;

/// What is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportForm {
    /// The profile in front, and its name; `None` where all of them are in front.
    pub(crate) profile: Option<(ProfileId, String)>,
    /// Whether all profiles are meant; `None` where there is nothing to choose.
    pub(crate) all_profiles: Option<bool>,
    pub(crate) format: Format,
    pub(crate) messages: bool,
    /// What the table shows, where that is not everything: the filter, the chip, and both in words.
    pub(crate) shown: Option<(Filter, StatusFilter, String)>,
    /// The entries by which the selected rows are named; empty where no row is selected.
    pub(crate) selected: Vec<Seq>,
    pub(crate) rows: Rows,
    /// Whether CSV begins with a byte order mark.
    pub(crate) bom: bool,
}

impl ExportForm {
    /// The dialog for what is in front. `several` is whether there are other profiles.
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
                // One row is selected wherever the keyboard is: it may not be meant.
                ([_, _, ..], _) => Rows::Selected,
                (_, Some(_)) => Rows::Shown,
                (_, None) => Rows::All,
            },
            shown,
            selected,
            // There a double click opens the file in Excel, which takes UTF-8 for the system's code page without it.
            bom: cfg!(windows),
        }
    }

    /// The one profile that is meant, and its name.
    pub(crate) fn only(&self) -> Option<&(ProfileId, String)> {
        self.profile.as_ref().filter(|_| self.all_profiles != Some(true))
    }

    /// The name that the file is suggested to have.
    pub(crate) fn file_name(&self) -> String {
        let whose = self.only().map_or("all", |(_, name)| name);
        let what = if self.messages { "messages" } else { "activities" };
        format!("privicore-{}-{what}.{}", file_name::safe_name(whose).unwrap_or_default(), self.format.extension())
    }

    /// What is to be exported, to a place.
    pub(crate) fn export(&self, to: std::path::PathBuf) -> Export {
        let (filter, status_filter) = match &self.shown {
            Some((filter, status_filter, _)) if self.rows == Rows::Shown => (filter.clone(), *status_filter),
            Some(_) | None => (Filter::default(), StatusFilter::All),
        };
        Export {
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

/// Which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    Selected,
    Shown,
    All,
}
