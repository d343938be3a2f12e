//! Opens and closes profiles, and restores and removes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::engine::client::rest::StatusMethod;
use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::event::{ConnectionState, Notice, Severity};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::reconciliation::{Reconciler, RestStatusClient};
use crate::engine::session;
use crate::engine::session::desired_state::{DesiredState, TargetState};
use crate::engine::state::interrupted_downloads::CrashRecovery;
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::state::ready_queue::ReadyQueue;
use crate::engine::storage::history_loader;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::engine::supervisor::Supervisor;
use crate::engine::supervisor::pending_work::{complete_work, delete_secrets};
use crate::engine::supervisor::state::data_key::DataKeyState;
use crate::engine::supervisor::state::local_events::LocalEvents;
use crate::engine::supervisor::state::profile_state::ProfileState;
use crate::journal::{PendingWork, WorkId};
use crate::settings::{Profile, ProfileId};

impl Supervisor {
    /// Opens a profile: starts its journal writer and its session, signed out. Does nothing if it is open.
    pub(crate) fn open_profile(&mut self, profile: Profile) {
        let id = profile.id;
        if self.profile_states.contains_key(&id) {
            return;
        }
        let context = self.context.for_profile(id);
        let link_store = LinkStore::default();
        let (pending_commands, status_method) = (PendingCommands::default(), StatusMethod::default());
        let (previous_run_sender, previous_run) = oneshot::channel();
        let (gaps_sender, unfinished_gaps) = oneshot::channel();
        let send =
            history_loader::send_previous_run(id, context.journal_store.clone(), previous_run_sender, self.started);
        context.spawner.spawn_to_completion("reading the journal", send);
        let (journal_store, event_sender) = (context.journal_store.clone(), context.event_sender.clone());
        let shared = (pending_commands.clone(), link_store.clone());
        let journal_writer = JournalWriter::start(
            id,
            journal_store,
            event_sender,
            shared,
            (previous_run, unfinished_gaps),
            &context.spawner,
        );
        start_reconciler(&context, id, &pending_commands, &status_method, &journal_writer);
        let rest = context.rest.clone();
        let parts = session::state::SessionConfig {
            profile: id,
            connector: context.connector.clone(),
            token_check: Arc::new(move |session_credentials| {
                let rest = rest.clone();
                Box::pin(
                    async move { rest.token_refusal(&session_credentials.endpoints, &session_credentials.token).await },
                )
            }),
            journal_writer: journal_writer.clone(),
            link_store: link_store.clone(),
            event_sender: context.event_sender.clone(),
            reports: context.reports.clone(),
            clocks: context.clocks.clone(),
            clock: context.clock.clone(),
            random: fastrand::Rng::new(),
        };
        let desired_state = DesiredState::new(TargetState::SignedOut, self.settings.preferences.message_limit);
        let (desired_state, session) = session::start(parts, desired_state, &context.spawner);
        let profile_state = ProfileState {
            profile,
            context,
            active_token: None,
            desired_state,
            state: ConnectionState::SignedOut,
            pending_sign_in: None,
            keyring_retry: None,
            renewal: None,
            waiting_checks: Vec::new(),
            signed_out: CancellationToken::new(),
            leaving: Vec::new(),
            link_store,
            links_restored: false,
            journal_writer,
            local_events: LocalEvents::default(),
            pending_commands,
            status_method,
            unfinished_gaps: Some(gaps_sender),
            data_key: DataKeyState::default(),
            downloads: BTreeMap::new(),
            saving_tasks: Vec::new(),
            session,
        };
        self.profile_states.insert(id, profile_state);
        self.report_arrivals_if_needed(id);
        self.load_data_key(id);
        if id != super::sandbox::profile_id() {
            self.load_seal_key();
        }
        self.restore_links(id);
    }

    /// Restores a profile's entries from the journal and publishes them. Happens once per profile and run.
    pub(crate) fn restore_history(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let Some(gaps_sender) = profile_state.unfinished_gaps.take() else { return };
        let of_the_past = (profile_state.pending_commands.clone(), gaps_sender);
        let context = profile_state.context.clone();
        let (journal_store, event_sender) = (context.journal_store.clone(), context.event_sender.clone());
        let (live_from, journal_writer, link_store) =
            (self.live_from, profile_state.journal_writer.until_cleared(), profile_state.link_store.clone());
        let (rows, data) = (self.settings.preferences.rows_in_memory(), self.data.clone());
        let task = async move {
            let mut aftermath = CrashRecovery::of(link_store);
            let restoring = history_loader::restore(
                profile,
                journal_store,
                event_sender,
                (live_from, rows),
                of_the_past,
                &mut aftermath,
            );
            // An incomplete restore says nothing about interrupted downloads.
            if let Some(older) = context.spawner.until_stopped(restoring).await {
                aftermath.finish(profile, journal_writer, context.clone()).await;
                if let Some(older) = older {
                    history_loader::send_older(profile, older, rows, data, &context).await;
                }
            }
        };
        profile_state.context.spawner.spawn_to_completion("reading the journal", task);
    }

