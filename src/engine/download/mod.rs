//! Downloads ready data into a file, with exactly one GET because a link works only once.
//!
//! The order of the steps keeps a link from being wasted: read what the journal knows of the request, create the part file in the
//! chosen folder, check the link (`link_policy`) and the free space (`disk_space`), record `Fetching` in the journal, and only then
//! send the GET (`http`). From the GET on the link counts as used, unless the connection failed before anything was sent. The
//! response headers are checked before the first byte is written; if space is short then, the response stays open. A broken transfer
//! keeps its part file. A complete one is flushed, hashed and renamed last (`part_file`). A crash in between is handled at the
//! next start (`crash_recovery`).

pub(crate) mod control;
pub(crate) mod crash_recovery;
pub(crate) mod data_requests;
pub(crate) mod error;
pub(crate) mod expiry_warning;
pub(crate) mod http;
pub(crate) mod part_file;
pub(crate) mod queue;
pub(crate) mod redirect;
pub(crate) mod request_info;
pub(crate) mod save_error;
pub(crate) mod transfer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::activity::{
    ActivityKey, DownloadFailure, DownloadReceipt, Entry, Fact, LocalEvent, Seq, Timestamp, text_of_path,
};
use crate::engine::client::link_policy::LinkPolicy;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::action::Action;
use crate::engine::events::event::{DownloadStage, Notice, Severity};
use crate::engine::events::event_queue::state_values::ShownDownload;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::ProblemReason;
use crate::engine::network::endpoints::Endpoints;
use crate::engine::runtime::disk_space::RESERVE;
use crate::engine::runtime::transfer_rate::ProgressMeter;
use crate::engine::state::link_store::{ClaimedLink, LinkError, LinkStore};
use crate::engine::storage::journal_writer::JournalWriter;
use crate::journal::JournalError;
use crate::protocol::{AuthorizationToken, DataKey, RequestId};
use crate::settings::{DownloadSettings, ProfileId};

use super::context::EngineContext;

use control::{DownloadCommand, DownloadControl};
use error::{DownloadError, next_step};
use part_file::{Destination, PartFile, SavedFile};
use request_info::RequestInfo;
use save_error::{SaveError, WriterPanicked};
use transfer::coding::Coding;

/// Where a payload is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SaveTarget {
    /// Under this path, which a dialog confirmed.
    File(PathBuf),
    /// In this folder, under the server's name or the known one, with a number if that name is taken.
    Folder(PathBuf),
}

/// One download, or one inline payload to save. It is shown as in progress until this is dropped.
pub(crate) struct DownloadJob {
    /// Its progress, for the window.
    pub(crate) shown: ShownDownload,
    pub(crate) profile: ProfileId,
    pub(crate) request: RequestId,
    /// Its first and last entry, if the window knows them. The journal finds open requests without it.
    pub(crate) span: Option<(Seq, Seq)>,
    pub(crate) target: SaveTarget,
    /// Whether to save the inline payload, if both it and a link arrived.
    pub(crate) inline: bool,
    /// Whether it started without a click.
    pub(crate) automatic: bool,
    /// Holds the link.
    pub(crate) link_store: LinkStore,
    /// Records its events.
    pub(crate) journal_writer: JournalWriter,
    /// Where bare download tokens are valid, and which hosts are trusted.
    pub(crate) endpoints: Arc<Endpoints>,
    /// What the operator allowed for links.
    pub(crate) saving: DownloadSettings,
    /// How long links are valid.
    pub(crate) lifetime: Duration,
    /// The key to decrypt with, if decryption is on and the key is known.
    pub(crate) key: Option<DataKey>,
    /// The profile's token. It is never sent, only masked if the server quotes it.
    pub(crate) token: Option<AuthorizationToken>,
    /// The shared services of the engine.
    pub(crate) context: EngineContext,
}

/// Runs a download and reports its end.
pub(crate) async fn run(job: DownloadJob, mut control: DownloadControl) {
    let known = job.load_request_info().await;
    let outcome = match &known {
        Ok(known) if job.automatic && known.saved => None,
        Ok(known) => Some(job.save(known, &mut control).await),
        Err(error) => Some(Err((DownloadError::before(error.to_string()), None))),
    };
    // Before the window learns of the end, because it may then request the same data again at once.
    let report = InternalEvent::DownloadEnded { profile: job.profile, request: job.request.clone() };
    job.context.report(report).await;
    if let Some(outcome) = outcome {
        // An inline payload is still in the journal: there is nothing to request again.
        let requested = known.ok().filter(|_| !job.inline).and_then(|known| known.token.and(known.span));
        job.record_end(outcome, requested).await;
    }
}

