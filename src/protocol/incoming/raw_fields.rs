//! The objects of a frame, with every field as its raw text, and readers for the spellings of each field.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::expiry::Expiry;
use crate::protocol::lenient;

use super::message::{Body, LinkExpiry};

/// What the value of a field is, which decides which secrets are masked in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// It identifies a message and its subject.
    Subject,
    /// It is server text, or opens data.
    Text,
}

/// Declares an object whose fields are kept as raw text, and the list of its field names: the first name of each field and its aliases.
macro_rules! object {
    ($(#[$doc:meta])* $object:ident { $($field:ident: $kind:ident $name:literal $(or $alias:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Deserialize)]
        pub(crate) struct $object<'a> {
            $(#[serde(borrow, default, rename = $name $(, alias = $alias)*)]
            pub(crate) $field: Option<&'a RawValue>,)*
        }

        impl $object<'_> {
            /// Every field name that is read.
            pub(crate) const NAMES: &'static [(&'static str, FieldKind)] =
                &[$(($name, FieldKind::$kind), $(($alias, FieldKind::$kind),)*)*];
        }
    };
}

object! {
    /// The outer object; every field is kept as text, so that a wrong type in one does not lose the others.
    Envelope {
        data: Text "data",
        status: Subject "status",
        correlation_id: Subject "correlationId",
        channel_id: Subject "channelId",
        message: Text "message",
        error: Text "error",
        kind: Subject "type",
        event: Subject "event",
        action: Subject "action",
    }
}

object! {
    /// The inner object, in all its shapes.
    Data {
        kind: Subject "type",
        id: Subject "id",
        request_id: Subject "requestId",
        command_id: Subject "commandId",
        command_status: Subject "command_status",
        camel_status: Subject "commandStatus",
        status: Subject "status",
        body: Text "body",
        context: Subject "data_context",
        output_type: Subject "output_type",
        stream_url: Text "streamUrl",
        channel_id: Subject "channelId",
        correlation_id: Subject "correlationId",
        message: Text "message",
        expires_at: Subject "expiresAt" or "expires_at",
        expires_in: Subject "expiresIn" or "expires_in" or "ttl",
    }
}

/// The kind of the field that is read under this name; `None` if none is.
pub(crate) fn kind_of(name: &str) -> Option<FieldKind> {
    Envelope::NAMES.iter().chain(Data::NAMES).find(|(known, _)| *known == name).map(|(_, kind)| *kind)
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
