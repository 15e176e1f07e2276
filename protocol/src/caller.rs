//! Who asks: the answer to "may they?" starts here.

use crate::id::{PersonId, SessionId, TenantId};

names! {
    /// The roles of requirements S235-S238, and the node itself.
    pub enum Role {
        /// Runs the platform; takes no part in streams, content or signing (S238).
        Administrator,
        /// Hosts and steers consultations (S236).
        Expert,
        /// Asks for consultations (S237).
        Customer,
        /// Not a person: one actor asking another. Never given to a socket.
        Node,
    }
}

shape! {
    /// The verified origin of a command. Made by the gateway or the shell, never by a browser.
    #[derive(Copy, Eq, Hash)]
    pub struct Caller {
        /// The only tenant whose things this caller may name.
        pub tenant: TenantId,
        /// The human.
        pub person: PersonId,
        /// The device.
        pub session: SessionId,
        /// What the human may do.
        pub role: Role,
    }
}

impl Caller {
    /// The node itself, acting within one tenant.
    pub const fn node(tenant: TenantId) -> Self {
        Self {
            tenant,
            person: PersonId::from_u128(0),
            session: SessionId::from_u128(0),
            role: Role::Node,
        }
    }
}
