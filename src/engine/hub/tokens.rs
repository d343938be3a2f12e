//! Tokens: signing in and out, keeping, renewing, and what a session's state means for them.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::engine::action::{Action, Credential, SignIn};
use crate::engine::endpoints::Endpoints;
use crate::engine::event::{ConnectionState, Event, Notice, Severity, SignInState};
use crate::engine::lifetime::{self, Due};
use crate::engine::report::{Renewed, Report};
use crate::engine::rest::{Ends, Granted, RestError};
use crate::engine::session::{Aim, Ticket};
use crate::engine::sign_in;
use crate::protocol::AuthorizationToken;
use crate::settings::ProfileId;

use super::desk::{Held, Signing, Stage};
use super::{Hub, failure};

impl Hub {
    /// Signs a profile in for this run: where the settings do not know it, they are not told.
    pub(super) fn visit(&mut self, sign_in: SignIn) {
        let id = sign_in.profile.id;
        let listed = self.settings.profile(id).is_some();
        if !listed {
            self.guests.insert(id);
        }
        self.sign_in(sign_in);
        if let Some(signing) = self.desks.get_mut(&id).and_then(|desk| desk.signing.as_mut()) {
            signing.visit = true;
        }
    }

    /// Signs a profile in.
    pub(super) fn sign_in(&mut self, sign_in: SignIn) {
        let SignIn { profile, credential } = sign_in;
        let id = profile.id;
        let endpoints = match Endpoints::of(&profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.tell_sign_in(id, SignInState::Failed(error.to_string())),
        };
        if matches!(credential, Credential::Password(_)) && profile.username.trim().is_empty() {
            return self.tell_sign_in(id, SignInState::Failed("Enter a user name.".to_owned()));
        }
        self.open(profile.clone());
        let attempt = self.number();
        let (given_up, stop) = oneshot::channel();
        let task = sign_in::ask(self.tools.clone(), id, attempt, endpoints, profile.username.clone(), credential, stop);
        self.tools_of(id).spawner.spawn("signing in", Box::pin(task));
        if let Some(desk) = self.desks.get_mut(&id) {
            desk.signing = Some(Signing { attempt, profile, visit: false, stage: Stage::Asking(given_up) });
        }
        self.tell_sign_in(id, SignInState::Asking);
    }

    /// Gives up a sign-in.
    pub(super) fn cancel_sign_in(&mut self, profile: ProfileId) {
        if self.abandon_sign_in(profile) {
            self.tell_sign_in(profile, SignInState::Cancelled);
        }
    }

    /// The server answered a sign-in.
    pub(super) async fn signed_in(&mut self, profile: ProfileId, attempt: u64, granted: Result<Granted, SignInState>) {
        let number = self.number();
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        let Some(signing) = desk.signing.as_mut().filter(|signing| signing.attempt == attempt) else { return };
        let granted = match granted {
            Ok(granted) => granted,
            Err(state) => return self.sign_in_failed(profile, state),
        };
        let endpoints = match Endpoints::of(&signing.profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.sign_in_failed(profile, SignInState::Failed(error.to_string())),
        };
        let ends = granted.ends();
        let Granted { token, expires_at, proved, .. } = granted;
        let ticket = Arc::new(Ticket { number, endpoints, token });
        let watch = lifetime::watch(&desk.tools, profile, number, ends);
        let held = Held { ticket: ticket.clone(), expires_at, kept: false, previous: None, watch };
        signing.stage = Stage::Proving(held);
        self.aim(profile, Aim::Online(ticket));
        if proved {
            self.accept(profile).await;
        }
    }

    /// The token of a sign-in is good: the profile has it from here on.
    async fn accept(&mut self, profile: ProfileId) {
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        let Some(Signing { profile: form, visit, stage: Stage::Proving(held), .. }) = desk.signing.take() else {
            return;
        };
        let keep = form.keep_signed_in;
        desk.profile = form.clone();
        desk.held = Some(held);
        let listed = self.settings.profiles.iter_mut().find(|kept| kept.id == profile);
        match listed {
            Some(_) if visit => {}
            Some(kept) => *kept = form,
            None => {
                self.settings.profiles.push(form);
                self.restore(profile);
            }
        }
        self.watch_arrivals(profile);
        if visit {
            self.tell_settings();
        } else {
            self.save().await;
        }
        self.tell_sign_in(profile, SignInState::Done);
        self.tell_token(profile);
        if keep {
            self.keep(profile);
        } else {
            self.forget(profile);
        }
    }

