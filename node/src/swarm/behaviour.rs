//! What libp2p is told to do: transports, admission, bounds.

use super::{Options, SwarmFault, book::is_quic, identity::Identity};
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, allow_block_list,
    allow_block_list::AllowedPeers,
    connection_limits::{self, ConnectionLimits},
    futures::{FutureExt, StreamExt},
    mdns, memory_connection_limits,
    multiaddr::Protocol,
    ping, quic, rendezvous, swarm,
    swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
    tcp, tls, yamux,
};
use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};
use tokio::time::{interval, timeout};

/// Handshakes that others began and did not end.
const PENDING: u32 = 64;
/// Connections to one peer.
const PER_PEER: u32 = 4;
/// Streams of one connection; eight are needed, and a few for pings and rendezvous.
const STREAMS: u32 = 128;
/// What one stream may have under way unread. All four of a line and the small ones stay below
/// what the connection may have: a class that is not read never stops another one (SW4).
const STREAM_BYTES: u32 = 4 * 1024 * 1024;
const CONNECTION_BYTES: u32 = 24 * 1024 * 1024;
const _: () = assert!(CONNECTION_BYTES >= 5 * STREAM_BYTES);
/// A connection that says nothing is kept alive, and given up when nothing comes back.
const KEEP_ALIVE: Duration = Duration::from_millis(1500);
const IDLE_MS: u32 = 5000;
/// A ping goes out this often and is answered within the second.
const PING: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));
/// Members stay connected though no stream is open.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Part of the machine's memory above which no connection is taken.
const MEMORY: f64 = 0.9;
/// Every address is listened on within this time.
const LISTENING: Duration = Duration::from_secs(10);
/// How often, and how long, a port is looked at that shall become free.
const FREEING: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(10));

/// Parts are asked in this order: who is not admitted costs nothing behind the first.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) allowed: allow_block_list::Behaviour<AllowedPeers>,
    limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    ping: ping::Behaviour,
    pub(super) rendezvous: rendezvous::client::Behaviour,
    serves: Toggle<rendezvous::server::Behaviour>,
    mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) streams: libp2p_stream::Behaviour,
}

impl Behaviour {
    fn new(options: &Options) -> Result<Self, SwarmFault> {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(PENDING))
            .with_max_established_per_peer(Some(PER_PEER));
        let memory = match options.memory {
            Some(bytes) => memory_connection_limits::Behaviour::with_max_bytes(bytes),
            None => memory_connection_limits::Behaviour::with_max_percentage(MEMORY),
        };
        let pings = ping::Config::new().with_interval(PING.0).with_timeout(PING.1);
        let serves = options
            .serves_rendezvous
            .then(|| rendezvous::server::Behaviour::new(rendezvous::server::Config::default()));
        let mdns = match options.mdns {
            true => {
                let made =
                    mdns::tokio::Behaviour::new(mdns::Config::default(), options.identity.id());
                Some(made.map_err(|reason| SwarmFault::Transport(reason.to_string()))?)
            }
            false => None,
        };
        Ok(Self {
            allowed: allow_block_list::Behaviour::default(),
            limits: connection_limits::Behaviour::new(limits),
            memory,
            ping: ping::Behaviour::new(pings),
            rendezvous: rendezvous::client::Behaviour::new(options.identity.keypair.clone()),
            serves: serves.into(),
            mdns: mdns.into(),
            streams: libp2p_stream::Behaviour::new(),
        })
    }
}

/// The swarm of the members.
pub(super) fn members(options: &Options) -> Result<Swarm<Behaviour>, SwarmFault> {
    let behaviour = Behaviour::new(options)?;
    build(&options.identity, behaviour, |config| config.with_idle_connection_timeout(YEAR))
}

