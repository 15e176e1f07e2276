//! What the test programs of this crate share.

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
pub mod world;
