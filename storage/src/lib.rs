//! What must not be lost: ordered, acknowledged only when durable, chained, provable.
//!
//! An append enters the [`ledger`], is written and synced by the one write-ahead log of this node
//! ([`wal`]), and is acknowledged. Behind it a filler copies it into a store engine ([`store`]);
//! reads see both. Large things lie beside it as content-addressed [`files`]. Everything here is
//! synchronous and runs on two threads of its own; no caller ever waits for the disk.
//!
//! # Invariants
//! - **S1** What was acknowledged is durable and is found again, in order, once.
//! - **S2** What fails its checksum or its chain is named and never served.
//! - **S3** A fault of the disk leaves nothing half-done: an append is kept whole or not at all.
//!
//! The imports fall in this order: [`digest`], [`crypto`], [`journal`], [`content`], [`history`] know
//! no fault; [`fault`] names them; [`scrub`] decides what is looked at for damage; [`disk`] and
//! [`store`] are the two things asked of the world; [`wal`] lies on a disk; [`ledger`] lies on all of
//! them, and [`backup`] on the ledger.

pub mod backup;
pub mod content;
pub mod control;
pub mod crypto;
pub mod dice;
pub mod digest;
pub mod disk;
pub mod fault;
pub mod files;
pub mod history;
pub mod journal;
pub mod ledger;
pub mod lock;
pub mod merkle;
pub mod scrub;
pub mod store;
pub mod twin;
pub mod wal;

pub use content::ContentId;
pub use fault::StorageFault;
pub use files::Files;
pub use journal::{Entry, JournalId, Seq, Snapshot};
pub use ledger::{Done, Engine, Ledger, Options, Stats};
