//! The interface between the engine and the window: actions in, events and the current state out.

pub(crate) mod action;
pub(crate) mod cause;
pub(crate) mod clock_jump;
pub(crate) mod connection_reason;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod event_queue;
pub(crate) mod lasting_problem;
pub(crate) mod notice_reason;
pub(crate) mod problem;
pub(crate) mod severity;
pub(crate) mod status;
pub(crate) mod track_request;
