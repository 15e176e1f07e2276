//! Accounts: who has one, and which roles it holds.
//!
//! A critical right is given in three steps (S120, S134): one administrator requests it, another
//! approves it, and somebody who did not approve it grants it. Nobody has a hand in a right of their
//! own. What is not critical one administrator assigns. Taking away is one step.

use crate::{
    caller::Role,
    id::{GrantId, PersonId, Seq},
    time::{Span, Time},
};

word! {
    /// What an administrator may ask of the accounts.
    pub enum AccountsCommand {
        /// A critical right for somebody else; `life` for how long, which some rights must say.
        Request { person: PersonId, role: Role, life: Option<Span> },
        /// The second step, by another than who requested it.
        Approve { grant: GrantId },
        /// The third step, by another than who approved it.
        Grant { grant: GrantId },
        /// Not to be granted after all.
        Reject { grant: GrantId },
        /// A right that is not critical.
        Assign { person: PersonId, role: Role },
        /// No longer; at once.
        Withdraw { person: PersonId, role: Role },
    }
}

word! {
    /// What happened to accounts, kept.
    pub enum AccountsEvent {
        /// The role this person had before there were accounts.
        Adopted { person: PersonId, role: Role },
        /// Let in by whoever runs the machine.
        Admitted { person: PersonId, role: Role },
        /// A critical right was requested.
        Requested { grant: GrantId, person: PersonId, role: Role, life: Option<Span>, by: PersonId },
        /// It was approved.
        Approved { grant: GrantId, by: PersonId },
        /// It was granted.
        Granted { grant: GrantId, by: PersonId, until: Option<Time> },
        /// It will not be granted.
        Rejected { grant: GrantId, by: PersonId },
        /// A right that is not critical was given.
        Assigned { person: PersonId, role: Role, by: PersonId },
        /// A right was taken away.
        Withdrawn { person: PersonId, role: Role, by: PersonId },
    }
}

names! {
    /// Why the accounts say no.
    pub enum AccountsRefusal {
        /// Only administrators change rights, and only some roles see them.
        NotAllowed,
        /// Nobody here has that id, or there is no such request.
        NotFound,
        /// That right is critical: it takes a request, an approval and a grant.
        Critical,
        /// That right is not critical: it is assigned.
        NotCritical,
        /// Nobody has a hand in a right of their own.
        Own,
        /// Who approves has neither requested it nor grants it.
        SamePerson,
        /// It was not approved yet.
        NotApproved,
        /// It was approved already.
        Approved,
        /// It was asked for too long ago.
        Lapsed,
        /// That right ends at a time, which is missing or too far away.
        BadLife,
        /// They have that right already, or it is asked for already.
        Already,
        /// They do not have that right.
        NotHeld,
        /// Somebody must be left who can give rights.
        LastAdministrator,
        /// As many accounts, or open requests, as there may be.
        TooMany,
        /// No person has that role.
        NoSuchRole,
        /// There are two administrators: they give rights from now on.
        Founded,
    }
}

shape! {
    /// A role somebody holds.
    pub struct Held {
        /// Which.
        pub role: Role,
        /// Since when.
        pub since: Time,
        /// Until when; for ever unless it is said.
        pub until: Option<Time>,
    }
}

shape! {
    /// An account.
    pub struct AccountView {
        /// Whose.
        pub person: PersonId,
        /// The roles it holds now; those that ended are in the history.
        pub roles: Vec<Held>,
    }
}

shape! {
    /// A critical right that was requested and not yet granted.
    pub struct GrantView {
        /// Which.
        pub grant: GrantId,
        /// For whom.
        pub person: PersonId,
        /// The right.
        pub role: Role,
        /// For how long it would be.
        pub life: Option<Span>,
        /// Who requested it.
        pub by: PersonId,
        /// When.
        pub at: Time,
        /// Who approved it.
        pub approved: Option<PersonId>,
    }
}

shape! {
    /// Something that happened.
    pub struct AccountsChange {
        /// Its position in the journal.
        pub seq: Seq,
        /// When.
        pub at: Time,
        /// What.
        pub event: AccountsEvent,
    }
}

shape! {
    /// The accounts of a tenant.
    pub struct AccountsView {
        /// All of them, by id.
        pub accounts: Vec<AccountView>,
        /// What waits for a second or a third person.
        pub open: Vec<GrantView>,
        /// The latest changes, oldest first; the journal has all.
        pub history: Vec<AccountsChange>,
    }
}

/// Whether a right is critical: it takes two people to give it (S134).
pub const fn is_critical(role: Role) -> bool {
    match role {
        Role::Expert | Role::Customer => false,
        Role::Administrator
        | Role::Operator
        | Role::Auditor
        | Role::ProtectionOfficer
        | Role::Support
        | Role::Node => true,
    }
}

/// The longest that a right may be granted for; none: for ever.
pub const fn longest(role: Role) -> Option<Span> {
    match role {
        Role::Support => Some(crate::limits::SUPPORT_LIFE),
        Role::Auditor => Some(crate::limits::AUDITOR_LIFE),
        Role::Administrator
        | Role::Expert
        | Role::Customer
        | Role::Operator
        | Role::ProtectionOfficer
        | Role::Node => None,
    }
}

/// How much a role can do, for choosing the least of several.
pub const fn power(role: Role) -> u8 {
    match role {
        Role::Customer => 0,
        Role::Expert => 1,
        Role::Support => 2,
        Role::Auditor => 3,
        Role::ProtectionOfficer => 4,
        Role::Operator => 5,
        Role::Administrator => 6,
        Role::Node => 7,
    }
}
