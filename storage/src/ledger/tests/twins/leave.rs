//! Dropping a shard that two others hold, and coming back to it.

use super::*;
use crate::store::Store;

/// Three nodes; the second was the twin of a shard and was replaced by the third. Its journal has so
/// many entries.
fn replaced(entries: u64) -> (Cluster, Vec<World>, JournalId) {
    let (cluster, worlds) = cluster(3);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    for after in 0..entries {
        assert_eq!(cluster.append(1, &journal, after, &[after as u8; 600]), Ok(Seq(after + 1)));
    }
    cluster.at(1).snapshot(&journal, Seq(entries), 1, vec![7; 9000]).expect("taken in");
    cluster.until("the twin has it", |it| it.bodies(2, &journal).len() as u64 == entries);
    cluster.until("and its snapshot", |it| {
        it.at(2).load_snapshot(&journal).is_ok_and(|fold| fold.is_some())
    });
    assert_eq!(cluster.at(2).drop_shard(shard), Ok(false), "LV1: it is the twin");
    cluster.want(shard, 1, Some(3));
    cluster.until("it is replaced", |it| it.config(shard).twin == Some(node(3)));
    cluster.until("the third has it", |it| it.bodies(3, &journal).len() as u64 == entries);
    (cluster, worlds, journal)
}

/// Waits until nobody talks to the copy any more, and drops it.
fn dropped(cluster: &Cluster, number: u64, shard: u16) {
    cluster.until("it is dropped", |it| it.at(number).drop_shard(shard).expect("it can"));
}

/// Keys of the engine that name a journal.
fn traces(world: &World, journal: &JournalId) -> usize {
    let name = journal.as_str().as_bytes();
    let kinds = [b"h", b"e", b"s", b"n"];
    let keys = kinds
        .iter()
        .flat_map(|kind| world.store.scan(*kind, *kind, usize::MAX).expect("scanned").into_iter());
    keys.filter(|(key, _)| key.windows(name.len()).any(|part| part == name)).count()
}

#[test]
fn lv1_lv2_what_two_others_hold_is_dropped_and_fetched_again_when_it_is_wanted() {
    let (mut cluster, worlds, journal) = replaced(60);
    let shard = journal.shard();
    for number in [1, 3] {
        assert_eq!(cluster.at(number).drop_shard(shard), Ok(false), "LV1: it holds it");
    }
    cluster.at(2).settle().expect("the engine takes it");
    assert!(traces(&worlds[1], &journal) > 60);
    assert!(cluster.at(2).leftovers().expect("looked").contains(&shard));
    dropped(&cluster, 2, shard);
    for _ in 0..2 {
        assert_eq!(cluster.at(2).head(&journal), Ok(Seq(0)));
        assert_eq!((traces(&worlds[1], &journal), cluster.at(2).leaving()), (0, vec![]));
        assert!(!cluster.at(2).leftovers().expect("looked").contains(&shard));
        assert_eq!(cluster.at(2).load_snapshot(&journal), Ok(None));
        cluster.stop(2);
        cluster.start(2);
    }
    assert_eq!(cluster.append(1, &journal, 60, b"on"), Ok(Seq(61)));
    cluster.want(shard, 1, Some(2));
    cluster.until("it is the twin again", |it| it.config(shard).twin == Some(node(2)));
    cluster.until("it has everything", |it| it.bodies(2, &journal).len() == 61);
    assert_eq!(cluster.bodies(2, &journal), cluster.bodies(1, &journal));
    assert_eq!(cluster.at(2).verify(&journal), Ok(()));
    assert_eq!(*cluster.hub.alarms.lock(), []);
}

#[test]
fn lv1_a_shard_with_one_copy_is_dropped_by_nobody() {
    let (mut cluster, _worlds, journal) = replaced(3);
    let shard = journal.shard();
    cluster.stop(3);
    cluster.until("it is alone", |it| it.config(shard).twin.is_none());
    for _ in 0..2_000 {
        cluster.pump();
        assert_eq!(cluster.at(2).drop_shard(shard), Ok(false), "LV1");
    }
}

#[test]
fn lv2_who_served_and_dropped_it_does_not_serve_by_an_old_map() {
    let (mut cluster, _worlds) = cluster(3);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"both"), Ok(Seq(1)));
    let old = cluster.hub.map.lock().clone();
    cluster.want(shard, 2, Some(1));
    cluster.until("it moved", |it| it.serves(2, shard));
    cluster.want(shard, 2, Some(3));
    cluster.until("it moved on", |it| it.config(shard).twin == Some(node(3)));
    dropped(&cluster, 1, shard);
    cluster.stop(1);
    // It starts where only the old map is known, which names it.
    let new = std::mem::replace(&mut *cluster.hub.map.lock(), old);
    cluster.hub.cut.lock().insert(node(1));
    cluster.start(1);
    for _ in 0..500 {
        cluster.at(1).tick();
        cluster.hub.now.fetch_add(STEP, Relaxed);
        assert!(!cluster.serves(1, shard), "LV2: it remembers that it acted");
    }
    *cluster.hub.map.lock() = new;
}

#[test]
fn lv3_a_crash_leaves_all_of_it_or_nothing_and_the_rest_is_finished() {
    let mut halves = 0;
    for seed in 0..24 {
        let mut dice = Dice::new(seed);
        let (mut cluster, worlds, journal) = replaced(40);
        let shard = journal.shard();
        let whole = cluster.bodies(2, &journal);
        for _ in 0..200 {
            cluster.pump(); // until nobody talks to it
        }
        let ledger = cluster.at(2).clone();
        let dropping = std::thread::spawn(move || drop(ledger.drop_shard(shard)));
        for _ in 0..dice.below(400) {
            std::thread::yield_now();
        }
        let dead = cluster.up.remove(&node(2)).expect("it runs");
        let moment = worlds[1].moment();
        dropping.join().expect("it ends");
        drop(dead);
        worlds[1].fall(&moment, &mut dice);
        cluster.start(2);
        let left = cluster.at(2).leaving();
        halves += usize::from(left.contains(&shard));
        for shard in left {
            assert_eq!(cluster.at(2).drop_shard(shard), Ok(true), "seed {seed}, LV3");
        }
        let here = cluster.bodies(2, &journal);
        assert!(here == whole || here.is_empty(), "seed {seed}, LV3: {}", here.len());
        cluster.want(shard, 1, Some(2));
        cluster.until("it is the twin again", |it| it.config(shard).twin == Some(node(2)));
        cluster.until("it has everything", |it| it.bodies(2, &journal) == whole);
        assert_eq!(cluster.at(2).verify(&journal), Ok(()), "seed {seed}");
        assert_eq!(*cluster.hub.alarms.lock(), [], "seed {seed}");
    }
    assert!(halves < 24, "some were over before");
}
