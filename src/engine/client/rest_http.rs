//! Builds the HTTP client for REST calls.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

/// The client for REST calls, without TLS configuration and proxies.
pub(crate) fn rest_client() -> ClientBuilder {
    Client::builder().redirect(Policy::none()).referer(false).connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT)
}

/// The time limit for DNS, TCP and TLS.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limit for the whole call.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(20);
