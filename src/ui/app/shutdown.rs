//! Closes the window in order: asks about what would be lost, leaves the channels, commits, and closes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use egui::{Context, ViewportCommand};

use crate::engine::{Action, Severity};
use crate::settings::WindowGeometry;
use crate::ui::dialogs::Dialog;
use crate::ui::dialogs::close_window::UnsavedWork;

use super::App;
use super::shutdown_state::Shutdown;

/// How long closing waits for the engine to leave its channels and commit. It is enough if nothing hangs; the engine's own
/// limits for operations that hang are longer, and `main` waits for those.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(2_500);

impl App {
    pub(crate) fn on_stopped(&mut self) {
        match self.closing {
            Shutdown::Closing { .. } => self.closing = Shutdown::Done,
            Shutdown::Done => {}
            Shutdown::Open => self.notices.add_text(
                Severity::Error,
                "The engine has stopped, and nothing is received any more. Close the window and start the program again.",
            ),
        }
    }

    /// Runs the shutdown, step by step in each frame: asks about what would be lost, then waits for the engine, then closes.
    pub(crate) fn close(&mut self, ctx: &Context) {
        let asked = ctx.input(|input| input.viewport().close_requested());
        if self.dependencies.quit.load(Ordering::Acquire) && self.closing == Shutdown::Open {
            self.begin_shutdown();
        }
        if asked && self.closing != Shutdown::Done {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            if self.closing == Shutdown::Open {
                let (downloads, saves) = self.downloads();
                let unsaved = UnsavedWork {
                    downloads,
                    saves,
                    exports: self.export.is_some(),
                    unpersisted: self.unpersisted_count(),
                };
                if unsaved == UnsavedWork::default() {
                    self.begin_shutdown();
                } else {
                    self.file_path = None;
                    self.open(Dialog::CloseWindow(unsaved));
                }
            }
        }
        self.continue_shutdown(ctx);
    }

    /// Starts the shutdown.
    pub(crate) fn begin_shutdown(&mut self) {
        if self.closing == Shutdown::Open {
            self.closing =
                Shutdown::Closing { until: self.dependencies.clock.instant() + SHUTDOWN_TIMEOUT, requested: false };
        }
    }

    fn continue_shutdown(&mut self, ctx: &Context) {
        if let Shutdown::Closing { until, requested } = self.closing {
            let now = self.dependencies.clock.instant();
            let requested =
                requested || self.store_window_geometry(ctx) && self.dependencies.backend.send(Action::Quit);
            if now >= until {
                self.closing = Shutdown::Done;
            } else {
                self.closing = Shutdown::Closing { until, requested };
                // If the engine was busy, it is asked again; otherwise only the end of the wait remains.
                let next = if requested { until - now } else { Duration::from_millis(20) };
                ctx.request_repaint_after(next);
            }
        }
        if self.closing == Shutdown::Done {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Saves the window's geometry through the engine before the engine stops. Returns `false` if the engine was too busy to
    /// take it.
    fn store_window_geometry(&mut self, ctx: &Context) -> bool {
        let (rect, maximised) = ctx.input(|input| (input.viewport().inner_rect, input.viewport().maximized));
        let size = rect.map(|rect| rect.size() * ctx.zoom_factor());
        let (Some(size), Some(settings)) = (size, &self.settings) else { return true };
        let maximised = maximised.unwrap_or(false);
        let old = settings.preferences.window;
        // While the window is maximised, the size from before is kept.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float becomes the nearest that fits"
        )]
        let now = WindowGeometry { width: size.x.round() as u16, height: size.y.round() as u16, maximised };
        let new = match old {
            Some(old) if maximised => WindowGeometry { maximised, ..old },
            _ => now,
        };
        self.change_preferences(|preferences| preferences.window = Some(new))
    }
}
