//! Rule R8: an operator gives the shard to a copy that may lack something.

use super::world::{World, key};
use crate::twin::{Alarm, Settings};

/// Node 3 holds "a"; node 1 alone acknowledged more and died; node 3 was forced.
fn forced(more: &[&str]) -> World {
    let mut world = World::new(false, Settings::default());
    world.until("node 1 serves", |world| world.serves(1));
    world.acked_write(1, "a");
    world.mute = true;
    world.want(1, Some(3));
    world.until("node 3 holds it", |world| world.payloads(3) == ["a"]);
    world.mute = false;
    world.cut = [(1, 3), (3, 1)].into();
    world.until("nobody waits for node 3", |world| world.config.epoch.0 > 1);
    world.until("node 1 serves", |world| world.serves(1));
    world.wanted = None;
    (1..=3).for_each(|number| world.tell(number));
    more.iter().for_each(|what| world.acked_write(1, what));
    world.crash(1);
    world.cut.clear();
    world.force(3);
    world.acked.retain(|lsn, _| lsn.0 == 1);
    world.until("node 3 serves", |world| world.serves(3));
    world
}

#[test]
fn r8_what_force_gave_up_is_put_aside_and_never_silently_cut() {
    let mut world = forced(&["b", "c"]);
    world.acked_write(3, "x");
    world.want(3, Some(1));
    world.start(1);
    world.until("they are two again", |world| world.config.twin == Some(key(1)));
    world.until("node 1 follows", |world| world.payloads(1) == ["a", "x"]);
    let aside: Vec<_> = world.nodes[&1].quarantined.iter().map(|it| it.payload.clone()).collect();
    assert_eq!(aside, ["b", "c"]);
    assert!(world.nodes[&1].alarms.is_empty());
}

#[test]
fn r8_applied_state_that_force_gave_up_is_copied_anew() {
    let mut world = forced(&["b", "c"]);
    world.checkpoint(1);
    world.nodes.get_mut(&1).expect("it is there").kept.log.clear();
    world.acked_write(3, "x");
    world.want(3, Some(1));
    world.start(1);
    world.until("they are two again", |world| world.config.twin == Some(key(1)));
    assert_eq!(world.payloads(1), ["a", "x"]);
    assert_eq!(world.nodes[&1].copies, 1);
}

#[test]
fn r8_it_is_copied_anew_even_while_nothing_new_was_written() {
    let mut world = forced(&["b", "c"]);
    world.checkpoint(1);
    world.want(3, Some(1));
    world.start(1);
    world.until("they are two again", |world| world.config.twin == Some(key(1)));
    assert_eq!(world.payloads(1), ["a"]);
}

#[test]
fn i2_an_eligible_twin_drops_nothing_for_a_straggler() {
    use super::world::Fate;
    use crate::twin::Input;
    use protocol::{cluster::Lsn, twin::TwinFrame};
    let mut world = World::new(false, Settings::default());
    world.until("node 1 serves", |world| world.serves(1));
    world.force(1);
    world.want(1, Some(2));
    world.until("two copies", |world| world.serves(1) && world.config.twin == Some(key(2)));
    (0..10).for_each(|number| world.acked_write(1, &format!("{number}")));
    world.until("node 2 applied it", |world| world.payloads(2).len() == 10);
    world.checkpoint(2);
    // The primary's disk is slow; its twin's is not, and is counted on.
    world.node(1).stuck = true;
    world.write(1, "late");
    world.run(20);
    assert_eq!(world.replica(1).status().peers[0].matched, Lsn(11));
    world.route = Box::new(|_, _, frame| match frame {
        TwinFrame::Append { .. } => Fate::IsLost,
        _ => Fate::Arrives,
    });
    world.crash(2);
    world.start(2);
    world.run(350);
    // Restarted, it asks with its last, and hears what was said long ago.
    let (epoch, prev) = (world.config.epoch, world.nodes[&1].state[2].at);
    let frame =
        TwinFrame::Append { epoch, generation: 1, prev, entries: Vec::new(), commit: prev.lsn };
    world.input(2, Input::Frame { from: key(1), frame });
    assert_eq!(world.replica(2).copying(), None, "I2: what it holds counts");
    world.run(50);
    world.node(1).stuck = false;
    world.until("it is acknowledged", |world| world.acked.contains_key(&Lsn(11)));
    world.crash(1);
    world.route = Box::new(|_, _, _| Fate::Arrives);
    world.until("node 2 serves", |world| world.serves(2));
    assert_eq!(world.payloads(2).last().map(String::as_str), Some("late"));
}

#[test]
fn i2_a_copy_whose_committed_log_is_contradicted_without_force_stops() {
    use crate::twin::{Durable, Input, Replica, RoleName};
    use protocol::{
        cluster::{Epoch, Lsn},
        twin::{At, Entry, TwinFrame},
    };
    let at = |epoch, lsn| At { epoch: Epoch(epoch), lsn: Lsn(lsn) };
    let durable = Durable { seen: Epoch(2), base: at(2, 5), ..Durable::default() };
    let mut replica = Replica::boot(key(1), 0, Settings::default(), 0, durable);
    let mut out = Vec::new();
    let entry = |epoch, lsn| Entry { at: at(epoch, lsn), kind: 0, payload: "x".into() };
    let frame = TwinFrame::Append {
        epoch: Epoch(3),
        generation: 0,
        prev: at(1, 4),
        entries: vec![entry(3, 5)],
        commit: Lsn(4),
    };
    replica.step(1, Input::Frame { from: key(2), frame }, &mut out);
    assert_eq!(replica.status().role, RoleName::Halted);
    let conflict = Alarm::CommittedConflict { mine: at(2, 5), theirs: at(3, 5) };
    assert!(out.contains(&crate::twin::Output::Alarm(conflict)));
}
