//! The cluster as this node takes part in it: who it is, whom it hears, what it holds.
//!
//! Everything here is wiring. The rules are elsewhere: who holds what in `storage::control`, how
//! two copies stay one in `storage::twin`, where things should be in `control::placement`.

pub mod admin;
pub mod content;
pub mod desk;
pub mod export;
pub mod holder;
pub mod identity;
pub mod join;
pub mod membership;
pub mod pump;
pub mod scrub;
pub mod sight;
pub mod ways;
