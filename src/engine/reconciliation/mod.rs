//! Asks the server for the outcome of open commands: after each join, and when a command has been silent for long.
//!
//! One task per profile. At most [`MAX_IN_FLIGHT`] requests are in flight and at least [`PAUSE`] lies between two, so that a server that
//! comes back is not flooded. It asks only while joined: a request before the join would leave a time between the answer and
//! the first message of the socket uncovered, and the join proves that the token is valid. An answer is stored as an entry like a
//! received message; "pending" is stored only once. This task also reports commands whose outcome never reached the socket.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;

use crate::activity::{ActivityKey, Entry, Fact, Seq, StatusCheck};
use crate::engine::client::rest::{RestClient, StatusMethod};
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::event_queue::EventSender;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::network::rest_error::RestError;
use crate::engine::runtime::clock::Clock;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::protocol::{CommandId, CommandStatus};
use crate::settings::ProfileId;

/// Requests in flight at once.
const MAX_IN_FLIGHT: usize = 4;
/// The shortest time between the starts of two requests: ten a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks a server for the status of commands.
pub(crate) trait StatusClient: Send + Sync + 'static {
    /// Asks for the outcome of a command.
    fn check(
        &self,
        session_credentials: Arc<SessionCredentials>,
        command: CommandId,
    ) -> BoxFuture<'static, Result<StatusCheck, RestError>>;
}

/// Asks over REST, and learns which form of the request this server accepts.
pub(crate) struct RestStatusClient {
    /// The REST client.
    pub(crate) rest: RestClient,
    /// The form that this server was found to accept.
    pub(crate) method: StatusMethod,
}

impl StatusClient for RestStatusClient {
    fn check(
        &self,
        session_credentials: Arc<SessionCredentials>,
        command: CommandId,
    ) -> BoxFuture<'static, Result<StatusCheck, RestError>> {
        let (rest, dialect) = (self.rest.clone(), self.method.clone());
        Box::pin(async move {
            rest.request_status(&session_credentials.endpoints, &session_credentials.token, &command, &dialect).await
        })
    }
}

/// The dependencies of the task.
pub(crate) struct Reconciler {
    pub(crate) profile: ProfileId,
    /// The commands without an outcome.
    pub(crate) pending_commands: PendingCommands,
    /// Sends the requests.
    pub(crate) status_client: Arc<dyn StatusClient>,
    /// Commits the answers.
    pub(crate) journal_writer: JournalWriter,
    /// Publishes events to the window.
    pub(crate) event_sender: EventSender,
    /// Reports to the supervisor.
    pub(crate) reports: tokio::sync::mpsc::Sender<InternalEvent>,
    /// The time of day.
    pub(crate) clock: Clock,
}

/// An answer and the command that it is about.
struct StatusCheckResult {
    /// Stores the answer.
    journal_writer: JournalWriter,
    credentials_number: u64,
    command: CommandId,
    outcome: Result<StatusCheck, RestError>,
}

/// The state of one run of the task.
struct RunState {
    next_start: Instant,
    /// The number of the credentials whose token a request found refused: they are not used again.
    refused: Option<u64>,
    /// Whether the operator was told that requests fail.
    reported: bool,
}

