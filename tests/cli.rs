//! `watch`, `export` and `track` as an operator's scripts see them: the real program against a sandbox.

#![cfg(all(feature = "sandbox", unix))]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and make files and threads of their own"
)]

#[path = "cli/colour.rs"]
mod colour;
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
#[path = "cli/manual.rs"]
mod manual;
#[path = "cli/privicore.rs"]
mod privicore;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/replay.rs"]
mod replay;
#[path = "cli/track.rs"]
mod track;
#[path = "cli/track_standard_input.rs"]
mod track_standard_input;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/version.rs"]
mod version;
#[path = "cli/watch.rs"]
mod watch;

use privicore::Privicore;
