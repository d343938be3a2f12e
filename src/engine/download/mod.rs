//! Fetches ready data into a file: one GET for a link that is good once, and nothing lost, leaked or misplaced.
//!
//! The order keeps a link from being wasted: what the journal knows of the request, the part-file in the chosen folder,
//! whether the link may be fetched (`guard`), whether there is room (`room`), the deed in the journal, and only then the GET
//! (`fetch`). From the GET on the link counts as used, unless the connection failed before anything was sent. Before the first
//! byte is written the answer's headers are checked; where room is short then, the answer is held open. What breaks keeps its
//! part-file; what is whole is flushed, hashed and named last of all (`part`). A crash in between is found at the next start
//! (`aftermath`).

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
use crate::engine::events::problem::ProblemReason;
use crate::engine::network::endpoints::Endpoints;
use crate::engine::runtime::disk_space::RESERVE;
use crate::engine::runtime::transfer_rate::ProgressMeter;
use crate::engine::state::link_store::{ClaimedLink, LinkError, LinkStore};
use crate::engine::storage::journal_writer::JournalWriter;
use crate::journal::JournalError;
use crate::protocol::{DataKey, RequestId};
use crate::settings::{DownloadSettings, ProfileId};

use super::context::EngineContext;

use control::{DownloadCommand, DownloadControl};
use error::{DownloadError, what_now};
use part_file::{Destination, PartFile, SavedFile};
use request_info::RequestInfo;
use save_error::{SaveError, WriterPanicked};
use transfer::coding::Coding;

/// Where a payload is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SaveTarget {
    /// Under this path, which a dialog asked about.
    File(PathBuf),
    /// In this folder, under the name that the server gives or that is known, with a number where that is taken.
    Folder(PathBuf),
}

/// One download or inline payload to save. It is shown as under way for as long as this lives.
pub(crate) struct DownloadJob {
    /// How far it is, for the window.
    pub(crate) shown: ShownDownload,
    /// Whose.
    pub(crate) profile: ProfileId,
    /// Which.
    pub(crate) request: RequestId,
    /// Its first and last entry, where the window knows them: the journal finds by itself what is open.
    pub(crate) span: Option<(Seq, Seq)>,
    /// Where to.
    pub(crate) target: SaveTarget,
    /// Which of the two, where both came.
    pub(crate) inline: bool,
    /// Whether nobody has clicked.
    pub(crate) automatic: bool,
    /// Where its link is.
    pub(crate) link_store: LinkStore,
    /// Where its deeds are written.
    pub(crate) journal_writer: JournalWriter,
    /// Where bare tokens are good, and what may be fetched from.
    pub(crate) endpoints: Arc<Endpoints>,
    /// What the operator allowed for links.
    pub(crate) saving: DownloadSettings,
    /// How long links live.
    pub(crate) lifetime: Duration,
    /// The key to decrypt with, where that is wanted and it is known.
    pub(crate) key: Option<DataKey>,
    /// The engine's tools.
    pub(crate) context: EngineContext,
}

/// Runs a download to its end and tells of it.
pub(crate) async fn run(job: DownloadJob, mut control: DownloadControl) {
    let known = job.known().await;
    let outcome = match &known {
        Ok(known) if job.automatic && known.saved => None,
        Ok(known) => Some(job.save(known, &mut control).await),
        Err(error) => Some(Err((DownloadError::before(error.to_string()), None))),
    };
    // Before the window hears of the end: it may ask for the same data again as soon as it has.
    let report = InternalEvent::DownloadEnded { profile: job.profile, request: job.request.clone() };
    job.context.report(report).await;
    if let Some(outcome) = outcome {
        // What came in the message is still in the journal: there is nothing to request again.
        let requested = known.ok().filter(|_| !job.inline).and_then(|known| known.token.and(known.span));
        job.end(outcome, requested).await;
    }
}

/// Looks whether the data of a request has come already, and tells the centre if it has.
pub(crate) async fn look_for(context: EngineContext, profile: ProfileId, request: RequestId) {
    let key = ActivityKey::Data(request.clone());
    let Ok(history) = context.journal_store.history(profile, &key, None).await else { return };
    let inline = RequestInfo::of(history.entries).inline.is_some();
    // A link that has come is in the vault, which the centre looks into.
    let report = InternalEvent::Arrived { profile, requests: vec![(request, inline)] };
    context.report(report).await;
}

