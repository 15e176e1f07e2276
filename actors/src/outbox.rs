//! The bounded way to one socket: frames go in, the gateway takes them out.
//!
//! What is told at once is put down once, as it goes over a socket, and shared by everybody who
//! gets it: a burst. When a socket does not keep up, its outbox overflows, is cut, and stays cut:
//! the browser comes back and resumes by cursor, which costs the node nothing while it is away.
//!
//! A watch of another node's socket has an outbox as well: it leads over the line to that node,
//! and a frame for many of its watches crosses the line once.
//!
//! # Invariants
//! - **O1** At most `limits::FRAMES_IN_FLIGHT` frames and `limits::OUTBOX_BYTES` bytes wait.
//! - **O2** Once cut, nothing is let in, and nothing that waited is kept.
//! - **O3** Once a tap is closed, nothing passes it, whoever still holds it.

mod burst;
#[cfg(test)]
pub(crate) mod listener;
mod spread;

pub use burst::Burst;
pub use spread::Spread;

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{frame::Cut, id::Seq, limits};
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::line::Line;

/// The end that actors hold. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox(Way);

/// Where an outbox leads.
#[derive(Debug, Clone)]
enum Way {
    /// To a socket of this node.
    Socket { shared: Arc<Shared>, tap: Option<Arc<Tap>> },
    /// To a watch of another node, over a line in this life.
    Afar { line: Arc<Line>, life: u64, watch: u64 },
}

/// The end that the gateway holds: one task's, which waits for one thing at a time.
#[derive(Debug)]
pub struct Outgoing(Arc<Shared>);

/// What both ends share. Most sockets have nothing waiting, and then it is all there is of them.
#[derive(Debug, Default)]
struct Shared(Mutex<Cell>);

#[derive(Debug, Default)]
struct Cell {
    waiting: VecDeque<Burst>,
    frames: usize,
    bytes: usize,
    cut: Option<Cut>,
    /// Nobody takes anything out any more.
    closed: bool,
    taker: Option<Waker>,
    /// Whether the taker waits for frames; if not, only for the cut.
    thirsty: bool,
}

/// One watch's part in an outbox: knows the last position that passed, and can be closed.
#[derive(Debug)]
pub(crate) struct Tap(Mutex<(Seq, bool)>);

/// A new outbox and the end it leads to.
pub fn outbox() -> (Outbox, Outgoing) {
    let shared = Arc::<Shared>::default();
    (Outbox(Way::Socket { shared: shared.clone(), tap: None }), Outgoing(shared))
}

impl Outbox {
    /// An outbox that leads to a watch of another node.
    pub(crate) fn afar(line: &Arc<Line>, watch: u64) -> Self {
        Self(Way::Afar { line: line.clone(), life: line.life(), watch })
    }

    /// The same outbox for one watch, which notes what passes and can be closed for itself.
    pub(crate) fn tapped(&self, tap: &Arc<Tap>) -> Self {
        let mut tapped = self.clone();
        if let Way::Socket { tap: mine, .. } = &mut tapped.0 {
            *mine = Some(tap.clone());
        }
        tapped
    }

    /// Lets a frame in, or cuts the socket when there is no room. True when it was let in.
    pub fn push(&self, frame: Bytes) -> bool {
        self.tell(frame, None)
    }

    /// The same; `seq` is the actor's position after this frame, when it is a kept one.
    pub fn tell(&self, frame: Bytes, seq: Option<Seq>) -> bool {
        match &self.0 {
            Way::Socket { .. } => self.give(Burst::of([&frame]), seq),
            Way::Afar { line, life, watch } => line.tell(*life, vec![*watch], seq, frame),
        }
    }

    /// The same with frames that were put down already. For sockets: a line takes no bursts.
    pub(crate) fn give(&self, burst: Burst, seq: Option<Seq>) -> bool {
        match &self.0 {
            Way::Socket { shared, tap: None } => shared.push(burst),
            Way::Socket { shared, tap: Some(tap) } => tap.pass(seq, || shared.push(burst)),
            Way::Afar { .. } => {
                burst.texts().all(|text| self.tell(Bytes::copy_from_slice(text), seq))
            }
        }
    }

    /// Ends the socket, saying why; the first reason stands. A socket of another node is ended
    /// there.
    pub fn cut(&self, why: Cut) {
        if let Way::Socket { shared, .. } = &self.0 {
            let taker = shared.0.lock().cut(why);
            if let Some(taker) = taker {
                taker.wake();
            }
        }
    }

    /// Whether both lead to the same socket.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Way::Socket { shared, .. }, Way::Socket { shared: other, .. }) => {
                Arc::ptr_eq(shared, other)
            }
            (Way::Afar { line, watch, .. }, Way::Afar { line: others, watch: other, .. }) => {
                line.node() == others.node() && watch == other
            }
            _ => false,
        }
    }

    /// Whether the socket still listens.
    pub fn is_open(&self) -> bool {
        match &self.0 {
            Way::Socket { shared, .. } => shared.0.lock().is_open(),
            Way::Afar { line, life, .. } => line.life() == *life,
        }
    }
}

impl Shared {
    fn push(&self, burst: Burst) -> bool {
        let mut cell = self.0.lock();
        if !cell.is_open() {
            return false; // O2
        }
        let (frames, bytes) = (cell.frames + burst.frames(), cell.bytes + burst.bytes().len());
        let fits = frames <= limits::FRAMES_IN_FLIGHT && bytes <= limits::OUTBOX_BYTES; // O1
        let taker = if fits {
            (cell.frames, cell.bytes) = (frames, bytes);
            cell.waiting.push_back(burst);
            if cell.thirsty { cell.taker.take() } else { None }
        } else {
            cell.cut(Cut::Slow)
        };
        drop(cell);
        if let Some(taker) = taker {
            taker.wake();
        }
        fits
    }
}

