//! A request's fields, and its authorization token.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use serde_json::Value;

use crate::sandbox::backend::Backend;
use crate::sandbox::state::profiles::ProfileId;

use super::answers::Refusal;
use super::endpoint::Access;

/// The longest lifetime that a client may ask for, in seconds: ten years.
const LONGEST_TTL: u64 = 10 * 365 * 24 * 3_600;

/// The fields of a request: of its query, and of its body, which is form-encoded, as the vendor documents it, or a JSON object.
/// They may contain secrets.
#[derive(Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl FromRequest<Arc<Backend>> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, backend: &Arc<Backend>) -> Result<Self, Refusal> {
        let (json, form) = (has_type(request.headers(), "application/json"), has_type(request.headers(), FORM));
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = Bytes::from_request(request, backend)
            .await
            .map_err(|_cut| Refusal::Unreadable("The body did not come whole, or is larger than 2 MiB."))?;
        let json = !body.is_empty() && (json || !form && body.trim_ascii_start().starts_with(b"{"));
        let Self(body) = if json { Self::from_json(&body)? } else { Self::from_form(&body) };
        let Self(mut fields) = Self::from_form(query.as_bytes());
        fields.extend(body);
        Ok(Self(fields))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn has_type(headers: &HeaderMap, name: &str) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with(name)
}

impl Fields {
    fn from_form(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    fn from_json(body: &[u8]) -> Result<Self, Refusal> {
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
            return Err(Refusal::Unreadable("The body is not a JSON object."));
        };
        let fields = object.into_iter().filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some((name, value.to_string()))
            }
        });
        Ok(Self(fields.collect()))
    }

    /// A field that may be missing.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A list: separated by commas, or a JSON array. Empty if it is missing.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let text = self.optional(name).unwrap_or_default().trim();
        if let Ok(Value::Array(items)) = serde_json::from_str(text) {
            let texts = items.into_iter().map(|item| match item {
                Value::String(text) => text,
                item => item.to_string(),
            });
            return texts.filter(|item| !item.is_empty()).collect();
        }
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// All fields but these.
    pub(crate) fn without(&self, names: &[&str]) -> BTreeMap<String, String> {
        let others = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        others.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Starts to check required fields.
    pub(crate) fn check(&self) -> Check<'_> {
        Check { fields: self, wrong: BTreeMap::new() }
    }
}

/// Reads required fields and collects all errors, so that one response names every wrong field.
pub(crate) struct Check<'a> {
    fields: &'a Fields,
    wrong: BTreeMap<&'static str, Vec<&'static str>>,
}

impl<'a> Check<'a> {
    /// Text that is not empty.
    pub(crate) fn text(&mut self, name: &'static str) -> &'a str {
        self.fields.optional(name).unwrap_or_else(|| {
            self.wrong(name, "This field is required.");
            ""
        })
    }

    /// A whole number, zero or more.
    pub(crate) fn number(&mut self, name: &'static str) -> u64 {
        let text = self.text(name);
        if text.is_empty() {
            return 0;
        }
        text.parse().unwrap_or_else(|_| {
            self.wrong(name, "This field must be a whole number.");
            0
        })
    }

    /// A whole number within a range, if the field is not missing.
    pub(crate) fn optional_number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
        rule: &'static str,
    ) -> Option<u64> {
        let number = self.fields.optional(name)?.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(name, rule);
        }
        number
    }

    /// A list that is not empty.
    pub(crate) fn list(&mut self, name: &'static str) -> Vec<String> {
        let list = self.fields.list(name);
        if list.is_empty() {
            self.wrong(name, "This field is required.");
        }
        list
    }

    /// A lifetime in seconds.
    pub(crate) fn ttl(&mut self, name: &'static str) -> Duration {
        let text = self.text(name);
        match text.parse() {
            _ if text.is_empty() => Duration::ZERO,
            Ok(seconds @ 1..=LONGEST_TTL) => Duration::from_secs(seconds),
            _ => {
                self.wrong(name, "This field must be a whole number of seconds, from 1 to ten years.");
                Duration::ZERO
            }
        }
    }

    /// A new password.
    pub(crate) fn new_password(&mut self, name: &'static str) -> &'a str {
        let text = self.text(name);
        if !text.is_empty() && text.chars().count() < 8 {
            self.wrong(name, "This field must have at least 8 characters.");
        }
        text
    }

    /// A public key: hexadecimal digits.
    pub(crate) fn public_key(&mut self, name: &'static str) -> &'a str {
        let text = self.text(name);
        let hex = text.len() >= 64
            && text.len() <= 1_024
            && text.len().is_multiple_of(2)
            && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !text.is_empty() && !hex {
            self.wrong(name, "This field must be a key in hexadecimal digits (200 of them when signed).");
        }
        text
    }

    /// Records what is wrong with a field.
    pub(crate) fn wrong(&mut self, name: &'static str, what: &'static str) {
        self.wrong.entry(name).or_default().push(what);
    }

    /// Refuses if anything was wrong.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.wrong)) }
    }
}

