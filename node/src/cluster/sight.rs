//! The cluster as an operator sees it from this node, and what an operator may order.

use futures_util::future::{BoxFuture, join, join_all};
use parking_lot::Mutex;
use protocol::{
    cluster::{Change, ChangeRefusal, Map, Purpose, Setting},
    codec,
    operator::Overview,
    peer::{Class, ContentStatus, NodeStatus, PeerAnswer, PeerRequest},
    version::{SETTINGS, TENANTS},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};
use storage::control::holds;
use tokio::sync::watch;

use super::{
    admin::{Order, Outcome},
    content::porter::Porter,
    desk::Tell,
    join::Token,
    membership::Door,
    scrub::{Scrub, Shown, occurrence},
};
use crate::{
    clock::now,
    control::{Control, ControlNo, placement},
    gateway::operator::{
        ClusterNo, ClusterView,
        chronicle::Chronicle,
        overview::{Needs, Seen, needs, overview},
    },
    peers::{Answered, Peers},
    secrets::chance,
    swarm::{Links, Swarm},
};

/// How long another node may take to say how it is.
const ASKED: Duration = Duration::from_millis(800);
/// How long the join door may take to open.
const OPENED: Duration = Duration::from_secs(10);
/// What was gathered is good for so long, however many look.
const FRESH: Duration = Duration::from_millis(400);
/// Bytes of a node's status.
const STATUS_BYTES: usize = 1024 * 1024;

/// How often it is asked whether a node may go, while somebody does not yet know.
const ASKED_AGAIN: u32 = 10;
/// Between two of these.
const A_MOMENT: Duration = Duration::from_millis(500);

/// How the node is that looks.
pub struct Own {
    /// As the others are told.
    pub status: Tell,
    /// Who knows what of its files is missing; none on a witness.
    pub porter: Option<Arc<Porter>>,
}

/// What an operator may look at and order.
pub struct Sight {
    /// The control plane.
    pub control: Control,
    /// Everybody else.
    pub peers: Arc<Peers>,
    /// Who is up.
    pub links: watch::Receiver<Links>,
    /// How this node is.
    own: Own,
    /// Who newcomers are told to knock at, and where; none when this node has no join door.
    pub door: Option<Door>,
    rules: placement::Rules,
    swarm: Option<Swarm>,
    /// What looks for damage; none on a witness.
    scrub: Option<Arc<Scrub>>,
    gathered: Mutex<Option<(Instant, Arc<Overview>)>>,
    chronicle: Mutex<Chronicle>,
}

impl Sight {
    /// Nothing is gathered yet.
    pub fn new(
        control: Control,
        peers: Arc<Peers>,
        links: watch::Receiver<Links>,
        own: Own,
        (door, rules): (Option<Door>, placement::Rules),
        (swarm, scrub): (Option<Swarm>, Option<Arc<Scrub>>),
    ) -> Arc<Self> {
        let (gathered, chronicle) = Default::default();
        Arc::new(Self {
            control,
            peers,
            links,
            own,
            door,
            rules,
            swarm,
            scrub,
            gathered,
            chronicle,
        })
    }

