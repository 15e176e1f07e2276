//! One test per rule, and random changes that keep all of them.

use proptest::prelude::*;
use protocol::{
    cluster::{
        Candidate, Cas, Change, ChangeRefusal as No, Labels, Map, NodeKey, Purpose, Setting, Wanted,
    },
    id::NodeId,
    time::Time,
};

use super::{FOUNDER, apply, check};

const SHARDS: u16 = 4;

fn candidate(storage: u64, purpose: Purpose) -> Candidate {
    Candidate {
        storage,
        id: NodeId::from_u128(u128::from(storage)),
        peer: format!("peer-{storage}"),
        addresses: vec![format!("/ip4/10.0.0.{storage}/udp/4400/quic-v1")],
        web: Vec::new(),
        labels: Labels { country: "DE".into(), ..Labels::default() },
        purpose,
        release: "0.1.0".into(),
        wire: 1,
    }
}

/// A map that hands out the indexes.
struct World(Map);

impl World {
    fn founded() -> Self {
        let mut world = Self(Map::default());
        let first = candidate(1, Purpose::Data);
        let cluster = NodeId::from_u128(9);
        world.make(Change::Found { cluster, shards: SHARDS, first }).expect("founded");
        world
    }

    /// A founder and two more with data, and a witness.
    fn of_four() -> Self {
        let mut world = Self::founded();
        for (storage, purpose) in [(2, Purpose::Data), (3, Purpose::Data), (4, Purpose::Witness)] {
            world.join(storage, purpose);
        }
        world
    }

    fn make(&mut self, change: Change) -> Result<Vec<Option<No>>, No> {
        let (before, index) = (self.0.clone(), self.0.index + 1);
        let answer = apply(&mut self.0, index, &change);
        check(&self.0);
        if answer.is_err() {
            assert_eq!(self.0, Map { index, ..before }, "M6");
        }
        answer
    }

    fn join(&mut self, storage: u64, purpose: Purpose) -> NodeKey {
        let digest = [storage as u8; 32];
        let expires = Time::from_ms(100);
        self.make(Change::Invite { digest, expires, purpose }).expect("invited");
        let candidate = candidate(storage, purpose);
        self.make(Change::Admit { digest, now: Time::from_ms(50), candidate }).expect("admitted");
        NodeKey { number: self.0.index, storage }
    }

    fn key(&self, storage: u64) -> NodeKey {
        let found = self.0.members.values().find(|it| it.key.storage == storage);
        found.expect("a member").key
    }

    fn cas(&mut self, by: u64, primary: u64, twin: Option<u64>) -> Result<(), No> {
        let case = Cas {
            shard: 0,
            expect: self.0.places[0].config.epoch,
            primary: self.key(primary),
            twin: twin.map(|it| self.key(it)),
            proposer: self.key(by),
        };
        let answers = self.make(Change::Cas { cases: vec![case] }).expect("one answer each");
        answers[0].map_or(Ok(()), Err)
    }
}

#[test]
fn a_cluster_is_founded_once_and_its_founder_is_number_one() {
    let mut world = World(Map::default());
    assert_eq!(world.make(Change::Remove { number: 1 }), Err(No::NotFounded));
    let mut world = World::founded();
    assert_eq!(world.key(1).number, FOUNDER);
    assert_eq!(world.0.places.len(), usize::from(SHARDS));
    assert!(world.0.places.iter().all(|it| it.config.primary.number == FOUNDER));
    let first = candidate(7, Purpose::Data);
    let again = Change::Found { cluster: NodeId::from_u128(8), shards: 1, first };
    assert_eq!(world.make(again), Err(No::Founded));
}

#[test]
fn m4_a_token_is_good_once_before_it_expires_and_for_one_purpose() {
    let mut world = World::founded();
    let digest = [7; 32];
    let expires = Time::from_ms(100);
    let invite = Change::Invite { digest, expires, purpose: Purpose::Data };
    world.make(invite.clone()).expect("invited");
    assert_eq!(world.make(invite), Err(No::Used));
    let admit = |digest, now, storage, purpose| Change::Admit {
        digest,
        now: Time::from_ms(now),
        candidate: candidate(storage, purpose),
    };
    let no = Err(No::Token);
    assert_eq!(world.make(admit([8; 32], 5, 2, Purpose::Data)), no, "another token");
    assert_eq!(world.make(admit(digest, 100, 2, Purpose::Data)), no, "expired");
    assert_eq!(world.make(admit(digest, 5, 2, Purpose::Witness)), no, "another purpose");
    world.make(admit(digest, 5, 2, Purpose::Data)).expect("admitted");
    assert_eq!(world.key(2).number, world.0.index, "the number is the index");
    assert_eq!(world.make(admit(digest, 5, 3, Purpose::Data)), no, "once");
}

