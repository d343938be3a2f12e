//! The proxy setting: the system's proxy, none, or an address.

use std::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use url::Url;

use super::address::{Address, AddressError, Protocol};

/// Which proxy connections use. This machine is always reached directly.
///
/// A word or an address in the settings file: `system`, `none`, `http://proxy.example.com:3128`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxyChoice {
    /// As set in the environment: `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`.
    #[default]
    System,
    /// No proxy.
    None,
    /// This proxy, for everything. Validated on use, so that a wrong one can be shown and corrected.
    Address(Address),
}

/// What is wrong with a proxy's address, worded for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyChoiceError {
    /// It contains a user name or a password, which are never written into the settings.
    #[error(
        "A proxy's user name and password are not kept in the settings. Leave them out; where the proxy asks for them, choose \
         the system's proxy, set HTTPS_PROXY to an address that has them, and start again."
    )]
    Credentials,
    /// It is not the address of a proxy.
    #[error(transparent)]
    Address(AddressError),
}

impl ProxyChoice {
    /// Reads the word or address in the settings file.
    pub fn from_text(text: &str) -> Self {
        match text.trim() {
            "system" => Self::System,
            "none" => Self::None,
            address => Self::Address(Address::new(address)),
        }
    }

    /// The address, if one was chosen.
    ///
    /// # Errors
    ///
    /// If it is not the address of a proxy, or contains credentials.
    pub fn url(&self) -> Result<Option<Url>, ProxyChoiceError> {
        match self {
            Self::System | Self::None => Ok(None),
            Self::Address(address) => address.url(Protocol::Proxy).map(Some).map_err(|error| match error {
                AddressError::Credentials => ProxyChoiceError::Credentials,
                other => ProxyChoiceError::Address(other),
            }),
        }
    }
}

impl fmt::Display for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::None => f.write_str("none"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Serialize for ProxyChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProxyChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from_text(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_word_or_an_address_and_is_written_back_unchanged() {
        for (text, choice) in [
            ("system", ProxyChoice::System),
            ("none", ProxyChoice::None),
            ("http://proxy:3128", ProxyChoice::Address(Address::new("http://proxy:3128"))),
        ] {
            assert_eq!(ProxyChoice::from_text(text), choice);
            assert_eq!(choice.to_string(), text);
        }
    }

    #[test]
    fn an_invalid_proxy_or_one_with_a_password_is_refused_with_a_sentence() {
        let check = |text: &str| ProxyChoice::from_text(text).url();
        assert_eq!(check("https://proxy:3129").unwrap().unwrap().as_str(), "https://proxy:3129/");
        for text in ["", "proxy:3128", "socks5://proxy", "http://me:CANARY@proxy", "http://me@proxy"] {
            let error = check(text).expect_err(text).to_string();
            assert!(error.ends_with('.') && !error.contains("CANARY"), "{text:?}: {error}");
        }
        assert_eq!(check("http://me:CANARY@proxy"), Err(ProxyChoiceError::Credentials));
    }
}
