//! What the journal knows of a request: names to save it under, its data token, and an inline payload.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::activity::{DownloadFailure, Entry, Fact, LocalEvent, Requested, Seq};
use crate::engine::state::used_links::Fingerprint;
use crate::protocol::{DataBody, DataToken, Message, RequestId, file_name};

use super::save_error::SaveError;

#[derive(Debug, Default)]
pub(crate) struct RequestInfo {
    /// The file name known for the data token.
    name: String,
    /// `data_context`.
    context: String,
    /// The data token that was requested.
    pub(crate) token: Option<DataToken>,
    /// The size of the payload in bytes before encryption, as stated by whoever stored it.
    pub(crate) size: Option<u64>,
    /// The newest inline payload, as base64.
    pub(crate) inline: Option<String>,
    /// Whether it was saved before.
    pub(crate) saved: bool,
    /// Its first and last entry.
    pub(crate) span: Option<(Seq, Seq)>,
    /// The fingerprints of the link of each GET that was sent; `None` if the journal does not say which link it was.
    requested: Vec<Option<Vec<Fingerprint>>>,
}

impl RequestInfo {
    /// Collects it from all entries of a request, in ascending order.
    pub(crate) fn of(history: Vec<Entry>) -> Self {
        let mut known = Self::default();
        for entry in history {
            known.span = Some((known.span.map_or(entry.seq, |(first, _)| first), entry.seq));
            match entry.fact {
                Fact::Received(Message::Data(report)) => {
                    if let Some(context) = report.context {
                        known.context = context;
                    }
                    if let DataBody::Inline { text, .. } = report.delivery {
                        known.inline = Some(text);
                    }
                }
                Fact::Local(LocalEvent::Requested(Requested { token, file_name, context, size, .. })) => {
                    known.name = file_name;
                    if known.context.is_empty() {
                        known.context = context;
                    }
                    known.token = Some(token);
                    known.size = size;
                }
                Fact::Local(LocalEvent::Fetching { links, .. }) => {
                    let read = |links: Vec<String>| links.iter().filter_map(|link| Fingerprint::parse(link)).collect();
                    known.requested.push((!links.is_empty()).then(|| read(links)));
                }
                Fact::Local(LocalEvent::NotSaved { why: DownloadFailure::NotStarted, .. }) => _ = known.requested.pop(),
                Fact::Local(LocalEvent::Saved { .. }) => known.saved = true,
                _ => {}
            }
        }
        known
    }

    /// Whether the journal has a GET of this link; `None` if it has a GET of an unknown link.
    pub(crate) fn has_requested(&self, links: &[Fingerprint]) -> Option<bool> {
        let is_this = |requested: &Option<Vec<Fingerprint>>| {
            requested.as_ref().is_some_and(|requested| requested.iter().any(|link| links.contains(link)))
        };
        if self.requested.iter().any(is_this) {
            return Some(true);
        }
        self.requested.iter().all(Option::is_some).then_some(false)
    }

    /// The file name to use if nobody chose one.
    pub(crate) fn suggestion(&self, request: &RequestId) -> String {
        file_name::suggestion(&self.name, &self.context, request.as_str())
    }

    /// The bytes of the inline payload.
    ///
    /// # Errors
    ///
    /// If there is none, or it is not valid base64.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, SaveError> {
        let text = self.inline.as_ref().ok_or(SaveError::NoPayload)?;
        STANDARD.decode(text).map_err(|_malformed| SaveError::NotBase64)
    }
}
