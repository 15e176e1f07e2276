//! Journals in which somebody ran into damage, until the scrubber asks for them.
//!
//! # Invariants
//! - **CO1** At most [`WAITING`] wait, each once; beyond that the scrubber's next round finds them.

use parking_lot::Mutex;

use super::Ledger;
use crate::{fault::StorageFault, journal::JournalId};

/// Journals that may wait.
pub(super) const WAITING: usize = 256;

/// See the module.
#[derive(Default)]
pub(super) struct Complaints(Mutex<Vec<JournalId>>);

impl Complaints {
    /// Remembers the journal, when this is damage.
    pub(super) fn hear(&self, fault: &StorageFault) {
        if let StorageFault::Corrupt { journal, .. } | StorageFault::CorruptSnapshot { journal } =
            fault
        {
            let mut waiting = self.0.lock();
            if waiting.len() < WAITING && !waiting.contains(journal) {
                waiting.push(journal.clone()); // CO1
            }
        }
    }
}

impl Ledger {
    /// The journals in which damage was run into since this was asked last.
    pub fn complaints(&self) -> Vec<JournalId> {
        std::mem::take(&mut self.0.core.complaints.0.lock())
    }

    /// Remembers damage on its way to whoever asked.
    pub(super) fn noted<T>(&self, result: Result<T, StorageFault>) -> Result<T, StorageFault> {
        if let Err(fault) = &result {
            self.0.core.complaints.hear(fault);
        }
        result
    }
}
