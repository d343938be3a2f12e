//! The window on fakes: an engine that a test controls and that records its actions, dialogs that a test answers, and a
//! clock that a test advances.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};
use privicore_monitor::activity::{ActivityKey, Entry, Fact, Seq, Timestamp};
use privicore_monitor::engine::{
    Action, ConnectionState, EngineStatus, Event, ProfileStatus, SignInState, SignInStatus, WaitingDownload,
};
use privicore_monitor::protocol::incoming::{self, Incoming};
use privicore_monitor::settings::{Address, Preferences, Profile, ProfileId, Settings, Theme};
use privicore_monitor::ui::{App, Dependencies, DialogResponder, Notification, Prefill, SaveSuggestion, Waker};

use super::fakes::{Clipboard, Dialogs, Engine, Shared, Times};

/// The version that the window shows. A picture must not depend on the commit that is tested.
pub(crate) const VERSION: &str = "0.1.0 (0123456789ab)";

/// A time of the day on which all tests take place.
pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-03-02T{time}Z").parse::<jiff::Timestamp>().expect(time).into()
}

/// The window under test.
pub(crate) struct Window {
    pub(crate) harness: Harness<'static, App>,
    pub(crate) engine: Shared<Engine>,
    pub(crate) dialogs: Shared<Vec<(SaveSuggestion, DialogResponder)>>,
    /// The file dialogs of the desktop.
    pub(crate) desktop: Dialogs,
    /// The copied secrets, or why none can be copied.
    pub(crate) clipboard: Shared<Clipboard>,
    /// The notifications sent to the desktop.
    pub(crate) notified: Shared<Vec<Notification>>,
    pub(crate) clock: Shared<Times>,
    pub(crate) quit: Arc<AtomicBool>,
    /// The texture changes, for the renderer.
    pub(crate) textures: Shared<egui::TexturesDelta>,
    /// The profile of the active tab.
    pub(crate) profile: Profile,
    seq: u64,
}

/// The profile that tests look at.
pub(crate) fn ops() -> Profile {
    Profile {
        name: "ops".to_owned(),
        username: "ops@example.com".to_owned(),
        api: Address::new("https://cab.example.com"),
        websocket: Address::new("wss://ws.example.com"),
        download: Address::new("https://download.example.com"),
        ..Profile::default()
    }
}

impl Window {
    /// A window that has received nothing from the engine yet.
    pub(crate) fn silent(size: [f32; 2], prefill: Prefill) -> Self {
        let (engine, desktop, clock) = (Shared::default(), Dialogs::default(), Shared::<Times>::default());
        let (clipboard, notified) = (Shared::default(), Shared::default());
        let quit = Arc::new(AtomicBool::new(false));
        let waker = Waker::default();
        let parts = Dependencies {
            waker,
            backend: Box::new(engine.clone()),
            dialogs: Box::new(desktop.clone()),
            clipboard: Box::new(clipboard.clone()),
            notifier: Box::new(notified.clone()),
            clock: Box::new(clock.clone()),
            prefill,
            profile: None,
            quit: Arc::clone(&quit),
            reduced_motion: false,
            version: VERSION,
        };
        let textures = Shared::<egui::TexturesDelta>::default();
        let harness = Harness::builder()
            .with_size(size)
            .with_step_dt(0.05)
            .renderer(textures.clone())
            .build_eframe(|cc| App::new(&cc.egui_ctx, parts));
        let dialogs = desktop.open.clone();
        Self { harness, engine, dialogs, desktop, clipboard, notified, clock, quit, textures, profile: ops(), seq: 0 }
    }

    /// A window without a profile: the sign-in form.
    pub(crate) fn unknown() -> Self {
        let mut window = Self::silent([1280.0, 800.0], Prefill::default());
        window.settings(Vec::new(), Theme::Dark);
        window.run();
        window
    }

    /// A window of one profile that is live and has no activity.
    pub(crate) fn live() -> Self {
        Self::live_in([1280.0, 800.0])
    }

    /// The same in another size.
    pub(crate) fn live_in(size: [f32; 2]) -> Self {
        Self::silent(size, Prefill::default()).signed_in()
    }

