//! The line of news to one other node.
//!
//! What watchers on another node are told leaves in one numbered order ([`protocol::peer::Told`]).
//! When a frame cannot leave, the line breaks: nothing more is told to the watches of its old
//! life, and the other side watches anew.
//!
//! # Invariants
//! - **LN1** After a frame was lost, nothing is told to a watch that should have had it.

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::id::Seq;
use std::{fmt, sync::Arc};

use crate::road::Road;

/// The teller's side of one line. Shared by all watches of that node.
pub struct Line {
    node: u64,
    road: Arc<dyn Road>,
    /// Rises when the line breaks.
    life: Mutex<u64>,
    broke: Box<dyn Fn(u64) + Send + Sync>,
}

impl Line {
    /// A line to a node; `broke` is told when it breaks, and must be quick.
    pub(crate) fn new(
        node: u64,
        road: Arc<dyn Road>,
        broke: impl Fn(u64) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { node, road, life: Mutex::new(1), broke: Box::new(broke) })
    }

    /// Where it leads.
    pub(crate) const fn node(&self) -> u64 {
        self.node
    }

    /// Its present life.
    pub(crate) fn life(&self) -> u64 {
        *self.life.lock()
    }

    /// Tells watches that began in this life of the line. False when it is over.
    pub(crate) fn tell(&self, life: u64, to: Vec<u64>, seq: Option<Seq>, frame: Bytes) -> bool {
        // Compared and told under one lock: nothing of an old life slips behind the break (LN1).
        let mut now = self.life.lock();
        if *now != life {
            return false;
        }
        let told = self.road.tell(self.node, to, seq, frame);
        if !told {
            *now += 1;
            drop(now);
            (self.broke)(self.node);
        }
        told
    }

    /// The link behind it broke.
    pub(crate) fn cut(&self) {
        *self.life.lock() += 1;
        (self.broke)(self.node);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Line(n{})", self.node)
    }
}
