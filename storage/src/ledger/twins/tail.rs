//! One shard's end of the log in memory: what is not applied yet, and what is on its way.
//!
//! # Invariants
//! - **TL1** What is held is gapless and follows the last entry that was taken for applying.
//! - **TL2** An entry is taken for applying only when the whole write it came in is durable.
//! - **TL3** After a lost write everything is as it was before it.
//! - **TL4** No record that a restart would need lies before [`Tail::lowest`].

use std::collections::VecDeque;

use protocol::{
    cluster::{Epoch, Lsn},
    twin::{At, Entry},
};

use super::records::Stand;

/// See the module.
#[derive(Debug)]
pub(super) struct Tail {
    /// The last entry taken for applying.
    base: At,
    log: VecDeque<Logged>,
    /// Every write up to this entry is durable as a whole.
    kept: Lsn,
    /// Records that wait for the log's answer, which comes in their order.
    flying: VecDeque<Flying>,
    fence: Fenced,
    bytes: u64,
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    pub(super) entry: Entry,
    /// Where its newest durable record stands.
    pub(super) stand: Option<Stand>,
}

/// The newest durable fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) struct Fenced {
    pub(in crate::ledger) seen: Epoch,
    pub(in crate::ledger) act: Epoch,
    /// Where it stands; none when the engine has it.
    pub(in crate::ledger) stand: Option<Stand>,
}

#[derive(Debug)]
struct Flying {
    /// The write it belongs to; none for what the host itself writes.
    ticket: Option<u64>,
    /// The last record of that write.
    last: bool,
    what: Flown,
    /// Its write was given up already.
    void: bool,
}

#[derive(Debug)]
enum Flown {
    /// An entry, and the first one of its write.
    Entry(At, Lsn),
    /// An entry once more, so that the log can let go of its old place.
    Carried(At),
    /// What was cut away, and what was `kept` before.
    Cut(Vec<Logged>, Lsn),
    Fence(Epoch, Epoch),
    /// The host's own, or of a log that was replaced: nothing follows from it.
    Other,
}

impl Tail {
    /// As the disk had it.
    pub(super) fn new(base: At, log: Vec<(Entry, Stand)>, fence: Fenced) -> Self {
        let log: VecDeque<Logged> =
            log.into_iter().map(|(entry, stand)| Logged { entry, stand: Some(stand) }).collect();
        let kept = log.back().map_or(base.lsn, |logged| logged.entry.at.lsn);
        let bytes = log.iter().map(Logged::bytes).sum();
        Self { base, log, kept, flying: VecDeque::new(), fence, bytes }
    }

    /// The last entry taken for applying.
    pub(super) const fn base(&self) -> At {
        self.base
    }

    /// The last entry.
    pub(super) fn last(&self) -> At {
        self.log.back().map_or(self.base, |logged| logged.entry.at)
    }

    /// Bytes of the entries that are held.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The newest durable fence.
    pub(super) const fn fence(&self) -> Fenced {
        self.fence
    }

    /// The engine has this fence.
    pub(super) fn fence_saved(&mut self, fence: Fenced) {
        if self.fence == fence {
            self.fence.stand = None;
        }
    }

    /// One record of the write `ticket` goes to the log: this entry; `first` is the write's first.
    pub(super) fn entry_flies(&mut self, ticket: u64, entry: Entry, first: Lsn, last: bool) {
        let at = entry.at;
        assert_eq!(at.lsn, self.last().lsn.next(), "TL1");
        let logged = Logged { entry, stand: None };
        self.bytes += logged.bytes();
        self.log.push_back(logged);
        self.fly(Some(ticket), last, Flown::Entry(at, first));
    }

    /// A cut goes to the log.
    pub(super) fn cut_flies(&mut self, ticket: u64, keep: Lsn) {
        let from = keep.0.saturating_sub(self.base.lsn.0) as usize;
        let removed: Vec<Logged> = self.log.drain(from.min(self.log.len())..).collect();
        self.bytes -= removed.iter().map(Logged::bytes).sum::<u64>();
        self.fly(Some(ticket), true, Flown::Cut(removed, self.kept));
        self.kept = self.kept.min(keep.max(self.base.lsn));
    }

    /// A fence goes to the log.
    pub(super) fn fence_flies(&mut self, ticket: u64, seen: Epoch, act: Epoch) {
        self.fly(Some(ticket), true, Flown::Fence(seen, act));
    }

    /// An entry goes to the log once more.
    pub(super) fn carried_flies(&mut self, at: At) {
        self.fly(None, true, Flown::Carried(at));
    }

    /// A record that changes nothing here goes to the log.
    pub(super) fn other_flies(&mut self) {
        self.fly(None, true, Flown::Other);
    }

