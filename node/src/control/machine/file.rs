//! The snapshot as a file: written aside, synced, renamed, and the directory synced (K2).
//!
//! ```text
//! "KONSMAP\n" | version 2 | 0 2 | sum of the rest 4 | length of the meta 4 | meta | map
//! ```
//!
//! The version is 1 below level 2, whatever release writes it, so that the release before can read
//! it; and 2 from there on, so that the release before opens it no more (VR5).

use std::sync::Arc;

use protocol::codec;
use storage::{
    StorageFault,
    digest::crc32,
    disk::{Disk, read_from},
};

use super::{Kept, Meta};

const NAME: &str = "map";
const ASIDE: &str = "map.new";
const MAGIC: &[u8; 8] = b"KONSMAP\n";
/// The newest version; the first one's maps know no level.
const VERSION: u16 = 2;
const HEAD: usize = 20;

/// Bytes of a snapshot's meta that are believed: a thousand members and more.
const META_MAX: usize = 1024 * 1024;

/// The version in which a map of this level is written (VR4).
pub(super) const fn version_of(level: u16) -> u16 {
    if level < VERSION { 1 } else { VERSION }
}

pub(super) fn write(
    disk: &dyn Disk,
    version: u16,
    meta: &Meta,
    map: &[u8],
) -> Result<(), StorageFault> {
    let meta = codec::encode(meta);
    let mut bytes = Vec::with_capacity(HEAD + meta.len() + map.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(&(meta.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&meta);
    bytes.extend_from_slice(map);
    let sum = crc32(&bytes[HEAD - 4..]);
    bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    let put = || {
        let file = disk.create(ASIDE)?;
        file.write_at(&bytes, 0)?;
        file.sync_data()?;
        disk.rename(ASIDE, NAME)?;
        disk.sync_dir("")
    };
    put().map_err(|error| StorageFault::disk("keep the map", &error))
}

/// The snapshot and the version it was written in.
pub(super) fn read(disk: &dyn Disk) -> Result<Option<(u16, Kept)>, StorageFault> {
    let bytes = match disk.open(NAME).and_then(|file| read_from(&*file, 0)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StorageFault::disk("read the map", &error)),
        Ok(bytes) => bytes,
    };
    let head = bytes.get(..HEAD).filter(|head| head.starts_with(MAGIC));
    let head = head.ok_or_else(|| damaged("no head"))?;
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let version = u16::from_le_bytes([head[8], head[9]]);
    if version > VERSION {
        return Err(StorageFault::NewerData { found: version.into(), known: VERSION.into() });
    }
    if crc32(&bytes[HEAD - 4..]) != number(12) {
        return Err(damaged("its checksum does not match"));
    }
    let (meta, map) = bytes[HEAD..]
        .split_at_checked(number(16) as usize)
        .ok_or_else(|| damaged("it is too short"))?;
    let meta = codec::decode::<Meta, META_MAX>(meta).map_err(|why| damaged(&why.to_string()))?;
    Ok(Some((version, (meta, Arc::new(map.to_vec())))))
}

/// The fault of a damaged snapshot.
pub(super) fn damaged(why: &str) -> StorageFault {
    StorageFault::Disk {
        doing: "read the map".into(),
        kind: std::io::ErrorKind::InvalidData,
        text: format!("the snapshot is damaged: {why}"),
    }
}
