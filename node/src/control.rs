//! The control plane: consensus about who belongs to the cluster and who holds which shard.
//!
//! One consensus group of up to five voters; every other member listens. The rule that makes the
//! next map of a change is `storage::control`, the consensus itself is a library, and this module
//! is the shell around both: a log on the disk ([`log`]), a map in memory with its snapshot
//! ([`machine`]), messages over the node's own road ([`wire`]), and, where this node leads, the
//! steward ([`steward`]) who looks after voters ([`voters`]) and places ([`placement`]).
//!
//! # Invariants
//! - **P1** Maps are seen in the order in which their changes were made (K1 of [`machine`]).
//! - **P2** A change that may have been made is never reported as refused: only
//!   [`ControlNo::Unknown`] leaves it open. It is tried again here only when it cannot take effect
//!   twice.
//! - **P3** Liveness is never written down; it is only looked at by the steward.
//! - **P4** A leader that hears of no majority says that nobody leads, and begins nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures_util::future::BoxFuture;
use openraft::{Config, EmptyNode, Raft, RaftMetrics, ServerState, SnapshotPolicy};
use parking_lot::Mutex;
use protocol::{
    cluster::{Candidate, Change, Map},
    id::NodeId,
};
use storage::disk::{Disk, real::RealDisk};
use tokio::{sync::watch, task::JoinHandle};

mod change;
pub mod log;
pub mod machine;
pub mod placement;
mod presence;
mod receiving;
pub mod recover;
mod seam;
mod steward;
#[cfg(test)]
mod tests;
pub mod types;
pub mod voters;
mod wire;

pub use seam::{
    Changed, ConfigStore, ControlFault, ControlNo, Options, RaftRoad, RoadFault, Status,
};

use log::LogStore;
use machine::Machine;
use types::Plane;
use wire::Lines;

type Metrics = RaftMetrics<u64, EmptyNode>;

