//! Takes the streams that members open, and reads them.
//!
//! libp2p keeps no stream waiting: one that nobody takes at once is dropped. So what takes them
//! only starts a task for each, and a member whose stream was dropped opens its line anew.

use super::{
    figures::count,
    frames::{self, Cut, Hello, LineId},
    member::{Member, Misfit, Phase},
    roster::Roster,
};
use libp2p::{
    Stream,
    futures::{AsyncWriteExt, StreamExt, io::BufReader},
};
use libp2p_stream::IncomingStreams;
use protocol::peer::{Class, PEER_FRAME_BYTES};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::timeout};

/// A stream says hello within this time.
const HELLO: Duration = Duration::from_secs(5);
/// Read in one go, so that many short frames cost few calls.
const READ_BYTES: usize = 32 * 1024;

type Reader = BufReader<Stream>;

/// Takes every stream of one class until the swarm ends.
pub(super) async fn listen(roster: Arc<Roster>, mut incoming: IncomingStreams, class: Class) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            stream = incoming.next() => {
                let Some((peer, stream)) = stream else { break };
                // SW1: only a member's streams are read.
                let Some(member) = roster.of(&peer) else { continue };
                if !member.begins_greeting() {
                    count(&roster.news.figures.cut);
                    continue;
                }
                tasks.spawn(receive(roster.clone(), member, stream, class));
            }
            Some(_) = tasks.join_next() => {}
        }
    }
}

async fn receive(roster: Arc<Roster>, member: Arc<Member>, stream: Stream, class: Class) {
    let mut reader = BufReader::with_capacity(READ_BYTES, stream);
    let hello = timeout(HELLO, hello(&roster, &member, class, &mut reader)).await;
    member.greeted();
    match hello {
        Ok(Ok(line)) => read(&roster, &member, class, line, reader).await,
        Ok(Err(Cut::NoHello | Cut::TooLong)) => cut(&roster, &member, class, "no hello"),
        Ok(Err(Cut::Over)) | Err(_) => {}
    }
}

/// Reads the hello, takes the stream into its line and answers.
async fn hello(
    roster: &Roster,
    member: &Member,
    class: Class,
    reader: &mut Reader,
) -> Result<LineId, Cut> {
    let Hello { line, spoken } = frames::greeted(reader).await?;
    let ours = roster.spoken();
    let wire = match ours.with(spoken) {
        Ok(wire) => wire,
        Err(gap) => {
            member.misfits(gap);
            // So that the other side can say why, too (VR1).
            let no = Hello { line: LineId::NONE, spoken: ours };
            frames::greet(reader.get_mut(), no).await?;
            reader.get_mut().close().await?;
            return Err(Cut::Over);
        }
    };
    match member.arrive(line, wire, class) {
        Ok(()) => {}
        Err(Misfit::Late) => return Err(Cut::Over),
        Err(Misfit::Twice) => return Err(Cut::NoHello),
    }
    if frames::greet(reader.get_mut(), Hello { line, spoken: ours }).await.is_err() {
        member.broke(line);
        return Err(Cut::Over);
    }
    Ok(line)
}

/// Hands frames on, one at a time, as long as the line counts and while the member is up.
async fn read(roster: &Roster, member: &Member, class: Class, line: LineId, mut reader: Reader) {
    let mut phase = member.phase();
    let stands = phase.wait_for(|phase| phase.line != Some(line) || phase.up).await;
    if !stands.is_ok_and(|phase| phase.line == Some(line)) {
        return;
    }
    // SW5: the reader of the line before may still wait for `heard`.
    let _turn = tokio::select! {
        turn = member.turns[class as usize].lock() => turn,
        () = over(&mut phase, line) => return,
    };
    let figures = roster.news.figures.class(class);
    loop {
        let frame = tokio::select! {
            biased;
            () = over(&mut phase, line) => return,
            frame = frames::read(&mut reader, PEER_FRAME_BYTES) => frame,
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(Cut::Over) => return member.broke(line),
            Err(Cut::TooLong | Cut::NoHello) => {
                cut(roster, member, class, "a frame beyond the bound");
                return member.broke(line); // SW4
            }
        };
        figures.frames_in.fetch_add(1, Ordering::Relaxed);
        figures.bytes_in.fetch_add(frame.len() as u64, Ordering::Relaxed);
        (roster.heard)(member.number, class, frame).await;
    }
}

/// Waits until the line no longer counts.
async fn over(phase: &mut watch::Receiver<Phase>, line: LineId) {
    // An error means that the member itself is gone.
    let _ = phase.wait_for(|phase| phase.line != Some(line)).await;
}

fn cut(roster: &Roster, member: &Member, class: Class, why: &str) {
    count(&roster.news.figures.cut);
    tracing::warn!(member = member.number, ?class, why, "a stream was cut");
}
