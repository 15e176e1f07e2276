//! What the ledger does when the world fails: a full disk, a failed sync, a flipped bit, a lost
//! engine.

use super::*;

#[test]
fn g4_a_full_disk_refuses_keeps_nothing_and_recovers_by_itself() {
    let world = World::new();
    let journal = id("room/1");
    let ledger = world.open();
    append(&ledger, &journal, 0, b"before").wait().expect("there is room");
    world.disk.faults(|faults| faults.capacity = Some(16 * 1024));
    world.store.mischief(|mischief| mischief.capacity = Some(0));
    let mut after = 1;
    let fault = loop {
        let built: Vec<_> =
            (0..5).map(|more| append(&ledger, &journal, after + more, &[1; 900])).collect();
        let answers: Vec<_> = built.into_iter().map(Answer::wait).collect();
        after += answers.iter().filter(|answer| answer.is_ok()).count() as u64;
        let good = answers.iter().take_while(|answer| answer.is_ok()).count();
        assert!(answers[good..].iter().all(Result::is_err), "G4: what was built on it goes too");
        if let Some(Err(fault)) = answers.into_iter().find(Result::is_err) {
            break fault;
        }
    };
    assert!(matches!(fault, StorageFault::DiskFull { needed: 16384, .. }), "{fault:?}");
    assert_eq!(ledger.head(&journal), Ok(Seq(after)));
    assert_eq!(ledger.read(&journal, Seq(0), 999).map(|found| found.len() as u64), Ok(after));

    world.disk.faults(|faults| faults.capacity = None);
    world.store.mischief(|mischief| mischief.capacity = None);
    let seq = loop {
        match append(&ledger, &journal, after, b"again").wait() {
            Ok(seq) => break seq,
            Err(fault) => assert!(matches!(fault, StorageFault::DiskFull { .. }), "{fault:?}"),
        }
    };
    assert_eq!((seq, ledger.writable()), (Seq(after + 1), Ok(())));
    ledger.close();
    assert_eq!(world.open().head(&journal), Ok(Seq(after + 1)));
}

#[test]
fn less_than_the_reserve_refuses_appends_while_reads_go_on() {
    let world = World::new();
    let journal = id("room/1");
    let options = || Options { reserve_bytes: 50_000, ..world.options() };
    let ledger = Ledger::open(options()).expect("it opens");
    append(&ledger, &journal, 0, b"x").wait().expect("there is room");
    ledger.close();
    world.disk.faults(|faults| faults.capacity = Some(60_000));
    let ledger = Ledger::open(options()).expect("it opens");
    let low = append(&ledger, &journal, 1, b"x").wait();
    assert!(matches!(low, Err(StorageFault::DiskFull { needed: 50_000, .. })), "{low:?}");
    assert_eq!(ledger.read(&journal, Seq(0), 9).map(|found| found.len()), Ok(1));
}

#[test]
fn l3_a_failed_sync_closes_the_log_and_reads_go_on() {
    let world = World::new();
    let journal = id("room/1");
    let ledger = world.open();
    append(&ledger, &journal, 0, b"before").wait().expect("kept");
    world.disk.faults(|faults| faults.syncs_fail = 1);
    for _ in 0..3 {
        let fault = append(&ledger, &journal, 1, b"never").wait();
        assert!(matches!(fault, Err(StorageFault::LogFaulted { .. })), "L3: {fault:?}");
    }
    assert!(matches!(ledger.writable(), Err(StorageFault::LogFaulted { .. })));
    assert_eq!(ledger.read(&journal, Seq(0), 9).map(|found| found.len()), Ok(1));
    drop(ledger);
    world.disk.crash(7);
    assert_eq!(append(&world.open(), &journal, 1, b"after").wait(), Ok(Seq(2)));
}

#[test]
fn f4_a_failed_sync_of_the_engine_ends_this_life_and_nothing_is_released() {
    let world = World::new();
    let journal = id("room/1");
    let ledger = world.open();
    append(&ledger, &journal, 0, b"before").wait().expect("kept");
    settle(&ledger);
    world.store.mischief(|mischief| mischief.syncs_fail = 1);
    let mut after = 1;
    let fault = loop {
        match append(&ledger, &journal, after, &[7; 900]).wait() {
            Ok(seq) => after = seq.0,
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, StorageFault::EngineUnsynced { .. }), "F4: {fault:?}");
    assert_eq!(ledger.read(&journal, Seq(0), 999).map(|found| found.len() as u64), Ok(after));
    world.crash(ledger, &mut Dice::new(1));
    assert_eq!(world.open().head(&journal), Ok(Seq(after)), "F4: the log was kept");
}

