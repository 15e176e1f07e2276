//! A disk with one log for all shards, as the twins' host keeps it.
//!
//! What is written is pending until a sync that began later has ended. A crash keeps any prefix of
//! what is pending and may tear the record behind it; a torn record fails its checksum and is cut
//! at the next start (rule R2). A bit may also turn in what is durable: the checksum says so at the
//! next start, and the whole disk is given up. That this log tells the two apart to the byte is
//! its own affair, tested where it lives.

use protocol::{
    cluster::{Epoch, Lsn},
    twin::{At, Entry},
};
use std::collections::VecDeque;
use storage::{
    dice::Dice,
    twin::{Durable, Write},
};

use super::{book::Book, clock::Moment};

/// One record of the log.
#[derive(Debug, Clone)]
pub enum Record {
    /// What the machine wrote, under its ticket.
    Twin(u64, Write),
    /// The host's checkpoint: all this took effect.
    Applied(Book),
    /// A copy of the primary's state, in place of everything before.
    Installed(Book),
}

/// What is durable of one shard.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// The fence.
    pub seen: Epoch,
    /// The last epoch activated.
    pub act: Epoch,
    /// The last checkpoint.
    pub book: Book,
    /// Entries, the first of them not behind the checkpoint's next.
    pub log: VecDeque<Entry>,
    /// Rises whenever something durable is taken back or replaced.
    pub cuts: u64,
}

/// What the end of a sync means for a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Durable up to this ticket.
    Durable(u64),
    /// Not kept, from this ticket on.
    Lost(u64),
    /// A copied state is durable.
    Installed(Book),
    /// A copied state was not kept.
    NotInstalled,
}

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ills {
    /// No room until then.
    pub full: Moment,
    /// Every sync takes so much longer until then.
    pub slow: Moment,
    /// By how much.
    pub delay: Moment,
    /// The next sync fails.
    pub eio: bool,
    /// A bit of what is durable has turned.
    pub rotten: bool,
}

/// A sync failed: what it kept is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eio;

/// One disk.
#[derive(Debug)]
pub struct Disk {
    dice: Dice,
    images: Vec<Image>,
    pending: VecDeque<(u16, Record)>,
    syncing: usize,
    /// What is wrong with it.
    pub ills: Ills,
    /// Records torn by crashes so far.
    pub torn: u64,
}

impl Image {
    /// The last durable place.
    pub fn last(&self) -> At {
        self.log.back().map_or(self.book.at, |entry| entry.at)
    }

    /// The durable entry there; none when it is behind a checkpoint, or not there.
    pub fn entry(&self, lsn: Lsn) -> Option<&Entry> {
        let first = self.log.front()?.at.lsn;
        self.log.get(usize::try_from(lsn.0.checked_sub(first.0)?).ok()?)
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Twin(_, Write::Fence { seen, act }) => (self.seen, self.act) = (seen, act),
            Record::Twin(_, Write::Entries(entries)) => {
                for entry in entries {
                    assert_eq!(entry.at.lsn, self.last().lsn.next(), "a log has no gaps");
                    self.log.push_back(entry);
                }
            }
            Record::Twin(_, Write::Cut { keep }) => {
                assert!(keep >= self.book.at.lsn, "what took effect for good is not cut");
                while self.log.back().is_some_and(|entry| entry.at.lsn > keep) {
                    self.log.pop_back();
                }
                self.cuts += 1;
            }
            Record::Applied(book) => {
                while self.log.front().is_some_and(|entry| entry.at.lsn <= book.at.lsn) {
                    self.log.pop_front();
                }
                self.book = book;
            }
            Record::Installed(book) => {
                self.log.clear();
                self.book = book;
                self.cuts += 1;
            }
        }
    }
}

impl Disk {
    /// An empty disk for so many shards.
    pub fn new(seed: u64, shards: u16) -> Self {
        Self {
            dice: Dice::new(seed),
            images: (0..shards).map(|_| Image::default()).collect(),
            pending: VecDeque::new(),
            syncing: 0,
            ills: Ills::default(),
            torn: 0,
        }
    }

    /// What is durable of a shard.
    pub fn image(&self, shard: u16) -> &Image {
        &self.images[usize::from(shard)]
    }

