//! The one GET.
//!
//! No token goes along, no connection is kept, nothing is tried again. Redirects are followed by hand, within the link's own
//! scheme, host and port only, and counted. The connection goes to the addresses that were checked.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION, TRANSFER_ENCODING};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Version};
use url::Url;

use crate::activity::NotSaved;
use crate::engine::connector::{self, ConnectError};
use crate::engine::no_connection::NoConnection;
use crate::engine::proxies::{ProxyError, Through};
use crate::engine::vault::Taken;
use crate::engine::way::Ways;
use crate::protocol::{file_name, mask, rest};

use super::control::Control;
use super::failed::Failed;
use super::guard::{self, Resolver};
use super::meter::Rates;
use super::room::{self, Disk};
use super::source::{LARGEST_FRAME, Opened, Source};
use super::transfer::IdleLimit;
use super::{Action, Job};

/// For DNS, TCP and TLS.
const CONNECT_BUDGET: Duration = Duration::from_secs(10);
/// Redirects within the link's own host.
const MOST_REDIRECTS: u32 = 3;
/// How much of a refusal is read, in bytes.
const LONGEST_REFUSAL: usize = 8 * 1024;
/// How long a refusal's text may take.
const REFUSAL_BUDGET: Duration = Duration::from_secs(2);
/// How much of a server's words is quoted, in characters.
const LONGEST_WORDS: usize = 300;
/// A part of a link that is shorter opens nothing, and would be masked within other words.
const SHORTEST_SECRET: usize = 4;

/// What downloads are made with.
#[derive(Clone)]
pub(in crate::engine) struct Fetcher {
    /// The way to what is downloaded.
    ways: Ways,
    /// Where names lead.
    pub(super) resolve: Resolver,
    /// How much room a disk has.
    pub(super) disk: Disk,
    /// How fast downloads were.
    pub(in crate::engine) rates: Rates,
    /// After how long a silence a transfer is given up.
    pub(in crate::engine) idle: IdleLimit,
}

/// The client of downloads, but for whom it trusts, its proxies and where names lead: it sends no token, keeps no connection,
/// tries nothing again and follows no redirect by itself. The only place where one is made.
pub(in crate::engine) fn client() -> ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_BUDGET)
}

impl Fetcher {
    /// That goes the way that is in force when it fetches.
    pub(in crate::engine) fn new(ways: Ways) -> Self {
        Self {
            ways,
            resolve: guard::system(),
            disk: room::system(),
            rates: Rates::default(),
            idle: IdleLimit::default(),
        }
    }

    /// Whether a proxy reaches this address for us: names are then resolved by it.
    pub(super) async fn is_proxied(&self, url: &Url) -> bool {
        !matches!(self.ways.current().await.proxies.of_url(url), Ok(None))
    }
}

impl Job {
    /// Sends the GET of a link, and waits for the answer's headers. `requested` is whether it was requested before, where that is
    /// known.
    pub(super) async fn open(
        &self,
        (taken, requested): (Taken, Option<bool>),
        addresses: Vec<SocketAddr>,
        control: &mut Control,
    ) -> Result<Opened, Failed> {
        let opening = async {
            if matches!(taken.url.scheme(), "ws" | "wss") {
                self.open_socket((taken, requested), addresses).await
            } else {
                self.open_http((taken, requested), addresses).await
            }
        };
        tokio::select! {
            opened = opening => opened,
            stop = control.stopped() => Err(stop.after()),
        }
    }

