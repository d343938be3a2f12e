//! The stream of outcomes: numbered, in sequence, each recorded once the broker has confirmed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use privicore_monitor::sandbox::{Control, ControlError, DEMO_USERNAME};
use serde_json::json;
use tokio::task::JoinHandle;

/// The wait before a message that a full queue refused is published again.
const PAUSE: Duration = Duration::from_millis(100);

/// The prefix of an id; the number follows.
pub(crate) const PREFIX: &str = "soak-";

/// Publishes until it is ended.
pub(crate) struct Stream {
    ending: Arc<AtomicBool>,
    task: JoinHandle<u64>,
}

impl Stream {
    /// Starts with number 0.
    pub(crate) fn start(control: Control) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ending);
        let task = tokio::spawn(async move {
            let mut number = 0;
            while !told.load(Ordering::SeqCst) {
                let status = if number % 7 == 0 { 3 } else { 2 };
                let data = json!({
                    "type": "X-DPT-CAB-ID", "id": format!("{PREFIX}{number}"), "command_status": status, "body": null,
                });
                match control.publish(DEMO_USERNAME, &json!({ "data": data })).await {
                    Ok(()) => number += 1,
                    Err(ControlError::NotQueued(_)) => tokio::time::sleep(PAUSE).await,
                    Err(error) => panic!("the stream ended: {error}"),
                }
            }
            number
        });
        Self { ending, task }
    }

    /// Ends it. Returns how many messages the broker has confirmed: those with the numbers below.
    pub(crate) async fn end(self) -> u64 {
        self.ending.store(true, Ordering::SeqCst);
        self.task.await.expect("the stream did not panic")
    }
}
