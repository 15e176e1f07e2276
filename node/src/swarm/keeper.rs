//! Keeps the own line to one connected member: opens its four streams, writes what waits, and
//! begins anew when it breaks.

use super::{
    Order,
    figures::ClassFigures,
    frames::{self, Cut, Hello, LineId},
    member::{Member, Phase},
    roster::Roster,
};
use bytes::Bytes;
use libp2p::{
    Stream, StreamProtocol,
    futures::{AsyncReadExt, future::try_join_all},
};
use libp2p_stream::Control;
use protocol::peer::Class;
use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// All four streams stand within this time, or the line is given up.
const OPENING: Duration = Duration::from_secs(5);
/// A line that stood this long has proven itself: the next one is opened without delay.
const PROVEN: Duration = Duration::from_secs(5);
/// Before a line is opened again: doubles from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));
/// After so many lines in a row that did not stand, the connection is thought broken.
const PATIENCE: u32 = 5;

/// What a stream of a class speaks.
pub(super) fn protocol(class: Class) -> StreamProtocol {
    StreamProtocol::new(match class {
        Class::Control => "/konsil/1/control",
        Class::Twin => "/konsil/1/twin",
        Class::Actor => "/konsil/1/actor",
        Class::Bulk => "/konsil/1/bulk",
    })
}

/// Runs as long as there is a connection to the member; its end gives the line up.
pub(super) async fn keep(
    roster: Arc<Roster>,
    member: Arc<Member>,
    control: Control,
    orders: mpsc::Sender<Order>,
) {
    let mut strikes = 0_u32;
    loop {
        let line = roster.next_line();
        let mut phase = member.phase();
        let falls = phase.borrow_and_update().falls;
        let began = Instant::now();
        match timeout(OPENING, open(&roster, &member, &control, line)).await {
            Ok(Ok((streams, wire))) => {
                carry(&roster, &member, (line, wire), streams, phase, falls).await;
                strikes = if began.elapsed() >= PROVEN { 0 } else { strikes + 1 };
            }
            failed => {
                strikes += 1;
                tracing::debug!(member = member.number, ?failed, "no line");
                if strikes.is_multiple_of(PATIENCE) {
                    // The swarm task ends this task with the connection.
                    let _ = orders.send(Order::Disconnect(member.peer)).await;
                }
            }
        }
        let pause = PAUSES.0 * 2_u32.pow(strikes.min(7));
        sleep(pause.min(PAUSES.1)).await;
    }
}

/// Opens the four streams, in the order of [`Class::ALL`], and agrees on a version.
async fn open(
    roster: &Roster,
    member: &Member,
    control: &Control,
    line: LineId,
) -> io::Result<(Vec<Stream>, u16)> {
    let spoken = roster.spoken();
    let opened = try_join_all(Class::ALL.map(|class| {
        let mut control = control.clone();
        async move {
            let opened = control.open_stream(member.peer, protocol(class)).await;
            let mut stream = opened.map_err(io::Error::other)?;
            frames::greet(&mut stream, Hello { line, spoken }).await?;
            let answer = match frames::greeted(&mut stream).await {
                Ok(answer) => answer,
                Err(Cut::NoHello | Cut::TooLong) => return Err(io::ErrorKind::InvalidData.into()),
                Err(Cut::Over) => return Err(io::ErrorKind::UnexpectedEof.into()),
            };
            match spoken.with(answer.spoken) {
                Ok(wire) if answer.line == line => Ok((stream, wire)),
                Ok(_) => Err(io::ErrorKind::InvalidData.into()),
                Err(gap) => {
                    member.misfits(gap);
                    Err(io::Error::other(gap))
                }
            }
        }
    }));
    let (streams, wires): (Vec<_>, Vec<_>) = opened.await?.into_iter().unzip();
    Ok((streams, wires.into_iter().min().unwrap_or(spoken.oldest)))
}

/// Writes what waits until a stream breaks or the line becomes void.
async fn carry(
    roster: &Arc<Roster>,
    member: &Arc<Member>,
    (line, wire): (LineId, u16),
    streams: Vec<Stream>,
    mut phase: watch::Receiver<Phase>,
    falls: u64,
) {
    let mut writers = JoinSet::new();
    for (class, stream) in Class::ALL.into_iter().zip(streams) {
        let (roster, member) = (roster.clone(), member.clone());
        writers.spawn(async move {
            let figures = roster.news.figures.class(class);
            let _ = write(&member, class, line, stream, figures).await;
        });
    }
    member.own_ready(line, wire);
    tokio::select! {
        _ = writers.join_next() => {}
        _ = phase.wait_for(|phase| phase.falls != falls) => {}
    }
    writers.shutdown().await;
    member.own_over(line);
}

/// Writes one class. The other side never says anything after its hello: when reading ends, the
/// stream is over.
async fn write(
    member: &Member,
    class: Class,
    line: LineId,
    mut stream: Stream,
    figures: &ClassFigures,
) -> io::Result<()> {
    let queue = &member.queues[class as usize];
    let (mut batch, mut buffer, mut rest) = (Vec::<Bytes>::new(), Vec::new(), [0; 1]);
    loop {
        tokio::select! {
            () = queue.next(line, &mut batch) => {}
            _ = stream.read(&mut rest) => return Ok(()),
        }
        frames::write(&mut stream, &batch, &mut buffer).await?;
        let bytes: usize = batch.iter().map(Bytes::len).sum();
        figures.frames_out.fetch_add(batch.len() as u64, Ordering::Relaxed);
        figures.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        batch.clear();
    }
}
