//! The journal: one gapless, hash-chained list of entries per actor.
//!
//! # Invariants
//! - **J1** Sequence numbers start at 1 and have no gaps.
//! - **J2** A reader is never shown an entry that was not acknowledged.
//! - **J3** Each entry carries the hash of the one before it; the first carries the hash of the
//!   journal's id.
//!
//! J1 and J3 are asserted where entries are made ([`crate::history`]) and checked again where they
//! are read ([`crate::ledger`]); J2 is kept by the ledger's slot.
//!
//! # Why not one chain per node?
//! A room must move to another node without dragging its neighbours' history along.

use std::{fmt, sync::Arc};

pub use protocol::id::Seq;
use protocol::{
    key::{Key, SHARDS},
    time::Time,
};

use crate::digest::{Hash, sha256};

/// Bytes of the longest journal id.
pub const JOURNAL_ID_BYTES: usize = 120;

/// The name of one journal, like `room/room_01j9…`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalId(Arc<str>);

/// A text that cannot name a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{len} bytes cannot name a journal: 1 to {JOURNAL_ID_BYTES} printable ASCII characters can"
)]
pub struct BadJournalId {
    /// How long the text was.
    pub len: usize,
}

impl JournalId {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// When it is empty, longer than [`JOURNAL_ID_BYTES`] or not printable ASCII without spaces.
    pub fn new(text: &str) -> Result<Self, BadJournalId> {
        let fits = !text.is_empty() && text.len() <= JOURNAL_ID_BYTES;
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(BadJournalId { len: text.len() })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash the first entry carries as its parent (J3).
    pub fn genesis(&self) -> Hash {
        sha256(self.0.as_bytes())
    }

    /// The shard that holds it: its actor's, when an actor's address is its name.
    pub fn shard(&self) -> u16 {
        match self.0.parse::<Key>() {
            Ok(key) => key.shard(),
            Err(_) => (crate::digest::crc32(self.0.as_bytes()) % u32::from(SHARDS)) as u16,
        }
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for JournalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::str::FromStr for JournalId {
    type Err = BadJournalId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// One thing that happened, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub seq: Seq,
    /// When the node that kept it said it happened.
    pub at: Time,
    /// What the upper floor encoded.
    pub body: Vec<u8>,
}

/// A fold saved, so that starting does not mean replaying a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last entry folded into it.
    pub seq: Seq,
    /// The shape of `body`, as the upper floor counts shapes.
    pub version: u16,
    /// What the upper floor encoded.
    pub body: Vec<u8>,
}

/// The end of a chain: its last sequence number and that entry's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The last entry's place; 0 when there is none.
    pub seq: Seq,
    /// The last entry's hash; the genesis when there is none.
    pub hash: Hash,
}

impl Link {
    /// The end of a journal that was never written.
    pub fn genesis(journal: &JournalId) -> Self {
        Self { seq: Seq(0), hash: journal.genesis() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert_eq!(
            JournalId::new("room/room_1").map(|id| id.to_string()),
            Ok("room/room_1".into())
        );
        for bad in ["", "with space", "with\0zero", "ümlaut", &"x".repeat(121)] {
            assert!(JournalId::new(bad).is_err(), "{bad:?}");
        }
        assert!(JournalId::new(&"x".repeat(120)).is_ok());
    }

    #[test]
    fn a_journal_lies_in_the_shard_of_its_actor() {
        let key = Key::Room(protocol::id::RoomId::from_u128(0x1_07));
        let named = JournalId::new(&key.to_string()).expect("a good name");
        assert_eq!((named.shard(), key.shard()), (7, 7));
        let other = JournalId::new("proof/1").expect("a good name");
        assert!(other.shard() < SHARDS);
    }

    #[test]
    fn j3_two_journals_never_share_a_genesis() {
        let one = JournalId::new("room/1").expect("a good name");
        let two = JournalId::new("room/2").expect("a good name");
        assert_ne!(Link::genesis(&one), Link::genesis(&two));
        assert_eq!(Link::genesis(&one).seq, Seq(0));
    }
}
