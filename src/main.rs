//! The `privicore-monitor` program: reads arguments, sets up logging, and connects the engine with the window and the sandbox.

// On Windows no console opens beside the window. `packaging/windows/console-program` makes a copy for consoles.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use privicore_monitor::activity::Timestamp;
use privicore_monitor::cli::watch::{self, Setup, Tokens};
use privicore_monitor::cli::{self, Arguments, CliCommand, CliError, Environment, Exit};
use privicore_monitor::credentials::Keyring;
use privicore_monitor::engine::{
    Action, Clock, Engine, EngineHandle, EngineOptions, EngineStatus, Event, EventReceiver, ProxyEnvironment,
    SandboxLauncher, SettingsAccess, Waker,
};
use privicore_monitor::settings::{Directories, Store, WindowGeometry};
use privicore_monitor::ui;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

/// How long the program waits for the engine after the window is closed: slightly longer than leaving channels and committing
/// may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(4);

fn main() -> Exit {
    cli::report_panics();
    let arguments = match Arguments::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    match run(arguments) {
        Ok(()) => Exit::Done,
        Err((exit, error)) => {
            cli::print_error(error.as_ref());
            exit
        }
    }
}

/// Why the program ends with an error: the exit code and the cause.
type Failure = (Exit, Box<dyn std::error::Error>);

fn run(arguments: Arguments) -> Result<(), Failure> {
    let environment = Environment::read().map_err(|error| (Exit::Usage, error.into()))?;
    let log = arguments.log.clone();
    let says_notices = matches!(arguments.command, Some(CliCommand::Watch(_)));
    cli::logging::start(&if says_notices { log.without_notices() } else { log }).map_err(failed)?;
    let sandboxed = arguments.starts_in_sandbox();
    // A sandbox leaves no files behind, unless the operator named a folder.
    let temporary = if sandboxed { Some(tempfile::tempdir().map_err(failed)?) } else { None };
    let of_sandbox = |name: &str| temporary.as_ref().map(|folder| folder.path().join(name));
    let data = arguments.data_dir.or_else(|| of_sandbox("data"));
    let config = arguments.config_dir.or_else(|| of_sandbox("config"));
    let directories = Directories::choose(data, config).map_err(failed)?;
    let options = |waker, in_memory| EngineOptions {
        directories: directories.clone(),
        keyring: if in_memory { Keyring::in_memory() } else { Keyring::system() },
        keeps_links: !in_memory,
        sandbox: sandbox_launcher(),
        start_in_sandbox: sandboxed,
        profile: arguments.profile.clone(),
        connector: None,
        settings: SettingsAccess::ReadWrite,
        extra_authority: environment.ca_file.clone(),
        proxies: ProxyEnvironment::read(|name| std::env::var_os(name)),
        clock: Arc::new(wall_clock),
        waker,
    };
    let profile = arguments.profile.clone();
    let ended = |error: CliError| (error.exit(), error.into());
    match arguments.command {
        None => {
            let display = ui::Display::find().map_err(failed)?;
            // The engine reports problems with the settings when it opens them.
            let place = Store::peek(&directories).unwrap_or_default().preferences.window;
            show(environment.clone(), profile, (display, place), |waker| options(waker, sandboxed))
        }
        Some(CliCommand::Watch(wanted)) => watch::run(Setup {
            arguments: wanted,
            profile,
            directories: directories.clone(),
            environment: environment.clone(),
            sandbox: sandboxed,
            clock: Arc::new(wall_clock),
            options: &|waker, tokens| options(waker, sandboxed || tokens == Tokens::InMemory),
        })
        .map_err(ended),
        Some(CliCommand::Export(wanted)) => {
            let system = (Arc::new(wall_clock) as Clock, &Keyring::system());
            cli::export::run(&wanted, profile.as_deref(), &directories, &environment, system).map_err(ended)
        }
        Some(CliCommand::Track(wanted)) => {
            cli::track::run(&wanted, profile.as_deref(), &directories, &environment, Arc::new(wall_clock))
                .map_err(ended)
        }
    }
}

/// The engine of the window; set once it has started.
static ENGINE: OnceLock<EngineHandle> = OnceLock::new();
/// Whether the window is open.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

/// Runs the window, which starts the engine.
fn show(
    environment: Environment,
    profile: Option<String>,
    (display, geometry): (ui::Display, Option<WindowGeometry>),
    options: impl FnOnce(Waker) -> EngineOptions,
) -> Result<(), Failure> {
    let reduced_motion = ui::ReducedMotionQuery::start();
    let waker = ui::Waker::default();
    let wake = waker.clone();
    let options = options(Arc::new(move || wake.wake()));
    let woken = waker.clone();
    let launch = ui::WindowConfig {
        display,
        start: Box::new(move || start(options, &woken, &reduced_motion)),
        prefill: ui::Prefill {
            api: environment.api.map(|address| address.to_string()),
            websocket: environment.websocket.map(|address| address.to_string()),
            username: environment.username,
            password: environment.password.as_ref().map(into_field),
        },
        profile,
        waker,
        geometry,
        version: cli::VERSION,
    };
    IS_OPEN.store(true, Ordering::Release);
    #[cfg(all(unix, not(target_os = "macos")))]
    shutdown_hooks::add_shutdown_hook(end_with_display);
    // Channels are left and received messages are committed however the window ends, also after a panic.
    let ended = Engine::run_window(&ENGINE, STOP_TIMEOUT, || ui::run(launch));
    IS_OPEN.store(false, Ordering::Release);
    ended.map_err(failed)?.map_err(failed)
}

