//! The part of the backend's REST API that the monitor uses.
//!
//! The token travels only in its header and never to another host, because redirects are not followed. No error contains an
//! address with a query, a token or a password.
#![expect(clippy::disallowed_methods, reason = "the password goes into the body of `authenticate`")]

use std::sync::{Arc, OnceLock};

use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::activity::{StatusCheck, Timestamp};
use crate::engine::network::connect_error::ConnectError;
use crate::engine::network::connect_failure::NoConnection;
use crate::engine::network::endpoints::{Endpoints, Target};
use crate::engine::network::http_date::date_of;
use crate::engine::network::proxy::{ProxyError, ProxyServer};
use crate::engine::network::rest_error::RestError;
use crate::engine::network::retry_after::RetryAfter;
use crate::engine::runtime::clock::Clocks;
use crate::protocol::rest::{AUTHORIZATION_HEADER, COMMAND_HEADER, REQUEST_HEADER, StatusResponse, TokenResponse};
use crate::protocol::{
    AuthorizationToken, CommandId, DataToken, DataTokenPage, Expiry, LinkExpiry, RequestId, data_token_page, lenient,
    redact, rest,
};

use super::connector;
use super::network_config::{NetworkConfig, NetworkConfigReceiver};
use super::unsent_request;

/// The largest response that is read, in bytes.
const MAX_RESPONSE_SIZE: usize = 1024 * 1024;
/// The lifetime to request for a new token, in seconds: 30 days, the example in the vendor's documentation `[docs]`.
const TOKEN_LIFETIME: &str = "2592000";

/// A token that the server issued or that the operator entered, and that the server accepts.
#[derive(Debug, Clone)]
pub(crate) struct IssuedToken {
    pub(crate) token: AuthorizationToken,
    /// When it expires.
    pub(crate) expiry: TokenExpiry,
    /// `true` if the server has just issued this token; `false` if the operator entered it, in which case the join verifies
    /// it.
    pub(crate) verified: bool,
}

/// A client of the backend's REST API.
#[derive(Debug, Clone)]
pub(crate) struct RestClient {
    network_config_receiver: NetworkConfigReceiver,
    /// Updated with the server's time of day from each response.
    clocks: Clocks,
}

/// When a token expires, according to the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenExpiry {
    /// The expiry; `None` if the server did not say.
    pub(crate) at: Option<Timestamp>,
    /// The server's own time of day when it answered.
    pub(crate) server_now: Option<Timestamp>,
    /// The server's value, if it can't be parsed.
    pub(crate) unreadable: Option<String>,
}

/// The method for `request-status`: GET `[docs]` or POST `[live]`. Learnt once per profile and run; `true` for POST.
#[derive(Debug, Clone, Default)]
pub(crate) struct StatusMethod(Arc<OnceLock<bool>>);

impl StatusMethod {
    fn is_post(&self) -> Option<bool> {
        self.0.get().copied()
    }

    fn learn(&self, posts: bool) {
        // The first result stays: a server that changes its method gets both requests each time.
        if self.0.set(posts).is_ok() {
            tracing::debug!(posts, "learnt how the server wants to be asked");
        }
    }
}

