//! A kept file being read.

use std::io;

use super::{
    foot::{CHUNK_BYTES, FOOT_BYTES, Foot},
    kept_name,
};
use crate::{
    content::ContentId,
    digest::{Hasher, crc32},
    disk::{Disk, DiskFile, read_from},
    fault::StorageFault,
};

/// A kept file, open for reading. Any number of threads may read at once.
pub struct Content {
    id: ContentId,
    file: Box<dyn DiskFile>,
    foot: Foot,
}

impl Content {
    pub(super) fn open(disk: &dyn Disk, id: ContentId) -> Result<Self, StorageFault> {
        let file = disk.open(&kept_name(&id)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StorageFault::NoFile { content: id },
            _ => StorageFault::disk(format!("open {id}"), &error),
        })?;
        let damaged = StorageFault::CorruptFile { content: id, chunk: Foot::chunks(id.len) };
        let told = |error| StorageFault::disk(format!("read {id}"), &error);
        // Checked before anything is allocated for it.
        let expected = id.len.saturating_add(Foot::chunks(id.len) * 4 + FOOT_BYTES as u64);
        if file.len().map_err(told)? != expected {
            return Err(damaged);
        }
        let foot = read_from(&*file, id.len).map_err(told)?;
        let foot = Foot::from_bytes(&foot, id.len).ok_or(damaged)?;
        Ok(Self { id, file, foot })
    }

    /// Its name.
    pub const fn id(&self) -> ContentId {
        self.id
    }

    /// At most `max` bytes from `offset` on; none at the end. Every chunk that is touched is read
    /// whole and checked (C2).
    ///
    /// # Errors
    /// [`StorageFault::CorruptFile`] with the chunk, or what the disk says.
    pub fn read_at(&self, offset: u64, max: usize) -> Result<Vec<u8>, StorageFault> {
        let end = offset.saturating_add(max as u64).min(self.foot.len);
        let mut bytes = Vec::with_capacity(end.saturating_sub(offset) as usize);
        let mut at = offset;
        while at < end {
            let number = at / CHUNK_BYTES as u64;
            let start = number * CHUNK_BYTES as u64;
            let chunk = self.chunk(number)?;
            let upto = ((end - start) as usize).min(chunk.len());
            bytes.extend_from_slice(&chunk[(at - start) as usize..upto]);
            at = start + chunk.len() as u64;
        }
        Ok(bytes)
    }

    /// Reads the whole file against its name: also finds what somebody changed on purpose.
    ///
    /// # Errors
    /// [`StorageFault::CorruptFile`] with the chunk, or with the number of chunks when each fits
    /// its sum and the whole does not fit its name.
    pub fn verify(self) -> Result<(), StorageFault> {
        let mut verifying = self.verifying();
        while verifying.step(u64::MAX)?.is_some() {}
        Ok(())
    }

    /// The same, a stretch at a time.
    pub fn verifying(self) -> Verifying {
        Verifying { content: self, hasher: Hasher::default(), next: 0 }
    }

    fn chunk(&self, number: u64) -> Result<Vec<u8>, StorageFault> {
        let start = number * CHUNK_BYTES as u64;
        let len = (self.foot.len - start).min(CHUNK_BYTES as u64) as usize;
        let mut chunk = vec![0; len];
        let read = self.file.read_at(&mut chunk, start);
        let read = read.map_err(|error| StorageFault::disk(format!("read {}", self.id), &error))?;
        if read < len || crc32(&chunk) != self.foot.sums[number as usize] {
            return Err(StorageFault::CorruptFile { content: self.id, chunk: number });
        }
        Ok(chunk)
    }
}

/// A kept file that is being read against its name.
pub struct Verifying {
    content: Content,
    hasher: Hasher,
    next: u64,
}

impl Verifying {
    /// Reads some more, at least one chunk and about `bytes` bytes. Returns how many it read; none
    /// when the whole file was read and is what its name says.
    ///
    /// # Errors
    /// As [`Content::verify`].
    pub fn step(&mut self, bytes: u64) -> Result<Option<u64>, StorageFault> {
        let (chunks, mut read) = (Foot::chunks(self.content.foot.len), 0);
        while self.next < chunks && read < bytes {
            let chunk = self.content.chunk(self.next)?;
            self.hasher.update(&chunk);
            self.next += 1;
            read += chunk.len() as u64;
        }
        if read > 0 {
            return Ok(Some(read));
        }
        let id = self.content.id;
        if self.hasher.clone().finish() == id.hash {
            Ok(None)
        } else {
            Err(StorageFault::CorruptFile { content: id, chunk: chunks })
        }
    }
}
