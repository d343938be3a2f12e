//! The engine, where `watch` runs it: signing in, how the connections stand, and when it is time to end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::cli::people::{Guest, Names};
use crate::cli::{CliError, say};
use crate::engine::{
    Action, ConnectionState, Credential, Engine, EngineError, EngineHandle, EngineOptions, EngineStatus, Event, Events,
    Notice, SignIn, SignInState, TokenStatus, Waker,
};
use crate::settings::{ProfileId, Settings};

use super::model::Model;
use super::standing::{Standings, in_words};

/// How long the first connection may take.
const FIRST_CONNECTION: Duration = Duration::from_secs(30);
/// The pause before a sign-in that failed is tried again.
const SIGN_IN_PAUSE: Duration = Duration::from_secs(3);
/// How long leaving and committing may take: a little over what the engine gives itself.
const LAST_WAIT: Duration = Duration::from_secs(4);

/// The engine and what it said.
pub(super) struct Live {
    engine: EngineHandle,
    events: Events,
    bell: Arc<Notify>,
    guest: Option<Guest>,
    /// The name of the one profile that is watched.
    only: Option<String>,
    standings: Standings,
    /// When the first connection has to be there.
    deadline: Option<Instant>,
    /// When to sign in again.
    sign_in_at: Option<Instant>,
    /// What was true when it was last looked at.
    seen: EngineStatus,
}

impl Live {
    /// Takes the journal and starts the engine.
    pub(super) fn start(
        make: impl FnOnce(Waker) -> EngineOptions,
        guest: Option<Guest>,
        settings: &Settings,
        only: Option<&str>,
    ) -> Result<Self, EngineError> {
        let bell = Arc::new(Notify::new());
        let ring = bell.clone();
        let (engine, events) = Engine::start(make(Arc::new(move || ring.notify_one())))?;
        let mut standings = Standings::default();
        match &guest {
            Some(guest) => standings.begin(guest.profile.id),
            None => {
                for profile in settings.profiles.iter().filter(|profile| only.is_none_or(|name| profile.name == name)) {
                    standings.begin(profile.id);
                    if !profile.keep_signed_in {
                        standings.out(
                            profile.id,
                            format!(
                                "{} is not kept signed in. Sign in with PRIVICORE_USERNAME and PRIVICORE_PASSWORD, or tick \
                                 Keep me signed in (system keyring) in the window.",
                                profile.name
                            ),
                        );
                    }
                }
            }
        }
        let sign_in_at = guest.as_ref().map(|_now| Instant::now());
        let deadline = Some(Instant::now() + FIRST_CONNECTION);
        let only = only.map(str::to_owned);
        let seen = EngineStatus::default();
        Ok(Self { engine, events, bell, guest, only, standings, deadline, sign_in_at, seen })
    }

    /// Waits until the engine has something to say, and hears it.
    pub(super) async fn wait(&mut self, names: &mut Names, model: &mut Model) -> Result<(), CliError> {
        let never = Instant::now() + Duration::from_hours(24);
        tokio::select! {
            () = self.bell.notified() => self.hear(names, model)?,
            () = tokio::time::sleep_until(self.sign_in_at.unwrap_or(never)) => self.sign_in(),
            () = tokio::time::sleep_until(self.deadline.unwrap_or(never)) => self.first_connection()?,
        }
        self.standings.nothing_left().map_or(Ok(()), Err)
    }

    /// Hears what the engine has said, and does what is due, without waiting.
    pub(super) fn look(&mut self, names: &mut Names, model: &mut Model) -> Result<(), CliError> {
        let now = Instant::now();
        if self.sign_in_at.is_some_and(|due| due <= now) {
            self.sign_in();
        }
        self.hear(names, model)?;
        if self.deadline.is_some_and(|due| due <= now) {
            self.first_connection()?;
        }
        self.standings.nothing_left().map_or(Ok(()), Err)
    }

    /// The time for the first connection is over.
    fn first_connection(&mut self) -> Result<(), CliError> {
        self.deadline = None;
        self.standings.too_late(FIRST_CONNECTION.as_secs()).map_or(Ok(()), Err)
    }

    /// Leaves every channel, commits and stops. Blocks for as long as that may take.
    pub(super) fn stop(&self) {
        self.engine.quit();
        if !self.engine.join(LAST_WAIT) {
            tracing::warn!("the engine did not stop in time");
        }
    }

    /// Signs the guest in.
    fn sign_in(&mut self) {
        self.sign_in_at = None;
        let Some(Guest { profile, password }) = &self.guest else { return };
        let sign_in = SignIn { profile: profile.clone(), credential: Credential::Password(password.clone()) };
        if self.engine.send(Action::Visit(Box::new(sign_in))).is_err() {
            self.sign_in_later();
        }
    }

