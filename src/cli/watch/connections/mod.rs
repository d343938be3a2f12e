//! The connections of `watch`: prints the newest state of each however many changes were missed, signs in, and decides when to
//! end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cli::error::CliError;
use crate::cli::profiles::{EnvProfile, ProfileNames};
use crate::engine::{
    ConnectionState, Credential, EngineStatus, Notice, ProfileStatus, SignIn, SignInState, TokenStatus,
};
use crate::settings::{ProfileId, Settings};

use super::connection_status::{ConnectionStatuses, describe};

/// How long the first connection may take.
const FIRST_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause before a failed sign-in is retried.
const SIGN_IN_PAUSE: Duration = Duration::from_secs(3);
/// The connections of the watched profiles.
pub(crate) struct Connections {
    env_profile: Option<EnvProfile>,
    /// The name given with `--profile`, if only one profile is watched.
    only: Option<String>,
    statuses: ConnectionStatuses,
    /// When the first connection has to be established.
    deadline: Option<Instant>,
    /// When to sign in again.
    sign_in_at: Option<Instant>,
    /// The last status seen of each watched profile. A profile that was not watched then counts as changed.
    seen: BTreeMap<ProfileId, Arc<ProfileStatus>>,
    /// The number of the newest problem that was printed.
    problem: u64,
}

