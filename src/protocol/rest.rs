//! The shapes of REST responses, by server generation. Reads only; the engine makes the requests.

use serde_json::Value;

use crate::protocol::incoming::message::CommandStatus;

use super::expiry::Expiry;
use super::ids::{CommandId, RequestId};
use super::lenient;
use super::secret::AuthorizationToken;

/// The header with the authorization token.
pub const AUTHORIZATION_HEADER: &str = "X-DPT-AUTHORIZATION";
/// The header with a command id.
pub const COMMAND_HEADER: &str = "x-dpt-cab-id";
/// The header with a request id.
pub const REQUEST_HEADER: &str = "x-dpt-cab-request-id";

/// A token that the server issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenResponse {
    /// The token.
    pub token: AuthorizationToken,
    /// When it expires.
    pub expiry: Expiry,
}

/// A server's response to `request-status` about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusResponse {
    /// The server knows the command.
    Known {
        /// Its state.
        status: CommandStatus,
        /// The text sent with it.
        text: Option<String>,
    },
    /// 404: no such command for this profile. It is unknown, not failed.
    Unknown,
    /// The response has no known shape.
    NotUnderstood,
}

/// The command id in the response to a write: the header, a bare string, a one-element array, or `{"commandId":…}`.
pub fn command_id(header: Option<&str>, body: &str) -> Option<CommandId> {
    let from_header = header.map(str::trim).filter(|id| !id.is_empty()).map(CommandId::from);
    from_header.or_else(|| {
        let value = lenient::value(body);
        let id = match value {
            Some(Value::String(id)) => id,
            Some(Value::Array(list)) => list.first()?.as_str()?.to_owned(),
            Some(Value::Object(map)) => map.get("commandId").or_else(|| map.get("command_id"))?.as_str()?.to_owned(),
            // A bare string need not be quoted.
            _ => body.trim_matches(lenient::is_filler).to_owned(),
        };
        let one_word =
            !id.is_empty() && id.len() <= 256 && !id.contains(|c: char| c.is_whitespace() || "<>{}".contains(c));
        one_word.then(|| CommandId::new(id))
    })
}

/// The request id in the response to `request-data`: the header, or `{"requestId":…}`.
pub fn request_id(header: Option<&str>, body: &str) -> Option<RequestId> {
    let from_header = header.map(str::trim).filter(|id| !id.is_empty()).map(RequestId::from);
    from_header.or_else(|| {
        let value = lenient::value(body)?;
        Some(RequestId::from(value.get("requestId")?.as_str()?))
    })
}

/// Reads the response of `authenticate` or `reauthorize-authorization-token`.
pub fn token_answer(body: &str) -> Option<TokenResponse> {
    let value = lenient::value(body)?;
    let token = value.get("authorizationToken")?.as_str().filter(|token| !token.is_empty())?;
    Some(TokenResponse { token: AuthorizationToken::new(token), expiry: Expiry::of_answer(&value) })
}

/// Reads the response of `authorization-token/expiry`.
pub fn expiry(body: &str) -> Expiry {
    // A bare time need not be quoted.
    lenient::value(body)
        .map_or_else(|| Expiry::of_text(body.trim_matches(lenient::is_filler)), |value| Expiry::of_answer(&value))
}

