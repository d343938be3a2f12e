//! `privicore-sandbox`: a local Privicore in a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    privicore_monitor::sandbox::run()
}
