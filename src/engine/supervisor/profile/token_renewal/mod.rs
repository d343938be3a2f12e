//! Renews a token, and handles whatever else happens meanwhile.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::auth::{sign_in, token_expiry};
use crate::engine::client::rest::IssuedToken;
use crate::engine::context::internal_event::{ExpiryEvent, InternalEvent, Renewal};
use crate::engine::events::event::Severity;
use crate::engine::events::notice_reason::NoticeReason;
use crate::engine::events::problem::{NeedsToken, ProblemKind, ProblemReason};
use crate::engine::network::rest_error::RestError;
use crate::engine::session::desired_state::TargetState;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::supervisor::Supervisor;
use crate::engine::supervisor::pending_work::{Revocation, persist_token};
use crate::engine::supervisor::state::profile_state::ActiveToken;
use crate::settings::ProfileId;

impl Supervisor {
    /// A token expires soon: renews it or warns, as `due` says.
    pub(crate) fn on_token_due(&mut self, profile: ProfileId, credentials_number: u64, due: ExpiryEvent) {
        let Some(held) = self.active_token(profile, credentials_number) else { return };
        let can_renew = held.persisted && held.renewal_deferred_until.is_none_or(|until| until <= Instant::now());
        let automatic =
            self.profile_states.get(&profile).is_some_and(|profile_state| profile_state.profile.renew_automatically);
        match due {
            ExpiryEvent::Renew if can_renew && automatic => self.renew(profile),
            ExpiryEvent::Renew => {}
            ExpiryEvent::ExpiresSoon { minutes } => {
                self.context.report_problem(profile, ProblemReason::TokenExpiring { minutes });
            }
        }
    }

    /// Renews the token at the operator's request.
    pub(crate) fn renew_now(&mut self, profile: ProfileId) {
        match self.profile_states.get(&profile) {
            Some(profile_state) if profile_state.active_token.is_none() => {
                self.report_no_token(profile, NeedsToken::Renewal);
            }
            Some(profile_state) if profile_state.is_renewing() => {
                self.notify(Some(profile), Severity::Info, NoticeReason::AlreadyRenewing);
            }
            _ => self.renew(profile),
        }
    }

    /// Requests a new token, unless a request is in progress.
    pub(crate) fn renew(&mut self, profile: ProfileId) {
        let number = self.next_number();
        let Some(profile_state) =
            self.profile_states.get_mut(&profile).filter(|profile_state| !profile_state.is_renewing())
        else {
            return;
        };
        let Some(held) = &profile_state.active_token else { return };
        let (old, form) = (held.session_credentials.clone(), profile_state.profile.clone());
        let persist = form.keep_signed_in;
        let asked = Arc::new(Renewal { profile: form, old, number, persist, abandoned: CancellationToken::new() });
        profile_state.renewal = Some((asked.clone(), None));
        let context = profile_state.context.clone();
        // The server may have issued the token already, so a shutdown waits a little for its answer.
        profile_state.context.spawner.spawn_to_completion("renewing the token", async move {
            let renewing = Box::pin(sign_in::renew(context.clone(), asked));
            context.spawner.until_cut_short(renewing).await;
        });
    }

    /// Handles the server's answer to a renewal.
    pub(crate) fn on_renewed(&mut self, asked: &Arc<Renewal>, outcome: Result<IssuedToken, RestError>) {
        let profile = asked.profile.id;
        let current = self.profile_states.get(&profile).and_then(|profile_state| profile_state.renewal.as_ref());
        let is_current = current.is_some_and(|(current, _)| Arc::ptr_eq(current, asked));
        self.apply_renewal(asked, outcome);
        // The answer to an abandoned renewal says nothing to checks that wait for another one.
        if is_current {
            self.retry_waiting_checks(profile);
        }
    }

