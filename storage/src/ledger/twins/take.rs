//! Taking the whole state of a shard over from its primary.
//!
//! What is here already is committed and so the same over there: it is compared, not trusted. Only
//! after force it may differ; then it is put aside and replaced.
//!
//! # Invariants
//! - **TA1** Every entry is checked, its sum and its chain, before it reaches the engine.
//! - **TA2** Until the copy is whole, the engine holds what it held before, and more of the same
//!   history; or it is marked as torn, and a restart begins with nothing.
//! - **TA3** What a copy takes away was put aside durably first.
//! - **TA4** The shard's place moves only when everything below it is durable here, and its old log
//!   is cut before; the replica hears of it after that.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
};

use parking_lot::Mutex;
use protocol::{cluster::NodeKey, twin::At};

use super::{
    Host,
    pages::{Page, PageItem},
    records,
};
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
    ledger::{
        Ledger,
        core::{Origin, Waiting, Work},
        keys,
        rebuild::follow,
    },
    store::Batch,
    twin::Input,
    wal::queue::Item,
};

/// Journals or entries looked up at a time.
const AT_ONCE: usize = 256;

/// The copies under way, one for each shard at most.
#[derive(Default)]
pub(super) struct Copies(Mutex<BTreeMap<u16, Copying>>);

/// A copy under way.
struct Copying {
    shard: u16,
    from: NodeKey,
    base: At,
    /// The number of the next page.
    next: u32,
    current: Option<Current>,
    torn: bool,
}

/// The journal whose entries come.
struct Current {
    journal: JournalId,
    /// How far it was copied.
    link: Link,
    /// What was here before, as far as it is the same.
    mine: Link,
}

impl Host {
    fn take_state(
        self: &Arc<Self>,
        shard: u16,
        from: NodeKey,
        base: At,
        page: Vec<u8>,
        last: bool,
    ) -> Result<(), StorageFault> {
        let bad = |why: &str| StorageFault::BadCopy { shard, why: why.into() };
        let page = Page::read(page).ok_or_else(|| bad("a page is damaged"))?;
        self.asked_for(shard, from)?;
        let begun = self.copies.0.lock().remove(&shard);
        let mut copy = if page.number == 0 {
            self.core.await_changes(Batch::default(), false)?; // what is on its way to the engine first
            Copying { shard, from, base, next: 0, current: None, torn: false }
        } else {
            begun.ok_or_else(|| bad("its beginning is missing"))?
        };
        if (copy.from, copy.base, copy.next) != (from, base, page.number) {
            return Err(bad("this is not the next page"));
        }
        copy.next += 1;
        let mut batch = Batch::default();
        for item in page.items {
            self.take_item(&mut copy, &mut batch, item)?;
        }
        if last {
            self.finish_journal(&mut copy, &mut batch)?;
            let end = copy.current.take().map(|current| current.journal);
            self.drop_strays(&mut copy, &mut batch, end.as_ref(), None)?;
        } else if let Some(current) = &copy.current {
            put_head(&mut batch, current);
        }
        self.core.await_changes(batch, false)?;
        if last {
            return self.install(shard, from, base);
        }
        self.copies.0.lock().insert(shard, copy);
        Ok(())
    }

    /// The replica waits for a copy from there.
    fn asked_for(&self, shard: u16, from: NodeKey) -> Result<(), StorageFault> {
        let cell = self.lock(shard);
        if cell.replica.copying() == Some(from) && !cell.installing {
            return Ok(());
        }
        Err(StorageFault::BadCopy { shard, why: "nobody asked for it".into() })
    }

