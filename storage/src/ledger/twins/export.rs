//! A shard's journals as pages, for a backup.
//!
//! ```text
//! page    as in [`super::pages`], without folds
//! cursor  shape 1 | all but these 1 | count 1 | (length 1, beginning) each | seq 8 | until 8 | name
//! ```
//!
//! A cursor says everything, so the next page may be given by another node than the one before: by
//! whoever serves the shard then.
//!
//! # Invariants
//! - **EX1** A page is given only while this node may answer for the shard, so that all pages
//!   together hold everything that was acknowledged before the first was asked for.
//! - **EX2** What is given of a journal ends where the journal stood when the first of it was given,
//!   whoever gives the rest and whatever is written meanwhile.

use protocol::{cluster::Epoch, key::SHARDS};

use super::{
    Host,
    pages::{ENTRY, JOURNAL, PAGE_BYTES, begin_page, journals_of, put_item},
};
use crate::{
    fault::StorageFault,
    journal::{JournalId, Seq},
    ledger::{Ledger, read::stretch},
};

/// Journals looked up at a time.
const JOURNALS: usize = 256;
/// Entries looked up at a time.
const ENTRIES: usize = 64;
const SHAPE: u8 = 1;

/// Which journals are asked for: those whose names begin so, or all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    but: bool,
    beginnings: Vec<String>,
}

impl Chosen {
    /// Those whose names begin so and go on.
    pub fn only(beginning: &str) -> Self {
        Self { but: false, beginnings: vec![beginning.to_owned()] }
    }

    /// All that none of these names.
    pub fn all_but(beginnings: &[&str]) -> Self {
        Self { but: true, beginnings: beginnings.iter().map(|it| (*it).to_owned()).collect() }
    }

    /// The cursor before the first page.
    pub fn start(&self) -> Vec<u8> {
        let which = self.clone();
        Cursor { which, seq: Seq(0), until: Seq(0), journal: None }.write()
    }

    /// The beginning that this name goes on from.
    fn named(&self, journal: &JournalId) -> Option<&str> {
        let name = journal.as_str();
        let on = |it: &&String| name.len() > it.len() && name.starts_with(it.as_str());
        self.beginnings.iter().find(on).map(String::as_str)
    }
}

/// Where a page ended.
#[derive(Debug, PartialEq, Eq)]
struct Cursor {
    which: Chosen,
    /// Entries of the journal up to here were given.
    seq: Seq,
    /// Of those up to here that are given of it.
    until: Seq,
    journal: Option<JournalId>,
}

impl Cursor {
    fn write(&self) -> Vec<u8> {
        let mut bytes = vec![SHAPE, self.which.but.into(), self.which.beginnings.len() as u8];
        for beginning in &self.which.beginnings {
            bytes.push(beginning.len() as u8);
            bytes.extend_from_slice(beginning.as_bytes());
        }
        bytes.extend_from_slice(&self.seq.0.to_le_bytes());
        bytes.extend_from_slice(&self.until.0.to_le_bytes());
        bytes.extend_from_slice(self.journal.as_ref().map_or("", JournalId::as_str).as_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&[SHAPE, but, count], mut rest) = bytes.split_first_chunk()? else { return None };
        let mut beginnings = Vec::new();
        for _ in 0..count {
            let (len, more) = rest.split_first()?;
            let (beginning, more) = more.split_at_checked(usize::from(*len))?;
            beginnings.push(std::str::from_utf8(beginning).ok()?.to_owned());
            rest = more;
        }
        let (seq, rest) = rest.split_first_chunk()?;
        let (until, name) = rest.split_first_chunk()?;
        let name = std::str::from_utf8(name).ok()?;
        let journal = if name.is_empty() { None } else { Some(JournalId::new(name).ok()?) };
        let number = |bytes: &[u8; 8]| Seq(u64::from_le_bytes(*bytes));
        let which = Chosen { but: but != 0, beginnings };
        Some(Self { which, seq: number(seq), until: number(until), journal })
    }
}

