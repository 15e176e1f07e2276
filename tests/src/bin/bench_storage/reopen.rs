//! How long a node that was killed takes to have its data again.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::Instant,
};

use anyhow::{Context, ensure};
use protocol::time::Time;
use storage::{Engine, JournalId, Ledger, Options, Seq, StorageFault};

use super::Asked;

/// The first word of the process that is killed.
pub(crate) const CHILD: &str = "--fill";

const JOURNALS: u64 = 1000;
const BODY_BYTES: u64 = 1000;
const IN_FLIGHT: u64 = 500;

/// Fills, kills, opens and prints, for both engines.
pub(crate) fn run(asked: &Asked, work: &Path) -> anyhow::Result<()> {
    println!("\nreopened after SIGKILL with {} MB acknowledged (goal: below 2 s)", asked.reopen_mb);
    println!(
        "| engine | filled, MB/s | entries found | opened | first read | MB on disk, engine |"
    );
    println!("|---|---|---|---|---|---|");
    for engine in [Engine::Sled, Engine::Redb] {
        let dir = work.join(format!("reopen-{engine}"));
        let started = Instant::now();
        let acked = fill_and_kill(&dir, engine, asked.reopen_mb)?;
        let pace = asked.reopen_mb as f64 / started.elapsed().as_secs_f64();

        let started = Instant::now();
        let ledger = Ledger::open(Options { engine, ..Options::new(&dir) })?;
        let opened = started.elapsed();
        let started = Instant::now();
        let first = ledger.read(&journal(0)?, Seq(0), 100)?;
        let read = started.elapsed();
        ensure!(first.len() == 100, "a hundred entries are read");
        let mut found = 0;
        for number in 0..JOURNALS {
            found += ledger.head(&journal(number)?)?.0;
        }
        ensure!(found >= acked, "{acked} entries were acknowledged, {found} are there");
        let size = ledger.stats().engine_bytes.unwrap_or(0) as f64 / 1e6;
        println!("| {engine} | {pace:.0} | {found} | {opened:.2?} | {read:.2?} | {size:.0} |");
        ledger.close();
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn journal(number: u64) -> anyhow::Result<JournalId> {
    Ok(JournalId::new(&format!("room/room_{number:06}"))?)
}

fn fill_and_kill(dir: &Path, engine: Engine, mb: u64) -> anyhow::Result<u64> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(CHILD)
        .arg(dir)
        .arg(engine.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let said = BufReader::new(child.stdout.take().context("it is piped")?);
    let mut acked = 0;
    for line in said.lines() {
        // The line the kill cuts short is no number.
        acked = line?.parse().unwrap_or(acked);
        if acked * BODY_BYTES >= mb * 1_000_000 {
            child.kill()?;
        }
    }
    child.wait()?;
    ensure!(acked * BODY_BYTES >= mb * 1_000_000, "the filling process lived long enough");
    Ok(acked)
}

/// The process that is killed: appends for ever, and says how much was acknowledged.
pub(crate) fn fill(dir: &str, engine: &str) -> anyhow::Result<()> {
    let engine = if engine == "redb" { Engine::Redb } else { Engine::Sled };
    let ledger = Ledger::open(Options { engine, ..Options::new(dir) })?;
    let mut heads = vec![0; JOURNALS as usize];
    let (sent, told) = mpsc::channel::<(u64, Result<Seq, StorageFault>)>();
    let (mut acked, mut flying, mut turn) = (0_u64, 0, 0_u64);
    loop {
        while flying < IN_FLIGHT {
            let (number, sent) = (turn % JOURNALS, sent.clone());
            let head = heads[number as usize];
            let done = Box::new(move |kept| {
                // The receiver lives as long as this process.
                let _ = sent.send((number, kept));
            });
            let body = vec![vec![number as u8 ^ head as u8; BODY_BYTES as usize]];
            ledger.append(&journal(number)?, Seq(head), Time::from_ms(head), body, done);
            turn += 1;
            flying += 1;
        }
        let (number, kept) = told.recv()?;
        flying -= 1;
        match kept {
            Ok(seq) => {
                heads[number as usize] = seq.0;
                acked += 1;
                if acked.is_multiple_of(1000) {
                    writeln!(std::io::stdout(), "{acked}")?;
                }
            }
            Err(StorageFault::Busy { .. }) => std::thread::yield_now(),
            Err(fault) => return Err(fault.into()),
        }
    }
}
