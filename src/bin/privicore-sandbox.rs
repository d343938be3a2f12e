//! The `privicore-sandbox` program: runs a local fake Privicore server in its own process.

use std::process::ExitCode;

use privicore_monitor::{cli, sandbox};

fn main() -> ExitCode {
    sandbox::run(cli::signals::wait_for_end())
}
