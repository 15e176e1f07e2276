//! The composition root: reads like the picture in ARCHITECTURE.md.
//!
//! ```text
//! browser ─ serve ─► gateway ─► house (actors) ─► ledger ─► disk
//!                      │            │
//!                      └─► calls ◄──┘  media loop: its own thread, its own port
//! ```

use actors::{
    house::{House, Options as HouseOptions},
    supervisor::NoParent,
};
use parking_lot::Mutex;
use protocol::{
    cluster::Purpose,
    id::{NodeId, TenantId},
    peer::NodeStatus,
    time::Time,
};
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, OnceLock, atomic::AtomicUsize},
    time::{Duration, Instant},
};
use storage::{
    fault::StorageFault,
    files::Files,
    ledger::{Engine, Ledger, Options as LedgerOptions},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    audit::{self, addresses::Addresses},
    calls::Calls,
    clock::now,
    cluster::{
        admin,
        desk::Tell,
        holder::Holder,
        identity,
        membership::{self, MemberFault, Membership, Newcomer},
        sight::{Own, Sight},
    },
    config::{Config, EngineName},
    gateway::{
        self, Gate, guard::Guards, health::Contact, operator::Desk, rounds, socket::PerSession,
        tenancy::Tenancy,
    },
    media::{MediaConfig, MediaLoop},
    metrics::Metrics,
    secrets::{Secrets, chance, write_private},
    serve::{self, Listener},
    tls::{self, TlsFault},
};

mod people;
mod wiring;

/// How often idle actors are put to sleep and quiet addresses forgotten.
const SWEEP: Duration = Duration::from_secs(10);
/// How long shards get to go to their twins when the node stops.
const HANDOVER: Duration = Duration::from_secs(2);
/// How long sockets get to say goodbye when the node stops.
const GRACE: Duration = Duration::from_secs(3);
/// Password checks at a time: each takes a core and 19 MiB.
const PASSWORD_CHECKS: usize = 2;

