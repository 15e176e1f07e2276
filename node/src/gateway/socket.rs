//! One socket: frames up, frames down, nothing in between that could grow without bound.
//!
//! # Invariants
//! - **W1** The first frame is a hello, or shows a ticket, within [`HELLO_IN`], in a version this
//!   node speaks; nothing else is cut as of another version, which no browser comes back from.
//! - **W2** At most [`ASKS`] asks are under way; then the socket is not read until one is answered.
//! - **W3** At most `limits::FRAMES_IN_FLIGHT` frames are sent and not acknowledged; then the
//!   outbox fills, and the socket is cut as slow.
//! - **W4** A socket that ends, in whatever way, watches nothing any more.
//! - **W5** A socket does not outlive its session, its link or the node, nor a browser that says
//!   nothing, or takes nothing of what waits for it, for [`SILENT`], give or take a [`PING`].
//! - **W6** Every frame up that brings nothing new counts against the rate.

use actors::{
    handle::{Cursor, No, Watch},
    outbox::{Burst, Outbox, Outgoing, outbox},
    room::{self, Room},
    shell::pack,
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use protocol::{
    caller::Caller,
    codec,
    frame::{Cut, Refusal, Reply, ToBrowser, ToNode, Topic},
    id::{LinkId, RoomId},
    key::Key,
    limits,
    rights::Act,
    room::RoomCommand,
    session::Origin,
    time::Time,
    version,
    websocket::{Said, close, ping},
};
use std::{collections::BTreeMap, num::NonZeroU32, pin::Pin, time::Duration};
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, Interval, Sleep},
};

pub use super::tabs::PerSession;
use super::{
    Gate, Shared,
    arrive::{self, Elsewhere},
    ask,
    auth::{self, Known, name_of, session_of},
    bodies::{Not, reply_of},
    guard::{Page, page_of},
    handshake::Handshake,
    pipe::{Pipe, Turn},
    reach,
    tabs::Open,
};

/// How long a socket may wait with its hello.
const HELLO_IN: Duration = Duration::from_secs(10);
/// How long it may take to find out who that is. Then the browser tries another node.
const WELCOME_IN: Duration = Duration::from_secs(10);
/// Asks of one socket under way at a time.
const ASKS: usize = 64;
/// A quiet socket is pinged after this long.
const PING: Duration = Duration::from_secs(25);
/// A socket from which nothing is heard, or which takes nothing, is dead after this long.
const SILENT: Duration = Duration::from_secs(50);
/// How long a cut socket has to take its farewell.
const FAREWELL_IN: Duration = Duration::from_secs(2);
/// Bytes taken out of the outbox before they are sent: a burst of frames is few TLS records and
/// one system call.
const WRITE_AHEAD: usize = 64 * 1024;
/// The code of a socket that the node closes, of those that are free for applications.
const CLOSED: u16 = 4000;

const _: () = assert!(SILENT.as_secs().is_multiple_of(PING.as_secs()));

/// `GET /ws`
///
/// A browser cannot see the status of a refused handshake, so a session that is over is told so
/// in the socket itself; a plain request gets the status.
pub async fn upgrade(State(gate): State<Shared>, mut request: Request) -> Result<Response, Not> {
    let handshake = Handshake::of(&mut request);
    let headers = request.headers();
    let known = session_of(&gate, headers).await;
    let Some(handshake) = handshake else {
        return known.map(|_| StatusCode::UPGRADE_REQUIRED.into_response());
    };
    let page = page_of(headers, &gate.pages.borrow())?;
    Ok(match known {
        _ if page == Page::OfAnotherNode => {
            let headers = headers.clone();
            handshake.accept(async move |pipe| arriving(&gate, &headers, pipe).await)
        }
        Ok((by, origin)) => {
            handshake.accept(async move |pipe| live(&gate, by, origin, pipe, false).await)
        }
        Err(no) => {
            let why = if no.is_session() { Cut::SessionOver } else { Cut::Stopping };
            handshake.accept(async move |mut pipe| farewell(&mut pipe, why).await)
        }
    })
}

/// A page of another node: nobody is known before its first frame shows a ticket.
async fn arriving(gate: &Shared, headers: &HeaderMap, mut pipe: Pipe) {
    let arrived = async |ticket| arrive::known(gate, headers, ticket).await;
    let why = match met(arrive::ticket(gate, &mut pipe), arrived).await {
        Ok((by, origin)) => return live(gate, by, origin, pipe, true).await,
        Err(why) => why,
    };
    farewell(&mut pipe, why).await;
    gate.metrics.cut(why);
}

