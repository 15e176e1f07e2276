//! A member of a cluster: what a node with data and a witness have in common.
//!
//! ```text
//! identity ─► swarm ─► peers ─► control ─► map ─► swarm.admit
//! ```

use parking_lot::Mutex;
use protocol::{
    cluster::{Candidate, Change, Labels, Map, Member, NodeKey, Purpose},
    id::NodeId,
    key::SHARDS,
    version::{Gap, PEER_WIRE, Spoken},
};
use std::{io, net::IpAddr, path::Path, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{
    desk::Desk,
    identity::{self, Identity, Neighbour},
    join::{self, HouseKeys},
    ways::{RaftWay, Wire},
};
use crate::{
    clock::now,
    config::{Cluster, Config},
    control::{Control, ControlFault, Options as ControlOptions, placement::Rules},
    peers::{Peers, Service},
    secrets::chance,
    swarm::{
        self, Admitted, Answer, Event, Identity as PeerKey, JoinDoor, Links,
        Options as SwarmOptions, Swarm, SwarmFault,
    },
};

/// How long a founder may take until it leads itself, and a member until it tried to say where it is.
const SOON: Duration = Duration::from_secs(20);
/// How often lines are shown to the other nodes.
const SHOWN: Duration = Duration::from_millis(500);
/// How often it is looked whether the join door should be open.
const DOOR: Duration = Duration::from_millis(500);

/// How long it stays open after the last invitation is used or over.
const LINGER: Duration = Duration::from_secs(30);

/// The node cannot take part in its cluster.
#[derive(Debug, thiserror::Error)]
pub enum MemberFault {
    /// Who it is.
    #[error("{what}: {reason}")]
    Disk {
        /// What was read or written.
        what: String,
        /// Why it failed.
        reason: io::Error,
    },
    /// The way to other nodes.
    #[error(transparent)]
    Swarm(#[from] SwarmFault),
    /// The control plane.
    #[error(transparent)]
    Control(#[from] ControlFault),
    /// It would found a cluster and hold what may not lie there.
    #[error(
        "cluster.country is {country}, and cluster.countries allows {allowed} only: the node that \
         founds a cluster holds everything. Allow its country, or found the cluster elsewhere"
    )]
    Abroad {
        /// Where it stands.
        country: String,
        /// Where data may lie.
        allowed: String,
    },
    /// It was never admitted.
    #[error(
        "this machine is no member of a cluster yet. `konsil cluster invite --witness` on a node \
         prints a token; `konsil join TOKEN` here uses it"
    )]
    NoMember,
}

/// What this node is, before it is a member.
pub struct Newcomer {
    /// The id that browsers and logs know.
    pub id: NodeId,
    /// What it is for.
    pub purpose: Purpose,
    /// Where browsers reach it.
    pub web: Vec<String>,
}

/// Where newcomers knock.
#[derive(Debug, Clone)]
pub struct Door {
    /// Who opens.
    pub peer: String,
    /// Where it is.
    pub addresses: Vec<String>,
    /// Whether it is open now.
    pub open: watch::Receiver<bool>,
}

/// A running member.
pub struct Membership {
    /// Who it is.
    pub identity: Identity,
    /// Everybody else.
    pub peers: Arc<Peers>,
    /// What others may ask of it.
    pub desk: Arc<Desk>,
    /// The control plane.
    pub control: Control,
    /// Who is up.
    pub links: watch::Receiver<Links>,
    /// The way to other nodes; none for a node that is alone.
    pub swarm: Option<Swarm>,
    /// Whether the join door is open.
    pub door_open: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Kept so that a lone node's watch of links does not end.
    _links: Option<watch::Sender<Links>>,
}

