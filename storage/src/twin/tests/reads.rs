//! Promises and leases.

use super::world::{Fate, World, key};
use crate::twin::{Input, Settings};
use protocol::{cluster::Epoch, twin::TwinFrame};

#[test]
fn i10_a_primary_reads_alone_only_under_its_twins_promise() {
    let mut world = World::served();
    world.run(300);
    assert!(world.readable(1));
    assert!(!world.readable(2));
    world.mute = true;
    world.cut = [(2, 1)].into();
    let cut = world.now;
    world.until("the lease ran out", |world| !world.readable(1));
    assert!(world.now - cut <= 500, "a lease counts from the sending");
}

#[test]
fn i10_a_lone_primary_needs_nobody_to_read() {
    let mut world = World::new(false, Settings::default());
    world.until("node 1 serves", |world| world.serves(1));
    assert_eq!(world.replica(1).readable_until(), u64::MAX);
}

#[test]
fn i10_the_old_primarys_reads_end_before_the_new_one_serves() {
    let mut world = World::served();
    world.run(300);
    world.node(1).deaf = true;
    world.cut = [(1, 2), (2, 1)].into();
    world.input(2, Input::Down(key(1)));
    let mut both = 0;
    for _ in 0..3_000 {
        world.tick();
        both += u32::from(world.readable(1) && world.serves(2));
    }
    assert!(world.serves(2));
    assert_eq!(both, 0, "never both at once");
}

#[test]
fn i10_a_lease_counts_from_the_sending_however_late_the_answer_is() {
    let mut world = World::served();
    world.run(300);
    world.mute = true;
    world.route = Box::new(|_, _, frame| match frame {
        TwinFrame::BeatAck { .. } => Fate::Lingers(600),
        _ => Fate::Arrives,
    });
    world.run(600);
    let mut readable = 0;
    for _ in 0..1_000 {
        world.tick();
        readable += u32::from(world.readable(1));
    }
    assert_eq!(readable, 0, "every answer is older than a lease");
}

#[test]
fn i10_a_restarted_twin_keeps_a_promise_it_has_forgotten() {
    let mut world = World::served();
    world.run(300);
    world.node(1).deaf = true;
    world.cut = [(1, 2), (2, 1)].into();
    world.crash(2);
    world.start(2);
    let started = world.now;
    world.input(2, Input::Down(key(1)));
    world.until("node 2 serves", |world| {
        assert!(!(world.readable(1) && world.serves(2)), "never both at once");
        world.serves(2)
    });
    assert!(world.now - started >= 600, "served after {} ms", world.now - started);
}

#[test]
fn i10_nothing_is_served_before_what_was_inherited_is_committed() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.crash(1);
    world.crash(2);
    world.start(1);
    world.start(2);
    world.node(2).stuck = true;
    world.until("the epoch is new", |world| world.config.epoch > Epoch(1));
    // The twin cannot make the new fence durable, so it acknowledges nothing.
    world.run(1_000);
    assert!(!world.serves(1) && !world.readable(1));
    world.node(2).stuck = false;
    world.until("node 1 serves", |world| world.serves(1) && world.payloads(1) == ["a"]);
}

#[test]
fn i5_a_proposed_twin_takes_part_in_the_lease() {
    let mut world = World::new(false, Settings::default());
    world.until("node 1 serves", |world| world.serves(1));
    world.mute = true;
    world.want(1, Some(3));
    world.until("it was proposed", |world| world.replica(1).status().proposed == Some(key(3)));
    world.run(10);
    world.cut = [(3, 1)].into();
    world.run(600);
    assert!(!world.readable(1), "it may be the twin by now, and more");
}