    fn fly(&mut self, ticket: Option<u64>, last: bool, what: Flown) {
        self.flying.push_back(Flying { ticket, last, what, void: false });
    }

    /// The oldest record on its way is durable. Returns the ticket of the write it completes.
    pub(super) fn landed(&mut self, stand: Stand) -> Option<u64> {
        let flown = self.flying.pop_front().expect("the log answers for what was sent");
        assert!(!flown.void, "nothing behind a refused record is kept");
        match flown.what {
            Flown::Entry(at, _) => {
                self.stand(at, stand);
                if flown.last {
                    self.kept = at.lsn; // TL2
                }
            }
            Flown::Carried(at) => self.stand(at, stand),
            Flown::Cut(..) | Flown::Other => {}
            Flown::Fence(seen, act) => self.fence = Fenced { seen, act, stand: Some(stand) },
        }
        flown.ticket.filter(|_| flown.last)
    }

    fn stand(&mut self, at: At, stand: Stand) {
        let index = at.lsn.0.checked_sub(self.base.lsn.0 + 1);
        let logged = index.and_then(|index| self.log.get_mut(index as usize));
        if let Some(logged) = logged.filter(|logged| logged.entry.at == at) {
            logged.stand = Some(stand);
        }
    }

    /// The oldest record on its way was refused, and with it all behind it. Returns the ticket
    /// that is lost thereby, unless that was known.
    pub(super) fn lost(&mut self) -> Option<u64> {
        let flown = self.flying.pop_front().expect("the log answers for what was sent");
        if flown.void {
            return None;
        }
        // Without one the old record still stands, or nothing depended on it.
        let ticket = flown.ticket?;
        for later in (0..self.flying.len()).rev() {
            let later = &mut self.flying[later];
            if !later.void {
                later.void = true;
                let what = std::mem::replace(&mut later.what, Flown::Other);
                self.undo(what);
            }
        }
        self.undo(flown.what);
        Some(ticket)
    }

    /// TL3
    fn undo(&mut self, what: Flown) {
        match what {
            Flown::Entry(_, first) => {
                while self.log.back().is_some_and(|logged| logged.entry.at.lsn >= first) {
                    let gone = self.log.pop_back().expect("it was just seen");
                    self.bytes -= gone.bytes();
                }
                self.kept = self.kept.min(self.last().lsn);
            }
            Flown::Cut(removed, kept) => {
                self.bytes += removed.iter().map(Logged::bytes).sum::<u64>();
                self.log.extend(removed);
                self.kept = kept;
            }
            Flown::Carried(_) | Flown::Fence(..) | Flown::Other => {}
        }
    }

    /// The next entry to apply, when everything up to `commit` is committed.
    pub(super) fn next(&self, commit: Lsn) -> Option<&Logged> {
        let next = self.log.front()?;
        (next.entry.at.lsn <= commit.min(self.kept)).then_some(next)
    }

    /// The next entry was applied.
    pub(super) fn advance(&mut self) {
        let taken = self.log.pop_front().expect("`next` has shown it");
        assert!(taken.stand.is_some() && taken.entry.at.lsn <= self.kept, "TL2");
        self.bytes -= taken.bytes();
        self.base = taken.entry.at;
    }

    /// The state was replaced: the log is empty and goes on behind `base`.
    pub(super) fn reset(&mut self, base: At) {
        (self.base, self.kept, self.bytes) = (base, base.lsn, 0);
        self.log.clear();
        for flying in &mut self.flying {
            if !matches!(flying.what, Flown::Fence(..)) {
                flying.what = Flown::Other;
            }
        }
    }

    /// The oldest record a restart would need (TL4).
    pub(super) fn lowest(&self) -> Option<Stand> {
        let cut = self.flying.iter().flat_map(|flying| match &flying.what {
            Flown::Cut(removed, _) => removed.as_slice(),
            _ => &[],
        });
        let held = self.log.iter().chain(cut).filter_map(|logged| logged.stand);
        held.chain(self.fence.stand).min_by_key(|stand| stand.start.number)
    }

    /// The durable entries that are held, for carrying them forward.
    pub(super) fn durable(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter().filter(|logged| logged.stand.is_some()).map(|logged| &logged.entry)
    }

    /// The entries that are held.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter().map(|logged| &logged.entry)
    }
}

