//! The state of the sign-in form: its fields, their errors, and the result.
//!
//! Passwords and tokens are held only while they are typed: both are wiped once the profile has its token.

use std::fmt;

use secrecy::SecretString;
use secrecy::zeroize::{Zeroize as _, Zeroizing};

use crate::engine::{Credential, SignIn, SignInState};
use crate::protocol::{AuthorizationToken, pasted};
use crate::settings::{Address, Profile, Protocol};

/// The initial values of the form, from the environment.
#[derive(Clone, Default)]
pub struct Prefill {
    /// The value of `PRIVICORE_API_URL`.
    pub api: Option<String>,
    /// The value of `PRIVICORE_WS_URL`.
    pub websocket: Option<String>,
    /// The value of `PRIVICORE_USERNAME`.
    pub username: Option<String>,
    /// The value of `PRIVICORE_PASSWORD`.
    pub password: Option<Zeroizing<String>>,
}

impl fmt::Debug for Prefill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefill")
            .field("api", &self.api)
            .field("websocket", &self.websocket)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// How the operator signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// User name and password over REST.
    Password,
    /// A token that the operator got elsewhere.
    Token,
}

/// The progress of signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The operator is filling in the form.
    Filling,
    /// A request to the server is in progress.
    Requesting,
    /// Signing in failed; the reason in a sentence.
    Failed(String),
}

/// The fields that can have an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Name,
    Api,
    WebSocket,
    Download,
    Consent,
    Username,
    Password,
    Token,
}

/// Whether the token is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// The token is stored in the keyring.
    pub(crate) signed_in: bool,
    /// While it is stored, the token is renewed before it expires.
    pub(crate) renewed: bool,
}

