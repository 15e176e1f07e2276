//! Sockets, processes, wiring: the fourth floor.
//!
//! [`node`] is the composition root and reads like the picture in ARCHITECTURE.md; `gateway`,
//! `calls` and `media` are siblings that only it (and the gateway's state) brings together.

pub mod audit;
pub mod backup;
pub mod calls;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod control;
pub mod dev;
pub mod doctor;
pub mod gateway;
pub mod media;
pub mod metrics;
pub mod node;
pub mod peers;
pub mod secrets;
pub mod serve;
pub mod swarm;
pub mod tls;
pub mod witness;
