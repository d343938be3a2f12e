//! The records that are printed of an entry and of an activity, with full texts.

use crate::activity::export_record::{Record, context_of, text_of};
use crate::activity::{Activity, Entry, Fact, RowId, WholeTexts};
use crate::cli::error::CliError;
use crate::cli::profiles::ProfileNames;
use crate::settings::ProfileId;

use super::Model;

impl Model {
    /// Completes a record's texts from the journal: memory has only their beginnings.
    pub(crate) fn completed(
        &self,
        record: Record,
        profile: ProfileId,
        activity: &Activity<'_>,
    ) -> Result<Record, CliError> {
        let Some(archive) = self.archive.as_ref().filter(|_journal| record.may_be_cut()) else { return Ok(record) };
        let entries = archive.history(profile, &activity.key(), activity.first_seq(), activity.last_seq())?;
        Ok(record.completed(&entries))
    }

    /// The record to print of a new entry, if it passes the filter.
    pub(crate) fn record(
        &mut self,
        (profile, row): (ProfileId, RowId),
        entry: &Entry,
        names: &ProfileNames,
    ) -> Result<Option<Record>, CliError> {
        let name = names.name(profile);
        if matches!(entry.fact, Fact::Gap(_)) {
            return Ok(self.gap_record((profile, row), entry, name));
        }
        let text = text_of(entry);
        let whole = WholeTexts { message: text.as_deref(), context: context_of(entry) };
        match self.activity(profile, row) {
            Some(activity) if self.filter.matches_whole(&activity, entry.at, whole) => {
                let record = Record::of(name, &activity, text.as_deref(), entry.at).with_context(context_of(entry));
                self.completed(record, profile, &activity).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn gap_record(&mut self, (profile, row): (ProfileId, RowId), entry: &Entry, name: String) -> Option<Record> {
        let now = self.entry_clock.now();
        let gap = self.gap_lines.as_mut()?.print(&self.activities, (profile, row), now)?;
        let is_wanted = self.filter.matches(&self.activity(profile, row)?, entry.at);
        is_wanted.then(|| Record::of_gap(name, &gap, entry.at, self.reference))
    }
}
