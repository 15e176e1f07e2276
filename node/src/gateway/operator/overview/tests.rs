//! Small clusters, looked at.

use super::*;
use protocol::{
    cluster::{Config, Epoch, Labels, NodeKey},
    id::NodeId,
    key::SHARDS,
    operator::Behind,
    peer::ShardStatus,
};

fn key(number: u64) -> NodeKey {
    NodeKey { number, storage: number + 100 }
}

/// So many nodes with data, every shard on two of them, everybody up and voting.
fn cluster(nodes: u64) -> (Map, Seen) {
    let member = |number| Member {
        key: key(number),
        id: NodeId::from_u128(number.into()),
        peer: String::new(),
        addresses: Vec::new(),
        web: Vec::new(),
        labels: Labels { name: format!("node-{number}"), ..Labels::default() },
        purpose: Purpose::Data,
        release: "1".into(),
        wire: 1,
        draining: false,
    };
    let place = |shard: u64| Place {
        config: Config {
            epoch: Epoch(1),
            primary: key(shard % nodes + 1),
            twin: (nodes > 1).then(|| key((shard + 1) % nodes + 1)),
            generation: 0,
        },
        wanted: None,
    };
    let numbers: BTreeSet<u64> = (1..=nodes).collect();
    let status = |&number: &u64| {
        let status = NodeStatus {
            node: key(number),
            map: 1,
            leader: Some(1),
            sockets: 10 * number as u32,
            calls: number as u32,
            rooms: 1,
            reaches: Vec::new(),
            shards: Vec::new(),
        };
        (number, status)
    };
    let map = Map {
        index: 7,
        cluster: Some(NodeId::from_u128(9)),
        members: numbers.iter().map(|it| (*it, member(*it))).collect(),
        places: (0..u64::from(SHARDS)).map(place).collect(),
        ..Map::default()
    };
    let seen = Seen {
        here: 1,
        leader: Some(1),
        voters: numbers.clone(),
        statuses: numbers.iter().map(status).collect(),
        up: numbers,
        ..Seen::default()
    };
    (map, seen)
}

fn kinds(picture: &Overview) -> Vec<String> {
    let kind = |it: &Verdict| format!("{it:?}").split(' ').next().unwrap_or_default().to_owned();
    picture.verdicts.iter().map(kind).collect()
}

#[test]
fn v1_v2_three_healthy_nodes_may_lose_any_one() {
    let (map, seen) = cluster(3);
    let picture = overview(&map, &seen);
    assert_eq!(picture.verdicts, [Verdict::Safe { nodes: 3 }]);
    assert_eq!((picture.nodes.len(), picture.shards.len()), (3, usize::from(SHARDS)));
    assert!(picture.shards.iter().all(|it| it.state == ShardState::Whole));
    let one = &picture.what_if[0];
    assert!(one.stalls.is_empty() && one.quorum);
    assert_eq!((one.sockets, one.calls), (10, 1));
    let primaries = picture.nodes[0].figures.primaries;
    assert_eq!(one.heirs, [Heir { number: 2, shards: primaries }]);
    assert_eq!(one.alone, primaries + picture.nodes[0].figures.twins);
}

#[test]
fn two_nodes_without_a_witness_cannot_lose_either() {
    let (map, seen) = cluster(2);
    let picture = overview(&map, &seen);
    assert_eq!(kinds(&picture), ["NoFailover"]);
    let one = &picture.what_if[0];
    assert!(!one.quorum && one.heirs.is_empty());
    assert_eq!(one.stalls.len(), usize::from(SHARDS), "the rest cannot go on alone either");
}

#[test]
fn a_lone_node_is_said_to_be_alone() {
    let (map, seen) = cluster(1);
    let picture = overview(&map, &seen);
    assert_eq!(kinds(&picture), ["Lone"]);
    assert!(picture.shards.iter().all(|it| it.state == ShardState::Solo));
    assert_eq!(picture.what_if[0].stalls.len(), usize::from(SHARDS));
}

