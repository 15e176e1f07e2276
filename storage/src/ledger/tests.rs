//! The ledger against its invariants, on disks and engines that tear, lie and fill up.

use std::sync::mpsc;

use super::*;
use crate::{dice::Dice, disk::memory::MemoryDisk, store::memory::MemoryStore};

/// A node's worth of storage that survives its ledger.
struct World {
    disk: MemoryDisk,
    store: MemoryStore,
}

impl World {
    fn new() -> Self {
        Self { disk: MemoryDisk::new(), store: MemoryStore::new() }
    }

    fn options(&self) -> Options {
        Options {
            engine: Engine::Memory,
            segment_bytes: 16 * 1024,
            segments_keep: 0,
            checkpoint_bytes: 4096,
            reserve_bytes: 0,
            disk: Some(Arc::new(self.disk.clone())),
            store: Some(Arc::new(self.store.clone())),
            ..Options::new("")
        }
    }

    fn open(&self) -> Ledger {
        Ledger::open(self.options()).expect("it opens")
    }
}

impl World {
    /// The power goes first, the process after it: what the process still does reaches nothing.
    fn crash(&self, ledger: Ledger, dice: &mut Dice) {
        let (disk, store) = (MemoryDisk::new(), MemoryStore::new());
        loop {
            let before = self.store.turns();
            disk.copy(&self.disk);
            store.copy(&self.store);
            if store.turns() == before {
                break; // both of one moment
            }
        }
        drop(ledger);
        self.disk.copy(&disk);
        self.store.copy(&store);
        self.disk.crash(dice.roll());
        self.store.crash(dice.roll());
    }
}

fn id(text: &str) -> JournalId {
    JournalId::new(text).expect("a good name")
}

fn append(ledger: &Ledger, journal: &JournalId, after: u64, body: &[u8]) -> Answer {
    let (sent, answer) = mpsc::channel();
    let done = Box::new(move |result| sent.send(result).expect("the test listens"));
    ledger.append(journal, Seq(after), Time::from_ms(after), vec![body.to_vec()], done);
    Answer(answer)
}

struct Answer(mpsc::Receiver<Result<Seq, StorageFault>>);

impl Answer {
    fn wait(self) -> Result<Seq, StorageFault> {
        self.0.recv().expect("it is answered")
    }
}

/// Waits until the engine holds everything.
fn settle(ledger: &Ledger) {
    while ledger.stats().unapplied_bytes > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn g1_g2_appends_are_pipelined_acknowledged_in_order_and_read_back() {
    let world = World::new();
    let ledger = world.open();
    let journal = id("room/1");
    assert_eq!(ledger.head(&journal), Ok(Seq(0)));
    let answers: Vec<_> =
        (0..100).map(|after| append(&ledger, &journal, after, &[after as u8; 100])).collect();
    for (answer, seq) in answers.into_iter().zip(1..) {
        assert_eq!(answer.wait(), Ok(Seq(seq)), "G1");
    }
    let check = |ledger: &Ledger| {
        assert_eq!(ledger.head(&journal), Ok(Seq(100)));
        for (after, limit) in
            [(0, 1000), (0, 7), (1, 7), (50, 50), (99, 5), (100, 5), (700, 5), (3, 0)]
        {
            let entries = ledger.read(&journal, Seq(after), limit).expect("sound");
            let expected = 100_u64.saturating_sub(after).min(limit as u64);
            assert_eq!(entries.len() as u64, expected, "G2: {limit} after {after}");
            for (entry, seq) in entries.iter().zip(after + 1..) {
                assert_eq!((entry.seq, entry.at.ms()), (Seq(seq), seq - 1));
                assert_eq!(entry.body, [(seq - 1) as u8; 100]);
            }
        }
    };
    check(&ledger);
    settle(&ledger);
    check(&ledger);
    ledger.close();
    check(&world.open());
}

#[test]
fn a_gap_or_a_double_is_out_of_order() {
    let ledger = World::new().open();
    let journal = id("room/1");
    assert_eq!(append(&ledger, &journal, 0, b"one").wait(), Ok(Seq(1)));
    for after in [0, 2] {
        let fault = append(&ledger, &journal, after, b"x").wait();
        let (expected, found) = (Seq(1), Seq(after));
        assert_eq!(
            fault,
            Err(StorageFault::OutOfOrder { journal: journal.clone(), expected, found })
        );
    }
    let large = append(&ledger, &journal, 1, &[0; 20_000]).wait();
    assert!(matches!(large, Err(StorageFault::TooLarge { .. })), "{large:?}");
    assert_eq!(append(&ledger, &journal, 1, b"two").wait(), Ok(Seq(2)), "G4");
    let fault = ledger.snapshot(&journal, Seq(3), 1, vec![]);
    assert!(matches!(fault, Err(StorageFault::OutOfOrder { .. })));
}

#[test]
fn journals_are_listed_before_and_after_they_reach_the_engine() {
    let world = World::new();
    let ledger = world.open();
    let names = ["a/1", "a/2", "b/1", "a/3"];
    for name in names {
        append(&ledger, &id(name), 0, b"x").wait().expect("kept");
    }
    assert_eq!(ledger.head(&id("a/4")), Ok(Seq(0)), "asked for, never written");
    for _ in 0..2 {
        let list = |after: Option<&str>, limit| {
            let after = after.map(id);
            let found = ledger.journals("a/", after.as_ref(), limit).expect("listed");
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(list(None, 9), ["a/1", "a/2", "a/3"]);
        assert_eq!(list(Some("a/1"), 1), ["a/2"]);
        assert_eq!(list(Some("a/3"), 9), Vec::<String>::new());
        settle(&ledger);
    }
}

#[test]
fn a_snapshot_is_loaded_from_memory_and_from_the_engine() {
    let world = World::new();
    let ledger = world.open();
    let journal = id("room/1");
    assert_eq!(ledger.load_snapshot(&journal), Ok(None));
    append(&ledger, &journal, 0, b"x").wait().expect("kept");
    for (version, len) in [(1, 9000), (2, 10)] {
        ledger.snapshot(&journal, Seq(1), version, vec![9; len]).expect("on its way");
        append(&ledger, &id("other"), u64::from(version) - 1, b"x").wait().expect("kept after it");
        let snapshot = Snapshot { seq: Seq(1), version, body: vec![9; len] };
        assert_eq!(ledger.load_snapshot(&journal), Ok(Some(snapshot.clone())));
        settle(&ledger);
        assert_eq!(ledger.load_snapshot(&journal), Ok(Some(snapshot)));
    }
    ledger.close();
    assert!(world.store.flip(b"s", 3));
    let damaged = Err(StorageFault::CorruptSnapshot { journal: journal.clone() });
    assert_eq!(world.open().load_snapshot(&journal), damaged);
}

/// Appends to three journals from a seed, and gives back how far each was acknowledged.
fn live(ledger: &Ledger, dice: &mut Dice, heads: &mut [u64; 3]) {
    for _ in 0..dice.below(60) {
        let which = dice.below(3) as usize;
        let journal = id(&format!("room/{which}"));
        let body = vec![heads[which] as u8; dice.below(700) as usize];
        match append(ledger, &journal, heads[which], &body).wait() {
            Ok(seq) => heads[which] = seq.0,
            Err(fault) => panic!("nothing is wrong with this disk: {fault}"),
        }
        if dice.one_in(9) {
            ledger
                .snapshot(&journal, Seq(heads[which]), 1, vec![heads[which] as u8])
                .expect("sent");
        }
    }
}

#[test]
fn s1_a_power_loss_at_any_moment_loses_nothing_that_was_acknowledged() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let world = World::new();
        let mut heads = [0; 3];
        for _ in 0..4 {
            let ledger = world.open();
            for (which, head) in heads.iter_mut().enumerate() {
                let journal = id(&format!("room/{which}"));
                let found = ledger.read(&journal, Seq(0), 1000).expect("sound");
                assert_eq!(found.len() as u64, *head, "S1, seed {seed}: all, and nothing else");
                for entry in found {
                    assert!(entry.body.iter().all(|byte| u64::from(*byte) + 1 == entry.seq.0));
                }
                let snapshot = ledger.load_snapshot(&journal).expect("sound");
                assert!(snapshot.is_none_or(|found| found.seq.0 <= *head), "seed {seed}");
            }
            live(&ledger, &mut dice, &mut heads);
            world.crash(ledger, &mut dice);
        }
    }
}

