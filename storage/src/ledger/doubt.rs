//! Whether what the engine shows may be believed after a sync of it has failed.
//!
//! The system counts pages that the disk did not keep as kept. A process that is started anew on
//! the same machine reads them as if nothing had happened, and only a power loss shows that they
//! are on no platter. So the life that saw the sync fail leaves a mark, and as long as the machine
//! was not restarted the engine counts as lost. Afterwards it shows what its disk holds, as after
//! any power loss, and the log reaches back to its last good sync (F2).
//!
//! The mark need not be durable: when the machine goes down, it has done its work.

use std::{fs, io};

use crate::{
    disk::{Disk, read_from},
    fault::StorageFault,
};

const NAME: &str = "engine-unsynced";

/// What tells this run of the machine from every other; the same for all when it is not known.
fn boot() -> Vec<u8> {
    fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Leaves the mark.
pub(super) fn cast(disk: &dyn Disk) {
    let mark = || {
        let file = disk.create(NAME)?;
        file.write_at(&boot(), 0)?;
        file.sync_data()?;
        disk.sync_dir("")
    };
    if let Err(error) = mark() {
        tracing::error!(%error, "nothing says that the engine is not to be believed");
    }
}

/// Whether the engine may be believed. A mark of an earlier run of the machine is taken away.
///
/// # Errors
/// [`StorageFault::EngineUnsynced`], or what the disk says.
pub(super) fn check(disk: &dyn Disk, engine: &str) -> Result<(), StorageFault> {
    let told = |error| StorageFault::disk("look for the mark of a failed sync", &error);
    match disk.open(NAME).and_then(|file| read_from(&*file, 0)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(told(error)),
        Ok(mark) if mark == boot() => {
            let text = "a sync failed in an earlier life of this node".into();
            Err(StorageFault::EngineUnsynced { engine: engine.into(), text })
        }
        Ok(_) => lift(disk),
    }
}

/// Takes the mark away: the engine is another one, or the machine was restarted.
///
/// # Errors
/// What the disk says.
pub(super) fn lift(disk: &dyn Disk) -> Result<(), StorageFault> {
    let gone = match disk.remove(NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed.and_then(|()| disk.sync_dir("")),
    };
    gone.map_err(|error| StorageFault::disk("take the mark of a failed sync away", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::memory::MemoryDisk;

    #[test]
    fn a_mark_counts_until_the_machine_is_restarted() {
        let disk = MemoryDisk::new();
        assert_eq!(check(&disk, "sled"), Ok(()));
        cast(&disk);
        for _ in 0..2 {
            let doubted = check(&disk, "sled");
            assert!(matches!(doubted, Err(StorageFault::EngineUnsynced { .. })), "{doubted:?}");
        }
        let file = disk.open(NAME).expect("it is there");
        file.write_at(b"another", 0).expect("written");
        assert_eq!((check(&disk, "sled"), check(&disk, "sled")), (Ok(()), Ok(())));
        assert!(disk.open(NAME).is_err(), "it has done its work");
    }
}