    fn sign_in_failed(&mut self, profile: ProfileId, state: SignInState) {
        if self.abandon_sign_in(profile) {
            self.tell_sign_in(profile, state);
        }
    }

    /// Ends a sign-in without success; says whether there was one. The profile is then as it was before. One that never
    /// signed in stays open, signed out: its next sign-in must not have a second session beside one that is still leaving.
    fn abandon_sign_in(&mut self, profile: ProfileId) -> bool {
        let Some(desk) = self.desks.get_mut(&profile) else { return false };
        let Some(signing) = desk.signing.take() else { return false };
        if matches!(signing.stage, Stage::Proving(_)) {
            let aim = desk.held.as_ref().map_or(Aim::SignedOut, |held| Aim::Online(held.ticket.clone()));
            self.aim(profile, aim);
        }
        true
    }

    /// Asks the keyring for a profile's token.
    pub(super) fn remember(&self, profile: ProfileId) {
        let tools = self.tools.clone();
        let task = async move {
            let token = tools.keyring.token(profile).await.map_err(|error| error.to_string());
            tools.report(Report::Remembered { profile, token }).await;
        };
        self.tools_of(profile).spawner.spawn("reading the keyring", task);
    }

    /// The keyring answered.
    pub(super) fn remembered(&mut self, profile: ProfileId, token: Result<Option<AuthorizationToken>, String>) {
        let number = self.number();
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        // Signed in meanwhile, or about to be: that token is newer.
        if desk.held.is_some() || desk.signing.is_some() {
            return;
        }
        let token = match token {
            Ok(Some(token)) => token,
            Ok(None) => {
                self.aim(profile, Aim::SignedOut);
                return self.tell_token(profile);
            }
            Err(sentence) => {
                self.aim(profile, Aim::SignedOut);
                self.tell_token(profile);
                return self.notice(Some(profile), Severity::Warning, sentence);
            }
        };
        let endpoints = match Endpoints::of(&desk.profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.notice(Some(profile), Severity::Error, error.to_string()),
        };
        let ticket = Arc::new(Ticket { number, endpoints, token });
        desk.held = Some(Held { ticket: ticket.clone(), expires_at: None, kept: true, previous: None, watch: None });
        self.aim(profile, Aim::Online(ticket.clone()));
        self.tell_token(profile);
        let task = sign_in::ask_expiry(self.tools.clone(), profile, ticket);
        self.tools_of(profile).spawner.spawn("asking for the token's end", Box::pin(task));
    }

    /// The server said when a token ends.
    pub(super) fn expiry(&mut self, profile: ProfileId, ticket: u64, ends: Ends) {
        let tools = self.tools_of(profile).clone();
        if let Some(held) = self.held(profile, ticket) {
            held.expires_at = ends.at;
            held.watch = lifetime::watch(&tools, profile, ticket, ends);
            self.tell_token(profile);
        }
    }

    /// A token will end: renews it where it is to be renewed, or says so.
    pub(super) fn token_due(&mut self, profile: ProfileId, ticket: u64, due: Due) {
        let Some(held) = self.held(profile, ticket) else { return };
        let kept = held.kept;
        let automatic = self.desks.get(&profile).is_some_and(|desk| desk.profile.renew_automatically);
        match due {
            Due::Renew if kept && automatic => self.renew(profile),
            Due::Renew => {}
            Due::Ends { minutes } => self.tools.outbox.notice(Notice {
                severity: Severity::Warning,
                profile: Some(profile),
                sentence: format!(
                    "The token ends in {minutes} minutes and was not renewed. Renew it, or sign in again, so that no \
                     acknowledgement is missed."
                ),
                remedy: Some(("Renew token".to_owned(), Action::RenewToken(profile))),
            }),
        }
    }

    /// Puts a profile's token into the keyring.
    fn keep(&self, profile: ProfileId) {
        let Some(held) = self.desks.get(&profile).and_then(|desk| desk.held.as_ref()) else { return };
        let (tools, ticket) = (self.tools.clone(), held.ticket.clone());
        let task = async move {
            if sign_in::keep(&tools, profile, &ticket.token).await {
                tools.report(Report::Kept { profile, ticket: ticket.number }).await;
            }
        };
        self.tools.spawner.spawn("writing the keyring", task);
    }

