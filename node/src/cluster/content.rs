//! Files' contents on more than one node: wherever a file's record has a copy, so has its content.
//!
//! Contents are named by their SHA-256 and never change, so they need no replication protocol:
//! whoever should have one and does not fetches it from whoever has it, and checks it. An upload
//! brings its content to those who hold its record at that moment; who comes to hold it later
//! fetches it by itself ([`porter`]).
//!
//! # Invariants
//! - **O1** An upload is acknowledged only when its content is durable wherever its record is.
//! - **O2** What was fetched is kept only when it is what its name says.
//! - **O3** A content that any member has that answers is found, whoever should have it.
//! - **O4** Complaints of damage are bounded; beyond that the scrubber's next round finds it.

pub mod porter;
pub mod records;
pub mod rounds;

use parking_lot::Mutex;
use protocol::{
    cluster::{Map, NodeKey, Purpose},
    frame::Fault,
    id::FileId,
    key::Key,
    peer::{PeerAnswer, PeerNo, PeerRequest},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use storage::{
    content::ContentId,
    fault::StorageFault,
    files::{Content, Files, Verifying},
    scrub::Miss,
};
use tokio::sync::{Semaphore, watch};

use super::ways::manner;
use crate::peers::{Answered, Peers};

/// Bytes of one piece.
const PIECE: usize = 1024 * 1024;
/// Complaints that wait for the scrubber.
const COMPLAINTS: usize = 256;
/// Contents fetched at a time.
const FETCHES: usize = 8;
/// How long a copy that is away is waited for; by then the map says who holds the record instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// This node's contents, and those of the others.
pub struct Contents {
    me: NodeKey,
    files: Files,
    peers: Arc<Peers>,
    maps: watch::Receiver<Arc<Map>>,
    fetches: Arc<Semaphore>,
    /// One fetch of one content at a time.
    under_way: Mutex<BTreeMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>,
    /// Contents in which somebody ran into damage, with the shard of their record (O3).
    complaints: Mutex<Vec<(u16, ContentId)>>,
}

impl Contents {
    /// Over this node's files.
    pub fn new(
        me: NodeKey,
        files: Files,
        peers: Arc<Peers>,
        maps: watch::Receiver<Arc<Map>>,
    ) -> Arc<Self> {
        let fetches = Arc::new(Semaphore::new(FETCHES));
        let (under_way, complaints) = Default::default();
        Arc::new(Self { me, files, peers, maps, fetches, under_way, complaints })
    }

    /// Somebody ran into damage: the scrubber looks at it first.
    pub fn complain(&self, file: FileId, fault: &StorageFault) {
        let StorageFault::CorruptFile { content, .. } = fault else { return };
        let complaint = (Key::File(file).shard(), *content);
        let mut waiting = self.complaints.lock();
        if waiting.len() < COMPLAINTS && !waiting.contains(&complaint) {
            waiting.push(complaint); // O4
        }
    }

    /// What was complained of since this was asked last.
    pub fn complaints(&self) -> Vec<(u16, ContentId)> {
        std::mem::take(&mut self.complaints.lock())
    }

    /// Begins to read a content against its name.
    ///
    /// # Errors
    /// When it is not here, or damaged.
    pub fn verifying(&self, content: &ContentId) -> Result<Verifying, StorageFault> {
        Ok(self.files.content(content)?.verifying())
    }

    /// Fetches a content anew from whoever else holds a copy of its record, and puts it in the
    /// place of what is here, once it is what its name says (O2).
    ///
    /// # Errors
    /// [`Miss::Moved`] when nobody else does, [`Miss::Silent`] when somebody who does is away,
    /// [`Miss::Later`] when it cannot be kept here now, or that everybody's is damaged.
    pub async fn mend(&self, shard: u16, content: ContentId) -> Result<(), Miss> {
        let others = copies(&self.maps.borrow().clone(), shard);
        let mut why = Miss::Moved;
        for node in others.into_iter().filter(|it| *it != self.me.number) {
            why = match self.fetch_once(node, content, true).await {
                Ok(()) => return Ok(()),
                Err(PeerNo::Faulted(Fault::Disk)) => {
                    Miss::Fault(StorageFault::CorruptFile { content, chunk: 0 })
                }
                Err(PeerNo::Faulted(Fault::Busy | Fault::DiskFull)) => Miss::Later,
                Err(_) => Miss::Silent,
            };
        }
        Err(why)
    }

    /// Brings a content that was kept here to wherever the file's record is (O1), and says to
    /// whom. Said before there is a record, and again after it, for it may have moved meanwhile:
    /// `known` need not be asked again.
    ///
    /// # Errors
    /// `Busy` when a copy cannot be reached for long: the upload is tried again.
    pub async fn spread(
        &self,
        file: FileId,
        content: ContentId,
        known: &BTreeSet<u64>,
    ) -> Result<BTreeSet<u64>, Fault> {
        let mut maps = self.maps.clone();
        let mut reached = known.clone();
        let done = async {
            loop {
                let holders = holders(&maps.borrow_and_update(), file);
                let mut missing = false;
                for node in holders.into_iter().filter(|it| *it != self.me.number) {
                    if reached.contains(&node) {
                        continue;
                    }
                    let request =
                        PeerRequest::KeepContent { file, hash: content.hash, len: content.len };
                    match self.ask(node, request).await {
                        Ok(_) => drop(reached.insert(node)),
                        Err(_) => missing = true,
                    }
                }
                if !missing {
                    return reached;
                }
                // Whoever is away is soon no holder any more, or back.
                let _ = tokio::time::timeout(Duration::from_millis(200), maps.changed()).await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.map_err(|_| Fault::Busy)
    }

    /// Opens a content, fetching it first when it is not here.
    ///
    /// # Errors
    /// When nobody who answers has it, or it is damaged.
    pub async fn open(&self, file: FileId, content: ContentId) -> Result<Content, StorageFault> {
        self.bring(file, content).await?;
        let files = self.files.clone();
        let opened = blocking(move || files.content(&content)).await;
        opened.inspect_err(|fault| self.complain(file, fault))
    }

    /// Sees to it that a content is here: fetches it from who should have it, or else from any
    /// other member with data (O3). Says whether it had to be fetched.
    ///
    /// # Errors
    /// [`StorageFault::NoFile`] when nobody who answers has it, or what the disk says.
    pub async fn bring(&self, file: FileId, content: ContentId) -> Result<bool, StorageFault> {
        if self.has(content).await? {
            return Ok(false);
        }
        let map = self.maps.borrow().clone();
        for node in sources(&map, file, self.me.number) {
            if self.fetch(node, content).await.is_ok() {
                return Ok(true);
            }
        }
        Err(StorageFault::NoFile { content })
    }

    /// One piece of a content, for another node.
    ///
    /// # Errors
    /// When it is not here.
    pub async fn piece(&self, content: ContentId, offset: u64) -> Answered {
        let files = self.files.clone();
        let read = blocking(move || files.content(&content)?.read_at(offset, PIECE));
        match read.await {
            Ok(bytes) => Ok(PeerAnswer::Content { bytes }),
            Err(_) => Err(PeerNo::Faulted(Fault::Disk)),
        }
    }

    /// One piece of a content, from whichever member has it; nothing is kept here.
    ///
    /// # Errors
    /// `Disk` when every member with data says that it does not have it whole; another fault when
    /// one of them did not say.
    pub async fn piece_from_anybody(
        &self,
        file: FileId,
        content: ContentId,
        offset: u64,
    ) -> Result<Vec<u8>, Fault> {
        if let Ok(PeerAnswer::Content { bytes }) = self.piece(content, offset).await {
            return Ok(bytes);
        }
        let map = self.maps.borrow().clone();
        let mut unsaid = None;
        for node in sources(&map, file, self.me.number) {
            let request = PeerRequest::Content { hash: content.hash, len: content.len, offset };
            match self.ask(node, request).await {
                Ok(PeerAnswer::Content { bytes }) => return Ok(bytes),
                Err(PeerNo::Faulted(Fault::Disk)) => {}
                Err(PeerNo::Faulted(fault)) => unsaid = Some(fault),
                Ok(_) | Err(_) => unsaid = Some(Fault::Restarted),
            }
        }
        Err(unsaid.unwrap_or(Fault::Disk))
    }

    /// Fetches a content from another node, unless it is here.
    ///
    /// # Errors
    /// When that node does not have it, or the disk says no.
    pub async fn fetch(&self, from: u64, content: ContentId) -> Result<(), PeerNo> {
        self.fetch_once(from, content, false).await
    }

    /// `anew`: also when it is here, because that is damaged.
    async fn fetch_once(&self, from: u64, content: ContentId, anew: bool) -> Result<(), PeerNo> {
        let turn = self.under_way.lock().entry(content.hash).or_default().clone();
        let held = turn.lock().await;
        let fetched = self.fetch_now(from, content, anew).await;
        drop(held);
        drop(turn);
        self.under_way.lock().retain(|_, turn| Arc::strong_count(turn) > 1);
        fetched
    }

    async fn fetch_now(&self, from: u64, content: ContentId, anew: bool) -> Result<(), PeerNo> {
        let disk = |fault: StorageFault| {
            tracing::warn!(%fault, "a content cannot be kept here");
            match fault {
                fault if fault.is_full() => PeerNo::Faulted(Fault::DiskFull),
                _ => PeerNo::Faulted(Fault::Disk),
            }
        };
        if !anew && self.has(content).await.map_err(disk)? {
            return Ok(());
        }
        let _turn = self.fetches.acquire().await.map_err(|_| PeerNo::Faulted(Fault::Stopping))?;
        let files = self.files.clone();
        let mut upload = blocking(move || files.begin(content.len)).await.map_err(disk)?;
        let mut offset = 0;
        while offset < content.len {
            let request = PeerRequest::Content { hash: content.hash, len: content.len, offset };
            let PeerAnswer::Content { bytes } = self.ask(from, request).await? else {
                return Err(PeerNo::Unknown);
            };
            if bytes.is_empty() {
                return Err(PeerNo::Faulted(Fault::Disk));
            }
            offset += bytes.len() as u64;
            let write = move || {
                upload.write(&bytes)?;
                Ok(upload)
            };
            upload = blocking(write).await.map_err(disk)?;
        }
        blocking(move || upload.finish_as(&content)).await.map_err(disk) // O2
    }

    async fn has(&self, content: ContentId) -> Result<bool, StorageFault> {
        let files = self.files.clone();
        blocking(move || files.has(&content)).await
    }

    async fn ask(&self, node: u64, request: PeerRequest) -> Answered {
        let (class, patience) = manner(&request);
        self.peers.ask(node, class, request, patience).await
    }
}

/// The nodes on which a file's record has a copy.
fn holders(map: &Map, file: FileId) -> BTreeSet<u64> {
    copies(map, Key::File(file).shard())
}

/// Whom a content is asked of, the likeliest first: who holds the record, then who might have held
/// it before, or took the upload in.
fn sources(map: &Map, file: FileId, me: u64) -> Vec<u64> {
    let holders = holders(map, file);
    let members = map.members.values().filter(|it| it.purpose == Purpose::Data);
    let others: Vec<u64> =
        members.map(|it| it.key.number).filter(|it| !holders.contains(it)).collect();
    holders.into_iter().chain(others).filter(|it| *it != me).collect()
}

/// The nodes that hold a copy of a shard.
fn copies(map: &Map, shard: u16) -> BTreeSet<u64> {
    let nodes = map.config(shard).into_iter().flat_map(|it| [Some(it.primary), it.twin]);
    nodes.flatten().map(|it| it.number).collect()
}

async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, StorageFault> + Send + 'static,
) -> Result<R, StorageFault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|gone| {
        Err(StorageFault::disk("wait for the disk", &std::io::Error::other(gone)))
    })
}