/// A swarm with both transports, each proving both sides' keys with TLS 1.3.
pub(super) fn build<B: NetworkBehaviour>(
    identity: &Identity,
    behaviour: B,
    config: impl FnOnce(swarm::Config) -> swarm::Config,
) -> Result<Swarm<B>, SwarmFault> {
    let fault = |reason: &dyn std::fmt::Display| SwarmFault::Transport(reason.to_string());
    let config = |base: swarm::Config| config(base.with_smart_dial());
    let base = || {
        let base = SwarmBuilder::with_existing_identity(identity.keypair.clone()).with_tokio();
        let tcp = tcp::Config::default().nodelay(true);
        let tcp = base.with_tcp(tcp, tls::Config::new, muxer).map_err(|reason| fault(&reason))?;
        Ok::<_, SwarmFault>(tcp.with_quic_config(quicker))
    };
    match base()?.with_dns() {
        Ok(base) => {
            let base = base.with_behaviour(|_| behaviour).map_err(|reason| fault(&reason))?;
            Ok(base.with_swarm_config(config).build())
        }
        Err(reason) => {
            tracing::warn!(%reason, "no resolver: addresses with names are of no use");
            let base = base()?.with_behaviour(|_| behaviour).map_err(|reason| fault(&reason))?;
            Ok(base.with_swarm_config(config).build())
        }
    }
}

fn muxer() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS as usize);
    config
}

fn quicker(mut config: quic::Config) -> quic::Config {
    config.keep_alive_interval = KEEP_ALIVE;
    config.max_idle_timeout = IDLE_MS;
    config.max_concurrent_stream_limit = STREAMS;
    config.max_stream_data = STREAM_BYTES;
    config.max_connection_data = CONNECTION_BYTES;
    config
}

/// Reads addresses; the first that is none is the fault.
pub(super) fn addresses<'a>(
    texts: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<Multiaddr>, SwarmFault> {
    let read = |text: &String| {
        text.parse::<Multiaddr>().map_err(|reason| SwarmFault::Address {
            address: text.clone(),
            reason: reason.to_string(),
        })
    };
    texts.into_iter().map(read).collect()
}

/// Listens everywhere and waits until each listener says where; in the order asked for.
pub(super) async fn listen<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    addresses: Vec<Multiaddr>,
) -> Result<Vec<Multiaddr>, SwarmFault> {
    let mut waiting = Vec::new();
    for address in addresses {
        let listener = swarm.listen_on(address.clone()).map_err(|reason| SwarmFault::Listen {
            address: address.to_string(),
            reason: words(&reason),
        })?;
        waiting.push((listener, address, Vec::new()));
    }
    let mut hear = |event| {
        if let SwarmEvent::NewListenAddr { listener_id, address } = event {
            let own = waiting.iter_mut().find(|(listener, ..)| *listener == listener_id);
            own.into_iter().for_each(|(_, _, places)| places.push(address.clone()));
        }
        waiting.iter().all(|(_, _, places)| !places.is_empty())
    };
    let all = timeout(LISTENING, async { while !hear(swarm.select_next_some().await) {} });
    if all.await.is_ok() {
        // A listener on every address of the machine names one after the other.
        while let Some(Some(event)) = swarm.next().now_or_never() {
            hear(event);
        }
    }
    match waiting.iter().find(|(_, _, places)| places.is_empty()) {
        None => Ok(waiting.into_iter().flat_map(|(_, _, places)| places).collect()),
        Some((_, address, _)) => Err(SwarmFault::Listen {
            address: address.to_string(),
            reason: "the network says nothing".into(),
        }),
    }
}

/// Waits until these ports can be listened on again. What is left of QUIC's connections holds the
/// socket a little longer than the swarm.
pub(super) async fn free(addresses: &[Multiaddr]) {
    let sockets = || addresses.iter().filter(|it| is_quic(it)).filter_map(socket);
    let all = async {
        let mut tick = interval(FREEING.0);
        while sockets().any(|socket| UdpSocket::bind(socket).is_err()) {
            tick.tick().await;
        }
    };
    // Whoever listens there next is told that the port is taken.
    let _ = timeout(FREEING.1, all).await;
}

fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let host = match parts.next()? {
        Protocol::Ip4(host) => host.into(),
        Protocol::Ip6(host) => host.into(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Udp(port) => Some(SocketAddr::new(host, port)),
        _ => None,
    }
}

/// An error in the words of everything it was made of: libp2p's outer layers often say nothing.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut said = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        let text = text.trim_end_matches([':', ' ']).to_owned();
        if !text.is_empty() && !said.iter().any(|before: &String| before.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    said.join(": ")
}
