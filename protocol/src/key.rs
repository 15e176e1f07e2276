//! Which actor is meant: the address that outlives machines.

use crate::id::{ConversationId, FileId, RoomId, SessionId, TenantId};
use std::fmt;

/// The address of one actor, and the name of its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A tenant's cases and links.
    Tenant(TenantId),
    /// A tenant's persons.
    Vault(TenantId),
    /// One person on one device.
    Session(SessionId),
    /// A conference.
    Room(RoomId),
    /// A thread of messages.
    Conversation(ConversationId),
    /// An uploaded file's record.
    File(FileId),
}

/// Shards of a cluster unless it was created with another number (design 5).
pub const SHARDS: u16 = 256;

impl Key {
    /// The shard that holds this actor: the unit of placement, replication and move.
    ///
    /// The low bits of a UUIDv7 are chance, so they spread evenly without hashing. A case's room
    /// and conversation share their bytes and thus their shard.
    pub const fn shard(self) -> u16 {
        (self.bits() % SHARDS as u128) as u16
    }

    const fn bits(self) -> u128 {
        match self {
            Self::Tenant(id) | Self::Vault(id) => id.as_u128(),
            Self::Session(id) => id.as_u128(),
            Self::Room(id) => id.as_u128(),
            Self::Conversation(id) => id.as_u128(),
            Self::File(id) => id.as_u128(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(id) => write!(to, "tenant/{id}"),
            Self::Vault(id) => write!(to, "vault/{id}"),
            Self::Session(id) => write!(to, "session/{id}"),
            Self::Room(id) => write!(to, "room/{id}"),
            Self::Conversation(id) => write!(to, "conversation/{id}"),
            Self::File(id) => write!(to, "file/{id}"),
        }
    }
}
