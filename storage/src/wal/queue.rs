//! The bounded queue before the writer, and the gate that refuses what cannot be kept.
//!
//! # Invariants
//! - **Q1** What was taken in is completed exactly once, in the order it came in.
//! - **Q2** At most `records_max` records and `bytes_max` bytes wait; one more is refused at once.
//!   What comes by [`Queue::push`] is bounded by who pushes it.
//! - **Q3** When a group is refused, everything queued behind it is refused too, and nothing new
//!   is taken in until all of them have been told. So a caller that built on a refused append
//!   never finds its own kept.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{place::Place, record::Draft};
use crate::fault::StorageFault;

/// How often a full disk is tried again while appends keep coming.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Called once on the writer's thread, when the record is durable or refused. It must be quick:
/// the next group waits for it.
pub type Done = Box<dyn FnOnce(Result<Place, StorageFault>) + Send>;

/// One record on its way.
pub struct Item {
    /// What is to be appended.
    pub draft: Draft,
    /// Who hears of it.
    pub done: Done,
}

/// What the writer is to do next.
pub(super) enum Turn {
    /// Commit these.
    Group(Vec<Item>),
    /// Give up the segments before this record.
    Release(u64),
    /// Nothing came for a while.
    Quiet,
    /// Everything is done; go.
    Stop,
}

/// A place in the queue, taken.
pub struct Door<'a> {
    state: MutexGuard<'a, State>,
    wake: &'a Condvar,
}

impl Door<'_> {
    /// Puts the record in its place.
    pub fn push(mut self, item: Item) {
        if let Gate::Full { tried, .. } = &mut self.state.gate {
            *tried = None; // this one tries; the others wait for how it goes
        }
        self.state.bytes += item.draft.room();
        self.state.items.push_back(item);
        self.wake.notify_one();
    }
}

/// The queue between the appenders and the writer.
pub struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    records_max: usize,
    bytes_max: usize,
    payload_max: usize,
}

struct State {
    items: VecDeque<Item>,
    bytes: usize,
    gate: Gate,
    release: Option<u64>,
    stopping: bool,
}

enum Gate {
    Open,
    /// The disk was full. After everybody was told, one append at a time may try again.
    Full {
        why: StorageFault,
        tried: Option<Instant>,
    },
    Shut(StorageFault),
}

