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
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{Notify, mpsc};

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
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    cut: OnceLock<Cut>,
    changed: Notify,
}

/// A new outbox and the end it leads to.
pub fn outbox() -> (Outbox, Outgoing) {
    let (sender, receiver) = mpsc::channel(limits::FRAMES_IN_FLIGHT);
    let shared = Arc::<Shared>::default();
    (Outbox { frames: sender, shared: shared.clone() }, Outgoing { frames: receiver, shared })
}

impl Outbox {
    /// Lets a frame in, or cuts the socket when there is no room. True when it was let in.
    pub fn push(&self, frame: Bytes) -> bool {
        if self.shared.cut.get().is_some() {
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
        if self.shared.cut.set(why).is_ok() {
            self.shared.changed.notify_one();
        }
    }

    /// Whether the socket still listens.
    pub fn is_open(&self) -> bool {
        self.shared.cut.get().is_none() && !self.frames.is_closed()
    }
}

impl Outgoing {
    /// The next frame, or why there will be no more.
    pub async fn next(&mut self) -> Result<Bytes, Cut> {
        if let Some(why) = self.shared.cut.get() {
            return Err(*why);
        }
        tokio::select! {
            frame = self.frames.recv() => match frame {
                Some(frame) => {
                    self.shared.bytes.fetch_sub(frame.len(), Ordering::Relaxed);
                    Ok(frame)
                }
                None => Err(Cut::Stopping),
            },
            () = self.shared.changed.notified() => {
                Err(self.shared.cut.get().copied().unwrap_or(Cut::Stopping))
            }
        }
    }

    /// Waits until the socket is cut.
    pub async fn cut(&self) -> Cut {
        loop {
            if let Some(why) = self.shared.cut.get() {
                return *why;
            }
            self.shared.changed.notified().await;
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
