//! Opening a ledger: the engine first, then what the log has beyond it.
//!
//! ```text
//! lock -> format -> engine -> checkpoint ─┬─ known ───────────────────────► replay the log from it
//!                                         ├─ none, log has record 1 ──────► replay the whole log
//!                                         └─ lost (damaged, gone, behind) ─► a source, then the log
//! ```
//!
//! No log and no engine at all is a new directory, unless it has held a log before.

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use protocol::{
    cluster::{Epoch, Lsn},
    key::SHARDS,
    twin::At,
};

use super::{
    again,
    complaints::Complaints,
    core::{APPEND, Core, FOLD, Fill, Origin, Trouble},
    doubt, home, keys,
    options::{Engine, Options},
    rebuild,
    slot::Slots,
    twins::records::{CUT, ENTRY, FENCE, Found, Stand},
};
use crate::{
    disk::{Disk, memory::MemoryDisk, real::RealDisk},
    fault::StorageFault,
    history,
    lock::lock,
    store::{Store, memory::MemoryStore, redb::RedbStore, sled::SledStore},
    wal::{
        Wal,
        log::Layout,
        place::Place,
        record::{Record, room},
        recover::{locate, survey},
    },
};

/// Copies of a damaged engine that are kept aside before opening refuses to make another.
const ASIDE: u32 = 100;

/// Where a shard begins that was written before there were twins: not where an empty one does, so
/// that a new copy fetches what is there.
const OLD: At = At { epoch: Epoch(0), lsn: Lsn(1) };

/// A ledger whose filler is not started yet.
pub(super) struct Opened {
    pub(super) core: Arc<Core>,
    pub(super) wal: Wal,
    /// Every shard as engine and log have it; none without twins.
    pub(super) shards: Vec<Found>,
    /// The last record that was found.
    pub(super) last: Option<Place>,
    /// Bytes of the records that were found.
    pub(super) age: u64,
}

/// Opens everything; the filler is not started yet.
pub(super) fn open(options: &Options, twinned: bool) -> Result<Opened, StorageFault> {
    let in_memory = options.engine == Engine::Memory;
    let lock = if in_memory { None } else { Some(lock(&options.dir)?) };
    let mut read_only = false;
    if !in_memory {
        let format = home::check_format(&options.dir, &options.engine.to_string(), twinned)?;
        read_only = format > home::ALONE && !twinned;
    }
    let disk: Arc<dyn Disk> = match &options.disk {
        Some(disk) => Arc::clone(disk),
        None if in_memory => Arc::new(MemoryDisk::new()),
        None => {
            let real = RealDisk::open(&options.dir.join("wal"));
            Arc::new(real.map_err(|error| StorageFault::disk("open the log", &error))?)
        }
    };
    let segments = survey(&*disk)?;
    let aside = aside(options, &disk)?;
    let is_new = segments.is_empty() && (in_memory || !home::has_held(&options.dir));
    let (store, from) = open_engine(options, &segments, is_new, &*aside)?;
    let shards = if twinned { shards(&*store)? } else { Vec::new() };

    let trouble = Trouble { unapplied_max: options.unapplied_bytes_max, ..Trouble::default() };
    let core = Arc::new(Core {
        slots: Slots::default(),
        fill: Fill::default(),
        trouble,
        disk: Arc::clone(&disk),
        aside,
        folds_lost: 0.into(),
        complaints: Complaints::default(),
        store,
        read_only,
        _lock: lock,
    });
    let layout = Layout {
        segment_bytes: options.segment_bytes,
        keep: options.segments_keep,
        reserve: options.reserve_bytes,
    };
    let (queue, bytes) = (options.queue_max, options.queue_bytes_max);
    let mut replay = Replay { core, shards, last: from, age: 0 };
    let found = &mut |record: Record<'_>, place| replay.take(&record, place);
    let wal = Wal::open(disk, layout, queue, bytes, from, found)?;
    if !in_memory && !read_only {
        home::hold(&options.dir)?;
    }
    let Replay { core, shards, last, age } = replay;
    if from.is_none() && !segments.is_empty() && !shards.iter().all(Found::is_whole) {
        // The engine began anew, and a copy that was fetched into the old one is in no log.
        let why = "it had state that the log never held".into();
        return Err(StorageFault::EngineLost { why, first: 1 });
    }
    Ok(Opened { core, wal, shards, last, age })
}

/// Where a node puts aside what it must not drop: beside the log, where names may hold a folder.
fn aside(options: &Options, disk: &Arc<dyn Disk>) -> Result<Arc<dyn Disk>, StorageFault> {
    if options.disk.is_some() || options.engine == Engine::Memory {
        return Ok(Arc::clone(disk));
    }
    let real = RealDisk::open(&options.dir);
    Ok(Arc::new(real.map_err(|error| StorageFault::disk("open the data folder", &error))?))
}

/// What the engine knows of each shard.
fn shards(store: &dyn Store) -> Result<Vec<Found>, StorageFault> {
    keys::list_all(store, OLD)?;
    let damaged = |shard| StorageFault::EngineLost {
        why: format!("the place of shard {shard} is damaged"),
        first: 0,
    };
    let shard = |shard| {
        let (base, torn) = match keys::applied(store, shard)? {
            Some(found) => found.ok_or_else(|| damaged(shard))?,
            None => (At::default(), false),
        };
        let (seen, act) = match keys::fence(store, shard)? {
            Some(found) => found.ok_or_else(|| damaged(shard))?,
            None => (Epoch(0), Epoch(0)),
        };
        let mut found = Found::new(seen, act, base, torn);
        found.leaving = keys::is_leaving(store, shard)?;
        Ok(found)
    };
    (0..SHARDS).map(shard).collect()
}

