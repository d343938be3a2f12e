//! Requests stored data: reads the list of data tokens, and sends `request-data` for one or many of them.
//!
//! Each request is recorded in the journal under the request id that the server gave, so that its name, size and data token are
//! known when the data arrives, and it can be repeated. The data token is never logged.

use std::path::PathBuf;
use std::sync::Arc;

use crate::activity::{ActivityKey, Entry, Fact, LocalEvent, Requested, Seq};
use crate::engine::client::rest::RequestedData;
use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::action::DATA_TOKENS_PER_PAGE;
use crate::engine::events::event::Event;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::network::rest_error::RestError;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::protocol::{CommandId, RequestId, StoredData};
use crate::settings::ProfileId;

/// The label of the commands that carry out data requests.
const LABEL: &str = "Request data";

/// Sends the data requests of one profile.
pub(crate) struct DataRequester {
    pub(crate) profile: ProfileId,
    /// The token and its server.
    pub(crate) session_credentials: Arc<SessionCredentials>,
    /// Records the requests.
    pub(crate) journal_writer: JournalWriter,
    /// The shared services of the engine.
    pub(crate) context: EngineContext,
}

impl DataRequester {
    /// Reads one page of the data tokens and sends it to the window.
    pub(crate) async fn list(self, page: u32) {
        let page = page.max(1);
        let SessionCredentials { endpoints, token, .. } = &*self.session_credentials;
        let answer = self.context.rest.list_data_tokens(endpoints, token, page, DATA_TOKENS_PER_PAGE).await;
        if let Err(error) = &answer {
            self.report_if_token_invalid(error.clone()).await;
        }
        self.context.event_sender.send(Event::DataTokens { profile: self.profile, page, answer });
    }

    /// Requests data, one item after the other; `folder` is where it is saved automatically. `again` is the request that is
    /// repeated.
    pub(crate) async fn request(self, data: Vec<StoredData>, folder: Option<PathBuf>, again: Option<RequestId>) {
        let all = data.len();
        for (done, stored) in data.into_iter().enumerate() {
            match self.request_with_retry(&stored).await {
                Ok(answer) => {
                    let (request, size) = (answer.request.clone(), stored.size);
                    if !self.record(answer, stored, again.clone()).await {
                        return;
                    }
                    let report =
                        InternalEvent::Requested { profile: self.profile, request, folder: folder.clone(), size };
                    if self.context.reports.send(report).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let (remaining, fatal) = (all - done, is_fatal(&error));
                    self.report_failure(&stored, &error, if fatal { remaining } else { 1 });
                    self.report_if_token_invalid(error).await;
                    if fatal {
                        return;
                    }
                }
            }
        }
    }

    /// Requests data. If the server asks to wait, it waits and tries once more.
    async fn request_with_retry(&self, stored: &StoredData) -> Result<RequestedData, RestError> {
        let SessionCredentials { endpoints, token, .. } = &*self.session_credentials;
        let answer = self.context.rest.request_data(endpoints, token, &stored.token).await;
        let Some((error, wait)) = answer.as_ref().err().and_then(|error| Some((error, error.retry_after()?))) else {
            return answer;
        };
        self.warn(NoticeReason::RequestDeferred(error.clone()));
        tokio::time::sleep(wait).await;
        self.context.rest.request_data(endpoints, token, &stored.token).await
    }

    /// Repeats an earlier request. `span` is its first and last entry, if the window knows them.
    pub(crate) async fn request_again(self, request: RequestId, span: Option<(Seq, Seq)>) {
        let key = ActivityKey::Data(request.clone());
        let history = match self.context.journal_store.history(self.profile, &key, span).await {
            Ok(history) => history,
            Err(error) => return self.warn(NoticeReason::RequestUnreadable(error.into())),
        };
        let known = history.entries.into_iter().rev().find_map(|entry| match entry.fact {
            Fact::Local(LocalEvent::Requested(requested)) => Some(requested),
            _ => None,
        });
        let Some(Requested { token, file_name, context, size, .. }) = known else {
            return self.warn(NoticeReason::NoDataToken);
        };
        let stored = StoredData { token, context, file_name, size, created: None };
        self.request(vec![stored], None, Some(request)).await;
    }

    /// Records a request. Returns whether the next one can follow.
    async fn record(&self, answer: RequestedData, stored: StoredData, again: Option<RequestId>) -> bool {
        let RequestedData { request, command } = answer;
        let entry = |key, event| Entry::local((self.context.clock)(), key, Fact::Local(event));
        let StoredData { token, context, file_name, size, .. } = stored;
        let requested = Requested { token, file_name, context, size, command: command.clone(), again };
        let mut entries = vec![entry(ActivityKey::Data(request), LocalEvent::Requested(requested))];
        if let Some(command) = command {
            let of = |command: &CommandId| ActivityKey::Command(command.clone());
            entries.push(entry(of(&command), LocalEvent::Tracked));
            entries.push(entry(of(&command), LocalEvent::Labelled { label: LABEL.to_owned() }));
        }
        self.journal_writer.record_all(entries).await.is_ok()
    }

    /// Shows what was not requested. `count` is how many requests are skipped because of it.
    fn report_failure(&self, stored: &StoredData, error: &RestError, count: usize) {
        let name = [&stored.file_name, &stored.context].into_iter().find(|name| !name.is_empty());
        self.warn(NoticeReason::NotRequested { name: name.cloned(), count, why: error.clone() });
    }

    fn warn(&self, reason: NoticeReason) {
        self.context.warn(self.profile, reason);
    }

    async fn report_if_token_invalid(&self, why: RestError) {
        if matches!(why, RestError::Unauthorised(_)) {
            let report = InternalEvent::TokenInvalid {
                profile: self.profile,
                credentials_number: self.session_credentials.number,
                why,
            };
            self.context.report(report).await;
        }
    }
}

/// Whether the next request would fail in the same way.
fn is_fatal(error: &RestError) -> bool {
    !matches!(error, RestError::Status { .. } | RestError::NoSuchData | RestError::Later)
}
