//! Directed scenarios: each rule of the protocol once, in a world of three nodes.

mod failover;
mod faults;
mod force;
mod join;
mod reads;
mod walks;
mod world;
