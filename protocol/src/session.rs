//! A session: one person on one device, alive across reconnects.

use crate::{
    caller::Role,
    id::{LinkId, PersonId, TenantId},
    time::Time,
};

word! {
    /// What a device may ask of its own session.
    pub enum SessionCommand {
        /// Sign out; the cookie is worthless from then on.
        Close {},
    }
}

word! {
    /// How a session was born.
    pub enum Origin {
        /// With name and password.
        SignIn {},
        /// Through a guest link, which may be revoked later.
        Link { link: LinkId, case: crate::id::CaseId },
    }
}

word! {
    /// What happened to a session, kept.
    pub enum SessionEvent {
        /// Born. Always the first event.
        Opened { tenant: TenantId, person: PersonId, role: Role, origin: Origin, until: Time },
        /// Over. Always the last event.
        Closed {},
    }
}

names! {
    /// Why a session says no.
    pub enum SessionRefusal {
        /// There is no such session.
        NotFound,
        /// It was signed out.
        Closed,
        /// Its time is over.
        Expired,
    }
}

shape! {
    /// What a session knows of itself.
    pub struct SessionView {
        /// The tenant.
        pub tenant: TenantId,
        /// The person.
        pub person: PersonId,
        /// What the person may do.
        pub role: Role,
        /// How it was born.
        pub origin: Origin,
        /// Until when it lives.
        pub until: Time,
    }
}
