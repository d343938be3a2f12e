//! What the supervisor holds of one profile.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
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
use crate::engine::state::gaps::UnfinishedGap;
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::protocol::RequestId;
use crate::settings::Profile;

use super::data_key::DataKeyState;
use super::local_events::LocalEvents;

/// What the centre holds of one profile.
pub(crate) struct ProfileState {
    /// As the settings have it, or as the sign-in form has it until it has signed in.
    pub(crate) profile: Profile,
    /// The tools of its tasks.
    pub(crate) context: EngineContext,
    /// The token, if there is one.
    pub(crate) held: Option<ActiveToken>,
    /// What its session should do.
    pub(crate) desired_state: watch::Sender<DesiredState>,
    /// What its session does.
    pub(crate) state: ConnectionState,
    /// A sign-in under way.
    pub(crate) signing: Option<PendingSignIn>,
    /// Dropped, it ends the wait before the keyring is asked for the token.
    pub(crate) keyring_retry: Option<oneshot::Sender<()>>,
    /// A new token that is being asked for, and what a call with the old one said meanwhile: that it is dead.
    pub(crate) renewal: Option<(Arc<Renewal>, Option<RestError>)>,
    /// Checks of commands that wait for it.
    pub(crate) waiting_checks: Vec<RefusedCheck>,
    /// Cancelled when the operator signs out: a token of before is not kept any more.
    pub(crate) signed_out: CancellationToken,
    /// Who waits until the channel is left.
    pub(crate) leaving: Vec<oneshot::Sender<()>>,
    /// Its links.
    pub(crate) link_store: LinkStore,
    /// Whether those of earlier runs have been asked for.
    pub(crate) recalled: bool,
    /// The way to its scribe.
    pub(crate) journal_writer: JournalWriter,
    pub(crate) local_events: LocalEvents,
    /// What is open.
    pub(crate) pending_commands: PendingCommands,
    /// How its server wants to be asked.
    pub(crate) dialect: StatusMethod,
    /// The way to tell the scribe of the gap that the last run left, once history has been read.
    pub(crate) left: Option<oneshot::Sender<UnfinishedGap>>,
    /// The key of its payloads, where the operator gave it.
    pub(crate) data_key: DataKeyState,
    /// Its downloads.
    pub(crate) downloads: BTreeMap<RequestId, RunningDownload>,
    /// Downloads that are writing down their end, and payloads out of messages that are being saved.
    pub(crate) ending: Vec<Task<()>>,
    pub(crate) session: Task<()>,
}

impl ProfileState {
    /// The session changed its state.
    pub(crate) fn change(&mut self, state: ConnectionState) {
        self.state = state;
        if self.has_left() {
            // Whoever has stopped waiting need not be told.
            self.leaving.drain(..).for_each(|left| _ = left.send(()));
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

    /// Ends when the channel is left that the session is in now.
    pub(crate) fn left(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let (leaving, left) = oneshot::channel();
        if !self.has_left() {
            self.leaving.push(leaving);
        }
        async move { _ = left.await }
    }

    /// Has the scribe write what the operator did.
    pub(crate) fn write_down(&self, entries: Vec<Entry>) {
        self.local_events.write(entries, &self.journal_writer, &self.context.spawner);
    }

    /// Whether a new token is being asked for, for the one in use.
    pub(crate) fn is_renewing(&self) -> bool {
        self.renewal.is_some()
    }

    /// Nobody wants a new token any more that is being asked for.
    pub(crate) fn give_up_renewal(&mut self) {
        if let Some((asked, _)) = self.renewal.take() {
            asked.unwanted.cancel();
        }
    }

    /// The operator signs out, or removes the profile: no token of before is wanted any more.
    pub(crate) fn give_up_tokens(&mut self) {
        self.give_up_renewal();
        std::mem::take(&mut self.signed_out).cancel();
    }

    /// Keeps a task that is about to write down how the saving of data ended.
    pub(crate) fn note_ending(&mut self, task: Task<()>) {
        self.ending.retain(|task| !task.is_finished());
        self.ending.push(task);
    }

    /// Whether data of it is being saved, or how that ended is being written down.
    pub(crate) fn is_saving(&self) -> bool {
        !self.downloads.is_empty() || self.ending.iter().any(|task| !task.is_finished())
    }

    /// Tells everything that belongs to the profile to end.
    pub(crate) fn end(self) -> ShutdownTasks {
        self.desired_state.send_modify(|desired_state| desired_state.aim = TargetState::Stopped);
        let tasks = self.context.spawner;
        tasks.stop();
        let mut downloads = self.ending;
        // Dropping its reins ends a download.
        downloads.extend(self.downloads.into_values().map(|download| download.task));
        ShutdownTasks { downloads, session: self.session, tasks }
    }
}

/// A token in use.
pub(crate) struct ActiveToken {
    /// The token and where it is good.
    pub(crate) session_credentials: Arc<SessionCredentials>,
    /// When it ends, where the server said.
    pub(crate) expires_at: Option<Timestamp>,
    /// What the server said of its end, if that can't be read.
    pub(crate) unreadable_end: Option<String>,
    /// Whether the keyring has it.
    pub(crate) kept: bool,
    /// What watches its end; dropping it ends that.
    pub(crate) watch: Option<ExpiryTimer>,
    /// The token before it, until this one has joined.
    pub(crate) previous: Option<Arc<SessionCredentials>>,
}

impl ActiveToken {
    /// A token of which only the server knows when it ends.
    pub(crate) fn of_unknown_end(session_credentials: Arc<SessionCredentials>) -> Self {
        Self { session_credentials, expires_at: None, unreadable_end: None, kept: false, watch: None, previous: None }
    }
}

/// A sign-in under way.
pub(crate) struct PendingSignIn {
    /// Its number: what older ones report is ignored.
    pub(crate) attempt: u64,
    /// The profile as the form has it.
    pub(crate) profile: Profile,
    /// Whether it is for this run only.
    pub(crate) visit: bool,
    /// How far it is.
    pub(crate) stage: SignInStage,
}

/// How far a sign-in is.
pub(crate) enum SignInStage {
    /// The server is being asked. Dropping the sender gives it up.
    Asking(#[expect(dead_code, reason = "held for its drop")] oneshot::Sender<()>),
    /// A token that was given is being proved by joining with it.
    Proving(ActiveToken),
}

/// A download under way.
pub(crate) struct RunningDownload {
    /// How it is reached; dropping them ends it with what has come kept.
    pub(crate) download_handle: DownloadHandle,
    /// Ends soon after.
    pub(crate) task: Task<()>,
}

/// The tasks of a desk that ends.
pub(crate) struct ShutdownTasks {
    /// They stop soon.
    pub(crate) downloads: Vec<Task<()>>,
    /// It leaves its channel.
    pub(crate) session: Task<()>,
    /// All of them. The last one is the scribe: it writes what is left, once the others have ended.
    pub(crate) tasks: TaskOwner,
}