impl Membership {
    /// Takes part in the cluster this data folder belongs to, or founds one.
    ///
    /// # Errors
    /// In words that say what to do.
    pub async fn open(config: &Config, me: &Newcomer) -> Result<Self, MemberFault> {
        let data = &config.storage.data;
        let told = |what: &str| {
            let what = what.to_owned();
            move |reason| MemberFault::Disk { what, reason }
        };
        let known = identity::read(data).map_err(told("cluster.json"))?;
        if known.is_none() && me.purpose == Purpose::Witness {
            return Err(MemberFault::NoMember);
        }
        let key = PeerKey::open(data)?;
        let founds = known.is_none();
        let storage = identity::name_disk(data).map_err(told("the journals' folder"))?;
        let identity = known.unwrap_or_else(|| Identity {
            cluster: NodeId::new(now(), chance()),
            key: NodeKey { number: storage::control::FOUNDER, storage },
            neighbours: Vec::new(),
        });

        let desk = Arc::new(Desk::default());
        let (swarm, peers) = carry(config, &identity, key.clone()).await?;
        let service: Arc<dyn Service> = desk.clone();
        peers.serve(&service);
        if let Some(swarm) = &swarm {
            swarm.admit(identity.neighbours.iter().map(admitted).collect());
        }
        let (alone, links) = match &swarm {
            Some(swarm) => (None, swarm.links()),
            None => {
                let (alone, links) = watch::channel(Links::default());
                (Some(alone), links)
            }
        };
        let way = Arc::new(RaftWay { peers: peers.clone(), links: links.clone() });
        let number = identity.key.number;
        let control = Control::open(&data.join("control"), number, way, options(config)).await?;
        assert!(desk.control.set(control.clone()).is_ok(), "a desk has one control plane");
        let candidate = candidate(config, me, storage, &key, swarm.as_ref());
        if founds {
            found(&control, &identity, candidate.clone(), rules(config)).await?;
            identity::keep(data, &identity).map_err(told("cluster.json"))?;
        }
        let membership = Self {
            identity,
            peers,
            desk,
            control,
            links,
            swarm,
            door_open: watch::Sender::new(false),
            tasks: Mutex::default(),
            _links: alone,
        };
        membership.attend(config, key, candidate);
        Ok(membership)
    }

    /// Starts what goes on as long as the member lives.
    fn attend(&self, config: &Config, key: PeerKey, candidate: Candidate) {
        let mut tasks = self.tasks.lock();
        let announce = announce(self.control.clone(), self.identity.key, candidate);
        tasks.push(tokio::spawn(announce));
        let Some(swarm) = &self.swarm else { return };
        tasks.push(tokio::spawn(admit(swarm.clone(), self.control.clone())));
        tasks.push(tokio::spawn(hear_links(swarm.clone(), self.peers.clone())));
        tasks.push(tokio::spawn(show_lines(self.peers.clone())));
        if let Some(at) = config.cluster.join {
            let data = config.storage.data.clone();
            let listen = [format!("/ip4/{}/tcp/{}", at.ip(), at.port())];
            let listen = if at.is_ipv6() { [listen[0].replace("ip4", "ip6")] } else { listen };
            let answer = receive(self.control.clone(), self.identity.cluster, data);
            let (control, open) = (self.control.clone(), self.door_open.clone());
            tasks.push(tokio::spawn(keep_door(control, key, listen.to_vec(), answer, open)));
        }
    }

    /// Whom newcomers knock at, and where; none when this node has no join door.
    pub fn door(&self, config: &Config) -> Option<Door> {
        let (swarm, at) = (self.swarm.as_ref()?, config.cluster.join?);
        let address = |ip: IpAddr| {
            let family = if ip.is_ipv6() { "ip6" } else { "ip4" };
            format!("/{family}/{ip}/tcp/{}", at.port())
        };
        let told = config.cluster.advertise.iter().copied().map(address).collect::<Vec<_>>();
        if !told.is_empty() || !at.ip().is_unspecified() {
            let told = if told.is_empty() { vec![address(at.ip())] } else { told };
            return Some(self.door_at(swarm, told));
        }
        // Wherever the swarm listens, the door does too, on its own port.
        let ips = swarm.addresses().iter().filter_map(|it| it.split('/').nth(2)?.parse().ok());
        let ips: std::collections::BTreeSet<IpAddr> = ips.collect();
        Some(self.door_at(swarm, ips.into_iter().map(address).collect()))
    }

