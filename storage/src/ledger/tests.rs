//! The ledger against its invariants, on disks and engines that tear, lie and fill up.

use std::sync::mpsc;

mod faults;
mod twins;

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
        let moment = self.moment();
        drop(ledger);
        self.fall(&moment, dice);
    }

    /// Disk and engine as they are at this moment.
    fn moment(&self) -> (MemoryDisk, MemoryStore) {
        let (disk, store) = (MemoryDisk::new(), MemoryStore::new());
        loop {
            let before = self.store.turns();
            disk.copy(&self.disk);
            store.copy(&self.store);
            if store.turns() == before {
                return (disk, store); // both of one moment
            }
        }
    }

    /// The power went at that moment; nobody writes any more.
    fn fall(&self, (disk, store): &(MemoryDisk, MemoryStore), dice: &mut Dice) {
        self.disk.copy(disk);
        self.store.copy(store);
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