    /// The same on a slow machine, on which a frame ends before much is applied.
    pub(crate) fn live_slow() -> Self {
        let window = Self::live();
        window.clock.with(|clock| clock.tick = Duration::from_millis(3));
        window
    }

    fn signed_in(self) -> Self {
        let mut window = self;
        window.settings(vec![window.profile.clone()], Theme::Dark);
        let profile = window.id();
        window.status(profile, |status| status.connection = Some(ConnectionState::Live));
        window.send_event(Event::Restored { profile, entries: Vec::new(), live_from: Seq(0), complete: true });
        window.run();
        window
    }

    pub(crate) fn id(&self) -> ProfileId {
        self.profile.id
    }

    /// Sends an event of the engine. The window reads it in the next frame.
    pub(crate) fn send_event(&mut self, event: Event) {
        self.engine.0.borrow_mut().events.push_back(event);
    }

    /// Changes the status. The window sees it in the next frame.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut EngineStatus)) {
        let (status, changed) = &mut self.engine.0.borrow_mut().status;
        change(status);
        *changed = true;
    }

    /// Changes a profile's status.
    pub(crate) fn status(&mut self, profile: ProfileId, change: impl FnOnce(&mut ProfileStatus)) {
        self.change(|status| change(Arc::make_mut(status.profiles.entry(profile).or_default())));
    }

    /// Sets the state of a sign-in.
    pub(crate) fn sign_in_is(&mut self, profile: ProfileId, state: SignInState) {
        self.status(profile, |status| {
            let number = status.sign_in.as_ref().map_or(0, |sign_in| sign_in.number) + 1;
            status.sign_in = Some(SignInStatus { number, state });
        });
    }

    /// Sets the queued downloads.
    pub(crate) fn queue(&mut self, queue: Vec<WaitingDownload>) {
        self.change(|status| status.queue = queue.into());
    }

    /// Sends the engine's settings.
    pub(crate) fn send_settings(&mut self, settings: Settings) {
        let done = self.engine.with(|engine| {
            engine.preferences = settings.preferences.clone();
            engine.change
        });
        self.send_settings_of(settings, done);
    }

    /// Sends the engine's settings as they were after `done` changes of the preferences.
    pub(crate) fn send_settings_of(&mut self, settings: Settings, done: u64) {
        self.change(|status| {
            status.preferences_change = done;
            status.settings = Some(Arc::new(settings));
        });
    }

    /// The engine's preferences, after all actions.
    pub(crate) fn preferences(&self) -> Preferences {
        self.engine.with(|engine| engine.preferences.clone())
    }

    pub(crate) fn settings(&mut self, profiles: Vec<Profile>, theme: Theme) {
        let preferences = Preferences { theme, ..Preferences::default() };
        self.send_settings(Settings { preferences, profiles });
    }

    /// Sets whether the engine's channel is full.
    pub(crate) fn busy(&mut self, busy: bool) {
        self.engine.0.borrow_mut().busy = busy;
    }

    /// The engine's actions since the last call, without queries of the journal.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        let all = std::mem::take(&mut self.engine.0.borrow_mut().actions);
        all.into_iter().filter(|action| !matches!(action, Action::History { .. })).collect()
    }

    /// The queries of the journal since the last call.
    pub(crate) fn journal_requests(&mut self) -> Vec<Action> {
        let all = std::mem::take(&mut self.engine.0.borrow_mut().actions);
        all.into_iter().filter(|action| matches!(action, Action::History { .. })).collect()
    }

    /// Draws until nothing changes any more.
    #[track_caller]
    pub(crate) fn run(&mut self) {
        self.harness.run();
    }

    /// Advances the clocks.
    pub(crate) fn wait(&mut self, time: Duration) {
        let mut times = self.clock.0.borrow_mut();
        times.now = times.now.plus(time);
        times.instant += time;
    }

    /// Sets the wall clock to a time of the day on which all tests take place.
    pub(crate) fn set_clock(&mut self, time: &str) {
        self.clock.0.borrow_mut().now = at(time);
    }

    /// A message as received on the socket, not yet committed.
    pub(crate) fn entry(&mut self, raw: &str) -> Entry {
        let Incoming::Message(message) = incoming::parse(raw) else { panic!("no message: {raw}") };
        let key = ActivityKey::of(&message);
        self.fact(key, Fact::Received(message), raw)
    }

    /// Skips this many entry numbers.
    pub(crate) fn skip(&mut self, entries: u64) {
        self.seq += entries;
    }

    /// A fact of an activity, not yet committed.
    pub(crate) fn fact(&mut self, key: ActivityKey, fact: Fact, raw: &str) -> Entry {
        self.seq += 1;
        Entry { seq: Seq(self.seq), at: self.clock.0.borrow().now, key, fact, raw: raw.into() }
    }

    /// Sends committed messages.
    pub(crate) fn receive(&mut self, raws: &[String]) {
        let entries = raws.iter().map(|raw| self.entry(raw)).collect();
        let profile = self.id();
        self.send_event(Event::Committed { profile, entries });
        self.run();
    }

    /// Sends committed facts.
    pub(crate) fn commit(&mut self, entries: Vec<Entry>) {
        let profile = self.id();
        self.send_event(Event::Committed { profile, entries });
        self.run();
    }

    /// A part of the window, by role and accessible name.
    #[track_caller]
    pub(crate) fn find<'a>(&'a self, role: Role, name: &'a str) -> Node<'a> {
        self.harness.get_by_role_and_label(role, name)
    }

    /// The only part of a role, if there is one.
    pub(crate) fn find_role(&self, role: Role) -> Option<Node<'_>> {
        self.harness.query_by_role(role)
    }

    /// Whether there is such a part.
    pub(crate) fn has(&self, role: Role, name: &str) -> bool {
        self.harness.query_by_role_and_label(role, name).is_some()
    }

    /// Whether a label has this text.
    pub(crate) fn reads(&self, words: &str) -> bool {
        self.all(Role::Label).iter().any(|name| name == words)
    }

    /// The names of every part of a role, in the order of the tree.
    pub(crate) fn all(&self, role: Role) -> Vec<String> {
        self.harness
            .query_all_by_role(role)
            .map(|node| node.accesskit_node())
            .map(|node| node.label().or_else(|| node.value()).unwrap_or_default())
            .collect()
    }

    /// The names of the visible rows.
    pub(crate) fn rows(&self) -> Vec<String> {
        self.all(Role::Row)
    }

    /// Clicks a part.
    #[track_caller]
    pub(crate) fn click(&mut self, role: Role, name: &str) {
        self.find(role, name).click();
        self.run();
    }

    #[track_caller]
    pub(crate) fn press(&mut self, name: &str) {
        self.click(Role::Button, name);
    }

    /// Presses a key.
    #[track_caller]
    pub(crate) fn key(&mut self, key: egui::Key) {
        self.key_with(egui::Modifiers::NONE, key);
    }

    #[track_caller]
    pub(crate) fn key_with(&mut self, modifiers: egui::Modifiers, key: egui::Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.run();
    }

    /// Types into a field.
    #[track_caller]
    pub(crate) fn type_into(&mut self, role: Role, name: &str, text: &str) {
        let field = self.find(role, name);
        field.focus();
        self.run();
        self.harness.event(egui::Event::Text(text.to_owned()));
        self.run();
    }

    /// Types into whatever has the focus.
    pub(crate) fn type_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.harness.event(egui::Event::Text(text.to_owned()));
            self.run();
        }
    }

    /// Every part of a role.
    pub(crate) fn nodes(&self, role: Role) -> impl Iterator<Item = Node<'_>> {
        self.harness.query_all_by_role(role)
    }

    /// The name of the focused part.
    pub(crate) fn focused(&self) -> Option<String> {
        let focused = self.harness.root().accesskit_node().tree_state.focus()?;
        focused.label().or_else(|| focused.value())
    }

    /// Presses a button. Returns the text that it copied.
    #[track_caller]
    pub(crate) fn copies(&mut self, name: &str) -> String {
        self.find(Role::Button, name).click();
        for _ in 0..4 {
            self.harness.step();
            let copied = self.harness.output().platform_output.commands.iter().find_map(|command| match command {
                egui::OutputCommand::CopyText(text) => Some(text.clone()),
                _ => None,
            });
            if let Some(copied) = copied {
                self.run();
                return copied;
            }
        }
        panic!("{name} copies nothing");
    }

    /// Presses the last of several buttons with one name: the one in a menu above the others.
    pub(crate) fn press_last(&mut self, name: &str) {
        self.harness.get_all_by_role_and_label(Role::Button, name).last().expect(name).click();
        self.run();
    }

    /// The names of the selected visible rows.
    pub(crate) fn selected(&self) -> Vec<String> {
        self.harness
            .query_all_by_role(Role::Row)
            .map(|node| node.accesskit_node())
            .filter(|node| node.is_selected() == Some(true))
            .filter_map(|node| node.label())
            .collect()
    }
}

