//! What the journal knows of a request: names to save it under, its data token, and a payload that came inline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::activity::{DownloadFailure, Entry, Fact, LocalEvent, Requested, Seq};
use crate::engine::state::used_links::Fingerprint;
use crate::protocol::{DataBody, DataToken, Message, RequestId, file_name};

use super::save_error::SaveError;

/// What the journal knows of a request.
#[derive(Debug, Default)]
pub(crate) struct RequestInfo {
    /// The file name known for the data token.
    name: String,
    /// `data_context`.
    context: String,
    /// The data token.
    pub(crate) token: Option<DataToken>,
    /// How long the payload is, as whoever stored it said, before it was encrypted.
    pub(crate) size: Option<u64>,
    /// The newest payload that came inline, as base64.
    pub(crate) inline: Option<String>,
    /// Whether it was saved before.
    pub(crate) saved: bool,
    /// Its first and last entry.
    pub(crate) span: Option<(Seq, Seq)>,
    /// What was requested, one for each GET that was sent; `None` where the journal does not say which link that was.
    requested: Vec<Option<Vec<Fingerprint>>>,
}

impl RequestInfo {
    /// From every entry of a request, ascending.
    pub(crate) fn of(history: Vec<Entry>) -> Self {
        let mut known = Self::default();
        for entry in history {
            known.span = Some((known.span.map_or(entry.seq, |(first, _)| first), entry.seq));
            match entry.fact {
                Fact::Heard(Message::Data(report)) => {
                    if let Some(context) = report.context {
                        known.context = context;
                    }
                    if let DataBody::Inline { text, .. } = report.delivery {
                        known.inline = Some(text);
                    }
                }
                Fact::Done(LocalEvent::Requested(Requested { token, file_name, context, size, .. })) => {
                    known.name = file_name;
                    if known.context.is_empty() {
                        known.context = context;
                    }
                    known.token = Some(token);
                    known.size = size;
                }
                Fact::Done(LocalEvent::Fetching { links, .. }) => {
                    let read = |links: Vec<String>| links.iter().filter_map(|link| Fingerprint::read(link)).collect();
                    known.requested.push((!links.is_empty()).then(|| read(links)));
                }
                Fact::Done(LocalEvent::NotSaved { why: DownloadFailure::NotStarted, .. }) => _ = known.requested.pop(),
                Fact::Done(LocalEvent::Saved { .. }) => known.saved = true,
                _ => {}
            }
        }
        known
    }

    /// Whether a GET of this link is in the journal; `None` where one is of which it does not say what link that was.
    pub(crate) fn has_requested(&self, links: &[Fingerprint]) -> Option<bool> {
        let is_this = |requested: &Option<Vec<Fingerprint>>| {
            requested.as_ref().is_some_and(|requested| requested.iter().any(|link| links.contains(link)))
        };
        if self.requested.iter().any(is_this) {
            return Some(true);
        }
        self.requested.iter().all(Option::is_some).then_some(false)
    }

    /// The name to save under where nobody chose one.
    pub(crate) fn suggestion(&self, request: &RequestId) -> String {
        file_name::suggestion(&self.name, &self.context, request.as_str())
    }

    /// The bytes of the payload that came inline.
    ///
    /// # Errors
    ///
    /// If there is none or it can't be read.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, SaveError> {
        let text = self.inline.as_ref().ok_or(SaveError::NoPayload)?;
        STANDARD.decode(text).map_err(|_malformed| SaveError::NotBase64)
    }
}
