//! The log of the consensus: entries, votes and what was cut, as records of one write-ahead log.
//!
//! The write-ahead log is `storage::wal`, in a folder of its own: checksums, one `fdatasync` for
//! what waits, torn tails cut, damage told from a torn tail, segments given back. What is not
//! purged is held in memory too; the consensus reads it there.
//!
//! # Invariants
//! - **G1** The consensus hears that an entry or a vote is kept only after a sync covered it.
//! - **G2** Entries have no holes: each follows the one before, or what was purged.
//! - **G3** Votes, entries and cuts take effect in the order they were made, after a crash too: all
//!   are records of one log.
//! - **G4** A segment is given back only when nothing in it is needed: no entry that is not purged,
//!   and not the last vote.
//!
//! How far the log is committed is written along with whatever is written next: the consensus may
//! learn it again, so it is worth no sync of its own.

use std::{fmt::Debug, io, ops::RangeBounds, sync::Arc};

use openraft::{
    LogState, OptionalSend, RaftLogReader,
    storage::{LogFlushed, RaftLogStorage},
};
use parking_lot::Mutex;
use storage::{
    StorageFault,
    disk::Disk,
    wal::{Wal, log::Layout, place::Place, queue::Item, record::Draft},
};
use tokio::sync::oneshot;

use super::types::{Entry, Fault, LogId, Part, Plane, Vote, fault};

mod book;
#[cfg(test)]
mod tests;

use book::{Book, Record};

/// Records that may wait for the disk.
const QUEUE_MAX: usize = 8192;

/// Bytes of entries in one message to another member, unless its only entry is larger.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// The log of one member. Clones are the same log.
#[derive(Clone)]
pub struct LogStore {
    book: Arc<Mutex<Book>>,
    wal: Arc<Wal>,
}

impl LogStore {
    /// Opens the log on `disk` and reads everything in it.
    ///
    /// # Errors
    /// [`StorageFault::LogCorrupt`] when something in it is damaged that was durable, or missing;
    /// else what the disk says.
    pub fn open(disk: Arc<dyn Disk>, segment_bytes: u64) -> Result<Self, StorageFault> {
        let layout = Layout { segment_bytes, keep: 0, reserve: 0 };
        let queue_bytes = usize::try_from(segment_bytes).unwrap_or(usize::MAX).saturating_mul(2);
        let mut book = Book::default();
        let mut found = |record: storage::wal::record::Record<'_>, place: Place| {
            book.replay(record.kind, record.payload, place)
        };
        let wal = Wal::open(disk, layout, QUEUE_MAX, queue_bytes, None, &mut found)?;
        book.replayed()?;
        Ok(Self { book: Arc::new(Mutex::new(book)), wal: Arc::new(wal) })
    }

    /// Every entry behind `after` that is not purged, committed or not.
    pub(super) fn all_after(&self, after: Option<LogId>) -> Vec<Entry> {
        self.book.lock().range(after.map_or(0, |at| at.index + 1).., usize::MAX)
    }

    /// The last vote.
    pub(super) fn vote(&self) -> Option<Vote> {
        self.book.lock().vote()
    }

    /// Bytes of the entries that are not purged.
    pub fn bytes(&self) -> u64 {
        self.book.lock().bytes()
    }

    /// Entries that are not purged.
    pub fn len(&self) -> usize {
        self.book.lock().len()
    }

    /// True when every entry was purged, or none came yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes down how far the log is committed, so that a member that stops in good order starts
    /// with the map it had.
    pub async fn close(&self) {
        let last = self.book.lock().take_committed();
        if let Some(record) = last
            && let Err(why) = heard(self.write(record, drop)).await
        {
            tracing::warn!(%why, "how far the log was committed is not written down");
        }
    }

    /// Queues a record; `kept` is called with its place when it is durable. The answer comes after.
    fn write(
        &self,
        record: Record,
        kept: impl FnOnce(Place) + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<(), StorageFault>>, StorageFault> {
        let (tell, told) = oneshot::channel();
        let (kind, payload) = record.encode();
        let draft = Draft::new(0, kind, payload.into());
        let done = Box::new(move |place: Result<Place, StorageFault>| {
            // Nobody waits any more only when the consensus was shut down.
            let _ = tell.send(place.map(kept));
        });
        self.wal.queue().enter(draft.payload.len())?.push(Item { draft, done });
        Ok(told)
    }

    /// What is known to be committed goes in front of what is written next.
    fn write_committed(&self) -> Result<(), StorageFault> {
        let last = self.book.lock().take_committed();
        match last {
            Some(record) => self.write(record, drop).map(drop),
            None => Ok(()),
        }
    }

    fn write_vote(
        &self,
        vote: Vote,
    ) -> Result<oneshot::Receiver<Result<(), StorageFault>>, StorageFault> {
        let book = Arc::clone(&self.book);
        self.write(Record::Vote(vote), move |place| book.lock().vote_kept(vote, place.number))
    }

    /// Gives back what is not needed (G4).
    fn release(&self) {
        if let Some(upto) = self.book.lock().released() {
            self.wal.queue().release(upto);
        }
    }

    fn append_all(
        &self,
        entries: Vec<Entry>,
    ) -> Result<Option<oneshot::Receiver<Result<(), StorageFault>>>, StorageFault> {
        self.write_committed()?;
        let mut last = None;
        for entry in entries {
            let index = entry.log_id.index;
            let (record, size) = Record::entry(&entry);
            // Readable at once, as the consensus wants it; told as kept only later.
            self.book.lock().put(entry, size);
            let book = Arc::clone(&self.book);
            let kept = move |place: Place| book.lock().entry_kept(index, place.number);
            last = Some(self.write(record, kept)?);
        }
        Ok(last)
    }
}

