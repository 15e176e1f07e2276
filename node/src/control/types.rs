//! What the consensus library is told about our types, and the short names used for its own.

use std::io::Cursor;

use openraft::{EmptyNode, StorageError, StorageIOError};
use protocol::cluster::{Change, ChangeRefusal};

/// What applying a change answers: `storage::control::apply`'s result.
pub type Answered = Result<Vec<Option<ChangeRefusal>>, ChangeRefusal>;

openraft::declare_raft_types!(
    /// The control plane as the consensus library sees it.
    pub Plane:
        D = Change,
        R = Answered,
        NodeId = u64,
        Node = EmptyNode,
        Entry = openraft::Entry<Plane>,
        SnapshotData = Cursor<Vec<u8>>,
        Responder = openraft::impls::OneshotResponder<Plane>,
        AsyncRuntime = openraft::TokioRuntime,
);

/// One entry of the log.
pub type Entry = openraft::Entry<Plane>;

/// Where an entry stands.
pub type LogId = openraft::LogId<u64>;

/// Whom a member voted for, and when.
pub type Vote = openraft::Vote<u64>;

/// Who votes and who listens, with the entry that says so.
pub type Membership = openraft::StoredMembership<u64, EmptyNode>;

/// What a snapshot says of itself.
pub type Meta = openraft::SnapshotMeta<u64, EmptyNode>;

/// A fault of the disk, as the library wants it.
pub(super) type Fault = StorageError<u64>;

/// What failed, as the library sorts it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Log,
    Vote,
    Snapshot,
}

/// The library's shape for a fault of `part`.
pub(super) fn fault(part: Part, why: &(impl std::error::Error + 'static)) -> Fault {
    let source = openraft::AnyError::new(why);
    let fault = match part {
        Part::Log => StorageIOError::write_logs(source),
        Part::Vote => StorageIOError::write_vote(source),
        Part::Snapshot => StorageIOError::write_snapshot(None, source),
    };
    StorageError::IO { source: fault }
}