    fn take_item(
        &self,
        copy: &mut Copying,
        batch: &mut Batch,
        item: PageItem,
    ) -> Result<(), StorageFault> {
        let shard = copy.shard;
        let bad = |why: &str| StorageFault::BadCopy { shard, why: why.into() };
        match item {
            PageItem::Journal(journal) => {
                let before = copy.current.as_ref().map(|current| current.journal.clone());
                if before.as_ref() == Some(&journal) {
                    return Ok(());
                }
                if journal.shard() != shard || before.as_ref().is_some_and(|it| *it > journal) {
                    return Err(bad("a journal does not belong here"));
                }
                self.finish_journal(copy, batch)?;
                self.drop_strays(copy, batch, before.as_ref(), Some(&journal))?;
                let mine = self.my_head(copy, batch, &journal)?;
                let link = Link::genesis(&journal);
                copy.current = Some(Current { journal, link, mine });
                Ok(())
            }
            PageItem::Entry(entry) => {
                let Some(current) = &copy.current else { return Err(bad("an entry of nobody")) };
                let (journal, before) = (current.journal.clone(), current.link);
                let link = follow(&journal, before, &entry)?; // TA1
                if link.seq <= current.mine.seq && !self.has(&journal, link.seq, &entry)? {
                    self.cut_journal(copy, batch, before)?;
                }
                let Some(current) = &mut copy.current else { return Ok(()) };
                if link.seq > current.mine.seq {
                    keys::put_entry(batch, &journal, link.seq, &entry);
                }
                if link.seq == Seq(1) {
                    keys::put_listed(batch, shard, &journal);
                }
                current.link = link;
                Ok(())
            }
            PageItem::Snapshot(inside) => {
                let Some(current) = &copy.current else { return Err(bad("a snapshot of nobody")) };
                // One that is damaged costs time, one that is too new comes again with the log.
                let seq = history::read_snapshot(&inside).map(|snapshot| snapshot.seq);
                if seq.is_some_and(|seq| seq <= current.link.seq) {
                    keys::put_snapshot(batch, &*self.core.store, &current.journal, &inside)?;
                }
                Ok(())
            }
        }
    }

    /// Where the journal ends here; one whose end is damaged counts for nothing.
    fn my_head(
        &self,
        copy: &mut Copying,
        batch: &mut Batch,
        journal: &JournalId,
    ) -> Result<Link, StorageFault> {
        let store = &*self.core.store;
        match keys::load_head(store, journal) {
            Err(StorageFault::Corrupt { .. }) => {
                self.put_journal_aside(copy.shard, journal, Seq(1))?;
                tear(copy, batch);
                keys::delete_journal(batch, store, copy.shard, journal)?;
                Ok(Link::genesis(journal))
            }
            found => found,
        }
    }

    fn has(&self, journal: &JournalId, seq: Seq, entry: &[u8]) -> Result<bool, StorageFault> {
        let stored = keys::load_entries(&*self.core.store, journal, seq, seq.next(), 1)?;
        Ok(stored.get(&seq).is_some_and(|mine| mine == entry))
    }

    /// The journal has ended over there; here it ends at the same entry.
    fn finish_journal(&self, copy: &mut Copying, batch: &mut Batch) -> Result<(), StorageFault> {
        let Some(current) = &copy.current else { return Ok(()) };
        if current.mine.seq > current.link.seq {
            let link = current.link;
            self.cut_journal(copy, batch, link)?;
        }
        if let Some(current) = &copy.current {
            put_head(batch, current);
        }
        Ok(())
    }

    /// Takes away what the journal has behind `keep`: another history.
    fn cut_journal(
        &self,
        copy: &mut Copying,
        batch: &mut Batch,
        keep: Link,
    ) -> Result<(), StorageFault> {
        let Some(current) = &mut copy.current else { return Ok(()) };
        current.mine = keep;
        let journal = current.journal.clone();
        self.put_journal_aside(copy.shard, &journal, keep.seq.next())?;
        tear(copy, batch);
        keys::delete_entries(batch, &*self.core.store, &journal, keep.seq.next())?;
        keys::delete_snapshot(batch, &*self.core.store, &journal)?;
        keys::put_head(batch, &journal, keep);
        Ok(())
    }

    /// Takes away the journals between two names, which are not over there.
    fn drop_strays(
        &self,
        copy: &mut Copying,
        batch: &mut Batch,
        after: Option<&JournalId>,
        before: Option<&JournalId>,
    ) -> Result<(), StorageFault> {
        let store = &*self.core.store;
        let mut last = after.cloned();
        loop {
            let listed = keys::listed(store, copy.shard, last.as_ref(), AT_ONCE)?;
            let strays = listed.iter().filter(|it| before.is_none_or(|before| *it < before));
            for journal in strays {
                self.put_journal_aside(copy.shard, journal, Seq(1))?;
                tear(copy, batch);
                keys::delete_journal(batch, store, copy.shard, journal)?;
            }
            match listed.into_iter().next_back() {
                Some(end) if before.is_none_or(|before| end < *before) => last = Some(end),
                _ => return Ok(()),
            }
        }
    }

    /// TA3
    fn put_journal_aside(
        &self,
        shard: u16,
        journal: &JournalId,
        from: Seq,
    ) -> Result<(), StorageFault> {
        let (mut next, mut bytes) = (from, Vec::new());
        loop {
            let page =
                keys::load_entries(&*self.core.store, journal, next, Seq(u64::MAX), AT_ONCE)?;
            let Some((end, _)) = page.last_key_value() else { break };
            next = end.next();
            for entry in page.into_values() {
                bytes.extend_from_slice(&(entry.len() as u32).to_le_bytes());
                bytes.extend_from_slice(&entry);
            }
        }
        let name = format!("{shard}-{}-{from}", journal.as_str().replace('/', "-"));
        let put = self.put_aside(&name, &bytes);
        put.map_err(|error| StorageFault::disk(format!("put {journal} aside"), &error))
    }