#[test]
fn m4_a_disk_or_peer_that_ever_came_in_never_comes_in_again() {
    let mut world = World::of_four();
    let left = world.key(3).number;
    world.make(Change::Remove { number: left }).expect("it holds nothing");
    let (digest, now) = ([70; 32], Time::from_ms(1));
    let expires = Time::from_ms(9);
    world.make(Change::Invite { digest, expires, purpose: Purpose::Data }).expect("invited");
    let same_peer = Candidate { storage: 30, ..candidate(3, Purpose::Data) };
    for candidate in [candidate(3, Purpose::Data), same_peer, candidate(1, Purpose::Data)] {
        assert_eq!(world.make(Change::Admit { digest, now, candidate }), Err(No::Used));
    }
}

#[test]
fn what_a_member_announces_replaces_what_was_known_of_it() {
    let mut world = World::of_four();
    let node = world.key(2);
    let announce = |node, addresses| Change::Announce {
        node,
        addresses,
        web: vec!["https://two.example".into()],
        labels: Labels { site: "b".into(), ..Labels::default() },
        release: "0.2.0".into(),
        wire: 2,
    };
    world.make(announce(node, Vec::new())).expect("announced");
    let member = world.0.member(node).expect("a member");
    assert_eq!((member.labels.site.as_str(), member.wire), ("b", 2));
    let reborn = NodeKey { storage: 99, ..node };
    assert_eq!(world.make(announce(reborn, Vec::new())), Err(No::NotMember));
    assert_eq!(world.make(announce(node, vec!["/x".into(); 33])), Err(No::TooMuch));
}

fn countries(allowed: &[&str]) -> Change {
    let allowed = allowed.iter().map(|it| (*it).to_owned()).collect();
    let (setting, by) = (Setting::Countries { allowed }, "an operator".into());
    Change::Set { setting, by, now: Time::from_ms(7) }
}

fn stands(node: NodeKey, country: &str) -> Change {
    let labels = Labels { country: country.into(), ..Labels::default() };
    let (addresses, web, release) = (Vec::new(), Vec::new(), "0.2.0".into());
    Change::Announce { node, addresses, web, labels, release, wire: 2 }
}

#[test]
fn m9_nobody_is_given_a_copy_where_none_may_lie_whoever_asks_for_it() {
    let mut world = World::of_four();
    let far = world.key(3);
    world.make(stands(far, "US")).expect("it moved");
    world.make(countries(&["DE", "AT"])).expect("chosen");
    assert_eq!(world.cas(1, 1, Some(3)), Err(No::Country), "M9: as a twin");
    let want = |primary, twin| Change::Want {
        wants: vec![(0, Some(Wanted { primary, twin: Some(twin) }))],
    };
    let (one, two) = (world.key(1), world.key(2));
    assert_eq!(world.make(want(one, far)), Err(No::Country), "M9: as a wish");
    assert_eq!(world.make(want(far, one)), Err(No::Country), "M9: as a wish to serve");
    let force = |primary| {
        let (by, why, now) = ("o".into(), "w".into(), Time::from_ms(8));
        Change::Force { shard: 0, primary, by, why, now }
    };
    assert_eq!(world.make(force(far)), Err(No::Country), "M9: by force");
    assert_eq!(world.cas(1, 1, Some(2)), Ok(()));

    // Who has one already serves on, and gives it away.
    world.make(stands(two, "US")).expect("it moved");
    assert_eq!(world.cas(2, 2, Some(1)), Ok(()), "the second copy takes over");
    assert_eq!(world.make(want(one, two)), Ok(vec![]), "and hands over again");
    assert_eq!(world.cas(2, 2, None), Ok(()));
    world.make(force(two)).expect("it holds the only copy");
    world.make(countries(&["DE", "US"])).expect("chosen");
    assert_eq!(world.cas(2, 2, Some(3)), Ok(()));
    let by = world.0.settings.chosen.iter().map(|it| it.by.as_str()).collect::<Vec<_>>();
    assert_eq!(by, ["an operator"; 2], "it is on record");
}

