//! Opens the system's window with eframe, and implements the window's clock.

#![expect(clippy::disallowed_methods, reason = "this is the clock that tests replace")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::activity::{TimeReference, Timestamp};
use crate::engine::EngineClock;
use crate::settings::WindowGeometry;
use crate::ui::platform::clipboard::SystemClipboard;
use crate::ui::platform::display::{Display, StartError, WindowError};
use crate::ui::platform::notifier::SystemNotifier;
use crate::ui::platform::ports::{Backend, Clock, Waker};
use crate::ui::platform::system_dialogs::{Spawner, SystemDialogs};
use crate::ui::theme;
use crate::ui::view_state::sign_in_form::Prefill;

use super::{App, Dependencies};

/// What the window needs to start.
pub struct WindowConfig {
    /// The display that the window opens on.
    pub display: Display,
    /// Starts the engine once the window exists, because without a window nobody would see its messages.
    pub start: Box<dyn FnOnce() -> Result<Started, StartError>>,
    /// The first contents of the sign-in form.
    pub prefill: Prefill,
    /// The name of the profile whose tab is shown first, if the operator gave one.
    pub profile: Option<String>,
    /// Wakes the window; the engine has a clone of it.
    pub waker: Waker,
    /// The window's geometry from the last run, if there is one.
    pub geometry: Option<WindowGeometry>,
    /// The program's version, as the dialog about it shows it.
    pub version: &'static str,
}

/// What the window needs from a running engine.
pub struct Started {
    /// The engine's interface to the window.
    pub backend: Box<dyn Backend>,
    /// Runs the futures of file dialogs.
    pub spawner: Spawner,
    /// Set by a signal, followed by a wake: the window closes without asking.
    pub quit: Arc<AtomicBool>,
    /// The clock that stamps entries.
    pub clock: EngineClock,
    /// Whether the system asks for reduced motion.
    pub reduced_motion: bool,
}

/// Shows the window until it is closed.
///
/// # Errors
///
/// Fails if there is no display, if graphics can't be initialised, or if the engine can't be started.
pub fn run(launch: WindowConfig) -> Result<(), WindowError> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("Privicore Monitor")
        .with_app_id("privicore-monitor")
        .with_inner_size(launch.geometry.map_or([1280.0, 800.0], |place| [place.width.into(), place.height.into()]))
        .with_maximized(launch.geometry.is_some_and(|place| place.maximised))
        .with_min_inner_size(theme::MIN_SIZE);
    // If the icon can't be read, the window opens with the system's own icon.
    let viewport = match eframe::icon_data::from_png_bytes(include_bytes!("../../../assets/icon/icon-256.png")) {
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
            let parts = Dependencies {
                backend: started.backend,
                dialogs: Box::new(dialogs),
                clipboard: Box::new(SystemClipboard::default()),
                notifier: Box::new(SystemNotifier::start()),
                clock: Box::new(SystemClock(started.clock)),
                prefill: launch.prefill,
                profile: launch.profile,
                quit: started.quit,
                waker: launch.waker,
                reduced_motion: started.reduced_motion,
                version: launch.version,
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

/// The engine's clock, the monotonic clock, and the system's time zone.
struct SystemClock(EngineClock);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
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

/// Makes the window open on a display that winit does not choose by default.
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
