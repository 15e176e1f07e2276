//! The join door: where a newcomer knocks, apart from everything members do.
//!
//! A second swarm on its own port that anybody may connect to. It knows one protocol: one request,
//! one answer, and the connection is over. Whether the request is worth an answer is for the
//! caller to say; it is told which key the newcomer proved. The door is opened while there are
//! invitations and closed otherwise.
//!
//! # Invariants
//! - **SW11** Connections, requests under way, their bytes and their time are bounded, and how
//!   often anybody may come is too, before any handshake.

use super::{
    SwarmFault,
    behaviour::{self, build},
    figures::{DoorFigures, count},
    frames,
    gate::Gate,
    identity::Identity,
    toll::{Rate, Toll},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use libp2p::{
    PeerId, Stream, StreamProtocol, Swarm,
    connection_limits::{self, ConnectionLimits},
    futures::{AsyncReadExt, StreamExt},
    swarm::{NetworkBehaviour, SwarmEvent},
};
use libp2p_stream::IncomingStreams;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// What is spoken at the door.
pub(super) const JOIN: StreamProtocol = StreamProtocol::new("/konsil/join/1");
/// Bytes of a request.
pub(super) const REQUEST_BYTES: usize = 64 * 1024;
/// Bytes of an answer: it holds the whole map.
pub(super) const ANSWER_BYTES: usize = 1024 * 1024;
/// Characters of the words of a refusal.
const WORDS: usize = 1000;
/// How an answer begins.
pub(super) const YES: u8 = 1;
const NO: u8 = 0;

/// Handshakes under way, and connections.
const PENDING: u32 = 16;
const CONNECTIONS: u32 = 32;
/// A dial that goes several ways may arrive on more than one.
const PER_PEER: u32 = 3;
/// Requests under way.
const REQUESTS: usize = 8;
/// The request has arrived, and the answer has been taken, within this time.
const TALKING: Duration = Duration::from_secs(5);
/// The answer is found within this time.
const THINKING: Duration = Duration::from_secs(20);
/// A connection on which nothing happens.
const IDLE: Duration = Duration::from_secs(5);
const EACH: Rate = Rate { burst: 10, every: Duration::from_secs(2) };
const ALL: Rate = Rate { burst: 40, every: Duration::from_millis(200) };

/// Somebody at the door.
#[derive(Debug, Clone)]
pub struct Knock {
    /// The peer id the newcomer proved to have, base 58.
    pub peer: String,
    /// What it asks.
    pub request: Bytes,
}

/// What the door answers: bytes, or a refusal in words for the newcomer's operator.
pub type Answer = Arc<dyn Fn(Knock) -> BoxFuture<'static, Result<Vec<u8>, String>> + Send + Sync>;

/// An open join door. It closes when dropped.
pub struct JoinDoor {
    addresses: Vec<String>,
    figures: Arc<DoorFigures>,
    close: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl JoinDoor {
    /// Opens it.
    ///
    /// # Errors
    /// Names the address that is none or cannot be listened on.
    pub async fn open(
        identity: &Identity,
        listen: &[String],
        answer: Answer,
    ) -> Result<Self, SwarmFault> {
        let figures = Arc::new(DoorFigures::default());
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING))
            .with_max_established_incoming(Some(CONNECTIONS))
            .with_max_established_per_peer(Some(PER_PEER));
        let behaviour = DoorBehaviour {
            gate: Gate::new(Toll::new(EACH, ALL, Instant::now()), figures.clone()),
            limits: connection_limits::Behaviour::new(limits),
            streams: libp2p_stream::Behaviour::new(),
        };
        let mut swarm =
            build(identity, behaviour, |config| config.with_idle_connection_timeout(IDLE))?;
        let listened = behaviour::listen(&mut swarm, behaviour::addresses(listen)?).await?;
        let accepted = swarm.behaviour().streams.new_control().accept(JOIN);
        let incoming = accepted.expect("a new swarm takes no protocol yet");
        let (close, closed) = oneshot::channel();
        let keeper = Doorkeeper { swarm, answer, figures: figures.clone() };
        let task = tokio::spawn(keeper.run(incoming, closed));
        let me = identity.peer();
        let addresses = listened.iter().map(|address| format!("{address}/p2p/{me}")).collect();
        Ok(Self { addresses, figures, close: Some(close), task: Some(task) })
    }

    /// Where it listens, ports included, each followed by `/p2p/<peer>`.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// What was counted.
    pub fn figures(&self) -> &DoorFigures {
        &self.figures
    }

    /// Closes it; requests under way are dropped. Once done, the ports are free.
    pub async fn close(mut self) {
        drop(self.close.take());
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for JoinDoor {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

#[derive(NetworkBehaviour)]
struct DoorBehaviour {
    gate: Gate,
    limits: connection_limits::Behaviour,
    streams: libp2p_stream::Behaviour,
}

struct Doorkeeper {
    swarm: Swarm<DoorBehaviour>,
    answer: Answer,
    figures: Arc<DoorFigures>,
}

impl Doorkeeper {
    async fn run(mut self, mut incoming: IncomingStreams, mut closed: oneshot::Receiver<()>) {
        let mut talks: JoinSet<PeerId> = JoinSet::new();
        let mut talking = BTreeSet::new();
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                stream = incoming.next() => {
                    let Some((peer, stream)) = stream else { break };
                    if talks.len() >= REQUESTS || !talking.insert(peer) {
                        count(&self.figures.dropped); // SW11
                        continue;
                    }
                    let talk = talk(peer, stream, self.answer.clone(), self.figures.clone());
                    talks.spawn(async move {
                        talk.await;
                        peer
                    });
                }
                Some(done) = talks.join_next() => {
                    if let Ok(peer) = done {
                        talking.remove(&peer);
                        // An error says that the newcomer has hung up already.
                        let _ = self.swarm.disconnect_peer_id(peer);
                    }
                }
                _ = &mut closed => break,
            }
        }
        let addresses: Vec<_> = self.swarm.listeners().cloned().collect();
        drop((talks, self.swarm));
        behaviour::free(&addresses).await;
    }

    fn on_event(&mut self, event: SwarmEvent<DoorBehaviourEvent>) {
        if let SwarmEvent::ListenerClosed { addresses, reason, .. } = event {
            tracing::error!(?addresses, ?reason, "the join door no longer listens");
        }
    }
}

/// One request, one answer.
async fn talk(peer: PeerId, mut stream: Stream, answer: Answer, figures: Arc<DoorFigures>) {
    // Says that somebody is listening: up to here the newcomer may try again without harm.
    let request = timeout(TALKING, async {
        frames::write(&mut stream, &[Bytes::new()], &mut Vec::new()).await.ok()?;
        frames::read(&mut stream, REQUEST_BYTES).await.ok()
    });
    let Ok(Some(request)) = request.await else {
        count(&figures.dropped);
        return;
    };
    let knock = Knock { peer: peer.to_base58(), request };
    let answered = timeout(THINKING, answer(knock)).await;
    let reply = match answered.unwrap_or_else(|_| Err("no answer in time: try again".into())) {
        Ok(bytes) if bytes.len() < ANSWER_BYTES => {
            count(&figures.answered);
            [&[YES], &bytes[..]].concat()
        }
        Ok(_) => {
            tracing::error!(%peer, "the answer for a newcomer is longer than it may be");
            [&[NO], &b"the answer is longer than it may be"[..]].concat()
        }
        Err(words) => {
            count(&figures.refused);
            let words: String = words.chars().take(WORDS).collect();
            [&[NO], words.as_bytes()].concat()
        }
    };
    // Whether the newcomer takes it is its affair; it hangs up when it has it.
    let _ = timeout(TALKING, async {
        frames::write(&mut stream, &[reply.into()], &mut Vec::new()).await?;
        stream.read(&mut [0]).await
    })
    .await;
}
