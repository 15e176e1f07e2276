//! What nodes say to each other: asks that reach any actor wherever it lives, what its watchers
//! are told, the control plane's messages, state and files that are copied.
//!
//! Frames travel in one of four classes, each a stream of its own, so that a file that is copied
//! never delays a heartbeat. Enums here are bincode and append-only; what is new came with a version
//! of the wire, and is sent only to who speaks it (VR3).

use crate::{
    caller::{Caller, Role},
    cluster::{Change, ChangeRefusal, Epoch, Lsn, NodeKey},
    codec,
    frame::{Fault, Refusal},
    id::{FileId, LinkId, PersonId, RequestId, RoomId, Seq, SessionId, TenantId},
    key::Key,
    media::MediaCommand,
    twin::{At, TwinBatch},
    version::PEER_WIRE,
};
use serde::{Deserialize, Serialize};

/// Bytes of one frame between nodes.
pub const PEER_FRAME_BYTES: usize = 8 * 1024 * 1024;

/// Which stream a frame travels on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The control plane and what operators ask.
    Control,
    /// The two copies of shards.
    Twin,
    /// Asks of actors and what watchers are told.
    Actor,
    /// State and files that are copied.
    Bulk,
}

impl Class {
    /// All of them, most urgent first.
    pub const ALL: [Self; 4] = [Self::Control, Self::Twin, Self::Actor, Self::Bulk];
}

/// One frame between nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PeerFrame {
    /// Answer this under the same number.
    Ask {
        /// Chosen by the asker, unique on its connection.
        id: u64,
        /// What is asked.
        request: PeerRequest,
    },
    /// The answer.
    Answer {
        /// The number of the ask.
        id: u64,
        /// The answer, or why there is none.
        answer: Result<PeerAnswer, PeerNo>,
    },
    /// Replication.
    Twins(TwinBatch),
    /// Tell your sockets.
    Told(Told),
}

/// Which exchange a frame belongs to that is not understood as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// Somebody waits for an answer under this number.
    Ask(u64),
    /// It answers the ask of this number.
    Answer(u64),
}

impl PeerFrame {
    /// The version of the wire it came with (VR3).
    pub const fn since(&self) -> u16 {
        match self {
            Self::Ask { request, .. } => request.since(),
            Self::Answer { .. } | Self::Twins(_) | Self::Told(_) => 1,
        }
    }

    /// What a frame begins with: a release that does not know the rest can still answer.
    pub fn front(bytes: &[u8]) -> Option<Front> {
        let front = codec::decode_front::<(u32, u64), PEER_FRAME_BYTES>(bytes);
        match front.ok()?.0 {
            (0, id) => Some(Front::Ask(id)),
            (1, id) => Some(Front::Answer(id)),
            _ => None,
        }
    }
}

