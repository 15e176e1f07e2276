//! A node dies, or seems to.

use super::world::{Fate, World, key};
use crate::twin::{Input, RoleName, Settings, Standing, Unproposed};
use protocol::{
    cluster::{Epoch, Lsn},
    twin::TwinFrame,
};

#[test]
fn i11_a_write_is_acknowledged_when_both_hold_it_and_the_twin_is_warm() {
    let mut world = World::served();
    world.acked_write(1, "a");
    assert_eq!(world.nodes[&2].kept.log.len(), 1, "durable at the twin before the answer");
    world.until("the twin applied it (R9)", |world| world.payloads(2) == ["a"]);
    assert_eq!(world.replica(1).status().role, RoleName::PrimaryDuplex);
    assert_eq!(world.replica(2).status().role, RoleName::Follower);
}

#[test]
fn i4_a_primary_alone_acknowledges_only_after_it_learned_that_it_is_alone() {
    let mut world = World::served();
    world.crash(2);
    let at = world.write(1, "a");
    world.mute = true;
    world.run(5_000);
    assert!(!world.acked.contains_key(&at.lsn), "time alone decides nothing");
    world.mute = false;
    world.until("it is alone", |world| world.acked.contains_key(&at.lsn));
    assert_eq!(world.config.twin, None);
    assert!(world.replica(1).status().solo_since.is_some(), "R5 counts from here");
    assert!(world.serves(1));
}

#[test]
fn a_dead_primary_is_replaced_in_time_and_nothing_acknowledged_is_lost() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.write(1, "under way");
    world.run(2); // it reaches the twin; no answer reaches anybody
    world.crash(1);
    let died = world.now;
    world.until("node 2 serves", |world| world.serves(2));
    assert!(world.now - died < 1_000, "took {} ms", world.now - died);
    assert_eq!(world.payloads(2), ["a", "under way"], "what was inherited came first");
    assert_eq!((world.config.primary, world.config.twin), (key(2), None));
    world.acked_write(2, "b");
}

#[test]
fn a_broken_link_is_suspected_at_once() {
    let mut world = World::served();
    world.crash(1);
    world.input(2, Input::Down(key(1)));
    world.run(10);
    assert_eq!(world.config.primary, key(2));
}

#[test]
fn a_cut_link_ends_in_favour_of_the_primary() {
    let mut world = World::served();
    world.cut = [(1, 2), (2, 1)].into();
    world.until("somebody won", |world| world.config.epoch > Epoch(1));
    assert_eq!((world.config.primary, world.config.twin), (key(1), None));
    world.run(2_000);
    assert!(world.serves(1));
    assert_eq!(world.config.epoch, Epoch(2), "the loser asks for nothing more");
}

#[test]
fn both_restart_and_the_primary_takes_a_new_epoch() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.crash(1);
    world.crash(2);
    world.run(50);
    world.start(1);
    world.start(2);
    world.until("somebody serves", |world| world.serves(1) || world.serves(2));
    assert!(world.config.epoch > Epoch(1), "the old epoch is never acted in again (I3)");
    let primary = world.config.primary.number;
    world.acked_write(primary, "b");
    assert_eq!(world.payloads(primary), ["a", "b"]);
}

#[test]
fn a_lone_primary_that_restarts_goes_on_with_what_it_acknowledged() {
    let mut world = World::new(false, Settings::default());
    world.until("node 1 serves", |world| world.serves(1));
    world.acked_write(1, "a");
    world.write(1, "not durable");
    world.crash(1);
    world.run(5_000);
    assert!(!world.serves(2) && !world.serves(3), "nobody else is eligible");
    world.start(1);
    world.until("node 1 serves again", |world| world.serves(1));
    assert_eq!(world.payloads(1), ["a"]);
    assert_eq!(world.config.epoch, Epoch(2));
    assert_eq!(world.write(1, "b").epoch, Epoch(2), "position 2 of epoch 1 is never written anew");
}

#[test]
fn i4_a_primary_that_was_replaced_without_noticing_is_fenced() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.node(1).deaf = true;
    world.cut = [(1, 2), (2, 1)].into();
    world.input(2, Input::Down(key(1)));
    world.until("node 2 serves", |world| world.serves(2));
    assert!(world.serves(1), "it does not know yet");
    let at = world.write(1, "too late");
    world.acked_write(2, "b");
    world.cut.clear();
    world.until("node 1 is fenced", |world| !world.serves(1));
    assert_eq!(world.acked[&at.lsn], "b");
    let refused = world.try_write(1, "even later").expect_err("it serves no longer");
    assert!(matches!(refused, Unproposed::NotServing { epoch: Epoch(2), .. }));
}

#[test]
fn a_fenced_primary_comes_back_as_twin_and_its_own_tail_is_cut() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.cut = [(1, 2), (2, 1)].into();
    world.input(2, Input::Down(key(1)));
    world.write(1, "lost, and never answered");
    world.until("node 2 serves", |world| world.serves(2));
    world.acked_write(2, "b");
    world.cut.clear();
    world.want(2, Some(1));
    world.until("they are two again", |world| world.config.twin == Some(key(1)));
    world.acked_write(2, "c");
    world.until("node 1 applied it", |world| world.payloads(1) == ["a", "b", "c"]);
    assert!(world.nodes[&1].quarantined.is_empty(), "nobody was promised it");
}

#[test]
fn a_sleeper_blames_nobody() {
    let mut world = World::served();
    // Node 1 sleeps for less than its twin's patience but more than its own.
    let asleep = world.node(1).replica.take();
    world.run(600);
    world.node(1).replica = asleep;
    world.run(1_000);
    assert_eq!(world.config.epoch, Epoch(1));
    world.acked_write(1, "a");
}

#[test]
fn a_new_primary_may_be_named_before_it_learns_so_from_the_register() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.node(2).deaf = true;
    world.crash(1);
    world.until("the register moved", |world| world.config.primary == key(2));
    world.run(500);
    assert!(!world.serves(2));
    world.node(2).deaf = false;
    world.tell(2);
    world.until("node 2 serves", |world| world.serves(2));
}

#[test]
fn proposals_that_nobody_answers_are_repeated() {
    let mut world = World::served();
    world.mute = true;
    world.crash(1);
    world.run(3_000);
    world.mute = false;
    world.until("node 2 serves", |world| world.serves(2));
}

#[test]
fn i8_the_commit_reaches_a_twin_that_gets_no_more_entries() {
    let mut world = World::served();
    let mut dropped = false;
    world.route = Box::new(move |_, _, frame| match frame {
        TwinFrame::Append { entries, .. } if !entries.is_empty() && !dropped => {
            dropped = true;
            Fate::IsLost
        }
        _ => Fate::Arrives,
    });
    world.acked_write(1, "a");
    world.until("the twin applied it", |world| world.replica(2).commit() == Lsn(1));
    assert!(matches!(world.nodes[&2].standing, Standing::Follows { .. }));
}

#[test]
fn i4_a_straggler_of_an_older_epoch_cuts_nothing() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.node(1).deaf = true;
    world.cut = [(1, 2), (2, 1)].into();
    world.input(2, Input::Down(key(1)));
    world.until("node 2 serves", |world| world.serves(2));
    world.acked_write(2, "b");
    // Restarted, it does not know how far it had committed; it does know its epoch.
    world.crash(2);
    world.mute = true;
    world.start(2);
    world.cut.clear();
    assert!(world.serves(1), "it does not know yet");
    world.write(1, "late");
    world.until("node 1 is fenced", |world| !world.serves(1));
    assert_eq!(world.replica(2).last().epoch, Epoch(2), "what was acknowledged is still there");
}
