//! The session against a scripted server, under paused time.

mod bench;
mod ends;
mod journal;
mod states;