    async fn open_http(
        &self,
        (taken, requested): (Taken, Option<bool>),
        addresses: Vec<SocketAddr>,
    ) -> Result<Opened, Failed> {
        let host = host(&taken.url);
        let way = self.tools.fetcher.ways.current().await;
        let through = match way.proxies.of_url(&taken.url) {
            Ok(through) => through,
            Err(error) => return Err(self.no_way(taken, &error)),
        };
        let client = match way.downloads(&host, &addresses) {
            Ok(client) => client,
            Err(error) => return Err(self.not_sent(taken, &error.without_url(), through.as_ref())),
        };
        let (mut url, mut gets) = (taken.url.clone(), 0_u32);
        loop {
            gets += 1;
            let response = match client.get(url.clone()).send().await {
                Ok(response) => response,
                Err(error) if gets == 1 && (error.is_connect() || error.is_builder()) => {
                    let error = error.without_url();
                    tracing::debug!(%error, "a download was not answered");
                    return Err(self.not_sent(taken, &error, through.as_ref()));
                }
                Err(error) => {
                    tracing::debug!(error = %error.without_url(), "a download was not answered");
                    return Err(no_answer(&host));
                }
            };
            if response.status().is_redirection() && gets <= MOST_REDIRECTS {
                url = onward(&response, &url)?;
                continue;
            }
            if let Some(through) =
                through.as_ref().filter(|_through| response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED)
            {
                return Err(self.no_way(taken, &ProxyError::NeedsPassword(through.to_string())));
            }
            if response.status() != StatusCode::OK {
                let status = response.status();
                let words = words(response, &taken.url).await;
                return Err(self.refused(status, &words, &taken, requested));
            }
            return Ok(opened(response, gets));
        }
    }

    async fn open_socket(
        &self,
        (taken, requested): (Taken, Option<bool>),
        addresses: Vec<SocketAddr>,
    ) -> Result<Opened, Failed> {
        let host = host(&taken.url);
        let connecting = connector::open(self.tools.connector.clone(), taken.url.clone(), addresses, LARGEST_FRAME);
        match connecting.await {
            Ok((socket, _date)) => {
                let source = Source::Socket(Box::new(socket));
                Ok(Opened { source, total: None, name: None, unproved: false, gets: 1, links: Vec::new() })
            }
            Err(ConnectError::NotUpgraded { refusal, .. }) => {
                Err(self.refused(refusal.status, &refusal.words, &taken, requested))
            }
            Err(ConnectError::Handshake { .. } | ConnectError::TimedOut { .. }) => Err(no_answer(&host)),
            Err(ConnectError::Proxy(error)) => Err(self.no_way(taken, &error)),
            Err(error) => {
                tracing::debug!(%error, "a stream could not be connected");
                self.vault.put_back(&self.request, taken);
                let sentence = format!("{host} can't be reached. The link was not used; try again.");
                Err(Failed::after(NotSaved::NotStarted, sentence))
            }
        }
    }

    /// The proxy is of no use: nothing was sent, and the link is as good as before.
    fn no_way(&self, taken: Taken, error: &ProxyError) -> Failed {
        self.vault.put_back(&self.request, taken);
        Failed::after(NotSaved::NotStarted, format!("{error} The link was not used; try again."))
    }

    /// Nothing was sent: the link is as good as before.
    fn not_sent(&self, taken: Taken, error: &reqwest::Error, through: Option<&Through>) -> Failed {
        let why = NoConnection::of(error);
        if let (NoConnection::ProxyPassword, Some(through)) = (&why, through) {
            return self.no_way(taken, &ProxyError::NeedsPassword(through.to_string()));
        }
        let host = host(&taken.url);
        self.vault.put_back(&self.request, taken);
        let by = through.map(|through| format!(" through the proxy {through}")).unwrap_or_default();
        Failed::after(
            NotSaved::NotStarted,
            format!("{host} can't be reached{by}: {why}. The link was not used; try again."),
        )
    }