#[test]
fn s69_countries_are_codes_and_leave_somewhere_to_lie() {
    let mut world = World::of_four();
    for bad in [&[][..], &["de"], &["DE", "Germany"], &["D1"], &["US"]] {
        assert_eq!(world.make(countries(bad)), Err(No::Setting), "{bad:?}");
    }
    let letters = || (b'A'..=b'Z').map(char::from);
    let all: Vec<String> =
        letters().flat_map(|one| letters().map(move |two| format!("{one}{two}"))).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(world.make(countries(&all)), Err(No::TooMuch));
    for _ in 0..100 {
        world.make(countries(&["DE"])).expect("chosen");
    }
    assert_eq!(world.0.settings.chosen.len(), super::CHOSEN_MAX);
    let numbers: Vec<u64> = world.0.members.keys().copied().collect();
    for number in numbers.iter().skip(1) {
        world.make(Change::Drain { number: *number, on: true }).expect("others stay");
    }
    world.make(stands(world.key(1), "AT")).expect("it moved");
    assert_eq!(world.make(countries(&["DE"])), Err(No::Setting), "who drains does not count");
    world.make(countries(&["AT"])).expect("chosen");
}

#[test]
fn a_map_is_read_with_and_without_what_came_later() {
    let read = |bytes: &[u8]| Map::from_bytes::<65_536>(bytes);
    let mut world = World::of_four();
    let first = world.0.to_bytes();
    assert_eq!(first, protocol::codec::encode(&world.0), "as the first release writes it");
    assert_eq!(read(&first), Ok(world.0.clone()));
    for storage in [1, 2, 3, 4] {
        let node = world.key(storage);
        world.make(runs(node, 2)).expect("upgraded");
    }
    world.make(stands(world.key(1), "DE")).expect("it moved");
    world.make(countries(&["DE"])).expect("chosen");
    let second = world.0.to_bytes();
    assert_eq!(read(&second), Ok(world.0.clone()));
    assert!(read(&[second, vec![0]].concat()).is_err(), "nothing follows the tail");
    assert_eq!(read(&Map::default().to_bytes()), Ok(Map::default()));
    // From level 3 on there are tenants behind it, none or some.
    for storage in [1, 2, 3, 4] {
        let node = world.key(storage);
        world.make(runs(node, 3)).expect("upgraded");
    }
    let third = world.0.to_bytes();
    assert_eq!(read(&third), Ok(world.0.clone()));
    assert!(read(&[third, vec![0]].concat()).is_err(), "nothing follows the tenants");
    let (tenant, by) = (protocol::id::TenantId::from_u128(9), "an operator".into());
    let info = protocol::cluster::TenantInfo { name: "Bank".into(), ..Default::default() };
    let setting = Setting::Tenant { tenant, info };
    world.make(Change::Set { setting, by, now: Time::from_ms(8) }).expect("chosen");
    assert_eq!(read(&world.0.to_bytes()), Ok(world.0.clone()));
}

/// What a member says when it starts with another release.
fn runs(node: NodeKey, wire: u16) -> Change {
    let (addresses, web, labels) = (Vec::new(), Vec::new(), Labels::default());
    Change::Announce { node, addresses, web, labels, release: format!("0.{wire}.0"), wire }
}

#[test]
fn m8_the_level_rises_with_the_last_member_and_never_falls() {
    let mut world = World::of_four();
    let nodes = [1, 2, 3, 4].map(|storage| world.key(storage));
    assert_eq!(world.0.level, 1);
    for node in &nodes[..3] {
        world.make(runs(*node, 2)).expect("upgraded");
        assert_eq!(world.0.level, 1, "one is of the release before");
    }
    world.make(runs(nodes[1], 1)).expect("as long as one is, all may go back");
    world.make(runs(nodes[1], 2)).expect("and forward again");
    world.make(runs(nodes[3], 3)).expect("upgraded, by two");
    assert_eq!(world.0.level, 2);
    for node in &nodes {
        assert_eq!(world.make(runs(*node, 1)), Err(No::TooOld), "there is no way back");
    }
    // Whoever joins must speak it; its token is not used up by the refusal.
    let (digest, now, expires) = ([9; 32], Time::from_ms(1), Time::from_ms(9));
    world.make(Change::Invite { digest, expires, purpose: Purpose::Data }).expect("invited");
    let candidate = candidate(7, Purpose::Data);
    let admit = |candidate| Change::Admit { digest, now, candidate };
    assert_eq!(world.make(admit(candidate.clone())), Err(No::TooOld));
    world.make(admit(Candidate { wire: 2, ..candidate })).expect("with the release of the others");
}

