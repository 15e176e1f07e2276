//! The pump between the twins on this node and everything around them.
//!
//! A replica calls from under its shard's lock, so nothing here waits: what it says is laid into
//! trays, and one task per tray empties it.
//!
//! # Invariants
//! - **B1** Frames for one node are bounded in bytes; beyond that they are lost, which the twins
//!   bear.
//! - **B2** Of each shard the newest standing and the newest proposal is kept, in any case one.
//! - **B3** No return to a shard goes unnoticed, however quick: each departure is counted at once.
//! - **B4** A copy that fails is begun again later each time, and a person hears of it: what keeps
//!   it from succeeding, a damaged entry over there, say, will not go away by haste.

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use protocol::{
    cluster::{Cas, Change, Epoch, NodeKey},
    key::SHARDS,
    peer::{Class, PeerAnswer, PeerRequest},
    twin::{TwinBatch, TwinFrame},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::Duration,
};
use storage::{
    fault::StorageFault,
    ledger::{Ledger, TwinWorld},
    twin::{Alarm, Standing},
};
use tokio::sync::{Notify, Semaphore, watch};

use crate::{clock::steady_ms, peers::Peers};

/// Bytes of frames that may wait for one node (B1).
const WAITING: usize = 32 * 1024 * 1024;
/// Bytes of frames that travel in one piece, at most one frame more.
const PIECE: usize = 2 * 1024 * 1024;
/// Bytes a frame takes beside its entries, roughly.
const FRAME: usize = 64;
/// State copied to this node at a time.
const COPIES: usize = 4;
/// After so long a copy that failed is begun again,
const AGAIN: Duration = Duration::from_millis(100);
/// twice as long after each further time, and at most this long.
const AGAIN_MAX: Duration = Duration::from_secs(10);
/// A person hears of a copy that failed so often in a row.
const TRIES: u32 = 5;
/// How long one page of state may take.
const PAGE: Duration = Duration::from_secs(20);

/// Decides about changes of the map: the control plane.
pub trait Decider: Send + Sync + 'static {
    /// Brings cases before the control plane; names those that are known to be refused. A case
    /// of unknown outcome is not named: its proposer asks again.
    fn decide(&self, cases: Vec<Cas>) -> BoxFuture<'static, Vec<(u16, Epoch)>>;
}

/// The trays.
pub struct Pump {
    me: NodeKey,
    peers: Arc<Peers>,
    frames: Tray<u64, (usize, Vec<(u16, TwinFrame)>)>,
    cases: Tray<u16, Cas>,
    standings: Tray<u16, Standing>,
    pulls: Tray<u16, NodeKey>,
    tries: Tries,
    lost: AtomicU64,
    alarms: AtomicU64,
    fatal: watch::Sender<Option<String>>,
    reigns: Vec<AtomicU64>,
}

/// How often in a row each shard's copy failed.
#[derive(Default)]
struct Tries(Mutex<BTreeMap<u16, u32>>);

impl Tries {
    /// Once more; says how often by now, and after how long it may be begun again (B4).
    fn failed(&self, shard: u16) -> (u32, Duration) {
        let mut all = self.0.lock();
        let tries = all.entry(shard).or_default();
        *tries = tries.saturating_add(1);
        let pause = AGAIN * 2_u32.pow((*tries - 1).min(20));
        (*tries, pause.min(AGAIN_MAX))
    }

    fn succeeded(&self, shard: u16) {
        self.0.lock().remove(&shard);
    }
}

/// What waits, and who empties it.
struct Tray<K, V> {
    inside: Mutex<BTreeMap<K, V>>,
    wake: Notify,
}

impl<K: Ord, V> Tray<K, V> {
    fn new() -> Self {
        Self { inside: Mutex::default(), wake: Notify::new() }
    }

    fn put(&self, key: K, value: V) {
        self.inside.lock().insert(key, value);
        self.wake.notify_one();
    }

    async fn take(&self) -> BTreeMap<K, V> {
        loop {
            let inside = std::mem::take(&mut *self.inside.lock());
            if !inside.is_empty() {
                return inside;
            }
            self.wake.notified().await;
        }
    }
}

impl TwinWorld for Pump {
    fn now(&self) -> u64 {
        steady_ms()
    }

    fn send(&self, to: NodeKey, shard: u16, frame: TwinFrame) {
        let bytes = weight(&frame);
        {
            let mut inside = self.frames.inside.lock();
            let (waiting, frames) = inside.entry(to.number).or_default();
            if *waiting + bytes > WAITING {
                self.lost.fetch_add(1, Relaxed); // B1
                return;
            }
            *waiting += bytes;
            frames.push((shard, frame));
        }
        self.frames.wake.notify_one();
    }

    fn propose(&self, cas: Cas) {
        self.cases.put(cas.shard, cas);
    }

    fn standing(&self, shard: u16, standing: Standing) {
        if !matches!(standing, Standing::Serving { .. })
            && let Some(reign) = self.reigns.get(usize::from(shard))
        {
            reign.fetch_add(1, AcqRel); // B3
        }
        self.standings.put(shard, standing);
    }

    fn pull(&self, shard: u16, from: NodeKey) {
        self.pulls.put(shard, from);
    }

    fn alarm(&self, shard: u16, alarm: Alarm) {
        self.alarms.fetch_add(1, Relaxed);
        tracing::error!(
            shard,
            ?alarm,
            "a copy of a shard is in trouble; see `konsil cluster status`"
        );
    }

