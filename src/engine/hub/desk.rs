//! What the centre holds of one profile, and how that begins and ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::activity::{Entry, Moment};
use crate::engine::book::Book;
use crate::engine::download::{Aftermath, Arrivals, Reins};
use crate::engine::event::{ConnectionState, Notice, Severity};
use crate::engine::gaps::Left;
use crate::engine::lifetime::Watch;
use crate::engine::reconcile::{OverRest, Reconciler};
use crate::engine::report::{RefusedCheck, Renewal, Report};
use crate::engine::rest::Dialect;
use crate::engine::rest_error::RestError;
use crate::engine::restore;
use crate::engine::scribe::Scribe;
use crate::engine::session::{self, Aim, Ticket, Wish};
use crate::engine::spawn::{Spawner, Task};
use crate::engine::tools::Tools;
use crate::engine::vault::Vault;
use crate::journal::{PendingWork, WorkId};
use crate::protocol::RequestId;
use crate::settings::{Profile, ProfileId};

use super::Hub;
use super::data_key::HeldKey;
use super::local_events::LocalEvents;
use super::pending::{end_work, forget_secrets};

/// What the centre holds of one profile.
pub(super) struct Desk {
    /// As the settings have it, or as the sign-in form has it until it has signed in.
    pub(super) profile: Profile,
    /// The tools of its tasks.
    pub(super) tools: Tools,
    /// The token, if there is one.
    pub(super) held: Option<Held>,
    /// What its session should do.
    pub(super) wish: watch::Sender<Wish>,
    /// What its session does.
    pub(super) state: ConnectionState,
    /// A sign-in under way.
    pub(super) signing: Option<Signing>,
    /// Dropped, it ends the wait before the keyring is asked for the token.
    pub(super) keyring_retry: Option<oneshot::Sender<()>>,
    /// A new token that is being asked for, and what a call with the old one said meanwhile: that it is dead.
    pub(super) renewal: Option<(Arc<Renewal>, Option<RestError>)>,
    /// Checks of commands that wait for it.
    pub(super) waiting_checks: Vec<RefusedCheck>,
    /// Cancelled when the operator signs out: a token of before is not kept any more.
    pub(super) signed_out: CancellationToken,
    /// Who waits until the channel is left.
    leaving: Vec<oneshot::Sender<()>>,
    /// Its links.
    pub(super) vault: Vault,
    /// Whether those of earlier runs have been asked for.
    pub(super) recalled: bool,
    /// The way to its scribe.
    pub(super) scribe: Scribe,
    local_events: LocalEvents,
    /// What is open.
    pub(super) book: Book,
    /// How its server wants to be asked.
    pub(super) dialect: Dialect,
    /// The way to tell the scribe of the gap that the last run left, once history has been read.
    pub(super) left: Option<oneshot::Sender<Left>>,
    /// The key of its payloads, where the operator gave it.
    pub(super) data_key: HeldKey,
    /// Its downloads.
    pub(super) downloads: BTreeMap<RequestId, Download>,
    /// Downloads that are writing down their end, and payloads out of messages that are being saved.
    pub(super) ending: Vec<Task<()>>,
    session: Task<()>,
}

/// A token in use.
pub(super) struct Held {
    /// The token and where it is good.
    pub(super) ticket: Arc<Ticket>,
    /// When it ends, where the server said.
    pub(super) expires_at: Option<Moment>,
    /// What the server said of its end, if that can't be read.
    pub(super) unreadable_end: Option<String>,
    /// Whether the keyring has it.
    pub(super) kept: bool,
    /// What watches its end; dropping it ends that.
    pub(super) watch: Option<Watch>,
    /// The token before it, until this one has joined.
    pub(super) previous: Option<Arc<Ticket>>,
}

impl Held {
    /// A token of which only the server knows when it ends.
    pub(super) fn of_unknown_end(ticket: Arc<Ticket>) -> Self {
        Self { ticket, expires_at: None, unreadable_end: None, kept: false, watch: None, previous: None }
    }
}

/// A sign-in under way.
pub(super) struct Signing {
    /// Its number: what older ones report is ignored.
    pub(super) attempt: u64,
    /// The profile as the form has it.
    pub(super) profile: Profile,
    /// Whether it is for this run only.
    pub(super) visit: bool,
    /// How far it is.
    pub(super) stage: Stage,
}

/// How far a sign-in is.
pub(super) enum Stage {
    /// The server is being asked. Dropping the sender gives it up.
    Asking(#[expect(dead_code, reason = "held for its drop")] oneshot::Sender<()>),
    /// A token that was given is being proved by joining with it.
    Proving(Held),
}

/// A download under way.
pub(super) struct Download {
    /// How it is reached; dropping them ends it with what has come kept.
    pub(super) reins: Reins,
    /// Ends soon after.
    pub(super) task: Task<()>,
}

/// The tasks of a desk that ends.
pub(super) struct Ending {
    /// They stop soon.
    pub(super) downloads: Vec<Task<()>>,
    /// It leaves its channel.
    pub(super) session: Task<()>,
    /// All of them. The last one is the scribe: it writes what is left, once the others have ended.
    pub(super) tasks: Spawner,
}

impl Desk {
    /// The session changed its state.
    pub(super) fn change(&mut self, state: ConnectionState) {
        self.state = state;
        if self.has_left() {
            // Whoever has stopped waiting need not be told.
            self.leaving.drain(..).for_each(|left| _ = left.send(()));
        }
    }

