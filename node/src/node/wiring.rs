//! What connects the cluster with the house and the gateway while a node runs.

use protocol::cluster::Map;
use serde_json::json;
use std::{path::PathBuf, sync::Arc};
use tokio::sync::watch;

use crate::{
    clock::now,
    cluster::{
        admin::{Handler, Order, Outcome},
        holder::Holder,
        membership::Membership,
        sight::Sight,
    },
    dev,
    gateway::{Gate, operator},
    metrics::cluster::Seen,
    swarm::Event,
};

/// Where browsers may go, and whether they should: as the map changes.
pub(super) fn watch_map(
    member: &Arc<Membership>,
) -> (watch::Receiver<Arc<Vec<String>>>, watch::Receiver<bool>) {
    let mut maps = member.control.maps();
    let number = member.identity.key.number;
    let first = maps.borrow_and_update().clone();
    let (nodes, told) = watch::channel(Arc::new(origins(&first)));
    let (moving, moves) = watch::channel(drains(&first, number));
    member.keep(tokio::spawn(async move {
        while maps.changed().await.is_ok() {
            let map = maps.borrow_and_update().clone();
            let now = origins(&map);
            nodes.send_if_modified(|known| {
                let changed = **known != now;
                if changed {
                    *known = Arc::new(now);
                }
                changed
            });
            let drains = drains(&map, number);
            moving.send_if_modified(|known| std::mem::replace(known, drains) != drains);
        }
    }));
    (told, moves)
}

/// Where the cluster's figures come from.
pub(super) fn seen(member: &Membership, holder: &Holder) -> Seen {
    Seen {
        me: member.identity.key,
        control: member.control.clone(),
        links: member.links.clone(),
        swarm: member.swarm.clone(),
        pump: holder.pump.clone(),
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

/// What the operator's door does.
pub(super) fn orders(gate: Arc<Gate>, sight: Arc<Sight>, data: PathBuf) -> Handler {
    let gate = Arc::downgrade(&gate);
    Arc::new(move |order| {
        let (gate, sight, data) = (gate.upgrade(), sight.clone(), data.clone());
        Box::pin(async move {
            if let Some(outcome) = sight.obey(&order).await {
                return outcome;
            }
            let Some(gate) = gate else { return Outcome::No("the node is going down".into()) };
            match order {
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
                _ => Outcome::No("this node does not do that yet".into()),
            }
        })
    })
}