/// Checks whether the data of a request has already arrived, and reports it to the supervisor if so.
pub(crate) async fn report_if_arrived(context: EngineContext, profile: ProfileId, request: RequestId) {
    let key = ActivityKey::Data(request.clone());
    let Ok(history) = context.journal_store.history(profile, &key, None).await else { return };
    let inline = RequestInfo::of(history.entries).inline.is_some();
    // If a link has arrived it is in the link store, where the supervisor looks it up.
    let report = InternalEvent::DataArrived { profile, requests: vec![(request, inline)] };
    context.report(report).await;
}

/// The saved file, and how it was obtained.
type Saved = (SavedFile, DownloadReceipt);
/// The error, and the partial file that is kept.
type FailedDownload = (DownloadError, Option<PathBuf>);

impl DownloadJob {
    /// What the journal knows of the request.
    async fn load_request_info(&self) -> Result<RequestInfo, JournalError> {
        let key = ActivityKey::Data(self.request.clone());
        let history = self.context.journal_store.history(self.profile, &key, self.span).await?;
        Ok(RequestInfo::of(history.entries))
    }

    async fn save(&self, request_info: &RequestInfo, control: &mut DownloadControl) -> Result<Saved, FailedDownload> {
        let spot = match &self.target {
            SaveTarget::File(to) => Destination::from_path(to).map_err(not_started)?,
            SaveTarget::Folder(folder) => Destination {
                folder: folder.clone(),
                name: request_info.suggestion(&self.request).into(),
                replace: false,
            },
        };
        if self.inline {
            return self.write_inline(request_info, spot, control).await;
        }
        match self.link_store.claim(&self.request, &self.endpoints.download) {
            Ok(taken) => self.fetch(taken, request_info, spot, control).await,
            // Saving many at once does not ask which of the two to save.
            Err(_no_link) if request_info.inline.is_some() && matches!(self.target, SaveTarget::Folder(_)) => {
                self.write_inline(request_info, spot, control).await
            }
            Err(no_link) => Err(not_started(no_link)),
        }
    }

    async fn fetch(
        &self,
        taken: ClaimedLink,
        request_info: &RequestInfo,
        mut destination: Destination,
        control: &mut DownloadControl,
    ) -> Result<Saved, FailedDownload> {
        let requested = request_info.has_requested(&taken.links);
        if requested == Some(true) {
            // The server repeated the link before the journal was restored up to its use: it stays claimed.
            return Err((DownloadError::after(DownloadFailure::LinkUsed, LinkError::AlreadyClaimed.to_string()), None));
        }
        let host = taken.url.host_str().unwrap_or_default().to_owned();
        let links: Vec<String> = taken.links.iter().map(|link| link.text()).collect();
        let rules = LinkPolicy {
            endpoints: &self.endpoints,
            saving: &self.saving,
            automatic: self.automatic,
            proxied: self.context.downloader.is_proxied(&taken.url).await,
        };
        let ready = async {
            let addresses = rules.check(&taken.url, &self.context.downloader.resolve).await;
            let addresses = addresses.map_err(|refused| self.not_allowed(refused))?;
            let mut part = self.create(&destination).await?;
            let needed = self.space_needed(request_info.size.unwrap_or(RESERVE));
            self.wait_for_space(&mut destination, &mut part, needed, (None, control)).await?;
            self.warn_of_expiry(&taken, request_info, &destination);
            Ok((addresses, part))
        };
        let (addresses, mut part) = match ready.await {
            Ok(ready) => ready,
            Err(failed) => {
                self.link_store.release(&self.request, taken);
                return Err((failed, None));
            }
        };
        let began = (self.context.clock)();
        let recorded = tokio::select! {
            recorded = self.record(fetching(&destination, part.path(), &links)) => recorded,
            _ = control.stopped() => false,
        };
        if !recorded {
            self.link_store.release(&self.request, taken);
            let sentence = "The download was stopped before it began.";
            return Err((DownloadError::after(DownloadFailure::NotStarted, sentence), None));
        }
        let mut opened = self.open(taken, requested, addresses, control).await.map_err(|failed| (failed, None))?;
        opened.links.clone_from(&links);
        if !destination.replace
            && let Some(name) = opened.name.take()
        {
            destination.name = name.into();
        }
        let codings = std::mem::take(&mut opened.codings);
        let needed = self.space_needed(opened.total.unwrap_or(RESERVE));
        self.wait_for_space(&mut destination, &mut part, needed, (Some(&links), control))
            .await
            .map_err(|failed| (failed, None))?;
        let (received, part) = self.receive(&mut opened, part, &mut destination, control).await;
        let receipt = receipt(request_info, (opened.host.unwrap_or(host), opened.gets, began), opened.length_unknown);
        self.finish(received, (part, &codings), destination, receipt).await
    }