impl Reconciler {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let mut flying: FuturesUnordered<BoxFuture<'static, StatusCheckResult>> = FuturesUnordered::new();
        let mut state = RunState { next_start: Instant::now(), refused: None, reported: false };
        loop {
            self.report_shortfalls();
            let joined = self.pending_commands.joined();
            if joined.is_none() {
                // Nothing is requested now; the connection reports any problem.
                self.resolve_problem(&mut state);
            }
            let session_credentials = joined
                .map(|joined| joined.session_credentials)
                .filter(|session_credentials| state.refused != Some(session_credentials.number));
            let question = match &session_credentials {
                Some(_) if flying.len() < MAX_IN_FLIGHT => {
                    self.pending_commands.next_due().map(|due| due.max(state.next_start))
                }
                _ => None,
            };
            tokio::select! {
                () = self.pending_commands.changed() => {}
                Some(answer) = flying.next(), if !flying.is_empty() => self.on_answer(answer, &mut state).await,
                () = sleep_until(question) => {
                    let now = Instant::now();
                    if let (Some(session_credentials), Some(command)) = (session_credentials, self.pending_commands.take_due(now)) {
                        state.next_start = now + PAUSE;
                        flying.push(self.check(session_credentials, command));
                    }
                }
            }
        }
    }

    fn check(
        &self,
        session_credentials: Arc<SessionCredentials>,
        command: CommandId,
    ) -> BoxFuture<'static, StatusCheckResult> {
        let number = session_credentials.number;
        let asked = self.status_client.check(session_credentials, command.clone());
        let journal_writer = self.journal_writer.until_cleared();
        Box::pin(async move {
            StatusCheckResult { journal_writer, credentials_number: number, command, outcome: asked.await }
        })
    }

    async fn on_answer(&self, answer: StatusCheckResult, state: &mut RunState) {
        let StatusCheckResult { journal_writer, credentials_number, command, outcome } = answer;
        match outcome {
            Ok(status_check) => {
                self.resolve_problem(state);
                let pending = matches!(status_check, StatusCheck::Known { status: CommandStatus::Pending, .. });
                if !pending || self.pending_commands.is_new_pending(&command) {
                    self.record(&journal_writer, command.clone(), status_check).await;
                }
                if pending {
                    self.pending_commands.schedule_next(&command);
                }
            }
            Err(error @ RestError::Unauthorised(_)) => {
                if self
                    .pending_commands
                    .joined()
                    .is_some_and(|joined| joined.session_credentials.number != credentials_number)
                {
                    // It was requested with a token that has been replaced since.
                    self.pending_commands.make_due(&[command]);
                } else {
                    state.refused = Some(credentials_number);
                    self.pending_commands.schedule_next(&command);
                }
                let report = InternalEvent::TokenInvalid { profile: self.profile, credentials_number, why: error };
                if self.reports.send(report).await.is_err() {
                    tracing::debug!("the engine is stopping");
                }
            }
            Err(error) => {
                self.pending_commands.schedule_next(&command);
                if let Some(wait) = error.retry_after() {
                    state.next_start = state.next_start.max(Instant::now() + wait);
                }
                if !std::mem::replace(&mut state.reported, true) {
                    self.event_sender.report_problem(Some(self.profile), ProblemReason::StatusChecks(error));
                }
            }
        }
    }

    /// Clears the problem that requests fail.
    fn resolve_problem(&self, state: &mut RunState) {
        if std::mem::take(&mut state.reported) {
            self.event_sender.resolve_problem(Some(self.profile), &ProblemKind::StatusChecks);
        }
    }

    async fn record(&self, journal_writer: &JournalWriter, command: CommandId, status_check: StatusCheck) {
        let entry = Entry {
            seq: Seq::default(),
            at: (self.clock)(),
            key: ActivityKey::Command(command),
            fact: Fact::StatusChecked(status_check),
            raw: Box::default(),
        };
        if journal_writer.record(entry).await.is_err() {
            tracing::debug!("the profile is being closed");
        }
    }

    fn report_shortfalls(&self) {
        let (given_up, left_out) = self.pending_commands.shortfalls();
        if given_up > 0 {
            self.warn(NoticeReason::SilentCommands(given_up));
        }
        if left_out > 0 {
            self.warn(NoticeReason::TooManyCommands(left_out));
        }
    }

    fn warn(&self, reason: NoticeReason) {
        let profile = Some(self.profile);
        self.event_sender.send_notice(Notice::new(Severity::Warning, profile, reason));
    }
}

/// Waits until `when`; for ever if it is `None`.
async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
