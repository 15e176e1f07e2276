//! What connects the cluster with the house and the gateway while a node runs.

use protocol::{
    audit::{By, Draft, Log, Outcome as Came, Thing, Verb},
    cluster::Map,
};
use serde_json::json;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::watch, time::timeout};

use crate::{
    clock::now,
    cluster::{
        admin::{Handler, Order, Outcome},
        export::Exporter,
        holder::Holder,
        membership::Membership,
        sight::Sight,
    },
    dev,
    gateway::{
        self, Gate, operator,
        record::{self, verbs},
        tenancy::Directory,
    },
    metrics::cluster::Seen,
    swarm::Event,
};

use super::people;

/// How long an order waits to be recorded.
const RECORDED: Duration = Duration::from_secs(5);
/// After that it is tried again so often, in the background,
const RECORD_TRIES: usize = 2880;
/// and so far apart: for a day.
const RECORD_AGAIN: Duration = Duration::from_secs(30);

/// What browsers are told of the nodes, as the map changes.
pub(super) struct Told {
    /// Where they may go.
    pub(super) nodes: watch::Receiver<Arc<Vec<String>>>,
    /// Whose pages they may be.
    pub(super) pages: watch::Receiver<Arc<Vec<String>>>,
    /// Whether they shall go.
    pub(super) moving: watch::Receiver<bool>,
    /// Whose host names are whose.
    pub(super) tenants: watch::Receiver<Arc<Directory>>,
}

/// Pages of former members that are remembered, at most.
const PAGES: usize = 64;

/// Follows the map.
pub(super) fn watch_map(member: &Arc<Membership>) -> Told {
    let mut maps = member.control.maps();
    let number = member.identity.key.number;
    let first = maps.borrow_and_update().clone();
    let (serve, nodes) = watch::channel(Arc::new(origins(&first)));
    let (know, pages) = watch::channel(Arc::new(pages_of(&first, &[])));
    let (relieve, moving) = watch::channel(drains(&first, number));
    let (list, tenants) = watch::channel(Arc::new(Directory::of(&first)));
    member.keep(tokio::spawn(async move {
        while maps.changed().await.is_ok() {
            let map = maps.borrow_and_update().clone();
            put(&know, |before| pages_of(&map, before));
            put(&serve, |_| origins(&map));
            list.send_if_modified(|known| {
                let now = Directory::of(&map);
                let changed = **known != now;
                if changed {
                    *known = Arc::new(now);
                }
                changed
            });
            let drains = drains(&map, number);
            relieve.send_if_modified(|known| std::mem::replace(known, drains) != drains);
        }
    }));
    Told { nodes, pages, moving, tenants }
}

/// Sends a list on when it is another one than before.
fn put(to: &watch::Sender<Arc<Vec<String>>>, make: impl FnOnce(&[String]) -> Vec<String>) {
    to.send_if_modified(|known| {
        let now = make(known);
        let changed = **known != now;
        if changed {
            *known = Arc::new(now);
        }
        changed
    });
}

/// Every member's pages, those that leave included; and those of former members, whose pages stay
/// open when they are gone.
fn pages_of(map: &Map, before: &[String]) -> Vec<String> {
    let mut pages: Vec<String> =
        map.members.values().flat_map(|it| it.web.iter().cloned()).collect();
    // A tenant's pages stand under its own name, whichever node they came from.
    let names = map.tenants.values().flat_map(|it| &it.domains);
    pages.extend(names.map(|name| format!("https://{name}")));
    let former: Vec<_> = before.iter().filter(|it| !pages.contains(it)).cloned().collect();
    pages.extend(former.into_iter().take(PAGES));
    pages
}

/// Where the cluster's figures come from.
pub(super) fn seen(member: &Membership, holder: &Holder) -> Seen {
    Seen {
        me: member.identity.key,
        control: member.control.clone(),
        links: member.links.clone(),
        swarm: member.swarm.clone(),
        pump: holder.pump.clone(),
        peers: member.peers.clone(),
        porter: holder.porter.clone(),
        scrub: holder.scrub.clone(),
    }
}

