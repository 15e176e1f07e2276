//! One socket: frames up, frames down, nothing in between that could grow without bound.
//!
//! # Invariants
//! - **W1** The first frame is a hello, within [`HELLO_IN`], of a version this node speaks.
//! - **W2** At most [`ASKS`] asks are under way; then the socket is not read until one is answered.
//! - **W3** At most `limits::FRAMES_IN_FLIGHT` frames are sent and not acknowledged; then the
//!   outbox fills, and the socket is cut as slow.
//! - **W4** A socket that ends, in whatever way, watches nothing any more.

use actors::{
    handle::{No, Watch},
    outbox::{CutWatch, Outbox, Outgoing, outbox},
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
use parking_lot::Mutex;
use protocol::{
    caller::Caller,
    codec,
    frame::{Cut, Refusal, Reply, ToBrowser, ToNode, Topic},
    id::{LinkId, Seq, SessionId},
    key::Key,
    limits,
    session::Origin,
    version,
};
use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    sync::atomic::Ordering,
    time::Duration,
};
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};

use super::{
    Gate, Shared, ask,
    auth::{name_of, same_site, session_of},
    bodies::{Not, reply_of},
};

/// How long a socket may wait with its hello.
const HELLO_IN: Duration = Duration::from_secs(10);
/// Asks of one socket under way at a time.
const ASKS: usize = 64;
/// A quiet socket is pinged after this long, and is dead after twice as long.
const PING: Duration = Duration::from_secs(25);
/// How long a cut socket has to take its farewell.
const FAREWELL_IN: Duration = Duration::from_secs(2);
/// Bytes read ahead per socket, allocated for each.
const READ_AHEAD: usize = 4 * 1024;

/// Outboxes of each session's sockets, to bound and to cut them.
#[derive(Default)]
pub struct PerSession(Mutex<HashMap<SessionId, Vec<Outbox>>>);

impl PerSession {
    fn enter(&self, session: SessionId, outbox: &Outbox) -> bool {
        let mut all = self.0.lock();
        let mine = all.entry(session).or_default();
        mine.retain(Outbox::is_open);
        let room = mine.len() < limits::SOCKETS_PER_SESSION;
        if room {
            mine.push(outbox.clone());
        }
        room
    }

    fn leave(&self, session: SessionId) {
        let mut all = self.0.lock();
        if let Some(mine) = all.get_mut(&session) {
            mine.retain(Outbox::is_open);
            if mine.is_empty() {
                all.remove(&session);
            }
        }
    }

    /// Ends every socket of a session that is over.
    pub fn cut(&self, session: SessionId) {
        for outbox in self.0.lock().get(&session).into_iter().flatten() {
            outbox.cut(Cut::SessionOver);
        }
    }
}

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
    same_site(&headers)?;
    let ws = ws
        .read_buffer_size(READ_AHEAD)
        .write_buffer_size(0)
        .max_write_buffer_size(limits::OUTBOX_BYTES)
        .max_message_size(limits::FRAME_UP_BYTES)
        .max_frame_size(limits::FRAME_UP_BYTES);
    Ok(match known {
        Ok((by, origin)) => ws.on_upgrade(move |socket| live(gate, by, origin, socket)),
        Err(no) => {
            let why = if no.is_session() { Cut::SessionOver } else { Cut::Stopping };
            ws.on_upgrade(async move |socket| farewell(&mut socket.split().0, why).await)
        }
    })
}

