//! Appends a few hundred entries and says each acknowledgement with one write, for
//! `prove-fdatasync.sh`, which watches the system calls.
//!
//! Every line stands in a write of its own, made by the completion itself: so it comes from the
//! log's thread, whose calls have one order.

use std::{io::Write, sync::mpsc};

use protocol::time::Time;
use storage::{JournalId, Ledger, Options, Seq, StorageFault};

const JOURNALS: u64 = 8;

fn main() -> Result<(), StorageFault> {
    let mut words = std::env::args().skip(1);
    let dir = words.next().unwrap_or_else(|| "acknowledge.data".into());
    let each: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(50);
    let ledger = Ledger::open(Options { segment_bytes: 1024 * 1024, ..Options::new(dir) })?;
    let (sent, told) = mpsc::channel();
    for after in 0..each {
        for journal in 0..JOURNALS {
            let sent = sent.clone();
            let done = Box::new(move |kept: Result<Seq, StorageFault>| {
                let line = kept.as_ref().map_or("fault\n", |_| "acknowledged\n");
                let written = std::io::stdout().write_all(line.as_bytes());
                // The main thread counts what was said; it is gone only when something failed.
                let _ = sent.send(written.is_ok() && kept.is_ok());
            });
            let id = JournalId::new(&format!("proof/{journal}"))?;
            ledger.append(&id, Seq(after), Time::from_ms(after), vec![vec![7; 200]], done);
        }
        // One round in flight at a time; every fourth round waits, so that groups differ in size.
        if after % 4 == 3 {
            told.iter().take(4 * JOURNALS as usize).for_each(drop);
        }
    }
    eprintln!("groups {}", ledger.stats().fsyncs);
    ledger.close();
    Ok(())
}
