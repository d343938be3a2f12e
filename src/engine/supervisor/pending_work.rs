//! Work that must be done even if the program ends first: it is recorded in the journal before anything else, done immediately if
//! possible, and otherwise finished at the next start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::engine::auth::sign_in;
use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::notice_reason::{NoticeReason, PersistentReason};
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::network::endpoints::Endpoints;
use crate::engine::network::rest_error::RestError;
use crate::engine::storage::persistent_notices;
use crate::journal::{PendingWork, WorkId};
use crate::protocol::AuthorizationToken;
use crate::settings::{Profile, ProfileId, atomic};

use super::Supervisor;

/// The first pause after a failed attempt to revoke a token.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// The longest pause between such attempts.
const MAX_PAUSE: Duration = Duration::from_hours(1);
/// The pause between attempts to record work while the journal refuses it.
const RECORD_PAUSE: Duration = Duration::from_secs(5);

/// A token that has to be revoked.
pub(crate) struct Revocation {
    /// The profile that it belonged to.
    pub(crate) profile: Profile,
    /// The server that issued it.
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) token: AuthorizationToken,
}

impl Supervisor {
    /// Resumes unfinished work of earlier runs. Has to run before any profile is signed in.
    pub(crate) async fn resume_pending_work(&mut self) {
        let works = match self.context.journal_store.pending_work().await {
            Ok(works) => works,
            Err(why) => {
                return self.notify(None, Severity::Warning, NoticeReason::PendingWorkUnreadable(why.into()));
            }
        };
        for (id, work) in works {
            let context = self.context.clone();
            match work {
                PendingWork::DeleteToken(profile) => {
                    self.signed_out.insert(profile);
                    self.context.spawner.spawn("writing the keyring", async move {
                        if delete_token(&context, profile).await {
                            complete_work(&context, Some(id)).await;
                        }
                    });
                }
                PendingWork::RevokeToken { .. } => self.revocations.push(id),
                PendingWork::StoreToken { profile, .. } => _ = self.unpersisted_tokens.insert(profile),
                PendingWork::RemoveProfile(profile) => {
                    self.settings.profiles.retain(|saved| saved.id != profile);
                    self.signed_out.insert(profile);
                    let (saved, is_saved) = oneshot::channel();
                    self.save_and_signal(saved);
                    self.context.spawner.spawn("removing a profile", async move {
                        if is_saved.await.is_ok() && delete_secrets(&context, profile).await {
                            complete_work(&context, Some(id)).await;
                        }
                    });
                }
                PendingWork::DeleteFile(path) => {
                    let deleting = self.context.spawner.blocking("deleting a file", move || delete_file(&path));
                    self.context.spawner.spawn("deleting a file", async move {
                        if deleting.await == Some(true) {
                            complete_work(&context, Some(id)).await;
                        }
                    });
                }
            }
        }
        if !self.revocations.is_empty() || !self.unpersisted_tokens.is_empty() {
            self.load_seal_key();
        }
    }

    /// Revokes the tokens of earlier runs, once it is known whether the journal can decrypt them.
    pub(crate) fn resume_revocations(&mut self, unsealed: Option<&ProblemReason>) {
        let wanted = std::mem::take(&mut self.revocations);
        if wanted.is_empty() {
            return;
        }
        if let Some(why) = unsealed {
            self.notify(None, Severity::Warning, NoticeReason::RevocationSealed(why.clone()));
            self.revocations = wanted;
            return;
        }
        let context = self.context.clone();
        self.context.spawner.spawn("revoking a token", async move {
            let works = context.journal_store.pending_work().await.unwrap_or_default();
            for (id, work) in works.into_iter().filter(|(id, _)| wanted.contains(id)) {
                let PendingWork::RevokeToken { profile, token } = work else { continue };
                let endpoints = Endpoints::of(&profile).ok().map(Arc::new);
                let tools_of_one = context.clone();
                let (Some(endpoints), Some(token)) = (endpoints, token) else {
                    let reason = PersistentReason::RevocationLost(profile.name);
                    persistent_notices::warn(&context, None, reason).await;
                    complete_work(&context, Some(id)).await;
                    continue;
                };
                let revocation = Revocation { profile: *profile, endpoints, token };
                context.spawner.spawn("revoking a token", async move {
                    revoke(&tools_of_one, &revocation).await;
                    complete_work(&tools_of_one, Some(id)).await;
                });
            }
        });
    }

    /// Loads the tokens that the keyring had not stored when earlier runs ended, once it is known whether the journal can decrypt
    /// them.
    pub(crate) fn load_unpersisted_tokens(&mut self, is_sealing: bool) {
        let wanted = std::mem::take(&mut self.unpersisted_tokens);
        if wanted.is_empty() {
            return;
        }
        if !is_sealing {
            // The keyring may still have a token, and the next start tries again.
            return wanted.into_iter().for_each(|profile| self.load_saved_token(profile));
        }
        let context = self.context.clone();
        self.context.spawner.spawn("reading the journal", async move {
            for (_, work) in context.journal_store.pending_work().await.unwrap_or_default() {
                if let PendingWork::StoreToken { profile, token } = work
                    && wanted.contains(&profile)
                {
                    context.report(InternalEvent::UnpersistedTokenLoaded { profile, token }).await;
                }
            }
        });
    }

