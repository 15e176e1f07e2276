//! What the two copies of a shard say to each other (twins.md 2.3).
//!
//! Frames name an epoch; one of an older epoch than the receiver knows is answered with
//! [`TwinFrame::Fence`] and otherwise ignored. Any frame may be lost, doubled, delayed or arrive
//! out of order; no rule depends on the contrary.

use crate::cluster::{Epoch, Lsn, NodeKey};
use serde::{Deserialize, Serialize};

/// A place in a shard's log, with the epoch of the entry there.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct At {
    /// The epoch in which the entry was first written.
    pub epoch: Epoch,
    /// Its position.
    pub lsn: Lsn,
}

/// One entry of a shard's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands.
    pub at: At,
    /// What it is, in the ledger's words; the twin does not care.
    pub kind: u8,
    /// What it holds.
    #[serde(with = "payload")]
    pub payload: bytes::Bytes,
}

/// One frame of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TwinFrame {
    /// Entries that follow `prev`; everything up to `commit` is committed.
    Append {
        /// The primary's epoch.
        epoch: Epoch,
        /// The generation of that epoch's configuration; it rises only by force (rule R8).
        generation: u32,
        /// The entry before the first of `entries`.
        prev: At,
        /// Entries, gapless.
        entries: Vec<Entry>,
        /// Committed up to here.
        commit: Lsn,
    },
    /// Durable here up to `durable`, as far as this epoch's appends were matched.
    Ack {
        /// The epoch of the appends.
        epoch: Epoch,
        /// The last durable position that was matched.
        durable: Lsn,
    },
    /// The entry before yours is not mine; try from behind `hint`.
    Mismatch {
        /// The epoch of the append.
        epoch: Epoch,
        /// The last place at which both logs may agree.
        hint: At,
    },
    /// I have seen a newer epoch.
    Fence {
        /// Which.
        seen: Epoch,
    },
    /// The primary lives; asks for a promise not to serve in its place for a while.
    Beat {
        /// The primary's epoch.
        epoch: Epoch,
        /// The primary's steady clock, in milliseconds, when this was sent.
        sent: u64,
        /// Committed up to here.
        commit: Lsn,
    },
    /// The promise.
    BeatAck {
        /// The epoch of the beat.
        epoch: Epoch,
        /// What the beat said.
        sent: u64,
        /// The last durable position that was matched.
        durable: Lsn,
    },
    /// Nothing I keep in memory joins on to your `hint`: copy my state, then ask again.
    TooFar {
        /// The primary's epoch.
        epoch: Epoch,
        /// What the answered [`TwinFrame::Mismatch`] said.
        hint: At,
    },
    /// I never act in this epoch again: a promise given for it binds you no longer.
    Release {
        /// Which epoch.
        epoch: Epoch,
    },
}

/// Frames of one node for another, gathered over a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinBatch {
    /// Who says it.
    pub from: NodeKey,
    /// Shard and frame.
    pub frames: Vec<(u16, TwinFrame)>,
}

/// Bytes as bytes rather than as a sequence of numbers.
mod payload {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Visitor};
    use std::fmt;

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        struct Taken;

        impl Visitor<'_> for Taken {
            type Value = Bytes;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes::copy_from_slice(bytes))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes::from(bytes))
            }
        }

        if from.is_human_readable() {
            return Vec::<u8>::deserialize(from).map(Bytes::from);
        }
        from.deserialize_byte_buf(Taken)
    }
}
