//! The figures this node shows: names and units by Prometheus' conventions.

use actors::house::House;
use prometheus::{
    Encoder, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector, process_collector::ProcessCollector,
};
use protocol::frame::Cut;
use storage::ledger::Stats;

use crate::calls::Calls;

pub mod cluster;

/// The node's own figures; each module counts for itself, this file only shows.
pub struct Metrics {
    registry: Registry,
    cuts: IntCounterVec,
    connections: IntGauge,
    sockets: IntGauge,
    awake: IntGaugeVec,
    deaths: IntCounterVec,
    depth: IntGaugeVec,
    rooms: IntGauge,
    calls: IntGauge,
    commits: IntCounter,
    log_bytes: IntCounter,
    log_queue: IntGauge,
    unapplied: IntGauge,
    free: IntGauge,
    media: IntCounterVec,
    drops: IntCounterVec,
    cluster: cluster::Figures,
}

/// Whose figures are shown.
pub struct Sources<'a> {
    /// The actors and the log.
    pub house: &'a House,
    /// The calls and the media loop.
    pub calls: &'a Calls,
    /// WebSockets open now.
    pub sockets: usize,
    /// The cluster, as far as this node sees it.
    pub cluster: &'a cluster::Seen,
}

impl Metrics {
    /// A registry with every figure at zero.
    ///
    /// # Errors
    /// When two figures have one name: a bug, found by the first test.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let (it, opts) = (&registry, Opts::new::<&str, &str>);
        let count = |name, help| shown(it, IntCounter::with_opts(opts(name, help))?);
        let level = |name, help| shown(it, IntGauge::with_opts(opts(name, help))?);
        let counts = |name, help, label| shown(it, IntCounterVec::new(opts(name, help), &[label])?);
        let levels = |name, help, label| shown(it, IntGaugeVec::new(opts(name, help), &[label])?);
        Ok(Self {
            cuts: counts("konsil_sockets_cut_total", "Sockets that ended, by reason.", "reason")?,
            connections: level("konsil_connections", "TCP connections open now.")?,
            sockets: level("konsil_sockets", "WebSockets open now.")?,
            awake: levels("konsil_actors_awake", "Actors awake now, by kind.", "kind")?,
            deaths: counts("konsil_actor_deaths_total", "Lives ended by panic or fault.", "kind")?,
            depth: levels("konsil_mailbox_depth", "Mails in the fullest mailbox now.", "kind")?,
            rooms: level("konsil_rooms", "Rooms awake now.")?,
            calls: level("konsil_calls", "Browsers in a call now.")?,
            commits: count("konsil_commits_total", "Appends acknowledged as durable.")?,
            log_bytes: count("konsil_log_bytes_total", "Bytes made durable by the log.")?,
            log_queue: level("konsil_log_queue_depth", "Appends that wait for the log.")?,
            unapplied: level("konsil_log_unapplied_bytes", "Bytes the engine lags behind.")?,
            free: level("konsil_disk_free_bytes", "Bytes free on the data disk.")?,
            media: counts("konsil_media_packets_total", "Media packets.", "direction")?,
            drops: counts("konsil_drops_total", "Media packets dropped, by reason.", "reason")?,
            cluster: cluster::Figures::new(&registry)?,
            registry,
        })
    }

    /// Counts a socket that ended.
    pub fn cut(&self, why: Cut) {
        self.cuts.with_label_values(&[format!("{why:?}").to_lowercase().as_str()]).inc();
    }

    /// One more connection, or one less.
    pub fn connection(&self, change: i64) {
        self.connections.add(change);
    }

    /// All figures as Prometheus reads them.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn text(&self, from: &Sources<'_>) -> Result<Vec<u8>, prometheus::Error> {
        self.gather(from);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        text.extend(fsync_histogram(&from.house.ledger.stats()).bytes());
        Ok(text)
    }

    fn gather(&self, from: &Sources<'_>) {
        let house = from.house;
        macro_rules! cast {
            ($kind:literal, $cast:ident) => {
                self.awake.with_label_values(&[$kind]).set(house.$cast.awake() as i64);
                self.depth.with_label_values(&[$kind]).set(house.$cast.depth() as i64);
                set(&self.deaths.with_label_values(&[$kind]), house.$cast.deaths() as u64);
            };
        }
        cast!("tenant", tenants);
        cast!("vault", vaults);
        cast!("session", sessions);
        cast!("room", rooms);
        cast!("conversation", conversations);
        cast!("file", files);
        cast!("accounts", accounts);
        cast!("audit", audits);
        self.rooms.set(house.rooms.awake() as i64);
        self.sockets.set(from.sockets as i64);
        self.calls.set(from.calls.len() as i64);
        let log = house.ledger.stats();
        set(&self.commits, log.commits);
        set(&self.log_bytes, log.bytes);
        self.log_queue.set(log.queue_depth as i64);
        self.unapplied.set(log.unapplied_bytes as i64);
        self.free.set(log.free_bytes.unwrap_or_default() as i64);
        self.cluster.gather(from.cluster, &house.ledger);
        for (name, count) in from.calls.counters().list() {
            match name {
                "packets_in" => set(&self.media.with_label_values(&["in"]), count),
                "packets_out" => set(&self.media.with_label_values(&["out"]), count),
                "send_drops" | "strange" | "refused" | "codec_missing" | "hushed" => {
                    set(&self.drops.with_label_values(&[name]), count);
                }
                _ => {}
            }
        }
    }
}

/// Shows a count that is kept elsewhere. Those counts only rise, as a counter must.
fn set(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

/// The log keeps its own buckets, so that the writer's thread touches no registry.
fn fsync_histogram(log: &Stats) -> String {
    let name = "konsil_fsync_seconds";
    let mut text = format!("# HELP {name} Seconds per group commit.\n# TYPE {name} histogram\n");
    let mut sum = 0;
    for (bound, count) in &log.fsync_seconds {
        sum += count;
        let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".into() };
        text += &format!("{name}_bucket{{le=\"{bound}\"}} {sum}\n");
    }
    text + &format!("{name}_sum {}\n{name}_count {sum}\n", log.fsync_seconds_sum)
}

fn shown<C: Collector + Clone + 'static>(
    registry: &Registry,
    figure: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(figure.clone()))?;
    Ok(figure)
}
