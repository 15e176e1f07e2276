//! Disks that fill up or fail, shards that stall, and real directories.

use super::*;

#[test]
fn tw6_a_full_disk_at_the_twin_stops_nobody_and_it_catches_up() {
    let (cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"both"), Ok(Seq(1)));
    worlds[1].disk.faults(|faults| faults.capacity = Some(16 * 1024));
    for after in 1..60 {
        assert_eq!(cluster.append(1, &journal, after, &[1; 900]), Ok(Seq(after + 1)));
    }
    assert_eq!(cluster.config(shard).twin, None, "TW6: it was given up");
    worlds[1].disk.faults(|faults| faults.capacity = None);
    cluster.want(shard, 1, Some(2));
    cluster.until("it is back", |it| it.config(shard).twin == Some(node(2)));
    cluster.until("it has everything", |it| it.bodies(2, &journal).len() == 60);
    assert_eq!(*cluster.hub.died.lock(), []);
}

#[test]
fn tw4_a_full_disk_alone_is_told_and_served_again_when_there_is_room() {
    let (cluster, worlds) = cluster(1);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.until("it serves", |it| it.serves(1, shard));
    worlds[0].disk.faults(|faults| faults.capacity = Some(16 * 1024));
    worlds[0].store.mischief(|mischief| mischief.capacity = Some(0));
    let mut after = 0;
    let fault = loop {
        match cluster.append(1, &journal, after, &[1; 900]) {
            Ok(seq) => after = seq.0,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, StorageFault::DiskFull { .. }), "TW4: {fault:?}");
    assert_eq!(cluster.bodies(1, &journal).len() as u64, after);
    worlds[0].disk.faults(|faults| faults.capacity = None);
    worlds[0].store.mischief(|mischief| mischief.capacity = None);
    cluster.until("it serves again", |it| it.serves(1, shard) && it.at(1).writable().is_ok());
    assert_eq!(cluster.append(1, &journal, after, b"again"), Ok(Seq(after + 1)));
}

#[test]
fn a_failed_sync_ends_the_node_and_the_twin_goes_on() {
    let (mut cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"both"), Ok(Seq(1)));
    worlds[0].disk.faults(|faults| faults.syncs_fail = 1);
    let lost = append(cluster.at(1), &journal, 1, b"perhaps");
    cluster.until("it says that it must end", |it| *it.hub.died.lock() == [node(1)]);
    let told = cluster.answer(&lost);
    assert!(
        matches!(told, Err(StorageFault::Moved { .. } | StorageFault::LogFaulted { .. })),
        "{told:?}"
    );
    let dead = cluster.up.remove(&node(1)).expect("it runs");
    worlds[0].crash(dead, &mut Dice::new(5));
    cluster.until("the twin serves", |it| it.serves(2, shard));
    let head = cluster.at(2).head(&journal).expect("sound").0;
    assert!((1..=2).contains(&head));
    assert_eq!(cluster.append(2, &journal, head, b"on"), Ok(Seq(head + 1)));
    cluster.start(1);
    cluster.want(shard, 2, Some(1));
    cluster.until("it is the twin", |it| it.config(shard).twin == Some(node(1)));
    cluster.until("both agree", |it| it.bodies(1, &journal) == it.bodies(2, &journal));
}

#[test]
fn tw9_a_primary_that_takes_nothing_in_hands_over_to_its_twin_and_back_again() {
    let worlds = [World::new(), World::new()];
    let low = |world: &World| Options { reserve_bytes: 50_000, ..world.options() };
    let cluster = Cluster::new(worlds.iter().map(low).collect());
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"both"), Ok(Seq(1)));
    worlds[0].disk.faults(|faults| faults.capacity = Some(40_000));
    cluster.until("it is refused", |it| it.at(1).writable().is_err());
    cluster.until("the twin serves", |it| it.serves(2, shard));
    assert_eq!(cluster.append(2, &journal, 1, b"on"), Ok(Seq(2)), "TW9");
    assert_eq!(*cluster.hub.died.lock(), []);

    worlds[0].disk.faults(|faults| faults.capacity = None);
    cluster.until("it takes in again", |it| it.at(1).writable().is_ok());
    cluster.want(shard, 1, Some(2));
    cluster.until("it serves again", |it| it.serves(1, shard));
    assert_eq!(cluster.append(1, &journal, 2, b"back"), Ok(Seq(3)));
    cluster.until("both have it", |it| it.bodies(2, &journal).len() == 3);
}

