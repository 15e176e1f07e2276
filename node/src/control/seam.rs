//! What the control plane asks of the node, what it offers, and how either may fail.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use protocol::{
    cluster::{Change, ChangeRefusal, Map},
    version,
};
use storage::StorageFault;
use tokio::sync::watch;

use super::placement::Rules;

/// Carries messages of the consensus to other members.
pub trait RaftRoad: Send + Sync + 'static {
    /// Carries a message to a member and brings its answer; bounded in time.
    fn carry(&self, to: u64, bytes: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, RoadFault>>;

    /// Members that answer at the moment; oneself need not be among them.
    fn reaches(&self) -> BTreeSet<u64>;
}

/// A message had no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoadFault {
    /// It never left this node.
    #[error("member {0} is not reached; the message did not leave this node")]
    Unsent(u64),
    /// It may have arrived.
    #[error("member {0} did not answer; whether the message arrived is not known")]
    Silent(u64),
}

/// A change was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its index; of an admission, the new member's number.
    pub index: u64,
    /// For compare-and-sets one answer each, none meaning made; else empty.
    pub refused: Vec<Option<ChangeRefusal>>,
}

/// A change was not made, or it is not known whether it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlNo {
    /// The rule says no; nothing was changed.
    #[error("refused: {0:?}")]
    Refused(ChangeRefusal),
    /// Nobody leads that is reached from here; nothing was changed.
    #[error("no majority of the voters answers; nothing was changed. Bring back a voter")]
    NoLeader,
    /// It may have been made, or may yet be: look at the map before trying again.
    #[error("no answer in time; the change may have been made: look at the map")]
    Unknown,
    /// More than one message holds; nothing was changed.
    #[error("a change of {len} bytes where {max} are allowed; make it in several")]
    TooLarge {
        /// Its size.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// This node's part of the control plane has ended; nothing was changed.
    #[error("the control plane of this node has stopped; start the node anew")]
    Stopped,
}

impl ControlNo {
    /// True when nothing was changed, for certain.
    pub const fn is_certain(&self) -> bool {
        !matches!(self, Self::Unknown)
    }
}

/// The control plane of this node failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlFault {
    /// Its log or its snapshot cannot be read.
    #[error(
        "the control plane's folder: {0}. A voter must not lose what it promised: remove this \
         member and let it join anew with an empty folder"
    )]
    Storage(#[from] StorageFault),
    /// Its folder is of another release's time (K5 of the machine).
    #[error(
        "this data folder is of level {found}, and this release knows levels {oldest} to {known}. \
         {help}"
    )]
    Level {
        /// The level of the folder.
        found: u32,
        /// The lowest this release reads.
        oldest: u16,
        /// The highest it knows.
        known: u16,
        /// What to do.
        help: &'static str,
    },
    /// The timeouts make no sense together.
    #[error("timeouts of the control plane: {0}; give the shortest to heartbeats")]
    Timeouts(String),
    /// The consensus ended.
    #[error("the consensus has stopped: {0}; check the disk, then start the node")]
    Stopped(String),
    /// A cluster was founded here before, or joined.
    #[error("this node belongs to a cluster already")]
    Founded,
    /// A change that begins a cluster was not made.
    #[error(transparent)]
    No(#[from] ControlNo),
    /// A message is not one.
    #[error("a message of the control plane is not one: {0}")]
    Garbled(String),
}

impl ControlFault {
    /// What a folder of the control plane that is not opened means.
    pub(super) fn opening(fault: StorageFault) -> Self {
        let level = |found, help| Self::Level {
            found,
            oldest: version::PEER_WIRE_OLDEST,
            known: version::PEER_WIRE,
            help,
        };
        match fault {
            StorageFault::NewerData { found, .. } => level(
                found,
                "Install the release that the other nodes run: once every node runs a release, \
                 there is no way back to the one before but a backup",
            ),
            StorageFault::OlderData { found, .. } => level(
                found,
                "Install the release between the two first, on every node, and then this one",
            ),
            other => Self::Storage(other),
        }
    }
}

/// Everything that can be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often the leader shows that it lives. Default 100 ms.
    pub heartbeat: Duration,
    /// A voter that hears nothing waits for `election.1` (as long as the leader may believe in
    /// itself), then for a time by chance between the two, and stands for election. So the
    /// defaults, 250 and 500 ms, elect after 0.75 to 1.0 s of silence.
    pub election: (Duration, Duration),
    /// A change waits for so long. Default 5 s.
    pub patience: Duration,
    /// Entries between two snapshots. Default 2000.
    pub snapshot_after: u64,
    /// Entries kept behind a snapshot, for members that are a little late. Default 1000.
    pub entries_kept: u64,
    /// Bytes of one segment of the log. Default 8 MiB.
    pub segment_bytes: u64,
    /// How often the leader looks after voters and places. Default 500 ms.
    pub round: Duration,
    /// A member that came back is given nothing for so long; each further time it goes away
    /// doubles it, up to 64 times. Default 1 s.
    pub settle: Duration,
    /// Where content may be placed.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election: (Duration::from_millis(250), Duration::from_millis(500)),
            patience: Duration::from_secs(5),
            snapshot_after: 2000,
            entries_kept: 1000,
            segment_bytes: 8 * 1024 * 1024,
            round: Duration::from_millis(500),
            settle: Duration::from_secs(1),
            rules: Rules::default(),
        }
    }
}

/// How the control plane of this node is doing, for figures and for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Who leads, when a majority follows.
    pub leader: Option<u64>,
    /// The term.
    pub term: u64,
    /// Who votes.
    pub voters: BTreeSet<u64>,
    /// The votes are moving: for a moment the voters before and after must both agree.
    pub moving: bool,
    /// Who listens only.
    pub learners: BTreeSet<u64>,
    /// The last entry of the log.
    pub last: u64,
    /// The last entry that was applied.
    pub applied: u64,
    /// The last entry in a snapshot.
    pub snapshot: u64,
    /// Bytes of entries in the log.
    pub log_bytes: u64,
    /// Entries in the log.
    pub log_entries: u64,
    /// Terms in which somebody stood for election since this node started.
    pub elections: u64,
    /// Why it has stopped, when it has.
    pub fault: Option<String>,
    /// What an operator should know, in sentences; empty when all is well. The leader's are the
    /// newest.
    pub words: Vec<String>,
}

/// The control plane as the rest of the node sees it: a map to watch, changes to ask for.
pub trait ConfigStore: Send + Sync + 'static {
    /// Maps, in the order in which they came to be.
    fn watch(&self) -> watch::Receiver<Arc<Map>>;

    /// Asks for a change and waits for the answer.
    fn change(&self, change: Change) -> BoxFuture<'static, Result<Changed, ControlNo>>;
}
