//! A Privicore of this test alone: the sandbox, in which nothing happens but what the test makes it say.

use privicore_monitor::protocol::Link;
use privicore_monitor::sandbox::{self, Options, Running, Scenario};
pub(crate) use privicore_monitor::sandbox::{DEMO_USERNAME as USERNAME, PASSWORD};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::failure::{Failure, Outcome};
use crate::wait::until;

/// The sandbox and the runtime that it runs on.
pub(crate) struct Privicore {
    // Dropped first: it stops on the runtime.
    running: Running,
    runtime: Runtime,
}

impl Privicore {
    /// Starts one on free ports.
    pub(crate) fn start() -> Outcome<Self> {
        let runtime = Runtime::new()?;
        let options = Options { scenario: Scenario::Quiet, ..Options::embedded() };
        let running = runtime.block_on(sandbox::start(options))?;
        Ok(Self { running, runtime })
    }

    pub(crate) fn api(&self) -> String {
        self.running.api_url()
    }

    pub(crate) fn websocket(&self) -> String {
        self.running.ws_url()
    }

    pub(crate) fn download(&self) -> String {
        self.running.downstream_url()
    }

    /// Says how a command stands (1 pending, 2 success, 3 failed).
    pub(crate) fn report_command(&self, id: &str, status: u8) -> Outcome<()> {
        self.publish(&json!({"data": {"type": "X-DPT-CAB-ID", "id": id, "command_status": status, "body": null}}))
    }

    /// Says that a payload can be fetched, and gives the link back.
    pub(crate) fn offer(&self, request: &str, payload: &[u8]) -> Outcome<Link> {
        let link = self.running.control().offer_download(payload.to_vec(), Some("invoices.bin"));
        self.publish(&json!({"data": {
            "type": "X-DPT-CAB-REQUEST-ID", "id": request, "data_context": "invoices/2026-Q1",
            "output_type": 1, "body": link.expose(),
        }}))?;
        Ok(link)
    }

    /// Waits until the monitor has left the channel.
    pub(crate) fn wait_nobody_joined(&self) -> Outcome<()> {
        until("the channel to be left", || Ok((self.running.control().joined(USERNAME)? == 0).then_some(())))
    }

    fn publish(&self, message: &Value) -> Outcome<()> {
        Ok(self.runtime.block_on(self.running.control().publish(USERNAME, message))?)
    }
}

/// Three megabytes that look like a ciphertext and are the same in each run.
pub(crate) fn payload() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(20_260_105);
    std::iter::repeat_with(|| random.u8(..)).take(3_000_000).collect()
}

/// The secret part of a link: whoever holds it can fetch the data.
pub(crate) fn auth_of(link: &Link) -> Outcome<&str> {
    link.expose().rsplit_once("auth=").map(|(_, auth)| auth).ok_or_else(|| Failure::new("the link has no `auth`"))
}
