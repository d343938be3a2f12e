//! Copies selected rows to the clipboard: as the table shows them, as tab-separated values, or as JSON. Truncated texts are
//! read from the journal first.

use std::collections::{BTreeMap, HashMap};

use crate::activity::export_record::{Record, tsv_line};
use crate::activity::{Activity, ActivityKey, RowId};
use crate::engine::CutText;
use crate::protocol::sanitize;
use crate::settings::ProfileId;
use crate::ui::frame::FrameContext;
use crate::ui::profile_tab::ProfileTab;
use crate::ui::text::activity_label::label_of;
use crate::ui::text::{cell_time, full_time};

/// The maximum number of rows copied at once.
pub(crate) const MAX_ROWS: usize = 10_000;

/// The format of the copied text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the table shows the rows: one line per row, with tabs between the cells.
    Text,
    /// The fields of `export` with tabs between them, below a header line.
    Tsv,
    /// The fields of `export` as JSON, one object per line.
    Json,
}

/// Rows that are copied once their full texts have been read.
#[derive(Debug)]
pub(crate) struct Copying {
    /// The tab that the rows belong to.
    pub(crate) tab: ProfileId,
    pub(crate) rows: Vec<RowId>,
    pub(crate) form: Form,
    /// The number of texts still to be read, by profile.
    pending_texts: BTreeMap<ProfileId, usize>,
    texts: WholeTexts,
    /// The number of texts that were not found.
    pub(crate) missing: usize,
}

/// The full texts of truncated cells.
#[derive(Debug, Default)]
struct WholeTexts(HashMap<(ProfileId, ActivityKey), Vec<String>>);

impl WholeTexts {
    /// The full text if `text` ends in `…` because it was cut; otherwise `text`.
    fn whole<'a>(&'a self, of: &(ProfileId, ActivityKey), text: &'a str) -> &'a str {
        let Some(begins) = text.strip_suffix('…') else { return text };
        let texts = self.0.get(of).into_iter().flatten();
        texts.map(String::as_str).find(|whole| whole.starts_with(begins)).unwrap_or(text)
    }
}

impl Copying {
    /// The rows of a tab, and what has to be read for them, by profile.
    pub(crate) fn new(
        profile_tab: &ProfileTab,
        rows: Vec<RowId>,
        form: Form,
    ) -> (Self, BTreeMap<ProfileId, Vec<CutText>>) {
        let mut cut: BTreeMap<ProfileId, Vec<CutText>> = BTreeMap::new();
        for (row, activity) in rows.iter().filter_map(|row| Some((*row, profile_tab.activity(*row)?))) {
            for text in [&*activity.message(), &*activity.context()] {
                let Some(begins) = text.strip_suffix('…') else { continue };
                cut.entry(profile_tab.owner(row)).or_default().push(CutText {
                    key: activity.key(),
                    from: activity.first_seq(),
                    to: activity.last_seq(),
                    beginning: begins.to_owned(),
                });
            }
        }
        let pending_texts = cut.iter().map(|(profile, texts)| (*profile, texts.len())).collect();
        let copying =
            Self { tab: profile_tab.profile.id, rows, form, pending_texts, texts: WholeTexts::default(), missing: 0 };
        (copying, cut)
    }

    /// Adds texts that were read.
    pub(crate) fn take(&mut self, profile: ProfileId, texts: Vec<(ActivityKey, String)>) {
        let Some(awaited) = self.pending_texts.remove(&profile) else { return };
        self.missing += awaited.saturating_sub(texts.len());
        for (key, text) in texts {
            self.texts.0.entry((profile, key)).or_default().push(text);
        }
    }

    /// Whether every requested text has been answered.
    pub(crate) fn is_ready(&self) -> bool {
        self.pending_texts.is_empty()
    }

    /// The rows in the chosen format; empty if none of them exists any more.
    pub(crate) fn text(&self, profile_tab: &ProfileTab, frame: &FrameContext) -> String {
        let lines = self.rows.iter().filter_map(|row| Some((*row, profile_tab.activity(*row)?)));
        let lines: String = lines
            .map(|(row, activity)| match self.form {
                Form::Text => self.line(profile_tab, row, &activity, frame),
                Form::Tsv => self.record(profile_tab, row, &activity, frame).tsv(),
                Form::Json => self.record(profile_tab, row, &activity, frame).json(),
            })
            .collect();
        if self.form == Form::Tsv && !lines.is_empty() { Record::tsv_header() + &lines } else { lines }
    }

    /// A row as `export` writes it.
    fn record(&self, profile_tab: &ProfileTab, row: RowId, activity: &Activity<'_>, frame: &FrameContext) -> Record {
        let profile = profile_tab.owner_name(row).to_owned();
        if let Some(gap) = profile_tab.gap(row) {
            return Record::of_gap(profile, &gap, activity.first_seen(), frame.reference);
        }
        let (of, message) = ((profile_tab.owner(row), activity.key()), activity.message());
        let record = Record::of(profile, activity, Some(self.texts.whole(&of, &message)), activity.updated());
        record.with_context(Some(self.texts.whole(&of, &activity.context())))
    }

    /// A row as the table shows it, with its full text.
    fn line(&self, profile_tab: &ProfileTab, row: RowId, activity: &Activity<'_>, frame: &FrameContext) -> String {
        let time = cell_time(activity.updated(), frame.now, &frame.zone);
        let when =
            if time.millis.is_empty() { full_time(activity.updated(), &frame.zone) } else { time.main + &time.millis };
        let of = (profile_tab.owner(row), activity.key());
        let (label, message) = (label_of(activity), activity.message());
        tsv_line(&[
            when.as_str(),
            activity.kind().word(),
            &sanitize(&activity.id()),
            &sanitize(self.texts.whole(&of, &label)),
            &activity.status().word(),
            &sanitize(self.texts.whole(&of, &message)),
        ])
    }
}
