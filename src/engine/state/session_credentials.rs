//! What a session joins with.

use std::sync::Arc;

use crate::engine::network::endpoints::Endpoints;
use crate::protocol::AuthorizationToken;

/// The right to join: a token and where it is good. Numbers ascend, so that late news of an old one is told apart.
#[derive(Debug)]
pub(crate) struct SessionCredentials {
    /// Its number; unique within a profile and a run.
    pub(crate) number: u64,
    /// Where to.
    pub(crate) endpoints: Arc<Endpoints>,
    /// The token.
    pub(crate) token: AuthorizationToken,
}
