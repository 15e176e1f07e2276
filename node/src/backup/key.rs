//! The key file: made once, readable by its owner alone, kept apart from what it seals.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};
use storage::crypto::{Mark, SealKey};

use super::ArchiveFault;
use crate::secrets::write_private;

/// Makes a key into a file that is not there yet, and says what the key is recognised by.
///
/// # Errors
/// When there is such a file, or the disk says no.
pub fn make_key(path: &Path) -> Result<Mark, ArchiveFault> {
    let key = SealKey::generate();
    let made = write_private(path, format!("{}\n", key.text()).as_bytes());
    made.map_err(|fault| match fault.kind() {
        io::ErrorKind::AlreadyExists => io::Error::other(
            "it is there already. Backups may be sealed with it: use it, or name another file",
        ),
        _ => fault,
    })
    .map_err(ArchiveFault::file(path))?;
    Ok(key.mark())
}

/// Reads a key.
///
/// # Errors
/// When others may read it too, or it is none.
pub fn read_key(path: &Path) -> Result<SealKey, ArchiveFault> {
    read(path).map_err(ArchiveFault::file(path))
}

fn read(path: &Path) -> io::Result<SealKey> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(io::Error::other(
            "others than its owner may read or write this key: `chmod 600` it. If somebody did, make \
             a new one for the next backup",
        ));
    }
    SealKey::read(&fs::read_to_string(path)?)
        .ok_or_else(|| io::Error::other("this is no key; `konsil backup --new-key FILE` makes one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("backup.key");
        let mark = make_key(&path).expect("made");
        assert_eq!(read_key(&path).expect("read").mark(), mark);
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = make_key(&path).expect_err("it is there").to_string();
        assert!(again.contains("another file") && again.contains("backup.key"), "{again}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("opened up");
        let said = read_key(&path).expect_err("others may read it").to_string();
        assert!(said.contains("chmod 600"), "{said}");
        let other = folder.path().join("no.key");
        crate::secrets::write_private(&other, b"hello").expect("written");
        let said = read_key(&other).expect_err("it is none").to_string();
        assert!(said.contains("--new-key"), "{said}");
    }
}
