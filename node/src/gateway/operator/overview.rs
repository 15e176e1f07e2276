//! What there is to say of the cluster: a pure function of the map and of what the nodes report.
//!
//! # Invariants
//! - **V1** Every member is shown, every shard once, and at least one sentence is said.
//! - **V2** "Any one node may die" is said only when no death of one node that is up would leave a
//!   shard unserved or the rest unable to decide, and no content of a file is known to be missing.
//! - **V3** The revision does not change with figures alone.
//! - **V4** As long as members run different releases it is said who is behind; a node that does not
//!   answer because of its release is said to be too old or too new.
//! - **V5** A node is called empty only when it holds no shard and no content that it may have is
//!   missing with another node, as far as all others said.

use protocol::{
    cluster::{Map, Member, Place, Purpose},
    codec,
    operator::{
        Figures, Happening, Heir, NodeSight, Overview, ShardSight, ShardState, Verdict, WhatIf,
    },
    peer::{ContentStatus, NodeStatus},
    time::Time,
    version::Gap,
};
use std::collections::{BTreeMap, BTreeSet};

/// What one node knows beside the map.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The clock.
    pub now: Time,
    /// The number of the node that looks.
    pub here: u64,
    /// Who leads the control plane.
    pub leader: Option<u64>,
    /// Who votes in it.
    pub voters: BTreeSet<u64>,
    /// Who answers; the node itself is among them.
    pub up: BTreeSet<u64>,
    /// What nodes report of themselves, as far as they did.
    pub statuses: BTreeMap<u64, NodeStatus>,
    /// What nodes know of missing contents of files, as far as they said.
    pub contents: BTreeMap<u64, ContentStatus>,
    /// Members that speak nothing this node does.
    pub gaps: BTreeMap<u64, Gap>,
    /// The latest happenings, newest first.
    pub happenings: Vec<Happening>,
}

impl Seen {
    /// Whether the voters that are up, but for this one, could decide.
    fn decides_without(&self, dead: Option<u64>) -> bool {
        let left = self.voters.iter().filter(|it| self.up.contains(it) && Some(**it) != dead);
        left.count() * 2 > self.voters.len()
    }
}

/// The whole picture.
pub fn overview(map: &Map, seen: &Seen) -> Overview {
    let states = states(map, seen);
    let shards: Vec<ShardSight> = map.places.iter().zip(&states).zip(0..).map(sight).collect();
    let nodes: Vec<NodeSight> = map.members.values().map(|it| node(map, seen, it)).collect();
    let what_if: Vec<WhatIf> = map.members.keys().map(|it| what_if(map, seen, *it)).collect();
    let verdicts = verdicts(map, seen, &states, &what_if);
    let mut picture = Overview {
        revision: 0,
        now: seen.now,
        map: map.index,
        countries: map.settings.countries.iter().cloned().collect(),
        level: map.level,
        verdicts,
        nodes,
        shards,
        what_if,
        happenings: seen.happenings.clone(),
    };
    picture.revision = revision(&picture);
    picture
}

fn sight(((place, state), shard): ((&Place, &ShardState), u16)) -> ShardSight {
    let config = place.config;
    let (primary, twin) = (config.primary.number, config.twin.map(|it| it.number));
    ShardSight { shard, epoch: config.epoch, primary, twin, state: *state }
}

/// How each shard does.
fn states(map: &Map, seen: &Seen) -> Vec<ShardState> {
    let mut copying = BTreeSet::new();
    let mut resting = BTreeSet::new();
    for (number, status) in &seen.statuses {
        for shard in status.shards.iter().filter(|_| seen.up.contains(number)) {
            if shard.copying {
                copying.insert(shard.shard);
            }
            let newest = map.config(shard.shard).filter(|it| it.epoch == shard.epoch);
            if newest.is_some_and(|it| it.primary.number == *number) && !shard.serves {
                resting.insert(shard.shard);
            }
        }
    }
    let state = |(place, shard): (&Place, u16)| {
        let config = place.config;
        let up = |number| seen.up.contains(&number);
        let wanted =
            place.wanted.filter(|it| (it.primary, it.twin) != (config.primary, config.twin));
        match config.twin.map(|it| it.number) {
            _ if !up(config.primary.number) || resting.contains(&shard) => ShardState::Stalled,
            _ if copying.contains(&shard) => ShardState::Copying,
            Some(twin) if up(twin) && wanted.is_some() => ShardState::Moving,
            Some(twin) if up(twin) => ShardState::Whole,
            _ => ShardState::Solo,
        }
    };
    map.places.iter().zip(0..).map(state).collect()
}

