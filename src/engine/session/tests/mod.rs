//! The session against a scripted server, under paused time.

pub(crate) mod bench;
pub(crate) mod closes;
pub(crate) mod ends;
pub(crate) mod frames;
pub(crate) mod frozen;
pub(crate) mod gaps;
pub(crate) mod journal;
pub(crate) mod life;
pub(crate) mod model;
pub(crate) mod refusals;
pub(crate) mod refusing;
pub(crate) mod states;
