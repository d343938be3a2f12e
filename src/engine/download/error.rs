//! How a download fails: what the row says of it, what the operator reads, and what can be done about it.

use std::path::Path;

use crate::activity::DownloadFailure;
use crate::engine::client::link_policy::PolicyViolation;
use crate::engine::events::action::Action;

use super::save_error::SaveError;

/// How a download failed.
#[derive(Debug)]
pub(crate) struct DownloadError {
    /// What the row says of it; `None` where nothing had begun, so that the row stays as it is.
    pub(crate) deed: Option<DownloadFailure>,
    /// What happened and what to do.
    pub(crate) sentence: String,
    /// Whether no notice is shown: the operator did it.
    pub(crate) quiet: bool,
    /// Whether what has come is kept.
    pub(crate) keep: bool,
    /// What the operator can do about it at once: the button's words and what it does.
    pub(crate) remedy: Option<Box<(String, Action)>>,
}

impl DownloadError {
    /// Before anything was recorded or sent.
    pub(crate) fn before(sentence: impl Into<String>) -> Self {
        Self { deed: None, sentence: sentence.into(), quiet: false, keep: false, remedy: None }
    }

    /// After the deed of fetching was recorded.
    pub(crate) fn after(why: DownloadFailure, sentence: impl Into<String>) -> Self {
        Self { deed: Some(why), ..Self::before(sentence) }
    }

    /// In the middle: what has come is kept.
    pub(crate) fn broken(sentence: impl Into<String>) -> Self {
        Self { keep: true, ..Self::after(DownloadFailure::Broken, sentence) }
    }

    /// The link may not be fetched; nothing was sent.
    pub(crate) fn refused(
        refused: PolicyViolation,
        allow: impl FnOnce(crate::engine::events::action::LinkPermission, String) -> Action,
    ) -> Self {
        let PolicyViolation { sentence, allow: permission } = refused;
        let remedy = permission.map(|(permission, host)| Box::new((format!("Allow {host}"), allow(permission, host))));
        Self { remedy, ..Self::before(sentence) }
    }
}

impl From<SaveError> for DownloadError {
    fn from(error: SaveError) -> Self {
        Self::before(error.to_string())
    }
}

/// Why a download stops in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The operator stopped it.
    Cancelled,
    /// The engine ends.
    Closing,
}

impl StopReason {
    /// Before the link was touched.
    pub(crate) fn before() -> DownloadError {
        DownloadError {
            quiet: true,
            ..DownloadError::before("The download was stopped before it began. The link was not used.")
        }
    }

    /// From the GET on.
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

/// The end of a sentence about a transfer that broke: what is kept, and what can be done.
pub(crate) fn what_now(part: Option<&Path>, can_request: bool) -> String {
    let kept = part.map(|part| format!(" What had come is kept in {}.", part.display())).unwrap_or_default();
    let next = if can_request {
        "Request the data again: its data token is known here."
    } else {
        "Request the data again with the software that requested it."
    };
    format!("{kept} {next}")
}
