//! Joining: a one-time token, a knock at the door, and what the newcomer is given.
//!
//! The token holds where to knock, whom to expect there, and a secret of 16 bytes of which the
//! cluster keeps the SHA-256 alone. The door proves to be the node the token names before the
//! newcomer shows the secret, and the newcomer proves its own identity on the same connection.
//!
//! # Invariants
//! - **E1** A token lets in one node, once, before it expires; the same newcomer may ask again for
//!   what it was already given.
//! - **E2** The signing key travels to admitted nodes that hold data, over a connection on which
//!   both sides have proved who they are, and sealed in a backup, and nowhere else.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{
    cluster::{Candidate, Map, Member, Purpose},
    codec,
    id::{NodeId, TenantId},
};
use serde::{Deserialize, Serialize};
use std::{fmt, fs, io, path::Path};
use storage::digest::sha256;

use super::identity::{self, Identity, Neighbour};
use crate::secrets::write_private;

/// Bytes of a request or an answer at the door.
pub const DOOR_BYTES: usize = 64 * 1024;
const PREFIX: &str = "konsil-join-";

/// What an operator carries from the cluster to the new machine.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Who opens the door.
    pub peer: String,
    /// Where the door is.
    pub addresses: Vec<String>,
    /// What opens it, once.
    pub secret: [u8; 16],
    /// What the newcomer may be.
    pub purpose: Purpose,
}

impl fmt::Debug for Token {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Token(to {})", self.peer)
    }
}

/// The text is not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a token: it begins with {PREFIX} and is one long word. `konsil cluster invite` prints one"
)]
pub struct NotAToken;

impl Token {
    /// As one word to be carried.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(codec::encode(self)))
    }

    /// Reads the word.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self, NotAToken> {
        let word = text.trim().strip_prefix(PREFIX).ok_or(NotAToken)?;
        let bytes = URL_SAFE_NO_PAD.decode(word).map_err(|_| NotAToken)?;
        codec::decode::<Self, 4096>(&bytes).map_err(|_| NotAToken)
    }

    /// What the cluster keeps of it.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.secret)
    }
}

/// What the newcomer says at the door.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Knock {
    /// What opens it.
    pub secret: [u8; 16],
    /// Who comes.
    pub candidate: Candidate,
}

impl Knock {
    /// What the cluster compares.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.secret)
    }
}

/// What an admitted newcomer is given.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// Which cluster.
    pub cluster: NodeId,
    /// Its number, for ever.
    pub number: u64,
    /// Whom to look for.
    pub neighbours: Vec<Neighbour>,
    /// What a node that holds data needs beside; a witness gets none.
    pub house: Option<HouseKeys>,
}

/// What every node that serves browsers shares.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct HouseKeys {
    /// The tenant of this cluster.
    pub tenant: TenantId,
    /// What cookies and links are signed with.
    pub signing: [u8; 32],
}

impl HouseKeys {
    /// This node's own, to be shared with a newcomer.
    ///
    /// # Errors
    /// When they are not in the data folder, or are none.
    pub fn read(data: &Path) -> io::Result<Self> {
        let tenant = fs::read_to_string(data.join("tenant"))?;
        let tenant = tenant.trim().parse().map_err(io::Error::other)?;
        let signing = fs::read(data.join("signing.key"))?;
        let signing = signing.try_into().map_err(|_| io::Error::other("signing.key is no key"))?;
        Ok(Self { tenant, signing })
    }
}

/// Every member as a newcomer needs it.
pub fn neighbours(map: &Map) -> Vec<Neighbour> {
    let neighbour = |it: &Member| Neighbour {
        number: it.key.number,
        peer: it.peer.clone(),
        addresses: it.addresses.clone(),
    };
    map.members.values().map(neighbour).collect()
}

/// The number a newcomer already has, and what it was admitted as, when it asks again (E1).
pub fn admitted(map: &Map, candidate: &Candidate) -> Option<(u64, Purpose)> {
    let same = |it: &&Member| it.key.storage == candidate.storage && it.peer == candidate.peer;
    map.members.values().find(same).map(|it| (it.key.number, it.purpose))
}

/// Writes what the newcomer was given into its data folder.
///
/// # Errors
/// When it belongs to a cluster already, or the disk says no.
pub fn settle(data: &Path, welcome: &Welcome) -> io::Result<Identity> {
    if let Some(house) = &welcome.house {
        put(&data.join("tenant"), house.tenant.to_string().as_bytes())?;
        put(&data.join("signing.key"), &house.signing)?; // E2
    }
    let storage = identity::name_disk(data)?;
    let key = protocol::cluster::NodeKey { number: welcome.number, storage };
    let neighbours = welcome.neighbours.clone();
    let identity = Identity { cluster: welcome.cluster, key, neighbours };
    identity::keep(data, &identity)?;
    Ok(identity)
}

/// Writes a private file; one with the same content is left alone, so that joining can be tried
/// again after a crash.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::read(path) {
        Ok(kept) if kept == bytes => Ok(()),
        Ok(_) => Err(io::Error::other(format!(
            "{} is there already and holds something else: this folder has been a node. Empty it, \
             or name another one",
            path.display()
        ))),
        Err(_) => write_private(path, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        let addresses = vec!["/ip4/127.0.0.1/tcp/7301".into()];
        Token { peer: "12D3".into(), addresses, secret: [9; 16], purpose: Purpose::Witness }
    }

    #[test]
    fn a_token_is_one_word_and_comes_back() {
        let text = token().text();
        assert!(text.chars().all(|it| it.is_ascii_alphanumeric() || "-_".contains(it)));
        assert_eq!(Token::read(&format!(" {text}\n")), Ok(token()));
        assert!(!format!("{:?}", token()).contains('9'), "the secret is not shown");
        for bad in ["", "konsil-join-", "konsil-join-!", &text[..text.len() - 2]] {
            assert_eq!(Token::read(bad), Err(NotAToken), "{bad}");
        }
    }

    #[test]
    fn joining_can_be_tried_again_and_never_overwrites_a_node() {
        let folder = std::env::temp_dir().join(format!("konsil-join-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        let house = HouseKeys { tenant: TenantId::from_u128(1), signing: [1; 32] };
        let (cluster, neighbours) = (NodeId::from_u128(2), Vec::new());
        let welcome = Welcome { cluster, number: 5, neighbours, house: Some(house.clone()) };
        put(&folder.join("signing.key"), &house.signing).expect("a first try got so far");
        let settled = settle(&folder, &welcome).expect("the second finishes");
        assert_eq!(identity::read(&folder).expect("read"), Some(settled));
        let other = HouseKeys { signing: [2; 32], ..house };
        let again = Welcome { house: Some(other), ..welcome };
        let said = settle(&folder, &again).expect_err("it is a node").to_string();
        assert!(said.contains("Empty it"), "{said}");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
