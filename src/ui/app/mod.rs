//! The window as a whole: takes the engine's events, draws one frame, and executes the requests made in it.
//!
//! [`App`] holds everything that is shown. It never blocks: `main` or a test supplies the engine, the file dialogs and the
//! clock as traits.

pub(crate) mod all_profiles;
pub(crate) mod apply;
pub(crate) mod data_requests;
pub(crate) mod dispatch;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod frame;
pub(crate) mod layout;
pub(crate) mod notify;
pub(crate) mod preference_changes;
pub(crate) mod save;
pub(crate) mod shutdown;
pub(crate) mod shutdown_state;
pub(crate) mod window;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use egui::Context;

use crate::engine::{Action, EngineStatus, ExportProgress};
use crate::settings::{Motion, Preferences, ProfileId, Settings};
use crate::ui::bars::live_region::Announcer;
use crate::ui::bars::notices::Notices;
use crate::ui::dialogs::file_path::FilePathDialog;
use crate::ui::frame::export_form::ExportForm;
use crate::ui::frame::folder_purpose::FolderPurpose;
use crate::ui::platform::desktop_notifications::Notifications;
use crate::ui::platform::file_dialogs::{FileDialog, SavePurpose};
use crate::ui::platform::ports::{Backend, Clock, FileDialogs, Notifier, SecretClipboard, Waker};
use crate::ui::table::copy::Copying;
use crate::ui::view_state::sign_in_form::{Form, Prefill};

use super::dialogs::Dialog;
use super::frame::FrameContext;
use super::input::press_queue::PressQueue;
use super::profile_tab::ProfileTab;
use super::theme;

use shutdown_state::Shutdown;

/// Shown while the engine takes no actions.
const BUSY: &str = "The engine is busy, so nothing was done. Try again in a moment.";
/// How long a frame may take events; the rest is taken in the next frame.
const DRAIN_TIME: Duration = Duration::from_millis(5);

/// What the window needs from outside.
pub struct Dependencies {
    /// The engine's interface to the window.
    pub backend: Box<dyn Backend>,
    /// The system's file dialogs.
    pub dialogs: Box<dyn FileDialogs>,
    /// The system's clipboard, for secrets.
    pub clipboard: Box<dyn SecretClipboard>,
    /// Shows desktop notifications.
    pub notifier: Box<dyn Notifier>,
    /// The clock of the window.
    pub clock: Box<dyn Clock>,
    /// The first contents of the sign-in form.
    pub prefill: Prefill,
    /// The name of the profile whose tab is shown first, if the operator gave one.
    pub profile: Option<String>,
    /// Set by a signal: the window closes as if a person had closed it, but without asking.
    pub quit: Arc<AtomicBool>,
    /// Wakes the window from any thread.
    pub waker: Waker,
    /// Whether the system asks for reduced motion.
    pub reduced_motion: bool,
    /// The program's version, as the dialog about it shows it.
    pub version: &'static str,
}

/// Which tab is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ActiveTab {
    Profile(ProfileId),
    /// The form for a new profile.
    NewProfile,
}

/// The window's state.
pub struct App {
    dependencies: Dependencies,
    /// The engine's latest status.
    status: EngineStatus,
    /// Changed preferences that the engine has not stored yet.
    changes: preference_changes::PreferenceChanges,
    /// The settings in use; `None` until the engine has sent them.
    settings: Option<Arc<Settings>>,
    /// The preferences from which the current theme, scale and styles were made.
    applied: Option<Preferences>,
    profile_tabs: Vec<ProfileTab>,
    active_tab: ActiveTab,
    /// The form for a new profile, while it is open.
    form: Option<Form>,
    notices: Notices,
    announcer: Announcer,
    notifications: Notifications,
    dialog: Option<Dialog>,
    /// The window's own file dialog, drawn above everything else.
    file_path: Option<FilePathDialog>,
    /// Whether the dialog was opened just before this frame.
    dialog_just_opened: bool,
    saving: FileDialog<(ProfileId, SavePurpose)>,
    folders: FileDialog<FolderPurpose>,
    exporting: FileDialog<ExportForm>,
    /// The export in progress.
    export: Option<ExportProgress>,
    /// Rows that are copied once their full texts are loaded.
    copying: Option<Copying>,
    closing: Shutdown,
    presses: PressQueue,
    /// Whether a text field had the focus at the end of the last frame.
    in_text: bool,
    /// Whether the filter gets the focus in the next frame.
    focus_filter: bool,
    focus: Focus,
}

/// Where the keyboard focus was, so that it can be restored.
#[derive(Debug, Clone, Copy, Default)]
struct Focus {
    /// The focused widget at the end of the last frame.
    last: Option<egui::Id>,
    /// The focused widget before a dialog opened.
    before_dialog: Option<egui::Id>,
    /// Whether a dialog was open at the end of the last frame.
    in_dialog: bool,
    /// The widget that gets the focus back in the next frame.
    restore: Option<egui::Id>,
}