/// The control plane of one node. Clones are the same.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    number: u64,
    raft: Raft<Plane>,
    log: LogStore,
    machine: Machine,
    road: Arc<dyn RaftRoad>,
    options: Options,
    leader: watch::Sender<Option<u64>>,
    elections: AtomicU64,
    words: Mutex<Vec<String>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Control {
    /// Opens the control plane in `dir` as member `number`: the founder, who is 1, or whoever was
    /// admitted under it. It listens; a voter takes part at once.
    ///
    /// # Errors
    /// What cannot be read, or timeouts that make no sense.
    pub async fn open(
        dir: &Path,
        number: u64,
        road: Arc<dyn RaftRoad>,
        options: Options,
    ) -> Result<Self, ControlFault> {
        let told = |error| storage::StorageFault::disk(format!("open {}", dir.display()), &error);
        let disk = RealDisk::open(dir).map_err(told)?;
        Self::open_on(Arc::new(disk), number, road, options).await
    }

    /// As [`Self::open`], on any disk.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_on(
        disk: Arc<dyn Disk>,
        number: u64,
        road: Arc<dyn RaftRoad>,
        options: Options,
    ) -> Result<Self, ControlFault> {
        let config = Arc::new(config(&options)?);
        let log = LogStore::open(Arc::clone(&disk), options.segment_bytes)?;
        let machine = Machine::open(disk).map_err(ControlFault::opening)?;
        let lines = Lines { road: Arc::clone(&road), pause: options.heartbeat };
        let raft = Raft::new(number, config, lines, log.clone(), machine.clone())
            .await
            .map_err(|fatal| ControlFault::Stopped(fatal.to_string()))?;
        let inner = Arc::new(Inner {
            number,
            raft,
            log,
            machine,
            road,
            options,
            leader: watch::Sender::new(None),
            elections: AtomicU64::new(0),
            words: Mutex::new(Vec::new()),
            tasks: Mutex::new(Vec::new()),
        });
        let control = Self { inner };
        control.stand_if_alone().await;
        let watching = tokio::spawn(watch_leader(control.clone()));
        let stewarding = tokio::spawn(steward::run(control.clone()));
        control.inner.tasks.lock().extend([watching, stewarding]);
        Ok(control)
    }

    /// Founds a cluster of this node alone, holding every shard. Done when it leads.
    ///
    /// # Errors
    /// [`ControlFault::Founded`] when it belongs to one, or why it could not.
    pub async fn found(
        &self,
        cluster: NodeId,
        shards: u16,
        first: Candidate,
    ) -> Result<Changed, ControlFault> {
        assert_eq!(self.inner.number, storage::control::FOUNDER, "the founder is number 1");
        if self.map().cluster.is_some() {
            return Err(ControlFault::Founded);
        }
        let alone = BTreeMap::from([(self.inner.number, EmptyNode {})]);
        // A founder that was cut off in the middle has begun already; it goes on where it was.
        if let Err(error) = self.inner.raft.initialize(alone).await
            && let Some(fatal) = error.into_fatal()
        {
            return Err(ControlFault::Stopped(fatal.to_string()));
        }
        match self.change(Change::Found { cluster, shards, first }).await {
            Err(ControlNo::Refused(protocol::cluster::ChangeRefusal::Founded)) => {
                Err(ControlFault::Founded)
            }
            other => Ok(other?),
        }
    }

    /// The newest map this node has.
    pub fn map(&self) -> Arc<Map> {
        self.inner.machine.maps().borrow().clone()
    }

    /// Maps, in the order in which they came to be (P1).
    pub fn maps(&self) -> watch::Receiver<Arc<Map>> {
        self.inner.machine.maps()
    }

    /// Who leads, as far as is known here; nobody when no majority follows (P4).
    pub fn leader(&self) -> watch::Receiver<Option<u64>> {
        self.inner.leader.subscribe()
    }

    /// The number this node was admitted under.
    pub fn number(&self) -> u64 {
        self.inner.number
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let metrics = self.inner.raft.metrics().borrow().clone();
        let members = metrics.membership_config.membership();
        Status {
            leader: *self.inner.leader.borrow(),
            term: metrics.current_term,
            voters: members.voter_ids().collect(),
            moving: members.get_joint_config().len() > 1,
            learners: members.learner_ids().collect(),
            last: metrics.last_log_index.unwrap_or(0),
            applied: metrics.last_applied.map_or(0, |at| at.index),
            snapshot: self.inner.machine.snapshot().unwrap_or(0),
            log_bytes: self.inner.log.bytes(),
            log_entries: self.inner.log.len() as u64,
            elections: self.inner.elections.load(Relaxed),
            fault: metrics.running_state.as_ref().err().map(ToString::to_string),
            words: self.verdict(),
        }
    }

    /// Whether the cluster survives the loss of a machine, in sentences, and where this node leads
    /// what placement has to say; empty when all is well.
    pub fn verdict(&self) -> Vec<String> {
        let mut words = voters::verdict(&self.map(), &votes(&self.inner.raft.metrics().borrow()));
        let said = self.inner.words.lock().clone();
        words.extend(said);
        words
    }

    /// Waits until this node must end: the consensus stopped, or it is no member any more.
    pub async fn ended(&self) -> String {
        let number = self.number();
        let mut maps = self.maps();
        let removed = |map: &Arc<Map>| {
            let told = map.cluster.is_some() && map.index >= number;
            told && !map.members.contains_key(&number)
        };
        let away = async {
            if maps.wait_for(removed).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            why = self.died() => why,
            () = away => "this node was removed from its cluster, which serves what it held. To \
                          use the machine again: an empty data folder, and `konsil join`"
                .into(),
        }
    }

    /// Waits until the consensus has stopped, and says why: after a failed sync the process must
    /// end (rule R1).
    pub async fn died(&self) -> String {
        let mut metrics = self.inner.raft.metrics();
        let dead = metrics.wait_for(|it| it.running_state.is_err()).await;
        dead.map_or_else(
            |_| "it was closed".into(),
            |it| it.running_state.as_ref().err().map_or_else(String::new, ToString::to_string),
        )
    }

    /// Stops in good order: what is written is synced, and nobody is asked any more.
    pub async fn close(&self) {
        let tasks = std::mem::take(&mut *self.inner.tasks.lock());
        for task in tasks {
            task.abort();
        }
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::warn!(%error, "the consensus did not stop in good order");
        }
        self.inner.log.close().await;
        self.inner.leader.send_replace(None);
    }

    /// The only voter need not wait for others to stay silent.
    async fn stand_if_alone(&self) {
        let alone = {
            let metrics = self.inner.raft.metrics();
            let metrics = metrics.borrow();
            metrics.membership_config.membership().voter_ids().eq([self.inner.number])
        };
        if alone && let Err(error) = self.inner.raft.trigger().elect().await {
            tracing::warn!(%error, "the only voter could not stand for election");
        }
    }

    /// Its vote was moved to another while it led; that one must be elected now.
    fn is_voteless_leader(&self, metrics: &Metrics) -> bool {
        let mut voters = metrics.membership_config.membership().voter_ids();
        metrics.state == ServerState::Leader && voters.all(|it| it != self.inner.number)
    }

    /// Who leads according to `metrics` (P4).
    fn leading(&self, metrics: &Metrics) -> Option<u64> {
        if metrics.running_state.is_err() || self.is_voteless_leader(metrics) {
            return None;
        }
        let leads = metrics.state == ServerState::Leader;
        let several = metrics.membership_config.membership().voter_ids().count() > 1;
        if leads && several {
            let lease = self.inner.options.election.1.as_millis() as u64;
            let heard = metrics.millis_since_quorum_ack.is_some_and(|ms| ms <= lease * 2);
            return heard.then_some(self.inner.number);
        }
        match metrics.current_leader {
            // Its own old vote, before it has learned who was elected since.
            Some(number) if number == self.inner.number && !leads => None,
            known => known,
        }
    }
}

