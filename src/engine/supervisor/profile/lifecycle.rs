//! What the centre holds of one profile, and how that begins and ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::engine::client::rest::StatusMethod;
use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::event::{ConnectionState, Notice, Severity};
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
use crate::engine::supervisor::pending_work::{end_work, forget_secrets};
use crate::engine::supervisor::state::data_key::DataKeyState;
use crate::engine::supervisor::state::local_events::LocalEvents;
use crate::engine::supervisor::state::profile_state::ProfileState;
use crate::journal::{PendingWork, WorkId};
use crate::settings::{Profile, ProfileId};

impl Supervisor {
    /// Opens a profile: its scribe and its session, signed out. One that is open stays as it is.
    pub(crate) fn open(&mut self, profile: Profile) {
        let id = profile.id;
        if self.desks.contains_key(&id) {
            return;
        }
        let tools = self.tools.for_profile(id);
        let vault = LinkStore::default();
        let (book, dialect) = (PendingCommands::default(), StatusMethod::default());
        let (past, told) = oneshot::channel();
        let (left, found) = oneshot::channel();
        let tell = history_loader::tell_past(id, tools.ledger.clone(), past, self.started);
        tools.spawner.finish("reading the journal", tell);
        let (ledger, outbox) = (tools.ledger.clone(), tools.outbox.clone());
        let kept = (book.clone(), vault.clone());
        let scribe = JournalWriter::start(id, ledger, outbox, kept, (told, found), &tools.spawner);
        start_reconciler(&tools, id, (&book, &dialect), &scribe);
        let rest = tools.rest.clone();
        let parts = session::state::SessionConfig {
            profile: id,
            connector: tools.connector.clone(),
            token_check: Arc::new(move |ticket| {
                let rest = rest.clone();
                Box::pin(async move { rest.token_refusal(&ticket.endpoints, &ticket.token).await })
            }),
            scribe: scribe.clone(),
            vault: vault.clone(),
            outbox: tools.outbox.clone(),
            reports: tools.reports.clone(),
            clocks: tools.clocks.clone(),
            clock: tools.clock.clone(),
            random: fastrand::Rng::new(),
        };
        let wish = DesiredState::new(TargetState::SignedOut, self.settings.preferences.message_limit);
        let (wish, session) = session::start(parts, wish, &tools.spawner);
        let desk = ProfileState {
            profile,
            tools,
            held: None,
            wish,
            state: ConnectionState::SignedOut,
            signing: None,
            keyring_retry: None,
            renewal: None,
            waiting_checks: Vec::new(),
            signed_out: CancellationToken::new(),
            leaving: Vec::new(),
            vault,
            recalled: false,
            scribe,
            local_events: LocalEvents::default(),
            book,
            dialect,
            left: Some(left),
            data_key: DataKeyState::default(),
            downloads: BTreeMap::new(),
            ending: Vec::new(),
            session,
        };
        self.desks.insert(id, desk);
        self.watch_arrivals(id);
        self.recall_data_key(id);
        if id != super::sandbox::profile_id() {
            self.ask_for_seal();
        }
        self.recall(id);
    }

    /// Tells the window what the journal has of a profile. Once a profile and run.
    pub(crate) fn restore(&mut self, profile: ProfileId) {
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        let Some(left) = desk.left.take() else { return };
        let of_the_past = (desk.book.clone(), left);
        let tools = desk.tools.clone();
        let (ledger, outbox) = (tools.ledger.clone(), tools.outbox.clone());
        let (live_from, scribe, vault) = (self.live_from, desk.scribe.until_forgotten(), desk.vault.clone());
        let (rows, data) = (self.settings.preferences.rows_in_memory(), self.data.clone());
        let task = async move {
            let mut aftermath = CrashRecovery::of(vault);
            let restoring =
                history_loader::restore(profile, ledger, outbox, (live_from, rows), of_the_past, &mut aftermath);
            // What was read half tells nothing of what was left behind.
            if let Some(older) = tools.spawner.until_stopped(restoring).await {
                aftermath.settle(profile, scribe, tools.clone()).await;
                if let Some(older) = older {
                    history_loader::tell_older(profile, older, rows, data, &tools).await;
                }
            }
        };
        desk.tools.spawner.finish("reading the journal", task);
    }

    /// Says where a profile's session should be.
    pub(crate) fn aim(&self, profile: ProfileId, aim: TargetState) {
        if let Some(desk) = self.desks.get(&profile) {
            desk.wish.send_modify(|wish| wish.aim = aim);
        }
    }