/// What one node asks of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PeerRequest {
    /// A message of the consensus, in the control plane's own encoding.
    Raft(Vec<u8>),
    /// Bring about a change; the leader does, anybody else says who leads.
    Change(Change),
    /// Who are you, and what do you see?
    Status,
    /// Of an actor that lives with you: decide this input.
    Input {
        /// Which actor.
        key: Key,
        /// Who asks.
        by: Caller,
        /// The machine's input, as `codec::encode` wrote it.
        input: Vec<u8>,
    },
    /// Of an actor that lives with you: answer this query.
    Query {
        /// Which actor.
        key: Key,
        /// The machine's query, as `codec::encode` wrote it.
        query: Vec<u8>,
    },
    /// Show an actor's view and tell what follows, to this watch of mine.
    Watch {
        /// Which actor.
        key: Key,
        /// The asking node's number for the watch.
        watch: u64,
        /// Who watches.
        by: Caller,
        /// What the browser folded already.
        after: Seq,
    },
    /// Tell that watch no more.
    Unwatch {
        /// Which actor.
        key: Key,
        /// The asking node's number for the watch.
        watch: u64,
    },
    /// Of the media path of a room that lives with you.
    Media {
        /// Which room.
        room: RoomId,
        /// Who asks.
        by: Caller,
        /// The watch of the room whose socket hears of the call.
        watch: u64,
        /// What is asked.
        command: MediaCommand,
    },
    /// Every socket that came through this link is over.
    CutLink(LinkId),
    /// Every socket of this session is over.
    CutSession(SessionId),
    /// A page of a shard's state, for a copy that is too far behind.
    State {
        /// Which shard.
        shard: u16,
        /// Where the page before ended; none for the first.
        after: Option<Vec<u8>>,
    },
    /// A piece of a file's content.
    Content {
        /// SHA-256 of the content.
        hash: [u8; 32],
        /// Bytes of the whole.
        len: u64,
        /// From which byte on.
        offset: u64,
    },
    /// Keep a copy of this file's content; fetch it from me.
    KeepContent {
        /// Whose record names it.
        file: FileId,
        /// SHA-256 of the content.
        hash: [u8; 32],
        /// Bytes of the whole.
        len: u64,
    },
    /// What this node's copy of a shard sums up to, for the scrubber.
    Sums {
        /// Which shard.
        shard: u16,
        /// Journals behind this one.
        after: Option<String>,
    },
    /// A page of a shard's journals, for a backup.
    Backup {
        /// Which shard.
        shard: u16,
        /// Where the page before ended, in the ledger's own words, which also say which journals
        /// are asked for; none: from the first of all. The first nodes knew no such words and
        /// answer them with a fault.
        after: Option<Vec<u8>>,
    },
    /// As [`Self::Input`], and done once however often it comes. Since version 2.
    Once {
        /// Which actor.
        key: Key,
        /// Who asks.
        by: Caller,
        /// Which of the caller's commands this is.
        request: RequestId,
        /// The machine's input, as `codec::encode` wrote it.
        input: Vec<u8>,
    },
    /// As [`Self::Watch`], of a browser that was shown a generation other than 0. Since version 2.
    WatchIn {
        /// Which actor.
        key: Key,
        /// The asking node's number for the watch.
        watch: u64,
        /// Who watches.
        by: Caller,
        /// What the browser folded already.
        after: Seq,
        /// Of which generation that is.
        generation: u32,
    },
    /// Which contents of files are missing with you?
    ContentStatus,
    /// Where your copy's journals end, for the scrubber; only of a copy that is whole in this
    /// epoch.
    SumUp {
        /// Which shard.
        shard: u16,
        /// The epoch both copies must be in.
        epoch: Epoch,
        /// Which of its journals.
        of: SumsOf,
    },
    /// Entries of a journal as your copy stores them, for the scrubber: as many as fit a MiB, one
    /// at least.
    Stored {
        /// Which shard.
        shard: u16,
        /// The epoch both copies must be in.
        epoch: Epoch,
        /// Which journal.
        journal: String,
        /// The first entry.
        from: Seq,
        /// The last.
        upto: Seq,
    },
    /// Every socket of this person in this role is over: the right was taken away. Since version 3.
    CutRole {
        /// Of which tenant.
        tenant: TenantId,
        /// Who.
        person: PersonId,
        /// In which role.
        role: Role,
    },
}

impl PeerRequest {
    /// The version of the wire it came with: what is not named here came with the newest (VR3).
    pub const fn since(&self) -> u16 {
        let first = matches!(
            self,
            Self::Raft(_)
                | Self::Change(_)
                | Self::Status
                | Self::Input { .. }
                | Self::Query { .. }
                | Self::Watch { .. }
                | Self::Unwatch { .. }
                | Self::Media { .. }
                | Self::CutLink(_)
                | Self::CutSession(_)
                | Self::State { .. }
                | Self::Content { .. }
                | Self::KeepContent { .. }
                | Self::Sums { .. }
                | Self::Backup { .. }
        );
        let second = matches!(
            self,
            Self::Once { .. }
                | Self::WatchIn { .. }
                | Self::ContentStatus
                | Self::SumUp { .. }
                | Self::Stored { .. }
        );
        match (first, second) {
            (true, _) => 1,
            (_, true) => 2,
            _ => PEER_WIRE,
        }
    }
}

/// Which journals of a shard are summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SumsOf {
    /// A page of them, behind this one.
    Behind(Option<String>),
    /// This one alone.
    Only(String),
}

