//! The `privicore-sandbox` program: runs a local fake Privicore server in its own process.

use std::process::ExitCode;

fn main() -> ExitCode {
    privicore_monitor::sandbox::run()
}
