//! The session against a scripted server, under paused time.

pub(crate) mod closes;
pub(crate) mod disconnects;
pub(crate) mod fixture;
pub(crate) mod frames;
pub(crate) mod gaps;
pub(crate) mod journal;
pub(crate) mod journal_refuses;
pub(crate) mod last_sign_of_life;
pub(crate) mod model;
pub(crate) mod stalled_window;
pub(crate) mod states;
pub(crate) mod token_refusals;