    /// Writes, without a promise. True when a sync has to be begun.
    #[must_use]
    pub fn write(&mut self, shard: u16, record: Record) -> bool {
        self.pending.push_back((shard, record));
        self.syncing == 0
    }

    /// Begins to sync everything written so far and tells when that ends.
    pub fn begin_sync(&mut self, now: Moment, ordinary: Moment) -> Moment {
        self.syncing = self.pending.len();
        let slow = if now < self.ills.slow { self.ills.delay } else { 0 };
        now + ordinary / 4 + self.dice.below(ordinary + 1) + self.dice.below(slow + 1)
    }

    /// The sync ends. Tells what that means for whom, or that the process must end (rule R1).
    ///
    /// # Errors
    /// The disk said EIO.
    pub fn end_sync(&mut self, now: Moment) -> Result<Vec<(u16, Kept)>, Eio> {
        if self.ills.eio {
            return Err(Eio);
        }
        if now < self.ills.full {
            return Ok(self.no_room());
        }
        let mut kept: Vec<(u16, Kept)> = Vec::new();
        for (shard, record) in self.pending.drain(..self.syncing) {
            match &record {
                Record::Twin(ticket, _) => {
                    kept.retain(|it| !(it.0 == shard && matches!(it.1, Kept::Durable(_))));
                    kept.push((shard, Kept::Durable(*ticket)));
                }
                Record::Installed(book) => kept.push((shard, Kept::Installed(book.clone()))),
                Record::Applied(_) => {}
            }
            self.images[usize::from(shard)].take(record);
        }
        self.syncing = 0;
        Ok(kept)
    }

    /// Nothing that was pending is kept, and every shard hears from where on.
    fn no_room(&mut self) -> Vec<(u16, Kept)> {
        let mut lost: Vec<(u16, Kept)> = Vec::new();
        for (shard, record) in self.pending.drain(..) {
            match record {
                Record::Twin(ticket, _) => {
                    if !lost.iter().any(|it| it.0 == shard && matches!(it.1, Kept::Lost(_))) {
                        lost.push((shard, Kept::Lost(ticket)));
                    }
                }
                Record::Installed(_) => lost.push((shard, Kept::NotInstalled)),
                Record::Applied(_) => {}
            }
        }
        self.syncing = 0;
        lost
    }

    /// Entries behind a place that are written, durable or not.
    pub fn behind(&self, shard: u16, keep: Lsn) -> Vec<Entry> {
        let durable = self.image(shard).log.iter().filter(|it| it.at.lsn > keep).cloned();
        let mut gone: Vec<Entry> = durable.collect();
        for (_, record) in self.pending.iter().filter(|it| it.0 == shard) {
            match record {
                Record::Twin(_, Write::Entries(entries)) => gone.extend(entries.iter().cloned()),
                Record::Twin(_, Write::Cut { keep }) => gone.retain(|it| it.at.lsn <= *keep),
                _ => {}
            }
        }
        gone.retain(|it| it.at.lsn > keep);
        gone
    }

    /// Whether something waits for a sync.
    pub fn is_dirty(&self) -> bool {
        self.syncing == 0 && !self.pending.is_empty()
    }

    /// The process or the machine ends: any prefix of what is pending was kept.
    pub fn crash(&mut self) {
        let keep = self.dice.below(self.pending.len() as u64 + 1);
        for _ in 0..keep {
            if let Some((shard, record)) = self.pending.pop_front() {
                self.images[usize::from(shard)].take(record);
            }
        }
        if let Some((shard, Record::Twin(ticket, Write::Entries(mut entries)))) =
            self.pending.pop_front()
        {
            // Some of its entries may be whole; the torn one is cut at the next start.
            let whole = self.dice.below(entries.len() as u64);
            entries.truncate(usize::try_from(whole).expect("entries are few"));
            self.torn += 1;
            let record = Record::Twin(ticket, Write::Entries(entries));
            self.images[usize::from(shard)].take(record);
        }
        self.pending.clear();
        self.syncing = 0;
        self.ills.eio = false;
    }

    /// What a shard's machine starts with.
    pub fn durable(&self, shard: u16) -> Durable {
        let image = self.image(shard);
        let first = image.book.at.lsn;
        Durable {
            seen: image.seen,
            act: image.act,
            base: image.book.at,
            tail: image.log.iter().filter(|it| it.at.lsn > first).cloned().collect(),
        }
    }
}
