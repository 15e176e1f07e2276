//! Who a node proves to be: an ed25519 key that stays on its disk.

use super::SwarmFault;
use crate::secrets::write_private;
use libp2p::{PeerId, identity::Keypair};
use std::{fmt, fs, io, path::Path};

/// A node's key towards the other nodes.
#[derive(Clone)]
pub struct Identity {
    pub(super) keypair: Keypair,
}

impl fmt::Debug for Identity {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Identity({})", self.peer())
    }
}

impl Identity {
    /// Reads the key from the data folder (`peer.key`), or makes one that only the node's user can
    /// read.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not a key.
    pub fn open(data: &Path) -> Result<Self, SwarmFault> {
        let path = data.join("peer.key");
        let fault = |reason: String| SwarmFault::Key { path: path.clone(), reason };
        match fs::read(&path) {
            Ok(bytes) => {
                let keypair = Keypair::from_protobuf_encoding(&bytes);
                Ok(Self { keypair: keypair.map_err(|_| fault("not a key".into()))? })
            }
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => {
                let made = Self::fresh();
                let bytes = made.keypair.to_protobuf_encoding();
                let bytes = bytes.map_err(|reason| fault(reason.to_string()))?;
                write_private(&path, &bytes).map_err(|reason| fault(reason.to_string()))?;
                Ok(made)
            }
            Err(reason) => Err(fault(reason.to_string())),
        }
    }

    /// A new key that is kept nowhere.
    pub fn fresh() -> Self {
        Self { keypair: Keypair::generate_ed25519() }
    }

    /// The peer id that others know the key by, base 58.
    pub fn peer(&self) -> String {
        self.id().to_base58()
    }

    pub(super) fn id(&self) -> PeerId {
        self.keypair.public().to_peer_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_kept_private_and_never_shown() {
        let folder = std::env::temp_dir().join(format!("konsil-identity-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        let made = Identity::open(&folder).expect("made");
        let read = Identity::open(&folder).expect("read");
        assert_eq!(made.peer(), read.peer());
        assert_ne!(made.peer(), Identity::fresh().peer());
        let path = folder.join("peer.key");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{made:?}"), format!("Identity({})", made.peer()));
        fs::write(&path, b"rubbish").expect("written");
        assert!(matches!(Identity::open(&folder), Err(SwarmFault::Key { .. })));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
