//! The command line, the environment, logging, the subcommands that need no window (`watch`, `export`, `track`), the help and the
//! manual page, and the exit codes.
//!
//! Tokens and passwords are never flags, because other users of the machine can read command lines. Only this module writes to
//! standard output and standard error. It never exits the process; `main` does that.

mod arguments;
mod environment;
mod error;
pub mod export;
pub mod logging;
mod manual;
mod output;
mod profiles;
pub mod signals;
mod subcommand;
pub mod track;
pub mod watch;

use crate::protocol::sanitize;

pub use arguments::Arguments;
pub use environment::{Environment, EnvironmentError};
pub use error::CliError;
pub use subcommand::{CliCommand, ExitCondition, ExportArguments, Format, Track, Watch};

/// The version, with the commit that the program is built from if that is known.
pub const VERSION: &str = env!("PRIVICORE_MONITOR_VERSION");

/// Prints an error's message on standard error.
pub fn print_error(error: &dyn std::error::Error) {
    print_status(&error.to_string());
}

/// Prints one line on standard error, with control characters escaped. Write errors are ignored, so a closed standard error
/// does not stop the program.
fn print_status(sentence: &str) {
    use std::io::Write as _;
    drop(writeln!(std::io::stderr(), "privicore-monitor: {}", sanitize(sentence)));
}

/// Installs a panic hook that prints panics like other errors: a panic's text may quote what a server sent, and standard error
/// may be closed.
pub fn report_panics() {
    use std::backtrace::{Backtrace, BacktraceStatus};
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = panic.location().map(|location| format!(" at {location}")).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name");
        print_status(&format!("thread {thread} panicked{place}: {}", text.unwrap_or("for an unknown reason")));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            backtrace.to_string().lines().for_each(print_status);
        }
    }));
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line or the environment is invalid.
    Usage = 2,
    /// The profile is signed out, or its token was refused.
    SignedOut = 3,
    /// The server could not be reached.
    NotReached = 4,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl std::process::Termination for Exit {
    fn report(self) -> std::process::ExitCode {
        self.code().into()
    }
}
