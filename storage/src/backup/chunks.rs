//! The sealed chunks of a backup, as bytes that are written and read in a row.

use std::io::{self, Read, Write};

use super::{BackupFault, VERSION};
use crate::{
    crypto::{KEY_BYTES, Mark, Seal, SealKey, TAG_BYTES, chance},
    digest::crc32,
};

/// Bytes of a chunk before it is sealed.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// A header that says more than this is none: nothing is allocated for it.
const CHUNK_MAX: usize = 16 * CHUNK_BYTES;
const MAGIC: &[u8; 8] = b"KONSBACK";
const HEADER: usize = 8 + 2 + 4 + 8 + KEY_BYTES + 4;

fn told(doing: &'static str) -> impl Fn(io::Error) -> BackupFault {
    move |reason| BackupFault::File { doing, reason }
}

/// Seals what is written.
pub(super) struct Closing<W> {
    to: W,
    seal: Seal,
    len: usize,
    chunk: Vec<u8>,
    number: u64,
}

impl<W: Write> Closing<W> {
    /// Writes the header.
    pub(super) fn begin(mut to: W, key: &SealKey, len: usize) -> Result<Self, BackupFault> {
        assert!((1..=CHUNK_MAX).contains(&len), "a chunk has bytes, and not too many");
        let salt = chance();
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&(len as u32).to_le_bytes());
        header.extend_from_slice(&key.mark().0);
        header.extend_from_slice(&salt);
        header.extend_from_slice(&crc32(&header).to_le_bytes());
        to.write_all(&header).map_err(told("write the backup"))?;
        let seal = Seal::new(key, &salt, &header);
        Ok(Self { to, seal, len, chunk: Vec::with_capacity(len + TAG_BYTES), number: 0 })
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), BackupFault> {
        while !bytes.is_empty() {
            if self.chunk.len() == self.len {
                self.close(false)?; // only now is it known that it is not the last
            }
            let (now, later) = bytes.split_at(bytes.len().min(self.len - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Seals the last chunk and gives back what was written to.
    pub(super) fn end(mut self) -> Result<W, BackupFault> {
        self.close(true)?;
        self.to.flush().map_err(told("write the backup"))?;
        Ok(self.to)
    }

    fn close(&mut self, last: bool) -> Result<(), BackupFault> {
        self.seal.close(self.number, last, &mut self.chunk);
        self.to.write_all(&self.chunk).map_err(told("write the backup"))?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }
}

/// Opens what is read (BK1).
pub(super) struct Opening<R> {
    from: R,
    seal: Seal,
    /// Bytes of a sealed chunk.
    len: usize,
    /// The first byte behind the chunks that were read; none at the end.
    ahead: Option<u8>,
    /// The chunk that is open, how far it was taken, and its successor's number.
    chunk: Vec<u8>,
    taken: usize,
    number: u64,
    last: bool,
}

impl<R: Read> Opening<R> {
    /// Reads the header.
    pub(super) fn begin(mut from: R, key: &SealKey) -> Result<Self, BackupFault> {
        let header = upto(&mut from, Vec::new(), HEADER)?;
        if header.len() < HEADER || !header.starts_with(MAGIC) {
            return Err(BackupFault::NoBackup);
        }
        let field = |at: usize, len: usize| &header[at..at + len];
        let sum = field(HEADER - 4, 4);
        if crc32(&header[..HEADER - 4]).to_le_bytes() != sum {
            return Err(BackupFault::BadHeader { bytes: HEADER });
        }
        let found = u16::from_le_bytes([header[8], header[9]]);
        if found > VERSION {
            return Err(BackupFault::Newer { found, known: VERSION });
        }
        let len = u32::from_le_bytes([header[10], header[11], header[12], header[13]]) as usize;
        if !(1..=CHUNK_MAX).contains(&len) {
            return Err(BackupFault::BadHeader { bytes: HEADER });
        }
        let wanted = Mark(fixed(field(14, 8)));
        if wanted != key.mark() {
            return Err(BackupFault::OtherKey { wanted, given: key.mark() });
        }
        let seal = Seal::new(key, &fixed(field(22, KEY_BYTES)), &header);
        let ahead = one(&mut from)?;
        let (chunk, taken, number, last) = (Vec::new(), 0, 0, false);
        Ok(Self { from, seal, len: len + TAG_BYTES, ahead, chunk, taken, number, last })
    }

    /// The chunk that was opened last.
    pub(super) fn place(&self) -> u64 {
        self.number.saturating_sub(1)
    }

    /// The next `len` bytes, which must be there.
    pub(super) fn take(&mut self, len: usize) -> Result<Vec<u8>, BackupFault> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            if self.taken == self.chunk.len() {
                self.open()?;
            }
            let upto = self.chunk.len().min(self.taken + len - bytes.len());
            bytes.extend_from_slice(&self.chunk[self.taken..upto]);
            self.taken = upto;
        }
        Ok(bytes)
    }

    /// Whether everything was taken, to the end of the last chunk.
    pub(super) fn is_done(&self) -> bool {
        self.last && self.taken == self.chunk.len()
    }

    /// Opens the next chunk.
    fn open(&mut self) -> Result<(), BackupFault> {
        let offset = HEADER as u64 + self.number * self.len as u64;
        let sealed = upto(&mut self.from, self.ahead.into_iter().collect(), self.len)?;
        if sealed.is_empty() {
            return Err(BackupFault::CutShort { offset });
        }
        self.ahead = one(&mut self.from)?;
        let last = self.ahead.is_none();
        let chunk = self.number;
        let Some(opened) = self.seal.open(chunk, last, &sealed) else {
            // Sound, and yet the end of the file and the chunk's own word differ?
            let otherwise = self.seal.open(chunk, !last, &sealed).is_some();
            return Err(match (otherwise, last) {
                (true, true) => BackupFault::CutShort { offset: offset + sealed.len() as u64 },
                (true, false) => BackupFault::Longer { chunk },
                (false, _) => BackupFault::Damaged { chunk, offset },
            });
        };
        (self.chunk, self.taken, self.last) = (opened, 0, last);
        self.number += 1;
        Ok(())
    }
}

/// Adds bytes until there are `len`, or no more.
fn upto(from: &mut impl Read, mut bytes: Vec<u8>, len: usize) -> Result<Vec<u8>, BackupFault> {
    let missing = (len - bytes.len()) as u64;
    from.take(missing).read_to_end(&mut bytes).map_err(told("read the backup"))?;
    Ok(bytes)
}

fn one(from: &mut impl Read) -> Result<Option<u8>, BackupFault> {
    Ok(upto(from, Vec::new(), 1)?.first().copied())
}

fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
