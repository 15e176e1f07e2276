//! The shell's side of the journal: load a life, keep what follows.
//!
//! An entry is an event. The last event that was kept for a request is followed by that request,
//! and a saved fold by the requests that were answered; entries and folds of the first release are
//! followed by nothing.

use protocol::{codec, frame::Fault, id::Seq, key::Key, limits, request::Request, time::Time};
use storage::{fault::StorageFault, journal::JournalId, ledger::Ledger};

use crate::{answered::Answered, handle::No, part::Part};

/// Entries read from the journal at a time while a life is loaded.
const PAGE: usize = 1000;
/// Bytes of one entry.
const ENTRY_BYTES: usize = limits::EVENT_BYTES + limits::REQUEST_BYTES;

/// One actor's way to its journal.
#[derive(Clone)]
pub(crate) struct Keeper {
    ledger: Ledger,
    journal: JournalId,
}

/// A machine as its journal left it.
pub(crate) struct Loaded<M> {
    pub(crate) machine: M,
    pub(crate) answered: Answered,
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
                let kept = read_entry::<M>(&entry.body);
                let (event, request) = kept.map_err(|reason| self.shape(entry.seq, reason))?;
                life.machine.fold(entry.seq, entry.at, &event);
                if let Some(request) = request {
                    life.answered.fold(entry.seq, &request);
                }
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
        let fold = found.as_ref().and_then(|it| read_fold::<M>(&it.body).ok());
        let (fold, seq) = match (fold, found) {
            (Some(fold), Some(found)) => (fold, found.seq),
            _ => Default::default(),
        };
        let (machine, answered) = fold;
        Ok(Loaded { machine, answered, seq, snapshot: seq })
    }

    fn shape(&self, seq: Seq, reason: codec::CodecFault) -> LoadFault {
        LoadFault::Shape { journal: self.journal.as_str().into(), seq, reason }
    }

    /// Keeps events after `after`, and for which request; `done` is called when they are durable,
    /// or cannot be.
    pub(crate) fn keep<M: Part>(
        &self,
        (after, at): (Seq, Time),
        events: &[M::Event],
        request: Option<&Request>,
        done: impl FnOnce(Result<Seq, StorageFault>) + Send + 'static,
    ) {
        let mut bodies: Vec<_> = events.iter().map(codec::encode).collect();
        if let (Some(last), Some(request)) = (bodies.last_mut(), request) {
            last.extend(codec::encode(request));
        }
        self.ledger.append(&self.journal, after, at, bodies, Box::new(done));
    }

    /// Saves the fold, so that the next awakening need not replay it.
    pub(crate) fn snapshot<M: Part>(
        &self,
        seq: Seq,
        machine: &M,
        answered: &Answered,
    ) -> Result<(), StorageFault> {
        let mut body = codec::encode(machine);
        let answered = answered.list();
        if !answered.is_empty() {
            body.extend(codec::encode(&answered));
        }
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

/// An entry's event, and the request it was kept for.
fn read_entry<M: Part>(body: &[u8]) -> Result<(M::Event, Option<Request>), codec::CodecFault> {
    match codec::decode_front::<M::Event, ENTRY_BYTES>(body)? {
        (event, []) => Ok((event, None)),
        (event, rest) => {
            let request = codec::decode::<Request, { limits::REQUEST_BYTES }>(rest)?;
            Ok((event, Some(request)))
        }
    }
}

/// An entry's event, for whoever reads a journal beside its actor: the request behind it is checked
/// and left out.
///
/// # Errors
/// When it is none of this machine.
pub fn event<M: Part>(body: &[u8]) -> Result<M::Event, codec::CodecFault> {
    read_entry::<M>(body).map(|(event, _)| event)
}

/// A saved fold.
fn read_fold<M: Part>(body: &[u8]) -> Result<(M, Answered), codec::CodecFault> {
    const MAX: usize = limits::SNAPSHOT_BYTES;
    match codec::decode_front::<M, MAX>(body)? {
        (machine, []) => Ok((machine, Answered::default())),
        (machine, rest) => {
            let list = codec::decode::<Vec<(Seq, Request)>, MAX>(rest)?;
            Ok((machine, Answered::from_list(&list)))
        }
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
