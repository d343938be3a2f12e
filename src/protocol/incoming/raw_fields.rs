//! The objects of a frame, with every field as its raw text, and readers for the spellings of each field.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::expiry::Expiry;
use crate::protocol::lenient;

use super::message::{Body, LinkExpiry};

/// The outer object; every field is kept as text, so that a wrong type in one does not lose the others.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(crate) data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) status: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "correlationId")]
    pub(crate) correlation_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "channelId")]
    pub(crate) channel_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    pub(crate) kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) action: Option<&'a RawValue>,
}

/// The inner object, in all its shapes.
#[derive(Deserialize)]
pub(crate) struct Data<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(crate) kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "requestId")]
    pub(crate) request_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "commandId")]
    pub(crate) command_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) command_status: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "commandStatus")]
    pub(crate) camel_status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) body: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "data_context")]
    pub(crate) context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) output_type: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "streamUrl")]
    pub(crate) stream_url: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "channelId")]
    pub(crate) channel_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "correlationId")]
    pub(crate) correlation_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) message: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "expiresAt", alias = "expires_at")]
    pub(crate) expires_at: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "expiresIn", alias = "expires_in", alias = "ttl")]
    pub(crate) expires_in: Option<&'a RawValue>,
}

impl Data<'_> {
    pub(crate) fn expiry(&self) -> Option<LinkExpiry> {
        [self.expires_at, self.expires_in].into_iter().flatten().find_map(|raw| {
            let expiry = match string(raw) {
                Some(text) => Expiry::of_text(&text),
                None => Expiry::of_value(&serde_json::from_str(raw.get()).ok()?),
            };
            match expiry {
                Expiry::At(until) => Some(LinkExpiry::Until(until)),
                Expiry::In(life) => Some(LinkExpiry::For(life)),
                Expiry::Unstated | Expiry::Unreadable(_) => None,
            }
        })
    }
}

/// The JSON text of an object with each of its fields once. Accepts an object encoded as a JSON string.
pub(crate) fn object_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = match string(raw) {
        Some(inner) => Cow::Owned(inner),
        None => Cow::Borrowed(raw.get()),
    };
    let is_data = |text: &str| text.trim_start().starts_with('{') && serde_json::from_str::<Data<'_>>(text).is_ok();
    if is_data(&text) {
        return Some(text);
    }
    let repaired = lenient::repaired(&text).filter(|repaired| is_data(repaired));
    let normal = || lenient::value(&text).filter(serde_json::Value::is_object).map(|value| value.to_string());
    repaired.or_else(normal).filter(|text| is_data(text)).map(Cow::Owned)
}

pub(crate) fn body(raw: Option<&RawValue>) -> Body {
    match raw {
        None => Body::None,
        Some(raw) if raw.get() == "null" => Body::None,
        Some(raw) => match string(raw) {
            Some(text) => Body::Text(text),
            None => Body::Json(raw.get().to_owned()),
        },
    }
}

/// A string value.
pub(crate) fn string(raw: &RawValue) -> Option<String> {
    raw.get().starts_with('"').then(|| lenient::string(raw.get())).flatten()
}

/// A value used as a name: a non-empty string, or a number as written.
pub(crate) fn name(raw: &RawValue) -> Option<Box<str>> {
    match raw.get().bytes().next() {
        Some(b'"') => string(raw).filter(|text| !text.is_empty()).map(String::into_boxed_str),
        Some(b'-' | b'0'..=b'9') => Some(raw.get().into()),
        _ => None,
    }
}

/// A whole number, also if written as `2.0` or `"2"`.
pub(crate) fn number(raw: &RawValue) -> Option<i64> {
    let text = raw.get().trim_matches('"');
    text.parse().ok().or_else(|| {
        let float: f64 = text.parse().ok()?;
        // Beyond what `f64` represents exactly, it is no status.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number within range")]
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    })
}
