//! `konsil backup`, `konsil verify` and `konsil restore`: what an operator does with a whole cluster
//! in one file.
//!
//! ```text
//! backup    this process ─ admin.sock ─► a running node ─► whoever serves the shard, has the content
//!                │ follows every chain, hashes every content, seals
//!                └──► FILE
//! verify    FILE ─► every seal, chain, hash and count
//! restore   FILE ─► the same ─► an empty data folder ─► read back and compared
//! ```
//!
//! The key stays with the operator's process: no node ever sees it. Pages and pieces travel one at
//! a time, so a backup takes the same memory whatever its size.
//!
//! # Which moment a backup stands for
//! There is no instant at which all actors are stopped, so a backup is no photograph of one. What
//! is promised is what a restored cluster needs in order to go on:
//!
//! - **BU1** Everything that was acknowledged before the backup began is in it. Each journal in it
//!   is a whole beginning of that journal, as it stood at one moment between the backup's beginning
//!   and its end.
//! - **BU2** What a journal in it relies on is in it: kinds are read in the order in which they name
//!   each other ([`order`]), and each only when all shards of the kind before it were read. An actor
//!   that says that another did something was read before that other one. What was asked and not
//!   yet confirmed is asked again when an actor awakes, as after a fall of the whole cluster, and
//!   every ask is harmless the second time.
//! - **BU3** The content of every file in it that was not withdrawn is in it, or is named as lost
//!   when no node gave it.
//!
//! What was acknowledged while the backup went on may be in it or not, each actor for itself. And
//! actors that name nothing of each other, such as two conversations, may be of different moments.

mod collect;
mod key;
mod order;
mod owed;
mod restore;
mod verify;

use protocol::{
    id::{FileId, NodeId},
    time::Time,
};
use serde::{Deserialize, Serialize};
use std::{io, path::PathBuf};
use storage::{
    backup::{BackupFault, Begin, Manifest},
    content::ContentId,
    fault::StorageFault,
    journal::{JournalId, Seq},
};

pub use self::{
    collect::take,
    key::{make_key, read_key},
    restore::restore,
    verify::verify,
};
use crate::cluster::{admin::OrderFault, join::HouseKeys};

/// What a backup holds beside journals and contents: what a node that goes on with them needs.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct House {
    /// The cluster it is of.
    pub(crate) cluster: NodeId,
    /// Its tenant, and what cookies and links are signed with.
    pub(crate) keys: HouseKeys,
}

/// Bytes of that, at most.
pub(crate) const HOUSE_BYTES: usize = 4096;

/// What was done, of how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// What is being read.
    pub kind: &'static str,
    /// Journals.
    pub journals: u64,
    /// Contents.
    pub contents: u64,
    /// Bytes of all of it.
    pub bytes: u64,
}

/// A backup that was written, checked or restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it begins.
    pub begin: Begin,
    /// The cluster it is of.
    pub cluster: NodeId,
    /// How it ends.
    pub manifest: Manifest,
    /// Files whose contents nobody gave; the first of them.
    pub lost: Vec<FileId>,
}

/// Files without contents that are named one by one.
pub(crate) const NAMED: usize = 20;

/// A backup was not written, is not sound, or was not restored.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveFault {
    /// The running node.
    #[error(transparent)]
    Node(#[from] OrderFault),
    /// The backup.
    #[error("{path}: {fault}")]
    Backup {
        /// Which.
        path: PathBuf,
        /// Why.
        fault: BackupFault,
    },
    /// A file that should not be there, cannot be read, or cannot be written.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: io::Error,
    },
    /// The page another node gave is none.
    #[error("a page of shard {shard} is none; is every node of this release?")]
    BadPage {
        /// Which shard.
        shard: u16,
    },
    /// A file's record of a later release: its content would be missed.
    #[error("journal {journal}: entry {seq} is of a later release; use its program")]
    Record {
        /// Which journal.
        journal: JournalId,
        /// Which entry.
        seq: Seq,
    },
    /// Its file is in the backup and it is not (BU3).
    #[error("{content}, which {file} names, is missing")]
    Missing {
        /// The file.
        file: FileId,
        /// Its content.
        content: ContentId,
    },
    /// No file before it names it.
    #[error("{content} is named by no file")]
    Unnamed {
        /// Which.
        content: ContentId,
    },
    /// It was not made by `konsil backup`.
    #[error("its beginning does not say of which cluster it is; it is of another release")]
    Homeless,
    /// The journals or the contents of the new node.
    #[error(transparent)]
    Storage(#[from] StorageFault),
    /// A bug, or a machine that ends.
    #[error("the work was broken off: {0}")]
    BrokenOff(String),
}

impl ArchiveFault {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |reason| Self::File { path, reason }
    }

    pub(crate) fn backup(path: impl Into<PathBuf>) -> impl FnOnce(BackupFault) -> Self {
        let path = path.into();
        move |fault| Self::Backup { path, fault }
    }
}

/// A moment as people write it, in UTC.
pub fn moment(at: Time) -> String {
    let (days, rest) = ((at.ms() / 86_400_000) as i64, at.ms() / 1000 % 86_400);
    // Days since March of the year 0, so that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_what_calendars_say() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (1_772_323_200, "2026-03-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(moment(Time::from_ms(seconds * 1000)), text);
        }
    }
}
