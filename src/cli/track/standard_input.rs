//! `track -`: tracks the commands that standard input names. It tracks each line as soon as it arrives, and several lines at once if
//! more have arrived meanwhile, so its memory does not depend on the length of the input.

use std::io::{self, IsTerminal as _};
use std::pin::pin;

use tokio::sync::mpsc;

use crate::cli::error::CliError;
use crate::cli::{print_status, signals};
use crate::engine::events::track_request::TrackRequest;
use crate::engine::ipc::TrackedCommand;

use super::lines::{Line, Lines};
use super::tracker::Tracker;

/// The most commands in one request.
const BATCH_COMMANDS: usize = 4_000;
/// The most bytes of ids and labels in one request. As JSON they take at most twice as many, which fit into a request's line.
const BATCH_BYTES: usize = 256 * 1024;
/// The lines that are read ahead.
const QUEUE: usize = BATCH_COMMANDS;

/// Tracks the commands of standard input until it ends. `label` is for lines without a label.
///
/// # Errors
///
/// If a line can't be tracked, after all others have been; if no process accepts the commands, standard input can't be read or the
/// system asks the program to end, with the line that was reached.
pub(super) async fn run(tracker: &mut Tracker<'_>, label: Option<String>) -> Result<(), CliError> {
    if io::stdin().is_terminal() {
        print_status("Enter one command id per line; Ctrl+D ends the input.");
    }
    // Wrong usage, so it is reported before anything is read.
    if let Some(label) = &label {
        TrackRequest::new(None, &["-".to_owned()], Some(label))?;
    }
    let mut lines = read_lines(label).map_err(CliError::System)?;
    let mut end = pin!(signals::wait_for_end());
    let mut progress = Progress::default();
    loop {
        let first = tokio::select! {
            biased;
            asked = &mut end => {
                asked.map_err(CliError::System)?;
                return Err(CliError::TrackingCancelled { line: progress.line, tracked: progress.tracked });
            }
            first = lines.recv() => first,
        };
        let Some(first) = first else { break };
        let mut batch = Batch::default();
        let mut last_line = progress.line;
        let mut failed = None;
        let mut next = Some(first);
        while let Some(line) = next {
            match line {
                Ok(Line { number, command }) => {
                    last_line = number;
                    match command {
                        Ok(command) => batch.push(command),
                        Err(reason) => {
                            progress.invalid += 1;
                            print_status(&format!("Line {number} is not tracked. {reason}"));
                        }
                    }
                }
                Err(error) => failed = Some(error),
            }
            next = if batch.is_full() { None } else { lines.try_recv().ok() };
        }
        let count = match batch.commands {
            commands if commands.is_empty() => 0,
            commands => {
                let request = TrackRequest::of_commands(tracker.profile.clone(), commands)?;
                tracker.track(request).await.map_err(|error| progress.stopped(error))?
            }
        };
        progress.tracked += count;
        progress.line = last_line;
        if let Some(error) = failed {
            return Err(progress.stopped(CliError::Input(error)));
        }
    }
    match progress {
        Progress { invalid: 0, tracked: 0, .. } => {
            print_status("Standard input has no command ids, so nothing is tracked.");
            Ok(())
        }
        Progress { invalid: 0, .. } => Ok(()),
        Progress { invalid, tracked, .. } => Err(CliError::InvalidLines { invalid, tracked }),
    }
}

/// What has been done so far.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The number of the last line that was handled.
    line: u64,
    /// How many lines could not be tracked.
    invalid: u64,
    /// How many commands are tracked.
    tracked: usize,
}

impl Progress {
    /// The error with the line that was reached, if there was one.
    fn stopped(self, error: CliError) -> CliError {
        if self.line == 0 { error } else { CliError::TrackingStopped { line: self.line, source: Box::new(error) } }
    }
}

/// The commands of one request.
#[derive(Debug, Default)]
struct Batch {
    commands: Vec<TrackedCommand>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, command: TrackedCommand) {
        self.bytes += command.byte_length();
        self.commands.push(command);
    }

    fn is_full(&self) -> bool {
        self.commands.len() >= BATCH_COMMANDS || self.bytes >= BATCH_BYTES
    }
}

/// Reads standard input in a thread, because a read can't be cancelled. The thread ends with the input or with the process.
fn read_lines(label: Option<String>) -> io::Result<mpsc::Receiver<io::Result<Line>>> {
    let (sender, lines) = mpsc::channel(QUEUE);
    std::thread::Builder::new().name("standard input".to_owned()).spawn(move || {
        for line in Lines::new(io::stdin().lock(), label) {
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(lines)
}
