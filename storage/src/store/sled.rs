//! The default engine. The only file that names sled.
//!
//! sled 0.34 is used with what its own words and measurement advise against left out:
//! - Its `flush` never reaches the platter on Linux (it asks for `sync_file_range`), so [`Store::sync`]
//!   also asks for `sync_data` on its file.
//! - Its own threads meet errors of the disk and keep them to themselves. The system tells every
//!   open file once that something written was lost, so a file of our own stays open for as long
//!   as the engine's may be written, and is asked before the engine is opened anew (E4).
//! - Its flusher thread also collects its garbage, so it is never switched off.
//! - A node of more than 128 KiB becomes a blob file that nothing syncs, so no value is larger than
//!   [`VALUE_BYTES`]: 17 of them are the largest leaf.
//! - After a power loss between two syncs its file may be torn, because it writes freed segments
//!   anew before they are durable elsewhere. Then it does not open, or opens at an earlier point;
//!   the ledger sees both, and rebuilds.

use std::{
    fs::File,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use parking_lot::RwLock;

use super::{Batch, Pair, Store, engine_fault, guarded, unsynced};
use crate::fault::StorageFault;

const NAME: &str = "sled";

/// Bytes of the largest value.
pub const VALUE_BYTES: usize = 6 * 1024;

const _: () = assert!(17 * (VALUE_BYTES + 256) < 128 * 1024, "a leaf is never a blob");

/// How often its flusher writes and collects garbage.
const FLUSH_EVERY_MS: u64 = 200;

/// How often an engine that is still locked is tried again, and after which pause. Its own threads
/// let go of the lock a moment after it was dropped; another process is kept out by the ledger's.
const LOCKED_TRIES: u32 = 100;
const LOCKED_PAUSE: Duration = Duration::from_millis(20);

/// A sled database in a directory.
pub struct SledStore {
    dir: PathBuf,
    cache_bytes: u64,
    opened: RwLock<Opened>,
}

struct Opened {
    /// None when it could not be opened anew after a fault.
    db: Option<sled::Db>,
    /// Its file, which hears of every loss since it was opened.
    file: File,
}

impl SledStore {
    /// Opens or makes it.
    ///
    /// # Errors
    /// [`StorageFault::Engine`] when it is damaged, panics included.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StorageFault> {
        let opened = RwLock::new(Self::start(dir, cache_bytes)?);
        Ok(Self { dir: dir.to_path_buf(), cache_bytes, opened })
    }

    fn start(dir: &Path, cache_bytes: u64) -> Result<Opened, StorageFault> {
        guarded(NAME, "open", || {
            let config = sled::Config::new()
                .path(dir)
                .mode(sled::Mode::LowSpace)
                .cache_capacity(cache_bytes)
                .flush_every_ms(Some(FLUSH_EVERY_MS));
            let mut tries = 0;
            let db = loop {
                match config.open() {
                    Err(sled::Error::Io(error)) if is_locked(&error) && tries < LOCKED_TRIES => {
                        tries += 1;
                        thread::sleep(LOCKED_PAUSE);
                    }
                    opened => break opened.map_err(|error| engine_fault(NAME, "open", &error))?,
                }
            };
            let told = |error: std::io::Error| engine_fault(NAME, "open", &error);
            let file = File::open(dir.join("db")).map_err(told)?;
            file.sync_all().map_err(told)?;
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(told)?;
            Ok(Opened { db: Some(db), file })
        })
    }

    fn with<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&sled::Db) -> Result<T, sled::Error>,
    ) -> Result<T, StorageFault> {
        self.opened.read().with(doing, work)
    }
}

/// sled wraps what the system said into words of its own.
fn is_locked(error: &std::io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

impl Opened {
    fn with<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&sled::Db) -> Result<T, sled::Error>,
    ) -> Result<T, StorageFault> {
        let Some(db) = &self.db else {
            return Err(engine_fault(NAME, doing, &"it could not be opened again after a fault"));
        };
        guarded(NAME, doing, || work(db).map_err(|error| engine_fault(NAME, doing, &error)))
    }

    /// E4
    fn sync_file(&self) -> Result<(), StorageFault> {
        self.file.sync_data().map_err(|error| unsynced(NAME, &error))
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageFault> {
        self.with("get", |db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StorageFault> {
        self.with("scan", |db| {
            let mut pairs = Vec::new();
            for pair in db.range(from.max(prefix)..).take(limit) {
                let (key, value) = pair?;
                if !key.starts_with(prefix) {
                    break;
                }
                pairs.push((key.to_vec(), value.to_vec()));
            }
            Ok(pairs)
        })
    }

    fn apply(&self, batch: &Batch) -> Result<(), StorageFault> {
        let mut changes = sled::Batch::default();
        for (key, value) in batch.changes() {
            match value {
                Some(value) => {
                    assert!(value.len() <= VALUE_BYTES, "a value of {} bytes", value.len());
                    changes.insert(key, value);
                }
                None => changes.remove(key),
            }
        }
        self.with("apply", |db| db.apply_batch(changes))
    }

    fn sync(&self) -> Result<(), StorageFault> {
        let opened = self.opened.read();
        opened.with("sync", |db| db.flush().map(drop))?;
        opened.sync_file()
    }

    fn reopen(&self) -> Result<(), StorageFault> {
        let mut opened = self.opened.write();
        // The old one must be gone before the new one can take its lock file. Going, it writes.
        drop(opened.db.take());
        opened.sync_file()?;
        *opened = Self::start(&self.dir, self.cache_bytes)?;
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StorageFault> {
        self.with("measure", sled::Db::size_on_disk)
    }
}
