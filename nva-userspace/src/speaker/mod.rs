//! speaker.