/// A caller with a valid token, whether its profile has a public key or not.
pub(crate) struct Bearer {
    pub(crate) profile: ProfileId,
    /// The token itself, to revoke it or to return its expiry.
    pub(crate) token: String,
}

/// A caller with a valid token whose profile is in use, that is, has a public key.
pub(crate) struct Caller(pub(crate) ProfileId);

/// The token in the header, if any. OAuth applications may send it as `Authorization: Bearer`.
pub(crate) fn token(parts: &Parts) -> Option<&str> {
    let own = parts.headers.get("x-dpt-authorization").and_then(|token| token.to_str().ok());
    own.or_else(|| credentials(parts, "Bearer")).map(str::trim)
}

/// What the header `Authorization` carries under this scheme.
pub(crate) fn credentials<'a>(parts: &'a Parts, scheme: &str) -> Option<&'a str> {
    let (found, credentials) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then_some(credentials)
}

impl FromRequestParts<Arc<Backend>> for Bearer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, backend: &Arc<Backend>) -> Result<Self, Refusal> {
        let token = token(parts).ok_or(Refusal::NO_TOKEN)?;
        let state = backend.state();
        let grant = state.profiles.grant(token, backend.clock.now());
        let grant = grant.ok_or(Refusal::Unauthorized("The authorization token is not valid or has expired."))?;
        if let Some(scopes) = &grant.scopes
            && !parts.extensions.get::<Access>().is_some_and(|access| access.permits(scopes))
        {
            return Err(Refusal::Forbidden("The scopes of the access token do not allow this call."));
        }
        Ok(Self { profile: grant.profile.clone(), token: token.to_owned() })
    }
}

impl FromRequestParts<Arc<Backend>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, backend: &Arc<Backend>) -> Result<Self, Refusal> {
        let Bearer { profile, .. } = Bearer::from_request_parts(parts, backend).await?;
        if backend.state().profiles.is_active(&profile) { Ok(Self(profile)) } else { Err(Refusal::NO_PUBLIC_KEY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let fields = Fields::from_form(b"ttl=soon&context=");
        let mut check = fields.check();
        assert_eq!(check.text("context"), "");
        assert_eq!(check.ttl("ttl"), Duration::ZERO);
        assert_eq!(check.number("size"), 0);
        let Err(Refusal::Invalid(wrong)) = check.finish() else { panic!("nothing was wrong") };
        assert_eq!(wrong.into_keys().collect::<Vec<_>>(), ["context", "size", "ttl"]);
    }

    #[test]
    fn a_list_is_separated_by_commas_or_a_json_array() {
        let form = Fields::from_form(b"ids=a,%20b,&one=c&numbers=101,102");
        assert_eq!((form.list("ids"), form.list("one")), (vec!["a".into(), "b".into()], vec!["c".into()]));
        assert_eq!(form.list("none"), Vec::<String>::new());
        let json = Fields::from_json(br#"{"ids": ["a", "b"], "numbers": [101, 102], "none": []}"#).unwrap();
        assert_eq!((json.list("ids"), json.list("numbers")), (form.list("ids"), form.list("numbers")));
        assert_eq!(json.list("none"), Vec::<String>::new());
    }

    #[test]
    fn json_bodies_are_read_like_forms() {
        let fields = Fields::from_json(br#"{"ttl": 60, "context": "a/b", "path": null}"#).unwrap();
        assert_eq!((fields.optional("ttl"), fields.optional("context")), (Some("60"), Some("a/b")));
        assert_eq!(fields.optional("path"), None);
        assert!(Fields::from_json(b"[1]").is_err());
    }
}
