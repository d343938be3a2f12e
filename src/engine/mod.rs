//! The tokio side: sessions, REST, downloads. [`Action`] in, [`Event`] out.

mod action;
mod event;

pub use action::{Action, Credential, SignIn};
pub use event::{ConnectionState, Event, Notice, Progress, Severity, SignInState};
