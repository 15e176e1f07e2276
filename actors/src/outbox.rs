//! The bounded way to one socket: frames go in, the gateway takes them out.
//!
//! A frame is encoded once and shared by everybody who gets it. When a socket does not keep up,
//! its outbox overflows, is cut, and stays cut: the browser comes back and resumes by cursor,
//! which costs the node nothing while it is away.
//!
//! # Invariants
//! - **O1** At most `limits::FRAMES_IN_FLIGHT` frames and `limits::OUTBOX_BYTES` bytes wait.
//! - **O2** Once cut, nothing is let in.

use bytes::Bytes;
use protocol::{frame::Cut, limits};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{mpsc, watch};

/// The end that actors hold. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    frames: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
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

/// Sees when a socket is cut, beside whoever takes its frames.
#[derive(Debug, Clone)]
pub struct CutWatch(watch::Receiver<Option<Cut>>);

/// A new outbox and the end it leads to.
pub fn outbox() -> (Outbox, Outgoing) {
    let (sender, receiver) = mpsc::channel(limits::FRAMES_IN_FLIGHT);
    let (cut, watched) = watch::channel(None);
    let shared = Arc::new(Shared { bytes: AtomicUsize::new(0), cut });
    let outbox = Outbox { frames: sender, shared: shared.clone() };
    (outbox, Outgoing { frames: receiver, shared, cut: CutWatch(watched) })
}

impl Outbox {
    /// Lets a frame in, or cuts the socket when there is no room. True when it was let in.
    pub fn push(&self, frame: Bytes) -> bool {
        if self.shared.cut.borrow().is_some() {
            return false; // O2
        }
        let size = frame.len();
        let before = self.shared.bytes.fetch_add(size, Ordering::Relaxed);
        if before + size > limits::OUTBOX_BYTES || self.frames.try_send(frame).is_err() {
            self.shared.bytes.fetch_sub(size, Ordering::Relaxed);
            self.cut(Cut::Slow); // O1
            return false;
        }
        true
    }

    /// Ends the socket, saying why; the first reason stands.
    pub fn cut(&self, why: Cut) {
        self.shared.cut.send_if_modified(|cut| {
            let first = cut.is_none();
            cut.get_or_insert(why);
            first
        });
    }

    /// Whether both lead to the same socket.
    pub fn is(&self, other: &Self) -> bool {
        self.frames.same_channel(&other.frames)
    }

    /// Whether the socket still listens.
    pub fn is_open(&self) -> bool {
        self.shared.cut.borrow().is_none() && !self.frames.is_closed()
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
    async fn o1_bytes_are_bounded_as_well() {
        let (outbox, _outgoing) = outbox();
        let big = Bytes::from(vec![0; limits::OUTBOX_BYTES / 2]);
        assert!(outbox.push(big.clone()) && outbox.push(big.clone()));
        assert!(!outbox.push(big));
    }
}
