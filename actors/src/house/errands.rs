//! What follows when shards come and go: who lived there ends, who watched watches anew, and what
//! was left open is asked again.

use protocol::key::Key;
use std::{
    collections::BTreeSet,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};
use storage::{fault::StorageFault, journal::JournalId, ledger::Ledger, twin::Standing};

use super::{
    House,
    roof::{Due, Roof},
};

/// Tenants looked at in one go.
const PAGE: usize = 256;
/// How often a broken line is tried again before its watches are left to find out themselves.
const TELLS: usize = 50;
/// The pause in between.
const TELL_PAUSE: Duration = Duration::from_millis(100);

impl House {
    /// This node begins to serve a shard, or ends to. Never blocks; what follows, follows soon.
    pub fn serves(&self, shard: u16, serves: bool) {
        self.roof.serves(shard, serves);
    }

    /// The same, in the words of the shard's replica.
    pub fn standing(&self, shard: u16, standing: Standing) {
        self.serves(shard, matches!(standing, Standing::Serving { .. }));
    }

    /// Something about who serves what may have changed. Never blocks.
    pub fn moved(&self) {
        self.roof.ring(|due| due.moved = true);
    }

    fn look_after(self: &Arc<Self>, due: Due) {
        for node in due.lines {
            tokio::spawn(say_it_broke(Arc::downgrade(self), node));
        }
        if !due.shards.is_empty() {
            self.tenants.leave();
            self.vaults.leave();
            self.sessions.leave();
            self.rooms.leave();
            self.conversations.leave();
            self.files.leave();
            self.accounts.leave();
            let mut came = BTreeSet::new();
            for shard in due.shards {
                let turned = self.roof.look_at(shard);
                if turned.left {
                    self.roof.calls.leave(shard);
                }
                if turned.came {
                    came.insert(shard);
                }
            }
            self.dismiss_guests();
            if !came.is_empty() {
                tokio::spawn(rouse(Arc::downgrade(self), came));
            }
        }
        self.stray();
    }
}

/// Looks after everything that changes, until the house stops.
pub(super) async fn run(roof: Arc<Roof>) {
    let mut moves = roof.road.moves();
    let mut may_move = true;
    loop {
        tokio::select! {
            () = roof.bell.notified() => {}
            moved = moves.changed(), if may_move => match moved {
                Ok(()) => roof.due.lock().moved = true,
                Err(_) => may_move = false, // the road's end: nothing moves any more
            }
        }
        let Some(house) = roof.house.get().and_then(Weak::upgrade) else { return };
        if roof.stopped.load(Ordering::Relaxed) {
            return;
        }
        let due = std::mem::take(&mut *roof.due.lock());
        house.look_after(due);
    }
}

async fn say_it_broke(house: Weak<House>, node: u64) {
    for _ in 0..TELLS {
        match house.upgrade() {
            Some(house) if !house.forget_guests(node) => {}
            _ => return,
        }
        tokio::time::sleep(TELL_PAUSE).await;
    }
    if let Some(house) = house.upgrade() {
        house.drop_guests(node);
    }
}

/// Wakes the tenants of shards that came, one after another: each asks again for what it left
/// open.
async fn rouse(house: Weak<House>, shards: BTreeSet<u16>) {
    let mut after: Option<JournalId> = None;
    loop {
        let Some(house) = house.upgrade() else { return };
        let ledger = house.ledger.clone();
        let page = tokio::task::spawn_blocking(move || tenants(&ledger, after.as_ref())).await;
        let page = match page {
            Ok(Ok(page)) => page,
            Ok(Err(fault)) => {
                tracing::warn!(%fault, "tenants were not roused; the next ask wakes them");
                return;
            }
            Err(_) => return,
        };
        for key in page.iter().filter_map(|journal| journal.as_str().parse::<Key>().ok()) {
            if shards.contains(&key.shard()) && !house.roof.stopped.load(Ordering::Relaxed) {
                house.tenants.rouse(key).await;
            }
        }
        if page.len() < PAGE {
            return;
        }
        after = page.last().cloned();
    }
}

fn tenants(ledger: &Ledger, after: Option<&JournalId>) -> Result<Vec<JournalId>, StorageFault> {
    ledger.journals("tenant/", after, PAGE)
}