/// The engine, and the place in the log it has reached. An engine whose place the log no longer
/// holds is behind it; one with a place beside a log without files has lost the log: what that had
/// acknowledged is unknown. Both count as lost, and so does one whose sync has failed.
fn open_engine(
    options: &Options,
    segments: &[u64],
    is_new: bool,
    aside: &dyn Disk,
) -> Result<(Arc<dyn Store>, Option<Place>), StorageFault> {
    let first = segments.first().copied().unwrap_or(0);
    let dir = options.dir.join(options.engine.to_string());
    let believed = doubt::check(aside, &options.engine.to_string());
    let opened = believed.and_then(|()| make_engine(options, &dir));
    let lost = match &opened {
        Ok(store) => match keys::checkpoint(&**store) {
            Ok(Some(Some(place))) if locate(segments.iter().copied(), place).is_some() => {
                return Ok((opened?, Some(place)));
            }
            Ok(Some(Some(place))) => {
                format!("it ends at record {}, and the log does not reach it", place.number)
            }
            Ok(None) if is_new || segments.first() == Some(&1) => return Ok((opened?, None)),
            Ok(None) if segments.is_empty() => "it is gone, and so is the log".into(),
            Ok(None) => "it is empty".into(),
            Ok(Some(None)) => "its checkpoint is damaged".into(),
            Err(fault) => fault.to_string(),
        },
        Err(fault) => fault.to_string(),
    };
    let log_is_whole = segments.first() == Some(&1);
    if !log_is_whole && options.rebuild.is_none() {
        return Err(StorageFault::EngineLost { why: lost, first });
    }

    tracing::error!(why = lost, "the store engine is lost and is rebuilt");
    drop(opened);
    if options.store.is_none() {
        move_aside(&dir)?;
    }
    let store = make_engine(options, &dir)?;
    if let Some(source) = &options.rebuild {
        rebuild::rebuild(&**source, &*store)?;
    }
    doubt::lift(aside)?;
    Ok((store, None))
}

fn make_engine(options: &Options, dir: &Path) -> Result<Arc<dyn Store>, StorageFault> {
    if let Some(store) = &options.store {
        return Ok(Arc::clone(store));
    }
    Ok(match options.engine {
        Engine::Sled => Arc::new(SledStore::open(dir, options.cache_bytes)?),
        Engine::Redb => Arc::new(RedbStore::open(dir, options.cache_bytes)?),
        Engine::Memory => Arc::new(MemoryStore::new()),
    })
}

fn move_aside(dir: &Path) -> Result<(), StorageFault> {
    let told = |error| StorageFault::disk("move the damaged engine aside", &error);
    for number in 1..=ASIDE {
        let aside = dir.with_extension(format!("damaged-{number}"));
        if !aside.exists() {
            return match fs::rename(dir, aside) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                moved => moved.map_err(told),
            };
        }
    }
    Err(told(std::io::ErrorKind::AlreadyExists.into()))
}

/// Takes the log into memory, record by record.
struct Replay {
    core: Arc<Core>,
    shards: Vec<Found>,
    last: Option<Place>,
    age: u64,
}

impl Replay {
    fn take(&mut self, record: &Record<'_>, place: Place) -> Result<(), StorageFault> {
        self.age += room(record.payload.len()) as u64;
        self.last = Some(place);
        let taken = match record.kind {
            APPEND | FOLD => self.fill(record, place)?,
            ENTRY | CUT | FENCE => match self.shards.get_mut(usize::from(record.shard)) {
                Some(shard) => shard.take(record, place, self.age),
                None => self.core.read_only,
            },
            _ => false,
        };
        let unreadable = || StorageFault::LogCorrupt {
            segment: crate::wal::place::segment_name(place.segment),
            offset: place.offset,
            lsn: place.number,
        };
        taken.then_some(()).ok_or_else(unreadable)
    }

    /// A record without twins: for the filler. Says no to one that cannot be read.
    fn fill(&mut self, record: &Record<'_>, place: Place) -> Result<bool, StorageFault> {
        let core = &self.core;
        let payload = Bytes::copy_from_slice(record.payload);
        let len = payload.len();
        let (journal, work) = if record.kind == APPEND {
            let Some(append) = history::read_append(&payload) else { return Ok(false) };
            let Some(work) = again::take_append(core, &append)? else { return Ok(true) };
            (append.journal, work)
        } else {
            let Some((journal, inside)) = history::read_fold(&payload) else { return Ok(false) };
            let work = again::take_fold(core, &journal, inside)?;
            (journal, work)
        };
        let origin = match self.shards.get_mut(usize::from(journal.shard())) {
            Some(found) => {
                let (shard, at) = (journal.shard(), found.begin_at(OLD));
                let start = Stand::new(place, room(len), self.age).start;
                Origin::Twins { shard, at, start }
            }
            None => Origin::Log(place),
        };
        if !core.read_only {
            core.fill(origin, work, len);
        }
        Ok(true)
    }
}
