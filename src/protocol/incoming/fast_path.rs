//! The fast path of the parser: one pass, without copying, for the shapes that nearly every frame has.
//!
//! It only accepts a command or a data message with each known field once, of its usual type and without other fields. Everything
//! else is left to the full parser of the parent module. So the fast path decides nothing: if it returns a result, it is the full
//! parser's result, which a test of the parent checks.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::protocol::ids::{CommandId, RequestId};

use super::message::{Body, COMMAND, CommandReport, CommandStatus, DATA, DataReport, Incoming, Message, classify_body};

/// Reads a frame; `None` if it needs the full parser.
pub(crate) fn parse(text: &str) -> Option<Incoming> {
    let Frame(Data { kind, id, status, body, context, output_type }) = serde_json::from_str(text).ok()?;
    let id = id.filter(|id| !id.is_empty())?;
    let body = body.map_or(Body::None, |Text(text)| Body::Text(text.into_owned()));
    let message = match kind? {
        COMMAND => Message::Command(CommandReport {
            id: CommandId::new(id),
            status: CommandStatus::from_number(status?),
            body,
        }),
        DATA => Message::Data(DataReport {
            id: RequestId::new(id),
            context: context.map(|Text(text)| text.into_owned()).filter(|context| !context.is_empty()),
            delivery: classify_body(output_type, body),
            // A frame that gives its link's lifetime has a field that is not read here.
            expiry: None,
        }),
        _ => return None,
    };
    Some(Incoming::Message(message))
}

/// An object with only `data`. Written by hand, because serde's derived code accepts lists as well.
struct Frame<'a>(Data<'a>);

impl<'de> Deserialize<'de> for Frame<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FrameVisitor;

        impl<'de> Visitor<'de> for FrameVisitor {
            type Value = Frame<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with data")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let Some("data") = map.next_key::<&str>()? else { return Err(needs_full_parser()) };
                let data = map.next_value()?;
                if map.next_key::<&str>()?.is_some() {
                    return Err(needs_full_parser());
                }
                Ok(Frame(data))
            }
        }

        deserializer.deserialize_map(FrameVisitor)
    }
}

/// The fields of an event, each at most once.
#[derive(Default)]
struct Data<'a> {
    kind: Option<&'a str>,
    id: Option<&'a str>,
    status: Option<i64>,
    /// Absent and `null` are equivalent.
    body: Option<Text<'a>>,
    context: Option<Text<'a>>,
    output_type: Option<i64>,
}

impl<'de> Deserialize<'de> for Data<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;

        impl<'de> Visitor<'de> for DataVisitor {
            type Value = Data<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut data = Data::default();
                let mut has_body = false;
                while let Some(key) = map.next_key::<&str>()? {
                    match key {
                        "type" => once(&mut data.kind, map.next_value()?)?,
                        "id" => once(&mut data.id, map.next_value()?)?,
                        "command_status" => once(&mut data.status, map.next_value()?)?,
                        "body" if !has_body => {
                            has_body = true;
                            data.body = map.next_value()?;
                        }
                        "data_context" => once(&mut data.context, map.next_value()?)?,
                        "output_type" => once(&mut data.output_type, map.next_value()?)?,
                        _ => return Err(needs_full_parser()),
                    }
                }
                Ok(data)
            }
        }

        deserializer.deserialize_map(DataVisitor)
    }
}

fn once<T, E: Error>(field: &mut Option<T>, value: T) -> Result<(), E> {
    if field.replace(value).is_some() { Err(needs_full_parser()) } else { Ok(()) }
}

/// Signals that the full parser is needed; nobody reads the error.
fn needs_full_parser<E: Error>() -> E {
    E::custom("")
}

/// A text, borrowed if it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}
