//! The crash suite: what a node acknowledged survives what can happen to a machine.
//!
//! A child process is killed at a moment that follows from a seed, by what it has said and never by
//! the clock. `KONSIL_CRASH_ROUNDS` sets how often (20), `SEED` where chance begins (1).
//! `KONSIL_FLIP_ROUNDS` sets how many bits are flipped in an engine's files, one at a time (20).

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
};

use protocol::time::Time;
use storage::{
    Engine, JournalId, Ledger, Options, Seq, StorageFault, dice::Dice, ledger::rebuild::Source,
};
use tempfile::TempDir;
use tests::crash::{JOURNALS, body, journal_name, options};

/// A child is killed after at most so many acknowledgements.
const ACKS: u64 = 3000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn id(journal: usize) -> JournalId {
    JournalId::new(&journal_name(journal)).expect("a good name")
}

fn spawn(dir: &Path, engine: Engine) -> Child {
    Command::new(env!("CARGO_BIN_EXE_crash_child"))
        .args([dir.as_os_str(), engine.to_string().as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

/// Lets a child live until it has said enough, kills it, and takes down all it ever acknowledged.
fn live_and_die(dir: &Path, engine: Engine, lines: u64, acked: &mut [u64; JOURNALS]) {
    let mut child = spawn(dir, engine);
    let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut heard = 0;
    let mut line = String::new();
    if lines == 0 {
        child.kill().expect("killed while it starts");
    }
    // After the kill the rest of the pipe is still read: it was said, so it was acknowledged.
    while said.read_line(&mut line).expect("the pipe is read") > 0 {
        if let Some((journal, seq)) =
            line.trim_end().split_once(' ').filter(|_| line.ends_with('\n'))
        {
            let journal: usize = journal.parse().unwrap_or_else(|_| panic!("it said {line}"));
            let seq: u64 = seq.parse().expect("a sequence number");
            assert_eq!(seq, acked[journal].max(seq), "acknowledged in order");
            acked[journal] = seq;
        }
        heard += 1;
        if heard == lines {
            child.kill().expect("killed");
        }
        line.clear();
    }
    child.wait().expect("it is gone");
}

/// Everything acknowledged is there, in order, once, and is what was appended.
fn verify(ledger: &Ledger, acked: &mut [u64; JOURNALS], from: [u64; JOURNALS]) {
    for (journal, acked) in acked.iter_mut().enumerate() {
        let head = ledger.head(&id(journal)).expect("a sound head").0;
        assert!(head >= *acked, "journal {journal}: {acked} was acknowledged, {head} is there");
        let entries = ledger.read(&id(journal), Seq(from[journal]), usize::MAX >> 1);
        let entries = entries.expect("a sound chain");
        assert_eq!(entries.len() as u64, head - from[journal]);
        for (entry, seq) in entries.iter().zip(from[journal] + 1..) {
            assert_eq!((entry.seq, entry.at), (Seq(seq), Time::from_ms(seq)));
            assert_eq!(entry.body, body(journal, seq), "journal {journal}, entry {seq}");
        }
        if let Some(snapshot) = ledger.load_snapshot(&id(journal)).expect("a sound snapshot") {
            assert_eq!(snapshot.body, body(journal, snapshot.seq.0));
            assert!(snapshot.seq.0 <= head);
        }
        // What was on its way when the child died may be there too; from now on it counts.
        *acked = head;
    }
}

fn kill_again_and_again(engine: Engine) {
    let rounds = number("KONSIL_CRASH_ROUNDS", 20);
    let dir = TempDir::new().expect("a directory");
    let mut dice = Dice::new(number("SEED", 1));
    let mut acked = [0; JOURNALS];
    for round in 0..rounds {
        let lines = if dice.one_in(5) { dice.below(3) } else { dice.below(ACKS) };
        let before = acked;
        live_and_die(dir.path(), engine, lines, &mut acked);
        // Some deaths follow each other without a look in between.
        if !dice.one_in(3) || round + 1 == rounds {
            let options = Options { engine, ..options(dir.path()) };
            let ledger = Ledger::open(options).unwrap_or_else(|fault| panic!("{round}: {fault}"));
            let whole = round + 1 == rounds;
            let from = if whole { [0; JOURNALS] } else { before.map(|seq| seq.saturating_sub(9)) };
            verify(&ledger, &mut acked, from);
        }
    }
    println!("{engine}: {rounds} kills, {} entries kept", acked.iter().sum::<u64>());
}

#[test]
fn s1_killed_at_any_moment_sled_loses_nothing() {
    kill_again_and_again(Engine::Sled);
}

#[test]
fn s1_killed_at_any_moment_redb_loses_nothing() {
    kill_again_and_again(Engine::Redb);
}

fn append(ledger: &Ledger, journal: usize, after: u64) -> Result<Seq, StorageFault> {
    let (sent, told) = mpsc::channel();
    let done = Box::new(move |kept| sent.send(kept).expect("the test listens"));
    let bodies = vec![body(journal, after + 1)];
    ledger.append(&id(journal), Seq(after), Time::from_ms(after + 1), bodies, done);
    told.recv().expect("it is answered")
}

/// A ledger with `entries` in each journal, closed again.
fn filled(dir: &Path, engine: Engine, entries: u64) {
    let ledger = Ledger::open(Options { engine, ..options(dir) }).expect("it opens");
    for after in 0..entries {
        for journal in 0..JOURNALS {
            assert_eq!(append(&ledger, journal, after), Ok(Seq(after + 1)));
        }
    }
    ledger.close();
}

fn flip_a_bit(file: &Path, dice: &mut Dice) {
    let mut bytes = fs::read(file).expect("the file is read");
    // Engines grow their files ahead: bits are flipped where something was written.
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("something was written");
    let at = dice.below(used as u64) as usize;
    bytes[at] ^= 1 << dice.below(8);
    fs::write(file, bytes).expect("the file is written");
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Flips one bit in a file of a closed ledger: it is named or does no harm, and with a twin
/// everything is back.
fn flip_and_look(engine: Engine, file: fn(&Path) -> std::path::PathBuf) {
    const ENTRIES: u64 = 60;
    let whole = TempDir::new().expect("a directory");
    let twin_dir = TempDir::new().expect("a directory");
    filled(whole.path(), engine, ENTRIES);
    filled(twin_dir.path(), engine, ENTRIES);
    let twin = Options { engine, ..options(twin_dir.path()) };
    let twin: Arc<dyn Source> = Arc::new(Ledger::open(twin).expect("the twin opens"));
    let mut named = 0;
    for seed in 0..number("KONSIL_FLIP_ROUNDS", 20) {
        let dir = TempDir::new().expect("a directory");
        copy_dir(whole.path(), dir.path());
        flip_a_bit(&file(dir.path()), &mut Dice::new(seed));
        match Ledger::open(Options { engine, ..options(dir.path()) }) {
            Err(fault) => {
                named += 1;
                let known = matches!(
                    fault,
                    StorageFault::EngineLost { .. } | StorageFault::LogCorrupt { .. }
                );
                assert!(known, "seed {seed}: {fault:?}");
                if matches!(fault, StorageFault::EngineLost { .. }) {
                    let rebuild = Some(Arc::clone(&twin));
                    let again = Options { engine, rebuild, ..options(dir.path()) };
                    let again = Ledger::open(again).expect("the twin has everything");
                    verify(&again, &mut [ENTRIES; JOURNALS], [0; JOURNALS]);
                }
            }
            Ok(ledger) => {
                for journal in 0..JOURNALS {
                    match ledger.read(&id(journal), Seq(0), usize::MAX >> 1) {
                        Err(fault) => {
                            named += 1;
                            println!("seed {seed}: {fault}");
                        }
                        Ok(entries) => {
                            assert_eq!(entries.len() as u64, ENTRIES, "seed {seed}: S2");
                            for (entry, seq) in entries.iter().zip(1..) {
                                assert_eq!(entry.body, body(journal, seq), "seed {seed}: S2");
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{engine}: {named} faults named");
}

#[test]
fn s2_a_flipped_bit_in_sled_is_named_or_harmless() {
    flip_and_look(Engine::Sled, |dir| dir.join("sled/db"));
}

#[test]
fn s2_a_flipped_bit_in_redb_is_named_or_harmless() {
    flip_and_look(Engine::Redb, |dir| dir.join("redb/db.redb"));
}

/// A file system of its own, as small as wanted. None without the right to mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let dir = TempDir::new().expect("a directory");
        let size = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the small disk is unmounted");
    }
}

/// Fills a real disk until appends are refused, reads, makes room, goes on, and opens it again.
fn fill_up(engine: Engine, reserve_bytes: u64) {
    let Some(disk) = SmallDisk::mount("24m") else {
        println!("no right to mount a small disk: skipped");
        return;
    };
    let dir = disk.0.path();
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![1; 12 << 20]).expect("there is room");
    let options = || Options { engine, reserve_bytes, ..options(dir.join("data")) };
    let ledger = Ledger::open(options()).expect("it opens");
    let mut acked = [0; JOURNALS];
    let fault = 'full: loop {
        for (journal, head) in acked.iter_mut().enumerate() {
            match append(&ledger, journal, *head) {
                Ok(seq) => *head = seq.0,
                Err(StorageFault::Busy { .. }) => std::thread::yield_now(),
                Err(fault) => break 'full fault,
            }
        }
    };
    println!("{engine}, reserve {reserve_bytes}: {fault}; {} entries", acked.iter().sum::<u64>());
    let expected =
        matches!(fault, StorageFault::DiskFull { .. } | StorageFault::EngineStalled { .. });
    assert!(expected, "{fault:?}");
    for (journal, head) in acked.iter().enumerate() {
        assert_eq!(ledger.head(&id(journal)), Ok(Seq(*head)), "reads go on");
    }

    fs::remove_file(ballast).expect("room is made");
    for (journal, head) in acked.iter_mut().enumerate() {
        *head = loop {
            match append(&ledger, journal, *head) {
                Ok(seq) => break seq.0,
                Err(fault) => assert!(!matches!(fault, StorageFault::LogFaulted { .. }), "{fault}"),
            }
        };
    }
    verify(&ledger, &mut acked, [0; JOURNALS]);
    ledger.close();
    let ledger = Ledger::open(options()).expect("it opens");
    verify(&ledger, &mut acked, [0; JOURNALS]);
}

#[test]
fn s3_a_full_disk_refuses_reads_on_and_recovers_with_sled() {
    fill_up(Engine::Sled, 6 << 20);
}

#[test]
fn s3_a_full_disk_refuses_reads_on_and_recovers_with_redb() {
    fill_up(Engine::Redb, 6 << 20);
}

/// Without a reserve the engine itself runs out of room, in the middle of whatever it does.
#[test]
fn s3_an_engine_without_room_loses_nothing() {
    fill_up(Engine::Redb, 0);
    fill_up(Engine::Sled, 0);
}