/// Reads the response of `request-status`: a state word, bare or in a one-element array; an object; or just the HTTP status (200
/// done, 202 still running).
pub fn status_answer(http_status: u16, body: &str) -> StatusResponse {
    if http_status == 404 {
        return StatusResponse::Unknown;
    }
    if !matches!(http_status, 200..=299) {
        return StatusResponse::NotUnderstood;
    }
    let known = |status, text| StatusResponse::Known { status, text };
    let by_http = || match http_status {
        202 => known(CommandStatus::Pending, None),
        _ => known(CommandStatus::Succeeded, None),
    };
    let trimmed = body.trim_matches(lenient::is_filler);
    if trimmed.is_empty() || trimmed == "null" {
        return by_http();
    }
    let value = lenient::value(trimmed).unwrap_or_else(|| Value::from(trimmed));
    let value = match value {
        Value::Array(mut list) if list.len() == 1 => list.remove(0),
        other => other,
    };
    match value {
        Value::String(word) => state_word(&word).map_or(StatusResponse::NotUnderstood, |status| known(status, None)),
        Value::Object(map) => {
            let text = match map.get("body") {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
            };
            let status =
                match map.get("command_status").or_else(|| map.get("commandStatus")).or_else(|| map.get("status")) {
                    Some(Value::Number(number)) => number.as_i64().map(CommandStatus::from_number),
                    Some(Value::String(word)) => {
                        word.parse().ok().map(CommandStatus::from_number).or_else(|| state_word(word))
                    }
                    _ => None,
                };
            match status {
                Some(status) => known(status, text),
                None if map.is_empty() => by_http(),
                None => StatusResponse::NotUnderstood,
            }
        }
        Value::Array(list) if list.is_empty() => by_http(),
        _ => StatusResponse::NotUnderstood,
    }
}

pub(crate) fn state_word(word: &str) -> Option<CommandStatus> {
    match word.trim().to_ascii_lowercase().as_str() {
        "started" | "pending" | "running" | "in progress" | "accepted" => Some(CommandStatus::Pending),
        "succeeded" | "success" | "completed" | "done" => Some(CommandStatus::Succeeded),
        "rejected" | "failed" | "failure" | "error" => Some(CommandStatus::Failed),
        _ => None,
    }
}