pub(crate) struct Form {
    /// The profile that the form is for; the other fields are copied into it on submit.
    pub(crate) profile: Profile,
    pub(crate) name: String,
    pub(crate) api: String,
    pub(crate) websocket: String,
    pub(crate) download: String,
    pub(crate) username: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) token: Zeroizing<String>,
    pub(crate) method: Method,
    pub(crate) keep: Keep,
    pub(crate) reveal: bool,
    pub(crate) progress: Progress,
    /// Whether the form was submitted once; errors are shown only after that.
    pub(crate) submitted: bool,
    /// The field that gets the focus in the next frame.
    pub(crate) focus: Option<Part>,
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("name", &self.name).field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl Form {
    /// A form for a new profile.
    pub(crate) fn new(prefill: &Prefill) -> Self {
        let profile = Profile::default();
        let mut form = Self::of(&profile);
        form.focus = Some(Part::Name);
        if let Some(api) = &prefill.api {
            form.api.clone_from(api);
        }
        if let Some(websocket) = &prefill.websocket {
            form.websocket.clone_from(websocket);
        }
        if let Some(username) = &prefill.username {
            form.username.clone_from(username);
        }
        if let Some(password) = &prefill.password {
            form.password.clone_from(password);
        }
        form
    }

    /// A form that signs a known profile in again.
    pub(crate) fn of(profile: &Profile) -> Self {
        Self {
            name: profile.name.clone(),
            api: profile.api.as_str().to_owned(),
            websocket: profile.websocket.as_str().to_owned(),
            download: profile.download.as_str().to_owned(),
            username: profile.username.clone(),
            password: Zeroizing::new(String::new()),
            token: Zeroizing::new(String::new()),
            method: Method::Password,
            keep: Keep { signed_in: profile.keep_signed_in, renewed: profile.renew_automatically },
            reveal: false,
            progress: Progress::Filling,
            submitted: false,
            focus: Some(if profile.username.is_empty() { Part::Name } else { Part::Password }),
            profile: profile.clone(),
        }
    }

    pub(crate) fn profile_id(&self) -> crate::settings::ProfileId {
        self.profile.id
    }

    /// Whether a request to the server is in progress.
    pub(crate) fn is_requesting(&self) -> bool {
        self.progress == Progress::Requesting
    }

    /// The engine was busy, so nothing was sent.
    pub(crate) fn retry_later(&mut self) {
        self.progress = Progress::Filling;
    }

    /// Takes the result of signing in.
    pub(crate) fn answer(&mut self, state: SignInState) {
        self.progress = match state {
            SignInState::Requesting => Progress::Requesting,
            SignInState::Failed(why) => {
                self.focus = Some(match self.method {
                    Method::Password => Part::Password,
                    Method::Token => Part::Token,
                });
                Progress::Failed(why.to_string())
            }
            SignInState::Done | SignInState::Cancelled => Progress::Filling,
        };
    }

    /// Wipes the password and the token.
    pub(crate) fn wipe_secrets(&mut self) {
        self.password.zeroize();
        self.token.zeroize();
        self.reveal = false;
        self.submitted = false;
    }

    /// The profile with the values of the fields.
    pub(crate) fn filled(&self) -> Profile {
        let name = pasted::trimmed(&self.name);
        Profile {
            name: if name.is_empty() { self.name_from_rest() } else { name.to_owned() },
            api: Address::new(&self.api),
            websocket: Address::new(&self.websocket),
            download: Address::new(&self.download),
            username: if self.method == Method::Password {
                pasted::trimmed(&self.username).to_owned()
            } else {
                String::new()
            },
            keep_signed_in: self.keep.signed_in,
            renew_automatically: self.keep.renewed,
            ..self.profile.clone()
        }
    }

    /// The default name of a profile: the user name, or otherwise the server.
    pub(crate) fn name_from_rest(&self) -> String {
        let user = self.username.split('@').next().unwrap_or_default().trim();
        if self.method == Method::Password && !user.is_empty() {
            return user.to_owned();
        }
        Address::new(&self.api).host().unwrap_or_default()
    }

    /// Remote hosts to which the connection would be unencrypted, in the order of the fields.
    pub(crate) fn plain_hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        for address in [&self.api, &self.websocket, &self.download] {
            if let Some(host) = Address::new(address).host_in_plain_text()
                && !hosts.contains(&host)
            {
                hosts.push(host);
            }
        }
        hosts
    }

    /// The error of a field, in a sentence. `taken` are the names of the other profiles.
    pub(crate) fn error(&self, part: Part, taken: &[String]) -> Option<String> {
        let address = |text: &str, protocol| Address::new(text).url(protocol).err().map(|error| error.to_string());
        let empty = |text: &str, sentence: &str| text.trim().is_empty().then(|| sentence.to_owned());
        match part {
            Part::Name => {
                let name = self.filled().name;
                if name.is_empty() {
                    Some("Enter a name for this profile.".to_owned())
                } else if taken.contains(&name) {
                    Some(format!("Another profile is called {name}. Enter another name."))
                } else {
                    None
                }
            }
            Part::Api => address(&self.api, Protocol::Http),
            Part::WebSocket => address(&self.websocket, Protocol::WebSocket),
            Part::Download => address(&self.download, Protocol::Http),
            Part::Consent => {
                self.plain_hosts().into_iter().find(|host| !self.profile.allow_unencrypted.contains(host)).map(|host| {
                    format!("{host} would be reached unencrypted. Allow it, or enter https and wss addresses.")
                })
            }
            Part::Username if self.method == Method::Password => empty(&self.username, "Enter the user name."),
            Part::Password if self.method == Method::Password => empty(&self.password, "Enter the password."),
            Part::Token if self.method == Method::Token => {
                empty(&pasted::token(&self.token), "Enter the authorization token.")
            }
            Part::Username | Part::Password | Part::Token => None,
        }
    }

    /// Like [`Self::error`], but only after the form was submitted: a form that is being filled in has no errors yet.
    pub(crate) fn shown_error(&self, part: Part, taken: &[String]) -> Option<String> {
        self.submitted.then(|| self.error(part, taken)).flatten()
    }

    /// The text of a field.
    pub(crate) fn value_mut(&mut self, part: Part) -> &mut String {
        match part {
            Part::Name => &mut self.name,
            Part::Api | Part::Consent => &mut self.api,
            Part::WebSocket => &mut self.websocket,
            Part::Download => &mut self.download,
            Part::Username => &mut self.username,
            Part::Password => &mut self.password,
            Part::Token => &mut self.token,
        }
    }

    pub(crate) fn allow(&mut self, host: &str, allowed: bool) {
        self.profile.allow_unencrypted.retain(|other| other != host);
        if allowed {
            self.profile.allow_unencrypted.push(host.to_owned());
        }
    }

    /// The request to the engine if all fields are valid; otherwise focuses the first field with an error.
    pub(crate) fn submit(&mut self, taken: &[String]) -> Option<SignIn> {
        const ORDER: [Part; 8] = [
            Part::Name,
            Part::Api,
            Part::WebSocket,
            Part::Download,
            Part::Consent,
            Part::Username,
            Part::Password,
            Part::Token,
        ];
        if self.is_requesting() {
            return None;
        }
        self.submitted = true;
        if let Some(wrong) = ORDER.into_iter().find(|part| self.error(*part, taken).is_some()) {
            self.progress = Progress::Filling;
            self.focus = Some(wrong);
            return None;
        }
        self.progress = Progress::Requesting;
        self.reveal = false;
        let credential = match self.method {
            Method::Password => Credential::Password(SecretString::from(self.password.as_str())),
            Method::Token => {
                // The field shows exactly what is sent.
                self.token = pasted::token(&self.token);
                Credential::Token(AuthorizationToken::new(self.token.as_str()))
            }
        };
        let mut profile = self.filled();
        // Consent applies only to the current hosts.
        let plain = self.plain_hosts();
        profile.allow_unencrypted.retain(|host| plain.contains(host));
        Some(SignIn { profile, credential })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_shows_nothing_of_its_secrets_in_debug() {
        let prefill = Prefill { password: Some(Zeroizing::new("canary".to_owned())), ..Prefill::default() };
        let mut form = Form::new(&prefill);
        form.token.push_str("canary");
        assert!(!format!("{form:?}{prefill:?}").contains("canary"), "a secret showed itself");
    }

    #[test]
    fn a_pasted_token_is_sent_and_shown_without_surrounding_text() {
        let mut form = Form::new(&Prefill::default());
        form.method = Method::Token;
        form.token.push_str(" Authorization: Bearer \u{200b}T-x\n");
        let Some(SignIn { credential: Credential::Token(token), .. }) = form.submit(&[]) else { panic!("not sent") };
        assert_eq!((token.expose(), form.token.as_str()), ("T-x", "T-x"));
        let mut empty = Form::new(&Prefill::default());
        empty.method = Method::Token;
        empty.token.push_str(" \u{feff}\n");
        assert!(empty.submit(&[]).is_none(), "nothing was sent as a token");
    }

    #[test]
    fn consent_is_required_for_each_remote_plain_host_and_stored_only_for_those() {
        let mut form = Form::new(&Prefill::default());
        form.username.push('u');
        form.password.push('p');
        form.api = "http://10.0.0.1:8009".to_owned();
        form.websocket = "ws://10.0.0.1:8083".to_owned();
        form.download = "http://10.0.0.2:8011".to_owned();
        assert_eq!(form.plain_hosts(), ["10.0.0.1", "10.0.0.2"]);
        form.allow("10.0.0.1", true);
        assert!(form.submit(&[]).is_none(), "signed in without consent for the second host");
        form.allow("10.0.0.2", true);
        form.allow("10.9.9.9", true);
        let sign_in = form.submit(&[]).expect("everything is allowed");
        assert_eq!(sign_in.profile.allow_unencrypted, ["10.0.0.1", "10.0.0.2"]);
        assert!(sign_in.profile.hosts_without_consent().is_empty(), "a host is left without consent");
    }
}
