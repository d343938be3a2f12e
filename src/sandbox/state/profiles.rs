//! Profiles and their authorization tokens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::reason::Reason;
use super::scopes::Scopes;
use super::secrets;

/// The maximum number of profiles in a sandbox.
const PROFILES: usize = 1_000;

/// How many tokens of each kind a profile may hold at a time; one beyond that revokes the oldest of its kind.
const TOKENS: usize = 1_000;

/// A profile's id, which also names its queue. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ProfileId(Arc<str>);

impl ProfileId {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A profile. Until it has a public key, its tokens are valid for registering one and for little else.
#[derive(Clone)]
pub(crate) struct Profile {
    pub(crate) username: String,
    password: String,
    pub(crate) public_key: Option<String>,
    tokens: Vec<String>,
}

/// How a token came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    SignIn,
    QrCode,
    Application,
}

/// What a token is valid for.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) profile: ProfileId,
    kind: TokenKind,
    pub(crate) expires: Instant,
    /// What the holder may do: everything with a token from a sign-in, these scopes with one of an OAuth application.
    pub(crate) scopes: Option<Scopes>,
}

/// All profiles and tokens.
#[derive(Clone, Default)]
pub(crate) struct Profiles {
    by_id: BTreeMap<ProfileId, Profile>,
    tokens: HashMap<String, Grant>,
    issued: u64,
}

impl Profiles {
    /// Registers a profile.
    pub(crate) fn register(&mut self, id: ProfileId, username: &str, password: &str) -> Result<(), Reason> {
        if self.named(username).is_some() {
            return Err("profile.already_exists");
        }
        if self.by_id.len() >= PROFILES {
            return Err("profile.limit_reached");
        }
        let profile =
            Profile { username: username.into(), password: password.into(), public_key: None, tokens: Vec::new() };
        self.by_id.insert(id, profile);
        Ok(())
    }

    /// The profile with this user name.
    pub(crate) fn named(&self, username: &str) -> Option<ProfileId> {
        self.by_id.iter().find(|(_, profile)| profile.username == username).map(|(id, _)| id.clone())
    }

    /// Every profile's id.
    pub(crate) fn ids(&self) -> Vec<ProfileId> {
        self.by_id.keys().cloned().collect()
    }

    /// The token that was issued last to a profile and not revoked.
    pub(crate) fn newest_token(&self, id: &ProfileId) -> Option<&str> {
        self.by_id.get(id)?.tokens.last().map(String::as_str)
    }

    /// A profile's record.
    pub(crate) fn get(&self, id: &ProfileId) -> Option<&Profile> {
        self.by_id.get(id)
    }

    /// Sets or replaces a profile's public key.
    pub(crate) fn set_public_key(&mut self, id: &ProfileId, key: String) -> Result<(), Reason> {
        let profile = self.by_id.get_mut(id).ok_or("profile.not_found")?;
        profile.public_key = Some(key);
        Ok(())
    }

    /// Changes a profile's password. Its tokens stay valid, as the vendor's documentation says.
    pub(crate) fn change_password(&mut self, id: &ProfileId, current: &str, new: &str) -> Result<(), Reason> {
        let profile = self.by_id.get_mut(id).ok_or("profile.not_found")?;
        if profile.password != current {
            return Err("profile.invalid_credentials");
        }
        new.clone_into(&mut profile.password);
        Ok(())
    }

    /// The profile with this user name and password.
    pub(crate) fn with_password(&self, username: &str, password: &str) -> Option<ProfileId> {
        self.named(username).filter(|id| self.get(id).is_some_and(|profile| profile.password == password))
    }

    /// Whether a profile is in use, that is, has a public key.
    pub(crate) fn is_active(&self, id: &ProfileId) -> bool {
        self.get(id).is_some_and(|profile| profile.public_key.is_some())
    }