/// Every node that serves browsers and stays.
fn origins(map: &Map) -> Vec<String> {
    let staying = map.members.values().filter(|it| !it.draining);
    staying.flat_map(|it| it.web.iter().cloned()).collect()
}

fn drains(map: &Map, number: u64) -> bool {
    map.members.get(&number).is_some_and(|it| it.draining)
}

/// Tells the house what this node serves, where everything else is, and whose link broke; and how
/// the sockets of a session that ended on any node are ended here.
pub(super) fn tell_house(member: &Arc<Membership>, holder: &Arc<Holder>, gate: &Arc<Gate>) {
    let sockets = Arc::downgrade(gate);
    gate.house.on_session_cut(move |session| {
        if let Some(gate) = sockets.upgrade() {
            gate.sockets.cut(session);
        }
    });
    let sockets = Arc::downgrade(gate);
    gate.house.on_role_cut(move |tenant, person, role| {
        if let Some(gate) = sockets.upgrade() {
            let theirs = (tenant, person, role);
            gate.sockets.cut_all(|by| (by.tenant, by.person, by.role) == theirs);
        }
    });
    member.keep(tokio::spawn(shut(gate.tenancy.watch(), Arc::downgrade(gate))));
    let (house, moves) = (gate.house.clone(), holder.moves.clone());
    let pump = holder.pump.clone();
    member.keep(tokio::spawn(pump.tell_standings(move |standings| {
        let (house, moves) = (house.clone(), moves.clone());
        async move {
            for (shard, standing) in standings {
                house.standing(shard, standing);
            }
            moves.send_modify(|it| *it += 1);
        }
    })));
    let (house, mut moves) = (gate.house.clone(), holder.moves.subscribe());
    member.keep(tokio::spawn(async move {
        while moves.changed().await.is_ok() {
            house.moved();
        }
    }));
    let Some(swarm) = member.swarm.clone() else { return };
    let (gate, control) = (gate.clone(), member.control.clone());
    member.keep(tokio::spawn(async move {
        let mut events = swarm.events();
        loop {
            use tokio::sync::broadcast::error::RecvError;
            match events.recv().await {
                Ok(Event::Down(number)) => gate.house.line_lost(number),
                Ok(Event::Up(_) | Event::Refused(_)) => {}
                Err(RecvError::Lagged(_)) => {
                    // Nobody knows which: all lines are watched anew.
                    let map = control.map();
                    map.members.keys().for_each(|number| gate.house.line_lost(*number));
                }
                Err(RecvError::Closed) => return,
            }
        }
    }));
}

/// Ends every socket of a tenant that is closed, as soon as it is.
async fn shut(mut tenants: watch::Receiver<Arc<Directory>>, gate: std::sync::Weak<Gate>) {
    while tenants.changed().await.is_ok() {
        let known = tenants.borrow_and_update().clone();
        let Some(gate) = gate.upgrade() else { return };
        let closed: std::collections::BTreeSet<_> = known.closed().collect();
        gate.sockets.cut_all(|by| closed.contains(&by.tenant));
    }
}

/// What the operator's door does.
pub(super) fn orders(gate: Arc<Gate>, sight: Arc<Sight>, data: PathBuf) -> Handler {
    let gate = Arc::downgrade(&gate);
    Arc::new(move |order| {
        let (gate, sight, data) = (gate.clone(), sight.clone(), data.clone());
        Box::pin(async move {
            let verb = verbs::of_order(&order);
            let outcome = carried_out(order, gate.upgrade(), sight, data).await;
            if let (Some(gate), Some((verb, what))) = (gate.upgrade(), verb) {
                recorded(gate, verb, what, &outcome).await;
            }
            outcome
        })
    })
}

