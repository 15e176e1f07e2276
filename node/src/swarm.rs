//! Who is there, and frames carried between nodes; nothing more.
//!
//! One task owns the libp2p swarm: it listens, dials, admits and sends away. Frames do not pass
//! through it. Each member has four queues (one per class) that `send` fills, and each direction
//! between two members has one **line**: four streams, one per class, opened by the side that
//! sends. A line begins with a hello on each stream and ends whole: when one of its streams
//! breaks, all four are given up and a new line is opened.
//!
//! A member is **up** while both lines stand. QUIC is tried first, TCP (TLS 1.3, yamux) a moment
//! later. On every connection both sides prove their key; who is not admitted is sent away.
//!
//! # Invariants
//! - **SW1** Only admitted members are heard, sent to and dialled; an address that was found
//!   (seed, rendezvous, mDNS) is used for them alone.
//! - **SW2** Between an `Up` and the `Down` after it the frames of one class arrive in order,
//!   without a gap and once. What still waits at a `Down` is dropped, on both sides.
//! - **SW3** `send` never waits; what waits for a member is bounded, in frames and in bytes.
//! - **SW4** Who reads slowly, floods or talks rubbish harms its own line and nobody else's.
//! - **SW5** `heard` runs once at a time for a member and class; what it takes its time for is
//!   not read from that stream meanwhile.
//! - **SW6** A line is spoken in a version both sides speak; who speaks none of them, or none of the
//!   level the cluster has reached, is not up, and why is told on both sides.

mod behaviour;
mod book;
mod door;
mod figures;
mod frames;
mod gate;
mod hub;
mod identity;
mod keeper;
mod knock;
mod listener;
mod member;
mod points;
mod queue;
mod rivals;
mod roster;
#[cfg(test)]
mod tests;
mod toll;

pub use door::{Answer, JoinDoor, Knock};
pub use figures::{ClassFigures, DoorFigures, Figures};
pub use identity::Identity;
pub use knock::{JoinFault, knock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use protocol::{
    peer::Class,
    version::{Gap, Spoken},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::JoinHandle,
};

/// What is called with each frame: from which member, of which class. The next frame of that
/// stream waits until the future is done.
pub type Heard = Arc<dyn Fn(u64, Class, Bytes) -> BoxFuture<'static, ()> + Send + Sync>;

/// The swarm cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SwarmFault {
    /// The key cannot be read or written.
    #[error(
        "{path}: {reason}. It holds this node's key towards the others: restore it, or remove it and join anew."
    )]
    Key {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// Not an address of libp2p.
    #[error("{address} is no address: {reason}. One looks like /ip4/192.0.2.7/udp/7400/quic-v1.")]
    Address {
        /// What was given.
        address: String,
        /// Why.
        reason: String,
    },
    /// The network refuses.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// A transport cannot be made.
    #[error("no transport: {0}")]
    Transport(String),
}

/// How a swarm is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who this node proves to be.
    pub identity: Identity,
    /// Where to listen, as libp2p addresses: QUIC and TCP.
    pub listen: Vec<String>,
    /// What other nodes are told where this one is; empty: where it listens.
    pub announce: Vec<String>,
    /// Where other members may be, with or without `/p2p/<peer>`.
    pub seeds: Vec<String>,
    /// The cluster's id: the namespace at rendezvous points.
    pub cluster: String,
    /// Members that serve as rendezvous points, as `…/p2p/<peer>`.
    pub rendezvous: Vec<String>,
    /// Whether this node serves as one.
    pub serves_rendezvous: bool,
    /// Whether to look for members on the local network. Shows this node to everybody there.
    pub mdns: bool,
    /// Memory of the process above which no connection is taken; none: nine tenths of all there is.
    pub memory: Option<usize>,
    /// The versions it speaks; another release's in tests alone.
    pub spoken: Spoken,
}

impl Options {
    /// A swarm that only listens.
    pub fn new(identity: Identity, listen: Vec<String>) -> Self {
        Self {
            identity,
            listen,
            announce: Vec::new(),
            seeds: Vec::new(),
            cluster: String::new(),
            rendezvous: Vec::new(),
            serves_rendezvous: false,
            mdns: false,
            memory: None,
            spoken: Spoken::OURS,
        }
    }
}

/// A member that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Its number.
    pub number: u64,
    /// Its peer id, base 58.
    pub peer: String,
    /// Where it is reached, as libp2p addresses.
    pub addresses: Vec<String>,
}

/// A frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// Too much waits for that member already: try later, or do without.
    #[error("too much waits for that node already")]
    Full,
    /// The member is not up.
    #[error("that node is not there")]
    Away,
    /// The frame is longer than any frame may be: a bug of the sender.
    #[error("the frame is longer than any frame may be")]
    TooLong,
}

