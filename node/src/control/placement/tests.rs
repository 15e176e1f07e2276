//! Plans carried out on simulated clusters, up to a thousand nodes and 16,384 shards. Every want
//! goes through `storage::control`, so a plan that its rule refuses fails here.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::{
    cluster::{Candidate, Cas, Change, Config, Labels, NodeKey, Purpose, Setting},
    id::NodeId,
    time::Time,
};
use storage::control::apply;

use super::*;

/// A cluster whose primaries do at once what is wanted of them.
struct World {
    map: Map,
    alive: BTreeSet<u64>,
    rules: Rules,
    /// Copies made, and changes written, so far.
    copied: usize,
    changes: usize,
}

impl World {
    fn new(shards: u16) -> Self {
        let mut world = Self {
            map: Map::default(),
            alive: BTreeSet::from([1]),
            rules: Rules::default(),
            copied: 0,
            changes: 0,
        };
        let first = candidate(1, "a", "DE", Purpose::Data);
        world.make(&Change::Found { cluster: NodeId::from_u128(1), shards, first });
        world
    }

    /// Nodes at sites in turn, everything spread over them.
    fn spread(shards: u16, nodes: u64, sites: &[&str]) -> Self {
        let mut world = Self::new(shards);
        for at in 2..=nodes {
            world.join(sites[(at as usize - 1) % sites.len()], "DE", Purpose::Data);
        }
        let bounds = Rules { moves_max: usize::MAX, rebuilds_max: usize::MAX, ..Rules::default() };
        let careful = std::mem::replace(&mut world.rules, bounds);
        world.settle();
        world.rules = careful;
        world
    }

    fn make(&mut self, change: &Change) {
        let index = self.map.index + 1;
        let answers = apply(&mut self.map, index, change).expect("the rule allows what is planned");
        assert!(answers.iter().all(Option::is_none), "{answers:?}");
    }

    fn join(&mut self, site: &str, country: &str, purpose: Purpose) -> u64 {
        let storage = self.map.storages.len() as u64 + 1;
        let digest = [0; 32];
        let expires = Time::from_ms(2);
        self.make(&Change::Invite { digest, expires, purpose });
        let candidate = candidate(storage, site, country, purpose);
        self.make(&Change::Admit { digest, now: Time::from_ms(1), candidate });
        self.alive.insert(self.map.index);
        self.map.index
    }

    fn allow(&mut self, countries: &[&str]) {
        let allowed = countries.iter().map(|it| (*it).to_owned()).collect();
        let setting = Setting::Countries { allowed };
        self.make(&Change::Set { setting, by: "a test".into(), now: Time::from_ms(1) });
    }

    /// One plan, and every primary that lives does what it says. How many wants there were.
    fn round(&mut self) -> usize {
        let wants = plan(&self.map, &self.alive, &self.rules);
        assert_eq!(wants, plan(&self.map, &self.alive, &self.rules), "B1");
        if wants.is_empty() {
            return 0;
        }
        let many = wants.len();
        self.changes += 1;
        self.make(&Change::Want { wants });
        self.bound();
        let mut cases = Vec::new();
        for (shard, place) in self.map.places.iter().enumerate() {
            let (Some(wanted), Config { epoch, primary, .. }) = (place.wanted, place.config) else {
                continue;
            };
            if !self.alive.contains(&primary.number) {
                continue;
            }
            let new = wanted.twin.is_some_and(|twin| !place.config.is_eligible(twin));
            self.copied += usize::from(new);
            cases.push(Cas {
                shard: shard as u16,
                expect: epoch,
                primary: wanted.primary,
                twin: wanted.twin,
                proposer: primary,
            });
        }
        self.make(&Change::Cas { cases });
        many
    }

    /// B5, right after a plan was written down.
    fn bound(&self) {
        let mut onto: BTreeMap<NodeKey, usize> = BTreeMap::new();
        let mut moves = 0;
        for place in &self.map.places {
            let Some(wanted) = place.wanted else { continue };
            match wanted.twin.filter(|twin| !place.config.is_eligible(*twin)) {
                Some(new) => {
                    *onto.entry(new).or_default() += 1;
                    let twin = place.config.twin;
                    moves += usize::from(twin.is_some_and(|it| self.alive.contains(&it.number)));
                }
                None => moves += 1,
            }
        }
        assert!(moves <= self.rules.moves_max, "B5: {moves}");
        assert!(onto.values().all(|it| *it <= self.rules.rebuilds_max), "B5: {onto:?}");
    }

