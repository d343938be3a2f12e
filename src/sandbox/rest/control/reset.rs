//! `POST /sandbox/reset`: the sandbox is as it was at its start.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use serde_json::{Value, json};

use crate::sandbox::backend::Backend;
use crate::sandbox::rest::call::responses::Refusal;
use crate::sandbox::scenario::MessageSource;

/// Answers 200 once the state is cleared and the demo or script has restarted.
pub(crate) async fn reset(
    State(backend): State<Arc<Backend>>,
    headers: HeaderMap,
    message_source: &MessageSource,
) -> Result<Json<Value>, Refusal> {
    // Browsers name the origin of a page in every request of this kind that it sends.
    if headers.contains_key(ORIGIN) {
        return Err(Refusal::Unreadable("A web page can't reset the sandbox."));
    }
    backend.reset().await;
    message_source.begin(&backend);
    Ok(Json(json!({"status": "reset"})))
}
