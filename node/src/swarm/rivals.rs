//! Several connections to one peer: which one goes.
//!
//! Both sides may dial at the same moment. Each must close the same one of the two, or both would
//! be closed.

use libp2p::{PeerId, swarm::ConnectionId};
use std::time::Duration;

/// A connection this young may be one half of two dials at the same moment. Longer than any
/// handshake takes.
const YOUNG: Duration = Duration::from_secs(10);

/// A connection to some peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rival {
    pub(super) id: ConnectionId,
    /// Whether this node dialled it.
    pub(super) dialled: bool,
    pub(super) age: Duration,
}

/// Which of two connections to `peer` to close, if that is for this node to decide.
pub(super) fn surplus(me: &PeerId, peer: &PeerId, old: Rival, new: Rival) -> Option<ConnectionId> {
    match (old.dialled, new.dialled) {
        // One dial that went two ways: the first stays.
        (true, true) => Some(new.id),
        // The peer dials only while it has no connection: for it the old one is dead.
        (_, false) if old.age >= YOUNG => Some(old.id),
        // The peer decides.
        (false, false) => None,
        (false, true) if old.age >= YOUNG => Some(new.id),
        // At the same moment: what the smaller one dialled stays, which both can tell.
        (true, false) => Some(if me < peer { new.id } else { old.id }),
        (false, true) => Some(if me < peer { old.id } else { new.id }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rival(id: usize, dialled: bool, age: u64) -> Rival {
        let id = ConnectionId::new_unchecked(id);
        Rival { id, dialled, age: Duration::from_secs(age) }
    }

    #[test]
    fn both_sides_of_two_dials_at_one_moment_close_the_same_one() {
        let (a, b) = (PeerId::random(), PeerId::random());
        // Connection 1 was dialled by `a`, 2 by `b`; each side may see them in either order.
        let by_a = |seen_by_a: bool| rival(1, seen_by_a, 0);
        let by_b = |seen_by_a: bool| rival(2, !seen_by_a, 0);
        let expected = ConnectionId::new_unchecked(if a < b { 2 } else { 1 });
        for (old, new) in [(by_a(true), by_b(true)), (by_b(true), by_a(true))] {
            assert_eq!(surplus(&a, &b, old, new), Some(expected));
        }
        for (old, new) in [(by_a(false), by_b(false)), (by_b(false), by_a(false))] {
            assert_eq!(surplus(&b, &a, old, new), Some(expected));
        }
    }

    #[test]
    fn who_comes_again_has_lost_the_old_one() {
        let (a, b) = (PeerId::random(), PeerId::random());
        for dialled in [true, false] {
            let (old, new) = (rival(1, dialled, 60), rival(2, false, 0));
            assert_eq!(surplus(&a, &b, old, new), Some(old.id));
        }
        let (old, new) = (rival(1, false, 60), rival(2, true, 0));
        assert_eq!(surplus(&a, &b, old, new), Some(new.id));
    }

    #[test]
    fn of_two_ways_of_one_dial_only_the_dialler_closes_one() {
        let (a, b) = (PeerId::random(), PeerId::random());
        assert_eq!(
            surplus(&a, &b, rival(1, true, 0), rival(2, true, 0)),
            Some(rival(2, true, 0).id)
        );
        assert_eq!(surplus(&b, &a, rival(1, false, 0), rival(2, false, 0)), None);
    }
}
