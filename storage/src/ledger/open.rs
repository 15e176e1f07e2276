//! Opening a ledger: the engine first, then what the log has beyond it.
//!
//! ```text
//! lock -> format -> engine -> checkpoint ─┬─ known ───────────────────────► replay the log from it
//!                                         ├─ none, log has record 1 ──────► replay the whole log
//!                                         └─ lost (damaged, gone, behind) ─► a source, then the log
//! ```

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;

use super::{
    core::{APPEND, Core, FOLD, Fill, Trouble, Work},
    home, keys,
    options::{Engine, Options},
    rebuild::{self, follow},
    slot::Slots,
};
use crate::{
    disk::{Disk, memory::MemoryDisk, real::RealDisk},
    fault::StorageFault,
    history,
    journal::{JournalId, Seq},
    lock::lock,
    store::{Store, memory::MemoryStore, redb::RedbStore, sled::SledStore},
    wal::{
        Wal,
        log::Layout,
        place::Place,
        record::Record,
        recover::{locate, survey},
    },
};

/// Copies of a damaged engine that are kept aside before opening refuses to make another.
const ASIDE: u32 = 100;

/// Opens everything; the filler is not started yet.
pub(super) fn open(options: &Options) -> Result<(Arc<Core>, Wal), StorageFault> {
    let in_memory = options.engine == Engine::Memory;
    let lock = if in_memory { None } else { Some(lock(&options.dir)?) };
    if !in_memory {
        home::check_format(&options.dir, &options.engine.to_string())?;
    }
    let disk: Arc<dyn Disk> = match &options.disk {
        Some(disk) => Arc::clone(disk),
        None if in_memory => Arc::new(MemoryDisk::new()),
        None => {
            let real = RealDisk::open(&options.dir.join("wal"));
            Arc::new(real.map_err(|error| StorageFault::disk("open the log", &error))?)
        }
    };
    let (store, from) = open_engine(options, &survey(&*disk)?)?;

    let trouble = Trouble { unapplied_max: options.unapplied_bytes_max, ..Trouble::default() };
    let core = Arc::new(Core {
        slots: Slots::default(),
        fill: Fill::default(),
        trouble,
        disk: Arc::clone(&disk),
        folds_lost: 0.into(),
        store,
        _lock: lock,
    });
    let layout = Layout {
        segment_bytes: options.segment_bytes,
        keep: options.segments_keep,
        reserve: options.reserve_bytes,
    };
    let (queue, bytes) = (options.queue_max, options.queue_bytes_max);
    let wal = Wal::open(disk, layout, queue, bytes, from, &mut |record, place| {
        replay(&core, record, place)
    })?;
    Ok((core, wal))
}

/// The engine, and the place in the log it has reached. An engine whose place the log no longer
/// holds is behind it; one with a place beside a log without files has lost the log: what that had
/// acknowledged is unknown. Both count as lost.
fn open_engine(
    options: &Options,
    segments: &[u64],
) -> Result<(Arc<dyn Store>, Option<Place>), StorageFault> {
    let first = segments.first().copied().unwrap_or(1);
    let dir = options.dir.join(options.engine.to_string());
    let opened = make_engine(options, &dir);
    let lost = match &opened {
        Ok(store) => match keys::checkpoint(&**store) {
            Ok(Some(Some(place))) if locate(segments.iter().copied(), place).is_some() => {
                return Ok((opened?, Some(place)));
            }
            Ok(Some(Some(place))) => {
                format!("it ends at record {}, and the log does not reach it", place.number)
            }
            Ok(None) if first == 1 => return Ok((opened?, None)),
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

/// Takes one record of the log into memory, for the filler.
fn replay(core: &Arc<Core>, record: Record<'_>, place: Place) -> Result<(), StorageFault> {
    let payload = Bytes::copy_from_slice(record.payload);
    let unreadable = || StorageFault::LogCorrupt {
        segment: crate::wal::place::segment_name(place.segment),
        offset: place.offset,
        lsn: place.number,
    };
    let (slot, work) = match record.kind {
        APPEND => {
            let append = history::read_append(&payload).ok_or_else(unreadable)?;
            let slot = core.slots.slot(&append.journal);
            let Some(work) = replay_append(core, &append)? else { return Ok(()) };
            (slot, work)
        }
        FOLD => {
            let (journal, inside) = history::read_fold(&payload).ok_or_else(unreadable)?;
            let slot = core.slots.slot(&journal);
            slot.load(&*core.store)?.fold = Some((place.number, inside.clone()));
            (slot, Work::Fold(inside))
        }
        _ => return Err(unreadable()),
    };
    core.fill(place, slot, work, payload.len());
    Ok(())
}

/// The work of an append that the engine does not hold; none when it does. After a rebuild the
/// source may be ahead of the log, or the log of the source; both must agree where they overlap.
fn replay_append(core: &Core, append: &history::Append) -> Result<Option<Work>, StorageFault> {
    let journal = &append.journal;
    let corrupt = |seq| StorageFault::Corrupt { journal: journal.clone(), seq };
    let slot = core.slots.slot(journal);
    let mut state = slot.load(&*core.store)?;
    let seqs = append.entries.iter().map(|entry| history::peek_seq(entry).unwrap_or(Seq(0)));
    let fresh = seqs.clone().take_while(|seq| *seq <= state.staged.seq).count();
    for (entry, seq) in append.entries[..fresh].iter().zip(seqs) {
        check_same(core, journal, seq, entry)?;
    }
    let entries = append.entries[fresh..].to_vec();
    let mut link = state.staged;
    for entry in &entries {
        link = follow(journal, link, entry)?;
    }
    if entries.is_empty() {
        return Ok(None);
    }
    if link.seq < state.staged.seq {
        return Err(corrupt(link.seq));
    }
    state.stage(&entries, link);
    state.ack(link);
    Ok(Some(Work::Entries(entries, link)))
}

fn check_same(
    core: &Core,
    journal: &JournalId,
    seq: Seq,
    entry: &Bytes,
) -> Result<(), StorageFault> {
    let stored = keys::load_entries(&*core.store, journal, seq, seq.next(), 1)?;
    match stored.get(&seq) {
        Some(bytes) if bytes == entry => Ok(()),
        _ => Err(StorageFault::Corrupt { journal: journal.clone(), seq }),
    }
}
