//! A member that holds data: its journals, replicated, and everything that drives them.

use futures_util::future::BoxFuture;
use protocol::cluster::{Cas, Change, Epoch, Map};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use storage::{
    fault::StorageFault,
    files::Files,
    ledger::{Ledger, Options as LedgerOptions},
    twin::Settings,
};
use tokio::sync::{broadcast::error::RecvError, watch};

use super::{
    content::{Contents, porter::Porter},
    desk::Data,
    membership::Membership,
    pump::{Decider, Pump},
    scrub::{Parts, Scrub},
    ways::ActorWay,
};
use crate::{
    config::{Cluster, Config},
    control::{Control, ControlNo},
    swarm::{Event, Swarm},
};

/// How often time passes for the twins.
const TICK: Duration = Duration::from_millis(20);
/// How long a shard may take to be served after a start, before that is said.
const SERVED: Duration = Duration::from_secs(15);

/// A member's data.
pub struct Holder {
    /// The journals.
    pub ledger: Ledger,
    /// Files' contents.
    pub contents: Arc<Contents>,
    /// Who fetches those that are missing.
    pub porter: Arc<Porter>,
    /// The pump.
    pub pump: Arc<Pump>,
    /// Ticks when anything about ownership may have changed.
    pub moves: watch::Sender<u64>,
    /// Looks for damage.
    pub scrub: Arc<Scrub>,
}

impl Decider for Control {
    fn decide(&self, cases: Vec<Cas>) -> BoxFuture<'static, Vec<(u16, Epoch)>> {
        let control = self.clone();
        Box::pin(async move {
            let asked: Vec<_> = cases.iter().map(|cas| (cas.shard, cas.expect)).collect();
            match control.change(Change::Cas { cases }).await {
                Ok(changed) => {
                    let refused = asked.into_iter().zip(changed.refused);
                    refused.filter(|(_, why)| why.is_some()).map(|(case, _)| case).collect()
                }
                Err(ControlNo::Refused(why)) => {
                    tracing::warn!(?why, "no case was even looked at");
                    asked
                }
                // Nobody decided, or nobody knows: the proposer asks again.
                Err(_) => Vec::new(),
            }
        })
    }
}

impl Holder {
    /// Opens the journals and starts what drives them.
    ///
    /// # Errors
    /// What the journals say.
    pub async fn open(
        options: LedgerOptions,
        config: &Config,
        member: &Membership,
        files: Files,
    ) -> Result<Self, StorageFault> {
        let me = member.identity.key;
        let pump = Pump::new(me, member.peers.clone());
        let (beat, silence) = (config.cluster.beat_ms, config.cluster.silence_ms);
        let (world, settings) = (pump.clone(), Settings::of(beat, silence));
        let opened =
            tokio::task::spawn_blocking(move || Ledger::twinned(options, me, settings, world));
        let ledger = opened.await.unwrap_or_else(|gone| {
            Err(StorageFault::disk("open the journals", &std::io::Error::other(gone)))
        })?;
        let maps = member.control.maps();
        let contents = Contents::new(me, files, member.peers.clone(), maps.clone());
        let porter = Porter::new(me, ledger.clone(), contents.clone());
        let data = Data {
            ledger: ledger.clone(),
            contents: contents.clone(),
            porter: porter.clone(),
            house: std::sync::OnceLock::new(),
        };
        assert!(member.desk.data.set(data).is_ok(), "a desk has one node's data");
        let (moves, _) = watch::channel(0);
        let scrub = Scrub::new();
        let parts = Parts {
            me,
            ledger: ledger.clone(),
            contents: contents.clone(),
            peers: member.peers.clone(),
            maps: maps.clone(),
        };
        member.keep(tokio::spawn(scrub.clone().run(config.storage.clone(), parts)));
        let holder = Self { ledger, contents, porter, pump, moves, scrub };
        holder.attend(member, maps);
        Ok(holder)
    }

    fn attend(&self, member: &Membership, maps: watch::Receiver<Arc<Map>>) {
        let (pump, ledger) = (self.pump.clone(), self.ledger.clone());
        let (dying, control) = (self.pump.clone(), member.control.clone());
        member.keep(tokio::spawn(async move { dying.end(control.ended().await) })); // rule R1
        let decider: Arc<dyn Decider> = Arc::new(member.control.clone());
        member.keep(tokio::spawn(pump.clone().send_frames()));
        member.keep(tokio::spawn(pump.clone().bring_cases(decider, ledger.clone())));
        member.keep(tokio::spawn(pump.copy_states(ledger.clone())));
        member.keep(tokio::spawn(tick(ledger.clone())));
        member.keep(tokio::spawn(self.porter.clone().run(maps.clone())));
        member.keep(tokio::spawn(learn(ledger.clone(), maps, self.moves.clone())));
        if let Some(swarm) = &member.swarm {
            let control = member.control.clone();
            let moves = self.moves.clone();
            member.keep(tokio::spawn(links(ledger, swarm.clone(), control, moves)));
        }
    }

    /// The actors' way to other nodes.
    pub fn way(&self, cluster: &Cluster, member: &Membership) -> ActorWay {
        ActorWay {
            me: member.identity.key,
            peers: member.peers.clone(),
            maps: member.control.maps(),
            moves: self.moves.subscribe(),
            ledger: self.ledger.clone(),
            pump: self.pump.clone(),
            alone: Duration::from_secs(cluster.one_copy_seconds),
        }
    }

    /// Waits until every shard of this node is served by it, or says that some are not: they are
    /// waited for by whoever needs them.
    pub async fn served(&self, member: &Membership) -> bool {
        use storage::twin::Standing;
        let me = member.identity.key;
        let mut moves = self.moves.subscribe();
        let since = Instant::now();
        loop {
            moves.borrow_and_update();
            let map = member.control.map();
            let mine = map.places.iter().zip(0u16..).filter(|(it, _)| it.config.primary == me);
            let missing = mine
                .filter(|(_, shard)| {
                    !matches!(self.ledger.standing(*shard), Standing::Serving { .. })
                })
                .count();
            if missing == 0 && map.cluster.is_some() {
                return true;
            }
            let left = SERVED.saturating_sub(since.elapsed());
            if tokio::time::timeout(left, moves.changed()).await.is_err() {
                tracing::warn!(
                    missing,
                    "shards of this node are not served yet: it waits for others"
                );
                return false;
            }
        }
    }
}

/// Time passes. Late ticks are not made up for.
async fn tick(ledger: Ledger) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        ledger.tick();
    }
}

async fn learn(ledger: Ledger, mut maps: watch::Receiver<Arc<Map>>, moves: watch::Sender<u64>) {
    loop {
        let map = maps.borrow_and_update().clone();
        ledger.learn(&map);
        moves.send_modify(|it| *it += 1);
        if maps.changed().await.is_err() {
            return;
        }
    }
}

/// A process that is not running is suspected at once; one that only went silent, by its silence.
async fn links(ledger: Ledger, swarm: Swarm, control: Control, moves: watch::Sender<u64>) {
    let mut events = swarm.events();
    loop {
        let (number, up) = match events.recv().await {
            Ok(Event::Up(number)) => (number, true),
            Ok(Event::Refused(number)) => (number, false),
            Ok(Event::Down(_)) => {
                moves.send_modify(|it| *it += 1);
                continue;
            }
            Err(RecvError::Lagged(_)) => continue, // silence tells the rest
            Err(RecvError::Closed) => return,
        };
        if let Some(member) = control.map().members.get(&number) {
            ledger.link(member.key, up);
        }
        moves.send_modify(|it| *it += 1);
    }
}
