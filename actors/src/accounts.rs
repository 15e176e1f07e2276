//! The accounts of a tenant: who has one, and which roles it holds.
//!
//! A critical right takes three steps (S120, S134): requested by one administrator, approved by
//! another, granted by somebody who did not approve it. So two people are needed at least, and
//! nobody has a hand in a right of their own. The first two administrators are let in by whoever
//! runs the machine, for before them there is nobody to ask.
//!
//! # Invariants
//! - **AC1** Who approved a critical right neither requested nor granted it, and it was not for them.
//! - **AC2** Support and auditors hold their right until a moment, which is near.
//! - **AC3** What was taken away, or ended, is held no longer; whoever was using it is cut off.
//! - **AC4** Once there was an administrator, the last one is not taken away.
//! - **AC5** Whoever runs the machine lets in administrators only while there are fewer than two, and
//!   gives no other critical right at all.

use protocol::{
    accounts::{
        AccountView, AccountsChange, AccountsCommand, AccountsEvent, AccountsRefusal, AccountsView,
        GrantView, Held, is_critical, longest, power,
    },
    caller::{Caller, Role},
    id::{GrantId, PersonId, Seq},
    limits,
    machine::{Machine, News, Plan},
    time::{Span, Time},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

use crate::effect::Effect;

/// Administrators whom the machine lets in; from then on they give rights.
const FOUNDERS: usize = 2;

/// Everything that can happen to accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// An administrator asks.
    Command {
        /// What.
        command: AccountsCommand,
        /// The id a new request would get: made from the browser's own, so a retry makes none.
        grant: GrantId,
        /// The role the vault knows of the person it is about, from before there were accounts.
        before: Option<Role>,
    },
    /// Whoever runs the machine lets somebody in.
    Admit {
        /// Whom.
        person: PersonId,
        /// As what.
        role: Role,
    },
}

/// What may be asked of the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// Which roles does this person hold?
    Roles {
        /// The person.
        person: PersonId,
        /// The moment.
        now: Time,
    },
    /// Everything, for whoever may see it.
    View {
        /// Who asks.
        by: Caller,
    },
    /// Whom of these may the caller know, as the names of accounts?
    Knows {
        /// The caller.
        by: Caller,
        /// Those in question.
        people: Vec<PersonId>,
    },
}

/// The answer to a [`Query`], under the same name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Those held now, the least powerful first; none at all when the person has no account.
    Roles(Option<Vec<Held>>),
    /// Everything.
    View(Result<AccountsView, AccountsRefusal>),
    /// Those who have an account.
    Knows(Vec<PersonId>),
}

