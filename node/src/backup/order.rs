//! In which order actors are read: what names comes before what is named.
//!
//! ```text
//! session ─► accounts
//!     │
//!     └────► tenant ─► room ─► conversation ─► file ─► content
//!     └────────┴────────┴───────────┴────────────┴──► vault
//! ```
//!
//! Audit logs come last: whatever is in the backup was recorded, if it ever was, in them.
//!
//! An arrow leads from whoever relies on something to what it relies on: a session on its guest
//! link, a tenant on the rooms and conversations that it was told stand, a room on the conversation
//! it lets people into, a conversation on the files its messages carry, everybody on the names in the
//! vault. What is read later is newer, so nothing is relied on in vain. The other way round harm is
//! none: a room whose tenant does not know it yet is found by nobody.

use storage::ledger::Chosen;

/// What the names of an actor's journal begin with, in the order of reading; and what people call
/// it.
const ORDER: [(&str, &str); 8] = [
    ("session/", "sessions"),
    ("accounts/", "accounts"),
    ("tenant/", "tenants"),
    ("room/", "rooms"),
    ("conversation/", "conversations"),
    ("file/", "files and their contents"),
    ("vault/", "vaults"),
    ("audit/", "audit logs"),
];

/// Everything that is to be read, in this order, each from all shards before the next.
pub(super) fn order() -> Vec<(Chosen, &'static str)> {
    let kinds = ORDER.iter().map(|(beginning, name)| (Chosen::only(beginning), *name));
    // Kinds of a later release, which this one cannot place: last, so that they are not missed.
    let rest = Chosen::all_but(&ORDER.map(|(beginning, _)| beginning));
    kinds.chain([(rest, "everything else")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        audit::{AuditLog, Log},
        id::{ConversationId, FileId, RoomId, SessionId, TenantId},
        key::Key,
    };

    /// When actors of this kind are read. A new kind has to be given its place here.
    fn rank(key: Key) -> usize {
        match key {
            Key::Session(_) => 0,
            Key::Accounts(_) => 1,
            Key::Tenant(_) => 2,
            Key::Room(_) => 3,
            Key::Conversation(_) => 4,
            Key::File(_) => 5,
            Key::Vault(_) => 6,
            Key::Audit(_) => 7,
        }
    }

    #[test]
    fn bu2_every_kind_has_its_place() {
        let keys = [
            Key::Session(SessionId::from_u128(1)),
            Key::Tenant(TenantId::from_u128(1)),
            Key::Room(RoomId::from_u128(1)),
            Key::Conversation(ConversationId::from_u128(1)),
            Key::File(FileId::from_u128(1)),
            Key::Vault(TenantId::from_u128(1)),
            Key::Accounts(TenantId::from_u128(1)),
            Key::Audit(AuditLog { tenant: TenantId::from_u128(1), log: Log::Application }),
        ];
        for key in keys {
            assert!(key.to_string().starts_with(ORDER[rank(key)].0), "{key}");
        }
        assert_eq!(order().len(), keys.len() + 1);
    }
}
