//! The swarm task: the only one that touches libp2p's swarm. No frame passes through it.

use super::{
    Admitted, Event, Options, Order, SwarmFault,
    behaviour::{self, Behaviour, BehaviourEvent},
    book::{Book, is_quic, named},
    figures::count,
    keeper, listener,
    points::Points,
    rivals::{self, Rival},
    roster::Roster,
};
use crate::secrets::chance;
use libp2p::{
    Multiaddr, PeerId, Swarm, TransportError,
    allow_block_list::NotAllowed,
    futures::StreamExt,
    mdns, ping, rendezvous,
    swarm::{
        ConnectionId, DialError, ListenError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use protocol::peer::Class;
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{sleep_until, timeout},
};

/// A connection is closed after so many pings in a row that nobody answered.
const SILENCE: u8 = 2;
/// Connections get so long to say good-bye when the swarm ends.
const FAREWELL: Duration = Duration::from_millis(500);

type SwarmNews = SwarmEvent<BehaviourEvent>;

struct Connection {
    peer: PeerId,
    dialled: bool,
    quic: bool,
    since: Instant,
    silent: u8,
}

pub(super) struct Hub {
    swarm: Swarm<Behaviour>,
    me: PeerId,
    roster: Arc<Roster>,
    list: watch::Receiver<Vec<Admitted>>,
    orders: mpsc::Sender<Order>,
    book: Book,
    connections: BTreeMap<ConnectionId, Connection>,
    keepers: BTreeMap<PeerId, AbortHandle>,
    tasks: JoinSet<()>,
    points: Points,
    /// Whether every address this node listens on is told at rendezvous points.
    announces_all: bool,
}

impl Hub {
    /// Listens on every address; returns where.
    pub(super) async fn open(
        options: Options,
        roster: Arc<Roster>,
        list: watch::Receiver<Vec<Admitted>>,
        orders: mpsc::Sender<Order>,
    ) -> Result<(Self, Vec<String>), SwarmFault> {
        let me = options.identity.id();
        let points = behaviour::addresses(&options.rendezvous)?;
        let mut seeds = behaviour::addresses(&options.seeds)?;
        seeds.extend(points.iter().cloned());
        let announce = behaviour::addresses(&options.announce)?;
        let mut swarm = behaviour::members(&options)?;
        let listen = behaviour::addresses(&options.listen)?;
        let listened = behaviour::listen(&mut swarm, listen).await?;
        let announces_all = announce.is_empty();
        for address in if announces_all { &listened } else { &announce } {
            swarm.add_external_address(address.clone());
        }
        let points = points.iter().filter_map(|it| named(it).1);
        let points = Points::new(&options.cluster, points);
        let mut hub = Self {
            swarm,
            me,
            roster,
            list,
            orders,
            book: Book::new(me, seeds, Instant::now()),
            connections: BTreeMap::new(),
            keepers: BTreeMap::new(),
            tasks: JoinSet::new(),
            points,
            announces_all,
        };
        hub.take_streams();
        let whole = listened.iter().map(|address| format!("{address}/p2p/{me}")).collect();
        Ok((hub, whole))
    }

    fn take_streams(&mut self) {
        let mut control = self.swarm.behaviour().streams.new_control();
        for class in Class::ALL {
            let incoming = control.accept(keeper::protocol(class));
            let incoming = incoming.expect("each class is taken once");
            self.tasks.spawn(listener::listen(self.roster.clone(), incoming, class));
        }
    }

    /// Runs until it is told to stop, or nobody is left to tell it anything.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        loop {
            let next = self.dial_who_is_due();
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                changed = self.list.changed() => match changed {
                    Ok(()) => self.admit(),
                    Err(_) => break,
                },
                order = inbox.recv() => match order {
                    Some(Order::Disconnect(peer)) => self.disconnect(peer),
                    Some(Order::Stop) | None => break,
                },
                Some(_) = self.tasks.join_next() => {}
                () = sleep_until(next.into()) => {}
            }
        }
        self.end().await;
    }

    async fn end(mut self) {
        self.roster.dismiss_all();
        self.tasks.shutdown().await;
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        peers.into_iter().for_each(|peer| self.disconnect(peer));
        let quiet = async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        // Who does not hear the good-bye notices the silence.
        let _ = timeout(FAREWELL, quiet).await;
        let addresses: Vec<_> = self.swarm.listeners().cloned().collect();
        drop(self.swarm);
        behaviour::free(&addresses).await;
    }

    fn admit(&mut self) {
        let list = self.list.borrow_and_update().clone();
        let mut contacts = BTreeMap::new();
        for admitted in list {
            let Ok(peer) = admitted.peer.parse::<PeerId>() else {
                tracing::error!(member = admitted.number, "a member's peer id is none");
                continue;
            };
            if peer != self.me {
                let read = |text: &String| text.parse::<Multiaddr>().ok();
                let addresses: Vec<_> = admitted.addresses.iter().filter_map(read).collect();
                contacts.insert(peer, (admitted.number, addresses));
            }
        }
        let numbers = contacts.iter().map(|(&peer, (number, _))| (peer, *number)).collect();
        for peer in self.roster.replace(&numbers) {
            // A keeper holds on to the member as it was; it begins anew with a new connection.
            if let Some(keeper) = self.keepers.remove(&peer) {
                keeper.abort();
            }
            self.disconnect(peer);
        }
        let allowed = &mut self.swarm.behaviour_mut().allowed;
        let left: Vec<_> = allowed.allowed_peers().iter().copied().collect();
        for peer in left.into_iter().filter(|peer| !contacts.contains_key(peer)) {
            allowed.disallow_peer(peer); // SW1
        }
        for &peer in contacts.keys() {
            allowed.allow_peer(peer);
        }
        self.book.admit(&contacts, Instant::now(), chance::<1>()[0]);
    }

    fn disconnect(&mut self, peer: PeerId) {
        // An error says that there is no connection, which is what was asked for.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    fn dial_who_is_due(&mut self) -> Instant {
        let now = Instant::now();
        let (dials, next) = self.book.due(now, chance::<1>()[0]);
        for dial in dials {
            // A second dial of the same kind would only get in the way of the first.
            let condition = match dial.quic {
                true => PeerCondition::DisconnectedAndNotDialing,
                false => PeerCondition::Disconnected,
            };
            let options =
                DialOpts::peer_id(dial.peer).condition(condition).addresses(dial.addresses);
            // Own ports would clash with what is left of the connection before.
            self.dial(if dial.quic {
                options.build()
            } else {
                options.allocate_new_port().build()
            });
        }
        for address in self.book.seeds_due(now) {
            let options = DialOpts::unknown_peer_id().address(address);
            self.dial(options.allocate_new_port().build());
        }
        let Self { swarm, points, keepers, book, .. } = self;
        let connected = |peer: &PeerId| keepers.contains_key(peer);
        let client = &mut swarm.behaviour_mut().rendezvous;
        points.speak(client, connected, book.misses_anybody(), now);
        next
    }

    fn dial(&mut self, options: DialOpts) {
        if self.swarm.dial(options).is_ok() {
            count(&self.roster.news.figures.dials);
        }
    }

    fn on_event(&mut self, event: SwarmNews) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                if endpoint.is_dialer() {
                    self.book.learnt(endpoint.get_remote_address(), peer_id, Instant::now());
                }
                let connection = Connection {
                    peer: peer_id,
                    dialled: endpoint.is_dialer(),
                    quic: is_quic(endpoint.get_remote_address()),
                    since: Instant::now(),
                    silent: 0,
                };
                self.connected(connection_id, connection);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.closed(peer_id, connection_id);
            }
            SwarmEvent::IncomingConnectionError {
                error: ListenError::Denied { cause },
                send_back_addr,
                ..
            } if cause.downcast_ref::<NotAllowed>().is_some() => {
                count(&self.roster.news.figures.strangers);
                tracing::debug!(from = %send_back_addr, "a stranger was refused");
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                self.undialled(peer_id, error);
            }
            SwarmEvent::NewListenAddr { address, .. } if self.announces_all => {
                self.swarm.add_external_address(address);
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(?addresses, ?reason, "no longer listening");
            }
            _ => {}
        }
    }

    fn connected(&mut self, id: ConnectionId, connection: Connection) {
        let peer = connection.peer;
        let Some(member) = self.roster.of(&peer) else {
            return self.disconnect(peer); // left the list during the handshake
        };
        let age = |it: &Connection| connection.since.saturating_duration_since(it.since);
        let new = Rival { id, dialled: connection.dialled, age: Duration::ZERO };
        let mut surplus = Vec::new();
        for (&old, it) in self.connections.iter().filter(|(_, it)| it.peer == peer) {
            let old = Rival { id: old, dialled: it.dialled, age: age(it) };
            surplus.extend(rivals::surplus(&self.me, &peer, old, new));
        }
        member.gauge.quic.store(connection.quic, Ordering::Relaxed);
        self.connections.insert(id, connection);
        for id in surplus {
            count(&self.roster.news.figures.surplus);
            self.swarm.close_connection(id);
        }
        self.book.connected(&peer);
        if !self.keepers.contains_key(&peer) {
            let control = self.swarm.behaviour().streams.new_control();
            let keep = keeper::keep(self.roster.clone(), member, control, self.orders.clone());
            self.keepers.insert(peer, self.tasks.spawn(keep));
        }
    }

    fn closed(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(closed) = self.connections.remove(&id) else { return };
        if let Some(rest) = self.connections.values().find(|it| it.peer == peer) {
            if let Some(member) = self.roster.of(&peer) {
                member.gauge.quic.store(rest.quic, Ordering::Relaxed);
            }
            return;
        }
        if let Some(keeper) = self.keepers.remove(&peer) {
            keeper.abort();
        }
        if let Some(member) = self.roster.of(&peer) {
            member.lost();
        }
        self.points.lost(&peer);
        self.book.lost(&peer, closed.since.elapsed(), Instant::now(), chance::<1>()[0]);
    }

    fn undialled(&mut self, peer: Option<PeerId>, error: DialError) {
        count(&self.roster.news.figures.failed_dials);
        tracing::debug!(?peer, error = behaviour::words(&error), "a dial failed");
        if let DialError::LocalPeerId { address } = &error {
            self.book.learnt(address, self.me, Instant::now()); // a seed that is this node
        }
        let Some(peer) = peer else { return };
        match error {
            DialError::WrongPeerId { address, obtained } => {
                self.book.wrong(&peer, &address);
                tracing::warn!(%address, %peer, %obtained, "somebody else answers there");
            }
            DialError::Transport(errors)
                if !errors.is_empty() && errors.iter().all(|(_, error)| is_refusal(error)) =>
            {
                let connected = self.keepers.contains_key(&peer);
                if let Some(number) = self.book.number(&peer).filter(|_| !connected) {
                    self.roster.news.tell(Event::Refused(number));
                }
            }
            _ => {}
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Ping(ping::Event { peer, connection, result }) => {
                self.pinged(peer, connection, result);
            }
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => {
                let now = Instant::now();
                found.into_iter().for_each(|(peer, address)| self.book.found(peer, address, now));
            }
            BehaviourEvent::Rendezvous(rendezvous::client::Event::Discovered {
                registrations,
                ..
            }) => {
                let now = Instant::now();
                for record in registrations.into_iter().map(|it| it.record) {
                    for address in record.addresses() {
                        self.book.found(record.peer_id(), address.clone(), now);
                    }
                }
            }
            _ => {}
        }
    }

    fn pinged(&mut self, peer: PeerId, id: ConnectionId, result: Result<Duration, ping::Failure>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match result {
            Ok(rtt) => {
                connection.silent = 0;
                if let Some(member) = self.roster.of(&peer) {
                    let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(1);
                    member.gauge.rtt.store(micros, Ordering::Relaxed);
                }
            }
            Err(_) => {
                connection.silent += 1;
                if connection.silent >= SILENCE {
                    count(&self.roster.news.figures.silent);
                    self.swarm.close_connection(id);
                }
            }
        }
    }
}

/// Whether the other machine said that nobody listens there. The error of the socket lies within
/// those of each layer, whose types cannot be named and which do not lead to it as their source:
/// so it is read from their words.
fn is_refusal(error: &TransportError<io::Error>) -> bool {
    matches!(error, TransportError::Other(error) if format!("{error:?}").contains("ConnectionRefused"))
}
