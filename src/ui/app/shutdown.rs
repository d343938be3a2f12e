//! Closes the window in order: asked about what would be lost first, then left, committed and gone.

use std::sync::atomic::Ordering;
use std::time::Duration;

use egui::{Context, ViewportCommand};

use crate::engine::{Action, Severity};
use crate::settings::WindowGeometry;
use crate::ui::dialogs::Dialog;
use crate::ui::dialogs::leave::Lost;

use super::App;
use super::shutdown_state::Shutdown;

/// How long closing waits for the engine to leave its channels and commit: what the engine needs where
/// nothing hangs; its own limits for what hangs are longer, and `main` waits for those.
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

    /// Closes the window in order: asked about what would be lost first, then left, committed and gone.
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

    /// Begins to leave.
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
                // An engine that was busy is asked again; else the end of patience is what is left to wait for.
                let next = if asked { until - now } else { Duration::from_millis(20) };
                ctx.request_repaint_after(next);
            }
        }
        if self.closing == Shutdown::Done {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Has the engine keep how the window is left, before it is told to stop. False where it was too busy to be told.
    fn remember_window(&mut self, ctx: &Context) -> bool {
        let (rect, maximised) = ctx.input(|input| (input.viewport().inner_rect, input.viewport().maximized));
        let size = rect.map(|rect| rect.size() * ctx.zoom_factor());
        let (Some(size), Some(settings)) = (size, &self.settings) else { return true };
        let maximised = maximised.unwrap_or(false);
        let old = settings.preferences.window;
        // Of a window that fills the screen the size from before is kept.
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
