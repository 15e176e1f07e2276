//! A network and a disk that do what they may.

use super::world::{Fate, Router, World};
use crate::twin::{Alarm, Input, Settings};
use protocol::cluster::{Epoch, Lsn};

/// Every third frame is lost, every fifth doubled, every seventh late.
fn rough() -> Router {
    let mut count = 0;
    Box::new(move |_, _, _| {
        count += 1;
        match count {
            count if count % 3 == 0 => Fate::IsLost,
            count if count % 5 == 0 => Fate::ArrivesTwice,
            count if count % 7 == 0 => Fate::Lingers(30),
            _ => Fate::Arrives,
        }
    })
}

#[test]
fn lost_doubled_and_late_frames_only_cost_time() {
    let mut world = World::served();
    world.route = rough();
    for number in 0..100 {
        let primary = world.config.primary.number;
        world.until("somebody serves", |world| world.serves(primary));
        world.acked_write(primary, &format!("{number}"));
    }
    let primary = world.config.primary.number;
    assert_eq!(world.payloads(primary).len(), 100);
}

#[test]
fn many_at_once_arrive_although_frames_are_lost() {
    let settings =
        Settings { batch_max_bytes: 1_000, window_max_bytes: 4_000, ..Settings::default() };
    let mut world = World::new(true, settings);
    world.until("node 1 serves", |world| world.serves(1));
    world.route = rough();
    for number in 0..300 {
        world.write(1, &format!("{number}"));
    }
    world.until("all are acknowledged", |world| world.acked.len() == 300);
    assert_eq!(world.config.epoch, Epoch(1));
}

#[test]
fn i2_what_the_twin_did_not_sync_is_not_acknowledged() {
    let mut world = World::served();
    world.node(2).stuck = true;
    let at = world.write(1, "a");
    world.run(400);
    assert!(!world.acked.contains_key(&at.lsn));
    world.node(2).stuck = false;
    world.until("now it is", |world| world.acked.contains_key(&at.lsn));
}

#[test]
fn i2_what_the_primary_did_not_sync_is_not_acknowledged() {
    let mut world = World::served();
    world.node(1).stuck = true;
    let at = world.write(1, "a");
    world.run(400);
    assert!(!world.acked.contains_key(&at.lsn));
    world.node(1).stuck = false;
    world.until("now it is", |world| world.acked.contains_key(&at.lsn));
}

#[test]
fn a_twin_that_restarts_quickly_stays_the_twin() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.crash(2);
    let at = world.write(1, "b");
    world.run(50);
    world.start(2);
    world.until("it is acknowledged", |world| world.acked.contains_key(&at.lsn));
    assert_eq!(world.config.epoch, Epoch(1));
}

#[test]
fn i3_a_primary_whose_disk_kept_nothing_gives_its_epoch_up() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.node(1).stuck = true;
    let at = world.write(1, "b");
    world.run(20);
    assert_eq!(world.replica(2).last().lsn, at.lsn, "the twin has it");
    world.lose_writes(1);
    assert_eq!(world.replica(1).last().lsn, Lsn(1));
    assert!(!world.serves(1));
    assert_eq!(world.nodes[&1].alarms, [Alarm::Unkept { last: Lsn(1) }]);
    world.node(1).stuck = false;
    world.until("somebody serves", |world| world.serves(1) || world.serves(2));
    assert!(world.config.epoch > Epoch(1));
    world.acked_write(world.config.primary.number, "c");
}

#[test]
fn a_twin_whose_disk_kept_nothing_is_sent_it_again() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.node(2).stuck = true;
    let at = world.write(1, "b");
    world.run(20);
    world.lose_writes(2);
    assert_eq!(world.replica(2).last().lsn, Lsn(1));
    world.node(2).stuck = false;
    world.until("it is acknowledged", |world| world.acked.contains_key(&at.lsn));
    assert_eq!(world.config.epoch, Epoch(1));
}

#[test]
fn a_cut_that_was_not_kept_is_undone() {
    let mut world = World::served();
    world.acked_write(1, "a");
    world.cut = [(1, 2), (2, 1)].into();
    world.write(1, "b");
    world.run(10);
    world.input(2, Input::Down(super::world::key(1)));
    world.until("node 2 serves", |world| world.serves(2));
    world.acked_write(2, "x");
    world.cut.clear();
    world.want(2, Some(1));
    world.node(1).stuck = true;
    world.until("node 1 cut its tail", |world| world.replica(1).last().epoch == Epoch(2));
    world.lose_writes(1);
    assert_eq!(world.replica(1).last().epoch, Epoch(1), "as its disk has it");
    world.node(1).stuck = false;
    world.until("node 1 follows", |world| world.payloads(1) == ["a", "x"]);
}

#[test]
fn frames_that_make_no_sense_are_ignored() {
    use protocol::twin::{At, Entry, TwinFrame};
    let mut world = World::served();
    let entry =
        |lsn| Entry { at: At { epoch: Epoch(1), lsn: Lsn(lsn) }, kind: 0, payload: "x".into() };
    let from = super::world::key(1);
    for entries in [vec![entry(2)], vec![entry(1), entry(3)], vec![entry(1), entry(1)]] {
        let (epoch, prev) = (Epoch(1), At::default());
        let frame = TwinFrame::Append { epoch, generation: 0, prev, entries, commit: Lsn(9) };
        world.input(2, Input::Frame { from, frame });
    }
    assert_eq!(world.replica(2).last().lsn, Lsn(0));
}
