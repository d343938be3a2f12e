//! The profiles that the journal's entries belong to: those of the settings, and the one that the environment signs in.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::settings::{AddressError, Profile, ProfileId, Protocol, Settings};

use super::environment::Environment;
use super::error::CliError;

/// The profile that the environment signs in, with its password.
#[derive(Debug, Clone)]
pub(crate) struct EnvProfile {
    /// A profile of the settings with the environment's values, or a temporary one that the settings don't have.
    pub(crate) profile: Profile,
    pub(crate) password: SecretString,
}

impl EnvProfile {
    /// The profile to sign in; `None` if the environment gives no user name or no password. `name` is the value of `--profile`.
    pub(crate) fn of(environment: &Environment, settings: &Settings, name: Option<&str>) -> Option<Self> {
        let password = environment.password.clone()?;
        let listed = settings.profiles.iter().find(|profile| match name {
            Some(name) => profile.name == name,
            None => {
                environment.username.as_deref() == Some(profile.username.as_str())
                    && environment.api.as_ref().is_none_or(|api| *api == profile.api)
            }
        });
        let mut profile = listed.cloned().unwrap_or_default();
        if let Some(api) = &environment.api {
            profile.api = api.clone();
        }
        if let Some(websocket) = &environment.websocket {
            profile.websocket = websocket.clone();
        }
        if let Some(username) = &environment.username {
            profile.username.clone_from(username);
        }
        if profile.username.is_empty() {
            return None;
        }
        // The token lasts for this run only.
        profile.keep_signed_in = false;
        if listed.is_none() {
            profile.id = stable_id(&profile);
            profile.name = name.map_or_else(|| profile.username.clone(), str::to_owned);
        }
        Some(Self { profile, password })
    }

    /// Checks the addresses before anything starts.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        let address = |name, checked: Result<url::Url, AddressError>| match checked {
            Ok(_usable) => Ok(()),
            Err(error) => Err(CliError::Address { name, why: error }),
        };
        address("PRIVICORE_API_URL", self.profile.api.url(Protocol::Http))?;
        address("PRIVICORE_WS_URL", self.profile.websocket.url(Protocol::WebSocket))?;
        match self.profile.hosts_without_consent().first() {
            Some(host) => Err(CliError::Unencrypted(host.clone())),
            None => Ok(()),
        }
    }
}

/// The id of a profile that the settings don't have. The same user at the same backend always gets the same id, so that its
/// journal continues at the next run. 128-bit FNV-1a.
fn stable_id(profile: &Profile) -> ProfileId {
    let text = [profile.api.as_str(), "\n", &profile.username];
    let hash =
        text.iter().flat_map(|text| text.bytes()).fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        });
    ProfileId::from_u128(hash)
}

/// Maps profile ids to names.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfileNames(BTreeMap<ProfileId, String>);

impl ProfileNames {
    /// The names in the settings, and that of the profile from the environment.
    pub(crate) fn of(settings: &Settings, env_profile: Option<&EnvProfile>) -> Self {
        let mut names = Self::default();
        names.add_settings(settings);
        if let Some(EnvProfile { profile, .. }) = env_profile {
            names.0.insert(profile.id, profile.name.clone());
        }
        names
    }

    /// Adds the names in the settings.
    pub(crate) fn add_settings(&mut self, settings: &Settings) {
        self.0.extend(settings.profiles.iter().map(|profile| (profile.id, profile.name.clone())));
    }

    /// Adds the names that the journal has, for profiles without a name.
    pub(crate) fn add_stored(&mut self, stored: BTreeMap<ProfileId, String>) {
        for (profile, name) in stored {
            self.0.entry(profile).or_insert(name);
        }
    }

    /// A profile's name, or its id if it has no name.
    pub(crate) fn name(&self, profile: ProfileId) -> String {
        self.0.get(&profile).cloned().unwrap_or_else(|| profile.to_string())
    }

    /// Every name, by profile.
    pub(crate) fn into_map(self) -> BTreeMap<ProfileId, String> {
        self.0
    }

    /// The profile with this name.
    pub(crate) fn find(&self, name: &str) -> Option<ProfileId> {
        self.0.iter().find(|(_, known)| *known == name).map(|(id, _)| *id)
    }

    /// Whether a profile has a name.
    pub(crate) fn knows(&self, profile: ProfileId) -> bool {
        self.0.contains_key(&profile)
    }

    /// Every profile with a name.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ProfileId> + '_ {
        self.0.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Address;

    fn environment(api: Option<&str>, username: Option<&str>) -> Environment {
        Environment {
            api: api.map(Address::new),
            username: username.map(str::to_owned),
            password: Some(SecretString::from("pw")),
            ..Environment::default()
        }
    }

    fn settings() -> Settings {
        let ops = Profile { name: "ops".into(), username: "ops@example.com".into(), ..Profile::default() };
        Settings { profiles: vec![ops], ..Settings::default() }
    }

    #[test]
    fn a_user_in_the_settings_keeps_its_id_and_addresses() {
        let settings = settings();
        let known = settings.profiles.first().unwrap();
        for (environment, name) in
            [(environment(None, Some("ops@example.com")), None), (environment(None, None), Some("ops"))]
        {
            let env_profile = EnvProfile::of(&environment, &settings, name).unwrap();
            assert_eq!((env_profile.profile.id, &env_profile.profile.api), (known.id, &known.api));
        }
    }

    #[test]
    fn a_user_that_is_not_in_the_settings_has_the_same_id_in_each_run() {
        let of = |api, user| EnvProfile::of(&environment(Some(api), Some(user)), &settings(), None).unwrap().profile;
        let one = of("http://localhost:1", "a");
        assert_eq!(one.id, of("http://localhost:1", "a").id);
        assert_eq!(one.name, "a");
        assert_ne!(one.id, of("http://localhost:2", "a").id);
        assert_ne!(one.id, of("http://localhost:1", "b").id);
    }

    #[test]
    fn without_a_password_or_a_user_name_nobody_is_signed_in() {
        let settings = settings();
        assert!(EnvProfile::of(&Environment::default(), &settings, Some("ops")).is_none());
        assert!(EnvProfile::of(&environment(None, None), &settings, None).is_none());
    }

    #[test]
    fn invalid_addresses_are_usage_errors() {
        for api in ["nonsense", "http://example.com", "https://me:pw@example.com"] {
            let env_profile = EnvProfile::of(&environment(Some(api), Some("a")), &settings(), None).unwrap();
            let error = env_profile.check().unwrap_err();
            assert_eq!(error.exit(), crate::cli::Exit::Usage, "{error}");
        }
    }
}
