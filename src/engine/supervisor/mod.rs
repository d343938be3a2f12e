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
mod test_fixture;
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
use crate::engine::runtime::os_open::OpenMode;
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
    sealing_warned: bool,
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
    unpersisted_tokens: BTreeSet<ProfileId>,
    /// Profiles that are being deleted from the journal.
    removals: BTreeMap<ProfileId, Task<()>>,
    /// Running searches of the journal.
    searches: BTreeMap<ProfileId, state::search_handle::RunningSearch>,
    queue: DownloadQueue,
    /// Data requests that this program made.
    expected_downloads: ExpectedDownloads,
    /// The running export.
    exporting: state::export_progress::ExportHandle,
    /// Counts session credentials and sign-ins.
    last_number: u64,
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
        sealing_warned: false,
        limits,
        started,
        profile_states: BTreeMap::new(),
        launcher: sandbox,
        sandbox: None,
        ephemeral_profiles: BTreeSet::new(),
        signed_out: BTreeSet::new(),
        revocations: Vec::new(),
        unpersisted_tokens: BTreeSet::new(),
        removals: BTreeMap::new(),
        queue: DownloadQueue::default(),
        searches: BTreeMap::new(),
        expected_downloads: ExpectedDownloads::default(),
        exporting: state::export_progress::ExportHandle::new(),
        last_number: 0,
    };
    supervisor.start_helpers(recovered, preferences);
    supervisor.start_network();
    supervisor.resume_pending_work().await;
    supervisor.open_profiles(only.as_deref());
    if sandbox_at_once {
        supervisor.try_sandbox();
    }
    loop {
        tokio::select! {
            // Reports first: the operator's next action may depend on what one of them changes.
            biased;
            () = quit.cancelled() => break,
            Some(report) = reports.recv() => supervisor.on_internal_event(report),
            action = actions.recv() => match action {
                None | Some(Action::Quit) => break,
                Some(action) => supervisor.on_action(action),
            },
        }
    }
    supervisor.handle_last_actions(actions);
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
    fn open_profiles(&mut self, only: Option<&str>) {
        self.publish_settings();
        if let Some(name) = only
            && !self.settings.profiles.iter().any(|profile| profile.name == name)
        {
            self.notify(None, Severity::Warning, NoticeReason::NoSuchProfile(name.to_owned()));
        }
        for profile in self.settings.profiles.clone() {
            let id = profile.id;
            let keep = profile.keep_signed_in;
            let connect = only.is_none_or(|name| profile.name == name);
            self.open_profile(profile);
            self.restore_history(id);
            if !connect {
                self.set_target(id, TargetState::Offline);
            } else if keep && !self.signed_out.contains(&id) && !self.unpersisted_tokens.contains(&id) {
                self.load_saved_token(id);
            }
        }
    }

    fn on_action(&mut self, action: Action) {
        match action {
            Action::SignIn(sign_in) => self.sign_in(*sign_in),
            Action::SignInEphemeral(sign_in) => self.sign_in_ephemeral(*sign_in),
            Action::CancelSignIn(profile) => self.cancel_sign_in(profile),
            Action::TrySandbox => self.try_sandbox(),
            Action::Connect(profile) => self.connect(profile),
            Action::Disconnect(profile) => self.disconnect(profile),
            Action::RetryNow(profile) => self.retry_now(profile),
            Action::RenewToken(profile) => self.renew_now(profile),
            Action::SignOut { profile, revoke } => self.sign_out(profile, revoke),
            Action::ClearHistory(profile) => self.clear_history(profile),
            Action::DismissNotice { profile, sentence } => self.dismiss_notice(profile, sentence),
            Action::RemoveProfile(profile) => self.remove_profile(profile),
            Action::SetMessageLimit(limit) => {
                self.change_preferences(0, vec![PreferenceChange::MessageLimit(limit)]);
            }
            Action::ChangePreferences { number, changes } => self.change_preferences(number, changes),
            Action::Download { profile, request, to } => self.download(profile, request, to),
            Action::DownloadAll { profile, requests, folder } => self.download_all(profile, requests, &folder),
            Action::CancelDownload { profile, request } => self.cancel_download(profile, &request),
            Action::ResumeDownload { profile, request } => {
                self.command_download(profile, &request, DownloadCommand::Resume);
            }
            Action::MoveDownload { profile, request, to } => {
                self.command_download(profile, &request, DownloadCommand::Move(to));
            }
            Action::SaveInline { profile, request, to, span } => self.save_inline(profile, request, to, span),
            Action::ListDataTokens { profile, page } => self.list_data_tokens(profile, page),
            Action::RequestData { profile, data, folder } => self.request_data(profile, data, folder),
            Action::RequestAgain { profile, request, span } => self.request_again(profile, request, span),
            Action::ChangeSaving { profile, change } => self.change_saving(profile, &change),
            Action::AllowHost { profile, host, permission } => self.allow_host(profile, &host, permission),
            Action::SetDataKey { profile, key, persist } => self.set_data_key(profile, key, persist),
            Action::AcknowledgeWarning { profile, request } => self.acknowledge_warning(profile, request),
            Action::CheckStatus { profile, commands } => self.check_status(profile, commands),
            Action::Reconcile { profile, gap } => self.reconcile(profile, gap),
            Action::SetLabel { profile, keys, label } => self.label(profile, keys, &label),
            Action::TrackCommands { profile, commands, label } => self.track(profile, &commands, label.as_deref()),
            Action::History { profile, key, from, to } => self.history(profile, key, from, to),
            Action::SearchOlder { profile, search, filter, status_filter, before } => {
                self.search_older(profile, search, filter, status_filter, before);
            }
            Action::CancelSearch(profile) => _ = self.searches.remove(&profile),
            Action::ReadEarlierEntries { profile, rows } => self.read_earlier_entries(profile, rows),
            Action::ReadTexts { profile, rows } => self.read_texts(profile, rows),
            Action::SaveMessage { profile, key, to, span } => self.save_message(profile, key, to, span),
            Action::Reveal { profile, key, from, to } => self.reveal(profile, key, (from, to)),
            Action::Export(wanted) => self.export(*wanted),
            Action::CancelExport => self.cancel_export(),
            Action::OpenFile(path) => self.open_external(path, OpenMode::Open),
            Action::ShowInFolder(path) => self.open_external(path, OpenMode::ShowInFolder),
            // `run` has handled it.
            Action::Quit => {}
        }
    }

    fn on_internal_event(&mut self, report: InternalEvent) {
        match report {
            InternalEvent::Connection { profile, credentials_number, state } => {
                self.on_connection_state(profile, credentials_number, &state);
            }
            InternalEvent::SavedTokenLoaded { profile, token } => self.on_saved_token_loaded(profile, token),
            InternalEvent::SignedIn { profile, attempt, result } => self.on_signed_in(profile, attempt, result),
            InternalEvent::Expiry { profile, credentials_number, expiry } => {
                self.on_expiry(profile, credentials_number, expiry);
            }
            InternalEvent::TokenDue { profile, credentials_number, due } => {
                self.on_token_due(profile, credentials_number, due);
            }
            InternalEvent::Renewed { renewal, outcome } => self.on_renewed(&renewal, outcome),
            InternalEvent::RemovalRecorded { profile, works } => self.on_removal_recorded(profile, works),
            InternalEvent::TokenPersisted { profile, credentials_number } => {
                self.on_token_persisted(profile, credentials_number);
            }
            InternalEvent::UnpersistedTokenLoaded { profile, token } => self.on_unpersisted_token(profile, token),
            InternalEvent::TokenInvalid { profile, credentials_number, why } => {
                self.on_token_invalid(profile, credentials_number, why);
            }
            InternalEvent::StatusCheckRefused(check) => self.on_status_check_refused(check),
            InternalEvent::Track(asked) => self.on_track_request(asked),
            InternalEvent::Requested { profile, request, folder, size } => {
                self.on_requested(profile, request, folder, size);
            }
            InternalEvent::DataKey { profile, change, key, persisted } => {
                self.on_data_key(profile, change, key, persisted);
            }
            InternalEvent::DataArrived { profile, requests } => self.on_data_arrived(profile, requests),
            InternalEvent::Sealing(sealing) => self.on_sealing(sealing),
            InternalEvent::DownloadEnded { profile, request } => self.on_download_ended(profile, &request),
            InternalEvent::Sandbox(started) => self.on_sandbox_started(started),
            InternalEvent::NetworkLoaded { number, loaded } => self.on_network_loaded(number, loaded),
            InternalEvent::Woke => {
                for profile_state in self.profile_states.values() {
                    profile_state.desired_state.send_modify(|desired_state| desired_state.resume_count += 1);
                }
            }
        }
    }

    /// The context of a profile's tasks; the engine's own if the profile is not open.
    fn context_of(&self, profile: ProfileId) -> &EngineContext {
        self.profile_states.get(&profile).map_or(&self.context, |profile_state| &profile_state.context)
    }

    fn notify(&self, profile: Option<ProfileId>, severity: Severity, reason: NoticeReason) {
        self.context.event_sender.send_notice(Notice::new(severity, profile, reason));
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

/// What a state means for a sign-in whose token is verified by joining; `None` while the join is in progress.
fn sign_in_failure(state: &ConnectionState) -> Option<SignInError> {
    match state {
        ConnectionState::Reconnecting { why, .. } => Some(SignInError::NotJoined(why.clone())),
        ConnectionState::TokenRefused { why } => Some(SignInError::JoinRefused(why.clone())),
        _ => None,
    }
}