/// The parameters of a call.
enum Payload<'a> {
    /// None: a GET.
    None,
    /// A form, which may be empty: a POST.
    Form(&'a [(&'a str, &'a str)]),
    /// An empty JSON object: a POST.
    EmptyObject,
    /// A query: a GET.
    Query(&'a [(&'a str, &'a str)]),
}

/// The response to `request-data`.
#[derive(Debug)]
pub(crate) struct RequestedData {
    /// The request under which the data arrives.
    pub(crate) request: RequestId,
    /// The command whose outcome says whether the data could be fetched.
    pub(crate) command: Option<CommandId>,
}

/// A response.
struct RestResponse {
    status: StatusCode,
    /// The header `Date`: the server's time of day.
    date: Option<Timestamp>,
    /// The headers that name a command and a request.
    ids: [Option<String>; 2],
    body: String,
}

impl RestClient {
    /// Each call uses the network configuration that is current at that moment.
    pub(crate) fn new(network_config_receiver: NetworkConfigReceiver, clocks: Clocks) -> Self {
        Self { network_config_receiver, clocks }
    }

    /// `POST /profile/authenticate`.
    pub(crate) async fn authenticate(
        &self,
        endpoints: &Endpoints,
        username: &str,
        password: &SecretString,
    ) -> Result<IssuedToken, RestError> {
        let url = endpoints.call(&["profile", "authenticate"]);
        let network_config = self.network_config().await;
        let request = network_config
            .rest_client
            .post(url)
            .form(&[("username", username), ("password", password.expose_secret())]);
        let answer = self
            .execute(request, &network_config, endpoints, RequestSecret::Password(password.expose_secret()))
            .await?;
        self.issued_token(&answer, endpoints)
    }

    /// `POST /profile/authorization-token/expiry`: when a token expires, if the server says so.
    pub(crate) async fn expiry(
        &self,
        endpoints: &Endpoints,
        token: &AuthorizationToken,
    ) -> Result<TokenExpiry, RestError> {
        let path = ["profile", "authorization-token", "expiry"];
        let answer = match self.call(endpoints, token, &path, Payload::Form(&[])).await {
            // A token that may not ask for its own expiry is no valid token.
            Err(RestError::Status { status: 403, words, .. }) => return Err(RestError::Unauthorised(words)),
            other => success(other?, endpoints)?,
        };
        Ok(self.token_expiry(rest::expiry(&answer.body), answer.date, token))
    }

    /// The server's words if it refuses a token when asked for its expiry. No response, and any other error, is not a
    /// refusal.
    pub(crate) async fn token_refusal(&self, endpoints: &Endpoints, token: &AuthorizationToken) -> Option<String> {
        match self.expiry(endpoints, token).await {
            Err(RestError::Unauthorised(words)) => Some(words),
            Ok(_) | Err(_) => None,
        }
    }

    /// `POST /profile/reauthorize-authorization-token`: exchanges a token for a new one.
    pub(crate) async fn reauthorize(
        &self,
        endpoints: &Endpoints,
        token: &AuthorizationToken,
    ) -> Result<IssuedToken, RestError> {
        let path = ["profile", "reauthorize-authorization-token"];
        let answer = self.call(endpoints, token, &path, Payload::Form(&[("ttl", TOKEN_LIFETIME)])).await?;
        let answer = success(answer, endpoints)?;
        if answer.status == StatusCode::ACCEPTED {
            return Err(RestError::Later);
        }
        self.issued_token(&answer, endpoints)
    }

    /// `POST /profile/revoke-authorization-token`.
    pub(crate) async fn revoke(&self, endpoints: &Endpoints, token: &AuthorizationToken) -> Result<(), RestError> {
        let path = ["profile", "revoke-authorization-token"];
        let answer = self.call(endpoints, token, &path, Payload::Form(&[])).await?;
        success(answer, endpoints).map(|_answer| ())
    }

    /// `request-status`: by GET `[docs]`, or by POST `[live]` if the server requires it.
    pub(crate) async fn request_status(
        &self,
        endpoints: &Endpoints,
        token: &AuthorizationToken,
        command: &CommandId,
        dialect: &StatusMethod,
    ) -> Result<StatusCheck, RestError> {
        let path = ["request-status", command.as_str()];
        let payload = |posts| if posts { Payload::EmptyObject } else { Payload::None };
        let learnt = dialect.is_post();
        let posts = learnt.unwrap_or(false);
        let mut answer = self.call(endpoints, token, &path, payload(posts)).await?;
        let fits = |status| status != StatusCode::METHOD_NOT_ALLOWED;
        // A server that only supports the other method answers 405, or 404 if its routes differ by method.
        let doubtful = learnt.is_none() && answer.status == StatusCode::NOT_FOUND;
        if !fits(answer.status) || doubtful {
            let other = self.call(endpoints, token, &path, payload(!posts)).await?;
            if other.status.is_success() || (fits(other.status) && !fits(answer.status)) {
                dialect.learn(!posts);
                answer = other;
            } else if !fits(other.status) {
                dialect.learn(posts);
            }
        } else if answer.status.is_success() {
            dialect.learn(posts);
        }
        if answer.status != StatusCode::NOT_FOUND {
            answer = success(answer, endpoints)?;
        }
        match rest::status_answer(answer.status.as_u16(), &answer.body) {
            StatusResponse::Known { status, text } => {
                let text = text.map(|text| redact::text(&text, &[token.expose()]).into_owned());
                Ok(StatusCheck::Known { status, text })
            }
            StatusResponse::Unknown => Ok(StatusCheck::Unknown),
            StatusResponse::NotUnderstood => Err(RestError::NotUnderstood { host: host(endpoints) }),
        }
    }

    /// `GET /data-token/list-data-tokens`: one page, counted from 1.
    pub(crate) async fn list_data_tokens(
        &self,
        endpoints: &Endpoints,
        token: &AuthorizationToken,
        page: u32,
        per_page: u32,
    ) -> Result<DataTokenPage, RestError> {
        let (page, per_page) = (page.to_string(), per_page.to_string());
        let query = [("page", page.as_str()), ("perPage", per_page.as_str())];
        let path = ["data-token", "list-data-tokens"];
        let answer = success(self.call(endpoints, token, &path, Payload::Query(&query)).await?, endpoints)?;
        data_token_page(&answer.body).ok_or_else(|| RestError::NotUnderstood { host: host(endpoints) })
    }

    /// `POST /data-token/request-data`.
    pub(crate) async fn request_data(
        &self,
        endpoints: &Endpoints,
        token: &AuthorizationToken,
        data: &DataToken,
    ) -> Result<RequestedData, RestError> {
        let path = ["data-token", "request-data"];
        let answer = self.call(endpoints, token, &path, Payload::Form(&[("token", data.as_str())])).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(RestError::NoSuchData);
        }
        let RestResponse { ids: [command, request], body, .. } = success(answer, endpoints)?;
        match rest::request_id(request.as_deref(), &body) {
            Some(request) => Ok(RequestedData { request, command: rest::command_id(command.as_deref(), &body) }),
            None => Err(RestError::NotUnderstood { host: host(endpoints) }),
        }
    }

    async fn call(
        &self,
        endpoints: &Endpoints,
        token: &AuthorizationToken,
        path: &[&str],
        payload: Payload<'_>,
    ) -> Result<RestResponse, RestError> {
        let mut header = HeaderValue::from_str(token.expose()).map_err(|_unfit| RestError::NotAToken)?;
        header.set_sensitive(true);
        let url = endpoints.call(path);
        let network_config = self.network_config().await;
        let request = match payload {
            Payload::None => network_config.rest_client.get(url),
            Payload::Form(form) => network_config.rest_client.post(url).form(form),
            Payload::EmptyObject => network_config.rest_client.post(url).json(&serde_json::Map::new()),
            Payload::Query(query) => {
                let mut url = url;
                url.query_pairs_mut().extend_pairs(query);
                network_config.rest_client.get(url)
            }
        };
        self.execute(
            request.header(AUTHORIZATION_HEADER, header),
            &network_config,
            endpoints,
            RequestSecret::Token(token.expose()),
        )
        .await
    }

    /// Sends a request and reads the response. Removes the secrets that the request carried from the server's words.
    async fn execute(
        &self,
        request: reqwest::RequestBuilder,
        network_config: &NetworkConfig,
        endpoints: &Endpoints,
        secret: RequestSecret<'_>,
    ) -> Result<RestResponse, RestError> {
        let through = network_config.proxies.of_url(&endpoints.api)?;
        let mut response = match unsent_request::send(request).await {
            Ok(response) => response,
            Err(error) => return Err(self.convert_error(error, endpoints, (network_config, through.as_ref())).await),
        };
        let status = response.status();
        if let Some(through) = through.as_ref().filter(|_through| status == StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
            return Err(ProxyError::NeedsPassword(through.to_string()).into());
        }
        let date = date_of(response.headers());
        if let Some(date) = date {
            self.clocks.on_server_time(date);
        }
        let wait = RetryAfter::of(response.headers()).map(|asked| asked.wait(self.clocks.now().at));
        let ids = [COMMAND_HEADER, REQUEST_HEADER]
            .map(|name| response.headers().get(name).and_then(|id| id.to_str().ok()).map(str::to_owned));
        let mut bytes = Vec::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => {
                    return Err(self.convert_error(error, endpoints, (network_config, through.as_ref())).await);
                }
            };
            if bytes.len().saturating_add(chunk.len()) > MAX_RESPONSE_SIZE {
                return Err(RestError::NotUnderstood { host: host(endpoints) });
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = lenient::text_of(&bytes).unwrap_or_else(|| String::from_utf8_lossy(&bytes)).into_owned();
        if status == StatusCode::UNAUTHORIZED {
            return Err(RestError::Unauthorised(masked_message(&body, secret)));
        }
        if status.is_success() || status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(RestResponse { status, date, ids, body });
        }
        Err(RestError::Status {
            host: host(endpoints),
            status: status.as_u16(),
            words: masked_message(&body, secret),
            wait,
        })
    }

    /// Converts a failed call to an error. The client's text can contain the address, so only error kinds and the system's
    /// words are used.
    async fn convert_error(
        &self,
        error: reqwest::Error,
        endpoints: &Endpoints,
        (network_config, through): (&NetworkConfig, Option<&ProxyServer>),
    ) -> RestError {
        let error = error.without_url();
        let host = host(endpoints);
        tracing::debug!(%error, host, "a call failed");
        if error.is_timeout() {
            return RestError::TimedOut { host };
        }
        let why = NoConnection::of(&error);
        if let Some(through) = through
            && let Some(error) =
                connector::proxy_error(&why, &Target::of(&endpoints.api), through, &network_config.tls).await
        {
            let wait = error.retry_after().map(|asked| asked.wait(self.clocks.now().at));
            return match wait {
                Some(wait) => RestError::ProxyWaits { error, wait },
                None => error.into(),
            };
        }
        match (why, through) {
            (NoConnection::NotHttp, _) => RestError::NotUnderstood { host },
            (NoConnection::Tls(tls), _) => {
                RestError::Tls(ConnectError::tls(host, std::io::Error::other(tls), &network_config.tls))
            }
            (source @ (NoConnection::NotSent | NoConnection::BrokenOff), _) | (source, None) => {
                RestError::Unreachable { host, source }
            }
            (source, Some(through)) => RestError::UnreachableThrough { host, proxy: through.to_string(), source },
        }
    }

    fn issued_token(&self, answer: &RestResponse, endpoints: &Endpoints) -> Result<IssuedToken, RestError> {
        if !answer.status.is_success() {
            return Err(refusal(answer, endpoints));
        }
        match rest::token_answer(&answer.body) {
            Some(TokenResponse { token, expiry }) => {
                let ends = self.token_expiry(expiry, answer.date, &token);
                Ok(IssuedToken { token, expiry: ends, verified: true })
            }
            None => Err(RestError::NotUnderstood { host: host(endpoints) }),
        }
    }

    /// The expiry of a token in a response that arrived at `server_now`.
    fn token_expiry(&self, expiry: Expiry, server_now: Option<Timestamp>, token: &AuthorizationToken) -> TokenExpiry {
        let now = || {
            let here = self.clocks.now().at;
            server_now.or_else(|| self.clocks.reference().to_server(here)).unwrap_or(here)
        };
        let (at, unreadable) = match expiry {
            Expiry::Unstated => (None, None),
            Expiry::At(at) => (Some(Timestamp::from(at)), None),
            Expiry::In(life) => (Some(now().expiry_after(LinkExpiry::For(life))), None),
            Expiry::Unreadable(value) => (None, Some(redact::text(&value, &[token.expose()]).into_owned())),
        };
        TokenExpiry { at, server_now, unreadable }
    }

    async fn network_config(&self) -> Arc<NetworkConfig> {
        self.network_config_receiver.current().await
    }
}