impl Host {
    fn export(&self, shard: u16, after: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), StorageFault> {
        let no_cursor =
            || StorageFault::BadCopy { shard, why: "its cursor is none that was given out".into() };
        let mut cursor = Cursor::read(after).ok_or_else(no_cursor)?;
        let mut page = begin_page(0);
        if cursor.seq < cursor.until {
            self.put_rest(shard, &mut page, &mut cursor)?;
        }
        while page.len() < PAGE_BYTES {
            let journals = self.choose(shard, &mut cursor)?;
            if journals.is_empty() {
                return Ok((page, None));
            }
            for journal in journals {
                let slot = self.core.slots.slot(&journal);
                cursor.until = slot.load(&*self.core.store)?.acked.seq;
                cursor.seq = Seq(0);
                cursor.journal = Some(journal);
                self.put_rest(shard, &mut page, &mut cursor)?;
                if page.len() >= PAGE_BYTES {
                    break;
                }
            }
        }
        Ok((page, Some(cursor.write())))
    }

    /// The next journals that are asked for; none when there are no more.
    fn choose(&self, shard: u16, cursor: &mut Cursor) -> Result<Vec<JournalId>, StorageFault> {
        let Cursor { which, journal: after, .. } = cursor;
        if let (None, false, Some(beginning)) = (&after, which.but, which.beginnings.first()) {
            *after = JournalId::new(beginning).ok();
        }
        loop {
            let found = journals_of(&self.core, shard, after.as_ref(), JOURNALS)?;
            let Some(first) = found.first() else { return Ok(found) };
            let wanted = |it: &JournalId| which.named(it).is_some() != which.but;
            if wanted(first) {
                return Ok(found.into_iter().take_while(wanted).collect());
            }
            // Names are sorted, and nearly all of one beginning lie below this one.
            let beyond = which.named(first).and_then(|it| JournalId::new(&format!("{it}~")).ok());
            match beyond.filter(|beyond| which.but && beyond > first) {
                Some(beyond) => *after = Some(beyond),
                None if which.but => *after = Some(first.clone()),
                None => return Ok(Vec::new()),
            }
        }
    }

    /// Puts as much of the cursor's journal as fits (EX2).
    fn put_rest(
        &self,
        shard: u16,
        page: &mut Vec<u8>,
        cursor: &mut Cursor,
    ) -> Result<(), StorageFault> {
        let Some(journal) = cursor.journal.clone() else { return Ok(()) };
        put_item(page, JOURNAL, journal.as_str().as_bytes());
        while page.len() < PAGE_BYTES && cursor.seq < cursor.until {
            let left = cursor.until.0 - cursor.seq.0;
            let entries = stretch(&self.core, &journal, cursor.seq, ENTRIES.min(left as usize))?;
            if entries.entries.is_empty() {
                let why = format!("{journal} is shorter than it was");
                return Err(StorageFault::BadCopy { shard, why });
            }
            for entry in entries.entries {
                put_item(page, ENTRY, &entry);
                cursor.seq = cursor.seq.next();
                if page.len() >= PAGE_BYTES {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Ledger {
    /// A page of a shard's journals, of at most a MiB or of one entry, and the cursor behind it;
    /// none when this was the last. The first cursor is [`Chosen::start`]. All that was acknowledged
    /// before the first page was asked for is in the pages together. Blocks on the disk.
    ///
    /// # Errors
    /// [`StorageFault::NotHere`] unless this node may answer for the shard now (EX1): another one
    /// may, or this one again in a moment. [`StorageFault::BadCopy`] for a cursor that is none, and
    /// for a journal that lost entries by force; or what keeps the journals from being read.
    pub fn export(
        &self,
        shard: u16,
        after: &[u8],
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), StorageFault> {
        let away = || StorageFault::NotHere { shard, epoch: Epoch(0) };
        let host = self.0.twins.as_ref().filter(|_| shard < SHARDS).ok_or_else(away)?;
        host.served(shard)?;
        if !self.readable(shard) {
            return Err(away()); // EX1: another node may serve it already
        }
        host.export(shard, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_comes_back() {
        let journal = JournalId::new("room/1").ok();
        for which in [Chosen::only("room/"), Chosen::all_but(&["room/", "file/"])] {
            let cursor = Cursor { which, seq: Seq(3), until: Seq(9), journal: journal.clone() };
            assert_eq!(Cursor::read(&cursor.write()), Some(cursor));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_cursor_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Cursor::read(&bytes);
        }
    }
}