#[test]
fn tw9_a_twin_that_could_take_nothing_in_does_not_offer_itself() {
    let worlds = [World::new(), World::new()];
    let low = |world: &World| Options { reserve_bytes: 50_000, ..world.options() };
    let mut cluster = Cluster::new(worlds.iter().map(low).collect());
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"both"), Ok(Seq(1)));
    cluster.hub.deaf.store(true, Relaxed);
    worlds[1].disk.faults(|faults| faults.capacity = Some(40_000));
    cluster.until("it is refused", |it| it.at(2).writable().is_err());
    (0..600).for_each(|_| cluster.pump());
    cluster.stop(1);
    cluster.hub.deaf.store(false, Relaxed);
    (0..600).for_each(|_| cluster.pump());
    assert_eq!(cluster.config(shard).primary, node(1), "TW9");
    worlds[1].disk.faults(|faults| faults.capacity = None);
    cluster.until("the twin serves", |it| it.serves(2, shard));
    assert_eq!(cluster.append(2, &journal, 1, b"on"), Ok(Seq(2)));
}

#[test]
fn tw6_a_twin_that_cannot_apply_is_replaced_and_does_not_offer_itself() {
    let (mut cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"both"), Ok(Seq(1)));
    cluster.until("the twin has it", |it| it.bodies(2, &journal).len() == 1);
    cluster.until("its engine has it", |it| it.at(2).stats().unapplied_bytes == 0);
    // It starts anew with a head that is damaged: what comes next is kept, and leads to nothing.
    cluster.stop(2);
    assert!(worlds[1].store.flip(b"h", 3));
    cluster.start(2);
    assert_eq!(cluster.append(1, &journal, 1, b"more"), Ok(Seq(2)));
    assert_eq!(cluster.config(shard).twin, Some(node(2)), "it keeps what it is sent");
    cluster.hub.deaf.store(true, Relaxed);
    let stuck = |it: &Cluster| {
        it.hub.alarms.lock().iter().any(|alarm| matches!(alarm, Alarm::Unapplied { .. }))
    };
    cluster.until("a person hears of it", stuck);
    cluster.stop(1);
    (0..400).for_each(|_| cluster.pump());
    cluster.hub.deaf.store(false, Relaxed);
    (0..400).for_each(|_| cluster.pump());
    assert_eq!(cluster.config(shard).primary, node(1), "TW9: it could not serve");
    cluster.start(1);
    cluster.until("it was replaced", |it| it.config(shard).twin.is_none() && it.serves(1, shard));
    assert_eq!(cluster.append(1, &journal, 2, b"alone"), Ok(Seq(3)), "TW6");
    assert_eq!(cluster.hub.alarms.lock().len(), 1, "once");
}

#[test]
fn tw7_a_failed_sync_that_nobody_waited_for_ends_the_node_too() {
    let (cluster, worlds) = cluster(1);
    let journal = id("room/1");
    cluster.until("it serves", |it| (0..SHARDS).all(|shard| it.serves(1, shard)));
    let (disk, (sent, answer)) = (worlds[0].disk.clone(), mpsc::channel());
    // Told on the log's own thread: only the mark of the quiet log is left to be synced.
    let done = Box::new(move |kept| {
        disk.faults(|faults| faults.syncs_fail = 1);
        sent.send(kept).expect("the test listens");
    });
    cluster.at(1).append(&journal, Seq(0), Time::from_ms(1), vec![b"x".to_vec()], done);
    assert_eq!(cluster.answer(&Answer(answer)), Ok(Seq(1)));
    cluster.until("it says that it must end", |it| *it.hub.died.lock() == [node(1)]);
}

