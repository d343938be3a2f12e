//! The supervisor handles the operator's actions and the tasks' reports, one at a time, and owns the state that they change.
//!
//! It decides and delegates: whatever takes time (the network, the keyring, the disk) runs in a task that reports back. So the
//! supervisor never blocks, and needs no lock around its state.

pub(crate) mod handle;
pub(crate) mod pending_work;
pub(crate) mod profile;
pub(crate) mod requests;
pub(crate) mod settings;
pub(crate) mod shutdown;
pub(crate) mod state;
#[cfg(test)]
mod test_bench;
#[cfg(test)]
mod test_parts;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::activity::{Seq, Timestamp};
use crate::credentials::JournalId;
use crate::engine::client::network_config::NetworkConfigHandle;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::context::options::SandboxLauncher;
use crate::engine::download::control::DownloadCommand;
use crate::engine::download::queue::DownloadQueue;
use crate::engine::events::action::Action;
use crate::engine::events::connection_reason::SignInError;
use crate::engine::events::event::{ConnectionState, Notice, Severity};
use crate::engine::events::notice_reason::{NoticeReason, PersistentReason};
use crate::engine::runtime::os_open::HandOver;
use crate::engine::runtime::tasks::Task;
use crate::engine::session::desired_state::TargetState;
use crate::engine::storage::{persistent_notices, retention};
use crate::journal::{RepairReport, WorkId};
use crate::settings::{PreferenceChange, Preferences, ProfileId, Settings, Store};

use super::context::EngineContext;

use state::expected_downloads::ExpectedDownloads;
use state::link_encryption::SealState;
use state::profile_state::ProfileState;
use state::settings_writer::SettingsWriter;

/// What the supervisor needs to start.
pub(crate) struct SupervisorConfig {
    /// What tasks share.
    pub(crate) context: EngineContext,
    pub(crate) data: PathBuf,
    /// Reads and writes the settings file.
    pub(crate) store: Store,
    /// The settings as they were read.
    pub(crate) settings: Settings,
    /// The first entry of this run.
    pub(crate) live_from: Seq,
    /// Owns the current network configuration.
    pub(crate) network_config_handle: NetworkConfigHandle,
    /// The journal's name in the keyring.
    pub(crate) journal: JournalId,
    /// Whether links are kept for the next run.
    pub(crate) keeps_links: bool,
    /// How a damaged journal was repaired.
    pub(crate) recovered: Option<RepairReport>,
    /// Starts a sandbox.
    pub(crate) sandbox: Option<SandboxLauncher>,
    /// Whether to start a sandbox immediately.
    pub(crate) sandbox_at_once: bool,
    /// The name of the only profile to connect.
    pub(crate) only: Option<String>,
    /// Actions from the window.
    pub(crate) actions: mpsc::Receiver<Action>,
    /// Cancelled when the engine has to stop, however busy it is.
    pub(crate) quit: CancellationToken,
    /// Reports from tasks.
    pub(crate) reports: mpsc::Receiver<InternalEvent>,
}

/// The state of the running engine.
pub(crate) struct Supervisor {
    context: EngineContext,
    data: PathBuf,
    /// Writes the settings file.
    writer: SettingsWriter,
    settings: Settings,
    /// The number of the newest change of the preferences.
    preferences_change: u64,
    /// Counts the chosen network configurations: only the newest is used.
    network_choices: u64,
    live_from: Seq,
    /// Owns the current network configuration.
    network_config_handle: NetworkConfigHandle,
    /// The journal's name in the keyring.
    journal: JournalId,
    /// The state of the key that encrypts links.
    seal: SealState,
    /// Whether the operator was warned that links are in memory only.
    told_of_seal: bool,
    /// Publishes changed limits to the retention task. Holds only the newest value.
    limits: watch::Sender<Preferences>,
    /// When this run began.
    started: Timestamp,
    profile_states: BTreeMap<ProfileId, ProfileState>,
    launcher: Option<SandboxLauncher>,
    /// The running sandbox; dropping it stops the sandbox.
    sandbox: Option<Box<dyn Any + Send>>,
    /// Profiles that exist for this run only.
    ephemeral_profiles: BTreeSet<ProfileId>,
    /// Profiles that were signed out, whose token may still be in the keyring.
    signed_out: BTreeSet<ProfileId>,
    /// Tokens that earlier runs still had to revoke.
    revocations: Vec<WorkId>,
    /// Profiles whose newest token is in the journal, because the keyring had not stored it when an earlier run ended.
    unkept: BTreeSet<ProfileId>,
    /// Profiles that are being deleted from the journal.
    removals: BTreeMap<ProfileId, Task<()>>,
    /// Running searches of the journal.
    searches: BTreeMap<ProfileId, state::search_handle::RunningSearch>,
    queue: DownloadQueue,
    /// Data requests that this program made.
    followed: ExpectedDownloads,
    /// The running export.
    exporting: state::export_progress::ExportHandle,
    /// Counts session credentials and sign-ins.
    numbers: u64,
}

