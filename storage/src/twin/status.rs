//! Figures of one replica, for operators.

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
    /// This node serves without a second copy since then (rule R5: what follows from it is
    /// decided above).
    pub solo_since: Option<u64>,
    /// The twin that was proposed and acknowledges already.
    pub proposed: Option<NodeKey>,
    /// The other copies, when this node is primary.
    pub peers: Vec<PeerStatus>,
}
