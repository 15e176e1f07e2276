//! What a backup asks of a node: pages of every shard and pieces of every content, from whoever of
//! the cluster has them.
//!
//! Nothing is remembered between two pages and nothing waits for them: an operator who goes away
//! leaves nothing behind.

use protocol::{
    cluster::Map,
    frame::Fault,
    id::FileId,
    key::SHARDS,
    peer::{PeerAnswer, PeerNo, PeerRequest},
};
use std::{sync::Arc, time::Duration};
use storage::{content::ContentId, fault::StorageFault, ledger::Ledger};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    admin::{Order, Outcome, Piece},
    content::Contents,
    ways::manner,
};
use crate::peers::Peers;

/// How long a shard that nobody gives at the moment is waited for: one whose node died is served by
/// another long before.
const SHARD: Duration = Duration::from_secs(30);
/// How long a content is waited for while a node that may have it does not answer.
const CONTENT: Duration = Duration::from_secs(10);
/// The pause before the next try, unless the map changes earlier.
const AGAIN: Duration = Duration::from_millis(100);

/// Where everything is fetched from.
pub struct Exporter {
    /// This node's number.
    pub me: u64,
    /// What it holds.
    pub ledger: Ledger,
    /// Its contents, and the others'.
    pub contents: Arc<Contents>,
    /// Everybody else.
    pub peers: Arc<Peers>,
    /// Who serves what.
    pub maps: watch::Receiver<Arc<Map>>,
}

/// Why something is not given.
enum No {
    /// Not now, but perhaps in a moment, or by another.
    Now(String),
    /// Not by waiting.
    Ever(String),
}

/// Between two tries.
struct Pause {
    since: Instant,
    patience: Duration,
    maps: watch::Receiver<Arc<Map>>,
}

impl Pause {
    fn new(maps: &watch::Receiver<Arc<Map>>, patience: Duration) -> Self {
        let mut maps = maps.clone();
        maps.mark_unchanged();
        Self { since: Instant::now(), patience, maps }
    }

    /// Waits, and says whether there is time for another try.
    async fn over(&mut self) -> bool {
        // Either ends the pause.
        drop(timeout(AGAIN, self.maps.changed()).await);
        self.since.elapsed() < self.patience
    }
}

impl Exporter {
    /// Carries out an order of a backup.
    pub async fn obey(&self, order: Order) -> Outcome {
        let given = match order {
            Order::Export { shard, .. } if shard >= SHARDS => {
                Err(format!("there is no shard {shard}"))
            }
            Order::Export { shard, after } => self.page_in_time(shard, &after).await,
            Order::Content { file, hash, len, offset } => {
                self.piece_in_time(file, ContentId { hash, len }, offset).await
            }
            _ => Err("this node does not do that".into()),
        };
        given.map_or_else(Outcome::No, Outcome::Bytes)
    }

    async fn page_in_time(&self, shard: u16, after: &[u8]) -> Result<Piece, String> {
        let mut pause = Pause::new(&self.maps, SHARD);
        loop {
            let why = match self.page(shard, after).await {
                Ok(piece) => return Ok(piece),
                Err(No::Now(_)) if pause.over().await => continue,
                Err(No::Now(why) | No::Ever(why)) => why,
            };
            return Err(format!(
                "shard {shard} cannot be read: {why}. `konsil cluster status` says more; begin the \
                 backup again when every shard is served"
            ));
        }
    }

    async fn piece_in_time(
        &self,
        file: FileId,
        content: ContentId,
        offset: u64,
    ) -> Result<Piece, String> {
        let mut pause = Pause::new(&self.maps, CONTENT);
        loop {
            match self.piece(file, content, offset).await {
                Ok(piece) => return Ok(piece),
                Err(No::Now(_)) if pause.over().await => {}
                Err(No::Now(why) | No::Ever(why)) => return Err(why),
            }
        }
    }

    /// A page, from this node when it serves the shard, or from the one that does.
    async fn page(&self, shard: u16, after: &[u8]) -> Result<Piece, No> {
        let map = self.maps.borrow().clone();
        let primary = map.config(shard).map(|it| it.primary.number);
        match primary {
            Some(node) if node != self.me => self.page_of(node, shard, after).await,
            Some(_) => self.own_page(shard, after).await,
            None => Err(No::Now("nobody serves it".into())),
        }
    }

    async fn own_page(&self, shard: u16, after: &[u8]) -> Result<Piece, No> {
        let (ledger, after) = (self.ledger.clone(), after.to_vec());
        let read = tokio::task::spawn_blocking(move || ledger.export(shard, &after)).await;
        match read {
            Ok(Ok((page, next))) => Ok(Piece::new(page, next)),
            Ok(Err(fault @ StorageFault::NotHere { .. })) => Err(No::Now(fault.to_string())),
            Ok(Err(fault)) => Err(No::Ever(fault.to_string())),
            Err(gone) => Err(No::Now(gone.to_string())),
        }
    }

    async fn page_of(&self, node: u64, shard: u16, after: &[u8]) -> Result<Piece, No> {
        let request = PeerRequest::Backup { shard, after: Some(after.to_vec()) };
        let (class, patience) = manner(&request);
        match self.peers.ask(node, class, request, patience).await {
            Ok(PeerAnswer::State { page, next, .. }) => Ok(Piece::new(page, next)),
            Ok(_) | Err(PeerNo::Unknown) => {
                Err(No::Ever(format!("node {node} is of another release")))
            }
            // It may be about to serve it, or no longer; its log says what it is.
            Err(PeerNo::Faulted(Fault::Disk)) => {
                Err(No::Now(format!("node {node}, which serves it, does not read it")))
            }
            Err(no) => Err(No::Now(format!("node {node}, which serves it, says {no:?}"))),
        }
    }

    async fn piece(&self, file: FileId, content: ContentId, offset: u64) -> Result<Piece, No> {
        match self.contents.piece_from_anybody(file, content, offset).await {
            Ok(bytes) => Ok(Piece::new(bytes, None)),
            Err(Fault::Disk) => Err(No::Ever("no node has it whole".into())),
            Err(fault) => Err(No::Now(format!("a node that may have it says {fault:?}"))),
        }
    }
}
