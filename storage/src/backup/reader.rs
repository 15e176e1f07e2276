//! Reading a backup.

use std::io::Read;

use super::{BackupFault, Item, Wrong, chunks::Opening, item::ITEM_HEAD, story::Story};
use crate::crypto::SealKey;

/// A backup that is being read: its items, each checked against all before it. After its end, and
/// after its first fault, nothing more comes.
pub struct Reader<R> {
    from: Opening<R>,
    story: Story,
    failed: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`BackupFault::NoBackup`], [`BackupFault::BadHeader`], [`BackupFault::Newer`],
    /// [`BackupFault::OtherKey`], or what the system says.
    pub fn begin(from: R, key: &SealKey) -> Result<Self, BackupFault> {
        Ok(Self { from: Opening::begin(from, key)?, story: Story::new(), failed: false })
    }

    /// Chunks that were opened.
    pub fn chunks(&self) -> u64 {
        self.from.place() + 1
    }

    /// Something about the last item is wrong, for whoever knows more of it.
    pub fn wrong(&self, wrong: Wrong) -> BackupFault {
        BackupFault::Wrong { chunk: self.from.place(), wrong }
    }

    fn item(&mut self) -> Result<Option<Item>, BackupFault> {
        if self.story.is_over() {
            return match self.from.is_done() {
                true => Ok(None),
                false => Err(BackupFault::Longer { chunk: self.from.place() }),
            };
        }
        let head = self.from.take(ITEM_HEAD)?;
        let head: [u8; ITEM_HEAD] = head.try_into().map_err(|_| self.wrong(Wrong::Item))?;
        let len = Item::announced(head).ok_or_else(|| self.wrong(Wrong::Item))?;
        let bytes = self.from.take(len)?;
        let item = Item::read(head[0], bytes.into()).ok_or_else(|| self.wrong(Wrong::Item))?;
        self.story.follow(&item).map_err(|wrong| self.wrong(wrong))?;
        Ok(Some(item))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Item, BackupFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.item().transpose();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}