    fn died(&self, why: &StorageFault) {
        // Rule R1: what a failed sync kept is unknown, so this life ends and the next one reads.
        self.fatal.send_replace(Some(format!("the disk failed to keep what was written: {why}")));
    }
}

fn weight(frame: &TwinFrame) -> usize {
    match frame {
        TwinFrame::Append { entries, .. } => {
            FRAME + entries.iter().map(|it| FRAME + it.payload.len()).sum::<usize>()
        }
        _ => FRAME,
    }
}

impl Pump {
    /// Empty trays.
    pub fn new(me: NodeKey, peers: Arc<Peers>) -> Arc<Self> {
        Arc::new(Self {
            me,
            peers,
            frames: Tray::new(),
            cases: Tray::new(),
            standings: Tray::new(),
            pulls: Tray::new(),
            tries: Tries::default(),
            lost: AtomicU64::new(0),
            alarms: AtomicU64::new(0),
            fatal: watch::Sender::new(None),
            reigns: (0..SHARDS).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// Why this process must end, once it must (rule R1).
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.subscribe()
    }

    /// How often this node has ceased to serve a shard, or to be about to.
    pub fn reign(&self, shard: u16) -> u64 {
        self.reigns.get(usize::from(shard)).map_or(0, |it| it.load(Acquire))
    }

    /// The process must end, for this reason.
    pub fn end(&self, why: String) {
        self.fatal.send_replace(Some(why));
    }

    /// Frames that were lost for want of room, and alarms.
    pub fn figures(&self) -> (u64, u64) {
        (self.lost.load(Relaxed), self.alarms.load(Relaxed))
    }

    /// Sends frames, many in one piece, for ever.
    pub async fn send_frames(self: Arc<Self>) {
        loop {
            for (to, (_, frames)) in self.frames.take().await {
                self.send_pieces(to, frames);
            }
        }
    }

    fn send_pieces(&self, to: u64, frames: Vec<(u16, TwinFrame)>) {
        let (mut piece, mut bytes) = (Vec::new(), 0);
        let mut frames = frames.into_iter().peekable();
        while let Some((shard, frame)) = frames.next() {
            bytes += weight(&frame);
            piece.push((shard, frame));
            if bytes >= PIECE || frames.peek().is_none() {
                let batch = TwinBatch { from: self.me, frames: std::mem::take(&mut piece) };
                bytes = 0;
                if !self.peers.twins(to, batch) {
                    self.lost.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Brings proposals before the control plane, many at once, for ever.
    pub async fn bring_cases(self: Arc<Self>, decider: Arc<dyn Decider>, ledger: Ledger) {
        loop {
            let cases = self.cases.take().await.into_values().collect();
            for (shard, expect) in decider.decide(cases).await {
                ledger.refused(shard, expect);
            }
        }
    }

    /// Tells of standings, each shard's newest, for ever.
    pub async fn tell_standings<F: Future<Output = ()>>(
        self: Arc<Self>,
        mut tell: impl FnMut(BTreeMap<u16, Standing>) -> F,
    ) {
        loop {
            tell(self.standings.take().await).await;
        }
    }

    /// Copies state to this node where a replica is too far behind, for ever; a few at a time.
    pub async fn copy_states(self: Arc<Self>, ledger: Ledger) {
        let places = Arc::new(Semaphore::new(COPIES));
        loop {
            for (shard, from) in self.pulls.take().await {
                let Ok(place) = places.clone().acquire_owned().await else { return };
                let (me, ledger) = (self.clone(), ledger.clone());
                tokio::spawn(async move {
                    let copied = me.copy_state(&ledger, shard, from).await;
                    drop(place);
                    match copied {
                        Ok(()) => me.tries.succeeded(shard),
                        Err(why) => {
                            tracing::warn!(shard, %from, why, "a copy was broken off");
                            let (tries, pause) = me.tries.failed(shard);
                            if tries == TRIES {
                                me.alarm(shard, Alarm::Uncopied { from, tries });
                            }
                            tokio::time::sleep(pause).await;
                            ledger.copy_failed(shard); // from here on it is asked for again
                        }
                    }
                });
            }
        }
    }

    async fn copy_state(&self, ledger: &Ledger, shard: u16, from: NodeKey) -> Result<(), String> {
        let mut after = None;
        loop {
            let request = PeerRequest::State { shard, after };
            let answer = self.peers.ask(from.number, Class::Bulk, request, PAGE).await;
            let (base, page, next) = match answer {
                Ok(PeerAnswer::State { base, page, next }) => (base, page, next),
                Ok(other) => return Err(format!("an answer to something else: {other:?}")),
                Err(no) => return Err(format!("{no:?}")),
            };
            let (ledger, last) = (ledger.clone(), next.is_none());
            let taken = tokio::task::spawn_blocking(move || {
                ledger.take_state(shard, from, base, page, last)
            });
            taken.await.map_err(|it| it.to_string())?.map_err(|it| it.to_string())?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// A change that holds cases.
pub fn change(cases: Vec<Cas>) -> Change {
    Change::Cas { cases }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b4_a_copy_that_fails_is_begun_later_each_time() {
        let tries = Tries::default();
        let pauses: Vec<u128> = (0..40).map(|_| tries.failed(7).1.as_millis()).collect();
        assert_eq!(pauses[..5], [100, 200, 400, 800, 1600], "B4");
        assert_eq!(pauses[7..], [10_000; 33], "B4: bounded");
        assert_eq!(tries.failed(8), (1, AGAIN), "another shard is another matter");
        tries.succeeded(7);
        assert_eq!(tries.failed(7), (1, AGAIN));
    }
}