async fn live(gate: &Shared, by: Caller, origin: Origin, mut pipe: Pipe, arrived: bool) {
    let _open = Open::count(&gate.open_sockets);
    let (outbox, outgoing) = outbox();
    let why = match gate.sockets.enter(&by, &outbox) {
        Some(_place) => Life::new(gate, by, origin, outbox).run(&mut pipe, outgoing, arrived).await,
        None => Cut::TooMany,
    };
    farewell(&mut pipe, why).await;
    gate.metrics.cut(why);
}

/// A session that is over sits nowhere any more, whatever its browser holds open.
async fn over(gate: &Shared, by: Caller, watched: Vec<RoomId>) {
    let mut rooms = gate.calls.end(by.session);
    rooms.extend(watched);
    rooms.sort_unstable();
    rooms.dedup();
    for room in rooms {
        let leave = room::Input::Command(RoomCommand::Leave {});
        // Refused when it had no seat: then there is nothing to leave.
        let _ = gate.house.ask::<Room>(Key::Room(room), by, leave).await;
    }
}

/// Everything that happens to a socket from outside, and seldom.
struct Outside<'a> {
    stopping: watch::Receiver<bool>,
    over: Pin<Box<Sleep>>,
    /// The link it came by, and the links that are revoked.
    link: Option<(LinkId, broadcast::Receiver<LinkId>)>,
    elsewhere: Elsewhere<'a>,
    pulse: Interval,
}

/// One of these things.
enum Seldom {
    Ends(Cut),
    Tells(Box<ToBrowser>),
    Pulse,
}

impl Outside<'_> {
    /// The next one. Cancelling loses nothing.
    async fn next(&mut self) -> Seldom {
        tokio::select! {
            biased;
            () = stopped(&mut self.stopping) => Seldom::Ends(Cut::Stopping),
            () = &mut self.over => Seldom::Ends(Cut::SessionOver),
            () = revoked(&mut self.link) => Seldom::Ends(Cut::SessionOver),
            frame = self.elsewhere.next() => Seldom::Tells(Box::new(frame)),
            _ = self.pulse.tick() => Seldom::Pulse,
        }
    }

    /// Waits as one of the socket's asks does, so that it costs nothing while it waits.
    fn wait<'a>(mut self: Box<Self>) -> BoxFuture<'a, Done<'a>>
    where
        Self: 'a,
    {
        let waits = async move {
            let seldom = self.next().await;
            Done::Outside(self, seldom)
        };
        waits.boxed()
    }
}

/// Waits until the link a guest came by is revoked.
async fn revoked(link: &mut Option<(LinkId, broadcast::Receiver<LinkId>)>) {
    let Some((mine, revoked)) = link else { return std::future::pending().await };
    // A guest who missed one is checked anew by coming back.
    while revoked.recv().await.is_ok_and(|link| link != *mine) {}
}

/// What is known of one socket while it lives.
struct Life<'a> {
    gate: &'a Shared,
    by: Caller,
    origin: Origin,
    outbox: Outbox,
    watches: BTreeMap<Topic, u64>,
    rate: DefaultDirectRateLimiter,
    sent: u64,
    acked: u64,
}

type Asks<'a> = FuturesUnordered<BoxFuture<'a, Done<'a>>>;

/// What came of something that took time.
enum Done<'a> {
    Answered(u32, Reply),
    Watched(Topic, u64, Result<(), No>),
    Outside(Box<Outside<'a>>, Seldom),
}

/// What a browser took and when it was heard, to tell the slow from the dead.
struct Pulse {
    heard: Instant,
    taken: u64,
    stalled: Duration,
}

impl Pulse {
    fn new() -> Self {
        Self { heard: Instant::now(), taken: 0, stalled: Duration::ZERO }
    }

    /// Whether the browser still lives, which took so many bytes and is to take more, or nothing.
    /// Asked once every [`PING`].
    fn beats(&mut self, now: Instant, unsent: bool, taken: u64) -> bool {
        let stalls = unsent && taken == self.taken;
        self.stalled = if stalls { self.stalled + PING } else { Duration::ZERO };
        self.taken = taken;
        self.stalled < SILENT && now - self.heard <= SILENT // W5
    }
}

