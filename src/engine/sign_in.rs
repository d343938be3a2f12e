//! The tasks around a token: asking the server for one, for its end, or for a new one, and keeping it.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::protocol::AuthorizationToken;
use crate::settings::ProfileId;

use super::action::Credential;
use super::endpoints::Endpoints;
use super::event::SignInState;
use super::report::{Renewal, Report};
use super::rest::{Granted, RestError};
use super::session::Ticket;
use super::status::ProblemKind;
use super::tools::Tools;

/// Asks the server to sign a profile in, until `stop` is dropped.
pub(super) async fn ask(
    tools: Tools,
    profile: ProfileId,
    attempt: u64,
    endpoints: Arc<Endpoints>,
    username: String,
    credential: Credential,
    stop: oneshot::Receiver<()>,
) {
    let granted = tokio::select! {
        granted = grant(&tools, &endpoints, username.trim(), credential) => granted,
        _ = stop => return,
    };
    tools.report(Report::SignedIn { profile, attempt, granted }).await;
}

async fn grant(
    tools: &Tools,
    endpoints: &Endpoints,
    username: &str,
    credential: Credential,
) -> Result<Granted, SignInState> {
    match credential {
        Credential::Password(password) => {
            tools.rest.authenticate(endpoints, username, &password).await.map_err(|error| match error {
                RestError::Unauthorised(words) => SignInState::Refused(format!(
                    "The server refused to sign in{words}. Check user name and password; a new profile also needs its \
                     public key registered first."
                )),
                other => SignInState::Failed(other.to_string()),
            })
        }
        // Joining will prove it; a server that knows its end may refuse it here already.
        Credential::Token(token) => match tools.rest.expiry(endpoints, &token).await {
            Ok(ends) => Ok(Granted { token, expires_at: ends.at, server_now: ends.server_now, proved: false }),
            Err(error @ (RestError::Unauthorised(_) | RestError::NotAToken)) => {
                Err(SignInState::Refused(error.to_string()))
            }
            Err(error) => {
                tracing::debug!(%error, "the end of the token is not known");
                Ok(Granted { token, expires_at: None, server_now: None, proved: false })
            }
        },
    }
}

/// Asks when a token ends.
pub(super) async fn ask_expiry(tools: Tools, profile: ProfileId, ticket: Arc<Ticket>) {
    let number = ticket.number;
    match tools.rest.expiry(&ticket.endpoints, &ticket.token).await {
        Ok(ends) => tools.report(Report::Expiry { profile, ticket: number, ends }).await,
        Err(error @ RestError::Unauthorised(_)) => {
            tools.report(Report::TokenDead { profile, ticket: number, why: error.to_string() }).await;
        }
        // Nothing depends on it but what is shown; the session says whether the server is there.
        Err(error) => tracing::debug!(%error, "the end of the token is not known"),
    }
}

/// Asks for a new token. The session goes on with it as soon as it is there: the old one may be dead by then.
pub(super) async fn renew(tools: Tools, asked: Arc<Renewal>) {
    let outcome = tools.rest.reauthorize(&asked.old.endpoints, &asked.old.token).await;
    tools.report(Report::Renewed { asked, outcome }).await;
}

/// Puts a token into the keyring; where that fails the operator is told and the session goes on.
pub(super) async fn keep(tools: &Tools, profile: ProfileId, token: &AuthorizationToken) -> bool {
    match tools.keyring.store_token(profile, token).await {
        Ok(()) => {
            tools.resolve(profile, &ProblemKind::TokenKeyring);
            true
        }
        Err(error) => {
            tools.problem(profile, ProblemKind::TokenKeyring, error.to_string());
            false
        }
    }
}
