//! `watch`, `export` and `track` as an operator's scripts see them: the real program against a sandbox.

#![cfg(all(feature = "sandbox", unix))]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and make files and threads of their own"
)]

#[path = "cli/copies.rs"]
mod copies;
#[path = "cli/earlier_versions.rs"]
mod earlier_versions;
#[path = "cli/export.rs"]
mod export;
#[path = "cli/foreign.rs"]
mod foreign;
#[path = "cli/hostile.rs"]
mod hostile;
#[path = "cli/kill.rs"]
mod kill;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/track.rs"]
mod track;
#[path = "cli/watch.rs"]
mod watch;

use privicore_monitor::sandbox::{Control, DEMO_USERNAME, Options, SandboxHandle, Scenario, start};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use program::DEADLINE;

/// A sandbox without a scenario, on its own threads.
struct Privicore {
    runtime: Runtime,
    running: Option<SandboxHandle>,
    control: Control,
}

impl Privicore {
    fn start() -> Self {
        let runtime = Runtime::new().expect("threads");
        let running =
            runtime.block_on(start(Options { scenario: Scenario::Quiet, ..Options::embedded() })).expect("a sandbox");
        let control = running.control();
        Self { runtime, running: Some(running), control }
    }

    fn running(&self) -> &SandboxHandle {
        self.running.as_ref().expect("it runs")
    }

    /// Waits until this number of clients has joined with the demo profile.
    fn until_joined(&self, wanted: usize) {
        let deadline = std::time::Instant::now() + DEADLINE;
        while self.control.joined(DEMO_USERNAME).expect("known") != wanted {
            assert!(std::time::Instant::now() < deadline, "never were {wanted} joined");
            std::thread::sleep(program::PAUSE);
        }
    }

    fn publish(&self, message: &Value) {
        self.runtime.block_on(self.control.publish(DEMO_USERNAME, message)).expect("published");
    }

    /// Publishes a command's outcome.
    fn outcome(&self, id: &str, status: u8, body: &str) {
        self.publish(&json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": body}}));
    }
}

impl Drop for Privicore {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }
}
