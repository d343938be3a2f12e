//! The address of a server, as the operator typed it.

use std::fmt;

use url::{Host, Url};

use crate::protocol::pasted;

/// An address as typed; validated on use, so that a wrong one can be shown and corrected.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Address(String);

/// The allowed schemes of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `http` and `https`.
    Http,
    /// `ws` and `wss`.
    WebSocket,
    /// `http` and `https`, for the connection to the operator's proxy.
    Proxy,
}

/// What is wrong with an address, worded for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing was typed.
    #[error("Enter an address, for example {example}.")]
    Empty {
        /// A valid example.
        example: &'static str,
    },
    /// It is not an address.
    #[error("This is not an address. Enter one like {example}.")]
    Malformed {
        /// A valid example.
        example: &'static str,
    },
    /// It has another scheme.
    #[error("This address begins with {found}://. It must begin with {required}://.")]
    Scheme {
        /// Its scheme.
        found: String,
        /// The required scheme.
        required: &'static str,
    },
    /// It contains a user name or a password.
    #[error("An address must not carry a user name or a password. Enter them in their own fields.")]
    Credentials,
}

impl Address {
    /// Creates it from typed text, without surrounding blanks and invisible characters.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(pasted::trimmed(text.as_ref()).to_owned())
    }

    /// The text as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as a URL.
    ///
    /// # Errors
    ///
    /// If it is empty, malformed, of another scheme, or contains credentials.
    pub fn url(&self, protocol: Protocol) -> Result<Url, AddressError> {
        let (example, required, schemes) = match protocol {
            Protocol::Http => ("https://cab.example.com", "https", ["https", "http"]),
            Protocol::WebSocket => ("wss://ws.example.com", "wss", ["wss", "ws"]),
            Protocol::Proxy => ("http://proxy.example.com:3128", "http", ["http", "https"]),
        };
        if self.0.is_empty() {
            return Err(AddressError::Empty { example });
        }
        let url = parse_url(&self.0).map_err(|_malformed| AddressError::Malformed { example })?;
        if !schemes.contains(&url.scheme()) {
            // `cab.example.com:8009` parses as the scheme `cab.example.com`, which nobody means.
            return if self.0.contains("://") {
                Err(AddressError::Scheme { found: url.scheme().to_owned(), required })
            } else {
                Err(AddressError::Malformed { example })
            };
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(AddressError::Malformed { example });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        Ok(url)
    }

    /// The host that this address would use in plain text outside this machine, which needs the operator's consent.
    pub fn host_in_plain_text(&self) -> Option<String> {
        let url = parse_url(&self.0).ok()?;
        (matches!(url.scheme(), "http" | "ws") && !is_loopback(&url))
            .then(|| url.host_str().map(str::to_owned))
            .flatten()
    }

    /// The host, for display.
    pub fn host(&self) -> Option<String> {
        parse_url(&self.0).ok()?.host_str().map(str::to_owned)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses an address whose user name may include a Windows domain, `CORP\\joe`: a URL parser reads the backslash as a slash, and so
/// the domain as the host.
///
/// # Errors
///
/// If it is not a URL.
pub fn parse_url(text: &str) -> Result<Url, url::ParseError> {
    let Some((scheme, rest)) = text.split_once("://") else { return Url::parse(text) };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((login, host)) => Url::parse(&format!("{scheme}://{}@{host}{path}", login.replace('\\', "%5C"))),
        None => Url::parse(text),
    }
}

/// Whether a URL's host is this machine: `localhost` and its subdomains (RFC 6761), 127.0.0.0/8 and `::1`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_address_is_an_error_with_a_sentence() {
        let check = |text: &str, protocol| Address::new(text).url(protocol).map(|url| url.to_string());
        assert_eq!(check(" https://cab.example.com ", Protocol::Http).unwrap(), "https://cab.example.com/");
        assert_eq!(check("ws://localhost:8083", Protocol::WebSocket).unwrap(), "ws://localhost:8083/");
        for (text, protocol) in [
            ("", Protocol::Http),
            ("cab.example.com", Protocol::Http),
            ("cab.example.com:8009", Protocol::Http),
            ("https://", Protocol::Http),
            ("https://h", Protocol::WebSocket),
            ("wss://h", Protocol::Http),
            ("https://me:secret@h", Protocol::Http),
            (r"https://CORP\me:secret@h", Protocol::Http),
        ] {
            let error = check(text, protocol).expect_err(text).to_string();
            assert!(error.ends_with('.'), "not a sentence for {text:?}: {error}");
            assert!(!error.contains("secret"), "a secret in the error for {text:?}: {error}");
        }
    }

    #[test]
    fn plain_text_beyond_this_machine_needs_consent() {
        for here in ["http://localhost:1", "ws://127.0.0.1", "http://[::1]:5", "ws://a.localhost", "http://127.9.9.9"] {
            assert_eq!(Address::new(here).host_in_plain_text(), None, "{here}");
        }
        for (there, host) in
            [("http://10.0.0.1", "10.0.0.1"), ("ws://h:8", "h"), ("http://localhost.evil.com", "localhost.evil.com")]
        {
            assert_eq!(Address::new(there).host_in_plain_text().as_deref(), Some(host), "{there}");
        }
        assert_eq!(Address::new("https://h").host_in_plain_text(), None);
    }
}