/// Runs the engine until the operator quits or the window is gone.
pub(crate) async fn run(start: SupervisorConfig) {
    let SupervisorConfig {
        context,
        data,
        store,
        settings,
        live_from,
        network_config_handle,
        sandbox,
        sandbox_at_once,
        only,
        ..
    } = start;
    let SupervisorConfig { journal, keeps_links, recovered, mut actions, quit, mut reports, .. } = start;
    let (limits, preferences) = watch::channel(settings.preferences.clone());
    context.downloader.idle.set(settings.preferences.idle_limit);
    let started = (context.clock)();
    let mut supervisor = Supervisor {
        context,
        data,
        writer: SettingsWriter::new(store),
        settings,
        preferences_change: 0,
        network_choices: 0,
        live_from,
        network_config_handle,
        journal,
        seal: if keeps_links { SealState::NoKey } else { SealState::Off },
        told_of_seal: false,
        limits,
        started,
        profile_states: BTreeMap::new(),
        launcher: sandbox,
        sandbox: None,
        ephemeral_profiles: BTreeSet::new(),
        signed_out: BTreeSet::new(),
        revocations: Vec::new(),
        unkept: BTreeSet::new(),
        removals: BTreeMap::new(),
        queue: DownloadQueue::default(),
        searches: BTreeMap::new(),
        followed: ExpectedDownloads::default(),
        exporting: state::export_progress::ExportHandle::new(),
        numbers: 0,
    };
    supervisor.start_helpers(recovered, preferences);
    supervisor.begin_network();
    supervisor.take_up_pending_work().await;
    supervisor.begin(only.as_deref());
    if sandbox_at_once {
        supervisor.try_sandbox();
    }
    loop {
        tokio::select! {
            // Reports first: the operator's next action may depend on what one of them changes.
            biased;
            () = quit.cancelled() => break,
            Some(report) = reports.recv() => supervisor.hear(report),
            action = actions.recv() => match action {
                None | Some(Action::Quit) => break,
                Some(action) => supervisor.act(action),
            },
        }
    }
    supervisor.take_last_actions(actions);
    supervisor.stop(reports).await;
}

impl Supervisor {
    /// Starts the tasks that report on earlier runs, and the one that keeps the journal within its limits.
    fn start_helpers(&self, recovered: Option<RepairReport>, preferences: watch::Receiver<Preferences>) {
        let context = self.context.clone();
        let remind = async move {
            persistent_notices::remind(&context).await;
            if let Some(report) = recovered {
                persistent_notices::warn(&context, None, PersistentReason::Repaired(report)).await;
            }
        };
        self.context.spawner.spawn("reading the journal", remind);
        let keep = retention::run(self.context.clone(), preferences);
        self.context.spawner.spawn("keeping the journal within its limits", Box::pin(keep));
    }

