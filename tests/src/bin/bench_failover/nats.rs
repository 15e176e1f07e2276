//! The peer: three NATS servers, a stream with three copies, and its leader killed.
//!
//! Spoken to in its own words over TCP. It flushes to disk every two minutes and not before it
//! acknowledges, as it comes, which is in its favour here.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tests::{
    nemesis::{
        disk::Disk,
        network::Network,
        process::{Process, in_namespace},
        run::{lasting, until},
    },
    peers::nats::{Program, Settings, Store, Wire},
};

use crate::{
    ours::{LONGEST, PACE, PATIENCE, WRITERS},
    report::Trial,
};

/// Servers, as ours.
const NODES: usize = 3;
/// How long an answer about the stream may take.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a cluster may take until every copy is current.
const WHOLE: Duration = Duration::from_secs(60);

/// The servers.
pub(crate) struct Nats {
    program: Program,
    // Dropped in this order.
    servers: Vec<Option<Process>>,
    disks: Vec<Disk>,
    network: Network,
    folder: TempDir,
}

/// When a message was sent, and when its acknowledgement came.
type Acks = Arc<Mutex<Vec<(Instant, Instant)>>>;

impl Nats {
    pub(crate) fn start(program: Program) -> Result<Self> {
        let (network, folder) = (Network::new(NODES)?, tempfile::tempdir()?);
        let name = |node| format!("disk-{node}");
        let disks = (0..NODES).map(|node| Disk::new(folder.path(), &name(node), 512));
        let disks = disks.collect::<Result<_>>()?;
        let servers = (0..NODES).map(|_| None).collect();
        let mut nats = Self { program, servers, disks, network, folder };
        for node in 0..NODES {
            nats.begin(node)?;
        }
        let stream = json!({
            "name": "S", "subjects": ["s.>"], "num_replicas": 3, "storage": "file",
            "retention": "limits", "discard": "old", "max_msgs": -1, "max_bytes": -1,
            "max_age": 0, "max_consumers": -1,
        });
        until("a stream", WHOLE, || {
            let made = nats.asked(0, "$JS.API.STREAM.CREATE.S", &stream);
            Ok(made.is_ok_and(|it| it.get("config").is_some()))
        })?;
        Ok(nats)
    }

    /// What the servers call themselves.
    pub(crate) fn name(&self) -> &str {
        &self.program.name
    }

    /// Kills the stream's leader, and lets it come back.
    pub(crate) fn trial(&mut self) -> Result<Trial> {
        until("three copies", WHOLE, || Ok(self.leader().is_ok()))?;
        let leader = self.leader()?;
        let before = self.messages(leader)?;
        let (acks, stop) = (Acks::default(), Arc::new(AtomicBool::new(false)));
        let writers = self.writers(leader, &acks, &stop)?;
        let first = |from: Instant| {
            let acks = acks.lock().unwrap_or_else(PoisonError::into_inner);
            acks.iter().filter(|(sent, _)| *sent >= from).map(|(_, came)| *came).min()
        };
        let begun = Instant::now();
        until("a first acknowledgement", WHOLE, || Ok(first(begun).is_some()))?;
        lasting(Duration::from_millis(500)); // as much load as ours has when it is killed
        let start = Instant::now();
        self.servers[leader].take().context("it runs")?.kill()?;
        let killed = Instant::now();
        let flows = until("an acknowledgement", LONGEST, || Ok(first(killed).is_some()));
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            let ended = writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"));
            ended??;
        }
        flows?;
        let came = first(killed).context("it came a moment ago")?;
        self.begin(leader)?;
        until("three copies", WHOLE, || Ok(self.leader().is_ok()))?;
        let acknowledged = acks.lock().unwrap_or_else(PoisonError::into_inner).len();
        let kept = self.messages(self.leader()?)?.saturating_sub(before) as usize;
        let (took, lost) = (came.duration_since(start), acknowledged.saturating_sub(kept));
        Ok(Trial { took, led: false, acknowledged, lost })
    }

    fn address(&self, node: usize) -> SocketAddr {
        SocketAddr::new(self.network.address(node), 4222)
    }

    fn begin(&mut self, node: usize) -> Result<()> {
        let name = format!("n{node}");
        let routes = |it| SocketAddr::new(self.network.address(it), 6222);
        let folder = self.disks[node].path();
        let settings = Settings {
            name: &name,
            client: self.address(node),
            web: None,
            store: Some(Store { folder, megabytes: 400, always: false }),
            cluster: Some((routes(node), (0..NODES).map(routes).collect())),
        };
        let seat = self.network.namespace(node);
        let started =
            self.program.start(&settings, self.folder.path(), |it| in_namespace(&seat, it))?;
        self.servers[node] = Some(started);
        until("a server that answers", WHOLE, || Ok(self.wire(node).is_ok()))?;
        Ok(())
    }

    fn wire(&self, node: usize) -> Result<Wire> {
        let address = self.address(node);
        self.network.inside(self.network.people(), move || Wire::open(address))?
    }

    fn asked(&self, node: usize, subject: &str, body: &Value) -> Result<Value> {
        let mut wire = self.wire(node)?;
        let answer = wire.ask(subject, body.to_string().as_bytes(), ANSWER)?;
        Ok(serde_json::from_slice(&answer)?)
    }

    fn info(&self) -> Result<Value> {
        let node = self.servers.iter().position(Option::is_some).context("a server runs")?;
        self.asked(node, "$JS.API.STREAM.INFO.S", &json!({}))
    }

    /// Who leads the stream, when all three copies are current.
    fn leader(&self) -> Result<usize> {
        let info = self.info()?;
        let leader = info.pointer("/cluster/leader").and_then(Value::as_str).unwrap_or_default();
        let copies = info.pointer("/cluster/replicas").and_then(Value::as_array);
        let current = |it: &&Value| it["current"] == true && it["offline"] != true;
        if copies.is_none_or(|copies| copies.iter().filter(current).count() + 1 < NODES) {
            bail!("not every copy is current");
        }
        leader.strip_prefix('n').and_then(|it| it.parse().ok()).context("a leader has a name")
    }

    fn messages(&self, _: usize) -> Result<u64> {
        self.info()?.pointer("/state/messages").and_then(Value::as_u64).context("a state")
    }

    /// Publishers on the nodes that will not be killed, each with one message at a time.
    fn writers(
        &self,
        leader: usize,
        acks: &Acks,
        stop: &Arc<AtomicBool>,
    ) -> Result<Vec<JoinHandle<Result<()>>>> {
        let others: Vec<usize> = (0..NODES).filter(|node| *node != leader).collect();
        let writer = |number: usize| {
            let door = self.network.door(self.network.people())?;
            let address = self.address(others[number % others.len()]);
            let (acks, stop) = (acks.clone(), stop.clone());
            Ok(thread::spawn(move || {
                door.enter()?;
                publishes(address, &acks, &stop)
            }))
        };
        (0..WRITERS).map(writer).collect()
    }
}

fn publishes(address: SocketAddr, acks: &Acks, stop: &AtomicBool) -> Result<()> {
    let mut wire = Wire::open(address)?;
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        // No answer, or the answer that nobody is there to give one: the next one tells.
        let answer = wire.ask("s.a", b"a message of about the same size", PATIENCE);
        let told = answer.ok().and_then(|it| serde_json::from_slice::<Value>(&it).ok());
        if told.is_some_and(|it| it["seq"].as_u64().is_some()) {
            acks.lock().unwrap_or_else(PoisonError::into_inner).push((sent, Instant::now()));
        }
        lasting(PACE);
    }
    Ok(())
}
