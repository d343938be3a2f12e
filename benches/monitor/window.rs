//! The window without a screen: each frame is tessellated into triangles as for the graphics card, and then discarded.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use egui::{Context, FullOutput, Key, Modifiers, RawInput, Rect, Ui, ViewportId};
use privicore_monitor::activity::{Entry, Seq, Timestamp};
use privicore_monitor::engine::{Action, ConnectionState, EngineStatus, Event, ProfileStatus};
use privicore_monitor::protocol::UnmaskedMessage;
use privicore_monitor::settings::{Preferences, Profile, ProfileId, Settings};
use privicore_monitor::ui::{
    App, Backend, Clock, Dependencies, DialogResponder, FileDialogs, Notification, Notifier, Prefill, SaveSuggestion,
    SecretClipboard, Waker,
};

use crate::messages;

/// The window's initial size.
const SIZE: egui::Vec2 = egui::vec2(1280.0, 800.0);
/// The time between two frames, in seconds.
pub(crate) const FRAME: f64 = 1.0 / 60.0;
/// Entries per event sent to the window.
const CHUNK: usize = 20_000;
/// More frames than the window ever needs to become idle.
const MOST_FRAMES: usize = 2_000;

/// Draws frames in memory.
pub(crate) struct Screen {
    pub(crate) context: Context,
    time: f64,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let context = Context::default();
        // Without a screen reader no accessibility tree is built, as in the real window.
        Self { context, time: 0.0 }
    }

    /// Draws a frame. Returns how long that took, and egui's output.
    pub(crate) fn frame(&mut self, events: Vec<egui::Event>, draw: impl FnMut(&mut Ui)) -> (Duration, FullOutput) {
        self.time += FRAME;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, SIZE)),
            time: Some(self.time),
            events,
            focused: true,
            ..RawInput::default()
        };
        let start = Instant::now();
        let mut output = self.context.run_ui(input, draw);
        let shapes = std::mem::take(&mut output.shapes);
        std::hint::black_box(self.context.tessellate(shapes, output.pixels_per_point));
        (start.elapsed(), output)
    }

    /// Advances the time without a frame.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.time += time.as_secs_f64();
    }
}

/// Mouse wheel events of `points` over the middle of the table.
pub(crate) fn wheel(points: f32) -> Vec<egui::Event> {
    vec![
        egui::Event::PointerMoved(egui::pos2(640.0, 300.0)),
        egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, points),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers: Modifiers::NONE,
        },
    ]
}

fn press(key: Key) -> Vec<egui::Event> {
    let event =
        |pressed| egui::Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE };
    vec![event(true), event(false)]
}

/// The simulated engine.
#[derive(Default, Clone)]
struct Played {
    events: Rc<RefCell<VecDeque<Event>>>,
    /// The current status, until the window takes it.
    status: Rc<RefCell<Option<EngineStatus>>>,
}

impl Backend for Played {
    fn send(&mut self, action: Action) -> bool {
        // Answers a request for the messages of the activity with open details at once, as from an idle journal.
        if let Action::History { profile, key, .. } = action {
            let entries = messages::entries(1).map(|entry| Entry { key: key.clone(), ..entry }).collect();
            self.events.borrow_mut().push_back(Event::History { profile, key, entries, is_cut: false });
        }
        true
    }

    fn status(&mut self) -> Option<EngineStatus> {
        self.status.borrow_mut().take()
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.borrow_mut().pop_front()
    }
}

/// File dialogs that are never used.
struct NoDialogs;

impl FileDialogs for NoDialogs {
    fn save_as(&self, _suggestion: SaveSuggestion, answer: DialogResponder) {
        answer.respond(None::<PathBuf>);
    }

    fn choose_folder(&self, _title: &str, _folder: Option<PathBuf>, answer: DialogResponder) {
        answer.respond(None::<PathBuf>);
    }
}

/// A clipboard and notifications that do nothing.
struct Nobody;

impl Notifier for Nobody {
    fn show(&mut self, _: Notification) {}
}

impl SecretClipboard for Nobody {
    fn copy(&mut self, _: &UnmaskedMessage) -> Result<(), String> {
        Ok(())
    }
}

/// A clock that the bench advances.
#[derive(Clone)]
struct Time(Rc<Cell<(Timestamp, Instant)>>);

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.0.get().0
    }

    fn instant(&self) -> Instant {
        self.0.get().1
    }

    fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::UTC
    }
}