    /// Saves the payload that came inline.
    async fn write_inline(
        &self,
        request_info: &RequestInfo,
        destination: Destination,
        control: &mut DownloadControl,
    ) -> Result<Saved, FailedDownload> {
        let began = (self.context.clock)();
        let bytes = request_info.payload().map_err(not_started)?;
        let mut part = self.create(&destination).await.map_err(not_started)?;
        let at = destination.clone();
        let written = self.blocking(move || match part.write(&mut bytes.into()) {
            Ok(()) => Ok(part),
            Err(source) => Err(SaveError::from(at.error(source))),
        });
        let part = tokio::select! {
            written = written => written.map_err(not_started)?,
            // Nothing is lost: the payload stays in the journal.
            _ = control.stopped() => return Err((error::StopReason::before(), None)),
        };
        let receipt = receipt(request_info, (String::new(), 0, began), false);
        self.finish(Ok(()), (Some(part), &[]), destination, receipt).await
    }

    /// Gives a complete file its name; keeps what arrived of an incomplete one.
    async fn finish(
        &self,
        received: Result<(), DownloadError>,
        (part, codings): (Option<PartFile>, &[Coding]),
        mut spot: Destination,
        mut receipt: DownloadReceipt,
    ) -> Result<Saved, FailedDownload> {
        let lost = || (DownloadError::broken("The file could not be written. The link is used up."), None);
        let part = part.ok_or_else(lost)?;
        if let Err(failed) = received {
            let kept_file = if failed.keep {
                self.blocking::<_, WriterPanicked, _>(move || Ok(part.keep(&spot))).await.ok().flatten()
            } else {
                None
            };
            return Err((failed, kept_file));
        }
        let (mut part, is_plain) = self.decode(part, &mut spot, codings).await.ok_or_else(lost)?;
        if is_plain {
            part = self.decrypt(part, &mut spot, &mut receipt).await.ok_or_else(lost)?;
        }
        self.publish_progress(
            &spot,
            &ProgressMeter::new(tokio::time::Instant::now()),
            Some(part.size()),
            DownloadStage::Finishing,
        );
        let host = receipt.host.clone();
        let finished = self.blocking(move || {
            part.finish(&spot, &host)
                .map_err(|(error, part)| FailedSave { error: error.into(), kept_file: part.keep(&spot) })
        });
        match finished.await {
            Ok(finished) => {
                receipt.sha256.clone_from(&finished.sha256);
                Ok((finished, receipt))
            }
            Err(FailedSave { error, kept_file }) => {
                let used = if receipt.gets > 0 { " The link is used up." } else { "" };
                Err((DownloadError { keep: true, ..DownloadError::broken(format!("{error}{used}")) }, kept_file))
            }
        }
    }

    /// Creates the part file, which proves that the folder is writable before the link is used.
    async fn create(&self, destination: &Destination) -> Result<PartFile, SaveError> {
        let destination = destination.clone();
        self.blocking(move || Ok(PartFile::create(&destination)?)).await
    }

    /// Waits until there is enough space, in this folder or in another one that the operator chooses. `begun` is the link whose GET was
    /// sent, if one was: its response stays open meanwhile.
    async fn wait_for_space(
        &self,
        destination: &mut Destination,
        part: &mut PartFile,
        needed: u64,
        (begun, control): (Option<&[String]>, &mut DownloadControl),
    ) -> Result<(), DownloadError> {
        let meter = ProgressMeter::new(tokio::time::Instant::now());
        let stopped = |failed: DownloadError| if begun.is_some() { failed } else { error::StopReason::before() };
        while let Some(short) = self.space_shortage(&destination.folder, needed).await {
            self.publish_progress(destination, &meter, begun.map(|_links| needed), short);
            let Some(DownloadCommand::Move(to)) = control::wait_for_command(control).await.map_err(stopped)? else {
                continue;
            };
            let elsewhere = match Destination::from_path(&to) {
                Ok(chosen) => self.create(&chosen).await.map(|part| (chosen, part)),
                Err(error) => Err(error.into()),
            };
            match elsewhere {
                Ok(elsewhere) => {
                    (*destination, *part) = elsewhere;
                    if let Some(links) = begun
                        && !self.record(fetching(destination, part.path(), links)).await
                    {
                        return Err(error::StopReason::Closing.after());
                    }
                }
                Err(error) => self.notice(Severity::Warning, NoticeReason::NotMoved(error.into()), None),
            }
        }
        Ok(())
    }

