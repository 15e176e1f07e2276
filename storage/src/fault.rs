//! Every way storage can fail, each with the names involved and what helps.
//!
//! A fault is the world's failure: the caller retries, waits or dies. It can be cloned, because one
//! failed group of the log is told to everyone who was in it.

use std::io;

use protocol::cluster::Epoch;

use crate::{
    content::ContentId,
    journal::{BadJournalId, JournalId, Seq},
};

/// The world failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageFault {
    /// A bounded queue is full. Nothing was kept.
    #[error("storage is busy: {waiting} waiting where {max} may; try again in a moment")]
    Busy {
        /// What is waiting, in the unit of the bound.
        waiting: u64,
        /// The bound.
        max: u64,
    },
    /// The caller's picture of the journal is not the journal. Nothing was kept.
    #[error("journal {journal}: the next append follows {expected}, not {found}; read it again")]
    OutOfOrder {
        /// Which journal.
        journal: JournalId,
        /// The last entry that was written.
        expected: Seq,
        /// The last entry the caller knows.
        found: Seq,
    },
    /// More bytes than the bound. Nothing was kept.
    #[error("{what} of {len} bytes where {max} are allowed")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its size.
        len: u64,
        /// The bound.
        max: u64,
    },
    /// No room on the disk. Nothing was kept; reads go on, and writes do once there is room.
    #[error("disk full: {needed} bytes needed, {free} free; make room, writing then goes on")]
    DiskFull {
        /// What the next step needs.
        needed: u64,
        /// What there was when it was refused.
        free: u64,
    },
    /// The disk did not do what it was told; nobody can know what of it was kept. The log refuses
    /// further writes until the node is started anew, because a second sync may lie.
    #[error("the log is closed after a failed write: {why}; check the disk, then start the node")]
    LogFaulted {
        /// What the disk said.
        why: String,
    },
    /// A record before the durable end of the log is damaged.
    #[error(
        "log {segment}, byte {offset}: record {lsn} is damaged; rebuild this node from its twin"
    )]
    LogCorrupt {
        /// The damaged file.
        segment: String,
        /// Where in it.
        offset: u64,
        /// The record that should stand there.
        lsn: u64,
    },
    /// An entry is missing, or does not match its checksum or its chain.
    #[error("journal {journal}: entry {seq} is damaged; fetch it from the twin")]
    Corrupt {
        /// Which journal.
        journal: JournalId,
        /// Which entry.
        seq: Seq,
    },
    /// A snapshot does not match its checksum.
    #[error("journal {journal}: its snapshot is damaged; replay the journal from its start")]
    CorruptSnapshot {
        /// Which journal.
        journal: JournalId,
    },
    /// A chunk of a kept file does not match its checksum.
    #[error("{content}: chunk {chunk} is damaged; fetch it from the twin")]
    CorruptFile {
        /// Which file.
        content: ContentId,
        /// Which chunk of it.
        chunk: u64,
    },
    /// A file nobody kept here.
    #[error("{content} is not kept on this node")]
    NoFile {
        /// Which file.
        content: ContentId,
    },
    /// The disk refused something else.
    #[error("disk: {doing}: {text}")]
    Disk {
        /// What was tried.
        doing: String,
        /// The kind of refusal.
        kind: io::ErrorKind,
        /// The system's own words.
        text: String,
    },
    /// The store engine refused something.
    #[error("{engine}: {doing}: {text}")]
    Engine {
        /// Which engine.
        engine: &'static str,
        /// What was tried.
        doing: &'static str,
        /// The engine's own words.
        text: String,
    },
    /// The disk did not keep what the store engine had written, and the system counts it as kept
    /// from now on. Nothing more is taken in until the node is started anew.
    #[error(
        "the disk did not keep what {engine} wrote: {text}; check the disk, restart the machine"
    )]
    EngineUnsynced {
        /// Which engine.
        engine: String,
        /// The system's own words.
        text: String,
    },
    /// The store engine's data is gone or damaged and the log no longer reaches back far enough.
    #[error("the store engine is lost ({why}); the log starts at {first}: rebuild from the twin")]
    EngineLost {
        /// What was found instead.
        why: String,
        /// The first record the log still holds.
        first: u64,
    },
    /// The store engine takes nothing more, and what waits for it has reached its bound.
    #[error("the store engine is stalled with {waiting} bytes waiting: {why}")]
    EngineStalled {
        /// What it said last.
        why: String,
        /// Bytes in the log that it does not hold yet.
        waiting: u64,
    },
    /// The directory belongs to another engine.
    #[error("this directory is kept by {found}, not {asked}; start with engine {found}")]
    OtherEngine {
        /// The engine that wrote it.
        found: String,
        /// The engine that was asked for.
        asked: String,
    },
    /// A later version wrote this data.
    #[error("the data is of version {found}, this program knows up to {known}; start a newer one")]
    NewerData {
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A version wrote this data that is no longer read.
    #[error(
        "the data is of version {found}, this program reads {oldest} and later; start the release \
         between them first"
    )]
    OlderData {
        /// The version found.
        found: u32,
        /// The oldest version that is read here.
        oldest: u32,
    },
    /// The format file is not one.
    #[error("the format file says {text:?}, which no version wrote; restore it from a backup")]
    BadFormat {
        /// What stands in it.
        text: String,
    },
    /// Another process has this directory.
    #[error("{dir} is in use by another node; two nodes cannot share a directory")]
    Locked {
        /// Which directory.
        dir: String,
    },
    /// Another node serves the shard, or nobody does at the moment. Nothing was kept.
    #[error("shard {shard} is not served here in epoch {epoch}; ask the node that serves it")]
    NotHere {
        /// Which shard.
        shard: u16,
        /// The newest epoch known here.
        epoch: Epoch,
    },
    /// The shard moved away before both copies were known to hold the append: it may be kept.
    #[error("shard {shard} moved meanwhile; read the journal again to see what was kept")]
    Moved {
        /// Which shard.
        shard: u16,
    },
    /// The data of a node of a cluster was opened without the cluster.
    #[error("this data belongs to a node of a cluster; only that node writes it")]
    ReadOnly,
    /// A page of a copy that is not the next one, or does not fit what is here.
    #[error("the copy of shard {shard} cannot go on: {why}; begin it again")]
    BadCopy {
        /// Which shard.
        shard: u16,
        /// What is wrong with the page.
        why: String,
    },
    /// The ledger was closed.
    #[error("storage is closed; the node is going down")]
    Closed,
    /// A name that cannot be one.
    #[error(transparent)]
    BadJournalId(#[from] BadJournalId),
}

impl StorageFault {
    /// A refusal of the disk, with what was tried.
    pub fn disk(doing: impl Into<String>, error: &io::Error) -> Self {
        Self::Disk { doing: doing.into(), kind: error.kind(), text: error.to_string() }
    }

    /// True when the disk had no room.
    pub const fn is_full(&self) -> bool {
        matches!(
            self,
            Self::DiskFull { .. }
                | Self::Disk { kind: io::ErrorKind::StorageFull, .. }
                | Self::Disk { kind: io::ErrorKind::QuotaExceeded, .. }
        )
    }

    /// True when a sync failed: the process must end, for what it believes to be kept may not be
    /// (rule R1).
    pub const fn is_deadly(&self) -> bool {
        matches!(self, Self::LogFaulted { .. } | Self::EngineUnsynced { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_names_who_is_meant() {
        let journal = JournalId::new("room/7").expect("a good name");
        let text = StorageFault::Corrupt { journal, seq: Seq(3) }.to_string();
        assert!(text.contains("room/7") && text.contains('3'), "{text}");
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(StorageFault::disk("write", &full).is_full());
        assert!(!StorageFault::Closed.is_full());
    }
}
