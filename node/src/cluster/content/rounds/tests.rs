//! Rounds against their invariants: by hand, and with everything happening at random.

use super::*;
use proptest::prelude::*;
use protocol::cluster::{Config, Epoch, Wanted};

fn held(shards: &[(u16, Part)]) -> BTreeMap<u16, Part> {
    shards.iter().copied().collect()
}

fn turn(rounds: &Rounds<u32>, now: u64) -> Turn<u32> {
    match rounds.next(now) {
        Next::Look(turn) => turn,
        Next::Rest(ms) => panic!("nothing is due for {ms} ms"),
    }
}

#[test]
fn rn1_a_look_that_began_before_the_shard_was_held_counts_for_nothing() {
    let mut rounds = Rounds::default();
    rounds.learn(0, 1, &held(&[(7, Part::Learns)]));
    let early = turn(&rounds, 0);
    assert_eq!(
        rounds.known(),
        ContentStatus { map: 1, unlooked: 0, missing: 0 },
        "nobody counts on it"
    );
    rounds.learn(5, 2, &held(&[(7, Part::Holds)]));
    rounds.looked(6, &early, 0, None);
    assert_eq!(rounds.known(), ContentStatus { map: 2, unlooked: 1, missing: 0 }, "RN1");
    let late = turn(&rounds, 6);
    rounds.looked(7, &late, 3, None);
    assert_eq!(rounds.known(), ContentStatus { map: 2, unlooked: 0, missing: 3 });
    rounds.looked(8, &late, 0, None);
    assert_eq!(rounds.known().missing, 3, "a turn is over once");
    rounds.learn(9, 3, &held(&[]));
    assert_eq!(rounds.known(), ContentStatus { map: 3, unlooked: 0, missing: 0 });
}

#[test]
fn rn2_pages_of_many_shards_take_turns() {
    let mut rounds = Rounds::default();
    rounds.learn(0, 1, &held(&[(1, Part::Holds), (2, Part::Holds)]));
    let mut order = Vec::new();
    for now in 1..=6 {
        let turn = turn(&rounds, now);
        order.push((turn.shard, turn.after));
        let next = (now < 5).then_some(now as u32);
        rounds.looked(now, &turn, 0, next);
    }
    let pages = [(1, None), (2, None), (1, Some(1)), (2, Some(2)), (1, Some(3)), (2, Some(4))];
    assert_eq!(order, pages, "RN2");
    assert_eq!(rounds.next(6), Next::Rest(AGAIN - 1));
}

#[test]
fn rn3_what_is_missing_is_looked_for_ever_more_seldom_and_never_given_up() {
    let mut rounds = Rounds::default();
    rounds.learn(0, 1, &held(&[(1, Part::Holds)]));
    let (mut now, mut rests) = (0, Vec::new());
    for _ in 0..40 {
        let turn = turn(&rounds, now);
        rounds.looked(now, &turn, 1, None);
        let Next::Rest(ms) = rounds.next(now) else { panic!("it is not due at once") };
        rests.push(ms);
        now += ms;
    }
    assert!(rests.is_sorted() && rests[0] <= 2 * SOON, "{rests:?}");
    assert_eq!(rests.last(), Some(&LATEST), "RN3");
    let found = turn(&rounds, now);
    rounds.looked(now, &found, 0, None);
    assert_eq!(rounds.next(now), Next::Rest(ROUND));
    assert_eq!(rounds.known().missing, 0);
}

#[test]
fn a_page_that_cannot_be_read_is_tried_again_from_where_it_was() {
    let mut rounds = Rounds::default();
    rounds.learn(0, 1, &held(&[(1, Part::Holds)]));
    rounds.looked(0, &turn(&rounds, 0), 2, Some(9));
    let page = turn(&rounds, 0);
    rounds.failed(0, &page);
    assert_eq!(rounds.next(0), Next::Rest(SOON));
    assert_eq!(turn(&rounds, SOON).after, Some(9));
    rounds.looked(SOON, &turn(&rounds, SOON), 1, None);
    assert_eq!(
        rounds.known(),
        ContentStatus { map: 1, unlooked: 0, missing: 3 },
        "RN4: both pages"
    );
}

#[test]
fn who_holds_is_told_from_who_learns_and_from_who_shall_only() {
    let key = |number| NodeKey { number, storage: number };
    let place = |primary, twin: Option<u64>, wanted: Option<(u64, u64)>| {
        let (epoch, generation) = (Epoch(1), 0);
        let config = Config { epoch, primary: key(primary), twin: twin.map(key), generation };
        let wanted = wanted.map(|(one, two)| Wanted { primary: key(one), twin: Some(key(two)) });
        Place { config, wanted }
    };
    let places = vec![
        place(1, None, None),
        place(2, Some(1), None),
        place(2, Some(3), Some((2, 1))),
        place(2, Some(3), Some((2, 1))),
        place(2, Some(3), None),
    ];
    let map = Map { places, ..Map::default() };
    let parts = parts(&map, key(1), |shard| shard != 3);
    assert_eq!(parts, held(&[(0, Part::Holds), (1, Part::Holds), (2, Part::Learns)]));
}

/// What may happen to rounds.
#[derive(Debug, Clone)]
enum Happens {
    Learn(BTreeMap<u16, Part>),
    /// The page that is due is looked at: so many are missing, and whether there are more pages.
    Look(u64, bool),
    Fail,
    Wait(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let part = prop_oneof![Just(Part::Holds), Just(Part::Learns)];
    prop_oneof![
        2 => prop::collection::btree_map(0..6u16, part, 0..5).prop_map(Happens::Learn),
        8 => (0..3u64, any::<bool>()).prop_map(|(missing, more)| Happens::Look(missing, more)),
        1 => Just(Happens::Fail),
        4 => (0..30_000u64).prop_map(Happens::Wait),
    ]
}

proptest! {
    #[test]
    fn rn2_rn3_rn4_whatever_happens_every_shard_is_looked_at_in_time(
        story in prop::collection::vec(happens(), 1..120),
    ) {
        let (mut rounds, mut now, mut map) = (Rounds::<u32>::default(), 0, 0);
        let mut parts = BTreeMap::new();
        for what in story {
            match what {
                Happens::Learn(new) => {
                    map += 1;
                    rounds.learn(now, map, &new);
                    parts = new;
                }
                Happens::Wait(ms) => now += ms,
                Happens::Look(missing, more) => {
                    if let Next::Look(turn) = rounds.next(now) {
                        prop_assert!(parts.contains_key(&turn.shard));
                        rounds.looked(now, &turn, missing, more.then_some(1));
                    }
                }
                Happens::Fail => {
                    if let Next::Look(turn) = rounds.next(now) {
                        rounds.failed(now, &turn);
                    }
                }
            }
            let known = rounds.known();
            let holds = parts.values().filter(|it| **it == Part::Holds).count();
            prop_assert!(known.unlooked as usize <= holds && known.map == map);
            if let Next::Rest(ms) = rounds.next(now) {
                prop_assert!(ms <= if known.missing > 0 { LATEST } else { ROUND }, "RN3");
            }
        }
        // From here on nothing is missing any more: soon that is known of every shard.
        let (mut looks, calm) = (0, now + ROUND);
        while now <= calm {
            match rounds.next(now) {
                Next::Look(turn) => rounds.looked(now, &turn, 0, None),
                Next::Rest(ms) => now += ms,
            }
            looks += 1;
            prop_assert!(looks < 10_000, "RN2: and without a rush");
        }
        let whole = ContentStatus { map, unlooked: 0, missing: 0 };
        prop_assert_eq!(rounds.known(), whole, "RN4");
    }
}