#[test]
fn m8_a_member_that_leaves_no_longer_holds_the_level_down() {
    let mut world = World::of_four();
    for storage in [1, 2, 3] {
        let node = world.key(storage);
        world.make(runs(node, 2)).expect("upgraded");
    }
    assert_eq!(world.0.level, 1);
    let witness = world.key(4).number;
    world.make(Change::Remove { number: witness }).expect("it holds nothing");
    assert_eq!(world.0.level, 2);
}

#[test]
fn vr4_a_map_is_written_in_the_words_of_its_level_and_read_in_any() {
    let read = |bytes: &[u8]| Map::from_bytes::<65_536>(bytes);
    let mut world = World::of_four();
    let first = world.0.to_bytes();
    assert_eq!(first, protocol::codec::encode(&world.0), "version 1 has no tail");
    assert_eq!(read(&first), Ok(world.0.clone()));
    for storage in [1, 2, 3, 4] {
        let node = world.key(storage);
        world.make(runs(node, 2)).expect("upgraded");
    }
    let second = world.0.to_bytes();
    assert_eq!(read(&second), Ok(world.0.clone()));
    assert!(protocol::codec::decode::<Map, 65_536>(&second).is_err(), "version 1 reads no tail");
    // The release before may have written what everybody announced without knowing what it means.
    let unaware = read(&protocol::codec::encode(&world.0)).expect("a map of version 1");
    assert_eq!(unaware, world.0);
    assert!(read(&[second, vec![0]].concat()).is_err(), "nothing follows the tail");
    assert_eq!(read(&protocol::codec::encode(&Map::default())), Ok(Map::default()));
}

#[test]
fn who_holds_a_copy_or_is_the_last_with_data_stays() {
    let mut world = World::founded();
    assert_eq!(world.make(Change::Remove { number: FOUNDER }), Err(No::Last));
    assert_eq!(world.make(Change::Drain { number: FOUNDER, on: true }), Err(No::Last));
    let mut world = World::of_four();
    assert_eq!(world.make(Change::Remove { number: FOUNDER }), Err(No::Holds));
    assert_eq!(world.make(Change::Remove { number: 77 }), Err(No::NotMember));
    let (one, two) = (world.key(1), world.key(2));
    world.cas(1, 1, Some(2)).expect("a second copy");
    assert_eq!(world.make(Change::Remove { number: two.number }), Err(No::Holds));
    let wants = vec![(1, Some(Wanted { primary: one, twin: Some(world.key(3)) }))];
    world.make(Change::Want { wants }).expect("wanted");
    world.make(Change::Remove { number: world.key(3).number }).expect("it holds nothing");
    assert_eq!(world.0.places[1].wanted, None, "M3: a want for who left is over");
    world.make(Change::Remove { number: world.key(4).number }).expect("a witness may go");
}

#[test]
fn rule_a_only_who_knows_the_epoch_changes_it() {
    let mut world = World::of_four();
    let (one, two) = (world.key(1), world.key(2));
    let case = Cas {
        shard: 0,
        expect: world.0.places[0].config.epoch,
        primary: one,
        twin: Some(two),
        proposer: one,
    };
    let other = Cas { shard: 1, ..case };
    let none = Cas { shard: SHARDS, ..case };
    let cases = vec![case, case, other, none];
    let answers = world.make(Change::Cas { cases }).expect("one answer each");
    assert_eq!(answers, [None, Some(No::Epoch), None, Some(No::NoShard)]);
}

#[test]
fn rule_b_only_a_whole_copy_may_serve() {
    let mut world = World::of_four();
    assert_eq!(world.cas(2, 2, None), Err(No::NotEligible));
    world.cas(1, 1, Some(2)).expect("a second copy");
    assert_eq!(world.cas(3, 3, Some(1)), Err(No::NotEligible));
    world.cas(2, 2, None).expect("promoted");
    assert_eq!(world.cas(1, 1, None), Err(No::NotEligible), "its copy is no longer whole");
}

