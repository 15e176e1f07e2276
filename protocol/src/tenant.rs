//! A tenant: its cases and the guest links to them.

use crate::{
    id::{CaseId, LinkId, PersonId},
    time::{Span, Time},
};

word! {
    /// What an expert may ask of the tenant.
    pub enum TenantCommand {
        /// Open a case: a room, a conversation and a first guest link. Retried with the same
        /// request id it is one case.
        Open { title: String },
        /// Make one more guest link for a case.
        Invite { case: CaseId, life: Span },
        /// Make a guest link worthless.
        Revoke { link: LinkId },
        /// Close a case: its room ends, its links are worthless.
        Close { case: CaseId },
    }
}

word! {
    /// What happened to a tenant, kept.
    pub enum TenantEvent {
        /// A case was opened.
        Opened { case: CaseId, expert: PersonId, customer: PersonId, title: String },
        /// Its room and its conversation stand.
        Settled { case: CaseId },
        /// A guest link was made.
        Invited { case: CaseId, link: LinkId, until: Time },
        /// A guest link is worthless.
        Revoked { link: LinkId },
        /// A case was closed.
        Closed { case: CaseId },
    }
}

names! {
    /// Why a tenant says no.
    pub enum TenantRefusal {
        /// There is no such thing, or not for this person.
        NotFound,
        /// Only experts host consultations (S236).
        NotAnExpert,
        /// The text is empty or too long.
        BadText,
        /// The link would live too long or not at all.
        BadLife,
        /// As many open cases as a tenant may have.
        TooManyCases,
        /// As many links as a case may have.
        TooManyLinks,
        /// The case is closed.
        CaseClosed,
        /// The link's time is over.
        LinkExpired,
        /// The link was revoked.
        LinkRevoked,
        /// The tenant as a whole is closed.
        TenantClosed,
    }
}

shape! {
    /// A guest link as the expert sees it.
    pub struct LinkView {
        /// Its id; the secret part is asked for separately.
        pub link: LinkId,
        /// Until when it is good.
        pub until: Time,
        /// Whether it was revoked.
        pub revoked: bool,
    }
}

shape! {
    /// A case as its expert sees it.
    pub struct CaseView {
        /// Its id; room and conversation share its bytes.
        pub case: CaseId,
        /// Its title.
        pub title: String,
        /// Since when.
        pub since: Time,
        /// The customer.
        pub customer: PersonId,
        /// Whether it was closed.
        pub closed: bool,
        /// Its guest links.
        pub links: Vec<LinkView>,
    }
}

shape! {
    /// What an expert sees: the own cases, newest first.
    pub struct TenantView {
        /// The cases.
        pub cases: Vec<CaseView>,
    }
}
