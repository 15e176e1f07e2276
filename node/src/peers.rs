//! Asks and answers between nodes, over whatever carries frames.
//!
//! # Invariants
//! - **N1** Every ask ends: with its answer, when the link breaks, or when its patience is over.
//! - **N2** At most `ASKS` asks to one node are under way, and at most `SERVED` of one node are
//!   served at a time; one more is told `Busy`.
//! - **N3** What watchers are told is numbered without a gap; whoever misses a number knows it.
//! - **N4** An ask that the other node's release does not know is not sent, and one that this node's
//!   does not know is answered: both end at once with [`PeerNo::Unknown`] (VR3). An answer that is
//!   not understood ends its ask with the same.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use protocol::{
    codec,
    frame::Fault,
    id::Seq,
    peer::{Class, Front, PEER_FRAME_BYTES, PeerAnswer, PeerFrame, PeerNo, PeerRequest, Told},
    twin::TwinBatch,
    version::PEER_WIRE_OLDEST,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{Semaphore, oneshot};

/// Asks to one node under way.
const ASKS: usize = 8192;
/// Asks of one node served at a time.
const SERVED: usize = 1024;

/// An answer, or why there is none.
pub type Answered = Result<PeerAnswer, PeerNo>;

/// Carries frames to other nodes; never blocks.
pub trait Carrier: Send + Sync + 'static {
    /// Lets a frame in; false when there is no room, or no way to that node.
    fn carry(&self, to: u64, class: Class, frame: Bytes) -> bool;

    /// The version of the wire that node is spoken to in; none when there is no way to it.
    fn speaks(&self, to: u64) -> Option<u16>;
}

/// What this node does with what other nodes say.
pub trait Service: Send + Sync + 'static {
    /// Answers an ask.
    fn serve(self: Arc<Self>, from: u64, request: PeerRequest) -> BoxFuture<'static, Answered>;

    /// Takes replication frames; never blocks.
    fn twins(&self, from: u64, batch: TwinBatch);

    /// Takes news for this node's sockets; never blocks.
    fn told(&self, from: u64, told: Told);
}

/// Everybody else.
pub struct Peers {
    carrier: Arc<dyn Carrier>,
    service: OnceLock<Weak<dyn Service>>,
    next: AtomicU64,
    line: AtomicU64,
    told: [AtomicU64; 2],
    sides: Mutex<BTreeMap<u64, Side>>,
}

/// One other node.
struct Side {
    waiting: HashMap<u64, oneshot::Sender<Answered>>,
    served: Arc<Semaphore>,
    line: u64,
    told: u64,
}

impl Peers {
    /// Nobody is asked yet. `birth` tells this life of the node from every other one.
    pub fn new(carrier: Arc<dyn Carrier>, birth: u64) -> Arc<Self> {
        Arc::new(Self {
            carrier,
            service: OnceLock::new(),
            next: AtomicU64::new(1),
            line: AtomicU64::new(birth),
            told: Default::default(),
            sides: Mutex::default(),
        })
    }

    /// Says who serves; whoever started it holds it. Without it everything is answered with
    /// `Restarted`.
    pub fn serve(&self, service: &Arc<dyn Service>) {
        // Weak: what serves holds the journals, and asks over these very peers.
        let first = self.service.set(Arc::downgrade(service)).is_ok();
        assert!(first, "a node has one service");
    }

