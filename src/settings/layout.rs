//! The stored layout of the table: columns, sort, filter, and how times are shown.

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableColumn {
    /// When the last message arrived.
    Updated,
    /// Time since the last message arrived.
    Age,
    /// When the first message arrived.
    FirstSeen,
    /// Command, data, message or gap.
    Kind,
    /// The id.
    Id,
    /// The operator's label, or the context.
    Label,
    /// The status.
    Status,
    /// The message text.
    Message,
    /// The time from the first message to the outcome.
    Took,
    /// How its state is known: from the socket, from a status check, from both.
    Source,
    /// The action that is available at once.
    Action,
}

impl TableColumn {
    /// Every column, in the order in which hidden ones are offered.
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

    /// The default columns, in their order.
    pub const DEFAULT: [Self; 8] =
        [Self::Updated, Self::Kind, Self::Id, Self::Label, Self::Status, Self::Message, Self::Took, Self::Action];
}

/// A visible column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ColumnLayout {
    /// The column.
    pub column: TableColumn,
    /// Its width in points, if it differs from the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
}

/// The sort order of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SortLayout {
    /// The column to sort by.
    pub column: TableColumn,
    /// Largest first.
    #[serde(default)]
    pub descending: bool,
}

/// The table layout of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct TableLayout {
    /// The columns from the left; empty for the default ones.
    pub columns: Vec<ColumnLayout>,
    /// `None` for arrival order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<SortLayout>,
    /// The filter as typed.
    pub filter: String,
}

impl TableLayout {
    /// The visible columns from the left: each once, and never none.
    pub fn shown(&self) -> Vec<ColumnLayout> {
        let mut shown: Vec<ColumnLayout> = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            if !shown.iter().any(|other| other.column == column.column) {
                shown.push(*column);
            }
        }
        if shown.is_empty() {
            shown.extend(TableColumn::DEFAULT.map(|column| ColumnLayout { column, width: None }));
        }
        shown
    }
}

/// A named layout, to return to.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct SavedFilter {
    /// The operator's name for it.
    pub name: String,
    /// Its columns, sort and filter.
    #[serde(flatten)]
    pub layout: TableLayout,
}

/// How Insight is shown: messages received, why commands failed, how long they took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct InsightLayout {
    /// Whether it is visible.
    pub open: bool,
    /// The time range that it covers, up to now.
    pub span: InsightSpan,
}

/// A time range up to now.
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

/// How times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Times {
    /// As an age in the table, not as a time of day.
    pub relative: bool,
    /// In UTC, not in the computer's time zone.
    pub utc: bool,
    /// With milliseconds, if shown as a time of day.
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
    fn a_table_always_has_columns_each_once() {
        let columns = |layout: &TableLayout| layout.shown().iter().map(|shown| shown.column).collect::<Vec<_>>();
        assert_eq!(columns(&TableLayout::default()), TableColumn::DEFAULT);
        let id = ColumnLayout { column: TableColumn::Id, width: Some(300) };
        let layout = TableLayout { columns: vec![id, id], ..TableLayout::default() };
        assert_eq!(columns(&layout), [TableColumn::Id]);
    }
}
