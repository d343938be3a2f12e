//! The session against a scripted server, under paused time.

mod bench;
mod closes;
mod ends;
mod frozen;
mod gaps;
mod journal;
mod life;
mod model;
mod refusals;
mod refusing;
mod states;