impl<'a> Life<'a> {
    fn new(gate: &'a Shared, by: Caller, origin: Origin, outbox: Outbox) -> Self {
        let per_second =
            NonZeroU32::new(gate.limits.commands_per_second).unwrap_or(NonZeroU32::MIN);
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(3));
        let rate = RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst));
        let watches = BTreeMap::new();
        Self { gate, by, origin, outbox, watches, rate, sent: 0, acked: 0 }
    }

    async fn run(&mut self, pipe: &mut Pipe, mut outgoing: Outgoing, arrived: bool) -> Cut {
        let cuts = self.gate.house.cuts(); // before the hello, so that none is missed
        let hello = async { if arrived { Ok(()) } else { hello(pipe).await } };
        let why = match met(hello, async |()| self.welcome().await).await {
            Ok(until) => {
                let outside = self.outside(until, cuts);
                self.serve(pipe, &mut outgoing, outside).await
            }
            Err(why) => why,
        };
        self.outbox.cut(why);
        let mut rooms = Vec::new();
        for (topic, id) in std::mem::take(&mut self.watches) {
            self.unwatch(topic, id); // W4
            if let Topic::Room { room } = topic {
                rooms.push(room);
            }
        }
        if why == Cut::SessionOver {
            over(self.gate, self.by, rooms).await;
        }
        why
    }

    fn outside(&self, until: Time, cuts: broadcast::Receiver<LinkId>) -> Box<Outside<'a>> {
        let left = Duration::from_millis(until.since(self.gate.house.now()).ms());
        let link = match self.origin {
            Origin::Link { link, .. } => Some((link, cuts)),
            Origin::SignIn {} => None,
        };
        Box::new(Outside {
            stopping: self.gate.stopping.clone(),
            over: Box::pin(tokio::time::sleep(left)),
            link,
            elsewhere: Elsewhere::new(self.gate, self.by),
            pulse: tokio::time::interval_at(Instant::now() + PING, PING),
        })
    }

    /// Says welcome, and until when the session lives.
    async fn welcome(&mut self) -> Result<Time, Cut> {
        let Caller { tenant, person, session, role } = self.by;
        // Asked once more: it may have ended after the handshake and before anybody listened.
        let over = |no: Not| if no.is_session() { Cut::SessionOver } else { Cut::Stopping };
        let Known { until, .. } = auth::known(self.gate, tenant, session).await.map_err(over)?;
        let name = name_of(self.gate, tenant, person).await.map_err(|_| Cut::Stopping)?;
        let case = match self.origin {
            Origin::Link { case, .. } => Some(case),
            Origin::SignIn {} => None,
        };
        let (version, node, now) = (version::WIRE, self.gate.node, self.gate.house.now());
        self.outbox.push(pack(&ToBrowser::Welcome {
            version,
            tenant,
            person,
            session,
            role,
            name,
            case,
            node,
            now,
        }));
        Ok(until)
    }

    async fn serve(
        &mut self,
        pipe: &mut Pipe,
        outgoing: &mut Outgoing,
        outside: Box<Outside<'a>>,
    ) -> Cut {
        let mut asks: Asks<'a> = FuturesUnordered::from_iter([outside.wait()]);
        let mut pulse = Pulse::new();
        loop {
            let may_read = asks.len() <= ASKS; // W2: one of them is the world outside
            let may_send = if pipe.has_unsent() { 0 } else { self.room() };
            let went = tokio::select! {
                biased;
                Some(done) = asks.next() => self.done(done, pipe, &mut pulse, &mut asks),
                burst = outgoing.next(may_send) => match burst {
                    Ok(burst) => self.send(pipe, outgoing, burst).await,
                    Err(why) => Err(why),
                },
                turn = pipe.turn(may_read) => match turn {
                    Ok(Turn::Said(said)) => {
                        pulse.heard = Instant::now();
                        self.read(said, &mut asks)
                    }
                    Ok(Turn::Sent) => Ok(()),
                    Err(_) => Err(Cut::Slow),
                },
            };
            if let Err(why) = went {
                return why;
            }
        }
    }

    /// Frames that may be sent before one is acknowledged (W3).
    fn room(&self) -> usize {
        limits::FRAMES_IN_FLIGHT - (self.sent - self.acked) as usize
    }

    /// Sends a burst and what else waits, so that one system call carries many frames.
    async fn send(
        &mut self,
        pipe: &mut Pipe,
        outgoing: &mut Outgoing,
        burst: Burst,
    ) -> Result<(), Cut> {
        let (mut next, mut bytes) = (Some(burst), 0);
        while let Some(burst) = next.take() {
            self.sent += burst.frames() as u64;
            bytes += burst.bytes().len();
            pipe.put(burst.bytes().clone());
            if bytes < WRITE_AHEAD {
                next = outgoing.more(self.room());
            }
        }
        pipe.start().await.map_err(|_| Cut::Slow)
    }

    fn read(&mut self, said: Said, asks: &mut Asks<'a>) -> Result<(), Cut> {
        let text = match said {
            Said::Text(text) => text,
            Said::Binary => return Err(Cut::Malformed),
            Said::Ping(_) | Said::Pong => return self.rate.check().map_err(|_| Cut::Flood),
            Said::Close => return Err(Cut::Slow),
        };
        let frame = codec::from_json::<ToNode, { limits::FRAME_UP_BYTES }>(&text);
        match frame.map_err(|_| Cut::Malformed)? {
            ToNode::Ack { frames } if self.sent.min(frames.into()) > self.acked => {
                self.acked = self.sent.min(frames.into());
            }
            _ if self.rate.check().is_err() => return Err(Cut::Flood),
            ToNode::Ack { .. } => {} // W6: of nothing new
            ToNode::Hello { .. } | ToNode::Arrive { .. } => return Err(Cut::Malformed),
            ToNode::Ping {} => {
                self.outbox.push(pack(&ToBrowser::Pong {}));
            }
            ToNode::Watch { topic, after } => self.watch(topic, after.into(), asks)?,
            ToNode::WatchIn { topic, after: seq, generation } => {
                self.watch(topic, Cursor { generation, seq }, asks)?;
            }
            ToNode::Unwatch { topic } => {
                if let Some(id) = self.watches.remove(&topic) {
                    self.unwatch(topic, id);
                }
            }
            ToNode::Ask { ask, request, command } => {
                if request.len() > 64 {
                    return Err(Cut::Malformed);
                }
                let may = self.may(Act::of(&command)); // RI1
                if let Err(refusal) = may.and_then(|()| reach::command(&self.origin, &command)) {
                    self.answered(ask, Reply::Refused { refusal });
                    return Ok(());
                }
                let (gate, by, outbox) = (self.gate, self.by, self.outbox.clone());
                asks.push(Box::pin(async move {
                    let reply = ask::answer(gate, by, &outbox, &request, command).await;
                    Done::Answered(ask, reply)
                }));
            }
        }
        Ok(())
    }

    /// What the table of rights says, before anybody is asked.
    fn may(&self, act: Act) -> Result<(), Refusal> {
        act.by(self.by.role).map_err(|why| Refusal::Rights { why })
    }

    fn watch(&mut self, topic: Topic, after: Cursor, asks: &mut Asks<'a>) -> Result<(), Cut> {
        let may = self.may(Act::watching(&topic)); // RI1
        if let Err(refusal) = may.and_then(|()| reach::topic(&self.origin, &topic)) {
            self.not_shown(topic, refusal);
            return Ok(());
        }
        let again = self.watches.contains_key(&topic);
        if !again && self.watches.len() >= limits::TOPICS_PER_SOCKET {
            return Err(Cut::TooMany);
        }
        let id = self.gate.house.watch_id();
        if let Some(before) = self.watches.insert(topic, id) {
            self.unwatch(topic, before);
        }
        let (gate, by) = (self.gate, self.by);
        let watch = Watch { id, by, outbox: self.outbox.clone() };
        asks.push(Box::pin(async move {
            Done::Watched(topic, id, watch_topic(gate, topic, watch, after).await)
        }));
        Ok(())
    }

    fn done(
        &mut self,
        done: Done<'a>,
        pipe: &mut Pipe,
        pulse: &mut Pulse,
        asks: &mut Asks<'a>,
    ) -> Result<(), Cut> {
        match done {
            Done::Answered(ask, reply) => self.answered(ask, reply),
            Done::Watched(topic, id, shown) => self.watched(topic, id, shown),
            Done::Outside(outside, seldom) => {
                match seldom {
                    Seldom::Ends(why) => return Err(why), // W5
                    Seldom::Tells(frame) => {
                        self.outbox.push(pack(&frame));
                    }
                    Seldom::Pulse => {
                        if !pulse.beats(Instant::now(), pipe.has_unsent(), pipe.taken()) {
                            return Err(Cut::Slow); // W5
                        }
                        pipe.put(Bytes::from(ping()));
                    }
                }
                asks.push(outside.wait());
            }
        }
        Ok(())
    }

    fn answered(&self, ask: u32, reply: Reply) {
        self.outbox.push(pack(&ToBrowser::Answered { ask, reply }));
    }

    fn watched(&mut self, topic: Topic, id: u64, shown: Result<(), No>) {
        match shown {
            Ok(()) => {
                if self.watches.get(&topic) != Some(&id) {
                    self.unwatch(topic, id); // taken back while it was under way
                }
            }
            // Taken back while it was under way; what became of it concerns nobody.
            Err(_) if self.watches.get(&topic) != Some(&id) => {}
            Err(no) => {
                self.watches.remove(&topic);
                match reply_of(no) {
                    Reply::Refused { refusal } => self.not_shown(topic, refusal),
                    _ => self.outbox.cut(Cut::Slow), // comes back and tries again
                }
            }
        }
    }

    fn not_shown(&self, topic: Topic, refusal: Refusal) {
        self.outbox.push(pack(&ToBrowser::NotShown { topic, refusal }));
    }

    fn unwatch(&self, topic: Topic, id: u64) {
        self.gate.house.unwatch(key_of(&topic, &self.by), id);
    }
}

