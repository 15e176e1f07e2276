//! Reading what an actor kept, from whichever node serves it, without asking the actor.
//!
//! # Invariants
//! - **HI1** What is read was kept: it was acknowledged before, by whoever served the actor then.
//! - **HI2** One call reads a bounded page.

use protocol::{
    frame::Fault,
    id::Seq,
    key::Key,
    peer::{PeerAnswer, PeerRequest},
};
use std::sync::Arc;
use storage::{
    history,
    journal::{Entry, JournalId},
};

use super::{House, patience::Patience};
use crate::{
    handle::{No, ODD},
    keeper::no_of,
    road::Whose,
};

/// Entries of one page, at most (HI2).
const PAGE: usize = 512;

impl House {
    /// Entries of an actor's journal behind `after`, in order: at most `limit`, and at most a page.
    /// None means that there are none.
    ///
    /// # Errors
    /// Never `Refused`: whoever calls this has made sure that it may.
    pub async fn history(
        self: &Arc<Self>,
        key: Key,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, No> {
        let limit = limit.min(PAGE); // HI2
        let mut patience = Patience::new(&self.roof.road);
        loop {
            let tried = match self.roof.road.whose(key.shard()) {
                Whose::Here => self.history_here(key, after, limit).await,
                Whose::There { node, epoch } => {
                    let (shard, journal) = (key.shard(), key.to_string());
                    let (from, upto) = (after.next(), Seq(after.0 + limit as u64));
                    let request = PeerRequest::Stored { shard, epoch, journal, from, upto };
                    self.asked_there(key, node, request).await.and_then(|it| stored(&it, after))
                }
                Whose::Nobody => Err(No::Away),
            };
            match tried {
                Err(No::Away) if patience.wait().await => {}
                Err(No::Away) => return Err(No::Faulted(Fault::Restarted)),
                done => return done,
            }
        }
    }

    async fn history_here(&self, key: Key, after: Seq, limit: usize) -> Result<Vec<Entry>, No> {
        let (ledger, journal) = (self.ledger.clone(), journal_of(key));
        let read = tokio::task::spawn_blocking(move || ledger.read(&journal, after, limit)).await;
        read.map_err(|_| No::Faulted(Fault::Restarted))?.map_err(|fault| no_of(&fault))
    }
}

fn journal_of(key: Key) -> JournalId {
    JournalId::new(&key.to_string()).expect("a key's text fits a journal's name")
}

/// What another node has stored, as far as it is sound and without a gap.
fn stored(answer: &PeerAnswer, after: Seq) -> Result<Vec<Entry>, No> {
    let PeerAnswer::Stored { entries } = answer else { return Err(ODD) };
    let mut next = after;
    entries
        .iter()
        .map(|bytes| {
            next = next.next();
            let stored = history::read_entry(bytes).filter(|it| it.entry.seq == next);
            stored.map(|it| it.entry).ok_or(No::Faulted(Fault::Disk)) // HI1
        })
        .collect()
}
