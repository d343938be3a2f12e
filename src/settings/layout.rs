//! How activities are looked at, as it is remembered: columns, sort, filter, and how times are told.

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableColumn {
    /// When the last message came.
    Updated,
    /// How long ago the last message came.
    Age,
    /// When the first message came.
    FirstSeen,
    /// Command, data, message or gap.
    Kind,
    /// The id.
    Id,
    /// The operator's name for it, or its context.
    Label,
    /// The status.
    Status,
    /// What was said with it.
    Message,
    /// How long it took.
    Took,
    /// How its state is known: by the socket, by an enquiry, by both.
    Source,
    /// What can be done at once.
    Action,
}

impl TableColumn {
    /// Every column, in the order in which those that are not shown are offered.
    pub const ALL: [Self; 11] = [
        Self::Updated,
        Self::Age,
        Self::FirstSeen,
        Self::Kind,
        Self::Id,
        Self::Label,
        Self::Status,
        Self::Message,
        Self::Took,
        Self::Source,
        Self::Action,
    ];

    /// Those that are shown where nothing else was chosen, in their order.
    pub const USUAL: [Self; 8] =
        [Self::Updated, Self::Kind, Self::Id, Self::Label, Self::Status, Self::Message, Self::Took, Self::Action];
}

/// A column that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ColumnLayout {
    /// Which.
    pub column: TableColumn,
    /// Its width in points, where another than the usual was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
}

/// What a table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SortLayout {
    /// The column.
    pub column: TableColumn,
    /// From the largest on.
    #[serde(default)]
    pub descending: bool,
}

/// How the activities of a profile are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TableLayout {
    /// The columns from the left; empty for the usual ones.
    pub columns: Vec<ColumnLayout>,
    /// `None` for arrival order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<SortLayout>,
    /// The filter as it was typed.
    pub filter: String,
}

impl TableLayout {
    /// The columns that are shown, from the left: each once, and never none.
    #[must_use]
    pub fn shown(&self) -> Vec<ColumnLayout> {
        let mut shown: Vec<ColumnLayout> = Vec::with_capacity(self.columns.len());
        for look in &self.columns {
            if !shown.iter().any(|other| other.column == look.column) {
                shown.push(*look);
            }
        }
        if shown.is_empty() {
            shown.extend(TableColumn::USUAL.map(|column| ColumnLayout { column, width: None }));
        }
        shown
    }
}

/// A look with a name, to come back to.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct SavedFilter {
    /// The operator's name for it.
    pub name: String,
    /// What it looks at, and how.
    #[serde(flatten)]
    pub look: TableLayout,
}

/// How Insight is looked at: what came, why commands failed, how long they took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct InsightLayout {
    /// Whether it is shown.
    pub open: bool,
    /// The stretch of time up to now that it looks at.
    pub span: InsightSpan,
}

/// A stretch of time up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InsightSpan {
    /// The last hour.
    #[default]
    Hour,
    /// The last six hours.
    SixHours,
    /// The last 24 hours.
    Day,
}

/// How times are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Times {
    /// In the table as an age, not as a time of day.
    pub relative: bool,
    /// In coordinated universal time, not in that of the computer.
    pub utc: bool,
    /// To the millisecond, where they are told as a time of day.
    pub milliseconds: bool,
}

impl Default for Times {
    fn default() -> Self {
        Self { relative: false, utc: false, milliseconds: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_always_has_columns_and_each_once() {
        let columns = |look: &TableLayout| look.shown().iter().map(|shown| shown.column).collect::<Vec<_>>();
        assert_eq!(columns(&TableLayout::default()), TableColumn::USUAL);
        let id = ColumnLayout { column: TableColumn::Id, width: Some(300) };
        let look = TableLayout { columns: vec![id, id], ..TableLayout::default() };
        assert_eq!(columns(&look), [TableColumn::Id]);
    }
}