    /// Warns before the GET if the download will probably not finish in time.
    fn warn_of_expiry(&self, taken: &ClaimedLink, request_info: &RequestInfo, destination: &Destination) {
        let remaining = taken.ready.expiry(self.lifetime).since((self.context.clock)());
        let name = destination.name.to_string_lossy();
        if let Some(why) = expiry_warning::warning(&name, request_info.size, remaining, &self.context.downloader.rates)
        {
            let request = self.request.clone();
            self.context.report_problem(self.profile, ProblemReason::LateDownload { request, why });
        }
    }

    fn not_allowed(&self, refused: crate::engine::client::link_policy::PolicyViolation) -> DownloadError {
        let profile = self.profile;
        DownloadError::refused(refused, |permission, host| Action::AllowHost { profile, host, permission })
    }

    /// Runs disk work on a blocking thread.
    async fn blocking<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<WriterPanicked> + Send + 'static,
        W: FnOnce() -> Result<T, E> + Send + 'static,
    {
        match self.context.spawner.blocking("saving a file", work).await {
            Some(done) => done,
            None => Err(E::from(WriterPanicked)),
        }
    }

    /// Records how it ended, and shows a notice of a failure. `requested` spans the entries of the request if this program made it,
    /// so that the data can be requested again.
    async fn record_end(&self, outcome: Result<Saved, FailedDownload>, requested: Option<(Seq, Seq)>) {
        let event = match outcome {
            Ok((SavedFile { to, size, .. }, receipt)) => {
                if receipt.length_unproved {
                    self.notice(Severity::Warning, NoticeReason::LengthUnknown(name_of(&to)), None);
                }
                Some(LocalEvent::Saved { to: text_of_path(&to), size, receipt })
            }
            Err((failure, kept_file)) => self.failure(failure, kept_file.as_deref(), requested),
        };
        if let Some(event) = event
            && !self.record(event).await
        {
            tracing::warn!("the end of a download could not be written any more");
        }
    }

    /// Shows a failure. Returns the event for the journal.
    fn failure(
        &self,
        failure: DownloadError,
        kept_file: Option<&Path>,
        requested: Option<(Seq, Seq)>,
    ) -> Option<LocalEvent> {
        let DownloadError { outcome, mut sentence, quiet, keep, remedy } = failure;
        if keep {
            sentence.push_str(&next_step(kept_file, requested.is_some()));
        }
        if !quiet {
            let again = || {
                let (profile, request, span) = (self.profile, self.request.clone(), requested);
                let action = Action::RequestAgain { profile, request, span };
                (outcome.is_some() && requested.is_some()).then(|| ("Request again".to_owned(), action))
            };
            let what = match &self.target {
                SaveTarget::File(to) => name_of(to),
                SaveTarget::Folder(_) => format!("The data of request {}", self.request),
            };
            let remedy = remedy.map(|remedy| *remedy).or_else(again);
            self.notice(Severity::Error, NoticeReason::NotSaved { what, why: sentence.clone() }, remedy);
        }
        let part = kept_file.map(text_of_path);
        outcome.map(|why| LocalEvent::NotSaved { why, sentence, part })
    }

    fn notice(&self, severity: Severity, reason: NoticeReason, remedy: Option<(String, Action)>) {
        self.context.event_sender.send_notice(Notice { severity, profile: Some(self.profile), reason, remedy });
    }

    /// Records an event. Returns whether it is in the journal.
    async fn record(&self, event: LocalEvent) -> bool {
        let entry = Entry::local((self.context.clock)(), ActivityKey::Data(self.request.clone()), Fact::Local(event));
        self.journal_writer.record(entry).await.is_ok()
    }
}

fn receipt(
    request_info: &RequestInfo,
    (host, gets, began): (String, u32, Timestamp),
    length_unknown: bool,
) -> DownloadReceipt {
    DownloadReceipt {
        gets,
        began: Some(began),
        host,
        token: request_info.token.clone(),
        length_unproved: length_unknown,
        ..DownloadReceipt::default()
    }
}

/// The event that is recorded before the GET.
fn fetching(destination: &Destination, part: &Path, links: &[String]) -> LocalEvent {
    LocalEvent::Fetching {
        to: text_of_path(&destination.path()),
        part: Some(text_of_path(part)),
        links: links.to_vec(),
    }
}

/// A complete payload that could not be named, and the file that is kept of it.
struct FailedSave {
    error: SaveError,
    kept_file: Option<PathBuf>,
}

impl From<WriterPanicked> for FailedSave {
    fn from(panicked: WriterPanicked) -> Self {
        Self { error: panicked.into(), kept_file: None }
    }
}

/// The error if nothing was recorded or sent yet.
fn not_started(error: impl Into<SaveError>) -> FailedDownload {
    (DownloadError::from(error.into()), None)
}

/// A file's name, to show.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
