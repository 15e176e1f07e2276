//! The second engine: copy-on-write pages, least room on the disk. The only file that names redb.
//!
//! # Known limit
//! A bit flipped in redb's own allocator pages can make redb 4.6.0 panic while it panics, which
//! ends the process: a fault that is named by an abort and not by us. One flip of some 130 tried on a
//! small database did so. A node restarted on such a file needs it moved aside and rebuilt.

use std::{
    fs::File,
    io::ErrorKind::{QuotaExceeded, StorageFull},
    path::{Path, PathBuf},
};

use parking_lot::RwLock;
use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use super::{Batch, Pair, Store, engine_fault, guarded, unsynced};
use crate::fault::StorageFault;

const NAME: &str = "redb";
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("konsil");

/// A redb database in a directory.
pub struct RedbStore {
    file: PathBuf,
    cache_bytes: usize,
    opened: RwLock<Opened>,
}

struct Opened {
    /// None when it could not be opened anew after a fault.
    db: Option<Database>,
    /// Its file once more: the system tells each open file once that something written was lost,
    /// and redb hears of that in places where it does not say so (E4).
    file: File,
}

impl RedbStore {
    /// Opens or makes it.
    ///
    /// # Errors
    /// [`StorageFault::Engine`] when it is damaged, panics included.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self, StorageFault> {
        let told = |error: std::io::Error| engine_fault(NAME, "open", &error);
        std::fs::create_dir_all(dir).map_err(told)?;
        let (file, cache_bytes) = (dir.join("db.redb"), cache_bytes as usize);
        let opened = RwLock::new(Self::start(&file, cache_bytes)?);
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(told)?;
        Ok(Self { file, cache_bytes, opened })
    }

    fn start(path: &Path, cache_bytes: usize) -> Result<Opened, StorageFault> {
        guarded(NAME, "open", || {
            let made = Database::builder().set_cache_size(cache_bytes).create(path);
            let db = made.map_err(|error| engine_fault(NAME, "open", &error))?;
            let told = |error: std::io::Error| engine_fault(NAME, "open", &error);
            let file = File::open(path).map_err(told)?;
            // The table must exist before the first read.
            commit(&db, &Batch::default(), Durability::Immediate)
                .map_err(|error| engine_fault(NAME, "open", &error))?;
            Ok(Opened { db: Some(db), file })
        })
    }

    fn with<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StorageFault> {
        let opened = self.opened.read();
        let Some(db) = &opened.db else {
            return Err(engine_fault(NAME, doing, &"it could not be opened again after a fault"));
        };
        guarded(NAME, doing, || work(db).map_err(|error| engine_fault(NAME, doing, &error)))
    }
}

fn commit(db: &Database, batch: &Batch, durability: Durability) -> Result<(), redb::Error> {
    let mut write = db.begin_write()?;
    write.set_durability(durability).map_err(redb::Error::from)?;
    // The allocator's state goes with every durable commit: after a kill the whole file would be
    // walked otherwise, seconds for a gigabyte. These commits are one per checkpoint.
    write.set_quick_repair(matches!(durability, Durability::Immediate));
    {
        let mut table = write.open_table(TABLE)?;
        for (key, value) in batch.changes() {
            match value {
                Some(value) => drop(table.insert(key, value)?),
                None => drop(table.remove(key)?),
            }
        }
    }
    Ok(write.commit()?)
}

impl Store for RedbStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageFault> {
        self.with("get", |db| {
            let table = db.begin_read()?.open_table(TABLE)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StorageFault> {
        self.with("scan", |db| {
            let table = db.begin_read()?.open_table(TABLE)?;
            let mut pairs = Vec::new();
            for pair in table.range(from.max(prefix)..)?.take(limit) {
                let (key, value) = pair?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                pairs.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(pairs)
        })
    }

    fn apply(&self, batch: &Batch) -> Result<(), StorageFault> {
        self.with("apply", |db| commit(db, batch, Durability::None))
    }

    fn sync(&self) -> Result<(), StorageFault> {
        // An empty commit that is durable makes the others durable that came before it.
        self.with("sync", |db| match commit(db, &Batch::default(), Durability::Immediate) {
            Err(redb::Error::Io(error)) if !matches!(error.kind(), StorageFull | QuotaExceeded) => {
                Ok(Err(unsynced(NAME, &error)))
            }
            committed => committed.map(Ok),
        })?
    }

    fn reopen(&self) -> Result<(), StorageFault> {
        let mut opened = self.opened.write();
        drop(opened.db.take());
        opened.file.sync_data().map_err(|error| unsynced(NAME, &error))?; // E4
        *opened = Self::start(&self.file, self.cache_bytes)?;
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StorageFault> {
        let told = |error: std::io::Error| engine_fault(NAME, "measure", &error);
        Ok(self.file.metadata().map_err(told)?.len())
    }
}
