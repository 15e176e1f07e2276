//! What a replica is told and what it asks for.

use protocol::{
    cluster::{Cas, Config, Epoch, Lsn, NodeKey, Wanted},
    twin::{At, Entry, TwinFrame},
};

/// What the disk held when the node started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durable {
    /// The newest epoch that was seen: nothing older is obeyed.
    pub seen: Epoch,
    /// The last epoch in which this node acted as primary.
    pub act: Epoch,
    /// Everything up to here is applied, hence was committed.
    pub base: At,
    /// What follows, as the log holds it, without a gap.
    pub tail: Vec<Entry>,
}

/// What may happen to a replica.
#[derive(Debug, Clone)]
pub enum Input {
    /// Time passed.
    Tick,
    /// The control plane's word, possibly an old one.
    Config(Config),
    /// Where placement would like the shard.
    Wanted(Option<Wanted>),
    /// Another node spoke.
    Frame {
        /// Which node: proven by the transport.
        from: NodeKey,
        /// What it said.
        frame: TwinFrame,
    },
    /// This write and all before it are durable.
    Durable(u64),
    /// This write and all after it were not kept; the disk holds what it held before them.
    Lost(u64),
    /// A change that this node proposed for this epoch is known to have failed.
    Refused {
        /// The epoch it expected.
        expect: Epoch,
    },
    /// A link to this node stands again.
    Up(NodeKey),
    /// The link to this node broke and could not be made again: suspect it at once.
    Down(NodeKey),
    /// The state asked for by [`Output::NeedState`] is durable here; the log, which the host has
    /// emptied, begins behind this place. A host that ends a copy looks first whether it is still
    /// asked for ([`Replica::copying`](super::Replica::copying)).
    Installed(At),
    /// The state could not be copied.
    CopyFailed,
    /// Everything was dropped, from disk and memory, but what was seen and done. Only after
    /// [`Replica::counts_for_nothing`](super::Replica::counts_for_nothing), and with nothing heard
    /// or learned in between.
    Forgotten,
}

/// What a replica asks of its host, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Keep this. Writes become durable in the order given.
    Write {
        /// Rises by one with every write; named again by `Durable` and `Lost`.
        ticket: u64,
        /// What to keep.
        write: Write,
    },
    /// Tell another node.
    Send {
        /// Which.
        to: NodeKey,
        /// What.
        frame: TwinFrame,
    },
    /// Propose a change to the control plane.
    Propose(Cas),
    /// Everything up to here is committed: apply it, answer for it. The entries are in memory
    /// until the next step at least ([`Replica::entry`](super::Replica::entry)).
    Committed(Lsn),
    /// Where this replica stands has changed.
    ///
    /// `Serving` straight after `Serving` of the epoch before means the same primary went on:
    /// what was under way still is.
    Standing(Standing),
    /// This copy is too far behind: fetch the whole state from there.
    NeedState {
        /// The primary.
        from: NodeKey,
    },
    /// Entries that force gave up, about to leave the log: put them into a file for people.
    Quarantine(Vec<Entry>),
    /// Something a person should hear of.
    Alarm(Alarm),
}

/// Something to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// What was seen and where this node acted.
    Fence {
        /// The newest epoch.
        seen: Epoch,
        /// The last epoch as primary.
        act: Epoch,
    },
    /// Entries that follow the log's last.
    Entries(Vec<Entry>),
    /// Everything behind `keep` leaves the log.
    Cut {
        /// The last one that stays.
        keep: Lsn,
    },
}

/// Where a replica stands, for whoever asks the shard something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Takes commands.
    Serving {
        /// In this epoch.
        epoch: Epoch,
    },
    /// Is the primary; what it inherited is not committed yet.
    Warming {
        /// In this epoch.
        epoch: Epoch,
    },
    /// Holds or builds the other copy.
    Follows {
        /// In this epoch.
        epoch: Epoch,
        /// This one serves.
        primary: NodeKey,
    },
    /// Has nothing to say about this shard.
    Idle,
}

/// Why an entry was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproposed {
    /// This node does not serve the shard at the moment.
    NotServing {
        /// Who does, as far as is known here; oneself while still warming.
        primary: Option<NodeKey>,
        /// The newest epoch seen.
        epoch: Epoch,
    },
    /// Too much is under way, or the shard is being handed over: try again in a moment.
    Full,
}

/// What a person should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// The primary's log contradicts what is committed here. This replica has stopped.
    CommittedConflict {
        /// What is here.
        mine: At,
        /// What the primary says.
        theirs: At,
    },
    /// Two nodes act in one epoch; frames of the second are ignored.
    TwoPrimaries {
        /// Which epoch.
        epoch: Epoch,
        /// The second.
        other: NodeKey,
    },
    /// The disk did not keep what was written; the log ends here again.
    Unkept {
        /// The last entry that is left.
        last: Lsn,
    },
    /// This committed entry cannot be applied here, so this copy could not serve.
    Unapplied {
        /// Which.
        at: At,
    },
    /// The whole state is needed from another node, and again and again cannot be copied.
    Uncopied {
        /// From there.
        from: NodeKey,
        /// Tries in a row.
        tries: u32,
    },
}