    /// The journal returned the newest token of a profile, or could not decrypt it.
    pub(crate) fn on_unpersisted_token(&mut self, profile: ProfileId, token: Option<AuthorizationToken>) {
        let is_new = self.profile_states.get(&profile).is_some_and(|profile_state| {
            profile_state.active_token.is_none() && profile_state.pending_sign_in.is_none()
        });
        if !is_new || self.signed_out.contains(&profile) {
            return;
        }
        if token.is_none() {
            return self.load_saved_token(profile);
        }
        self.on_saved_token_loaded(profile, Ok(token));
        if let Some(held) =
            self.profile_states.get_mut(&profile).and_then(|profile_state| profile_state.active_token.as_mut())
        {
            held.persisted = false;
            self.publish_token(profile);
            self.persist_token(profile);
        }
    }

    /// Revokes a token, even if the program ends first. `until_left` completes when its channel is left.
    pub(crate) fn revoke_durably(&self, revocation: Revocation, until_left: impl Future<Output = ()> + Send + 'static) {
        let context = self.context.clone();
        self.context.spawner.spawn_to_completion("revoking a token", async move {
            let id = record_work(&context, vec![revocation.work()]).await.into_iter().next();
            context
                .spawner
                .until_stopped(async {
                    until_left.await;
                    revoke(&context, &revocation).await;
                    complete_work(&context, id).await;
                })
                .await;
        });
    }

    /// Signs a profile out: removes its token from the keyring and revokes it if requested, even if the program ends first.
    pub(crate) fn sign_out_durably(
        &mut self,
        profile: Profile,
        revocation: Option<Revocation>,
        until_left: impl Future<Output = ()> + Send + 'static,
    ) {
        self.signed_out.insert(profile.id);
        let context = self.context.clone();
        if profile.id == crate::engine::supervisor::profile::sandbox::profile_id() {
            // The sandbox ends with this run, and its token is not in the keyring.
            if let Some(revocation) = revocation {
                self.context.spawner.spawn("revoking a token", async move {
                    until_left.await;
                    revoke(&context, &revocation).await;
                });
            }
            return;
        }
        let mut works = vec![PendingWork::DeleteToken(profile.id)];
        works.extend(revocation.as_ref().map(Revocation::work));
        self.context.spawner.spawn_to_completion("signing out", async move {
            let forgetting = context.spawner.until_cut_short(delete_token(&context, profile.id));
            let revoking = async {
                let Some(revocation) = &revocation else { return Some(()) };
                let revoking = async {
                    until_left.await;
                    revoke(&context, revocation).await;
                };
                context.spawner.until_stopped(revoking).await
            };
            let doing = async {
                let (forgotten, revoked) = tokio::join!(forgetting, revoking);
                vec![forgotten == Some(true), revoked.is_some()]
            };
            sign_out(&context, &profile, works, doing).await;
        });
    }
}

impl Revocation {
    fn work(&self) -> PendingWork {
        let (profile, token) = (Box::new(self.profile.clone()), Some(self.token.clone()));
        PendingWork::RevokeToken { profile, token }
    }
}

/// Records work. If the journal refuses, the work is done all the same, but a later run does not know of it.
pub(crate) async fn record_work(context: &EngineContext, works: Vec<PendingWork>) -> Vec<WorkId> {
    match context.journal_store.record_work(works, (context.clock)()).await {
        Ok(ids) => ids,
        Err(why) => {
            tracing::warn!(%why, "what is left to do is not in the journal: it is done in this run or not at all");
            Vec::new()
        }
    }
}

/// Records the work of a sign-out and does it. If the journal refuses, a problem is shown until the work is recorded or
/// done. `doing` returns for each piece whether it is done.
async fn sign_out(
    context: &EngineContext,
    profile: &Profile,
    works: Vec<PendingWork>,
    doing: impl Future<Output = Vec<bool>>,
) {
    let outcome = context.journal_store.record_work(works.clone(), (context.clock)()).await;
    tokio::pin!(doing);
    let (ids, done) = match outcome {
        Ok(ids) => (ids, doing.await),
        Err(why) => {
            let reason = ProblemReason::SignOutUnwritten { name: profile.name.clone(), source: why.into() };
            context.report_problem(profile.id, reason);
            tokio::select! {
                done = &mut doing => {
                    if done.iter().all(|done| *done) {
                        context.resolve_problem(profile.id, &ProblemKind::SignOutUnwritten);
                    }
                    return;
                }
                ids = record_work_later(context, works) => {
                    context.resolve_problem(profile.id, &ProblemKind::SignOutUnwritten);
                    (ids, doing.await)
                }
            }
        }
    };
    for (id, done) in ids.into_iter().zip(done) {
        if done {
            complete_work(context, Some(id)).await;
        }
    }
}

