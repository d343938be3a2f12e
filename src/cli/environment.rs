//! Environment variables that the vendor's own tools also read. They pre-fill the sign-in form, and sign `watch` in.

use std::ffi::OsString;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::protocol::pasted;
use crate::settings::Address;

/// Settings from the process's environment. They are only read, never changed; an empty variable counts as not set.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `PRIVICORE_API_URL`: the backend's address.
    pub api: Option<Address>,
    /// `PRIVICORE_WS_URL`: the WebSocket proxy's address.
    pub websocket: Option<Address>,
    /// `PRIVICORE_USERNAME`.
    pub username: Option<String>,
    /// `PRIVICORE_PASSWORD`.
    pub password: Option<SecretString>,
    /// `PRIVICORE_CA_FILE`: a file with certificate authorities to trust beside the system's, in PEM or DER form.
    pub ca_file: Option<PathBuf>,
}

/// A variable can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// Its value is not UTF-8.
    #[error("The environment variable {name} is not text (UTF-8). Set it again, or unset it.")]
    NotText {
        /// The variable's name.
        name: &'static str,
    },
}

impl Environment {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// If a variable can't be used.
    pub fn read() -> Result<Self, EnvironmentError> {
        Self::from(|name| std::env::var_os(name))
    }

    /// Reads an environment given as a function from names to values.
    fn from(value: impl Fn(&str) -> Option<OsString>) -> Result<Self, EnvironmentError> {
        let set = |name| value(name).filter(|value| !value.is_empty());
        let text = |name| {
            set(name).map(OsString::into_string).transpose().map_err(|_not_text| EnvironmentError::NotText { name })
        };
        Ok(Self {
            api: text("PRIVICORE_API_URL")?.map(Address::new),
            websocket: text("PRIVICORE_WS_URL")?.map(Address::new),
            // A file or a shell may add white space around the name; trim it. Keep the password as it is: the refusal says what
            // is odd about it.
            username: text("PRIVICORE_USERNAME")?.map(|name| pasted::trimmed(&name).to_owned()),
            password: text("PRIVICORE_PASSWORD")?.map(SecretString::from),
            ca_file: set("PRIVICORE_CA_FILE").map(|name| match name.into_string() {
                Ok(name) => PathBuf::from(pasted::trimmed(&name)),
                Err(no_text) => PathBuf::from(no_text),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_vendors_variables_are_read() {
        let environment = Environment::from(|name| Some(format!("<{name}>").into())).unwrap();
        assert_eq!(environment.api, Some(Address::new("<PRIVICORE_API_URL>")));
        assert_eq!(environment.websocket, Some(Address::new("<PRIVICORE_WS_URL>")));
        assert_eq!(environment.username.as_deref(), Some("<PRIVICORE_USERNAME>"));
        #[expect(clippy::disallowed_methods, reason = "the test compares the password")]
        let password = environment.password.as_ref().map(ExposeSecret::expose_secret);
        assert_eq!(password, Some("<PRIVICORE_PASSWORD>"));
        assert_eq!(environment.ca_file, Some(PathBuf::from("<PRIVICORE_CA_FILE>")));
        assert!(!format!("{environment:?}").contains("PRIVICORE_PASSWORD"), "the password showed itself");
    }

    #[test]
    fn a_name_or_an_address_from_a_file_is_taken_without_its_line_break() {
        let environment = Environment::from(|_| Some("\u{feff}ops\r\n".into())).unwrap();
        assert_eq!((environment.username.as_deref(), environment.api), (Some("ops"), Some(Address::new("ops"))));
        assert_eq!(environment.ca_file, Some(PathBuf::from("ops")));
    }

    #[test]
    fn an_unset_or_empty_variable_is_absent() {
        for value in [None, Some(OsString::new())] {
            let environment = Environment::from(|_| value.clone()).unwrap();
            assert!(environment.api.is_none() && environment.password.is_none() && environment.ca_file.is_none());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_text_is_named_and_not_shown() {
        use std::os::unix::ffi::OsStringExt;
        let error = Environment::from(|name| {
            (name == "PRIVICORE_PASSWORD").then(|| OsString::from_vec(b"CANARY\xff".to_vec()))
        })
        .unwrap_err();
        assert_eq!(error, EnvironmentError::NotText { name: "PRIVICORE_PASSWORD" });
        assert!(!error.to_string().contains("CANARY"), "{error}");
    }
}
