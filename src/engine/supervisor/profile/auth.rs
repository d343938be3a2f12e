//! Tokens: signs in and out, stores and renews tokens, and applies what a session's state means for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::credentials::{KeyringError, StoreError};
use crate::engine::auth::{sign_in, token_expiry};
use crate::engine::client::rest::{IssuedToken, TokenExpiry};
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::action::{Credential, SignIn};
use crate::engine::events::connection_reason::SignInError;
use crate::engine::events::event::{ConnectionState, Severity, SignInState};
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::{NeedsToken, ProblemKind, ProblemReason};
use crate::engine::events::status::{SignInStatus, TokenStatus};
use crate::engine::network::endpoints::Endpoints;
use crate::engine::network::rest_error::RestError;
use crate::engine::session::desired_state::TargetState;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::supervisor::pending_work::{Revocation, end_all_work, forget_token, keep_token, work_for_tokens};
use crate::engine::supervisor::state::profile_state::{ActiveToken, PendingSignIn, SignInStage};
use crate::engine::supervisor::{Supervisor, failure};
use crate::protocol::AuthorizationToken;
use crate::settings::ProfileId;

/// The pause before a locked keyring is asked again.
pub(crate) const KEYRING_PAUSE: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Signs a profile in for this run only: if the settings do not list it, they are not changed.
    pub(crate) fn visit(&mut self, sign_in: SignIn) {
        let id = sign_in.profile.id;
        let listed = self.settings.profile(id).is_some();
        if !listed {
            self.ephemeral_profiles.insert(id);
        }
        self.sign_in(sign_in);
        if let Some(signing) = self.profile_states.get_mut(&id).and_then(|profile_state| profile_state.signing.as_mut())
        {
            signing.visit = true;
        }
    }

    pub(crate) fn sign_in(&mut self, sign_in: SignIn) {
        let SignIn { profile, credential } = sign_in;
        let id = profile.id;
        let endpoints = match Endpoints::of(&profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.tell_sign_in_failed(id, error),
        };
        if matches!(credential, Credential::Password(_)) && profile.username.trim().is_empty() {
            return self.tell_sign_in_failed(id, SignInError::NoUserName);
        }
        self.open(profile.clone());
        let attempt = self.number();
        let (given_up, stop) = oneshot::channel();
        let task =
            sign_in::ask(self.context.clone(), id, attempt, endpoints, profile.username.clone(), credential, stop);
        self.tools_of(id).spawner.spawn("signing in", Box::pin(task));
        if let Some(profile_state) = self.profile_states.get_mut(&id) {
            profile_state.signing =
                Some(PendingSignIn { attempt, profile, visit: false, stage: SignInStage::Asking(given_up) });
        }
        self.tell_sign_in(id, SignInState::Asking);
    }

    pub(crate) fn cancel_sign_in(&mut self, profile: ProfileId) {
        if self.abandon_sign_in(profile) {
            self.tell_sign_in(profile, SignInState::Cancelled);
        }
    }

    /// Handles the server's answer to a sign-in.
    pub(crate) fn signed_in(&mut self, profile: ProfileId, attempt: u64, granted: Result<IssuedToken, SignInError>) {
        let number = self.number();
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let Some(signing) = profile_state.signing.as_mut().filter(|signing| signing.attempt == attempt) else { return };
        let granted = match granted {
            Ok(granted) => granted,
            Err(error) => return self.sign_in_failed(profile, error),
        };
        let endpoints = match Endpoints::of(&signing.profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.sign_in_failed(profile, error.into()),
        };
        let IssuedToken { token, ends, proved } = granted;
        let session_credentials = Arc::new(SessionCredentials { number, endpoints, token });
        let watch = token_expiry::watch(&profile_state.context, profile, number, &ends);
        let expires_at = ends.at.map(|at| profile_state.context.clocks.of_server(at));
        let unreadable_end = ends.unreadable;
        let held = ActiveToken {
            session_credentials: session_credentials.clone(),
            expires_at,
            unreadable_end,
            kept: false,
            previous: None,
            watch,
            renewal_deferred_until: None,
        };
        signing.stage = SignInStage::Proving(held);
        self.aim(profile, TargetState::Online(session_credentials));
        if proved {
            self.accept(profile);
        }
    }

    /// The token of a sign-in is valid: the profile uses it from now on.
    fn accept(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let Some(PendingSignIn { profile: mut form, visit, stage: SignInStage::Proving(held), .. }) =
            profile_state.signing.take()
        else {
            return;
        };
        if let Some(kept) = self.settings.profile(profile) {
            // The form does not edit these: they may have changed since it was opened.
            form.saving = kept.saving.clone();
        }
        let keep = form.keep_signed_in;
        profile_state.profile = form.clone();
        profile_state.held = Some(held);
        profile_state.give_up_renewal();
        let listed = self.settings.profiles.iter_mut().find(|kept| kept.id == profile);
        match listed {
            Some(_) if visit => {}
            Some(kept) => *kept = form,
            None => self.settings.profiles.push(form),
        }
        self.name_in_journal(profile);
        self.watch_arrivals(profile);
        if visit {
            self.tell_settings();
        } else {
            self.save();
        }
        // Only once the settings list it: nothing can show the restored entries of an unknown profile.
        self.restore(profile);
        self.tell_sign_in(profile, SignInState::Done);
        self.tell_token(profile);
        self.resolve_token_problems(profile);
        self.check_waiting(profile);
        if keep {
            self.keep(profile);
        } else {
            self.forget(profile);
        }
    }

    /// Stores the profile's name beside its entries, so that an export can name it even if the settings do not list it.
    fn name_in_journal(&self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let (journal_store, name) = (profile_state.context.journal_store.clone(), profile_state.profile.name.clone());
        let task = async move {
            if let Err(error) = journal_store.name_profile(profile, name).await {
                tracing::warn!(%error, "the name of a profile is not kept in the journal");
            }
        };
        profile_state.context.spawner.spawn("keeping a name", task);
    }

    fn sign_in_failed(&mut self, profile: ProfileId, error: SignInError) {
        if self.abandon_sign_in(profile) {
            self.tell_sign_in_failed(profile, error);
        }
    }

    /// Ends a sign-in without success; returns whether there was one. The profile is then as it was before. A profile that never
    /// signed in stays open, signed out: otherwise its next sign-in would start a second session while the first is still leaving.
    fn abandon_sign_in(&mut self, profile: ProfileId) -> bool {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return false };
        let Some(signing) = profile_state.signing.take() else { return false };
        if matches!(signing.stage, SignInStage::Proving(_)) {
            let aim = profile_state
                .held
                .as_ref()
                .map_or(TargetState::SignedOut, |held| TargetState::Online(held.session_credentials.clone()));
            self.aim(profile, aim);
        }
        true
    }

    /// Loads a profile's token from the keyring.
    pub(crate) fn remember(&mut self, profile: ProfileId) {
        self.remember_after(profile, Duration::ZERO);
    }

    /// Loads it after a pause, and replaces a load that is already scheduled. Retries automatically only if asking the keyring shows
    /// no prompt.
    fn remember_after(&mut self, profile: ProfileId, pause: Duration) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let (waits, given_up) = oneshot::channel::<()>();
        profile_state.keyring_retry = Some(waits);
        let context = self.context.clone();
        let task = async move {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = given_up => return,
            }
            let token = context.keyring.token(profile).await;
            context.report(InternalEvent::Remembered { profile, token }).await;
        };
        self.tools_of(profile).spawner.spawn("reading the keyring", task);
    }

    /// Handles the keyring's answer.
    pub(crate) fn remembered(&mut self, profile: ProfileId, token: Result<Option<AuthorizationToken>, KeyringError>) {
        let number = self.number();
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        // If it signed in meanwhile, or is about to, that token is newer. If it signed out, the token has to be discarded.
        if profile_state.held.is_some() || profile_state.signing.is_some() || self.signed_out.contains(&profile) {
            return;
        }
        let token = match token {
            Ok(Some(token)) => token,
            Ok(None) => {
                self.context.resolve(profile, &ProblemKind::TokenKeyring);
                self.aim(profile, TargetState::SignedOut);
                return self.tell_token(profile);
            }
            Err(error) => {
                self.aim(profile, TargetState::SignedOut);
                self.tell_token(profile);
                if matches!(error.cause(), StoreError::NoDefaultCollection | StoreError::TimedOut) {
                    self.remember_after(profile, KEYRING_PAUSE);
                }
                return self.context.problem(profile, ProblemReason::TokenKeyring(error));
            }
        };
        self.context.resolve(profile, &ProblemKind::TokenKeyring);
        // A locked keyring may have refused the link encryption key too.
        self.ask_for_seal();
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let endpoints = match Endpoints::of(&profile_state.profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.notice(Some(profile), Severity::Error, NoticeReason::Endpoints(error.into())),
        };
        let session_credentials = Arc::new(SessionCredentials { number, endpoints, token });
        profile_state.held =
            Some(ActiveToken { kept: true, ..ActiveToken::of_unknown_end(session_credentials.clone()) });
        // If it was disconnected meanwhile, it stays so.
        let stays = matches!(profile_state.desired_state.borrow().aim, TargetState::Offline);
        if !stays {
            self.aim(profile, TargetState::Online(session_credentials.clone()));
        }
        self.tell_token(profile);
        self.context.resolve(profile, &ProblemKind::NoToken);
        let task = sign_in::ask_expiry(self.tools_of(profile).clone(), profile, session_credentials);
        self.tools_of(profile).spawner.spawn("asking for the token's end", Box::pin(task));
    }

    /// Handles the server's answer to when a token expires.
    pub(crate) fn expiry(&mut self, profile: ProfileId, credentials_number: u64, ends: TokenExpiry) {
        let context = self.tools_of(profile).clone();
        if let Some(held) = self.held(profile, credentials_number) {
            held.expires_at = ends.at.map(|at| context.clocks.of_server(at));
            held.watch = token_expiry::watch(&context, profile, credentials_number, &ends);
            held.unreadable_end = ends.unreadable;
            self.tell_token(profile);
            self.tell_unreadable_end(profile);
        }
    }

    /// Stores a profile's token in the keyring.
    pub(crate) fn keep(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let Some(held) = &profile_state.held else { return };
        let (context, session_credentials, unwanted) =
            (self.context.clone(), held.session_credentials.clone(), profile_state.signed_out.clone());
        let was_signed_out = self.signed_out.remove(&profile);
        let task = async move {
            if was_signed_out {
                end_all_work(&context, work_for_tokens(&context, profile).await).await;
            }
            if !unwanted.is_cancelled() && keep_token(&context, profile, &session_credentials.token).await {
                context.report(InternalEvent::Kept { profile, credentials_number: session_credentials.number }).await;
            }
        };
        self.context.spawner.finish("writing the keyring", task);
    }

    /// The keyring has stored a token.
    pub(crate) fn kept(&mut self, profile: ProfileId, credentials_number: u64) {
        if let Some(held) = self.held(profile, credentials_number) {
            held.kept = true;
            self.tell_token(profile);
            // The keyring works now, which it may not have done before.
            self.ask_for_seal();
        } else {
            // Signed out while the keyring was storing it.
            self.forget_if_signed_out(profile);
        }
    }

    /// Removes a profile's token from the keyring.
    pub(crate) fn forget(&self, profile: ProfileId) {
        if profile == super::sandbox::profile_id() {
            return;
        }
        let context = self.context.clone();
        self.context.spawner.finish("writing the keyring", async move {
            context.spawner.until_cut_short(forget_token(&context, profile)).await;
        });
    }

    /// Connects a profile with its token, or with the one in the keyring.
    pub(crate) fn connect(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        match &profile_state.held {
            Some(held) => {
                let session_credentials = held.session_credentials.clone();
                profile_state.desired_state.send_modify(|desired_state| {
                    desired_state.aim = TargetState::Online(session_credentials);
                    // A refused token is tried again only at the operator's request.
                    desired_state.retry += 1;
                });
            }
            // The token is being loaded from the journal.
            None if self.unkept.contains(&profile) => self.aim(profile, TargetState::SignedOut),
            None if profile_state.profile.keep_signed_in && !self.signed_out.contains(&profile) => {
                // The operator wants it online, so an earlier disconnect no longer counts.
                self.aim(profile, TargetState::SignedOut);
                self.remember(profile);
            }
            None => {
                self.aim(profile, TargetState::SignedOut);
                self.notice(Some(profile), Severity::Info, NoticeReason::NoTokenToConnect);
            }
        }
    }

    /// Disconnects: leaves the channel.
    pub(crate) fn disconnect(&mut self, profile: ProfileId) {
        self.cancel_sign_in(profile);
        self.aim(profile, TargetState::Offline);
    }

    /// Skips the wait for the next attempt.
    pub(crate) fn retry_now(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let is_idle = matches!(
            profile_state.state,
            ConnectionState::Offline | ConnectionState::SignedOut | ConnectionState::TokenRefused { .. }
        );
        if is_idle {
            self.connect(profile);
        } else {
            profile_state.desired_state.send_modify(|desired_state| desired_state.retry += 1);
        }
    }

    fn forget_if_signed_out(&self, profile: ProfileId) {
        if self.profile_states.get(&profile).is_none_or(|profile_state| profile_state.held.is_none()) {
            self.forget(profile);
        }
    }

    /// A REST call reported that a token is invalid.
    pub(crate) fn token_dead(&mut self, profile: ProfileId, credentials_number: u64, why: RestError) {
        if let Some(profile_state) = self.profile_states.get_mut(&profile)
            && let Some((asked, refused)) = &mut profile_state.renewal
            && asked.old.number == credentials_number
        {
            // An old token becomes invalid when a new one is issued. If none was, the refusal is reported when the renewal ends.
            *refused = Some(why);
            return;
        }
        if self.held(profile, credentials_number).is_some() {
            self.context.problem(profile, ProblemReason::TokenRefused(why.clone()));
            // A sign-in in progress is about to replace it.
            let signing = self.profile_states.get(&profile).and_then(|profile_state| profile_state.signing.as_ref());
            if !signing.is_some_and(|signing| matches!(signing.stage, SignInStage::Proving(_))) {
                self.aim(profile, TargetState::Refused { why: Arc::new(why) });
            }
        }
    }

    /// Discards a profile's token and, if requested, revokes it once the channel is left.
    pub(crate) fn sign_out(&mut self, profile: ProfileId, revoke: bool) {
        self.cancel_sign_in(profile);
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        profile_state.give_up_tokens();
        let held = profile_state.held.take().filter(|_held| revoke);
        let revocation = held.map(|held| Revocation {
            profile: profile_state.profile.clone(),
            endpoints: held.session_credentials.endpoints.clone(),
            token: held.session_credentials.token.clone(),
        });
        let (left, of) = (profile_state.left(), profile_state.profile.clone());
        self.aim(profile, TargetState::SignedOut);
        self.tell_token(profile);
        self.resolve_token_problems(profile);
        self.check_waiting(profile);
        self.promise_to_sign_out(of, revocation, left);
    }

    /// Handles a new state of a session.
    pub(crate) fn connection(&mut self, profile: ProfileId, credentials_number: u64, state: &ConnectionState) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        profile_state.change(state.clone());
        if let Some(PendingSignIn { stage: SignInStage::Proving(held), .. }) = &profile_state.signing
            && held.session_credentials.number == credentials_number
        {
            if *state == ConnectionState::Live {
                self.accept(profile);
            } else if let Some(failed) = failure(state) {
                self.sign_in_failed(profile, failed);
            }
            return;
        }
        let Some(held) =
            profile_state.held.as_mut().filter(|held| held.session_credentials.number == credentials_number)
        else {
            return;
        };
        match state {
            ConnectionState::Live => {
                held.previous = None;
                self.context.resolve(profile, &ProblemKind::TokenRefused);
            }
            ConnectionState::TokenRefused { .. } => {
                let Some(previous) = held.previous.take() else { return };
                *held = ActiveToken::of_unknown_end(previous.clone());
                let keep = profile_state.profile.keep_signed_in;
                self.aim(profile, TargetState::Online(previous));
                if keep {
                    self.keep(profile);
                }
                self.tell_token(profile);
                self.context.problem(profile, ProblemReason::NewTokenRefused);
            }
            _ => {}
        }
    }

    /// A profile's token, if it still has this credentials number.
    pub(crate) fn held(&mut self, profile: ProfileId, credentials_number: u64) -> Option<&mut ActiveToken> {
        self.profile_states
            .get_mut(&profile)?
            .held
            .as_mut()
            .filter(|held| held.session_credentials.number == credentials_number)
    }

    /// Clears the problems of the previous token.
    pub(crate) fn resolve_token_problems(&self, profile: ProfileId) {
        for kind in
            [ProblemKind::TokenRenewal, ProblemKind::TokenExpiry, ProblemKind::TokenRefused, ProblemKind::NoToken]
        {
            self.context.resolve(profile, &kind);
        }
        self.tell_unreadable_end(profile);
    }

    /// Reports that the expiry of the token can't be read, and what follows from that.
    fn tell_unreadable_end(&self, profile: ProfileId) {
        let held = self.profile_states.get(&profile).and_then(|profile_state| profile_state.held.as_ref());
        if let Some(said) = held.and_then(|held| held.unreadable_end.clone()) {
            self.context.problem(profile, ProblemReason::UnreadableTokenEnd { said });
        }
    }

    /// Reports that an action needs a token.
    pub(crate) fn no_token(&self, profile: ProfileId, what: NeedsToken) {
        self.context.problem(profile, ProblemReason::NoToken(what));
    }

    fn tell_sign_in(&mut self, profile: ProfileId, state: SignInState) {
        // Each state has a number of its own, so that a repeated state is shown again.
        let number = self.number();
        self.context.event_sender.update(profile, |status| status.sign_in = Some(SignInStatus { number, state }));
    }

    fn tell_sign_in_failed(&mut self, profile: ProfileId, error: impl Into<SignInError>) {
        self.tell_sign_in(profile, SignInState::Failed(Arc::new(error.into())));
    }

    pub(crate) fn tell_token(&self, profile: ProfileId) {
        let held = self.profile_states.get(&profile).and_then(|profile_state| profile_state.held.as_ref());
        let token =
            held.map_or(TokenStatus::Absent, |held| TokenStatus::Held { expires_at: held.expires_at, kept: held.kept });
        self.context.event_sender.update(profile, |status| status.token = token);
    }
}
