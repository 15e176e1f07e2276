//! The bounded way to one socket: frames go in, the gateway takes them out.
//!
//! A frame is encoded once and shared by everybody who gets it. When a socket does not keep up,
//! its outbox overflows, is cut, and stays cut: the browser comes back and resumes by cursor,
//! which costs the node nothing while it is away.
//!
//! A watch of another node's socket has an outbox as well: it leads over the line to that node,
//! and a frame for many of its watches crosses the line once.
//!
//! # Invariants
//! - **O1** At most `limits::FRAMES_IN_FLIGHT` frames and `limits::OUTBOX_BYTES` bytes wait.
//! - **O2** Once cut, nothing is let in.
//! - **O3** Once a tap is closed, nothing passes it, whoever still holds it.

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{frame::Cut, id::Seq, limits};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{mpsc, watch};

use crate::line::Line;

/// The end that actors hold. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox(Way);

/// Where an outbox leads.
#[derive(Debug, Clone)]
enum Way {
    /// To a socket of this node.
    Socket { frames: mpsc::Sender<Bytes>, shared: Arc<Shared>, tap: Option<Arc<Tap>> },
    /// To a watch of another node, over a line in this life.
    Afar { line: Arc<Line>, life: u64, watch: u64 },
}

/// The end that the gateway holds.
#[derive(Debug)]
pub struct Outgoing {
    frames: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
    cut: CutWatch,
}

#[derive(Debug)]
struct Shared {
    bytes: AtomicUsize,
    cut: watch::Sender<Option<Cut>>,
}

/// One watch's part in an outbox: knows the last position that passed, and can be closed.
#[derive(Debug)]
pub(crate) struct Tap(Mutex<(Seq, bool)>);

/// Sees when a socket is cut, beside whoever takes its frames.
#[derive(Debug, Clone)]
pub struct CutWatch(watch::Receiver<Option<Cut>>);

/// A new outbox and the end it leads to.
pub fn outbox() -> (Outbox, Outgoing) {
    let (sender, receiver) = mpsc::channel(limits::FRAMES_IN_FLIGHT);
    let (cut, watched) = watch::channel(None);
    let shared = Arc::new(Shared { bytes: AtomicUsize::new(0), cut });
    let way = Way::Socket { frames: sender, shared: shared.clone(), tap: None };
    (Outbox(way), Outgoing { frames: receiver, shared, cut: CutWatch(watched) })
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
            Way::Socket { frames, shared, tap: None } => shared.push(frames, frame),
            Way::Socket { frames, shared, tap: Some(tap) } => {
                tap.pass(seq, || shared.push(frames, frame))
            }
            Way::Afar { line, life, watch } => line.tell(*life, vec![*watch], seq, frame),
        }
    }

    /// Ends the socket, saying why; the first reason stands. A socket of another node is ended
    /// there.
    pub fn cut(&self, why: Cut) {
        if let Way::Socket { shared, .. } = &self.0 {
            shared.cut(why);
        }
    }

    /// Whether both lead to the same socket.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Way::Socket { frames, .. }, Way::Socket { frames: others, .. }) => {
                frames.same_channel(others)
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
            Way::Socket { frames, shared, .. } => {
                shared.cut.borrow().is_none() && !frames.is_closed()
            }
            Way::Afar { line, life, .. } => line.life() == *life,
        }
    }
}

impl Shared {
    fn push(&self, frames: &mpsc::Sender<Bytes>, frame: Bytes) -> bool {
        if self.cut.borrow().is_some() {
            return false; // O2
        }
        let size = frame.len();
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        if before + size > limits::OUTBOX_BYTES || frames.try_send(frame).is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            self.cut(Cut::Slow); // O1
            return false;
        }
        true
    }

    fn cut(&self, why: Cut) {
        self.cut.send_if_modified(|cut| {
            let first = cut.is_none();
            cut.get_or_insert(why);
            first
        });
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

/// One frame on its way to many outboxes. Sockets get it at once, other nodes once per node.
pub struct Spread {
    frame: Bytes,
    seq: Option<Seq>,
    afar: BTreeMap<(u64, u64), (Arc<Line>, Vec<u64>)>,
}

impl Spread {
    /// Nobody has it yet.
    pub const fn new(frame: Bytes, seq: Option<Seq>) -> Self {
        Self { frame, seq, afar: BTreeMap::new() }
    }

    /// One more gets it.
    pub fn to(&mut self, outbox: &Outbox) {
        match &outbox.0 {
            Way::Socket { .. } => {
                outbox.tell(self.frame.clone(), self.seq);
            }
            Way::Afar { line, life, watch } => {
                let lines = self.afar.entry((line.node(), *life));
                lines.or_insert_with(|| (line.clone(), Vec::new())).1.push(*watch);
            }
        }
    }

    /// Sends it to the other nodes.
    pub fn done(self) {
        for ((_, life), (line, watches)) in self.afar {
            line.tell(life, watches, self.seq, self.frame.clone());
        }
    }
}

impl Outgoing {
    /// The next frame, or why there will be no more.
    pub async fn next(&mut self) -> Result<Bytes, Cut> {
        tokio::select! {
            biased;
            why = self.cut.cut() => Err(why),
            frame = self.frames.recv() => match frame {
                Some(frame) => {
                    self.shared.bytes.fetch_sub(frame.len(), Ordering::Relaxed);
                    Ok(frame)
                }
                None => Err(Cut::Stopping),
            },
        }
    }

    /// A second pair of eyes for the cut.
    pub fn watch_cut(&self) -> CutWatch {
        self.cut.clone()
    }
}

impl CutWatch {
    /// Waits until the socket is cut.
    pub async fn cut(&mut self) -> Cut {
        match self.0.wait_for(Option::is_some).await {
            Ok(cut) => cut.unwrap_or(Cut::Stopping),
            Err(_) => Cut::Stopping, // the last outbox is gone: nobody will say more
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn o1_a_socket_that_never_reads_is_cut_at_the_bound() {
        let (outbox, mut outgoing) = outbox();
        let frame = Bytes::from_static(b"x");
        let let_in = (0..limits::FRAMES_IN_FLIGHT + 10).filter(|_| outbox.push(frame.clone()));
        assert_eq!(let_in.count(), limits::FRAMES_IN_FLIGHT);
        assert_eq!(outgoing.next().await, Err(Cut::Slow));
        assert!(!outbox.push(frame), "O2");
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
            assert_eq!(outgoing.next().await, Ok(Bytes::from_static(frame)));
        }
    }

    #[tokio::test]
    async fn o1_bytes_are_bounded_as_well() {
        let (outbox, _outgoing) = outbox();
        let big = Bytes::from(vec![0; limits::OUTBOX_BYTES / 2]);
        assert!(outbox.push(big.clone()) && outbox.push(big.clone()));
        assert!(!outbox.push(big));
    }
}
