//! Placeholder.
pub mod media;
