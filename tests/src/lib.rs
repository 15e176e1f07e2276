//! What the test programs of this crate share.

#[cfg(feature = "house")]
pub mod bench;
#[cfg(feature = "house")]
pub mod browser;
#[cfg(feature = "house")]
pub mod crash;
#[cfg(feature = "house")]
pub mod history;
pub mod invariants;
#[cfg(feature = "house")]
pub mod nemesis;
pub mod oracle;
#[cfg(feature = "house")]
pub mod peers;
pub mod world;
