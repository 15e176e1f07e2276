//! Kept files: named by what is in them, checked chunk by chunk on the way back.
//!
//! ```text
//! temp/<n>      being written; swept when the directory is opened
//! kept/<hash>   data | a sum 4 for each chunk | length 8 | chunk length 4 | sum of sums 4 | shape 2 | "KONSFILE" | sum 4
//! ```
//!
//! # Invariants
//! - **C1** A name in `kept` is durable and complete: the data is synced before it gets its name,
//!   and the name is synced before [`Upload::finish`] returns.
//! - **C2** No byte is served whose chunk does not match its checksum; the chunk is named.
//! - **C3** An upload that was not finished leaves nothing: dropped, refused or cut off by a crash.
//!
//! The bodies are sealed by the upper floor, so the name says nothing about the plain text.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

mod content;
mod foot;
mod upload;

pub use content::{Content, Verifying};
pub use foot::CHUNK_BYTES;
pub use upload::Upload;

use crate::{
    content::ContentId,
    digest::{hex, unhex},
    disk::{Disk, real::RealDisk},
    fault::StorageFault,
    lock::lock,
};

/// All kept files of one directory. Cheap to clone.
#[derive(Clone)]
pub struct Files(Arc<Shelf>);

struct Shelf {
    disk: Arc<dyn Disk>,
    next: AtomicU64,
    _lock: Option<File>,
}

impl Files {
    /// Opens the directory, making it when it is missing, and sweeps what was not finished.
    ///
    /// # Errors
    /// [`StorageFault::Locked`], or what the disk says.
    pub fn open(dir: &Path) -> Result<Self, StorageFault> {
        let held = lock(dir)?;
        let told = |error| StorageFault::disk("open the kept files", &error);
        Self::on(Arc::new(RealDisk::open(dir).map_err(told)?), Some(held))
    }

    /// The same on another disk. For tests and the simulator.
    ///
    /// # Errors
    /// What the disk says.
    pub fn on_disk(disk: Arc<dyn Disk>) -> Result<Self, StorageFault> {
        Self::on(disk, None)
    }

    fn on(disk: Arc<dyn Disk>, held: Option<File>) -> Result<Self, StorageFault> {
        let sweep = || {
            for name in disk.list("temp/")? {
                disk.remove(&name)?;
            }
            io::Result::Ok(())
        };
        sweep().map_err(|error| StorageFault::disk("sweep unfinished files", &error))?;
        Ok(Self(Arc::new(Shelf { disk, next: AtomicU64::new(1), _lock: held })))
    }

    /// Begins a file of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin(&self, bytes_max: u64) -> Result<Upload, StorageFault> {
        let temp = format!("temp/{:08}", self.0.next.fetch_add(1, Relaxed));
        Upload::begin(Arc::clone(&self.0.disk), temp, bytes_max)
    }

    /// Opens a kept file.
    ///
    /// # Errors
    /// [`StorageFault::NoFile`], [`StorageFault::CorruptFile`], or what the disk says.
    pub fn content(&self, id: &ContentId) -> Result<Content, StorageFault> {
        Content::open(&*self.0.disk, *id)
    }

    /// Whether there is such a file; its content is not looked at.
    ///
    /// # Errors
    /// What the disk says.
    pub fn has(&self, id: &ContentId) -> Result<bool, StorageFault> {
        match self.0.disk.open(&kept_name(id)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StorageFault::disk(format!("look for {id}"), &error)),
        }
    }

    /// Removes a file for good; one that is not there counts as removed.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove(&self, id: &ContentId) -> Result<(), StorageFault> {
        let disk = &self.0.disk;
        let removed = match disk.remove(&kept_name(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.and_then(|()| disk.sync_dir("kept")),
        };
        removed.map_err(|error| StorageFault::disk(format!("remove {id}"), &error))
    }

    /// The hashes of all kept files, in order: for a twin to compare, and for a sweep of what no
    /// journal names.
    ///
    /// # Errors
    /// What the disk says.
    pub fn hashes(&self) -> Result<Vec<crate::digest::Hash>, StorageFault> {
        let names = self.0.disk.list("kept/");
        let names = names.map_err(|error| StorageFault::disk("list the kept files", &error))?;
        Ok(names.iter().filter_map(|name| unhex(name.strip_prefix("kept/")?)).collect())
    }
}

fn kept_name(id: &ContentId) -> String {
    format!("kept/{}", hex(&id.hash))
}

#[cfg(test)]
mod tests;
