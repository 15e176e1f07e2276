//! Figures of one replica, for operators.

use super::{Replica, Role};
use protocol::{
    cluster::{Config, Epoch, Lsn, NodeKey},
    twin::At,
};

/// What a replica is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum RoleName {
    /// Nothing.
    #[default]
    Idle,
    /// Builds a copy; not eligible.
    Learner,
    /// Holds the second copy.
    Follower,
    /// Serves with a twin.
    PrimaryDuplex,
    /// Serves alone.
    PrimarySolo,
    /// Serves alone and brings up a twin.
    Joining,
    /// Serves with a twin and brings up another in its place.
    Replacing,
    /// Knows that a newer epoch exists and waits to learn it; or must take a new one itself.
    Fenced,
    /// Holds a copy that is not eligible while the one that is does not answer.
    Stalled,
    /// Found its committed log contradicted and stopped.
    Halted,
}

/// What a primary knows of another copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Whose.
    pub node: NodeKey,
    /// Durable there up to here.
    pub matched: Lsn,
    /// Silent for this many milliseconds.
    pub silent: u64,
    /// Has to copy the whole state first.
    pub copying: bool,
}

/// Figures of one replica.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// What it is doing.
    pub role: RoleName,
    /// The last configuration it learned.
    pub config: Option<Config>,
    /// The newest epoch it has seen.
    pub seen: Epoch,
    /// The last epoch in which it acted.
    pub act: Epoch,
    /// The log's end.
    pub last: At,
    /// Durable here up to here.
    pub durable: Lsn,
    /// Committed up to here, as far as is known.
    pub commit: Lsn,
    /// Bytes taken in and not committed.
    pub uncommitted_bytes: u64,
    /// Bytes of committed entries kept in memory.
    pub ring_bytes: u64,
    /// See [`Replica::solo_since`].
    pub solo_since: Option<u64>,
    /// The twin that was proposed and acknowledges already.
    pub proposed: Option<NodeKey>,
    /// The other copies, when this node is primary.
    pub peers: Vec<PeerStatus>,
}

impl Replica {
    /// Figures for people.
    pub fn status(&self) -> Status {
        let last = self.log.last();
        let mut status = Status {
            role: self.role_name(),
            config: self.config,
            seen: self.seen,
            act: self.act,
            last,
            durable: self.disk.durable(&self.log),
            commit: self.commit,
            uncommitted_bytes: self.log.between(self.commit, last.lsn),
            ring_bytes: self.log.between(self.log.start().lsn, self.commit),
            ..Status::default()
        };
        if let Role::Primary(primary) = &self.role {
            status.solo_since = self.solo_since();
            status.proposed = primary.joint.map(|joint| joint.node);
            let peers = primary.peers.values().map(|peer| PeerStatus {
                node: peer.node,
                matched: peer.matched,
                silent: self.now.saturating_sub(peer.heard),
                copying: peer.copy.is_some(),
            });
            status.peers = peers.collect();
        }
        status
    }

    /// Since when this node serves without a second copy (rule R5: what follows from it is decided
    /// above).
    pub fn solo_since(&self) -> Option<u64> {
        self.solo_since.filter(|_| matches!(self.role, Role::Primary(_)))
    }

    /// The generation of the configuration in which this node serves; 0 when it does not (rule R8).
    pub fn generation(&self) -> u32 {
        match &self.role {
            Role::Primary(primary) => primary.config.generation,
            _ => 0,
        }
    }

    fn role_name(&self) -> RoleName {
        let config = self.config.filter(|config| config.epoch == self.seen);
        match &self.role {
            Role::Halted => RoleName::Halted,
            Role::Primary(primary) => {
                let brings_up = primary.joint.is_some() || self.join_target().is_some();
                match (primary.config.twin, brings_up) {
                    (Some(_), false) => RoleName::PrimaryDuplex,
                    (Some(_), true) => RoleName::Replacing,
                    (None, false) => RoleName::PrimarySolo,
                    (None, true) => RoleName::Joining,
                }
            }
            Role::Follow(follow) => {
                let silent = follow.is_suspect(self.now, self.settings.suspect_primary);
                match follow.primary {
                    Some(primary) if primary == self.me => RoleName::Fenced,
                    Some(_) if config.is_some_and(|it| it.is_eligible(self.me)) => {
                        RoleName::Follower
                    }
                    Some(_) if follow.fed && silent => RoleName::Stalled,
                    Some(_) if follow.fed => RoleName::Learner,
                    None if self.config.is_some() => RoleName::Fenced,
                    _ => RoleName::Idle,
                }
            }
        }
    }
}
