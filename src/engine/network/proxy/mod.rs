//! Decides through which proxy an address is reached: none, the one in the settings, or the one that the environment names.
//!
//! This machine is always reached directly. A proxy setting that can't be used stops every other connection with an error,
//! so that a wrong proxy address never bypasses the proxy. Of the system's settings only the environment is read, as by
//! curl: not the desktop's proxy settings, no scripts (PAC, WPAD), and only HTTP proxies, not SOCKS.

#[cfg(test)]
pub(crate) mod curl_tests;
pub(crate) mod http_connect;
pub(crate) mod no_proxy;

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::engine::network::tls::failure;
use crate::settings::{ProxyChoice, ProxyChoiceError, is_loopback, parse_url};

use super::endpoints::Target;
use super::retry_after::RetryAfter;
use super::system_error::SystemError;

/// The port of a proxy whose address in the environment has the scheme `http://` or none, and no port: the same as curl's.
const DEFAULT_PORT: u16 = 1080;

/// The proxies that the environment names. An address may contain a user name and a password, so `Debug` shows only which
/// variables are set.
#[derive(Clone, Default)]
pub struct ProxyEnvironment {
    /// The proxy for `https` and `wss`.
    https: Option<Variable>,
    /// The proxy for `http` and `ws`.
    http: Option<Variable>,
    /// The proxy for both, if they have none of their own.
    all: Option<Variable>,
    /// The hosts that are reached directly.
    no: Option<Variable>,
}

/// An environment variable that is set.
#[derive(Clone)]
struct Variable {
    name: &'static str,
    value: String,
}

impl ProxyEnvironment {
    /// Reads an environment, given as a function from names to values, like curl: the lower-case name takes precedence, an
    /// empty value counts as unset, and `HTTP_PROXY` is ignored, because in CGI programs a request can set it.
    pub fn read(value: impl Fn(&str) -> Option<OsString>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = value(name).filter(|value| !value.is_empty())?;
                Some(Variable { name, value: value.to_string_lossy().into_owned() })
            })
        };
        Self {
            https: first(&["https_proxy", "HTTPS_PROXY"]),
            http: first(&["http_proxy"]),
            all: first(&["all_proxy", "ALL_PROXY"]),
            no: first(&["no_proxy", "NO_PROXY"]),
        }
    }
}

impl fmt::Debug for ProxyEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyVariables")
            .field("https", &self.https.is_some())
            .field("http", &self.http.is_some())
            .field("all", &self.all.is_some())
            .field("no", &self.no.as_ref().map(|no| &no.value))
            .finish()
    }
}

/// Why a proxy can't be used. The texts are for the operator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProxyError {
    /// The proxy in the settings can't be used.
    #[error("The proxy in the settings can't be used. {0}")]
    Setting(ProxyChoiceError),
    /// The proxy in the environment can't be used. Its value is not shown, because it may contain a password.
    #[error(
        "The environment variable {0} names no proxy that Privicore Monitor can use: it takes an address that begins with \
         http:// or https://, not SOCKS. Set it to one and start again, or choose another proxy in the settings."
    )]
    Variable(&'static str),
    /// No program listens on the proxy's port, or the proxy is unreachable.
    #[error(
        "The proxy {proxy} can't be reached: {source}. Check the proxy in the settings, and this machine's network."
    )]
    NotReached {
        /// The proxy's name and port.
        proxy: String,
        /// The system's error.
        source: SystemError,
    },
    /// The encrypted connection to the proxy itself failed.
    #[error(
        "The encrypted connection to the proxy {proxy} failed: {}. Check the proxy in the settings.",
        failure::of_stream(.source)
    )]
    Tls {
        /// The proxy's name and port.
        proxy: String,
        /// The error of TLS.
        source: SystemError,
    },
    /// 407: the proxy requires a user name and a password, or refused them.
    #[error(
        "The proxy {0} asks for a user name and a password, or refused those that it got. Privicore Monitor keeps none in the \
         settings: choose the system's proxy, set HTTPS_PROXY to an address that has them, and start again."
    )]
    NeedsPassword(String),
    /// Any other status that is not a success.
    #[error(
        "The proxy {proxy} did not connect to {host}: it answered with HTTP status {status}. Check the address, and ask whoever \
         runs the proxy to let {host} through."
    )]
    Refused {
        /// The proxy's name and port.
        proxy: String,
        /// The host to connect to.
        host: String,
        /// The status of the response.
        status: u16,
        /// When the proxy wants to be asked again.
        retry_after: Option<RetryAfter>,
    },
    /// The response is not HTTP, or arrived before the request.
    #[error("{0} did not answer like a proxy. Check the proxy in the settings.")]
    NotAProxy(String),
    /// The response is too long.
    #[error("The answer of the proxy {0} had no end, so the connection was given up. Check the proxy in the settings.")]
    TooLong(String),
    /// The proxy closed the connection.
    #[error("The proxy {0} closed the connection without an answer. Check the proxy in the settings.")]
    Closed(String),
}

