//! An activity's status, as the Status column shows it, and the status filters that group statuses.

use std::borrow::Cow;

/// The status of an activity: one word in the Status column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// A command without an outcome.
    Pending,
    /// A command that succeeded.
    Succeeded,
    /// A command that failed, or data that could not be delivered.
    Failed,
    /// The server was asked and does not know the command.
    Unknown,
    /// A command status number that this program does not know.
    UnrecognisedNumber(i64),
    /// Data is being prepared.
    Preparing,
    /// Data can be fetched.
    Ready,
    /// Data is being fetched.
    Downloading,
    /// Data is on the disk.
    Saved,
    /// The link expired.
    LinkExpired,
    /// The link was used and nothing was saved.
    LinkUsed,
    /// The message contained the payload.
    Inline,
    /// A message of a type that this program does not know, or one that could not be read.
    Unrecognised,
    /// A period in which no messages could be received: acknowledgements may be missing from it.
    Gap,
}

impl Status {
    /// The status word, as the table, the export and the accessible names use it.
    pub fn word(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Pending => "Pending",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Unknown => "Unknown",
            Self::UnrecognisedNumber(number) => return Cow::Owned(format!("Unrecognised {number}")),
            Self::Preparing => "Preparing",
            Self::Ready => "Ready",
            Self::Downloading => "Downloading",
            Self::Saved => "Saved",
            Self::LinkExpired => "Link expired",
            Self::LinkUsed => "Link used",
            Self::Inline => "Inline",
            Self::Unrecognised => "Unrecognised",
            Self::Gap => "Gap",
        })
    }

    /// Whether an outcome is still expected.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Preparing | Self::Downloading)
    }

    /// The filter that counts this status; each status belongs to exactly one besides [`StatusFilter::All`].
    pub fn status_filter(self) -> StatusFilter {
        match self {
            Self::Pending | Self::Preparing => StatusFilter::Pending,
            Self::Succeeded | Self::Saved => StatusFilter::Succeeded,
            Self::Failed => StatusFilter::Failed,
            Self::Ready | Self::Inline | Self::Downloading => StatusFilter::Ready,
            _ => StatusFilter::Other,
        }
    }
}

/// The filters above the table: all rows, and five groups that partition them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StatusFilter {
    /// Every row.
    #[default]
    All,
    /// Commands without an outcome and data that is being prepared.
    Pending,
    /// Commands that succeeded and data that was saved.
    Succeeded,
    /// Commands and data that failed.
    Failed,
    /// Data that can be fetched or is being fetched.
    Ready,
    /// Every other status.
    Other,
}

impl StatusFilter {
    /// In the order of the window, which is also the order of the keys 1 to 6.
    pub const ORDER: [Self; 6] = [Self::All, Self::Pending, Self::Succeeded, Self::Failed, Self::Ready, Self::Other];

    /// The filter's label.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "Show all",
            Self::Pending => "Pending",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Ready => "Data ready",
            Self::Other => "Other",
        }
    }

    /// The filter's accessible name.
    pub fn accessible_name(self, count: usize) -> String {
        let what = if self == Self::All { "all".to_owned() } else { self.word().to_lowercase() };
        format!("Show {what} ({count})")
    }
}

/// Number of rows in each filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rows by filter, in the order of [`StatusFilter::ORDER`] without [`StatusFilter::All`].
    by_filter: [usize; 5],
}

impl Counts {
    /// The number of rows in a filter.
    pub fn of(&self, status_filter: StatusFilter) -> usize {
        match status_filter {
            StatusFilter::All => self.by_filter.iter().sum(),
            StatusFilter::Pending => self.by_filter[0],
            StatusFilter::Succeeded => self.by_filter[1],
            StatusFilter::Failed => self.by_filter[2],
            StatusFilter::Ready => self.by_filter[3],
            StatusFilter::Other => self.by_filter[4],
        }
    }

    fn slot(&mut self, status: Status) -> &mut usize {
        match status.status_filter() {
            StatusFilter::Pending => &mut self.by_filter[0],
            StatusFilter::Succeeded => &mut self.by_filter[1],
            StatusFilter::Failed => &mut self.by_filter[2],
            StatusFilter::Ready => &mut self.by_filter[3],
            StatusFilter::All | StatusFilter::Other => &mut self.by_filter[4],
        }
    }

    pub(crate) fn add(&mut self, status: Status) {
        *self.slot(status) += 1;
    }

    pub(crate) fn remove(&mut self, status: Status) {
        let slot = self.slot(status);
        *slot = slot.saturating_sub(1);
    }
}
