//! Fetches ready data into a file: one GET for a link that is good once.
//!
//! The order keeps a link from being wasted: the part file beside the target first, then the deed in the journal, then the
//! GET. From the GET on the link counts as used, unless the connection failed before anything was sent.

mod fetch;
mod part;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::{mpsc, oneshot};

use crate::activity::{ActivityKey, Deed, Entry, Fact, NotSaved, Receipt, Seq};
use crate::protocol::{Delivery, Message, RequestId};
use crate::settings::{ProfileId, atomic};

use super::endpoints::Endpoints;
use super::event::{Event, Notice, Severity};
use super::report::Report;
use super::scribe::Scribe;
use super::tools::Tools;
use super::vault::Vault;

pub(super) use fetch::{Fetcher, client};
use part::Part;

/// One download or inline payload to save.
pub(super) struct Job {
    /// Whose.
    pub(super) profile: ProfileId,
    /// Which.
    pub(super) request: RequestId,
    /// The whole path of the file.
    pub(super) to: PathBuf,
    /// Where its link is.
    pub(super) vault: Vault,
    /// Where its deeds are written.
    pub(super) scribe: Scribe,
    /// Where bare tokens are good, and what may be fetched from.
    pub(super) endpoints: Arc<Endpoints>,
    /// How long links live.
    pub(super) lifetime: Duration,
    /// The engine's tools.
    pub(super) tools: Tools,
}

/// Answered or dropped: stop.
pub(super) type Cancelled = oneshot::Receiver<()>;

/// How a download failed.
#[derive(Debug)]
struct Failed {
    /// What the row says of it; `None` where nothing had begun, so that the row stays as it is.
    deed: Option<NotSaved>,
    sentence: String,
}

impl Failed {
    /// Before anything was recorded or sent.
    fn before(sentence: impl Into<String>) -> Self {
        Self { deed: None, sentence: sentence.into() }
    }

    /// After the deed of fetching was recorded.
    fn after(why: NotSaved, sentence: impl Into<String>) -> Self {
        Self { deed: Some(why), sentence: sentence.into() }
    }

    fn cancelled() -> Self {
        Self::after(NotSaved::Cancelled, "The download was stopped. The link is used up; request the data again.")
    }
}

/// Runs a download to its end and tells of it.
pub(super) async fn run(job: Job, mut cancelled: Cancelled) {
    let outcome = job.fetch(&mut cancelled).await;
    // Before the window hears of the end: it may ask for the same data again as soon as it has.
    let report = Report::DownloadEnded { profile: job.profile, request: job.request.clone() };
    if job.tools.reports.send(report).await.is_err() {
        tracing::debug!("the engine is stopping");
    }
    job.end(outcome).await;
    job.tools.outbox.post(Event::Download { profile: job.profile, request: job.request, progress: None });
}

/// Saves the payload that came inline.
pub(super) async fn save_inline(job: Job) {
    let outcome = job.write_inline().await;
    job.end(outcome).await;
}

impl Job {
    async fn fetch(&self, cancelled: &mut Cancelled) -> Result<u64, Failed> {
        let to = self.to.clone();
        let part = self.blocking(move || Part::create(&to)).await?;
        let taken = self
            .vault
            .take(&self.request, &self.endpoints.download)
            .map_err(|no_link| Failed::before(no_link.to_string()))?;
        if !self.endpoints.may_fetch(&taken.url) {
            let host = taken.url.host_str().unwrap_or_default().to_owned();
            self.vault.put_back(&self.request, taken);
            return Err(Failed::before(format!(
                "The link leads to {host} without encryption, so it was not fetched. Allow an unencrypted connection to \
                 {host} in the profile's sign-in form if you trust the way there."
            )));
        }
        let fetching = Deed::Fetching { to: self.to.display().to_string(), part: None };
        let recorded = tokio::select! {
            recorded = self.record(fetching) => recorded,
            _ = &mut *cancelled => false,
        };
        if !recorded {
            self.vault.put_back(&self.request, taken);
            return Err(Failed::after(NotSaved::NotStarted, "The download was stopped before it began."));
        }
        self.transfer(taken, part, cancelled).await
    }

    async fn write_inline(&self) -> Result<u64, Failed> {
        let key = ActivityKey::Data(self.request.clone());
        let history =
            self.tools.ledger.history(self.profile, key, Seq(0), Seq(u64::MAX)).await.map_err(Failed::before)?;
        let Some(text) = history.into_iter().rev().find_map(inline) else {
            return Err(Failed::before("No payload came inline with this request."));
        };
        let bytes = STANDARD.decode(text).map_err(|_malformed| Failed::before("The payload is not valid base64."))?;
        let size = bytes.len() as u64;
        let to = self.to.clone();
        let written = self.blocking(move || atomic::write(&to, &bytes).map_err(|error| part::sentence(&to, &error)));
        written.await?;
        Ok(size)
    }

    /// Disk work before anything is fetched, off the tasks' threads.
    async fn blocking<T, W>(&self, work: W) -> Result<T, Failed>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T, String> + Send + 'static,
    {
        match self.tools.spawner.blocking("saving a file", Some(self.profile), work).await {
            Ok(Some(done)) => done.map_err(Failed::before),
            _ => Err(Failed::before("The file could not be written.")),
        }
    }

    /// Writes how it ended; what failed is also a notice.
    async fn end(&self, outcome: Result<u64, Failed>) {
        let deed = match outcome {
            Ok(size) => Some(Deed::Saved { to: self.to.display().to_string(), size, receipt: Receipt::default() }),
            Err(Failed { deed, sentence }) => {
                if deed != Some(NotSaved::Cancelled) {
                    self.tools.outbox.notice(Notice {
                        severity: Severity::Error,
                        profile: Some(self.profile),
                        sentence: format!("{} was not saved. {sentence}", file_name(&self.to)),
                        remedy: None,
                    });
                }
                deed.map(|why| Deed::NotSaved { why, sentence, part: None })
            }
        };
        if let Some(deed) = deed
            && !self.record(deed).await
        {
            tracing::warn!("the end of a download could not be written any more");
        }
    }

    /// Whether the deed is in the journal.
    async fn record(&self, deed: Deed) -> bool {
        let entry = Entry {
            seq: Seq::default(),
            at: (self.tools.clock)(),
            key: ActivityKey::Data(self.request.clone()),
            fact: Fact::Done(deed),
            raw: "".into(),
        };
        self.scribe.record(entry).await.is_ok()
    }
}

/// The payload of an entry that carries one inline.
fn inline(entry: Entry) -> Option<String> {
    match entry.fact {
        Fact::Heard(Message::Data(report)) => match report.delivery {
            Delivery::Inline { text, .. } => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The file's name, for showing.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Chunks on their way from the network to the disk. Full: the network is not read until the disk has caught up.
fn chunks<T>() -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    mpsc::channel(8)
}
