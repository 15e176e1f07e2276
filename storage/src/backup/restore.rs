//! Putting what a backup holds into an empty node's journals and files.
//!
//! Entries go through the log like any append, byte for byte as they were, many journals at a time.
//! What came of it is compared with what the backup says of itself: after the journals were closed
//! and opened again, so that the disk is what is read.
//!
//! # Invariants
//! - **RS1** What is restored has the very bytes the backup has, entry by entry.
//! - **RS2** A restore that ends well was read back from the disk: every journal is there up to the
//!   end the backup names, and none beside them.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use protocol::key::SHARDS;

use super::{Begin, Item, Manifest, Sum};
use crate::{
    fault::StorageFault,
    files::{Files, Upload},
    journal::{JournalId, Seq},
    ledger::Ledger,
};

/// Bytes of entries that are appended in one go; one entry may exceed it.
const BATCH_BYTES: usize = 256 * 1024;
/// Entries that are appended in one go.
const BATCH_ENTRIES: usize = 256;
/// Appends under way.
const FLYING: usize = 512;
/// How long the journals may take nothing in before that is a fault.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a journal that is busy is tried again.
const AGAIN: Duration = Duration::from_millis(5);
/// Journals compared at a time.
const AT_ONCE: usize = 256;

/// Takes everything in. The ledger is empty, without twins, and nobody else's; so are the files.
///
/// # Errors
/// What the items end with, or what the journals and files say. What was taken in by then is not
/// to be used.
pub fn restore<F: From<StorageFault>>(
    items: impl Iterator<Item = Result<Item, F>>,
    ledger: &Ledger,
    files: &Files,
) -> Result<(Begin, Manifest), F> {
    let (mut begun, mut ended) = (None, None);
    let mut journals = Journals::new(ledger);
    let mut upload: Option<(crate::ContentId, Upload)> = None;
    for item in items {
        match item? {
            Item::Begin(begin) => begun = Some(begin),
            Item::Journal(name) => journals.open(name)?,
            Item::Entry(entry) => journals.take(entry)?,
            Item::Content(id) => upload = Some((id, files.begin(id.len)?)),
            Item::Piece(bytes) => match &mut upload {
                Some((_, upload)) => upload.write(&bytes)?,
                None => unreachable!("a reader gives a piece of an open content alone"),
            },
            Item::Kept => {
                if let Some((id, upload)) = upload.take() {
                    upload.finish_as(&id)?;
                }
            }
            Item::Lost => upload = None,
            Item::End(manifest) => ended = Some(manifest),
        }
    }
    journals.close()?;
    match (begun, ended) {
        (Some(begin), Some(manifest)) => Ok((begin, manifest)),
        _ => unreachable!("a reader gives a beginning and an end, or a fault"),
    }
}

/// Journals on their way into the log.
struct Journals<'a> {
    ledger: &'a Ledger,
    current: Option<JournalId>,
    batch: Vec<Bytes>,
    bytes: usize,
    flying: usize,
    tell: Sender<Result<Seq, StorageFault>>,
    told: Receiver<Result<Seq, StorageFault>>,
}

impl<'a> Journals<'a> {
    fn new(ledger: &'a Ledger) -> Self {
        let (tell, told) = channel(); // holds at most one answer for each that flies
        let (current, batch, bytes, flying) = (None, Vec::new(), 0, 0);
        Self { ledger, current, batch, bytes, flying, tell, told }
    }

    fn open(&mut self, name: JournalId) -> Result<(), StorageFault> {
        self.send()?;
        self.current = Some(name);
        Ok(())
    }

    fn take(&mut self, entry: Bytes) -> Result<(), StorageFault> {
        self.bytes += entry.len();
        self.batch.push(entry);
        if self.bytes >= BATCH_BYTES || self.batch.len() >= BATCH_ENTRIES {
            self.send()
        } else {
            Ok(())
        }
    }

    fn send(&mut self) -> Result<(), StorageFault> {
        let Some(journal) = self.current.clone().filter(|_| !self.batch.is_empty()) else {
            return Ok(());
        };
        let since = Instant::now();
        loop {
            let tell = self.tell.clone();
            let done = Box::new(move |kept| drop(tell.send(kept))); // nobody listens after a fault
            match self.ledger.adopt(&journal, &self.batch, done) {
                Ok(()) => break,
                Err(StorageFault::Busy { .. }) if since.elapsed() < PATIENCE => self.breathe()?,
                Err(fault) => return Err(fault),
            }
        }
        self.flying += 1;
        self.batch.clear();
        self.bytes = 0;
        while self.flying >= FLYING {
            self.land()?;
        }
        Ok(())
    }

    /// Waits until there may be room.
    fn breathe(&mut self) -> Result<(), StorageFault> {
        if self.flying > 0 {
            return self.land();
        }
        thread::sleep(AGAIN); // what landed is still on its way to the engine
        Ok(())
    }

    /// Waits for one answer.
    fn land(&mut self) -> Result<(), StorageFault> {
        let kept = self.told.recv_timeout(PATIENCE).map_err(|_| StorageFault::Closed)?;
        self.flying -= 1;
        kept.map(drop)
    }

    /// Everything is durable.
    fn close(mut self) -> Result<(), StorageFault> {
        self.send()?;
        while self.flying > 0 {
            self.land()?;
        }
        Ok(())
    }
}

/// Reads every journal of a ledger that was opened again, and compares it with what a backup says
/// of itself (RS2).
///
/// # Errors
/// [`StorageFault::BadCopy`] with a shard whose journals are others, [`StorageFault::Corrupt`] with
/// an entry that is damaged, or what the engine says.
pub fn compare(ledger: &Ledger, manifest: &Manifest) -> Result<(), StorageFault> {
    ledger.settle()?; // what was opened again is on its way from the log to the engine
    let mut found = vec![Sum::default(); usize::from(SHARDS)];
    let mut after: Option<JournalId> = None;
    loop {
        let page = ledger.journals("", after.as_ref(), AT_ONCE)?;
        for journal in &page {
            let end = ledger.proven(journal)?;
            found[usize::from(journal.shard())].add(journal, end);
        }
        match page.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let mut pairs = (0..).zip(found.iter().zip(&manifest.tally.shards));
    match pairs.find(|(_, (mine, theirs))| mine != theirs) {
        None => Ok(()),
        Some((shard, _)) => {
            let why = "what was written is not what the backup holds".into();
            Err(StorageFault::BadCopy { shard, why })
        }
    }
}
