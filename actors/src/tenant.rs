//! A tenant: its cases and the guest links to them.
//!
//! # Invariants
//! - **T1** A case has one expert and one customer, and at most `limits::CASE_LINKS` links.
//! - **T2** A link belongs to one case.
//! - **T3** An expert sees and changes own cases only.

use protocol::{
    caller::{Caller, Role},
    id::{CaseId, LinkId, PersonId, Seq, TenantId},
    key::Key,
    limits,
    machine::{Machine, News, Plan},
    tenant::{CaseView, LinkView, TenantCommand, TenantEvent, TenantRefusal, TenantView},
    time::{Span, Time},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{
    effect::{Ask, Effect},
    text::fits,
};

/// Everything that can happen to a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// An expert asks; new ids are made by the gateway from the request, so a retry makes none.
    Command {
        /// What.
        command: TenantCommand,
        /// The id a new case would get.
        case: CaseId,
        /// The id a new link would get.
        link: LinkId,
        /// The id a new customer would get.
        customer: PersonId,
    },
    /// A case's conversation or room stands as it should.
    Settle {
        /// The case.
        case: CaseId,
        /// Whether its end stands, rather than its beginning.
        ended: bool,
    },
}

/// What may be asked of a tenant's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// What does this guest link open at this moment?
    Opens {
        /// The moment.
        now: Time,
        /// The link.
        link: LinkId,
    },
    /// Until when is this link of an own case good?
    LinkOf {
        /// The expert.
        by: Caller,
        /// The case.
        case: CaseId,
        /// The link.
        link: LinkId,
    },
    /// Whom of these may the caller know?
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
    /// What it opens.
    Opens(Result<Opens, TenantRefusal>),
    /// Until when.
    LinkOf(Result<Time, TenantRefusal>),
    /// Those whom the caller may know: oneself and the customers of own cases.
    Knows(Vec<PersonId>),
}

/// The state: the fold of every event so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    cases: BTreeMap<CaseId, Case>,
    links: BTreeMap<LinkId, CaseId>,
    open: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Case {
    title: String,
    expert: PersonId,
    customer: PersonId,
    since: Time,
    settled: bool,
    closed: bool,
    links: Vec<LinkView>,
}

/// What a valid guest link opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opens {
    /// The case.
    pub case: CaseId,
    /// Its title.
    pub title: String,
    /// Its expert.
    pub expert: PersonId,
    /// Its customer: who the guest is.
    pub customer: PersonId,
    /// Until when the link is good.
    pub until: Time,
}

impl Machine for Tenant {
    type Input = Input;
    type Event = TenantEvent;
    type Note = std::convert::Infallible;
    type Effect = Effect;
    type Refusal = TenantRefusal;
    type View = TenantView;

    fn decide(&self, now: Time, by: &Caller, input: Input, plan: &mut Plan<Self>) {
        match input {
            Input::Settle { case, ended } => match self.cases.get(&case) {
                Some(known) if by.role == Role::Node && !known.settled && known.closed == ended => {
                    plan.keep(TenantEvent::Settled { case });
                }
                _ => {}
            },
            Input::Command { command: TenantCommand::Open { .. }, case, link, .. }
                if self.links.get(&link).is_some_and(|other| *other != case) =>
            {
                plan.refuse(TenantRefusal::NotFound); // T2
            }
            Input::Command { command, case, link, customer } => {
                match self.refusal(now, by, &command, case) {
                    Some(no) => plan.refuse(no),
                    None => self.obey(now, by, command, (case, link, customer), plan),
                }
            }
        }
    }

    fn fold(&mut self, _seq: Seq, at: Time, event: &TenantEvent) {
        match event.clone() {
            TenantEvent::Opened { case, expert, customer, title } => {
                let (settled, closed, links) = (false, false, Vec::new());
                self.open += 1;
                self.cases.insert(
                    case,
                    Case { title, expert, customer, since: at, settled, closed, links },
                );
            }
            TenantEvent::Settled { case } => self.case_mut(case, |it| it.settled = true),
            TenantEvent::Invited { case, link, until } => {
                assert!(self.links.insert(link, case).is_none(), "T2");
                self.case_mut(case, |it| it.links.push(LinkView { link, until, revoked: false }));
            }
            TenantEvent::Revoked { link } => {
                if let Some(&case) = self.links.get(&link) {
                    let revoke = |it: &mut LinkView| it.revoked |= it.link == link;
                    self.case_mut(case, |it| it.links.iter_mut().for_each(revoke));
                }
            }
            TenantEvent::Closed { case } => {
                self.open -= 1;
                self.case_mut(case, |it| {
                    it.closed = true;
                    it.settled = false; // until its room has ended
                });
            }
        }
    }

