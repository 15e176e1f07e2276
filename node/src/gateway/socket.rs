//! One socket: frames up, frames down, nothing in between that could grow without bound.
//!
//! # Invariants
//! - **W1** The first frame is a hello, or shows a ticket, within [`HELLO_IN`], in a version this
//!   node speaks; nothing else is cut as of another version, which no browser comes back from.
//! - **W2** At most [`ASKS`] asks are under way; then the socket is not read until one is answered.
//! - **W3** At most `limits::FRAMES_IN_FLIGHT` frames are sent and not acknowledged; then the
//!   outbox fills, and the socket is cut as slow.
//! - **W4** A socket that ends, in whatever way, watches nothing any more.
//! - **W5** A socket does not outlive its session, its link or the node, nor a browser that takes
//!   nothing for [`SILENT`], not even in the middle of a frame.
//! - **W6** Every frame up that brings nothing new counts against the rate.

use actors::{
    handle::{Cursor, No, Watch},
    outbox::{CutWatch, Outbox, Outgoing, outbox},
    room::{self, Room},
    shell::pack,
};
use axum::{
    body::Bytes,
    extract::{
        State,
        ws::{
            CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade,
            rejection::WebSocketUpgradeRejection,
        },
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    future::BoxFuture,
    stream::{FuturesUnordered, SplitSink, SplitStream},
};
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
};
use std::{collections::BTreeMap, num::NonZeroU32, pin::Pin, time::Duration};
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, Sleep},
};