#[test]
fn s2_a_disk_and_an_engine_that_lie_are_found_out_or_do_no_harm() {
    let (mut named, mut sound) = (0, 0);
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let world = World::new();
        let ledger = world.open();
        let mut heads = [0; 3];
        live(&ledger, &mut dice, &mut heads);
        world.store.mischief(|mischief| {
            (mischief.tears, mischief.sync_lies) = (dice.one_in(2), dice.one_in(2));
        });
        world.disk.faults(|faults| faults.sync_lies = dice.one_in(2));
        live(&ledger, &mut dice, &mut heads);
        world.crash(ledger, &mut dice);
        let Ok(ledger) = Ledger::open(world.options()) else {
            named += 1;
            continue;
        };
        for (which, head) in heads.iter().enumerate() {
            match ledger.read(&id(&format!("room/{which}")), Seq(0), 1000) {
                Err(StorageFault::Corrupt { .. }) => named += 1,
                Err(fault) => panic!("seed {seed}: {fault}"),
                Ok(found) => {
                    sound += 1;
                    assert!(found.len() as u64 <= *head, "seed {seed}: nothing is made up");
                    for entry in found {
                        assert!(entry.body.iter().all(|byte| u64::from(*byte) + 1 == entry.seq.0));
                    }
                }
            }
        }
    }
    assert!(named > 0 && sound > 0, "{named} named, {sound} sound");
}

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

#[test]
fn a_closed_ledger_still_reads_and_refuses_appends() {
    let ledger = World::new().open();
    let journal = id("room/1");
    append(&ledger, &journal, 0, b"x").wait().expect("kept");
    ledger.clone().close();
    assert_eq!(append(&ledger, &journal, 1, b"y").wait(), Err(StorageFault::Closed));
    assert_eq!(ledger.read(&journal, Seq(0), 9).map(|found| found.len()), Ok(1));
    let stats = ledger.stats();
    assert_eq!((stats.commits, stats.unapplied_bytes, stats.queue_depth), (1, 0, 0));
    assert!(stats.fsyncs >= 1 && stats.fsync_seconds.len() == 11);
}

#[test]
fn the_last_ledger_may_be_dropped_by_a_completion() {
    let world = World::new();
    let ledger = world.open();
    let (sent, answer) = mpsc::channel();
    let last = ledger.clone();
    let done = Box::new(move |result| {
        drop(last);
        sent.send(result).expect("the test listens");
    });
    ledger.append(&id("room/1"), Seq(0), Time::from_ms(1), vec![vec![1]], done);
    drop(ledger);
    assert_eq!(answer.recv().expect("answered"), Ok(Seq(1)));
}
