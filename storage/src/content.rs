//! The name of a file is what is in it: the hash and the length of its bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{Hash, hex};

/// The name of one kept file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentId {
    /// SHA-256 of all its bytes.
    pub hash: Hash,
    /// How many bytes.
    pub len: u64,
}

impl fmt::Display for ContentId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "content_{}", hex(&self.hash))
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self} ({} bytes)", self.len)
    }
}
