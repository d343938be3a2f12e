//! The tasks that request a token, its expiry or a new token, and that store it in the keyring.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::oneshot;

use crate::engine::client::rest::{IssuedToken, TokenExpiry};
use crate::engine::context::EngineContext;
use crate::engine::context::internal_event::{InternalEvent, Renewal};
use crate::engine::events::action::Credential;
use crate::engine::events::connection_reason::SignInError;
use crate::engine::events::problem::{ProblemKind, ProblemReason};
use crate::engine::network::endpoints::Endpoints;
use crate::engine::network::rest_error::RestError;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::protocol::{AuthorizationToken, pasted};
use crate::settings::ProfileId;

/// The shortest wait before the expiry of a token is asked for again, whatever the server requests.
pub(crate) const MIN_RETRY_WAIT: Duration = Duration::from_secs(10);

/// Signs a profile in at the server, until `stop` is dropped.
pub(crate) async fn request_token(
    context: EngineContext,
    profile: ProfileId,
    attempt: u64,
    endpoints: Arc<Endpoints>,
    username: String,
    credential: Credential,
    stop: oneshot::Receiver<()>,
) {
    let result = tokio::select! {
        granted = obtain_token(&context, &endpoints, username.trim(), credential) => granted,
        _ = stop => return,
    };
    context.report(InternalEvent::SignedIn { profile, attempt, result }).await;
}

/// What may be wrong with a user name or a password that was refused.
#[expect(clippy::disallowed_methods, reason = "nothing of the password is told")]
fn suspicious_input(username: &str, password: &SecretString) -> Option<(&'static str, &'static str)> {
    let of_password = pasted::describe_oddity(password.expose_secret()).map(|odd| ("password", odd));
    of_password.or_else(|| Some(("user name", pasted::describe_oddity(username)?)))
}

async fn obtain_token(
    context: &EngineContext,
    endpoints: &Endpoints,
    username: &str,
    credential: Credential,
) -> Result<IssuedToken, SignInError> {
    match credential {
        Credential::Password(password) => {
            context.rest.authenticate(endpoints, username, &password).await.map_err(|error| match error {
                RestError::Unauthorised(words) => {
                    SignInError::PasswordRefused { words, odd: suspicious_input(username, &password) }
                }
                other => SignInError::NotAsked(other),
            })
        }
        // Joining will verify the token; a server that supports expiry requests may refuse it here already.
        Credential::Token(token) => match context.rest.expiry(endpoints, &token).await {
            Ok(ends) => Ok(IssuedToken { token, expiry: ends, verified: false }),
            Err(error @ (RestError::Unauthorised(_) | RestError::NotAToken)) => Err(SignInError::TokenRefused(error)),
            Err(error) => {
                tracing::debug!(%error, "the end of the token is not known");
                Ok(IssuedToken { token, expiry: TokenExpiry::default(), verified: false })
            }
        },
    }
}

/// Asks the server when a token expires.
pub(crate) async fn request_expiry(
    context: EngineContext,
    profile: ProfileId,
    session_credentials: Arc<SessionCredentials>,
) {
    let number = session_credentials.number;
    loop {
        let error = match context.rest.expiry(&session_credentials.endpoints, &session_credentials.token).await {
            Ok(expiry) => {
                return context.report(InternalEvent::Expiry { profile, credentials_number: number, expiry }).await;
            }
            Err(error @ RestError::Unauthorised(_)) => {
                return context
                    .report(InternalEvent::TokenInvalid { profile, credentials_number: number, why: error })
                    .await;
            }
            Err(error) => error,
        };
        // The session shows whether the server is reachable.
        tracing::debug!(%error, "the end of the token is not known");
        let Some(wait) = error.retry_after() else { return };
        tokio::time::sleep(wait.max(MIN_RETRY_WAIT)).await;
    }
}

/// Requests a new token. The session uses it as soon as it arrives, because the old one may be invalid by then.
pub(crate) async fn renew(context: EngineContext, renewal: Arc<Renewal>) {
    let outcome = context.rest.reauthorize(&renewal.old.endpoints, &renewal.old.token).await;
    context.report(InternalEvent::Renewed { renewal, outcome }).await;
}

/// Puts a token into the keyring. If that fails, it shows a notice and the session continues.
pub(crate) async fn store_token(context: &EngineContext, profile: ProfileId, token: &AuthorizationToken) -> bool {
    let stored = context.keyring.store_token(profile, token).await.map_err(ProblemReason::TokenKeyring);
    context.update_problem(profile, &ProblemKind::TokenKeyring, stored).is_some()
}
