//! A request's fields, and its authorization token.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::{Map, Value};

use crate::sandbox::backend::Backend;
use crate::sandbox::state::profiles::ProfileId;

use super::endpoint::Access;
use super::responses::Refusal;

/// The longest lifetime that a client may ask for, in seconds: ten years.
const LONGEST_TTL: u64 = 10 * 365 * 24 * 3_600;

/// What the body of a call may be too large for: the limit of the server library.
const TOO_LARGE: &str = "The body is larger than 2 MiB. Larger payloads are sent to the stream link of a reservation.";

/// The fields of a request: of its query, and of its body, which is form-encoded, as the vendor documents it, or a JSON object.
/// They may contain secrets.
#[derive(Default)]
pub(crate) struct Fields(BTreeMap<String, Field>);

/// The text of a field, or the JSON of one that is neither a text nor a number.
struct Field {
    text: String,
    is_text: bool,
}

impl FromRequest<Arc<Backend>> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, backend: &Arc<Backend>) -> Result<Self, Refusal> {
        let [json, form, multipart] =
            ["application/json", FORM, "multipart/"].map(|name| has_type(request.headers(), name));
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = Bytes::from_request(request, backend).await.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge(TOO_LARGE),
                _ => Refusal::Unreadable("The body did not come whole."),
            }
        })?;
        let looks_like_json = body.trim_ascii_start().starts_with(b"{");
        if form && looks_like_json && serde_json::from_slice::<Map<String, Value>>(&body).is_ok() {
            return Err(Refusal::MediaType("The body is JSON: send it with the content type application/json."));
        }
        if multipart {
            return Err(Refusal::MediaType("A body is form-encoded (application/x-www-form-urlencoded) or JSON."));
        }
        let json = !body.is_empty() && (json || !form && looks_like_json);
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
        let fields = url::form_urlencoded::parse(body).into_owned();
        Self(fields.map(|(name, text)| (name, Field { text, is_text: true })).collect())
    }

    fn from_json(body: &[u8]) -> Result<Self, Refusal> {
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
            return Err(Refusal::Unreadable("The body is not a JSON object."));
        };
        let fields = object.into_iter().filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, Field { text, is_text: true })),
            Value::Number(number) => Some((name, Field { text: number.to_string(), is_text: true })),
            value @ (Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                Some((name, Field { text: value.to_string(), is_text: false }))
            }
        });
        Ok(Self(fields.collect()))
    }

    /// The text, or the JSON, of a field that is neither missing nor empty.
    fn find(&self, name: &str) -> Option<&Field> {
        self.0.get(name).filter(|field| !field.text.is_empty())
    }

    /// Whether a field is neither missing nor empty.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The items of a list: separated by commas, or a JSON array of texts and numbers. `None` if it is anything else.
    fn list(&self, name: &str) -> Option<Vec<String>> {
        let Some(Field { text, is_text }) = self.find(name) else { return Some(Vec::new()) };
        let text = text.trim();
        let items: Vec<_> = match serde_json::from_str(text) {
            Ok(Value::Array(items)) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Some(text),
                    Value::Number(number) => Some(number.to_string()),
                    Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
                })
                .collect::<Option<_>>()?,
            _ if !is_text => return None,
            _ => text.split(',').map(|item| item.trim().to_owned()).collect(),
        };
        Some(items.into_iter().filter(|item| !item.is_empty()).collect())
    }

    /// All fields but these.
    pub(crate) fn without(&self, names: &[&str]) -> BTreeMap<String, String> {
        let others = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        others.map(|(name, value)| (name.clone(), value.text.clone())).collect()
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
        if !self.fields.has(name) {
            self.wrong(name, "This field is required.");
        }
        self.optional(name).unwrap_or_default()
    }

    /// Text, if the field is neither missing nor empty.
    pub(crate) fn optional(&mut self, name: &'static str) -> Option<&'a str> {
        let Field { text, is_text } = self.fields.find(name)?;
        if !is_text {
            self.wrong(name, "This field must be a text.");
        }
        is_text.then_some(text.as_str())
    }

    /// A JSON object, as such or as text, that is not empty.
    pub(crate) fn object(&mut self, name: &'static str) -> Map<String, Value> {
        match self.fields.find(name).map(|field| serde_json::from_str(&field.text)) {
            Some(Ok(Value::Object(object))) if !object.is_empty() => object,
            _ => {
                self.wrong(name, "This field must be a JSON object with at least one key.");
                Map::new()
            }
        }
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
        let number = self.fields.find(name)?.text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(name, rule);
        }
        number
    }

    /// A list that is not empty.
    pub(crate) fn list(&mut self, name: &'static str) -> Vec<String> {
        if self.fields.list(name).is_some_and(|list| list.is_empty()) {
            self.wrong(name, "This field is required.");
        }
        self.optional_list(name)
    }

    /// A list, which may be empty or missing.
    pub(crate) fn optional_list(&mut self, name: &'static str) -> Vec<String> {
        self.fields.list(name).unwrap_or_else(|| {
            self.wrong(name, "This field must be a list of texts: separated by commas, or a JSON array.");
            Vec::new()
        })
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

/// The parameter of a path.
pub(crate) struct PathText(pub(crate) String);

impl FromRequestParts<Arc<Backend>> for PathText {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, backend: &Arc<Backend>) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, backend).await;
        path.map(|Path(text)| Self(text)).map_err(|_rejected| Refusal::Unreadable("The path is not valid UTF-8."))
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
        let list = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            (form.list("ids"), form.list("one"), form.list("none")),
            (list(&["a", "b"]), list(&["c"]), list(&[]))
        );
        let json = br#"{"ids": ["a", "b"], "numbers": [101, 102], "none": [], "deep": [["a"]], "object": {"a": 1}}"#;
        let json = Fields::from_json(json).unwrap();
        assert_eq!((json.list("ids"), json.list("numbers")), (form.list("ids"), form.list("numbers")));
        assert_eq!((json.list("none"), json.list("deep"), json.list("object")), (list(&[]), None, None));
    }

    #[test]
    fn json_bodies_are_read_like_forms() {
        let fields = Fields::from_json(br#"{"ttl": 60, "context": "a/b", "path": null}"#).unwrap();
        let mut check = fields.check();
        assert_eq!(
            (check.optional("ttl"), check.optional("context"), check.optional("path")),
            (Some("60"), Some("a/b"), None)
        );
        check.finish().expect("nothing is wrong");
        assert!(Fields::from_json(b"[1]").is_err());
    }
}
