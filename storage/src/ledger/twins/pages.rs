//! The whole state of a shard as pages: what the primary gives to a copy that is too far behind.
//! A backup's pages ([`super::export`]) look the same.
//!
//! ```text
//! page    shape 2 | number 4 | items
//! item    kind 1 | length 4 | bytes
//!         1: a journal's name; the items behind it are its   2: an entry as it is stored
//!         3: a snapshot as it is stored
//! cursor  epoch 8 | lsn 8 | number 4 | seq 8 | a journal's name
//! ```
//!
//! Journals come in the order of their names, entries in theirs. A journal that does not fit a page
//! goes on in the next one, behind its name. The state may be newer than the place it is given
//! for: what the log says again behind that place is recognised.

use std::collections::BTreeSet;

use bytes::Bytes;
use protocol::{
    cluster::{Epoch, Lsn},
    twin::At,
};

use super::Host;
use crate::{
    fault::StorageFault,
    journal::{JournalId, Seq},
    ledger::{Ledger, core::Core, keys, read::stretch},
};

/// The place the whole copy will have, one page of it, and where the next one begins; none when
/// this was the last.
pub(super) type StatePage = (At, Vec<u8>, Option<Vec<u8>>);

/// Bytes after which a page is full. One item may exceed it: an append is never cut.
pub(super) const PAGE_BYTES: usize = 896 * 1024;
/// Entries, or journals, looked up at a time.
const AT_ONCE: usize = 64;
const SHAPE: u16 = 1;
pub(super) const JOURNAL: u8 = 1;
pub(super) const ENTRY: u8 = 2;
const SNAPSHOT: u8 = 3;

/// Where a page ended.
struct Cursor {
    base: At,
    number: u32,
    /// Entries of the journal up to here were given; all, and its snapshot, when it is the largest.
    seq: Seq,
    journal: Option<JournalId>,
}

const ALL: Seq = Seq(u64::MAX);

impl Cursor {
    fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&self.base.epoch.0.to_le_bytes());
        bytes.extend_from_slice(&self.base.lsn.0.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.seq.0.to_le_bytes());
        bytes.extend_from_slice(self.journal.as_ref().map_or("", JournalId::as_str).as_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let base = At { epoch: Epoch(number(0)?), lsn: Lsn(number(8)?) };
        let page = u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?);
        let name = std::str::from_utf8(bytes.get(28..)?).ok()?;
        let journal = if name.is_empty() { None } else { Some(JournalId::new(name).ok()?) };
        Some(Self { base, number: page, seq: Seq(number(20)?), journal })
    }
}

/// A page that was received.
pub(super) struct Page {
    pub(super) number: u32,
    pub(super) items: Vec<PageItem>,
}

/// What stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageItem {
    /// A journal; the items behind it are its.
    Journal(JournalId),
    /// An entry as it is stored.
    Entry(Bytes),
    /// A snapshot as it is stored.
    Snapshot(Bytes),
}

/// What stands in a page of [`Ledger::export`]; none when it is no page.
pub fn read_page(page: Vec<u8>) -> Option<Vec<PageItem>> {
    Page::read(page).map(|page| page.items)
}

/// A page with nothing in it.
pub(super) fn begin_page(number: u32) -> Vec<u8> {
    [&SHAPE.to_le_bytes()[..], &number.to_le_bytes()].concat()
}

impl Page {
    /// Reads a page; none when it is not one. What its items hold is checked where they are used.
    pub(super) fn read(page: Vec<u8>) -> Option<Self> {
        let page = Bytes::from(page);
        if page.get(..2)? != SHAPE.to_le_bytes() {
            return None;
        }
        let number = u32::from_le_bytes(page.get(2..6)?.try_into().ok()?);
        let (mut at, mut items) = (6, Vec::new());
        while at < page.len() {
            let kind = page[at];
            let len = u32::from_le_bytes(page.get(at + 1..at + 5)?.try_into().ok()?) as usize;
            let end = (at + 5).checked_add(len)?;
            page.get(at + 5..end)?;
            let bytes = page.slice(at + 5..end);
            items.push(match kind {
                JOURNAL => {
                    PageItem::Journal(JournalId::new(std::str::from_utf8(&bytes).ok()?).ok()?)
                }
                ENTRY => PageItem::Entry(bytes),
                SNAPSHOT => PageItem::Snapshot(bytes),
                _ => return None,
            });
            at = end;
        }
        Some(Self { number, items })
    }
}

pub(super) fn put_item(page: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    page.push(kind);
    page.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    page.extend_from_slice(bytes);
}

/// At most `limit` journals of a shard that have an acknowledged entry, behind `after`, in order.
pub(in crate::ledger) fn journals_of(
    core: &Core,
    shard: u16,
    after: Option<&JournalId>,
    limit: usize,
) -> Result<Vec<JournalId>, StorageFault> {
    let behind = |journal: &JournalId| after.is_none_or(|after| journal > after);
    // Memory first: what leaves it meanwhile is in the engine already.
    let held = core.slots.chosen(|slot| slot.shard == shard && behind(&slot.journal));
    let held = held.iter().filter(|slot| slot.is_written()).map(|slot| slot.journal.clone());
    let mut found: BTreeSet<JournalId> = held.collect();
    found.extend(keys::listed(&*core.store, shard, after, limit)?);
    Ok(found.into_iter().take(limit).collect())
}