    fn sign_in_later(&mut self) {
        self.sign_in_at = self.guest.as_ref().map(|_later| Instant::now() + SIGN_IN_PAUSE);
    }

    /// Takes what is true now, and hears everything that has happened. The entries themselves are read from the journal.
    fn hear(&mut self, names: &mut Names, model: &mut Model) -> Result<(), CliError> {
        self.events.begin_drain();
        if let Some(status) = self.events.status() {
            self.take(&status, names, model);
        }
        while let Some(event) = self.events.try_next() {
            match event {
                Event::Notice(notice) => tell(&notice, names),
                Event::Stopped => return Err(CliError::EngineStopped),
                Event::Restored { .. }
                | Event::Committed { .. }
                | Event::NotKept { .. }
                | Event::Kept { .. }
                | Event::Forgotten { .. }
                | Event::Purged { .. }
                | Event::History { .. }
                | Event::Revealed { .. }
                | Event::ReadBack { .. }
                | Event::Older { .. }
                | Event::OlderEntries { .. }
                | Event::Found { .. }
                | Event::DataTokens { .. }
                | Event::Export(_) => {}
            }
        }
        Ok(())
    }

    /// Takes what is true now. However many changes were missed, it leads to the same.
    fn take(&mut self, status: &EngineStatus, names: &mut Names, model: &mut Model) {
        let before = std::mem::replace(&mut self.seen, status.clone());
        if let Some(settings) = &status.settings {
            names.learn(settings);
            for profile in settings.profiles.iter().filter(|profile| self.is_named(&profile.name)) {
                model.include(profile.id);
            }
        }
        for (profile, now) in &status.profiles {
            let profile = *profile;
            let old = before.profile(profile);
            if old.is_some_and(|old| Arc::ptr_eq(old, now)) {
                continue;
            }
            let old = old.map(Arc::as_ref).cloned().unwrap_or_default();
            if now.sign_in != old.sign_in
                && let Some(sign_in) = &now.sign_in
            {
                self.signing_in(names, profile, sign_in.state.clone());
            }
            let watched = self.is_watched(names, profile);
            if watched && now.joins != old.joins {
                // Also if that connection is gone already.
                self.standings.connection(profile, &ConnectionState::Live);
            }
            if let Some(state) = now.connection.as_ref().filter(|_| watched && now.connection != old.connection) {
                self.connection(names, profile, state);
            }
            if now.token == TokenStatus::Absent && self.guest.is_none() {
                self.no_token(names, profile);
            }
        }
        let known = before.problems.last().map_or(0, |problem| problem.number);
        for problem in status.problems.iter().filter(|problem| problem.number > known) {
            tell(&problem.notice, names);
        }
    }

    /// Whether a profile of that name is the one that is watched.
    fn is_named(&self, name: &str) -> bool {
        self.guest.is_none() && self.only.as_deref().is_none_or(|only| only == name)
    }

    fn is_watched(&self, names: &Names, profile: ProfileId) -> bool {
        match &self.guest {
            Some(guest) => guest.profile.id == profile,
            None => self.only.as_deref().is_none_or(|only| names.find(only) == Some(profile)),
        }
    }

    fn connection(&mut self, names: &Names, profile: ProfileId, state: &ConnectionState) {
        // Signed out is how each begins.
        if *state == ConnectionState::SignedOut {
            return;
        }
        say(&format!("{}: {}", names.name(profile), in_words(state)));
        let expired = matches!(state, ConnectionState::TokenRefused { .. }) && self.standings.was_joined(profile);
        if expired && self.guest.is_some() {
            // The token was good once and its time is over; the password is still there.
            self.standings.begin(profile);
            self.sign_in_at = Some(Instant::now());
        } else {
            self.standings.connection(profile, state);
        }
    }

    fn signing_in(&mut self, names: &Names, profile: ProfileId, state: SignInState) {
        match state {
            SignInState::Failed(why) => {
                say(&format!("{}: {why}", names.name(profile)));
                self.standings.failed(profile, why);
                self.sign_in_later();
            }
            SignInState::Refused(why) => self.standings.out(profile, why),
            SignInState::Asking | SignInState::Done | SignInState::Cancelled => {}
        }
    }

    /// The keyring has no token of a profile.
    fn no_token(&mut self, names: &Names, profile: ProfileId) {
        if self.standings.is_starting(profile) {
            let name = names.name(profile);
            let why = format!(
                "{name} is signed out. Sign in in the window, or with PRIVICORE_USERNAME and PRIVICORE_PASSWORD."
            );
            self.standings.out(profile, why);
        }
    }
}

/// Prints a notice.
fn tell(notice: &Notice, names: &Names) {
    let whose = notice.profile.map(|profile| format!("{}: ", names.name(profile))).unwrap_or_default();
    say(&format!("{whose}{}", notice.sentence));
}
