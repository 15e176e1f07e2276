//! Why a backup cannot be written or read, each with its place and what helps.

use std::io;

use crate::{
    content::ContentId,
    crypto::Mark,
    fault::StorageFault,
    journal::{JournalId, Seq},
};

/// A backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupFault {
    /// The file begins otherwise.
    #[error("this is not a backup: it does not begin as one. Name the file `konsil backup` wrote")]
    NoBackup,
    /// Its first bytes are damaged.
    #[error("the header (bytes 0 to {bytes}) is damaged; take another copy of this backup")]
    BadHeader {
        /// How long a header is.
        bytes: usize,
    },
    /// A later version wrote it.
    #[error("the backup is of shape {found}, this program knows up to {known}; use a newer one")]
    Newer {
        /// Its shape.
        found: u16,
        /// The newest one known here.
        known: u16,
    },
    /// Sealed with another key.
    #[error("it is sealed with the key {wanted}, and this is the key {given}; name the other file")]
    OtherKey {
        /// The mark of the key it wants.
        wanted: Mark,
        /// The mark of the key that was given.
        given: Mark,
    },
    /// A chunk does not open.
    #[error(
        "chunk {chunk}, from byte {offset} on, is damaged, cut off or not where it belongs; take \
         another copy of this backup"
    )]
    Damaged {
        /// Which, counted from 0.
        chunk: u64,
        /// Where it begins in the file.
        offset: u64,
    },
    /// It ends before its end.
    #[error("it ends at byte {offset}, before its end: the rest was cut off, or never written")]
    CutShort {
        /// Where it ends.
        offset: u64,
    },
    /// It goes on after its end.
    #[error("its end is in chunk {chunk}, and after it something follows that is not of it")]
    Longer {
        /// The last chunk.
        chunk: u64,
    },
    /// What is sealed properly does not make sense.
    #[error("chunk {chunk}: {wrong}")]
    Wrong {
        /// The chunk in which it ends.
        chunk: u64,
        /// What.
        wrong: Wrong,
    },
    /// The file.
    #[error("{doing}: {reason}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        reason: io::Error,
    },
    /// The journals or the contents.
    #[error(transparent)]
    Storage(#[from] StorageFault),
}

/// What does not follow from what came before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// An entry that is damaged, or does not follow.
    #[error("journal {journal}: entry {seq} is damaged or does not follow the one before it")]
    Chain {
        /// Which journal.
        journal: JournalId,
        /// Which entry.
        seq: Seq,
    },
    /// Its bytes are not what it is named by.
    #[error("{content} is not what its name says")]
    Content {
        /// Which.
        content: ContentId,
    },
    /// An item that cannot come here.
    #[error("{what} where none can be")]
    Order {
        /// What came.
        what: &'static str,
    },
    /// An item that cannot be read.
    #[error("an item that no release wrote")]
    Item,
    /// The end tells of something else.
    #[error("its end tells of other journals or contents than it holds")]
    Tally,
}