/// What happened to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Frames can be sent to this member and come from it.
    Up(u64),
    /// They no longer can; what waited is lost.
    Down(u64),
    /// Its machine answered that nobody listens there: its process is not running.
    Refused(u64),
}

/// A member that is up.
#[derive(Debug, Clone)]
pub struct Link {
    /// Since when.
    pub since: Instant,
    /// The version of the wire that is spoken on it.
    pub wire: u16,
    gauge: Arc<Gauge>,
}

impl Link {
    /// How long a ping took there and back; none before the first.
    pub fn rtt(&self) -> Option<Duration> {
        let micros = self.gauge.rtt.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// Whether it goes over QUIC, not over TCP.
    pub fn quic(&self) -> bool {
        self.gauge.quic.load(Ordering::Relaxed)
    }
}

/// What the swarm task measures of a member.
#[derive(Debug, Default)]
struct Gauge {
    rtt: AtomicU64,
    quic: AtomicBool,
}

/// Every member that is up.
pub type Links = Arc<BTreeMap<u64, Link>>;

/// The handle of a running swarm. The swarm ends when the last one is dropped.
#[derive(Clone)]
pub struct Swarm {
    inner: Arc<Inner>,
}

/// What the swarm task is asked besides admitting.
#[derive(Debug)]
enum Order {
    /// End everything.
    Stop,
    /// Close every connection to this peer: no line stands on them.
    Disconnect(libp2p::PeerId),
}

struct Inner {
    roster: Arc<roster::Roster>,
    peer: String,
    addresses: Vec<String>,
    admitted: watch::Sender<Vec<Admitted>>,
    orders: mpsc::Sender<Order>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Swarm {
    /// Listens, and begins to look for whoever is admitted later.
    ///
    /// # Errors
    /// Names the address that is none or cannot be listened on.
    pub async fn start(options: Options, heard: Heard) -> Result<Self, SwarmFault> {
        let peer = options.identity.peer();
        let (admitted, list) = watch::channel(Vec::new());
        let (orders, inbox) = mpsc::channel(64);
        let roster = Arc::new(roster::Roster::new(heard, options.spoken));
        let (hub, addresses) =
            hub::Hub::open(options, roster.clone(), list, orders.clone()).await?;
        let task = Mutex::new(Some(tokio::spawn(hub.run(inbox))));
        let inner = Inner { roster, peer, addresses, admitted, orders, task };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The peer id others know this node by.
    pub fn peer(&self) -> &str {
        &self.inner.peer
    }

    /// Where it really listens, ports included, each followed by `/p2p/<peer>`.
    pub fn addresses(&self) -> &[String] {
        &self.inner.addresses
    }

    /// Replaces the list of who may connect. Links to everybody else are cut. A peer id or an
    /// address that is none is passed over and logged.
    pub fn admit(&self, list: Vec<Admitted>) {
        self.inner.admitted.send_replace(list);
    }

    /// The cluster has reached this level: whoever does not speak it is no longer spoken with
    /// (SW6). Never falls.
    pub fn require(&self, level: u16) {
        self.inner.roster.require(level);
    }

    /// The version of the wire that a member is spoken to in; none when it is not up.
    pub fn speaks(&self, to: u64) -> Option<u16> {
        self.inner.roster.news.links.borrow().get(&to).map(|link| link.wire)
    }

    /// Members that speak no version this node does, as they last said, and who is behind (SW6).
    pub fn gaps(&self) -> BTreeMap<u64, Gap> {
        self.inner.roster.news.gaps.lock().clone()
    }

    /// Hands a frame over for a member. Never waits.
    ///
    /// # Errors
    /// When too much waits for it already, or it is not up.
    pub fn send(&self, to: u64, class: Class, frame: Bytes) -> Result<(), Unsent> {
        self.inner.roster.send(to, class, frame)
    }

    /// Who is up; changes when anybody comes or goes.
    pub fn links(&self) -> watch::Receiver<Links> {
        self.inner.roster.news.links.subscribe()
    }

    /// What happens to links from now on. Who is slow to read misses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.roster.news.events.subscribe()
    }

    /// What was counted.
    pub fn figures(&self) -> &Figures {
        &self.inner.roster.news.figures
    }

    /// Ends every link and stops listening. Once done, the ports are free.
    pub async fn stop(&self) {
        let task = self.inner.task.lock().take();
        if let Some(task) = task {
            // A task that is gone has stopped already.
            let _ = self.inner.orders.send(Order::Stop).await;
            let _ = task.await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}
