//! The window always shows the current status, however often and whenever it has read it before.

use egui::Modifiers;
use egui::accesskit::Role;
use privicore_monitor::activity::Seq;
use privicore_monitor::engine::{
    ConnectionHealth, ConnectionState, DataKeyStatus, DisconnectReason, DownloadProgress, Event, Problem,
    ProblemReason, TokenRefusal, TokenStatus,
};
use privicore_monitor::settings::{Preferences, Profile, ProfileId, Settings, Theme};
use privicore_monitor::ui::{Clock as _, Prefill};
use proptest::prelude::*;

use super::harness::{INLINE, Window, at, command, data, ops};

fn profile(number: usize) -> Profile {
    let names = ["ops", "audit", "billing"];
    Profile {
        id: ProfileId::from_u128(number as u128 + 1),
        name: names.get(number).copied().expect("a name").to_owned(),
        ..ops()
    }
}

/// A change of the status.
#[derive(Debug, Clone)]
#[expect(clippy::option_option, reason = "none, or one with or without its end")]
enum Change {
    /// The settings list these profiles, with this theme and scale.
    Settings(Vec<usize>, bool, u16),
    Connection(usize, ConnectionKind),
    Token(usize, Option<Option<u8>>),
    RoundTrip(usize, Option<u8>),
    DataKey(usize, bool),
    /// A download runs, or has ended.
    Download(usize, u8, bool),
    Journal(u32),
    /// A problem begins, or ends.
    Problem(Option<usize>, bool),
}

#[derive(Debug, Clone, Copy)]
enum ConnectionKind {
    SignedOut,
    Connecting,
    Joining,
    Live,
    Reconnecting,
    TokenRefused,
    Offline,
    Leaving,
}

fn changes() -> impl Strategy<Value = Vec<(Change, bool)>> {
    let one = 0..3_usize;
    let listed = prop::sample::subsequence(vec![0, 1, 2], 0..=3);
    let kind = prop::sample::select(vec![
        ConnectionKind::SignedOut,
        ConnectionKind::Connecting,
        ConnectionKind::Joining,
        ConnectionKind::Live,
        ConnectionKind::Live,
        ConnectionKind::Reconnecting,
        ConnectionKind::TokenRefused,
        ConnectionKind::Offline,
        ConnectionKind::Leaving,
    ]);
    let change = prop_oneof![
        2 => (listed, any::<bool>(), 10..=12_u16).prop_map(|(listed, dark, scale)| Change::Settings(listed, dark, scale * 10)),
        4 => (one.clone(), kind).prop_map(|(one, kind)| Change::Connection(one, kind)),
        1 => (one.clone(), any::<Option<Option<u8>>>()).prop_map(|(one, token)| Change::Token(one, token)),
        1 => (one.clone(), any::<Option<u8>>()).prop_map(|(one, time)| Change::RoundTrip(one, time)),
        1 => (one.clone(), any::<bool>()).prop_map(|(one, known)| Change::DataKey(one, known)),
        2 => (one.clone(), 0..2_u8, any::<bool>()).prop_map(|(one, which, runs)| Change::Download(one, which, runs)),
        1 => any::<u32>().prop_map(Change::Journal),
        2 => (prop::option::of(one), any::<bool>()).prop_map(|(one, begins)| Change::Problem(one, begins)),
    ];
    // The flag says whether the window reads the status after the change.
    prop::collection::vec((change, any::<bool>()), 1..16)
}

