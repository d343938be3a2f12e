//! However long the journal is, the entries that the operator clicks on are found without reading all of it. The set of awaited
//! requests stays bounded without dropping open ones.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::activity::{ActivityKey, Entry, Fact, Seq, Timestamp};
use crate::credentials::Keyring;
use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::download::data_requests::DataRequester;
use crate::engine::download::report_if_arrived;
use crate::engine::events::action::Action;
use crate::engine::events::event::Event;
use crate::engine::events::event_queue::{self, EventReceiver};
use crate::engine::network::endpoints::Endpoints;
use crate::engine::state::gaps::PreviousRun;
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::pending_commands::PendingCommands;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::engine::supervisor::state::expected_downloads::MAX_EXPECTED;
use crate::engine::supervisor::test_parts::TestParts;
use crate::engine::test_support::{Scripted, TestJournal};
use crate::protocol::incoming::message::Incoming;
use crate::protocol::incoming::parse;
use crate::protocol::{AuthorizationToken, RequestId};
use crate::settings::{Directories, Profile, Settings, Store};

/// How many entries lie between those that are looked up.
const BETWEEN: u32 = 10_000;
/// How many other requests are open.
const OPEN: u32 = 25;
/// An upper limit of SQLite instructions for one look-up, which is too low to read all entries.
const FEW: u64 = 2_000;

fn received(data: &serde_json::Value) -> Entry {
    let raw = serde_json::json!({ "data": data }).to_string();
    let Incoming::Message(message) = parse(&raw) else { panic!("{raw}") };
    Entry { raw: raw.into(), ..Entry::local(Timestamp(0), ActivityKey::of(&message), Fact::Received(message)) }
}

fn data(id: &str, body: &str) -> Entry {
    received(&serde_json::json!({"type": "X-DPT-CAB-REQUEST-ID", "id": id, "output_type": 0, "body": body}))
}

struct Fixture {
    journal: TestJournal,
    events: EventReceiver,
    actions: mpsc::Sender<Action>,
    context: EngineContext,
    profile: Profile,
    folder: tempfile::TempDir,
}