#[test]
fn rule_c_only_the_serving_primary_adds_a_copy() {
    let mut world = World::of_four();
    assert_eq!(world.cas(2, 1, Some(2)), Err(No::NotPrimary));
    world.cas(1, 1, Some(2)).expect("a second copy");
    assert_eq!(world.cas(2, 2, Some(3)), Err(No::NotPrimary), "promote and add at once");
    assert_eq!(world.cas(1, 2, Some(3)), Err(No::NotPrimary), "hand over and add at once");
    world.cas(1, 1, Some(3)).expect("replaced");
    world.cas(1, 3, Some(1)).expect("handed over");
}

#[test]
fn rule_d_only_members_with_data_hold_copies() {
    let mut world = World::of_four();
    assert_eq!(world.cas(1, 1, Some(4)), Err(No::Witness));
    assert_eq!(world.cas(1, 1, Some(1)), Err(No::NotEligible));
    let (one, gone) = (world.key(1), world.key(3));
    world.make(Change::Remove { number: gone.number }).expect("it holds nothing");
    let expect = world.0.places[0].config.epoch;
    let case = Cas { shard: 0, expect, primary: one, twin: Some(gone), proposer: one };
    let answers = world.make(Change::Cas { cases: vec![case] }).expect("one answer each");
    assert_eq!(answers, [Some(No::NotMember)]);
    let wants = vec![(0, Some(Wanted { primary: one, twin: Some(world.key(4)) }))];
    assert_eq!(world.make(Change::Want { wants }), Err(No::Witness));
}

#[test]
fn m7_a_want_that_came_true_is_over() {
    let mut world = World::of_four();
    let wanted = Some(Wanted { primary: world.key(1), twin: Some(world.key(2)) });
    world.make(Change::Want { wants: vec![(0, wanted)] }).expect("wanted");
    assert_eq!(world.0.places[0].wanted, wanted);
    world.cas(1, 1, Some(2)).expect("a second copy");
    assert_eq!(world.0.places[0].wanted, None);
    world.make(Change::Want { wants: vec![(0, wanted)] }).expect("wanted");
    assert_eq!(world.0.places[0].wanted, None, "it is so already");
}

#[test]
fn m5_force_raises_the_generation_and_is_on_record() {
    let mut world = World::of_four();
    let force = |primary| Change::Force {
        shard: 0,
        primary,
        by: "operator".into(),
        why: "both disks burned".into(),
        now: Time::from_ms(5),
    };
    let before = world.0.places[0].config;
    assert_eq!(world.make(force(world.key(4))), Err(No::Witness));
    world.make(force(world.key(3))).expect("forced");
    let after = world.0.places[0].config;
    assert_eq!((after.epoch, after.generation), (before.epoch.next(), 1));
    assert_eq!((after.primary, after.twin), (world.key(3), None));
    assert_eq!(world.0.forced[0].before, before);
}

/// Changes as chance makes them: about few nodes, so that many of them are possible.
fn any_change() -> impl Strategy<Value = Change> {
    let key = (1..9u64, 1..6u64).prop_map(|(number, storage)| NodeKey { number, storage });
    let purpose = prop_oneof![4 => Just(Purpose::Data), 1 => Just(Purpose::Witness)];
    let twin = prop::option::of(key.clone());
    let case = (0..SHARDS + 1, 0..12u64, key.clone(), twin.clone(), key.clone()).prop_map(
        |(shard, expect, primary, twin, proposer)| Cas {
            shard,
            expect: protocol::cluster::Epoch(expect),
            primary,
            twin,
            proposer,
        },
    );
    let wanted =
        prop::option::of((key.clone(), twin).prop_map(|(primary, twin)| Wanted { primary, twin }));
    let wants = prop::collection::vec((0..SHARDS, wanted), 1..3);
    prop_oneof![
        2 => (0..3u8, purpose.clone(), 0..9u64).prop_map(|(token, purpose, expires)| {
            Change::Invite { digest: [token; 32], expires: Time::from_ms(expires), purpose }
        }),
        2 => (0..3u8, 0..9u64, 1..6u64, purpose).prop_map(|(token, now, storage, purpose)| {
            let candidate = candidate(storage, purpose);
            Change::Admit { digest: [token; 32], now: Time::from_ms(now), candidate }
        }),
        1 => (1..9u64, any::<bool>()).prop_map(|(number, on)| Change::Drain { number, on }),
        1 => (1..9u64).prop_map(|number| Change::Remove { number }),
        8 => prop::collection::vec(case, 1..4).prop_map(|cases| Change::Cas { cases }),
        2 => wants.prop_map(|wants| Change::Want { wants }),
        2 => (key.clone(), any::<bool>()).prop_map(|(node, far)| {
            stands(node, if far { "US" } else { "DE" })
        }),
        1 => (0..4usize).prop_map(|some| countries(&["DE", "US", "AT", "FR"][..some])),
        2 => (key.clone(), 1..4u16).prop_map(|(node, wire)| runs(node, wire)),
        1 => (0..SHARDS, key).prop_map(|(shard, primary)| Change::Force {
            shard, primary, by: "o".into(), why: "w".into(), now: Time::from_ms(1),
        }),
    ]
}

