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
        /// Looks after the tenant's part of the platform; sees nothing of consultations.
        Operator,
        /// Reads what was done and by whom; for a time.
        Auditor,
        /// The data protection officer (Datenschutzbeauftragter).
        ProtectionOfficer,
        /// Staff of the processor, let in by the tenant for a short time.
        Support,
    }
}

impl Role {
    /// Every role that a person can have.
    pub const PEOPLE: [Self; 7] = [
        Self::Administrator,
        Self::Expert,
        Self::Customer,
        Self::Operator,
        Self::Auditor,
        Self::ProtectionOfficer,
        Self::Support,
    ];

    /// Whether this role sits in consultations: nobody does but those who hold them and those whom
    /// they are held for, and the node for itself (S235-S238).
    pub const fn takes_part(self) -> bool {
        match self {
            Self::Expert | Self::Customer | Self::Node => true,
            Self::Administrator
            | Self::Operator
            | Self::Auditor
            | Self::ProtectionOfficer
            | Self::Support => false,
        }
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
