//! The porter: brings to this node the contents that belong here and are missing.
//!
//! A shard's journals move by the twins' rules; its files' contents do not travel with them. So
//! whenever this node comes to hold a shard, and now and then after that, the porter reads what the
//! shard's records ask for and fetches what is not here: from the other holder, or from whoever has
//! it. Whoever learns a shard begins before it counts.
//!
//! # Invariants
//! - **PO1** However much is missing, at most `AT_ONCE` contents are fetched at a time, each a piece
//!   after the other; between two pages of records others have their turn.
//! - **PO2** What could not be had is counted and said, and looked for again ([`rounds`]).

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use protocol::{
    cluster::{Map, NodeKey},
    peer::ContentStatus,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use storage::{fault::StorageFault, journal::JournalId, ledger::Ledger, twin::Standing};
use tokio::sync::watch;

use super::{
    Contents,
    records::{self, Record},
    rounds::{self, Next, Rounds, Turn},
};
use crate::clock::steady_ms;

/// Records looked at in one piece.
const PAGE: usize = 64;
/// Contents fetched at a time (PO1).
const AT_ONCE: usize = 4;
/// After a page that held records, so that looking takes a small part of the node's time.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it is looked whether this node has begun to learn a shard: no map says so.
const GLANCE: Duration = Duration::from_secs(1);

/// See the module.
pub struct Porter {
    me: NodeKey,
    ledger: Ledger,
    contents: Arc<Contents>,
    rounds: Mutex<Rounds<JournalId>>,
    fetched: AtomicU64,
}

impl Porter {
    /// Nothing is looked at yet.
    pub fn new(me: NodeKey, ledger: Ledger, contents: Arc<Contents>) -> Arc<Self> {
        let (rounds, fetched) = Default::default();
        Arc::new(Self { me, ledger, contents, rounds, fetched })
    }

    /// What is known to be missing here.
    pub fn known(&self) -> ContentStatus {
        self.rounds.lock().known()
    }

    /// Contents fetched since this node started.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Relaxed)
    }

    /// Looks and fetches, for ever.
    pub async fn run(self: Arc<Self>, mut maps: watch::Receiver<Arc<Map>>) {
        loop {
            let map = maps.borrow_and_update().clone();
            let next = self.learn(&map);
            match next {
                Next::Look(turn) => self.look(turn).await,
                Next::Rest(ms) => {
                    let rest = Duration::from_millis(ms).min(GLANCE);
                    if let Ok(Err(_)) = tokio::time::timeout(rest, maps.changed()).await {
                        return;
                    }
                }
            }
        }
    }

    fn learn(&self, map: &Map) -> Next<JournalId> {
        let follows = |shard| matches!(self.ledger.standing(shard), Standing::Follows { .. });
        let parts = rounds::parts(map, self.me, follows);
        let mut rounds = self.rounds.lock();
        rounds.learn(steady_ms(), map.index, &parts);
        rounds.next(steady_ms())
    }

    /// Looks at one page and fetches what it lacks.
    async fn look(&self, turn: Turn<JournalId>) {
        let (ledger, shard, after) = (self.ledger.clone(), turn.shard, turn.after.clone());
        let read = super::blocking(move || records::page(&ledger, shard, after.as_ref(), PAGE));
        let page = match read.await {
            Ok(page) => page,
            Err(fault) => {
                tracing::warn!(shard, %fault, "a shard's records cannot be read");
                return self.rounds.lock().failed(steady_ms(), &turn);
            }
        };
        let any = !page.records.is_empty();
        let brought = stream::iter(page.records).map(|record| self.bring(shard, record));
        let missing = brought.buffer_unordered(AT_ONCE).filter(|here| std::future::ready(!here));
        let missing = missing.count().await as u64 + page.unread;
        self.rounds.lock().looked(steady_ms(), &turn, missing, page.next);
        if any {
            tokio::time::sleep(PAUSE).await; // PO1
        }
    }

    /// Sees to it that one content is here; says whether it is (PO2).
    async fn bring(&self, shard: u16, Record { file, content }: Record) -> bool {
        match self.contents.bring(file, content).await {
            Ok(fetched) => {
                self.fetched.fetch_add(u64::from(fetched), Relaxed);
                true
            }
            Err(StorageFault::NoFile { .. }) => {
                tracing::warn!(shard, %file, %content, "a file's content is missing here, and \
                     nobody who answers has it; it is looked for again");
                false
            }
            Err(fault) => {
                tracing::warn!(shard, %file, %fault, "a file's content cannot be kept here");
                false
            }
        }
    }
}
