//! What must hold after every step, as far as one replica can see it.

use super::{Replica, Role};

impl Replica {
    /// Panics when an invariant of this module is broken. A replica that breaks a rule on
    /// purpose is left to the simulator.
    pub fn check(&self) {
        if !self.settings.sound() {
            return;
        }
        let (start, last) = (self.log.start(), self.log.last());
        assert!(self.act <= self.seen, "I4: acting is seeing");
        assert!(last.epoch <= self.seen, "I4: nothing is kept of an epoch that was not seen");
        assert!(start.epoch <= last.epoch, "I7: epochs never fall");
        assert!(self.commit >= start.lsn, "I8: what is applied stays committed");
        assert!(self.commit <= self.disk.durable(&self.log), "I2: committed is durable here");
        assert!(self.told <= self.commit, "I8: what was published stays published");
        match &self.role {
            Role::Follow(follow) => {
                assert_eq!(follow.epoch, self.seen, "I4: one follows the newest epoch seen");
                assert!(
                    follow.matched.is_none_or(|matched| matched <= last.lsn),
                    "I7: what matched is here"
                );
            }
            Role::Primary(primary) => {
                assert_eq!(primary.config.epoch, self.seen, "I4: one acts in the newest epoch");
                assert_eq!(self.act, self.seen, "I4: the epoch acted in is the one written down");
                assert_eq!(Some(primary.config), self.config, "I6: one acts as one has learned");
                assert_eq!(primary.config.primary, self.me, "I6: one acts where one is named");
                for peer in primary.ackset() {
                    assert!(peer.matched <= last.lsn, "I7: what matched is here");
                }
                if let Some(joint) = primary.joint {
                    let spoken = primary.peers.contains_key(&joint.node);
                    assert!(spoken, "I5: whoever has to acknowledge is spoken to");
                }
                assert!(self.copy.is_none(), "I2: a copy that serves is whole");
            }
            Role::Halted => {}
        }
    }
}
