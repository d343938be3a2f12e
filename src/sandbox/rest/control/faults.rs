//! `POST /sandbox/faults`: exists only with `--faults`.
//!
//! | `fault` | fields | affects |
//! |---|---|---|
//! | `drop` | `count` | open connections: they end |
//! | `close` | `code`, `reason`, `count` | open connections: they end with a close frame |
//! | `stall` | `for_ms`, `count` | open connections: they neither read nor write |
//! | `ignore-pings` | `for_ms`, `count` | open connections: they read nothing |
//! | `refuse-joins` | `status`, `count` or `for_ms` or both | later joins |
//! | `refuse-upgrades` | `status`, `retry_after_s`, `count` or `for_ms` or both | later connections to the proxy |
//! | `refuse-calls` | `status`, `retry_after_s`, `count` or `for_ms` or both | later calls of the REST API |
//! | `expire-tokens` | | tokens |
//! | `garbage` | `count`, `kind` | joined clients: each receives `count` frames |
//! | `binary-frames` | `count` or `for_ms` or both | later messages: they come in binary frames |
//! | `delay` | `by_ms`, and `count` or `for_ms` or both | later outcomes and responses |
//! | `downloads` | `how`, `count` or `for_ms` or both, and `by_ms` for `slow` | later downloads |
//!
//! Each but `downloads` and `refuse-upgrades` accepts `profile`, a user name; without it, all profiles are affected. The
//! response is 200 with the number affected so far: `{"struck": 2}`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use crate::sandbox::backend::{Backend, NotInjected};
use crate::sandbox::faults::Fault;
use crate::sandbox::rest::call::responses::Refusal;

use super::fault_fields::FaultFields;

