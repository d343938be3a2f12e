//! A sandbox for the programs that a test starts.

use privicore_monitor::sandbox::{Control, DEMO_USERNAME, Delivery, Options, SandboxHandle, Scenario, start};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::program::until;

/// A sandbox without a scenario, on its own threads.
pub(crate) struct Privicore {
    pub(crate) runtime: Runtime,
    running: Option<SandboxHandle>,
    pub(crate) control: Control,
}

impl Privicore {
    pub(crate) fn start() -> Self {
        Self::with(Delivery::default())
    }

    pub(crate) fn with(delivery: Delivery) -> Self {
        let runtime = Runtime::new().expect("threads");
        let options = Options { scenario: Scenario::Quiet, delivery, ..Options::embedded() };
        let running = runtime.block_on(start(options)).expect("a sandbox");
        let control = running.control();
        Self { runtime, running: Some(running), control }
    }

    pub(crate) fn running(&self) -> &SandboxHandle {
        self.running.as_ref().expect("it runs")
    }

    /// Waits until this number of clients has joined with the demo profile.
    pub(crate) fn until_joined(&self, wanted: usize) {
        let joined = || self.control.joined(DEMO_USERNAME).expect("known");
        until(&format!("{wanted} have joined"), || (joined() == wanted).then_some(()));
    }

    pub(crate) fn publish(&self, message: &Value) {
        self.runtime.block_on(self.control.publish(DEMO_USERNAME, message)).expect("published");
    }

    /// Publishes a command's outcome.
    pub(crate) fn outcome(&self, id: &str, status: u8, body: &str) {
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
