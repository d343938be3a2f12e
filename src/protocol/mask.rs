//! Takes the secrets out of raw text, so that the rest of it can be kept and shown.
