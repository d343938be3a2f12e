//! The shapes of REST answers, by server generation.
