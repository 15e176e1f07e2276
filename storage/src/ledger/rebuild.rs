//! A lost engine: what it can be rebuilt from, and how.
//!
//! # What can be rebuilt from what
//! - From the log alone: everything, while the log still holds its first record. That is so until
//!   the first segment has been released; after that only what the newest segments hold.
//! - From the twin ([`Source`]) and the log: everything that was acknowledged, because the twin
//!   holds every acknowledged entry and the log holds what this node had not yet copied.
//! - From a backup as a [`Source`]: what the backup holds, and the log's newest segments, as long
//!   as no entry between the two is missing. A gap is a fault that names journal and entry.
//!
//! A damaged engine is moved aside, never deleted; only a rebuild that can succeed starts one.

use bytes::Bytes;

use super::keys;
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq, Snapshot},
    store::{Batch, Store},
};

/// Journals fetched at a time.
const JOURNALS: usize = 256;
/// Entries fetched at a time.
const ENTRIES: usize = 1024;

/// Who has the journals this node has lost: its twin, or a backup.
pub trait Source: Send + Sync {
    /// At most `limit` journals behind `after`, in order.
    ///
    /// # Errors
    /// What keeps the source from answering.
    fn journals(
        &self,
        after: Option<&JournalId>,
        limit: usize,
    ) -> Result<Vec<JournalId>, StorageFault>;

    /// At most `limit` entries behind `after`, as they are stored; chain and sums are checked here.
    ///
    /// # Errors
    /// What keeps the source from answering.
    fn stored(
        &self,
        journal: &JournalId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Bytes>, StorageFault>;

    /// The newest snapshot.
    ///
    /// # Errors
    /// What keeps the source from answering.
    fn snapshot(&self, journal: &JournalId) -> Result<Option<Snapshot>, StorageFault>;
}

/// Copies everything the source has into an empty engine.
pub(super) fn rebuild(source: &dyn Source, store: &dyn Store) -> Result<(), StorageFault> {
    let mut last: Option<JournalId> = None;
    loop {
        let journals = source.journals(last.as_ref(), JOURNALS)?;
        for journal in &journals {
            copy_journal(source, store, journal)?;
        }
        match journals.into_iter().next_back() {
            Some(journal) => last = Some(journal),
            None => return store.sync(),
        }
    }
}

fn copy_journal(
    source: &dyn Source,
    store: &dyn Store,
    journal: &JournalId,
) -> Result<(), StorageFault> {
    let mut link = Link::genesis(journal);
    loop {
        let entries = source.stored(journal, link.seq, ENTRIES)?;
        if entries.is_empty() {
            break;
        }
        let mut batch = Batch::default();
        for bytes in &entries {
            link = follow(journal, link, bytes)?;
            keys::put_entry(&mut batch, journal, link.seq, bytes);
        }
        keys::put_head(&mut batch, journal, link);
        store.apply(&batch)?;
    }
    if let Some(snapshot) = source.snapshot(journal)?.filter(|found| found.seq <= link.seq) {
        let mut batch = Batch::default();
        let (_, inside) = history::write_fold(journal, &snapshot);
        keys::put_snapshot(&mut batch, store, journal, &inside)?;
        store.apply(&batch)?;
    }
    Ok(())
}

/// The end of the chain after one more stored entry, when it is the next one and sound.
pub(super) fn follow(journal: &JournalId, link: Link, bytes: &[u8]) -> Result<Link, StorageFault> {
    let seq = link.seq.next();
    match history::read_entry(bytes) {
        Some(stored) if stored.entry.seq == seq && stored.parent == link.hash => {
            Ok(Link { seq, hash: stored.hash })
        }
        _ => Err(StorageFault::Corrupt { journal: journal.clone(), seq }),
    }
}