    fn settle(&mut self) {
        for _ in 0..2000 {
            if self.round() == 0 {
                return;
            }
        }
        panic!("B6: plans come to an end");
    }

    /// The node dies; everybody who shared a shard with it goes on alone.
    fn kill(&mut self, number: u64) -> BTreeSet<u16> {
        self.alive.remove(&number);
        let mut cases = Vec::new();
        for (shard, place) in self.map.places.iter().enumerate() {
            let Config { epoch, primary, twin: Some(twin), .. } = place.config else { continue };
            let left = match number {
                it if it == primary.number => twin,
                it if it == twin.number => primary,
                _ => continue,
            };
            let shard = shard as u16;
            cases.push(Cas { shard, expect: epoch, primary: left, twin: None, proposer: left });
        }
        let shards = cases.iter().map(|it| it.shard).collect();
        self.make(&Change::Cas { cases });
        shards
    }

    /// Copies and primaries of each member with data.
    fn loads(&self) -> BTreeMap<u64, (usize, usize)> {
        let data = self.map.members.values().filter(|it| it.purpose == Purpose::Data);
        let mut loads: BTreeMap<u64, (usize, usize)> =
            data.map(|it| (it.key.number, (0, 0))).collect();
        for place in &self.map.places {
            let Config { primary, twin, .. } = place.config;
            for node in std::iter::once(primary).chain(twin) {
                loads.entry(node.number).or_default().0 += 1;
            }
            loads.entry(primary.number).or_default().1 += 1;
        }
        loads
    }

    fn assert_balanced(&self) {
        let loads = self.loads();
        let share = 2 * self.map.places.len() / loads.len();
        for (name, slack) in [("copies", 2 + share / 16), ("primaries", 4 + share / 8)] {
            let of = |it: &(usize, usize)| if name == "copies" { it.0 } else { it.1 };
            let most = loads.values().map(of).max().unwrap_or(0);
            let least = loads.values().map(of).min().unwrap_or(0);
            assert!(most - least <= slack, "{name}: {least} to {most}, share {share}");
        }
    }

    fn site(&self, key: NodeKey) -> &str {
        &self.map.members[&key.number].labels.site
    }

    fn assert_two_apart(&self) {
        for place in &self.map.places {
            let twin = place.config.twin.expect("every shard has two copies");
            assert_ne!(self.site(place.config.primary), self.site(twin), "B3");
        }
    }
}

fn candidate(storage: u64, site: &str, country: &str, purpose: Purpose) -> Candidate {
    Candidate {
        storage,
        id: NodeId::from_u128(u128::from(storage)),
        peer: format!("peer-{storage}"),
        addresses: Vec::new(),
        web: Vec::new(),
        labels: Labels {
            name: format!("node-{storage}"),
            country: country.into(),
            site: site.into(),
        },
        purpose,
        release: String::new(),
        wire: 1,
    }
}

#[test]
fn alone_nothing_can_be_planned_and_the_words_say_why() {
    let mut world = World::new(8);
    assert_eq!(world.round(), 0);
    world.join("a", "DE", Purpose::Witness);
    assert_eq!(world.round(), 0, "a witness holds nothing");
    let words = words(&world.map, &world.alive, &world.rules);
    assert!(words[0].contains("8 of 8 shards have one copy"), "{words:?}");
}

#[test]
fn a_second_node_gets_every_copy_and_half_of_the_serving() {
    let mut world = World::new(64);
    world.join("a", "DE", Purpose::Data);
    world.settle();
    world.assert_balanced();
    assert_eq!(world.copied, 64, "each copy is made once");
}

#[test]
fn b6_a_third_and_a_fourth_node_get_their_share_and_no_more() {
    let mut world = World::spread(256, 2, &["a"]);
    for nodes in 3..=6 {
        world.copied = 0;
        let number = world.join("a", "DE", Purpose::Data);
        world.settle();
        world.assert_balanced();
        assert!(world.copied <= 512_usize.div_ceil(nodes), "B6: {} copies", world.copied);
        assert!(world.loads()[&number].1 > 0, "it serves too");
    }
}

