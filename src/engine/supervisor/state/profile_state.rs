//! The state of one profile.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::activity::{Entry, Timestamp};
use crate::engine::auth::token_expiry::ExpiryTimer;
use crate::engine::client::rest::StatusMethod;
use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::{RefusedCheck, Renewal};
use crate::engine::download::control::DownloadHandle;
use crate::engine::events::event::ConnectionState;
use crate::engine::network::rest_error::RestError;
use crate::engine::runtime::tasks::{Task, TaskOwner};
use crate::engine::session::desired_state::{DesiredState, TargetState};
use crate::engine::state::gaps::UnfinishedGaps;
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::protocol::RequestId;
use crate::settings::Profile;

use super::data_key::DataKeyState;
use super::local_events::LocalEvents;

/// The state of one profile, which the supervisor owns.
pub(crate) struct ProfileState {
    /// The profile as it is in the settings, or in the sign-in form until it has signed in.
    pub(crate) profile: Profile,
    /// The context of its tasks.
    pub(crate) context: EngineContext,
    /// The token, if there is one.
    pub(crate) active_token: Option<ActiveToken>,
    /// What its session should do.
    pub(crate) desired_state: watch::Sender<DesiredState>,
    /// The current state of its session.
    pub(crate) state: ConnectionState,
    /// A sign-in in progress.
    pub(crate) pending_sign_in: Option<PendingSignIn>,
    /// Dropping it cancels the wait before the keyring is asked for the token.
    pub(crate) keyring_retry: Option<oneshot::Sender<()>>,
    /// A renewal in progress, and the error of a call that meanwhile found the old token invalid.
    pub(crate) renewal: Option<(Arc<Renewal>, Option<RestError>)>,
    /// Status checks that wait for the renewal.
    pub(crate) waiting_checks: Vec<RefusedCheck>,
    /// Cancelled when the operator signs out, so that an earlier token is not stored any more.
    pub(crate) signed_out: CancellationToken,
    /// Notified when the channel is left.
    pub(crate) leaving: Vec<oneshot::Sender<()>>,
    /// Its links.
    pub(crate) link_store: LinkStore,
    /// Whether the links of earlier runs were requested.
    pub(crate) links_restored: bool,
    /// Writes its entries.
    pub(crate) journal_writer: JournalWriter,
    pub(crate) local_events: LocalEvents,
    /// Its commands and requests without an outcome.
    pub(crate) pending_commands: PendingCommands,
    /// The form of status request that its server accepts.
    pub(crate) status_method: StatusMethod,
    /// Passes the gap that the last run left to the journal writer, once the history has been read.
    pub(crate) unfinished_gaps: Option<oneshot::Sender<UnfinishedGaps>>,
    /// The key of its payloads, and its changes.
    pub(crate) data_key: DataKeyState,
    /// Its running downloads.
    pub(crate) downloads: BTreeMap<RequestId, RunningDownload>,
    /// Downloads that are recording their outcome, and inline payloads that are being saved.
    pub(crate) saving_tasks: Vec<Task<()>>,
    pub(crate) session: Task<()>,
}

impl ProfileState {
    /// Sets the new state of the session.
    pub(crate) fn change(&mut self, state: ConnectionState) {
        self.state = state;
        if self.has_left() {
            // A receiver that has stopped waiting is ignored.
            self.leaving.drain(..).for_each(|sender| _ = sender.send(()));
        }
    }

    pub(crate) fn has_left(&self) -> bool {
        match self.state {
            ConnectionState::Joining | ConnectionState::Live | ConnectionState::Leaving => false,
            ConnectionState::SignedOut
            | ConnectionState::Offline
            | ConnectionState::Connecting
            | ConnectionState::Reconnecting { .. }
            | ConnectionState::TokenRefused { .. } => true,
        }
    }

    /// Completes when the session has left its current channel.
    pub(crate) fn until_left(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let (sender, receiver) = oneshot::channel();
        if !self.has_left() {
            self.leaving.push(sender);
        }
        async move { _ = receiver.await }
    }

    /// Writes the operator's actions into the journal.
    pub(crate) fn record(&self, entries: Vec<Entry>) {
        self.local_events.write(entries, &self.journal_writer, &self.context.spawner);
    }

