//! Builds the HTTP client for downloads.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderValue};
use reqwest::{Client, ClientBuilder};

/// The client for downloads, without TLS configuration, proxies and address overrides. It sends no token, keeps no
/// connection, never retries and does not follow redirects by itself. No other function builds one.
pub(crate) fn download_client() -> ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        // Ask for the payload uncompressed; a compressed one is decoded after it is on the disk (`coding`).
        .default_headers([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))].into_iter().collect())
        // A link works once, so accept every response header section that browsers and curl accept.
        .http1_max_headers(MAX_HEADERS)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
}

/// The time limit for DNS, TCP and TLS.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The most header lines in a response; the same limit as curl's.
pub(crate) const MAX_HEADERS: usize = 5_000;