/// The state: the fold of every event so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Accounts {
    people: BTreeMap<PersonId, BTreeMap<Role, Term>>,
    asked: BTreeMap<GrantId, Asked>,
    history: VecDeque<AccountsChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Term {
    since: Time,
    until: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Asked {
    person: PersonId,
    role: Role,
    life: Option<Span>,
    by: PersonId,
    at: Time,
    approved: Option<PersonId>,
}

impl Term {
    fn is_good(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Machine for Accounts {
    type Input = Input;
    type Event = AccountsEvent;
    type Note = std::convert::Infallible;
    type Effect = Effect;
    type Refusal = AccountsRefusal;
    type View = AccountsView;

    fn decide(&self, now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        match input {
            Input::Admit { person, role } => match self.admits(now, by, person, role) {
                Some(no) => plan.refuse(no),
                None if self.holds(person, role, now) => {} // done before
                None => plan.keep(AccountsEvent::Admitted { person, role }),
            },
            Input::Command { command, grant, before } => {
                let adopts = self.adopts(&command, before);
                match self.refusal(now, by, &command, grant, adopts) {
                    Some(no) => plan.refuse(no),
                    None => {
                        if let Some((person, role)) = adopts {
                            plan.keep(AccountsEvent::Adopted { person, role });
                        }
                        self.obey(now, by, command, grant, plan);
                    }
                }
            }
        }
    }

    fn fold(&mut self, seq: Seq, at: Time, event: &AccountsEvent) {
        let event = event.clone();
        self.history.push_back(AccountsChange { seq, at, event: event.clone() });
        while self.history.len() > limits::ACCOUNTS_HISTORY {
            self.history.pop_front();
        }
        match event {
            AccountsEvent::Adopted { person, role }
            | AccountsEvent::Admitted { person, role }
            | AccountsEvent::Assigned { person, role, .. } => self.hold(person, role, at, None),
            AccountsEvent::Requested { grant, person, role, life, by } => {
                let asked = Asked { person, role, life, by, at, approved: None };
                self.asked.insert(grant, asked);
            }
            AccountsEvent::Approved { grant, by } => {
                if let Some(asked) = self.asked.get_mut(&grant) {
                    assert!(by != asked.by && by != asked.person, "AC1");
                    asked.approved = Some(by);
                }
            }
            AccountsEvent::Granted { grant, by, until } => {
                if let Some(Asked { person, role, approved, .. }) = self.asked.remove(&grant) {
                    assert!(approved.is_some_and(|it| it != by) && by != person, "AC1");
                    assert!(until.is_some() || longest(role).is_none(), "AC2");
                    self.hold(person, role, at, until);
                }
            }
            AccountsEvent::Rejected { grant, .. } => {
                self.asked.remove(&grant);
            }
            AccountsEvent::Withdrawn { person, role, .. } => {
                if let Some(roles) = self.people.get_mut(&person) {
                    roles.remove(&role); // AC3; the account stays, with what else it holds
                }
                if role == Role::Administrator {
                    self.undo(person);
                }
            }
        }
    }

    fn view(&self, by: &Caller, _after: Seq) -> Result<AccountsView, AccountsRefusal> {
        if !sees(by) {
            return Err(AccountsRefusal::NotAllowed);
        }
        let held = |(role, term): (&Role, &Term)| Held {
            role: *role,
            since: term.since,
            until: term.until,
        };
        let account = |(person, roles): (&PersonId, &BTreeMap<Role, Term>)| AccountView {
            person: *person,
            roles: roles.iter().map(held).collect(),
        };
        let open = |(grant, it): (&GrantId, &Asked)| GrantView {
            grant: *grant,
            person: it.person,
            role: it.role,
            life: it.life,
            by: it.by,
            at: it.at,
            approved: it.approved,
        };
        Ok(AccountsView {
            accounts: self.people.iter().map(account).collect(),
            open: self.asked.iter().map(open).collect(),
            history: self.history.iter().cloned().collect(),
        })
    }

    fn tells(&self, by: &Caller, _news: &News<'_, Self>) -> bool {
        sees(by)
    }

    fn check(&self) {
        assert!(self.asked.len() <= limits::GRANTS_OPEN, "as many requests as there may be");
        assert!(self.people.len() <= limits::ACCOUNTS, "as many accounts as there may be");
        for roles in self.people.values() {
            for (role, term) in roles {
                assert!(term.until.is_some() || longest(*role).is_none(), "AC2");
            }
        }
    }
}

/// Who sees accounts: whoever gives rights, and whoever looks after how they are given.
fn sees(by: &Caller) -> bool {
    matches!(by.role, Role::Administrator | Role::Auditor | Role::ProtectionOfficer)
}

impl Accounts {
    /// Why the machine may not let somebody in.
    fn admits(
        &self,
        now: Time,
        by: &Caller,
        person: PersonId,
        role: Role,
    ) -> Option<AccountsRefusal> {
        use AccountsRefusal as No;
        let new = !self.people.contains_key(&person);
        match role {
            _ if by.role != Role::Node => Some(No::NotAllowed),
            Role::Node => Some(No::NoSuchRole),
            _ if new && self.people.len() >= limits::ACCOUNTS => Some(No::TooMany),
            _ if self.holds(person, role, now) => None,
            Role::Administrator if self.administrators(now).count() >= FOUNDERS => {
                Some(No::Founded) // AC5
            }
            Role::Administrator => None,
            role if is_critical(role) => Some(No::Critical), // AC5
            _ => None,
        }
    }

    /// What a person held before there were accounts, when this command is the first to name them.
    fn adopts(&self, command: &AccountsCommand, before: Option<Role>) -> Option<(PersonId, Role)> {
        use AccountsCommand::{Approve, Assign, Grant, Reject, Request, Withdraw};
        let person = match command {
            Request { person, .. } | Assign { person, .. } | Withdraw { person, .. } => *person,
            Approve { .. } | Grant { .. } | Reject { .. } => return None,
        };
        let known = self.people.contains_key(&person);
        before.filter(|role| !known && *role != Role::Node).map(|role| (person, role))
    }

    /// What is refused, in the order a person should hear it.
    fn refusal(
        &self,
        now: Time,
        by: &Caller,
        command: &AccountsCommand,
        new: GrantId,
        adopts: Option<(PersonId, Role)>,
    ) -> Option<AccountsRefusal> {
        use AccountsCommand::*;
        use AccountsRefusal as No;
        if by.role != Role::Administrator || !self.acts(now, by.person) {
            return Some(No::NotAllowed);
        }
        let knows = |person| adopts.is_some() || self.people.contains_key(person);
        match command {
            Request { person, .. } | Assign { person, .. } | Withdraw { person, .. }
                if !knows(person) =>
            {
                Some(No::NotFound)
            }
            Request { role: Role::Node, .. }
            | Assign { role: Role::Node, .. }
            | Withdraw { role: Role::Node, .. } => Some(No::NoSuchRole),
            _ if adopts.is_some() && self.people.len() >= limits::ACCOUNTS => Some(No::TooMany),
            Request { person, role, life } => {
                self.no_request(now, by, (*person, *role, *life), new, adopts)
            }
            Assign { role, .. } if is_critical(*role) => Some(No::Critical),
            Assign { person, .. } if *person == by.person => Some(No::Own),
            Assign { .. } => None,
            Withdraw { person, role } => self.no_withdrawal(now, by, (*person, *role), adopts),
            Approve { grant } | Grant { grant } | Reject { grant } => {
                self.no_step(now, by, command, *grant)
            }
        }
    }

    fn no_request(
        &self,
        now: Time,
        by: &Caller,
        (person, role, life): (PersonId, Role, Option<Span>),
        new: GrantId,
        adopts: Option<(PersonId, Role)>,
    ) -> Option<AccountsRefusal> {
        use AccountsRefusal as No;
        let fits = match (life, longest(role)) {
            (None, longest) => longest.is_none(),
            (Some(life), longest) => {
                let longest = longest.unwrap_or(limits::LINK_LIFE);
                limits::GRANT_LIFE_LEAST <= life && life <= longest
            }
        };
        let open = |it: &Asked| it.person == person && it.role == role && !is_lapsed(it, now);
        match () {
            () if self.asked.contains_key(&new) => None, // done before
            () if !is_critical(role) => Some(No::NotCritical),
            () if person == by.person => Some(No::Own),
            () if !fits => Some(No::BadLife), // AC2
            () if adopts == Some((person, role)) || self.holds_for_ever(person, role) => {
                Some(No::Already)
            }
            () if self.asked.values().any(open) => Some(No::Already),
            () if self.asked.len() >= limits::GRANTS_OPEN => Some(No::TooMany),
            () => None,
        }
    }

    fn no_step(
        &self,
        now: Time,
        by: &Caller,
        command: &AccountsCommand,
        grant: GrantId,
    ) -> Option<AccountsRefusal> {
        use AccountsCommand::{Approve, Grant};
        use AccountsRefusal as No;
        let Some(asked) = self.asked.get(&grant) else { return Some(No::NotFound) };
        let (me, approves) = (by.person, matches!(command, Approve { .. }));
        match asked.approved {
            _ if !matches!(command, Approve { .. } | Grant { .. }) => None,
            _ if asked.person == me => Some(No::Own),
            _ if is_lapsed(asked, now) => Some(No::Lapsed),
            Some(_) if approves => Some(No::Approved),
            None if approves && asked.by == me => Some(No::SamePerson), // AC1
            None if approves => None,
            None => Some(No::NotApproved),
            Some(approver) if approver == me => Some(No::SamePerson), // AC1
            Some(_) => None,
        }
    }

    fn no_withdrawal(
        &self,
        now: Time,
        by: &Caller,
        (person, role): (PersonId, Role),
        adopts: Option<(PersonId, Role)>,
    ) -> Option<AccountsRefusal> {
        use AccountsRefusal as No;
        let held = self.people.get(&person).is_some_and(|roles| roles.contains_key(&role));
        // Whoever takes it from somebody else is left.
        let last = role == Role::Administrator
            && person == by.person
            && self.administrators(now).all(|it| it == person);
        match () {
            () if !held && adopts != Some((person, role)) => Some(No::NotHeld),
            () if last => Some(No::LastAdministrator), // AC4
            () => None,
        }
    }

    /// What is kept, once nothing speaks against it.
    fn obey(
        &self,
        now: Time,
        by: &Caller,
        command: AccountsCommand,
        new: GrantId,
        plan: &mut Plan<Self>,
    ) {
        use AccountsEvent as Event;
        let me = by.person;
        match command {
            AccountsCommand::Request { person, role, life } => {
                if !self.asked.contains_key(&new) {
                    plan.keep(Event::Requested { grant: new, person, role, life, by: me });
                }
            }
            AccountsCommand::Approve { grant } => plan.keep(Event::Approved { grant, by: me }),
            AccountsCommand::Grant { grant } => {
                let life = self.asked.get(&grant).and_then(|it| it.life);
                let until = life.map(|life| now.after(life));
                plan.keep(Event::Granted { grant, by: me, until });
            }
            AccountsCommand::Reject { grant } => plan.keep(Event::Rejected { grant, by: me }),
            AccountsCommand::Assign { person, role } => {
                if !self.holds(person, role, now) {
                    plan.keep(Event::Assigned { person, role, by: me });
                }
            }
            AccountsCommand::Withdraw { person, role } => {
                plan.keep(Event::Withdrawn { person, role, by: me });
                plan.perform(Effect::Expel(by.tenant, person, role)); // AC3
            }
        }
    }

    /// Answers a query.
    pub fn answer(&self, query: Query) -> Answer {
        match query {
            Query::Roles { person, now } => Answer::Roles(self.roles(person, now)),
            Query::View { by } => Answer::View(self.view(&by, Seq::START)),
            Query::Knows { by, mut people } => {
                people.retain(|person| sees(&by) && self.people.contains_key(person));
                Answer::Knows(people)
            }
        }
    }

    /// The roles this person holds, the least powerful first; none when there is no account.
    fn roles(&self, person: PersonId, now: Time) -> Option<Vec<Held>> {
        let held = self.people.get(&person)?;
        let good = held.iter().filter(|(_, term)| term.is_good(now)); // AC3
        let mut roles: Vec<Held> = good
            .map(|(role, term)| Held { role: *role, since: term.since, until: term.until })
            .collect();
        roles.sort_by_key(|it| power(it.role));
        Some(roles)
    }

    /// Whether an administrator is one still; who was one before there were accounts is unknown here.
    fn acts(&self, now: Time, person: PersonId) -> bool {
        !self.people.contains_key(&person) || self.holds(person, Role::Administrator, now)
    }

    /// What somebody who is no longer an administrator began for others is not gone on with.
    fn undo(&mut self, person: PersonId) {
        self.asked.retain(|_, it| it.by != person);
        self.asked.values_mut().for_each(|it| it.approved = it.approved.filter(|by| *by != person));
    }

    fn hold(&mut self, person: PersonId, role: Role, since: Time, until: Option<Time>) {
        self.people.entry(person).or_default().insert(role, Term { since, until });
    }

    fn holds(&self, person: PersonId, role: Role, now: Time) -> bool {
        let term = self.people.get(&person).and_then(|roles| roles.get(&role));
        term.is_some_and(|term| term.is_good(now))
    }

    /// One that ends may be asked for again before it does.
    fn holds_for_ever(&self, person: PersonId, role: Role) -> bool {
        let term = self.people.get(&person).and_then(|roles| roles.get(&role));
        term.is_some_and(|term| term.until.is_none())
    }

    fn administrators(&self, now: Time) -> impl Iterator<Item = PersonId> {
        let all = self.people.keys().copied();
        all.filter(move |person| self.holds(*person, Role::Administrator, now))
    }
}

fn is_lapsed(asked: &Asked, now: Time) -> bool {
    asked.at.after(limits::GRANT_OPEN) <= now
}

#[cfg(test)]
#[path = "accounts/tests.rs"]
mod tests;