impl ConfigStore for Control {
    fn watch(&self) -> watch::Receiver<Arc<Map>> {
        self.maps()
    }

    fn change(&self, change: Change) -> BoxFuture<'static, Result<Changed, ControlNo>> {
        let control = self.clone();
        Box::pin(async move { Self::change(&control, change).await })
    }
}

/// Each set of voters that must agree: one, but for two while the votes move.
fn votes(metrics: &Metrics) -> Vec<BTreeSet<u64>> {
    metrics.membership_config.membership().get_joint_config().clone()
}

async fn watch_leader(control: Control) {
    let mut metrics = control.inner.raft.metrics();
    let mut term = metrics.borrow().current_term;
    loop {
        let (leader, newest) = {
            let now = metrics.borrow_and_update();
            (control.leading(&now), now.current_term)
        };
        if newest != term {
            control.inner.elections.fetch_add(1, Relaxed);
            term = newest;
        }
        control.inner.leader.send_if_modified(|known| std::mem::replace(known, leader) != leader);
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

fn config(options: &Options) -> Result<Config, ControlFault> {
    let ms = |it: std::time::Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
    let config = Config {
        cluster_name: "konsil".into(),
        heartbeat_interval: ms(options.heartbeat),
        election_timeout_min: ms(options.election.0),
        election_timeout_max: ms(options.election.1),
        install_snapshot_timeout: 10_000,
        snapshot_max_chunk_size: 1024 * 1024,
        max_payload_entries: 64,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(options.snapshot_after),
        replication_lag_threshold: options.snapshot_after.saturating_mul(2).max(1),
        max_in_snapshot_log_to_keep: options.entries_kept,
        ..Config::default()
    };
    config.validate().map_err(|error| ControlFault::Timeouts(error.to_string()))
}