/// What is saved, and how it was had.
type Saved = (SavedFile, DownloadReceipt);
/// What failed, and the file that is kept of it.
type NotDone = (DownloadError, Option<PathBuf>);

impl DownloadJob {
    /// What the journal knows of the request.
    async fn known(&self) -> Result<RequestInfo, JournalError> {
        let key = ActivityKey::Data(self.request.clone());
        let history = self.context.journal_store.history(self.profile, &key, self.span).await?;
        Ok(RequestInfo::of(history.entries))
    }

    async fn save(&self, known: &RequestInfo, control: &mut DownloadControl) -> Result<Saved, NotDone> {
        let spot = match &self.target {
            SaveTarget::File(to) => Destination::chosen(to).map_err(not_begun)?,
            SaveTarget::Folder(folder) => {
                Destination { folder: folder.clone(), name: known.suggestion(&self.request).into(), replace: false }
            }
        };
        if self.inline {
            return self.write_inline(known, spot, control).await;
        }
        match self.link_store.take(&self.request, &self.endpoints.download) {
            Ok(taken) => self.fetch(taken, known, spot, control).await,
            // Saving many at once does not ask which of the two it is.
            Err(_no_link) if known.inline.is_some() && matches!(self.target, SaveTarget::Folder(_)) => {
                self.write_inline(known, spot, control).await
            }
            Err(no_link) => Err(not_begun(no_link)),
        }
    }

    /// Fetches a link.
    async fn fetch(
        &self,
        taken: ClaimedLink,
        known: &RequestInfo,
        mut spot: Destination,
        control: &mut DownloadControl,
    ) -> Result<Saved, NotDone> {
        let requested = known.has_requested(&taken.links);
        if requested == Some(true) {
            // The server repeated it before the journal was read to there: it stays taken.
            return Err((DownloadError::after(DownloadFailure::LinkUsed, LinkError::Taken.to_string()), None));
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
            let mut part = self.create(&spot).await?;
            let needed = self.with_room_to_decrypt(known.size.unwrap_or(RESERVE));
            self.find_room(&mut spot, &mut part, needed, (None, control)).await?;
            self.warn_of_expiry(&taken, known, &spot);
            Ok((addresses, part))
        };
        let (addresses, mut part) = match ready.await {
            Ok(ready) => ready,
            Err(failed) => {
                self.link_store.put_back(&self.request, taken);
                return Err((failed, None));
            }
        };
        let began = (self.context.clock)();
        let recorded = tokio::select! {
            recorded = self.record(fetching(&spot, part.path(), &links)) => recorded,
            _ = control.stopped() => false,
        };
        if !recorded {
            self.link_store.put_back(&self.request, taken);
            let sentence = "The download was stopped before it began.";
            return Err((DownloadError::after(DownloadFailure::NotStarted, sentence), None));
        }
        let mut opened = self.open((taken, requested), addresses, control).await.map_err(|failed| (failed, None))?;
        opened.links.clone_from(&links);
        if !spot.replace
            && let Some(name) = opened.name.take()
        {
            spot.name = name.into();
        }
        let codings = std::mem::take(&mut opened.codings);
        let needed = self.with_room_to_decrypt(opened.total.unwrap_or(RESERVE));
        self.find_room(&mut spot, &mut part, needed, (Some(&links), control)).await.map_err(|failed| (failed, None))?;
        let (received, part) = self.receive(&mut opened, part, &mut spot, control).await;
        let receipt = receipt(known, (opened.host.unwrap_or(host), opened.gets, began), opened.unproved);
        self.finish(received, (part, &codings), spot, receipt).await
    }

