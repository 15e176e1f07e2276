//! The little we ask of a disk: named files in one directory, written, synced, renamed.
//!
//! # Invariants
//! - **D1** After `sync_data` returned, every byte written to that file before is durable.
//! - **D2** After `sync_dir` returned, every name made, changed or removed before is durable.
//! - **D3** Without them nothing is promised: any part of any write may be gone after a crash.
//!
//! [`real`] keeps D1 and D2 as far as the machine does. [`memory`] keeps them until it is told to
//! lie, and makes use of D3 in every crash it is asked for.

use std::io;

pub mod memory;
pub mod real;

/// A directory of files.
pub trait Disk: Send + Sync {
    /// Opens a file that exists.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Makes an empty file, emptying one that exists.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, replacing whatever had it.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names that begin with `prefix`, sorted. A prefix that ends in `/` lists a directory.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, prefix: &str) -> io::Result<Vec<String>>;

    /// Makes the names of a directory durable (D2); the empty name is the root.
    ///
    /// # Errors
    /// What the system says.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Bytes that can still be written.
    ///
    /// # Errors
    /// What the system says.
    fn free(&self) -> io::Result<u64>;
}

/// One open file.
pub trait DiskFile: Send + Sync {
    /// Fills `into` from `offset`; fewer bytes only at the end of the file.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the system says; some of it may then be written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the content durable (D1).
    ///
    /// # Errors
    /// What the system says; nothing is then known about what was written.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes the file `len` bytes long and takes the room for them now.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] when there is no room.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Cuts the file, or extends it with a hole.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Its length.
    ///
    /// # Errors
    /// What the system says.
    fn len(&self) -> io::Result<u64>;

    /// True when it holds nothing.
    ///
    /// # Errors
    /// What the system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Reads from `offset` to the end of the file.
///
/// # Errors
/// What the system says.
pub fn read_from(file: &dyn DiskFile, offset: u64) -> io::Result<Vec<u8>> {
    let len = file.len()?.saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let read = file.read_at(&mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
}
