//! Sends the one GET of a download.
//!
//! It sends no token, keeps no connection alive, and never retries. It follows and counts redirects itself (`redirect`). It connects
//! only to the addresses that were checked. It accepts every response that a browser or curl accepts.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue,
    TRANSFER_ENCODING,
};
use reqwest::{Response, StatusCode};
use rustls::Error as TlsError;
use url::Url;

use crate::activity::DownloadFailure;
use crate::engine::client::connector;
use crate::engine::client::link_policy::LinkPolicy;
use crate::engine::client::network_config::NetworkConfig;
use crate::engine::client::unsent_request;
use crate::engine::download::transfer::body::{MAX_FRAME_SIZE, OpenedDownload, Source};
use crate::engine::download::transfer::coding::Coding;
use crate::engine::events::action::Action;
use crate::engine::network::connect_error::ConnectError;
use crate::engine::network::connect_failure::NoConnection;
use crate::engine::network::proxy::{ProxyError, ProxyServer};
use crate::engine::network::tls::failure;
use crate::engine::network::{endpoints, retry_after};
use crate::engine::state::link_store::ClaimedLink;
use crate::protocol::{AuthorizationToken, disposition, redact, rest};

use super::control::DownloadControl;
use super::error::DownloadError;
use super::redirect::{self, NotFollowed, Redirect};
use super::{DownloadJob, SaveTarget};

/// How much of a refusal's body is read, in bytes.
const MAX_REFUSAL_SIZE: usize = 8 * 1024;
/// How long reading a refusal's body may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of a server's text is quoted, in characters.
const MAX_QUOTE_LENGTH: usize = 300;
/// A shorter part of a link opens nothing, and masking it would damage other words.
const MIN_SECRET_LENGTH: usize = 4;

impl DownloadJob {
    /// Sends the GET of a link and waits for the response headers. `requested` says whether the link was requested before, if that
    /// is known.
    pub(crate) async fn open(
        &self,
        taken: ClaimedLink,
        requested: Option<bool>,
        addresses: Vec<SocketAddr>,
        control: &mut DownloadControl,
    ) -> Result<OpenedDownload, DownloadError> {
        let opening = async {
            if matches!(taken.url.scheme(), "ws" | "wss") {
                self.open_socket(taken, requested, addresses).await
            } else {
                self.open_http(taken, requested, addresses).await
            }
        };
        tokio::select! {
            opened = opening => opened,
            stop = control.stopped() => Err(stop.after()),
        }
    }

    async fn open_http(
        &self,
        mut taken: ClaimedLink,
        requested: Option<bool>,
        mut addresses: Vec<SocketAddr>,
    ) -> Result<OpenedDownload, DownloadError> {
        let network_config = self.context.downloader.network_config_receiver.current().await;
        let mut gets = 0_u32;
        loop {
            let through = match network_config.proxies.of_url(&taken.url) {
                Ok(through) => through,
                Err(error) => return Err(self.proxy_failed(taken, &error)),
            };
            let client = match network_config.download_client(&host(&taken.url), &addresses) {
                Ok(client) => client,
                Err(error) => {
                    let why = NoConnection::of(&error.without_url());
                    return Err(self.request_not_sent(taken, &why, &network_config, through.as_ref()).await);
                }
            };
            gets += 1;
            let response = match unsent_request::send(client.get(taken.url.clone())).await {
                Ok(response) => response,
                Err(error) => {
                    return Err(self.no_response_received(taken, error, &network_config, through.as_ref()).await);
                }
            };
            if redirect::is_redirect(response.status()) {
                (taken, addresses) = self.redirect_target(taken, addresses, response.headers(), gets).await?;
                continue;
            }
            if let Some(through) =
                through.as_ref().filter(|_through| response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED)
            {
                return Err(self.proxy_failed(taken, &ProxyError::NeedsPassword(through.to_string())));
            }
            if !is_payload(&response) {
                let status = response.status();
                let words = refusal_text(response, &taken.url, self.token.as_ref()).await;
                return Err(self.refused(status, &words, &taken, requested));
            }
            return Ok(opened(response, gets));
        }
    }

