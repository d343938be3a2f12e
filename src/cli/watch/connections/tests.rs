//! Whatever changes, and whenever `watch` looks, the last line that it prints of a connection is true.

use proptest::prelude::*;

use crate::cli::Exit;
use crate::engine::{DisconnectReason, RestError, SignInError, SignInStatus, TokenRefusal};
use crate::settings::Profile;

use super::*;

const NAMES: [&str; 3] = ["ops", "audit", "billing"];

fn profile(number: usize) -> Profile {
    let id = ProfileId::from_u128(number as u128 + 1);
    Profile { id, name: NAMES[number].to_owned(), keep_signed_in: true, ..Profile::default() }
}

/// A change of the engine's status.
#[derive(Debug, Clone)]
enum Change {
    /// The settings list these profiles.
    Settings(Vec<usize>),
    Connection(usize, ConnectionState),
    /// The connection joins, and may be lost again before `watch` looks.
    Joined(usize),
    NoToken(usize),
    /// A profile is removed.
    Removed(usize),
}

fn changes() -> impl Strategy<Value = Vec<(Change, bool)>> {
    let one = 0..NAMES.len();
    // A time in the past, so that the remaining seconds do not depend on when the test runs.
    let at = Instant::now().into_std();
    let state = prop::sample::select(vec![
        ConnectionState::SignedOut,
        ConnectionState::Connecting,
        ConnectionState::Joining,
        ConnectionState::Live,
        ConnectionState::Reconnecting { at, attempt: 1, why: DisconnectReason::Dead.into() },
        ConnectionState::TokenRefused { why: TokenRefusal::Join { words: String::new() } },
        ConnectionState::Offline,
        ConnectionState::Leaving,
    ]);
    let change = prop_oneof![
        2 => prop::sample::subsequence(vec![0, 1, 2], 0..=3).prop_map(Change::Settings),
        6 => (one.clone(), state).prop_map(|(one, state)| Change::Connection(one, state)),
        2 => one.clone().prop_map(Change::Joined),
        1 => one.clone().prop_map(Change::NoToken),
        1 => one.prop_map(Change::Removed),
    ];
    // A change, and whether `watch` looks after it.
    prop::collection::vec((change, any::<bool>()), 1..24)
}

fn apply(status: &mut EngineStatus, change: Change) {
    let mut of = |number: usize, change: &dyn Fn(&mut ProfileStatus)| {
        change(Arc::make_mut(status.profiles.entry(profile(number).id).or_default()));
    };
    match change {
        Change::Settings(listed) => {
            let profiles = listed.into_iter().map(profile).collect();
            status.settings = Some(Arc::new(Settings { profiles, ..Settings::default() }));
        }
        Change::Connection(one, state) => of(one, &|status| {
            if state == ConnectionState::Live && status.connection != Some(ConnectionState::Live) {
                status.joins += 1;
            }
            status.connection = Some(state.clone());
        }),
        Change::Joined(one) => of(one, &|status| {
            status.joins += 1;
            status.connection = Some(ConnectionState::Live);
        }),
        Change::NoToken(one) => of(one, &|status| status.token = TokenStatus::Absent),
        Change::Removed(one) => _ = status.profiles.remove(&profile(one).id),
    }
}

/// The last line printed of each profile's connection.
type Printed = BTreeMap<ProfileId, String>;

/// Looks, and checks that every line printed is true now and about a watched profile.
fn update_and_check(
    connections: &mut Connections,
    status: &EngineStatus,
    names: &mut ProfileNames,
    printed: &mut Printed,
) {
    printed.retain(|profile, _| status.profiles.contains_key(profile));
    for line in connections.update(status, names, |_included| {}) {
        let of = status.profiles.iter().find(|(profile, now)| {
            let state = now.connection.as_ref().map(describe);
            connections.is_watched(names, **profile)
                && state.is_some_and(|state| line == format!("{}: {state}", names.name(**profile)))
        });
        let (profile, now) = of.unwrap_or_else(|| panic!("{line:?} is not true: {status:#?}"));
        printed.insert(*profile, describe(now.connection.as_ref().unwrap()));
    }
}

#[test]
fn signing_in_again_depends_on_the_kind_of_the_failure_and_not_on_its_text() {
    let refusal = || RestError::Unauthorised("Try later".to_owned());
    let (refused, not_asked) = (SignInError::TokenRefused(refusal()), SignInError::NotAsked(refusal()));
    assert_eq!(refused.to_string(), not_asked.to_string(), "the same words");
    for (why, ends) in [(refused, true), (not_asked, false)] {
        let profile = profile(0);
        let env_profile = EnvProfile { profile: profile.clone(), password: "p".to_owned().into() };
        let mut connections = Connections::new(Some(env_profile), &Settings::default(), None);
        assert!(connections.sign_in_now().is_some(), "it does not sign in");
        let mut status = EngineStatus::default();
        let sign_in = Some(SignInStatus { number: 1, state: SignInState::Failed(Arc::new(why)) });
        status.profiles.insert(profile.id, Arc::new(ProfileStatus { sign_in, ..ProfileStatus::default() }));
        connections.update(&status, &mut ProfileNames::default(), |_included| {});
        assert_eq!(connections.sign_in_at.is_none(), ends, "whether it signs in again");
        assert_eq!(connections.fatal_error().map(|error| error.exit()), ends.then_some(Exit::SignedOut));
    }
}

proptest! {
    #[test]
    fn the_last_printed_status_of_a_connection_is_its_current_one(changes in changes(), only in any::<bool>()) {
        let only = only.then_some(NAMES[0]);
        let all = Settings { profiles: (0..NAMES.len()).map(profile).collect(), ..Settings::default() };
        let mut connections = Connections::new(None, &all, only);
        // No names are known at first.
        let (mut names, mut printed) = (ProfileNames::default(), Printed::new());
        let mut status = EngineStatus::default();
        for (change, looks) in changes {
            apply(&mut status, change);
            if looks {
                update_and_check(&mut connections, &status, &mut names, &mut printed);
            }
        }
        status.settings = Some(Arc::new(all));
        update_and_check(&mut connections, &status, &mut names, &mut printed);

        let watched = |number: &usize| only.is_none_or(|only| NAMES[*number] == only);
        for number in (0..NAMES.len()).filter(watched) {
            let profile = profile(number).id;
            let state = status.profiles.get(&profile).and_then(|now| now.connection.clone());
            match (&state, printed.get(&profile)) {
                // The state is unknown, or only the initial one.
                (None, _) | (Some(ConnectionState::SignedOut), None) => {}
                (state, printed) => prop_assert_eq!(printed.cloned(), state.as_ref().map(describe), "{}", NAMES[number]),
            }
        }
        // `watch` ends exactly if no profile can be watched any more.
        let is_out = |number: &usize| {
            let now = status.profiles.get(&profile(*number).id);
            now.is_some_and(|now| matches!(now.connection, Some(ConnectionState::TokenRefused { .. })))
        };
        let refused = (0..NAMES.len()).filter(watched).all(|number| is_out(&number));
        if refused {
            prop_assert_eq!(connections.fatal_error().map(|error| error.exit()), Some(Exit::SignedOut));
        }
        let lives = |number: usize| {
            let now = status.profiles.get(&profile(number).id);
            now.is_some_and(|now| now.connection == Some(ConnectionState::Live))
        };
        if (0..NAMES.len()).filter(watched).any(lives) {
            prop_assert!(connections.fatal_error().is_none(), "it ends although a connection is live");
        }
    }
}