    /// Asks another node; ends within `patience` (N1).
    pub fn ask(
        self: &Arc<Self>,
        to: u64,
        class: Class,
        request: PeerRequest,
        patience: Duration,
    ) -> BoxFuture<'static, Answered> {
        if self.is_too_new(to, request.since()) {
            return Box::pin(async { Err(PeerNo::Unknown) }); // N4
        }
        let id = self.next.fetch_add(1, Relaxed);
        let (reply, answer) = oneshot::channel();
        let me = self.clone();
        let entered = self.side(to, |side| {
            let free = side.waiting.len() < ASKS; // N2
            if free {
                side.waiting.insert(id, reply);
            }
            free
        });
        // Made before anything is awaited: an ask that is dropped unasked leaves nothing behind.
        let waits = entered.then(|| Waits { peers: me.clone(), to, id });
        Box::pin(async move {
            if waits.is_none() {
                return Err(PeerNo::Faulted(Fault::Busy));
            }
            if !me.send(to, class, &PeerFrame::Ask { id, request }) {
                return Err(PeerNo::Faulted(Fault::Restarted));
            }
            let answered = tokio::time::timeout(patience, answer).await;
            drop(waits);
            match answered {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(PeerNo::Faulted(Fault::Restarted)),
                Err(_) => Err(PeerNo::Faulted(Fault::Timeout)),
            }
        })
    }

    /// Tells watches of another node. False when the line broke: then its numbers begin anew, and
    /// the other side, which sees that, watches anew.
    pub fn tell(&self, to: u64, watches: Vec<u64>, seq: Option<Seq>, frame: &Bytes) -> bool {
        // Numbered and sent under one lock, so that numbers leave in order.
        let mut sides = self.sides.lock();
        let side = sides.entry(to).or_insert_with(|| Side::new(&self.line));
        side.told += 1;
        let (line, number) = (side.line, side.told);
        let counted = watches.len() as u64;
        let told = Told { line, number, to: watches, seq, frame: frame.to_vec() };
        let sent = self.send(to, Class::Actor, &PeerFrame::Told(told));
        if sent {
            self.told[0].fetch_add(1, Relaxed);
            self.told[1].fetch_add(counted, Relaxed);
        } else {
            side.begin_line(&self.line); // N3
        }
        sent
    }

    /// Frames that told watches of other nodes, and how many watches they told.
    pub fn told(&self) -> (u64, u64) {
        (self.told[0].load(Relaxed), self.told[1].load(Relaxed))
    }

    /// Shows every line's last number, so that a lost last frame is noticed too.
    pub fn show_lines(&self) {
        let sides = self.sides.lock();
        for (to, side) in sides.iter().filter(|(_, side)| side.told > 0) {
            let (line, number) = (side.line, side.told);
            let told = Told { line, number, to: Vec::new(), seq: None, frame: Vec::new() };
            // No room now: it is shown again with the next beat.
            let _ = self.send(*to, Class::Actor, &PeerFrame::Told(told));
        }
    }

    /// Sends replication frames; they may be lost.
    pub fn twins(&self, to: u64, batch: TwinBatch) -> bool {
        self.send(to, Class::Twin, &PeerFrame::Twins(batch))
    }

    /// The link to a node broke: nobody waits for it any longer (N1), and its line begins anew.
    pub fn broke(&self, node: u64) {
        let mut sides = self.sides.lock();
        if let Some(side) = sides.get_mut(&node) {
            side.waiting.clear();
            side.begin_line(&self.line);
        }
    }

    /// As [`Self::broke`], for every node that is not up.
    pub fn broke_but(&self, up: impl Fn(u64) -> bool) {
        let all: Vec<u64> = self.sides.lock().keys().copied().collect();
        all.into_iter().filter(|node| !up(*node)).for_each(|node| self.broke(node));
    }

    /// Takes a frame another node sent. Returns when there is room for the next.
    pub async fn heard(self: Arc<Self>, from: u64, class: Class, bytes: Bytes) {
        let frame = match codec::decode::<PeerFrame, PEER_FRAME_BYTES>(&bytes) {
            Ok(frame) => frame,
            Err(fault) => {
                tracing::warn!(from, ?class, %fault, "a frame of another node is not understood");
                return self.not_understood(from, class, &bytes);
            }
        };
        match frame {
            PeerFrame::Answer { id, answer } => self.answered(from, id, answer),
            PeerFrame::Ask { id, request } => self.served(from, class, id, request),
            PeerFrame::Twins(batch) => {
                if let Some(service) = self.service() {
                    service.twins(from, batch);
                }
            }
            PeerFrame::Told(told) => {
                if let Some(service) = self.service() {
                    service.told(from, told);
                }
            }
        }
    }

    /// Of a newer release, perhaps: whoever waits for something is told so (N4).
    fn not_understood(&self, from: u64, class: Class, bytes: &[u8]) {
        match PeerFrame::front(bytes) {
            Some(Front::Ask(id)) => {
                let answer = Err(PeerNo::Unknown);
                // An asker that is gone needs no answer.
                let _ = self.send(from, class, &PeerFrame::Answer { id, answer });
            }
            Some(Front::Answer(id)) => self.answered(from, id, Err(PeerNo::Unknown)),
            None => {}
        }
    }

    fn answered(&self, from: u64, id: u64, answer: Answered) {
        let reply = self.side(from, |side| side.waiting.remove(&id));
        if let Some(reply) = reply {
            drop(reply.send(answer)); // gave up meanwhile
        }
    }

    /// Whether a node's release does not know what came with this version of the wire.
    fn is_too_new(&self, to: u64, since: u16) -> bool {
        since > PEER_WIRE_OLDEST && self.carrier.speaks(to).is_some_and(|it| it < since)
    }

    fn service(&self) -> Option<Arc<dyn Service>> {
        self.service.get().and_then(Weak::upgrade)
    }

    fn served(self: &Arc<Self>, from: u64, class: Class, id: u64, request: PeerRequest) {
        let place = self.side(from, |side| side.served.clone().try_acquire_owned());
        let (Some(service), Ok(place)) = (self.service(), place) else {
            let answer = Err(PeerNo::Faulted(Fault::Busy)); // N2
            let _ = self.send(from, class, &PeerFrame::Answer { id, answer });
            return;
        };
        let me = self.clone();
        tokio::spawn(async move {
            let answer = service.serve(from, request).await;
            drop(place);
            // An asker that is gone needs no answer; one that waits in vain asks again.
            let _ = me.send(from, class, &PeerFrame::Answer { id, answer });
        });
    }

    fn send(&self, to: u64, class: Class, frame: &PeerFrame) -> bool {
        if self.is_too_new(to, frame.since()) {
            return false; // VR3
        }
        let bytes = codec::encode(frame);
        assert!(bytes.len() <= PEER_FRAME_BYTES, "whoever makes a frame keeps to its bound");
        self.carrier.carry(to, class, Bytes::from(bytes))
    }

    fn side<R>(&self, node: u64, then: impl FnOnce(&mut Side) -> R) -> R {
        let mut sides = self.sides.lock();
        then(sides.entry(node).or_insert_with(|| Side::new(&self.line)))
    }
}