    /// The redirect target and the addresses of its host, if it is followed at once.
    async fn redirect_target(
        &self,
        taken: ClaimedLink,
        addresses: Vec<SocketAddr>,
        headers: &HeaderMap,
        gets: u32,
    ) -> Result<(ClaimedLink, Vec<SocketAddr>), DownloadError> {
        if gets > redirect::MAX_REDIRECTS {
            return Err(not_followed(&NotFollowed::TooMany));
        }
        let to = match redirect::read(headers, &taken.url).map_err(|error| not_followed(&error))? {
            Redirect::SameHost(to) => return Ok((taken.redirected(to), addresses)),
            Redirect::OtherHost(to) => to,
        };
        let (from, other) = (host(&taken.url), host(&to));
        let rules = LinkPolicy {
            endpoints: &self.endpoints,
            saving: &self.saving,
            automatic: self.automatic,
            proxied: self.context.downloader.is_proxied(&to).await,
        };
        let resolve = &self.context.downloader.resolve;
        if rules.is_inward_redirect(&addresses, &to, resolve).await {
            return Err(not_followed(&NotFollowed::Inward(other)));
        }
        if self.saving.automatic_hosts.contains(&other) {
            // The operator listed this host as one to download from automatically.
            return match rules.check(&to, resolve).await {
                Ok(addresses) => Ok((taken.redirected(to), addresses)),
                Err(refused) => {
                    self.link_store.release(&self.request, taken.redirected(to));
                    Err(DownloadError { outcome: Some(DownloadFailure::NotStarted), ..self.not_allowed(refused) })
                }
            };
        }
        self.link_store.release(&self.request, taken.redirected(to));
        let (profile, request) = (self.profile, self.request.clone());
        let again = match &self.target {
            SaveTarget::File(to) => Action::Download { profile, request, to: to.clone() },
            SaveTarget::Folder(folder) => {
                Action::DownloadAll { profile, requests: vec![request], folder: folder.clone() }
            }
        };
        let sentence = format!(
            "{from} sends you on to {other}. Nothing has been fetched from there yet. Go on if you expect your data there."
        );
        Err(DownloadError {
            remedy: Some(Box::new((format!("Go on to {other}"), again))),
            ..DownloadError::after(DownloadFailure::NotStarted, sentence)
        })
    }

    async fn open_socket(
        &self,
        taken: ClaimedLink,
        requested: Option<bool>,
        addresses: Vec<SocketAddr>,
    ) -> Result<OpenedDownload, DownloadError> {
        let host = host(&taken.url);
        let connecting = connector::open(self.context.connector.clone(), taken.url.clone(), addresses, MAX_FRAME_SIZE);
        let connected = connecting.await.map_err(|error| match &self.token {
            Some(secret) => error.masking(secret),
            None => error,
        });
        match connected {
            Ok((socket, _date)) => {
                let source = Source::Socket(Box::new(socket));
                Ok(OpenedDownload::of(source))
            }
            Err(ConnectError::NotUpgraded { refusal, .. }) => {
                Err(self.refused(refusal.status, &refusal.words, &taken, requested))
            }
            Err(ConnectError::Handshake { .. } | ConnectError::TimedOut { .. }) => Err(no_answer(&host)),
            Err(ConnectError::Proxy(error)) => Err(self.proxy_failed(taken, &error)),
            Err(error) => {
                tracing::debug!(%error, "a stream could not be connected");
                self.link_store.release(&self.request, taken);
                Err(not_used(error))
            }
        }
    }

    /// The proxy failed: nothing was sent, and the link is still unused.
    fn proxy_failed(&self, taken: ClaimedLink, error: &ProxyError) -> DownloadError {
        self.link_store.release(&self.request, taken);
        match error.retry_after() {
            Some(asked) => {
                not_used(format!("{error} {}", retry_after::sentence_for_retry(asked.wait((self.context.clock)()))))
            }
            None => not_used(error),
        }
    }

