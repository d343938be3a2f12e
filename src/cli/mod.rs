//! What the program is told from outside: the command line, the environment, and what is logged. What it does without a
//! window: `watch`, `export`, `track`. Also its exit codes.
//!
//! A token or a password is never a flag: other users of the machine can read command lines. Only this room speaks on
//! standard output and standard error; it never leaves the program, that is for `main`.

mod arguments;
mod environment;
mod error;
pub mod export;
pub mod logging;
mod output;
mod profiles;
pub mod signals;
mod subcommand;
pub mod track;
pub mod watch;

use crate::protocol::visible;

pub use arguments::Arguments;
pub use environment::{Environment, EnvironmentError};
pub use error::CliError;
pub use subcommand::{CliCommand, ExitCondition, Export, Format, Track, Watch};

/// Says on standard error what went wrong, in the sentence that the error is.
pub fn complain(error: &dyn std::error::Error) {
    say(&error.to_string());
}

/// Says something on standard error, in one line that no terminal obeys. Where nobody listens there, the program goes on.
fn say(sentence: &str) {
    use std::io::Write as _;
    drop(writeln!(std::io::stderr(), "privicore-monitor: {}", visible(sentence)));
}

/// Has panics said like everything else: their texts may quote what a server sent, and standard error may be closed.
pub fn report_panics() {
    use std::backtrace::{Backtrace, BacktraceStatus};
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = panic.location().map(|location| format!(" at {location}")).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name");
        say(&format!("thread {thread} panicked{place}: {}", text.unwrap_or("for an unknown reason")));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            backtrace.to_string().lines().for_each(say);
        }
    }));
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked is done.
    Done,
    /// It failed.
    Failed,
    /// The command line or the environment is wrong.
    Usage,
    /// Signed out, or the token was refused.
    SignedOut,
    /// The server was not reached.
    NotReached,
}

impl Exit {
    /// The code that scripts see.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::SignedOut => 3,
            Self::NotReached => 4,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl std::process::Termination for Exit {
    fn report(self) -> std::process::ExitCode {
        self.into()
    }
}
