//! Acknowledged commits per second: the ledger, a bare sync, PostgreSQL, in turns.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::Context;
use protocol::time::Time;
use storage::{Engine, JournalId, Ledger, Options, Seq, StorageFault, dice::Dice};
use tests::{bench::median, peers::postgres::Postgres};

use super::{Asked, BODY_BYTES, IN_FLIGHT};

/// Commits of one round: how many a second, and the latency of the middle and the slow ones.
#[derive(Clone, Copy)]
struct Pace {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    per_sync: f64,
}

/// Runs all in turns and prints the table.
pub(crate) fn run(asked: &Asked, work: &Path) -> anyhow::Result<()> {
    let postgres = if asked.postgres { Postgres::start(work)? } else { None };
    if asked.postgres && postgres.is_none() {
        println!("PostgreSQL is not installed: the peer is left out");
    }
    let options = Options { engine: Engine::Sled, ..Options::new(work.join("ledger")) };
    let ledger = Ledger::open(options)?;
    let mut bare = Vec::new();
    let mut ours: [Vec<Pace>; IN_FLIGHT.len()] = Default::default();
    let mut theirs: [Vec<f64>; IN_FLIGHT.len()] = Default::default();
    for round in 0..asked.rounds {
        bare.push(bare_sync(work, asked.seconds)?);
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            ours[at].push(commits(&ledger, asked, round, in_flight)?);
            if let Some(postgres) = &postgres {
                let inserts = postgres.inserts(in_flight, BODY_BYTES, asked.seconds)?;
                theirs[at].push(inserts.per_second);
            }
        }
        bare.push(bare_sync(work, asked.seconds)?);
    }
    ledger.close();

    println!(
        "\nacknowledged commits of {BODY_BYTES} bytes, per second (median of {} rounds)",
        asked.rounds
    );
    println!(
        "| in flight | ledger | p50 | p99 | commits per sync | PostgreSQL insert | ledger : PostgreSQL |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
        let pick = |part: fn(&Pace) -> f64| median(&ours[at].iter().map(part).collect::<Vec<_>>());
        let pace = pick(|pace| pace.per_second);
        let (peer, times) = match median(&theirs[at]) {
            peer if peer.is_nan() => ("absent".into(), "-".into()),
            peer => (format!("{peer:.0}"), format!("{:.1}", pace / peer)),
        };
        println!(
            "| {in_flight} | {pace:.0} | {:.2} ms | {:.2} ms | {:.1} | {peer} | {times} |",
            pick(|pace| pace.p50_ms),
            pick(|pace| pace.p99_ms),
            pick(|pace| pace.per_sync),
        );
    }
    println!("bare write + fdatasync, one after the other: {:.0} per second", median(&bare));
    Ok(())
}

/// Writes and syncs the same block of a file that is already there: what the disk can do.
fn bare_sync(work: &Path, seconds: Duration) -> anyhow::Result<f64> {
    let file = File::create(work.join("bare"))?;
    let block = [7; 512];
    (0..2048).try_for_each(|at| file.write_all_at(&block, at * 512))?;
    file.sync_all()?;
    let started = Instant::now();
    let mut syncs = 0_u64;
    while started.elapsed() < seconds {
        file.write_all_at(&block, syncs % 2048 * 512)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(syncs as f64 / started.elapsed().as_secs_f64())
}

/// Keeps `in_flight` journals busy, one append of each on its way at a time.
fn commits(ledger: &Ledger, asked: &Asked, round: usize, in_flight: usize) -> anyhow::Result<Pace> {
    let mut dice = Dice::new(asked.seed);
    let mut clients = Vec::new();
    for client in 0..in_flight {
        let id = JournalId::new(&format!("bench/{round}_{in_flight}_{client}"))?;
        clients.push((id, Seq(0), Instant::now()));
    }
    let (sent, told) = mpsc::channel::<(usize, Result<Seq, StorageFault>)>();
    let before = ledger.stats().fsyncs;
    let started = Instant::now();
    let mut waited = Vec::new();
    let mut send = |client: usize, clients: &mut Vec<(JournalId, Seq, Instant)>| {
        let (id, head, since) = &mut clients[client];
        *since = Instant::now();
        let sent = sent.clone();
        let body = vec![dice.roll() as u8; BODY_BYTES];
        let done = Box::new(move |kept| {
            // The receiver is gone once the round is over.
            let _ = sent.send((client, kept));
        });
        ledger.append(id, *head, Time::from_ms(0), vec![body], done);
    };
    (0..in_flight).for_each(|client| send(client, &mut clients));
    let mut flying = in_flight;
    while flying > 0 {
        let (client, kept) = told.recv().context("the ledger answers")?;
        let going = started.elapsed() < asked.seconds;
        match kept {
            Ok(seq) => {
                waited.push(clients[client].2.elapsed().as_secs_f64() * 1000.0);
                clients[client].1 = seq;
            }
            Err(StorageFault::Busy { .. }) => std::thread::yield_now(),
            Err(fault) => return Err(fault.into()),
        }
        if going {
            send(client, &mut clients);
        } else {
            flying -= 1;
        }
    }
    let took = started.elapsed().as_secs_f64();
    let syncs = (ledger.stats().fsyncs - before).max(1);
    waited.sort_by(f64::total_cmp);
    let at = |part: usize| waited.get(waited.len() * part / 100).copied().unwrap_or(f64::NAN);
    Ok(Pace {
        per_second: waited.len() as f64 / took,
        p50_ms: at(50),
        p99_ms: at(99),
        per_sync: waited.len() as f64 / syncs as f64,
    })
}
