//! A backup: every journal and every content of a cluster in one sealed file.
//!
//! ```text
//! file     header | chunk | chunk | … | the last chunk, which says that it is
//! header   "KONSBACK" 8 | version 2 | chunk's length 4 | the key's mark 8 | salt 32 | sum 4
//! chunk    sealed: its length and 16 bytes; the last one may be shorter
//! inside   item | item | …          an item goes on in the next chunk where one is full
//! item     kind 1 | length 4 | bytes
//!
//! begin ─► ( journal ─► entry ─► entry … )  ( content ─► piece ─► piece … ─► kept | lost ) … ─► end
//! ```
//!
//! All numbers are little endian. An entry stands as its journal's node stores it, so its chain is
//! the proof that it is that journal's. Folds are left out: no chain proves them, and an actor makes
//! a new one. Writing and reading hold one chunk and one item at a time, however large the whole.
//!
//! # Invariants
//! - **BK1** What is not as it was written is found and its place named: a flipped bit, a piece that
//!   is missing, doubled, elsewhere or of another backup, an end that is not the end.
//! - **BK2** Nothing is written that would not be read back: writer and reader follow the same
//!   [`story`].
//! - **BK3** A journal in a backup begins with its first entry, has no gap, and its chain holds; a
//!   content is what its name says, or is said to be lost.
//! - **BK4** The end says what came before it: journals, entries and a digest for each shard, and
//!   the contents.
//!
//! What moment a backup stands for, and what is in it together, is its collector's promise: the
//! node's.

mod chunks;
mod fault;
mod item;
mod reader;
mod restore;
mod story;
mod writer;

use std::fmt;

use protocol::time::Time;
use serde::{Deserialize, Serialize};

pub use self::{
    chunks::CHUNK_BYTES,
    fault::{BackupFault, Wrong},
    item::Item,
    reader::Reader,
    restore::{compare, restore},
    writer::Writer,
};
use crate::{
    digest::{Hasher, hex},
    journal::{JournalId, Link},
};

/// The newest shape of a backup that this version knows, and the one it writes.
pub const VERSION: u16 = 1;

/// What a backup begins with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Before anything was read: what was acknowledged by then is in it.
    pub begun: Time,
    /// The release that made it.
    pub release: String,
    /// What the upper floor needs beside the journals; secret.
    pub more: Vec<u8>,
}

impl fmt::Debug for Begin {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Begin({} by {})", self.begun.ms(), self.release)
    }
}

/// What a backup ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// When the last of it was read.
    pub ended: Time,
    /// What is in it.
    pub tally: Tally,
}

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Each shard's journals.
    pub shards: Vec<Sum>,
    /// Contents that are whole.
    pub contents: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Contents that are named and that nobody had.
    pub lost: u64,
}

impl Tally {
    /// Journals of all shards.
    pub fn journals(&self) -> u64 {
        self.shards.iter().map(|sum| sum.journals).sum()
    }

    /// Entries of all shards.
    pub fn entries(&self) -> u64 {
        self.shards.iter().map(|sum| sum.entries).sum()
    }
}

/// What one shard's journals sum up to, in whatever order they come.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many.
    pub journals: u64,
    /// Their entries.
    pub entries: u64,
    /// Of every name with the end of its chain, laid over each other.
    pub digest: [u8; 32],
}

impl Sum {
    /// Adds a journal that ends here.
    pub fn add(&mut self, journal: &JournalId, end: Link) {
        self.journals += 1;
        self.entries += end.seq.0;
        let mut hasher = Hasher::default();
        hasher.update(&(journal.as_str().len() as u64).to_le_bytes());
        hasher.update(journal.as_str().as_bytes());
        hasher.update(&end.seq.0.to_le_bytes());
        hasher.update(&end.hash);
        // Laid over each other, because journals come in another order from an engine. That this
        // can be forged does not matter: it lies in a sealed chunk.
        self.digest.iter_mut().zip(hasher.finish()).for_each(|(mine, more)| *mine ^= more);
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} of {} {}", self.entries, self.journals, hex(&self.digest[..4]))
    }
}

#[cfg(test)]
mod tests;