/// egui reports textures that nobody has taken; a test that draws nothing needs none.
impl Drop for Window {
    fn drop(&mut self) {
        self.textures.with(egui::TexturesDelta::clear);
    }
}

impl Window {
    /// The time until the next frame, if nothing happens.
    pub(crate) fn repaint_delay(&self) -> Duration {
        self.harness
            .output()
            .viewport_output
            .get(&egui::ViewportId::ROOT)
            .map_or(Duration::MAX, |output| output.repaint_delay)
    }

    /// Draws one frame. Returns the window's commands to the system.
    pub(crate) fn step(&mut self) -> Vec<egui::ViewportCommand> {
        self.harness.step();
        self.harness
            .output()
            .viewport_output
            .get(&egui::ViewportId::ROOT)
            .map(|output| output.commands.clone())
            .unwrap_or_default()
    }

    /// Closes the window as a person does.
    pub(crate) fn close(&mut self) -> Vec<egui::ViewportCommand> {
        let root = self.harness.input_mut().viewports.entry(egui::ViewportId::ROOT).or_default();
        root.events.push(egui::ViewportEvent::Close);
        let commands = self.step();
        self.harness.input_mut().viewports.entry(egui::ViewportId::ROOT).or_default().events.clear();
        commands
    }

    /// Turns the wheel over the table.
    pub(crate) fn scroll(&mut self, by: f32) {
        self.harness.hover_at(egui::pos2(400.0, 400.0));
        self.run();
        self.harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, by),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: egui::Modifiers::NONE,
        });
        for _ in 0..20 {
            self.harness.step();
        }
    }

    /// Presses the first of several buttons with one name.
    pub(crate) fn press_first(&mut self, name: &str) {
        self.harness.get_all_by_role_and_label(Role::Button, name).next().expect(name).click();
        self.run();
    }

    pub(crate) fn dialog_is_open(&self) -> bool {
        self.dialogs_open() > 0
    }

    pub(crate) fn dialogs_open(&self) -> usize {
        self.dialogs.with(|dialogs| dialogs.len())
    }

    pub(crate) fn suggestion(&self) -> SaveSuggestion {
        self.dialogs.with(|dialogs| dialogs.last().expect("no dialog is open").0.clone())
    }

    /// Answers the file dialog: with a path, or by cancelling.
    pub(crate) fn answer_file_dialog(&mut self, path: Option<&str>) {
        let (_, answer) = self.dialogs.with(Vec::pop).expect("no dialog is open");
        answer.respond(path.map(Into::into));
        self.run();
    }

    /// Drops the dialog without an answer.
    pub(crate) fn drop_dialog(&mut self) {
        self.dialogs.with(Vec::clear);
        self.run();
    }
}

/// A command's message.
pub(crate) fn command(id: &str, status: i64, body: &str) -> String {
    serde_json::json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": body}}).to_string()
}

/// A data request's message.
pub(crate) fn data(id: &str, context: &str, output_type: i64, body: &str) -> String {
    serde_json::json!({"data": {
        "type": "X-DPT-CAB-REQUEST-ID", "id": id, "data_context": context, "output_type": output_type, "body": body,
    }})
    .to_string()
}

/// A link, with its secret redacted as the engine does.
pub(crate) const LINK: &str = "https://download.example.com/…?auth=hidden";

/// A payload inside a message.
pub(crate) const INLINE: &str = "VGhlIHBheWxvYWQgaXRzZWxmLCBpbiB0aGUgbWVzc2FnZS4=";

/// The default link lifetime of the settings.
pub(crate) const LINK_LIFETIME: Duration = Duration::from_mins(10);
