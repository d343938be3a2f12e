//! The fields of a requested fault, each checked as it is read.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::sandbox::faults::Fault;
use crate::sandbox::faults::downloads::DownloadFault;
use crate::sandbox::faults::types::{Garbage, HttpRefusal, Limit};
use crate::sandbox::rest::call::responses::Refusal;

/// The longest duration of a fault, and the longest delay.
const LONGEST: Duration = Duration::from_mins(10);

/// The largest count.
const MOST: u64 = 1_000;

/// The longest reason of a close frame in bytes: a control frame has 125, of which the code takes two.
const LONGEST_REASON: usize = 123;

/// The fields that have not been read yet, and what was wrong with those that have.
pub(super) struct FaultFields {
    fields: Map<String, Value>,
    wrong: BTreeMap<&'static str, Vec<&'static str>>,
}

impl FaultFields {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self { fields, wrong: BTreeMap::new() }
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        if let Value::String(text) = self.fields.remove(name)? {
            return Some(text);
        }
        self.wrong(name, "This field must be a text.");
        None
    }

    pub(super) fn number(&mut self, name: &'static str, most: u64, rule: &'static str) -> Option<u64> {
        let number = self.fields.remove(name)?.as_u64().filter(|number| (1..=most).contains(number));
        if number.is_none() {
            self.wrong(name, rule);
        }
        number
    }

    pub(super) fn count(&mut self) -> Option<u32> {
        let count = self.number("count", MOST, "This field must be a whole number from 1 to 1000.")?;
        u32::try_from(count).ok()
    }

    pub(super) fn millis(&mut self, name: &'static str) -> Option<Duration> {
        let most = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
        let rule = "This field must be a whole number of milliseconds, from 1 to 600000.";
        self.number(name, most, rule).map(Duration::from_millis)
    }

    /// The status of a refusal.
    pub(super) fn status(&mut self) -> u16 {
        let there = self.fields.contains_key("status");
        let status = self.fields.remove("status").and_then(|status| status.as_u64());
        let status = status.filter(|status| (400..600).contains(status)).and_then(|status| u16::try_from(status).ok());
        if there && status.is_none() {
            self.wrong("status", "This field must be a status from 400 to 599.");
        }
        status.unwrap_or(503)
    }

    pub(super) fn refusal(&mut self) -> HttpRefusal {
        let status = self.status();
        let rule = "This field must be a whole number of seconds, from 1 to 600.";
        let retry_after = self.number("retry_after_s", LONGEST.as_secs(), rule).map(Duration::from_secs);
        HttpRefusal { status, retry_after }
    }

    /// The code of a close frame. Those that RFC 6455 keeps off the wire are refused.
    pub(super) fn code(&mut self) -> u16 {
        let there = self.fields.contains_key("code");
        let code = self.fields.remove("code").and_then(|code| code.as_u64()).and_then(|code| u16::try_from(code).ok());
        let code = code.filter(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999));
        if there && code.is_none() {
            self.wrong("code", "This field must be a close code: 1000 to 1003, 1007 to 1014, or 3000 to 4999.");
        }
        code.unwrap_or(1000)
    }

    /// The reason of a close frame.
    pub(super) fn reason(&mut self) -> String {
        let reason = self.text("reason").unwrap_or_default();
        if reason.len() > LONGEST_REASON {
            self.wrong("reason", "This field may have 123 bytes.");
        }
        reason
    }

    pub(super) fn frames(&mut self) -> u32 {
        let there = self.fields.contains_key("count");
        self.required("count", there, Self::count)
    }

    pub(super) fn lasting(&mut self) -> Duration {
        let there = self.fields.contains_key("for_ms");
        self.required("for_ms", there, |fields| fields.millis("for_ms"))
    }

    pub(super) fn by(&mut self) -> Duration {
        let there = self.fields.contains_key("by_ms");
        self.required("by_ms", there, |fields| fields.millis("by_ms"))
    }

    pub(super) fn required<T: Default>(
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

    pub(super) fn limit(&mut self) -> Limit {
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

    pub(super) fn kind(&mut self) -> Option<Garbage> {
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

    pub(super) fn how(&mut self) -> Option<DownloadFault> {
        let how = match self.text("how").unwrap_or_default().as_str() {
            "used" => Some(DownloadFault::Used),
            "expired" => Some(DownloadFault::Expired),
            "redirect" => Some(DownloadFault::Redirect),
            "redirect-within" => Some(DownloadFault::RedirectWithin),
            "cut" => Some(DownloadFault::Cut),
            "lie" => Some(DownloadFault::Lie),
            "stall" => Some(DownloadFault::Stall),
            "slow" => Some(DownloadFault::Slow(self.by())),
            "huge" => Some(DownloadFault::Huge),
            "no-length" => Some(DownloadFault::NoLength),
            "chunked" => Some(DownloadFault::Chunked),
            "gzip" => Some(DownloadFault::Gzip),
            "wrong-name" => Some(DownloadFault::WrongName),
            "no-content" => Some(DownloadFault::NoContent),
            "extra-headers" => Some(DownloadFault::ExtraHeaders),
            _ => None,
        };
        if how.is_none() {
            self.wrong(
                "how",
                "This field must be one of used, expired, redirect, redirect-within, cut, lie, stall, slow, huge, no-length, \
                 chunked, gzip, wrong-name, no-content and extra-headers.",
            );
            // Without this field, the others can't be checked.
            self.fields.clear();
        }
        how
    }

    pub(super) fn wrong(&mut self, name: &'static str, what: &'static str) {
        self.wrong.entry(name).or_default().push(what);
    }

    /// Refuses if anything was wrong, or if a field is left that the fault does not accept.
    pub(super) fn finish(mut self, fault: Option<Fault>) -> Result<Fault, Refusal> {
        for name in ["count", "for_ms", "by_ms", "kind", "how", "code", "reason", "status", "retry_after_s"] {
            if self.fields.remove(name).is_some() {
                self.wrong(name, "This fault does not take this field.");
            }
        }
        if !self.fields.is_empty() {
            self.wrong(
                "fault",
                "No fault takes fields other than profile, count, for_ms, by_ms, kind, how, code, reason, status and \
                 retry_after_s.",
            );
        }
        match fault {
            Some(fault) if self.wrong.is_empty() => Ok(fault),
            Some(_) | None => Err(Refusal::Invalid(self.wrong)),
        }
    }
}
