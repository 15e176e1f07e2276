//! The cluster as this node takes part in it: who it is, whom it hears, what it holds.
//!
//! Everything here is wiring. The rules are elsewhere: who holds what in `storage::control`, how
//! two copies stay one in `storage::twin`, where things should be in `control::placement`.

pub mod admin;
pub mod clock;
pub mod identity;
pub mod join;