/// Carries an order out, without recording it.
async fn carried_out(
    order: Order,
    gate: Option<Arc<Gate>>,
    sight: Arc<Sight>,
    data: PathBuf,
) -> Outcome {
    if let Some(outcome) = sight.obey(&order).await {
        return outcome;
    }
    let Some(gate) = gate else { return Outcome::No("the node is going down".into()) };
    match order {
        Order::AuditHead { .. } | Order::AuditLines { .. } => {
            gateway::audit::obey(&gate, &order).await
        }
        Order::Page {} => {
            let nodes = gate.nodes.borrow().clone();
            let own = sight.control.map();
            let own = own.members.get(&sight.control.number());
            let origin = own.and_then(|it| it.web.first()).or(nodes.first()).cloned();
            let path = operator::link(&gate.secrets, gate.node, now());
            Outcome::Done(json!({ "link": origin.unwrap_or_default() + &path }))
        }
        Order::Demo {} => {
            let map = sight.control.map();
            let own = map.members.get(&sight.control.number());
            let url = own.and_then(|it| it.web.first()).cloned().unwrap_or_default();
            match dev::prepare(&gate, &url, &data).await {
                Ok(demo) => Outcome::Done(json!(demo)),
                Err(fault) => Outcome::No(fault.to_string()),
            }
        }
        Order::Tenants {} => {
            let map = sight.control.map();
            Outcome::Done(json!({ "first": gate.tenant, "tenants": map.tenants }))
        }
        Order::Account { .. } | Order::Roles { .. } => {
            let map = sight.control.map();
            people::obey(&gate, &map.tenants, order).await
        }
        order => {
            let exporter = Exporter {
                me: sight.control.number(),
                ledger: gate.house.ledger.clone(),
                contents: gate.contents.clone(),
                peers: sight.peers.clone(),
                maps: sight.control.maps(),
            };
            drop(gate); // a node that stops is not held up
            exporter.obey(order).await
        }
    }
}

async fn written(gate: &Gate, draft: Draft) -> bool {
    record::write(gate, gate.tenant, Log::System, draft).await.is_ok()
}

/// Records an order. What an operator does to save a cluster must not wait for the log of the very
/// shard that is lost: then the record follows as soon as it can be written, or this process ends.
async fn recorded(gate: Arc<Gate>, verb: Verb, what: Vec<Thing>, outcome: &Outcome) {
    let result = match outcome {
        Outcome::Done(_) | Outcome::Bytes(_) => Came::Done,
        Outcome::No(_) => Came::Refused,
    };
    let draft = Draft::new(verb, By::Operator {}, result).about(what);
    if matches!(timeout(RECORDED, written(&gate, draft.clone())).await, Ok(true)) {
        return;
    }
    tracing::warn!(?verb, "an order is not in the audit log yet");
    let gate = Arc::downgrade(&gate);
    tokio::spawn(async move {
        for _ in 0..RECORD_TRIES {
            tokio::time::sleep(RECORD_AGAIN).await;
            let Some(gate) = gate.upgrade() else { break };
            if written(&gate, draft.clone()).await {
                return;
            }
        }
        tracing::error!(?verb, "an order is not in the audit log");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        cluster::{Labels, Member, NodeKey, Purpose},
        id::NodeId,
    };
    use std::collections::BTreeMap;

    fn member(number: u64, draining: bool) -> (u64, Member) {
        let member = Member {
            key: NodeKey { number, storage: number },
            id: NodeId::from_u128(number.into()),
            peer: String::new(),
            addresses: Vec::new(),
            web: vec![format!("https://n{number}.example")],
            labels: Labels::default(),
            purpose: Purpose::Data,
            release: String::new(),
            wire: 1,
            draining,
        };
        (number, member)
    }

    #[test]
    fn who_leaves_is_gone_to_by_nobody_and_its_pages_are_still_let_in() {
        let map = |members: Vec<_>| Map { members: BTreeMap::from_iter(members), ..Map::default() };
        let all = map(vec![member(1, false), member(2, true)]);
        assert_eq!(origins(&all), ["https://n1.example"]);
        let pages = pages_of(&all, &[]);
        assert_eq!(pages, ["https://n1.example", "https://n2.example"]);
        // Removed: a page that came from it may be open for hours.
        let left = map(vec![member(1, false), member(3, false)]);
        let pages = pages_of(&left, &pages);
        assert_eq!(pages, ["https://n1.example", "https://n3.example", "https://n2.example"]);
        let many: Vec<String> = (0..500).map(|it| format!("https://{it}.example")).collect();
        assert_eq!(pages_of(&left, &many).len(), 2 + PAGES, "not without end");
    }
}