    fn wake(&self, me: Key, _now: Time, plan: &mut Plan<Self>) {
        let Key::Tenant(tenant) = me else { return };
        for (&case, known) in self.cases.iter().filter(|(_, known)| !known.settled) {
            let asks = found(tenant, case, known.expert, known.customer);
            asks.into_iter().for_each(|ask| plan.perform(ask));
            if known.closed {
                plan.perform(Effect::Ask(Ask::EndRoom { room: case.room(), tenant }));
                known.cuts().for_each(|cut| plan.perform(cut));
            }
        }
    }

    fn view(&self, by: &Caller, _after: Seq) -> Result<TenantView, TenantRefusal> {
        if by.role != Role::Expert {
            return Err(TenantRefusal::NotAnExpert);
        }
        let own = self.cases.iter().rev().filter(|(_, case)| case.expert == by.person); // T3
        Ok(TenantView { cases: own.take(500).map(|(&id, case)| case.shown(id)).collect() })
    }

    fn tells(&self, by: &Caller, news: &News<'_, Self>) -> bool {
        let case = match news {
            News::Event(TenantEvent::Revoked { link }) => self.links.get(link).copied(),
            News::Event(
                TenantEvent::Opened { case, .. }
                | TenantEvent::Invited { case, .. }
                | TenantEvent::Closed { case },
            ) => Some(*case),
            News::Event(TenantEvent::Settled { .. }) | News::Note(_) => None,
        };
        case.and_then(|case| self.cases.get(&case)).is_some_and(|case| case.expert == by.person)
    }

    fn check(&self) {
        assert!(self.open <= limits::TENANT_CASES, "T1");
        if let Some((_, case)) = self.cases.last_key_value() {
            assert!(case.links.len() <= limits::CASE_LINKS, "T1");
        }
    }
}

impl Tenant {
    /// What is refused, in the order a person should hear it.
    fn refusal(
        &self,
        now: Time,
        by: &Caller,
        command: &TenantCommand,
        new: CaseId,
    ) -> Option<TenantRefusal> {
        use TenantCommand::*;
        use TenantRefusal as No;
        let own = |case: &CaseId| self.cases.get(case).filter(|it| it.expert == by.person);
        match command {
            _ if by.role != Role::Expert => Some(No::NotAnExpert),
            Open { .. } if self.cases.contains_key(&new) => {
                own(&new).is_none().then_some(No::NotFound)
            }
            Open { title } if !fits(title, limits::TITLE_CHARS) => Some(No::BadText),
            Open { .. } if self.open >= limits::TENANT_CASES => Some(No::TooManyCases),
            Open { .. } => None,
            Invite { case, .. } | Close { case } if own(case).is_none() => Some(No::NotFound),
            Invite { case, .. } if self.cases[case].closed => Some(No::CaseClosed),
            Invite { case, .. } if self.cases[case].links.len() >= limits::CASE_LINKS => {
                Some(No::TooManyLinks)
            }
            Invite { life, .. } if *life > limits::LINK_LIFE || life.ms() < 60_000 => {
                Some(No::BadLife)
            }
            Revoke { link } => match self.links.get(link).and_then(own) {
                None => Some(No::NotFound),
                Some(case) if case.link(*link).is_some_and(|it| it.until <= now) => {
                    Some(No::LinkExpired)
                }
                Some(_) => None,
            },
            Invite { .. } | Close { .. } => None,
        }
    }

