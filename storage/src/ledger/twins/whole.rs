//! Whether this node's copy of a shard is whole: what the scrubber compares and mends.

use parking_lot::MutexGuard;
use protocol::cluster::Epoch;

use super::{Host, cell::Cell};
use crate::{fault::StorageFault, ledger::Ledger, twin::RoleName};

impl Cell {
    /// The epoch in which this copy holds everything that was committed, though not all of it may
    /// be applied; none while it is built, waits to learn its place, or has stopped.
    fn whole(&self) -> Option<Epoch> {
        use RoleName as Role;
        if self.installing || self.replica.copying().is_some() {
            return None;
        }
        let status = self.replica.status();
        let counts = matches!(
            status.role,
            Role::Follower
                | Role::PrimaryDuplex
                | Role::PrimarySolo
                | Role::Joining
                | Role::Replacing
        );
        counts.then_some(status.seen)
    }
}

impl Host {
    /// Locks a shard whose copy here is whole in this epoch.
    pub(in crate::ledger) fn whole_in(
        &self,
        shard: u16,
        epoch: Epoch,
    ) -> Result<MutexGuard<'_, Cell>, StorageFault> {
        let cell = self.lock(shard);
        match cell.whole() {
            Some(whole) if whole == epoch => Ok(cell),
            other => Err(StorageFault::NotHere { shard, epoch: other.unwrap_or_default() }),
        }
    }
}

impl Ledger {
    /// The epoch in which this node holds a whole copy of a shard; none when it does not.
    pub fn whole(&self, shard: u16) -> Option<Epoch> {
        self.0.twins.as_ref().and_then(|host| host.lock(shard).whole())
    }
}