fn make(window: &mut Window, number: u64, change: Change) {
    match change {
        Change::Settings(listed, dark, scale) => {
            let theme = if dark { Theme::Dark } else { Theme::Light };
            let preferences = Preferences { theme, scale, ..Preferences::default() };
            window.send_settings(Settings { preferences, profiles: listed.into_iter().map(profile).collect() });
        }
        Change::Connection(one, kind) => {
            let at = window.clock.instant() + std::time::Duration::from_secs(5);
            let state = match kind {
                ConnectionKind::SignedOut => ConnectionState::SignedOut,
                ConnectionKind::Connecting => ConnectionState::Connecting,
                ConnectionKind::Joining => ConnectionState::Joining,
                ConnectionKind::Live => ConnectionState::Live,
                ConnectionKind::Reconnecting => {
                    ConnectionState::Reconnecting { at, attempt: 1, why: DisconnectReason::Dead.into() }
                }
                ConnectionKind::TokenRefused => {
                    ConnectionState::TokenRefused { why: TokenRefusal::Join { words: String::new() } }
                }
                ConnectionKind::Offline => ConnectionState::Offline,
                ConnectionKind::Leaving => ConnectionState::Leaving,
            };
            window.status(profile(one).id, |status| status.connection = Some(state));
        }
        Change::Token(one, token) => window.status(profile(one).id, |status| {
            status.token = token.map_or(TokenStatus::Absent, |minutes| TokenStatus::Held {
                expires_at: minutes.map(|minutes| at("13:00:00").plus(std::time::Duration::from_mins(minutes.into()))),
                persisted: minutes.is_some(),
            });
        }),
        Change::RoundTrip(one, time) => window.status(profile(one).id, |status| {
            let round_trip = time.map(|time| std::time::Duration::from_millis(time.into()));
            status.health = ConnectionHealth { round_trip, ..ConnectionHealth::default() };
        }),
        Change::DataKey(one, known) => {
            window.status(profile(one).id, |status| status.data_key = DataKeyStatus { known, persisted: known });
        }
        Change::Download(one, which, runs) => window.status(profile(one).id, |status| {
            let request = format!("r-{which}").as_str().into();
            if runs {
                let progress =
                    DownloadProgress { file_name: format!("{which}.bin"), received: 7, ..DownloadProgress::default() };
                status.downloads.insert(request, progress);
            } else {
                status.downloads.remove(&request);
            }
        }),
        Change::Journal(size) => window.change(|status| status.journal_size = Some(size.into())),
        Change::Problem(one, begins) => window.change(|status| {
            let profile_id = one.map(|one| profile(one).id);
            status.problems.retain(|problem| problem.profile != profile_id);
            if begins {
                let reason = ProblemReason::TokenExpiring { minutes: number };
                status.problems.push(Problem { profile: profile_id, reason, number, times: 1 });
            }
        }),
    }
}

/// Everything that the window shows with the first tab active: roles, names and values, from the top.
fn visible_texts(window: &mut Window) -> Vec<String> {
    window.key_with(Modifiers::COMMAND, egui::Key::Num1);
    window.run();
    let roles = [Role::Label, Role::Alert, Role::Button, Role::ProgressIndicator, Role::Group, Role::TextInput];
    roles
        .into_iter()
        .flat_map(|role| window.all(role).into_iter().map(move |name| format!("{role:?} {name}")))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_final_state_does_not_depend_on_when_the_window_reads_it(changes in changes()) {
        let [mut often, mut once] = [(); 2].map(|()| Window::silent([1280.0, 800.0], Prefill::default()));
        // Both windows have the same clock.
        *once.clock.0.borrow_mut() = often.clock.0.borrow().clone();
        for window in [&mut often, &mut once] {
            window.send_settings(Settings::default());
            window.run();
        }
        for (number, (change, looks)) in (1..).zip(changes) {
            make(&mut often, number, change.clone());
            make(&mut once, number, change);
            if looks {
                often.run();
            }
        }
        prop_assert_eq!(visible_texts(&mut often), visible_texts(&mut once));
    }
}

