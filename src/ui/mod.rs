//! The window: what an operator sees and does.
//!
//! One file a view. [`App`] takes [`crate::engine::Event`]s, draws, and sends [`crate::engine::Action`]s; it may use
//! [`crate::activity`], [`crate::settings`], [`crate::protocol`]'s types and the engine's doors, and never waits, reads a
//! file or opens a socket.
//!
//! | file | what |
//! |---|---|
//! | `app` | the whole: takes events, draws a frame, does what was wished in it |
//! | `desk` | one profile's place: connection, activities, how they are looked at |
//! | `top_bar`, `banner`, `chips`, `tools`, `status_bar`, `downloads`, `notices`, `rival` | the bars |
//! | `table` | the virtualised table: rows, selection, scrolling, what screen readers read |
//! | `completeness`, `gaps` | what may be missing: in the status bar, in a dialog, in words |
//! | `details` | one activity: messages, JSON, what is next |
//! | `sign_in`, `dialogs`, `track`, `request_data`, `data_settings`, `columns_dialog`, `saved` | forms |
//! | `commands`, `keys` | every command with its key |
//! | `theme`, `icons`, `widgets`, `field`, `empty`, `text`, `open` | the look and the words |
//! | `doors`, `saving`, `native` | what the window needs from outside |

mod app;
mod banner;
mod chips;
mod columns_dialog;
mod commands;
mod completeness;
mod data_settings;
mod desk;
mod details;
mod dialogs;
mod doors;
mod downloads;
mod empty;
mod expected;
mod field;
mod gaps;
mod icons;
mod keys;
mod native;
mod notices;
mod open;
mod request_data;
mod rival;
mod saved;
mod saving;
mod scene;
mod sign_in;
mod status_bar;
mod table;
mod text;
mod theme;
mod tools;
mod top_bar;
mod track;
mod widgets;

pub use app::{App, Parts};
pub use doors::{Answer, Backend, Clock, FileDialogs, SaveSuggestion, Waker};
pub use native::{Launch, Spawner, SystemClock, WindowError, find_display, run};
pub use sign_in::Prefill;
