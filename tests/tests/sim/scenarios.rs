//! Stories of our own: one cluster, one misfortune, told as it would be told to a person.
//!
//! Each is judged after every step by all promises, must be well again within a bounded time, and
//! is audited at the end; what is asserted here is that the misfortune really happened.

use tests::world::{Fault, Plan, World, figures::Figures, ms, secs};

/// The slot of the machine that serves shard 0, and of the one that holds its second copy.
fn pair(world: &World) -> (usize, usize) {
    let config = world.config(0);
    let slot = |key| world.cluster.slot_of(key).expect("its machine is there");
    (slot(config.primary), slot(config.twin.expect("shard 0 has two copies")))
}

/// A quiet world in which every shard has two copies and people are at work.
fn settled(seed: u64) -> World {
    let mut world = World::new(Plan::quiet(seed));
    world.run(secs(5));
    world.until("shard 0 has two copies", secs(20), |it| it.register.config(0).twin.is_some());
    world
}

/// The rest of the world's life.
fn end(mut world: World) -> Figures {
    world.live();
    let figures = world.figures();
    assert!(figures.acked > 100, "people were at work: {figures}");
    figures
}

#[test]
fn the_primary_dies_while_its_twin_lags_and_nothing_acknowledged_is_missing() {
    let mut world = settled(1);
    let (primary, twin) = pair(&world);
    world.now(Fault::DiskSlow { slot: twin, delay: ms(80), span: secs(3) });
    world.run(secs(1));
    world.now(Fault::Crash { slot: primary, reboots: true, span: secs(6) });
    assert!(end(world).promotions > 0);
}

#[test]
fn both_machines_of_a_shard_restart_and_its_configuration_decides() {
    let mut world = settled(2);
    let (primary, twin) = pair(&world);
    let before = world.config(0).epoch;
    world.now(Fault::Crash { slot: primary, reboots: true, span: secs(2) });
    world.now(Fault::Crash { slot: twin, reboots: true, span: secs(2) });
    world.until("a new epoch", secs(20), move |it| it.register.config(0).epoch > before);
    end(world);
}

#[test]
fn a_lone_survivor_dies_and_nobody_else_serves_in_its_place() {
    let mut world = settled(3);
    let (primary, twin) = pair(&world);
    world.now(Fault::Crash { slot: primary, reboots: false, span: secs(40) });
    world.until("the twin serves alone", secs(10), move |it| {
        let config = it.register.config(0);
        it.slot_of(config.primary) == Some(twin)
    });
    world.now(Fault::Crash { slot: twin, reboots: false, span: secs(4) });
    end(world);
}

#[test]
fn a_cut_between_two_that_both_live_delays_the_room_and_loses_nothing() {
    let mut world = settled(4);
    let (primary, twin) = pair(&world);
    let before = world.config(0).epoch;
    world.now(Fault::Cut { a: primary, b: twin, span: secs(5) });
    world.until("one of them won", secs(5), move |it| it.register.config(0).epoch > before);
    end(world);
}

#[test]
fn while_the_control_plane_is_down_people_go_on_writing() {
    let mut world = settled(5);
    let before = world.figures().acked;
    world.now(Fault::RegisterDown { span: secs(8) });
    world.run(secs(7));
    assert!(world.figures().acked > before + 20, "{}", world.figures());
    end(world);
}

#[test]
fn a_primary_cut_off_from_everybody_is_replaced_and_acknowledges_nothing_meanwhile() {
    let mut world = settled(6);
    let (primary, twin) = pair(&world);
    world.now(Fault::Isolate { slot: primary, span: secs(8) });
    world.until("the twin serves", secs(8), move |it| {
        it.slot_of(it.register.config(0).primary) == Some(twin)
    });
    assert!(end(world).promotions > 0);
}

#[test]
fn a_wiped_disk_comes_back_as_another_node_and_is_filled() {
    let mut world = settled(7);
    let (_, twin) = pair(&world);
    world.now(Fault::Replace { slot: twin, span: secs(3) });
    assert!(end(world).joins > 0);
}

#[test]
fn two_misfortunes_in_a_row_are_survived() {
    let mut world = settled(8);
    let (primary, twin) = pair(&world);
    world.now(Fault::Crash { slot: primary, reboots: true, span: secs(15) });
    world.until("the shard has two copies again", secs(20), |it| {
        it.register.config(0).twin.is_some()
    });
    world.now(Fault::Crash { slot: twin, reboots: true, span: secs(5) });
    assert!(end(world).promotions > 1);
}

#[test]
fn a_flapping_link_and_a_stopped_process_confuse_nobody() {
    let mut world = settled(9);
    let (primary, twin) = pair(&world);
    world.now(Fault::Flap { a: primary, b: twin, times: 8, span: ms(400) });
    world.run(secs(2));
    world.now(Fault::Pause { slot: primary, span: secs(3) });
    end(world);
}

#[test]
fn a_full_disk_and_a_failed_sync_lose_nothing() {
    let mut world = settled(10);
    let (primary, twin) = pair(&world);
    world.now(Fault::DiskFull { slot: primary, span: secs(4) });
    world.run(secs(5));
    world.now(Fault::DiskEio { slot: twin });
    end(world);
}

#[test]
fn r7_a_twin_that_is_far_too_slow_is_not_waited_for() {
    let mut world = settled(12);
    let (_, twin) = pair(&world);
    let slow = world.config(0).twin;
    world.now(Fault::DiskSlow { slot: twin, delay: ms(3000), span: secs(60) });
    world.until("it is not the twin any more", secs(25), move |it| {
        it.register.config(0).twin != slow
    });
    end(world);
}

#[test]
fn a_shard_is_handed_over_and_a_node_relieved_while_people_write() {
    let mut world = settled(11);
    let (primary, twin) = pair(&world);
    world.now(Fault::Want { shard: 0, primary: twin, twin: primary });
    world.until("handed over", secs(10), move |it| {
        it.slot_of(it.register.config(0).primary) == Some(twin)
    });
    world.now(Fault::Drain { slot: primary, on: true });
    end(world);
}