impl Connections {
    /// The connections of the profiles that are about to connect.
    pub(crate) fn new(env_profile: Option<EnvProfile>, settings: &Settings, only: Option<&str>) -> Self {
        let mut statuses = ConnectionStatuses::default();
        match &env_profile {
            Some(env_profile) => statuses.start(env_profile.profile.id),
            None => {
                for profile in settings.profiles.iter().filter(|profile| only.is_none_or(|name| profile.name == name)) {
                    statuses.start(profile.id);
                    if !profile.keep_signed_in {
                        statuses.stopped(
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
        let sign_in_at = env_profile.as_ref().map(|_now| Instant::now());
        let deadline = Some(Instant::now() + FIRST_CONNECTION_TIMEOUT);
        let only = only.map(str::to_owned);
        Self { env_profile, only, statuses, deadline, sign_in_at, seen: BTreeMap::new(), problem: 0 }
    }

    /// When the next action is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.sign_in_at.into_iter().chain(self.deadline).min()
    }

    /// The sign-in of the environment's profile, if it is due.
    pub(crate) fn sign_in_now(&mut self) -> Option<SignIn> {
        self.sign_in_at.take_if(|due| *due <= Instant::now())?;
        let EnvProfile { profile, password } = self.env_profile.as_ref()?;
        Some(SignIn { profile: profile.clone(), credential: Credential::Password(password.clone()) })
    }

    /// Schedules another sign-in after a failure.
    pub(crate) fn schedule_sign_in(&mut self) {
        self.sign_in_at = self.env_profile.as_ref().map(|_later| Instant::now() + SIGN_IN_PAUSE);
    }

    /// The error to end with, if it is time to end.
    pub(crate) fn fatal_error(&mut self) -> Option<CliError> {
        if self.deadline.take_if(|due| *due <= Instant::now()).is_some()
            && let Some(error) = self.statuses.too_late(FIRST_CONNECTION_TIMEOUT.as_secs())
        {
            return Some(error);
        }
        self.statuses.nothing_left()
    }

    /// Compares the current status with the last one seen and returns the lines to print. The result does not depend on how
    /// many changes were missed. `include` is called for each profile that is watched because of its name.
    pub(crate) fn update(
        &mut self,
        status: &EngineStatus,
        names: &mut ProfileNames,
        mut include: impl FnMut(ProfileId),
    ) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(settings) = &status.settings {
            names.add_settings(settings);
            for profile in settings.profiles.iter().filter(|profile| self.is_named(&profile.name)) {
                include(profile.id);
            }
        }
        self.seen.retain(|profile, _| status.profiles.contains_key(profile));
        for (profile, now) in &status.profiles {
            if self.is_watched(names, *profile) {
                self.update_profile(names, *profile, now, &mut lines);
            }
        }
        for problem in status.problems.iter().filter(|problem| problem.number > self.problem) {
            lines.push(format_notice(&problem.notice(), names));
        }
        self.problem = status.problems.last().map_or(self.problem, |problem| problem.number.max(self.problem));
        lines
    }

    fn update_profile(
        &mut self,
        names: &ProfileNames,
        profile: ProfileId,
        now: &Arc<ProfileStatus>,
        lines: &mut Vec<String>,
    ) {
        let old = self.seen.insert(profile, now.clone());
        if old.as_ref().is_some_and(|old| Arc::ptr_eq(old, now)) {
            return;
        }
        let old = old.as_deref().cloned().unwrap_or_default();
        if now.sign_in != old.sign_in
            && let Some(sign_in) = &now.sign_in
        {
            self.on_sign_in_state(names, profile, &sign_in.state, lines);
        }
        if now.joins != old.joins {
            // Record the join even if that connection has been lost again.
            self.statuses.connection(profile, &ConnectionState::Live);
        }
        // The profile may have joined in between and returned to the state it had before, such as refused.
        let is_back = |state: &&ConnectionState| now.joins != old.joins && **state != ConnectionState::Live;
        let is_news = |state: &&ConnectionState| now.connection != old.connection || is_back(state);
        if let Some(state) = now.connection.as_ref().filter(is_news) {
            // Every profile starts signed out, so that is not worth a line.
            let begins = old.connection.is_none() && *state == ConnectionState::SignedOut;
            if !begins {
                self.on_connection_state(names, profile, state, lines);
            }
        }
        if now.token == TokenStatus::Absent && self.env_profile.is_none() {
            self.on_no_token(names, profile);
        }
    }

    /// Whether the profile with this name is watched.
    fn is_named(&self, name: &str) -> bool {
        self.env_profile.is_none() && self.only.as_deref().is_none_or(|only| only == name)
    }

    fn is_watched(&self, names: &ProfileNames, profile: ProfileId) -> bool {
        match &self.env_profile {
            Some(env_profile) => env_profile.profile.id == profile,
            None => self.only.as_deref().is_none_or(|only| names.find(only) == Some(profile)),
        }
    }

    fn on_connection_state(
        &mut self,
        names: &ProfileNames,
        profile: ProfileId,
        state: &ConnectionState,
        lines: &mut Vec<String>,
    ) {
        lines.push(format!("{}: {}", names.name(profile), describe(state)));
        let expired = matches!(state, ConnectionState::TokenRefused { .. }) && self.statuses.was_joined(profile);
        if expired && self.env_profile.is_some() {
            // The token worked and has expired; the password is still available.
            self.statuses.start(profile);
            self.sign_in_at = Some(Instant::now());
        } else {
            self.statuses.connection(profile, state);
        }
    }

    fn on_sign_in_state(
        &mut self,
        names: &ProfileNames,
        profile: ProfileId,
        state: &SignInState,
        lines: &mut Vec<String>,
    ) {
        match state {
            SignInState::Failed(why) if why.is_refusal() => self.statuses.stopped(profile, why.to_string()),
            SignInState::Failed(why) => {
                lines.push(format!("{}: {why}", names.name(profile)));
                self.statuses.failed(profile, why.to_string());
                self.schedule_sign_in();
            }
            SignInState::Requesting | SignInState::Done | SignInState::Cancelled => {}
        }
    }

    /// Handles a profile without a token in the keyring.
    fn on_no_token(&mut self, names: &ProfileNames, profile: ProfileId) {
        if self.statuses.is_starting(profile) {
            let name = names.name(profile);
            let why = format!(
                "{name} is signed out. Sign in in the window, or with PRIVICORE_USERNAME and PRIVICORE_PASSWORD."
            );
            self.statuses.stopped(profile, why);
        }
    }
}

/// Formats a notice as one line.
pub(crate) fn format_notice(notice: &Notice, names: &ProfileNames) -> String {
    let profile_name = notice.profile.map(|profile| format!("{}: ", names.name(profile))).unwrap_or_default();
    format!("{profile_name}{}", notice.reason)
}

#[cfg(test)]
mod tests;