    /// The state is here: from now on the shard's log begins behind it (TA4).
    fn install(self: &Arc<Self>, shard: u16, from: NodeKey, base: At) -> Result<(), StorageFault> {
        let (tell, told) = mpsc::sync_channel(1);
        let mut cell = self.lock(shard);
        if cell.replica.copying() != Some(from) {
            return Err(StorageFault::BadCopy { shard, why: "nobody waits for it".into() });
        }
        if cell.config.is_some_and(|config| config.generation > 0) {
            let entries: Vec<_> = cell.tail.entries().cloned().collect();
            self.quarantine(shard, &entries);
        }
        let draft = records::write_cut(shard, base.lsn);
        let (host, room) = (Arc::clone(self), draft.room());
        let done = Box::new(move |result: Result<_, StorageFault>| {
            let kept = result.clone().map(drop);
            host.answered(shard, room, result);
            let _ = tell.try_send(kept);
        });
        self.queue.push(Item { draft, done })?;
        cell.tail.other_flies();
        cell.installing = true;
        drop(cell);
        if let Err(fault) = told.recv().unwrap_or(Err(StorageFault::Closed)) {
            self.installed(shard, None);
            return Err(fault);
        }

        let (tell, told) = mpsc::sync_channel(1);
        let mut batch = Batch::default();
        keys::put_applied(&mut batch, shard, base, false);
        let host = Arc::clone(self);
        let waiting = Waiting::new(true, move || {
            host.installed(shard, Some(base));
            let _ = tell.try_send(());
        });
        self.core.fill(Origin::Elsewhere, Work::Changes(batch, Some(waiting)), 0);
        self.core.fill.hurry();
        // Without a bound: it comes as soon as the engine takes anything, or never again.
        told.recv().map_err(|_| StorageFault::Closed)
    }

    /// The new place is durable; or the old log stays, when there is none. What was learned
    /// meanwhile is learned now: it might have made this node serve.
    fn installed(self: &Arc<Self>, shard: u16, base: Option<At>) {
        let mut cell = self.lock(shard);
        cell.installing = false;
        if let Some(base) = base {
            cell.tail.reset(base);
            cell.commit = base.lsn;
            for slot in self.core.slots.chosen(|slot| slot.shard == shard) {
                slot.forget();
            }
            self.step(&mut cell, Input::Installed(base));
        }
        if let Some(config) = cell.config {
            self.step(&mut cell, Input::Config(config));
        }
        self.tell(cell);
    }

    fn copy_failed(self: &Arc<Self>, shard: u16) {
        self.copies.0.lock().remove(&shard);
        let mut cell = self.lock(shard);
        if !cell.installing {
            self.step(&mut cell, Input::CopyFailed);
        }
        self.tell(cell);
    }
}

/// From here on the old place says nothing (TA2).
fn tear(copy: &mut Copying, batch: &mut Batch) {
    if !copy.torn {
        copy.torn = true;
        keys::put_applied(batch, copy.shard, At::default(), true);
    }
}

fn put_head(batch: &mut Batch, current: &Current) {
    if current.link.seq > current.mine.seq {
        keys::put_head(batch, &current.journal, current.link);
    }
}

impl Ledger {
    /// Takes a page of a shard's state that [`crate::ledger::TwinWorld::pull`] asked for, in the
    /// order in which [`Ledger::state_page`] gave them. Blocks until the engine has it; after the
    /// last one, until the shard's log begins anew behind `base`.
    ///
    /// # Errors
    /// [`StorageFault::BadCopy`] when the copy has to begin again, [`StorageFault::Corrupt`] when
    /// an entry is damaged, or the engine's. After any of them: [`Ledger::copy_failed`].
    pub fn take_state(
        &self,
        shard: u16,
        from: NodeKey,
        base: At,
        page: Vec<u8>,
        last: bool,
    ) -> Result<(), StorageFault> {
        match &self.0.twins {
            Some(host) => host.take_state(shard, from, base, page, last),
            None => Err(StorageFault::BadCopy { shard, why: "there are no twins".into() }),
        }
    }

    /// The state could not be copied; the replica asks for it again when it still needs it.
    pub fn copy_failed(&self, shard: u16) {
        if let Some(host) = &self.0.twins {
            host.copy_failed(shard);
        }
    }
}
