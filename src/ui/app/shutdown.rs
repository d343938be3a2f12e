//! Closes the window in order: asks about what would be lost, leaves the channels, commits, and closes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use egui::{Context, ViewportCommand};

use crate::engine::{Action, Severity};
use crate::settings::WindowGeometry;
use crate::ui::dialogs::Dialog;
use crate::ui::dialogs::leave::Lost;

use super::App;
use super::shutdown_state::Shutdown;

/// How long closing waits for the engine to leave its channels and commit. It is enough if nothing hangs; the engine's own
/// limits for operations that hang are longer, and `main` waits for those.
const PATIENCE: Duration = Duration::from_millis(2_500);

impl App {
    pub(crate) fn stopped(&mut self) {
        match self.closing {
            Shutdown::Leaving { .. } => self.closing = Shutdown::Done,
            Shutdown::Done => {}
            Shutdown::No => self.notices.say(
                Severity::Error,
                "The engine has stopped, and nothing is received any more. Close the window and start the program again.",
            ),
        }
    }

    /// Runs the shutdown, step by step in each frame: asks about what would be lost, then waits for the engine, then closes.
    pub(crate) fn close(&mut self, ctx: &Context) {
        let asked = ctx.input(|input| input.viewport().close_requested());
        if self.parts.quit.load(Ordering::Acquire) && self.closing == Shutdown::No {
            self.leave();
        }
        if asked && self.closing != Shutdown::Done {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            if self.closing == Shutdown::No {
                let (downloads, saves) = self.downloads();
                let lost = Lost { downloads, saves, exports: self.export.is_some(), unkept: self.unkept() };
                if lost == Lost::default() {
                    self.leave();
                } else {
                    self.file_path = None;
                    self.open(Dialog::Leave(lost));
                }
            }
        }
        self.go_on_leaving(ctx);
    }

    /// Starts the shutdown.
    pub(crate) fn leave(&mut self) {
        if self.closing == Shutdown::No {
            self.closing = Shutdown::Leaving { until: self.parts.clock.instant() + PATIENCE, asked: false };
        }
    }

    fn go_on_leaving(&mut self, ctx: &Context) {
        if let Shutdown::Leaving { until, asked } = self.closing {
            let now = self.parts.clock.instant();
            let asked = asked || self.remember_window(ctx) && self.parts.backend.send(Action::Quit);
            if now >= until {
                self.closing = Shutdown::Done;
            } else {
                self.closing = Shutdown::Leaving { until, asked };
                // If the engine was busy, it is asked again; otherwise only the end of the wait remains.
                let next = if asked { until - now } else { Duration::from_millis(20) };
                ctx.request_repaint_after(next);
            }
        }
        if self.closing == Shutdown::Done {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Saves the window's geometry through the engine before the engine stops. Returns `false` if the engine was too busy to
    /// take it.
    fn remember_window(&mut self, ctx: &Context) -> bool {
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
        self.keep(|preferences| preferences.window = Some(new))
    }
}
