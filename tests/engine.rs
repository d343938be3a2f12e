//! The engine through its public interface, against the real sandbox over loopback: actions in, events out, files and
//! journal on the disk.

#![cfg(feature = "sandbox")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they leave out"
)]

#[path = "engine/beside_curl.rs"]
mod beside_curl;
#[path = "engine/canary.rs"]
mod canary;
#[path = "engine/certificates.rs"]
mod certificates;
#[path = "journal/child.rs"]
mod child;
#[path = "engine/clocks.rs"]
mod clocks;
#[path = "engine/decrypt.rs"]
mod decrypt;
#[path = "engine/download_failures.rs"]
mod download_failures;
#[path = "engine/downloads.rs"]
mod downloads;
#[path = "engine/earlier_versions.rs"]
mod earlier_versions;
#[path = "engine/exfat.rs"]
mod exfat;
#[path = "engine/exporting.rs"]
mod exporting;
#[path = "engine/file_names.rs"]
mod file_names;
#[path = "engine/full_disk.rs"]
mod full_disk;
#[path = "engine/keys.rs"]
mod keys;
#[path = "engine/locked_seal.rs"]
mod locked_seal;
#[path = "engine/network.rs"]
mod network;
#[path = "engine/older.rs"]
mod older;
#[path = "engine/pending.rs"]
mod pending;
#[path = "engine/quitting.rs"]
mod quitting;
#[path = "engine/quoted_secrets.rs"]
mod quoted_secrets;
#[path = "engine/receiving.rs"]
mod receiving;
#[path = "engine/refusing.rs"]
mod refusing;
#[path = "engine/renewing.rs"]
mod renewing;
#[path = "engine/requests.rs"]
mod requests;
#[path = "engine/saving.rs"]
mod saving;
#[path = "engine/scripted.rs"]
mod scripted;
#[path = "engine/sealing.rs"]
mod sealing;
#[path = "engine/server_answers.rs"]
mod server_answers;
#[path = "engine/server_dialects.rs"]
mod server_dialects;
#[path = "engine/sign_in.rs"]
mod sign_in;
#[path = "engine/storage.rs"]
mod storage;
#[path = "engine/tls_and_proxies.rs"]
mod tls_and_proxies;
#[path = "engine/window.rs"]
mod window;

use privicore_monitor::sandbox::{Options, SandboxHandle, Scenario, start};

/// A sandbox without a scenario.
async fn quiet() -> SandboxHandle {
    start(Options { scenario: Scenario::Quiet, ..Options::embedded() }).await.expect("a sandbox")
}
