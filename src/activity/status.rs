//! The states of an activity, in the words of the table, and the chips that gather them.

use std::borrow::Cow;

/// The state of an activity: one word in the Status column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// A command in flight.
    Pending,
    /// A command that is done.
    Succeeded,
    /// A command that failed, or data that could not be had.
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
    /// The link's time was over.
    LinkExpired,
    /// The link was used and nothing was saved.
    LinkUsed,
    /// The payload came in the message.
    Inline,
    /// A message of a type that this program does not know, or one that could not be read.
    Unrecognised,
    /// A time in which nothing could be heard: acknowledgements may be missing from it.
    Gap,
}

impl Status {
    /// The word, as the table, the export and the accessible names have it.
    #[must_use]
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

    /// Whether an outcome is still to come.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Preparing | Self::Downloading)
    }

    /// The chip that counts it; each status belongs to exactly one.
    #[must_use]
    pub fn status_filter(self) -> StatusFilter {
        match self {
            Self::Pending | Self::Preparing => StatusFilter::Pending,
            Self::Succeeded | Self::Saved => StatusFilter::Succeeded,
            Self::Failed => StatusFilter::Failed,
            Self::Ready | Self::Inline | Self::Downloading => StatusFilter::Ready,
            Self::Unknown
            | Self::UnrecognisedNumber(_)
            | Self::LinkExpired
            | Self::LinkUsed
            | Self::Unrecognised
            | Self::Gap => StatusFilter::Other,
        }
    }
}

/// The chips above the table: all, and five that share it out among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StatusFilter {
    /// Every row.
    #[default]
    All,
    /// Commands in flight and data being prepared.
    Pending,
    /// Commands that are done and data that is saved.
    Succeeded,
    /// What failed.
    Failed,
    /// Data that can be had or is being fetched.
    Ready,
    /// The rest.
    Other,
}

impl StatusFilter {
    /// In the order of the window, which is also that of the keys 1 to 6.
    pub const ORDER: [Self; 6] = [Self::All, Self::Pending, Self::Succeeded, Self::Failed, Self::Ready, Self::Other];

    /// The word on the chip.
    #[must_use]
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

    /// The chip's accessible name.
    #[must_use]
    pub fn accessible_name(self, count: usize) -> String {
        let what = match self {
            Self::All => "all",
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Ready => "data ready",
            Self::Other => "other",
        };
        format!("Show {what} ({count})")
    }
}

/// How many rows each chip gathers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Rows by chip, in the order of [`StatusFilter::ORDER`] without [`StatusFilter::All`].
    by_chip: [usize; 5],
}

impl Counts {
    /// How many rows a chip gathers.
    #[must_use]
    pub fn of(&self, status_filter: StatusFilter) -> usize {
        match status_filter {
            StatusFilter::All => self.by_chip.iter().sum(),
            StatusFilter::Pending => self.by_chip[0],
            StatusFilter::Succeeded => self.by_chip[1],
            StatusFilter::Failed => self.by_chip[2],
            StatusFilter::Ready => self.by_chip[3],
            StatusFilter::Other => self.by_chip[4],
        }
    }

    fn slot(&mut self, status: Status) -> &mut usize {
        match status.status_filter() {
            StatusFilter::Pending => &mut self.by_chip[0],
            StatusFilter::Succeeded => &mut self.by_chip[1],
            StatusFilter::Failed => &mut self.by_chip[2],
            StatusFilter::Ready => &mut self.by_chip[3],
            StatusFilter::All | StatusFilter::Other => &mut self.by_chip[4],
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
