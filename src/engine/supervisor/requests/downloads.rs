//! Downloads: the queue, running downloads, and data that is saved automatically.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::activity::Seq;
use crate::engine::download::control::{DownloadCommand, DownloadControl};
use crate::engine::download::queue::QueuedDownload;
use crate::engine::download::{self, DownloadJob, SaveTarget};
use crate::engine::events::event::Severity;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::{LateDownload, ProblemKind, ProblemReason};
use crate::engine::network::endpoints::Endpoints;
use crate::engine::supervisor::Supervisor;
use crate::engine::supervisor::state::expected_downloads::{ExpectedDownload, MAX_EXPECTED};
use crate::engine::supervisor::state::profile_state::RunningDownload;
use crate::protocol::RequestId;
use crate::settings::ProfileId;

impl Supervisor {
    /// Downloads ready data to a path that a dialog confirmed. Does nothing if the same data is being downloaded.
    pub(crate) fn download(&mut self, profile: ProfileId, request: RequestId, to: PathBuf) {
        self.enqueue(profile, request, SaveTarget::File(to), false);
        self.start_next();
    }

    /// Downloads ready data into a folder.
    pub(crate) fn download_all(&mut self, profile: ProfileId, requests: Vec<RequestId>, folder: &Path) {
        for request in requests {
            self.enqueue(profile, request, SaveTarget::Folder(folder.to_owned()), false);
        }
        self.start_next();
    }

