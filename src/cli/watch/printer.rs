//! The thread that writes to standard output, so that a slow reader delays only the output.

use std::future::Future;
use std::io::{self, Write as _};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::cli::error::CliError;

/// Batches of lines that may wait for the reader. When the queue is full, reading from the journal pauses. The engine continues
/// to journal meanwhile, and the lines follow later.
const QUEUE: usize = 4;
/// How long the last lines may take to write.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// A handle to the thread that writes to standard output.
pub(crate) struct Printer {
    lines: mpsc::Sender<String>,
    ended: oneshot::Receiver<io::Result<()>>,
}

impl Printer {
    /// Starts the thread.
    pub(crate) fn start() -> Result<Self, CliError> {
        let (lines, mut waiting) = mpsc::channel::<String>(QUEUE);
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
            // The receiver is gone only when the program is ending.
            drop(end.send(outcome));
        };
        std::thread::Builder::new().name("printer".to_owned()).spawn(write).map_err(CliError::System)?;
        Ok(Self { lines, ended })
    }

    /// A sender for batches of lines. The thread ends when this handle and every sender are dropped.
    pub(crate) fn lines(&self) -> mpsc::Sender<String> {
        self.lines.clone()
    }

    /// Waits until the reader has closed the pipe (`Ok`) or writing has failed (`Err`).
    pub(crate) async fn stopped(&mut self) -> Result<(), CliError> {
        tokio::select! {
            outcome = &mut self.ended => ignore_closed_pipe(outcome.unwrap_or(Ok(()))),
            () = pipe_closed() => Ok(()),
        }
    }

    /// Writes the remaining lines, for at most [`FINISH_TIMEOUT`].
    pub(crate) async fn finish(self) -> Result<(), CliError> {
        let Self { lines, ended } = self;
        drop(lines);
        if ended.is_terminated() {
            // `stopped` has returned the outcome.
            return Ok(());
        }
        match tokio::time::timeout(FINISH_TIMEOUT, ended).await {
            Ok(outcome) => ignore_closed_pipe(outcome.unwrap_or(Ok(()))),
            Err(_slow) => {
                tracing::warn!("the last lines were not read in time");
                Ok(())
            }
        }
    }
}

/// A closed pipe is not an error: the reader has seen enough.
fn ignore_closed_pipe(outcome: io::Result<()>) -> Result<(), CliError> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Waits until the other end of the pipe is closed, which otherwise only the next write would show. Never returns if standard
/// output is a file, or if the system can't report it.
fn pipe_closed() -> impl Future<Output = ()> {
    #[cfg(target_os = "linux")]
    return async {
        use std::os::fd::AsFd as _;
        use tokio::io::Interest;
        use tokio::net::unix::pipe::Sender;
        // Use a duplicate: the writing thread keeps its own blocking descriptor.
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