/// The server's error text: `message`, `error`, `data.message`, or the named fields of a 422.
pub fn error_text(body: &str) -> Option<String> {
    let value = lenient::value(body)?;
    if let Some(Value::Object(fields)) = value.get("errors") {
        let named: Vec<String> = fields
            .iter()
            .map(|(field, why)| {
                let why = match why {
                    Value::Array(list) => list.first().and_then(Value::as_str).unwrap_or_default(),
                    other => other.as_str().unwrap_or_default(),
                };
                format!("{field}: {why}")
            })
            .collect();
        if !named.is_empty() {
            return Some(named.join("; "));
        }
    }
    let words = [value.pointer("/data/message"), value.get("message"), value.get("error")];
    words.into_iter().flatten().find_map(|text| text.as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_id_is_found_in_every_shape() {
        for (header, body) in [
            (Some("c-1"), ""),
            (Some(" c-1 "), r#"{"commandId":"other"}"#),
            (None, r#""c-1""#),
            (None, "c-1\n"),
            (None, r#"["c-1"]"#),
            (None, r#"{"commandId":"c-1"}"#),
        ] {
            assert_eq!(command_id(header, body), Some(CommandId::from("c-1")), "{header:?} {body:?}");
        }
        for body in ["", "[]", "{}", "<html>no</html>", "several words", "[1]"] {
            assert_eq!(command_id(None, body), None, "{body:?}");
        }
    }

    #[test]
    fn a_status_answer_is_read_in_every_shape() {
        use CommandStatus::{Failed, Other, Pending, Succeeded};
        let known = |status, text: Option<&str>| StatusResponse::Known { status, text: text.map(str::to_owned) };
        for (http, body, wanted) in [
            (200, r#""succeeded""#, known(Succeeded, None)),
            (200, "started", known(Pending, None)),
            (200, r#"["rejected"]"#, known(Failed, None)),
            (
                200,
                r#"{"commandId":"c","command_status":3,"body":"profile.not_an_owner"}"#,
                known(Failed, Some("profile.not_an_owner")),
            ),
            (200, r#"{"command_status":"2","body":null}"#, known(Succeeded, None)),
            (200, r#"{"command_status":7,"body":{"a":1}}"#, known(Other(7), Some(r#"{"a":1}"#))),
            (200, "", known(Succeeded, None)),
            (202, "", known(Pending, None)),
            (202, "{}", known(Pending, None)),
            (404, "", StatusResponse::Unknown),
            (404, r#""succeeded""#, StatusResponse::Unknown),
            (200, "<html>", StatusResponse::NotUnderstood),
            (500, "", StatusResponse::NotUnderstood),
        ] {
            assert_eq!(status_answer(http, body), wanted, "{http} {body:?}");
        }
    }

    #[test]
    fn a_token_answer_has_its_expiry_with_z_or_an_offset() {
        let at: jiff::Timestamp = "2026-02-21T15:33:44Z".parse().unwrap();
        for end in ["2026-02-21T15:33:44+00:00", "2026-02-21T16:33:44+01:00", "2026-02-21T15:33:44Z"] {
            let answer = token_answer(&format!(r#"{{"authorizationToken":"T-1","expiresAt":"{end}"}}"#)).unwrap();
            assert_eq!(answer.expiry, Expiry::At(at), "{end}");
        }
        let answer = token_answer(r#"{"authorizationToken":"T-1","expiresAt":"soon"}"#).unwrap();
        let unreadable = Expiry::Unreadable("soon".to_owned());
        assert_eq!(answer.expiry, unreadable, "an unreadable end is no reason to refuse the token");
        for body in [r#"{"expiresAt":"2026-02-21T15:33:44Z"}"#, r#""2026-02-21T15:33:44Z""#, "2026-02-21 15:33:44\n"] {
            assert_eq!(expiry(body), Expiry::At(at), "{body}");
        }
        assert_eq!((expiry(""), expiry("{}")), (Expiry::Unstated, Expiry::Unstated));
        assert_eq!(token_answer(r#"{"authorizationToken":""}"#), None);
    }

    #[test]
    fn an_error_has_the_servers_text() {
        assert_eq!(error_text(r#"{"errors":{"ttl":["must be a number"]}}"#).as_deref(), Some("ttl: must be a number"));
        assert_eq!(error_text(r#"{"message":"no"}"#).as_deref(), Some("no"));
        assert_eq!(error_text("<html>"), None);
    }

    #[test]
    fn answers_of_every_kind_are_read_leniently() {
        let deep = format!(r#""x":{}{}"#, "[".repeat(1_000), "]".repeat(1_000));
        for odd in [r#""\ud83d":1"#, r#""x":"y\udc00""#, "\"x\":\"a\tb\"", r#""x":NaN"#, r#""x":1e999"#, &deep] {
            let with = |rest: &str| format!("\u{feff}{{{odd},{rest}}}\0");
            let answer =
                token_answer(&with(r#""authorizationToken":"T-1","expiresAt":"2026-02-21T15:33:44Z""#)).unwrap();
            assert_eq!((answer.token.expose(), matches!(answer.expiry, Expiry::At(_))), ("T-1", true), "{odd}");
            assert!(matches!(expiry(&with(r#""expiresAt":"2026-02-21T15:33:44Z""#)), Expiry::At(_)), "{odd}");
            assert_eq!(error_text(&with(r#""message":"no\ud83d""#)).as_deref(), Some("no\u{fffd}"), "{odd}");
            assert_eq!(command_id(None, &with(r#""commandId":"c-1""#)), Some(CommandId::from("c-1")), "{odd}");
            assert_eq!(request_id(None, &with(r#""requestId":"r-1""#)), Some(RequestId::from("r-1")), "{odd}");
            let known = StatusResponse::Known { status: CommandStatus::Failed, text: Some("x\u{fffd}".to_owned()) };
            assert_eq!(status_answer(200, &with(r#""command_status":3,"body":"x\ud83d""#)), known, "{odd}");
            let page = crate::protocol::data_token::data_token_page(&with(
                r#""items":[{"token":"dtk-1","fileName":"x\ud83d"}]"#,
            ))
            .unwrap();
            assert_eq!(page.items[0].file_name, "x\u{fffd}", "{odd}");
        }
        assert_eq!(status_answer(200, "\u{feff}succeeded\0"), status_answer(200, "succeeded"));
    }
}
