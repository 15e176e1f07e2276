//! What this node shows of its cluster: who is up, who leads, how its shards do.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use protocol::{
    cluster::{Map, NodeKey},
    peer::{Class, ShardStatus},
};
use std::sync::{Arc, atomic::Ordering::Relaxed};
use storage::ledger::Ledger;
use tokio::sync::watch;

use super::{set, shown};
use crate::{
    cluster::{content::porter::Porter, pump::Pump, scrub::Scrub},
    control::Control,
    peers::Peers,
    swarm::{Figures as SwarmFigures, Links, Swarm},
};

/// Where the figures come from.
pub struct Seen {
    /// This node.
    pub me: NodeKey,
    /// The control plane.
    pub control: Control,
    /// Who is up.
    pub links: watch::Receiver<Links>,
    /// The way to other nodes; none for a node that is alone.
    pub swarm: Option<Swarm>,
    /// What drives the twins.
    pub pump: Arc<Pump>,
    /// What is asked of other nodes, and told to their watches.
    pub peers: Arc<Peers>,
    /// Who fetches contents of files that are missing.
    pub porter: Arc<Porter>,
    /// What looks for damage.
    pub scrub: Arc<Scrub>,
}

pub(super) struct Figures {
    members: IntGauge,
    links: IntGauge,
    leader: IntGauge,
    elections: IntCounter,
    serving: IntGauge,
    solo: IntGauge,
    lag: IntGauge,
    epoch: IntGauge,
    epochs: IntCounter,
    forced: IntCounter,
    lost: IntCounter,
    alarms: IntCounter,
    bytes: IntCounterVec,
    told: IntCounter,
    watches: IntCounter,
    strangers: IntCounter,
    full: IntCounter,
    missing: IntGauge,
    unlooked: IntGauge,
    fetched: IntCounter,
    scrub: Scrubbed,
}

/// What the scrubber did.
struct Scrubbed {
    entries: IntCounter,
    bytes: IntCounter,
    damaged: IntCounter,
    healed: IntCounter,
    unhealed: IntGauge,
    rounds: IntCounter,
    oldest: IntGauge,
    ended: IntGauge,
}

impl Figures {
    pub(super) fn new(it: &Registry) -> Result<Self, prometheus::Error> {
        let opts = Opts::new::<&str, &str>;
        let count = |name, help| shown(it, IntCounter::with_opts(opts(name, help))?);
        let level = |name, help| shown(it, IntGauge::with_opts(opts(name, help))?);
        let bytes = opts("konsil_peer_bytes_total", "Bytes to and from other nodes.");
        let full = "Frames not taken because too much waited for a node.";
        Ok(Self {
            members: level("konsil_cluster_members", "Nodes that belong to the cluster.")?,
            links: level("konsil_cluster_links_up", "Other nodes that are linked now.")?,
            leader: level("konsil_control_leader", "1 while a leader is known, else 0.")?,
            elections: count("konsil_control_elections_total", "Terms seen to begin.")?,
            serving: level("konsil_shards_serving", "Shards served here.")?,
            solo: level("konsil_shards_solo", "Shards whose one copy is here.")?,
            lag: level("konsil_shards_lag_entries", "Entries the slowest copy lacks.")?,
            epoch: level("konsil_shards_epoch_max", "The highest epoch of a shard here.")?,
            epochs: count("konsil_shards_epochs_total", "Configurations of all shards so far.")?,
            forced: count("konsil_shards_forced_total", "Shards given away by force so far.")?,
            lost: count("konsil_twin_frames_lost_total", "Frames of twins lost for room.")?,
            alarms: count("konsil_twin_alarms_total", "Copies of shards in trouble.")?,
            bytes: shown(it, IntCounterVec::new(bytes, &["class", "direction"])?)?,
            told: count("konsil_told_frames_total", "Frames that told watches elsewhere.")?,
            watches: count("konsil_told_watches_total", "Watches these frames told.")?,
            strangers: count("konsil_peer_strangers_total", "Connections of strangers refused.")?,
            full: count("konsil_peer_full_total", full)?,
            missing: level("konsil_contents_missing", "Contents that belong here and are not.")?,
            unlooked: level("konsil_contents_unlooked_shards", "Shards not yet looked through.")?,
            fetched: count("konsil_contents_fetched_total", "Contents fetched from others.")?,
            scrub: Scrubbed::new(it)?,
        })
    }

