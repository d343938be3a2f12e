//! The wire: what Privicore sends and what this program sends it.

mod ids;
mod secret;

pub use ids::{ChannelId, CommandId, CorrelationId, RequestId};
pub use secret::{AuthorizationToken, Link, StreamToken};
