//! What waits to be written to one member in one class.
//!
//! # Invariants
//! - **SW6** What waits stays within the bounds of its class. A single frame may exceed the bytes
//!   when nothing else waits, so that every allowed frame can travel.
//! - **SW7** A closed queue is empty and takes nothing. An open one gives frames only to the line
//!   it was opened for: a writer that ends late takes nothing from its successor.

use super::{
    Unsent,
    figures::{ClassFigures, Figures, count},
    frames::LineId,
};
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::peer::{Class, PEER_FRAME_BYTES};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};
use tokio::sync::Notify;

/// Bytes written in one go, at most, unless a single frame is longer.
const BATCH_BYTES: usize = 256 * 1024;

/// Frames and bytes that may wait in a class.
const fn bounds(class: Class) -> (usize, usize) {
    match class {
        Class::Control => (1024, 2 * 1024 * 1024),
        Class::Twin => (4096, 4 * 1024 * 1024),
        Class::Actor => (8192, 8 * 1024 * 1024),
        Class::Bulk => (1024, 16 * 1024 * 1024),
    }
}

/// Frames in the order they were sent.
pub(super) struct Queue {
    class: Class,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    figures: Arc<Figures>,
}

#[derive(Default)]
struct Waiting {
    open: Option<LineId>,
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl Queue {
    /// A closed one.
    pub(super) fn new(class: Class, figures: Arc<Figures>) -> Self {
        Self { class, waiting: Mutex::default(), arrived: Notify::new(), figures }
    }

    /// Takes a frame, or says why not.
    pub(super) fn push(&self, frame: Bytes) -> Result<(), Unsent> {
        if frame.len() > PEER_FRAME_BYTES {
            return Err(Unsent::TooLong);
        }
        let (frames, bytes) = bounds(self.class);
        let mut waiting = self.waiting.lock();
        if waiting.open.is_none() {
            return Err(Unsent::Away); // SW7
        }
        let fits = waiting.frames.len() < frames && waiting.bytes + frame.len() <= bytes;
        if !fits && !waiting.frames.is_empty() {
            count(&self.own().full);
            return Err(Unsent::Full); // SW6
        }
        self.own().queued.fetch_add(1, Ordering::Relaxed);
        self.own().queued_bytes.fetch_add(frame.len() as u64, Ordering::Relaxed);
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for frames and moves what can be written in one go. Given up half-way it has moved
    /// nothing.
    pub(super) async fn next(&self, line: LineId, batch: &mut Vec<Bytes>) {
        loop {
            if self.take(line, batch) {
                return;
            }
            self.arrived.notified().await;
        }
    }

    fn take(&self, line: LineId, batch: &mut Vec<Bytes>) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.open != Some(line) {
            return false; // SW7
        }
        let (mut frames, mut bytes) = (0, 0);
        while let Some(frame) = waiting.frames.front() {
            if frames > 0 && bytes + frame.len() > BATCH_BYTES {
                break;
            }
            frames += 1;
            bytes += frame.len();
            batch.extend(waiting.frames.pop_front());
        }
        waiting.bytes -= bytes;
        self.gone(frames, bytes);
        frames > 0
    }

    /// From now on frames are taken, for this line.
    pub(super) fn open(&self, line: LineId) {
        self.waiting.lock().open = Some(line);
    }

    /// Drops what waits and takes nothing more.
    pub(super) fn close(&self) {
        let mut waiting = self.waiting.lock();
        self.gone(waiting.frames.len(), waiting.bytes);
        *waiting = Waiting::default(); // SW7
    }

    fn gone(&self, frames: usize, bytes: usize) {
        self.own().queued.fetch_sub(frames as u64, Ordering::Relaxed);
        self.own().queued_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    fn own(&self) -> &ClassFigures {
        self.figures.class(self.class)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: LineId = LineId { boot: 1, count: 1 };

    fn queue(class: Class) -> (Queue, Arc<Figures>) {
        let figures = Arc::new(Figures::default());
        (Queue::new(class, figures.clone()), figures)
    }

    #[test]
    fn sw6_frames_and_bytes_are_bounded_and_a_lone_long_frame_passes() {
        for class in Class::ALL {
            let (queue, figures) = queue(class);
            queue.open(LINE);
            assert_eq!(queue.push(Bytes::from(vec![0; PEER_FRAME_BYTES])), Ok(()));
            assert_eq!(
                queue.push(Bytes::from(vec![0; PEER_FRAME_BYTES + 1])),
                Err(Unsent::TooLong)
            );
            assert!(queue.take(LINE, &mut Vec::new()));
            let (frames, bytes) = bounds(class);
            let taken = (0..=frames).filter(|_| queue.push(Bytes::from_static(b"x")).is_ok());
            assert_eq!(taken.count(), frames);
            while queue.take(LINE, &mut Vec::new()) {}
            let kib = Bytes::from(vec![0; 64 * 1024]);
            let taken = (0..=bytes / kib.len()).filter(|_| queue.push(kib.clone()).is_ok());
            assert_eq!(taken.count(), (bytes / kib.len()).min(frames));
            assert_eq!(figures.class(class).full.load(Ordering::Relaxed), 2);
        }
    }

    #[test]
    fn sw7_a_closed_queue_is_empty_and_takes_nothing() {
        let (queue, figures) = queue(Class::Actor);
        assert_eq!(queue.push(Bytes::from_static(b"early")), Err(Unsent::Away));
        queue.open(LINE);
        queue.push(Bytes::from_static(b"in time")).expect("there is room");
        assert!(!queue.take(LineId { boot: 1, count: 2 }, &mut Vec::new()));
        queue.close();
        assert!(!queue.take(LINE, &mut Vec::new()));
        assert_eq!(queue.push(Bytes::from_static(b"late")), Err(Unsent::Away));
        assert_eq!(figures.class(Class::Actor).queued.load(Ordering::Relaxed), 0);
        assert_eq!(figures.class(Class::Actor).queued_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_batch_keeps_the_order_and_its_size() {
        let (queue, _) = queue(Class::Bulk);
        queue.open(LINE);
        let pieces = [100 * 1024, 100 * 1024, 100 * 1024, 1, 300 * 1024, 2];
        for piece in pieces {
            queue.push(Bytes::from(vec![0; piece])).expect("there is room");
        }
        let mut seen = Vec::new();
        let mut batch = Vec::new();
        while queue.take(LINE, &mut batch) {
            seen.push(batch.drain(..).map(|frame| frame.len()).collect::<Vec<_>>());
        }
        assert_eq!(seen, [vec![102_400, 102_400], vec![102_400, 1], vec![307_200], vec![2]]);
    }
}
