//! Several members in one process.