    /// Saves the payload that came inline.
    async fn write_inline(
        &self,
        known: &RequestInfo,
        spot: Destination,
        control: &mut DownloadControl,
    ) -> Result<Saved, NotDone> {
        let began = (self.context.clock)();
        let bytes = known.payload().map_err(not_begun)?;
        let mut part = self.create(&spot).await.map_err(not_begun)?;
        let at = spot.clone();
        let written = self.blocking(move || match part.write(&mut bytes.into()) {
            Ok(()) => Ok(part),
            Err(source) => Err(SaveError::from(at.error(source))),
        });
        let part = tokio::select! {
            written = written => written.map_err(not_begun)?,
            // Nothing is lost: the payload stays in the journal.
            _ = control.stopped() => return Err((error::StopReason::before(), None)),
        };
        let receipt = receipt(known, (String::new(), 0, began), false);
        self.finish(Ok(()), (Some(part), &[]), spot, receipt).await
    }

    /// Gives what is whole its name, and keeps what is not.
    async fn finish(
        &self,
        received: Result<(), DownloadError>,
        (part, codings): (Option<PartFile>, &[Coding]),
        mut spot: Destination,
        mut receipt: DownloadReceipt,
    ) -> Result<Saved, NotDone> {
        let lost = || (DownloadError::broken("The file could not be written. The link is used up."), None);
        let part = part.ok_or_else(lost)?;
        if let Err(failed) = received {
            let kept = if failed.keep {
                self.blocking::<_, WriterPanicked, _>(move || Ok(part.keep(&spot))).await.ok().flatten()
            } else {
                None
            };
            return Err((failed, kept));
        }
        let (mut part, is_plain) = self.decode(part, &mut spot, codings).await.ok_or_else(lost)?;
        if is_plain {
            part = self.decrypt(part, &mut spot, &mut receipt).await.ok_or_else(lost)?;
        }
        self.tell(&spot, &ProgressMeter::new(tokio::time::Instant::now()), Some(part.size()), DownloadStage::Finishing);
        let host = receipt.host.clone();
        let finished = self.blocking(move || {
            part.finish(&spot, &host)
                .map_err(|(error, part)| NotFinished { error: error.into(), kept: part.keep(&spot) })
        });
        match finished.await {
            Ok(finished) => {
                receipt.sha256.clone_from(&finished.sha256);
                Ok((finished, receipt))
            }
            Err(NotFinished { error, kept }) => {
                let used = if receipt.gets > 0 { " The link is used up." } else { "" };
                Err((DownloadError { keep: true, ..DownloadError::broken(format!("{error}{used}")) }, kept))
            }
        }
    }

    /// Makes the part-file: proof that the folder can be written, before anything is spent.
    async fn create(&self, spot: &Destination) -> Result<PartFile, SaveError> {
        let spot = spot.clone();
        self.blocking(move || Ok(PartFile::create(&spot)?)).await
    }

    /// Waits until there is room, here or at another place that the operator chooses. `begun` is the link whose GET was sent, if
    /// one was: its answer is then held open meanwhile.
    async fn find_room(
        &self,
        spot: &mut Destination,
        part: &mut PartFile,
        needed: u64,
        (begun, control): (Option<&[String]>, &mut DownloadControl),
    ) -> Result<(), DownloadError> {
        let meter = ProgressMeter::new(tokio::time::Instant::now());
        let stopped = |failed: DownloadError| if begun.is_some() { failed } else { error::StopReason::before() };
        while let Some(short) = self.shortage(&spot.folder, needed).await {
            self.tell(spot, &meter, begun.map(|_links| needed), short);
            let Some(DownloadCommand::Move(to)) = control::wait(control).await.map_err(stopped)? else { continue };
            let elsewhere = match Destination::chosen(&to) {
                Ok(chosen) => self.create(&chosen).await.map(|part| (chosen, part)),
                Err(error) => Err(error.into()),
            };
            match elsewhere {
                Ok(elsewhere) => {
                    (*spot, *part) = elsewhere;
                    if let Some(links) = begun
                        && !self.record(fetching(spot, part.path(), links)).await
                    {
                        return Err(error::StopReason::Closing.after());
                    }
                }
                Err(error) => self.notice(Severity::Warning, error.to_string(), None),
            }
        }
        Ok(())
    }

    /// Says before the GET what will not finish in time, as far as that can be told.
    fn warn_of_expiry(&self, taken: &ClaimedLink, known: &RequestInfo, spot: &Destination) {
        let left = taken.ready.expiry(self.lifetime).since((self.context.clock)());
        let name = spot.name.to_string_lossy();
        if let Some(why) = expiry_warning::warning(&name, known.size, left, &self.context.downloader.rates) {
            let request = self.request.clone();
            self.context.problem(self.profile, ProblemReason::LateDownload { request, why });
        }
    }