    /// No response came, or none that can be read.
    async fn no_response_received(
        &self,
        taken: ClaimedLink,
        error: reqwest::Error,
        network_config: &NetworkConfig,
        through: Option<&ProxyServer>,
    ) -> DownloadError {
        let error = error.without_url();
        tracing::debug!(%error, "a download was not answered");
        match NoConnection::of(&error) {
            why if error.is_connect() || error.is_builder() => {
                self.request_not_sent(taken, &why, network_config, through).await
            }
            // A server that rejects this client in the handshake has not read the request.
            why @ NoConnection::Tls(TlsError::AlertReceived(alert)) if failure::ends_handshake(alert) => {
                self.request_not_sent(taken, &why, network_config, through).await
            }
            why @ NoConnection::NotSent => self.request_not_sent(taken, &why, network_config, through).await,
            NoConnection::NotHttp => {
                let host = host(&taken.url);
                let sentence = format!(
                    "{host} answered, but against the rules of HTTP, so the data in its answer could not be read and is lost. The \
                     link may be used up."
                );
                DownloadError::broken(sentence)
            }
            _ => no_answer(&host(&taken.url)),
        }
    }

    /// Nothing was sent: the link is still unused.
    async fn request_not_sent(
        &self,
        taken: ClaimedLink,
        why: &NoConnection,
        network_config: &NetworkConfig,
        through: Option<&ProxyServer>,
    ) -> DownloadError {
        let (host, target) = (host(&taken.url), endpoints::Target::of(&taken.url));
        if let Some(through) = through
            && let Some(error) = connector::proxy_error(why, &target, through, &network_config.tls).await
        {
            return self.proxy_failed(taken, &error);
        }
        self.link_store.release(&self.request, taken);
        match (why, through) {
            (NoConnection::Tls(tls), _) => {
                not_used(ConnectError::tls(host, io::Error::other(tls.clone()), &network_config.tls))
            }
            (why, Some(through)) => not_used(format!("{host} can't be reached through the proxy {through}: {why}.")),
            (why, None) => not_used(format!("{host} can't be reached: {why}.")),
        }
    }

    /// The server responded, but not with the data. Reports what it said, and what this program did.
    fn refused(&self, status: StatusCode, words: &str, taken: &ClaimedLink, requested: Option<bool>) -> DownloadError {
        let number = status.as_u16();
        let message = if words.is_empty() {
            format!("The server answered with status {number}.")
        } else {
            format!("The server answered with status {number}: “{words}”")
        };
        if !matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE
        ) {
            let sentence = format!("{message} That is not the data. The link may be used up; request the data again.");
            return DownloadError::after(DownloadFailure::Broken, sentence);
        }
        let first = match requested {
            Some(false) => " This monitor has not requested it before.",
            Some(true) | None => "",
        };
        if (self.context.clock)() >= taken.ready.expiry(self.lifetime) {
            let lives = match taken.ready.expires {
                Some(_) => "its own message said until when".to_owned(),
                None => format!("links live {} min", self.lifetime.as_secs().div_ceil(60)),
            };
            let sentence = format!("The link has expired: {lives}. {message}{first} Request the data again.");
            return DownloadError::after(DownloadFailure::LinkExpired, sentence);
        }
        let meaning = if words.is_empty() { "The link has been used or has expired. " } else { "" };
        let sentence = format!("{meaning}{message}{first} Request the data again.");
        if requested != Some(false) {
            return DownloadError::after(DownloadFailure::LinkUsed, sentence);
        }
        let read = Action::AcknowledgeWarning { profile: self.profile, request: self.request.clone() };
        DownloadError {
            remedy: Some(Box::new(("I have read this".to_owned(), read))),
            ..DownloadError::after(DownloadFailure::Refused, sentence)
        }
    }
}