/// The node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The data folder or what lies in it.
    #[error("{what}: {reason}")]
    Disk {
        /// What was being done.
        what: String,
        /// Why it failed.
        reason: io::Error,
    },
    /// The journals.
    #[error(transparent)]
    Storage(#[from] StorageFault),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// A port.
    #[error("{address} ({what}): {reason}. Is another program using it? `konsil doctor` looks.")]
    Port {
        /// Which address.
        address: SocketAddr,
        /// What for.
        what: &'static str,
        /// Why.
        reason: io::Error,
    },
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] MemberFault),
    /// The actors.
    #[error(transparent)]
    Actors(#[from] NoParent),
    /// The figures.
    #[error("the figures could not be set up: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A running node.
pub struct Node {
    /// Everything a request may need.
    pub gate: Arc<Gate>,
    /// Where browsers connect.
    pub address: SocketAddr,
    /// This node in its cluster.
    pub member: Arc<Membership>,
    /// What it holds.
    pub holder: Arc<Holder>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    media: MediaLoop,
}

impl Node {
    /// Opens the data, takes part in the cluster, starts the actors, the media loop and the
    /// listener.
    ///
    /// # Errors
    /// In words that say what to do.
    pub async fn start(config: Config) -> Result<Self, StartFault> {
        let ground = Ground::lay(&config).await?;
        let (media, calls) = start_calls(&config)?;
        let house = ground.build(&config, &calls).await?;
        let (stop, stopping) = watch::channel(false);
        let (member, holder) = (ground.member.clone(), ground.holder.clone());
        let sockets = Arc::new(AtomicUsize::new(0));
        let sight = look_around(&config, &ground, &house, &calls, &sockets);
        let Ground { data, tls, tcp, address, .. } = &ground;
        let (data, tls, address) = (data.clone(), tls.clone(), *address);
        let tcp = tcp.lock().take().expect("the ground was laid for one node");
        let gate = open_gate(&config, ground, (house, calls, sockets), &sight, &stopping)?;
        wiring::tell_house(&member, &holder, &gate);
        let routes = gateway::routes(gate.clone());
        let (limits, metrics) = (config.limits.clone(), gate.metrics.clone());
        let listener = Listener { tcp, tls, routes, limits, metrics };
        let orders = wiring::orders(gate.clone(), sight, data.clone());
        let mut tasks = vec![
            tokio::spawn(serve::run(listener, stopping.clone())),
            tokio::spawn(sweep(gate.clone(), stopping.clone())),
            tokio::spawn(rounds::run(gate.clone(), stopping.clone())),
            tokio::spawn(audit::forget(gate.audit.addresses(), stopping.clone())),
            tokio::spawn(look_out(gate.clone(), stopping.clone())),
            admin::open(&data, orders, stopping.clone())
                .map_err(|it| disk(&admin::path(&data), it))?,
        ];
        if let Some(address) = config.listen.metrics {
            let tcp = TcpListener::bind(address).await.map_err(port(address, "metrics, TCP"))?;
            tasks.push(tokio::spawn(figures(tcp, gate.clone(), stopping)));
        }
        holder.served(&member).await;
        Ok(Self { gate, address, member, holder, stop, tasks, media })
    }

    /// Why this process must end, once it must: a disk that failed to keep what was written.
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.holder.pump.fatal()
    }

    /// Says goodbye to every socket, ends the actors, and closes the journals.
    pub async fn stop(self) {
        let Self { gate, member, holder, stop, tasks, media, .. } = self;
        give_way(&holder.ledger).await;
        // Nobody listening any more is as good as told.
        let _ = stop.send(true);
        for task in tasks {
            drop(task.await);
        }
        let goodbye = async {
            while gate.open_sockets.load(std::sync::atomic::Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // A socket that does not take its farewell is not waited for.
        let _ = tokio::time::timeout(GRACE, goodbye).await;
        gate.house.stop();
        member.close().await;
        let ledger = gate.house.ledger.clone();
        drop((gate, holder));
        let closed = tokio::task::spawn_blocking(move || {
            drop(media); // says farewell to every call and joins its thread
            ledger.close();
        });
        drop(closed.await);
    }
}

/// Lets the twins serve before anybody has to notice that this node is gone. What did not go in
/// time is taken over as from a node that died.
async fn give_way(ledger: &Ledger) {
    let since = Instant::now();
    ledger.leave();
    let gone = async {
        while ledger.gives_way() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let all = tokio::time::timeout(HANDOVER, gone).await.is_ok();
    let (left, ms) = (ledger.gives_way(), since.elapsed().as_millis() as u64);
    tracing::info!(all, left, ms, "what was served here goes to the twins");
}

/// What a node stands on.
struct Ground {
    data: PathBuf,
    files: Files,
    addresses: Arc<Addresses>,
    secrets: Secrets,
    tenant: TenantId,
    node: NodeId,
    tls: Arc<rustls::ServerConfig>,
    tcp: Mutex<Option<TcpListener>>,
    address: SocketAddr,
    member: Arc<Membership>,
    holder: Arc<Holder>,
}

impl Ground {
    /// Opens what lies on the disk, and takes part in the cluster.
    async fn lay(config: &Config) -> Result<Self, StartFault> {
        let data = config.storage.data.clone();
        fs::create_dir_all(&data).map_err(|it| disk(&data, it))?;
        identity::whole(&data).map_err(|it| disk(&data, it))?;
        let files = Files::open(&data.join("files"))?;
        let addresses = audit::addresses(&data).map_err(|it| disk(&data.join("addresses"), it))?;
        let secrets = Secrets::open(&data).map_err(|it| disk(&data.join("signing.key"), it))?;
        let tenant = remembered(&data, "tenant", TenantId::new)?;
        let node = remembered(&data, "node", NodeId::new)?;
        let tls = tls::server(&config.tls, &data)?;
        let web = config.listen.web;
        let tcp = TcpListener::bind(web).await.map_err(port(web, "web, TCP"))?;
        let address = tcp.local_addr().map_err(port(web, "web, TCP"))?;

        let me = Newcomer { id: node, purpose: Purpose::Data, web: origins(config, address) };
        let member = Arc::new(Membership::open(config, &me).await?);
        let options = ledger_options(config);
        let holder = Holder::open(options, config, &member, files.clone()).await?;
        let tcp = Mutex::new(Some(tcp));
        let holder = Arc::new(holder);
        Ok(Self {
            data,
            files,
            addresses,
            secrets,
            tenant,
            node,
            tls,
            tcp,
            address,
            member,
            holder,
        })
    }

    /// The actors, over the journals and the way to other nodes.
    async fn build(&self, config: &Config, calls: &Arc<Calls>) -> Result<Arc<House>, StartFault> {
        let house = House::open(HouseOptions {
            ledger: self.holder.ledger.clone(),
            clock: Arc::new(now),
            media: calls.clone(),
            awake_max: config.limits.actors_awake,
            road: Arc::new(self.holder.way(&config.cluster, &self.member)),
            birth: u64::from_be_bytes(chance()),
        })
        .await?;
        let desk = self.member.desk.data.get().expect("the holder put it there");
        assert!(desk.house.set(house.clone()).is_ok(), "a node has one house");
        Ok(house)
    }
}

fn port(address: SocketAddr, what: &'static str) -> impl Fn(io::Error) -> StartFault {
    move |reason| StartFault::Port { address, what, reason }
}

/// The media loop reports to calls, and calls order the media loop: a cell breaks the knot.
fn start_calls(config: &Config) -> Result<(MediaLoop, Arc<Calls>), StartFault> {
    let told: Arc<OnceLock<Arc<Calls>>> = Arc::default();
    let heard = told.clone();
    let media = MediaLoop::start(media_config(config), move |event| {
        if let Some(calls) = heard.get() {
            calls.heard(event);
        }
    })
    .map_err(port(config.listen.media, "voice and video, UDP"))?;
    let calls = Arc::new(Calls::new(media.handle()));
    drop(told.set(calls.clone()));
    Ok((media, calls))
}

/// What an operator sees from this node.
fn look_around(
    config: &Config,
    ground: &Ground,
    house: &Arc<House>,
    calls: &Arc<Calls>,
    sockets: &Arc<AtomicUsize>,
) -> Arc<Sight> {
    let member = &ground.member;
    let status = status_of(member, &ground.holder, house, calls, sockets);
    assert!(member.desk.status.set(status.clone()).is_ok(), "a node says once how it is");
    let own = Own { status, porter: Some(ground.holder.porter.clone()) };
    let (control, peers) = (member.control.clone(), member.peers.clone());
    let scrub = Some(ground.holder.scrub.clone());
    let door = (member.door(config), membership::rules(config));
    let more = (member.swarm.clone(), scrub);
    let sight = Sight::new(control, peers, member.links.clone(), own, door, more);
    member.keep(tokio::spawn(sight.clone().look_on()));
    member.keep(tokio::spawn(sight.clone().hear_of_damage()));
    sight
}

/// Everything a request may need, in one place.
fn open_gate(
    config: &Config,
    ground: Ground,
    (house, calls, open_sockets): (Arc<House>, Arc<Calls>, Arc<AtomicUsize>),
    sight: &Arc<Sight>,
    stopping: &watch::Receiver<bool>,
) -> Result<Arc<Gate>, StartFault> {
    let wiring::Told { nodes, pages, moving, tenants } = wiring::watch_map(&ground.member);
    let Ground { files, secrets, tenant, node, holder, member, addresses, .. } = ground;
    Ok(Arc::new(Gate {
        house,
        files,
        contents: holder.contents.clone(),
        calls,
        nodes,
        pages,
        moving,
        cluster: sight.clone(),
        desk: Desk::new(now()),
        seen: wiring::seen(&member, &holder),
        contact: Contact::default(),
        audit: audit::Desk::new(addresses),
        secrets,
        tenant,
        tenancy: Tenancy::new(tenant, tenants),
        node,
        guards: Guards::new(&config.limits),
        metrics: Arc::new(Metrics::new()?),
        uploads: Arc::new(Semaphore::new(config.limits.uploads)),
        password_checks: Arc::new(Semaphore::new(PASSWORD_CHECKS)),
        sockets: PerSession::default(),
        open_sockets,
        stopping: stopping.clone(),
        limits: config.limits.clone(),
    }))
}

/// Where browsers reach this node.
pub(crate) fn origins(config: &Config, address: SocketAddr) -> Vec<String> {
    if !config.cluster.web.is_empty() {
        return config.cluster.web.clone();
    }
    let name = config.tls.names.first().map_or("localhost", String::as_str);
    vec![format!("https://{name}:{}", address.port())]
}

/// How this node is, for the others and for its operator.
fn status_of(
    member: &Arc<Membership>,
    holder: &Arc<Holder>,
    house: &Arc<House>,
    calls: &Arc<Calls>,
    sockets: &Arc<AtomicUsize>,
) -> Tell {
    let (control, links) = (member.control.clone(), member.links.clone());
    let (node, ledger) = (member.identity.key, holder.ledger.clone());
    let (house, calls) = (Arc::downgrade(house), calls.clone());
    let sockets = sockets.clone();
    Arc::new(move || NodeStatus {
        node,
        map: control.map().index,
        leader: *control.leader().borrow(),
        sockets: sockets.load(std::sync::atomic::Ordering::Relaxed) as u32,
        calls: calls.len() as u32,
        rooms: house.upgrade().map_or(0, |house| house.rooms.awake() as u32),
        reaches: links.borrow().keys().copied().collect(),
        shards: ledger.shards(),
    })
}

/// How the journals of this configuration are opened.
pub(crate) fn ledger_options(config: &Config) -> LedgerOptions {
    LedgerOptions {
        engine: match config.storage.engine {
            EngineName::Sled => Engine::Sled,
            EngineName::Redb => Engine::Redb,
        },
        segment_bytes: config.storage.segment_bytes,
        ..LedgerOptions::new(config.storage.data.join("journals"))
    }
}

fn media_config(config: &Config) -> MediaConfig {
    MediaConfig {
        listen: config.listen.media,
        advertise: config.listen.media_addresses.clone(),
        peers_max: config.limits.calls,
        ..MediaConfig::default()
    }
}

/// An id that is made once and then always the same: it lies in the data folder.
pub(crate) fn remembered<T: FromStr + ToString>(
    data: &Path,
    name: &str,
    make: fn(Time, [u8; 10]) -> T,
) -> Result<T, StartFault> {
    let path = data.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| {
            disk(&path, io::Error::other("does not hold an id; restore it from a backup"))
        }),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            let made = make(now(), chance());
            write_private(&path, made.to_string().as_bytes()).map_err(|it| disk(&path, it))?;
            Ok(made)
        }
        Err(fault) => Err(disk(&path, fault)),
    }
}

pub(crate) fn disk(path: &Path, reason: io::Error) -> StartFault {
    StartFault::Disk { what: path.display().to_string(), reason }
}

async fn sweep(gate: Arc<Gate>, mut stopping: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                gate.house.sweep();
                gate.guards.forget_quiet();
                gate.calls.settle();
            }
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

async fn look_out(gate: Arc<Gate>, stopping: watch::Receiver<bool>) {
    gate.contact.follow(&gate.seen, stopping).await;
}

/// Health and figures in plain HTTP, on a port of their own.
async fn figures(tcp: TcpListener, gate: Arc<Gate>, mut stopping: watch::Receiver<bool>) {
    use axum::{Router, routing::get};
    let shown = gate.clone();
    let metrics = move || {
        let gate = shown.clone();
        async move { gate.metrics.text(&gate.sources()).unwrap_or_default() }
    };
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(gateway::health::alive))
        .route("/readyz", get(gateway::health::ready))
        .with_state(gate);
    let stop = async move { drop(stopping.wait_for(|stop| *stop).await) };
    if let Err(fault) = axum::serve(tcp, routes).with_graceful_shutdown(stop).await {
        tracing::error!(%fault, "the metrics port failed");
    }
}