impl Side {
    fn new(line: &AtomicU64) -> Self {
        let served = Arc::new(Semaphore::new(SERVED));
        Self { waiting: HashMap::new(), served, line: line.fetch_add(1, Relaxed), told: 0 }
    }

    fn begin_line(&mut self, line: &AtomicU64) {
        self.line = line.fetch_add(1, Relaxed);
        self.told = 0;
    }
}

/// Forgets an ask whose asker went away.
struct Waits {
    peers: Arc<Peers>,
    to: u64,
    id: u64,
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.peers.side(self.to, |side| side.waiting.remove(&self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two nodes whose frames go straight to each other, as long as the wire holds.
    struct Wire {
        ends: Mutex<Vec<Arc<Peers>>>,
        cut: Mutex<bool>,
        carried: Mutex<Vec<Bytes>>,
    }

    impl Carrier for Wire {
        fn carry(&self, to: u64, class: Class, frame: Bytes) -> bool {
            if *self.cut.lock() {
                return false;
            }
            self.carried.lock().push(frame.clone());
            let end = self.ends.lock()[to as usize].clone();
            tokio::spawn(end.heard(1 - to, class, frame));
            true
        }

        fn speaks(&self, _: u64) -> Option<u16> {
            Some(PEER_WIRE_OLDEST)
        }
    }

    #[derive(Default)]
    struct Echo {
        told: Mutex<Vec<(u64, u64)>>,
    }

    impl Service for Echo {
        fn serve(self: Arc<Self>, _: u64, request: PeerRequest) -> BoxFuture<'static, Answered> {
            Box::pin(async move {
                match request {
                    PeerRequest::Raft(bytes) => Ok(PeerAnswer::Bytes(bytes)),
                    _ => std::future::pending().await,
                }
            })
        }

        fn twins(&self, _: u64, _: TwinBatch) {}

        fn told(&self, _: u64, told: Told) {
            self.told.lock().push((told.line, told.number));
        }
    }

    fn two() -> (Arc<Wire>, Arc<Peers>, Arc<Echo>) {
        let (ends, cut, carried) = Default::default();
        let wire = Arc::new(Wire { ends, cut, carried });
        let ends: Vec<_> = (0..2).map(|it| Peers::new(wire.clone(), it * 1000)).collect();
        let echo = Arc::new(Echo::default());
        let service: Arc<dyn Service> = echo.clone();
        ends.iter().for_each(|end| end.serve(&service));
        *wire.ends.lock() = ends.clone();
        (wire, ends[0].clone(), echo)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn n1_an_ask_is_answered_or_ends_with_its_link_or_its_patience() {
        let (wire, peers, _echo) = two();
        let ask = |request, patience| peers.ask(1, Class::Control, request, patience);
        let answer = ask(PeerRequest::Raft(vec![7]), LONG).await;
        assert_eq!(answer, Ok(PeerAnswer::Bytes(vec![7])));
        let late = ask(PeerRequest::Status, Duration::from_millis(1)).await;
        assert_eq!(late, Err(PeerNo::Faulted(Fault::Timeout)));
        let waits = tokio::spawn(ask(PeerRequest::Status, LONG));
        while peers.side(1, |side| side.waiting.is_empty()) {
            tokio::task::yield_now().await;
        }
        peers.broke(1);
        let broke = waits.await.expect("it ends");
        assert_eq!(broke, Err(PeerNo::Faulted(Fault::Restarted)));
        *wire.cut.lock() = true;
        let away = ask(PeerRequest::Status, LONG).await;
        assert_eq!(away, Err(PeerNo::Faulted(Fault::Restarted)));
        assert!(peers.side(1, |side| side.waiting.is_empty()), "nothing is left behind");
    }

    #[tokio::test]
    async fn n2_the_ask_beyond_the_bound_is_told_busy() {
        let (_wire, peers, _echo) = two();
        let asks: Vec<_> =
            (0..ASKS).map(|_| peers.ask(1, Class::Actor, PeerRequest::Status, LONG)).collect();
        let more = peers.ask(1, Class::Actor, PeerRequest::Status, LONG).await;
        assert_eq!(more, Err(PeerNo::Faulted(Fault::Busy)));
        drop(asks);
    }

    /// An ask of a release to come, with what it puts behind its number.
    fn odd(front: Front, rest: &[u8]) -> Bytes {
        let (kind, id) = match front {
            Front::Ask(id) => (0_u32, id),
            Front::Answer(id) => (1, id),
        };
        [&codec::encode(&(kind, id)), rest].concat().into()
    }

    #[tokio::test]
    async fn n4_what_is_not_understood_is_answered_and_the_line_goes_on() {
        let (wire, peers, _echo) = two();
        let other = wire.ends.lock()[1].clone();
        other.clone().heard(0, Class::Bulk, odd(Front::Ask(77), &[200, 1, 2, 3])).await;
        let no = codec::encode(&PeerFrame::Answer { id: 77, answer: Err(PeerNo::Unknown) });
        assert_eq!(*wire.carried.lock(), [Bytes::from(no)], "N4");
        let waits = tokio::spawn(peers.ask(1, Class::Control, PeerRequest::Status, LONG));
        while peers.side(1, |side| side.waiting.is_empty()) {
            tokio::task::yield_now().await;
        }
        let id = peers.side(1, |side| *side.waiting.keys().next().expect("it waits"));
        peers.clone().heard(1, Class::Control, odd(Front::Answer(id), &[0, 99])).await;
        assert_eq!(waits.await.expect("it ends"), Err(PeerNo::Unknown), "N4");
        for rubbish in [&[][..], &[9], &[255; 40]] {
            peers.clone().heard(1, Class::Actor, Bytes::copy_from_slice(rubbish)).await;
        }
        let answer = peers.ask(1, Class::Control, PeerRequest::Raft(vec![7]), LONG).await;
        assert_eq!(answer, Ok(PeerAnswer::Bytes(vec![7])), "the line goes on");
    }

    #[tokio::test]
    async fn n4_what_the_other_does_not_know_is_not_sent_to_it() {
        let (wire, peers, _echo) = two();
        assert!(!peers.is_too_new(1, 1) && peers.is_too_new(1, 2), "it speaks version 1");
        assert!(peers.ask(1, Class::Control, PeerRequest::Raft(vec![1]), LONG).await.is_ok());
        assert_eq!(wire.carried.lock().len(), 2, "an ask and its answer");
    }

    #[tokio::test]
    async fn n3_a_line_that_broke_begins_anew() {
        let (wire, peers, echo) = two();
        let frame = Bytes::from_static(b"{}");
        assert!(peers.tell(1, vec![1], None, &frame) && peers.tell(1, vec![1], None, &frame));
        *wire.cut.lock() = true;
        assert!(!peers.tell(1, vec![1], None, &frame));
        *wire.cut.lock() = false;
        assert!(peers.tell(1, vec![1, 2], None, &frame));
        assert_eq!(peers.told(), (3, 4), "what left is counted");
        peers.show_lines();
        while echo.told.lock().len() < 4 {
            tokio::task::yield_now().await;
        }
        let told = echo.told.lock().clone();
        let line = told[0].0;
        assert_eq!(told[..2], [(line, 1), (line, 2)]);
        assert!(told[2..].iter().all(|(other, number)| *other != line && *number == 1));
    }
}
