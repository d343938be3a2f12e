//! Reads the certificate files that the operator named. Each is read in a thread of its own, because a file on a network
//! mount may take long or never finish: connections wait for it only a short time, and quitting does not wait.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::engine::network::system_error::SystemError;

/// How long connections wait for the files.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The certificate files, as far as they have been read.
#[derive(Debug, Default)]
pub(crate) struct CaFiles(Vec<CaFile>);

/// One certificate file.
#[derive(Debug)]
pub(crate) struct CaFile {
    pub(crate) path: PathBuf,
    pub(crate) named_by: NamedBy,
    content: Content,
}

/// Where a certificate file was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// In `PRIVICORE_CA_FILE`.
    Environment,
    /// In the settings.
    Settings,
}

#[derive(Debug)]
enum Content {
    Reading(oneshot::Receiver<io::Result<Vec<u8>>>),
    Read(Result<Vec<u8>, SystemError>),
}

impl CaFiles {
    /// Starts to read the files.
    pub(crate) fn read(files: impl IntoIterator<Item = (NamedBy, PathBuf)>) -> Self {
        let begin = |(named_by, path): (NamedBy, PathBuf)| {
            let (read, frame_decoder) = oneshot::channel();
            let at = path.clone();
            // A read that never returns can't be cancelled, not in tokio's threads either; this thread ends with the
            // process.
            let thread = std::thread::Builder::new().name("certificates".to_owned()).spawn(move || {
                // The receiver is gone: another file was chosen, or the engine stops.
                drop(read.send(std::fs::read(at)));
            });
            let content = match thread {
                Ok(_detached) => Content::Reading(frame_decoder),
                Err(error) => Content::Read(Err(error.into())),
            };
            CaFile { path, named_by, content }
        };
        Self(files.into_iter().map(begin).collect())
    }

    /// Waits until all files are read. Can be dropped at any time.
    pub(crate) async fn wait(&mut self) {
        for file in &mut self.0 {
            if let Content::Reading(frame_decoder) = &mut file.content {
                let read = frame_decoder.await.unwrap_or_else(|_panicked| Err(io::ErrorKind::Other.into()));
                file.content = Content::Read(read.map_err(SystemError::from));
            }
        }
    }

    /// Whether all files are read.
    pub(crate) fn are_read(&self) -> bool {
        self.0.iter().all(|file| matches!(file.content, Content::Read(_)))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &CaFile> {
        self.0.iter()
    }
}

impl CaFile {
    /// The file's content; `None` while it is being read.
    pub(crate) fn content(&self) -> Option<Result<&[u8], &SystemError>> {
        match &self.content {
            Content::Reading(_) => None,
            Content::Read(read) => Some(read.as_deref()),
        }
    }
}
