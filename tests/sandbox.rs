//! The sandbox as its clients see it, over HTTP and the socket.

#![cfg(feature = "sandbox")]
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests make files of their own")]

#[path = "sandbox/behaviour.rs"]
mod behaviour;
#[path = "sandbox/client.rs"]
mod client;
#[path = "sandbox/data.rs"]
mod data;
#[path = "sandbox/devices.rs"]
mod devices;
#[path = "sandbox/dialects.rs"]
mod dialects;
#[path = "sandbox/end_to_end.rs"]
mod end_to_end;
#[path = "sandbox/endpoints.rs"]
mod endpoints;
#[path = "sandbox/faults.rs"]
mod faults;
#[path = "sandbox/oauth.rs"]
mod oauth;
#[path = "sandbox/odd_answers.rs"]
mod odd_answers;
#[path = "sandbox/order.rs"]
mod order;
#[path = "sandbox/program.rs"]
mod program;
#[path = "sandbox/proxy.rs"]
mod proxy;
#[path = "sandbox/rest.rs"]
mod rest;
#[path = "sandbox/script.rs"]
mod script;
#[path = "sandbox/voting.rs"]
mod voting;

use privicore_monitor::sandbox::{Dialect, Options, SandboxHandle, Scenario, start};

/// A sandbox without a scenario.
async fn quiet() -> SandboxHandle {
    start(Options { scenario: Scenario::Quiet, ..Options::embedded() }).await.expect("a sandbox")
}

/// A sandbox without a scenario that speaks the older documents' dialect.
async fn quiet_docs() -> SandboxHandle {
    let options = Options { scenario: Scenario::Quiet, dialect: Dialect::Docs, ..Options::embedded() };
    start(options).await.expect("a sandbox")
}

/// Advances tokio's clock, which decides expiry in the sandbox.
async fn pass(time: std::time::Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
