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
use crate::engine::supervisor::pending_work::{Revocation, complete_all_work, delete_token, persist_token, token_work};
use crate::engine::supervisor::state::profile_state::{ActiveToken, PendingSignIn, SignInStage};
use crate::engine::supervisor::{Supervisor, sign_in_failure};
use crate::protocol::AuthorizationToken;
use crate::settings::ProfileId;

/// The pause before a locked keyring is asked again.
pub(crate) const KEYRING_PAUSE: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Signs a profile in for this run only: if the settings do not list it, they are not changed.
    pub(crate) fn sign_in_ephemeral(&mut self, sign_in: SignIn) {
        let id = sign_in.profile.id;
        let listed = self.settings.profile(id).is_some();
        if !listed {
            self.ephemeral_profiles.insert(id);
        }
        self.sign_in(sign_in);
        if let Some(signing) =
            self.profile_states.get_mut(&id).and_then(|profile_state| profile_state.pending_sign_in.as_mut())
        {
            signing.ephemeral = true;
        }
    }

    pub(crate) fn sign_in(&mut self, sign_in: SignIn) {
        let SignIn { profile, credential } = sign_in;
        let id = profile.id;
        let endpoints = match Endpoints::of(&profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.publish_sign_in_failure(id, error),
        };
        if matches!(credential, Credential::Password(_)) && profile.username.trim().is_empty() {
            return self.publish_sign_in_failure(id, SignInError::NoUserName);
        }
        self.open_profile(profile.clone());
        let attempt = self.next_number();
        let (given_up, stop) = oneshot::channel();
        let task = sign_in::request_token(
            self.context.clone(),
            id,
            attempt,
            endpoints,
            profile.username.clone(),
            credential,
            stop,
        );
        self.context_of(id).spawner.spawn("signing in", Box::pin(task));
        if let Some(profile_state) = self.profile_states.get_mut(&id) {
            profile_state.pending_sign_in =
                Some(PendingSignIn { attempt, profile, ephemeral: false, stage: SignInStage::Requesting(given_up) });
        }
        self.publish_sign_in(id, SignInState::Requesting);
    }

    pub(crate) fn cancel_sign_in(&mut self, profile: ProfileId) {
        if self.abandon_sign_in(profile) {
            self.publish_sign_in(profile, SignInState::Cancelled);
        }
    }

    /// Handles the server's answer to a sign-in.
    pub(crate) fn on_signed_in(&mut self, profile: ProfileId, attempt: u64, granted: Result<IssuedToken, SignInError>) {
        let number = self.next_number();
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let Some(signing) = profile_state.pending_sign_in.as_mut().filter(|signing| signing.attempt == attempt) else {
            return;
        };
        let granted = match granted {
            Ok(granted) => granted,
            Err(error) => return self.sign_in_failed(profile, error),
        };
        let endpoints = match Endpoints::of(&signing.profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.sign_in_failed(profile, error.into()),
        };
        let IssuedToken { token, expiry, verified } = granted;
        let session_credentials = Arc::new(SessionCredentials { number, endpoints, token });
        let watch = token_expiry::start_timer(&profile_state.context, profile, number, &expiry);
        let expires_at = expiry.at.map(|at| profile_state.context.clocks.server_to_local(at));
        let unreadable_expiry = expiry.unreadable;
        let held = ActiveToken {
            session_credentials: session_credentials.clone(),
            expires_at,
            unreadable_expiry,
            persisted: false,
            previous: None,
            watch,
            renewal_deferred_until: None,
        };
        signing.stage = SignInStage::Verifying(held);
        self.set_target(profile, TargetState::Online(session_credentials));
        if verified {
            self.accept(profile);
        }
    }

    /// The token of a sign-in is valid: the profile uses it from now on.
    fn accept(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let Some(PendingSignIn { profile: mut form, ephemeral, stage: SignInStage::Verifying(held), .. }) =
            profile_state.pending_sign_in.take()
        else {
            return;
        };
        if let Some(saved) = self.settings.profile(profile) {
            // The form does not edit these: they may have changed since it was opened.
            form.saving = saved.saving.clone();
        }
        let keep = form.keep_signed_in;
        profile_state.profile = form.clone();
        profile_state.active_token = Some(held);
        profile_state.cancel_renewal();
        let listed = self.settings.profiles.iter_mut().find(|saved| saved.id == profile);
        match listed {
            Some(_) if ephemeral => {}
            Some(saved) => *saved = form,
            None => self.settings.profiles.push(form),
        }
        self.name_in_journal(profile);
        self.report_arrivals_if_needed(profile);
        if ephemeral {
            self.publish_settings();
        } else {
            self.save();
        }
        // Only once the settings list it: nothing can show the restored entries of an unknown profile.
        self.restore_history(profile);
        self.publish_sign_in(profile, SignInState::Done);
        self.publish_token(profile);
        self.resolve_token_problems(profile);
        self.retry_waiting_checks(profile);
        if keep {
            self.persist_token(profile);
        } else {
            self.delete_token(profile);
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
            self.publish_sign_in_failure(profile, error);
        }
    }

    /// Ends a sign-in without success; returns whether there was one. The profile is then as it was before. A profile that never
    /// signed in stays open, signed out: otherwise its next sign-in would start a second session while the first is still leaving.
    fn abandon_sign_in(&mut self, profile: ProfileId) -> bool {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return false };
        let Some(signing) = profile_state.pending_sign_in.take() else { return false };
        if matches!(signing.stage, SignInStage::Verifying(_)) {
            let target = profile_state
                .active_token
                .as_ref()
                .map_or(TargetState::SignedOut, |held| TargetState::Online(held.session_credentials.clone()));
            self.set_target(profile, target);
        }
        true
    }

    /// Loads a profile's token from the keyring.
    pub(crate) fn load_saved_token(&mut self, profile: ProfileId) {
        self.load_saved_token_after(profile, Duration::ZERO);
    }

    /// Loads it after a pause, and replaces a load that is already scheduled. Retries automatically only if asking the keyring shows
    /// no prompt.
    fn load_saved_token_after(&mut self, profile: ProfileId, pause: Duration) {
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
            context.report(InternalEvent::SavedTokenLoaded { profile, token }).await;
        };
        self.context_of(profile).spawner.spawn("reading the keyring", task);
    }

    /// Handles the keyring's answer.
    pub(crate) fn on_saved_token_loaded(
        &mut self,
        profile: ProfileId,
        token: Result<Option<AuthorizationToken>, KeyringError>,
    ) {
        let number = self.next_number();
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        // If it signed in meanwhile, or is about to, that token is newer. If it signed out, the token has to be discarded.
        if profile_state.active_token.is_some()
            || profile_state.pending_sign_in.is_some()
            || self.signed_out.contains(&profile)
        {
            return;
        }
        let token = match token {
            Ok(Some(token)) => token,
            Ok(None) => {
                self.context.resolve_problem(profile, &ProblemKind::TokenKeyring);
                self.set_target(profile, TargetState::SignedOut);
                return self.publish_token(profile);
            }
            Err(error) => {
                self.set_target(profile, TargetState::SignedOut);
                self.publish_token(profile);
                if matches!(error.cause(), StoreError::NoDefaultCollection | StoreError::TimedOut) {
                    self.load_saved_token_after(profile, KEYRING_PAUSE);
                }
                return self.context.report_problem(profile, ProblemReason::TokenKeyring(error));
            }
        };
        self.context.resolve_problem(profile, &ProblemKind::TokenKeyring);
        // A locked keyring may have refused the link encryption key too.
        self.load_seal_key();
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        let endpoints = match Endpoints::of(&profile_state.profile) {
            Ok(endpoints) => Arc::new(endpoints),
            Err(error) => return self.notify(Some(profile), Severity::Error, NoticeReason::Endpoints(error.into())),
        };
        let session_credentials = Arc::new(SessionCredentials { number, endpoints, token });
        profile_state.active_token =
            Some(ActiveToken { persisted: true, ..ActiveToken::with_unknown_expiry(session_credentials.clone()) });
        // If it was disconnected meanwhile, it stays so.
        let stays = matches!(profile_state.desired_state.borrow().target, TargetState::Offline);
        if !stays {
            self.set_target(profile, TargetState::Online(session_credentials.clone()));
        }
        self.publish_token(profile);
        self.context.resolve_problem(profile, &ProblemKind::NoToken);
        let task = sign_in::request_expiry(self.context_of(profile).clone(), profile, session_credentials);
        self.context_of(profile).spawner.spawn("asking for the token's end", Box::pin(task));
    }

    /// Handles the server's answer to when a token expires.
    pub(crate) fn on_expiry(&mut self, profile: ProfileId, credentials_number: u64, ends: TokenExpiry) {
        let context = self.context_of(profile).clone();
        if let Some(held) = self.active_token(profile, credentials_number) {
            held.expires_at = ends.at.map(|at| context.clocks.server_to_local(at));
            held.watch = token_expiry::start_timer(&context, profile, credentials_number, &ends);
            held.unreadable_expiry = ends.unreadable;
            self.publish_token(profile);
            self.report_unreadable_expiry(profile);
        }
    }

    /// Stores a profile's token in the keyring.
    pub(crate) fn persist_token(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        let Some(held) = &profile_state.active_token else { return };
        let (context, session_credentials, unwanted) =
            (self.context.clone(), held.session_credentials.clone(), profile_state.signed_out.clone());
        let was_signed_out = self.signed_out.remove(&profile);
        let task = async move {
            if was_signed_out {
                complete_all_work(&context, token_work(&context, profile).await).await;
            }
            if !unwanted.is_cancelled() && persist_token(&context, profile, &session_credentials.token).await {
                context
                    .report(InternalEvent::TokenPersisted { profile, credentials_number: session_credentials.number })
                    .await;
            }
        };
        self.context.spawner.spawn_to_completion("writing the keyring", task);
    }

    /// The keyring has stored a token.
    pub(crate) fn on_token_persisted(&mut self, profile: ProfileId, credentials_number: u64) {
        if let Some(held) = self.active_token(profile, credentials_number) {
            held.persisted = true;
            self.publish_token(profile);
            // The keyring works now, which it may not have done before.
            self.load_seal_key();
        } else {
            // Signed out while the keyring was storing it.
            self.delete_token_if_signed_out(profile);
        }
    }

    /// Removes a profile's token from the keyring.
    pub(crate) fn delete_token(&self, profile: ProfileId) {
        if profile == super::sandbox::profile_id() {
            return;
        }
        let context = self.context.clone();
        self.context.spawner.spawn_to_completion("writing the keyring", async move {
            context.spawner.until_cut_short(delete_token(&context, profile)).await;
        });
    }

    /// Connects a profile with its token, or with the one in the keyring.
    pub(crate) fn connect(&mut self, profile: ProfileId) {
        let Some(profile_state) = self.profile_states.get(&profile) else { return };
        match &profile_state.active_token {
            Some(held) => {
                let session_credentials = held.session_credentials.clone();
                profile_state.desired_state.send_modify(|desired_state| {
                    desired_state.target = TargetState::Online(session_credentials);
                    // A refused token is tried again only at the operator's request.
                    desired_state.retry_count += 1;
                });
            }
            // The token is being loaded from the journal.
            None if self.unpersisted_tokens.contains(&profile) => self.set_target(profile, TargetState::SignedOut),
            None if profile_state.profile.keep_signed_in && !self.signed_out.contains(&profile) => {
                // The operator wants it online, so an earlier disconnect no longer counts.
                self.set_target(profile, TargetState::SignedOut);
                self.load_saved_token(profile);
            }
            None => {
                self.set_target(profile, TargetState::SignedOut);
                self.notify(Some(profile), Severity::Info, NoticeReason::NoTokenToConnect);
            }
        }
    }

    /// Disconnects: leaves the channel.
    pub(crate) fn disconnect(&mut self, profile: ProfileId) {
        self.cancel_sign_in(profile);
        self.set_target(profile, TargetState::Offline);
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
            profile_state.desired_state.send_modify(|desired_state| desired_state.retry_count += 1);
        }
    }

    fn delete_token_if_signed_out(&self, profile: ProfileId) {
        if self.profile_states.get(&profile).is_none_or(|profile_state| profile_state.active_token.is_none()) {
            self.delete_token(profile);
        }
    }

    /// A REST call reported that a token is invalid.
    pub(crate) fn on_token_invalid(&mut self, profile: ProfileId, credentials_number: u64, why: RestError) {
        if let Some(profile_state) = self.profile_states.get_mut(&profile)
            && let Some((asked, refused)) = &mut profile_state.renewal
            && asked.old.number == credentials_number
        {
            // An old token becomes invalid when a new one is issued. If none was, the refusal is reported when the renewal ends.
            *refused = Some(why);
            return;
        }
        if self.active_token(profile, credentials_number).is_some() {
            self.context.report_problem(profile, ProblemReason::TokenRefused(why.clone()));
            // A sign-in in progress is about to replace it.
            let signing =
                self.profile_states.get(&profile).and_then(|profile_state| profile_state.pending_sign_in.as_ref());
            if !signing.is_some_and(|signing| matches!(signing.stage, SignInStage::Verifying(_))) {
                self.set_target(profile, TargetState::Refused { why: Arc::new(why) });
            }
        }
    }

    /// Discards a profile's token and, if requested, revokes it once the channel is left.
    pub(crate) fn sign_out(&mut self, profile: ProfileId, revoke: bool) {
        self.cancel_sign_in(profile);
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        profile_state.cancel_token_work();
        let held = profile_state.active_token.take().filter(|_held| revoke);
        let revocation = held.map(|held| Revocation {
            profile: profile_state.profile.clone(),
            endpoints: held.session_credentials.endpoints.clone(),
            token: held.session_credentials.token.clone(),
        });
        let (until_left, of) = (profile_state.until_left(), profile_state.profile.clone());
        self.set_target(profile, TargetState::SignedOut);
        self.publish_token(profile);
        self.resolve_token_problems(profile);
        self.retry_waiting_checks(profile);
        self.sign_out_durably(of, revocation, until_left);
    }

    /// Handles a new state of a session.
    pub(crate) fn on_connection_state(&mut self, profile: ProfileId, credentials_number: u64, state: &ConnectionState) {
        let Some(profile_state) = self.profile_states.get_mut(&profile) else { return };
        profile_state.change(state.clone());
        if let Some(PendingSignIn { stage: SignInStage::Verifying(held), .. }) = &profile_state.pending_sign_in
            && held.session_credentials.number == credentials_number
        {
            if *state == ConnectionState::Live {
                self.accept(profile);
            } else if let Some(failed) = sign_in_failure(state) {
                self.sign_in_failed(profile, failed);
            }
            return;
        }
        let Some(held) =
            profile_state.active_token.as_mut().filter(|held| held.session_credentials.number == credentials_number)
        else {
            return;
        };
        match state {
            ConnectionState::Live => {
                held.previous = None;
                self.context.resolve_problem(profile, &ProblemKind::TokenRefused);
            }
            ConnectionState::TokenRefused { .. } => {
                let Some(previous) = held.previous.take() else { return };
                *held = ActiveToken::with_unknown_expiry(previous.clone());
                let keep = profile_state.profile.keep_signed_in;
                self.set_target(profile, TargetState::Online(previous));
                if keep {
                    self.persist_token(profile);
                }
                self.publish_token(profile);
                self.context.report_problem(profile, ProblemReason::NewTokenRefused);
            }
            _ => {}
        }
    }

    /// A profile's token, if it still has this credentials number.
    pub(crate) fn active_token(&mut self, profile: ProfileId, credentials_number: u64) -> Option<&mut ActiveToken> {
        self.profile_states
            .get_mut(&profile)?
            .active_token
            .as_mut()
            .filter(|held| held.session_credentials.number == credentials_number)
    }

    /// Reports that an action needs a token.
    pub(crate) fn report_no_token(&self, profile: ProfileId, what: NeedsToken) {
        self.context.report_problem(profile, ProblemReason::NoToken(what));
    }

    fn publish_sign_in(&mut self, profile: ProfileId, state: SignInState) {
        // Each state has a number of its own, so that a repeated state is shown again.
        let number = self.next_number();
        self.context.event_sender.update(profile, |status| status.sign_in = Some(SignInStatus { number, state }));
    }

    fn publish_sign_in_failure(&mut self, profile: ProfileId, error: impl Into<SignInError>) {
        self.publish_sign_in(profile, SignInState::Failed(Arc::new(error.into())));
    }

    pub(crate) fn publish_token(&self, profile: ProfileId) {
        let held = self.profile_states.get(&profile).and_then(|profile_state| profile_state.active_token.as_ref());
        let token = held.map_or(TokenStatus::Absent, |held| TokenStatus::Held {
            expires_at: held.expires_at,
            persisted: held.persisted,
        });
        self.context.event_sender.update(profile, |status| status.token = token);
    }
}