    fn has_left(&self) -> bool {
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
    pub(super) fn left(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let (leaving, left) = oneshot::channel();
        if !self.has_left() {
            self.leaving.push(leaving);
        }
        async move { _ = left.await }
    }

    /// Has the scribe write what the operator did.
    pub(super) fn write_down(&self, entries: Vec<Entry>) {
        self.local_events.write(entries, &self.scribe, &self.tools.spawner);
    }

    /// Whether a new token is being asked for, for the one in use.
    pub(super) fn is_renewing(&self) -> bool {
        self.renewal.is_some()
    }

    /// Nobody wants a new token any more that is being asked for.
    pub(super) fn give_up_renewal(&mut self) {
        if let Some((asked, _)) = self.renewal.take() {
            asked.unwanted.cancel();
        }
    }

    /// The operator signs out, or removes the profile: no token of before is wanted any more.
    pub(super) fn give_up_tokens(&mut self) {
        self.give_up_renewal();
        std::mem::take(&mut self.signed_out).cancel();
    }

    /// Keeps a task that is about to write down how the saving of data ended.
    pub(super) fn note_ending(&mut self, task: Task<()>) {
        self.ending.retain(|task| !task.is_finished());
        self.ending.push(task);
    }

    /// Whether data of it is being saved, or how that ended is being written down.
    pub(super) fn is_saving(&self) -> bool {
        !self.downloads.is_empty() || self.ending.iter().any(|task| !task.is_finished())
    }

    /// Tells everything that belongs to the profile to end.
    pub(super) fn end(self) -> Ending {
        self.wish.send_modify(|wish| wish.aim = Aim::Stopped);
        let tasks = self.tools.spawner;
        tasks.stop();
        let mut downloads = self.ending;
        // Dropping its reins ends a download.
        downloads.extend(self.downloads.into_values().map(|download| download.task));
        Ending { downloads, session: self.session, tasks }
    }
}

impl Hub {
    /// Opens a profile: its scribe and its session, signed out. One that is open stays as it is.
    pub(super) fn open(&mut self, profile: Profile) {
        let id = profile.id;
        if self.desks.contains_key(&id) {
            return;
        }
        let tools = self.tools.for_profile(id);
        let vault = Vault::default();
        let (book, dialect) = (Book::default(), Dialect::default());
        let (past, told) = oneshot::channel();
        let (left, found) = oneshot::channel();
        let tell = restore::tell_past(id, tools.ledger.clone(), past, self.started);
        tools.spawner.finish("reading the journal", tell);
        let (ledger, outbox) = (tools.ledger.clone(), tools.outbox.clone());
        let kept = (book.clone(), vault.clone());
        let scribe = Scribe::start(id, ledger, outbox, kept, (told, found), &tools.spawner);
        start_reconciler(&tools, id, (&book, &dialect), &scribe);
        let rest = tools.rest.clone();
        let parts = session::Parts {
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
        let wish = Wish::new(Aim::SignedOut, self.settings.preferences.message_limit);
        let (wish, session) = session::start(parts, wish, &tools.spawner);
        let desk = Desk {
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
            data_key: HeldKey::default(),
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
    pub(super) fn restore(&mut self, profile: ProfileId) {
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        let Some(left) = desk.left.take() else { return };
        let of_the_past = (desk.book.clone(), left);
        let tools = desk.tools.clone();
        let (ledger, outbox) = (tools.ledger.clone(), tools.outbox.clone());
        let (live_from, scribe, vault) = (self.live_from, desk.scribe.until_forgotten(), desk.vault.clone());
        let (rows, data) = (self.settings.preferences.rows_in_memory(), self.data.clone());
        let task = async move {
            let mut aftermath = Aftermath::of(vault);
            let restoring = restore::restore(profile, ledger, outbox, (live_from, rows), of_the_past, &mut aftermath);
            // What was read half tells nothing of what was left behind.
            if let Some(older) = tools.spawner.until_stopped(restoring).await {
                aftermath.settle(profile, scribe, tools.clone()).await;
                if let Some(older) = older {
                    restore::tell_older(profile, older, rows, data, &tools).await;
                }
            }
        };
        desk.tools.spawner.finish("reading the journal", task);
    }

    /// Says where a profile's session should be.
    pub(super) fn aim(&self, profile: ProfileId, aim: Aim) {
        if let Some(desk) = self.desks.get(&profile) {
            desk.wish.send_modify(|wish| wish.aim = aim);
        }
    }

    /// Removes a profile for good, also if the program ends first: once that is written down. Until then, and if the journal
    /// refuses, everything of it stays as it is.
    pub(super) fn remove(&mut self, profile: ProfileId) {
        let Some(desk) = self.desks.get(&profile) else { return };
        if profile == super::sandbox::profile_id() {
            return self.take_apart(profile, None);
        }
        let (tools, name) = (self.tools.clone(), desk.profile.name.clone());
        self.tools.spawner.finish("removing a profile", async move {
            match tools.ledger.begin_work(vec![PendingWork::RemoveProfile(profile)], (tools.clock)()).await {
                Ok(works) => tools.report(Report::Removing { profile, works }).await,
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
    pub(super) fn removing(&mut self, profile: ProfileId, works: Vec<WorkId>) {
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
    pub(super) fn removing_late(&mut self, profile: ProfileId) {
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
fn start_reconciler(tools: &Tools, profile: ProfileId, (book, dialect): (&Book, &Dialect), scribe: &Scribe) {
    let reconciler = Reconciler {
        profile,
        book: book.clone(),
        asker: Arc::new(OverRest { rest: tools.rest.clone(), dialect: dialect.clone() }),
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
async fn tell_arrivals(profile: ProfileId, arrivals: Arrivals, reports: mpsc::Sender<Report>) {
    loop {
        let requests = arrivals.next().await.into_iter().collect();
        if reports.send(Report::Arrived { profile, requests }).await.is_err() {
            return;
        }
    }
}