pub use super::tabs::PerSession;
use super::{
    Gate, Shared,
    arrive::{self, Elsewhere},
    ask,
    auth::{self, Known, name_of, session_of},
    bodies::{Not, reply_of},
    guard::{Page, page_of},
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
/// Bytes read ahead per socket, allocated for each.
const READ_AHEAD: usize = 4 * 1024;
/// Bytes gathered before they are written; grown only when used.
const WRITE_AHEAD: usize = 16 * 1024;

/// `GET /ws`
///
/// A browser cannot see the status of a refused handshake, so a session that is over is told so
/// in the socket itself; a plain request gets the status.
pub async fn upgrade(
    State(gate): State<Shared>,
    headers: HeaderMap,
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Not> {
    let known = session_of(&gate, &headers).await;
    let Ok(ws) = ws else {
        return known.map(|_| StatusCode::UPGRADE_REQUIRED.into_response());
    };
    let page = page_of(&headers, &gate.pages.borrow())?;
    let ws = ws
        .read_buffer_size(READ_AHEAD)
        .write_buffer_size(WRITE_AHEAD) // a burst of frames is one TLS record, one system call
        .max_write_buffer_size(limits::OUTBOX_BYTES)
        .max_message_size(limits::FRAME_UP_BYTES)
        .max_frame_size(limits::FRAME_UP_BYTES);
    Ok(match known {
        _ if page == Page::OfAnotherNode => {
            ws.on_upgrade(async move |socket| arriving(&gate, &headers, socket).await)
        }
        Ok((by, origin)) => {
            let life = async move |socket| live(&gate, by, origin, socket, false).await;
            ws.on_upgrade(life)
        }
        Err(no) => {
            let why = if no.is_session() { Cut::SessionOver } else { Cut::Stopping };
            ws.on_upgrade(async move |socket| farewell(&mut socket.split().0, why).await)
        }
    })
}

/// A page of another node: nobody is known before its first frame shows a ticket.
async fn arriving(gate: &Shared, headers: &HeaderMap, socket: WebSocket) {
    let (mut down, mut up) = socket.split();
    let arrived = async |ticket| arrive::known(gate, headers, ticket).await;
    let why = match met(arrive::ticket(gate, &mut up), arrived).await {
        Ok((by, origin)) => {
            let whole = down.reunite(up).expect("two halves of one socket");
            return live(gate, by, origin, whole, true).await;
        }
        Err(why) => why,
    };
    farewell(&mut down, why).await;
    gate.metrics.cut(why);
}

async fn live(gate: &Shared, by: Caller, origin: Origin, socket: WebSocket, arrived: bool) {
    let _open = Open::count(&gate.open_sockets);
    let (outbox, outgoing) = outbox();
    let why = match gate.sockets.enter(&by, &outbox) {
        Some(_place) => Life::new(gate, by, origin, outbox).run(socket, outgoing, arrived).await,
        None => {
            farewell(&mut socket.split().0, Cut::TooMany).await;
            Cut::TooMany
        }
    };
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

/// Everything that ends a socket from outside (W5).
struct Ends {
    cut: CutWatch,
    stopping: watch::Receiver<bool>,
    over: Pin<Box<Sleep>>,
}

impl Ends {
    fn new(gate: &Gate, outgoing: &Outgoing, until: Time) -> Self {
        let left = Duration::from_millis(until.since(gate.house.now()).ms());
        let over = Box::pin(tokio::time::sleep(left));
        Self { cut: outgoing.watch_cut(), stopping: gate.stopping.clone(), over }
    }

    async fn came(&mut self) -> Cut {
        tokio::select! {
            biased;
            () = stopped(&mut self.stopping) => Cut::Stopping,
            why = self.cut.cut() => why,
            () = &mut self.over => Cut::SessionOver,
        }
    }
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

type Asks<'a> = FuturesUnordered<BoxFuture<'a, Done>>;

/// What came of something that took time.
enum Done {
    Answered(u32, Reply),
    Watched(Topic, u64, Result<(), No>),
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

    async fn run(&mut self, socket: WebSocket, mut outgoing: Outgoing, arrived: bool) -> Cut {
        let mut cuts = self.gate.house.cuts(); // before the hello, so that none is missed
        let (mut down, mut up) = socket.split();
        let hello = async { if arrived { Ok(()) } else { hello(&mut up).await } };
        let why = match met(hello, async |()| self.welcome().await).await {
            Ok(until) => {
                let ends = Ends::new(self.gate, &outgoing, until);
                self.serve(&mut up, &mut down, &mut outgoing, ends, &mut cuts).await
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
        farewell(&mut down, why).await;
        why
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
        up: &mut SplitStream<WebSocket>,
        down: &mut SplitSink<WebSocket, Message>,
        outgoing: &mut Outgoing,
        mut ends: Ends,
        cuts: &mut broadcast::Receiver<LinkId>,
    ) -> Cut {
        let mut asks: Asks<'a> = FuturesUnordered::new();
        let mut elsewhere = Elsewhere::new(self.gate, self.by);
        let mut heard = Instant::now();
        let mut ping = tokio::time::interval_at(heard + PING, PING);
        loop {
            let may_read = asks.len() < ASKS; // W2
            let may_send = self.sent - self.acked < limits::FRAMES_IN_FLIGHT as u64; // W3
            tokio::select! {
                biased;
                why = ends.came() => return why,
                link = cuts.recv() => if self.is_cut_by(link) { return Cut::SessionOver },
                frame = outgoing.next(), if may_send => match frame {
                    Ok(frame) => if let Err(why) = self.send(down, outgoing, &mut ends, frame).await {
                        return why;
                    },
                    Err(why) => return why,
                },
                Some(done) = asks.next() => self.done(done),
                frame = elsewhere.next() => { self.outbox.push(pack(&frame)); }
                message = up.next(), if may_read => {
                    heard = Instant::now();
                    match self.read(message, &mut asks) {
                        Ok(()) => {}
                        Err(why) => return why,
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENT {
                        return Cut::Slow;
                    }
                    if let Err(why) = taken(down.send(Message::Ping(Bytes::new())), &mut ends).await {
                        return why;
                    }
                }
            }
        }
    }

    /// Sends a frame and whatever else waits, so that one flush carries many. A browser that
    /// takes nothing is cut even in the middle of a frame (W5).
    async fn send(
        &mut self,
        down: &mut SplitSink<WebSocket, Message>,
        outgoing: &mut Outgoing,
        ends: &mut Ends,
        frame: Bytes,
    ) -> Result<(), Cut> {
        let mut next = Some(frame);
        while let Some(frame) = next.take() {
            let text = Utf8Bytes::try_from(frame).map_err(|_| Cut::Malformed)?;
            taken(down.feed(Message::Text(text)), ends).await?;
            self.sent += 1;
            if self.sent - self.acked < limits::FRAMES_IN_FLIGHT as u64 {
                next = outgoing.next().now_or_never().transpose()?;
            }
        }
        taken(down.flush(), ends).await
    }

    fn read(
        &mut self,
        message: Option<Result<Message, axum::Error>>,
        asks: &mut Asks<'a>,
    ) -> Result<(), Cut> {
        let text = match message {
            None | Some(Err(_)) | Some(Ok(Message::Close(_))) => return Err(Cut::Slow),
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(Cut::Malformed),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                return self.rate.check().map_err(|_| Cut::Flood);
            }
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
                    self.done(Done::Answered(ask, Reply::Refused { refusal }));
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

    fn done(&mut self, done: Done) {
        match done {
            Done::Answered(ask, reply) => {
                self.outbox.push(pack(&ToBrowser::Answered { ask, reply }));
            }
            Done::Watched(topic, id, Ok(())) => {
                if self.watches.get(&topic) != Some(&id) {
                    self.unwatch(topic, id); // taken back while it was under way
                }
            }
            // Taken back while it was under way; what became of it concerns nobody.
            Done::Watched(topic, id, Err(_)) if self.watches.get(&topic) != Some(&id) => {}
            Done::Watched(topic, _, Err(no)) => {
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

    fn is_cut_by(&self, cut: Result<LinkId, broadcast::error::RecvError>) -> bool {
        match (&self.origin, cut) {
            (Origin::Link { link, .. }, Ok(cut)) => *link == cut,
            // A guest who missed a cut is checked anew by coming back.
            (Origin::Link { .. }, Err(_)) => true,
            (Origin::SignIn {}, _) => false,
        }
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
async fn hello(up: &mut SplitStream<WebSocket>) -> Result<(), Cut> {
    let first = up.next().await.and_then(Result::ok).ok_or(Cut::Malformed)?;
    let Message::Text(text) = first else { return Err(Cut::Version) };
    match codec::from_json::<ToNode, { limits::FRAME_UP_BYTES }>(&text) {
        Ok(ToNode::Hello { version }) if version == version::WIRE => Ok(()),
        Ok(_) => Err(Cut::Version), // W1
        Err(_) => Err(Cut::Malformed),
    }
}

/// Waits until the other side has taken what was written, or something ends the socket.
async fn taken(
    written: impl Future<Output = Result<(), axum::Error>>,
    ends: &mut Ends,
) -> Result<(), Cut> {
    tokio::select! {
        taken = tokio::time::timeout(SILENT, written) => match taken {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Cut::Slow),
        },
        why = ends.came() => Err(why),
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
async fn farewell(down: &mut SplitSink<WebSocket, Message>, why: Cut) {
    let bye = pack(&ToBrowser::Bye { why });
    let close = CloseFrame { code: 4000, reason: Utf8Bytes::from_static("bye") };
    let last = async {
        if let Ok(text) = Utf8Bytes::try_from(bye) {
            down.send(Message::Text(text)).await?;
        }
        down.send(Message::Close(Some(close))).await
    };
    // A peer that does not take its farewell has it cut short.
    let _ = tokio::time::timeout(FAREWELL_IN, last).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

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