    /// Whether a renewal of the current token is in progress.
    pub(crate) fn is_renewing(&self) -> bool {
        self.renewal.is_some()
    }

    /// Cancels a renewal in progress: its token is not wanted any more.
    pub(crate) fn cancel_renewal(&mut self) {
        if let Some((asked, _)) = self.renewal.take() {
            asked.abandoned.cancel();
        }
    }

    /// Cancels everything about earlier tokens, because the operator signs out or removes the profile.
    pub(crate) fn cancel_token_work(&mut self) {
        self.cancel_renewal();
        std::mem::take(&mut self.signed_out).cancel();
    }

    /// Keeps a task that is about to record how saving data ended.
    pub(crate) fn add_saving_task(&mut self, task: Task<()>) {
        self.saving_tasks.retain(|task| !task.is_finished());
        self.saving_tasks.push(task);
    }

    /// Whether its data is being saved, or the outcome of that is being recorded.
    pub(crate) fn is_saving(&self) -> bool {
        !self.downloads.is_empty() || self.saving_tasks.iter().any(|task| !task.is_finished())
    }

    /// Makes everything that belongs to the profile end; returns its tasks.
    pub(crate) fn shut_down(self) -> ShutdownTasks {
        self.desired_state.send_modify(|desired_state| desired_state.target = TargetState::Stopped);
        let tasks = self.context.spawner;
        tasks.stop();
        let mut downloads = self.saving_tasks;
        // Dropping its handle stops a download.
        downloads.extend(self.downloads.into_values().map(|download| download.task));
        ShutdownTasks { downloads, session: self.session, tasks }
    }
}

/// A token in use.
pub(crate) struct ActiveToken {
    /// The token and its server.
    pub(crate) session_credentials: Arc<SessionCredentials>,
    /// When it expires, if the server said so.
    pub(crate) expires_at: Option<Timestamp>,
    /// The server's text about its expiry, if it can't be parsed.
    pub(crate) unreadable_expiry: Option<String>,
    /// Whether the keyring has stored it.
    pub(crate) persisted: bool,
    /// Watches its expiry; dropping it stops that.
    pub(crate) watch: Option<ExpiryTimer>,
    /// The previous token, until this one has joined.
    pub(crate) previous: Option<Arc<SessionCredentials>>,
    /// Until when the server asked not to be asked for a new token.
    pub(crate) renewal_deferred_until: Option<Instant>,
}

impl ActiveToken {
    /// A token whose expiry is unknown.
    pub(crate) fn with_unknown_expiry(session_credentials: Arc<SessionCredentials>) -> Self {
        Self {
            session_credentials,
            expires_at: None,
            unreadable_expiry: None,
            persisted: false,
            watch: None,
            previous: None,
            renewal_deferred_until: None,
        }
    }
}

/// A sign-in in progress.
pub(crate) struct PendingSignIn {
    /// Its number: reports of older sign-ins are ignored.
    pub(crate) attempt: u64,
    /// The profile as entered in the form.
    pub(crate) profile: Profile,
    /// Whether it is for this run only.
    pub(crate) ephemeral: bool,
    /// How far it has come.
    pub(crate) stage: SignInStage,
}

pub(crate) enum SignInStage {
    /// The server is being asked. Dropping the sender cancels that.
    Requesting(#[expect(dead_code, reason = "held for its drop")] oneshot::Sender<()>),
    /// The issued token is being verified by joining with it.
    Verifying(ActiveToken),
}

pub(crate) struct RunningDownload {
    /// Controls it; dropping the handle stops the download, and the received bytes are kept.
    pub(crate) download_handle: DownloadHandle,
    /// Ends soon after the download was stopped.
    pub(crate) task: Task<()>,
}

/// The tasks of a profile that is being closed.
pub(crate) struct ShutdownTasks {
    /// They stop soon.
    pub(crate) downloads: Vec<Task<()>>,
    /// It leaves its channel.
    pub(crate) session: Task<()>,
    /// All of its tasks. The last one is the journal writer, which writes what is left once the others have ended.
    pub(crate) tasks: TaskOwner,
}