impl App {
    /// Creates the window's state before its first frame.
    pub fn new(ctx: &Context, dependencies: Dependencies) -> Self {
        theme::install(ctx, dependencies.reduced_motion);
        dependencies.waker.attach(ctx);
        Self {
            dependencies,
            status: EngineStatus::default(),
            changes: preference_changes::PreferenceChanges::default(),
            settings: None,
            applied: None,
            profile_tabs: Vec::new(),
            active_tab: ActiveTab::NewProfile,
            form: None,
            notices: Notices::default(),
            announcer: Announcer::default(),
            notifications: Notifications::default(),
            dialog: None,
            file_path: None,
            dialog_just_opened: false,
            saving: FileDialog::new(),
            folders: FileDialog::new(),
            exporting: FileDialog::new(),
            export: None,
            copying: None,
            closing: Shutdown::Open,
            presses: PressQueue::default(),
            in_text: false,
            focus_filter: false,
            focus: Focus::default(),
        }
    }

    /// Takes the engine's events for at most a few milliseconds, and the results of dialogs and signals. Also runs while the
    /// window is hidden, so that events don't pile up.
    pub fn update(&mut self, ctx: &Context) {
        self.dependencies.waker.mark_handled();
        let began = self.dependencies.clock.instant();
        let is_over = |app: &Self| app.dependencies.clock.instant().saturating_duration_since(began) >= DRAIN_TIME;
        self.take_status(ctx);
        while self.has_room()
            && let Some(event) = self.dependencies.backend.next_event()
        {
            self.take_event(ctx, event);
            if is_over(self) {
                self.dependencies.waker.wake();
                break;
            }
        }
        self.apply_pending(&is_over);
        self.request_missing_entries();
        self.take_failed_dialogs();
        while let Some(((profile, what), path)) = self.saving.take() {
            self.save_to(profile, what, path);
        }
        while let Some((what, folder)) = self.folders.take() {
            self.save_into(what, folder);
        }
        while let Some((form, path)) = self.exporting.take() {
            self.export_to(&form, path);
        }
        self.notify(ctx);
        self.close(ctx);
    }

    /// The active profile tab.
    fn profile_tab(&self) -> Option<&ProfileTab> {
        match self.active_tab {
            ActiveTab::Profile(id) => self.profile_tabs.iter().find(|profile_tab| profile_tab.profile.id == id),
            ActiveTab::NewProfile => None,
        }
    }

    fn profile_tab_mut(&mut self) -> Option<&mut ProfileTab> {
        match self.active_tab {
            ActiveTab::Profile(id) => self.tab_of(id),
            ActiveTab::NewProfile => None,
        }
    }

    fn tab_of(&mut self, id: ProfileId) -> Option<&mut ProfileTab> {
        self.profile_tabs.iter_mut().find(|profile_tab| profile_tab.profile.id == id)
    }

    fn preferences(&self) -> Preferences {
        self.settings.as_ref().map(|settings| settings.preferences.clone()).unwrap_or_default()
    }

    /// Sends an action, and shows a notice if the engine is too busy. Returns whether the engine took it.
    fn send(&mut self, action: Action) -> bool {
        let taken = self.dependencies.backend.send(action);
        if taken {
            self.notices.hide_busy();
        } else {
            self.notify_busy();
        }
        taken
    }

    /// Shows that the engine did not take an action.
    fn notify_busy(&mut self) {
        self.notices.show_busy(BUSY);
    }

    fn open(&mut self, dialog: Dialog) {
        self.dialog = Some(dialog);
        self.dialog_just_opened = true;
    }

    /// The context of the frame that is about to be drawn.
    fn frame_context(&self, ctx: &Context) -> FrameContext {
        let clock = &self.dependencies.clock;
        let mut frame = FrameContext::new(
            clock.now(),
            clock.reference(),
            clock.instant(),
            clock.zone(),
            ctx.content_rect().width().max(theme::MIN_WIDTH),
        );
        (frame.times, frame.insight) = (self.times(), self.insight());
        if frame.times.utc {
            frame.zone.zone = jiff::tz::TimeZone::UTC;
        }
        frame.reduced_motion = self.dependencies.reduced_motion || self.preferences().motion == Motion::Reduced;
        frame.modal = self.has_dialog();
        frame
    }
}

impl eframe::App for App {
    fn raw_input_hook(&mut self, ctx: &Context, raw_input: &mut egui::RawInput) {
        if self.presses.admit(raw_input, self.in_text) {
            ctx.request_repaint_after(Duration::ZERO);
        }
    }

    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.update(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.show(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
