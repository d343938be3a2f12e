//! How a download fails: what the row says of it, what the operator reads, and what can be done about it.

use std::path::Path;

use crate::activity::NotSaved;
use crate::engine::action::Action;

use super::guard::Refused;
use super::save_error::SaveError;

/// How a download failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// What the row says of it; `None` where nothing had begun, so that the row stays as it is.
    pub(super) deed: Option<NotSaved>,
    /// What happened and what to do.
    pub(super) sentence: String,
    /// Whether no notice is shown: the operator did it.
    pub(super) quiet: bool,
    /// Whether what has come is kept.
    pub(super) keep: bool,
    /// What the operator can do about it at once: the button's words and what it does.
    pub(super) remedy: Option<Box<(String, Action)>>,
}

impl Failed {
    /// Before anything was recorded or sent.
    pub(super) fn before(sentence: impl Into<String>) -> Self {
        Self { deed: None, sentence: sentence.into(), quiet: false, keep: false, remedy: None }
    }

    /// After the deed of fetching was recorded.
    pub(super) fn after(why: NotSaved, sentence: impl Into<String>) -> Self {
        Self { deed: Some(why), ..Self::before(sentence) }
    }

    /// In the middle: what has come is kept.
    pub(super) fn broken(sentence: impl Into<String>) -> Self {
        Self { keep: true, ..Self::after(NotSaved::Broken, sentence) }
    }

    /// The link may not be fetched; nothing was sent.
    pub(super) fn refused(refused: Refused, allow: impl FnOnce(crate::engine::Permission, String) -> Action) -> Self {
        let Refused { sentence, allow: permission } = refused;
        let remedy = permission.map(|(permission, host)| Box::new((format!("Allow {host}"), allow(permission, host))));
        Self { remedy, ..Self::before(sentence) }
    }
}

impl From<SaveError> for Failed {
    fn from(error: SaveError) -> Self {
        Self::before(error.to_string())
    }
}

/// Why a download stops in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The operator stopped it.
    Cancelled,
    /// The engine ends.
    Closing,
}

impl Stop {
    /// Before the link was touched.
    pub(super) fn before() -> Failed {
        Failed { quiet: true, ..Failed::before("The download was stopped before it began. The link was not used.") }
    }

    /// From the GET on.
    pub(super) fn after(self) -> Failed {
        match self {
            Self::Cancelled => Failed {
                quiet: true,
                ..Failed::after(
                    NotSaved::Cancelled,
                    "The download was stopped. The link is used up; request the data again.",
                )
            },
            Self::Closing => Failed {
                quiet: true,
                ..Failed::broken("Privicore Monitor was closed during the download. The link is used up.")
            },
        }
    }
}

/// The end of a sentence about a transfer that broke: what is kept, and what can be done.
pub(super) fn what_now(part: Option<&Path>, can_request: bool) -> String {
    let kept = part.map(|part| format!(" What had come is kept in {}.", part.display())).unwrap_or_default();
    let next = if can_request {
        "Request the data again: its data token is known here."
    } else {
        "Request the data again with the software that requested it."
    };
    format!("{kept} {next}")
}