impl ProxyError {
    /// When the proxy wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<RetryAfter> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A proxy that can be used.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProxyServer(Url);

impl ProxyServer {
    /// Its address, which may contain a password.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// The address to connect to.
    pub(crate) fn target(&self) -> Target {
        Target::of(&self.0)
    }

    /// The value of the header `Proxy-Authorization`, if the proxy's address has a user name and password. A secret.
    pub(crate) fn authorization(&self) -> Option<String> {
        if self.0.username().is_empty() && self.0.password().is_none() {
            return None;
        }
        let mut pair = percent_decode_str(self.0.username()).collect::<Vec<u8>>();
        pair.push(b':');
        pair.extend(percent_decode_str(self.0.password().unwrap_or_default()));
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }
}

impl fmt::Display for ProxyServer {
    /// Shows its name and port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.0.port_or_known_default().unwrap_or_default();
        write!(f, "{}:{port}", self.0.host_str().unwrap_or_default())
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Through({self})")
    }
}

/// The rules that choose a proxy for an address.
#[derive(Clone)]
pub(crate) enum ProxyRules {
    /// Every address is reached directly.
    None,
    /// Every address is reached through this proxy; if it can't be used, no address is reached.
    One(Result<ProxyServer, ProxyChoiceError>),
    /// The environment's rules.
    Variables(Arc<Variables>),
}

/// The environment's rules.
pub(crate) struct Variables {
    https: Option<Result<ProxyServer, &'static str>>,
    http: Option<Result<ProxyServer, &'static str>>,
    /// The hosts that are reached directly, as a list.
    no_proxy: String,
}

impl ProxyRules {
    /// Creates the rules from the settings and the environment.
    pub(crate) fn of(choice: &ProxyChoice, variables: &ProxyEnvironment) -> Self {
        match choice.url() {
            Ok(Some(url)) => Self::One(Ok(ProxyServer(url))),
            Err(error) => Self::One(Err(error)),
            Ok(None) if *choice == ProxyChoice::None => Self::None,
            Ok(None) => {
                let named = |variable: &Option<Variable>| {
                    variable.as_ref().map(|Variable { name, value }| parse_proxy(value).ok_or(*name))
                };
                Self::Variables(Arc::new(Variables {
                    https: named(&variables.https).or_else(|| named(&variables.all)),
                    http: named(&variables.http).or_else(|| named(&variables.all)),
                    no_proxy: variables.no.as_ref().map(|no| no.value.clone()).unwrap_or_default(),
                }))
            }
        }
    }

    /// The proxy for an `http(s)` or `ws(s)` address; `None` if it is reached directly.
    pub(crate) fn of_url(&self, url: &Url) -> Result<Option<ProxyServer>, ProxyError> {
        let Some(host) = url.host().filter(|_host| !is_loopback(url)) else { return Ok(None) };
        let secure = matches!(url.scheme(), "https" | "wss");
        match self {
            Self::None => Ok(None),
            Self::One(one) => one.clone().map(Some).map_err(ProxyError::Setting),
            Self::Variables(variables) => {
                let chosen = if secure { &variables.https } else { &variables.http };
                match chosen {
                    Some(chosen) if !no_proxy::matches_host(&variables.no_proxy, &host) => {
                        chosen.clone().map(Some).map_err(ProxyError::Variable)
                    }
                    _ => Ok(None),
                }
            }
        }
    }
}

impl fmt::Debug for ProxyRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::One(one) => f.debug_tuple("One").field(one).finish(),
            Self::Variables(variables) => {
                f.debug_struct("Variables").field("https", &variables.https).field("http", &variables.http).finish()
            }
        }
    }
}

/// Parses a proxy in an environment variable: an address, or only host and port.
fn parse_proxy(value: &str) -> Option<ProxyServer> {
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let mut url = parse_url(&text).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return None;
    }
    if url.scheme() == "http" && url.port().is_none() && !has_explicit_port(&text) {
        url.set_port(Some(DEFAULT_PORT)).ok()?;
    }
    Some(ProxyServer(url))
}

