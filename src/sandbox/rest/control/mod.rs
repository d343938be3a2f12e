//! The sandbox's own endpoints, below `/sandbox`: no Privicore has them. They exist on loopback only.

mod faults;
mod order;
mod reset;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;

use crate::sandbox::backend::Backend;
use crate::sandbox::scenario::Plot;

/// The endpoint that resets the state and begins the plot again, and, if wanted, the one that injects faults.
pub(crate) fn endpoints(plot: &Arc<Plot>, faults: bool) -> Router<Arc<Backend>> {
    let plot = Arc::clone(plot);
    let reset = move |backend: State<Arc<Backend>>, headers: HeaderMap| async move {
        reset::reset(backend, headers, &plot).await
    };
    let endpoints = Router::new().route("/sandbox/reset", post(reset));
    if faults { endpoints.route("/sandbox/faults", post(faults::inject)) } else { endpoints }
}
