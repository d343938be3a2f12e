//! `POST /sandbox/faults`: the sandbox's own endpoint, which exists only with `--faults`.
//!
//! | `fault` | fields | affects |
//! |---|---|---|
//! | `drop` | `count` | open connections: they end |
//! | `stall` | `for_ms`, `count` | open connections: they neither read nor write |
//! | `refuse-joins` | `count` or `for_ms` or both | later joins |
//! | `expire-tokens` | | tokens |
//! | `garbage` | `count`, `kind` | joined clients: each receives `count` frames |
//! | `delay` | `by_ms`, and `count` or `for_ms` or both | later outcomes and responses |
//! | `ignore-pings` | `for_ms`, `count` | open connections: they read nothing |
//! | `downloads` | `how`, `count` or `for_ms` or both, and `by_ms` for `slow` | later downloads |
//!
//! Each accepts `profile`, a user name; without it, all profiles are affected. `kind` is one of `not-json`, `binary`,
//! `oversized` and `invalid-utf8`; without it they take turns. `how` is one of `used`, `expired`, `redirect`, `cut`, `lie`,
//! `stall`, `slow` and `huge`; `downloads` accepts no `profile`. The response is 200 with the number affected so far:
//! `{"struck": 2}`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use crate::sandbox::backend::{Backend, NotInjected};
use crate::sandbox::faults::Fault;
use crate::sandbox::faults::downloads::DownloadFault;
use crate::sandbox::faults::kinds::{Garbage, Limit};

use super::answers::Refusal;

/// The longest duration of a fault, and the longest delay.
const LONGEST: Duration = Duration::from_mins(10);

/// The largest count.
const MOST: u64 = 1_000;

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
    let mut order = Order { fields, wrong: BTreeMap::new() };
    let name = order.text("fault");
    let profile = order.text("profile");
    let fault = match name.as_deref() {
        Some("drop") => Some(Fault::Drop { count: order.count() }),
        Some("stall") => Some(Fault::Stall { count: order.count(), lasting: order.lasting() }),
        Some("refuse-joins") => Some(Fault::RefuseJoins { limit: order.limit() }),
        Some("expire-tokens") => Some(Fault::ExpireTokens),
        Some("garbage") => Some(Fault::Garbage { frames: order.frames(), kind: order.kind() }),
        Some("delay") => Some(Fault::Delay { by: order.by(), limit: order.limit() }),
        Some("downloads") => order.how().map(|spoil| Fault::Downloads { spoil, limit: order.limit() }),
        Some("ignore-pings") => Some(Fault::IgnorePings { count: order.count(), lasting: order.lasting() }),
        Some(_) | None => {
            // Without a known fault, its other fields can't be checked.
            return Err(Refusal::field(
                "fault",
                "This field must be one of drop, stall, refuse-joins, expire-tokens, garbage, delay, downloads and ignore-pings.",
            ));
        }
    };
    if matches!(fault, Some(Fault::Downloads { .. })) && profile.is_some() {
        order.wrong("profile", "This fault does not take this field.");
    }
    order.finish(fault).map(|fault| (fault, profile))
}