impl Cell {
    fn is_open(&self) -> bool {
        self.cut.is_none() && !self.closed
    }

    fn cut(&mut self, why: Cut) -> Option<Waker> {
        self.cut.get_or_insert(why);
        self.empty();
        self.taker.take()
    }

    fn empty(&mut self) {
        (self.waiting, self.frames, self.bytes) = (VecDeque::new(), 0, 0);
    }

    /// The next burst, when it has at most so many frames.
    fn next(&mut self, most: usize) -> Option<Burst> {
        let burst = self.waiting.pop_front_if(|burst| burst.frames() <= most)?;
        self.frames -= burst.frames();
        self.bytes -= burst.bytes().len();
        if self.waiting.is_empty() {
            self.waiting.shrink_to(2); // a quiet socket holds next to nothing
        }
        Some(burst)
    }

    fn wait(&mut self, cx: &Context<'_>, thirsty: bool) {
        self.thirsty = thirsty;
        match &mut self.taker {
            Some(taker) => taker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

impl Tap {
    /// A tap behind which everything up to here was told.
    pub(crate) fn new(after: Seq) -> Arc<Self> {
        Arc::new(Self(Mutex::new((after, false))))
    }

    /// Closes it; the last position that passed.
    pub(crate) fn close(&self) -> Seq {
        let mut state = self.0.lock();
        state.1 = true;
        state.0
    }

    fn pass(&self, seq: Option<Seq>, push: impl FnOnce() -> bool) -> bool {
        let mut state = self.0.lock();
        let passed = !state.1 && push(); // O3
        if let Some(seq) = seq.filter(|_| passed) {
            state.0 = seq;
        }
        passed
    }
}

impl Outgoing {
    /// The next burst of at most so many frames, or why there will be no more. Whoever may take
    /// no frames waits for the cut alone.
    pub async fn next(&mut self, most: usize) -> Result<Burst, Cut> {
        poll_fn(|cx| {
            let mut cell = self.0.0.lock();
            match (cell.cut, cell.next(most)) {
                (Some(why), _) => Poll::Ready(Err(why)),
                (None, Some(burst)) => Poll::Ready(Ok(burst)),
                (None, None) => {
                    let thirsty = cell.waiting.is_empty() && most > 0;
                    cell.wait(cx, thirsty);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// What else waits, without waiting for more.
    pub fn more(&mut self, most: usize) -> Option<Burst> {
        self.0.0.lock().next(most)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let mut cell = self.0.0.lock();
        cell.closed = true;
        cell.empty();
        cell.taker = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::websocket::HEAD_BYTES;

    #[tokio::test]
    async fn o1_a_socket_that_never_reads_is_cut_at_the_bound() {
        let (outbox, mut outgoing) = outbox();
        let frame = Bytes::from_static(b"x");
        let let_in = (0..limits::FRAMES_IN_FLIGHT + 10).filter(|_| outbox.push(frame.clone()));
        assert_eq!(let_in.count(), limits::FRAMES_IN_FLIGHT);
        assert_eq!(outgoing.next(1).await.err(), Some(Cut::Slow));
        assert!(outgoing.more(usize::MAX).is_none() && !outbox.push(frame), "O2");
    }

    #[tokio::test]
    async fn o3_a_closed_tap_lets_nothing_pass_and_knows_what_passed_before() {
        let (outbox, mut outgoing) = outbox();
        let tap = Tap::new(Seq(4));
        let tapped = outbox.tapped(&tap);
        assert!(tapped.tell(Bytes::from_static(b"a"), Some(Seq(5))));
        assert!(tapped.push(Bytes::from_static(b"b")));
        assert_eq!(tap.close(), Seq(5));
        assert!(!tapped.tell(Bytes::from_static(b"c"), Some(Seq(6))), "O3");
        assert!(outbox.push(Bytes::from_static(b"d")), "the socket itself goes on");
        for frame in [b"a", b"b", b"d"] {
            let burst = outgoing.next(1).await.expect("open");
            assert!(burst.texts().eq([frame.as_slice()]));
        }
    }

    #[tokio::test]
    async fn o1_bytes_are_bounded_as_well() {
        let (outbox, _outgoing) = outbox();
        let big = Bytes::from(vec![0; limits::OUTBOX_BYTES / 2 - HEAD_BYTES]);
        assert!(outbox.push(big.clone()) && outbox.push(big.clone()));
        assert!(!outbox.push(big));
    }

    #[tokio::test]
    async fn a_burst_waits_until_its_taker_may_take_all_of_it() {
        let (outbox, mut outgoing) = outbox();
        let frame = Bytes::from_static(b"x");
        assert!(outbox.give(Burst::of([&frame, &frame, &frame]), None));
        assert!(outgoing.more(2).is_none());
        assert_eq!(outgoing.next(3).await.expect("open").frames(), 3);
        // Whoever may take nothing is woken by the cut, and by nothing else.
        let waits = tokio::spawn(async move { outgoing.next(0).await.err() });
        assert!(outbox.push(frame));
        outbox.cut(Cut::Stopping);
        assert_eq!(waits.await.expect("no panic"), Some(Cut::Stopping));
        assert!(!outbox.is_open());
    }
}
