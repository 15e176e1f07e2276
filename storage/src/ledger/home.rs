//! The directory of a ledger: which version wrote it, and for which engine.
//!
//! The format file is written before anything else and never changed by the same version, so a
//! directory with data and without one is not ours.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use crate::fault::StorageFault;

/// The format of the directory that this version writes.
pub const FORMAT: u32 = 1;

const TITLE: &str = "konsil storage";

/// Checks the format file, or writes it into an empty directory.
pub(super) fn check_format(dir: &Path, engine: &str) -> Result<(), StorageFault> {
    let told = |error: io::Error| StorageFault::disk("read the format file", &error);
    match fs::read_to_string(dir.join("format")) {
        Ok(text) => read_format(&text, engine),
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir.join("wal").exists() => {
            Err(StorageFault::BadFormat { text: "nothing".into() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_format(dir, engine).map_err(|e| StorageFault::disk("write the format file", &e))
        }
        Err(error) => Err(told(error)),
    }
}

/// What a directory holds, without touching it: its format, or none when there is nothing yet.
///
/// # Errors
/// [`StorageFault::NewerData`], [`StorageFault::OtherEngine`] or [`StorageFault::BadFormat`].
pub fn probe(dir: &Path, engine: &str) -> Result<Option<u32>, StorageFault> {
    match fs::read_to_string(dir.join("format")) {
        Ok(text) => read_format(&text, engine).map(|()| Some(FORMAT)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageFault::disk("read the format file", &error)),
    }
}

fn read_format(text: &str, engine: &str) -> Result<(), StorageFault> {
    let bad = || StorageFault::BadFormat { text: text.chars().take(80).collect() };
    let rest = text.strip_prefix(TITLE).ok_or_else(bad)?;
    let mut words = rest.split_whitespace();
    let found: u32 = words.next().and_then(|word| word.parse().ok()).ok_or_else(bad)?;
    if found > FORMAT {
        return Err(StorageFault::NewerData { found, known: FORMAT });
    }
    match words.next() {
        Some(kept) if kept == engine => Ok(()),
        Some(kept) => {
            Err(StorageFault::OtherEngine { found: kept.into(), asked: engine.to_owned() })
        }
        None => Err(bad()),
    }
}

fn write_format(dir: &Path, engine: &str) -> io::Result<()> {
    let draft = dir.join("format.new");
    let mut file = File::create(&draft)?;
    file.write_all(format!("{TITLE} {FORMAT} {engine}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, dir.join("format"))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_another_or_a_broken_format_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        check_format(dir.path(), "sled").expect("an empty directory is ours");
        check_format(dir.path(), "sled").expect("and stays ours");
        let other = check_format(dir.path(), "redb");
        assert!(matches!(other, Err(StorageFault::OtherEngine { .. })), "{other:?}");
        fs::write(dir.path().join("format"), "konsil storage 2 sled\n").expect("written");
        let newer = check_format(dir.path(), "sled");
        assert_eq!(newer, Err(StorageFault::NewerData { found: 2, known: 1 }));
        fs::write(dir.path().join("format"), "something else").expect("written");
        assert!(matches!(check_format(dir.path(), "sled"), Err(StorageFault::BadFormat { .. })));
        fs::remove_file(dir.path().join("format")).expect("removed");
        fs::create_dir(dir.path().join("wal")).expect("made");
        assert!(matches!(check_format(dir.path(), "sled"), Err(StorageFault::BadFormat { .. })));
    }
}
