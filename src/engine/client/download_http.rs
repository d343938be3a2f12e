//! The HTTP client that downloads are made with.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderValue};
use reqwest::{Client, ClientBuilder};

/// The client of downloads, but for whom it trusts, its proxies and where names lead: it sends no token, keeps no connection,
/// tries nothing again and follows no redirect by itself. The only place where one is made.
pub(crate) fn download_client() -> ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_BUDGET)
        // The payload as it is: whoever compresses it all the same is decoded from the disk (`coding`).
        .default_headers([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))].into_iter().collect())
        // A link works once: an answer that browsers and curl can read is not lost for what its head looks like.
        .http1_max_headers(MOST_HEADERS)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http2_max_header_list_size(LARGEST_HEAD)
}

/// For DNS, TCP and TLS.
pub(crate) const CONNECT_BUDGET: Duration = Duration::from_secs(10);

/// How many lines the head of an answer may have; curl takes as many.
pub(crate) const MOST_HEADERS: usize = 5_000;

/// How large the head of an answer by HTTP/2 may be, in bytes; curl takes as much.
pub(crate) const LARGEST_HEAD: u32 = 300 * 1024;