#[test]
fn v2_a_dead_node_makes_the_rest_precious() {
    let (map, mut seen) = cluster(3);
    seen.up.remove(&3);
    let picture = overview(&map, &seen);
    assert_eq!(kinds(&picture), ["Stalled", "Down", "Solo", "NoSpareVoter"]);
    let states = |it| picture.shards.iter().filter(|shard| shard.state == it).count();
    assert_eq!(states(ShardState::Stalled), 85);
    assert_eq!(states(ShardState::Solo), 85);
    assert_eq!(picture.nodes[2].figures.sockets, 0, "what the dead last said is not shown");
}

#[test]
fn a_shard_that_is_copied_or_moves_or_rests_is_said_to() {
    let (mut map, mut seen) = cluster(3);
    map.places[0].config.twin = None;
    map.places[1].wanted = Some(protocol::cluster::Wanted { primary: key(3), twin: Some(key(1)) });
    let shard = |shard, serves, copying| {
        let (last, commit) = Default::default();
        ShardStatus { shard, epoch: Epoch(1), serves, last, commit, lag: Some(4), copying }
    };
    let reports = vec![shard(0, true, true), shard(3, false, false)];
    seen.statuses.get_mut(&1).expect("there").shards = reports;
    let picture = overview(&map, &seen);
    let states: Vec<_> = picture.shards[..4].iter().map(|it| it.state).collect();
    use ShardState::{Copying, Moving, Stalled, Whole};
    assert_eq!(states, [Copying, Moving, Whole, Stalled]);
    assert_eq!(picture.nodes[0].figures.lag, 4);
    assert_eq!(kinds(&picture), ["Stalled", "Solo"]);
}

#[test]
fn a_drain_is_said_with_what_is_left() {
    let (mut map, seen) = cluster(4);
    map.members.get_mut(&2).expect("there").draining = true;
    let picture = overview(&map, &seen);
    let draining = Verdict::Draining { name: "node-2".into(), calls: 2, shards: 128 };
    assert_eq!(picture.verdicts, [Verdict::Safe { nodes: 4 }, draining]);
}

#[test]
fn s69_who_stands_where_nothing_may_lie_is_named() {
    let (mut map, seen) = cluster(3);
    for member in map.members.values_mut() {
        member.labels.country = if member.key.number == 2 { "US" } else { "DE" }.into();
    }
    assert_eq!(kinds(&overview(&map, &seen)), ["Safe"], "nobody has said anything");
    map.settings.countries.insert("DE".into());
    let picture = overview(&map, &seen);
    let abroad = Verdict::Abroad { name: "node-2".into(), country: "US".into() };
    assert_eq!(picture.verdicts, [abroad, Verdict::Safe { nodes: 3 }]);
    assert_eq!(picture.countries, ["DE"]);
}

/// What a node says of its contents.
fn content(map: u64, unlooked: u32, missing: u64) -> ContentStatus {
    ContentStatus { map, unlooked, missing }
}

#[test]
fn v2_a_content_that_is_missing_is_said_and_nobody_may_die_meanwhile() {
    let (map, mut seen) = cluster(3);
    for number in 1..=3 {
        seen.contents.insert(number, content(map.index, 0, 0));
    }
    assert_eq!(kinds(&overview(&map, &seen)), ["Safe"]);
    seen.contents.insert(2, content(map.index, 0, 4));
    seen.contents.insert(3, content(map.index, 9, 1));
    let picture = overview(&map, &seen);
    assert_eq!(picture.verdicts, [Verdict::Missing { files: 5 }, Verdict::Unlooked { shards: 9 }]);
    seen.up.remove(&2);
    assert!(overview(&map, &seen).verdicts.contains(&Verdict::Missing { files: 1 }));
}

