//! What the window guarantees an operator, tested by the names of UI parts as a screen reader finds them, on a fake engine,
//! fake save dialogs and a stopped clock.

#![expect(clippy::expect_used, clippy::panic, reason = "a test's helper fails as its test does")]

#[path = "ui/buttons.rs"]
mod buttons;
#[path = "ui/columns.rs"]
mod columns;
#[path = "ui/commands.rs"]
mod commands;
#[path = "ui/completeness.rs"]
mod completeness;
#[path = "ui/copies.rs"]
mod copies;
#[path = "ui/data_settings.rs"]
mod data_settings;
#[path = "ui/details.rs"]
mod details;
#[path = "ui/downloads.rs"]
mod downloads;
#[path = "ui/drawn.rs"]
mod drawn;
#[path = "ui/evicting.rs"]
mod evicting;
#[path = "ui/exporting.rs"]
mod exporting;
#[path = "ui/fakes.rs"]
mod fakes;
#[path = "ui/file_path.rs"]
mod file_path;
#[path = "ui/filter.rs"]
mod filter;
#[path = "ui/harness.rs"]
mod harness;
#[path = "ui/insight.rs"]
mod insight;
#[path = "ui/keyboard.rs"]
mod keyboard;
#[path = "ui/notifying.rs"]
mod notifying;
#[path = "ui/profiles.rs"]
mod profiles;
#[path = "ui/reach.rs"]
mod reach;
#[path = "ui/receipts.rs"]
mod receipts;
#[path = "ui/request_data.rs"]
mod request_data;
#[path = "ui/saving.rs"]
mod saving;
#[path = "ui/screens.rs"]
mod screens;
#[path = "ui/settings.rs"]
mod settings;
#[path = "ui/sign_in.rs"]
mod sign_in;
#[path = "ui/sizes.rs"]
mod sizes;
#[path = "ui/snapshot_store.rs"]
mod snapshot_store;
#[path = "ui/snapshots.rs"]
mod snapshots;
#[path = "ui/software_renderer.rs"]
mod software_renderer;
#[path = "ui/states.rs"]
mod states;
#[path = "ui/storage.rs"]
mod storage;
#[path = "ui/streaming.rs"]
mod streaming;
#[path = "ui/tab_order.rs"]
mod tab_order;
#[path = "ui/table.rs"]
mod table;
#[path = "ui/window.rs"]
mod window;