    fn not_allowed(&self, refused: crate::engine::client::link_policy::PolicyViolation) -> DownloadError {
        let profile = self.profile;
        DownloadError::refused(refused, |permission, host| Action::AllowHost { profile, host, permission })
    }

    /// Disk work off the tasks' threads.
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

    /// Writes how it ended; what failed is also a notice. `requested` are the entries between which a request of this program
    /// is, so that the data can be requested again.
    async fn end(&self, outcome: Result<Saved, NotDone>, requested: Option<(Seq, Seq)>) {
        let deed = match outcome {
            Ok((SavedFile { to, size, .. }, receipt)) => {
                if receipt.length_unproved {
                    let sentence = format!(
                        "{} was saved, but the server did not say how long it is: whether it is whole can't be shown.",
                        name_of(&to)
                    );
                    self.notice(Severity::Warning, sentence, None);
                }
                Some(LocalEvent::Saved { to: text_of_path(&to), size, receipt })
            }
            Err((failure, kept)) => self.failure(failure, kept.as_deref(), requested),
        };
        if let Some(deed) = deed
            && !self.record(deed).await
        {
            tracing::warn!("the end of a download could not be written any more");
        }
    }

    /// Tells the operator of a failure. Gives the deed that goes into the journal.
    fn failure(
        &self,
        failure: DownloadError,
        kept: Option<&Path>,
        requested: Option<(Seq, Seq)>,
    ) -> Option<LocalEvent> {
        let DownloadError { deed, mut sentence, quiet, keep, remedy } = failure;
        if keep {
            sentence.push_str(&what_now(kept, requested.is_some()));
        }
        if !quiet {
            let again = || {
                let (profile, request, span) = (self.profile, self.request.clone(), requested);
                let action = Action::RequestAgain { profile, request, span };
                (deed.is_some() && requested.is_some()).then(|| ("Request again".to_owned(), action))
            };
            let name = match &self.target {
                SaveTarget::File(to) => name_of(to),
                SaveTarget::Folder(_) => format!("The data of request {}", self.request),
            };
            let remedy = remedy.map(|remedy| *remedy).or_else(again);
            self.notice(Severity::Error, format!("{name} was not saved. {sentence}"), remedy);
        }
        let part = kept.map(text_of_path);
        deed.map(|why| LocalEvent::NotSaved { why, sentence, part })
    }

    fn notice(&self, severity: Severity, sentence: String, remedy: Option<(String, Action)>) {
        self.context.event_sender.notice(Notice { severity, profile: Some(self.profile), sentence, remedy });
    }

    /// Whether the deed is in the journal.
    async fn record(&self, deed: LocalEvent) -> bool {
        let entry = Entry::ours((self.context.clock)(), ActivityKey::Data(self.request.clone()), Fact::Done(deed));
        self.journal_writer.record(entry).await.is_ok()
    }
}

fn receipt(known: &RequestInfo, (host, gets, began): (String, u32, Timestamp), unproved: bool) -> DownloadReceipt {
    DownloadReceipt {
        gets,
        began: Some(began),
        host,
        token: known.token.clone(),
        length_unproved: unproved,
        ..DownloadReceipt::default()
    }
}

/// The GET is about to be sent.
fn fetching(spot: &Destination, part: &Path, links: &[String]) -> LocalEvent {
    LocalEvent::Fetching { to: text_of_path(&spot.path()), part: Some(text_of_path(part)), links: links.to_vec() }
}

/// A whole payload that did not get its name, and the file that is kept of it.
struct NotFinished {
    error: SaveError,
    kept: Option<PathBuf>,
}

impl From<WriterPanicked> for NotFinished {
    fn from(panicked: WriterPanicked) -> Self {
        Self { error: panicked.into(), kept: None }
    }
}

/// A download that failed before anything was recorded or sent.
fn not_begun(error: impl Into<SaveError>) -> NotDone {
    (DownloadError::from(error.into()), None)
}

/// The file's name, for showing.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