    /// The keyring has a token.
    pub(super) fn kept(&mut self, profile: ProfileId, ticket: u64) {
        if let Some(held) = self.held(profile, ticket) {
            held.kept = true;
            self.tell_token(profile);
            // The keyring answers, which it may not have done before.
            self.ask_for_seal();
        } else {
            // Signed out while the keyring was writing.
            self.forget_if_signed_out(profile);
        }
    }

    /// Takes a profile's token out of the keyring.
    pub(super) fn forget(&self, profile: ProfileId) {
        if profile == super::sandbox::profile_id() {
            return;
        }
        let tools = self.tools.clone();
        let task = async move {
            if let Err(error) = tools.keyring.forget_token(profile).await {
                tools.warn(profile, error.to_string());
            }
        };
        self.tools.spawner.spawn("writing the keyring", task);
    }

    /// Connects a profile with the token that it has, or that the keyring has.
    pub(super) fn connect(&mut self, profile: ProfileId) {
        let Some(desk) = self.desks.get(&profile) else { return };
        match &desk.held {
            Some(held) => {
                let ticket = held.ticket.clone();
                desk.wish.send_modify(|wish| {
                    wish.aim = Aim::Online(ticket);
                    // A token that was refused is tried again only when somebody asks for that.
                    wish.retry += 1;
                });
            }
            None if desk.profile.keep_signed_in => self.remember(profile),
            None => {
                self.aim(profile, Aim::SignedOut);
                self.notice(Some(profile), Severity::Info, "There is no token to connect with. Sign in.");
            }
        }
    }

    /// Leaves the channel.
    pub(super) fn disconnect(&mut self, profile: ProfileId) {
        self.cancel_sign_in(profile);
        self.aim(profile, Aim::Offline);
    }

    /// Does not wait for the next attempt.
    pub(super) fn retry_now(&mut self, profile: ProfileId) {
        let Some(desk) = self.desks.get(&profile) else { return };
        let is_idle = matches!(
            desk.state,
            ConnectionState::Offline | ConnectionState::SignedOut | ConnectionState::TokenRefused { .. }
        );
        if is_idle {
            self.connect(profile);
        } else {
            desk.wish.send_modify(|wish| wish.retry += 1);
        }
    }

    /// Asks for a new token.
    pub(super) fn renew(&mut self, profile: ProfileId) {
        let Some(desk) = self.desks.get(&profile) else { return };
        let Some(held) = &desk.held else {
            return self.notice(Some(profile), Severity::Warning, "There is no token to renew. Sign in first.");
        };
        let task = sign_in::renew(self.tools.clone(), profile, held.ticket.clone(), desk.profile.keep_signed_in);
        self.tools_of(profile).spawner.spawn("renewing the token", Box::pin(task));
    }

    /// The server answered the request for a new token.
    pub(super) fn renewed(&mut self, profile: ProfileId, ticket: u64, outcome: Result<Renewed, RestError>) {
        let number = self.number();
        let renewed = match outcome {
            Ok(renewed) => renewed,
            Err(error @ RestError::Unauthorised(_)) => return self.token_dead(profile, ticket, error.to_string()),
            Err(error @ RestError::Later) => return self.notice(Some(profile), Severity::Info, error.to_string()),
            Err(error) => {
                let sentence = format!("The token was not renewed; the old one stays in use. {error}");
                return self.notice(Some(profile), Severity::Warning, sentence);
            }
        };
        let Renewed { granted, kept } = renewed;
        let watch = lifetime::watch(self.tools_of(profile), profile, number, granted.ends());
        let Some(held) = self.held(profile, ticket) else {
            // Signed out, or signed in anew, meanwhile: this token is nobody's.
            return self.forget_if_signed_out(profile);
        };
        let old = held.ticket.clone();
        let new = Arc::new(Ticket { number, endpoints: old.endpoints.clone(), token: granted.token });
        *held = Held { ticket: new.clone(), expires_at: granted.expires_at, kept, previous: Some(old.clone()), watch };
        if let Some(desk) = self.desks.get(&profile) {
            desk.wish.send_if_modified(|wish| {
                let online = matches!(&wish.aim, Aim::Online(ticket) if ticket.number == old.number);
                if online {
                    wish.aim = Aim::Online(new);
                }
                online
            });
        }
        self.tell_token(profile);
        self.notice(Some(profile), Severity::Info, "The token was renewed.");
    }