fn node(map: &Map, seen: &Seen, member: &Member) -> NodeSight {
    let number = member.key.number;
    let labels = member.labels.clone();
    NodeSight {
        name: labels.name,
        country: labels.country,
        site: labels.site,
        release: member.release.clone(),
        purpose: member.purpose,
        here: seen.here == number,
        draining: member.draining,
        empty: is_empty(map, seen, member),
        leads: seen.leader == Some(number),
        votes: seen.voters.contains(&number),
        figures: figures(map, seen, number),
    }
}

fn figures(map: &Map, seen: &Seen, number: u64) -> Figures {
    let count =
        |it: &dyn Fn(&Place) -> bool| map.places.iter().filter(|one| it(one)).count() as u32;
    let status = seen.statuses.get(&number).filter(|_| seen.up.contains(&number));
    let serves = status.iter().flat_map(|it| &it.shards).filter(|it| it.serves);
    Figures {
        number,
        up: seen.up.contains(&number),
        sockets: status.map_or(0, |it| it.sockets),
        calls: status.map_or(0, |it| it.calls),
        rooms: status.map_or(0, |it| it.rooms),
        lag: serves.filter_map(|it| it.lag).sum(),
        primaries: count(&|it| it.config.primary.number == number),
        twins: count(&|it| it.config.twin.is_some_and(|twin| twin.number == number)),
    }
}

/// Whether a node holds nothing that the others need (V5).
fn is_empty(map: &Map, seen: &Seen, member: &Member) -> bool {
    let holds = storage::control::holds(map, member.key);
    member.purpose == Purpose::Data && !holds && needs(map, seen, member.key.number).is_none()
}

/// Why the others may still need a node that holds no shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// So many contents of files are missing with these nodes, and it may have them.
    Missing(u64, Vec<String>),
    /// These nodes, or others that are down, may miss some: that is not known.
    Unknown(Vec<String>),
}

/// Why the others may still need a node that holds no shard; none when they do not: of every shard
/// somebody else who holds it has everything that belongs to it (V5).
pub fn needs(map: &Map, seen: &Seen, number: u64) -> Option<Needs> {
    let said = |node: u64| {
        let said = seen.contents.get(&node).filter(|_| node != number && seen.up.contains(&node));
        said.filter(|it| it.map >= map.index)
    };
    let whole = |node: u64| said(node).is_some_and(ContentStatus::is_whole);
    let holders = |place: &Place| {
        let Place { config, .. } = place;
        [Some(config.primary), config.twin].into_iter().flatten().map(|it| it.number)
    };
    let open = map.places.iter().filter(|place| !holders(place).any(whole));
    let nodes: BTreeSet<u64> = open.flat_map(holders).collect();
    if nodes.is_empty() {
        return None;
    }
    let name =
        |node: &u64| map.members.get(node).map_or_else(String::new, |it| it.labels.name.clone());
    let names = |nodes: &mut dyn Iterator<Item = &u64>| nodes.map(name).collect::<Vec<_>>();
    let missing = |node: &u64| said(*node).map_or(0, |it| it.missing);
    match nodes.iter().map(missing).sum() {
        0 => Some(Needs::Unknown(names(&mut nodes.iter()))),
        files => {
            let lacking = &mut nodes.iter().filter(|it| missing(it) > 0);
            Some(Needs::Missing(files, names(lacking)))
        }
    }
}

/// What would happen if this node died at this moment.
///
/// Who serves passes to the other copy; who keeps the other copy goes on alone. Either takes a
/// decision of the control plane, so without a majority every shard that has a copy here rests.
pub fn what_if(map: &Map, seen: &Seen, number: u64) -> WhatIf {
    let figures = figures(map, seen, number);
    let quorum = seen.decides_without(Some(number));
    let (mut heirs, mut stalls, mut alone) = (BTreeMap::new(), Vec::new(), 0);
    for (place, shard) in map.places.iter().zip(0..) {
        let (primary, twin) = (place.config.primary.number, place.config.twin.map(|it| it.number));
        let heir = twin.filter(|it| seen.up.contains(it));
        if primary == number {
            match heir.filter(|_| quorum) {
                Some(heir) => {
                    *heirs.entry(heir).or_insert(0) += 1;
                    alone += 1;
                }
                None => stalls.push(shard),
            }
        } else if twin == Some(number) && seen.up.contains(&primary) {
            if quorum { alone += 1 } else { stalls.push(shard) }
        }
    }
    let heirs = heirs.into_iter().map(|(number, shards)| Heir { number, shards }).collect();
    let Figures { sockets, calls, .. } = figures;
    WhatIf { number, heirs, alone, stalls, sockets, calls, quorum }
}

