//! The window as a whole: takes what the engine says, draws one frame, and does what the operator wished in it.
//!
//! [`App`] holds everything that is seen. It never waits: the engine, the save dialogs and the clock are doors that
//! `main` or a test brings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use egui::{Context, ThemePreference, ViewportCommand};

use crate::engine::{Action, Event, Notice, Severity, SignInState};
use crate::settings::{Motion, Preferences, ProfileId, Settings, Theme, WindowPlace};

use super::announce::Announcer;
use super::desk::{Desk, SharedSettings};
use super::dialogs::Dialog;
use super::doors::{Backend, Clock, FileDialogs, Notifier, SecretClipboard, Waker};
use super::export::ExportForm;
use super::notices::Notices;
use super::notify::Notifications;
use super::saving::{FolderFor, SaveFor, Saving};
use super::scene::Scene;
use super::sign_in::{Form, Prefill};
use super::theme;

mod all;
mod data;
mod exporting;
mod frame;
mod looks;
mod notifying;
mod saving;
mod wishes;

/// How long one frame takes events for; what is left is taken in the next.
const DRAIN: Duration = Duration::from_millis(5);
/// How long closing waits for the engine to leave its channels and commit: a little over the engine's own second.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// What the window is made of.
pub struct Parts {
    /// The engine.
    pub backend: Box<dyn Backend>,
    /// The system's dialogs.
    pub dialogs: Box<dyn FileDialogs>,
    /// The system's clipboard, for secrets.
    pub clipboard: Box<dyn SecretClipboard>,
    /// The desktop's notifications.
    pub notifier: Box<dyn Notifier>,
    /// The clock.
    pub clock: Box<dyn Clock>,
    /// What fills the sign-in form at first.
    pub prefill: Prefill,
    /// The name of the profile whose tab comes to the front, where one was asked for.
    pub profile: Option<String>,
    /// Set by a signal: the window closes as if a person had closed it, but asks nothing.
    pub quit: Arc<AtomicBool>,
    /// Wakes the window.
    pub waker: Waker,
    /// Whether the system asks for no motion.
    pub reduced_motion: bool,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("prefill", &self.prefill).field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// How far closing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// The window is open.
    No,
    /// The engine has been asked to stop, or will be as soon as it listens.
    Leaving {
        /// When the window stops waiting for it.
        until: Instant,
        /// Whether the engine has taken the wish.
        asked: bool,
    },
    /// Nothing is left to wait for.
    Done,
}

/// What is in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    /// A profile's tab.
    Desk(ProfileId),
    /// The form for a further profile.
    New,
}

/// The window.
pub struct App {
    parts: Parts,
    /// `None` until the engine has sent them.
    settings: Option<SharedSettings>,
    desks: Vec<Desk>,
    front: Front,
    /// The form for a further profile, while there is one.
    form: Option<Form>,
    notices: Notices,
    announcer: Announcer,
    notifications: Notifications,
    dialog: Option<Dialog>,
    /// Whether the dialog has only just been opened.
    fresh: bool,
    saving: Saving<SaveFor>,
    folders: Saving<FolderFor>,
    exporting: Saving<ExportForm>,
    journal: Option<u64>,
    closing: Closing,
    /// Whether a text field had the focus at the end of the last frame.
    in_text: bool,
    /// Whether the filter is to have the focus in the next frame.
    focus_filter: bool,
    /// Where the keyboard's focus was.
    focus: Focus,
}

/// Where the keyboard's focus was, so that it is never lost.
#[derive(Debug, Clone, Copy, Default)]
struct Focus {
    /// At the end of the last frame.
    last: Option<egui::Id>,
    /// Before a dialog opened.
    before: Option<egui::Id>,
    /// Whether a dialog was open at the end of the last frame.
    in_dialog: bool,
    /// Where it goes back to in the next frame.
    back: Option<egui::Id>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("front", &self.front).field("closing", &self.closing).finish_non_exhaustive()
    }
}

impl App {
    /// The window on a context, before its first frame.
    #[must_use]
    pub fn new(ctx: &Context, parts: Parts) -> Self {
        theme::install(ctx, parts.reduced_motion);
        parts.waker.attach(ctx);
        Self {
            parts,
            settings: None,
            desks: Vec::new(),
            front: Front::New,
            form: None,
            notices: Notices::default(),
            announcer: Announcer::default(),
            notifications: Notifications::default(),
            dialog: None,
            fresh: false,
            saving: Saving::new(),
            folders: Saving::new(),
            exporting: Saving::new(),
            journal: None,
            closing: Closing::No,
            in_text: false,
            focus_filter: false,
            focus: Focus::default(),
        }
    }

