//! A file being written.

use std::{io, sync::Arc};

use super::{
    foot::{CHUNK_BYTES, Foot},
    kept_name,
};
use crate::{
    content::ContentId,
    digest::{Hasher, crc32},
    disk::{Disk, DiskFile},
    fault::StorageFault,
};

/// A file being written. Dropped without [`Upload::finish`], it leaves nothing (C3).
pub struct Upload {
    disk: Arc<dyn Disk>,
    temp: String,
    /// None once it has its name, or once it failed: a file that failed is never finished.
    file: Option<Box<dyn DiskFile>>,
    hasher: Hasher,
    sums: Vec<u32>,
    chunk: Vec<u8>,
    written: u64,
    bytes_max: u64,
}

impl Upload {
    pub(super) fn begin(
        disk: Arc<dyn Disk>,
        temp: String,
        bytes_max: u64,
    ) -> Result<Self, StorageFault> {
        let created = disk.create(&temp);
        let file = created.map_err(|error| fault(&*disk, "begin a file", &error, 0))?;
        Ok(Self {
            disk,
            temp,
            file: Some(file),
            hasher: Hasher::default(),
            sums: Vec::new(),
            chunk: Vec::new(),
            written: 0,
            bytes_max,
        })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`StorageFault::TooLarge`], [`StorageFault::DiskFull`] or what the disk says. The upload has
    /// failed then, and everything after it is refused.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StorageFault> {
        let len = self.len() + bytes.len() as u64;
        if len > self.bytes_max {
            self.give_up();
            let max = self.bytes_max;
            return Err(StorageFault::TooLarge { what: "a file", len, max });
        }
        self.hasher.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            rest = later;
            if self.chunk.len() == CHUNK_BYTES {
                self.write_chunk()?;
            }
        }
        Ok(())
    }

    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.written + self.chunk.len() as u64
    }

    /// True when it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes it durable under its name (C1).
    ///
    /// # Errors
    /// [`StorageFault::DiskFull`] or what the disk says; nothing is kept then.
    pub fn finish(mut self) -> Result<ContentId, StorageFault> {
        if !self.chunk.is_empty() {
            self.write_chunk()?;
        }
        assert_eq!(self.sums.len() as u64, Foot::chunks(self.written), "C2: a sum for each chunk");
        let hash = std::mem::take(&mut self.hasher).finish();
        let id = ContentId { hash, len: self.written };
        let foot = Foot { len: self.written, sums: std::mem::take(&mut self.sums) };
        self.try_write("write a file", &foot.to_bytes())?;
        let file = self.open_file()?;
        let name = kept_name(&id);
        // A file of that name has the same bytes; if a bit of it has flipped, this heals it.
        let named = file
            .sync_data()
            .and_then(|()| self.disk.rename(&self.temp, &name))
            .and_then(|()| self.disk.sync_dir("kept"));
        match named {
            Ok(()) => {
                self.file = None;
                Ok(id)
            }
            Err(error) => {
                let fault = fault(&*self.disk, "keep a file", &error, 0);
                self.give_up();
                Err(fault)
            }
        }
    }

    /// Keeps a file only when it turned out to be this content; otherwise nothing is left of it.
    ///
    /// # Errors
    /// [`StorageFault::CorruptFile`] when it is something else, or what the disk says.
    pub fn finish_as(mut self, expected: &ContentId) -> Result<(), StorageFault> {
        let hash = self.hasher.clone().finish();
        if (hash, self.len()) == (expected.hash, expected.len) {
            return self.finish().map(|_| ());
        }
        self.give_up();
        Err(StorageFault::CorruptFile { content: *expected, chunk: 0 })
    }

    fn write_chunk(&mut self) -> Result<(), StorageFault> {
        let chunk = std::mem::take(&mut self.chunk);
        self.sums.push(crc32(&chunk));
        self.try_write("write a file", &chunk)?;
        self.written += chunk.len() as u64;
        self.chunk = chunk;
        self.chunk.clear();
        Ok(())
    }

    fn try_write(&mut self, doing: &str, bytes: &[u8]) -> Result<(), StorageFault> {
        let written = self.open_file()?.write_at(bytes, self.written);
        written.map_err(|error| {
            let fault = fault(&*self.disk, doing, &error, bytes.len());
            self.give_up();
            fault
        })
    }

    fn open_file(&self) -> Result<&dyn DiskFile, StorageFault> {
        let failed = || io::Error::other("it has failed before");
        self.file.as_deref().ok_or_else(|| StorageFault::disk("write a file", &failed()))
    }

    fn give_up(&mut self) {
        if self.file.take().is_some() {
            // When even this fails, the sweep of the next start removes it.
            let _ = self.disk.remove(&self.temp);
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.give_up();
    }
}

fn fault(disk: &dyn Disk, doing: &str, error: &io::Error, needed: usize) -> StorageFault {
    match StorageFault::disk(doing, error) {
        fault if fault.is_full() => {
            StorageFault::DiskFull { needed: needed as u64, free: disk.free().unwrap_or(0) }
        }
        fault => fault,
    }
}