/// What there is to say, most important first (V1, V2).
fn verdicts(map: &Map, seen: &Seen, states: &[ShardState], what_if: &[WhatIf]) -> Vec<Verdict> {
    let count = |state| states.iter().filter(|it| **it == state).count() as u32;
    let name = |it: &Member| it.labels.name.clone();
    let data = map.members.values().filter(|it| it.purpose == Purpose::Data).count();
    let mut said = Vec::new();
    let stalled = count(ShardState::Stalled);
    let up = |number: u64| seen.up.contains(&number);
    let alone = |it: &&Place| {
        up(it.config.primary.number) && !it.config.twin.is_some_and(|twin| up(twin.number))
    };
    let solo = map.places.iter().filter(alone).count() as u32;
    if stalled > 0 {
        said.push(Verdict::Stalled { shards: stalled });
    }
    if seen.leader.is_none() {
        said.push(Verdict::Leaderless {});
    }
    let down = |it: &&Member| !seen.up.contains(&it.key.number);
    said.extend(map.members.values().filter(down).map(|it| missing(seen, it)));
    if data <= 1 {
        said.push(Verdict::Lone {});
    } else if solo > 0 {
        said.push(Verdict::Solo { shards: solo });
    }
    let is_up = |it: &&WhatIf| seen.up.contains(&it.number);
    let voter = |it: &&WhatIf| seen.voters.contains(&it.number);
    let staying: Vec<&Member> = map.members.values().filter(|it| !it.draining).collect();
    if data > 1 && what_if.iter().filter(is_up).filter(voter).any(|it| !it.quorum) {
        let decides = staying.iter().find(|it| seen.voters.contains(&it.key.number));
        said.push(match decides.filter(|_| staying.len() == 2) {
            Some(decides) => Verdict::NoFailover { name: name(decides) },
            None => Verdict::NoSpareVoter {},
        });
    }
    let contents = contents(seen);
    if contents.missing > 0 {
        said.push(Verdict::Missing { files: contents.missing });
    }
    if contents.unlooked > 0 {
        said.push(Verdict::Unlooked { shards: contents.unlooked });
    }
    let abroad = |it: &&Member| it.purpose == Purpose::Data && !storage::control::may_lie(map, it);
    said.extend(
        map.members
            .values()
            .filter(abroad)
            .map(|it| Verdict::Abroad { name: name(it), country: it.labels.country.clone() }),
    );
    for member in map.members.values().filter(|it| it.draining) {
        let Figures { calls, primaries, twins, .. } = figures(map, seen, member.key.number);
        said.push(match is_empty(map, seen, member) && calls == 0 {
            true => Verdict::Empty { name: name(member) },
            false => Verdict::Draining { name: name(member), calls, shards: primaries + twins },
        });
    }
    said.extend(releases::mixed(map));
    let dies_well = |it: &WhatIf| it.stalls.is_empty() && it.quorum && contents.is_whole();
    if stalled == 0 && data > 1 && what_if.iter().filter(is_up).all(dies_well) {
        let safe = Verdict::Safe { nodes: map.members.len() as u32 };
        use Verdict::{Draining, Empty, Mixed};
        let calm = |it: &Verdict| matches!(it, Draining { .. } | Empty { .. } | Mixed { .. });
        let calm = said.iter().all(calm);
        said.insert(if calm { 0 } else { said.len() }, safe);
    }
    said
}

/// What is missing on all nodes that said so.
fn contents(seen: &Seen) -> ContentStatus {
    let said = seen.contents.iter().filter(|(number, _)| seen.up.contains(number));
    said.fold(ContentStatus::default(), |all, (_, one)| ContentStatus {
        map: 0,
        unlooked: all.unlooked + one.unlooked,
        missing: all.missing + one.missing,
    })
}

/// A member that does not answer, and why, when that is known (V4).
fn missing(seen: &Seen, member: &Member) -> Verdict {
    let name = member.labels.name.clone();
    match seen.gaps.get(&member.key.number) {
        Some(&Gap::Old { speaks, needs }) => Verdict::TooOld { name, speaks, needs },
        Some(&Gap::New { speaks, knows }) => Verdict::TooNew { name, speaks, knows },
        None => Verdict::Down { name },
    }
}

/// A number that changes with everything but figures (V3), and that a browser can hold.
fn revision(picture: &Overview) -> u64 {
    let mut still = picture.clone();
    still.now = Time::default();
    still.revision = 0;
    for node in &mut still.nodes {
        let Figures { number, up, primaries, twins, .. } = node.figures;
        node.figures =
            Figures { sockets: 0, calls: 0, rooms: 0, lag: 0, number, up, primaries, twins };
    }
    for one in &mut still.what_if {
        (one.sockets, one.calls) = (0, 0);
    }
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    codec::to_json(&still).bytes().fold(0xcbf2_9ce4_8422_2325, fnv) >> 11
}

mod releases;
#[cfg(test)]
mod tests;