    fn door_at(&self, swarm: &Swarm, addresses: Vec<String>) -> Door {
        Door { peer: swarm.peer().to_owned(), addresses, open: self.door_open.subscribe() }
    }

    /// Adds a task that ends with the member.
    pub fn keep(&self, task: JoinHandle<()>) {
        self.tasks.lock().push(task);
    }

    /// Ends in good order.
    pub async fn close(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            task.abort();
        }
        self.control.close().await;
        if let Some(swarm) = &self.swarm {
            swarm.stop().await;
        }
    }
}

/// The swarm, when the node listens for others, and the peers over it.
async fn carry(
    config: &Config,
    identity: &Identity,
    key: PeerKey,
) -> Result<(Option<Swarm>, Arc<Peers>), MemberFault> {
    let birth = u64::from_be_bytes(chance());
    let Some(at) = config.cluster.listen else {
        return Ok((None, Peers::new(Arc::new(Wire::default()), birth >> 1)));
    };
    let wire = Arc::new(Wire::default());
    let peers = Peers::new(wire.clone(), birth >> 1);
    let heard = peers.clone();
    let heard: swarm::Heard =
        Arc::new(move |from, class, bytes| Box::pin(heard.clone().heard(from, class, bytes)));
    let family = if at.is_ipv6() { "ip6" } else { "ip4" };
    let (ip, port) = (at.ip(), at.port());
    let listen =
        vec![format!("/{family}/{ip}/udp/{port}/quic-v1"), format!("/{family}/{ip}/tcp/{port}")];
    let mut options = SwarmOptions::new(key, listen);
    options.announce = advertised(&config.cluster.advertise, port);
    options.seeds = config.cluster.seeds.clone();
    options.cluster = identity.cluster.to_string();
    options.rendezvous =
        config.cluster.seeds.iter().filter(|it| it.contains("/p2p/")).cloned().collect();
    options.serves_rendezvous = config.cluster.rendezvous;
    options.mdns = config.cluster.mdns;
    let swarm = Swarm::start(options, heard).await?;
    wire.attach(swarm.clone());
    Ok((Some(swarm), peers))
}

fn advertised(addresses: &[IpAddr], port: u16) -> Vec<String> {
    let both = |ip: &IpAddr| {
        let family = if ip.is_ipv6() { "ip6" } else { "ip4" };
        [format!("/{family}/{ip}/udp/{port}/quic-v1"), format!("/{family}/{ip}/tcp/{port}")]
    };
    addresses.iter().flat_map(both).collect()
}

/// How a node describes itself.
pub fn candidate(
    config: &Config,
    me: &Newcomer,
    storage: u64,
    key: &PeerKey,
    swarm: Option<&Swarm>,
) -> Candidate {
    let cluster = &config.cluster;
    let told = cluster.listen.map(|at| advertised(&cluster.advertise, at.port()));
    let told = told.filter(|it| !it.is_empty());
    let heard = swarm.map(|swarm| swarm.addresses().iter().map(|it| bare(it)).collect());
    Candidate {
        storage,
        id: me.id,
        peer: key.peer(),
        addresses: told.or(heard).unwrap_or_default(),
        web: me.web.clone(),
        labels: Labels {
            name: cluster.name.clone(),
            country: cluster.country.clone(),
            site: cluster.site.clone(),
        },
        purpose: me.purpose,
        release: env!("CARGO_PKG_VERSION").into(),
        wire: PEER_WIRE,
    }
}

/// An address without the peer id at its end.
fn bare(address: &str) -> String {
    address.split("/p2p/").next().unwrap_or(address).to_owned()
}