/// Takes the first frame, and finds out who that is, each in its time (W1).
async fn met<F, T>(
    first: impl Future<Output = Result<F, Cut>>,
    then: impl AsyncFnOnce(F) -> Result<T, Cut>,
) -> Result<T, Cut> {
    let first = tokio::time::timeout(HELLO_IN, first).await.unwrap_or(Err(Cut::Version))?;
    // Late is not wrong: its session may be on its way from one node to another.
    tokio::time::timeout(WELCOME_IN, then(first)).await.unwrap_or(Err(Cut::Stopping))
}

/// Takes the hello of a page of this node.
async fn hello(pipe: &mut Pipe) -> Result<(), Cut> {
    let first = pipe.text().await.map_err(|_| Cut::Malformed)?;
    let text = first.ok_or(Cut::Version)?; // W1
    match codec::from_json::<ToNode, { limits::FRAME_UP_BYTES }>(&text) {
        Ok(ToNode::Hello { version }) if version == version::WIRE => Ok(()),
        Ok(_) => Err(Cut::Version), // W1
        Err(_) => Err(Cut::Malformed),
    }
}

/// Waits until the node goes down, holding no lock over the wait.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}

async fn watch_topic(gate: &Gate, topic: Topic, watch: Watch, after: Cursor) -> Result<(), No> {
    gate.house.watch(key_of(&topic, &watch.by), watch, after).await
}