/// Waits for what was queued.
async fn heard(
    queued: Result<oneshot::Receiver<Result<(), StorageFault>>, StorageFault>,
) -> Result<(), StorageFault> {
    queued?.await.unwrap_or(Err(StorageFault::Closed))
}

impl RaftLogReader<Plane> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, Fault> {
        Ok(self.book.lock().range(range, usize::MAX))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, Fault> {
        Ok(self.book.lock().range(start..end, MESSAGE_BYTES))
    }
}

impl RaftLogStorage<Plane> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Plane>, Fault> {
        let book = self.book.lock();
        Ok(LogState { last_purged_log_id: book.purged(), last_log_id: book.last() })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), Fault> {
        let kept = async {
            self.write_committed()?;
            heard(self.write_vote(*vote)).await
        };
        kept.await.map_err(|why| fault(Part::Vote, &why))
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, Fault> {
        Ok(self.book.lock().vote())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), Fault> {
        self.book.lock().commit(committed);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, Fault> {
        Ok(self.book.lock().committed())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Plane>) -> Result<(), Fault>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let queued = self.append_all(entries.into_iter().collect());
        let kept = match queued {
            Ok(None) => Ok(()),
            Ok(Some(last)) => last.await.unwrap_or(Err(StorageFault::Closed)),
            Err(why) => Err(why),
        };
        callback.log_io_completed(kept.clone().map_err(io::Error::other));
        kept.map_err(|why| fault(Part::Log, &why))
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), Fault> {
        self.book.lock().truncate(log_id.index);
        let kept = heard(self.write(Record::Truncated(log_id.index), drop)).await;
        kept.map_err(|why| fault(Part::Log, &why))
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), Fault> {
        let vote = {
            let mut book = self.book.lock();
            book.purge(log_id);
            book.vote()
        };
        let kept = async {
            // Written anew, so that the segments they stood in can go (G4).
            let book = Arc::clone(&self.book);
            let purged = move |place: Place| book.lock().purge_kept(log_id, place.number);
            let purged = self.write(Record::Purged(log_id), purged);
            let vote = vote.map(|vote| self.write_vote(vote));
            heard(purged).await?;
            match vote {
                Some(vote) => heard(vote).await,
                None => Ok(()),
            }
        };
        kept.await.map_err(|why| fault(Part::Log, &why))?;
        self.release();
        Ok(())
    }
}