/// What placement must obey here; where data may lie says the map, once it does.
pub fn rules(config: &Config) -> Rules {
    let Cluster { country, countries, .. } = &config.cluster;
    let own = Some(country).filter(|it| countries.is_empty() && !it.is_empty());
    Rules { countries: countries.iter().chain(own).cloned().collect(), ..Rules::default() }
}

fn options(config: &Config) -> ControlOptions {
    ControlOptions { rules: rules(config), ..ControlOptions::default() }
}

async fn found(
    control: &Control,
    identity: &Identity,
    candidate: Candidate,
    rules: Rules,
) -> Result<(), MemberFault> {
    let (country, allowed) = (candidate.labels.country.clone(), rules.countries);
    if !allowed.is_empty() && !allowed.contains(&country) {
        let allowed = allowed.into_iter().collect::<Vec<_>>().join(", ");
        return Err(MemberFault::Abroad { country, allowed });
    }
    match control.found(identity.cluster, SHARDS, candidate).await {
        // Begun by a life that was cut off before it could write down who it is.
        Ok(_) | Err(ControlFault::Founded) => {}
        Err(fault) => return Err(fault.into()),
    }
    let mut maps = control.maps();
    // A founder that does not lead itself is a bug that the caller sees at the first ask.
    let _ = tokio::time::timeout(SOON, maps.wait_for(|map| map.cluster.is_some())).await;
    // Where data may lie is written down by the steward of whoever leads: this node, from now on.
    Ok(())
}

fn admitted(it: &Neighbour) -> Admitted {
    Admitted { number: it.number, peer: it.peer.clone(), addresses: it.addresses.clone() }
}

/// The swarm lets in whom the map knows.
async fn admit(swarm: Swarm, control: Control) {
    let mut maps = control.maps();
    loop {
        let map = maps.borrow_and_update().clone();
        if map.cluster.is_some() {
            let others = map.members.values().filter(|it| it.key.number != control.number());
            swarm.require(map.level);
            swarm.admit(others.map(member).collect());
        }
        if maps.changed().await.is_err() {
            return;
        }
    }
}

fn member(it: &Member) -> Admitted {
    Admitted { number: it.key.number, peer: it.peer.clone(), addresses: it.addresses.clone() }
}

/// Nobody waits for an answer over a link that broke.
async fn hear_links(swarm: Swarm, peers: Arc<Peers>) {
    use tokio::sync::broadcast::error::RecvError;
    let mut events = swarm.events();
    loop {
        match events.recv().await {
            Ok(Event::Down(number)) => peers.broke(number),
            Ok(Event::Up(_) | Event::Refused(_)) => {}
            Err(RecvError::Lagged(_)) => {
                let up = swarm.links().borrow().clone();
                peers.broke_but(|number| up.contains_key(&number));
            }
            Err(RecvError::Closed) => return,
        }
    }
}

async fn show_lines(peers: Arc<Peers>) {
    let mut tick = tokio::time::interval(SHOWN);
    loop {
        tick.tick().await;
        peers.show_lines();
    }
}

/// Says where this node is, whenever the map says something else.
async fn announce(control: Control, node: NodeKey, now: Candidate) {
    let Candidate { addresses, web, mut labels, release, wire, .. } = now;
    if labels.name.is_empty() {
        labels.name = format!("node-{}", node.number);
    }
    let same = |map: &Arc<Map>| {
        map.member(node).is_none_or(|it| {
            (&it.addresses, &it.web, &it.labels, &it.release, it.wire)
                == (&addresses, &web, &labels, &release, wire)
        })
    };
    let mut maps = control.maps();
    loop {
        if maps.wait_for(|map| !same(map)).await.is_err() {
            return;
        }
        let change = Change::Announce {
            node,
            addresses: addresses.clone(),
            web: web.clone(),
            labels: labels.clone(),
            release: release.clone(),
            wire,
        };
        if let Err(no) = control.change(change).await {
            tracing::debug!(%no, "this node's address is not announced yet");
        }
        // Its effect arrives as a map; without one it is tried again.
        let _ = tokio::time::timeout(Duration::from_secs(1), maps.wait_for(same)).await;
    }
}