#[test]
fn v5_a_node_is_empty_when_nobody_misses_what_it_may_have() {
    let (mut map, mut seen) = cluster(4);
    let gone = map.members.get_mut(&4).expect("there");
    gone.draining = true;
    let holds = |map: &Map| storage::control::holds(map, key(4));
    let said = |map: &Map, seen: &Seen| overview(map, seen).nodes[3].empty;
    for number in 1..=4 {
        seen.contents.insert(number, content(map.index, 0, 0));
    }
    assert!(holds(&map) && !said(&map, &seen), "V5: it holds shards");
    for (place, shard) in map.places.iter_mut().zip(0..) {
        // Nodes 1 and 2 have two thirds of the shards together, 2 and 3 the rest.
        let (primary, twin) = if shard % 3 == 0 { (2, 3) } else { (1, 2) };
        place.config = Config { primary: key(primary), twin: Some(key(twin)), ..place.config };
    }
    assert!(!holds(&map));
    assert!(said(&map, &seen));
    assert_eq!(needs(&map, &seen, 4), None);
    seen.statuses.get_mut(&4).expect("there").calls = 0;
    let empty = Verdict::Empty { name: "node-4".into() };
    assert!(overview(&map, &seen).verdicts.contains(&empty));

    seen.contents.insert(4, content(map.index, 0, 7));
    assert_eq!(needs(&map, &seen, 4), None, "what it misses itself counts for nothing");
    seen.contents.insert(2, content(map.index, 0, 7));
    seen.contents.insert(1, content(map.index, 0, 7));
    let missing = Needs::Missing(14, vec!["node-1".into(), "node-2".into()]);
    assert_eq!(needs(&map, &seen, 4), Some(missing), "V5");
    assert!(!said(&map, &seen));
    seen.contents.insert(2, content(map.index, 3, 0));
    seen.contents.insert(1, content(map.index - 1, 0, 0));
    let unknown = Some(Needs::Unknown(vec!["node-1".into(), "node-2".into()]));
    assert_eq!(needs(&map, &seen, 4), unknown, "V5: of an older map nothing is known");
    seen.contents.insert(1, content(map.index, 0, 0));
    assert_eq!(needs(&map, &seen, 4), None, "of each shard somebody has everything");
    seen.up.remove(&1);
    seen.up.remove(&3);
    assert!(
        matches!(needs(&map, &seen, 4), Some(Needs::Unknown(_))),
        "V5: who is down says nothing"
    );
}

#[test]
fn v3_figures_do_not_change_the_revision_and_everything_else_does() {
    let (map, mut seen) = cluster(3);
    let before = overview(&map, &seen).revision;
    seen.statuses.get_mut(&2).expect("there").sockets += 1;
    seen.now = Time::from_ms(5);
    assert_eq!(overview(&map, &seen).revision, before);
    assert!(before < 1 << 53, "a browser can hold it");
    seen.leader = Some(2);
    assert_ne!(overview(&map, &seen).revision, before);
}

#[test]
fn v4_releases_that_run_side_by_side_are_told_and_so_is_who_cannot() {
    let (mut map, mut seen) = cluster(3);
    let mut runs = |number: u64, release: &str, wire| {
        let member = map.members.get_mut(&number).expect("a member");
        (member.release, member.wire) = (release.into(), wire);
        map.level = map.level.max(map.least());
        map.clone()
    };
    runs(1, "0.9.0", 1);
    runs(2, "0.10.0", 1);
    let one = runs(3, "0.9.0", 1);
    let behind = |number| Behind { name: format!("node-{number}"), release: "0.9.0".into() };
    let mixed = |behind| Verdict::Mixed { newest: "0.10.0".into(), behind };
    let picture = overview(&one, &seen);
    let safe = Verdict::Safe { nodes: 3 };
    assert_eq!(picture.verdicts, [safe.clone(), mixed(vec![behind(1), behind(3)])], "V4");
    assert_eq!(picture.level, 1);
    // What a release speaks counts for more than its numbers.
    let two = runs(1, "0.2.0", 2);
    let newest = Verdict::Mixed {
        newest: "0.2.0".into(),
        behind: vec![Behind { name: "node-2".into(), release: "0.10.0".into() }, behind(3)],
    };
    assert_eq!(overview(&two, &seen).verdicts, [safe, newest]);
    seen.up.remove(&3);
    seen.gaps.insert(3, Gap::Old { speaks: 1, needs: 2 });
    let said = overview(&one, &seen).verdicts;
    assert!(said.contains(&Verdict::TooOld { name: "node-3".into(), speaks: 1, needs: 2 }), "V4");
    seen.gaps.insert(3, Gap::New { speaks: 3, knows: 2 });
    let said = overview(&one, &seen).verdicts;
    assert!(said.contains(&Verdict::TooNew { name: "node-3".into(), speaks: 3, knows: 2 }), "V4");
    assert!(!kinds(&overview(&one, &seen)).contains(&"Down".to_owned()), "once is enough");
}