/// The whole window on a simulated engine.
pub(crate) struct Window {
    screen: Screen,
    app: App,
    engine: Played,
    clock: Time,
    profile: ProfileId,
}

impl Window {
    /// A live window with `count` rows from the journal.
    pub(crate) fn with_rows(count: usize) -> Self {
        let screen = Screen::new();
        let engine = Played::default();
        let newest = messages::moment_after(count);
        let clock = Time(Rc::new(Cell::new((newest.plus(Duration::from_mins(5)), Instant::now()))));
        let parts = Dependencies {
            backend: Box::new(engine.clone()),
            dialogs: Box::new(NoDialogs),
            clipboard: Box::new(Nobody),
            notifier: Box::new(Nobody),
            clock: Box::new(clock.clone()),
            prefill: Prefill::default(),
            profile: None,
            quit: Arc::new(AtomicBool::new(false)),
            waker: Waker::default(),
            reduced_motion: false,
            version: "",
        };
        let app = App::new(&screen.context, parts);
        let profile = Profile { name: "Bench".to_owned(), ..Profile::default() };
        let mut window = Self { screen, app, engine, clock, profile: profile.id };
        let (profile, live_from) = (profile.id, Seq(count as u64 + 1));
        let settings = Settings {
            preferences: Preferences::default(),
            profiles: vec![Profile { id: profile, name: "Bench".to_owned(), ..Profile::default() }],
        };
        let live = ProfileStatus { connection: Some(ConnectionState::Live), ..ProfileStatus::default() };
        *window.engine.status.borrow_mut() = Some(EngineStatus {
            settings: Some(Arc::new(settings)),
            profiles: [(profile, Arc::new(live))].into(),
            ..EngineStatus::default()
        });
        let mut entries = messages::entries(count).peekable();
        while entries.peek().is_some() {
            let chunk = entries.by_ref().take(CHUNK).collect();
            window.send_event(Event::Restored {
                profile,
                entries: chunk,
                live_from,
                complete: entries.peek().is_none(),
            });
            window.frame(Vec::new());
        }
        window.rest();
        window
    }

    /// Sends an event of the engine. The window reads it in the next frame.
    fn send_event(&self, event: Event) {
        self.engine.events.borrow_mut().push_back(event);
    }

    /// Sends committed entries.
    pub(crate) fn receive(&self, entries: Vec<Entry>) {
        self.send_event(Event::Committed { profile: self.profile, entries });
    }

    /// Opens the details of the newest row.
    pub(crate) fn open_details(&mut self) {
        for key in [Key::ArrowDown, Key::ArrowDown, Key::Enter] {
            self.frame(press(key));
        }
        self.rest();
    }

    /// Draws one frame and advances the clock by the time between frames.
    pub(crate) fn frame(&mut self, events: Vec<egui::Event>) -> Duration {
        self.draw(events).0
    }

    fn draw(&mut self, events: Vec<egui::Event>) -> (Duration, FullOutput) {
        self.pass(Duration::from_secs_f64(FRAME));
        let Self { screen, app, .. } = self;
        screen.frame(events, |ui| {
            app.update(&ui.ctx().clone());
            app.show(ui);
        })
    }

    fn pass(&self, time: Duration) {
        let (now, instant) = self.clock.0.get();
        self.clock.0.set((now.plus(time), instant + time));
    }

    /// Draws until no frame is requested within a second. Returns the delay that the last frame requested.
    fn rest(&mut self) -> Duration {
        for _ in 0..MOST_FRAMES {
            let delay = self.draw(Vec::new()).1.viewport_output.get(&ViewportId::ROOT).map(|root| root.repaint_delay);
            let delay = delay.unwrap_or(Duration::MAX);
            if delay > Duration::from_secs(1) {
                return delay;
            }
        }
        Duration::ZERO
    }

    /// How many frames are requested in a minute in which nothing happens.
    pub(crate) fn frames_at_rest(&mut self) -> u32 {
        let (mut left, mut frames) = (Duration::from_mins(1), 0);
        let mut delay = self.rest();
        while delay < left {
            left = left.saturating_sub(delay.max(Duration::from_millis(1)));
            self.screen.wait(delay);
            self.pass(delay);
            frames += 1;
            let output = self.draw(Vec::new()).1;
            delay = output.viewport_output.get(&ViewportId::ROOT).map_or(Duration::MAX, |root| root.repaint_delay);
        }
        frames
    }
}
