//! The window in the system: eframe, the save dialogs, the clock.

#![expect(clippy::disallowed_methods, reason = "this is the clock that tests replace")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rfd::AsyncFileDialog;

use crate::activity::{Moment, TimeReference};
use crate::engine::EngineClock;
use crate::settings::WindowPlace;

use super::app::{App, Parts};
use super::beside::Beside;
use super::clipboard::SystemClipboard;
use super::doors::{Answer, Backend, Clock, FileDialogs, SaveSuggestion, Waker};
use super::sign_in::Prefill;
use super::system::SystemNotifier;
use super::theme;

/// Runs a future to its end outside the window.
pub type Spawner = Box<dyn Fn(BoxFuture<'static, ()>)>;

/// What the window is started with.
pub struct Launch {
    /// The engine.
    pub backend: Box<dyn Backend>,
    /// Runs the save dialogs.
    pub spawner: Spawner,
    /// What fills the sign-in form at first.
    pub prefill: Prefill,
    /// The name of the profile whose tab comes to the front, where one was asked for.
    pub profile: Option<String>,
    /// Set by a signal, followed by a wake: the window closes and asks nothing.
    pub quit: Arc<AtomicBool>,
    /// Wakes the window; the engine has a clone of it.
    pub waker: Waker,
    /// The clock that stamps entries.
    pub clock: EngineClock,
    /// How the window was left, where it was open before.
    pub place: Option<WindowPlace>,
    /// Whether the system asks for no motion.
    pub reduced_motion: bool,
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
    /// There is a display, but nothing to draw with.
    #[error("The window could not be drawn: install OpenGL 2.1 or later, on Debian the package libgl1-mesa-dri.")]
    NoGraphics(#[source] eframe::Error),
}

/// Looks whether there is a display, before anything is started that needs an operator.
///
/// # Errors
///
/// Where there is none. Only X and Wayland can be looked for; elsewhere there always is one.
pub fn find_display() -> Result<(), WindowError> {
    if cfg!(all(unix, not(target_os = "macos"))) {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"].into_iter().any(is_set) {
            return Err(WindowError::NoDisplay);
        }
    }
    Ok(())
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
        ..eframe::NativeOptions::default()
    };
    let shown = eframe::run_native(
        "privicore-monitor",
        options,
        Box::new(|creation| {
            let window = creation.winit_window().cloned();
            let dialogs = SystemDialogs {
                spawner: launch.spawner,
                over: Box::new(move |dialog| match &window {
                    Some(window) => dialog.set_parent(window.as_ref()),
                    None => dialog,
                }),
            };
            let parts = Parts {
                backend: launch.backend,
                dialogs: Box::new(dialogs),
                clipboard: Box::new(SystemClipboard::default()),
                notifier: Box::new(SystemNotifier::start()),
                clock: Box::new(SystemClock(launch.clock)),
                prefill: launch.prefill,
                profile: launch.profile,
                quit: launch.quit,
                beside: Beside::start(launch.waker.clone()),
                waker: launch.waker,
                reduced_motion: launch.reduced_motion,
            };
            Ok(Box::new(App::new(&creation.egui_ctx, parts)))
        }),
    );
    shown.map_err(|error| match error {
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

/// Puts a dialog over the window.
type Over = Box<dyn Fn(AsyncFileDialog) -> AsyncFileDialog>;

/// The system's save dialogs.
struct SystemDialogs {
    spawner: Spawner,
    over: Over,
}

impl FileDialogs for SystemDialogs {
    fn save_as(&self, suggestion: SaveSuggestion, answer: Answer) {
        let mut dialog = AsyncFileDialog::new().set_title(&suggestion.title).set_file_name(&suggestion.file_name);
        if let Some(folder) = &suggestion.folder {
            dialog = dialog.set_directory(folder);
        }
        let chosen = (self.over)(dialog).save_file();
        (self.spawner)(chosen.map(|file| answer.give(file.map(|file| file.path().to_owned()))).boxed());
    }

    fn choose_folder(&self, title: &str, folder: Option<PathBuf>, answer: Answer) {
        let mut dialog = AsyncFileDialog::new().set_title(title);
        if let Some(folder) = folder {
            dialog = dialog.set_directory(folder);
        }
        let chosen = (self.over)(dialog).pick_folder();
        (self.spawner)(chosen.map(|folder| answer.give(folder.map(|folder| folder.path().to_owned()))).boxed());
    }
}