/// Opens the join door while there are invitations.
async fn keep_door(
    control: Control,
    key: PeerKey,
    listen: Vec<String>,
    answer: Answer,
    open: watch::Sender<bool>,
) {
    let mut door: Option<JoinDoor> = None;
    let mut maps = control.maps();
    let mut wanted = Instant::now() - LINGER;
    loop {
        // Invitations come with a map, and go with time as well.
        let _ = tokio::time::timeout(DOOR, maps.changed()).await;
        if control.map().invitations.iter().any(|it| it.expires > now()) {
            wanted = Instant::now();
        }
        // Whoever used the last one up is still to be answered.
        match (wanted.elapsed() < LINGER, door.take()) {
            (true, None) => match JoinDoor::open(&key, &listen, answer.clone()).await {
                Ok(opened) => {
                    tracing::info!(at = ?opened.addresses(), "the join door is open");
                    door = Some(opened);
                }
                Err(fault) => tracing::error!(%fault, "the join door cannot be opened"),
            },
            (false, Some(open)) => open.close().await,
            (_, kept) => door = kept,
        }
        open.send_replace(door.is_some());
    }
}

/// Answers whoever knocks.
fn receive(control: Control, cluster: NodeId, data: std::path::PathBuf) -> Answer {
    Arc::new(move |knock| {
        let (control, data) = (control.clone(), data.clone());
        Box::pin(async move { admit_newcomer(&control, cluster, &data, &knock).await })
    })
}

/// Whether a newcomer that speaks up to this version could be spoken with. It does not say the
/// oldest it speaks: any release speaks the one before.
fn fits(level: u16, wire: u16) -> Result<u16, Gap> {
    let theirs = Spoken { oldest: wire.saturating_sub(1), newest: wire };
    Spoken::OURS.from_level(level).with(theirs)
}

async fn admit_newcomer(
    control: &Control,
    cluster: NodeId,
    data: &Path,
    knock: &swarm::Knock,
) -> Result<Vec<u8>, String> {
    use protocol::codec;
    let asked = codec::decode::<join::Knock, { join::DOOR_BYTES }>(&knock.request);
    let asked = asked.map_err(|_| "the request is of another release; use the same one")?;
    if asked.candidate.peer != knock.peer {
        return Err("the newcomer is not the one it says it is".into());
    }
    let (number, purpose) = match join::admitted(&control.map(), &asked.candidate) {
        // The answer to the first try was lost. What it was admitted as counts, not what it says.
        Some(member) => member, // E2
        None => {
            let fits = fits(control.map().level, asked.candidate.wire);
            fits.map_err(|gap| format!("the newcomer cannot be let in: {gap}"))?;
            let (digest, candidate) = (asked.digest(), asked.candidate.clone());
            let change = Change::Admit { digest, now: now(), candidate };
            let made = control.change(change).await.map_err(|no| no.to_string())?;
            (made.index, asked.candidate.purpose)
        }
    };
    let house = match purpose {
        Purpose::Witness => None,
        Purpose::Data => Some(HouseKeys::read(data).map_err(|it| it.to_string())?),
    };
    let neighbours = join::neighbours(&control.map());
    Ok(codec::encode(&join::Welcome { cluster, number, neighbours, house }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vr5_a_newcomer_is_one_release_away_at_most() {
        assert_eq!(fits(1, 1), Ok(1));
        assert_eq!(fits(PEER_WIRE, PEER_WIRE + 1), Ok(PEER_WIRE));
        assert!(matches!(fits(PEER_WIRE, PEER_WIRE - 1), Err(Gap::Old { .. })));
        assert!(matches!(fits(1, PEER_WIRE + 2), Err(Gap::New { .. })));
        assert!(matches!(fits(1, 0), Err(Gap::Old { .. })));
    }
}
