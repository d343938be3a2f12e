//! The HTTP client that REST calls are made with.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

/// The client of these calls, but for whom it trusts and its proxies.
pub(crate) fn rest_client() -> ClientBuilder {
    Client::builder().redirect(Policy::none()).referer(false).connect_timeout(CONNECT_BUDGET).timeout(CALL_BUDGET)
}

/// For DNS, TCP and TLS.
pub(crate) const CONNECT_BUDGET: Duration = Duration::from_secs(10);

/// For the whole call.
pub(crate) const CALL_BUDGET: Duration = Duration::from_secs(20);
