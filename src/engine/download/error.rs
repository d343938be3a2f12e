//! How a download fails: the outcome in the row, the text for the operator, and the next step.

use std::path::Path;

use crate::activity::DownloadFailure;
use crate::engine::client::link_policy::PolicyViolation;
use crate::engine::events::action::Action;

use super::save_error::SaveError;

#[derive(Debug)]
pub(crate) struct DownloadError {
    /// The outcome to record in the row; `None` if the download never started, so that the row stays as it is.
    pub(crate) outcome: Option<DownloadFailure>,
    /// What happened, and what to do.
    pub(crate) sentence: String,
    /// Whether to show no notice, because the operator caused it.
    pub(crate) quiet: bool,
    /// Whether the received bytes are kept.
    pub(crate) keep: bool,
    /// The next step that a button offers: its label and its action.
    pub(crate) remedy: Option<Box<(String, Action)>>,
}

impl DownloadError {
    /// A failure before anything was recorded or sent.
    pub(crate) fn before(sentence: impl Into<String>) -> Self {
        Self { outcome: None, sentence: sentence.into(), quiet: false, keep: false, remedy: None }
    }

    /// A failure after `Fetching` was recorded.
    pub(crate) fn after(why: DownloadFailure, sentence: impl Into<String>) -> Self {
        Self { outcome: Some(why), ..Self::before(sentence) }
    }

    /// A failure during the transfer: the received bytes are kept.
    pub(crate) fn broken(sentence: impl Into<String>) -> Self {
        Self { keep: true, ..Self::after(DownloadFailure::Broken, sentence) }
    }

    /// The policy forbids the link; nothing was sent.
    pub(crate) fn refused(
        refused: PolicyViolation,
        allow: impl FnOnce(crate::engine::events::action::LinkPermission, String) -> Action,
    ) -> Self {
        let PolicyViolation { sentence, remedy_permission: permission } = refused;
        let remedy = permission.map(|(permission, host)| Box::new((format!("Allow {host}"), allow(permission, host))));
        Self { remedy, ..Self::before(sentence) }
    }
}

impl From<SaveError> for DownloadError {
    fn from(error: SaveError) -> Self {
        Self::before(error.to_string())
    }
}

/// Why a running download stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The operator cancelled it.
    Cancelled,
    /// The engine is stopping.
    Closing,
}

impl StopReason {
    /// The error if the link was not used yet.
    pub(crate) fn before() -> DownloadError {
        DownloadError {
            quiet: true,
            ..DownloadError::before("The download was stopped before it began. The link was not used.")
        }
    }

    /// The error once the GET was sent.
    pub(crate) fn after(self) -> DownloadError {
        match self {
            Self::Cancelled => DownloadError {
                quiet: true,
                ..DownloadError::after(
                    DownloadFailure::Cancelled,
                    "The download was stopped. The link is used up; request the data again.",
                )
            },
            Self::Closing => DownloadError {
                quiet: true,
                ..DownloadError::broken("Privicore Monitor was closed during the download. The link is used up.")
            },
        }
    }
}

/// The end of a sentence about an interrupted transfer: which file is kept, and what to do next.
pub(crate) fn next_step(part: Option<&Path>, can_request: bool) -> String {
    let kept = part.map(|part| format!(" What had come is kept in {}.", part.display())).unwrap_or_default();
    let next = if can_request {
        "Request the data again: its data token is known here."
    } else {
        "Request the data again with the software that requested it."
    };
    format!("{kept} {next}")
}
