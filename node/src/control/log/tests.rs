//! The log after crashes.
