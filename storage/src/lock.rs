//! One process per directory.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use crate::fault::StorageFault;

/// Takes the directory for this process; dropping the file gives it back.
///
/// # Errors
/// [`StorageFault::Locked`] when another process has it, or what the disk says.
pub fn lock(dir: &Path) -> Result<File, StorageFault> {
    let told = |error: io::Error| StorageFault::disk(format!("lock {}", dir.display()), &error);
    fs::create_dir_all(dir).map_err(told)?;
    let file = File::options().create(true).append(true).open(dir.join("lock")).map_err(told)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(StorageFault::Locked { dir: dir.display().to_string() })
        }
        Err(error) => Err(told(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_used_once_at_a_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let held = lock(dir.path()).expect("the first takes it");
        assert!(matches!(lock(dir.path()), Err(StorageFault::Locked { .. })));
        drop(held);
        lock(dir.path()).expect("it was given back");
    }
}
