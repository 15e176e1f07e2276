//! What is behind one shard's lock, and how committed entries reach the slots.

use std::{collections::VecDeque, sync::Arc};

use protocol::{
    cluster::{Config, Lsn, Wanted},
    peer::ShardStatus,
    twin::{At, Entry, TwinFrame},
};

use super::{
    Host,
    tail::{Fenced, Tail},
};
use crate::{
    fault::StorageFault,
    history,
    journal::Seq,
    ledger::{
        Done, again,
        core::{APPEND, FOLD, Origin, Work},
        slot::{Slot, State},
    },
    twin::{Output, Replica, RoleName, Standing},
};

/// One shard of this node.
pub(in crate::ledger) struct Cell {
    pub(super) shard: u16,
    pub(super) replica: Replica,
    pub(super) tail: Tail,
    /// Everything up to here is committed.
    pub(super) commit: Lsn,
    /// Own proposals that were not answered, in the log's order.
    pub(super) pending: VecDeque<Pending>,
    /// The last configuration that was handed on.
    pub(super) config: Option<Config>,
    /// Where the map wants the shard, and where the replica was told it is wanted.
    pub(super) wanted: Option<Wanted>,
    pub(super) wished: Option<Wanted>,
    /// The highest entry that any other node was sent.
    pub(super) sent: Lsn,
    /// The first write the log did not take, and why. Told at the next tick, not at once: the
    /// replica's answer would be refused as well.
    pub(super) dam: Option<(u64, StorageFault)>,
    /// Where the replica says it stands, and what was shown of it.
    pub(super) standing: Standing,
    pub(super) shown: Standing,
    /// Completions that are due, and whether somebody is calling them.
    pub(super) told: Vec<(Done, Result<Seq, StorageFault>)>,
    pub(super) telling: bool,
    /// A copied state is being put in the place of the log; no configuration is handed on.
    pub(super) installing: bool,
    /// What is here is being dropped; nothing is heard meanwhile.
    pub(super) leaving: bool,
    /// Why the next committed entry cannot be applied, and since when.
    pub(super) stuck: Option<Stuck>,
    /// Room for the replica's words.
    pub(super) out: Vec<Output>,
}

/// A committed entry cannot be applied.
pub(super) struct Stuck {
    pub(super) at: At,
    pub(super) since: u64,
    /// A person was told.
    pub(super) told: bool,
    why: StorageFault,
}

/// One own proposal.
pub(super) struct Pending {
    pub(super) at: At,
    pub(super) slot: Arc<Slot>,
    pub(super) work: Work,
    pub(super) bytes: usize,
    /// None for a snapshot, which nobody waits for.
    pub(super) done: Option<Done>,
}

impl Cell {
    pub(super) fn new(shard: u16, replica: Replica, tail: Tail) -> Self {
        let commit = tail.base().lsn;
        Self {
            shard,
            replica,
            tail,
            commit,
            pending: VecDeque::new(),
            config: None,
            wanted: None,
            wished: None,
            sent: Lsn(0),
            dam: None,
            standing: Standing::Idle,
            shown: Standing::Idle,
            told: Vec::new(),
            telling: false,
            installing: false,
            leaving: false,
            stuck: None,
            out: Vec::new(),
        }
    }

    /// Everything up to here is in the slots, and on its way to the engine at least.
    pub(in crate::ledger) const fn base(&self) -> At {
        self.tail.base()
    }

    /// The newest durable fence.
    pub(in crate::ledger) const fn fence(&self) -> Fenced {
        self.tail.fence()
    }

    /// Remembers which entries another node may have.
    pub(super) fn note_sent(&mut self, frame: &TwinFrame) {
        if let TwinFrame::Append { entries, .. } = frame
            && let Some(last) = entries.last()
        {
            self.sent = self.sent.max(last.at.lsn);
        }
    }

    /// True while something committed is not in the slots.
    pub(super) fn lags(&self) -> bool {
        self.stuck.is_some() || self.tail.base().lsn < self.commit
    }

