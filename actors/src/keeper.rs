//! The shell's side of the journal: load a life, keep what follows.

use protocol::{codec, frame::Fault, id::Seq, key::Key, limits, time::Time};
use storage::{fault::StorageFault, journal::JournalId, ledger::Ledger};

use crate::{handle::No, part::Part};

/// Entries read from the journal at a time while a life is loaded.
const PAGE: usize = 1000;

/// One actor's way to its journal.
#[derive(Clone)]
pub(crate) struct Keeper {
    ledger: Ledger,
    journal: JournalId,
}

/// A machine as its journal left it.
pub(crate) struct Loaded<M> {
    pub(crate) machine: M,
    pub(crate) seq: Seq,
    pub(crate) snapshot: Seq,
}

/// The journal cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    /// The disk said no, or the journal is damaged.
    #[error(transparent)]
    Storage(#[from] StorageFault),
    /// An entry is not an event of this machine.
    #[error("journal {journal}: entry {seq}: {reason}")]
    Shape {
        /// Which journal.
        journal: String,
        /// Which entry.
        seq: Seq,
        /// What the codec said.
        reason: codec::CodecFault,
    },
}

impl Keeper {
    pub(crate) fn new(ledger: Ledger, key: Key) -> Self {
        let journal = JournalId::new(&key.to_string()).expect("a key's text fits a journal's name");
        Self { ledger, journal }
    }

    /// Folds the snapshot and everything after it. Blocks on the disk.
    pub(crate) fn load<M: Part>(&self) -> Result<Loaded<M>, LoadFault> {
        let mut life = self.snapshotted::<M>()?;
        loop {
            let page = self.ledger.read(&self.journal, life.seq, PAGE)?;
            for entry in &page {
                assert_eq!(entry.seq, life.seq.next(), "J1: the journal has no gaps");
                let event = codec::decode::<M::Event, { limits::EVENT_BYTES }>(&entry.body);
                let event = event.map_err(|reason| self.shape(entry.seq, reason))?;
                life.machine.fold(entry.seq, entry.at, &event);
                life.seq = entry.seq;
            }
            if page.len() < PAGE {
                life.machine.check();
                return Ok(life);
            }
        }
    }

    fn snapshotted<M: Part>(&self) -> Result<Loaded<M>, LoadFault> {
        let found =
            self.ledger.load_snapshot(&self.journal)?.filter(|it| it.version == M::SNAPSHOT);
        // A snapshot that cannot be read costs time, never truth: the journal has everything.
        let machine = found
            .as_ref()
            .and_then(|it| codec::decode::<M, { limits::SNAPSHOT_BYTES }>(&it.body).ok());
        Ok(match (machine, found) {
            (Some(machine), Some(found)) => Loaded { machine, seq: found.seq, snapshot: found.seq },
            _ => Loaded { machine: M::default(), seq: Seq::START, snapshot: Seq::START },
        })
    }

    fn shape(&self, seq: Seq, reason: codec::CodecFault) -> LoadFault {
        LoadFault::Shape { journal: self.journal.as_str().into(), seq, reason }
    }

    /// Keeps events after `after`; `done` is called when they are durable, or cannot be.
    pub(crate) fn keep<M: Part>(
        &self,
        after: Seq,
        at: Time,
        events: &[M::Event],
        done: impl FnOnce(Result<Seq, StorageFault>) + Send + 'static,
    ) {
        let bodies = events.iter().map(codec::encode).collect();
        self.ledger.append(&self.journal, after, at, bodies, Box::new(done));
    }

    /// Saves the fold, so that the next awakening need not replay it.
    pub(crate) fn snapshot<M: Part>(&self, seq: Seq, machine: &M) -> Result<(), StorageFault> {
        let body = codec::encode(machine);
        if body.len() > limits::SNAPSHOT_BYTES {
            return Ok(());
        }
        self.ledger.snapshot(&self.journal, seq, M::SNAPSHOT, body)
    }

    /// Whether anything can be kept now.
    pub(crate) fn writable(&self) -> Result<(), Fault> {
        self.ledger.writable().map_err(|fault| fault_of(&fault))
    }
}

/// What an asker is told of a log that did not keep something.
pub(crate) fn no_of(fault: &StorageFault) -> No {
    match fault {
        StorageFault::NotHere { .. } | StorageFault::Moved { .. } => No::Away,
        fault => No::Faulted(fault_of(fault)),
    }
}

/// What a browser is told of a failing disk.
pub fn fault_of(fault: &StorageFault) -> Fault {
    match fault {
        StorageFault::DiskFull { .. } => Fault::DiskFull,
        StorageFault::Busy { .. } => Fault::Busy,
        _ => Fault::Disk,
    }
}