impl Logged {
    fn bytes(&self) -> u64 {
        self.entry.payload.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::place::Place;

    fn entry(epoch: u64, lsn: u64) -> Entry {
        let at = At { epoch: Epoch(epoch), lsn: Lsn(lsn) };
        Entry { at, kind: 1, payload: vec![0; 10].into() }
    }

    fn stand(number: u64) -> Stand {
        let end = Place { number, segment: 1, offset: 512 + number * 64 };
        Stand::new(end, 64, number)
    }

    fn tail() -> Tail {
        let fence = Fenced { seen: Epoch(1), act: Epoch(0), stand: None };
        Tail::new(entry(1, 4).at, vec![(entry(1, 5), stand(1)), (entry(1, 6), stand(2))], fence)
    }

    fn held(tail: &Tail) -> Vec<(u64, u64)> {
        tail.log.iter().map(|it| (it.entry.at.epoch.0, it.entry.at.lsn.0)).collect()
    }

    #[test]
    fn tl1_tl2_a_write_is_applied_when_all_of_it_is_durable() {
        let mut tail = tail();
        tail.entry_flies(7, entry(2, 7), Lsn(7), false);
        tail.entry_flies(7, entry(2, 8), Lsn(7), true);
        assert_eq!(tail.landed(stand(3)), None);
        for lsn in [5, 6] {
            assert_eq!(tail.next(Lsn(9)).map(|next| next.entry.at.lsn), Some(Lsn(lsn)));
            tail.advance();
        }
        assert!(tail.next(Lsn(9)).is_none(), "TL2: half of the write");
        assert_eq!(tail.landed(stand(4)), Some(7));
        assert!(tail.next(Lsn(6)).is_none(), "not committed");
        assert_eq!(tail.next(Lsn(9)).map(|next| next.entry.at.lsn), Some(Lsn(7)));
        assert_eq!((tail.base().lsn, tail.bytes()), (Lsn(6), 20));
    }

    #[test]
    fn tl3_a_lost_write_takes_everything_behind_it_back() {
        let mut tail = tail();
        tail.fence_flies(6, Epoch(2), Epoch(0));
        tail.cut_flies(7, Lsn(5));
        tail.entry_flies(8, entry(2, 6), Lsn(6), false);
        tail.entry_flies(8, entry(2, 7), Lsn(6), true);
        tail.carried_flies(entry(1, 5).at);
        assert_eq!(held(&tail), [(1, 5), (2, 6), (2, 7)]);
        assert_eq!(tail.landed(stand(3)), Some(6));
        assert_eq!(tail.fence().seen, Epoch(2));
        assert_eq!(tail.lost(), Some(7), "TL3");
        assert_eq!((held(&tail), tail.kept, tail.bytes()), (vec![(1, 5), (1, 6)], Lsn(6), 20));
        assert_eq!((tail.lost(), tail.lost(), tail.lost()), (None, None, None));
        assert!(tail.flying.is_empty());
        tail.entry_flies(9, entry(1, 7), Lsn(7), false);
        tail.entry_flies(9, entry(1, 8), Lsn(7), true);
        assert_eq!((tail.landed(stand(8)), tail.lost()), (None, Some(9)));
        assert_eq!(held(&tail), [(1, 5), (1, 6)], "TL3: the durable half, too");
    }

    #[test]
    fn a_replaced_log_forgets_what_was_on_its_way() {
        let mut tail = tail();
        tail.entry_flies(7, entry(2, 7), Lsn(7), true);
        tail.other_flies();
        tail.reset(entry(3, 40).at);
        assert_eq!((tail.landed(stand(3)), tail.landed(stand(4))), (Some(7), None));
        tail.entry_flies(8, entry(3, 41), Lsn(41), true);
        assert_eq!((tail.landed(stand(5)), tail.bytes()), (Some(8), 10));
        assert_eq!(tail.next(Lsn(41)).map(|next| next.entry.at.lsn), Some(Lsn(41)));
    }

    #[test]
    fn tl4_the_lowest_record_counts_what_is_cut_and_what_is_carried() {
        let mut tail = tail();
        let lowest = |tail: &Tail| tail.lowest().map(|stand| stand.start.number + 1);
        assert_eq!(lowest(&tail), Some(1));
        tail.carried_flies(entry(1, 5).at);
        tail.carried_flies(entry(1, 6).at);
        assert_eq!((tail.landed(stand(10)), lowest(&tail)), (None, Some(2)));
        assert_eq!((tail.landed(stand(11)), lowest(&tail)), (None, Some(10)));
        tail.fence_flies(1, Epoch(2), Epoch(2));
        tail.landed(stand(12));
        tail.cut_flies(2, Lsn(0));
        assert_eq!(lowest(&tail), Some(10), "TL4: the cut may still be lost");
        tail.landed(stand(13));
        assert_eq!(lowest(&tail), Some(12), "the fence");
        tail.fence_saved(tail.fence());
        assert_eq!(lowest(&tail), None);
    }
}
