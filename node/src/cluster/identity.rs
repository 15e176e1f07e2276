//! Who this node is in its cluster, as its data folder remembers it.
//!
//! ```text
//! cluster.json       which cluster, which number, whom to look for first
//! peer.key           what it proves itself with to other nodes
//! journals/storage   the chance that names this disk; lies with the data it stands for
//! ```
//!
//! # Invariants
//! - **D1** A number goes with one disk for ever: when the journals are gone, or are others, the
//!   node does not start under its number (rule R3 of the twins).

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

/// Reads who this node is; none when it belongs to no cluster yet.
///
/// # Errors
/// When the journals are not the ones this node had (D1), or a file cannot be read.
pub fn read(data: &Path) -> io::Result<Option<Identity>> {
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