    /// Notes what happens, also while no operator looks; ends with the control plane.
    pub async fn look_on(self: Arc<Self>) {
        let (mut maps, mut leader) = (self.control.maps(), self.control.leader());
        let mut links = self.links.clone();
        loop {
            self.note(&self.control.map(), &self.up());
            let changed = tokio::select! {
                changed = maps.changed() => changed,
                changed = leader.changed() => changed,
                changed = links.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Notes what the scrubber of this node finds and mends.
    pub async fn hear_of_damage(self: Arc<Self>) {
        let Some(mut news) = self.scrub.as_ref().and_then(|it| it.news()) else { return };
        while let Some(one) = news.recv().await {
            self.chronicle.lock().note(now(), occurrence(one));
        }
    }

    fn note(&self, map: &Map, up: &BTreeSet<u64>) {
        let leader = *self.control.leader().borrow();
        self.chronicle.lock().look(now(), map, leader, up);
    }

    /// Who answers, this node among them.
    fn up(&self) -> BTreeSet<u64> {
        let links = self.links.borrow();
        links.keys().copied().chain([self.control.number()]).collect()
    }

    async fn gather(&self) -> Arc<Overview> {
        if let Some((when, seen)) = &*self.gathered.lock()
            && when.elapsed() < FRESH
        {
            return seen.clone();
        }
        let (map, seen) = self.look().await;
        let seen = Arc::new(overview(&map, &seen));
        *self.gathered.lock() = Some((Instant::now(), seen.clone()));
        seen
    }

    /// Asks everybody.
    async fn look(&self) -> (Arc<Map>, Seen) {
        let map = self.control.map();
        let me = self.control.number();
        let up = self.up();
        let (statuses, contents) = self.statuses(&map).await;
        let status = self.control.status();
        let seen = Seen {
            now: now(),
            here: me,
            leader: status.leader,
            voters: status.voters,
            up,
            statuses,
            contents,
            gaps: self.swarm.as_ref().map(Swarm::gaps).unwrap_or_default(),
            happenings: self.chronicle.lock().latest(),
        };
        (map, seen)
    }

    /// What everybody who answers says of itself, and of its contents.
    async fn statuses(
        &self,
        map: &Map,
    ) -> (BTreeMap<u64, NodeStatus>, BTreeMap<u64, ContentStatus>) {
        let me = self.control.number();
        let up = self.up();
        let others = up.iter().filter(|it| **it != me && map.members.contains_key(it));
        let asked = others.map(|number| {
            let status = self.peers.ask(*number, Class::Control, PeerRequest::Status, ASKED);
            let contents = PeerRequest::ContentStatus;
            let contents = self.peers.ask(*number, Class::Control, contents, ASKED);
            async move { (*number, join(status, contents).await) }
        });
        let mut statuses = BTreeMap::from([(me, (self.own.status)())]);
        let own = self.own.porter.as_ref().map(|it| (me, it.known()));
        let mut contents: BTreeMap<u64, ContentStatus> = own.into_iter().collect();
        for (number, (status, content)) in join_all(asked).await {
            statuses.extend(read::<NodeStatus>(status).map(|it| (number, it)));
            contents.extend(read::<ContentStatus>(content).map(|it| (number, it)));
        }
        (statuses, contents)
    }

    /// Carries out what an operator orders; none when it is for somebody else to do.
    pub async fn obey(&self, order: &Order) -> Option<Outcome> {
        Some(match order {
            Order::Status {} => {
                let seen = self.gather().await;
                let status = self.control.status();
                let mine = seen.shards.iter().filter(|it| it.primary == self.control.number());
                let serving = (self.own.status)().shards.iter().filter(|it| it.serves).count();
                let founded = self.control.map().cluster.is_some();
                Outcome::Done(json!({
                    "overview": &*seen,
                    "words": self.control.verdict(),
                    "serving": founded && serving >= mine.count(),
                    "voters": status.voters,
                    "leader": status.leader,
                    "elections": status.elections,
                    "scrub": self.scrub.as_ref().map(|it| scrubbed(&it.shown())),
                }))
            }
            Order::Invite { minutes, witness } => self.invite(*minutes, *witness).await,
            Order::Drain { node, on } => {
                self.on_node(node, |number| Change::Drain { number, on: *on }).await
            }
            Order::Remove { node, accept_loss } => self.remove(node, *accept_loss).await,
            Order::Force { shard, node, by, why, although_served } => {
                self.force(*shard, node, (by, why), *although_served).await
            }
            Order::Forced {} => Outcome::Done(json!({ "forced": self.control.map().forced })),
            Order::Set { setting: Setting::Tenant { .. }, .. }
                if self.control.map().level < TENANTS =>
            {
                Outcome::No(
                    "some member runs a release that knows of one tenant only: upgrade every node \
                     first"
                        .into(),
                )
            }
            Order::Set { .. } if self.control.map().level < SETTINGS => Outcome::No(
                "some member runs a release that knows of no settings: upgrade every node first"
                    .into(),
            ),
            Order::Set { setting, by } => {
                let (setting, by) = (setting.clone(), self.at_here(by));
                self.change(Change::Set { setting, by, now: now() }).await
            }
            Order::Rebalance {} => {
                let map = self.control.map();
                let alive = self.alive(&map);
                let wants = placement::plan(&map, &alive, &self.rules);
                let moves = wants.len();
                match self.control.change(Change::Want { wants }).await {
                    Ok(_) => Outcome::Done(json!({ "moves": moves })),
                    Err(no) => Outcome::No(no.to_string()),
                }
            }
            Order::Page {} | Order::Demo {} => return None,
            Order::Export { .. } | Order::Content { .. } => return None,
            Order::Tenants {} | Order::Account { .. } | Order::Roles { .. } => return None,
            Order::AuditHead { .. } | Order::AuditLines { .. } => return None,
        })
    }

    /// Gives a shard away, unless it is served, or unless that is wanted all the same.
    async fn force(
        &self,
        shard: u16,
        node: &str,
        (by, why): (&str, &str),
        although_served: bool,
    ) -> Outcome {
        let map = self.control.map();
        let Some(member) = find(&map, node).and_then(|it| map.members.get(&it)) else {
            return unknown(&map, node);
        };
        let copies = copies(&map, &self.statuses(&map).await.0, shard);
        if copies.served && !although_served {
            return Outcome::No(format!(
                "shard {shard} is served at this moment, so nothing has to be given up:\n{}To take \
                 it away from there all the same: --although-served",
                copies.lines
            ));
        }
        tracing::warn!(shard, node, by, why, copies = %copies.lines, "a shard is forced");
        let (primary, by, why) = (member.key, self.at_here(by), why.to_owned());
        self.change(Change::Force { shard, primary, by, why, now: now() }).await
    }

    /// Who gives an order at this door, as it is kept.
    fn at_here(&self, by: &str) -> String {
        let map = self.control.map();
        let here = map.members.get(&self.control.number());
        format!("{by} at {}", here.map_or("this node", |it| &it.labels.name))
    }

    fn alive(&self, map: &Map) -> BTreeSet<u64> {
        let links = self.links.borrow();
        let here = self.control.number();
        map.members.keys().copied().filter(|it| *it == here || links.contains_key(it)).collect()
    }

    async fn invite(&self, minutes: u64, witness: bool) -> Outcome {
        let Some(Door { peer, addresses, mut open }) = self.door.clone() else {
            return Outcome::No(
                "this node does not listen for others. Set cluster.listen and cluster.join in its \
                 configuration (`konsil config` explains them) and start it again"
                    .into(),
            );
        };
        let purpose = if witness { Purpose::Witness } else { Purpose::Data };
        let token = Token { peer, addresses, secret: chance(), purpose };
        let minutes = minutes.clamp(1, 7 * 24 * 60);
        let expires = now().after(protocol::time::Span::from_secs(minutes * 60));
        let change = Change::Invite { digest: token.digest(), expires, purpose };
        match self.control.change(change).await {
            Ok(_) => {
                let opened = tokio::time::timeout(OPENED, open.wait_for(|open| *open)).await;
                if !matches!(opened, Ok(Ok(_))) {
                    return Outcome::No(
                        "the join door does not open: is another program using the port of \
                         cluster.join? The log of this node says more"
                            .into(),
                    );
                }
                Outcome::Done(json!({ "token": token.text(), "expires": expires }))
            }
            Err(no) => Outcome::No(no.to_string()),
        }
    }

    /// A member leaves; not as long as it may have what others miss, unless that is accepted.
    async fn remove(&self, node: &str, accept_loss: bool) -> Outcome {
        let map = self.control.map();
        let Some(number) = find(&map, node) else { return unknown(&map, node) };
        let holds = map.members.get(&number).is_some_and(|it| holds(&map, it.key));
        if !holds
            && !accept_loss
            && let Some(why) = self.needed(number).await
        {
            return Outcome::No(needed(node, &why));
        }
        self.change(Change::Remove { number }).await
    }

    /// Why the others may still need a node; who came to hold something only now is waited for.
    async fn needed(&self, number: u64) -> Option<Needs> {
        let mut why = None;
        for _ in 0..ASKED_AGAIN {
            let (map, seen) = self.look().await;
            why = needs(&map, &seen, number);
            if !matches!(why, Some(Needs::Unknown(_))) {
                break;
            }
            tokio::time::sleep(A_MOMENT).await;
        }
        why
    }

    async fn on_node(&self, node: &str, change: impl FnOnce(u64) -> Change) -> Outcome {
        let map = self.control.map();
        match find(&map, node) {
            Some(number) => self.change(change(number)).await,
            None => unknown(&map, node),
        }
    }

    async fn change(&self, change: Change) -> Outcome {
        let tenant = matches!(change, Change::Set { setting: Setting::Tenant { .. }, .. });
        match self.control.change(change).await {
            Ok(_) => Outcome::Done(json!({})),
            Err(ControlNo::Refused(ChangeRefusal::Setting)) if tenant => Outcome::No(
                "a tenant needs a name, and host names in small letters, without a port, that no \
                 other tenant has"
                    .into(),
            ),
            Err(ControlNo::Refused(why)) => Outcome::No(words(why).into()),
            Err(no) => Outcome::No(no.to_string()),
        }
    }
}

/// An answer that is a value; none when there was none, or one that is not understood.
fn read<T: DeserializeOwned>(answer: Answered) -> Option<T> {
    match answer {
        Ok(PeerAnswer::Bytes(bytes)) => codec::decode::<T, STATUS_BYTES>(&bytes).ok(),
        _ => None,
    }
}

/// Why a node cannot be removed yet, and what to do.
fn needed(node: &str, why: &Needs) -> String {
    match why {
        Needs::Missing(files, nodes) => format!(
            "contents of {files} files are missing on {}, and {node} may have them. Keep it \
             running and wait until `konsil cluster status` misses none. When its disk is lost: \
             --accept-loss",
            nodes.join(", ")
        ),
        Needs::Unknown(nodes) => format!(
            "it is not known whether {} have every content that belongs with them, and {node} may \
             have what they miss. Bring back who is down, or wait a moment and try again. When the \
             disk of {node} is lost: --accept-loss",
            nodes.join(", ")
        ),
    }
}

/// What this node's scrubber has done, for `konsil cluster status`.
fn scrubbed(shown: &Shown) -> Value {
    let Shown { figures, ended, open } = shown;
    let open = open.iter().map(|it| {
        json!({ "shard": it.shard, "what": it.what, "entry": it.seq, "why": format!("{:?}", it.why) })
    });
    json!({
        "ended": ended,
        "rounds": figures.rounds,
        "entries": figures.entries,
        "damaged": figures.damaged,
        "healed": figures.healed,
        "open": open.collect::<Vec<_>>(),
    })
}

/// A member by its name or its number.
fn find(map: &Map, node: &str) -> Option<u64> {
    let number = node.strip_prefix('n').unwrap_or(node).parse().ok();
    let named = map.members.values().find(|it| it.labels.name == node);
    named.map(|it| it.key.number).or(number.filter(|it| map.members.contains_key(it)))
}

/// The copies of one shard, as those who hold them say.
struct Copies {
    served: bool,
    lines: String,
}

fn copies(map: &Map, statuses: &BTreeMap<u64, NodeStatus>, shard: u16) -> Copies {
    let mut copies = Copies { served: false, lines: String::new() };
    for (number, status) in statuses {
        let Some(copy) = status.shards.iter().find(|it| it.shard == shard) else { continue };
        copies.served |= copy.serves;
        let name = map.members.get(number).map_or("?", |it| &it.labels.name);
        let _ = writeln!(
            copies.lines,
            "  {name} (member {number}): epoch {}, {} entries, {} of them agreed on{}",
            copy.epoch.0,
            copy.last.0,
            copy.commit.0,
            if copy.serves { ", serves" } else { "" }
        );
    }
    copies
}

fn unknown(map: &Map, node: &str) -> Outcome {
    let names = map.members.values().map(|it| format!("{} ({})", it.labels.name, it.key.number));
    let names: Vec<_> = names.collect();
    Outcome::No(format!("no node is called {node}; there are {}", names.join(", ")))
}

/// A refusal as a sentence that says what to do.
fn words(why: protocol::cluster::ChangeRefusal) -> &'static str {
    use protocol::cluster::ChangeRefusal as No;
    match why {
        No::Holds => {
            "it still holds copies. Drain it first, and wait until `konsil cluster status` says \
             that it is empty; if it is dead, wait until others hold its shards"
        }
        No::Last => "it is the last node with data",
        No::NotMember => "it is no member any more",
        No::Witness => "a witness holds no data",
        No::NoShard => "there is no such shard; they are numbered from 0 to 255",
        No::NotEligible => "that node's copy is not whole",
        No::Epoch | No::NotPrimary => "somebody else was quicker; look at the status and try again",
        No::Founded => "the cluster was founded before",
        No::Used => {
            "that disk or that key was admitted before; empty the data folder and try again"
        }
        No::NotFounded => "nothing is founded yet",
        No::TooMuch => "there are too many open invitations or members; wait until some expire",
        No::Token => "the token is unknown, used or expired; make a new one",
        No::Country => {
            "that node stands in a country in which no data may lie. `konsil cluster set countries` \
             says where it may"
        }
        No::Setting => {
            "name countries as two capital letters each, separated by commas, and among them one in \
             which a node with data stands that is not drained"
        }
        No::TooOld => {
            "its release is too old for this cluster by now: install the release of the other nodes"
        }
    }
}

impl ClusterView for Sight {
    fn view(&self) -> BoxFuture<'_, Result<Overview, ClusterNo>> {
        Box::pin(async { Ok((*self.gather().await).clone()) })
    }

    fn drain(&self, number: u64, on: bool) -> BoxFuture<'_, Result<(), ClusterNo>> {
        Box::pin(async move {
            match self.control.change(Change::Drain { number, on }).await {
                Ok(_) => Ok(()),
                Err(ControlNo::Refused(why)) => Err(ClusterNo::Refused(why)),
                Err(_) => Err(ClusterNo::Leaderless),
            }
        })
    }
}