/// Returns a successful response, or the error that the status means.
fn success(answer: RestResponse, endpoints: &Endpoints) -> Result<RestResponse, RestError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(refusal(&answer, endpoints))
}

fn refusal(answer: &RestResponse, endpoints: &Endpoints) -> RestError {
    RestError::Status { host: host(endpoints), status: answer.status.as_u16(), words: String::new(), wait: None }
}

/// The secret in a request.
#[derive(Clone, Copy)]
enum RequestSecret<'a> {
    Password(&'a str),
    Token(&'a str),
}

/// The server's words in an error, masked; may be empty. A password may be a word that the server uses anyway, such as
/// `wrong`: if masking hides such a word, the words mean nothing any more, and the masked place would reveal the password.
/// So they are dropped.
fn masked_message(body: &str, secret: RequestSecret<'_>) -> String {
    let Some(text) = rest::error_text(body) else { return String::new() };
    let text = text.trim().trim_end_matches('.');
    match secret {
        RequestSecret::Token(token) => redact::text(text, &[token]).into_owned(),
        RequestSecret::Password(password) if redact::text(text, &[password]) != redact::text(text, &[]) => {
            String::new()
        }
        RequestSecret::Password(_) => redact::text(text, &[]).into_owned(),
    }
}

fn host(endpoints: &Endpoints) -> String {
    endpoints.api.host_str().unwrap_or_default().to_owned()
}
