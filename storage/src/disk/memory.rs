//! A disk that tears, lies and fills up on request.
//!
//! It holds every file twice: as the process sees it, and as a power loss would leave it. Between
//! two syncs a change is only pending; [`MemoryDisk::crash`] decides, from a seed, which sectors of
//! which pending writes and which of the last names made it to the platter.

use std::{collections::BTreeMap, io, sync::Arc};

use parking_lot::Mutex;

use super::{Disk, DiskFile};
use crate::dice::Dice;

/// What a disk writes whole: a torn write is torn between two of these.
const SECTOR: usize = 512;

/// What the disk should do wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Bytes there are in all; none means no bound.
    pub capacity: Option<u64>,
    /// Says a sync is done without doing it.
    pub sync_lies: bool,
    /// So many syncs from now on fail, and forget what they should have written.
    pub syncs_fail: u32,
    /// So many syncs of names from now on fail, and forget what they should have written.
    pub dir_syncs_fail: u32,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Platter>>);

#[derive(Default, Clone)]
struct Platter {
    faults: Faults,
    inodes: BTreeMap<u64, Inode>,
    /// Names as the process sees them, and as they are durable.
    names: BTreeMap<String, u64>,
    kept: BTreeMap<String, u64>,
    pending: Vec<Rename>,
    next: u64,
    /// Syncs that were asked for, failed and lying ones included.
    syncs: u64,
}

/// A change of names: the name goes to an inode, or to none.
type Rename = Vec<(String, Option<u64>)>;

#[derive(Default, Clone)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Len(usize),
}

impl MemoryDisk {
    /// An empty disk without a bound.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes what goes wrong from now on.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.0.lock().faults);
    }

    /// How many syncs were asked for.
    pub fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// The power goes. What was synced stays; of the rest the seed decides, sector by sector.
    pub fn crash(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        let platter = &mut *self.0.lock();
        let reached = dice.below(platter.pending.len() as u64 + 1) as usize;
        for step in platter.pending.drain(..).take(reached) {
            apply(&mut platter.kept, step);
        }
        platter.names = platter.kept.clone();
        let named: Vec<u64> = platter.names.values().copied().collect();
        platter.inodes.retain(|id, _| named.contains(id));
        for inode in platter.inodes.values_mut() {
            inode.crash(&mut dice);
        }
    }

    /// Becomes what `other` is now.
    pub fn copy(&self, other: &Self) {
        let platter = other.0.lock().clone();
        *self.0.lock() = platter;
    }

    /// Flips one bit of a file, durably.
    ///
    /// # Panics
    /// When there is no such file or byte: a mistake of the test.
    pub fn flip(&self, name: &str, offset: u64, bit: u8) {
        let platter = &mut *self.0.lock();
        let id = platter.names.get(name).expect("a bit is flipped in a file that exists");
        let inode = platter.inodes.get_mut(id).expect("a name leads to a file");
        inode.sync();
        inode.seen[offset as usize] ^= 1 << (bit & 7);
        inode.durable = inode.seen.clone();
    }

    /// The bytes of a file as the process sees them; empty when there is none.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let platter = self.0.lock();
        let id = platter.names.get(name);
        id.and_then(|id| platter.inodes.get(id)).map_or_else(Vec::new, |inode| inode.seen.clone())
    }
}

impl Inode {
    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.onto(&mut self.durable);
        }
    }

    fn crash(&mut self, dice: &mut Dice) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Write(offset, bytes) => {
                    let mut start = 0;
                    while start < bytes.len() {
                        let sector_end = (offset + start) / SECTOR * SECTOR + SECTOR;
                        let end = bytes.len().min(sector_end - offset);
                        if dice.one_in(2) {
                            let part = bytes[start..end].to_vec();
                            Change::Write(offset + start, part).onto(&mut self.durable);
                        }
                        start = end;
                    }
                }
                len @ Change::Len(_) if dice.one_in(2) => len.onto(&mut self.durable),
                Change::Len(_) => {}
            }
        }
        self.seen = self.durable.clone();
    }
}

impl Change {
    fn onto(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Len(len) => bytes.resize(len, 0),
            Self::Write(offset, part) => {
                let end = offset + part.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[offset..end].copy_from_slice(&part);
            }
        }
    }
}

fn apply(names: &mut BTreeMap<String, u64>, step: Rename) {
    for (name, id) in step {
        match id {
            Some(id) => names.insert(name, id),
            None => names.remove(&name),
        };
    }
}

