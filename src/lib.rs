//! Privicore Monitor: a live desktop monitor for the command outcomes and ready data of a Privicore profile.
//!
//! `ARCHITECTURE.md` has the picture of the whole: how one message gets from the socket to the window, and where a new message type, column,
//! command or flag goes.
//!
//! # Modules
//!
//! A module uses only those that this table allows, which are above it; `tests/architecture.rs` checks it.
//!
//! | module | holds | may use | never |
//! |---|---|---|---|
//! | [`protocol`] | the wire: frames in and out, REST shapes, secret types, redaction | serde | I/O, clocks, egui |
//! | [`activity`] | the model: entries, rows, counts, filter language, sorted views | protocol | I/O, egui, async |
//! | [`settings`] | profiles, preferences, layouts; the settings file; directories | protocol | secrets |
//! | [`credentials`] | the OS keyring | protocol, settings | logs, plain files |
//! | [`journal`] | SQLite: append, read, seal, purge, export | protocol, activity, settings, credentials | egui |
//! | [`engine`] | sessions, REST, downloads, reconciliation; [`engine::Action`] in, [`engine::Event`] out | all above | egui |
//! | [`ui`] | the window | activity, settings, protocol, engine's public types | `await`, blocking calls, SQL, sockets |
//! | [`cli`] | arguments, logging, headless commands | all above but `ui` | egui |
//! | [`sandbox`] | a local Privicore (cargo feature `sandbox`) | protocol | being needed by another module |
//!
//! `main.rs` and `bin/privicore-sandbox.rs` only wire these together.

pub mod activity;
pub mod cli;
pub mod credentials;
pub mod engine;
pub mod journal;
pub mod protocol;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod settings;
pub mod ui;

#[cfg(test)]
#[path = "../fuzz/replay.rs"]
mod fuzz_replay;