/// Starts the engine once the window exists.
fn start(
    options: EngineOptions,
    waker: &ui::Waker,
    reduced_motion: &ui::ReducedMotionQuery,
) -> Result<ui::Started, ui::StartError> {
    let (engine, events) = Engine::start(options)?;
    // There is only one window, and it starts only one engine.
    let engine = ENGINE.get_or_init(|| engine).clone();
    let dialogs = engine.clone();
    Ok(ui::Started {
        quit: quit_on_signal(&engine, waker),
        spawner: Arc::new(move |future| dialogs.spawn("a file dialog was open", future)),
        clock: engine.clock(),
        reduced_motion: reduced_motion.is_requested(),
        backend: Box::new(EngineBackend { engine, events }),
    })
}

/// The desktop session ended while the window was open.
#[cfg(all(unix, not(target_os = "macos")))]
#[derive(Debug, thiserror::Error)]
enum DisplayLost {
    /// The engine stopped in order, as at any other end.
    #[error(
        "The display was closed, so the window of Privicore Monitor closed too. Every channel was left, and what was received \
         is in the journal."
    )]
    Clean,
    /// The engine did not stop in time.
    #[error(
        "The display was closed, so Privicore Monitor ended. A channel may not have been left yet: its server closes it soon."
    )]
    Abrupt,
}

/// Stops the engine in order if the process ends while the window is open. When the X server closes, as at the end of a desktop
/// session, Xlib calls `exit`, and control never returns to the window.
#[cfg(all(unix, not(target_os = "macos")))]
extern "C" fn end_with_display() {
    if !IS_OPEN.load(Ordering::Acquire) {
        return;
    }
    let stopped = ENGINE.get().is_none_or(|engine| {
        engine.quit();
        engine.join(STOP_TIMEOUT)
    });
    cli::print_error(&if stopped { DisplayLost::Clean } else { DisplayLost::Abrupt });
}

/// The password for the form's field, which wipes it as `SecretString` does.
#[expect(clippy::disallowed_methods, reason = "the field is where it is going")]
fn into_field(password: &SecretString) -> Zeroizing<String> {
    Zeroizing::new(password.expose_secret().to_owned())
}

fn failed(error: impl std::error::Error + 'static) -> Failure {
    (Exit::Failed, Box::new(error))
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that tests replace")]
fn wall_clock() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// Implements the window's [`ui::Backend`] with the engine.
struct EngineBackend {
    engine: EngineHandle,
    events: EventReceiver,
}

impl ui::Backend for EngineBackend {
    fn send(&mut self, action: Action) -> bool {
        self.engine.send(action).is_ok()
    }

    fn status(&mut self) -> Option<EngineStatus> {
        self.events.status()
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.try_next()
    }
}

/// Returns a flag that a signal sets. The signal also wakes the window, which closes as if a person had closed it.
fn quit_on_signal(engine: &EngineHandle, waker: &ui::Waker) -> Arc<AtomicBool> {
    let quit = Arc::new(AtomicBool::new(false));
    let (asked, waker) = (quit.clone(), waker.clone());
    engine.spawn("waiting for the system's signals", async move {
        match cli::signals::wait_for_end().await {
            Ok(()) => {
                asked.store(true, Ordering::Release);
                waker.wake();
            }
            Err(error) => tracing::warn!(%error, "signals can't be listened to"),
        }
    });
    quit
}

#[cfg(feature = "sandbox")]
#[expect(clippy::unnecessary_wraps, reason = "a build without the sandbox has none")]
fn sandbox_launcher() -> Option<SandboxLauncher> {
    use privicore_monitor::engine::SandboxAddresses;
    use privicore_monitor::sandbox::{self, Options};
    use privicore_monitor::settings::Address;

    Some(Arc::new(|| {
        Box::pin(async {
            let running = sandbox::start(Options::embedded()).await?;
            Ok(SandboxAddresses {
                api: Address::new(running.api_url()),
                websocket: Address::new(running.ws_url()),
                download: Address::new(running.downstream_url()),
                username: sandbox::DEMO_USERNAME.to_owned(),
                password: sandbox::PASSWORD.to_owned(),
                keep_alive: Box::new(running),
            })
        })
    }))
}

#[cfg(not(feature = "sandbox"))]
fn sandbox_launcher() -> Option<SandboxLauncher> {
    None
}