#[test]
fn f4_a_failed_sync_of_the_engine_ends_the_node_and_the_twin_goes_on() {
    let (mut cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.pair(shard, 1, 2);
    assert_eq!(cluster.append(1, &journal, 0, b"both"), Ok(Seq(1)));
    worlds[0].store.mischief(|mischief| mischief.syncs_fail = 1);
    let more = append(cluster.at(1), &journal, 1, b"more");
    cluster.until("it says that it must end", |it| *it.hub.died.lock() == [node(1)]);
    drop(more);
    cluster.stop(1);
    cluster.until("the twin serves", |it| it.serves(2, shard));
    let head = cluster.at(2).head(&journal).expect("sound").0;
    assert_eq!(cluster.append(2, &journal, head, b"on"), Ok(Seq(head + 1)));
    // Its engine is put aside at the next start, and its log is whole.
    worlds[0].store.lose();
    cluster.start(1);
    cluster.want(shard, 2, Some(1));
    cluster.until("it is the twin", |it| it.config(shard).twin == Some(node(1)));
    cluster.until("both agree", |it| it.bodies(1, &journal) == it.bodies(2, &journal));
}

#[test]
fn fl1_fl2_a_stalled_shard_is_carried_forward_and_the_log_stays_short() {
    let (mut cluster, worlds) = cluster(2);
    let (stalled, busy) = (id("room/1"), id("room/2"));
    assert_ne!(stalled.shard(), busy.shard());
    cluster.pair(stalled.shard(), 1, 2);
    cluster.until("it serves", |it| it.serves(1, busy.shard()));
    assert_eq!(cluster.append(1, &stalled, 0, b"both"), Ok(Seq(1)));
    cluster.hub.deaf.store(true, Relaxed);
    cluster.hub.cut.lock().insert(node(2));
    let waiting: Vec<Answer> =
        (1..5).map(|after| append(cluster.at(1), &stalled, after, b"waits")).collect();
    let mut most = 0;
    for after in 0..600 {
        assert_eq!(cluster.append(1, &busy, after, &[1; 900]), Ok(Seq(after + 1)));
        most = most.max(cluster.at(1).stats().segments);
    }
    assert!(cluster.at(1).stats().entries_carried > 0, "FL2");
    assert!(most <= 12, "FL2: {most} segments of 16 KiB for 600 KiB");
    assert!(waiting.iter().all(|answer| answer.0.try_recv().is_err()), "nobody was told");

    let dead = cluster.up.remove(&node(1)).expect("it runs");
    worlds[0].crash(dead, &mut Dice::new(9));
    cluster.hub.deaf.store(false, Relaxed);
    cluster.hub.cut.lock().clear();
    cluster.up.remove(&node(2)).expect("it runs").close();
    cluster.start(1);
    // Its twin is gone: alone it takes over what waited, which it still has.
    cluster.until("it serves", |it| it.serves(1, stalled.shard()));
    assert_eq!(cluster.bodies(1, &stalled).len(), 5, "FL1: what waited was not released");
    assert_eq!(cluster.bodies(1, &busy).len(), 600);
}

#[test]
fn a_lost_engine_begins_again_from_a_whole_log_and_never_from_one_with_a_hole() {
    let (mut cluster, worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.until("it serves", |it| it.serves(1, shard));
    for after in 0..3 {
        assert_eq!(cluster.append(1, &journal, after, b"x"), Ok(Seq(after + 1)));
    }
    cluster.stop(1);
    worlds[0].store.lose();
    cluster.start(1);
    cluster.until("the log was whole", |it| it.serves(1, shard));
    assert_eq!(cluster.bodies(1, &journal).len(), 3);
    cluster.stop(1);
    cluster.start(1);
    cluster.pair(shard, 1, 2);
    cluster.until("it was copied", |it| it.bodies(2, &journal).len() == 3);
    cluster.stop(2);
    worlds[1].store.lose();
    let world = Arc::new(HubOf(Arc::clone(&cluster.hub), node(2)));
    let lost = Ledger::twinned(worlds[1].options(), node(2), Settings::default(), world).err();
    assert!(matches!(lost, Some(StorageFault::EngineLost { .. })), "{lost:?}");
}

#[test]
fn twins_in_real_directories_with_a_real_engine() {
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().expect("a directory")).collect();
    let options: Vec<Options> = dirs
        .iter()
        .map(|dir| Options {
            segment_bytes: 256 * 1024,
            reserve_bytes: 0,
            ..Options::new(dir.path())
        })
        .collect();
    let journal = id("room/1");
    let shard = journal.shard();
    let old = Ledger::open(options[0].clone()).expect("it opens");
    append(&old, &journal, 0, b"old").wait().expect("kept");
    old.close();
    let mut cluster = Cluster::new(options.clone());
    cluster.pair(shard, 1, 2);
    for after in 1..30 {
        assert_eq!(cluster.append(1, &journal, after, &[2; 5000]), Ok(Seq(after + 1)));
    }
    cluster.until("both have it", |it| it.bodies(2, &journal).len() == 30);
    for _ in 0..2 {
        (1..=2).for_each(|number| cluster.stop(number));
        (1..=2).for_each(|number| cluster.start(number));
        cluster.until("it serves", |it| it.serves(1, shard));
    }
    assert_eq!(cluster.bodies(2, &journal).len(), 30);
    cluster.stop(1);

    let alone = Ledger::open(options[0].clone()).expect("for reading");
    // Without twins only what has reached the engine is read: a beginning of the truth.
    let read = alone.read(&journal, Seq(0), 99).expect("it is sound").len();
    assert!((1..=30).contains(&read), "{read}");
    let after = read as u64;
    assert_eq!(append(&alone, &journal, after, b"x").wait(), Err(StorageFault::ReadOnly));
    drop(alone);
    cluster.start(1);
    cluster.until("somebody serves", |it| it.serves(1, shard) || it.serves(2, shard));
    cluster.until("and everything is there", |it| it.bodies(1, &journal).len() == 30);
}