    fn apply_renewal(&mut self, asked: &Arc<Renewal>, outcome: Result<IssuedToken, RestError>) {
        let profile = asked.profile.id;
        if asked.abandoned.is_cancelled() {
            return self.discard(asked, outcome);
        }
        let renewal = self.profile_states.get_mut(&profile).and_then(|profile_state| profile_state.renewal.take());
        let refused = renewal.and_then(|(_, refused)| refused);
        let old = asked.old.number;
        let granted = match outcome {
            Ok(granted) => granted,
            Err(error @ RestError::Unauthorised(_)) => return self.on_token_invalid(profile, old, error),
            Err(error) => {
                if let Some(why) = refused {
                    return self.on_token_invalid(profile, old, why);
                }
                self.defer_renewal(profile, old, &error);
                if matches!(error, RestError::Later) {
                    return self.notify(Some(profile), Severity::Info, NoticeReason::RenewalDeferred(error));
                }
                return self.context.report_problem(profile, ProblemReason::TokenNotRenewed(error));
            }
        };
        let watch = token_expiry::start_timer(self.context_of(profile), profile, asked.number, &granted.expiry);
        let expires_at = granted.expiry.at.map(|at| self.context.clocks.server_to_local(at));
        let Some(held) = self.active_token(profile, old) else { return };
        let endpoints = asked.old.endpoints.clone();
        let new = Arc::new(SessionCredentials { number: asked.number, endpoints, token: granted.token });
        let previous = Some(asked.old.clone());
        *held = ActiveToken {
            session_credentials: new.clone(),
            expires_at,
            unreadable_expiry: granted.expiry.unreadable,
            persisted: false,
            previous,
            watch,
            renewal_deferred_until: None,
        };
        if let Some(profile_state) = self.profile_states.get(&profile) {
            profile_state.desired_state.send_if_modified(|desired_state| {
                let goes_on = match &desired_state.target {
                    TargetState::Online(session_credentials) => session_credentials.number == old,
                    // A call found the old token invalid, not this one.
                    TargetState::Refused { .. } => true,
                    TargetState::SignedOut | TargetState::Offline | TargetState::Stopped => false,
                };
                if goes_on {
                    desired_state.target = TargetState::Online(new);
                }
                goes_on
            });
        }
        if asked.persist {
            self.persist_token(profile);
        }
        self.publish_token(profile);
        self.resolve_token_problems(profile);
        self.notify(Some(profile), Severity::Info, NoticeReason::TokenRenewed);
    }

    /// Asks again when a busy server has time, and not before.
    fn defer_renewal(&mut self, profile: ProfileId, credentials_number: u64, error: &RestError) {
        let Some(wait) = error.retry_after() else { return };
        let until = Instant::now() + wait.max(sign_in::MIN_RETRY_WAIT);
        let Some(held) = self.active_token(profile, credentials_number) else { return };
        held.renewal_deferred_until = Some(until);
        let context = self.context_of(profile).clone();
        context.spawner.clone().spawn("waiting to renew a token", async move {
            tokio::time::sleep_until(until).await;
            context.report(InternalEvent::TokenDue { profile, credentials_number, due: ExpiryEvent::Renew }).await;
        });
    }

    /// The server answered while the engine was stopping: the keyring needs the new token, because the old one is invalid.
    pub(crate) fn on_renewed_late(&mut self, asked: &Arc<Renewal>, outcome: Result<IssuedToken, RestError>) {
        if asked.abandoned.is_cancelled() {
            return self.discard(asked, outcome);
        }
        if let (Ok(granted), true) = (outcome, asked.persist) {
            let (context, profile) = (self.context.clone(), asked.profile.id);
            self.context.spawner.spawn_to_completion("writing the keyring", async move {
                persist_token(&context, profile, &granted.token).await;
            });
        }
    }

    /// Clears the problems of the previous token.
    pub(crate) fn resolve_token_problems(&self, profile: ProfileId) {
        for kind in
            [ProblemKind::TokenRenewal, ProblemKind::TokenExpiry, ProblemKind::TokenRefused, ProblemKind::NoToken]
        {
            self.context.resolve_problem(profile, &kind);
        }
        self.report_unreadable_expiry(profile);
    }

    /// Reports that the expiry of the token can't be read, and what follows from that.
    pub(crate) fn report_unreadable_expiry(&self, profile: ProfileId) {
        let held = self.profile_states.get(&profile).and_then(|profile_state| profile_state.active_token.as_ref());
        if let Some(value) = held.and_then(|held| held.unreadable_expiry.clone()) {
            self.context.report_problem(profile, ProblemReason::UnreadableTokenExpiry { value });
        }
    }

    /// The new token is not wanted any more. If the profile was signed out or removed, it is revoked instead of the old one; if it
    /// signed in again, the token is left to expire.
    fn discard(&mut self, asked: &Arc<Renewal>, outcome: Result<IssuedToken, RestError>) {
        let profile = asked.profile.id;
        let is_signed_in =
            self.profile_states.get(&profile).is_some_and(|profile_state| profile_state.active_token.is_some());
        if let (Ok(granted), false) = (outcome, is_signed_in) {
            let endpoints = asked.old.endpoints.clone();
            let revocation = Revocation { profile: asked.profile.clone(), endpoints, token: granted.token };
            self.revoke_durably(revocation, std::future::ready(()));
        }
    }
}