/// The text of a refusal with the link and the profile's token masked; empty if the server sent none that is meant for people.
async fn refusal_text(mut response: Response, url: &Url, token: Option<&AuthorizationToken>) -> String {
    let is_plain = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let mut body = Vec::new();
    let reading = async {
        while body.len() < MAX_REFUSAL_SIZE
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
    };
    if tokio::time::timeout(REFUSAL_TIMEOUT, reading).await.is_err() {
        tracing::debug!("the whole refusal did not come in time");
    }
    body.truncate(MAX_REFUSAL_SIZE);
    let body = String::from_utf8_lossy(&body);
    let text = rest::error_text(&body).or_else(|| is_plain.then(|| body.into_owned())).unwrap_or_default();
    let values: Vec<_> = url.query_pairs().map(|(_, value)| value).collect();
    let mut secrets: Vec<&str> =
        values.iter().map(AsRef::as_ref).filter(|value| value.len() >= MIN_SECRET_LENGTH).collect();
    secrets.extend([url.as_str(), url.path()].into_iter().filter(|part| part.len() >= MIN_SECRET_LENGTH));
    secrets.extend(token.map(AuthorizationToken::expose));
    let text = redact::text(text.trim(), &secrets);
    let one_line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(MAX_QUOTE_LENGTH) {
        Some((end, _)) => format!("{}…", one_line.get(..end).unwrap_or_default()),
        None => one_line,
    }
}

/// Whether a response is the whole payload: also one that a proxy transformed, or a range that covers everything.
fn is_payload(response: &Response) -> bool {
    match response.status() {
        StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => true,
        StatusCode::PARTIAL_CONTENT => {
            let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
            let bounds = range.and_then(|range| range.trim().strip_prefix("bytes 0-")?.split_once('/'));
            let numbers = bounds.and_then(|(last, all)| Some((last.parse::<u64>().ok()?, all.parse::<u64>().ok()?)));
            numbers.is_some_and(|(last, all)| last.checked_add(1) == Some(all))
        }
        _ => false,
    }
}

/// Reads from the response headers what they say about the payload.
fn opened(response: Response, gets: u32) -> OpenedDownload {
    let headers = response.headers();
    let name = headers.get(CONTENT_DISPOSITION).and_then(|value| disposition::file_name(value.as_bytes()));
    let codings = Coding::layers(headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes));
    let marked = response.content_length();
    let is_chunked = headers.get_all(TRANSFER_ENCODING).iter().next_back().is_some_and(|last| {
        last.as_bytes()
            .rsplit(|byte| *byte == b',')
            .next()
            .unwrap_or_default()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked")
    });
    // Without a length, chunked encoding marks the end; otherwise it is where the connection ends. If there is a length all the same,
    // a shorter body is truncated, as for curl.
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
    let announced: Option<u64> = announced.filter(|_length| marked.is_none() && !is_chunked);
    let total = marked.or(announced);
    let length_unknown = total.is_none() && !is_chunked;
    let host = response.url().host_str().map(str::to_owned);
    let source = Source::Http(Box::new(response));
    OpenedDownload { total, name, length_unknown, host, gets, codings, ..OpenedDownload::of(source) }
}

/// The error for a redirect that is not followed.
fn not_followed(why: &NotFollowed) -> DownloadError {
    let sentence = format!("{why} The link may be used up; request the data again, or ask whoever runs the server.");
    DownloadError::after(DownloadFailure::Broken, sentence)
}

/// The error if nothing was sent. `why` is a sentence.
fn not_used(why: impl Display) -> DownloadError {
    DownloadError::after(DownloadFailure::NotStarted, format!("{why} The link was not used; try again."))
}

/// The error if the request may have been sent, and no response came.
fn no_answer(host: &str) -> DownloadError {
    DownloadError::after(
        DownloadFailure::Broken,
        format!(
            "The connection to {host} broke off before an answer came. The link may be used up; request the data again."
        ),
    )
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
