//! The vault: the only place that holds who a person is (S98, S99).

use crate::{caller::Role, id::PersonId};

word! {
    /// What happened to a person's record, kept. Never told to a browser.
    pub enum VaultEvent {
        /// A person is known.
        Registered { person: PersonId, role: Role, name: String },
        /// The person goes by another name.
        Renamed { person: PersonId, name: String },
        /// The person can sign in; `secret` is an Argon2id hash in PHC form.
        Enrolled { person: PersonId, login: String, secret: String },
    }
}

names! {
    /// Why the vault says no.
    pub enum VaultRefusal {
        /// Nobody of that id or sign-in name.
        NotFound,
        /// The name is empty or too long.
        BadName,
        /// The sign-in name is taken.
        LoginTaken,
        /// Only the node asks the vault.
        NotAllowed,
    }
}

shape! {
    /// A person's name, for those who sit with them.
    pub struct Named {
        /// The person.
        pub person: PersonId,
        /// The name.
        pub name: String,
    }
}
