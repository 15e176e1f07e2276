//! The process that is killed: appends to its journals from several threads and says so after each
//! acknowledgement, one line at a time: journal, sequence number.
//!
//! What a body holds follows from its journal and its sequence number, so the parent knows it too.

use std::{
    io::Write,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use anyhow::{Context, bail};
use protocol::time::Time;
use storage::{Engine, JournalId, Ledger, Options, Seq, StorageFault};
use tests::crash::{JOURNALS, THREADS, body, journal_name, options};

/// Appends of one journal that are on their way at the same time.
const IN_FLIGHT: usize = 8;
/// Entries between two snapshots of a journal.
const SNAPSHOT_EVERY: u64 = 50;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let dir = words.next().context("the first word is the directory")?;
    let engine = match words.next().as_deref() {
        Some("sled") => Engine::Sled,
        Some("redb") => Engine::Redb,
        other => bail!("the second word is the engine, not {other:?}"),
    };
    let ledger = Ledger::open(Options { engine, ..options(dir) })?;
    let out = Arc::new(Mutex::new(std::io::stdout()));
    say(&out, "open")?;
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (ledger, out) = (ledger.clone(), Arc::clone(&out));
            thread::spawn(move || append_for_ever(&ledger, &out, thread))
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("an appending thread died"))??;
    }
    Ok(())
}

fn say(out: &Mutex<std::io::Stdout>, line: &str) -> anyhow::Result<()> {
    let mut out = out.lock().map_err(|_| anyhow::anyhow!("a thread died while it spoke"))?;
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

/// Every thread has journals of its own, and goes round them.
fn append_for_ever(
    ledger: &Ledger,
    out: &Arc<Mutex<std::io::Stdout>>,
    thread: usize,
) -> anyhow::Result<()> {
    let mine: Vec<usize> = (0..JOURNALS).filter(|journal| journal % THREADS == thread).collect();
    let mut heads = Vec::new();
    for journal in &mine {
        let id = JournalId::new(&journal_name(*journal))?;
        let head = ledger.head(&id)?;
        heads.push((id, head));
    }
    let (sent, told) = mpsc::channel();
    let mut flying = 0;
    loop {
        for (journal, (id, head)) in mine.iter().zip(&mut heads) {
            while flying >= IN_FLIGHT {
                told.recv()?;
                flying -= 1;
            }
            let (after, next) = (*head, head.next());
            let (sent, out, journal) = (sent.clone(), Arc::clone(out), *journal);
            let done = Box::new(move |kept: Result<Seq, StorageFault>| {
                let line = match kept {
                    Ok(seq) => format!("{journal} {seq}"),
                    Err(fault) => format!("fault {fault}"),
                };
                // Nobody listens any more when the parent is gone; then this process goes too.
                if say(&out, &line).is_err() || sent.send(()).is_err() {
                    std::process::exit(1);
                }
            });
            let bodies = vec![body(journal, next.0)];
            ledger.append(id, after, Time::from_ms(next.0), bodies, done);
            if next.0.is_multiple_of(SNAPSHOT_EVERY) {
                ledger.snapshot(id, next, 1, body(journal, next.0))?;
            }
            *head = next;
            flying += 1;
        }
    }
}
