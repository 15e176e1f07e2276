//! Writing a backup.

use std::io::Write;

use protocol::time::Time;

use super::{
    BackupFault, Begin, CHUNK_BYTES, Item, Manifest, Tally, chunks::Closing, item::ITEM_BYTES,
    story::Story,
};
use crate::{crypto::SealKey, fault::StorageFault};

/// A backup that is being written.
pub struct Writer<W> {
    to: Closing<W>,
    story: Story,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(to: W, key: &SealKey, begin: Begin) -> Result<Self, BackupFault> {
        Self::with_chunks(to, key, begin, CHUNK_BYTES)
    }

    /// The same with chunks of another length, for tests.
    pub(super) fn with_chunks(
        to: W,
        key: &SealKey,
        begin: Begin,
        len: usize,
    ) -> Result<Self, BackupFault> {
        let to = Closing::begin(to, key, len)?;
        let mut writer = Self { to, story: Story::new(), written: 0 };
        writer.put(&Item::Begin(begin))?;
        Ok(writer)
    }

    /// Adds an item.
    ///
    /// # Errors
    /// [`BackupFault::Wrong`] when it cannot be the next one (BK2), or what the system says.
    pub fn put(&mut self, item: &Item) -> Result<(), BackupFault> {
        let (head, bytes) = item.write();
        if bytes.len() > ITEM_BYTES {
            let (len, max) = (bytes.len() as u64, ITEM_BYTES as u64);
            return Err(StorageFault::TooLarge { what: "an entry", len, max }.into());
        }
        let chunk = self.written / CHUNK_BYTES as u64;
        self.story.follow(item).map_err(|wrong| BackupFault::Wrong { chunk, wrong })?;
        self.written += (head.len() + bytes.len()) as u64;
        self.to.write(&head)?;
        self.to.write(&bytes)
    }

    /// What is in it so far, the journal that is open left out.
    pub fn tally(&self) -> &Tally {
        self.story.tally()
    }

    /// Bytes that were written, before they were sealed.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Ends it, and gives back what it was written to.
    ///
    /// # Errors
    /// [`BackupFault::Wrong`] when something is open, or what the system says.
    pub fn end(mut self, ended: Time) -> Result<(W, Manifest), BackupFault> {
        let chunk = self.written / CHUNK_BYTES as u64;
        self.story.settle().map_err(|wrong| BackupFault::Wrong { chunk, wrong })?;
        let manifest = Manifest { ended, tally: self.story.tally().clone() };
        self.put(&Item::End(manifest.clone()))?;
        Ok((self.to.end()?, manifest))
    }
}
