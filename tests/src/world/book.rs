//! What a shard holds in this world: the commands that took effect, in order.
//!
//! The smallest replicated state machine that can tell whether something is missing, doubled or
//! out of order. A command that comes again has no effect again (I9).

use bytes::Bytes;
use protocol::twin::{At, Entry};
use std::collections::BTreeMap;

/// The kind of an entry that holds a person's command.
pub const COMMAND: u8 = 200;

/// Everything that took effect in a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// The last entry that is in here.
    pub at: At,
    /// Commands in the order of their effect.
    pub order: Vec<u64>,
    places: BTreeMap<u64, usize>,
}

impl Book {
    /// Takes the next entry. A command's place in the order is told, whether it is new or not.
    pub fn apply(&mut self, entry: &Entry) -> Option<usize> {
        assert_eq!(entry.at.lsn, self.at.lsn.next(), "entries take effect one after the other");
        self.at = entry.at;
        let command = command(entry)?;
        let next = self.order.len();
        let place = *self.places.entry(command).or_insert(next);
        if place == next {
            self.order.push(command);
        }
        Some(place)
    }

    /// Where in the order a command took effect, if it did.
    pub fn place(&self, command: u64) -> Option<usize> {
        self.places.get(&command).copied()
    }

    /// A book with these commands, copied from another node.
    pub fn copied(at: At, order: Vec<u64>) -> Self {
        let places = order.iter().enumerate().map(|(place, command)| (*command, place)).collect();
        Self { at, order, places }
    }
}

/// The command in an entry, unless it is one of the twins' own.
pub fn command(entry: &Entry) -> Option<u64> {
    let bytes: [u8; 8] = entry.payload.as_ref().try_into().ok()?;
    (entry.kind == COMMAND).then_some(u64::from_le_bytes(bytes))
}

/// A command as an entry holds it.
pub fn payload(command: u64) -> Bytes {
    Bytes::copy_from_slice(&command.to_le_bytes())
}

/// A short word for what an entry holds.
pub fn mark(entry: &Entry) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ u64::from(entry.kind);
    entry
        .payload
        .iter()
        .fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