/// The fields that have not been read yet, and what was wrong with those that have.
struct Order {
    fields: Map<String, Value>,
    wrong: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Order {
    fn text(&mut self, name: &'static str) -> Option<String> {
        if let Value::String(text) = self.fields.remove(name)? {
            return Some(text);
        }
        self.wrong(name, "This field must be a text.");
        None
    }

    fn number(&mut self, name: &'static str, most: u64, rule: &'static str) -> Option<u64> {
        let number = self.fields.remove(name)?.as_u64().filter(|number| (1..=most).contains(number));
        if number.is_none() {
            self.wrong(name, rule);
        }
        number
    }

    fn count(&mut self) -> Option<u32> {
        let count = self.number("count", MOST, "This field must be a whole number from 1 to 1000.")?;
        u32::try_from(count).ok()
    }

    fn millis(&mut self, name: &'static str) -> Option<Duration> {
        let most = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
        let rule = "This field must be a whole number of milliseconds, from 1 to 600000.";
        self.number(name, most, rule).map(Duration::from_millis)
    }

    fn frames(&mut self) -> u32 {
        let there = self.fields.contains_key("count");
        self.required("count", there, Self::count)
    }

    fn lasting(&mut self) -> Duration {
        let there = self.fields.contains_key("for_ms");
        self.required("for_ms", there, |order| order.millis("for_ms"))
    }

    fn by(&mut self) -> Duration {
        let there = self.fields.contains_key("by_ms");
        self.required("by_ms", there, |order| order.millis("by_ms"))
    }

    fn required<T: Default>(
        &mut self,
        name: &'static str,
        there: bool,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> T {
        if !there {
            self.wrong(name, "This field is required.");
        }
        read(self).unwrap_or_default()
    }

    fn limit(&mut self) -> Limit {
        let there = self.fields.contains_key("count") || self.fields.contains_key("for_ms");
        match (self.count(), self.millis("for_ms")) {
            (Some(count), Some(lasting)) => Limit::Either(count, lasting),
            (Some(count), None) => Limit::Times(count),
            (None, Some(lasting)) => Limit::During(lasting),
            (None, None) => {
                if !there {
                    self.wrong("count", "This field or for_ms is required.");
                }
                Limit::Times(0)
            }
        }
    }

    fn kind(&mut self) -> Option<Garbage> {
        let kind = match self.text("kind")?.as_str() {
            "not-json" => Some(Garbage::NotJson),
            "binary" => Some(Garbage::Binary),
            "oversized" => Some(Garbage::Oversized),
            "invalid-utf8" => Some(Garbage::InvalidUtf8),
            _ => None,
        };
        if kind.is_none() {
            self.wrong("kind", "This field must be one of not-json, binary, oversized and invalid-utf8.");
        }
        kind
    }

    fn how(&mut self) -> Option<DownloadFault> {
        let how = match self.text("how").unwrap_or_default().as_str() {
            "used" => Some(DownloadFault::Used),
            "expired" => Some(DownloadFault::Expired),
            "redirect" => Some(DownloadFault::Redirect),
            "cut" => Some(DownloadFault::Cut),
            "lie" => Some(DownloadFault::Lie),
            "stall" => Some(DownloadFault::Stall),
            "slow" => Some(DownloadFault::Slow(self.by())),
            "huge" => Some(DownloadFault::Huge),
            _ => None,
        };
        if how.is_none() {
            self.wrong("how", "This field must be one of used, expired, redirect, cut, lie, stall, slow and huge.");
            // Without this field, the others can't be checked.
            self.fields.clear();
        }
        how
    }

    fn wrong(&mut self, name: &'static str, what: &'static str) {
        self.wrong.entry(name).or_default().push(what);
    }

    /// Refuses if anything was wrong, or if a field is left that the fault does not accept.
    fn finish(mut self, fault: Option<Fault>) -> Result<Fault, Refusal> {
        for name in ["count", "for_ms", "by_ms", "kind", "how"] {
            if self.fields.remove(name).is_some() {
                self.wrong(name, "This fault does not take this field.");
            }
        }
        if !self.fields.is_empty() {
            self.wrong("fault", "No fault takes fields other than profile, count, for_ms, by_ms, kind and how.");
        }
        match fault {
            Some(fault) if self.wrong.is_empty() => Ok(fault),
            Some(_) | None => Err(Refusal::Invalid(self.wrong)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(body: &Value) -> Result<(Fault, Option<String>), Vec<&'static str>> {
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
            (json!({"fault": "refuse-joins", "count": 3}), Fault::RefuseJoins { limit: Limit::Times(3) }),
            (json!({"fault": "refuse-joins", "for_ms": 1000}), Fault::RefuseJoins { limit: Limit::During(second) }),
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
                Fault::Downloads { spoil: DownloadFault::Cut, limit: Limit::Times(1) },
            ),
            (
                json!({"fault": "downloads", "how": "slow", "by_ms": 1000, "for_ms": 1000}),
                Fault::Downloads { spoil: DownloadFault::Slow(second), limit: Limit::During(second) },
            ),
            (json!({"fault": "ignore-pings", "for_ms": 1000}), Fault::IgnorePings { count: None, lasting: second }),
        ] {
            assert_eq!(order(&body), Ok((fault, None)), "{body}");
        }
        let body = json!({"fault": "drop", "profile": "demo@example.com"});
        assert_eq!(order(&body), Ok((Fault::Drop { count: None }, Some("demo@example.com".to_owned()))));
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
            (json!({"fault": "downloads", "how": "slow", "count": 1}), vec!["by_ms"]),
        ] {
            assert_eq!(order(&body), Err(fields), "{body}");
        }
    }
}