async fn live(gate: Shared, by: Caller, origin: Origin, socket: WebSocket) {
    gate.open_sockets.fetch_add(1, Ordering::Relaxed);
    let (outbox, outgoing) = outbox();
    let why = if gate.sockets.enter(by.session, &outbox) {
        Life::new(&gate, by, origin, outbox.clone()).run(socket, outgoing).await
    } else {
        farewell(&mut socket.split().0, Cut::TooMany).await;
        Cut::TooMany
    };
    drop(outbox);
    gate.sockets.leave(by.session);
    gate.open_sockets.fetch_sub(1, Ordering::Relaxed);
    gate.metrics.cut(why);
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

    async fn run(&mut self, socket: WebSocket, mut outgoing: Outgoing) -> Cut {
        let mut cuts = self.gate.house.cuts(); // before the hello, so that none is missed
        let (mut down, mut up) = socket.split();
        let why = match tokio::time::timeout(HELLO_IN, self.hello(&mut up)).await {
            Ok(Ok(())) => self.serve(&mut up, &mut down, &mut outgoing, &mut cuts).await,
            Ok(Err(why)) => why,
            Err(_) => Cut::Version, // W1
        };
        self.outbox.cut(why);
        for (topic, id) in std::mem::take(&mut self.watches) {
            self.unwatch(topic, id); // W4
        }
        farewell(&mut down, why).await;
        why
    }

    async fn hello(&mut self, up: &mut SplitStream<WebSocket>) -> Result<(), Cut> {
        let first = up.next().await.and_then(Result::ok).ok_or(Cut::Malformed)?;
        let Message::Text(text) = first else { return Err(Cut::Version) };
        match codec::from_json::<ToNode, { limits::FRAME_UP_BYTES }>(&text) {
            Ok(ToNode::Hello { version }) if version == version::WIRE => {}
            Ok(_) => return Err(Cut::Version), // W1
            Err(_) => return Err(Cut::Malformed),
        }
        let Caller { tenant, person, session, role } = self.by;
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
        Ok(())
    }

    async fn serve(
        &mut self,
        up: &mut SplitStream<WebSocket>,
        down: &mut SplitSink<WebSocket, Message>,
        outgoing: &mut Outgoing,
        cuts: &mut broadcast::Receiver<LinkId>,
    ) -> Cut {
        let gate = self.gate;
        let mut asks: Asks<'a> = FuturesUnordered::new();
        let mut cut = outgoing.watch_cut();
        let mut stopping = gate.stopping.clone();
        let mut heard = Instant::now();
        let mut ping = tokio::time::interval_at(heard + PING, PING);
        loop {
            let may_read = asks.len() < ASKS; // W2
            let may_send = self.sent - self.acked < limits::FRAMES_IN_FLIGHT as u64; // W3
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => return Cut::Stopping,
                link = cuts.recv() => if self.is_cut_by(link) { return Cut::SessionOver },
                frame = outgoing.next(), if may_send => match frame {
                    Ok(frame) => if let Err(why) = self.send(down, outgoing, &mut cut, frame).await {
                        return why;
                    },
                    Err(why) => return why,
                },
                why = cut.cut(), if !may_send => return why,
                Some(done) = asks.next() => self.done(done),
                message = up.next(), if may_read => {
                    heard = Instant::now();
                    match self.read(message, &mut asks) {
                        Ok(()) => {}
                        Err(why) => return why,
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > PING * 2 {
                        return Cut::Slow;
                    }
                    if down.send(Message::Ping(Bytes::new())).await.is_err() {
                        return Cut::Slow;
                    }
                }
            }
        }
    }

    /// Sends a frame and whatever else waits, so that one flush carries many. A browser that
    /// takes nothing for so long that its outbox overflows is cut even in the middle of a frame.
    async fn send(
        &mut self,
        down: &mut SplitSink<WebSocket, Message>,
        outgoing: &mut Outgoing,
        cut: &mut CutWatch,
        frame: Bytes,
    ) -> Result<(), Cut> {
        let mut next = Some(frame);
        while let Some(frame) = next.take() {
            let text = Utf8Bytes::try_from(frame).map_err(|_| Cut::Malformed)?;
            tokio::select! {
                fed = down.feed(Message::Text(text)) => fed.map_err(|_| Cut::Slow)?,
                why = cut.cut() => return Err(why),
            }
            self.sent += 1;
            if self.sent - self.acked < limits::FRAMES_IN_FLIGHT as u64 {
                next = outgoing.next().now_or_never().transpose()?;
            }
        }
        tokio::select! {
            flushed = down.flush() => flushed.map_err(|_| Cut::Slow),
            why = cut.cut() => Err(why),
        }
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
            ToNode::Ack { frames } => {
                self.acked = self.acked.max(u64::from(frames)).min(self.sent);
                return Ok(());
            }
            _ if self.rate.check().is_err() => return Err(Cut::Flood),
            ToNode::Hello { .. } => return Err(Cut::Malformed),
            ToNode::Watch { topic, after } => self.watch(topic, after, asks)?,
            ToNode::Unwatch { topic } => {
                if let Some(id) = self.watches.remove(&topic) {
                    self.unwatch(topic, id);
                }
            }
            ToNode::Ask { ask, request, command } => {
                if request.len() > 64 {
                    return Err(Cut::Malformed);
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

    fn watch(&mut self, topic: Topic, after: Seq, asks: &mut Asks<'a>) -> Result<(), Cut> {
        if self.watches.len() >= limits::TOPICS_PER_SOCKET {
            return Err(Cut::TooMany);
        }
        let id = self.gate.house.watch_id();
        if let Some(before) = self.watches.insert(topic, id) {
            self.unwatch(topic, before);
        }
        let (gate, by) = (self.gate, self.by);
        if let Topic::Room { room } = topic {
            gate.calls.moved(room, by.session, self.outbox.clone());
        }
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
            Done::Watched(topic, id, Err(no)) => {
                if self.watches.get(&topic) == Some(&id) {
                    self.watches.remove(&topic);
                }
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
        let house = &self.gate.house;
        match topic {
            Topic::Tenant {} => house.tenants.unwatch(Key::Tenant(self.by.tenant), id),
            Topic::Room { room } => house.rooms.unwatch(Key::Room(room), id),
            Topic::Conversation { conversation } => {
                house.conversations.unwatch(Key::Conversation(conversation), id);
            }
        }
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

/// Waits until the node goes down, holding no lock over the wait.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    drop(stopping.wait_for(|stop| *stop).await);
}

async fn watch_topic(gate: &Gate, topic: Topic, watch: Watch, after: Seq) -> Result<(), No> {
    let (house, tenant) = (&gate.house, watch.by.tenant);
    match topic {
        Topic::Tenant {} => house.tenants.watch(Key::Tenant(tenant), watch, after).await,
        Topic::Room { room } => house.rooms.watch(Key::Room(room), watch, after).await,
        Topic::Conversation { conversation } => {
            house.conversations.watch(Key::Conversation(conversation), watch, after).await
        }
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