#[test]
fn r6_a_lone_copy_gets_a_spare_before_anything_else() {
    let mut world = World::spread(60, 4, &["a"]);
    let lone = world.kill(2);
    world.rules.moves_max = 0;
    let wants = plan(&world.map, &world.alive, &world.rules);
    let wanted: BTreeSet<u16> = wants.iter().map(|(shard, _)| *shard).collect();
    assert_eq!(wanted, lone, "R6: not bound by other moves");
    world.settle();
    assert!(world.map.places.iter().all(|place| place.config.twin.is_some()));
    assert!(world.map.places.iter().all(|place| place.config.twin.map(|it| it.number) != Some(2)));
}

#[test]
fn who_does_not_answer_the_leader_may_still_answer_its_primaries() {
    let mut world = World::spread(60, 4, &["a"]);
    world.alive.remove(&2);
    let wants = plan(&world.map, &world.alive, &world.rules);
    assert_eq!(wants, [], "nothing is copied as long as nobody is alone");
}

#[test]
fn who_came_back_only_now_is_given_nothing_yet() {
    let mut world = World::spread(12, 3, &["a"]);
    let lone = world.kill(3);
    world.settle();
    world.alive.insert(3);
    world.rules.unsettled.insert(3);
    assert_eq!(world.round(), 0, "it has to stay for a while");
    world.rules.unsettled.clear();
    world.settle();
    world.assert_balanced();
    assert!(!lone.is_empty());
}

#[test]
fn a_node_that_drains_is_emptied_without_a_lone_copy_on_the_way() {
    let mut world = World::spread(96, 4, &["a", "b"]);
    world.make(&Change::Drain { number: 1, on: true });
    for _ in 0..200 {
        let before: Vec<Config> = world.map.places.iter().map(|it| it.config).collect();
        if world.round() == 0 {
            break;
        }
        for (old, place) in before.iter().zip(&world.map.places) {
            let new = place.config;
            assert!(new.twin.is_some(), "never one copy");
            assert!(new.primary == old.primary || Some(new.primary) == old.twin, "B4");
        }
    }
    assert_eq!(world.loads()[&1], (0, 0));
    world.assert_two_apart();
    let words = words(&world.map, &world.alive, &world.rules);
    assert!(words.iter().any(|it| it.contains("holds no shard any more")), "{words:?}");
    world.make(&Change::Remove { number: 1 });
}

#[test]
fn b2_nothing_is_ever_placed_in_a_country_that_is_not_allowed() {
    let mut world = World::spread(64, 3, &["a", "b", "c"]);
    world.allow(&["DE"]);
    let far = world.join("d", "US", Purpose::Data);
    world.settle();
    assert_eq!(world.loads()[&far], (0, 0), "B2");
    let said = words(&world.map, &world.alive, &world.rules);
    assert!(said[0].contains("\"US\"") && said[0].contains("DE"), "{said:?}");

    // The rule is made stricter than it was: what lies there leaves.
    world.allow(&["DE", "US"]);
    world.settle();
    assert!(world.loads()[&far].0 > 0);
    // Whoever leads may have been configured otherwise: the map counts.
    world.rules.countries.insert("US".into());
    world.allow(&["DE"]);
    world.settle();
    assert_eq!(world.loads()[&far], (0, 0), "B2");
    world.assert_two_apart();
}

#[test]
fn b2_as_long_as_the_map_names_no_country_the_configuration_does() {
    let mut world = World::spread(64, 3, &["a", "b", "c"]);
    let far = world.join("d", "US", Purpose::Data);
    world.rules.countries.insert("DE".into());
    world.settle();
    assert_eq!(world.loads()[&far], (0, 0), "B2");
    world.rules.countries.clear();
    world.settle();
    assert!(world.loads()[&far].0 > 0, "nobody has said anything");
}

#[test]
fn b3_copies_at_one_site_are_parted_when_a_second_site_comes() {
    let mut world = World::spread(64, 3, &["a"]);
    world.join("b", "DE", Purpose::Data);
    world.settle();
    world.assert_two_apart();
    assert_eq!(world.loads().values().map(|it| it.0).max(), Some(64), "all lie at the other site");
}

#[test]
fn a_want_under_way_is_left_alone_and_one_that_became_impossible_is_not() {
    let mut world = World::spread(30, 3, &["a"]);
    world.join("a", "DE", Purpose::Data);
    let wants = plan(&world.map, &world.alive, &world.rules);
    assert!(!wants.is_empty());
    world.make(&Change::Want { wants });
    assert_eq!(plan(&world.map, &world.alive, &world.rules), [], "it is under way");
    let newest = *world.map.members.keys().next_back().expect("four members");
    world.alive.remove(&newest);
    for (_, wanted) in plan(&world.map, &world.alive, &world.rules) {
        let named = |it: Wanted| [it.primary.number, it.twin.map_or(0, |twin| twin.number)];
        assert!(wanted.is_none_or(|it| !named(it).contains(&newest)), "B2");
    }
}

