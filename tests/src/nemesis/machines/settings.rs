//! What the nodes of a nemesis run are told.

use anyhow::{Context, Result};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::nemesis::network::Network;

/// Where every node's web listens, each on its own address.
pub(super) const WEB: u16 = 8443;
/// Where other nodes reach a node.
const PEERS: u16 = 7443;
/// Where a newcomer knocks.
const JOIN: u16 = 7444;
/// Room on each disk, in MiB: a node refuses to write when less than 256 are free. The file behind
/// it is as large as what was written.
const DISK_MIB: u64 = 1024;
/// Where Debian keeps the library that moves clocks.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// What cluster there shall be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many nodes.
    pub nodes: usize,
    /// Whether they are told of a cluster; a lone node may go without.
    pub clustered: bool,
    /// Their program.
    pub konsil: PathBuf,
    /// MiB of each one's disk.
    pub disk_mib: u64,
    /// What they say in their logs.
    pub log: String,
    /// The library that moves clocks, when there is one.
    pub faketime: Option<PathBuf>,
}

impl Plan {
    /// So many nodes of the program beside which this one was built, or of `KONSIL_BIN`.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn of(nodes: usize) -> Result<Self> {
        let konsil = match std::env::var_os("KONSIL_BIN") {
            Some(path) => PathBuf::from(path),
            None => beside_us().context("this program's own folder is unknown")?,
        };
        Self::with(nodes, konsil)
    }

    /// So many nodes of a program.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn with(nodes: usize, konsil: PathBuf) -> Result<Self> {
        anyhow::ensure!(
            konsil.is_file(),
            "there is no {}: cargo build -p node, or name it in KONSIL_BIN",
            konsil.display()
        );
        let log = "warn,node=info".into();
        Ok(Self {
            nodes,
            clustered: nodes > 1,
            konsil,
            disk_mib: DISK_MIB,
            log,
            faketime: faketime(),
        })
    }

    /// A node's configuration.
    pub(super) fn settings(
        &self,
        network: &Network,
        node: usize,
        name: &str,
        data: &Path,
    ) -> String {
        let (address, data) = (network.address(node), data.display());
        let mut text = format!(
            "[listen]\nweb = \"{address}:{WEB}\"\nmedia = \"{address}:{WEB}\"\n\
             metrics = \"{address}:9443\"\n\
             [storage]\ndata = \"{data}\"\nsegment_bytes = 4194304\n\
             [limits]\nsign_ins_per_minute = 100000\nlinks_per_minute = 100000\n\
             commands_per_second = 100000\n"
        );
        if self.clustered {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "[cluster]\nname = \"{name}\"\nlisten = \"{address}:{PEERS}\"\n\
                 join = \"{address}:{JOIN}\"\nadvertise = [\"{address}\"]\n\
                 web = [\"https://{address}:{WEB}\"]\nsite = \"room-{node}\"\n\
                 country = \"DE\"\n",
            );
        }
        text
    }
}

/// The library that moves clocks, when it is installed.
pub fn faketime() -> Option<PathBuf> {
    FAKETIME.iter().map(PathBuf::from).find(|path| path.is_file())
}

/// `target/debug/konsil` of `target/debug/nemesis` or `target/debug/deps/nemesis-0123`.
fn beside_us() -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    let folder = here.parent()?;
    let folder = if folder.ends_with("deps") { folder.parent()? } else { folder };
    Some(folder.join("konsil"))
}