    pub(super) fn gather(&self, seen: &Seen, ledger: &Ledger) {
        let map = seen.control.map();
        self.members.set(map.members.len() as i64);
        set(&self.epochs, map.places.iter().map(|it| it.config.epoch.0).sum());
        set(&self.forced, map.forced.len() as u64);
        self.links.set(seen.links.borrow().len() as i64);
        let control = seen.control.status();
        self.leader.set(i64::from(control.leader.is_some()));
        set(&self.elections, control.elections);
        self.solo.set(solo(&map, seen.me));
        self.shards(&ledger.shards());
        let (lost, alarms) = seen.pump.figures();
        set(&self.lost, lost);
        set(&self.alarms, alarms);
        let (told, watches) = seen.peers.told();
        set(&self.told, told);
        set(&self.watches, watches);
        let known = seen.porter.known();
        self.missing.set(known.missing as i64);
        self.unlooked.set(i64::from(known.unlooked));
        set(&self.fetched, seen.porter.fetched());
        self.scrub.gather(&seen.scrub);
        if let Some(swarm) = &seen.swarm {
            self.peers(swarm.figures());
        }
    }

    fn shards(&self, shards: &[ShardStatus]) {
        self.serving.set(shards.iter().filter(|it| it.serves).count() as i64);
        let lag = shards.iter().filter(|it| it.serves).filter_map(|it| it.lag).max();
        self.lag.set(lag.unwrap_or(0) as i64);
        self.epoch.set(shards.iter().map(|it| it.epoch.0).max().unwrap_or(0) as i64);
    }

    fn peers(&self, swarm: &SwarmFigures) {
        let mut full = 0;
        for class in Class::ALL {
            let (it, name) = (swarm.class(class), format!("{class:?}").to_lowercase());
            let bytes = |direction| self.bytes.with_label_values(&[name.as_str(), direction]);
            set(&bytes("in"), it.bytes_in.load(Relaxed));
            set(&bytes("out"), it.bytes_out.load(Relaxed));
            full += it.full.load(Relaxed);
        }
        set(&self.full, full);
        set(&self.strangers, swarm.strangers.load(Relaxed));
    }
}

impl Scrubbed {
    fn new(it: &Registry) -> Result<Self, prometheus::Error> {
        let opts = Opts::new::<&str, &str>;
        let count = |name, help| shown(it, IntCounter::with_opts(opts(name, help))?);
        let level = |name, help| shown(it, IntGauge::with_opts(opts(name, help))?);
        let oldest = "Seconds since the shard was looked at that waits longest.";
        let ended = "When everything had been looked at, as seconds since 1970; 0: not yet.";
        Ok(Self {
            entries: count("konsil_scrub_entries_total", "Entries looked at for damage.")?,
            bytes: count("konsil_scrub_bytes_total", "Bytes read in search of damage.")?,
            damaged: count("konsil_scrub_damaged_total", "Things found damaged.")?,
            healed: count("konsil_scrub_healed_total", "Damaged things mended.")?,
            unhealed: level("konsil_scrub_unhealed", "Journals and files damaged now.")?,
            rounds: count("konsil_scrub_rounds_total", "Rounds over everything held here.")?,
            oldest: level("konsil_scrub_oldest_seconds", oldest)?,
            ended: level("konsil_scrub_ended_timestamp_seconds", ended)?,
        })
    }

    fn gather(&self, scrub: &Scrub) {
        let it = scrub.shown();
        set(&self.entries, it.figures.entries);
        set(&self.bytes, it.figures.bytes);
        set(&self.damaged, it.figures.damaged);
        set(&self.healed, it.figures.healed);
        set(&self.rounds, it.figures.rounds);
        self.unhealed.set(it.figures.unmended as i64);
        self.oldest.set((it.figures.oldest_ms / 1000) as i64);
        self.ended.set(it.ended.map_or(0, |at| at.ms() / 1000) as i64);
    }
}

/// Shards whose only copy this node holds, as the map says.
fn solo(map: &Map, me: NodeKey) -> i64 {
    let alone =
        |it: &&protocol::cluster::Place| it.config.primary == me && it.config.twin.is_none();
    map.places.iter().filter(alone).count() as i64
}