impl Fixture {
    /// An engine at the end of its start, with a long journal.
    async fn new() -> Self {
        let (event_sender, events) = event_queue::channel(Arc::new(|| {}));
        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::at(folder.path().join("data"), folder.path().join("config")).unwrap();
        let (store, settings, _) = Store::open(&directories);
        let profile = Profile { name: "Fixture".to_owned(), keep_signed_in: false, ..Profile::default() };
        let settings = Settings { profiles: vec![profile.clone()], ..settings };
        let journal = TestJournal::new(event_sender.clone());
        let mut few = vec![data("r", "wait"), data("inline", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY")];
        few.extend((0..OPEN).map(|number| data(&format!("open-{number}"), "wait")));
        journal.journal.append(profile.id, few).await.unwrap();
        let command = |number: u32| {
            received(&serde_json::json!({"type": "X-DPT-CAB-ID", "id": number.to_string(), "command_status": 2}))
        };
        journal.journal.append(profile.id, (0..BETWEEN).map(command).collect()).await.unwrap();
        journal.journal.append(profile.id, vec![data("r", "still")]).await.unwrap();
        let parts = TestParts {
            event_sender,
            clock: Arc::new(|| Timestamp(0)),
            journal: &journal,
            keyring: Keyring::in_memory(),
            connector: Scripted::new().0,
            data: directories.data(),
            store,
            settings,
            live_from: Seq(u64::from(BETWEEN + OPEN) + 4),
        };
        let (context, actions, _running) = parts.start();
        let fixture = Self { journal, events, actions, context, profile, folder };
        fixture.wait(|event| matches!(event, Event::Restored { complete: true, .. })).await;
        // Open activities are looked up concurrently with the restore; this waits until that is done.
        fixture.journal.journal.open_activities(fixture.profile.id).await.unwrap();
        fixture
    }

    async fn wait(&self, is_it: impl Fn(&Event) -> bool) {
        let seen = async {
            while !std::iter::from_fn(|| self.events.try_next()).any(|event| is_it(&event)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_mins(1), seen).await.expect("it comes");
    }

    /// How many instructions SQLite executes for the reader until `done` completes.
    async fn steps(&self, done: impl Future<Output = ()>) -> u64 {
        let before = self.journal.journal.reader_steps();
        done.await;
        self.journal.journal.reader_steps() - before
    }

    async fn send(&self, action: Action, is_it: impl Fn(&Event) -> bool) {
        self.actions.send(action).await.unwrap();
        self.wait(is_it).await;
    }
}

fn is_notice(event: &Event, words: &str) -> bool {
    matches!(event, Event::Notice(notice) if notice.sentence().contains(words))
}

#[tokio::test]
async fn open_requests_are_found_without_reading_the_whole_journal() {
    let fixture = Fixture::new().await;
    let (profile, request) = (fixture.profile.id, RequestId::from("r"));
    let key = ActivityKey::Data(request.clone());
    let whole = fixture.steps(async {
        let all = Some((Seq(0), Seq(u64::MAX)));
        fixture.journal.journal.history(profile, &ActivityKey::Command("1".into()), all).await.unwrap();
    });
    assert!(whole.await > u64::from(BETWEEN), "the count sees no scan");

    let to = |name: &str| fixture.folder.path().join(name);
    let inline = Action::SaveInline { profile, request: "inline".into(), to: to("inline"), span: None };
    let is_saved = |entry: &Entry| matches!(entry.fact, Fact::Local(crate::activity::LocalEvent::Saved { .. }));
    let saved = |event: &Event| matches!(event, Event::Committed { entries, .. } if entries.iter().any(is_saved));
    let steps = fixture.steps(fixture.send(inline, saved)).await;
    assert!(steps < FEW, "saving inline data took {steps} steps");
    assert_eq!(std::fs::read(to("inline")).unwrap(), b"ABCDEFGHIJKLMNOPQRSTUVWX");

    let download = Action::Download { profile, request: request.clone(), to: to("download") };
    let steps = fixture.steps(fixture.send(download, |event| is_notice(event, "was not saved"))).await;
    assert!(steps < FEW, "a download took {steps} steps");

    let history = Action::History { profile, key, from: Seq(1), to: Seq(u64::from(BETWEEN + OPEN) + 3) };
    let read = |event: &Event| matches!(event, Event::History { entries, is_cut: false, .. } if entries.len() == 2);
    let steps = fixture.steps(fixture.send(history, read)).await;
    assert!(steps < FEW, "the details took {steps} steps");

    let steps = fixture.steps(report_if_arrived(fixture.context.clone(), profile, request.clone())).await;
    assert!(steps < FEW, "looking for data that came took {steps} steps");

    let (past, told) = oneshot::channel();
    drop(past.send(PreviousRun::default()));
    let (_left, found) = oneshot::channel();
    let kept = (PendingCommands::default(), LinkStore::default());
    let (store, event_sender) = (fixture.context.journal_store.clone(), fixture.context.event_sender.clone());
    let asking = DataRequester {
        profile,
        session_credentials: Arc::new(SessionCredentials {
            number: 1,
            endpoints: Arc::new(Endpoints::of(&fixture.profile).unwrap()),
            token: AuthorizationToken::new("T"),
        }),
        journal_writer: JournalWriter::start(
            profile,
            store,
            event_sender,
            kept,
            (told, found),
            &fixture.context.spawner,
        ),
        context: fixture.context.clone(),
    };
    let steps = fixture.steps(async {
        asking.request_again(request, None).await;
        fixture.wait(|event| is_notice(event, "its data token is not known")).await;
    });
    let steps = steps.await;
    assert!(steps < FEW, "requesting again took {steps} steps");
}

#[tokio::test]
async fn ended_requests_make_room_for_others_and_open_ones_do_not() {
    let fixture = Fixture::new().await;
    let follow = async |id: String| {
        let (profile, folder) = (fixture.profile.id, Some(fixture.folder.path().to_owned()));
        fixture
            .context
            .report(InternalEvent::Requested { profile, request: id.as_str().into(), folder, size: None })
            .await;
    };
    // The journal knows of nothing open for these.
    for number in 0..3 * MAX_EXPECTED {
        follow(format!("ended-{number}")).await;
    }
    for number in 0..MAX_EXPECTED {
        follow(format!("open-{number}")).await;
    }
    follow("one-more".to_owned()).await;
    let is_full = |event: &Event| {
        let is_full = is_notice(event, "requests are waited for already");
        assert!(!is_full || is_notice(event, "one-more"), "there was room: {event:?}");
        is_full
    };
    fixture.wait(is_full).await;
}
