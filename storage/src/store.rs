//! The store engine: sorted bytes under bytes, filled from the log.
//!
//! # Invariants
//! - **E1** A batch is seen whole or not at all, by readers and after a crash.
//! - **E2** After a crash a store holds all batches up to some point and none behind it, and that
//!   point is not before the last `sync` that returned.
//! - **E3** What an engine cannot read is a fault, never an absent key made up.
//! - **E4** What the disk failed to keep is never glossed over: `sync`, or the `reopen` after
//!   another fault, says [`StorageFault::EngineUnsynced`], and so does whatever comes after it.
//!
//! One conformance suite (`tests/conformance.rs`) asks these of every engine.
//!
//! # Why is `apply` not durable?
//! Because the log in front already is. The engine is synced once per checkpoint, not per commit.

use crate::fault::StorageFault;

pub mod memory;
pub mod redb;
pub mod sled;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Sorted bytes under bytes.
pub trait Store: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StorageFault::Engine`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageFault>;

    /// At most `limit` pairs whose keys begin with `prefix` and are not below `from`, in order.
    ///
    /// # Errors
    /// [`StorageFault::Engine`].
    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StorageFault>;

    /// Makes a batch visible (E1). Not durable.
    ///
    /// # Errors
    /// [`StorageFault::Engine`]; the batch may be applied again.
    fn apply(&self, batch: &Batch) -> Result<(), StorageFault>;

    /// Makes every batch so far durable (E2).
    ///
    /// # Errors
    /// [`StorageFault::Engine`]; nothing is then known about the batches since the last sync.
    /// [`StorageFault::EngineUnsynced`] when opening it anew would not help either (E4).
    fn sync(&self) -> Result<(), StorageFault>;

    /// Opens it anew after a fault. Engines remember a failed write and refuse everything after it;
    /// once there is room again, only this helps. Batches since the last sync may be gone then.
    ///
    /// # Errors
    /// [`StorageFault::Engine`]; it stays closed, and may be tried again.
    /// [`StorageFault::EngineUnsynced`] when the disk lost something that was written (E4).
    fn reopen(&self) -> Result<(), StorageFault>;

    /// Bytes it takes on the disk.
    ///
    /// # Errors
    /// [`StorageFault::Engine`].
    fn size_on_disk(&self) -> Result<u64, StorageFault>;
}

/// Changes that are applied together, in order.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push((key, Some(value)));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.push((key, None));
    }

    /// Adds the changes of another batch behind these.
    pub fn append(&mut self, other: &Self) {
        self.changes.extend_from_slice(&other.changes);
    }

    /// The changes: a key, and its value unless it is removed.
    pub fn changes(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// How many changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// A fault of an engine, with its own words.
pub(crate) fn engine_fault(
    engine: &'static str,
    doing: &'static str,
    error: &dyn std::fmt::Display,
) -> StorageFault {
    StorageFault::Engine { engine, doing, text: error.to_string() }
}

/// The disk said that it did not keep what was written (E4).
pub(crate) fn unsynced(engine: &'static str, error: &dyn std::fmt::Display) -> StorageFault {
    StorageFault::EngineUnsynced { engine: engine.into(), text: error.to_string() }
}

/// Runs what an engine may panic in. A damaged page makes some engines panic instead of saying so;
/// that must not take an actor's thread with it (E3).
pub(crate) fn guarded<T>(
    engine: &'static str,
    doing: &'static str,
    work: impl FnOnce() -> Result<T, StorageFault>,
) -> Result<T, StorageFault> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
        Err(engine_fault(engine, doing, &format!("it panicked: {said}")))
    })
}