    /// Opens every profile of the settings, and signs in those with a stored token.
    fn begin(&mut self, only: Option<&str>) {
        self.tell_settings();
        if let Some(name) = only
            && !self.settings.profiles.iter().any(|profile| profile.name == name)
        {
            self.notice(None, Severity::Warning, NoticeReason::NoSuchProfile(name.to_owned()));
        }
        for profile in self.settings.profiles.clone() {
            let id = profile.id;
            let keep = profile.keep_signed_in;
            let connect = only.is_none_or(|name| profile.name == name);
            self.open(profile);
            self.restore(id);
            if !connect {
                self.aim(id, TargetState::Offline);
            } else if keep && !self.signed_out.contains(&id) && !self.unkept.contains(&id) {
                self.remember(id);
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::SignIn(sign_in) => self.sign_in(*sign_in),
            Action::Visit(sign_in) => self.visit(*sign_in),
            Action::CancelSignIn(profile) => self.cancel_sign_in(profile),
            Action::TrySandbox => self.try_sandbox(),
            Action::Connect(profile) => self.connect(profile),
            Action::Disconnect(profile) => self.disconnect(profile),
            Action::RetryNow(profile) => self.retry_now(profile),
            Action::RenewToken(profile) => self.renew_now(profile),
            Action::SignOut { profile, revoke } => self.sign_out(profile, revoke),
            Action::ForgetProfile(profile) => self.forget_activity(profile),
            Action::NoticeRead { profile, sentence } => self.notice_read(profile, sentence),
            Action::RemoveProfile(profile) => self.remove(profile),
            Action::SetMessageLimit(limit) => {
                self.change_preferences(0, vec![PreferenceChange::MessageLimit(limit)]);
            }
            Action::ChangePreferences { number, changes } => self.change_preferences(number, changes),
            Action::Download { profile, request, to } => self.download(profile, request, to),
            Action::DownloadAll { profile, requests, folder } => self.download_all(profile, requests, &folder),
            Action::CancelDownload { profile, request } => self.cancel_download(profile, &request),
            Action::ResumeDownload { profile, request } => {
                self.order_download(profile, &request, DownloadCommand::Resume);
            }
            Action::MoveDownload { profile, request, to } => {
                self.order_download(profile, &request, DownloadCommand::Move(to));
            }
            Action::SaveInline { profile, request, to, span } => self.save_inline(profile, request, to, span),
            Action::ListDataTokens { profile, page } => self.list_data_tokens(profile, page),
            Action::RequestData { profile, data, folder } => self.request_data(profile, data, folder),
            Action::RequestAgain { profile, request, span } => self.request_again(profile, request, span),
            Action::ChangeSaving { profile, change } => self.change_saving(profile, &change),
            Action::AllowHost { profile, host, permission } => self.allow_host(profile, &host, permission),
            Action::SetDataKey { profile, key, keep } => self.set_data_key(profile, key, keep),
            Action::WarningRead { profile, request } => self.warning_read(profile, request),
            Action::CheckStatus { profile, commands } => self.check_status(profile, commands),
            Action::Reconcile { profile, gap } => self.reconcile(profile, gap),
            Action::Label { profile, keys, label } => self.label(profile, keys, &label),
            Action::Track { profile, commands, label } => self.track(profile, &commands, label.as_deref()),
            Action::History { profile, key, from, to } => self.history(profile, key, from, to),
            Action::SearchOlder { profile, search, filter, status_filter, before } => {
                self.search_older(profile, search, filter, status_filter, before);
            }
            Action::CancelSearch(profile) => _ = self.searches.remove(&profile),
            Action::ReadBack { profile, rows } => self.read_back(profile, rows),
            Action::ReadTexts { profile, rows } => self.read_texts(profile, rows),
            Action::SaveMessage { profile, key, to, span } => self.save_message(profile, key, to, span),
            Action::Reveal { profile, key, from, to } => self.reveal(profile, key, (from, to)),
            Action::Export(wanted) => self.export(*wanted),
            Action::CancelExport => self.cancel_export(),
            Action::OpenFile(path) => self.hand_over(path, HandOver::Open),
            Action::ShowInFolder(path) => self.hand_over(path, HandOver::ShowInFolder),
            // `run` has handled it.
            Action::Quit => {}
        }
    }

    fn hear(&mut self, report: InternalEvent) {
        match report {
            InternalEvent::Connection { profile, credentials_number, state } => {
                self.connection(profile, credentials_number, &state);
            }
            InternalEvent::Remembered { profile, token } => self.remembered(profile, token),
            InternalEvent::SignedIn { profile, attempt, granted } => self.signed_in(profile, attempt, granted),
            InternalEvent::Expiry { profile, credentials_number, ends } => {
                self.expiry(profile, credentials_number, ends);
            }
            InternalEvent::TokenDue { profile, credentials_number, due } => {
                self.token_due(profile, credentials_number, due);
            }
            InternalEvent::Renewed { asked, outcome } => self.renewed(&asked, outcome),
            InternalEvent::Removing { profile, works } => self.removing(profile, works),
            InternalEvent::Kept { profile, credentials_number } => self.kept(profile, credentials_number),
            InternalEvent::Unkept { profile, token } => self.unkept(profile, token),
            InternalEvent::TokenDead { profile, credentials_number, why } => {
                self.token_dead(profile, credentials_number, why);
            }
            InternalEvent::StatusNotAsked(check) => self.status_not_asked(check),
            InternalEvent::Track(asked) => self.asked_to_track(asked),
            InternalEvent::Requested { profile, request, folder, size } => {
                self.requested(profile, request, folder, size);
            }
            InternalEvent::DataKey { profile, change, key, kept } => self.data_key(profile, change, key, kept),
            InternalEvent::Arrived { profile, requests } => self.arrived(profile, requests),
            InternalEvent::Sealing(sealing) => self.sealing(sealing),
            InternalEvent::DownloadEnded { profile, request } => self.download_ended(profile, &request),
            InternalEvent::Sandbox(started) => self.sandbox_started(started),
            InternalEvent::NetworkLoaded { number, loaded } => self.network_loaded(number, loaded),
            InternalEvent::Woke => {
                for profile_state in self.profile_states.values() {
                    profile_state.desired_state.send_modify(|desired_state| desired_state.woken += 1);
                }
            }
        }
    }

    /// The context of a profile's tasks; the engine's own if the profile is not open.
    fn tools_of(&self, profile: ProfileId) -> &EngineContext {
        self.profile_states.get(&profile).map_or(&self.context, |profile_state| &profile_state.context)
    }

    fn notice(&self, profile: Option<ProfileId>, severity: Severity, reason: NoticeReason) {
        self.context.event_sender.notice(Notice::new(severity, profile, reason));
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

/// What a state means for a sign-in whose token is verified by joining; `None` while the join is in progress.
fn failure(state: &ConnectionState) -> Option<SignInError> {
    match state {
        ConnectionState::Reconnecting { why, .. } => Some(SignInError::NotJoined(why.clone())),
        ConnectionState::TokenRefused { why } => Some(SignInError::JoinRefused(why.clone())),
        _ => None,
    }
}