/// Lets chance name nodes and epochs that exist, most of the time.
fn sensible(map: &Map, change: Change) -> Change {
    let member = |key: NodeKey| {
        let members: Vec<NodeKey> = map.members.values().map(|it| it.key).collect();
        members.get(key.storage as usize).copied().unwrap_or(key)
    };
    let pair = |it: Wanted| Wanted { primary: member(it.primary), twin: it.twin.map(member) };
    match change {
        Change::Cas { cases } => {
            let aim = |case: Cas| Cas {
                expect: match case.expect.0 {
                    0..3 => case.expect,
                    _ => map.config(case.shard).map_or(case.expect, |config| config.epoch),
                },
                primary: member(case.primary),
                twin: case.twin.map(member),
                proposer: member(case.proposer),
                ..case
            };
            Change::Cas { cases: cases.into_iter().map(aim).collect() }
        }
        Change::Want { wants } => {
            let wants = wants.into_iter().map(|(shard, it)| (shard, it.map(pair))).collect();
            Change::Want { wants }
        }
        Change::Force { shard, primary, by, why, now } => {
            Change::Force { shard, primary: member(primary), by, why, now }
        }
        Change::Announce { node, addresses, web, labels, release, wire } => {
            Change::Announce { node: member(node), addresses, web, labels, release, wire }
        }
        other => other,
    }
}

fn obeys_m1_and_m2(before: &Map, after: &Map, change: &Change) {
    for (old, new) in before.places.iter().zip(&after.places) {
        let (old, new) = (old.config, new.config);
        if old == new {
            continue;
        }
        let given = std::iter::once(new.primary).chain(new.twin).filter(|it| !old.is_eligible(*it));
        let holders = given.filter_map(|it| after.member(it));
        assert!(holders.into_iter().all(|it| super::may_lie(after, it)), "M9");
        match change {
            Change::Force { .. } => assert_eq!(new.generation, old.generation + 1, "M5"),
            Change::Cas { cases } => {
                assert!(cases.iter().any(|it| it.expect == old.epoch), "M1: rule a");
                // Several cases of a batch may follow each other on one shard.
                if new.epoch == old.epoch.next() {
                    assert!(old.is_eligible(new.primary), "M2");
                    let added = new.twin.filter(|twin| !old.is_eligible(*twin));
                    assert!(added.is_none() || new.primary == old.primary, "M2: rule c");
                }
                assert_eq!(new.generation, old.generation, "M5");
            }
            other => panic!("M1: {other:?} changed a configuration"),
        }
        assert!(new.epoch > old.epoch, "M1");
    }
}

proptest! {
    #[test]
    fn random_changes_keep_every_invariant(
        changes in prop::collection::vec(any_change(), 1..120),
    ) {
        let mut world = World::of_four();
        for change in changes {
            let change = sensible(&world.0, change);
            let before = world.0.clone();
            let _ = world.make(change.clone());
            obeys_m1_and_m2(&before, &world.0, &change);
            assert!(world.0.level >= before.level, "M8");
            assert_eq!(Map::from_bytes::<65_536>(&world.0.to_bytes()), Ok(world.0.clone()), "VR4");
        }
    }
}
