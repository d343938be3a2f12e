//! Every screen in both themes, compared with its approved snapshot. `snapshot_store.rs` describes how to update them.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use privicore_monitor::activity::{ActivityKey, DownloadReceipt, Entry, Fact, Gap, GapCause, LocalEvent, Seq};
use privicore_monitor::engine::{
    Action, ConnectionHealth, ConnectionState, DataKeyStatus, DisconnectReason, DownloadProgress, DownloadStage, Event,
    TokenStatus,
};
use privicore_monitor::protocol::{DataToken, DataTokenPage, StoredData};
use privicore_monitor::settings::{DownloadSettings, Profile, Theme};
use privicore_monitor::ui::Prefill;

use super::harness::{INLINE, LINK, Window, at, command, data, ops};
use super::insight::ended;
use super::screens;
use super::snapshot_store;
use super::software_renderer::Picture;

/// A screen's name, and how to open it from the start.
pub(super) type Screen = (&'static str, [f32; 2], fn(Theme, [f32; 2]) -> Window);

pub(super) const SCREENS: [Screen; 36] = [
    ("main", SIZE, main),
    ("details", SIZE, details),
    ("gap-details", SIZE, gap_details),
    ("downloads", SIZE, downloads),
    ("sign-in", SIZE, sign_in),
    ("reconnecting", SIZE, reconnecting),
    ("empty", SIZE, empty),
    ("palette", SIZE, palette),
    ("settings", SIZE, settings),
    ("data-settings", SIZE, data_settings),
    ("export", SIZE, export),
    ("request-data", SIZE, request_data),
    ("track-commands", SIZE, track_commands),
    ("columns", SIZE, columns),
    ("completeness", SIZE, completeness),
    ("shortcuts", SIZE, shortcuts),
    ("guide", SIZE, guide),
    ("about", SIZE, about),
    ("small", SMALL, main),
    ("small-details", SMALL, details),
    ("all-profiles", SIZE, all_profiles),
    ("insight", SIZE, insight),
    ("small-insight", SMALL, insight),
    ("twelve-profiles", SIZE, twelve_profiles),
    ("half", HALF, main),
    ("half-details", HALF, details),
    ("half-insight", HALF, insight),
    ("half-sign-in", HALF, sign_in),
    ("half-request-data", HALF, request_data),
    ("quarter", QUARTER, main),
    ("quarter-settings", QUARTER, settings),
    ("small-long-words", SMALL, screens::long_words),
    ("notice", SMALL, screens::long_notice),
    ("file-path", SMALL, screens::wrong_path),
    ("half-export", HALF, screens::export_of_filter),
    ("mistakes", SIZE, screens::wrong_data_settings),
];

const SIZE: [f32; 2] = [1280.0, 800.0];
const SMALL: [f32; 2] = [800.0, 500.0];
/// 1280 × 800 pixels at 200 %, and 800 × 500 at 125 %.
const HALF: [f32; 2] = [640.0, 400.0];
/// 800 × 500 pixels at 200 %.
const QUARTER: [f32; 2] = [400.0, 250.0];

#[track_caller]
fn every_screen_is_as_it_was(theme: Theme, suffix: &str) {
    let wrong: Vec<String> = SCREENS
        .iter()
        .filter_map(|(name, size, open)| {
            let picture = picture(&mut open(theme, *size));
            snapshot_store::wrong(&format!("{name}-{suffix}"), &picture)
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{}\nLook at them. Where the new ones are as they should be: `UPDATE_SNAPSHOTS=1 cargo test --test ui snapshots`.",
        wrong.join("\n")
    );
}

fn picture(window: &mut Window) -> Picture {
    let harness = &window.harness;
    let shapes = harness.ctx.tessellate(harness.output().shapes.clone(), harness.output().pixels_per_point);
    let place = harness.ctx.content_rect();
    window.textures.with(|textures| Picture::draw(place.size(), textures, &shapes))
}

#[test]
fn every_screen_matches_its_snapshot_in_the_dark_theme() {
    every_screen_is_as_it_was(Theme::Dark, "dark");
}

#[test]
fn every_screen_matches_its_snapshot_in_the_light_theme() {
    every_screen_is_as_it_was(Theme::Light, "light");
}

#[test]
fn each_screen_has_one_picture_in_each_theme_and_all_are_few_and_small() {
    let mut expected: Vec<String> =
        SCREENS.iter().flat_map(|(name, ..)| ["dark", "light"].map(|theme| format!("{name}-{theme}"))).collect();
    expected.sort();
    assert_eq!(snapshot_store::names(), expected);
    assert!(expected.len() <= 80, "{} pictures are too many to look at", expected.len());
    let size = snapshot_store::size();
    assert!(size <= 12_000_000, "the pictures take {size} bytes");
}

/// A window of these profiles, all live.
fn live(theme: Theme, size: [f32; 2], beside: &[Profile]) -> Window {
    let mut window = Window::silent(size, Prefill::default());
    let profiles: Vec<Profile> = std::iter::once(&window.profile).chain(beside).cloned().collect();
    window.settings(profiles.clone(), theme);
    for profile in &profiles {
        let profile = profile.id;
        window.status(profile, |status| status.connection = Some(ConnectionState::Live));
        window.status(profile, |status| {
            status.health = ConnectionHealth {
                round_trip: Some(Duration::from_millis(12)),
                keep_alives: 0,
                pong: None,
                message: None,
                p95_pause: None,
            }
        });
        let expires_at = Some(at("15:17:00"));
        window.status(profile, |status| status.token = TokenStatus::Held { expires_at, persisted: true });
        window.send_event(Event::Restored { profile, entries: Vec::new(), live_from: Seq(0), complete: true });
    }
    window.change(|status| status.journal_size = Some(1_260_000));
    window.run();
    window.key_with(Modifiers::COMMAND, Key::Num1);
    window
}

/// An operator's typical morning.
pub(super) fn filled(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = live(theme, size, &[]);
    fill(&mut window);
    window
}

fn fill(window: &mut Window) {
    window.set_clock("12:00:48.010");
    window.receive(&[
        command("90b1f3aa-2c7e-4f07-9f5e-1d2f0b7f6a11", 2, "Command completed successfully"),
        data("5d5a1c66-0f43-4c88-8a6b-3c3c5e0a9d21", "reports/january", 0, INLINE),
        command("c4d70f2e-7d44-41d6-bb0e-0a9e7b3f5521", 3, "profile.not_an_owner"),
        r#"{"data":{"type":"X-DPT-QUOTA","id":"quota-7","used":0.82}}"#.to_owned(),
    ]);
    let gap = gap(window);
    window.commit(vec![gap]);
    window.set_clock("12:01:02.400");
    window.receive(&[
        command("7be21a90-66a1-4d0c-8a7d-52a6d7f0a001", 7, "Queued for review"),
        command("0e6fd5b3-9a3c-4ce2-9c2e-a6ed7c1b2a02", 2, "Device approved"),
        data("e81d0b5c-12aa-4a55-9e5f-77c1f9a1d003", "invoices/2025-Q4", 1, LINK),
        data("b24b68f6-e39f-4f8e-8f2d-4a5ef0b9c004", "invoices/2026-Q1", 0, "Collecting 3 parts"),
    ]);
    let saved =
        LocalEvent::Saved { to: "/home/ops/q4.pdf".to_owned(), size: 48_213, receipt: DownloadReceipt::default() };
    let saved = window.fact(ActivityKey::Data("e81d0b5c-12aa-4a55-9e5f-77c1f9a1d003".into()), Fact::Local(saved), "");
    let label = LocalEvent::Labelled { label: "approve device".to_owned() };
    let label =
        window.fact(ActivityKey::Command("23f7978a-5561-4718-84ca-c38d7db0843c".into()), Fact::Local(label), "");
    window.commit(vec![saved, label]);
    window.set_clock("12:04:31.002");
    window.receive(&[
        command("23f7978a-5561-4718-84ca-c38d7db0843c", 1, ""),
        command("3f2c9d1e-8b7a-4e6f-a5d4-c3b2a1908005", 1, "Waiting for the device"),
        data("b24b68f6-e39f-4f8e-8f2d-4a5ef0b9c004", "invoices/2026-Q1", 1, LINK),
    ]);
    window.set_clock("12:04:33.120");
    window.receive(&[command("23f7978a-5561-4718-84ca-c38d7db0843c", 2, "Command completed successfully")]);
    // Late enough that nothing counts as just changed.
    window.set_clock("12:04:38.500");
    window.run();
}

fn gap(window: &mut Window) -> Entry {
    let gap = Gap {
        from: at("12:00:49"),
        to: Some(at("12:00:55")),
        cause: GapCause::Disconnected,
        open: vec!["3f2c9d1e-8b7a-4e6f-a5d4-c3b2a1908005".into(), "23f7978a-5561-4718-84ca-c38d7db0843c".into()],
        requests: 0,
        open_requests: Vec::new(),
    };
    window.fact(ActivityKey::Gap("gap-1".into()), Fact::Gap(gap), "")
}

fn main(theme: Theme, size: [f32; 2]) -> Window {
    filled(theme, size)
}

/// Opens the details of a data request and answers for the journal.
fn with_details(mut window: Window) -> Window {
    let id = "b24b68f6-e39f-4f8e-8f2d-4a5ef0b9c004";
    window.click(Role::Row, &format!("Data request {id}, Ready"));
    window.key(Key::Enter);
    let Some(Action::History { key, .. }) = window.journal_requests().pop() else {
        panic!("the journal was not asked")
    };
    window.set_clock("12:01:02.400");
    let first = window.entry(&data(id, "invoices/2026-Q1", 0, "Collecting 3 parts"));
    window.set_clock("12:04:31.002");
    let second = window.entry(&data(id, "invoices/2026-Q1", 1, LINK));
    window.set_clock("12:04:38.500");
    let profile = window.id();
    window.send_event(Event::History { profile, key, entries: vec![first, second], is_cut: false });
    window.run();
    window
}

fn details(theme: Theme, size: [f32; 2]) -> Window {
    with_details(filled(theme, size))
}

fn gap_details(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.click(Role::Row, "Gap 12:00:49 to 12:00:55");
    window.key(Key::Enter);
    let Some(Action::History { key, .. }) = window.journal_requests().pop() else {
        panic!("the journal was not asked")
    };
    let entries = vec![gap(&mut window)];
    let profile = window.id();
    window.send_event(Event::History { profile, key, entries, is_cut: false });
    window.run();
    window
}

fn downloads(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.receive(&["q2", "q3"].map(|name| data(name, &format!("reports/{name}.csv"), 1, LINK)));
    let request = "b24b68f6-e39f-4f8e-8f2d-4a5ef0b9c004";
    let fetching =
        Fact::Local(LocalEvent::Fetching { to: "/home/ops/invoice.bin".into(), part: None, links: Vec::new() });
    let fetching = window.fact(ActivityKey::Data(request.into()), fetching, "");
    window.commit(vec![fetching]);
    let progress = DownloadProgress {
        file_name: "invoice.bin".to_owned(),
        received: 18_000_000,
        total: Some(29_000_000),
        rate: 41e6,
        left: Some(Duration::from_millis(270)),
        stage: DownloadStage::Receiving,
    };
    let profile = window.id();
    window.status(profile, |status| _ = status.downloads.insert(request.into(), progress));
    window.set_clock("12:04:41.000");
    window.run();
    window
}

fn sign_in(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = Window::silent(size, Prefill::default());
    window.settings(Vec::new(), theme);
    window.run();
    window
}

fn reconnecting(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    let gap = Gap {
        from: at("12:04:35"),
        to: None,
        cause: GapCause::Disconnected,
        open: vec!["3f2c9d1e-8b7a-4e6f-a5d4-c3b2a1908005".into()],
        requests: 1,
        open_requests: vec!["b24b68f6-e39f-4f8e-8f2d-4a5ef0b9c004".into()],
    };
    let gap = window.fact(ActivityKey::Gap("gap-2".into()), Fact::Gap(gap), "");
    window.commit(vec![gap]);
    let why = DisconnectReason::Closed { code: None, reason: String::new() }.into();
    let at = window.clock.with(|clock| clock.instant) + Duration::from_secs(7);
    let state = ConnectionState::Reconnecting { at, attempt: 3, why };
    let profile = window.id();
    window.status(profile, |status| status.connection = Some(state));
    window.run();
    window
}

fn empty(theme: Theme, size: [f32; 2]) -> Window {
    live(theme, size, &[])
}

/// The filled window after a key.
fn after((theme, size): (Theme, [f32; 2]), modifiers: Modifiers, key: Key) -> Window {
    let mut window = filled(theme, size);
    window.key_with(modifiers, key);
    window
}

/// The filled window after a command from the palette.
fn by_palette(at: (Theme, [f32; 2]), command: &str) -> Window {
    let mut window = after(at, Modifiers::COMMAND, Key::K);
    window.type_text(command);
    window.key(Key::Enter);
    window
}

fn palette(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = after((theme, size), Modifiers::COMMAND, Key::K);
    window.type_text("re");
    window
}

fn settings(theme: Theme, size: [f32; 2]) -> Window {
    after((theme, size), Modifiers::COMMAND, Key::Comma)
}

/// With hosts, and with a stored key.
fn data_settings(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = filled(theme, size);
    window.profile.saving = DownloadSettings {
        folder: Some("/home/ops/in".into()),
        automatic_hosts: vec!["files.example.com".to_owned()],
        decrypt: true,
        ..DownloadSettings::default()
    };
    window.settings(vec![window.profile.clone()], theme);
    let profile = window.id();
    window.status(profile, |status| status.data_key = DataKeyStatus { known: true, persisted: true });
    window.run();
    window.press("Menu");
    window.press("Ready data settings…");
    window
}

fn export(theme: Theme, size: [f32; 2]) -> Window {
    after((theme, size), Modifiers::COMMAND, Key::E)
}

fn request_data(theme: Theme, size: [f32; 2]) -> Window {
    let mut window = after((theme, size), Modifiers::COMMAND, Key::R);
    let stored = |token: &str, context: &str, file_name: &str, size| StoredData {
        token: DataToken::new(token),
        context: context.to_owned(),
        file_name: file_name.to_owned(),
        size: Some(size),
        created: "2026-03-02T08:15:00Z".parse().ok(),
    };
    let items = vec![
        stored("dtk-1", "invoices/2026-Q1", "q1.pdf", 48_213),
        stored("dtk-2", "contracts", "nda.pdf", 1_800),
        stored("dtk-3", "invoices/2026-Q2", "q2.pdf", 2_400_000),
        stored("dtk-4", "keys", "", 96),
    ];
    let answer = Ok(DataTokenPage { items, count: Some(4) });
    let profile = window.id();
    window.send_event(Event::DataTokens { profile, page: 1, answer });
    window.run();
    window
}

fn track_commands(theme: Theme, size: [f32; 2]) -> Window {
    after((theme, size), Modifiers::COMMAND, Key::T)
}

fn columns(theme: Theme, size: [f32; 2]) -> Window {
    by_palette((theme, size), "Columns")
}

fn completeness(theme: Theme, size: [f32; 2]) -> Window {
    by_palette((theme, size), "Completeness")
}

fn shortcuts(theme: Theme, size: [f32; 2]) -> Window {
    after((theme, size), Modifiers::NONE, Key::F1)
}

fn guide(theme: Theme, size: [f32; 2]) -> Window {
    by_palette((theme, size), "Operator’s guide")
}

fn about(theme: Theme, size: [f32; 2]) -> Window {
    by_palette((theme, size), "About")
}

fn all_profiles(theme: Theme, size: [f32; 2]) -> Window {
    let audit = Profile { name: "audit".to_owned(), username: "audit@example.com".to_owned(), ..ops() };
    let mut window = live(theme, size, std::slice::from_ref(&audit));
    window.receive(&[command("c-1001", 2, "Command completed successfully"), command("c-1002", 1, "")]);
    let entry = window.entry(&command("c-2001", 3, "policy.rejected"));
    window.send_event(Event::Committed { profile: audit.id, entries: vec![entry] });
    window.set_clock("12:04:38.500");
    window.run();
    window.press("All profiles");
    window
}

/// An hour of commands before the operator's morning, with Insight open.
fn with_insight(theme: Theme, size: [f32; 2]) -> Window {
    const REASONS: [&str; 4] =
        ["data_token.space_expired", "policy.already_active", "profile.not_an_owner", "device.not_found"];
    const TOOK: [u64; 12] = [80, 210, 380, 520, 760, 900, 1_150, 1_700, 2_600, 4_100, 7_300, 19_000];
    let mut window = live(theme, size, &[]);
    let (mut count, mut entries) = (0, Vec::new());
    for minute in 0..59_u64 {
        for second in 0..4 + minute * 7 % 9 + minute / 12 {
            count += 1;
            let took = pick(&TOOK, count * 5 % 17 * 12 / 17) + count * 13 % 90;
            let failed = minute % 13 == 5 && second < 1 + minute % 3;
            let reason = if minute == 18 { "" } else { pick(&REASONS, minute + second * 3) };
            let failed = failed.then_some(reason);
            let time = 11 * 60 + 5 + minute;
            let time = format!("{}:{:02}:{second:02}", time / 60, time % 60);
            entries.extend(ended(&mut window, &format!("c-{count}"), &time, Duration::from_millis(took), failed));
        }
    }
    window.commit(entries);
    fill(&mut window);
    window.key(Key::I);
    window
}

/// The list's element at an index; the list repeats.
fn pick<T: Copy>(list: &[T], at: u64) -> T {
    let at = usize::try_from(at).unwrap_or_default();
    list.iter().copied().cycle().nth(at).expect("an empty list")
}

fn insight(theme: Theme, size: [f32; 2]) -> Window {
    with_insight(theme, size)
}

/// More profiles than there is space for tabs.
pub(super) fn twelve_profiles(theme: Theme, size: [f32; 2]) -> Window {
    const NAMES: [&str; 11] = [
        "audit",
        "billing",
        "cases",
        "devices",
        "exports",
        "finance",
        "grants",
        "hr",
        "intake",
        "jobs",
        "a-very-long-profile-name-of-an-operator",
    ];
    live(theme, size, &NAMES.map(|name| Profile { name: name.to_owned(), ..ops() }))
}
