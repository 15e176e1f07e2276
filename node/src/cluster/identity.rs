//! Who this node is in its cluster, as its data folder remembers it.
//!
//! ```text
//! cluster.json       which cluster, which number, whom to look for first
//! peer.key           what it proves itself with to other nodes
//! journals/storage   the chance that names this disk; lies with the data it stands for
//! restoring          there only while a restore goes on, or after one that was broken off
//! ```
//!
//! # Invariants
//! - **D1** A number goes with one disk for ever: when the journals are gone, or are others, the
//!   node does not start under its number (rule R3 of the twins).
//! - **D2** A folder into which half a backup was restored is nobody's.

use protocol::{cluster::NodeKey, id::NodeId};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

use crate::secrets::{chance, write_private};

/// Who this node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which cluster.
    pub cluster: NodeId,
    /// Its number and its disk.
    pub key: NodeKey,
    /// Whom to look for before the map is known.
    pub neighbours: Vec<Neighbour>,
}

/// Another member, as far as is needed to find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its number.
    pub number: u64,
    /// Its libp2p PeerId.
    pub peer: String,
    /// Where it was last.
    pub addresses: Vec<String>,
}

/// What `cluster.json` holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    cluster: NodeId,
    number: u64,
    storage: u64,
    neighbours: Vec<Neighbour>,
}

const FILE: &str = "cluster.json";
const DISK: &str = "storage";
/// The mark of a folder into which half a backup was restored.
pub const HALF: &str = "restoring";

/// Whether this folder may be a node's (D2).
///
/// # Errors
/// When half a backup lies in it.
pub fn whole(data: &Path) -> io::Result<()> {
    if !data.join(HALF).exists() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "a restore into {} goes on, or was broken off. When it no longer runs, empty the folder \
         and restore again",
        data.display()
    )))
}

/// From now on this folder is nobody's, until [`restored`] says otherwise.
///
/// # Errors
/// What the disk says.
pub fn restoring(data: &Path) -> io::Result<()> {
    let words = "Half a backup lies here: empty this folder and restore again.\n";
    write_private(&data.join(HALF), words.as_bytes())
}

/// The folder is whole, and durably so.
///
/// # Errors
/// What the disk says.
pub fn restored(data: &Path) -> io::Result<()> {
    fs::File::open(data)?.sync_all()?; // what was restored has its names before the mark goes
    fs::remove_file(data.join(HALF))?;
    fs::File::open(data)?.sync_all()
}

/// Reads who this node is; none when it belongs to no cluster yet.
///
/// # Errors
/// When the journals are not the ones this node had (D1), a restore was broken off here (D2), or a
/// file cannot be read.
pub fn read(data: &Path) -> io::Result<Option<Identity>> {
    whole(data)?; // D2
    let text = match fs::read_to_string(data.join(FILE)) {
        Ok(text) => text,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let kept: Kept = serde_json::from_str(&text)?;
    let found = disk(data)?;
    if found != Some(kept.storage) {
        return Err(io::Error::other(format!(
            "node {} of this cluster had other journals than lie in {}: its disk was changed or \
             emptied. A number is never used with another disk. Remove this node from the \
             cluster (`konsil cluster remove`), empty the data folder and join anew",
            kept.number,
            data.join("journals").display(),
        )));
    }
    let key = NodeKey { number: kept.number, storage: kept.storage };
    Ok(Some(Identity { cluster: kept.cluster, key, neighbours: kept.neighbours }))
}

/// Remembers who this node is, for ever.
///
/// # Errors
/// When it is somebody already, or the disk says no.
pub fn keep(data: &Path, identity: &Identity) -> io::Result<()> {
    assert_eq!(disk(data)?, Some(identity.key.storage), "D1");
    let Identity { cluster, key, neighbours } = identity.clone();
    let NodeKey { number, storage } = key;
    let kept = Kept { cluster, number, storage, neighbours };
    write_private(&data.join(FILE), serde_json::to_string_pretty(&kept)?.as_bytes())
}

/// The name of this disk; made with the folder of the journals.
///
/// # Errors
/// What the disk says.
pub fn name_disk(data: &Path) -> io::Result<u64> {
    if let Some(name) = disk(data)? {
        return Ok(name);
    }
    let journals = data.join("journals");
    fs::create_dir_all(&journals)?;
    // 53 bits: JSON keeps them.
    let name = u64::from_be_bytes(chance()) >> 11;
    write_private(&journals.join(DISK), name.to_string().as_bytes())?;
    Ok(name)
}

fn disk(data: &Path) -> io::Result<Option<u64>> {
    match fs::read_to_string(data.join("journals").join(DISK)) {
        Ok(text) => text.trim().parse().map(Some).map_err(io::Error::other),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d2_half_a_backup_is_nobody() {
        let folder = std::env::temp_dir().join(format!("konsil-half-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        restoring(&folder).expect("marked");
        let said = read(&folder).expect_err("it is nobody's").to_string();
        assert!(said.contains("restore again"), "{said}");
        restored(&folder).expect("the mark is gone");
        assert_eq!(read(&folder).expect("nothing is fine"), None);
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn d1_a_number_goes_with_one_disk() {
        let folder = std::env::temp_dir().join(format!("konsil-member-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        assert_eq!(read(&folder).expect("nothing is fine"), None);
        let storage = name_disk(&folder).expect("named");
        assert_eq!(name_disk(&folder).expect("named once"), storage);
        let key = NodeKey { number: 7, storage };
        let neighbours = vec![Neighbour { number: 1, peer: "p".into(), addresses: vec![] }];
        let identity = Identity { cluster: NodeId::from_u128(3), key, neighbours };
        keep(&folder, &identity).expect("kept");
        assert_eq!(read(&folder).expect("read"), Some(identity));
        fs::remove_dir_all(folder.join("journals")).expect("the disk is emptied");
        let said = read(&folder).expect_err("another disk is another node").to_string();
        assert!(said.contains("join anew"), "{said}");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
