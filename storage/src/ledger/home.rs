//! The directory of a ledger: which version wrote it, and for which engine.
//!
//! The format file is written before anything else and never changed by the same version, so a
//! directory with data and without one is not ours. A second file says that there has been a log:
//! a directory that has it and neither log nor engine is one that lost everything, not a new one.
//! A node must not start on it under its old name: others count on what it acknowledged.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use crate::fault::StorageFault;

/// The newest format of the directory that this version knows: the one of a node of a cluster.
pub const FORMAT: u32 = 2;
/// The format without twins: the first.
pub(super) const ALONE: u32 = 1;

const TITLE: &str = "konsil storage";

/// Checks the format file, or writes it into an empty directory; `twinned` raises it to the one of
/// a node of a cluster. Returns the format that stands there now.
pub(super) fn check_format(dir: &Path, engine: &str, twinned: bool) -> Result<u32, StorageFault> {
    let told = |error: io::Error| StorageFault::disk("read the format file", &error);
    let wanted = if twinned { FORMAT } else { ALONE };
    let write = || {
        let written = write_format(dir, engine, wanted);
        written.map_err(|e| StorageFault::disk("write the format file", &e))?;
        Ok(wanted)
    };
    match fs::read_to_string(dir.join("format")) {
        Ok(text) => match read_format(&text, engine)? {
            found if found < wanted => write(),
            found => Ok(found),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir.join("wal").exists() => {
            Err(StorageFault::BadFormat { text: "nothing".into() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => write(),
        Err(error) => Err(told(error)),
    }
}

/// What a directory holds, without touching it: its format, or none when there is nothing yet.
///
/// # Errors
/// [`StorageFault::NewerData`], [`StorageFault::OtherEngine`] or [`StorageFault::BadFormat`].
pub fn probe(dir: &Path, engine: &str) -> Result<Option<u32>, StorageFault> {
    match fs::read_to_string(dir.join("format")) {
        Ok(text) => read_format(&text, engine).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageFault::disk("read the format file", &error)),
    }
}

fn read_format(text: &str, engine: &str) -> Result<u32, StorageFault> {
    let bad = || StorageFault::BadFormat { text: text.chars().take(80).collect() };
    let rest = text.strip_prefix(TITLE).ok_or_else(bad)?;
    let mut words = rest.split_whitespace();
    let found: u32 = words.next().and_then(|word| word.parse().ok()).ok_or_else(bad)?;
    if found > FORMAT {
        return Err(StorageFault::NewerData { found, known: FORMAT });
    }
    match words.next() {
        Some(kept) if kept == engine => Ok(found),
        Some(kept) => {
            Err(StorageFault::OtherEngine { found: kept.into(), asked: engine.to_owned() })
        }
        None => Err(bad()),
    }
}

fn write_format(dir: &Path, engine: &str, format: u32) -> io::Result<()> {
    let draft = dir.join("format.new");
    let mut file = File::create(&draft)?;
    file.write_all(format!("{TITLE} {format} {engine}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, dir.join("format"))?;
    File::open(dir)?.sync_all()
}

const HELD: &str = "held";

/// Whether a log was ever begun in this directory.
pub(super) fn has_held(dir: &Path) -> bool {
    dir.join(HELD).exists()
}

/// From now on this directory is never a new one again.
pub(super) fn hold(dir: &Path) -> Result<(), StorageFault> {
    if has_held(dir) {
        return Ok(());
    }
    let write = || {
        let mut file = File::create(dir.join(HELD))?;
        file.write_all(b"This folder has held journals. Without its log it is not a new one.\n")?;
        file.sync_all()?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|error| StorageFault::disk("say that there are journals", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_another_or_a_broken_format_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let check = |engine| check_format(dir.path(), engine, false);
        assert_eq!((check("sled"), check("sled")), (Ok(1), Ok(1)), "an empty directory is ours");
        assert_eq!(check_format(dir.path(), "sled", true), Ok(2), "and becomes a cluster's");
        assert_eq!(check("sled"), Ok(2), "and stays it");
        let other = check("redb");
        assert!(matches!(other, Err(StorageFault::OtherEngine { .. })), "{other:?}");
        fs::write(dir.path().join("format"), "konsil storage 3 sled\n").expect("written");
        assert_eq!(check("sled"), Err(StorageFault::NewerData { found: 3, known: 2 }));
        fs::write(dir.path().join("format"), "something else").expect("written");
        assert!(matches!(check("sled"), Err(StorageFault::BadFormat { .. })));
        fs::remove_file(dir.path().join("format")).expect("removed");
        fs::create_dir(dir.path().join("wal")).expect("made");
        assert!(matches!(check("sled"), Err(StorageFault::BadFormat { .. })));
    }
}