    /// What is kept, once nothing speaks against it.
    fn obey(
        &self,
        now: Time,
        by: &Caller,
        command: TenantCommand,
        (case, link, customer): (CaseId, LinkId, PersonId),
        plan: &mut Plan<Self>,
    ) {
        use TenantEvent as Event;
        match command {
            TenantCommand::Open { title } if !self.cases.contains_key(&case) => {
                let expert = by.person;
                plan.keep(Event::Opened { case, expert, customer, title });
                let until = now.after(Span::from_secs(30 * 24 * 3600));
                plan.keep(Event::Invited { case, link, until });
                found(by.tenant, case, expert, customer)
                    .into_iter()
                    .for_each(|ask| plan.perform(ask));
            }
            TenantCommand::Invite { case, life } if !self.links.contains_key(&link) => {
                plan.keep(Event::Invited { case, link, until: now.after(life) });
            }
            TenantCommand::Revoke { link } if !self.revoked(link) => {
                plan.keep(Event::Revoked { link });
                plan.perform(Effect::Cut(link));
            }
            TenantCommand::Close { case } if !self.cases[&case].closed => {
                plan.keep(Event::Closed { case });
                let room = case.room();
                plan.perform(Effect::Ask(Ask::EndRoom { room, tenant: by.tenant }));
                self.cases[&case].cuts().for_each(|cut| plan.perform(cut));
            }
            _ => {} // done before
        }
    }

    /// Answers a query.
    pub fn answer(&self, query: Query) -> Answer {
        match query {
            Query::Opens { now, link } => Answer::Opens(self.opens(now, link)),
            Query::LinkOf { by, case, link } => Answer::LinkOf(self.link_of(&by, case, link)),
            Query::Knows { by, mut people } => {
                people.retain(|person| *person == by.person || self.knows(&by, *person));
                Answer::Knows(people)
            }
        }
    }

    /// What a guest link opens now.
    pub fn opens(&self, now: Time, link: LinkId) -> Result<Opens, TenantRefusal> {
        let case = *self.links.get(&link).ok_or(TenantRefusal::NotFound)?;
        let known = &self.cases[&case];
        let it = known.link(link).ok_or(TenantRefusal::NotFound)?;
        match () {
            () if it.revoked => Err(TenantRefusal::LinkRevoked),
            () if it.until <= now => Err(TenantRefusal::LinkExpired),
            () if known.closed => Err(TenantRefusal::CaseClosed),
            () => Ok(Opens {
                case,
                title: known.title.clone(),
                expert: known.expert,
                customer: known.customer,
                until: it.until,
            }),
        }
    }

    /// Until when this link of an own case is good, for the expert who hands it out.
    pub fn link_of(&self, by: &Caller, case: CaseId, link: LinkId) -> Result<Time, TenantRefusal> {
        let own = self.cases.get(&case).filter(|it| it.expert == by.person);
        let link = own.and_then(|case| case.link(link)).ok_or(TenantRefusal::NotFound)?;
        if link.revoked { Err(TenantRefusal::LinkRevoked) } else { Ok(link.until) }
    }

    /// Whether this person is the customer of one of the caller's own cases.
    pub fn knows(&self, by: &Caller, person: PersonId) -> bool {
        let own = |case: &&Case| case.expert == by.person;
        self.cases.values().filter(own).any(|case| case.customer == person)
    }

    fn revoked(&self, link: LinkId) -> bool {
        let case = self.links.get(&link).and_then(|case| self.cases.get(case));
        case.and_then(|case| case.link(link)).is_some_and(|it| it.revoked)
    }

    fn case_mut(&mut self, case: CaseId, change: impl FnOnce(&mut Case)) {
        if let Some(case) = self.cases.get_mut(&case) {
            change(case);
        }
    }
}

impl Case {
    fn link(&self, link: LinkId) -> Option<&LinkView> {
        self.links.iter().find(|it| it.link == link)
    }

    /// Whoever came by one of its links is over with it.
    fn cuts(&self) -> impl Iterator<Item = Effect> {
        self.links.iter().map(|it| Effect::Cut(it.link))
    }

    fn shown(&self, case: CaseId) -> CaseView {
        CaseView {
            case,
            title: self.title.clone(),
            since: self.since,
            customer: self.customer,
            closed: self.closed,
            links: self.links.clone(),
        }
    }
}

/// The room and the conversation of a new case. The conversation settles the case: it is asked
/// last, so a settled case has both.
fn found(tenant: TenantId, case: CaseId, expert: PersonId, customer: PersonId) -> [Effect; 2] {
    [
        Effect::Ask(Ask::OpenRoom { case, lead: expert, tenant }),
        Effect::Ask(Ask::OpenConversation { case, people: vec![expert, customer], tenant }),
    ]
}

#[cfg(test)]
#[path = "tenant/tests.rs"]
mod tests;