    /// Adds a download to the queue.
    fn enqueue(&mut self, profile: ProfileId, request: RequestId, target: SaveTarget, automatic: bool) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        if profile_state.downloads.contains_key(&request) {
            return;
        }
        let ready = Endpoints::of(&profile_state.profile)
            .ok()
            .and_then(|to| profile_state.link_store.ready(&request, &to.download));
        let expires = ready.map(|ready| ready.expiry(self.settings.preferences.link_lifetime()));
        let size = self.expected_downloads.0.get(&(profile, request.clone())).and_then(|following| following.size);
        let queued = QueuedDownload { profile, request, target, automatic, expires, size, warned: false };
        if !self.queue.add(queued) {
            tracing::debug!("the download waits already");
        }
    }

    /// Starts as many downloads as may run, and publishes the queue.
    pub(crate) fn start_next(&mut self) {
        let most = usize::try_from(self.settings.preferences.downloads_at_once).unwrap_or(usize::MAX);
        let running = |supervisor: &Self| {
            supervisor.profile_states.values().map(|profile_state| profile_state.downloads.len()).sum::<usize>()
        };
        while running(self) < most
            && let Some(queued) = self.queue.next()
        {
            self.start(queued);
        }
        for (profile, request) in self.queue.take_newly_late((self.context.clock)(), &self.context.downloader.rates) {
            let why = LateDownload::Queued { request: request.clone() };
            self.context.report_problem(profile, ProblemReason::LateDownload { request, why });
        }
        self.context.event_sender.set_download_queue(self.queue.waiting());
    }

    fn start(&mut self, queued: QueuedDownload) {
        let QueuedDownload { profile, request, target, automatic, .. } = queued;
        self.context.resolve_problem(profile, &ProblemKind::LateDownload(request.clone()));
        let Some(job) = self.download_job(profile, request.clone(), target) else { return };
        self.expected_downloads.0.remove(&(profile, request.clone()));
        self.run_job(DownloadJob { automatic, ..job });
    }

    /// Runs a download or a save, which can be cancelled until it reports its end.
    fn run_job(&mut self, job: DownloadJob) {
        let (profile, request) = (job.profile, job.request.clone());
        let (download_handle, control): (_, DownloadControl) = download::control::control();
        let task = job.context.spawner.clone().start("saving data", Box::pin(download::run(job, control)));
        if let Some(profile_state) = self.profile_states.get_mut(&profile) {
            profile_state.downloads.insert(request, RunningDownload { download_handle, task });
        }
    }

    /// Cancels a download, or removes it from the queue. One that had started records its end as an entry.
    pub(crate) fn cancel_download(&mut self, profile: ProfileId, request: &RequestId) {
        if self.queue.remove(profile, request) {
            self.context.resolve_problem(profile, &ProblemKind::LateDownload(request.clone()));
            return self.start_next();
        }
        if let Some(download) =
            self.profile_states.get_mut(&profile).and_then(|profile_state| profile_state.downloads.get_mut(request))
        {
            download.download_handle.cancel();
        }
    }

    /// Sends a command to a download that waits for disk space.
    pub(crate) fn command_download(&self, profile: ProfileId, request: &RequestId, command: DownloadCommand) {
        if let Some(download) =
            self.profile_states.get(&profile).and_then(|profile_state| profile_state.downloads.get(request))
        {
            download.download_handle.send(command);
        }
    }

    /// A download has ended and is about to record its outcome.
    pub(crate) fn on_download_ended(&mut self, profile: ProfileId, request: &RequestId) {
        if let Some(profile_state) = self.profile_states.get_mut(&profile)
            && let Some(download) = profile_state.downloads.remove(request)
        {
            profile_state.add_saving_task(download.task);
        }
        self.start_next();
    }

    /// Saves the inline payload immediately, because it has no link that could be wasted. Does nothing if the same data is being
    /// saved.
    pub(crate) fn save_inline(
        &mut self,
        profile: ProfileId,
        request: RequestId,
        to: PathBuf,
        span: Option<(Seq, Seq)>,
    ) {
        if self.profile_states.get(&profile).is_some_and(|profile_state| profile_state.downloads.contains_key(&request))
        {
            return;
        }
        if let Some(job) = self.download_job(profile, request, SaveTarget::File(to)) {
            self.run_job(DownloadJob { span, inline: true, ..job });
        }
    }

    /// Notes a data request that this program made.
    pub(crate) fn on_requested(
        &mut self,
        profile: ProfileId,
        request: RequestId,
        folder: Option<PathBuf>,
        size: Option<u64>,
    ) {
        if self.expected_downloads.0.len() >= MAX_EXPECTED {
            self.drop_ended_expectations();
        }
        if self.expected_downloads.0.len() >= MAX_EXPECTED {
            if folder.is_some() {
                let reason = NoticeReason::TooManyExpected { request, max: MAX_EXPECTED };
                self.notify(Some(profile), Severity::Warning, reason);
            }
            return;
        }
        let to_disk = folder.is_some();
        self.expected_downloads.0.insert((profile, request.clone()), ExpectedDownload { folder, size });
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        if to_disk {
            profile_state.pending_commands.ready_queue().set_enabled(true);
            // The data may have arrived already.
            let looking = download::report_if_arrived(profile_state.context.clone(), profile, request);
            profile_state.context.spawner.spawn("looking for data that came", looking);
        }
    }

    /// Stops waiting for requests that have ended: the server said so, or the operator had their data saved.
    fn drop_ended_expectations(&mut self) {
        let mut open: BTreeMap<ProfileId, BTreeSet<RequestId>> = BTreeMap::new();
        for (id, profile_state) in &self.profile_states {
            let (_, requests) = profile_state.pending_commands.open_ids();
            open.insert(*id, requests.into_iter().collect());
        }
        let profile_states = &self.profile_states;
        self.expected_downloads.0.retain(|(profile, request), _| {
            let is_open = open.get(profile).is_some_and(|requests| requests.contains(request));
            is_open
                || profile_states
                    .get(profile)
                    .is_some_and(|profile_state| !profile_state.link_store.unused(request).is_empty())
        });
    }

    /// Data has arrived and is in the journal: queues what is saved automatically. Each request comes with whether the payload is
    /// inline.
    pub(crate) fn on_data_arrived(&mut self, profile: ProfileId, requests: Vec<(RequestId, bool)>) {
        for (request, inline) in requests {
            let Some(profile_state) = self.profile_states.get(&profile) else { return };
            let key = (profile, request);
            let followed = self.expected_downloads.0.get(&key).and_then(|following| following.folder.clone());
            let Some(folder) = followed.or_else(|| profile_state.profile.saving.folder.clone()) else { continue };
            let ready = Endpoints::of(&profile_state.profile)
                .ok()
                .and_then(|to| profile_state.link_store.ready(&key.1, &to.download));
            if inline || ready.is_some() {
                self.enqueue(profile, key.1, SaveTarget::Folder(folder), true);
            }
        }
        self.start_next();
    }

    /// Has arriving data of a profile reported if it is saved automatically.
    pub(crate) fn report_arrivals_if_needed(&self, profile: ProfileId) {
        if let Some(profile_state) = self.profile_states.get(&profile) {
            let followed =
                self.expected_downloads.0.iter().any(|((of, _), wanted)| *of == profile && wanted.folder.is_some());
            profile_state
                .pending_commands
                .ready_queue()
                .set_enabled(followed || profile_state.profile.saving.folder.is_some());
        }
    }

    /// Removes the queued downloads of a removed profile.
    pub(crate) fn remove_queued_downloads(&mut self, profile: ProfileId) {
        self.queue.remove_profile(profile);
        self.expected_downloads.0.retain(|(of, _), _| *of != profile);
        self.start_next();
    }

    fn download_job(&self, profile: ProfileId, request: RequestId, target: SaveTarget) -> Option<DownloadJob> {
        let profile_state = self.profile_states.get(&profile)?;
        let endpoints = match Endpoints::of(&profile_state.profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => {
                self.notify(Some(profile), Severity::Error, NoticeReason::Endpoints(error.into()));
                return None;
            }
        };
        let file_name = match &target {
            SaveTarget::File(to) => to.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            // The name is known once the journal has been read.
            SaveTarget::Folder(_) => String::new(),
        };
        Some(DownloadJob {
            shown: self.context.event_sender.show_download(profile, &request, file_name),
            profile,
            request,
            span: None,
            target,
            inline: false,
            automatic: false,
            link_store: profile_state.link_store.clone(),
            journal_writer: profile_state.journal_writer.until_cleared(),
            endpoints,
            saving: profile_state.profile.saving.clone(),
            key: profile_state.data_key.key().filter(|_key| profile_state.profile.saving.decrypt).cloned(),
            token: profile_state.active_token.as_ref().map(|active| active.session_credentials.token.clone()),
            lifetime: self.settings.preferences.link_lifetime(),
            context: profile_state.context.clone(),
        })
    }
}