#[test]
fn what_a_member_does_not_take_is_given_to_others() {
    let mut world = World::spread(30, 3, &["a"]);
    let dead = *world.map.members.keys().next().expect("three members");
    world.kill(dead);
    let idle = world.join("a", "DE", Purpose::Data);
    let wants = plan(&world.map, &world.alive, &world.rules);
    let named = |wants: &[(u16, Option<Wanted>)], number| {
        wants
            .iter()
            .filter(|it| it.1.and_then(|it| it.twin).is_some_and(|it| it.number == number))
            .count()
    };
    assert!(named(&wants, idle) > 0, "the least loaded is given the most");
    world.make(&Change::Want { wants });
    world.rules.resting.insert(idle);
    let wants = plan(&world.map, &world.alive, &world.rules);
    assert!(!wants.is_empty() && named(&wants, idle) == 0, "{wants:?}");
    assert!(words(&world.map, &world.alive, &world.rules)[0].contains("takes no copy"));
    world.settle();
    let whole = world.map.places.iter().filter(|it| it.config.twin.is_some()).count();
    assert_eq!(whole, 30, "two copies of everything, without it");
}

#[test]
fn a_thousand_nodes_lose_one_and_win_one() {
    let mut world = World::spread(16_384, 1000, &["a", "b", "c"]);
    world.assert_balanced();
    world.assert_two_apart();

    let victim = *world.map.members.keys().nth(500).expect("a thousand members");
    let (copies, _) = world.loads()[&victim];
    let lost = world.kill(victim);
    assert_eq!(lost.len(), copies);
    (world.copied, world.changes) = (0, 0);
    let wanted = plan(&world.map, &world.alive, &world.rules);
    let copying = |(shard, wanted): &(u16, Option<Wanted>)| {
        let config = world.map.places[usize::from(*shard)].config;
        let new = wanted.and_then(|it| it.twin).is_some_and(|it| !config.is_eligible(it));
        new.then_some(*shard)
    };
    let copied: BTreeSet<u16> = wanted.iter().filter_map(copying).collect();
    assert_eq!(copied, lost, "its shards and no others, in one change");
    world.settle();
    assert_eq!(world.copied, copies, "each is copied once");
    world.assert_two_apart();

    world.copied = 0;
    let number = world.join("b", "DE", Purpose::Data);
    world.settle();
    let share = 2 * 16_384 / 1000;
    assert!(world.copied <= share + 1, "B6: {} copies, share {share}", world.copied);
    assert!(world.loads()[&number].0 + 4 >= share, "B6");
    world.assert_two_apart();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn b6_plans_end_well_whatever_happens(
        sites in prop::collection::vec(0..3usize, 1..6),
        steps in prop::collection::vec((0..5u8, 0..6u64), 1..10),
    ) {
        let names = ["a", "b", "c"];
        let mut world = World::new(24);
        for site in sites {
            world.join(names[site], "DE", Purpose::Data);
        }
        for (step, which) in steps {
            let members: Vec<u64> = world.map.members.keys().copied().collect();
            let number = members[which as usize % members.len()];
            match step {
                0 if world.alive.len() > 1 && world.alive.contains(&number) => {
                    world.kill(number);
                }
                1 => { world.alive.insert(number); }
                2 if storage::control::staying(&world.map) > 1 => {
                    world.make(&Change::Drain { number, on: true });
                }
                3 => world.make(&Change::Drain { number, on: false }),
                _ => { world.round(); }
            }
        }
        world.alive = world.map.members.keys().copied().collect();
        world.settle();
        let staying: Vec<&Member> =
            world.map.members.values().filter(|it| !it.draining).collect();
        let apart = staying.iter().any(|it| it.labels.site != staying[0].labels.site);
        for place in &world.map.places {
            let Config { primary, twin, .. } = place.config;
            if staying.len() > 1 {
                let twin = twin.expect("two copies where there are two to hold them");
                prop_assert!(!world.map.members[&primary.number].draining, "emptied");
                prop_assert!(!world.map.members[&twin.number].draining, "emptied");
                prop_assert!(!apart || world.site(primary) != world.site(twin), "B3");
            }
        }
    }
}
