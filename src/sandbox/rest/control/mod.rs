//! The sandbox's own endpoints, below `/sandbox`: no Privicore has them. They exist on loopback only.

mod fault_fields;
mod faults;
mod reset;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;

use crate::sandbox::backend::Backend;
use crate::sandbox::scenario::MessageSource;

/// The endpoint that resets the state and restarts the demo or script, and, if wanted, the one that injects faults.
pub(crate) fn endpoints(message_source: &Arc<MessageSource>, faults: bool) -> Router<Arc<Backend>> {
    let message_source = Arc::clone(message_source);
    let reset = move |backend: State<Arc<Backend>>, headers: HeaderMap| async move {
        reset::reset(backend, headers, &message_source).await
    };
    let endpoints = Router::new().route("/sandbox/reset", post(reset));
    if faults { endpoints.route("/sandbox/faults", post(faults::inject)) } else { endpoints }
}
