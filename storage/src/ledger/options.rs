//! Everything that can be chosen about a ledger.

use std::{fmt, path::PathBuf, sync::Arc};

use super::rebuild::Source;
use crate::{disk::Disk, store::Store};

const MIB: u64 = 1024 * 1024;

/// Which engine keeps what the log has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// sled: the default; fast to fill, takes two to five times the room of its content.
    #[default]
    Sled,
    /// redb: least room, slower to fill, survives a power loss without help.
    Redb,
    /// Nothing is kept beyond the process. For tests and the simulator.
    Memory,
}

impl fmt::Display for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
            Self::Memory => "memory",
        })
    }
}

/// How a ledger is opened. `Options::new` gives every default.
#[derive(Clone)]
pub struct Options {
    /// Where it keeps everything. Must lie on a disk that honours `fdatasync`.
    pub dir: PathBuf,
    /// The engine. A directory stays with the engine it was made by. Default sled.
    pub engine: Engine,
    /// Bytes of one segment of the log; the largest append is a little smaller. Default 64 MiB.
    pub segment_bytes: u64,
    /// Released segments that stay on the disk. Each lets a lost engine be rebuilt from a little
    /// further back. Default 1.
    pub segments_keep: usize,
    /// Appends that may wait for the log; more are refused as busy. Default 8192.
    pub queue_max: usize,
    /// Bytes that may wait for the log. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// Bytes the log may be ahead of what the engine was synced to; they are held in memory and
    /// replayed when the ledger is opened. More are refused as busy. Default 64 MiB.
    pub unapplied_bytes_max: u64,
    /// Bytes between two syncs of the engine; what was not synced is replayed. Default 16 MiB.
    pub checkpoint_bytes: u64,
    /// Bytes of the engine's cache. Default 64 MiB.
    pub cache_bytes: u64,
    /// Bytes that must stay free: below, appends are refused, so that the engine can still take
    /// what the log has acknowledged. Default 256 MiB.
    pub reserve_bytes: u64,
    /// Where a lost engine is fetched from, when the log alone does not reach back far enough: the
    /// twin. Without it such a ledger is not opened. Default none.
    pub rebuild: Option<Arc<dyn Source>>,
    /// The disk of the log, instead of the directory. For tests and the simulator.
    pub disk: Option<Arc<dyn Disk>>,
    /// The engine itself, instead of one made by name. For tests and the simulator.
    pub store: Option<Arc<dyn Store>>,
}

impl Options {
    /// The defaults, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            engine: Engine::default(),
            segment_bytes: 64 * MIB,
            segments_keep: 1,
            queue_max: 8192,
            queue_bytes_max: 64 * MIB as usize,
            unapplied_bytes_max: 64 * MIB,
            checkpoint_bytes: 16 * MIB,
            cache_bytes: 64 * MIB,
            reserve_bytes: 256 * MIB,
            rebuild: None,
            disk: None,
            store: None,
        }
    }
}
