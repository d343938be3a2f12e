//! Data tokens: the permanent names of stored payloads, and the server's list of them.
//!
//! A data token opens nothing without the profile's authorization token, so the journal stores it in clear. It is never logged,
//! because both together can fetch the payload.

use std::fmt;

use serde_json::Value;

use super::lenient;

/// Names a stored payload (`dtk-…`); the argument of `request-data`.
///
/// `Debug` shows nothing of it, so that it can't get into a log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct DataToken(Box<str>);

impl DataToken {
    /// Creates it from the text as received.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text as received: for the call, the details and the export.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DataToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataToken(hidden)")
    }
}

/// A stored payload: one row of `list-data-tokens`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredData {
    /// Its token.
    pub token: DataToken,
    /// The context that it was stored under; empty if there is none.
    pub context: String,
    /// Its file name with the extension; empty if the server knows none. Never use it as a path: see
    /// [`safe_name`](super::file_name::safe_name).
    pub file_name: String,
    /// Its size in bytes before encryption, as reported by the client that stored it.
    pub size: Option<u64>,
    /// When the token was issued.
    pub created: Option<jiff::Timestamp>,
}

/// One page of the list of data tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataTokenPage {
    /// Its rows, in the server's order.
    pub items: Vec<StoredData>,
    /// Total number of the profile's data tokens, if the server gave it (`meta.count`).
    pub count: Option<u64>,
}

/// Reads the response of `list-data-tokens`: an object with `items`, or the bare list. A row without a token is skipped; a field of
/// the wrong type counts as missing.
pub fn data_token_page(body: &str) -> Option<DataTokenPage> {
    let value = lenient::value(body)?;
    let items = match &value {
        Value::Array(items) => items,
        _ => value.get("items").or_else(|| value.get("data"))?.as_array()?,
    };
    let count = value.pointer("/meta/count").and_then(Value::as_u64);
    Some(DataTokenPage { items: items.iter().filter_map(stored).collect(), count })
}

fn stored(item: &Value) -> Option<StoredData> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    let token = Some(text("token")).filter(|token| !token.is_empty())?;
    Some(StoredData {
        token: DataToken::new(token),
        context: text("context").to_owned(),
        file_name: whole_name(text("fileName"), text("extension")),
        size: item.get("size").and_then(|size| size.as_u64().or_else(|| size.as_str()?.parse().ok())),
        created: text("createdAt").parse().ok(),
    })
}

/// The name with its extension once, whether or not the name already includes it.
fn whole_name(name: &str, extension: &str) -> String {
    let extension = extension.trim_start_matches('.');
    let has = name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(extension));
    if name.is_empty() || extension.is_empty() || has { name.to_owned() } else { format!("{name}.{extension}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_optional_fields() {
        let body = r#"{"items":[
            {"token":"dtk-1","context":"invoices","fileName":"a","extension":"pdf","size":7,"createdAt":"2026-02-21T15:33:44+00:00"},
            {"token":"dtk-2","fileName":"b.PDF","extension":"pdf","size":"8","createdAt":"soon"},
            {"token":"","context":"no token"},
            {"token":"dtk-3","size":-1}
        ],"meta":{"count":41,"page":1,"perPage":4}}"#;
        let page = data_token_page(body).unwrap();
        assert_eq!(page.count, Some(41));
        let names: Vec<_> = page.items.iter().map(|item| (item.token.as_str(), item.file_name.as_str())).collect();
        assert_eq!(names, [("dtk-1", "a.pdf"), ("dtk-2", "b.PDF"), ("dtk-3", "")]);
        let sizes: Vec<_> = page.items.iter().map(|item| item.size).collect();
        assert_eq!(sizes, [Some(7), Some(8), None]);
        assert_eq!(page.items[0].created, "2026-02-21T15:33:44Z".parse().ok());
        assert_eq!(page.items[1].created, None);
    }

    #[test]
    fn a_bare_list_is_a_page_and_anything_else_is_none() {
        assert_eq!(data_token_page(r#"[{"token":"dtk-1"}]"#).unwrap().items.len(), 1);
        assert_eq!(data_token_page("[]"), Some(DataTokenPage::default()));
        for body in ["", "{}", "<html>", r#"{"items":7}"#] {
            assert_eq!(data_token_page(body), None, "{body}");
        }
    }

    #[test]
    fn debug_output_hides_a_data_token() {
        assert_eq!(format!("{:?}", DataToken::new("dtk-canary")), "DataToken(hidden)");
    }
}