/// `POST /sandbox/faults`
pub(crate) async fn inject(
    State(backend): State<Arc<Backend>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    // A web page can't send this type to another origin unless the server allows it, and this one doesn't.
    let json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !json {
        return Err(Refusal::Unreadable("A fault is sent as JSON, with the content type application/json."));
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(&body) else {
        return Err(Refusal::Unreadable("A fault is a JSON object such as {\"fault\": \"drop\"}."));
    };
    let (fault, profile) = read(fields)?;
    match backend.inject(fault, profile.as_deref()) {
        Ok(struck) => Ok(Json(json!({ "struck": struck }))),
        Err(NotInjected::UnknownProfile) => Err(Refusal::field("profile", "No profile has this user name.")),
        Err(NotInjected::Full) => Err(Refusal::Busy),
    }
}

/// The fault, and the user name of the profile that it affects.
fn read(fields: Map<String, Value>) -> Result<(Fault, Option<String>), Refusal> {
    let mut fields = FaultFields::new(fields);
    let name = fields.text("fault");
    let profile = fields.text("profile");
    let fault = match name.as_deref() {
        Some("drop") => Some(Fault::Drop { count: fields.count() }),
        Some("close") => Some(Fault::Close { count: fields.count(), code: fields.code(), reason: fields.reason() }),
        Some("stall") => Some(Fault::Stall { count: fields.count(), lasting: fields.lasting() }),
        Some("ignore-pings") => Some(Fault::IgnorePings { count: fields.count(), lasting: fields.lasting() }),
        Some("refuse-joins") => Some(Fault::RefuseJoins { status: fields.status(), limit: fields.limit() }),
        Some("refuse-upgrades") => Some(Fault::RefuseUpgrades { refusal: fields.refusal(), limit: fields.limit() }),
        Some("refuse-calls") => Some(Fault::RefuseCalls { refusal: fields.refusal(), limit: fields.limit() }),
        Some("expire-tokens") => Some(Fault::ExpireTokens),
        Some("garbage") => Some(Fault::Garbage { frames: fields.frames(), kind: fields.kind() }),
        Some("binary-frames") => Some(Fault::BinaryFrames { limit: fields.limit() }),
        Some("delay") => Some(Fault::Delay { by: fields.by(), limit: fields.limit() }),
        Some("downloads") => fields.how().map(|fault| Fault::Downloads { fault, limit: fields.limit() }),
        Some(_) | None => {
            // Without a known fault, its other fields can't be checked.
            return Err(Refusal::field(
                "fault",
                "This field must be one of drop, close, stall, ignore-pings, refuse-joins, refuse-upgrades, refuse-calls, \
                 expire-tokens, garbage, binary-frames, delay and downloads.",
            ));
        }
    };
    if matches!(fault, Some(Fault::Downloads { .. } | Fault::RefuseUpgrades { .. })) && profile.is_some() {
        fields.wrong("profile", "This fault does not take this field.");
    }
    fields.finish(fault).map(|fault| (fault, profile))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sandbox::faults::downloads::DownloadFault;
    use crate::sandbox::faults::types::{Garbage, HttpRefusal, Limit};

    fn read_fault(body: &Value) -> Result<(Fault, Option<String>), Vec<&'static str>> {
        let Value::Object(fields) = body.clone() else { panic!("no object: {body}") };
        read(fields).map_err(|refusal| match refusal {
            Refusal::Invalid(wrong) => wrong.into_keys().collect(),
            other => panic!("refused otherwise: {other:?}"),
        })
    }

    #[test]
    fn every_fault_is_read_with_what_it_takes() {
        let second = Duration::from_secs(1);
        for (body, fault) in [
            (json!({"fault": "drop"}), Fault::Drop { count: None }),
            (json!({"fault": "drop", "count": 2}), Fault::Drop { count: Some(2) }),
            (json!({"fault": "stall", "for_ms": 1000}), Fault::Stall { count: None, lasting: second }),
            (json!({"fault": "refuse-joins", "count": 3}), Fault::RefuseJoins { status: 503, limit: Limit::Times(3) }),
            (
                json!({"fault": "refuse-joins", "status": 401, "for_ms": 1000}),
                Fault::RefuseJoins { status: 401, limit: Limit::During(second) },
            ),
            (
                json!({"fault": "refuse-upgrades", "count": 1}),
                Fault::RefuseUpgrades {
                    refusal: HttpRefusal { status: 503, retry_after: None },
                    limit: Limit::Times(1),
                },
            ),
            (
                json!({"fault": "refuse-calls", "status": 429, "retry_after_s": 1, "count": 1}),
                Fault::RefuseCalls {
                    refusal: HttpRefusal { status: 429, retry_after: Some(second) },
                    limit: Limit::Times(1),
                },
            ),
            (json!({"fault": "binary-frames", "count": 5}), Fault::BinaryFrames { limit: Limit::Times(5) }),
            (
                json!({"fault": "close", "code": 4001, "reason": "policy", "count": 1}),
                Fault::Close { count: Some(1), code: 4001, reason: "policy".into() },
            ),
            (json!({"fault": "close"}), Fault::Close { count: None, code: 1000, reason: String::new() }),
            (
                json!({"fault": "downloads", "how": "gzip", "count": 1}),
                Fault::Downloads { fault: DownloadFault::Gzip, limit: Limit::Times(1) },
            ),
            (json!({"fault": "expire-tokens"}), Fault::ExpireTokens),
            (json!({"fault": "garbage", "count": 4}), Fault::Garbage { frames: 4, kind: None }),
            (
                json!({"fault": "garbage", "count": 1, "kind": "binary"}),
                Fault::Garbage { frames: 1, kind: Some(Garbage::Binary) },
            ),
            (
                json!({"fault": "delay", "by_ms": 1000, "count": 1, "for_ms": 1000}),
                Fault::Delay { by: second, limit: Limit::Either(1, second) },
            ),
            (
                json!({"fault": "downloads", "how": "cut", "count": 1}),
                Fault::Downloads { fault: DownloadFault::Cut, limit: Limit::Times(1) },
            ),
            (
                json!({"fault": "downloads", "how": "slow", "by_ms": 1000, "for_ms": 1000}),
                Fault::Downloads { fault: DownloadFault::Slow(second), limit: Limit::During(second) },
            ),
            (json!({"fault": "ignore-pings", "for_ms": 1000}), Fault::IgnorePings { count: None, lasting: second }),
        ] {
            assert_eq!(read_fault(&body), Ok((fault, None)), "{body}");
        }
        let body = json!({"fault": "drop", "profile": "demo@example.com"});
        assert_eq!(read_fault(&body), Ok((Fault::Drop { count: None }, Some("demo@example.com".to_owned()))));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        for (body, fields) in [
            (json!({}), vec!["fault"]),
            (json!({"fault": "earthquake"}), vec!["fault"]),
            (json!({"fault": 7}), vec!["fault"]),
            (json!({"fault": "drop", "profile": 7}), vec!["profile"]),
            (json!({"fault": "drop", "for_ms": 5}), vec!["for_ms"]),
            (json!({"fault": "drop", "colour": "red"}), vec!["fault"]),
            (json!({"fault": "stall"}), vec!["for_ms"]),
            (json!({"fault": "stall", "for_ms": 0, "count": -1}), vec!["count", "for_ms"]),
            (json!({"fault": "stall", "for_ms": 600_001}), vec!["for_ms"]),
            (json!({"fault": "refuse-joins"}), vec!["count"]),
            (json!({"fault": "garbage", "kind": "loud"}), vec!["count", "kind"]),
            (json!({"fault": "delay", "count": 1}), vec!["by_ms"]),
            (json!({"fault": "downloads", "how": "badly", "count": 1}), vec!["how"]),
            (json!({"fault": "downloads", "how": "gzip", "count": 1, "profile": "p"}), vec!["profile"]),
            (json!({"fault": "refuse-upgrades", "count": 1, "profile": "p"}), vec!["profile"]),
            (json!({"fault": "refuse-calls", "count": 1, "status": 200}), vec!["status"]),
            (json!({"fault": "refuse-calls", "count": 1, "retry_after_s": -1}), vec!["retry_after_s"]),
            (json!({"fault": "close", "code": 999}), vec!["code"]),
            (json!({"fault": "close", "code": 1005}), vec!["code"]),
            (json!({"fault": "close", "reason": "x".repeat(124)}), vec!["reason"]),
            (json!({"fault": "drop", "status": 503}), vec!["status"]),
            (json!({"fault": "downloads", "how": "slow", "count": 1}), vec!["by_ms"]),
        ] {
            assert_eq!(read_fault(&body), Err(fields), "{body}");
        }
    }
}
