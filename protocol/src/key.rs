//! Which actor is meant: the address that outlives machines.

use crate::audit::AuditLog;
use crate::id::{ConversationId, FileId, NotAnId, RoomId, SessionId, TenantId};
use std::fmt;

/// The address of one actor, and the name of its journal.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
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
    /// Who has an account with a tenant, and which roles. Since version 3.
    Accounts(TenantId),
    /// An audit log. Since version 3 of the words between nodes.
    Audit(AuditLog),
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
            Self::Tenant(id) | Self::Vault(id) | Self::Accounts(id) => id.as_u128(),
            Self::Session(id) => id.as_u128(),
            Self::Room(id) => id.as_u128(),
            Self::Conversation(id) => id.as_u128(),
            Self::File(id) => id.as_u128(),
            Self::Audit(log) => log.tenant.as_u128(),
        }
    }
}

impl std::str::FromStr for Key {
    type Err = NotAnId;

    /// Reads what [`fmt::Display`] writes: the name of the actor's journal.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let no = NotAnId { expected: "kind/id" };
        let (kind, id) = text.split_once('/').ok_or(no.clone())?;
        match kind {
            "tenant" => id.parse().map(Self::Tenant),
            "vault" => id.parse().map(Self::Vault),
            "session" => id.parse().map(Self::Session),
            "room" => id.parse().map(Self::Room),
            "conversation" => id.parse().map(Self::Conversation),
            "file" => id.parse().map(Self::File),
            "accounts" => id.parse().map(Self::Accounts),
            "audit" => {
                let (tenant, log) = id.split_once('/').ok_or(no.clone())?;
                let log = log.parse().map_err(|_| no)?;
                Ok(Self::Audit(AuditLog { tenant: tenant.parse()?, log }))
            }
            _ => Err(no),
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
            Self::Accounts(id) => write!(to, "accounts/{id}"),
            Self::Audit(log) => write!(to, "audit/{log}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Log;

    #[test]
    fn a_key_is_found_again_in_the_name_of_its_journal() {
        let keys = [
            Key::Tenant(TenantId::from_u128(1)),
            Key::Vault(TenantId::from_u128(2)),
            Key::Session(SessionId::from_u128(3)),
            Key::Room(RoomId::from_u128(4)),
            Key::Conversation(ConversationId::from_u128(5)),
            Key::File(FileId::from_u128(u128::MAX)),
            Key::Accounts(TenantId::from_u128(6)),
            Key::Audit(AuditLog { tenant: TenantId::from_u128(6), log: Log::Application }),
            Key::Audit(AuditLog { tenant: TenantId::from_u128(6), log: Log::System }),
        ];
        for key in keys {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for bad in
            ["", "room", "room/", "room/session_00000000000000000000000001", "cat/1", "audit/x"]
        {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }
}