/// Where a journal ends on one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalSum {
    /// Which journal.
    pub journal: String,
    /// Its last entry and the hash there, which proves everything below; none when it is damaged.
    pub end: Option<(Seq, [u8; 32])>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PeerAnswer {
    /// Done, nothing to say.
    Done,
    /// Done, and durable on every copy up to here; to a watch, its generation when it is not 0.
    Seq(Seq),
    /// Bytes in the encoding of what was asked: an answer to a query, a message of the consensus.
    Bytes(Vec<u8>),
    /// The change was made, or refused; for compare-and-sets one answer each.
    Changed {
        /// The index of the change.
        index: u64,
        /// None: made.
        refused: Vec<Option<ChangeRefusal>>,
    },
    /// The media path's answer.
    Sdp(String),
    /// A page of state.
    State {
        /// What the whole copy will amount to: the log continues behind it.
        base: At,
        /// The page, in the ledger's own words.
        page: Vec<u8>,
        /// Where the next page begins; none when this was the last.
        next: Option<Vec<u8>>,
    },
    /// A piece of a file.
    Content {
        /// The piece; empty at the end.
        bytes: Vec<u8>,
    },
    /// Where journals of a copy end.
    Sums {
        /// Everything up to this place of the shard's log is in them.
        since: Lsn,
        /// Nothing behind this place is.
        upto: Lsn,
        /// In the order of their names.
        sums: Vec<JournalSum>,
        /// Whether there are more behind them.
        more: bool,
    },
    /// Entries as they are stored, gapless.
    Stored {
        /// Each as it stands on the disk, its sum before it.
        entries: Vec<Vec<u8>>,
    },
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PeerNo {
    /// The domain says no.
    Refused(Refusal),
    /// The world failed.
    Faulted(Fault),
    /// It does not live here; this is the newest epoch I know.
    NotOwner(Epoch),
    /// I do not lead; this member does, if anybody.
    NotLeader(Option<u64>),
    /// I do not know this request: I am of an older release.
    Unknown,
}

/// News for watches of one node, with the bytes sent once.
///
/// Tolds between two nodes are numbered without a gap from 1 on. Who misses one watches anew, from
/// the cursor of each watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Made anew when the teller starts, and when the line between the two broke.
    pub line: u64,
    /// The number within the line.
    pub number: u64,
    /// For which watches, by the receiver's numbers; none: only to show the number.
    pub to: Vec<u64>,
    /// The actor's position after this frame, when it is a kept one.
    pub seq: Option<Seq>,
    /// The frame as browsers get it; empty: the teller no longer holds these watches, and whoever
    /// still wants them watches anew.
    pub frame: Vec<u8>,
}

/// How a node sees itself: the answer to [`PeerRequest::Status`], encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Who it is.
    pub node: NodeKey,
    /// The index of the newest map it has.
    pub map: u64,
    /// Who leads the control plane, as far as it knows.
    pub leader: Option<u64>,
    /// Sockets of browsers.
    pub sockets: u32,
    /// People in calls.
    pub calls: u32,
    /// Rooms awake.
    pub rooms: u32,
    /// Members it can reach.
    pub reaches: Vec<u64>,
    /// Each shard it holds a copy of.
    pub shards: Vec<ShardStatus>,
}

/// What a node knows of contents of files that belong with it: the answer to
/// [`PeerRequest::ContentStatus`], encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContentStatus {
    /// As of the map with this index.
    pub map: u64,
    /// Shards it holds and has not yet looked at to the end.
    pub unlooked: u32,
    /// Contents it knows to be missing.
    pub missing: u64,
}

impl ContentStatus {
    /// Whether everything that belongs there is there.
    pub const fn is_whole(&self) -> bool {
        self.unlooked == 0 && self.missing == 0
    }
}

/// One copy of one shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardStatus {
    /// Which shard.
    pub shard: u16,
    /// The epoch the copy is in.
    pub epoch: Epoch,
    /// Whether it serves.
    pub serves: bool,
    /// The end of its log.
    pub last: Lsn,
    /// Committed up to here.
    pub commit: Lsn,
    /// Entries the other copy has not acknowledged; none without another copy.
    pub lag: Option<u64>,
    /// Whether a copy is being made.
    pub copying: bool,
}