/// Retries until the journal accepts the work.
async fn record_work_later(context: &EngineContext, works: Vec<PendingWork>) -> Vec<WorkId> {
    loop {
        tokio::time::sleep(RECORD_PAUSE).await;
        if let Ok(ids) = context.journal_store.record_work(works.clone(), (context.clock)()).await {
            return ids;
        }
    }
}

/// Records that work is done. If that fails it is done again at the next start, which is harmless.
pub(crate) async fn complete_work(context: &EngineContext, id: Option<WorkId>) {
    if let Some(id) = id
        && let Err(why) = context.journal_store.complete_work(id).await
    {
        tracing::warn!(%why, "what is done will be done again at the next start");
    }
}

/// Records that all of this work is done.
pub(crate) async fn complete_all_work(context: &EngineContext, ids: Vec<WorkId>) {
    for id in ids {
        complete_work(context, Some(id)).await;
    }
}

/// The pending work for a profile's tokens so far. A newer token makes it void, but not what is recorded later, for example by a
/// sign-out while the keyring stores that token.
pub(crate) async fn token_work(context: &EngineContext, profile: ProfileId) -> Vec<WorkId> {
    let works = context.journal_store.pending_work().await.unwrap_or_else(|why| {
        tracing::warn!(%why, "the next start may take an older token for the newest");
        Vec::new()
    });
    let is_for_token = |work: &PendingWork| match work {
        PendingWork::DeleteToken(of) | PendingWork::StoreToken { profile: of, .. } => *of == profile,
        PendingWork::RevokeToken { .. } | PendingWork::RemoveProfile(_) | PendingWork::DeleteFile(_) => false,
    };
    works.into_iter().filter(|(_, work)| is_for_token(work)).map(|(id, _)| id).collect()
}

/// Puts a profile's newest token into the keyring, even if the program ends first. Returns whether it is there; if not, a problem
/// is shown.
pub(crate) async fn persist_token(context: &EngineContext, profile: ProfileId, token: &AuthorizationToken) -> bool {
    let keeping = async {
        let earlier = token_work(context, profile).await;
        sign_in::store_token(context, profile, token).await.then_some(earlier)
    };
    match context.spawner.until_cut_short(keeping).await {
        Some(Some(earlier)) => {
            complete_all_work(context, earlier).await;
            true
        }
        Some(None) => false,
        None => {
            record_work(context, vec![PendingWork::StoreToken { profile, token: Some(token.clone()) }]).await;
            false
        }
    }
}

/// Removes a profile's token from the keyring. Returns whether it is gone; if not, a problem is shown.
pub(crate) async fn delete_token(context: &EngineContext, profile: ProfileId) -> bool {
    let forgotten = context.keyring.delete_token(profile).await.map_err(ProblemReason::TokenKeyring);
    context.update_problem(profile, &ProblemKind::TokenKeyring, forgotten).is_some()
}

/// Removes a removed profile's token and data key from the keyring. Returns whether they are gone; if not, a notice is shown.
pub(crate) async fn delete_secrets(context: &EngineContext, profile: ProfileId) -> bool {
    let tell = |error| {
        let reason = NoticeReason::SecretsNotDeleted(error);
        context.event_sender.send_notice(Notice::new(Severity::Warning, None, reason));
    };
    let token = context.keyring.delete_token(profile).await.map_err(tell).is_ok();
    let key = context.keyring.delete_data_key(profile).await.map_err(tell).is_ok();
    token && key
}

/// Revokes a token: retries until the server has answered, and shows one notice if that takes long.
async fn revoke(context: &EngineContext, revocation: &Revocation) {
    let Revocation { profile, endpoints, token } = revocation;
    let mut pause = FIRST_PAUSE;
    let mut notified = false;
    loop {
        let error = match context.rest.revoke(endpoints, token).await {
            // A token that is already invalid needs no revoking.
            Ok(()) | Err(RestError::Unauthorised(_)) => return,
            Err(error) => error,
        };
        if is_final(&error) {
            let reason = PersistentReason::NotRevoked { name: profile.name.clone(), why: error };
            return persistent_notices::warn(context, None, reason).await;
        }
        if !std::mem::replace(&mut notified, true) {
            let reason = NoticeReason::RevocationDeferred { name: profile.name.clone(), why: error.clone() };
            context.event_sender.send_notice(Notice::new(Severity::Warning, None, reason));
        }
        tokio::time::sleep(error.retry_after().map_or(pause, |asked| asked.max(pause))).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// Whether the server would answer the same again.
fn is_final(error: &RestError) -> bool {
    matches!(error, RestError::Status { status: 400..=428 | 430..=499, .. } | RestError::NotAToken)
}

/// Deletes a file that an earlier run did not finish. Returns whether it is gone.
fn delete_file(path: &PathBuf) -> bool {
    let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(atomic::NEW_PREFIX));
    !is_ours || std::fs::remove_file(path).is_ok() || std::fs::symlink_metadata(path).is_err()
}
