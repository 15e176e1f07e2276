//! Memory of people who are there and say nothing: 15,000 of them at one process.
//!
//! What is counted is what the server's own memory grew by (PSS), for each session; the kernel adds
//! its buffers. Ours watch a conversation, the peers' listen to a subject of their own.

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tests::{
    bench::{
        figures::{Figure, Goal},
        usage,
    },
    nemesis::run::lasting,
    peers::konsil::Konsil,
};

use crate::{
    Measured,
    asked::Asked,
    fanout,
    people::Life,
    rooms::nats,
    sockets::{Place, Socket},
    tls,
};

/// Sessions, nearly as many as a process may have files open here.
const SESSIONS: usize = 15_000;
/// Who comes at the same time.
const AT_ONCE: usize = 64;
/// How long they are there before their server's memory is looked at, as the plan says, too.
const IDLE: Duration = Duration::from_secs(10);
/// What one round takes, about.
const ROUND: Duration = Duration::from_secs(240);

/// Measures in turns; every round begins with servers that have seen nobody.
pub(crate) fn run(asked: &Asked, end: Instant) -> Result<Measured> {
    let mut notes = vec![
        "konsil: with the state of TLS 1.3, the session's own actor and a seat in a room; \
         memory that was let go of when people came in is counted, too"
            .to_owned(),
    ];
    let mut figure = Figure::new("memory per idle session, 15,000 of them", "KiB", vec![]);
    let goals = vec![Goal::AtMost(12.0)];
    let mut bare = Figure::new("the same without the state of TLS", "KiB", goals);
    let sealed = tls::each(tempfile::tempdir_in(&asked.work)?.path())?;
    notes.push(format!(
        "the state of a TLS 1.3 connection of rustls, set up as a node's and alone in a process: \
         {sealed:.1} KiB"
    ));
    for round in 0..asked.rounds {
        if round > 0 && Instant::now() + ROUND > end {
            notes.push(format!("only {round} rounds: the time was over"));
            break;
        }
        let work = tempfile::tempdir_in(&asked.work)?;
        let ours = Konsil::start(&asked.program("konsil")?, 1, &work.path().join("konsil"))?;
        let life = Life { plan: "idle", round, nodes: &ours, folder: work.path(), end };
        let seen = life.live(asked)?;
        let each = seen.figure("memory per idle session, TLS included")?;
        figure.add("konsil with TLS", true, each);
        bare.add("konsil", true, each - sealed);
        println!("  round {}: konsil {each:.1} KiB", round + 1);
        drop(ours);
        let mut said = Vec::new();
        beside(work.path(), &mut figure, &mut bare, &mut said)?;
        notes.extend(said.into_iter().filter(|_| round == 0));
    }
    Ok(Measured { figures: vec![figure, bare], notes })
}

fn beside(
    work: &Path,
    figure: &mut Figure,
    bare: &mut Figure,
    notes: &mut Vec<String>,
) -> Result<()> {
    for (name, server, place) in fanout::servers(work, notes)? {
        let pids = [server.id()];
        let before = usage::memory(&pids)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let sockets = runtime.block_on(come(&place))?;
        lasting(IDLE);
        let grown = usage::memory(&pids)? - before;
        let each = grown / sockets.len() as f64;
        figure.add(&name, false, each);
        if !name.contains("with TLS") {
            bare.add(&name, false, each);
        }
    }
    Ok(())
}

/// Everybody comes in and listens to a subject of their own.
async fn come(place: &Place) -> Result<Vec<Socket>> {
    let one = |number: usize| async move {
        let mut socket = place.open().await?;
        nats(&mut socket, &format!("own.{number}"), true).await?;
        anyhow::Ok(socket)
    };
    stream::iter((0..SESSIONS).map(one)).buffer_unordered(AT_ONCE).try_collect().await
}