    /// Issues a token that may do everything.
    pub(crate) fn issue(&mut self, id: &ProfileId, expires: Instant, kind: TokenKind, now: Instant) -> Option<String> {
        let token = secrets::authorization_token(self.issued % 2 == 1);
        self.issued += 1;
        self.add_token(token, Grant { profile: id.clone(), kind, expires, scopes: None }, now)
    }

    /// Issues an access token for an OAuth application.
    pub(crate) fn issue_for_application(
        &mut self,
        id: &ProfileId,
        expires: Instant,
        scopes: Scopes,
        now: Instant,
    ) -> Option<String> {
        let (profile, kind) = (id.clone(), TokenKind::Application);
        self.add_token(secrets::access_token(), Grant { profile, kind, expires, scopes: Some(scopes) }, now)
    }

    fn add_token(&mut self, token: String, grant: Grant, now: Instant) -> Option<String> {
        let Self { by_id, tokens, .. } = self;
        let issued = &mut by_id.get_mut(&grant.profile)?.tokens;
        let of_kind = |tokens: &HashMap<String, Grant>, token: &String| {
            tokens.get(token).is_some_and(|issued| issued.kind == grant.kind)
        };
        if issued.iter().filter(|token| of_kind(tokens, token)).count() >= TOKENS {
            // Those that have expired make room first, then the oldest.
            let expired = |tokens: &HashMap<String, Grant>, token: &String| {
                tokens.get(token).is_none_or(|issued| issued.expires <= now)
            };
            let mut of_this_kind = issued.iter().enumerate().filter(|(_, token)| of_kind(tokens, token));
            let oldest = of_this_kind.clone().find(|(_, token)| expired(tokens, token)).or_else(|| of_this_kind.next());
            if let Some(place) = oldest.map(|(place, _)| place) {
                tokens.remove(&issued.remove(place));
            }
        }
        issued.push(token.clone());
        tokens.insert(token.clone(), grant);
        Some(token)
    }

    /// What a token is valid for, if it is valid at `now`.
    pub(crate) fn grant(&self, token: &str, now: Instant) -> Option<&Grant> {
        self.tokens.get(token).filter(|grant| now < grant.expires)
    }

    /// Revokes a token.
    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some(grant) = self.tokens.remove(token)
            && let Some(profile) = self.by_id.get_mut(&grant.profile)
        {
            profile.tokens.retain(|issued| issued != token);
        }
    }

    /// Makes every token of a profile, or of all profiles, expire now. Returns how many profiles had a valid one.
    pub(crate) fn expire(&mut self, id: Option<&ProfileId>, now: Instant) -> usize {
        let mut expired = BTreeSet::new();
        for grant in self.tokens.values_mut().filter(|grant| now < grant.expires) {
            if id.is_none_or(|id| *id == grant.profile) {
                grant.expires = now;
                expired.insert(grant.profile.clone());
            }
        }
        expired.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn expired_tokens_make_room_before_older_ones_of_their_kind_and_none_of_another_kind_does() {
        let (mut profiles, id, now) = (Profiles::default(), ProfileId::new("p"), Instant::now());
        profiles.register(id.clone(), "name", "password").expect("registered");
        let (soon, late) = (now + Duration::from_secs(1), now + Duration::from_hours(1));
        let signed_in = profiles.issue(&id, late, TokenKind::SignIn, now).expect("a token");
        let first = profiles.issue(&id, late, TokenKind::QrCode, now).expect("a token");
        for _ in 1..TOKENS {
            profiles.issue(&id, soon, TokenKind::QrCode, now).expect("a token");
        }
        let is_valid = |profiles: &Profiles, token: &str| profiles.grant(token, soon).is_some();
        for _ in 1..TOKENS {
            profiles.issue(&id, late, TokenKind::QrCode, soon).expect("a token");
            assert!(is_valid(&profiles, &first), "an expired one should have made room");
        }
        profiles.issue(&id, late, TokenKind::QrCode, soon).expect("a token");
        assert!(!is_valid(&profiles, &first), "there are too many");
        assert!(is_valid(&profiles, &signed_in), "one of another kind was ended");
    }
}
