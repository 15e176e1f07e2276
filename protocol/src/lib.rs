//! The words of Konsil: what travels between browser and node, and what is kept.
//!
//! One file per word; every word file holds, in this order, what may be asked (`Command`), what
//! happened (`Event`), what a person may be told instead (`Refusal`) and what a browser is shown
//! (`View`). A [`frame::ToNode`] carries a command up, a [`frame::ToBrowser`] carries events down.
//! Ids are types of their own ([`id`]), time is handed in ([`time`]), every bound stands in
//! [`limits`], and [`codec`] is the only file that names an encoding.
//!
//! # Invariants
//! - **P1** No byte sequence makes a decoder panic, abort or allocate more than its frame's bound.
//!   *(kept by [`codec`]; tested by the hostile-bytes tests and the fuzz command)*
//! - **P2** A shape that was ever stored or sent can be read for ever; `vectors/` holds a sample.

#[macro_use]
mod word;

pub mod accounts;
pub mod audit;
pub mod caller;
pub mod cluster;
pub mod codec;
pub mod conversation;
pub mod file;
pub mod frame;
pub mod id;
pub mod key;
pub mod limits;
pub mod machine;
pub mod media;
pub mod operator;
pub mod peer;
pub mod request;
pub mod rights;
pub mod room;
pub mod session;
pub mod tenant;
pub mod time;
pub mod twin;
pub mod vault;
pub mod version;
pub mod websocket;