/// Whether an address has an explicit port, which the parser drops if it is the default of the scheme.
fn has_explicit_port(text: &str) -> bool {
    let authority = text.split_once("://").map_or(text, |(_scheme, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_login, host)| host);
    host.rsplit_once(':').is_some_and(|(_host, port)| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(set: &[(&str, &str)]) -> ProxyEnvironment {
        ProxyEnvironment::read(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(*value)))
    }

    fn system(set: &[(&str, &str)]) -> ProxyRules {
        ProxyRules::of(&ProxyChoice::System, &variables(set))
    }

    fn proxy_for(proxies: &ProxyRules, url: &str) -> Option<String> {
        proxies.of_url(&Url::parse(url).unwrap()).unwrap().map(|through| through.to_string())
    }

    #[test]
    fn this_machine_is_never_reached_through_a_proxy() {
        let chosen = ProxyChoice::from_text("http://p:3128");
        let broken = ProxyChoice::from_text("nonsense");
        for proxies in [
            ProxyRules::of(&chosen, &ProxyEnvironment::default()),
            ProxyRules::of(&broken, &ProxyEnvironment::default()),
            system(&[("ALL_PROXY", "http://p:3128")]),
        ] {
            for url in ["http://localhost:1/x", "wss://127.0.0.1", "ws://[::1]:8083", "https://a.localhost"] {
                assert_eq!(proxy_for(&proxies, url), None, "{url} by {proxies:?}");
            }
            let elsewhere = proxies.of_url(&Url::parse("wss://w.example.com").unwrap());
            assert!(!matches!(elsewhere, Ok(None)), "{proxies:?} is no proxy for anything");
        }
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let proxies = system(&[
            ("HTTPS_PROXY", "secure:1"),
            ("http_proxy", "http://plain:2/"),
            ("ALL_PROXY", "http://all"),
            ("no_proxy", "direct.example.com, 10.0.0.0/8 ,.inner.test"),
        ]);
        for (url, expected) in [
            ("https://cab.example.com", Some("secure:1")),
            ("wss://ws.example.com:8083", Some("secure:1")),
            ("http://cab.example.com", Some("plain:2")),
            ("ws://ws.example.com", Some("plain:2")),
            ("https://direct.example.com", None),
            ("wss://a.direct.example.com", None),
            ("wss://notdirect.example.com", Some("secure:1")),
            ("ws://10.1.2.3", None),
            ("ws://11.1.2.3", Some("plain:2")),
            ("wss://a.inner.test", None),
            ("wss://[2001:db8::1]:9", Some("secure:1")),
        ] {
            assert_eq!(proxy_for(&proxies, url).as_deref(), expected, "{url}");
        }
        let all = system(&[("ALL_PROXY", "http://all"), ("HTTPS_PROXY", "")]);
        assert_eq!(proxy_for(&all, "wss://w").as_deref(), Some("all:1080"));
        assert_eq!(proxy_for(&system(&[("ALL_PROXY", "http://all"), ("NO_PROXY", "*")]), "wss://w"), None);
        assert_eq!(proxy_for(&system(&[]), "wss://w"), None);
        let none = ProxyRules::of(&ProxyChoice::None, &variables(&[("ALL_PROXY", "http://all")]));
        assert_eq!(proxy_for(&none, "wss://w"), None);
    }

    #[test]
    fn a_user_name_may_contain_a_windows_domain() {
        for value in [r"http://CORP\joe:pw@proxy:3128", r"CORP\joe:pw@proxy:3128", "http://CORP%5Cjoe:pw@proxy:3128/"] {
            let through = parse_proxy(value).unwrap_or_else(|| panic!("{value}"));
            assert_eq!(through.to_string(), "proxy:3128", "{value}");
            // `CORP\joe:pw`
            assert_eq!(through.authorization().as_deref(), Some("Basic Q09SUFxqb2U6cHc="), "{value}");
        }
        let error =
            ProxyRules::of(&ProxyChoice::from_text(r"http://CORP\joe:CANARY@proxy"), &ProxyEnvironment::default());
        let error = error.of_url(&Url::parse("wss://w").unwrap()).unwrap_err().to_string();
        assert!(error.contains("are not kept in the settings") && !error.contains("CANARY"), "{error}");
    }

    #[test]
    fn an_unusable_proxy_is_an_error_and_is_never_bypassed() {
        let url = Url::parse("wss://w").unwrap();
        for proxies in [
            system(&[("HTTPS_PROXY", "socks5://me:CANARY@p")]),
            system(&[("ALL_PROXY", "http://me:CANARY@:1")]),
            ProxyRules::of(&ProxyChoice::from_text("http://me:CANARY@p"), &ProxyEnvironment::default()),
        ] {
            let error = proxies.of_url(&url).unwrap_err().to_string();
            assert!(error.ends_with('.') && !error.contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn a_password_is_in_the_header_and_nowhere_else() {
        let set = [("HTTPS_PROXY", "http://me:CANARY%40home@p:3128")];
        let proxies = system(&set);
        let through = proxies.of_url(&Url::parse("wss://w").unwrap()).unwrap().unwrap();
        assert_eq!(through.authorization().as_deref(), Some("Basic bWU6Q0FOQVJZQGhvbWU="));
        assert_eq!(through.target(), Target { host: "p".into(), port: 3128, secure: false, addresses: Vec::new() });
        let shown = format!("{through} {through:?} {proxies:?} {:?}", variables(&set));
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}
