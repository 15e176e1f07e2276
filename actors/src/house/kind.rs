//! Which cast plays which kind of actor.

use protocol::key::Key;
use std::sync::Arc;

use super::House;
use crate::{
    accounts::Accounts, audit::Audit, cast::Cast, conversation::Conversation, file::File,
    part::Part, room::Room, session::Session, tenant::Tenant, vault::Vault,
};

/// A kind of actor that lives in a house.
pub trait Kind: Part {
    /// Its cast on this node.
    fn cast(house: &House) -> &Arc<Cast<Self>>;

    /// Whether this key names one.
    fn is(key: Key) -> bool;
}

macro_rules! kinds {
    ($($kind:ident in $casts:ident;)*) => {$(
        impl Kind for $kind {
            fn cast(house: &House) -> &Arc<Cast<Self>> {
                &house.$casts
            }

            fn is(key: Key) -> bool {
                matches!(key, Key::$kind(_))
            }
        }
    )*};
}

kinds! {
    Tenant in tenants;
    Vault in vaults;
    Session in sessions;
    Room in rooms;
    Conversation in conversations;
    File in files;
    Accounts in accounts;
    Audit in audits;
}

/// Does something with the kind of a key: `by_kind!(key, Kind => expression)`.
macro_rules! by_kind {
    ($key:expr, $kind:ident => $body:expr) => {
        match $key {
            protocol::key::Key::Tenant(_) => {
                type $kind = $crate::tenant::Tenant;
                $body
            }
            protocol::key::Key::Vault(_) => {
                type $kind = $crate::vault::Vault;
                $body
            }
            protocol::key::Key::Session(_) => {
                type $kind = $crate::session::Session;
                $body
            }
            protocol::key::Key::Room(_) => {
                type $kind = $crate::room::Room;
                $body
            }
            protocol::key::Key::Conversation(_) => {
                type $kind = $crate::conversation::Conversation;
                $body
            }
            protocol::key::Key::File(_) => {
                type $kind = $crate::file::File;
                $body
            }
            protocol::key::Key::Accounts(_) => {
                type $kind = $crate::accounts::Accounts;
                $body
            }
            protocol::key::Key::Audit(_) => {
                type $kind = $crate::audit::Audit;
                $body
            }
        }
    };
}

pub(super) use by_kind;
