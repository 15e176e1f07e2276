//! Copies come, are replaced, and change places.

use super::world::{World, key};
use crate::twin::{RoleName, Settings, Unproposed};
use protocol::cluster::{Epoch, Lsn, NodeKey};

fn small_ring() -> Settings {
    Settings { ring_keep_bytes: 200, ring_max_bytes: 2_000, ..Settings::default() }
}

fn alone(settings: Settings) -> World {
    let mut world = World::new(false, settings);
    world.until("node 1 serves", |world| world.serves(1));
    world
}

fn twin(world: &World) -> Option<NodeKey> {
    world.config.twin
}

#[test]
fn a_learner_becomes_twin_from_the_log() {
    let mut world = alone(Settings::default());
    world.acked_write(1, "a");
    world.acked_write(1, "b");
    world.want(1, Some(3));
    world.until("node 3 is twin", |world| twin(world) == Some(key(3)));
    assert_eq!(world.nodes[&3].copies, 0, "the log was enough");
    world.acked_write(1, "c");
    assert_eq!(world.nodes[&3].kept.log.len(), 3);
    assert!(world.serves(1), "the primary went straight on");
}

#[test]
fn a_learner_that_is_too_far_behind_copies_the_state_first() {
    let mut world = alone(small_ring());
    for number in 0..50 {
        world.acked_write(1, &format!("entry {number}"));
    }
    world.want(1, Some(3));
    world.until("node 3 is twin", |world| twin(world) == Some(key(3)));
    assert_eq!(world.nodes[&3].copies, 1);
    world.acked_write(1, "last");
    world.until("node 3 is warm", |world| world.payloads(3).len() == 51);
    assert_eq!(world.payloads(3), world.payloads(1));
}

#[test]
fn a_ring_that_overflows_during_the_copy_begins_it_anew() {
    let mut world = alone(small_ring());
    for number in 0..50 {
        world.acked_write(1, &format!("entry {number}"));
    }
    world.want(1, Some(3));
    world.until("a copy runs", |world| world.replica(3).copying().is_some());
    for number in 0..60 {
        world.write(1, &format!("meanwhile {number}"));
    }
    world.until("node 3 is twin", |world| twin(world) == Some(key(3)));
    assert!(world.nodes[&3].copies > 1);
    assert!(world.replica(1).status().ring_bytes <= 2_000);
}

#[test]
fn a_copy_whose_source_dies_is_given_up_and_begun_again() {
    let mut world = alone(small_ring());
    for number in 0..50 {
        world.acked_write(1, &format!("entry {number}"));
    }
    world.checkpoint(1);
    world.want(1, Some(3));
    world.until("a copy runs", |world| world.replica(3).copying().is_some());
    world.crash(1);
    world.run(100);
    assert_eq!(world.replica(3).copying(), None);
    world.start(1);
    world.until("node 3 is twin", |world| twin(world) == Some(key(3)));
}

#[test]
fn i5_a_twin_is_replaced_without_a_moment_of_a_single_copy() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.want(1, Some(3));
    for number in 0..40 {
        world.acked_write(1, &format!("{number}"));
        assert!(twin(&world).is_some(), "there are always two");
    }
    world.until("node 3 is twin", |world| twin(world) == Some(key(3)));
    world.acked_write(1, "b");
    world.crash(1);
    world.until("node 3 serves", |world| world.serves(3));
    assert_eq!(world.payloads(3).len(), 42);
}

#[test]
fn i5_a_proposed_twin_has_to_acknowledge_until_a_higher_epoch_is_learned() {
    let mut world = alone(Settings::default());
    world.mute = true;
    world.want(1, Some(3));
    world.until("it was proposed", |world| world.replica(1).status().proposed == Some(key(3)));
    world.run(10);
    world.crash(3);
    let at = world.write(1, "a");
    world.run(3_000);
    assert!(!world.acked.contains_key(&at.lsn), "the proposal may yet come true");
    world.mute = false;
    world.until("a new epoch settled it", |world| world.acked.contains_key(&at.lsn));
    assert_eq!(world.config.twin, None);
    assert!(world.config.epoch > Epoch(1));
}