impl Platter {
    fn find(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change_names(&mut self, step: Rename) {
        apply(&mut self.names, step.clone());
        self.pending.push(step);
    }

    fn used(&self) -> u64 {
        let live = self.names.values().filter_map(|id| self.inodes.get(id));
        live.map(|inode| inode.seen.len() as u64).sum()
    }

    fn change(&mut self, id: u64, change: Change) -> io::Result<()> {
        let inode = self.inodes.get(&id).ok_or(io::ErrorKind::NotFound)?;
        let now = inode.seen.len();
        let then = match &change {
            Change::Len(len) => *len,
            Change::Write(offset, bytes) => now.max(offset + bytes.len()),
        };
        let free = self.faults.capacity.map_or(u64::MAX, |all| all.saturating_sub(self.used()));
        if then > now && (then - now) as u64 > free {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = self.inodes.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
        change.clone().onto(&mut inode.seen);
        inode.pending.push(change);
        Ok(())
    }

    /// Says how a sync goes: an error, or whether it is real.
    fn sync_outcome(&mut self) -> io::Result<bool> {
        self.syncs += 1;
        Ok(!self.faults.sync_lies)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let id = self.0.lock().find(name)?;
        Ok(Box::new(MemoryFile { disk: self.clone(), id }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let platter = &mut *self.0.lock();
        platter.next += 1;
        let id = platter.next;
        platter.inodes.insert(id, Inode::default());
        platter.change_names(vec![(name.into(), Some(id))]);
        Ok(Box::new(MemoryFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let platter = &mut *self.0.lock();
        let id = platter.find(from)?;
        platter.change_names(vec![(from.into(), None), (to.into(), Some(id))]);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let platter = &mut *self.0.lock();
        platter.find(name)?;
        platter.change_names(vec![(name.into(), None)]);
        Ok(())
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let platter = self.0.lock();
        let from = platter.names.range(prefix.to_owned()..);
        Ok(from.map(|(name, _)| name.clone()).take_while(|name| name.starts_with(prefix)).collect())
    }

    fn sync_dir(&self, _dir: &str) -> io::Result<()> {
        let platter = &mut *self.0.lock();
        let real = platter.sync_outcome()?;
        if platter.faults.dir_syncs_fail > 0 {
            platter.faults.dir_syncs_fail -= 1;
            platter.pending.clear();
            return Err(io::Error::other("the disk did not take it"));
        }
        if real {
            for step in platter.pending.drain(..) {
                apply(&mut platter.kept, step);
            }
        }
        Ok(())
    }

    fn free(&self) -> io::Result<u64> {
        let platter = self.0.lock();
        let used = platter.used();
        Ok(platter.faults.capacity.map_or(u64::MAX, |all| all.saturating_sub(used)))
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    id: u64,
}

impl MemoryFile {
    fn with<T>(&self, look: impl FnOnce(&mut Inode) -> T) -> io::Result<T> {
        let mut platter = self.disk.0.lock();
        platter.inodes.get_mut(&self.id).map(look).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|inode| {
            let start = inode.seen.len().min(offset as usize);
            let len = into.len().min(inode.seen.len() - start);
            into[..len].copy_from_slice(&inode.seen[start..start + len]);
            len
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.0.lock().change(self.id, Change::Write(offset as usize, bytes.to_vec()))
    }

    fn sync_data(&self) -> io::Result<()> {
        let platter = &mut *self.disk.0.lock();
        let real = platter.sync_outcome()?;
        let inode = platter.inodes.get_mut(&self.id).ok_or(io::ErrorKind::NotFound)?;
        if platter.faults.syncs_fail > 0 {
            platter.faults.syncs_fail -= 1;
            // Like the page cache: the pages count as clean now, and are on no platter.
            inode.pending.clear();
            return Err(io::Error::other("the disk did not take it"));
        }
        if real {
            inode.sync();
        }
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let now = self.len()?;
        self.disk.0.lock().change(self.id, Change::Len(now.max(len) as usize))
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.disk.0.lock().change(self.id, Change::Len(len as usize))
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|inode| inode.seen.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(disk: &MemoryDisk, name: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
        let file = disk.create(name).expect("create");
        file.write_at(bytes, 0).expect("write");
        file
    }

    #[test]
    fn d1_d2_what_was_synced_survives_every_crash() {
        for seed in 0..64 {
            let disk = MemoryDisk::new();
            file(&disk, "a", b"kept").sync_data().expect("sync");
            disk.sync_dir("").expect("sync the names");
            disk.crash(seed);
            assert_eq!(disk.bytes("a"), b"kept", "seed {seed}");
        }
    }

    #[test]
    fn d3_what_was_not_synced_is_gone_in_some_crash_and_torn_in_another() {
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let disk = MemoryDisk::new();
            file(&disk, "a", b"").sync_data().expect("sync");
            disk.sync_dir("").expect("sync the names");
            let open = disk.open("a").expect("open");
            open.write_at(&[7; 3 * SECTOR], 0).expect("write");
            disk.crash(seed);
            lengths.insert(disk.bytes("a").iter().filter(|byte| **byte == 7).count());
        }
        assert!(lengths.contains(&0) && lengths.contains(&SECTOR), "{lengths:?}");
    }

    #[test]
    fn it_lies_fails_and_fills_up_when_told() {
        let disk = MemoryDisk::new();
        let open = file(&disk, "a", b"1234");
        disk.sync_dir("").expect("sync the names");
        disk.faults(|faults| faults.syncs_fail = 1);
        assert!(open.sync_data().is_err());
        open.sync_data().expect("the second sync says yes, and has nothing to write");
        disk.crash(1);
        assert_eq!(disk.bytes("a"), b"", "a failed sync is never made good by the next");

        disk.faults(|faults| faults.capacity = Some(10));
        let full = disk.open("a").expect("open").allocate(11).expect_err("no room");
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        disk.open("a").expect("open").allocate(10).expect("just enough");
        assert_eq!(disk.free().expect("free"), 0);
    }
}
