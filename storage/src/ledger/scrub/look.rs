//! Looking: a journal from its last entry to its first, a stretch at a time; nothing is written.

use std::collections::BTreeMap;

use protocol::cluster::{Epoch, Lsn};

use super::AT_ONCE;
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
    ledger::{Ledger, core::Core, keys},
    scrub::{Look, Theirs, Verdict},
};

/// Bytes read in one look, and at most one page of entries more.
const BYTES: u64 = 1024 * 1024;

impl Ledger {
    /// Reads a stretch of what the engine holds of a journal, from its head or from `from` down,
    /// and compares it with what the other copy says of it.
    ///
    /// # Errors
    /// [`StorageFault::NotHere`] unless the shard's copy here is whole in `epoch` before and after,
    /// or the engine's.
    pub fn look(
        &self,
        journal: &JournalId,
        epoch: Epoch,
        from: Option<Link>,
        theirs: Option<Theirs>,
    ) -> Result<Look, StorageFault> {
        let (host, shard) = (self.host(journal.shard())?, journal.shard());
        // Before anything else: what is read afterwards holds all of it, or is damaged.
        let base = host.whole_in(shard, epoch)?.base().lsn;
        let mut look = Look { entries: 0, bytes: 0, end: None, verdict: Verdict::Whole };
        let top = match from {
            Some(left) => Ok(left),
            None => top(&self.0.core, journal, base, theirs, &mut look)?,
        };
        match top {
            Err(verdict) => look.verdict = verdict,
            Ok(left) => walk(&self.0.core, journal, left, theirs, &mut look)?,
        }
        drop(host.whole_in(shard, epoch)?); // what was read was of this epoch
        Ok(look)
    }
}

/// The head, or what there is to say before anything below it is read.
fn top(
    core: &Core,
    journal: &JournalId,
    base: Lsn,
    theirs: Option<Theirs>,
    look: &mut Look,
) -> Result<Result<Link, Verdict>, StorageFault> {
    let store = &*core.store;
    if let Some(bytes) = keys::load_snapshot(store, journal)? {
        look.bytes += bytes.len() as u64;
        if history::read_snapshot(&bytes).is_none() {
            return Ok(Err(Verdict::Untidy));
        }
    }
    let (head, end) = match head(core, journal)? {
        Head::Sound { head, end } => (head, end),
        Head::Known => return Ok(Err(Verdict::Untidy)),
        Head::Lost => return Ok(Err(Verdict::Headless { base })),
    };
    if head.seq > Seq(0) && !keys::is_listed(store, journal.shard(), journal)? {
        return Ok(Err(Verdict::Untidy));
    }
    look.end = Some(end);
    if let Some(theirs) = theirs {
        if theirs.end.seq == end.seq && theirs.end.hash != end.hash {
            return Ok(Err(Verdict::Contradicted { seq: end.seq }));
        }
        if theirs.end.seq > end.seq && base >= theirs.upto {
            return Ok(Err(Verdict::Short { end }));
        }
    }
    Ok(Ok(head))
}

/// What there is to say of a journal's head.
pub(super) enum Head {
    /// It can be read and may be what it should; and where the journal ends in memory.
    Sound { head: Link, end: Link },
    /// It is damaged, and memory knows it.
    Known,
    /// It is damaged, and nobody here knows it.
    Lost,
}

/// Looks at the engine's head of a journal, beside what memory knows.
pub(super) fn head(core: &Core, journal: &JournalId) -> Result<Head, StorageFault> {
    let peek = || core.slots.known(journal).and_then(|slot| slot.peek());
    // Both sides of the read: memory goes on, and the engine behind it.
    let (before, read, after) = (peek(), keys::load_head(&*core.store, journal), peek());
    let head = match read {
        Ok(head) => head,
        Err(StorageFault::Corrupt { .. }) if after.is_some() => return Ok(Head::Known),
        Err(StorageFault::Corrupt { .. }) => return Ok(Head::Lost),
        Err(fault) => return Err(fault),
    };
    let Some(after) = after else { return Ok(Head::Sound { head, end: head }) };
    let behind = before.is_some_and(|before| head.seq < before.synced);
    let other = head.seq == after.acked.seq && head != after.acked;
    if behind || other || head.seq > after.staged.seq {
        return Ok(Head::Known);
    }
    Ok(Head::Sound { head, end: after.acked })
}

/// From `left` down, as far as one look goes.
fn walk(
    core: &Core,
    journal: &JournalId,
    mut left: Link,
    theirs: Option<Theirs>,
    look: &mut Look,
) -> Result<(), StorageFault> {
    let differs =
        |link: Link| theirs.is_some_and(|it| it.end.seq == link.seq && it.end.hash != link.hash);
    while left.seq > Seq(0) && !differs(left) {
        if look.bytes >= BYTES {
            look.verdict = Verdict::More { left };
            return Ok(());
        }
        let first = Seq(left.seq.0.saturating_sub(AT_ONCE as u64 - 1).max(1));
        let stored = keys::load_entries(&*core.store, journal, first, left.seq.next(), AT_ONCE)?;
        while left.seq >= first && !differs(left) {
            let Some(stored_entry) = stored.get(&left.seq).filter(|it| proven(it, left)) else {
                let from = unsound_from(&stored, left.seq, first);
                look.verdict = Verdict::Damaged { from, left };
                return Ok(());
            };
            look.entries += 1;
            look.bytes += stored_entry.len() as u64;
            left = before(stored_entry, left);
        }
    }
    if differs(left) {
        look.verdict = Verdict::Contradicted { seq: left.seq };
    } else if left.hash != journal.genesis() {
        look.verdict = Verdict::Contradicted { seq: Seq(1) };
    }
    Ok(())
}

/// Whether these bytes are the entry that `left` asks for.
pub(super) fn proven(bytes: &[u8], left: Link) -> bool {
    history::read_entry(bytes).is_some_and(|it| it.entry.seq == left.seq && it.hash == left.hash)
}

/// What the entry before a proven one must hash to.
pub(super) fn before(bytes: &[u8], link: Link) -> Link {
    let parent = history::read_entry(bytes).map_or(link.hash, |it| it.parent);
    Link { seq: Seq(link.seq.0 - 1), hash: parent }
}

/// The first of the entries up to `last` that are all damaged by their own sums.
fn unsound_from(stored: &BTreeMap<Seq, Vec<u8>>, last: Seq, first: Seq) -> Seq {
    let sound = |seq: Seq| {
        let read = stored.get(&seq).and_then(|bytes| history::read_entry(bytes));
        read.is_some_and(|it| it.entry.seq == seq)
    };
    let mut from = last;
    while from > first && !sound(Seq(from.0 - 1)) {
        from = Seq(from.0 - 1);
    }
    from
}
