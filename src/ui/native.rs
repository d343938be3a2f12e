//! The window in the system: eframe, the clock.

#![expect(clippy::disallowed_methods, reason = "this is the clock that tests replace")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::activity::{Moment, TimeReference};
use crate::engine::EngineClock;
use crate::settings::WindowPlace;

use super::app::{App, Parts};
use super::beside::Beside;
use super::clipboard::SystemClipboard;
use super::doors::{Backend, Clock, Waker};
use super::sign_in::Prefill;
use super::system::{Display, Spawner, SystemDialogs, SystemNotifier};
use super::theme;

/// Why there is no engine for the window.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// What the window is started with.
pub struct Launch {
    /// The display it opens on.
    pub display: Display,
    /// Starts the engine, once there is a window: without one it would take messages that nobody sees.
    pub start: Box<dyn FnOnce() -> Result<Started, StartError>>,
    /// What fills the sign-in form at first.
    pub prefill: Prefill,
    /// The name of the profile whose tab comes to the front, where one was asked for.
    pub profile: Option<String>,
    /// Wakes the window; the engine has a clone of it.
    pub waker: Waker,
    /// How the window was left, where it was open before.
    pub place: Option<WindowPlace>,
}

/// What the window needs of an engine that runs.
pub struct Started {
    /// The engine.
    pub backend: Box<dyn Backend>,
    /// Runs the file dialogs.
    pub spawner: Spawner,
    /// Set by a signal, followed by a wake: the window closes and asks nothing.
    pub quit: Arc<AtomicBool>,
    /// The clock that stamps entries.
    pub clock: EngineClock,
    /// Whether the system asks for no motion.
    pub reduced_motion: bool,
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Started").field("reduced_motion", &self.reduced_motion).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch").field("prefill", &self.prefill).field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// There is nothing to show it on.
    #[error(
        "No display was found: start Privicore Monitor in a desktop session, or use `privicore-monitor watch`, which needs none."
    )]
    NoDisplay,
    /// The environment names a Wayland display that nobody serves, and no other.
    #[error(
        "WAYLAND_DISPLAY is {display}, but no compositor answers there. Start Privicore Monitor in a desktop session, or set \
         DISPLAY to an X server."
    )]
    NoWayland {
        /// The variable's value.
        display: String,
        /// Why it can't be reached.
        source: std::io::Error,
    },
    /// The environment names an X server that does not answer.
    #[error(
        "DISPLAY is {display}, but no X server lets Privicore Monitor in there ({source}). Start it in a desktop session, or \
         use `privicore-monitor watch`, which needs no display."
    )]
    NoX {
        /// The variable's value.
        display: String,
        /// Why it can't be reached.
        source: std::io::Error,
    },
    /// The X server can't say which screens it has.
    #[error(
        "The X server at {display} has no RANDR extension, which the window needs. Start the server with it, or use \
         `privicore-monitor watch`, which needs no display."
    )]
    NoRandr {
        /// The variable's value.
        display: String,
    },
    /// The engine could not be started.
    #[error(transparent)]
    NotStarted(StartError),
    /// There is a display, but nothing to draw with.
    #[error("The window could not be drawn: install OpenGL 2.1 or later, on Debian the package libgl1-mesa-dri.")]
    NoGraphics(#[source] eframe::Error),
}

/// Shows the window until it is closed.
///
/// # Errors
///
/// Where there is no display, or nothing to draw with.
pub fn run(launch: Launch) -> Result<(), WindowError> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("Privicore Monitor")
        .with_app_id("privicore-monitor")
        .with_inner_size(launch.place.map_or([1280.0, 800.0], |place| [place.width.into(), place.height.into()]))
        .with_maximized(launch.place.is_some_and(|place| place.maximised))
        .with_min_inner_size(theme::LEAST);
    // An icon that can't be read leaves the system's own: no reason not to open the window.
    let viewport = match eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon/icon-256.png")) {
        Ok(icon) => viewport.with_icon(icon),
        Err(_) => viewport,
    };
    let options = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        centered: true,
        persist_window: false,
        event_loop_builder: on(launch.display),
        ..eframe::NativeOptions::default()
    };
    let shown = eframe::run_native(
        "privicore-monitor",
        options,
        Box::new(|creation| {
            let started = (launch.start)()?;
            let dialogs = SystemDialogs::new(started.spawner, creation.winit_window().cloned());
            let parts = Parts {
                backend: started.backend,
                dialogs: Box::new(dialogs),
                clipboard: Box::new(SystemClipboard::default()),
                notifier: Box::new(SystemNotifier::start()),
                clock: Box::new(SystemClock(started.clock)),
                prefill: launch.prefill,
                profile: launch.profile,
                quit: started.quit,
                beside: Beside::start(launch.waker.clone()),
                waker: launch.waker,
                reduced_motion: started.reduced_motion,
            };
            Ok(Box::new(App::new(&creation.egui_ctx, parts)))
        }),
    );
    shown.map_err(|error| match error {
        eframe::Error::AppCreation(error) => WindowError::NotStarted(error),
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => {
            tracing::debug!(%error, "the window could not be opened");
            WindowError::NoDisplay
        }
        other => WindowError::NoGraphics(other),
    })
}

/// The engine's clock, the monotonic one, and the system's zone.
struct SystemClock(EngineClock);

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        self.0.now()
    }

    fn reference(&self) -> TimeReference {
        self.0.reference()
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::system()
    }
}

/// Has the window open on a display, if it is not the one that is found by itself.
#[cfg(all(unix, not(target_os = "macos")))]
fn on(display: Display) -> Option<eframe::EventLoopBuilderHook> {
    use winit::platform::x11::EventLoopBuilderExtX11 as _;
    match display {
        Display::Default => None,
        Display::X11 => Some(Box::new(|builder| _ = builder.with_x11())),
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn on(_display: Display) -> Option<eframe::EventLoopBuilderHook> {
    None
}