#[test]
fn a_learner_that_cannot_keep_up_is_not_waited_for() {
    let mut world = alone(Settings::default());
    world.want(1, Some(3));
    world.run(4);
    world.node(3).stuck = true;
    for number in 0..20 {
        world.acked_write(1, &format!("{number}"));
    }
    assert!(world.serves(1));
}

#[test]
fn r7_a_twin_whose_disk_hangs_is_dropped_although_it_answers() {
    let mut world = World::served();
    world.node(2).stuck = true;
    world.acked_write(1, "a");
    assert_eq!(world.config.twin, None);
}

#[test]
fn r7_a_twin_whose_disk_is_far_too_slow_is_dropped_and_taken_in_again_later() {
    let mut world = World::served();
    let busy = |world: &mut World, span: u64| {
        for _ in 0..span / 50 {
            let _ = world.try_write(1, "x");
            world.run(50);
        }
    };
    busy(&mut world, 1_000);
    world.node(2).sync = 300;
    busy(&mut world, 15_000);
    assert_eq!(world.config.twin, Some(key(2)), "slow, not far too slow");
    world.node(2).sync = 900;
    busy(&mut world, 2_000);
    assert_eq!(world.config.twin, Some(key(2)), "not for long");
    busy(&mut world, 8_000);
    assert_eq!(world.config.twin, None, "R7");
    world.want(1, Some(2));
    busy(&mut world, 8_000);
    assert_eq!(world.config.twin, None, "R7: not at once");
    world.node(2).sync = 2;
    world.until("it is taken in again", |world| twin(world) == Some(key(2)));
    assert!(world.serves(1));
}

#[test]
fn a_shard_is_handed_over_within_moments_and_back() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.want(2, Some(1));
    let began = world.now;
    world.until("node 2 serves", |world| world.serves(2));
    assert!(world.now - began < 60, "took {} ms", world.now - began);
    assert_eq!((world.config.primary, twin(&world)), (key(2), Some(key(1))));
    world.acked_write(2, "b");
    world.run(10_000);
    assert_eq!(world.config.epoch, Epoch(2), "what is as wanted stays");
    world.want(1, Some(2));
    world.until("node 1 serves again", |world| world.serves(1));
    world.acked_write(1, "c");
    assert_eq!(world.payloads(1), ["a", "b", "c"]);
}

#[test]
fn a_shard_moves_to_two_other_nodes() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.want(3, Some(2));
    world
        .until("node 3 serves with node 2", |world| world.serves(3) && twin(world) == Some(key(2)));
    world.acked_write(3, "b");
    assert_eq!(world.payloads(3), ["a", "b"]);
}

#[test]
fn a_handoff_that_fails_leaves_the_old_primary_in_a_new_epoch() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.mute = true;
    world.want(2, Some(1));
    world.until("node 1 stopped", |world| !world.serves(1));
    world.run(50);
    world.crash(2);
    world.mute = false;
    world.until("node 1 serves again", |world| world.serves(1));
    assert!(world.config.epoch > Epoch(1));
    world.acked_write(1, "b");
}

#[test]
fn too_much_under_way_is_refused_until_some_of_it_is_committed() {
    let settings = Settings { uncommitted_max_bytes: 300, ..Settings::default() };
    let mut world = World::new(true, settings);
    world.until("node 1 serves", |world| world.serves(1));
    let taken = (0..20).take_while(|_| world.try_write(1, "0123456789").is_ok()).count();
    assert_eq!(taken, 4);
    assert_eq!(world.try_write(1, "x"), Err(Unproposed::Full));
    world.until("all is committed", |world| world.replica(1).commit() == Lsn(4));
    world.acked_write(1, "x");
}

#[test]
fn roles_have_the_names_people_know() {
    let mut world = alone(Settings::default());
    let role = |world: &World, number| world.replica(number).status().role;
    assert_eq!(role(&world, 1), RoleName::PrimarySolo);
    assert_eq!(role(&world, 2), RoleName::Idle);
    world.want(1, Some(3));
    assert_eq!(role(&world, 1), RoleName::Joining);
    world.mute = true;
    world.until("node 3 learns", |world| role(world, 3) == RoleName::Learner);
    world.crash(1);
    world.until("node 3 can do nothing", |world| role(world, 3) == RoleName::Stalled);
}