    fn forget_if_signed_out(&self, profile: ProfileId) {
        if self.desks.get(&profile).is_none_or(|desk| desk.held.is_none()) {
            self.forget(profile);
        }
    }

    /// A REST call said that a token is dead.
    pub(super) fn token_dead(&mut self, profile: ProfileId, ticket: u64, why: String) {
        if self.held(profile, ticket).is_some() {
            self.notice(Some(profile), Severity::Error, why.clone());
            self.aim(profile, Aim::Refused { why });
        }
    }

    /// Forgets a profile's token, and has it revoked if asked: once the channel is left.
    pub(super) fn sign_out(&mut self, profile: ProfileId, revoke: bool) {
        self.cancel_sign_in(profile);
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        if let Some(held) = desk.held.take()
            && revoke
        {
            desk.revoke = Some((held.ticket.endpoints.clone(), held.ticket.token.clone()));
        }
        let left = matches!(desk.state, ConnectionState::SignedOut);
        self.aim(profile, Aim::SignedOut);
        self.forget(profile);
        self.tell_token(profile);
        if left {
            self.revoke(profile);
        }
    }

    /// Has a token revoked, if one waits for it.
    fn revoke(&mut self, profile: ProfileId) {
        let Some((endpoints, token)) = self.desks.get_mut(&profile).and_then(|desk| desk.revoke.take()) else { return };
        let tools = self.tools.clone();
        let task = async move {
            match tools.rest.revoke(&endpoints, &token).await {
                // A token that is dead already is what was wanted.
                Ok(()) | Err(RestError::Unauthorised(_)) => {}
                Err(error) => {
                    tools.warn(profile, format!("Signed out, but the token was not revoked. {error}"));
                }
            }
        };
        self.tools.spawner.spawn("revoking the token", Box::pin(task));
    }

    /// A session changed its state.
    pub(super) async fn connection(&mut self, profile: ProfileId, ticket: u64, state: ConnectionState) {
        let Some(desk) = self.desks.get_mut(&profile) else { return };
        desk.state = state.clone();
        if state == ConnectionState::SignedOut {
            self.revoke(profile);
            return;
        }
        if let Some(Signing { stage: Stage::Proving(held), .. }) = &desk.signing
            && held.ticket.number == ticket
        {
            if state == ConnectionState::Live {
                self.accept(profile).await;
            } else if let Some(why) = failure(&state) {
                self.sign_in_failed(profile, SignInState::Failed(why.to_owned()));
            }
            return;
        }
        let Some(held) = desk.held.as_mut().filter(|held| held.ticket.number == ticket) else { return };
        match state {
            ConnectionState::Live => held.previous = None,
            ConnectionState::TokenRefused { .. } => {
                let Some(previous) = held.previous.take() else { return };
                *held = Held { ticket: previous.clone(), expires_at: None, kept: false, previous: None, watch: None };
                let keep = desk.profile.keep_signed_in;
                self.aim(profile, Aim::Online(previous));
                if keep {
                    self.keep(profile);
                }
                self.tell_token(profile);
                let sentence =
                    "The server refused the new token, so the old one stays in use. Renew it again, or sign in.";
                self.notice(Some(profile), Severity::Warning, sentence);
            }
            _ => {}
        }
    }

    /// A profile's token, if it is still the one of that ticket.
    fn held(&mut self, profile: ProfileId, ticket: u64) -> Option<&mut Held> {
        self.desks.get_mut(&profile)?.held.as_mut().filter(|held| held.ticket.number == ticket)
    }

    fn tell_sign_in(&self, profile: ProfileId, state: SignInState) {
        self.tools.outbox.post(Event::SignIn { profile, state });
    }

    fn tell_token(&self, profile: ProfileId) {
        let held = self.desks.get(&profile).and_then(|desk| desk.held.as_ref());
        self.tools.outbox.post(Event::Token {
            profile,
            expires_at: held.and_then(|held| held.expires_at),
            kept: held.is_some_and(|held| held.kept),
        });
    }
}
