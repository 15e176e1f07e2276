//! Which journals of a shard this node has.

use super::{Ledger, twins::journals_of};
use crate::{fault::StorageFault, journal::JournalId};

impl Ledger {
    /// At most `limit` journals of a shard that have an acknowledged entry, in the order of their
    /// names and behind this one, which need not be there. Only a node of a cluster keeps lists.
    ///
    /// # Errors
    /// The engine's.
    pub fn journals_in(
        &self,
        shard: u16,
        after: Option<&JournalId>,
        limit: usize,
    ) -> Result<Vec<JournalId>, StorageFault> {
        journals_of(&self.0.core, shard, after, limit)
    }
}