    /// Takes what the engine has sent, for at most a few milliseconds, and what dialogs and signals said. Also runs while the
    /// window is hidden, so that nothing piles up behind it.
    pub fn update(&mut self, ctx: &Context) {
        self.parts.waker.looked();
        self.parts.backend.begin_drain();
        let began = self.parts.clock.instant();
        while let Some(event) = self.parts.backend.next_event() {
            self.take(ctx, event);
            if self.parts.clock.instant().saturating_duration_since(began) >= DRAIN {
                self.parts.waker.wake();
                break;
            }
        }
        while let Some((what, path)) = self.saving.take() {
            self.save_to(what, path);
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

    /// The desk in front.
    fn desk(&self) -> Option<&Desk> {
        match self.front {
            Front::Desk(id) => self.desks.iter().find(|desk| desk.profile.id == id),
            Front::New => None,
        }
    }

    fn desk_mut(&mut self) -> Option<&mut Desk> {
        match self.front {
            Front::Desk(id) => self.desk_of(id),
            Front::New => None,
        }
    }

    fn desk_of(&mut self, id: ProfileId) -> Option<&mut Desk> {
        self.desks.iter_mut().find(|desk| desk.profile.id == id)
    }

    fn preferences(&self) -> Preferences {
        self.settings.as_ref().map(|settings| settings.preferences.clone()).unwrap_or_default()
    }

    /// Sends an action; says so where the engine is too busy to take it. Returns whether it was taken.
    fn send(&mut self, action: Action) -> bool {
        let taken = self.parts.backend.send(action);
        if !taken {
            self.notices.say(Severity::Warning, "The engine is busy, so nothing was done. Try again in a moment.");
        }
        taken
    }

    fn take(&mut self, ctx: &Context, event: Event) {
        match event {
            Event::Settings(settings) => self.take_settings(ctx, settings),
            Event::JournalSize(size) => self.journal = Some(size),
            Event::Notice(notice) => self.take_notice(notice),
            Event::Purged { oldest_left } => {
                for desk in &mut self.desks {
                    desk.completeness.begins(oldest_left);
                }
            }
            Event::Stopped => self.stopped(),
            Event::Queue(waiting) => {
                for desk in &mut self.desks {
                    desk.take_queue(&waiting);
                }
            }
            Event::SignIn { profile, state } => self.take_sign_in(profile, state),
            Event::DataTokens { profile, page, answer } => self.take_data_tokens(profile, page, answer),
            Event::Connection { profile, .. }
            | Event::Pulse { profile, .. }
            | Event::Token { profile, .. }
            | Event::Restored { profile, .. }
            | Event::Committed { profile, .. }
            | Event::NotKept { profile, .. }
            | Event::Kept { profile, .. }
            | Event::Forgotten { profile }
            | Event::Download { profile, .. }
            | Event::Rival { profile, .. }
            | Event::LinksKept { profile, .. }
            | Event::DataKey { profile, .. }
            | Event::History { profile, .. }
            | Event::Revealed { profile, .. } => {
                let (in_front, instant) = (self.front == Front::Desk(profile), self.parts.clock.instant());
                let news = self.news_for_all(profile, &event);
                // An event of a profile that is gone has nowhere to be shown.
                if let Some(desk) = self.desk_of(profile) {
                    desk.take(event, in_front, instant);
                }
                self.tell_all(profile, news);
            }
        }
    }

    fn take_notice(&mut self, mut notice: Notice) {
        // With several profiles, say whose it is.
        if self.desks.len() > 1
            && let Some(name) = notice.profile.and_then(|id| self.desk_of(id).map(|desk| desk.profile.name.clone()))
        {
            notice.sentence = format!("{name}: {}", notice.sentence);
        }
        self.notices.push(notice);
    }

    fn take_sign_in(&mut self, profile: ProfileId, state: SignInState) {
        if let Some(form) = self.form.as_mut().filter(|form| form.profile_id() == profile) {
            if state == SignInState::Done {
                form.forget_secrets();
                self.form = None;
                if self.desk_of(profile).is_some() {
                    self.front = Front::Desk(profile);
                }
            } else {
                form.answer(state);
            }
        } else {
            let instant = self.parts.clock.instant();
            if let Some(desk) = self.desk_of(profile) {
                desk.take(Event::SignIn { profile, state }, true, instant);
            }
        }
    }

    fn take_settings(&mut self, ctx: &Context, settings: Arc<Settings>) {
        let first = self.settings.is_none();
        self.take_preferences(ctx, &settings.preferences, first);
        let mut old = std::mem::take(&mut self.desks);
        let mut added = None;
        for profile in &settings.profiles {
            let known = old.iter().position(|desk| desk.profile.id == profile.id);
            let desk = if let Some(at) = known {
                let mut desk = old.swap_remove(at);
                desk.set_profile(profile);
                desk.set_preferences(&settings.preferences);
                desk
            } else {
                added = Some(profile.id);
                Desk::new(profile.clone(), &settings.preferences)
            };
            self.desks.push(desk);
        }
        // Behind them the tab for all of them, where there are several.
        if self.desks.len() > 1 {
            let known = old.iter().position(Desk::is_all).map(|at| old.swap_remove(at));
            let mut all = known.unwrap_or_else(|| Desk::all_profiles(&settings.preferences));
            all.set_preferences(&settings.preferences);
            if let Some(owners) = &mut all.owners {
                // One may have gone, or have another name.
                owners.stale |= self.settings.as_ref().is_none_or(|before| before.profiles != settings.profiles);
            }
            self.desks.push(all);
        }
        self.settings = Some(settings);
        self.turn_front(first, added);
    }

    /// What is preferred takes effect at once.
    fn take_preferences(&mut self, ctx: &Context, new: &Preferences, first: bool) {
        let old = self.preferences();
        if first || old.theme != new.theme {
            ctx.set_theme(preference(new.theme));
        }
        if first || old.scale != new.scale {
            ctx.set_zoom_factor(f32::from(new.scale) / 100.0);
            ctx.send_viewport_cmd(ViewportCommand::MinInnerSize(theme::LEAST));
        }
        if first || old.motion != new.motion {
            theme::set_styles(ctx, self.parts.reduced_motion || new.motion == Motion::Reduced);
        }
        if let Some(Dialog::Settings(form)) = &mut self.dialog {
            form.follow(new);
        }
    }

    /// After the profiles changed: what comes to the front.
    fn turn_front(&mut self, first: bool, added: Option<ProfileId>) {
        let wanted = self.parts.profile.as_ref();
        let named = first.then(|| self.desks.iter().find(|desk| wanted == Some(&desk.profile.name))).flatten();
        let there = self.desk().is_some();
        if let Some(desk) = named.or_else(|| self.desks.first().filter(|_| first)) {
            self.front = Front::Desk(desk.profile.id);
        } else if let Some(added) = added {
            self.front = Front::Desk(added);
            // The form has become a profile; another's form stays where it is.
            if self.form.as_ref().is_some_and(|form| form.profile_id() == added || !form.is_asking()) {
                self.form = None;
            }
        } else if !there && (self.front != Front::New || self.form.is_none()) {
            self.front = self.desks.first().map_or(Front::New, |desk| Front::Desk(desk.profile.id));
        }
        if self.desks.is_empty() && self.form.is_none() {
            self.form = Some(Form::new(&self.parts.prefill));
            self.front = Front::New;
        }
    }

    fn stopped(&mut self) {
        match self.closing {
            Closing::Leaving { .. } => self.closing = Closing::Done,
            Closing::Done => {}
            Closing::No => self.notices.say(
                Severity::Error,
                "The engine has stopped, and nothing is received any more. Close the window and start the program again.",
            ),
        }
    }

    /// Closes the window in order: asked about what would be lost first, then left, committed and gone.
    fn close(&mut self, ctx: &Context) {
        let asked = ctx.input(|input| input.viewport().close_requested());
        if self.parts.quit.load(Ordering::Acquire) && self.closing == Closing::No {
            self.leave();
        }
        if asked && self.closing != Closing::Done {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            if self.closing == Closing::No {
                let (downloads, unkept) = (self.downloads(), self.unkept());
                if downloads + unkept > 0 {
                    self.open(Dialog::Leave { downloads, unkept });
                } else {
                    self.leave();
                }
            }
        }
        self.go_on_leaving(ctx);
    }

    /// Begins to leave.
    fn leave(&mut self) {
        if self.closing == Closing::No {
            self.closing = Closing::Leaving { until: self.parts.clock.instant() + PATIENCE, asked: false };
        }
    }

    fn go_on_leaving(&mut self, ctx: &Context) {
        if let Closing::Leaving { until, asked } = self.closing {
            let now = self.parts.clock.instant();
            let asked = asked || self.remember_window(ctx) && self.parts.backend.send(Action::Quit);
            if now >= until {
                self.closing = Closing::Done;
            } else {
                self.closing = Closing::Leaving { until, asked };
                // An engine that was busy is asked again; else the end of patience is what is left to wait for.
                let next = if asked { until - now } else { Duration::from_millis(20) };
                ctx.request_repaint_after(next);
            }
        }
        if self.closing == Closing::Done {
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
        let now = WindowPlace { width: size.x.round() as u16, height: size.y.round() as u16, maximised };
        let new = match old {
            Some(old) if maximised => WindowPlace { maximised, ..old },
            _ => now,
        };
        old == Some(new)
            || self
                .parts
                .backend
                .send(Action::SetPreferences(Preferences { window: Some(new), ..settings.preferences.clone() }))
    }

    fn open(&mut self, dialog: Dialog) {
        self.dialog = Some(dialog);
        self.fresh = true;
    }

    /// The frame that is about to be drawn.
    fn scene(&self, ctx: &Context) -> Scene {
        let clock = &self.parts.clock;
        let mut scene = Scene::new(clock.now(), clock.instant(), clock.zone(), ctx.content_rect().width());
        (scene.times, scene.insight) = (self.times(), self.insight());
        if scene.times.utc {
            scene.zone = jiff::tz::TimeZone::UTC;
        }
        scene.reduced_motion = self.parts.reduced_motion || self.preferences().motion == Motion::Reduced;
        scene.modal = self.dialog.is_some();
        scene
    }
}

/// The settings' theme as egui has it.
fn preference(theme: Theme) -> ThemePreference {
    match theme {
        Theme::System => ThemePreference::System,
        Theme::Light => ThemePreference::Light,
        Theme::Dark => ThemePreference::Dark,
    }
}

impl eframe::App for App {
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
