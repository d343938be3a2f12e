//! Any response to a REST call is either parsed by its reader or rejected, never a panic.

use crate::protocol::{data_token_page, lenient, rest};

pub(crate) fn check(bytes: &[u8]) {
    let (status, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let body = lenient::text_of(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes));
    for http in [200, 202, 404, 100 + u16::from(*status) * 2] {
        std::hint::black_box(rest::status_answer(http, &body));
    }
    for id in [rest::command_id(None, &body), rest::command_id(Some(&body), &body)].into_iter().flatten() {
        assert!(!id.as_str().is_empty(), "an id of nothing");
    }
    std::hint::black_box(rest::request_id(None, &body));
    std::hint::black_box(rest::expiry(&body));
    std::hint::black_box(rest::error_text(&body));
    if let Some(answer) = rest::token_answer(&body) {
        assert!(!answer.token.expose().is_empty(), "a token of nothing");
    }
    for item in data_token_page(&body).into_iter().flat_map(|page| page.items) {
        assert!(!item.token.as_str().is_empty(), "a data token of nothing");
    }
    // What a strict parser accepts is read the same.
    if let Ok(strict) = serde_json::from_str::<serde_json::Value>(&body) {
        assert_eq!(lenient::value(&body), Some(strict));
    }
}
