//! Taking over entries as they were stored elsewhere: what a restore writes.
//!
//! # Invariants
//! - **AD1** An adopted entry keeps its bytes, and with them its hash: the journal is the one it
//!   was. What does not follow the journal's end is refused whole.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Done, Ledger, completion,
    core::{APPEND, Work},
    rebuild::follow,
};
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link},
    store::Batch,
    wal::{queue::Item, record::Draft},
};

impl Ledger {
    /// Appends entries as another node, or an earlier life of this one, stored them. `done` is
    /// called as for [`Ledger::append`], unless they are refused at once.
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] with the entry that does not follow (AD1),
    /// [`StorageFault::ReadOnly`] on a node of a cluster, or why nothing is written.
    ///
    /// # Panics
    /// When there is nothing to append: a bug of the caller.
    pub fn adopt(
        &self,
        journal: &JournalId,
        entries: &[Bytes],
        done: Done,
    ) -> Result<(), StorageFault> {
        assert!(!entries.is_empty(), "an append holds something");
        self.writable()?;
        if self.0.twins.is_some() {
            return Err(StorageFault::ReadOnly);
        }
        let core = &self.0.core;
        let slot = core.slots.slot(journal);
        let (append, record) = history::write_adopted(journal, entries);
        let draft = Draft::new(slot.shard, APPEND, record);
        let mut state = slot.load(&*core.store)?;
        let mut link = state.staged;
        for entry in &append.entries {
            link = follow(journal, link, entry)?; // AD1
        }
        let bytes = draft.payload.len();
        let door = self.0.queue.enter(bytes)?;
        state.stage(&append.entries, link);
        let work = Work::Entries(Arc::clone(&slot), append.entries, link);
        let done = completion(core, &slot, work, link, bytes, done);
        door.push(Item { draft, done });
        Ok(())
    }

    /// Waits until the engine has whatever was acknowledged before.
    ///
    /// # Errors
    /// What keeps the engine from taking it.
    pub fn settle(&self) -> Result<(), StorageFault> {
        self.0.core.await_changes(Batch::default(), false)
    }

    /// Reads everything the engine has of a journal, checks it ([`Ledger::verify`]), and says where
    /// it ends.
    ///
    /// # Errors
    /// As [`Ledger::verify`].
    pub fn proven(&self, journal: &JournalId) -> Result<Link, StorageFault> {
        self.verify(journal)?;
        super::keys::load_head(&*self.0.core.store, journal)
    }
}
