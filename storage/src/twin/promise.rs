//! The promise not to serve in a primary's place for a while, and the lease it grants.
//!
//! A follower answers a beat with a promise of length G from *its* receipt; the primary's lease of
//! length L < G counts from *its* sending, which was earlier. So the lease is over before the
//! promise is, whatever the network did; only the rates of the two clocks have to agree.
//!
//! # Why is neither length a setting?
//! A primary counts on L and whoever answers it on G, and each knows its own file only: two nodes
//! with different files would read what is stale (I10). A beat could carry the lease it wants, but
//! a node that starts must keep a promise that it has forgotten, so some longest lease would have
//! to be known to all anyway. Hence both lengths belong to the protocol, in every release of one
//! version of it, and a node may choose only when it loses patience, which is safe at any length.

use protocol::cluster::{Epoch, NodeKey};

/// How long a beat binds the one who answers it not to serve in the primary's place, in
/// milliseconds (G).
pub(super) const GRACE: u64 = 600;
/// How long an answered beat lets the primary read alone, counted from its sending (L).
pub(super) const LEASE: u64 = 500;

// I10: clocks may differ by a tenth.
const _: () = assert!(LEASE + LEASE / 10 <= GRACE);

/// What this node has promised.
#[derive(Debug)]
pub(super) struct Promise {
    /// Binding whatever happens: from before the start, which nobody remembers, and from epochs
    /// that are over.
    firm: u64,
    /// Given in this epoch, to this primary, until then.
    given: Option<(Epoch, NodeKey, u64)>,
}

impl Promise {
    /// A node that starts may have promised just before it stopped.
    pub(super) fn after_start(firm: u64) -> Self {
        Self { firm, given: None }
    }

    /// This node serves in nobody's place before this moment.
    pub(super) fn until(&self) -> u64 {
        self.firm.max(self.given.map_or(0, |(_, _, until)| until))
    }

    pub(super) fn give(&mut self, epoch: Epoch, to: NodeKey, until: u64) {
        self.given = match self.given {
            Some((known, whom, before)) if (known, whom) == (epoch, to) => {
                Some((epoch, to, before.max(until)))
            }
            other => {
                self.firm = self.firm.max(other.map_or(0, |(_, _, until)| until));
                Some((epoch, to, until))
            }
        };
    }

    /// That primary never acts in that epoch again, so the promise protects nobody.
    pub(super) fn release(&mut self, epoch: Epoch, by: NodeKey) {
        if self.given.is_some_and(|(known, whom, _)| (known, whom) == (epoch, by)) {
            self.given = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u64) -> NodeKey {
        NodeKey { number, storage: number }
    }

    #[test]
    fn only_the_one_it_was_given_to_releases_a_promise() {
        let mut promise = Promise::after_start(600);
        promise.give(Epoch(1), node(1), 1_000);
        promise.release(Epoch(1), node(2));
        promise.release(Epoch(2), node(1));
        assert_eq!(promise.until(), 1_000);
        promise.release(Epoch(1), node(1));
        assert_eq!(promise.until(), 600, "what was promised before the start stays");
    }

    #[test]
    fn a_promise_outlives_its_epoch() {
        let mut promise = Promise::after_start(0);
        promise.give(Epoch(1), node(1), 1_000);
        promise.give(Epoch(2), node(2), 900);
        promise.release(Epoch(2), node(2));
        assert_eq!(promise.until(), 1_000);
    }
}
