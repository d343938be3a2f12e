//! The thread that writes to standard output, so that a reader who does not read holds up nothing but the lines.

use std::future::Future;
use std::io;
use std::io::Write as _;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::cli::error::CliError;

/// Batches of lines that wait for the reader. Full: no more is read from the journal until there is room. The engine goes
/// on journaling meanwhile, and the lines come later.
const WAITING: usize = 4;
/// How long a reader may take for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The way to standard output.
pub(crate) struct Printer {
    lines: mpsc::Sender<String>,
    ended: oneshot::Receiver<io::Result<()>>,
}

impl Printer {
    /// Starts the thread.
    pub(crate) fn start() -> Result<Self, CliError> {
        let (lines, mut waiting) = mpsc::channel::<String>(WAITING);
        let (end, ended) = oneshot::channel();
        let write = move || {
            let mut out = io::stdout();
            let mut outcome = Ok(());
            while let Some(text) = waiting.blocking_recv() {
                outcome = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                if outcome.is_err() {
                    break;
                }
            }
            // Where nobody waits any more the program is ending.
            drop(end.send(outcome));
        };
        std::thread::Builder::new().name("printer".to_owned()).spawn(write).map_err(CliError::System)?;
        Ok(Self { lines, ended })
    }

    /// Where lines go. Ends with this.
    pub(crate) fn lines(&self) -> mpsc::Sender<String> {
        self.lines.clone()
    }

    /// Waits until the reader has gone (that is well) or can't be written to.
    pub(crate) async fn stopped(&mut self) -> Result<(), CliError> {
        tokio::select! {
            outcome = &mut self.ended => judge(outcome.unwrap_or(Ok(()))),
            () = reader_gone() => Ok(()),
        }
    }

    /// Writes what waits, for as long as a reader may take.
    pub(crate) async fn finish(self) -> Result<(), CliError> {
        let Self { lines, ended } = self;
        drop(lines);
        match tokio::time::timeout(LAST_LINES, ended).await {
            Ok(outcome) => judge(outcome.unwrap_or(Ok(()))),
            Err(_slow) => {
                tracing::warn!("the last lines were not read in time");
                Ok(())
            }
        }
    }
}

/// A pipe that is closed is a reader who has seen enough.
fn judge(outcome: io::Result<()>) -> Result<(), CliError> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Waits until the other end of the pipe is closed, which otherwise only the next line would show. For ever where standard
/// output is a file, or the system does not tell.
fn reader_gone() -> impl Future<Output = ()> {
    #[cfg(target_os = "linux")]
    return async {
        use std::os::fd::AsFd as _;
        use tokio::io::Interest;
        use tokio::net::unix::pipe::Sender;
        // A duplicate, which stays as it is: the thread goes on writing in the plain way.
        if let Ok(output) = io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked)
            && output.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    };
    #[cfg(not(target_os = "linux"))]
    std::future::pending()
}
