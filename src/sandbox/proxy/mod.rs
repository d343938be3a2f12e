//! The WebSocket proxy: it takes messages from the queues and forwards each to every client that has joined with a token of
//! the profile.
//!
//! It never parses a message. It delivers nothing before a join, and a connection has one channel at a time.

pub(crate) mod connection;
pub(crate) mod frames;
mod handshake;
pub(crate) mod hub;
pub(crate) mod messages;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::backend::Backend;

/// Accepts connections until the sandbox stops.
pub(crate) async fn serve(listener: TcpListener, backend: Arc<Backend>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps its delay");
                }
                backend.tasks.spawn("connection to the proxy", connection::serve(stream, Arc::clone(&backend)));
            }
            Err(error) => {
                // Most likely out of file descriptors: wait until connections have ended.
                tracing::warn!(%error, "the proxy can't take a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