impl Queue {
    pub(super) fn new(records_max: usize, bytes_max: usize, payload_max: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            gate: Gate::Open,
            release: None,
            stopping: false,
        };
        Self { state: Mutex::new(state), wake: Condvar::new(), records_max, bytes_max, payload_max }
    }

    /// Takes a place for one record, or says why there is none (Q2, Q3). The queue is held until
    /// the record is pushed, so nobody comes in between.
    ///
    /// # Errors
    /// [`StorageFault::Busy`], [`StorageFault::TooLarge`], or why the gate is not open.
    pub fn enter(&self, payload: usize) -> Result<Door<'_>, StorageFault> {
        if payload > self.payload_max {
            let (len, max) = (payload as u64, self.payload_max as u64);
            return Err(StorageFault::TooLarge { what: "an append", len, max });
        }
        let state = self.state.lock();
        let (waiting, bytes) = (state.items.len(), state.bytes);
        match &state.gate {
            Gate::Open if waiting >= self.records_max => {
                let (waiting, max) = (waiting as u64, self.records_max as u64);
                return Err(StorageFault::Busy { waiting, max });
            }
            Gate::Open if bytes + payload > self.bytes_max && waiting > 0 => {
                let (waiting, max) = (bytes as u64, self.bytes_max as u64);
                return Err(StorageFault::Busy { waiting, max });
            }
            Gate::Open => {}
            Gate::Full { tried: Some(when), .. } if when.elapsed() >= TRY_AGAIN => {}
            Gate::Full { why, .. } | Gate::Shut(why) => return Err(why.clone()),
        }
        Ok(Door { state, wake: &self.wake })
    }

    /// Whether there is a place for `payload` bytes now; as [`Queue::enter`], without taking it.
    ///
    /// # Errors
    /// As [`Queue::enter`].
    pub fn fits(&self, payload: usize) -> Result<(), StorageFault> {
        self.enter(payload).map(drop)
    }

    /// Puts a record in, whatever waits already: for a caller that bounds itself and asked
    /// [`Queue::fits`] before it promised anything.
    ///
    /// # Errors
    /// [`StorageFault::TooLarge`], or why the gate is not open; the record was not taken then, and
    /// nobody will be told of it.
    pub fn push(&self, item: Item) -> Result<(), StorageFault> {
        match self.enter(item.draft.len()) {
            Ok(door) => door.push(item),
            Err(StorageFault::Busy { .. }) => {
                let state = self.state.lock();
                if let Gate::Full { why, .. } | Gate::Shut(why) = &state.gate {
                    return Err(why.clone());
                }
                Door { state, wake: &self.wake }.push(item);
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Whether an append would be taken in, apart from the bounds.
    ///
    /// # Errors
    /// Why the gate is not open.
    pub fn open(&self) -> Result<(), StorageFault> {
        match &self.state.lock().gate {
            Gate::Open => Ok(()),
            Gate::Full { tried: Some(when), .. } if when.elapsed() >= TRY_AGAIN => Ok(()),
            Gate::Full { why, .. } | Gate::Shut(why) => Err(why.clone()),
        }
    }

    /// How many records wait.
    pub fn depth(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Asks for the segments before this record to be given up.
    pub fn release(&self, upto: u64) {
        let mut state = self.state.lock();
        state.release = Some(upto.max(state.release.unwrap_or(0)));
        self.wake.notify_one();
    }

    /// Takes nothing more in; the writer finishes what is here and goes.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        if matches!(state.gate, Gate::Open | Gate::Full { .. }) {
            state.gate = Gate::Shut(StorageFault::Closed);
        }
        self.wake.notify_one();
    }

    /// Waits for the next thing to do; at most `quiet` when that is given.
    pub(super) fn turn(&self, group_bytes: usize, quiet: Option<Duration>) -> Turn {
        let state = &mut self.state.lock();
        loop {
            // First, because under load there is always a group, and the log would never shrink.
            if let Some(upto) = state.release.take() {
                return Turn::Release(upto);
            }
            if !state.items.is_empty() {
                return Turn::Group(state.take_group(group_bytes));
            }
            if state.stopping {
                return Turn::Stop;
            }
            match quiet {
                None => self.wake.wait(state),
                Some(quiet) => {
                    if self.wake.wait_for(state, quiet).timed_out() && state.items.is_empty() {
                        return Turn::Quiet;
                    }
                }
            }
        }
    }

    /// Shuts the gate and empties the queue (Q3).
    pub(super) fn refuse(&self, why: &StorageFault) -> Vec<Item> {
        let state = &mut *self.state.lock();
        state.gate = match why {
            why if why.is_full() && !state.stopping => Gate::Full { why: why.clone(), tried: None },
            why => Gate::Shut(why.clone()),
        };
        state.bytes = 0;
        state.items.drain(..).collect()
    }

    /// Everybody refused has been told: from now on one append may try again (Q3).
    pub(super) fn all_told(&self) {
        if let Gate::Full { tried, .. } = &mut self.state.lock().gate {
            *tried = Some(Instant::now());
        }
    }

    /// A group was kept: there is room again.
    pub(super) fn kept(&self) {
        let state = &mut *self.state.lock();
        if matches!(state.gate, Gate::Full { .. }) {
            state.gate = Gate::Open;
        }
    }
}

impl State {
    fn take_group(&mut self, group_bytes: usize) -> Vec<Item> {
        let mut room = 0;
        let fits = |item: &&Item| {
            room += item.draft.room();
            room <= group_bytes
        };
        let count = self.items.iter().take_while(fits).count().max(1);
        let group: Vec<Item> = self.items.drain(..count).collect();
        self.bytes -= group.iter().map(|item| item.draft.room()).sum::<usize>();
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn push(queue: &Queue, len: usize) -> Result<(), StorageFault> {
        let draft = Draft::new(0, 1, Bytes::from(vec![1; len]));
        queue.enter(len).map(|door| door.push(Item { draft, done: Box::new(|_| {}) }))
    }

    #[test]
    fn q2_one_record_too_many_is_busy() {
        let queue = Queue::new(2, 1000, 5000);
        assert_eq!((push(&queue, 10), push(&queue, 10)), (Ok(()), Ok(())));
        assert_eq!(push(&queue, 10), Err(StorageFault::Busy { waiting: 2, max: 2 }));
        let queue = Queue::new(10, 100, 5000);
        assert_eq!(push(&queue, 2000), Ok(()), "alone, a large one is taken");
        assert!(matches!(push(&queue, 1), Err(StorageFault::Busy { max: 100, .. })));
        assert!(matches!(push(&queue, 5001), Err(StorageFault::TooLarge { max: 5000, .. })));
    }

    #[test]
    fn q3_nothing_is_taken_in_before_everybody_was_told() {
        let queue = Queue::new(9, 1000, 5000);
        assert_eq!((push(&queue, 1), push(&queue, 1)), (Ok(()), Ok(())));
        let full = StorageFault::DiskFull { needed: 1, free: 0 };
        assert_eq!(queue.refuse(&full).len(), 2);
        assert_eq!(push(&queue, 1), Err(full));
        queue.all_told();
        assert!(queue.open().is_err(), "not tried again at once");
        queue.kept();
        assert_eq!(push(&queue, 1), Ok(()));
    }

    #[test]
    fn a_group_is_bounded_and_never_empty() {
        let queue = Queue::new(9, 100_000, 5000);
        for len in [5000, 10, 10] {
            assert_eq!(push(&queue, len), Ok(()));
        }
        queue.release(7);
        queue.release(3);
        assert!(matches!(queue.turn(1000, None), Turn::Release(7)), "before any group");
        for expected in [1, 2] {
            let Turn::Group(group) = queue.turn(1000, None) else { panic!("there is a group") };
            assert_eq!(group.len(), expected);
        }
        queue.stop();
        assert!(matches!(queue.turn(1000, None), Turn::Stop));
        assert_eq!(push(&queue, 1), Err(StorageFault::Closed));
    }
}
