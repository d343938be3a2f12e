//! Privicore Monitor: a live desktop monitor for the command outcomes and ready data of a Privicore profile.
//!
//! # How data flows: one ring, one direction
//!
//! ```text
//! operator ──▶ ui ── Action ──▶ engine ── Event ──▶ activity ─▶ ui ──▶ operator
//!                                 │  ▲
//!           socket · REST · downloads │  │
//!                     journal ◀───┘  └── restored at start
//! ```
//!
//! An acknowledgement is delivered once, so the engine commits it to the journal *before* the window hears of it.
//! What is true now, such as a connection's state, is a value that is read and never rebuilt from events ([`engine::events::status::EngineStatus`]).
//! What goes up is free of secrets: links and tokens stay in the engine, and the window only knows that they are there. Only what the
//! operator asks to see goes up, once, in an event of its own.
//!
//! # The rooms
//!
//! Arrows only point down this list; `tests/house.rs` holds them.
//!
//! | room | holds | may use | never |
//! |---|---|---|---|
//! | [`protocol`] | the wire: frames in and out, REST shapes, secret types | serde | I/O, clocks, egui |
//! | [`activity`] | what the operator watches: entries, activities, counts, filter, views | protocol | I/O, egui, async |
//! | [`settings`] | profiles, endpoints, preferences; atomic files; directories | protocol | secrets |
//! | [`credentials`] | the OS keyring | protocol, settings | logs, plain files |
//! | [`journal`] | SQLite: append, restore, page, seal, purge | protocol, activity, settings, credentials | egui |
//! | [`engine`] | sessions, REST, downloads; [`engine::events::action::Action`] in, [`engine::events::event::Event`] out | all above | egui |
//! | [`ui`] | egui views, theme, commands, accessible names | activity, settings, protocol, engine's doors | `await`, blocking calls, SQL, sockets |
//! | [`cli`] | arguments, logging, and what runs without a window | all above but `ui` | egui |
//! | [`sandbox`] | a local Privicore (cargo feature `sandbox`) | protocol | being needed by any other room |
//!
//! `main.rs` and `bin/privicore-sandbox.rs` are wiring: arguments, logging, and the launcher that lets the engine start a
//! sandbox without knowing it.

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
