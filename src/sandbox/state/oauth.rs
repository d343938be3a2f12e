//! OAuth applications, their authorization codes and their refresh tokens. Access tokens are kept with the profiles' tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::bounded_map::BoundedMap;
use super::profiles::{ProfileId, Profiles};
use super::reason::Reason;
use super::scopes::Scopes;
use super::secrets;

/// How many applications a profile may have.
const PER_PROFILE: usize = 100;

/// How many authorization codes and refresh tokens are remembered; older ones are no longer valid.
const REMEMBERED: usize = 10_000;

/// How long an authorization code is valid.
const CODE_LIFE: Duration = Duration::from_mins(10);

/// How long an access token is valid.
pub(crate) const ACCESS_LIFE: Duration = Duration::from_hours(1);

/// How long a refresh token is valid.
const REFRESH_LIFE: Duration = Duration::from_hours(30 * 24);

#[derive(Clone)]
struct Application {
    owner: ProfileId,
    client_id: String,
    client_secret: String,
    name: String,
    redirect_uri: String,
    scopes: Scopes,
    created_at: String,
    last_used_at: Option<String>,
}

/// What a client sets in an application.
pub(crate) struct NewApplication {
    pub(crate) name: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Scopes,
}

/// What an application may do for a profile, by its code or its refresh token.
#[derive(Clone)]
struct Permission {
    application: String,
    profile: ProfileId,
    scopes: Scopes,
    expires: Instant,
}

/// A refresh token's permission, and the access token that was issued with it.
#[derive(Clone)]
struct Refresh {
    permission: Permission,
    access_token: String,
}

/// A pair of new tokens.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) scopes: Scopes,
}

/// An application in the list. It contains no secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed<'a> {
    application_id: &'a str,
    name: &'a str,
    scopes: &'a Scopes,
    created_at: &'a str,
    last_used_at: Option<&'a str>,
}

/// An application's configuration, with its secret: it is serialised into one response and shown nowhere else.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Configuration<'a> {
    application_id: &'a str,
    client_id: &'a str,
    client_secret: &'a str,
    redirect_uri: &'a str,
    scopes: &'a Scopes,
}

/// Why an application gets no authorization code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ConsentError {
    UnknownClient,
    /// The application was not registered with all of these scopes.
    Scopes,
}

/// All applications, by id, with their codes and refresh tokens.
#[derive(Clone, Default)]
pub(crate) struct Applications {
    by_id: BTreeMap<String, Application>,
    codes: BoundedMap<String, Permission, REMEMBERED>,
    refresh: BoundedMap<String, Refresh, REMEMBERED>,
}

impl Applications {
    /// Adds an application.
    pub(crate) fn register(
        &mut self,
        owner: &ProfileId,
        id: String,
        new: NewApplication,
        created_at: String,
    ) -> Result<(), Reason> {
        if self.by_id.values().filter(|application| application.owner == *owner).count() >= PER_PROFILE {
            return Err("oauth.limit_reached");
        }
        let NewApplication { name, redirect_uri, scopes } = new;
        let application = Application {
            owner: owner.clone(),
            client_id: secrets::client_id(),
            client_secret: secrets::opaque(),
            name,
            redirect_uri,
            scopes,
            created_at,
            last_used_at: None,
        };
        self.by_id.insert(id, application);
        Ok(())
    }

    /// A profile's applications, in the order of their ids.
    pub(crate) fn list(&self, owner: &ProfileId) -> Vec<Listed<'_>> {
        let own = self.by_id.iter().filter(|(_, application)| application.owner == *owner);
        own.map(|(id, application)| Listed {
            application_id: id,
            name: &application.name,
            scopes: &application.scopes,
            created_at: &application.created_at,
            last_used_at: application.last_used_at.as_deref(),
        })
        .collect()
    }

    /// The configuration of a profile's application.
    pub(crate) fn configuration(&self, owner: &ProfileId, id: &str) -> Option<Configuration<'_>> {
        let (id, application) = self.by_id.get_key_value(id).filter(|(_, own)| own.owner == *owner)?;
        Some(Configuration {
            application_id: id,
            client_id: &application.client_id,
            client_secret: &application.client_secret,
            redirect_uri: &application.redirect_uri,
            scopes: &application.scopes,
        })
    }

    /// The id of the application that these credentials belong to.
    pub(crate) fn with_secret(&self, client_id: &str, client_secret: &str) -> Option<String> {
        let mut all = self.by_id.iter();
        all.find(|(_, application)| application.client_id == client_id && application.client_secret == client_secret)
            .map(|(id, _)| id.clone())
    }

    /// A profile consents that an application acts for it. Returns the authorization code, and where to send it.
    pub(crate) fn consent(
        &mut self,
        profile: &ProfileId,
        client_id: &str,
        scopes: Scopes,
        now: Instant,
    ) -> Result<(String, String), ConsentError> {
        let found = self.by_id.iter().find(|(_, application)| application.client_id == client_id);
        let (id, application) = found.ok_or(ConsentError::UnknownClient)?;
        if !scopes.is_within(&application.scopes) {
            return Err(ConsentError::Scopes);
        }
        let code = secrets::authorization_code();
        let permission =
            Permission { application: id.clone(), profile: profile.clone(), scopes, expires: now + CODE_LIFE };
        self.codes.insert(code.clone(), permission);
        Ok((code, application.redirect_uri.clone()))
    }

    /// Trades an authorization code, which is valid once, for tokens. `None` if it is not valid for this application.
    pub(crate) fn exchange_code(
        &mut self,
        application: &str,
        code: &str,
        profiles: &mut Profiles,
        now: Instant,
        used_at: String,
    ) -> Option<Tokens> {
        let valid = |permission: &Permission| permission.application == application && now < permission.expires;
        self.codes.get(code).filter(|permission| valid(permission))?;
        let permission = self.codes.remove(code)?;
        self.issue(permission, profiles, now, used_at)
    }

    /// Trades a refresh token for new tokens. The old refresh token and the access token that came with it are no longer
    /// valid. `None` if it is not valid for this application.
    pub(crate) fn refresh(
        &mut self,
        application: &str,
        token: &str,
        profiles: &mut Profiles,
        now: Instant,
        used_at: String,
    ) -> Option<Tokens> {
        let valid = |permission: &Permission| permission.application == application && now < permission.expires;
        self.refresh.get(token).filter(|refresh| valid(&refresh.permission))?;
        let Refresh { permission, access_token } = self.refresh.remove(token)?;
        profiles.revoke(&access_token);
        self.issue(permission, profiles, now, used_at)
    }

    fn issue(
        &mut self,
        permission: Permission,
        profiles: &mut Profiles,
        now: Instant,
        used_at: String,
    ) -> Option<Tokens> {
        let Permission { application, profile, scopes, .. } = permission;
        let access = profiles.issue_for_application(&profile, now + ACCESS_LIFE, scopes.clone(), now)?;
        if let Some(application) = self.by_id.get_mut(&application) {
            application.last_used_at = Some(used_at);
        }
        let refresh = secrets::refresh_token();
        let permission = Permission { application, profile, scopes: scopes.clone(), expires: now + REFRESH_LIFE };
        self.refresh.insert(refresh.clone(), Refresh { permission, access_token: access.clone() });
        Some(Tokens { access, refresh, scopes })
    }
}