#[test]
fn f4_an_engine_whose_sync_failed_is_put_aside_and_filled_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let options =
        || Options { segment_bytes: 256 * 1024, reserve_bytes: 0, ..Options::new(dir.path()) };
    let journal = id("room/1");
    let ledger = Ledger::open(options()).expect("it opens");
    for after in 0..3 {
        append(&ledger, &journal, after, b"x").wait().expect("kept");
    }
    ledger.close();
    doubt::cast(&crate::disk::real::RealDisk::open(dir.path()).expect("it is there"));
    for _ in 0..2 {
        let ledger = Ledger::open(options()).expect("its log is whole");
        assert_eq!(ledger.read(&journal, Seq(0), 9).map(|found| found.len()), Ok(3));
        ledger.close();
        assert!(dir.path().join("sled.damaged-1").exists(), "F4");
        assert!(!dir.path().join("sled.damaged-2").exists(), "the new one is believed");
    }
}

#[test]
fn a_folder_that_lost_log_and_engine_is_not_a_new_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let options =
        || Options { segment_bytes: 256 * 1024, reserve_bytes: 0, ..Options::new(dir.path()) };
    let lose = || {
        for name in ["wal", "sled"] {
            std::fs::remove_dir_all(dir.path().join(name)).expect("it is there");
        }
    };
    // A first start that came no further than the format is as good as none.
    home::check_format(dir.path(), "sled", false).expect("written");
    let ledger = Ledger::open(options()).expect("it is new");
    append(&ledger, &id("room/1"), 0, b"x").wait().expect("kept");
    ledger.close();
    lose();
    for _ in 0..2 {
        let lost = Ledger::open(options()).err();
        assert!(matches!(lost, Some(StorageFault::EngineLost { first: 0, .. })), "{lost:?}");
        assert!(lost.is_some_and(|it| it.to_string().contains("so is the log")), "in words");
    }
}

#[test]
fn g3_a_flipped_bit_in_the_engine_is_named_and_never_served() {
    for seed in 0..100 {
        let world = World::new();
        let journal = id("room/1");
        let ledger = world.open();
        for after in 0..5 {
            append(&ledger, &journal, after, &[after as u8; 50]).wait().expect("kept");
        }
        ledger.close();
        assert!(world.store.flip(if seed % 3 == 0 { b"h" } else { b"e" }, seed));
        match world.open().read(&journal, Seq(0), 9) {
            Err(StorageFault::Corrupt { journal: named, .. }) => assert_eq!(named, journal),
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn a_lost_engine_is_rebuilt_from_the_log_or_from_the_twin_or_not_at_all() {
    let world = World::new();
    let twin = World::new();
    let journal = id("room/1");
    let (ledger, other) = (world.open(), twin.open());
    let both = |after: u64| {
        let body = vec![after as u8; 900];
        append(&ledger, &journal, after, &body).wait().expect("kept");
        append(&other, &journal, after, &body).wait().expect("kept");
    };
    (0..5).for_each(both);
    other.snapshot(&journal, Seq(5), 1, b"fold".to_vec()).expect("sent");
    (5..60).for_each(both);
    settle(&ledger);
    while ledger.stats().segments > 1 {
        std::thread::yield_now();
    }
    ledger.close();
    world.store.lose();
    let lost = Ledger::open(world.options()).err();
    assert!(matches!(lost, Some(StorageFault::EngineLost { .. })), "{lost:?}");

    let rebuild: Arc<dyn rebuild::Source> = Arc::new(other);
    let rebuilt = Ledger::open(Options { rebuild: Some(rebuild), ..world.options() });
    let rebuilt = rebuilt.expect("the twin has everything");
    let bodies = rebuilt.read(&journal, Seq(0), 99).expect("sound");
    assert_eq!(bodies.len(), 60);
    assert_eq!(
        rebuilt.load_snapshot(&journal).expect("sound").map(|found| found.seq),
        Some(Seq(5))
    );
    assert_eq!(append(&rebuilt, &journal, 60, b"on").wait(), Ok(Seq(61)));

    let young = World::new();
    let ledger = young.open();
    append(&ledger, &journal, 0, b"x").wait().expect("kept");
    settle(&ledger);
    ledger.close();
    young.store.lose();
    assert_eq!(young.open().head(&journal), Ok(Seq(1)), "the log has its first record");
}
