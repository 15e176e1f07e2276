//! What an operator is shown of the cluster: never content, only where things are and how they do.
//!
//! Travels as JSON from a node to its operator page and is kept nowhere.

use crate::{
    cluster::{Epoch, Purpose},
    id::Seq,
    time::Time,
};

names! {
    /// How a shard does, from best to worst.
    pub enum ShardState {
        /// Two copies, both reachable.
        Whole,
        /// On its way to other nodes; served all the while.
        Moving,
        /// A second copy is being made.
        Copying,
        /// One copy that is reachable: the loss of its node is the loss of its service.
        Solo,
        /// Nobody serves it.
        Stalled,
    }
}

shape! {
    /// One shard.
    #[derive(Copy)]
    pub struct ShardSight {
        /// Which.
        pub shard: u16,
        /// The number of its configuration.
        pub epoch: Epoch,
        /// The number of the node that serves it.
        pub primary: u64,
        /// The number of the node that holds the second copy.
        pub twin: Option<u64>,
        /// How it does.
        pub state: ShardState,
    }
}

shape! {
    /// What moves at every moment on one node.
    #[derive(Copy)]
    pub struct Figures {
        /// The node's number.
        pub number: u64,
        /// Whether it answers.
        pub up: bool,
        /// Sockets of browsers.
        pub sockets: u32,
        /// People in calls.
        pub calls: u32,
        /// Rooms awake.
        pub rooms: u32,
        /// Entries its second copies have not yet acknowledged, over all shards it serves.
        pub lag: u64,
        /// Shards it serves.
        pub primaries: u32,
        /// Shards of which it holds the second copy.
        pub twins: u32,
    }
}

shape! {
    /// One node.
    pub struct NodeSight {
        /// What people call it.
        pub name: String,
        /// The country its disks stand in.
        pub country: String,
        /// The building, room or zone.
        pub site: String,
        /// The release it runs.
        pub release: String,
        /// Whether it holds data or only votes.
        pub purpose: Purpose,
        /// It is the node that answers here.
        pub here: bool,
        /// On its way out.
        pub draining: bool,
        /// It may go: it holds no shard, and no content of a file that it may have is missing with
        /// another node.
        #[serde(default)]
        pub empty: bool,
        /// It leads the control plane.
        pub leads: bool,
        /// It votes in the control plane.
        pub votes: bool,
        /// What moves at every moment.
        pub figures: Figures,
    }
}

shape! {
    /// Shards that would go to one node.
    #[derive(Copy)]
    pub struct Heir {
        /// The node's number.
        pub number: u64,
        /// How many shards it would serve in addition.
        pub shards: u32,
    }
}

shape! {
    /// What would happen if one node died at this moment.
    pub struct WhatIf {
        /// The node that dies.
        pub number: u64,
        /// Who would serve what it serves.
        pub heirs: Vec<Heir>,
        /// Shards that would then have one copy only.
        pub alone: u32,
        /// Shards that nobody would serve.
        pub stalls: Vec<u16>,
        /// Sockets that would go to another node.
        pub sockets: u32,
        /// People in calls who would hear a short gap.
        pub calls: u32,
        /// Whether the rest could still decide about changes.
        pub quorum: bool,
    }
}

shape! {
    /// A node that runs an older release than others.
    pub struct Behind {
        /// What people call it.
        pub name: String,
        /// What it runs.
        pub release: String,
    }
}

word! {
    /// A sentence about the cluster; the first one told is the one that matters most.
    pub enum Verdict {
        /// Nobody serves some shards.
        Stalled { shards: u32 },
        /// The control plane has no leader: nothing can move until it has one.
        Leaderless {},
        /// A node does not answer.
        Down { name: String },
        /// Some shards have one copy only.
        Solo { shards: u32 },
        /// The loss of one more voter would stop the control plane.
        NoSpareVoter {},
        /// A node is being relieved.
        Draining { name: String, calls: u32, shards: u32 },
        /// One node alone: what it holds is held once.
        Lone {},
        /// Every shard has two copies: any one node may die.
        Safe { nodes: u32 },
        /// Two nodes with data and no third vote: only one decides, and nothing takes over from it.
        NoFailover { name: String },
        /// Contents of files are not yet on every node that holds their records.
        Missing { files: u64 },
        /// It is not yet known whether everything is there that belongs to some shards: they came
        /// to a node only now.
        Unlooked { shards: u32 },
        /// A node with data stands in a country in which none may lie.
        Abroad { name: String, country: String },
        /// A node that was relieved has nothing any more that others need: it can be removed.
        Empty { name: String },
        /// Releases run side by side: everybody but these runs the newest. As long as one of them
        /// is left, every node can go back to what it runs.
        Mixed { newest: String, behind: Vec<Behind> },
        /// A node's release is too old for the others: it speaks this, and that is needed by now.
        TooOld { name: String, speaks: u16, needs: u16 },
        /// A node's release is too new for the one that looks: it speaks nothing before this, and
        /// that is the newest that is known here.
        TooNew { name: String, speaks: u16, knows: u16 },
    }
}

word! {
    /// What happened in the cluster.
    pub enum Occurrence {
        /// A node was elected to lead the control plane.
        Elected { name: String },
        /// Nobody leads the control plane.
        Leaderless {},
        /// A node answers again, or for the first time.
        Up { name: String },
        /// A node no longer answers.
        Down { name: String },
        /// A node is being relieved, or no longer.
        Drain { name: String, on: bool },
        /// Shards are served by another node than before.
        Moved { shards: u32 },
        /// A shard was given to a node by force.
        Forced { shard: u16, by: String },
        /// It was chosen in which countries data may lie.
        Countries { countries: String, by: String },
        /// The scrubber found damage on the node that tells and could not mend it: in this journal
        /// or file, at this entry.
        Damaged { shard: u16, what: String, entry: Seq },
        /// The scrubber mended damage on the node that tells.
        Mended { shard: u16, what: String },
    }
}

shape! {
    /// Something that happened, and when.
    pub struct Happening {
        /// When.
        pub at: Time,
        /// What.
        pub what: Occurrence,
    }
}

shape! {
    /// The cluster as one node sees it.
    pub struct Overview {
        /// Changes with everything but the figures.
        pub revision: u64,
        /// The node's clock.
        pub now: Time,
        /// The index of the newest map.
        pub map: u64,
        /// Countries in which data may lie; none named: all.
        #[serde(default)]
        pub countries: Vec<String>,
        /// The level of the cluster: what a release that speaks more would write differently is
        /// written as of this one. A node of the first release says none.
        #[serde(default)]
        pub level: u16,
        /// What there is to say, most important first; never empty.
        pub verdicts: Vec<Verdict>,
        /// All members, by number.
        pub nodes: Vec<NodeSight>,
        /// All shards.
        pub shards: Vec<ShardSight>,
        /// For each member.
        pub what_if: Vec<WhatIf>,
        /// The latest happenings, newest first.
        pub happenings: Vec<Happening>,
    }
}

shape! {
    /// What moves at every moment.
    pub struct Live {
        /// That of the overview: when it changed, the overview is fetched anew.
        pub revision: u64,
        /// The node's clock.
        pub now: Time,
        /// For each member.
        pub figures: Vec<Figures>,
    }
}

shape! {
    /// Relieve a node, or do not after all.
    #[derive(Copy)]
    pub struct Drain {
        /// Which.
        pub number: u64,
        /// Whether.
        pub on: bool,
    }
}