    /// The server answered, but not with the data. Says what is known: what the server said, and what this monitor did.
    fn refused(&self, status: StatusCode, words: &str, taken: &Taken, requested: Option<bool>) -> Failed {
        let number = status.as_u16();
        let said = if words.is_empty() {
            format!("The server answered with status {number}.")
        } else {
            format!("The server answered with status {number}: “{words}”")
        };
        if !matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE
        ) {
            let sentence = format!("{said} That is not the data. The link may be used up; request the data again.");
            return Failed::after(NotSaved::Broken, sentence);
        }
        let first = match requested {
            Some(false) => " This monitor has not requested it before.",
            Some(true) | None => "",
        };
        if (self.tools.clock)() >= taken.ready.expiry(self.lifetime) {
            let lives = match taken.ready.expires {
                Some(_) => "its own message said until when".to_owned(),
                None => format!("links live {} min", self.lifetime.as_secs().div_ceil(60)),
            };
            let sentence = format!("The link has expired: {lives}. {said}{first} Request the data again.");
            return Failed::after(NotSaved::LinkExpired, sentence);
        }
        let meaning = if words.is_empty() { "The link has been used or has expired. " } else { "" };
        let sentence = format!("{meaning}{said}{first} Request the data again.");
        if requested != Some(false) {
            return Failed::after(NotSaved::LinkUsed, sentence);
        }
        let read = Action::WarningRead { profile: self.profile, request: self.request.clone() };
        Failed {
            remedy: Some(Box::new(("I have read this".to_owned(), read))),
            ..Failed::after(NotSaved::Refused, sentence)
        }
    }
}

/// What a server said with a refusal, without the link in it; empty where it said nothing that is meant for people.
async fn words(mut response: Response, url: &Url) -> String {
    let is_plain = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let mut body = Vec::new();
    let reading = async {
        while body.len() < LONGEST_REFUSAL
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
    };
    if tokio::time::timeout(REFUSAL_BUDGET, reading).await.is_err() {
        tracing::debug!("the whole refusal did not come in time");
    }
    body.truncate(LONGEST_REFUSAL);
    let body = String::from_utf8_lossy(&body);
    let said = rest::error_text(&body).or_else(|| is_plain.then(|| body.into_owned())).unwrap_or_default();
    let values: Vec<_> = url.query_pairs().map(|(_, value)| value).collect();
    let mut secrets: Vec<&str> =
        values.iter().map(AsRef::as_ref).filter(|value| value.len() >= SHORTEST_SECRET).collect();
    secrets.extend([url.as_str(), url.path()].into_iter().filter(|part| part.len() >= SHORTEST_SECRET));
    let said = mask::text(said.trim(), &secrets);
    let one_line: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(LONGEST_WORDS) {
        Some((end, _)) => format!("{}…", one_line.get(..end).unwrap_or_default()),
        None => one_line,
    }
}

/// What an answer's headers say of the payload.
fn opened(response: Response, gets: u32) -> Opened {
    let headers = response.headers();
    let name = headers.get(CONTENT_DISPOSITION).and_then(|value| file_name::from_disposition(value.as_bytes()));
    let total = response.content_length();
    // Without a length, HTTP/2 and chunks mark the end; else it is wherever the connection ends.
    let marked = total.is_some() || response.version() >= Version::HTTP_2 || headers.contains_key(TRANSFER_ENCODING);
    Opened { total, name, unproved: !marked, gets, links: Vec::new(), source: Source::Http(Box::new(response)) }
}

/// Where a redirect leads, if that is within the same scheme, host and port.
fn onward(response: &Response, from: &Url) -> Result<Url, Failed> {
    let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| from.join(to).ok());
    let broken = |what: String| {
        let sentence = format!("{what} Request the data again, or ask whoever runs the server.");
        Failed::after(NotSaved::Broken, sentence)
    };
    let Some(to) = to else {
        return Err(broken("The server sent the download on without saying where to.".to_owned()));
    };
    let origin = |url: &Url| (host(url), url.port_or_known_default());
    if from.scheme() == to.scheme() && origin(from) == origin(&to) {
        return Ok(to);
    }
    Err(broken(if matches!(to.scheme(), "http" | "ws") && from.scheme() == "https" {
        format!("The server sent the download on to {} without encryption, which is not followed.", host(&to))
    } else {
        format!("The server sent the download on to another host, {}, which is not followed.", host(&to))
    }))
}

/// Something may have been sent, and no answer came.
fn no_answer(host: &str) -> Failed {
    Failed::after(
        NotSaved::Broken,
        format!(
            "The connection to {host} broke off before an answer came. The link may be used up; request the data again."
        ),
    )
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