    /// Sets the target state of a profile's session.
    pub(crate) fn set_target(&self, profile: ProfileId, target: TargetState) {
        if let Some(profile_state) = self.profile_states.get(&profile) {
            profile_state.desired_state.send_modify(|desired_state| desired_state.target = target);
        }
    }

    /// Removes a profile for good, even if the program ends first. The removal begins once it is recorded; until then, and if the
    /// journal refuses, nothing of the profile changes.
    pub(crate) fn remove_profile(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        if profile == super::sandbox::profile_id() {
            return self.delete_profile(profile, None);
        }
        let (context, name) = (self.context.clone(), profile_state.profile.name.clone());
        self.context.spawner.spawn_to_completion("removing a profile", async move {
            match context.journal_store.record_work(vec![PendingWork::RemoveProfile(profile)], (context.clock)()).await
            {
                Ok(works) => context.report(InternalEvent::RemovalRecorded { profile, works }).await,
                Err(why) => {
                    let reason = NoticeReason::ProfileNotRemoved { name, why: why.into() };
                    context.event_sender.send_notice(Notice::new(Severity::Error, Some(profile), reason));
                }
            }
        });
    }

    /// The removal of a profile is recorded.
    pub(crate) fn on_removal_recorded(&mut self, profile: ProfileId, works: Vec<WorkId>) {
        if self.profile_states.contains_key(&profile) {
            return self.delete_profile(profile, works.into_iter().next());
        }
        // It was requested twice, and the first request is being carried out.
        let context = self.context.clone();
        self.context.spawner.spawn_to_completion("removing a profile", async move {
            for work in works {
                complete_work(&context, Some(work)).await;
            }
        });
    }

    /// The removal was recorded while the engine was stopping: the next start does the rest.
    pub(crate) fn on_removal_recorded_late(&mut self, profile: ProfileId) {
        self.settings.profiles.retain(|listed| listed.id != profile);
        self.save();
    }

    /// Removes a profile from the settings, its token from the keyring, and its activity from the journal.
    fn delete_profile(&mut self, profile: ProfileId, work: Option<WorkId>) {
        let Some(mut profile_state) = self.profile_states.remove(&profile) else { return };
        profile_state.cancel_token_work();
        profile_state.data_key.cancel_changes();
        let ending = profile_state.shut_down();
        self.remove_queued_downloads(profile);
        self.ephemeral_profiles.remove(&profile);
        let is_sandbox = profile == super::sandbox::profile_id();
        if is_sandbox {
            self.sandbox = None;
        }
        self.settings.profiles.retain(|listed| listed.id != profile);
        let (saved, is_saved) = oneshot::channel();
        self.save_and_signal(saved);
        let context = self.context.clone();
        let task = async move {
            let leaving = async {
                ending.tasks.wait().await;
                context.event_sender.remove(profile);
                if is_sandbox && let Err(error) = context.journal_store.delete_profile(profile).await {
                    tracing::warn!(%error, "the sandbox's activity is still in the journal");
                }
                context.spawner.until_stopped(context.journal_store.clean_now()).await;
            };
            let forgetting = async {
                is_sandbox || context.spawner.until_cut_short(delete_secrets(&context, profile)).await == Some(true)
            };
            let ((), forgotten, saved) = tokio::join!(leaving, forgetting, is_saved);
            if forgotten && saved.is_ok() {
                complete_work(&context, work).await;
            }
        };
        let task = self.context.spawner.start("removing a profile", task);
        self.removals.retain(|_, removal| !removal.is_finished());
        self.removals.insert(profile, task);
    }
}

/// Starts the task that asks for open commands, and the one that reports data that has arrived.
fn start_reconciler(
    context: &EngineContext,
    profile: ProfileId,
    pending_commands: &PendingCommands,
    dialect: &StatusMethod,
    journal_writer: &JournalWriter,
) {
    let reconciler = Reconciler {
        profile,
        pending_commands: pending_commands.clone(),
        status_client: Arc::new(RestStatusClient { rest: context.rest.clone(), method: dialect.clone() }),
        journal_writer: journal_writer.clone(),
        event_sender: context.event_sender.clone(),
        reports: context.reports.clone(),
        clock: context.clock.clone(),
    };
    context.spawner.spawn("asking for open commands", Box::pin(reconciler.run()));
    let arriving = report_arrivals(profile, pending_commands.ready_queue().clone(), context.reports.clone());
    context.spawner.spawn("listening for data", arriving);
}

/// Reports data that has arrived to the supervisor, until that stops listening.
async fn report_arrivals(profile: ProfileId, arrivals: ReadyQueue, reports: mpsc::Sender<InternalEvent>) {
    loop {
        let requests = arrivals.next().await.into_iter().collect();
        if reports.send(InternalEvent::DataArrived { profile, requests }).await.is_err() {
            return;
        }
    }
}