/// The actor that a browser calls by this name.
fn key_of(topic: &Topic, by: &Caller) -> Key {
    match *topic {
        Topic::Tenant {} => Key::Tenant(by.tenant),
        Topic::Room { room } => Key::Room(room),
        Topic::Conversation { conversation } => Key::Conversation(conversation),
        Topic::Accounts {} => Key::Accounts(by.tenant),
    }
}

/// Says why and closes, as far as the other side still listens.
async fn farewell(pipe: &mut Pipe, why: Cut) {
    pipe.put(Burst::of([&pack(&ToBrowser::Bye { why })]).bytes().clone());
    pipe.put(Bytes::from(close(CLOSED, "bye")));
    // A peer that does not take its farewell has it cut short.
    let _ = tokio::time::timeout(FAREWELL_IN, pipe.sent()).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[test]
    fn w5_who_says_nothing_or_takes_nothing_is_dead_and_who_is_slow_is_not() {
        let (mut silent, mut full, mut slow) = (Pulse::new(), Pulse::new(), Pulse::new());
        let start = silent.heard;
        for round in 1..10 {
            let now = start + PING * round;
            assert_eq!(silent.beats(now, false, 0), round < 3);
            (full.heard, slow.heard) = (now, now);
            assert_eq!(full.beats(now, true, 7), round < 3, "at first it took something");
            assert!(slow.beats(now, true, round.into()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn w1_a_missing_hello_is_of_another_version_and_a_late_welcome_is_not() {
        let known = async |it: u8| Ok(it);
        assert_eq!(met(ready(Ok(7)), known).await, Ok(7));
        assert_eq!(met(pending(), known).await, Err(Cut::Version));
        let late = async |_: u8| pending::<Result<u8, Cut>>().await;
        assert_eq!(met(ready(Ok(7)), late).await, Err(Cut::Stopping), "W1");
        assert_eq!(met(ready(Err::<u8, _>(Cut::Malformed)), known).await, Err(Cut::Malformed));
    }
}