impl Host {
    /// One page of a shard's state, from where the page before ended.
    fn state_page(&self, shard: u16, after: Option<&[u8]>) -> Result<StatePage, StorageFault> {
        let mut cursor = match after {
            Some(bytes) => Cursor::read(bytes).ok_or_else(|| StorageFault::BadCopy {
                shard,
                why: "its cursor is none that was given out".into(),
            })?,
            None => {
                let base = self.lock(shard).tail.base();
                Cursor { base, number: 0, seq: ALL, journal: None }
            }
        };
        let mut page = begin_page(cursor.number);
        cursor.number += 1;
        if let Some(journal) = cursor.journal.clone().filter(|_| cursor.seq != ALL) {
            self.put_journal(&mut page, &mut cursor, &journal)?;
        }
        while page.len() < PAGE_BYTES {
            let journals = journals_of(&self.core, shard, cursor.journal.as_ref(), AT_ONCE)?;
            if journals.is_empty() {
                return Ok((cursor.base, page, None));
            }
            for journal in journals {
                cursor.seq = Seq(0);
                self.put_journal(&mut page, &mut cursor, &journal)?;
                if page.len() >= PAGE_BYTES {
                    break;
                }
            }
        }
        Ok((cursor.base, page, Some(cursor.write())))
    }

    /// Puts as much of a journal as fits behind what was given of it.
    fn put_journal(
        &self,
        page: &mut Vec<u8>,
        cursor: &mut Cursor,
        journal: &JournalId,
    ) -> Result<(), StorageFault> {
        put_item(page, JOURNAL, journal.as_str().as_bytes());
        cursor.journal = Some(journal.clone());
        while page.len() < PAGE_BYTES {
            let entries = stretch(&self.core, journal, cursor.seq, AT_ONCE)?.entries;
            if entries.is_empty() {
                if let Some(inside) = self.stored_snapshot(journal)? {
                    put_item(page, SNAPSHOT, &inside);
                }
                cursor.seq = ALL;
                return Ok(());
            }
            for entry in entries {
                put_item(page, ENTRY, &entry);
                cursor.seq = cursor.seq.next();
                if page.len() >= PAGE_BYTES {
                    break;
                }
            }
        }
        Ok(())
    }

    fn stored_snapshot(&self, journal: &JournalId) -> Result<Option<Bytes>, StorageFault> {
        let core = &self.core;
        let held = core.slots.slot(journal).load(&*core.store)?.fold.clone();
        Ok(match held {
            Some(inside) => Some(inside),
            None => keys::load_snapshot(&*core.store, journal)?.map(Bytes::from),
        })
    }
}

impl Ledger {
    /// A page of a shard's state, for a copy that is too far behind: of at most a MiB, or of one
    /// entry. Returns the place the whole copy will have, the page, and where the next one begins;
    /// none when this was the last. Blocks on the disk.
    ///
    /// # Errors
    /// [`StorageFault::NotHere`] unless the shard is served here, [`StorageFault::BadCopy`] for a
    /// cursor that is none, or what keeps the state from being read.
    pub fn state_page(
        &self,
        shard: u16,
        after: Option<Vec<u8>>,
    ) -> Result<StatePage, StorageFault> {
        let Some(host) = &self.0.twins else {
            return Err(StorageFault::NotHere { shard, epoch: Epoch(0) });
        };
        host.served(shard)?; // whoever warms up may lack what was acknowledged
        host.state_page(shard, after.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vr2_pages_and_cursors_are_as_the_head_of_this_file_says() {
        let name = "room/room_01j9";
        let item = |kind: u8, bytes: &[u8]| {
            [&[kind][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
        };
        let head = [&1_u16.to_le_bytes()[..], &7_u32.to_le_bytes()].concat();
        let items = [item(1, name.as_bytes()), item(2, b"an entry"), item(3, b"a snapshot")];
        let page = Page::read([&head[..], &items.concat()].concat()).expect("a page");
        assert_eq!(page.number, 7);
        let journal = JournalId::new(name).expect("a good name");
        let [PageItem::Journal(named), PageItem::Entry(entry), PageItem::Snapshot(snapshot)] =
            &page.items[..]
        else {
            panic!("three items of three kinds")
        };
        assert_eq!(
            (named, &entry[..], &snapshot[..]),
            (&journal, &b"an entry"[..], &b"a snapshot"[..])
        );
        let mut made = head;
        for (kind, bytes) in
            [(JOURNAL, name.as_bytes()), (ENTRY, b"an entry"), (SNAPSHOT, b"a snapshot")]
        {
            put_item(&mut made, kind, bytes);
        }
        assert!(made.ends_with(&items.concat()), "it is written as it is read");
        let base = At { epoch: Epoch(3), lsn: Lsn(500) };
        let cursor = Cursor { base, number: 8, seq: Seq(41), journal: Some(journal) };
        let (epoch, lsn, seq) = (3_u64.to_le_bytes(), 500_u64.to_le_bytes(), 41_u64.to_le_bytes());
        let kept = [&epoch[..], &lsn, &8_u32.to_le_bytes(), &seq, name.as_bytes()].concat();
        assert_eq!(cursor.write(), kept);
        let back = Cursor::read(&kept).expect("its own words");
        assert_eq!(back.write(), kept);
        assert!(Page::read(vec![2, 0, 0, 0, 0, 0]).is_none(), "a shape to come");
    }
}
