//! What this node does with what other nodes ask of it.

use actors::house::House;
use futures_util::future::BoxFuture;
use protocol::{
    cluster::NodeKey,
    codec,
    frame::Fault,
    key::SHARDS,
    peer::{JournalSum, NodeStatus, PeerAnswer, PeerNo, PeerRequest, Told},
    twin::{At, TwinBatch},
};
use std::sync::{Arc, OnceLock};
use storage::{
    content::ContentId,
    fault::StorageFault,
    journal::{JournalId, Link},
    ledger::{Chosen, Ledger},
};

use super::{
    content::{Contents, porter::Porter},
    ways::may_ask,
};
use crate::{
    control::Control,
    peers::{Answered, Service},
};

/// Says how this node is.
pub type Tell = Arc<dyn Fn() -> NodeStatus + Send + Sync>;

/// Everything another node may ask for; parts that are not up yet answer `Restarted`.
#[derive(Default)]
pub struct Desk {
    /// The control plane.
    pub control: OnceLock<Control>,
    /// How this node is.
    pub status: OnceLock<Tell>,
    /// What a node that holds data has beside.
    pub data: OnceLock<Data>,
}

/// The parts of a node that holds data.
pub struct Data {
    /// The journals.
    pub ledger: Ledger,
    /// Files' contents.
    pub contents: Arc<Contents>,
    /// Who knows what of them is missing.
    pub porter: Arc<Porter>,
    /// The actors, once they are up.
    pub house: OnceLock<Arc<House>>,
}

impl Service for Desk {
    fn serve(self: Arc<Self>, from: u64, request: PeerRequest) -> BoxFuture<'static, Answered> {
        Box::pin(async move {
            let control = self.control.get().ok_or(PeerNo::Faulted(Fault::Restarted))?;
            may_ask(&control.maps().borrow(), from, &request)?;
            match request {
                PeerRequest::Raft(bytes) => match control.heard(bytes).await {
                    Ok(bytes) => Ok(PeerAnswer::Bytes(bytes)),
                    Err(fault) => {
                        tracing::debug!(from, %fault, "a message of the consensus was not taken");
                        Err(PeerNo::Faulted(Fault::Busy))
                    }
                },
                // Changes are carried to the leader inside the consensus' own messages.
                PeerRequest::Change(_) => Err(PeerNo::Unknown),
                PeerRequest::Status => {
                    let tell = self.status.get().ok_or(PeerNo::Faulted(Fault::Restarted))?;
                    Ok(PeerAnswer::Bytes(codec::encode(&tell())))
                }
                other => self.of_data(from, other).await,
            }
        })
    }

    fn twins(&self, from: u64, batch: TwinBatch) {
        let Some(data) = self.data.get() else { return };
        // The transport has proved the number; the map says which disk goes with it.
        let known = self.control.get().and_then(|control| {
            control.maps().borrow().members.get(&from).map(|member| member.key)
        });
        if known != Some(batch.from) {
            return;
        }
        // A shard there is none of comes from a node that is wrong: only its own line may suffer.
        for (shard, frame) in batch.frames.into_iter().filter(|(shard, _)| *shard < SHARDS) {
            data.ledger.heard(batch.from, shard, frame);
        }
    }

    fn told(&self, from: u64, told: Told) {
        if let Some(house) = self.data.get().and_then(|data| data.house.get()) {
            house.told(from, told);
        }
    }
}

impl Desk {
    async fn of_data(&self, from: u64, request: PeerRequest) -> Answered {
        let gone = || PeerNo::Faulted(Fault::Restarted);
        let data = self.data.get().ok_or_else(gone)?;
        match request {
            PeerRequest::State { shard, after } => {
                let ledger = data.ledger.clone();
                let page = blocking(move || ledger.state_page(shard, after)).await?;
                let (base, page, next) = page;
                Ok(PeerAnswer::State { base, page, next })
            }
            PeerRequest::Backup { shard, after } => {
                let ledger = data.ledger.clone();
                let after = after.unwrap_or_else(|| Chosen::all_but(&[]).start());
                let (page, next) = blocking(move || ledger.export(shard, &after)).await?;
                Ok(PeerAnswer::State { base: At::default(), page, next })
            }
            PeerRequest::Sums { shard, after } => {
                let ledger = data.ledger.clone();
                let after = after.and_then(|name| JournalId::new(&name).ok());
                let sums = blocking(move || ledger.sums(shard, after.as_ref(), SUMS)).await?;
                let sums: Vec<_> = sums
                    .into_iter()
                    .map(|(journal, seq, hash)| (journal.as_str().to_owned(), seq, hash))
                    .collect();
                Ok(PeerAnswer::Bytes(codec::encode(&sums)))
            }
            PeerRequest::SumUp { shard, epoch, of } => {
                let ledger = data.ledger.clone();
                let sums = blocking(move || ledger.sum_up(shard, epoch, &of)).await?;
                let (since, upto, more) = (sums.since, sums.upto, sums.more);
                let sum = |(journal, end): (JournalId, Option<Link>)| JournalSum {
                    journal: journal.as_str().to_owned(),
                    end: end.map(|it| (it.seq, it.hash)),
                };
                let sums = sums.sums.into_iter().map(sum).collect();
                Ok(PeerAnswer::Sums { since, upto, sums, more })
            }
            PeerRequest::Stored { shard, epoch, journal, from, upto } => {
                let ledger = data.ledger.clone();
                let journal = JournalId::new(&journal).ok().filter(|it| it.shard() == shard);
                let journal = journal.ok_or(PeerNo::Unknown)?;
                let read = blocking(move || ledger.stored(&journal, epoch, from, upto)).await?;
                let entries = read.into_iter().map(Vec::from).collect();
                Ok(PeerAnswer::Stored { entries })
            }
            PeerRequest::Content { hash, len, offset } => {
                data.contents.piece(ContentId { hash, len }, offset).await
            }
            PeerRequest::KeepContent { file: _, hash, len } => {
                let fetched = data.contents.fetch(from, ContentId { hash, len }).await;
                fetched.map(|()| PeerAnswer::Done)
            }
            PeerRequest::ContentStatus => {
                Ok(PeerAnswer::Bytes(codec::encode(&data.porter.known())))
            }
            other => data.house.get().ok_or_else(gone)?.serve(from, other).await,
        }
    }

    /// Whether this is the member it says it is.
    pub fn knows(&self, node: NodeKey) -> bool {
        self.control.get().is_some_and(|it| it.maps().borrow().member(node).is_some())
    }
}

/// Journals summed up at a time.
const SUMS: usize = 256;

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, StorageFault> + Send + 'static,
) -> Result<R, PeerNo> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        // A copy that is held no more, or not yet: whoever asked looks at the map again.
        Ok(Err(StorageFault::NotHere { epoch, .. })) => Err(PeerNo::NotOwner(epoch)),
        Ok(Err(fault)) => {
            tracing::warn!(%fault, "another node asked for something that cannot be read");
            Err(PeerNo::Faulted(actors::keeper::fault_of(&fault)))
        }
        Err(_) => Err(PeerNo::Faulted(Fault::Restarted)),
    }
}
