//! Acknowledged commands: three nodes, both copies synced on one disk, 64 in flight.
//!
//! Ours come over WebSockets with TLS, each into a conversation of its own, through gateway, actor
//! and journal; the peers' own clients insert a row or publish a message without encryption.

use anyhow::Result;
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tests::{
    bench::{
        figures::{Figure, Goal},
        usage,
    },
    peers::{konsil::Konsil, nats::Program, postgres::Postgres},
};

use crate::{Measured, asked::Asked, people::Life, publish::Stream};

/// Commands in flight at a time.
const IN_FLIGHT: usize = 64;
/// Bytes of each.
const BYTES: usize = 200;
/// How long each is measured in a round, as the plan of ours says, too.
const TIME: Duration = Duration::from_secs(10);
/// How long the disk alone is measured, before and after.
const BARE: Duration = Duration::from_secs(2);

/// What is filled round by round.
struct Table {
    pace: Figure,
    p50: Figure,
    p99: Figure,
    core: Figure,
}

/// Everybody who is measured.
struct Stage {
    ours: Konsil,
    postgres: Option<(String, Postgres)>,
    nats: Option<(String, Stream)>,
    work: TempDir,
}

/// Measures in turns.
pub(crate) fn run(asked: &Asked, end: Instant) -> Result<Measured> {
    let mut notes = vec![
        "konsil: messages of 200 bytes into 64 conversations over all shards, one socket each, \
         spread over three nodes, WebSockets with TLS 1.3 as in production; acknowledged when both \
         copies are synced"
            .to_owned(),
    ];
    let stage = Stage::set(asked, &mut notes)?;
    let mut table = Table::new();
    for round in 0..asked.rounds {
        if round > 0 && Instant::now() + TIME * 6 > end {
            notes.push(format!("only {round} rounds: the time was over"));
            break;
        }
        let pace = stage.round(asked, round, &mut table, end)?;
        println!("  round {}: konsil {pace:.0}/s", round + 1);
    }
    Ok(Measured { figures: vec![table.pace, table.core, table.p50, table.p99], notes })
}

impl Stage {
    fn set(asked: &Asked, notes: &mut Vec<String>) -> Result<Self> {
        let work = tempfile::tempdir_in(&asked.work)?;
        let ours = Konsil::start(&asked.program("konsil")?, 3, &work.path().join("konsil"))?;
        let postgres = match Postgres::start(work.path())? {
            Some(one) => Some((one.name()? + ", one synchronous standby", one.with_twin()?)),
            None => None,
        };
        notes.push(match &postgres {
            Some(_) => {
                "PostgreSQL: pgbench, 64 clients, one prepared insert per transaction over a \
                        Unix socket without TLS, synchronous_commit=on"
                    .into()
            }
            None => "PostgreSQL is not installed here".into(),
        });
        let nats = streams(work.path(), notes)?;
        Ok(Self { ours, postgres, nats, work })
    }

    fn round(&self, asked: &Asked, round: usize, table: &mut Table, end: Instant) -> Result<f64> {
        let work = self.work.path();
        let bare = bare(work)?;
        let life = Life { plan: "commands", round, nodes: &self.ours, folder: work, end };
        let seen = life.live(asked)?;
        let took = seen.times("a message until it is acknowledged")?;
        let pace = seen.figure("acknowledged messages")?;
        let who = "konsil with TLS, 3 nodes, 2 copies";
        table.add(who, true, [pace, took.p50, took.p99]);
        table.core.add(who, true, seen.figure("messages per core-second of the node")?);
        if let Some((name, postgres)) = &self.postgres {
            let cpu = || postgres.cpu();
            table.beside(name, cpu, || {
                let it = postgres.inserts(IN_FLIGHT, BYTES, TIME)?;
                Ok([it.per_second, it.p50_ms, it.p99_ms])
            })?;
        }
        if let Some((name, stream)) = &self.nats {
            let cpu = || usage::cpu(&stream.pids());
            table.beside(name, cpu, || stream.publish(IN_FLIGHT, BYTES, TIME))?;
        }
        table.pace.add("the disk alone, one fdatasync after the other", false, bare);
        Ok(pace)
    }
}

/// A stream of three copies that syncs before it acknowledges, where the release can.
fn streams(work: &Path, notes: &mut Vec<String>) -> Result<Option<(String, Stream)>> {
    let Some(program) = Program::find() else {
        notes.push("nats-server is not installed here".into());
        return Ok(None);
    };
    let always = program.can_sync_always();
    let folder = work.join("nats");
    std::fs::create_dir_all(&folder)?;
    let stream = Stream::start(&program, &folder, always)?;
    let how = if always { "sync_interval: always" } else { "synced every two minutes" };
    if !always {
        let name = &program.name;
        notes.push(format!("{name} cannot sync before it acknowledges: it runs as it comes"));
    }
    notes.push("NATS: 64 connections over TCP, one message each on its way to one stream".into());
    Ok(Some((format!("{}, R3, {how}", program.name), stream)))
}

impl Table {
    fn new() -> Self {
        let goals = vec![
            Goal::TimesOf(1.0, "PostgreSQL".into()),
            Goal::TimesOf(5.0, "nats-server".into()),
            Goal::AtLeast(10_000.0),
        ];
        Self {
            pace: Figure::new("acknowledged commands, 64 in flight, 200 bytes", "/s", goals),
            core: Figure::new("acknowledged commands per core-second of all servers", "", vec![]),
            p50: Figure::new("a command until it is acknowledged, p50", "ms", vec![]),
            p99: Figure::new(
                "a command until it is acknowledged, p99",
                "ms",
                vec![Goal::AtMost(50.0)],
            ),
        }
    }

    /// A peer's load and what its servers spent on it.
    fn beside(
        &mut self,
        who: &str,
        cpu: impl Fn() -> Result<f64>,
        load: impl FnOnce() -> Result<[f64; 3]>,
    ) -> Result<()> {
        let (before, start) = (cpu()?, Instant::now());
        let figures = load()?;
        let cores = (cpu()? - before) / start.elapsed().as_secs_f64();
        self.add(who, false, figures);
        self.core.add(who, false, figures[0] / cores);
        Ok(())
    }

    fn add(&mut self, who: &str, ours: bool, [pace, p50, p99]: [f64; 3]) {
        self.pace.add(who, ours, pace);
        self.p50.add(who, ours, p50);
        self.p99.add(who, ours, p99);
    }
}

/// Writes and syncs blocks of a file that is already there: what the disk can do.
fn bare(work: &Path) -> Result<f64> {
    let file = File::create(work.join("bare"))?;
    let block = [7; 512];
    (0..2048).try_for_each(|at| file.write_all_at(&block, at * 512))?;
    file.sync_all()?;
    let (start, mut syncs) = (Instant::now(), 0_u64);
    while start.elapsed() < BARE {
        file.write_all_at(&block, syncs % 2048 * 512)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(syncs as f64 / start.elapsed().as_secs_f64())
}