#[test]
fn a_profile_whose_tab_appears_after_its_connection_reads_live_and_has_its_rows() {
    let mut window = Window::silent([1280.0, 800.0], Prefill::default());
    window.settings(Vec::new(), Theme::Dark);
    let profile = window.id();
    window.status(profile, |status| status.connection = Some(ConnectionState::Joining));
    window.run();
    window.status(profile, |status| {
        status.connection = Some(ConnectionState::Live);
        status.token = TokenStatus::Held { expires_at: Some(at("15:17:00")), persisted: false };
    });
    window.run();
    window.settings(vec![window.profile.clone()], Theme::Dark);
    let entry = window.entry(&command("c-1", 2, "done"));
    window.send_event(Event::Restored { profile, entries: Vec::new(), live_from: Seq(0), complete: true });
    window.commit(vec![entry]);
    window.run();
    assert!(window.reads("Connection: Live"), "{:?}", window.all(Role::Label));
    assert!(!window.reads("Not receiving"), "{:?}", window.all(Role::Label));
    assert!(window.reads("Token expires in 3 h 12 min"), "{:?}", window.all(Role::Label));
    assert_eq!(window.rows(), ["Command c-1, Succeeded"]);
}

#[test]
fn a_problems_notice_disappears_with_the_problem_and_stays_dismissed() {
    let mut window = Window::live();
    let profile = Some(window.id());
    let reason = ProblemReason::NewTokenRefused;
    let sentence = reason.to_string();
    let problem = |number: u64, times: u32| Problem { profile, reason: reason.clone(), number, times };
    window.change(|status| status.problems = vec![problem(1, 1)]);
    window.run();
    assert_eq!(window.all(Role::Alert), std::slice::from_ref(&sentence));
    window.change(|status| status.problems = vec![problem(3, 3)]);
    window.run();
    assert_eq!(window.all(Role::Alert), [format!("{sentence} (3 times)")]);
    // A new sign-in.
    window.change(|status| status.problems.clear());
    window.run();
    assert!(window.all(Role::Alert).is_empty(), "it outlives its cause: {:?}", window.all(Role::Alert));

    window.change(|status| status.problems = vec![problem(4, 1)]);
    window.run();
    window.press("Dismiss");
    window.change(|status| status.journal_size = Some(1));
    window.run();
    assert!(window.all(Role::Alert).is_empty(), "it was dismissed: {:?}", window.all(Role::Alert));
    window.change(|status| status.problems = vec![problem(5, 2)]);
    window.run();
    assert_eq!(window.all(Role::Alert), [format!("{sentence} (2 times)")], "it has come again");
}

#[test]
fn the_drawer_and_the_closing_dialog_show_the_running_downloads() {
    let mut window = Window::live();
    let profile = window.id();
    let request = || privicore_monitor::protocol::RequestId::from("r-1");
    // It has begun and has no name yet.
    window.status(profile, |status| _ = status.downloads.insert(request(), DownloadProgress::default()));
    window.run();
    assert!(window.has(Role::ProgressIndicator, "Downloading r-1"), "{:?}", window.all(Role::ProgressIndicator));
    window.close();
    window.run();
    assert!(window.has(Role::Dialog, "Close Privicore Monitor"), "closing does not ask");
    window.press("Keep open");
    window.status(profile, |status| _ = status.downloads.remove(&request()));
    window.run();
    assert!(!window.has(Role::Group, "Downloads"), "the drawer stays");
    let commands = window.close();
    window.run();
    assert!(!window.has(Role::Dialog, "Close Privicore Monitor"), "closing asks about nothing: {commands:?}");
}

#[test]
fn closing_while_an_inline_payload_is_saved_does_not_mention_a_link() {
    let mut window = Window::live();
    let profile = window.id();
    window.receive(&[data("r-1", "", 0, INLINE)]);
    window.run();
    window.status(profile, |status| _ = status.downloads.insert("r-1".into(), DownloadProgress::default()));
    window.run();
    window.close();
    window.run();
    assert!(window.has(Role::Dialog, "Close Privicore Monitor"), "closing does not ask");
    let words = window.all(Role::Label).concat();
    assert!(words.contains("it can be saved again") && !words.contains("link"), "{words}");
}
