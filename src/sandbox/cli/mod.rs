//! The program `privicore-sandbox`: it runs until a signal stops it.

mod manual;

use std::io::{self, Write as _};
use std::pin::pin;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::{CommandFactory as _, Parser};
use serde_json::json;
use tokio::runtime::Runtime;
use tracing_subscriber::filter::LevelFilter;

use super::PASSWORD;
use super::error::SandboxError;
use super::handle::{Account, SandboxHandle, start};
use super::options::{Options, OutputFormat};
use super::runtime::open_files::raise_open_file_limit;

use manual::{Document, after_help};

/// A local Privicore: REST API, queues, WebSocket proxy and file stores.
#[derive(Parser)]
#[command(name = "privicore-sandbox", version = env!("PRIVICORE_MONITOR_VERSION"), after_help = after_help())]
#[command(args_conflicts_with_subcommands = true, subcommand_value_name = "COMMAND")]
struct CommandLine {
    #[command(flatten)]
    options: Options,
    /// What to print instead of running.
    #[command(subcommand)]
    document: Option<Document>,
}

/// Why the program ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("The sandbox can't start its runtime: {0}.")]
    Runtime(io::Error),
    #[error("The sandbox can't tell where it listens, since its standard output fails: {0}.")]
    Output(io::Error),
    #[error("Standard output could not be written: {0}.")]
    Document(io::Error),
    #[error("The sandbox can't listen for the signals that stop it: {0}.")]
    Signals(io::Error),
}

impl Failure {
    /// 2 for wrong usage, otherwise 1.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Sandbox(
                SandboxError::WithoutRabbitmq
                | SandboxError::AmqpAddress
                | SandboxError::FaultsForAll { .. }
                | SandboxError::ScriptLine { .. },
            ) => ExitCode::from(2),
            Self::Sandbox(_) | Self::Runtime(_) | Self::Output(_) | Self::Document(_) | Self::Signals(_) => {
                ExitCode::FAILURE
            }
        }
    }
}

/// Runs the program with the process's arguments until `end` completes, which it polls before it prints anything. Returns 0 then, 1
/// when it could not run, and 2 for wrong usage.
pub fn run(end: impl Future<Output = io::Result<()>>) -> ExitCode {
    let CommandLine { options, document } = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(message) => {
            // Help and version arrive here too, with code 0.
            return if message.print().is_ok() { exit_code(message.exit_code()) } else { ExitCode::FAILURE };
        }
    };
    if let Some(document) = document {
        let printed = document.print(CommandLine::command()).map_err(Failure::Document);
        return ended(printed);
    }
    // At `trace`, tungstenite would log frames, so it is limited to `info`.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(LevelFilter::INFO)
        // As the help decides it: the terminal, unless `NO_COLOR` or `CLICOLOR` say otherwise.
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
        .log_internal_errors(false)
        .init();
    raise_open_file_limit();
    ended(Runtime::new().map_err(Failure::Runtime).and_then(|runtime| serve(&runtime, options, end)))
}

/// The exit code, after the failure has been printed.
fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            complain(&format!("privicore-sandbox: {failure}"), code)
        }
    }
}

fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn complain(sentence: &str, code: ExitCode) -> ExitCode {
    // If nobody reads stderr, the exit code still reports the failure.
    drop(writeln!(io::stderr(), "{}", crate::protocol::sanitize(sentence)));
    code
}

fn serve(runtime: &Runtime, options: Options, end: impl Future<Output = io::Result<()>>) -> Result<(), Failure> {
    runtime.block_on(async {
        let (bind, print) = (options.bind, options.print);
        let mut end = pin!(end);
        let running = tokio::select! {
            // Polled first, so that a reader of the addresses may stop the program at once.
            biased;
            ended = &mut end => return ended.map_err(Failure::Signals),
            running = start(options) => running?,
        };
        if !bind.is_loopback() {
            tracing::warn!(%bind, "the sandbox can be reached from outside this machine; its passwords are known to all");
        }
        announce(&running, print).map_err(Failure::Output)?;
        let ended = end.await;
        running.shutdown().await;
        ended.map_err(Failure::Signals)
    })
}

/// Prints the servers' addresses and the profiles to standard output.
fn announce(running: &SandboxHandle, print: OutputFormat) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match print {
        OutputFormat::Text => {
            writeln!(out, "Privicore sandbox")?;
            writeln!(out, "  API         {}", running.api_url())?;
            writeln!(out, "  WebSocket   {}", running.ws_url())?;
            writeln!(out, "  Upstream    {}", running.upstream_url())?;
            writeln!(out, "  Downstream  {}", running.downstream_url())?;
            for Account { username, .. } in running.accounts() {
                writeln!(out, "  Profile     {}, password {PASSWORD}", crate::protocol::sanitize(&username))?;
            }
            writeln!(out, "Ready. Ctrl+C stops it.")?;
        }
        OutputFormat::Json => {
            let profiles: Vec<_> = running
                .accounts()
                .into_iter()
                .map(|Account { username, id }| json!({"username": username, "id": id, "password": PASSWORD}))
                .collect();
            let line = json!({
                "api": running.api_url(),
                "ws": running.ws_url(),
                "upstream": running.upstream_url(),
                "downstream": running.downstream_url(),
                "profiles": profiles,
            });
            writeln!(out, "{line}")?;
        }
    }
    out.flush()
}