    /// Removes a profile for good, also if the program ends first: once that is written down. Until then, and if the journal
    /// refuses, everything of it stays as it is.
    pub(crate) fn remove(&mut self, profile: ProfileId) {
        let Some(desk) = self.desks.get(&profile) else { return };
        if profile == super::sandbox::profile_id() {
            return self.take_apart(profile, None);
        }
        let (tools, name) = (self.tools.clone(), desk.profile.name.clone());
        self.tools.spawner.finish("removing a profile", async move {
            match tools.ledger.begin_work(vec![PendingWork::RemoveProfile(profile)], (tools.clock)()).await {
                Ok(works) => tools.report(InternalEvent::Removing { profile, works }).await,
                Err(why) => {
                    let sentence = format!(
                        "{name} was not removed, and nothing of it was deleted: {why} Remove it again once the journal can be \
                         written."
                    );
                    tools.outbox.notice(Notice::new(Severity::Error, Some(profile), sentence));
                }
            }
        });
    }

    /// It is written down that a profile is removed.
    pub(crate) fn removing(&mut self, profile: ProfileId, works: Vec<WorkId>) {
        if self.desks.contains_key(&profile) {
            return self.take_apart(profile, works.into_iter().next());
        }
        // It was asked for twice, and the first time is being done.
        let tools = self.tools.clone();
        self.tools.spawner.finish("removing a profile", async move {
            for work in works {
                end_work(&tools, Some(work)).await;
            }
        });
    }

    /// It was written down that a profile is removed when the engine was stopping: the next start does the rest.
    pub(crate) fn removing_late(&mut self, profile: ProfileId) {
        self.settings.profiles.retain(|kept| kept.id != profile);
        self.save();
    }

    /// Takes a profile out of the settings, its token out of the keyring and its activity out of the journal.
    fn take_apart(&mut self, profile: ProfileId, work: Option<WorkId>) {
        let Some(mut desk) = self.desks.remove(&profile) else { return };
        desk.give_up_tokens();
        desk.data_key.give_up();
        let ending = desk.end();
        self.forget_downloads(profile);
        self.guests.remove(&profile);
        let is_sandbox = profile == super::sandbox::profile_id();
        if is_sandbox {
            self.sandbox = None;
        }
        self.settings.profiles.retain(|kept| kept.id != profile);
        let (saved, is_saved) = oneshot::channel();
        self.save_and_tell(saved);
        let tools = self.tools.clone();
        let task = async move {
            let leaving = async {
                ending.tasks.wait().await;
                tools.outbox.remove(profile);
                if is_sandbox && let Err(error) = tools.ledger.forget_profile(profile).await {
                    tracing::warn!(%error, "the sandbox's activity is still in the journal");
                }
                tools.spawner.until_stopped(tools.ledger.clean_at_once()).await;
            };
            let forgetting = async {
                is_sandbox || tools.spawner.until_cut_short(forget_secrets(&tools, profile)).await == Some(true)
            };
            let ((), forgotten, saved) = tokio::join!(leaving, forgetting, is_saved);
            if forgotten && saved.is_ok() {
                end_work(&tools, work).await;
            }
        };
        let task = self.tools.spawner.start("removing a profile", task);
        self.removals.retain(|_, removal| !removal.is_finished());
        self.removals.insert(profile, task);
    }
}

/// Starts what asks for open commands, and what tells of data that has come.
fn start_reconciler(
    tools: &EngineContext,
    profile: ProfileId,
    (book, dialect): (&PendingCommands, &StatusMethod),
    scribe: &JournalWriter,
) {
    let reconciler = Reconciler {
        profile,
        book: book.clone(),
        asker: Arc::new(RestStatusClient { rest: tools.rest.clone(), dialect: dialect.clone() }),
        scribe: scribe.clone(),
        outbox: tools.outbox.clone(),
        reports: tools.reports.clone(),
        clock: tools.clock.clone(),
    };
    tools.spawner.spawn("asking for open commands", Box::pin(reconciler.run()));
    let arriving = tell_arrivals(profile, book.arrivals().clone(), tools.reports.clone());
    tools.spawner.spawn("listening for data", arriving);
}

/// Tells the centre of data that has come, until it stops listening.
async fn tell_arrivals(profile: ProfileId, arrivals: ReadyQueue, reports: mpsc::Sender<InternalEvent>) {
    loop {
        let requests = arrivals.next().await.into_iter().collect();
        if reports.send(InternalEvent::Arrived { profile, requests }).await.is_err() {
            return;
        }
    }
}
