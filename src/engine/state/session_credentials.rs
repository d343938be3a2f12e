//! The credentials that a session joins with.

use std::sync::Arc;

use crate::engine::network::endpoints::Endpoints;
use crate::protocol::AuthorizationToken;

/// A token and the endpoints that it is for. Numbers ascend, so that late results for old credentials can be recognised.
#[derive(Debug)]
pub(crate) struct SessionCredentials {
    /// Unique within a profile and a run.
    pub(crate) number: u64,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) token: AuthorizationToken,
}