    pub(super) fn status(&self) -> Option<ShardStatus> {
        let status = self.replica.status();
        if status.role == RoleName::Idle {
            return None;
        }
        let lag = |matched: Lsn| status.last.lsn.0.saturating_sub(matched.0);
        Some(ShardStatus {
            shard: self.shard,
            epoch: status.config.map_or(status.seen, |config| config.epoch),
            serves: matches!(self.shown, Standing::Serving { .. }),
            last: status.last.lsn,
            commit: status.commit,
            lag: status.peers.iter().map(|peer| lag(peer.matched)).max(),
            copying: self.replica.copying().is_some()
                || status.peers.iter().any(|peer| peer.copying),
        })
    }
}

impl Host {
    /// Takes what is committed and durable here into the slots, in order (TW2).
    pub(super) fn apply(&self, cell: &mut Cell) {
        if cell.replica.copying().is_some() || cell.leaving {
            return; // the engine is being changed below the slots
        }
        while let Some(next) = cell.tail.next(cell.commit) {
            let (entry, stand) = (next.entry.clone(), next.stand.expect("TL2"));
            let origin = Origin::Twins { shard: cell.shard, at: entry.at, start: stand.start };
            let own = cell.pending.front().is_some_and(|pending| pending.at == entry.at);
            if let Some(pending) = own.then(|| cell.pending.pop_front()).flatten() {
                self.apply_own(cell, origin, pending);
            } else if let Err(fault) = self.apply_other(origin, &entry) {
                self.core.complaints.hear(&fault);
                self.cannot_apply(cell, entry.at, fault);
                return; // tried again with every step
            }
            cell.stuck = None;
            cell.tail.advance();
        }
    }

    fn cannot_apply(&self, cell: &mut Cell, at: At, why: StorageFault) {
        if cell.stuck.as_ref().is_none_or(|stuck| stuck.why != why) {
            tracing::error!(shard = cell.shard, ?at, fault = %why,
                "a committed entry cannot be applied");
        }
        match &mut cell.stuck {
            Some(stuck) => stuck.why = why,
            None => cell.stuck = Some(Stuck { at, since: self.world.now(), told: false, why }),
        }
    }

    fn apply_own(&self, cell: &mut Cell, origin: Origin, pending: Pending) {
        let Pending { slot, work, bytes, done, .. } = pending;
        let mut seq = Seq(0);
        slot.change(|state| match &work {
            Work::Entries(_, _, link) => {
                state.ack(*link); // G1
                seq = link.seq;
            }
            Work::Fold(_, inside) => state.fold = Some(inside.clone()),
            Work::Changes(..) | Work::Nothing => {}
        });
        self.core.fill(origin, work, bytes);
        if let Some(done) = done {
            cell.told.push((done, Ok(seq)));
        }
    }

    /// An entry that came from the other copy, or from an earlier life.
    fn apply_other(&self, origin: Origin, entry: &Entry) -> Result<(), StorageFault> {
        let bytes = entry.payload.len();
        let work = match entry.kind {
            APPEND => match history::read_append(&entry.payload) {
                Some(append) => again::take_append(&self.core, &append)?,
                None => return Err(unknown(entry)),
            },
            FOLD => match history::read_fold(&entry.payload) {
                Some((journal, inside)) => Some(again::take_fold(&self.core, &journal, inside)?),
                None => return Err(unknown(entry)),
            },
            _ => return Err(unknown(entry)),
        };
        self.core.fill(origin, work.unwrap_or(Work::Nothing), bytes);
        Ok(())
    }

    /// Own proposals from this entry on will not be answered by the log: they are told `why`, and
    /// their slots fall back. What of them is committed all the same comes as the other copy's.
    pub(super) fn fail_from(&self, cell: &mut Cell, from: Lsn, why: &StorageFault) {
        let keep = cell.pending.partition_point(|pending| pending.at.lsn < from);
        if keep == cell.pending.len() {
            return;
        }
        for pending in cell.pending.drain(keep..) {
            pending.slot.change(State::fall_back); // G4
            match pending.done {
                Some(done) => cell.told.push((done, Err(why.clone()))),
                None => {
                    let lost = &self.core.folds_lost;
                    lost.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        }
    }
}

fn unknown(entry: &Entry) -> StorageFault {
    StorageFault::LogCorrupt {
        segment: format!("(kind {})", entry.kind),
        offset: 0,
        lsn: entry.at.lsn.0,
    }
}
