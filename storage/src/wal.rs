//! The write-ahead log: one per node, for all shards; it makes the acknowledgement.
//!
//! Appends wait in a bounded [`queue`]; one thread ([`writer`]) takes what waits and commits it as
//! one group: one write, one `fdatasync`, then everybody in it is told. While the disk syncs, the
//! next group gathers; so the busier the node, the larger its groups. The [`log`] below has no
//! thread and no clock, and runs on a memory disk as well as on a real one.
//!
//! # Invariants
//! - **W1** A completion says yes only after the sync that covers its record (L1 of [`log`]).
//! - **W2** Completions are called in the order of the appends, each once (Q1 of [`queue`]).
//! - **W3** After a failed sync nothing is written again before the log is opened anew (L3).
//!
//! After a failed sync it is unknown whether the records of that group are durable. They were
//! refused, and may still be found when the log is opened the next time.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{disk::Disk, fault::StorageFault};

pub mod log;
pub mod meter;
pub mod place;
pub mod queue;
pub mod record;
pub mod recover;
mod writer;

use log::{Layout, Log};
use meter::Meter;
use place::Place;
use queue::Queue;
use recover::Found;

/// A running log. Dropping it finishes what waits and stops the thread.
pub struct Wal {
    queue: Arc<Queue>,
    meter: Arc<Meter>,
    thread: Option<JoinHandle<()>>,
}

impl Wal {
    /// Opens the log, hands over what is in it after `from`, and starts the writer.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open(
        disk: Arc<dyn Disk>,
        layout: Layout,
        queue_max: usize,
        queue_bytes_max: usize,
        from: Option<Place>,
        found: Found<'_>,
    ) -> Result<Self, StorageFault> {
        let log = Log::open(disk, layout, from, found)?;
        let queue = Arc::new(Queue::new(queue_max, queue_bytes_max, layout.payload_max()));
        let meter = Arc::new(Meter::default());
        let (theirs, counted) = (Arc::clone(&queue), Arc::clone(&meter));
        let thread = thread::Builder::new()
            .name("wal".into())
            .spawn(move || writer::run_or_shut(log, &theirs, &counted))
            .map_err(|error| StorageFault::disk("start the log's thread", &error))?;
        Ok(Self { queue, meter, thread: Some(thread) })
    }

    /// The queue: where records go in. Completions are called on the writer's thread.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// What was counted.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Finishes what waits and stops the thread. Called from a completion, which runs on that
    /// very thread, it only stops taking things in.
    pub fn close(&mut self) {
        self.queue.stop();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the log's thread died of a bug; what waited was not acknowledged");
        }
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests;
